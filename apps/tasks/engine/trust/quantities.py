"""The numbers of a question and of its answer, and what the answer did with them."""

from __future__ import annotations

import re

from apps.tasks.engine.trust.arithmetic import value_of

_NUMBER = re.compile(r"(?<![\w.,])\d[\d.,]*%?")
_FRACTION = re.compile(r"(?<![\w.,/])(\d{1,4})\s?/\s?(\d{1,4})(?![\w/])")
WORD_VALUES = {
    word: value
    for value, words in {
        0.5: "half metade",
        1 / 3: "third terço",
        0.25: "quarter quarto",
        2: "two twice double dois duas dobro",
        3: "three thrice triple três triplo",
        4: "four quatro",
        5: "five cinco",
        6: "six seis",
        7: "seven sete",
        8: "eight oito",
        9: "nine nove",
        10: "ten dez",
        11: "eleven onze",
        12: "twelve dozen doze dúzia dúzias",
        13: "thirteen treze",
        14: "fourteen catorze quatorze",
        15: "fifteen quinze",
        16: "sixteen dezesseis",
        20: "twenty vinte",
        30: "thirty trinta",
        40: "forty quarenta",
        50: "fifty cinquenta",
        60: "sixty sessenta",
        100: "hundred cem cento",
    }.items()
    for word in words.split()
}
_WORD = re.compile(r"[^\W\d_]+")


def numbers_in(text: str) -> list[float]:
    """Digits alone, in order of appearance; 20% is 20."""
    found = []
    for number in _NUMBER.findall(text):
        try:
            found.append(value_of(number.rstrip("%")))
        except ValueError:
            continue
    return found


def quantities_in(question: str) -> list[float]:
    """The different quantities that a question gives, written as digits, fractions or words."""
    fractions = [int(top) / int(bottom) for top, bottom in _FRACTION.findall(question) if int(bottom)]
    words = [WORD_VALUES[word] for word in _WORD.findall(question.lower()) if word in WORD_VALUES]
    return list(dict.fromkeys([*numbers_in(_FRACTION.sub(" ", question)), *fractions, *words]))


def is_used(quantity: float, numbers: set[float]) -> bool:
    """A share may be used as such, as a percentage or by its complement; a fraction by its parts."""
    forms = {quantity, quantity / 100, 100 - quantity, 1 - quantity / 100, 1 + quantity / 100, 100 + quantity, 1 - quantity}
    if 0 < quantity < 1:
        forms |= {1 / quantity, quantity * 100}
    return any(abs(form - number) < 1e-6 for form in forms for number in numbers)
