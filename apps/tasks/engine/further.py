"""Further evidence of an invention, where a team has switched it on: a web look-up, and vectors of meaning.

Neither was at hand when the score of hallucination was fitted. So each is one more factor with a stated weight that moves the
score within bounds; what is not at hand is said.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from apps.tasks.engine.context import Context
from apps.tasks.engine.hallucination import Assessment, Factor, Span
from apps.tasks.engine.hallucination.text import NAME, NUMBER, read, read_all
from apps.tasks.engine.inspection import inspect, reweighed
from apps.tasks.engine.ports import Evidence
from apps.tasks.engine.types import Draft, Findings, Inputs, PlannedSubtask

# Stated, in log odds: a factor of 0 takes half of it off, one of 1 adds half, 0.5 says nothing.
WEIGHTS = {"lookup": 2.4, "similarity": 1.6}
QUERIES, QUERY_CHARS, LOOKUP_S = 5, 200, 12.0
FACTS_CHARS, SOURCE_CHARS = 6_000, 60_000  # of an answer, of sources
TOPIC_STRANGE, TOPIC_NEAR = 0.15, 0.5  # cosines; models differ, hence the small weight
SUPPORT_FAR, SUPPORT_NEAR = 0.3, 0.75
SENTENCES, PIECES, PIECE_CHARS, ANSWER_CHARS, VECTORS_S = 30, 60, 600, 2_000, 20.0
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?=\S)[^.!?\n]+)*[.!?]?")
_WORD = re.compile(r"[^\W_]{4,}")


@dataclass(frozen=True, slots=True)
class Fact:
    """A place that stands in no source, and the sentence that it is said in."""

    start: int
    end: int
    words: str
    sentence: str


async def inspected(subtask: PlannedSubtask, inputs: Inputs, draft: Draft, ctx: Context) -> Findings:
    """What `inspect` finds, and the further evidence that there is."""
    findings = inspect(subtask, inputs, draft, ctx)
    sources = tuple(outcome.text for _, outcome in sorted(inputs.items())) if findings.is_bound else ()
    return await with_further(findings, draft.text, subtask.description, sources, ctx.run.evidence)


async def with_further(
    findings: Findings, text: str, question: str, sources: Sequence[str], evidence: Evidence | None
) -> Findings:
    """The findings weighed anew with what the evidence says; unchanged but for `missing` where there is none."""
    assessment = findings.assessment
    if assessment is None:
        return findings
    looked_up, near = None, None
    if evidence is not None and text.strip():
        looked_up, near = await asyncio.gather(
            _looked_up(text, question, sources, evidence), _similarity(text, question, sources, evidence)
        )
    found = [factor for factor in (looked_up, near) if factor is not None]
    missing = tuple(name for name, factor in (("lookup", looked_up), ("similarity", near)) if factor is None)
    moved = moved_by(replace(assessment, missing=(*assessment.missing, *missing)), found)
    return reweighed(findings, text, moved) if found else replace(findings, assessment=moved)


def moved_by(assessment: Assessment, factors: Sequence[Factor]) -> Assessment:
    """The score moved by each factor's weight; base and contributions still make its sum."""
    odds, score = _log_odds(assessment.score), assessment.score
    added = []
    for factor in factors:
        odds += WEIGHTS[factor.name] * (factor.score - 0.5)
        after = round(100.0 / (1.0 + math.exp(-odds)), 4)
        added.append(replace(factor, contribution=round(after - score, 2)))
        score = after
    return replace(assessment, score=score, factors=(*assessment.factors, *added))


def _log_odds(score: float) -> float:
    share = min(0.9999, max(0.0001, score / 100.0))
    return math.log(share / (1.0 - share))


