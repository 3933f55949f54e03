"""One score with its parts; evidence moves it the right way; nothing that is given breaks it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from apps.tasks.engine.hallucination import assess, stalled
from apps.tasks.engine.hallucination import model as fitted
from apps.tasks.engine.hallucination.score import score_lines

ROOT = Path(__file__).resolve().parents[3]
SOURCE = "The Eiffel Tower stands in Paris. It was finished in 1889 by the company of Gustave Eiffel."
FONTE = "A Torre Eiffel fica em Paris. Ela foi concluída em 1889 pela empresa de Gustave Eiffel."
GOOD = "The Eiffel Tower was finished in 1889."
BAD = "The Berlin Tower was finished in 1925 by Oscar Niemeyer."
BOA = "A Torre Eiffel foi concluída em 1889."
RUIM = "A Torre de Berlim foi concluída em 1925 por Oscar Niemeyer."


@pytest.mark.parametrize(("source", "good", "bad"), [(SOURCE, GOOD, BAD), (FONTE, BOA, RUIM)])
def test_an_answer_that_its_sources_do_not_carry_scores_higher(source: str, good: str, bad: str) -> None:
    assert assess(good, sources=[source]).score + 20 < assess(bad, sources=[source]).score


@pytest.mark.parametrize("question", ["", "When was it finished?"])
def test_the_parts_add_up_to_the_score(question: str) -> None:
    found = assess(BAD, question=question, sources=[SOURCE], judge=0.9)
    assert found.base + sum(factor.contribution for factor in found.factors) == pytest.approx(found.score, abs=0.1)


def test_every_detector_that_had_something_to_look_at_is_a_factor() -> None:
    found = assess(
        GOOD + " It is red.",
        question="When was it finished?",
        sources=[SOURCE],
        samples=["In 1889."],
        earlier="In 1889.",
        judge=0.1,
        stall=stalled(is_cut=True, longest_pause_s=0, patience_s=60),
    )
    assert {factor.name for factor in found.factors} == {
        *("repetition", "internal", "support", "contradiction", "wording", "unverified", "scope", "temporal", "samples"),
        *("earlier", "judge", "stall"),
    }
    assert found.missing == ()


def test_what_was_not_given_is_said() -> None:
    assert assess(GOOD).missing == ("question", "sources", "samples", "judge")


def test_a_loop_scores_high_without_any_source() -> None:
    loop = "Here is what I found. " + "The sky is blue and the grass is green. " * 6
    assert assess(loop).score > 80 > 50 > assess(SOURCE).score


def test_an_answer_to_another_question_scores_high() -> None:
    question = "Why did the Roman empire fall in the west?"
    assert assess("The Roman empire fell in the west through wars and taxes.", question=question).score < 50
    assert assess("To bake bread you need flour, water, yeast and patience.", question=question).score > 70


def test_samples_and_other_models_that_disagree_raise_the_score() -> None:
    said = "Ann Lee was born in Toronto in 1950."
    agreeing, differing = ["Ann Lee was born in Toronto in 1950."] * 4, ["Ann Lee was born in Lisbon in 1931."] * 4
    assert assess(said, samples=agreeing).score < assess(said, samples=differing).score
    assert assess(said, others=agreeing).score < assess(said, others=differing).score


@pytest.mark.parametrize(
    ("calm", "alarming"),
    [
        ({"judge": 0.1}, {"judge": 0.9}),
        ({"earlier": GOOD}, {"earlier": "Nobody knows when the Berlin wall fell; maybe 1989."}),
        ({}, {"stall": stalled(is_cut=False, longest_pause_s=60, patience_s=60)}),
    ],
)
def test_signs_from_outside_the_text_move_the_score(calm: dict, alarming: dict) -> None:
    assert assess(GOOD, **calm).score < assess(GOOD, **alarming).score


def test_neither_the_length_of_an_answer_nor_its_author_is_a_measure() -> None:
    names = fitted.load().features
    assert not [name for name in names if any(word in name for word in ("length", "author", "model", "words", "chars", "count"))]


def test_the_shipped_numbers_say_where_they_come_from() -> None:
    numbers = json.loads(fitted.FILE.read_text("utf-8"))
    assert numbers["date"] and numbers["source"] and numbers["licence"]
    assert numbers["figures"]["inside"]["macro"] > 0.73
    assert numbers["figures"]["outside"]["macro"] > 0.69
    assert set(numbers["weights"]) == set(fitted.SITUATIONS) == set(numbers["calibration"])


# ── bad input ─────────────────────────────────────────────────────────────────────────────────────────────────────

ODD = {
    "nothing": "",
    "blank": " \n\t ",
    "NUL bytes": "a\x00b \x00 The tower\x00 of 1889",
    "emoji": "😀😀 👍🏽 " * 20,
    "right to left": "برج إيفل في باريس. تم بناؤه عام 1889.",
    "Hebrew": "מגדל אייפל נמצא בפריז.",
    "Chinese": "埃菲尔铁塔位于巴黎。它于1889年完工。",
    "only code": "```python\nfor x in range(10):\n    print(x)\n```",
    "only a table": "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |",
    "only signs": "?!... --- ***",
    "a number": "42",
    "half a pair of surrogates": "broken \ud800 text",
    "another language than the source": "La torre fue terminada en 1889.",
}


@pytest.mark.parametrize("name", ODD)
def test_odd_answers_get_a_score(name: str) -> None:
    found = assess(ODD[name], question="When was the tower finished?", sources=[SOURCE], samples=[ODD[name]] * 3, earlier=GOOD)
    assert 0 <= found.score <= 100 and not math.isnan(found.score)
    for factor in found.factors:
        assert 0 <= factor.score <= 1
        assert all(0 <= span.start < span.end <= len(ODD[name]) for span in factor.spans)


@pytest.mark.parametrize("name", ODD)
def test_odd_sources_and_questions_are_read(name: str) -> None:
    assert 0 <= assess(GOOD, question=ODD[name], sources=[ODD[name], ""], samples=["", ODD[name]]).score <= 100


def test_what_is_too_long_is_read_in_part_and_that_is_said() -> None:
    assert assess("The tower is red today. " * 45_000).is_partial
    assert assess(GOOD, sources=["Every word here counts once more. " * 17_000]).is_partial
    assert not assess(GOOD, sources=[SOURCE]).is_partial


def test_samples_that_are_all_the_same_are_no_fault() -> None:
    assert assess(GOOD, samples=[GOOD] * 20).score < 50


# ── JSON lines ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_lines_are_scored_in_order_with_their_factors() -> None:
    lines = [
        {"id": "good", "context": SOURCE, "answer": GOOD},
        {"id": "bad", "context": [SOURCE], "answer": BAD, "question": None, "samples": None},
        {"id": 3, "answer": None},
    ]
    good, bad, empty = score_lines(lines)
    assert [good["id"], bad["id"], empty["id"]] == ["good", "bad", 3]
    assert good["score"] < bad["score"]
    assert bad["factors"].keys() >= {"support", "contradiction", "unverified", "repetition"}


def test_the_command_reads_lines_and_writes_lines() -> None:
    lines = [{"id": "1", "context": FONTE, "answer": BOA}, {"id": "2", "context": FONTE, "answer": RUIM}]
    given = "\n".join(json.dumps(line) for line in lines)
    command = [sys.executable, "-c", "import sys; from scripts.score import main; sys.exit(main(['hallucination']))"]
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first.keys() == {"id", "score", "factors"}
    assert (first["id"], second["id"]) == ("1", "2")
    assert 0 <= first["score"] < second["score"] <= 100


def test_it_needs_nothing_but_the_standard_library() -> None:
    look = "import sys; import apps.tasks.engine.hallucination; print(*sorted({n.split('.')[0] for n in sys.modules}))"
    done = subprocess.run([sys.executable, "-S", "-c", look], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) - sys.stdlib_module_names <= {"apps", "__main__"}
