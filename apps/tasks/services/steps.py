"""What people change about single steps: the plan's while it waits for approval, and their word for what a step gave."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.errors import BadInput, Conflict
from apps.tasks.engine.errors import BadPlan
from apps.tasks.engine.plan import must_be_feasible
from apps.tasks.fields import Fields
from apps.tasks.logbook import log_write
from apps.tasks.models import Subtask, SubtaskStatus, Task, TaskStatus
from apps.tasks.runner import announce
from apps.tasks.runner.journal import plan_of
from apps.tasks.runner.projections import plan_json
from apps.tasks.services.verdicts import subtask_rate
from apps.tasks.states import lock


def subtask_add(actor: Actor, task: Task, *, description: str, **given: Any) -> Subtask:
    """One more step in a plan that waits for approval, at its end unless `order` says otherwise.

    Raises Conflict when no plan waits, BadInput where the plan could not be carried out with it.
    """
    with _plan_changed(actor, task):
        last = task.subtasks.aggregate(last=Max("order"))["last"] or 0
        subtask = Subtask(task=task, order=last + 1)
        _fill(actor, subtask, {"title": "", "description": description, **given})
    return subtask


def subtask_change(actor: Actor, subtask: Subtask, **changes: Any) -> Subtask:
    """Change a step of a plan that waits for approval: title, description, category, order, acceptance_criteria, depends_on."""
    with _plan_changed(actor, subtask.task):
        _fill(actor, subtask, changes)
    return subtask


def subtask_remove(actor: Actor, subtask: Subtask) -> None:
    """Take a step out of a plan that waits for approval. Those that build on it have to let go of it first."""
    with _plan_changed(actor, subtask.task):
        followers = sorted(subtask.needed_by.values_list("order", flat=True))
        if followers:
            raise Conflict(
                _("Step %(n)s is needed by step %(others)s. Change what those depend on, then delete it.")
                % {"n": subtask.order, "others": ", ".join(map(str, followers))}
            )
        subtask.delete()


def subtask_approve(actor: Actor, subtask: Subtask) -> Subtask:
    """A person vouches for what a finished step gave: it counts as right, and is no longer marked as suspect."""
    task = subtask.task
    actor.must_own(task.owner_id)
    if subtask.status != SubtaskStatus.COMPLETED:
        raise Conflict(_("This step is not finished, so there is nothing to approve yet."))
    with transaction.atomic():
        lock(task)
        subtask_rate(actor, subtask, thumb=1)
        was_suspect = subtask.suspect
        subtask.suspect = False
        subtask.save(update_fields=["suspect", "updated_at"])
        log_write(
            task,
            "step_approved",
            subtask=subtask,
            person_id=actor.user.pk,
            data={"by": str(actor.user), "was_suspect": was_suspect},
        )
        transaction.on_commit(lambda: announce.changed(task))
    return subtask


# ── below ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _plan_changed(actor: Actor, task: Task) -> Iterator[None]:
    """Around a change of steps: nobody else changes them meanwhile, and what cannot be carried out is not kept."""
    actor.must_own(task.owner_id)
    with transaction.atomic():
        row = lock(task)
        if row.status != TaskStatus.AWAITING_APPROVAL:
            raise Conflict(
                _("The steps of a task can be changed while its plan waits for approval. A finished step can be retried.")
            )
        yield
        plan = plan_of(row)
        try:
            must_be_feasible(plan.subtasks)
        except BadPlan as error:
            raise BadInput(error.message, field="plan") from error
        row.plan = {**(row.plan or {}), "subtasks": plan_json(plan)["subtasks"]}
        row.save(update_fields=["plan", "updated_at"])
        log_write(row, "plan_changed", person_id=actor.user.pk, data={"by": str(actor.user)})
        transaction.on_commit(lambda: announce.changed(row))


def _fill(actor: Actor, subtask: Subtask, given: dict[str, Any]) -> None:
    fields = Fields(actor)
    if "description" in given:
        subtask.description = fields.description(given["description"])
    if "title" in given:
        subtask.title = fields.title(given["title"], subtask.description)
    if "category" in given:
        subtask.category = fields.category(given["category"])
    if "acceptance_criteria" in given:
        subtask.acceptance_criteria = [text.strip() for text in given["acceptance_criteria"] if text.strip()]
    if (order := given.get("order")) and order != subtask.order:
        if subtask.task.subtasks.filter(order=order).exists():
            fields.add("order", "taken", _("Another step has the number %s.") % order)
        subtask.order = order
    needs = _needs(subtask.task, given["depends_on"], fields) if "depends_on" in given else None
    fields.raise_errors()
    subtask.save()
    if needs is not None:
        subtask.depends_on.set(needs)


def _needs(task: Task, ids: Sequence[uuid.UUID], fields: Fields) -> list[Subtask]:
    found = list(task.subtasks.filter(public_id__in=ids))
    if len(found) < len(set(ids)):
        fields.add("depends_on", "unknown", _("A step depends on other steps of the same task alone."))
    return found
