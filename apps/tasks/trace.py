"""One prompt's route as its page tells it: stages in their order, every code in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.common.said import unpacked
from apps.tasks.detail_words import detail_word
from apps.tasks.models import AuditLog
from apps.tasks.route_words import (
    audit_value,
    audit_word,
    feature_word,
    finish_word,
    passed_over_because,
    signal_word,
    trigger_word,
)
from apps.tasks.workings import Row, confidence_row, divergence_rows, weighed_of

SHOWN_FEATURES, SHOWN_SIGNALS = 8, 8
FULL_WIDTH = 50.0  # of a bar that goes to one side of the middle
TEXT_IN_AUDIT = 160


@dataclass(frozen=True, slots=True)
class Push:
    """Something that moved a number, as a bar to the left (down) or to the right (up). `x` and `width` of 100."""

    word: str
    contribution: float
    detail: str
    x: str
    width: str
    value: float | None = None  # what was found, in the units of its own kind

    @property
    def is_up(self) -> bool:
        return self.contribution > 0


@dataclass(frozen=True, slots=True)
class Trace:
    """What the page shows besides the detail itself."""

    pushes: list[Push]
    steps: list[dict[str, Any]]  # each an "attempt" or a "rise", in the order in which they happened
    candidates: list[dict[str, Any]]
    passed_over: int
    divergence: tuple[Row, ...]  # what the divergence of the check is the largest of
    confidence: tuple[Row, ...]  # what the confidence is the sum of, where the answer was checked
    standing: int | None  # the step, from 0 on, whose signs make the confidence where nobody checked


def trace_of(detail: Mapping[str, Any]) -> Trace:
    """For what `execution_detail` gives."""
    needs = detail["needs"] or {}
    candidates = detail["candidates"]
    check = detail["verification"] or {}
    parts = check.get("confidence_parts") or ()
    steps = _steps(detail["attempts"], detail["escalations"], standing_of(detail), detail["output"])
    return Trace(
        pushes=pushes_of(needs.get("features", []), feature_word, SHOWN_FEATURES),
        steps=steps,
        candidates=sorted(candidates, key=lambda one: (not one["is_chosen"], bool(one["reason"]))),
        passed_over=sum(bool(one["reason"]) for one in candidates),
        divergence=divergence_rows(check.get("divergence_parts"), check.get("divergence")),
        confidence=tuple(confidence_row(part) for part in parts),
        standing=None if parts else next((n for n, one in enumerate(steps) if one.get("is_standing")), None),
    )


def pushes_of(found: list[Mapping[str, Any]], word: Any, most: int) -> list[Push]:
    """The strongest first, all on one scale."""
    strongest = sorted(found, key=lambda one: -abs(one["contribution"]))[:most]
    largest = max((abs(one["contribution"]) for one in strongest), default=0.0) or 1.0
    pushes = []
    for one in strongest:
        width = FULL_WIDTH * abs(one["contribution"]) / largest
        x = 50.0 if one["contribution"] > 0 else 50.0 - width
        about = word(one["name"]), one["contribution"], detail_word(one["name"], one.get("detail") or "")
        pushes.append(Push(*about, f"{x:.2f}", f"{width:.2f}", one.get("value")))
    return pushes


def standing_of(detail: Mapping[str, Any]) -> int | None:
    """The place of the attempt whose text is the answer; None where that is another text (of a checker, of the cache)."""
    verification = detail["verification"] or {}
    if verification.get("winner") == "checker":
        return None
    wrote = [n for n, one in enumerate(detail["attempts"]) if not one["error_code"] and one["model"]["label"] == detail["model"]]
    return wrote[-1] if wrote else None


def _steps(
    attempts: Sequence[Mapping[str, Any]], rises: Sequence[Mapping[str, Any]], standing: int | None, output: str
) -> list[dict[str, Any]]:
    """A rise stands before the attempt that it led to. Of a round before the last only its rises are kept."""
    left = [{**rise, "trigger_word": trigger_word(rise["trigger"])} for rise in rises]
    steps: list[dict[str, Any]] = []
    for number, attempt in enumerate(attempts):
        place = next((n for n, rise in enumerate(left, 1) if rise["to"] == attempt["model"]["label"]), 0)
        steps += [{"rise": rise} for rise in left[:place]]
        before = next((rise["previous_output"] for rise in rises if rise["from"] == attempt["model"]["label"]), "")
        shown = _attempt(attempt, output if number == standing else before)
        steps.append({"attempt": shown, "is_standing": number == standing})
        left = left[place:]
    return steps + [{"rise": rise} for rise in left]


def _attempt(found: Mapping[str, Any], text: str) -> dict[str, Any]:
    is_loop = found.get("error_code") == "runaway_answer"
    return {
        **found,
        "weighed": weighed_of(found.get("hallucination"), text),
        "error": _("It wrote the same text again and again, and was cut.") if is_loop else found.get("error", ""),
        "pushes": pushes_of(found["signals"], signal_word, SHOWN_SIGNALS),
        "finish_word": finish_word(found.get("finish_reason")),
    }


def audit_line(entry: AuditLog) -> dict[str, Any]:
    """An entry of the log in one line; its whole data is on the page of the log."""
    told = {name: value for name, value in unpacked(entry.data).items() if value not in (None, "", [], {})}
    said = "; ".join(f"{audit_word(name)}: {_short(audit_value(name, value))}" for name, value in told.items())
    label = str(entry.get_category_display()) if entry.category else _("Entry")
    return {
        "number": entry.number,
        "time": entry.time,
        "label": label,
        "said": said,
        "actor": entry.actor_name,
        "object_type": entry.object_type,
        "object_id": entry.object_id,
        "hash": entry.hash,
    }


def _short(value: Any) -> str:
    match value:
        case dict():
            text = ", ".join(f"{name} ({passed_over_because(str(said))})" for name, said in value.items())
        case list():
            text = ", ".join(map(str, value))
        case _:
            text = str(value)
    return text if len(text) <= TEXT_IN_AUDIT else f"{text[:TEXT_IN_AUDIT]}…"
