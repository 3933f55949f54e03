"""Whether an answer comes to an end that can be read, and what it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from apps.tasks.engine.trust.arithmetic import value_of

_NUMBER = r"-?(?:R\$|US\$|[$€£])?\s?-?\d[\d.,]*"
_MARKED = re.compile(
    rf"(?:^\s*#{{2,6}}\s*|\\boxed\{{\s*|(?:final answer|the answer|answer|resposta final|a resposta|resposta|resultado)\s*"
    rf"(?:\*\*)?\s*(?:is|é|será|=|:)\s*(?:\*\*)?\s*)({_NUMBER})",
    re.IGNORECASE | re.MULTILINE,
)
_ANY_NUMBER = re.compile(_NUMBER)
_SENTENCE = re.compile(r"[^.!?\n]*(?:\.(?=\d)[^.!?\n]*)*")
_CONCLUDES = re.compile(
    r"\b(?:so|therefore|thus|hence|in total|altogether|finally|which means|portanto|logo|assim|então|no total|ao todo)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Final:
    """`how`: marked as the answer, said in a concluding sentence, merely the last number, or not there."""

    how: Literal["marked", "concluded", "last", "none"]
    value: float | None = None
    text: str = ""


def final_number(answer: str) -> Final:
    marked = _MARKED.findall(answer)
    if marked:
        return _final("marked", marked[-1])
    lines = [line for line in answer.strip().splitlines() if line.strip()]
    numbers = _ANY_NUMBER.findall(lines[-1]) if lines else []
    if not numbers:
        return Final("none")
    return _final("concluded" if _CONCLUDES.search(lines[-1]) else "last", numbers[-1])


def _final(how: Literal["marked", "concluded", "last"], text: str) -> Final:
    try:
        return Final(how, value_of(re.sub(r"[^\d.,-]", "", text).lstrip("-")) * (-1 if "-" in text else 1), text.strip())
    except ValueError:
        return Final("none")
