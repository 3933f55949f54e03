"""An answer that says two things that cannot both be so."""

from __future__ import annotations

import re

from apps.tasks.engine.hallucination.sources import Source, are_opposite, content, negated_stems
from apps.tasks.engine.hallucination.text import CONTENT, NAME, NUMBER, Text, Word
from apps.tasks.engine.hallucination.types import Signal, Span

_ONE_VALUE = re.compile(
    r"\b(?:born|died|capital|located|founded|established|built|aged|population|costs?|weighs?|height|released|opened|"
    r"nasceu|nascid[oa]|morreu|faleceu|capital|fica|fundad[oa]|constru[ií]d[oa]|idade|população|custa|pesa|altura|lançad[oa])\b",
    re.IGNORECASE,
)
_SENTENCES = 80
_SHARED_WORDS = 2


def internal(answer: Text) -> Signal | None:
    """Pairs of sentences about the same thing that differ in one value or in a negation. None below two sentences."""
    if len(answer.sentences) < 2:
        return None
    index = Source(answer)
    spans: list[Span] = []
    worst = 0.0
    for number in range(min(_SENTENCES, len(answer.sentences))):
        said = answer.of_sentence(number)
        for other in index.nearest_sentences((word.stem for word in content(said)), 3):
            if other < number:
                score, span = _clash(said, answer.of_sentence(other), answer.raw)
                worst = max(worst, score)
                spans += [span] if span else []
    return Signal("internal", worst, tuple(spans), {"clash": worst})


def _clash(said: tuple[Word, ...], earlier: tuple[Word, ...], raw: str) -> tuple[float, Span | None]:
    new, old = content(said), content(earlier)
    shared = {word.stem for word in new} & {word.stem for word in old}
    only_new = [word for word in new if word.stem not in shared]
    only_old = [word for word in old if word.stem not in shared]
    if len(shared) < _SHARED_WORDS or len(shared) < 0.5 * min(len(new), len(old)):
        return 0.0, None
    if (negated_stems(said) ^ negated_stems(earlier)) & shared and len(only_new) <= 2 and len(only_old) <= 2:
        return 0.8, Span(said[0].start, said[-1].end, "negates_itself")
    for word in only_new:
        if any(are_opposite(word, other) for other in only_old) and len(only_new) + len(only_old) <= 3:
            return 0.8, Span(word.start, word.end, "opposite_of_itself")
    return _other_value(said, only_new, only_old, raw, shared)


def _other_value(
    said: tuple[Word, ...], only_new: list[Word], only_old: list[Word], raw: str, shared: set[str]
) -> tuple[float, Span | None]:
    """The same said of the same, with another number, or with another name where only one can be right."""
    if any(word.kind == CONTENT for word in only_new) and any(word.kind == CONTENT for word in only_old):
        return 0.0, None
    kinds = {word.kind for word in only_new} & {word.kind for word in only_old}
    sentence = raw[said[0].start : said[-1].end]
    if NUMBER in kinds and NAME not in {word.kind for word in (*only_new, *only_old)} and len(shared) > _SHARED_WORDS:
        word = next(word for word in only_new if word.kind == NUMBER)
        return 0.6, Span(word.start, word.end, "another_number")
    if kinds and _ONE_VALUE.search(sentence):
        word = next(word for word in only_new if word.kind in kinds)
        return 0.7, Span(word.start, word.end, "another_value")
    return 0.0, None
