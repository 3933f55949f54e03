"""Texts that nobody would write on purpose: the score stands, in bounded time, and says what it could not see."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from typing import Any

import pytest

from apps.tasks.engine.hallucination import Assessment, assess
from apps.tasks.engine.inspection import look_at
from apps.tasks.engine.types import Draft, ModelRef
from scripts.environment import ROOT

BY = ModelRef("m", "p", "m", "m", "m")
QUESTION = "How does a tide come about?"
SOURCE = (
    "A tide is the rise and fall of the sea. It comes about by the pull of the moon and, half as strong, by that of the sun. "
)
PROSE = "A tide is the rise and fall of the sea, brought about by the pull of the moon and the sun. "
CODE = '```python\ndef tide(moon: float, sun: float) -> float:\n    """The pull of both."""\n    return moon + sun / 2\n```\n'
TABLE = "| body | pull |\n|---|---|\n| moon | 1.0 |\n| sun | 0.46 |\n| moon | 1.0 |\n| sun | 0.46 |\n"
ARABIC = "المد هو ارتفاع البحر وانخفاضه بفعل جاذبية القمر والشمس. "
TWICE_A_DAY = "ويحدث مرتين في اليوم على معظم السواحل."
PORTUGUESE = "A maré é a subida e a descida do mar, causada pela atração da Lua e, com metade da força, pela do Sol. "

CASES: dict[str, dict[str, Any]] = {
    "an empty answer": {"answer": ""},
    "white space alone": {"answer": " \n\t "},
    "no answer at all": {"answer": None},
    "one megabyte": {"answer": PROSE * (1_000_000 // len(PROSE)), "context": SOURCE},
    "one megabyte without a space": {"answer": "x" * 1_000_000},
    "another language than the question": {"answer": PORTUGUESE, "context": SOURCE},
    "only code": {"answer": CODE, "context": SOURCE},
    "only a table": {"answer": TABLE, "context": SOURCE},
    "no context": {"answer": PROSE},
    "an empty context": {"answer": PROSE, "context": ["", " "]},
    "a context of 100,000 words": {"answer": PROSE, "context": SOURCE * 4_200},
    "samples that are all the same": {"answer": PROSE, "samples": [PROSE] * 20},
    "samples that are all empty": {"answer": PROSE, "samples": [""] * 5},
    "right to left": {"answer": ARABIC + TWICE_A_DAY, "context": SOURCE},
    "right to left throughout": {"answer": ARABIC, "question": "كيف يحدث المد؟", "context": ARABIC},
    "emoji": {"answer": "🌊🌕 " * 200, "context": SOURCE},
    "NUL bytes": {"answer": "A tide\x00 is the rise\x00\x00 and fall of the sea.\x00", "context": f"\x00{SOURCE}"},
    "lone surrogates": {"answer": "A tide \ud83c is the rise of the sea.", "context": SOURCE},
    "a context that is no text": {"answer": PROSE, "context": [1, None, {"a": 2}]},
}
LONGEST_S = 8.0  # of one case on a busy machine; alone the longest takes about one


@pytest.mark.parametrize("name", CASES)
def test_the_score_stands_whatever_it_is_given(name: str) -> None:
    from apps.tasks.engine.hallucination.score import score_lines

    record = {"id": name, "question": QUESTION, **CASES[name]}
    began = time.thread_time()
    [found] = score_lines([record])
    assert time.thread_time() - began < LONGEST_S
    assert found["id"] == name and 0 <= found["score"] <= 100
    assert all(isinstance(points, float) for points in found["factors"].values())


def test_the_command_scores_all_of_them_and_keeps_their_order() -> None:
    lines = [json.dumps({"id": name, "question": QUESTION, **case}) for name, case in CASES.items() if len(str(case)) < 50_000]
    command = [sys.executable, "-c", "import sys; from scripts.score import main; sys.exit(main(['hallucination']))"]
    done = subprocess.run(command, cwd=ROOT, input="\n".join(lines), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["id"] for line in io.StringIO(done.stdout)] == [json.loads(line)["id"] for line in lines]


def given(name: str) -> Assessment:
    case = CASES[name]
    context = case.get("context") or ()
    sources = (context,) if isinstance(context, str) else tuple(map(str, context))
    return assess(case["answer"] or "", question=QUESTION, sources=sources, samples=case.get("samples", ()))


def test_what_was_not_read_whole_is_said_to_be_partial() -> None:
    assert given("one megabyte").is_partial and given("a context of 100,000 words").is_partial
    assert not given("no context").is_partial


def test_what_was_not_given_is_said_to_be_missing() -> None:
    assert {"sources", "samples", "judge"} <= set(given("no context").missing)
    assert "sources" in given("an empty context").missing
    assert (
        "samples" in given("samples that are all empty").missing
        and "samples" not in given("samples that are all the same").missing
    )


@pytest.mark.parametrize(
    "name", ["an empty answer", "only code", "only a table", "another language than the question", "right to left", "NUL bytes"]
)
def test_nothing_of_it_counts_against_a_draft(name: str) -> None:
    findings = look_at(Draft(CASES[name]["answer"], BY), QUESTION)
    assert findings.worst < 75, findings.items


@pytest.mark.parametrize("name", CASES)
def test_every_place_that_is_pointed_at_lies_in_the_answer(name: str) -> None:
    answer = CASES[name]["answer"] or ""
    spans = [span for factor in given(name).factors for span in factor.spans]
    assert all(0 <= span.start < span.end <= len(answer) for span in spans)
