"""The list of tasks: filters, search, order, what is done with the ticked ones, and the list as a file."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.actor import Actor, Asked
from apps.common.bulk import MOST, Outcome, ids_of
from apps.common.errors import BadInput
from apps.common.exporting import MOST_ROWS, exported
from apps.common.listing import Address, Chip, asked_of
from apps.common.paging import page_of
from apps.common.searching import Searched, searched
from apps.common.ticked import back_to
from apps.common.undo import moment_of, remember_deleted, take_deleted
from apps.tasks import selectors, services
from apps.tasks.models import Priority, Task

CHIPS = (
    ("", gettext_lazy("All")),
    ("at-work", gettext_lazy("At work")),
    ("needs-you", gettext_lazy("Needs you")),
    ("completed", gettext_lazy("Completed")),
    ("failed", gettext_lazy("Failed")),
    ("cancelled", gettext_lazy("Cancelled")),
)
ORDERS: dict[str, tuple[str, ...]] = {"": ("-created_at",), "oldest": ("created_at",), "priority": ("-priority", "-created_at")}
ORDER_WORDS = {"": gettext_lazy("Newest first"), "oldest": gettext_lazy("Oldest first"), "priority": gettext_lazy("Urgent first")}
FILTERS = ("status", "search", "mine", "priority", "order")
LIST_LIMIT = 50
COLUMNS = (
    "id",
    "title",
    "status",
    "priority",
    "category",
    "owner",
    "created_at",
    "started_at",
    "finished_at",
    "steps",
    "steps_done",
    "confidence",
    "cost",
    "tokens",
    "error",
    "description",
    "result",
)


@require_GET
def task_list(request: Asked) -> HttpResponse:
    asked = _asked(request.GET)
    found = _page(request, asked)
    page = found.page
    cards = [{**card, "owner": task.owner} for card, task in zip(selectors.task_cards(page.rows), page.rows, strict=True)]
    address = Address(asked)
    context = {
        "cards": cards,
        "asked": asked,
        "chips": _chips(request.actor, address),
        "orders": ORDER_WORDS.items(),
        "priorities": [(one.name.lower(), one.label) for one in reversed(Priority)],
        **address.around(page),
        "mine_query": address.with_(mine="" if asked["mine"] else "1"),
        "is_narrowed": any(asked.values()) or "cursor" in request.GET,
        "has_more": page.next is not None or bool(found.further),
        "looked_back_to": found.looked_back_to,
        "further": found.further and address.with_(cursor=found.further),
        "most_rows": MOST_ROWS,
        "undo": take_deleted(request, "tasks"),
    }
    return render(request, "tasks/list.html", context)


def _page(request: Asked, asked: dict[str, str]) -> Searched:
    """In the order that was asked for; what is searched for by its age, some thousand tasks at a time."""
    cursor, order = request.GET.get("cursor", ""), ORDERS.get(asked["order"], ORDERS[""])
    tasks = _found(request.actor, {**asked, "search": ""}).select_related("owner")
    tasks = tasks.defer("description", "result", "plan", "policy", "cast")
    if not asked["search"]:
        return Searched(page_of(tasks, ordering=order, limit=LIST_LIMIT, cursor=cursor))
    by_age, words = "created_at" if asked["order"] == "oldest" else "-created_at", asked["search"]
    return searched(tasks, lambda rows: selectors.tasks_saying(rows, words), limit=LIST_LIMIT, cursor=cursor, order=by_age)


def _asked(given: QueryDict) -> dict[str, str]:
    return asked_of(given, FILTERS)


def _found(actor: Actor, asked: dict[str, str]) -> QuerySet[Task]:
    return selectors.tasks_filtered(
        actor, status=asked["status"], search=asked["search"], is_mine=asked["mine"] == "1", priority=asked["priority"]
    )


def _chips(actor: Actor, address: Address) -> list[Chip]:
    numbers = selectors.tasks_by_status(actor)
    chosen = address.given.get("status", "")
    every = tuple(numbers)
    return [
        Chip(
            str(label),
            address.with_(status=status),
            is_on=chosen == status,
            count=number_format(sum(numbers[one] for one in _statuses(status, every)), force_grouping=True),
        )
        for status, label in CHIPS
    ]


def _statuses(group: str, every: tuple[str, ...]) -> Iterable[str]:
    return selectors.GROUPS[group] if group else every


@require_GET
def task_export(request: Asked) -> StreamingHttpResponse:
    """The tasks that the filters leave as CSV or JSON."""
    tasks = _found(request.actor, _asked(request.GET)).select_related("owner")
    return exported(request, tasks, name="tasks", ordering=("-created_at",), as_records=_records, columns=COLUMNS)


def _records(tasks: list[Task]) -> list[dict[str, Any]]:
    return [
        {**{name: card.get(name) for name in COLUMNS}, **_own(task)}
        for task, card in zip(tasks, selectors.task_cards(tasks), strict=True)
    ]


def _own(task: Task) -> dict[str, Any]:
    return {"owner": str(task.owner or ""), "description": task.description, "result": task.result}


# ── what is done with the ticked ones ─────────────────────────────────────────────────────────────────────────────


@require_POST
def task_bulk(request: Asked) -> HttpResponse:
    """Cancel, start again or delete what is ticked, or with `all` whatever the list's filters leave."""
    action = request.POST.get("action", "")
    if action not in ("cancel", "start", "delete"):
        raise BadInput(_("Choose what is to be done with the ticked tasks."), field="action")
    try:
        ids = _all_of(request) if request.POST.get("all") else ids_of(request.POST.getlist("task"))
        outcome = _do(request, action, ids)
    except BadInput as error:
        messages.error(request, error.message)
    else:
        _say(request, action, outcome)
    return back_to(request, "tasks:list")


def _all_of(request: Asked) -> list[uuid.UUID]:
    asked = _asked(QueryDict(request.POST.get("query", "").removeprefix("?")))
    found = list(_found(request.actor, asked).order_by("-created_at", "-pk").values_list("public_id", flat=True)[: MOST + 1])
    return ids_of(map(str, found))


def _do(request: Asked, action: str, ids: list[uuid.UUID]) -> Outcome:
    if action == "cancel":
        return services.tasks_cancel(request.actor, ids)
    if action == "start":
        return services.tasks_start_again(request.actor, ids)
    outcome, moment = services.tasks_delete(request.actor, ids)
    remember_deleted(request, "tasks", moment, outcome.done)
    return outcome


def _say(request: Asked, action: str, outcome: Outcome) -> None:
    done = {"n": outcome.done}
    if outcome.done and action == "cancel":
        said = ngettext("%(n)s task was cancelled.", "%(n)s tasks were cancelled.", outcome.done)
        messages.success(request, said % done)
    if outcome.done and action == "start":
        messages.success(request, ngettext("%(n)s task starts.", "%(n)s tasks start.", outcome.done) % done)
    if outcome.refused:
        messages.warning(request, outcome.words)
    if not outcome.done and not outcome.refused:
        messages.warning(request, _("No task was ticked."))


@require_POST
def task_undo(request: Asked) -> HttpResponse:
    """Bring back what was deleted together."""
    number = services.tasks_restore(request.actor, moment_of(request))
    if number:
        messages.success(request, ngettext("%(n)s task is back.", "%(n)s tasks are back.", number) % {"n": number})
    else:
        messages.warning(request, _("There was nothing left to bring back."))
    return redirect("tasks:list")
