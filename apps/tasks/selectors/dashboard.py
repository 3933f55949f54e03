"""What somebody who comes back wants to know at one look: what waits for them, what is at work, what came out, what it cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Sum, Value, When
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.providers.models import AIModel
from apps.providers.selectors import breaker_state, routable_models
from apps.providers.selectors.budgets import budget_state, budgets_visible
from apps.tasks.models import Subtask, SubtaskStatus, Task, TaskStatus
from apps.tasks.selectors.spend import SpendQuery, calls_visible
from apps.tasks.selectors.steps import KINDS
from apps.tasks.selectors.tasks import GROUPS, task_cards, tasks_visible

MOST_WAITING, MOST_AT_WORK, MOST_RESULTS, MOST_BUDGETS, MOST_RESTING = 6, 6, 6, 3, 4
FAILED_FOR = timedelta(days=3)  # how long a failure asks for somebody's attention
WEEK = timedelta(days=7)


def dashboard_lists(actor: Actor) -> dict[str, Any]:
    """`needs_you` (what waits for somebody first, then what failed lately), `at_work`, and `latest` results with who made them.

    Cards as of `task_cards`; those of `latest` have `voices`, too. Six queries.
    """
    seen = tasks_visible(actor)
    wanted = (
        _waiting_or_failed(seen)[:MOST_WAITING],
        seen.filter(status__in=GROUPS["at-work"])[:MOST_AT_WORK],
        seen.filter(status=TaskStatus.COMPLETED)[:MOST_RESULTS],
    )
    lists = [list(tasks) for tasks in wanted]
    cards = {card["id"]: card for card in task_cards([task for tasks in lists for task in tasks])}
    needs_you, at_work, latest = ([cards[str(task.public_id)] for task in tasks] for tasks in lists)
    voices = _voices(lists[2])
    for task, card in zip(lists[2], latest, strict=True):
        card["voices"] = voices[task.pk]
    return {"needs_you": needs_you, "at_work": at_work, "latest": latest, "is_first": not any(lists)}


def dashboard_models(actor: Actor) -> dict[str, Any]:
    """How many chat models can be asked now, and which rest after failures. One query."""
    rows = routable_models(actor.team, include_failed=True, with_record=False)
    resting = [row for row in rows if row.is_resting]
    return {
        "ready": len(rows) - len(resting),
        "in_use": len(rows),
        "resting": [_resting(row) for row in resting[:MOST_RESTING]],
        "resting_in_all": len(resting),
        "only_practice": bool(rows) and all(row.is_practice for row in rows),
    }


def dashboard_figures(actor: Actor) -> dict[str, Any]:
    """`tasks`, `spend`, `checking` and `budgets`: counts and sums, each of which a list shows row by row. Four queries.

    Money is of the team for those who manage it, and one's own for everybody else, as in the list of calls. A sum is None where
    no call of that time has a known price.
    """
    return {"tasks": _tasks(actor), "spend": _spend(actor), "checking": _checking(actor), "budgets": _budgets(actor)}


def _waiting_or_failed(tasks: QuerySet[Task]) -> QuerySet[Task]:
    waiting = Q(status__in=GROUPS["needs-you"])
    lately = Q(status=TaskStatus.FAILED, finished_at__gte=timezone.now() - FAILED_FOR)
    urgency = Case(When(waiting, then=Value(0)), default=Value(1), output_field=IntegerField())
    return tasks.filter(waiting | lately).order_by(urgency, "-created_at", "-pk")


def _voices(tasks: Sequence[Task]) -> defaultdict[int, dict[str, Any]]:
    """Of each task: the names of its authors, checkers and judges, its steps, and the largest divergence among them."""
    found: defaultdict[int, list[Subtask]] = defaultdict(list)
    steps = Subtask.objects.filter(task__in=[task.pk for task in tasks], status=SubtaskStatus.COMPLETED)
    seats = ("executor", "validator", "tie_breaker")
    fields = (f"{seat}__{name}" for seat in seats for name in ("key", "display_name"))
    for step in steps.select_related(*seats).only("task", "divergence", "cross_validated", *fields).order_by("order"):
        found[step.task_id].append(step)
    return defaultdict(dict, {task: _voices_of(of_task) for task, of_task in found.items()})


def _voices_of(steps: Sequence[Subtask]) -> dict[str, Any]:
    divergences = [step.divergence for step in steps if step.divergence is not None]
    return {
        "authors": _names(step.executor for step in steps),
        "checkers": _names(step.validator for step in steps),
        "judges": _names(step.tie_breaker for step in steps),
        "steps": len(steps),
        "checked": sum(step.cross_validated for step in steps),
        "divergence": float(max(divergences)) if divergences else None,
    }


def _names(models: Iterable[AIModel | None]) -> list[str]:
    return list(dict.fromkeys(str(model) for model in models if model))


def _resting(model: AIModel) -> dict[str, Any]:
    state = breaker_state(model)
    return {"id": model.public_id, "name": str(model), **{name: state[name] for name in ("label", "reason", "until")}}


def _tasks(actor: Actor) -> dict[str, int]:
    since = timezone.now() - WEEK
    rows = tasks_visible(actor).order_by().values("status").annotate(all=Count("pk"), week=Count("pk", Q(created_at__gte=since)))
    ever = {row["status"]: row["all"] for row in rows}
    lately = {row["status"]: row["week"] for row in rows}

    def number(statuses: Iterable[str], of: dict[str, int] = ever) -> int:
        return sum(of.get(status, 0) for status in statuses)

    return {
        "to_approve": number([TaskStatus.AWAITING_APPROVAL]),
        "paused": number([TaskStatus.PAUSED]),
        "needs_you": number(GROUPS["needs-you"]),
        "at_work": number(GROUPS["at-work"]),
        "not_begun": number([TaskStatus.PENDING]),
        "week": number(TaskStatus.values, lately),
        "week_completed": number([TaskStatus.COMPLETED], lately),
        "week_failed": number([TaskStatus.FAILED], lately),
    }


def _spend(actor: Actor) -> dict[str, Any]:
    firsts = {period: SpendQuery(period=period).first for period in ("today", "week", "month")}
    sums = {name: Sum("cost_usd", filter=Q(created_at__gte=first)) for name, first in firsts.items()}
    calls = {f"{name}_calls": Count("pk", filter=Q(created_at__gte=first)) for name, first in firsts.items()}
    unpriced = Q(cost_usd__isnull=True, error_code="")
    unknown = {f"{name}_unpriced": Count("pk", filter=unpriced & Q(created_at__gte=first)) for name, first in firsts.items()}
    rows = calls_visible(actor).filter(created_at__gte=min(first for first in firsts.values() if first))
    found = rows.aggregate(**sums, **calls, **unknown)
    return {name: _sum(found, name) for name in firsts}


def _sum(found: dict[str, Any], name: str) -> dict[str, Any]:
    calls, unpriced = found[f"{name}_calls"], found[f"{name}_unpriced"]
    is_unknown = found[name] is None and unpriced > 0
    return {"usd": None if is_unknown else found[name] or Decimal(0), "calls": calls, "unpriced": unpriced}


def _checking(actor: Actor) -> dict[str, Any]:
    """Of the steps that were finished in the last seven days."""
    ended = Subtask.objects.filter(team=actor.team, task__deleted_at=None, finished_at__gte=timezone.now() - WEEK)
    found = ended.filter(status=SubtaskStatus.COMPLETED).aggregate(
        steps=Count("pk"),
        checked=Count("pk", filter=Q(cross_validated=True)),
        disputed=Count("pk", filter=Q(cross_validated=True) & KINDS["disputed"]),
        settled=Count("pk", filter=Q(tie_breaker_family__isnull=False)),
        escalated=Count("pk", filter=KINDS["escalated"]),
        suspect=Count("pk", filter=KINDS["suspect"]),
    )
    share = 100 * found["disputed"] / found["checked"] if found["checked"] else None
    return {**found, "disputed_percent": share}


def _budgets(actor: Actor) -> list[dict[str, Any]]:
    rows = budgets_visible(actor).filter(is_active=True).order_by("scope", "period", "pk")[:MOST_BUDGETS]
    return [{**budget_state(actor, row), "limit_usd": row.limit_usd, "id": row.public_id} for row in rows]
