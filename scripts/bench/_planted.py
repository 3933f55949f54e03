"""Right answers, and the same answers with one fault of a known kind planted in each. The same ones every time."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.train_practice.questions import WORDS, Question, arithmetic, word_task

FILE = Path(__file__).with_name("validator_cases.json")
KINDS = ("wrong_number", "negation", "missing", "source", "unit", "off_topic", "truncated")
SEED = 20_261_121


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


def practice_cases(number: int) -> list[Case]:
    """Questions that the practice models know the like of and were never trained on, `number` of them, each with its faults."""
    rng = random.Random(SEED)
    found: dict[str, Question] = {}
    while len(found) < number:
        question = arithmetic(rng) if rng.random() < 0.6 else word_task(rng)
        if question.is_held_out:
            found.setdefault(question.text, question)
    return [case for place, question in enumerate(found.values()) for case in _of_practice(place, question, rng)]


def _of_practice(place: int, question: Question, rng: random.Random) -> Iterator[Case]:
    def case(answer: str, kind: str = "") -> Case:
        return Case(f"practice-{place}/{kind or 'right'}", "en", question.text, answer, kind=kind)

    yield case(question.answer)
    words = question.answer.split()
    if question.answer.isdigit():
        near = int(question.answer) + rng.choice((-10, -2, -1, 1, 2, 10))
        yield case(str(abs(near)) if abs(near) != int(question.answer) else str(int(question.answer) + 1), "wrong_number")
        yield case(rng.choice(WORDS), "off_topic")
    else:
        yield case(str(rng.randint(0, 40)), "off_topic")
        yield case(question.answer[: max(1, len(question.answer) // 2)].strip(), "truncated")
    if len(words) > 1:
        yield case(" ".join(words[:-1]), "missing")


def general_cases() -> list[Case]:
    """Short works in English and Portuguese with their criteria, from the file beside this one."""
    entries = json.loads(FILE.read_text(encoding="utf-8"))
    following = [*entries[1:], entries[0]]
    return [case for entry, other in zip(entries, following, strict=True) for case in _of_entry(entry, other["answer"])]


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
