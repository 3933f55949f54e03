"""Where answer and sources each have something of the same kind in the same place: another number of a thing, another name."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from apps.tasks.engine.hallucination.sources import Source, content
from apps.tasks.engine.hallucination.text import CONTENT, NAME, NUMBER, Text, Word
from apps.tasks.engine.hallucination.types import Span

_SENTENCES = 60
_ADJOINING = 2  # characters between the parts of a name
_UNIT, _SUBJECT = "unit", "subject"
_REASONS = {NUMBER: "number_differs", NAME: "name_differs"}
Frames = dict[tuple[str, str], dict[str, Word]]


def rivals(answer: Text, source: Source) -> tuple[dict[str, float], list[Span]]:
    """Measures, and the numbers and names of the answer whose place is taken by others in the sources."""
    said, given = _frames(answer.words), _frames(source.text.words)
    known = [frame for frame in said if frame in given]
    taken = [frame for frame in known if said[frame].keys().isdisjoint(given[frame])]
    kinds = Counter(kind for _, kind in taken)
    own = {word.stem for word in answer.words}
    sentences = list(_beside(answer, source))
    breadth = max(1, len(sentences)) ** 0.5
    shares = [_shares(words, there) for words, there in sentences]
    names = [_rival_names(words, there, own) for words, there in sentences]
    numbers = [_rival_numbers(words, there, own) for words, there in sentences]
    measures = {
        "rival_names": sum(alike * count for (alike, _), count in zip(shares, names, strict=True)) / breadth,
        "rival_numbers": sum(alike * count for (alike, _), count in zip(shares, numbers, strict=True)) / breadth,
        "other_unit": kinds[_UNIT] / breadth,
        "other_subject": kinds[_SUBJECT] / breadth,
        "other_there": (kinds[NAME] + kinds[NUMBER]) / breadth,
        "frames": sum(kind != _UNIT for _, kind in known) / breadth,
        "alike": _mean([alike for alike, _ in shares]),
        "taken_over": _mean([share for _, share in shares]),
    }
    words = {word.start: word for frame in taken for word in said[frame].values()}
    return measures, [Span(word.start, word.end, _REASONS[word.kind]) for _, word in sorted(words.items())]


def _frames(words: Sequence[Word]) -> Frames:
    """Which numbers and names stand beside which word: after it, before it as its number, or before it as its subject."""
    found: Frames = defaultdict(dict)
    for one, other in pairwise(content(words)):
        if one.sentence != other.sentence:
            continue
        if one.kind == CONTENT and other.kind in _REASONS:
            found[one.stem, other.kind][other.stem] = other
        elif other.kind == CONTENT and one.kind in _REASONS:
            found[other.stem, _UNIT if one.kind == NUMBER else _SUBJECT][one.stem] = one
    return found


def _beside(answer: Text, source: Source) -> Iterator[tuple[tuple[Word, ...], tuple[Word, ...]]]:
    """Each sentence of the answer with the one of the sources that has most in common with it."""
    for number in range(min(_SENTENCES, len(answer.sentences))):
        words = answer.of_sentence(number)
        for near in source.nearest_sentences((word.stem for word in content(words)), 1):
            yield words, source.text.of_sentence(near)


def _shares(words: Sequence[Word], there: Sequence[Word]) -> tuple[float, float]:
    """How much of all that either says both say, and how much of the one in the sources."""
    said, given = {word.stem for word in content(words)}, {word.stem for word in content(there)}
    return len(said & given) / max(1, len(said | given)), len(said & given) / max(1, len(given))


def _rival_names(words: Sequence[Word], there: Sequence[Word], own: set[str]) -> int:
    given = {word.stem for word in content(there)}
    return min(sum(name.isdisjoint(given) for name in _names(words)), sum(name.isdisjoint(own) for name in _names(there)))


def _names(words: Sequence[Word]) -> list[frozenset[str]]:
    """The stems of each name, of as many words as it has."""
    found: list[list[Word]] = []
    for word in words:
        if word.kind != NAME:
            continue
        if found and word.start - found[-1][-1].end <= _ADJOINING:
            found[-1].append(word)
        else:
            found.append([word])
    return [frozenset(word.stem for word in name) for name in found]


def _rival_numbers(words: Sequence[Word], there: Sequence[Word], own: set[str]) -> int:
    said, given = ({word.stem for word in side if word.kind == NUMBER} for side in (words, there))
    return min(len(said - given), len(given - own))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
