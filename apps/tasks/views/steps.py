"""Steps of all tasks: which were disputed, escalated, suspect or never checked, and the list as a file."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from apps.accounts.actor import Asked
from apps.common.exporting import MOST_ROWS, exported
from apps.common.listing import Address, Select, asked_of
from apps.common.searching import Searched, searched
from apps.tasks.models import Subtask
from apps.tasks.selectors import access_subtask
from apps.tasks.selectors.steps import step_cards, steps_narrowed, steps_of_team

LIMIT = 50
MOST = 4_000  # looked through for one page
FILTERS = ("kind", "search", "order")
KIND_WORDS = (
    ("", gettext_lazy("All")),
    ("at-work", gettext_lazy("At work")),
    ("disputed", gettext_lazy("Disputed")),
    ("not-sure", gettext_lazy("Low confidence")),
    ("suspect", gettext_lazy("Suspect")),
    ("escalated", gettext_lazy("Escalated")),
    ("unchecked", gettext_lazy("Not cross-checked")),
    ("failed", gettext_lazy("Failed")),
)
ORDERS = (("", gettext_lazy("Newest first")), ("oldest", gettext_lazy("Oldest first")))
COLUMNS = (
    *("id", "task_id", "task_title", "order", "title", "category", "status", "executor", "validator", "tie_breaker"),
    *("divergence", "confidence", "cross_validated", "suspect", "escalations", "attempts", "cost", "tokens", "error"),
    *("created_at", "started_at", "finished_at", "result"),
)


@require_GET
def step_list(request: Asked) -> HttpResponse:
    asked = asked_of(request.GET, FILTERS)
    found = _found(request, asked)
    address = Address(asked)
    context = {
        "cards": step_cards(found.page.rows),
        "asked": asked,
        "chips": address.choice("kind", KIND_WORDS),
        "selects": [Select("order", _("Order"), ORDERS, asked["order"])],
        "passed": {"kind": asked["kind"]},
        **address.around(found.page),
        "looked_back_to": found.looked_back_to,
        "further": found.further and address.with_(cursor=found.further),
        "most_rows": MOST_ROWS,
    }
    return render(request, "tasks/steps.html", context)


def _found(request: Asked, asked: dict[str, str]) -> Searched:
    """From some thousand at a time: whether a step's task was deleted stands with the task, which MariaDB would begin with."""
    return searched(
        steps_of_team(request.actor),
        lambda steps: steps_narrowed(steps, kind=asked["kind"], search=asked["search"]),
        limit=LIMIT,
        cursor=request.GET.get("cursor", ""),
        order="created_at" if asked["order"] == "oldest" else "-created_at",
        most=MOST,
    )


@require_GET
def step_page(request: Asked, id: Any) -> HttpResponse:
    """A step is shown with its evidence among the others of its task."""
    step = access_subtask(request.actor, id)
    response = redirect("tasks:detail", step.task.public_id)
    response["Location"] += f"#evidence-{step.order}"
    return response


@require_GET
def steps_export(request: Asked) -> StreamingHttpResponse:
    """The steps that the filters leave, with what each gave."""
    asked = asked_of(request.GET, FILTERS)
    steps = steps_narrowed(steps_of_team(request.actor), kind=asked["kind"], search=asked["search"])
    return exported(
        request,
        steps,
        name="steps",
        ordering=("-created_at",),
        as_records=_records,
        columns=COLUMNS,
    )


def _records(steps: list[Subtask]) -> list[dict[str, Any]]:
    seats = ("executor", "validator", "tie_breaker")
    return [
        {**card, **{seat: card[seat]["label"] if card[seat] else "" for seat in seats}, "created_at": card["created_at"]}
        for card in step_cards(steps)
    ]
