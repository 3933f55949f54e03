"""How a task is laid out on its page: columns of the graph, bars of the time line, reasons. Plain values in, plain values out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.tasks.engine.types import Policy

LIVE_SEAT = {"running": "executor", "validating": "validator", "tie_breaking": "tie_breaker"}
Detail = Mapping[str, Any]


# ── The graph ─────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class StepCard:
    """One step in the graph. `needs` are the orders of the steps it builds on; `text` is what its author has written so far."""

    subtask: Detail
    needs: str
    status: str
    live_seat: str
    is_disputed: bool
    took_ms: float | None
    text: str = ""
    call: str = ""

    @property
    def needs_words(self) -> str:
        return ", ".join(self.needs.split())


def graph_of(detail: Detail, calls_at_work: Sequence[Detail] = ()) -> list[list[StepCard]]:
    """Columns from left to right: a step stands one to the right of the last one that it needs."""
    orders = {subtask["id"]: subtask["order"] for subtask in detail["subtasks"]}
    writing = {call["subtask"]: call for call in calls_at_work if call["role"] == "executor"}
    column_of: dict[str, int] = {}
    columns: defaultdict[int, list[StepCard]] = defaultdict(list)
    for subtask in _by_need(detail["subtasks"]):
        column = 1 + max((column_of.get(need, -1) for need in subtask["depends_on"]), default=-1)
        column_of[subtask["id"]] = column
        call = writing.get(subtask["id"], {})
        columns[column].append(
            StepCard(
                subtask=subtask,
                needs=" ".join(str(orders[need]) for need in subtask["depends_on"] if need in orders),
                status=_status_of(subtask, detail),
                live_seat=LIVE_SEAT.get(subtask["status"], "") if detail["status"] == "running" else "",
                is_disputed=is_disputed(subtask, threshold_of(detail)),
                took_ms=_took_ms(subtask["started_at"], subtask["finished_at"]),
                text=call.get("text", ""),
                call=call.get("key", ""),
            )
        )
    return [sorted(columns[number], key=lambda card: card.subtask["order"]) for number in sorted(columns)]


def _status_of(subtask: Detail, detail: Detail) -> str:
    """A step that was begun says so only while somebody is at work."""
    return "paused" if subtask["status"] in LIVE_SEAT and detail["status"] != "running" else subtask["status"]


def _by_need(subtasks: Sequence[Detail]) -> list[Detail]:
    """Each step after those it needs, whatever their numbers are."""
    waiting, sorted_ones = list(subtasks), list[Detail]()
    done: set[str] = set()
    while waiting:
        ready = [subtask for subtask in waiting if done.issuperset(subtask["depends_on"])] or waiting
        sorted_ones += ready
        done.update(subtask["id"] for subtask in ready)
        waiting = [subtask for subtask in waiting if subtask["id"] not in done]
    return sorted_ones


def policy_of(detail: Detail) -> dict[str, Any]:
    """The task's policy with what it leaves open, as the engine takes it."""
    return {**asdict(Policy()), **detail["policy"]}


def threshold_of(detail: Detail) -> float:
    return policy_of(detail)["divergence_threshold"]


def is_disputed(subtask: Detail, threshold: float) -> bool:
    return subtask["divergence"] is not None and subtask["divergence"] > threshold


def _took_ms(started_at: datetime | None, finished_at: datetime | None) -> float | None:
    return (finished_at - started_at).total_seconds() * 1000 if started_at and finished_at else None


# ── The time line ─────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(slots=True)
class Line:
    """A line of the tree. `x` and `width` place its bar, in hundredths of the task's time, as text for SVG."""

    title: str
    role: str
    x: str
    width: str
    took_ms: float | None
    is_open: bool
    order: int | None = None
    stage: str = ""
    model: str = ""
    tokens: int | None = None
    cost: str | None = None
    has_cost: bool = False
    error: str = ""
    status: str = ""
    lines: list[Line] = field(default_factory=list)


def stage_word(stage: str) -> str:
    words = {
        "plan": _("Plan"),
        "cast": _("Choose models"),
        "execute": _("Write"),
        "inspect": _("Look for signs of invention"),
        "validate": _("Check"),
        "tie-break": _("Settle"),
        "compare": _("Compare attempts"),
        "conclude": _("Conclude"),
        "compose": _("Put together"),
    }
    return words.get(stage, stage)


ROLE_OF_STAGE = {"plan": "planner", "validate": "validator", "tie-break": "tie_breaker"}


def timeline_of(detail: Detail, trace: Sequence[Detail]) -> list[Line]:
    """The tree: what concerns the whole task on the first level together with its steps, their stages below them."""
    if not trace:
        return []
    now = timezone.now()
    start = min(step["started_at"] for step in trace)
    end = max((step["finished_at"] or now for step in trace), default=now)
    span_s = max((end - start).total_seconds(), 0.001)

    def placed(began: datetime, ended: datetime | None) -> dict[str, Any]:
        x = (began - start).total_seconds() / span_s * 100
        width = max(((ended or now) - began).total_seconds() / span_s * 100, 0.4)
        return {
            "x": f"{min(x, 99.6):.2f}",
            "width": f"{min(width, 100):.2f}",
            "took_ms": _took_ms(began, ended),
            "is_open": ended is None,
        }

    subtasks = {subtask["id"]: subtask for subtask in detail["subtasks"]}
    parents: dict[str, Line] = {}
    top: list[Line] = []
    for step in trace:
        if not step["calls"] and step["stage"] not in ("plan", "compose") and not step["error"]:
            continue  # decided here in no time, nothing to see
        line = _line_of(step, placed(step["started_at"], step["finished_at"]))
        if step["subtask"] not in subtasks:
            top.append(line)
            continue
        if step["subtask"] not in parents:
            parents[step["subtask"]] = parent = _parent_of(subtasks[step["subtask"]], detail, placed)
            top.append(parent)
        parents[step["subtask"]].lines.append(line)
    return top


