"""Each word of an answer beside its sources: the traits by which a word that was put in the place of another is told.

The weights of the traits are in `model.json`; they were learned from pairs of a right text and one with a known change in it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from statistics import median

from apps.tasks.engine.hallucination.lexicon import MODALS, ORDINALS, PRONOUNS, QUANTIFIERS
from apps.tasks.engine.hallucination.sources import Source, content, is_negator, opposites, prefixed, synonyms
from apps.tasks.engine.hallucination.text import CONTENT, FUNCTIONAL, NAME, NUMBER, Text, Word, stem

SIBLINGS = Path(__file__).with_name("siblings.txt")
TRAITS = tuple(
    "number name content negator limiting pronoun modal amount there synonym prefix absent in_window pair_left pair_right "
    "pair_both other_in_slot like_in_slot sibling_in_slot right_known left_near right_near left_beside right_beside head_other "
    "modifier_other kept_slot company far opposite_near opposite_any sibling_near past ing repeated sentence_recall recall "
    "sentence_pairs pairs others_absent others_absent_all rarity same_kind_near number_other capital_half absent_verbatim "
    "absent_carried replaced replaced_alike replaced_sibling put_in block beside_same spelled_alike".split()
)
_AMOUNTS = QUANTIFIERS | ORDINALS
_LIMITING = frozenset("only just merely solely apenas somente só exclusivamente".split())
_SMALL = {"limiting": _LIMITING, "pronoun": PRONOUNS, "modal": MODALS, "amount": _AMOUNTS}
_WINDOW = 3  # sentences of the sources that a sentence of the answer is held against
_BESIDE = 2  # of them it is laid beside, word by word
_NEIGHBOURS = 4  # content words on each side
_SENTENCES = 60
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    word: Word
    traits: tuple[float, ...]  # in the order of TRAITS


class _Order:
    """What stands between, before and after the words of the sources."""

    def __init__(self, source: Source) -> None:
        self.between: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.held: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.before: dict[str, set[str]] = defaultdict(set)
        self.after: dict[str, set[str]] = defaultdict(set)
        self.kinds: dict[str, str] = {}
        stems = source.stems
        for first, inner, last in zip(stems, stems[1:], stems[2:], strict=False):
            self.between[first, last].add(inner)
        told = content(source.text.words)
        for word in told:
            self.kinds.setdefault(word.stem, word.kind)
        for one, other in pairwise(told):
            if one.sentence == other.sentence:
                self.after[one.stem].add(other.stem)
                self.before[other.stem].add(one.stem)
        for one, inner_word, other in zip(told, told[1:], told[2:], strict=False):
            if one.sentence == other.sentence:
                self.held[one.stem, other.stem].add(inner_word.stem)


def changes(answer: Text, source: Source, question: Text) -> tuple[Change, ...]:
    """The words that carry a meaning, each with its traits. None without sources."""
    if not source:
        return ()
    whole = _Whole(answer, source, {word.stem for word in question.words})
    return tuple(
        change for number in range(min(_SENTENCES, len(answer.sentences))) for change in _Sentence(whole, number).changes()
    )


def summary(log_odds: Sequence[float]) -> dict[str, float]:
    """How likely words were changed, as measures: the likeliest, three, how far the first sticks out, any at all."""
    if not log_odds:
        return {}
    ordered = sorted(log_odds, reverse=True)
    return {
        "wording.changed": ordered[0],
        "wording.changed_some": sum(ordered[:3]) / len(ordered[:3]),
        "wording.changed_alone": ordered[0] - median(ordered),
        "wording.changed_any": math.log(max(1e-6, sum(map(_surprise, ordered)))),
    }


def _surprise(log_odds: float) -> float:
    """Adds up: the more words are likely changed, the less likely is that none was."""
    return math.log1p(math.exp(min(15.0, log_odds)))


class _Whole:
    """What is the same for all words of an answer."""

    def __init__(self, answer: Text, source: Source, asked: set[str]) -> None:
        self.answer, self.source, self.asked = answer, source, asked
        self.order = _Order(source)
        self.counts = Counter(word.stem for word in answer.words)
        self.recall, self.absent, self.pairs = self.carried(answer.words)

    def carried(self, words: tuple[Word, ...]) -> tuple[float, int, float]:
        """The share of content words that the sources know, how many they do not, and the share of pairs that stand there."""
        said = content(words)
        strange = [word for word in said if not self.source.support(word)]
        absent = sum(word.stem not in self.asked for word in strange)
        stems = [word.stem for word in words]
        pairs = sum(map(self.source.pairs.__contains__, pairwise(stems)))
        return 1 - len(strange) / len(said) if said else 0.0, absent, pairs / max(1, len(words) - 1)


class _Sentence:
    def __init__(self, whole: _Whole, number: int) -> None:
        self.whole, self.source = whole, whole.source
        self.words = whole.answer.of_sentence(number)
        self.said = content(self.words)
        nearest = self.source.nearest_sentences((word.stem for word in self.said), _WINDOW)
        there = [word for near in nearest for word in self.source.text.of_sentence(near)]
        self.near = {word.stem for word in there}
        self.near_texts = {word.text for word in there}
        self.other_kinds = {word.kind for word in there if word.stem not in whole.counts}
        self.has_negator = any(is_negator(text) for text in self.near_texts)
        self.recall, self.absent, self.pairs = whole.carried(self.words)
        self.beside = _beside(self.words, nearest[:_BESIDE], self.source)

    def changes(self) -> Iterator[Change]:
        places = {word.start: place for place, word in enumerate(self.said)}
        for position, word in enumerate(self.words):
            kind = self._kind(word, is_content=word.start in places)
            if not kind:
                continue
            traits = dict.fromkeys(TRAITS, 0.0)
            traits[kind] = 1.0
            self._of_word(word, traits)
            self._of_order(word, position, traits)
            self._of_alignment(word, position, traits)
            if word.start in places:
                self._of_content(word, places[word.start], traits)
            yield Change(word, tuple(traits.values()))

    def _kind(self, word: Word, *, is_content: bool) -> str:
        if is_content:
            return word.kind
        if is_negator(word.text):
            return "negator"
        if word.text in self.near_texts:
            return ""
        return next((kind for kind, members in _SMALL.items() if word.text in members), "")

    def _of_word(self, word: Word, traits: dict[str, float]) -> None:
        whole, support = self.whole, self.source.support(word)
        traits[{1.0: "there", 0.8: "synonym", 0.6: "prefix"}.get(support, "absent")] = 1.0
        traits["in_window"] = float(self.has_negator if is_negator(word.text) else word.stem in self.near)
        if word.text in _AMOUNTS:
            traits["amount"] = 1.0
        traits["repeated"] = float(whole.counts[word.stem] > 1)
        traits["sentence_recall"], traits["recall"] = self.recall, whole.recall
        traits["sentence_pairs"], traits["pairs"] = self.pairs, whole.pairs
        traits["others_absent"] = min(4, self.absent - (support == 0)) / 4
        traits["others_absent_all"] = min(8, whole.absent - (support == 0)) / 8
        if word.stem in self.near:
            return
        own = whole.counts
        against = opposites().get(word.stem, _NOTHING)
        traits["opposite_near"] = float(
            any(item in self.near and item not in own for item in against) or bool(prefixed(word.text) & self.near_texts)
        )
        traits["opposite_any"] = float(any(item in self.source and item not in own for item in against))
        alike = siblings().get(word.stem, _NOTHING)
        traits["sibling_near"] = float(any(item in self.near and item not in own for item in alike))

    def _of_order(self, word: Word, position: int, traits: dict[str, float]) -> None:
        before = self.words[position - 1].stem if position else ""
        after = self.words[position + 1].stem if position + 1 < len(self.words) else ""
        traits["pair_left"] = float((before, word.stem) in self.source.pairs)
        traits["pair_right"] = float((word.stem, after) in self.source.pairs)
        traits["pair_both"] = traits["pair_left"] * traits["pair_right"]
        self._of_slot(word, self.whole.order.between.get((before, after), _NOTHING), traits)

    def _of_alignment(self, word: Word, position: int, traits: dict[str, float]) -> None:
        """What the most similar sentence of the sources has in the word's place."""
        kind, size, given = self.beside.get(position, ("", 0, ()))
        if not kind:
            traits["beside_same"] = 1.0
            return
        traits["block"] = 1 / size
        if kind == "insert":
            traits["put_in"] = 1.0
            return
        traits["replaced"] = 1 / (size + len(given))
        told = [item for item in given if item.kind == word.kind]
        traits["replaced_alike"] = float(bool(told) and size <= 3)
        alike = siblings().get(word.stem, _NOTHING) | opposites().get(word.stem, _NOTHING)
        traits["replaced_sibling"] = float(any(item.stem in alike for item in given))
        traits["spelled_alike"] = float(any(item.stem[:4] == word.stem[:4] or item.stem[-4:] == word.stem[-4:] for item in given))

    def _of_slot(self, word: Word, fillers: set[str] | frozenset[str], traits: dict[str, float]) -> None:
        """What the sources have between the same two words, where it is not this one."""
        if not fillers or word.stem in fillers:
            return
        kinds = self.whole.order.kinds
        traits["other_in_slot"] = float(word.stem in self.source)
        traits["like_in_slot"] = max(
            traits["like_in_slot"], float(any(kinds.get(item, FUNCTIONAL) == word.kind for item in fillers))
        )
        traits["sibling_in_slot"] = max(traits["sibling_in_slot"], float(bool(siblings().get(word.stem, _NOTHING) & fillers)))

    def _of_content(self, word: Word, place: int, traits: dict[str, float]) -> None:
        source, order, stem_of = self.source, self.whole.order, word.stem
        left = self.said[place - 1].stem if place else ""
        right = self.said[place + 1].stem if place + 1 < len(self.said) else ""
        befores, afters = order.before.get(right, _NOTHING), order.after.get(left, _NOTHING)
        traits["right_known"] = float(right in source)
        traits["left_beside"], traits["right_beside"] = float(stem_of in afters), float(stem_of in befores)
        traits["head_other"] = float(bool(befores) and stem_of not in befores and right in self.near)
        traits["modifier_other"] = float(bool(afters) and stem_of not in afters and left in self.near)
        held = order.held.get((left, right), _NOTHING)
        traits["kept_slot"] = float(stem_of in held)
        self._of_slot(word, held, traits)
        if stem_of in source:
            for side, one, other in (("left_near", left, stem_of), ("right_near", stem_of, right)):
                distance = source.distance(one, other) if one in source and other in source else None
                traits[side] = 1 / abs(distance) if distance else 0.0
        self._of_company(word, place, traits)
        traits["rarity"] = min(1.0, len(source.places.get(stem_of, ())) / 4)
        traits["same_kind_near"] = float(word.kind in self.other_kinds)
        if traits["absent"]:
            traits["number_other"] = float(word.kind == NUMBER and NUMBER in self.other_kinds)
            traits["absent_verbatim"], traits["absent_carried"] = self.pairs, self.recall
        if word.kind == NAME and place and self.said[place - 1].kind == NAME and word.start - self.said[place - 1].end <= 2:
            traits["capital_half"] = float((left in source) != (stem_of in source))
        if word.kind == CONTENT:
            traits["past"] = float(word.text.endswith(("ed", "ado", "ido", "ou")))
            traits["ing"] = float(word.text.endswith(("ing", "ndo")))

    def _of_company(self, word: Word, place: int, traits: dict[str, float]) -> None:
        """How many of a word's neighbours stand near it in the sources; for a strange word, near one another."""
        source = self.source
        around = frozenset(item.stem for item in self.said[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS + 1]) - {word.stem}
        if not around:
            return
        if word.stem in source:
            gathered = source.gathered(word.stem, around)
            traits["company"], traits["far"] = gathered / len(around), float(gathered == 0)
        elif known := [item for item in around if item in source]:
            rarest = min(known, key=lambda item: (len(source.places[item]), item))
            traits["company"] = (1 + source.gathered(rarest, frozenset(known))) / len(around)


def _beside(words: Sequence[Word], nearest: Sequence[int], source: Source) -> dict[int, tuple[str, int, Sequence[Word]]]:
    """By position the words that the sentence most like it has not: how they differ, how many together, what stands there."""
    stems = tuple(word.stem for word in words)
    found: dict[int, tuple[str, int, Sequence[Word]]] = {}
    if not nearest:
        return found
    best = max(nearest, key=lambda near: source.beside(stems, near).ratio)
    given = source.text.of_sentence(best)
    for kind, begin, end, said_from, said_to in source.beside(stems, best).codes:
        if kind in ("replace", "insert"):
            found |= dict.fromkeys(range(said_from, said_to), (kind, said_to - said_from, given[begin:end]))
    return found


@lru_cache(maxsize=1)
def siblings() -> dict[str, frozenset[str]]:
    """The stems that a stem excludes where it stands: other days of the week, other units, other members of a family."""
    found: dict[str, set[str]] = defaultdict(set)
    for line in SIBLINGS.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            group = {stem(word) for word in line.split()}
            for item in group:
                found[item] |= group - {item}
    return {item: frozenset(others - synonyms().get(item, frozenset())) for item, others in found.items()}
