"""The traits of each word beside its sources, and the marks of an answer's vocabulary."""

from __future__ import annotations

import pytest

from apps.tasks.engine.hallucination.changes import TRAITS, Change, changes, siblings, summary
from apps.tasks.engine.hallucination.model import load
from apps.tasks.engine.hallucination.sources import Source
from apps.tasks.engine.hallucination.text import Text, read, stem
from apps.tasks.engine.hallucination.vocabulary import SIZE, vocabulary, weigh

ENGLISH = "The company sold 300 red cars in the second quarter. Mary Jones met the mayor of Boston on Tuesday morning."
PORTUGUESE = "A empresa vendeu 300 carros vermelhos no segundo trimestre. Maria Souza encontrou o prefeito de Recife na terça."
NOTHING = read("", 1)


def text(raw: str) -> Text:
    return read(raw, 10_000)


def traits_of(answer: str, word: str, source: str) -> dict[str, float]:
    found = next(change for change in changes(text(answer), Source(text(source)), NOTHING) if change.word.text == word)
    return dict(zip(TRAITS, found.traits, strict=True))


def log_odds(change: Change) -> float:
    model = load()
    return model.traits_base + sum(weight * trait for weight, trait in zip(model.traits, change.traits, strict=True))


def test_without_sources_no_word_can_have_been_changed() -> None:
    assert changes(text(ENGLISH), Source(NOTHING), NOTHING) == ()
    assert summary([]) == {}


@pytest.mark.parametrize(
    ("source", "answer", "word"),
    [
        (ENGLISH, "The company sold 300 red cars in the second month.", "month"),
        (ENGLISH, "Mary Jones met the mayor of Boston on Friday morning.", "friday"),
        (PORTUGUESE, "A empresa vendeu 300 carros azuis no segundo trimestre.", "azuis"),
        (PORTUGUESE, "A empresa vendeu 300 carros vermelhos no segundo semestre.", "semestre"),
    ],
)
def test_a_word_in_the_place_of_another_stands_out(source: str, answer: str, word: str) -> None:
    found = changes(text(answer), Source(text(source)), NOTHING)
    assert max(found, key=log_odds).word.text == word


@pytest.mark.parametrize(
    ("source", "answer", "word", "trait"),
    [
        (ENGLISH, "Mary Jones met the mayor of Boston on Friday morning.", "friday", "sibling_near"),
        (ENGLISH, "The company bought 300 red cars.", "bought", "opposite_near"),
        (ENGLISH, "The company sold 400 red cars.", "400", "number_other"),
        (ENGLISH, "The mayor of Boston sold 300 red cars.", "boston", "there"),
        (ENGLISH, "The company never sold 300 red cars.", "never", "negator"),
        (ENGLISH, "Mary Smith met the mayor.", "smith", "capital_half"),
        (PORTUGUESE, "A empresa comprou 300 carros.", "comprou", "opposite_near"),
        (PORTUGUESE, "A empresa nunca vendeu 300 carros.", "nunca", "negator"),
    ],
)
def test_traits_say_how_a_word_differs(source: str, answer: str, word: str, trait: str) -> None:
    assert traits_of(answer, word, source)[trait] == 1.0


def test_words_that_stand_as_in_the_source_show_no_change() -> None:
    found = changes(text(ENGLISH), Source(text(ENGLISH)), NOTHING)
    assert found
    assert all(log_odds(change) < 0 for change in found)


@pytest.mark.parametrize(("one", "other"), [("tuesday", "friday"), ("month", "year"), ("terça", "sexta"), ("mãe", "tia")])
def test_members_of_one_family_exclude_each_other(one: str, other: str) -> None:
    assert stem(other) in siblings()[stem(one)]
    assert stem(one) in siblings()[stem(other)]


def test_the_likeliest_words_are_summed_up() -> None:
    assert summary([-2.0, 1.0, 0.0, -3.0]) == {
        "wording.changed": 1.0,
        "wording.changed_some": pytest.approx(-1 / 3),
        "wording.changed_alone": 2.0,
        "wording.changed_any": pytest.approx(0.7802, abs=1e-4),
    }


# ── vocabulary ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_marks_are_numbers_in_reach_and_do_not_grow_with_the_answer() -> None:
    source = Source(text(ENGLISH))
    short, long = vocabulary(text("The company sold cars."), source), vocabulary(text(ENGLISH + " " + PORTUGUESE), source)
    assert all(0 <= number < SIZE for number in (*short, *long))
    assert sum(value**2 for value in short.values()) == pytest.approx(1, abs=0.2)
    assert sum(value**2 for value in long.values()) == pytest.approx(1, abs=0.2)


def test_without_sources_there_are_no_marks() -> None:
    assert vocabulary(text(ENGLISH), Source(NOTHING)) == {}


def test_the_same_words_have_other_marks_where_the_source_does_not_carry_them() -> None:
    answer = text("The company sold cars.")
    assert vocabulary(answer, Source(text(ENGLISH))) != vocabulary(answer, Source(text("Nothing of that kind.")))


def test_marks_are_weighed_by_their_number() -> None:
    assert weigh({0: 0.5, 2: 1.0}, [2.0, 9.0, -1.0]) == 0.0
