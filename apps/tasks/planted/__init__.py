"""Right answers, and the same answers with one fault of a known kind planted in each. The same ones every time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
KINDS = ("wrong_number", "negation", "missing", "source", "unit", "off_topic", "truncated")


@dataclass(frozen=True, slots=True)
class Case:
    """An answer to judge. `kind`: the fault in it; "" where it is right. `key`: one for each case."""

    key: str
    language: str
    question: str
    answer: str
    criteria: tuple[str, ...] = ()
    kind: str = ""

    @property
    def is_right(self) -> bool:
        return not self.kind


def cases_of(which: str, questions: int) -> list[Case]:
    """`which`: practice, general or both. `questions`: how many practice questions, each with its faults."""
    practice = shipped_practice_cases(questions) if which in ("practice", "both") else []
    return [*practice, *(general_cases() if which in ("general", "both") else [])]


@cache
def general_cases() -> list[Case]:
    """Short works in English and Portuguese with their criteria, from the file beside this one."""
    entries = json.loads((FOLDER / "general.json").read_text(encoding="utf-8"))
    following = [*entries[1:], entries[0]]
    return [case for entry, other in zip(entries, following, strict=True) for case in _of_entry(entry, other["answer"])]


def shipped_practice_cases(number: int) -> list[Case]:
    """Of questions that practice models know the like of and were never trained on; at most as many as the file has."""
    rows = [Case(**{**row, "criteria": tuple(row["criteria"])}) for row in _practice_rows()]
    kept = {f"practice-{place}" for place in range(number)}
    return [row for row in rows if row.key.partition("/")[0] in kept]


@cache
def practice_questions() -> int:
    return len({row["key"].partition("/")[0] for row in _practice_rows()})


@cache
def _practice_rows() -> list[dict]:
    return json.loads((FOLDER / "practice.json").read_text(encoding="utf-8"))


def _of_entry(entry: dict, answer_to_another: str) -> Iterator[Case]:
    right = entry["answer"]
    planted = {"": right}
    for kind in ("wrong_number", "negation", "unit"):
        if entry[kind]:
            planted[kind] = _replaced(entry, *entry[kind])
    planted["missing"] = _replaced(entry, entry["missing"], "")
    planted["source"] = right + entry["source"]
    planted["off_topic"] = answer_to_another
    planted["truncated"] = right[: len(right) * 3 // 5]
    for kind, answer in planted.items():
        key = f"{entry['id']}/{kind or 'right'}"
        yield Case(key, entry["language"], entry["question"], answer, tuple(entry["criteria"]), kind)


def _replaced(entry: dict, old: str, new: str) -> str:
    if entry["answer"].count(old) != 1:
        raise ValueError(f"{entry['id']}: {old!r} does not stand in the answer exactly once")
    return entry["answer"].replace(old, new)
