"""What can be seen to be wrong with a draft without asking any AI.

The score of hallucination says how likely it is, and which detector moved it; here it is decided what of that counts against a
draft. A step may add to what it builds on, so only one that must keep to its sources is held against them; a short exact answer
says nothing about its topic; a poem need not repeat its question. What counts is in docs/reference/how-answers-are-checked.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from apps.tasks.engine.context import Context
from apps.tasks.engine.divergence import SHORT_ANSWER_WORDS
from apps.tasks.engine.hallucination import Assessment, Factor, Span, assess, stalled
from apps.tasks.engine.trust import assess as assess_trust
from apps.tasks.engine.types import ConfidencePart, Draft, Finding, Findings, Inputs, PlannedSubtask

PATIENCE_S = 60.0  # an answer that stands still for so long is taken for stalled
# A score of hallucination below it is shown and takes nothing off. The one with sources was fitted where every second answer is
# wrong: in each public data set at least four in five right answers stay below it, by models that had not seen their sources.
# `./orq bench hallucination FOLDER --cross-validated` prints it for each set; it is the highest of them (81.5), rounded.
COUNTS_FROM, COUNTS_FROM_WITH_SOURCES = 75.0, 82.0
COUNTS_FROM_IN_ITSELF, SURE = 50.0, 0.8  # where the text alone shows that something cannot be
OFF_TOPIC_AT_MOST = 60.0  # a checker judges the topic better: this alone makes nothing suspect
SPEAKING_POINTS = 10.0  # a detector that moved the score by less did not decide it
MOST_SPANS = 100  # of one detector that are kept
SAYING_WORDS = 3  # fewer different words make no sentence: a table's ruler, an empty cell, "ha ha ha"
MATERIAL_WORDS = 100  # a description so long brings the text that it asks about

# Signs of a mistake in themselves. What sources do not carry may also be what the step was to add.
_DECISIVE = ("repetition", "internal", "contradiction", "wording", "temporal", "scope", "samples", "earlier", "judge")
_SEEN_AT_ONCE = ("repetition", "refusal", "cut", "stall")
_WRONG_IN_ITSELF = ("internal", "temporal")
# Told by the findings already, or not about this text.
_NOT_OF_THE_TEXT = frozenset({"complexity", "refusal", "repetition", "cut", "cut_by_length", "withheld"})
_FENCED = re.compile(r"^(```|~~~).*?(?:^\1|\Z)", re.DOTALL | re.MULTILINE)
_WORD = re.compile(r"[^\W\d_]+")
_REFUSAL = re.compile(
    r"^\W*(?:(?:i(?:'m| am) )?sorry\W+|desculpe\w*\W+|sinto muito\W+|lamento\W+)?(?:but |mas |porém )?(?:"
    r"i can(?:no|')t (?:help with|help you|assist|provide|fulfil|comply|do that|answer)|"
    r"i(?:'m| am) (?:unable|not able) to (?:help|assist|provide|fulfil|comply|do|answer)|"
    r"as an ai(?: language| assistant|,| i )|"
    r"(?:eu )?não posso (?:ajudar|atender|fornecer|cumprir|responder|fazer isso)|"
    r"como uma? (?:ia\b|(?:modelo de )?inteligência artificial|modelo de linguagem))",
    re.IGNORECASE,
)
_KEEP_TO_SOURCES = re.compile(
    r"\b(?:summar\w+|shorten|condense|extract|quote|according to|based (?:only|solely) on|from the (?:text|article|document)|"
    r"what does .{1,60} say|resum\w+|extra(?:ia|ir|ção)|cite|de acordo com|segundo o|com base (?:apenas|somente) |d[oa] texto)\b",
    re.IGNORECASE,
)
_TRANSLATE = re.compile(
    r"\btrans(?:lat|crib)|\btradu[zç]|\b(?:in|into|to|para o|em) (?:english|inglês|português|portuguese|spanish)", re.I
)
_ENGLISH = re.compile(r"\b(?:the|and|of|is|are|was|with|that|this|for|what|how|why|you)\b", re.IGNORECASE)
_PORTUGUESE = re.compile(r"\b(?:que|não|uma?|os|as|do|da|dos|das|em|é|para|com|por|mais|qual|como)\b", re.IGNORECASE)


def inspect(subtask: PlannedSubtask, inputs: Inputs, draft: Draft, ctx: Context) -> Findings:
    """What counts against the draft, each with a score of 0-100, a quote and its spans; and all that led to it."""
    is_bound = keeps_to_sources(subtask.description)
    return look_at(draft, subtask.description, sources=_sources(subtask, inputs, ctx) if is_bound else (), is_bound=is_bound)


def look_at(
    draft: Draft, question: str, *, sources: Sequence[str] = (), samples: Sequence[str] = (), is_bound: bool = False
) -> Findings:
    """The same of any answer. `sources`: what it must keep to; `samples`: further answers to the same question."""
    assessment = assess(
        draft.text,
        question=question if _shows_its_topic(question, draft) else "",
        sources=sources,
        samples=samples,
        stall=stalled(is_cut=False, longest_pause_s=draft.longest_pause_s, patience_s=PATIENCE_S),
    )
    found = (
        _repetition(draft.text, assessment),
        _refusal(draft.text),
        _cut(draft),
        _stall(assessment),
        _invention(draft.text, assessment),
    )
    return Findings(
        tuple(finding for finding in found if finding is not None),
        assessment=replace(assessment, factors=tuple(_bounded(factor) for factor in assessment.factors)),
        signals=_signals(question, draft),
        is_bound=is_bound,
    )


def reweighed(findings: Findings, text: str, assessment: Assessment) -> Findings:
    """The findings where further evidence has moved the score: what rests on it counts anew."""
    kept = tuple(item for item in findings.items if item.kind in _SEEN_AT_ONCE)
    invention = _invention(text, assessment)
    return replace(findings, items=(*kept, *([invention] if invention else [])), assessment=assessment)


def keeps_to_sources(question: str) -> bool:
    """Whether the words of the question bind its answer to a text: summarise, extract, according to …"""
    return _KEEP_TO_SOURCES.search(question) is not None


def _shows_its_topic(question: str, draft: Draft) -> bool:
    """Whether the words of the answer can be held against those of the question."""
    if len(draft.text.split()) <= SHORT_ANSWER_WORDS or _TRANSLATE.search(question):
        return False
    return _language(question) == _language(_FENCED.sub("", draft.text))


def _language(text: str) -> str:
    english, portuguese = len(_ENGLISH.findall(text)), len(_PORTUGUESE.findall(text))
    if english == portuguese:
        return ""
    return "en" if english > portuguese else "pt"


def _sources(subtask: PlannedSubtask, inputs: Inputs, ctx: Context) -> tuple[str, ...]:
    described = dict.fromkeys((subtask.description, ctx.task.description))
    material = tuple(text for text in described if len(text.split()) >= MATERIAL_WORDS)
    return (*(outcome.text for _, outcome in sorted(inputs.items())), *material)


# ── what counts ───────────────────────────────────────────────────────────────────────────────────────────────────


def _repetition(text: str, assessment: Assessment) -> Finding | None:
    """How sure the detector is, times how much of the text, code left out, it points at. Rulers and grids say nothing again."""
    factor = _factor(assessment, "repetition")
    spans = tuple(span for span in factor.spans if _says_something(text[span.start : span.end])) if factor else ()
    if factor is None or not spans:
        return None
    prose = len(_FENCED.sub("", text).strip()) or 1
    return _finding("repetition", 100.0 * factor.score * min(1.0, _covered(spans) / prose), text, spans)


def _says_something(words: str) -> bool:
    return len(set(_WORD.findall(words.casefold()))) >= SAYING_WORDS


def _refusal(text: str) -> Finding | None:
    match = _REFUSAL.match(text.replace("’", "'"))
    return Finding("refusal", 80.0, text[:200], (Span(0, match.end(), "refusal"),)) if match and len(text) < 600 else None


def _cut(draft: Draft) -> Finding | None:
    return None if draft.is_complete else Finding("cut", 60.0, draft.text[-120:])


def _stall(assessment: Assessment) -> Finding | None:
    factor = _factor(assessment, "stall")
    return Finding("stall", round(60.0 * factor.score, 2)) if factor else None


def _invention(text: str, assessment: Assessment) -> Finding | None:
    """The fitted score, under the name of the detector that moved it most; only where one that is decisive did."""
    speaking = [f for f in assessment.factors if f.name in _DECISIVE and f.contribution >= SPEAKING_POINTS]
    if not speaking or len(text.split()) <= SHORT_ANSWER_WORDS:
        return None
    loudest = max(speaking, key=lambda factor: factor.contribution)
    if assessment.score < _counts_from(loudest, assessment):
        return None
    if loudest.name == "repetition":
        return None  # weighed above, by how much of the text it takes up
    score = min(assessment.score, OFF_TOPIC_AT_MOST) if loudest.name == "scope" else assessment.score
    return _finding(loudest.name, score, text, loudest.spans)


def _counts_from(loudest: Factor, assessment: Assessment) -> float:
    if loudest.name in _WRONG_IN_ITSELF and loudest.score >= SURE:
        return COUNTS_FROM_IN_ITSELF
    return COUNTS_FROM if "sources" in assessment.missing else COUNTS_FROM_WITH_SOURCES


def _signals(question: str, draft: Draft) -> tuple[ConfidencePart, ...]:
    """What speaks against the text as an answer to its question: sums that are wrong, hedges, code that does not parse …"""
    found = assess_trust(question, draft.text).signals
    against = (signal for signal in found if signal.contribution < 0 and signal.name not in _NOT_OF_THE_TEXT)
    return tuple(ConfidencePart(signal.name, signal.contribution, signal.detail[:200]) for signal in against)


# ── small things ──────────────────────────────────────────────────────────────────────────────────────────────────


def _factor(assessment: Assessment, name: str) -> Factor | None:
    return next((factor for factor in assessment.factors if factor.name == name), None)


def _finding(kind: str, score: float, text: str, spans: tuple[Span, ...]) -> Finding:
    quote = text[spans[0].start : spans[0].end][:200] if spans else ""
    return Finding(kind, round(score, 2), quote, spans[:MOST_SPANS])


def _bounded(factor: Factor) -> Factor:
    return replace(factor, spans=factor.spans[:MOST_SPANS])


def _covered(spans: tuple[Span, ...]) -> int:
    """How many characters lie in at least one of the spans."""
    total, reached = 0, 0
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        total += max(0, span.end - max(span.start, reached))
        reached = max(reached, span.end)
    return total
