"""How far author and checker are apart."""

from __future__ import annotations

import pytest

from apps.tasks.engine.divergence import answer_distance, diverge
from apps.tasks.engine.types import CriterionScore, Defect, Verdict
from tests.engine.fakes import model

BOB = model("bob")
SAME, OTHER = 0.0, 100.0


def a_verdict(
    score: float, own: str | None = None, *, defects: tuple[str, ...] = (), criteria: tuple[float, ...] = ()
) -> Verdict:
    scores = tuple(CriterionScore(f"criterion {n}", value) for n, value in enumerate(criteria))
    return Verdict(score, BOB, scores, tuple(Defect("wrong", severity=severity) for severity in defects), own)


@pytest.mark.parametrize(
    ("verdict", "text", "total"),
    [
        # the score alone
        (a_verdict(100), "x", 0),
        (a_verdict(95), "x", 5),
        (a_verdict(80), "x", 20),
        (a_verdict(0), "x", 100),
        # defects weigh whatever the score says
        (a_verdict(100, defects=("minor",)), "x", 5),
        (a_verdict(95, defects=("major",)), "x", 25),
        (a_verdict(95, defects=("critical",)), "x", 60),
        (a_verdict(95, defects=("critical", "critical")), "x", 100),
        # a criterion that is not met contradicts a good score
        (a_verdict(100, criteria=(100, 0)), "x", 50),
        (a_verdict(90, criteria=(95, 95)), "x", 10),
        # the same answer softens a low score, another answer makes a high one a dispute
        (a_verdict(100, "15"), "15", 0),
        (a_verdict(60, "15"), "15", 20),
        (a_verdict(0, "15"), "14", 100),
        (a_verdict(100, "15"), "14", 50),
        (a_verdict(0, "14"), "14", 50),
        (a_verdict(100, "14", defects=("critical",)), "14", 60),
        (a_verdict(90, "  "), "x", 10),
    ],
)
def test_the_divergence_of_a_verdict(verdict: Verdict, text: str, total: float) -> None:
    found = diverge(verdict, text)
    assert found.total == total
    assert 0 <= found.total <= 100
    assert found.parts["score"] == 100 - verdict.score


def test_its_parts_are_kept() -> None:
    assert diverge(a_verdict(90, "15", defects=("minor",), criteria=(80,)), "14").parts == {
        "score": 10, "defects": 5, "criteria": 20, "answer": 100, "score and answer": 55,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("own", "text", "distance"),
    [
        # numbers
        ("15", "15", SAME),
        ("15", " 15. ", SAME),
        ("15", "7 + 8 = 15", SAME),
        ("8", "7 + 8 = 15", OTHER),
        ("15", "14", OTHER),
        ("15", "The answer is 15.", SAME),
        ("15", "It is 150", OTHER),
        ("1,000", "1000", SAME),
        ("1.000", "1000", SAME),
        ("1.000.000", "1000000", SAME),
        ("1.234,56", "1234.56", SAME),
        ("3,5", "3.5", SAME),
        ("3,5", "35", OTHER),
        ("-5", "−5", SAME),
        ("-5", "5", OTHER),
        ("10-15", "10 to 15", SAME),
        ("5 to 10", "3 to 10", OTHER),
        ("3 March 2024", "12 March 2024", OTHER),
        ("2024-03-05", "2024-03-01", OTHER),
        ("15 km", "15 km, or 9.3 miles", SAME),
        ("15", "After a long look at all of the facts that were given, the sum of the two is 15 apples.", SAME),
        ("3,5", "After a long look at all of the facts that were given, the mean of the two is 3.5 apples.", SAME),
        ("15", "After a long look at all of the facts that were given, the sum of the two is 14 apples.", OTHER),
        # text
        ("Paris", "paris", SAME),
        ("Paris", "The capital of France is Paris.", SAME),
        ("Paris", "The capital of France is Lyon.", OTHER),
        ("no", "I know nothing of it", OTHER),
        ("São Paulo", "SÃO PAULO!", SAME),
        ("B", "A", OTHER),
        ("", "", SAME),
    ],
)
def test_the_distance_of_two_answers(own: str, text: str, distance: float) -> None:
    assert answer_distance(own, text) == distance


def test_long_answers_are_as_far_apart_as_their_words() -> None:
    one = "the quick brown fox jumps over the lazy dog while the old cat sleeps in the sun"
    half = "the quick brown fox jumps over the lazy dog but nobody here has seen any of these things"
    other = "every morning seven ships left harbour carrying salt fish barrels towards islands nobody had mapped yet properly"
    assert answer_distance(one, one) == 0
    assert 20 < answer_distance(one, half) < 80
    assert answer_distance(one, other) > 90
