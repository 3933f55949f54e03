"""Practice questions with planted faults, made anew from the generator of the practice models' lessons.

The product ships the first of them as a file (apps/tasks/planted/practice.json): `python -m scripts.bench._planted` writes it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict

from apps.tasks.planted import FOLDER, KINDS, Case, general_cases
from scripts.train_practice.questions import WORDS, Question, arithmetic, word_task

__all__ = ["KINDS", "Case", "general_cases", "practice_cases"]
SEED = 20_261_121
SHIPPED = 100


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


if __name__ == "__main__":
    lines = [json.dumps(asdict(case), ensure_ascii=False) for case in practice_cases(SHIPPED)]
    (FOLDER / "practice.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", "utf-8")
