"""Given sources, indexed once, so that each word of an answer is looked up in constant time."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from apps.tasks.engine.hallucination.lexicon import NEGATING_PREFIXES, NEGATORS, OPPOSITE_PAIRS
from apps.tasks.engine.hallucination.text import FUNCTIONAL, Text, Word, stem

PREFIX = 5
SYNONYMS = Path(__file__).with_name("synonyms.txt")
PLACES = 12  # a word that stands in the sources more often is looked at in so many places
GATHERED_AT = 8  # so many of its places are asked who gathers round it
REACH = 12  # words on each side that gather round one
_AFFIRMED_AFTER = 4  # a negator reaches so many words ahead


class Beside(NamedTuple):
    """`codes`: kind, from and to in the sentence of the sources, from and to in the answer's, as difflib has them."""

    ratio: float
    codes: Sequence[tuple[str, int, int, int, int]]


class Source:
    """Where each stem stands in the sources, which stems follow each other, and what is negated there."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.places: dict[str, list[int]] = defaultdict(list)
        self.sentences_with: dict[str, list[int]] = defaultdict(list)
        for place, word in enumerate(text.words):
            self.places[word.stem].append(place)
            numbers = self.sentences_with[word.stem]
            if not numbers or numbers[-1] != word.sentence:
                numbers.append(word.sentence)
        self.stems = stems = [word.stem for word in text.words]
        self.pairs = set(pairwise(stems))
        self.triples = set(zip(stems, stems[1:], stems[2:], strict=False))
        self.prefixes = {item[:PREFIX] for item in self.places if len(item) >= PREFIX}
        self.words = {word.text for word in text.words}
        self.negated = Counter(word.stem for word in negated_words(text.words))
        self._supports: dict[str, float] = {}
        self._distances: dict[tuple[str, str], int | None] = {}
        self._gathered: dict[tuple[str, frozenset[str]], int] = {}
        self._nearest: dict[tuple[str, ...], list[int]] = {}
        self._beside: dict[tuple[tuple[str, ...], int], Beside] = {}

    def __contains__(self, item: str) -> bool:
        return item in self.places

    def __bool__(self) -> bool:
        return bool(self.text.words)

    def rarity(self, item: str) -> float:
        """How much a word says here, 0 (in every sentence) upwards; a word that is not there says the most."""
        return math.log1p(len(self.text.sentences) / (0.5 + len(self.sentences_with.get(item, ()))))

    def support(self, word: Word) -> float:
        """1 the word stands there, 0.8 one of its meaning does, 0.6 one of the same beginning, 0 none of these."""
        found = self._supports.get(word.stem)
        if found is None:
            found = self._supports[word.stem] = self._support(word.stem)
        return found

    def _support(self, item: str) -> float:
        if item in self.places:
            return 1.0
        if any(other in self.places for other in synonyms().get(item, ())):
            return 0.8
        return 0.6 if len(item) >= PREFIX and item[:PREFIX] in self.prefixes else 0.0

    def distance(self, first: str, second: str) -> int | None:
        """Words from the one to the nearest of the other: positive where `second` comes later."""
        if (first, second) not in self._distances:
            self._distances[first, second] = self._distance(first, second)
        return self._distances[first, second]

    def _distance(self, first: str, second: str) -> int | None:
        best: int | None = None
        others = self.places[second][:PLACES]
        for place in self.places[first][:PLACES]:
            for other in others:
                if other != place and (best is None or abs(other - place) < abs(best)):
                    best = other - place
        return best

    def nearest_sentences(self, stems: Iterable[str], count: int = 2) -> list[int]:
        """The sentences that share the most with these stems, the best first."""
        asked = tuple(dict.fromkeys(stems))
        if asked not in self._nearest:
            self._nearest[asked] = self._by_likeness(asked)
        return self._nearest[asked][:count]

    def _by_likeness(self, stems: tuple[str, ...]) -> list[int]:
        shared: dict[int, float] = defaultdict(float)
        for item in stems:  # in their order: sums of the same numbers in another order are not quite the same
            numbers = self.sentences_with.get(item, ())
            if numbers:
                weight = self.rarity(item)
                for number in numbers:
                    shared[number] += weight
        return sorted(shared, key=lambda number: (-shared[number], number))

    def beside(self, stems: tuple[str, ...], number: int) -> Beside:
        """One sentence of the sources laid beside these stems."""
        if (stems, number) not in self._beside:
            matcher = SequenceMatcher(None, [word.stem for word in self.text.of_sentence(number)], stems, autojunk=False)
            self._beside[stems, number] = Beside(matcher.ratio(), matcher.get_opcodes())
        return self._beside[stems, number]

    def gathered(self, item: str, near: frozenset[str]) -> int:
        """How many of these stems stand near one of the places of `item`, at the best of them."""
        if (item, near) not in self._gathered:
            self._gathered[item, near] = max(
                len(near.intersection(self.stems[max(0, place - REACH) : place + REACH + 1]))
                for place in self.places[item][:GATHERED_AT]
            )
        return self._gathered[item, near]


def content(words: Iterable[Word]) -> list[Word]:
    return [word for word in words if word.kind != FUNCTIONAL and word.text not in NEGATORS]


def negated_words(words: Iterable[Word]) -> list[Word]:
    """The content words that a negator stands shortly before, in the same sentence."""
    found: list[Word] = []
    reach, sentence = 0, -1
    for word in words:
        if word.sentence != sentence:
            reach, sentence = 0, word.sentence
        if is_negator(word.text):
            reach = _AFFIRMED_AFTER
        elif reach:
            reach -= 1
            if word.kind != FUNCTIONAL:
                found.append(word)
    return found


def negated_stems(words: Iterable[Word]) -> set[str]:
    return {word.stem for word in negated_words(words)}


@lru_cache(maxsize=20_000)
def is_negator(word: str) -> bool:
    return word in NEGATORS or word.endswith(("n't", "n’t"))


@lru_cache(maxsize=1)
def opposites() -> dict[str, frozenset[str]]:
    """The stems of each stem's opposites."""
    both: dict[str, set[str]] = defaultdict(set)
    for one, other in OPPOSITE_PAIRS:
        first, second = stem(one), stem(other)
        if first != second:
            both[first].add(second)
            both[second].add(first)
    return {item: frozenset(others) for item, others in both.items()}


@lru_cache(maxsize=1)
def synonyms() -> dict[str, frozenset[str]]:
    """The stems of each stem's synonyms; two that are also opposites of each other do not count."""
    found: dict[str, set[str]] = defaultdict(set)
    for line in SYNONYMS.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            group = {stem(word) for word in line.split()}
            for item in group:
                found[item] |= group - {item}
    return {item: frozenset(others - opposites().get(item, frozenset())) for item, others in found.items()}


def are_opposite(one: Word, other: Word) -> bool:
    if other.stem in opposites().get(one.stem, ()):
        return True
    return other.text in prefixed(one.text)


@lru_cache(maxsize=20_000)
def prefixed(word: str) -> frozenset[str]:
    """The word with a negating prefix put on or taken off."""
    if len(word) < 4:
        return frozenset()
    cut = {word[len(prefix) :] for prefix in NEGATING_PREFIXES if word.startswith(prefix) and len(word) - len(prefix) > 3}
    return frozenset(cut | {prefix + word for prefix in NEGATING_PREFIXES})
