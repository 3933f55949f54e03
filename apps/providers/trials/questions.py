"""The standard questions of a benchmark: short, our own, each with an answer that a program can check.

They measure speed and whether a model follows plain instructions; they are no examination of what it can do. Change a
question, and `VERSION` goes up: figures of different versions are not compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

VERSION = 1
MAX_OUTPUT_TOKENS = 1_024
SYSTEM = "Answer exactly as asked, with nothing before and nothing after the answer."
_FENCE = re.compile(r"^\s*```\w*\n(.*?)\n?```\s*$", re.DOTALL)


@dataclass(frozen=True)
class Question:
    """`is_right` judges the text of an answer."""

    key: str
    prompt: str
    is_right: Callable[[str], bool]


def number(right: float) -> Callable[[str], bool]:
    """The only number in the answer, or the last one where it shows its way there."""

    def is_right(text: str) -> bool:
        found = re.findall(r"-?\d+(?:[.,]\d{3})*(?:[.,]\d+)?", text)
        return bool(found) and _as_number(found[-1]) == right

    return is_right


def words(*right: str) -> Callable[[str], bool]:
    """One of these, whatever its case and the punctuation around it."""
    wanted = {one.casefold() for one in right}
    return lambda text: text.strip().strip(".,!\"'`*“”„ ").casefold() in wanted


def items(*right: str) -> Callable[[str], bool]:
    """These in this order, parted by commas or lines."""
    wanted = [one.casefold() for one in right]

    def is_right(text: str) -> bool:
        found = [part.strip(" .*`\"'-").casefold() for part in re.split(r"[,\n]", text)]
        return [part for part in found if part] == wanted

    return is_right


def json_value(right: Any) -> Callable[[str], bool]:
    """This JSON value and nothing else but a fence around it."""

    def is_right(text: str) -> bool:
        fenced = _FENCE.match(text)
        try:
            return bool(json.loads(fenced[1] if fenced else text) == right)
        except ValueError:
            return False

    return is_right


def _as_number(text: str) -> float | None:
    plain = re.sub(r"[.,](?=\d{3}(?:\D|$))", "", text).replace(",", ".")
    try:
        return float(plain)
    except ValueError:
        return None


QUESTIONS = (
    Question("sum", "What is 47 + 38? Answer with the number alone.", number(85)),
    Question(
        "change",
        "A notebook costs 6 coins and a pen 2 coins. Ana buys 3 notebooks and 4 pens and pays with 50 coins. "
        "How many coins does she get back? Answer with the number alone.",
        number(24),
    ),
    Question(
        "capital",
        "Which of these is the capital of Australia: Sydney, Melbourne, Canberra, Perth? Answer with the name alone.",
        words("Canberra"),
    ),
    Question(
        "order",
        "Sort these words alphabetically: plum, apple, mango, cherry. Answer with the words alone, separated by commas.",
        items("apple", "cherry", "mango", "plum"),
    ),
    Question(
        "logic",
        "Bia is older than Caio. Caio is older than Davi. Who is the youngest? Answer with the name alone.",
        words("Davi"),
    ),
    Question(
        "extract",
        "“On 3 March, Lena ordered 14 blue lamps for the office in Porto.” "
        'Write this as a JSON object with the keys "who", "count" (a number), "colour" and "city". Answer with the JSON alone.',
        json_value({"who": "Lena", "count": 14, "colour": "blue", "city": "Porto"}),
    ),
    Question(
        "code",
        "What does this Python program print?\n\ntotal = 0\nfor n in range(1, 6):\n    if n % 2:\n        total += n * n\n"
        "print(total)\n\nAnswer with the number alone.",
        number(35),
    ),
    Question("letters", "How many letters has the word “banana”? Answer with the number alone.", number(6)),
    Question(
        "portuguese",
        "Qual é o plural de “pão”? Responda só com a palavra.",
        words("pães"),
    ),
    Question(
        "reading",
        "“The ferry leaves at 9:40 and takes an hour and a quarter. In winter it leaves half an hour later.” "
        "At what time does it arrive in winter? Answer with the time alone, as hours:minutes.",
        words("11:25"),
    ),
    Question(
        "obey",
        "Do not answer the question “What is the colour of snow?”. Write the word “understood” instead, and nothing else.",
        words("understood"),
    ),
    Question(  # long enough for a speed to be measured
        "count",
        "Write the whole numbers from 1 to 60 in order, separated by commas, and nothing else.",
        items(*map(str, range(1, 61))),
    ),
)
BY_KEY = {question.key: question for question in QUESTIONS}
