"""The same again and again: sentences, cycles of words, loops at the end. The guard for streams is engine.runaway."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from operator import itemgetter

from apps.tasks.engine.hallucination.alike import said_nearly_again
from apps.tasks.engine.hallucination.cycles import SENTENCE_WORDS, TIMES, longest_cycle, says_something
from apps.tasks.engine.hallucination.prose import prose
from apps.tasks.engine.hallucination.text import FUNCTIONAL, Text, Word
from apps.tasks.engine.hallucination.twice import said_twice
from apps.tasks.engine.hallucination.types import Signal, Span
from apps.tasks.engine.runaway import repeated_unit

_WORDS_LOOKED_AT = 6_000
_SHORT, _SHORT_TIMES = 4, 4  # "I do not know." may well be said three times
_GRAM, _LONG_GRAM = 6, 14  # lines of a list have runs of six words in common, hardly of fourteen
_AT_MOST_ALIKE = 0.35  # what is alike and may be a list does not say more
_OPENINGS = frozenset(  # with small words, what may stand before a sentence that is said again
    """again said mentioned short finally therefore thus indeed well sum novamente disse dito resumo assim então portanto enfim
    finalmente seja bem afinal""".split()
)
_LEFT_WORDS = 5  # a shorter rest is not the sentence
_TOLD_WORDS = 10  # sentences that begin with the same ten words say the same


def repetition(answer: Text) -> Signal | None:
    """None without words. What repeats for good reasons is left out."""
    told = prose(answer)
    words = told.words[-_WORDS_LOOKED_AT:]
    if not words:
        return None
    said = _by_sentence(words)
    again, again_spans = _again(said, told.labels, len(words))
    cycle, cycle_span = _cycle(words, answer.raw)
    unit = repeated_unit(answer.raw[-6_000:])
    near, near_spans = (0.0, []) if again else _near(said, len(words))
    if not (again or cycle):
        near, near_spans = max((near, near_spans), _twice(words, answer.raw), key=itemgetter(0))
    runs, run_spans = (0.0, []) if again or cycle or near else _runs(words)
    score = max(again, cycle, near, runs, 1.0 if unit else 0.0)
    measures = {"sentences": again, "cycle": cycle, "grams": len(_said_again(words, _GRAM)) / len(words)}
    return Signal("repetition", score, (*again_spans, *cycle_span, *near_spans, *run_spans), measures)


def _by_sentence(words: Sequence[Word]) -> dict[int, list[Word]]:
    said: dict[int, list[Word]] = defaultdict(list)
    for word in words:
        said[word.sentence].append(word)
    return said


def _span(words: Sequence[Word], reason: str) -> Span:
    return Span(words[0].start, words[-1].end, reason)


# ── sentences ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _again(said: dict[int, list[Word]], labels: frozenset[int], total: int) -> tuple[float, list[Span]]:
    """How sure it is that sentences are said three times or more, and those that are."""
    keys = {number: _key(sentence) for number, sentence in said.items() if number not in labels}
    counts = Counter(key for key in keys.values() if says_something(key))
    again = [number for number, key in keys.items() if counts[key] >= (_SHORT_TIMES if len(key) <= _SHORT else TIMES)]
    if not again:
        return 0.0, []
    share = sum(len(keys[number]) for number in again) / total
    most = max(counts[keys[number]] for number in again)
    return min(1.0, max(share, 0.4 + 0.1 * most)), [_span(said[number], "said_again") for number in again]


def _key(sentence: Sequence[Word]) -> tuple[str, ...]:
    """How the sentence begins, without "So", "As I said", "Ou seja" before it; where it ends is sometimes misread."""
    begin = 0
    while begin < len(sentence) and (sentence[begin].kind == FUNCTIONAL or sentence[begin].text in _OPENINGS):
        begin += 1
    told = sentence[begin:] if len(sentence) - begin >= _LEFT_WORDS else sentence
    return tuple(word.text for word in told[:_TOLD_WORDS])


def _near(said: dict[int, list[Word]], total: int) -> tuple[float, list[Span]]:
    """The same for sentences that are said again with something changed; where it might be a list, that says less."""
    again = said_nearly_again(list(said.values()))
    if not again:
        return 0.0, []
    sure = sum(wanders for _, wanders in again)
    share = sum(len(sentence) for sentence, _ in again) / total
    score = max(share, 0.4 + 0.1 * sure) if sure else 0.0
    return min(1.0, score + min(_AT_MOST_ALIKE, 0.15 * (len(again) - sure))), [
        _span(sentence, "said_again") for sentence, _ in again
    ]


def _twice(words: Sequence[Word], raw: str) -> tuple[float, list[Span]]:
    """The same for what is said twice with a change: once it may be meant so, time and again it is a loop."""
    found = said_twice(words, raw)
    return (min(1.0, 0.35 + 0.15 * len(found)) if found else 0.0), [_span(second, "said_again") for second in found]


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _cycle(words: Sequence[Word], raw: str) -> tuple[float, list[Span]]:
    """How sure it is that a stretch goes round in words, and where."""
    found = longest_cycle(words, raw)
    if found is None:
        return 0.0, []
    score = min(1.0, max(0.4 + 0.1 * found.times, found.length / len(words)))
    return score, [_span(words[found.begin : found.end], "goes_round")]


def _runs(words: Sequence[Word]) -> tuple[float, list[Span]]:
    """How sure it is that long runs of words are said three times or more, wherever the sentences end, and where."""
    covered = _said_again(words, _LONG_GRAM)
    begins = [place for place in covered if place - 1 not in covered]
    ends = [place for place in covered if place + 1 not in covered]
    spans = [
        Span(words[begin].start, words[end].end, "said_again") for begin, end in zip(sorted(begins), sorted(ends), strict=True)
    ]
    return (min(1.0, 0.4 + len(covered) / len(words)), spans) if covered else (0.0, [])


def _said_again(words: Sequence[Word], count: int) -> set[int]:
    """The places of words in runs of `count` that stand in the text three times or more."""
    texts = [word.text for word in words]
    grams = list(zip(*(texts[offset:] for offset in range(count)), strict=False))
    counts = Counter(gram for gram in grams if len(set(gram)) >= SENTENCE_WORDS)
    covered: set[int] = set()
    for place, gram in enumerate(grams):
        if counts[gram] >= TIMES:
            covered.update(range(place, place + count))
    return covered
