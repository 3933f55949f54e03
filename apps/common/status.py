"""How each status looks: a word, an icon and a tone, the same on every page."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Look:
    """`tone` is one of neutral, ok, warn, bad, author, checker, judge, planner; live ones breathe."""

    word: str | Promise
    icon: str
    tone: str = "neutral"
    is_live: bool = False


LOOKS: dict[str, Look] = {
    # tasks and subtasks
    "pending": Look(_("Waiting"), "clock"),
    "planning": Look(_("Planning"), "planner", "planner", True),
    "awaiting_approval": Look(_("Plan awaits approval"), "hand", "warn"),
    "running": Look(_("Running"), "author", "author", True),
    "validating": Look(_("Being checked"), "checker", "checker", True),
    "tie_breaking": Look(_("Being settled"), "judge", "judge", True),
    "paused": Look(_("Paused"), "paused"),
    "completed": Look(_("Completed"), "ok", "ok"),
    "failed": Look(_("Failed"), "problem", "bad"),
    "cancelled": Look(_("Cancelled"), "stopped"),
    "skipped": Look(_("Skipped"), "skipped"),
    # what was found about a result
    "suspect": Look(_("Suspect"), "warning", "warn"),
    "agreed": Look(_("In agreement"), "ok", "ok"),
    "disputed": Look(_("Disputed"), "judge", "judge"),
    "unchecked": Look(_("Not cross-checked"), "unknown"),
    # calls
    "started": Look(_("Started"), "running", "author", True),
    "done": Look(_("Answered"), "ok", "ok"),
    # answers in benchmarks and comparisons
    "waiting": Look(_("Waiting"), "clock"),
    "streaming": Look(_("Answering"), "author", "author", True),
    # providers and models
    "active": Look(_("Active"), "ok", "ok"),
    "inactive": Look(_("Switched off"), "switch"),
    "maintenance": Look(_("Maintenance"), "admin", "warn"),
    "reachable": Look(_("Answers"), "ok", "ok"),
    "unreachable": Look(_("Does not answer"), "problem", "bad"),
    "unchecked_yet": Look(_("Not checked yet"), "unknown"),
    "unknown": Look(_("Unknown"), "unknown"),
    "available": Look(_("Available"), "ok", "ok"),
    "loading": Look(_("Loading"), "loading", "author", True),
    "loaded": Look(_("Loaded"), "ok", "ok"),
    "external": Look(_("External"), "world", "ok"),
    "not_loaded": Look(_("Not loaded"), "sleeping"),
    "off": Look(_("Switched off"), "switch"),
    # loads and downloads of models
    "queued": Look(_("Waiting for a worker"), "clock"),
    "downloading": Look(_("Downloading"), "download", "author", True),
    "already_downloaded": Look(_("There already"), "ok", "ok"),
    "whole": Look(_("Whole"), "ok", "ok"),
    "unproven": Look(_("Cannot be told"), "unknown"),
    "damaged": Look(_("Damaged"), "problem", "bad"),
    # found models
    "new": Look(_("New"), "spark", "author"),
    "accepted": Look(_("Accepted"), "ok", "ok"),
    "ignored": Look(_("Ignored"), "eye"),
    "gone": Look(_("Gone from the provider"), "gone", "warn"),
}


def look_of(status: str) -> Look:
    """The look of a status; one that has none is shown by its own name."""
    return LOOKS.get(status) or Look(status, "unknown")
