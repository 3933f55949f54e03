"""The standard questions: what counts as right."""

from __future__ import annotations

import pytest

from apps.providers.trials.questions import BY_KEY, QUESTIONS

RIGHT = {
    "sum": "85",
    "change": "The change is 24.",
    "capital": "**Canberra**",
    "order": "apple, cherry, mango, plum",
    "logic": "Davi.",
    "extract": '```json\n{"who": "Lena", "count": 14, "colour": "blue", "city": "Porto"}\n```',
    "code": "35",
    "letters": "6",
    "portuguese": "Pães",
    "reading": "11:25",
    "obey": "understood",
    "count": ", ".join(map(str, range(1, 61))),
}
WRONG = {
    "sum": "84",
    "change": "26",
    "capital": "Sydney",
    "order": "cherry, apple, mango, plum",
    "logic": "Caio",
    "extract": '{"who": "Lena", "count": "14", "colour": "blue", "city": "Porto"}',
    "code": "55",
    "letters": "5",
    "portuguese": "pãos",
    "reading": "10:55",
    "obey": "The snow is white.",
    "count": ", ".join(map(str, range(1, 60))),
}


@pytest.mark.parametrize("key", [question.key for question in QUESTIONS])
def test_it_knows_a_right_answer_from_a_wrong_one(key):
    assert BY_KEY[key].is_right(RIGHT[key])
    assert not BY_KEY[key].is_right(WRONG[key])
    assert not BY_KEY[key].is_right("")


def test_a_number_may_have_its_thousands_and_decimals_written_either_way():
    from apps.providers.trials.questions import number

    assert number(1234.5)("It is 1,234.5")
    assert number(1234.5)("São 1.234,5")
    assert not number(1234.5)("no number at all")


def test_no_two_questions_have_the_same_key():
    assert len(BY_KEY) == len(QUESTIONS)
