"""The questions that the practice models can answer, each with its one right answer."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LARGEST_OPERAND = 20
LARGEST_RESULT = 40
WORDS = (
    *("login", "parser", "cache", "index", "queue", "billing", "search", "upload", "report", "agent"),
    *("model", "chart", "email", "cart", "player", "inventory", "sensor", "payroll", "router", "editor"),
)
ADDITIONS = ("add {a} and {b}", "what is {a} + {b}?", "compute {a} + {b}")
SUBTRACTIONS = ("subtract {b} from {a}", "what is {a} - {b}?", "compute {a} - {b}")
ARITHMETIC = ADDITIONS + SUBTRACTIONS
# What is done with a list of words: the phrase, how many words at least and at most, the answer.
WORD_TASKS: tuple[tuple[str, int, int, Callable[[Sequence[str]], str]], ...] = (
    ("repeat: {words}", 1, 2, " ".join),
    ("first of: {words}", 2, 3, lambda words: words[0]),
    ("last of: {words}", 2, 3, lambda words: words[-1]),
    ("count: {words}", 1, 3, lambda words: str(len(words))),
)
HELD_OUT_ONE_IN = 10


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    answer: str
    words: tuple[str, ...] = ()  # what a word task was given; empty for arithmetic

    @property
    def is_held_out(self) -> bool:
        """Whether training never sees this text, in no role."""
        return is_held_out(self.text)


def is_held_out(text: str) -> bool:
    return zlib.crc32(text.encode()) % HELD_OUT_ONE_IN == 0


def arithmetic(rng: random.Random) -> Question:
    a, b = rng.randint(0, LARGEST_OPERAND), rng.randint(0, LARGEST_OPERAND)
    if rng.random() < 0.6:
        return Question(rng.choice(ADDITIONS).format(a=a, b=b), str(a + b))
    a, b = max(a, b), min(a, b)
    return Question(rng.choice(SUBTRACTIONS).format(a=a, b=b), str(a - b))


def word_task(rng: random.Random) -> Question:
    phrase, fewest, most, solve = rng.choice(WORD_TASKS)
    words = tuple(rng.choice(WORDS) for _ in range(rng.randint(fewest, most)))
    return Question(phrase.format(words=" ".join(words)), solve(words), words)


def wrong_answer(rng: random.Random, question: Question) -> str:
    """An answer that is not the right one, mostly a near miss, as a weaker model would give it."""
    while True:
        shown = _guess(rng, question)
        if shown and shown != question.answer:
            return shown


def _guess(rng: random.Random, question: Question) -> str:
    if rng.random() < 0.04:  # now and then an answer to something else
        return rng.choice(WORDS) if question.answer.isdigit() else str(rng.randint(0, LARGEST_RESULT))
    if question.answer.isdigit():
        if rng.random() < 0.5:
            return str(rng.randint(0, LARGEST_RESULT))
        return str(min(LARGEST_RESULT, max(0, int(question.answer) + rng.choice((-10, -2, -1, 1, 2, 10)))))
    words = question.answer.split()
    kind = rng.random()
    if kind < 0.4:
        words[rng.randrange(len(words))] = rng.choice(WORDS)
    elif kind < 0.6 and len(words) > 1:
        words.pop(rng.randrange(len(words)))
    elif kind < 0.8 and len(words) > 1:
        rng.shuffle(words)
    else:
        words = [rng.choice(question.words)] * len(words)
    return " ".join(words)
