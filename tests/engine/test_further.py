"""Further evidence of an invention: a web look-up and vectors of meaning, each a bounded factor, said where it is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from apps.tasks.engine.further import WEIGHTS, facts_of, moved_by, with_further
from apps.tasks.engine.hallucination import Factor, assess
from apps.tasks.engine.inspection import look_at
from apps.tasks.engine.types import Draft, Findings, ModelRef

BY = ModelRef("m", "p", "m", "m", "m")
QUESTION = "Who widened the harbour of Setúbal, and when was that done?"
ANSWER = (
    "The harbour of Setúbal was widened in 1923 by the engineer Adolfo Loureiro. "
    "He had built the quays of Funchal before, between 1889 and 1912."
)


@dataclass
class Asked:
    """What a team lets be asked. A list of results for every query; vectors by what a text begins with."""

    results: Sequence[str] | None = None
    near: dict[str, Sequence[float]] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    waits_s: float = 0.0

    async def look_up(self, query: str) -> Sequence[str] | None:
        self.queries.append(query)
        await asyncio.sleep(self.waits_s)
        return self.results

    async def vectors(self, texts: Sequence[str]) -> Sequence[Sequence[float]] | None:
        if not self.near:
            return None
        return [next((vector for begin, vector in self.near.items() if text.startswith(begin)), (0.0, 1.0)) for text in texts]


def weighed(evidence: Asked | None, answer: str = ANSWER, *, sources: Sequence[str] = ()) -> Findings:
    findings = look_at(Draft(answer, BY), QUESTION, sources=sources, is_bound=bool(sources))
    return asyncio.run(with_further(findings, answer, QUESTION, sources, evidence))


def factor(findings: Findings, name: str) -> Factor | None:
    assert findings.assessment is not None
    return next((one for one in findings.assessment.factors if one.name == name), None)


def test_without_any_the_score_stays_and_says_what_is_missing() -> None:
    plain = look_at(Draft(ANSWER, BY), QUESTION)
    found = weighed(None)
    assert found.assessment is not None and plain.assessment is not None
    assert found.assessment.score == plain.assessment.score and found.items == plain.items
    assert found.assessment.missing[-2:] == ("lookup", "similarity")


def test_facts_that_the_web_has_take_off_and_those_that_it_does_not_have_add() -> None:
    there = weighed(Asked(results=["Setúbal harbour", ANSWER]))
    absent = weighed(Asked(results=["Harbours of Portugal: a list of all harbours and how they were widened."]))
    plain = weighed(None)
    assert there.assessment and absent.assessment and plain.assessment
    assert there.assessment.score < plain.assessment.score < absent.assessment.score
    found = factor(absent, "lookup")
    assert found is not None and found.score == 1.0 and "lookup" not in absent.assessment.missing
    said = {ANSWER[span.start : span.end] for span in found.spans}
    assert "1923" in said and any("Loureiro" in words for words in said)


def test_base_and_contributions_still_make_the_score() -> None:
    found = weighed(Asked(results=["nothing of it"], near={"Who": (1.0, 0.0), "The": (0.0, 1.0)})).assessment
    assert found is not None
    assert found.score == pytest.approx(found.base + sum(one.contribution for one in found.factors), abs=0.3)


def test_what_each_can_move_is_bounded() -> None:
    assessment = assess(ANSWER, question=QUESTION)
    for name, weight in WEIGHTS.items():
        for score in (0.0, 1.0):
            moved = moved_by(assessment, [Factor(name, score, 0.0)])
            assert abs(moved.score - assessment.score) <= 25 * weight / 2 + 0.01  # the steepest place of the curve


def test_a_search_that_gives_nothing_or_takes_too_long_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.tasks.engine.further.LOOKUP_S", 0.05)
    for evidence in (Asked(results=None), Asked(results=[]), Asked(results=[ANSWER], waits_s=5)):
        found = weighed(evidence)
        assert evidence.queries and factor(found, "lookup") is None
        assert found.assessment is not None and "lookup" in found.assessment.missing


def test_an_answer_without_facts_is_not_looked_up() -> None:
    evidence = Asked(results=["anything"])
    weighed(evidence, "It was done by people who knew what they did, a long time before anybody thought of asking why it was.")
    assert evidence.queries == []


def test_an_answer_far_in_meaning_from_its_question_scores_higher_than_one_near_to_it() -> None:
    near = weighed(Asked(near={"Who": (1.0, 0.0), "The": (1.0, 0.1)}))
    far = weighed(Asked(near={"Who": (1.0, 0.0), "The": (0.0, 1.0)}))
    assert near.assessment and far.assessment and near.assessment.score < far.assessment.score


def test_sentences_far_from_every_source_are_marked() -> None:
    vectors = {"Who": (1.0, 0.0), "The": (1.0, 0.0), "Harbour": (1.0, 0.0), "He had": (0.0, 1.0)}
    found = weighed(Asked(near=vectors), sources=["Harbour works: widened in 1923 by the engineer Adolfo Loureiro."])
    near = factor(found, "similarity")
    assert near is not None and [ANSWER[span.start :][:7].strip() for span in near.spans] == ["He had"]


def test_facts_are_places_that_stand_in_no_source_with_their_sentences() -> None:
    facts = facts_of(ANSWER, QUESTION, ["In 1923."])
    words = {fact.words for fact in facts}
    assert {"1889", "1912", "Loureiro"} <= words and not {"1923", "Setúbal"} & words
    assert all(fact.words in fact.sentence for fact in facts)
