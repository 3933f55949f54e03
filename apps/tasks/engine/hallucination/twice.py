"""What is said twice in a row, the second time with a few words changed, left out or put in: a loop that never comes to three."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import accumulate, chain, groupby, pairwise
from operator import attrgetter, eq
from typing import NamedTuple

from apps.tasks.engine.hallucination.changes import siblings
from apps.tasks.engine.hallucination.cycles import says_something
from apps.tasks.engine.hallucination.lexicon import ORDINALS
from apps.tasks.engine.hallucination.sources import opposites
from apps.tasks.engine.hallucination.text import FUNCTIONAL, NUMBER, Word

_LEAST_WORDS, _MOST_WORDS = 5, 80  # fewer are said again for emphasis
_SENTENCE_WORDS, _CHANGED = 8, 0.25  # and so large a share of their words may be others
_LINE_WORDS = 12  # lines of verse and of lists are shorter
_LONG_WORDS = 12  # so many are not said again within a sentence either
_LOOKED_AT = 3_000  # words, the last ones
_PAIRS = 0.5  # for each word so many pairs of words stand about as far behind, where something is said twice
_TWICE = 1.6  # of a period; from here on there is a third time
_MARK_CHARS = 8  # before the first item
_SENTENCE_END = re.compile(r"[.!?…\n]")
_ITEM = re.compile(r"\n\s*(?:[-*+•|>#`(\[]|\S*[/\\]|\w{1,3}[.)]\s|[^\s:]+(?: [^\s:]+)?:\s)")


class Second(NamedTuple):
    """Words `begin` to `end` say again what stands before them: `period` words before up to `differs`, then `after` words."""

    begin: int
    end: int
    period: int
    after: int
    differs: int

    @property
    def is_more(self) -> bool:
        return self.end - self.begin >= _TWICE * self.period


def said_twice(words: Sequence[Word], raw: str) -> list[Sequence[Word]]:
    """The second of each two. Not what is there a third time: that is a list, or a loop of another kind."""
    told = words[-_LOOKED_AT:]
    found = _by_words(told, raw)
    known = {word.sentence for second in found for word in second}
    return found + [second for second in _by_sentences(told, raw) if second[0].sentence not in known]


# ── whole sentences, a few words changed ──────────────────────────────────────────────────────────────────────────


def _by_sentences(words: Sequence[Word], raw: str) -> list[Sequence[Word]]:
    sentences = [list(said) for _, said in groupby(words, key=attrgetter("sentence"))]
    alike = [False, *(_are_alike(one, other, raw) for one, other in pairwise(sentences)), False]
    return [
        sentences[place]
        for place, is_alike in enumerate(alike[:-1])
        if is_alike and not alike[place - 1] and not alike[place + 1]
    ]


def _are_alike(one: Sequence[Word], other: Sequence[Word], raw: str) -> bool:
    before, now = [word.text for word in one], [word.text for word in other]
    shorter, longer = sorted((len(before), len(now)))
    if shorter < _SENTENCE_WORDS or longer > _MOST_WORDS or _are_lines([*one, *other], len(now), raw):
        return False
    if len(set(before) & set(now)) < (1 - 2 * _CHANGED) * longer:  # a quick look; words may be there twice
        return False
    codes = SequenceMatcher(None, before, now, autojunk=False).get_opcodes()
    changed = [code for code in codes if code[0] != "equal"]
    return sum(max(end - begin, until - since) for _, begin, end, since, until in changed) <= _CHANGED * longer and not any(
        _are_set_against(given, said, raw)
        for _, begin, end, since, until in changed
        for given in one[begin:end]
        for said in other[since:until]
    )


# ── one word changed, wherever sentences end ──────────────────────────────────────────────────────────────────────


def _by_words(told: Sequence[Word], raw: str) -> list[Sequence[Word]]:
    texts = [word.text for word in told]
    found: list[Second] = []
    seconds = (_seconds(texts[begin:end], period, begin) for period, begin, end in _stretches(texts))
    for second in sorted(chain.from_iterable(seconds)):
        if not _is_meant(second, told, raw):
            continue
        if found and second.begin <= found[-1].end:
            found[-1] = found[-1]._replace(end=max(second.end, found[-1].end))
        else:
            found.append(second)
    return [told[second.begin : second.end] for second in found if not second.is_more]


def _stretches(texts: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """How far behind, close together, many pairs of words stood before, with from and to where that is looked at."""
    last: dict[tuple[str, str], int] = {}
    places: dict[int, list[int]] = defaultdict(list)
    for place, pair in enumerate(pairwise(texts)):
        places[place - last.get(pair, place)].append(place)
        last[pair] = place
    for period in range(_LEAST_WORDS, min(_MOST_WORDS, len(texts) // 2) + 1):
        found = sorted(place for near in (period - 1, period, period + 1) for place in places.get(near, ()))
        more = math.ceil(_PAIRS * period) - 1
        close = [place for place, later in zip(found, found[more:], strict=False) if later - place <= period]
        if close:
            yield period, max(0, close[0] - 3 * period), close[-1] + 3 * period


def _seconds(texts: Sequence[str], period: int, start: int) -> Iterator[Second]:
    """`start`: where the first of these words stands among all."""
    before = _runs(_same(texts, period))
    # where it differs, a word is left out, is another one, or is one more
    for offset, skipped in ((period - 1, 0), (period, 1), (period + 1, 1)):
        after = _runs(_same(texts, offset)[::-1])[::-1]
        for place in range(period, len(texts)):
            length = before[place] + skipped + after[place + skipped]
            if length >= offset:
                begin = start + place - before[place]
                yield Second(begin, begin + length, period, offset, start + place)


def _same(texts: Sequence[str], offset: int) -> list[bool]:
    """Whether each word is the one `offset` before."""
    return [False] * offset + list(map(eq, texts[offset:], texts))


def _runs(same: Sequence[bool]) -> list[int]:
    """By place, and at the end, how many before it in a row are so."""
    return list(accumulate(same, lambda run, is_same: run + 1 if is_same else 0, initial=0))


def _is_meant(second: Second, words: Sequence[Word], raw: str) -> bool:
    """Whether two sentences are the same but for a slip, not two of a list or set against each other."""
    begin, end, period, after, differs = second
    again = words[begin:end]
    if len(again) < _LEAST_WORDS or second.is_more or not says_something([word.text for word in again if word.kind != NUMBER]):
        return False
    drift = max(0, end - begin - period) + 1  # what stood before the first may end as the first does
    ends = (_SENTENCE_END.search(_between(words, place - 2, place + drift, raw)) for place in (begin - period, begin))
    if len(again) < _LONG_WORDS and not all(ends):
        return False
    is_another = after == period or differs == begin  # and neither left out nor put in
    is_set_against = is_another and _are_set_against(words[differs - after], words[differs], raw)
    return not is_set_against and not _are_lines(words[begin - period : end], len(again), raw)


def _between(words: Sequence[Word], before: int, after: int, raw: str) -> str:
    """What is written from the one word to the other; a text begins as a sentence does."""
    return raw[words[before].end : words[min(after, len(words) - 1)].start] if before >= 0 else "\n"


def _are_lines(both: Sequence[Word], length: int, raw: str) -> bool:
    """Whether they are verse or items of a list."""
    start, end = both[0].start, both[-1].end
    return "\n" in raw[start:end] and (length < _LINE_WORDS or bool(_ITEM.search(raw, max(0, start - _MARK_CHARS), end)))


def _are_set_against(given: Word, said: Word, raw: str) -> bool:
    """Whether the one stands for the other on purpose: numbers, names, first and second, morning and evening."""
    if given.stem == said.stem:
        return False
    if {given.kind, said.kind} == {NUMBER} or {given.text, said.text} <= ORDINALS:
        return True
    if FUNCTIONAL not in (given.kind, said.kind) and raw[given.start].isupper() and raw[said.start].isupper():
        return True
    return said.stem in opposites().get(given.stem, ()) or said.stem in siblings().get(given.stem, ())
