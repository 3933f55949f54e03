"""What answer and sources each have in the same place is laid beside each other, in English and in Portuguese."""

from __future__ import annotations

import pytest

from apps.tasks.engine.hallucination.rivals import rivals
from apps.tasks.engine.hallucination.sources import Source
from apps.tasks.engine.hallucination.support import contradiction
from apps.tasks.engine.hallucination.text import read

ENGLISH = "The club from Setúbal was founded in 1910. It has won 3 cups and plays in the stadium of Bonfim."
PORTUGUESE = "O clube de Setúbal foi fundado em 1910. O clube ganhou 3 taças e joga no estádio do Bonfim."


def measures_and_words(answer: str, given: str) -> tuple[dict[str, float], list[str]]:
    measures, spans = rivals(read(answer, 999), Source(read(given, 999)))
    return measures, [answer[span.start : span.end] for span in spans]


@pytest.mark.parametrize(
    ("given", "answer", "measure", "words"),
    [
        (ENGLISH, "The club was founded in 1920.", "other_there", ["1920"]),
        (PORTUGUESE, "O clube foi fundado em 1920.", "other_there", ["1920"]),
        (ENGLISH, "It has won 5 cups so far.", "other_unit", ["5"]),
        (PORTUGUESE, "O clube ganhou 5 taças até agora.", "other_unit", ["5"]),
        (ENGLISH, "It plays in the stadium of Alvalade.", "other_there", ["Alvalade"]),
        (ENGLISH, "The club from Setúbal has won cups in the stadium of Luz.", "rival_names", ["Luz"]),
    ],
)
def test_another_number_or_name_in_the_place_of_one_is_measured_and_pointed_at(
    given: str, answer: str, measure: str, words: list[str]
) -> None:
    measures, pointed_at = measures_and_words(answer, given)
    assert measures[measure] > 0
    assert pointed_at == words


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (ENGLISH, ENGLISH),
        (PORTUGUESE, PORTUGUESE),
        (ENGLISH, "Founded in 1910, the club from Setúbal plays at Bonfim and has won 3 cups."),
        (ENGLISH, "The weather was fine."),
        (ENGLISH, ""),
        ("", ENGLISH),
    ],
)
def test_what_the_sources_have_in_that_place_or_do_not_speak_of_is_no_rival(given: str, answer: str) -> None:
    measures, pointed_at = measures_and_words(answer, given)
    assert pointed_at == []
    assert measures["other_there"] == measures["other_unit"] == measures["rival_names"] == measures["rival_numbers"] == 0


def test_how_much_of_a_sentence_of_the_sources_is_taken_over_is_measured() -> None:
    whole, _ = measures_and_words(ENGLISH, ENGLISH)
    half, _ = measures_and_words("The club was founded.", ENGLISH)
    assert whole["alike"] == whole["taken_over"] == 1
    assert 0 < half["taken_over"] < 1


def test_a_number_that_is_found_both_ways_is_pointed_at_once() -> None:
    found = contradiction(read("It has won 5 cups and plays in the stadium of Bonfim.", 999), Source(read(ENGLISH, 999)))
    assert found is not None
    assert [span.reason for span in found.spans].count("number_differs") == 1
