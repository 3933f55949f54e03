"""The same again and again: sentences, cycles of words, loops at the end. The guard for streams is engine.runaway."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from operator import eq

from apps.tasks.engine.hallucination.text import FUNCTIONAL, NUMBER, Text, Word
from apps.tasks.engine.hallucination.types import Signal, Span
from apps.tasks.engine.runaway import repeated_unit

_FENCED = re.compile(r"^(```|~~~).*?(?:^\1|\Z)", re.DOTALL | re.MULTILINE)
_TABLE_LINE = re.compile(r"^\s*\|.*$", re.MULTILINE)
_LONGEST_PERIOD = 80
_WORDS_LOOKED_AT = 4_000
_TIMES = 3
_SENTENCE_WORDS = 3  # fewer different words make no sentence
_CYCLE_WORDS = 8  # a cycle fills at least so many words, or it is emphasis
_GRAM = 6
_LIKE = 0.5  # so much of two sentences' words in common, and they say nearly the same
_LOOK_BACK = 12  # sentences
_NEAR_WORDS = 5  # shorter sentences are alike by chance


def repetition(answer: Text) -> Signal | None:
    """None without words. Code and tables repeat for good reasons and are left out."""
    words = _prose(answer)
    if not words:
        return None
    sentences, spans = _sentences(words)
    cycle, cycle_span = _cycle(words)
    grams = _gram_share(words)
    unit = repeated_unit(answer.raw[-6_000:])
    near, near_spans = (0.0, []) if spans else _near(words)
    score = max(sentences, cycle, 1.0 if unit else 0.0, grams, near)
    measures = {"sentences": sentences, "cycle": cycle, "grams": grams}
    return Signal("repetition", score, (*spans, *cycle_span, *near_spans), measures)


def _prose(answer: Text) -> list[Word]:
    left_out = [match.span() for pattern in (_FENCED, _TABLE_LINE) for match in pattern.finditer(answer.raw)]
    words = answer.words
    if left_out:
        words = tuple(word for word in words if not any(start <= word.start < end for start, end in left_out))
    return list(words[-_WORDS_LOOKED_AT:])


def _sentences(words: list[Word]) -> tuple[float, list[Span]]:
    """The share of words in sentences that are said three times or more; two alike count when they fill half of a text."""
    said: dict[int, list[Word]] = defaultdict(list)
    for word in words:
        said[word.sentence].append(word)
    keys = {number: tuple(word.text for word in sentence) for number, sentence in said.items()}
    keys = {number: key for number, key in keys.items() if len(set(key)) >= _SENTENCE_WORDS}
    counts = Counter(keys.values())
    again = [number for number, key in keys.items() if counts[key] >= _TIMES]
    spans = [Span(said[number][0].start, said[number][-1].end, "said_again") for number in again]
    if not again:
        return 0.0, []
    share = sum(len(keys[number]) for number in again) / len(words)
    most = max(counts[keys[number]] for number in again)
    return min(1.0, max(share, 0.35 + 0.1 * most if most >= _TIMES else 0.0)), spans


def _near(words: list[Word]) -> tuple[float, list[Span]]:
    """The share of words in sentences that were said nearly so twice or more not long before, a word changed here and there.

    Sentences with other numbers in them are lines of a list, not the same said again.
    """
    said: dict[int, list[Word]] = defaultdict(list)
    for word in words:
        said[word.sentence].append(word)
    longer = [(sentence, {word.text for word in sentence}) for sentence in said.values() if len(sentence) >= _NEAR_WORDS]
    again: list[list[Word]] = []
    for place, (sentence, texts) in enumerate(longer):
        before = longer[max(0, place - _LOOK_BACK) : place]
        alike = sum(_says_nearly(texts, other) for _, other in before)
        if alike >= _TIMES - 1:
            again.append(sentence)
    if not again:
        return 0.0, []
    share = sum(map(len, again)) / len(words)
    spans = [Span(sentence[0].start, sentence[-1].end, "said_again") for sentence in again]
    return min(1.0, max(share, 0.25 + 0.1 * len(again))), spans


def _says_nearly(texts: set[str], other: set[str]) -> bool:
    if len(texts & other) < _LIKE * len(texts | other):
        return False
    return not any(text[0].isdigit() for text in texts ^ other)


def _cycle(words: list[Word]) -> tuple[float, list[Span]]:
    """The longest stretch that goes round in words, three times or more; counters in it may go up, which weighs less."""
    exact = [word.text for word in words]
    loose = ["#" if word.kind == NUMBER else word.text for word in words]
    best, weight, at = 0, 0.0, (0, 0)
    for sequence, trust in ((exact, 1.0), (loose, 0.6)):
        if trust < 1 and loose == exact:
            continue
        for period in range(1, min(_LONGEST_PERIOD, len(sequence) // _TIMES) + 1):
            if sum(map(eq, sequence[period:], sequence)) < max(period * (_TIMES - 1), _CYCLE_WORDS - period):
                continue
            length, end = _longest_match(sequence, period)
            whole = length + period
            if whole >= period * _TIMES and whole >= _CYCLE_WORDS and whole * trust > best * weight:
                best, weight, at = whole, trust, (end - whole, end)
    if not best:
        return 0.0, []
    stretch = words[at[0] : at[1]]
    if not any(word.kind != FUNCTIONAL for word in stretch):
        return 0.0, []
    score = weight * min(1.0, max(0.6, best / len(words)))
    return score, [Span(stretch[0].start, stretch[-1].end, "goes_round")]


def _longest_match(sequence: list[str], period: int) -> tuple[int, int]:
    """The longest run of words that equal the one a period before, and where it ends."""
    longest = run = end = 0
    for place, (word, before) in enumerate(zip(sequence[period:], sequence, strict=False)):
        if word == before:
            run += 1
            if run > longest:
                longest, end = run, place + period + 1
        else:
            run = 0
    return longest, end


def _gram_share(words: list[Word]) -> float:
    """The share of words in runs of six that stand in the text three times or more."""
    texts = [word.text for word in words]
    grams = list(zip(*(texts[offset:] for offset in range(_GRAM)), strict=False))
    counts = Counter(gram for gram in grams if len(set(gram)) >= _SENTENCE_WORDS)
    covered: set[int] = set()
    for place, gram in enumerate(grams):
        if counts[gram] >= _TIMES:
            covered.update(range(place, place + _GRAM))
    return len(covered) / len(words)
