"""What of an answer claims something, beside short sources."""

from __future__ import annotations

import pytest

from apps.tasks.engine.hallucination.claims import claimed
from apps.tasks.engine.hallucination.evidence import with_names
from apps.tasks.engine.hallucination.scope import scope
from apps.tasks.engine.hallucination.sources import Source
from apps.tasks.engine.hallucination.text import FUNCTIONAL, NAME, read

COFFEE = "The coffee plant was exported from Africa to countries around the world. Coffee is slightly acidic."
CAFE = "A planta do café foi levada da África para países do mundo inteiro. O café é levemente ácido."


def measures(answer: str, given: str = COFFEE, asked: str = "") -> dict[str, float]:
    return claimed(read(answer, 9_999), Source(read(given, 9_999)), {word.stem for word in read(asked, 999).words})


@pytest.mark.parametrize(
    ("talk", "claim", "given"),
    [
        ("I ' m not sure , but i do know that", "it was exported from Africa .", COFFEE),
        ("Wow, I love my kitchen!", "The coffee plant was exported from Africa.", COFFEE),
        ("Não tenho certeza, mas eu sei que", "ela foi levada da África.", CAFE),
    ],
)
def test_talk_around_a_claim_takes_nothing_from_it(talk: str, claim: str, given: str) -> None:
    alone, within = measures(claim, given), measures(f"{talk} {claim}", given)
    assert within["claimed_recall"] == pytest.approx(alone["claimed_recall"]) and within["claimed_absent"] == 0
    assert within["claimed_talk"] > alone["claimed_talk"] == 0


def test_what_the_sources_do_not_carry_counts_where_it_is_claimed() -> None:
    assert measures("It was exported from Brazil by the queen.")["claimed_absent"] > 0
    assert measures("Do you drink it with sugar?")["claimed_absent"] == 0


def test_turned_doubled_and_stronger_claims_are_counted() -> None:
    influence = "French cuisine was influenced by Italian cuisine."
    assert measures("Italian cuisine was influenced by French cuisine.", influence)["claimed_swapped"] > 0
    assert measures(influence, influence)["claimed_swapped"] == 0
    assert measures("The plant was exported from Africa to Africa.")["claimed_doubled"] > 0
    assert measures("Coffee is very acidic.")["claimed_degrees"] > measures("Coffee is slightly acidic.")["claimed_degrees"]


def test_a_long_source_is_retold_not_talked_about() -> None:
    assert measures("It was exported from Africa.", f"{COFFEE} " * 3) == {}


def test_an_answer_in_small_letters_has_the_names_of_its_sources() -> None:
    source = Source(read(COFFEE, 999))
    kinds = {word.text: word.kind for word in with_names(read("it came from africa , not the world .", 999), source).words}
    assert kinds["africa"] == NAME and kinds["world"] != NAME
    assert with_names(read("It came from africa.", 999), source).words[-1].kind != NAME


@pytest.mark.parametrize("said", ["doesn't", "doesn’t", "doesn ' t", "it's", "I ' ve"])
def test_shortened_small_words_are_small_words_however_they_are_written(said: str) -> None:
    word, *rest = read(f"{said} known", 99).words
    assert word.kind == FUNCTIONAL and " " not in word.text and "’" not in word.text
    assert [one.text for one in rest] == ["known"]


@pytest.mark.parametrize(
    ("question", "fits", "does_not"),
    [
        ("Who was born first, Neil LaBute or Bruce Humberstone?", "Neil LaBute was.", "Pablo Trapero was."),
        ("How many moons has the planet Mars?", "Two of them.", "The Great Wall."),
        ("Which town has the harbour?", "Setúbal has one.", "Yes, it has."),
        ("Em que ano nasceu a rainha?", "Foi em 1819.", "Foi na cidade velha."),
    ],
)
def test_an_answer_of_another_kind_than_was_asked_for_is_seen(question: str, fits: str, does_not: str) -> None:
    found = [scope(read(answer, 99), read(question, 999), Source(read("", 1))) for answer in (fits, does_not)]
    assert [signal.measures["otherwise"] for signal in found if signal] == [0.0, 1.0]