def _parent_of(subtask: Detail, detail: Detail, placed: Any) -> Line:
    began = subtask["started_at"] or timezone.now()
    return Line(
        title=subtask["title"],
        role="step",
        order=subtask["order"],
        tokens=subtask["tokens"],
        cost=subtask["cost"],
        has_cost=True,
        status=_status_of(subtask, detail),
        error=subtask["error"],
        **placed(began, subtask["finished_at"]),
    )


def _line_of(step: Detail, place: Mapping[str, Any]) -> Line:
    calls = step["calls"]
    costs = [call["cost"] for call in calls if call["cost"] is not None]
    counted = [(call["input_tokens"] or 0) + (call["output_tokens"] or 0) for call in calls]
    return Line(
        title=stage_word(step["stage"]),
        stage=step["stage"],
        role=ROLE_OF_STAGE.get(step["stage"], "executor"),
        model=", ".join(dict.fromkeys(call["model"]["label"] for call in calls)),
        tokens=sum(counted) if calls else None,
        cost=f"{sum(map(float, costs)):.8f}" if costs else None,
        has_cost=any(call["finished_at"] for call in calls),
        error=step["error"] or "; ".join(dict.fromkeys(call["error"] for call in calls if call["error"])),
        **place,
    )


# ── Reasons ───────────────────────────────────────────────────────────────────────────────────────────────────────
def rejection_word(reason: str) -> str:
    words = {
        "price_unknown": _("its price is unknown, and a budget is in force"),
        "resting": _("it failed a short while ago"),
        "failed": _("it failed a short while ago"),
        "practice": _("a practice model, and real ones are in use"),
        "provider_off": _("its provider is switched off"),
    }
    return words.get(reason, reason.replace("_", " "))


@dataclass(frozen=True, slots=True)
class Why:
    """Why a step came out as it did."""

    subtask: Detail
    criteria: list[Mapping[str, Any]]
    defects: list[Mapping[str, Any]]
    summary: str
    rejected: list[tuple[str, str]]
    is_disputed: bool
    author_was: str = ""  # the letter that the judge knew the author's side by
    draft: str = ""  # what the author wrote, where the judge heard both sides
    own_answer: str = ""  # what the checker would have answered
    parts_read: int = 1  # in how many parts the author read what was too long for it

    @property
    def has_something(self) -> bool:
        found = (self.criteria, self.defects, self.summary, self.rejected, self.subtask["tie_break"], self.subtask["suspect"])
        return any(found) or self.parts_read > 1 or bool(self.subtask["escalations"]) or self.subtask["cross_validated"] is False


def reasons_of(detail: Detail, trace: Sequence[Detail]) -> list[Why]:
    rejected: defaultdict[str, dict[str, str]] = defaultdict(dict)
    letters: dict[str, str] = {}
    drafts: dict[str, str] = {}
    parts_read: dict[str, int] = {}
    for step in trace:
        if step["stage"] == "execute" and isinstance(step["result"], Mapping):
            drafts[step["subtask"]] = step["result"].get("text") or ""
            parts_read[step["subtask"]] = step["result"].get("parts_read") or 1
        if step["stage"] == "tie-break" and isinstance(step["result"], Mapping):
            letters[step["subtask"]] = (step["result"].get("ruling") or {}).get("author_was", "")
        if step["stage"] == "cast" and isinstance(step["result"], Mapping):
            for item in step["result"].get("rejected") or ():
                rejected[step["subtask"]][item["model"]["label"]] = rejection_word(item["reason"])
    found = []
    for subtask in detail["subtasks"]:
        verdict = subtask["verdict"] or {}
        found.append(
            Why(
                subtask=subtask,
                criteria=list(verdict.get("criteria") or ()),
                defects=list(verdict.get("defects") or ()),
                summary=verdict.get("summary") or "",
                rejected=sorted(rejected[subtask["id"]].items()),
                is_disputed=is_disputed(subtask, threshold_of(detail)),
                author_was=letters.get(subtask["id"], ""),
                draft=drafts.get(subtask["id"], "") if subtask["tie_break"] else "",
                own_answer=verdict.get("own_answer") or "",
                parts_read=parts_read.get(subtask["id"], 1),
            )
        )
    return [why for why in found if why.has_something]


def time_left(detail: Detail) -> str:
    """“about 40 s left”, as roughly as it is known; empty when nothing is."""
    seconds = detail["time_left_s"]
    if not seconds:
        return ""
    if seconds < 55:
        return _("about %(n)s s left") % {"n": max(5, 5 * round(seconds / 5))}
    minutes = round(seconds / 60)
    return ngettext("about %(n)s min left", "about %(n)s min left", minutes) % {"n": minutes}


def elapsed(detail: Detail) -> timedelta | None:
    """From start to end, or to now."""
    if detail["started_at"] is None:
        return None
    return (detail["finished_at"] or timezone.now()) - detail["started_at"]