# ── the web ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def _looked_up(text: str, question: str, sources: Sequence[str], evidence: Evidence) -> Factor | None:
    """The share of facts without a source that the web does not have either. None: nothing to ask, or no usable answer."""
    facts = facts_of(text, question, sources)
    if not facts:
        return None
    sentences = list(dict.fromkeys(fact.sentence for fact in facts))[:QUERIES]
    answers = dict(zip(sentences, await _asked(sentences, evidence), strict=True))
    known = [(fact, is_there(fact, answers[fact.sentence])) for fact in facts if answers.get(fact.sentence)]
    if not known:
        return None
    absent = [fact for fact, is_known in known if not is_known]
    spans = tuple(Span(fact.start, fact.end, "not_found_on_the_web") for fact in absent)
    return Factor("lookup", round(len(absent) / len(known), 4), 0.0, spans)


async def _asked(sentences: Sequence[str], evidence: Evidence) -> list[Sequence[str] | None]:
    """All at once, and for a bounded time: what has not come by then says nothing."""
    asking = [asyncio.ensure_future(evidence.look_up(sentence[:QUERY_CHARS])) for sentence in sentences]
    await asyncio.wait(asking, timeout=LOOKUP_S)
    for one in asking:
        one.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    return [None if one.cancelled() else one.result() for one in asking]


def facts_of(text: str, question: str, sources: Sequence[str]) -> list[Fact]:
    """Names and numbers of the answer that neither the question nor a source has, with their sentences."""
    answer = read(text, FACTS_CHARS)
    given = {word.stem for word in read_all([question, *sources], SOURCE_CHARS).words}
    found = []
    for word in answer.words:
        if word.kind in (NAME, NUMBER) and len(word.text) > 1 and word.stem not in given:
            words = answer.of_sentence(word.sentence)
            said = answer.raw[words[0].start : words[-1].end]
            found.append(Fact(word.start, word.end, answer.raw[word.start : word.end], " ".join(said.split())))
    return found


def is_there(fact: Fact, results: Sequence[str] | None) -> bool:
    """Whether one result has the fact together with a third of the sentence's other words."""
    wanted = _plain(fact.words)
    others = set(_WORD.findall(_plain(fact.sentence))) - set(_WORD.findall(wanted))
    for result in results or ():
        said = _plain(result)
        if wanted in said and sum(word in said for word in others) * 3 >= len(others):
            return True
    return False


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


# ── meaning ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def _similarity(text: str, question: str, sources: Sequence[str], evidence: Evidence) -> Factor | None:
    """How far the answer is in meaning from its question, and its sentences from the sources. None without vectors."""
    said = [match for match in _SENTENCE.finditer(text[: ANSWER_CHARS * 3]) if len(match.group().split()) > 3][:SENTENCES]
    pieces = [source[at : at + PIECE_CHARS] for source in sources for at in range(0, len(source), PIECE_CHARS)][:PIECES]
    texts = [question[:ANSWER_CHARS], text[:ANSWER_CHARS], *pieces, *(match.group().strip() for match in said if pieces)]
    try:
        async with asyncio.timeout(VECTORS_S):
            vectors = await evidence.vectors(texts) if question.strip() else None
    except TimeoutError:
        return None
    if vectors is None or len(vectors) != len(texts):
        return None
    topic = _between(_cosine(vectors[0], vectors[1]), TOPIC_STRANGE, TOPIC_NEAR)
    if not pieces or not said:
        return Factor("similarity", round(topic, 4), 0.0)
    given, own = vectors[2 : 2 + len(pieces)], vectors[2 + len(pieces) :]
    nearest = [max(_cosine(vector, other) for other in given) for vector in own]
    far = [_between(likeness, SUPPORT_FAR, SUPPORT_NEAR) for likeness in nearest]
    spans = tuple(
        Span(match.start(), match.end(), "far_from_sources") for match, share in zip(said, far, strict=True) if share > 0.9
    )
    return Factor("similarity", round(max(topic, sum(far) / len(far)), 4), 0.0, spans)


def _between(likeness: float, strange: float, near: float) -> float:
    """1 where it is strange, 0 where it is near."""
    return min(1.0, max(0.0, (near - likeness) / (near - strange)))


def _cosine(a: Sequence[float], b: Sequence[float]) -> float:
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=False)) / lengths if lengths else 0.0
