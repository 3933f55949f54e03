"""The sums that a text writes down, done again: "8 x $5 = $40", "<<8*5=40>>", "12 ÷ 4 = 3", "(2 + 3) * 4 = 20"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_MARKED = re.compile(r"<<([^<>=]{1,120})=([^<>=]{1,40})>>")
_NUMBER = r"(?:(?:R\$|US\$|[$€£])\s?)?\d[\d.,]{0,20}%?"
_TERM = rf"\({{0,4}}\s{{0,3}}-?{_NUMBER}\s{{0,3}}\){{0,4}}"
_MORE = rf"(?:\s{{0,3}}[-+*/x×·÷−–]\s{{0,3}}{_TERM})"  # bounded everywhere, so that no text takes long to read
_WRITTEN = re.compile(rf"(?<![\d.,])({_TERM}{_MORE}{{1,15}})((?:\s{{0,3}}=\s{{0,3}}(?:{_TERM}{_MORE}{{0,15}})){{1,6}})")
_TOKEN = re.compile(r"\d[\d.,]*%?|[-+*/()]")
_ESCAPED = re.compile(r"\\([*$%_])")  # Markdown's
_OPEN_BEFORE = re.compile(r"[-+*/×·÷−–^][\s($]*$|[\d)\w]\s+x\s*$")
_FRACTION = re.compile(r"(?<![\d.,/])(?<=\s)(\d+/\d+)(?![\d.,]*/)")
_ALIKE = str.maketrans({"x": "*", "×": "*", "·": "*", "÷": "/", "−": "-", "–": "-"})
_NOISE = re.compile(r"R\$|US\$|[$€£\\]|\s+")
READ_CHARS = 12_000
MOST_SUMS = 80
DEEPEST = 20  # brackets


class _Unreadable(ValueError):
    """Not a sum that can be done."""


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum as written and what it comes to. `is_right` within the rounding of the number that was written."""

    text: str
    written: float
    comes_to: float
    is_right: bool


def sums_in(text: str) -> list[Sum]:
    """Every sum that can be read, in order. What cannot be read is no sum, and says nothing."""
    text = _ESCAPED.sub(r"\1", text[:READ_CHARS])
    found = [_sum(left, right) for left, right in _MARKED.findall(text)]
    plain = _MARKED.sub("", text)
    for match in _WRITTEN.finditer(plain):
        sides = [match.group(1), *match.group(2).split("=")[1:]]
        if _OPEN_BEFORE.search(plain[max(0, match.start() - 12) : match.start()]):
            del sides[0]  # the end of a longer sum, of which the beginning could not be read
        found += [_sum(left, right) for left, right in pairwise(sides)]
    return [one for one in found if one is not None][:MOST_SUMS]


def value_of(number: str) -> float:
    """A number in English or Portuguese spelling: 1,234.50 or 1.234,50; 12% is 0.12. Raises ValueError."""
    share = 0.01 if number.endswith("%") else 1.0
    digits = number.strip("%").strip(".,")
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and point >= 0:
        digits = digits.replace(",", "") if point > comma else digits.replace(".", "").replace(",", ".")
    elif comma >= 0:
        digits = digits.replace(",", "") if re.fullmatch(r"\d{1,3}(?:,\d{3})+", digits) else digits.replace(",", ".", 1)
    elif digits.count(".") > 1:
        digits = digits.replace(".", "")
    return float(digits) * share


def _sum(left: str, right: str) -> Sum | None:
    try:
        comes_to, written = _worked_out(left), _worked_out(right)
    except (_Unreadable, ValueError, ZeroDivisionError, OverflowError):
        return None
    decimals = len(right.strip().rstrip(")%").partition(".")[2])
    slack = max(0.011 * abs(comes_to) if decimals else 0.0051 * abs(comes_to), 10.0**-decimals if decimals else 0.0)
    is_right = abs(comes_to - written) <= max(slack, 1e-9) or _is_right_by_fractions(left, written, slack)
    return Sum(f"{left.strip()} = {right.strip()}", written, comes_to, is_right)


def _is_right_by_fractions(left: str, written: float, slack: float) -> bool:
    """A fraction written without spaces, as in `12 / 2/5`, may be meant as one number."""
    grouped = _FRACTION.sub(r"(\1)", left)
    if grouped == left:
        return False
    try:
        return abs(_worked_out(grouped) - written) <= max(slack, 1e-9)
    except (_Unreadable, ValueError, ZeroDivisionError, OverflowError):
        return False


def _worked_out(expression: str) -> float:
    plain = _NOISE.sub("", expression).translate(_ALIKE)
    tokens = _TOKEN.findall(plain)
    if "".join(tokens) != plain or plain.count("(") > DEEPEST:
        raise _Unreadable(expression)
    value, rest = _added(tokens, 0)
    if rest != len(tokens):
        raise _Unreadable(expression)
    return value


def _added(tokens: list[str], at: int) -> tuple[float, int]:
    value, at = _multiplied(tokens, at)
    while at < len(tokens) and tokens[at] in "+-":
        other, after = _multiplied(tokens, at + 1)
        value, at = (value + other if tokens[at] == "+" else value - other), after
    return value, at


def _multiplied(tokens: list[str], at: int) -> tuple[float, int]:
    value, at = _single(tokens, at)
    while at < len(tokens) and tokens[at] in "*/":
        other, after = _single(tokens, at + 1)
        value, at = (value * other if tokens[at] == "*" else value / other), after
    return value, at


def _single(tokens: list[str], at: int) -> tuple[float, int]:
    if at >= len(tokens):
        raise _Unreadable("the sum ends early")
    if tokens[at] == "-":
        value, after = _single(tokens, at + 1)
        return -value, after
    if tokens[at] == "(":
        value, after = _added(tokens, at + 1)
        if after >= len(tokens) or tokens[after] != ")":
            raise _Unreadable("a bracket stays open")
        return value, after + 1
    return value_of(tokens[at]), at + 1
