"""What of an answer claims something: not the talk around it, greetings, opinions, doubts and questions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from apps.tasks.engine.hallucination.lexicon import DEGREES, FIRST_PERSON, HEDGES, OPINIONS, PRONOUNS
from apps.tasks.engine.hallucination.sources import Source, content
from apps.tasks.engine.hallucination.text import NUMBER, Text, Word

_JOINING = frozenset("and so e então".split())  # where somebody is spoken of after it, another clause begins
_PARTING = frozenset("but although though because while whereas mas embora porque enquanto".split())
_TOLD_AFTER = frozenset("know heard read think believe guess learned remember sei ouvi li acho acredito creio lembro".split())
_BY = frozenset("by por pelo pela pelos pelas".split())
_ADDRESSED = frozenset("you your yours you're you've você vocês tu teu tua".split())
_SENTENCES = 60  # so many of an answer are looked at
_SHORT = 5  # sentences of the sources; longer ones are retold, not talked about
_NEAR = 2  # sentences of the sources that a claim is held against


def claimed(answer: Text, source: Source, asked: set[str]) -> dict[str, float]:
    """How well the sources carry what is claimed, and whether it keeps their order, as measures. Empty with a long source."""
    if len(source.text.sentences) > _SHORT:
        return {}
    found = _Claims()
    for number in range(min(_SENTENCES, len(answer.sentences))):
        words = answer.of_sentence(number)
        is_question = "?" in answer.raw[words[-1].end : words[-1].end + 3]
        for clause in _clauses(words, answer.raw):
            told = content(_claimed(clause))
            said = [word for word in told if word.text not in OPINIONS]
            found.words += len(content(clause))
            if said and not is_question:
                found.add(said, clause, source, asked)
    return {f"claimed_{name}": value for name, value in found.measures().items()}


def _clauses(words: tuple[Word, ...], raw: str) -> Iterator[list[Word]]:
    clause: list[Word] = []
    for place, word in enumerate(words):
        gap = raw[clause[-1].end : word.start] if clause else ""
        following = words[place + 1].text if place + 1 < len(words) else ""
        begins = word.text in _PARTING or (word.text in _JOINING and following in PRONOUNS | FIRST_PERSON)
        if clause and (begins or any(mark in gap for mark in ",;:()!–—")):
            yield clause
            clause = []
        clause.append(word)
    if clause:
        yield clause


def _claimed(clause: list[Word]) -> list[Word]:
    """What is left of a clause without who speaks, to whom, and what they doubt."""
    if not any(word.text in FIRST_PERSON or word.text in HEDGES or word.text in _ADDRESSED for word in clause):
        return clause
    places = [place for place, word in enumerate(clause) if word.text in _TOLD_AFTER]
    return clause[places[-1] + 1 :] if places else []


def _is_passive(words: Sequence[Word]) -> bool:
    return any(word.text in _BY for word in words)


class _Claims:
    """What the clauses add up to."""

    def __init__(self) -> None:
        self.words = self.claimed = self.absent = self.clauses = self.inverted = self.swapped = self.doubled = self.degrees = 0
        self.numbers = 0
        self.weight = self.carried = self.near = 0.0
        self.least = 1.0

    def add(self, said: list[Word], clause: list[Word], source: Source, asked: set[str]) -> None:
        rarities = [source.rarity(word.stem) for word in said]
        supports = [max(source.support(word), 0.6 * (word.stem in asked)) for word in said]
        total = sum(rarities)
        carried = sum(rarity * share for rarity, share in zip(rarities, supports, strict=True))
        places = source.nearest_sentences((word.stem for word in said), _NEAR)
        there = [word for place in places for word in source.text.of_sentence(place)]
        stems = {word.stem for word in there}
        self.clauses += 1
        self.claimed += len(said)
        self.weight += total
        self.carried += carried
        self.near += sum(rarity for word, rarity in zip(said, rarities, strict=True) if word.stem in stems)
        self.absent += sum(support == 0 for support in supports)
        self.numbers += sum(word.kind == NUMBER and word.stem not in stems for word in said)
        if len(said) > 1:
            self.least = min(self.least, carried / total)
        if places:
            self._order(said, clause, source.text.of_sentence(places[0]))
            self._degrees(clause, there)

    def _order(self, said: list[Word], clause: list[Word], given: tuple[Word, ...]) -> None:
        places: dict[str, list[int]] = defaultdict(list)
        for place, word in enumerate(given):
            places[word.stem].append(place)
        order: list[int] = []
        for word in said:
            if there := places.get(word.stem):
                order.append(next((place for place in there if not order or place > order[-1]), there[0]))
        turned = sum(after < before for before, after in pairwise(order))
        self.inverted += turned
        self.swapped += bool(turned) and _is_passive(clause) == _is_passive(given)
        counts, known = Counter(word.stem for word in said), Counter(word.stem for word in given)
        self.doubled += sum(count > max(1, known[item]) for item, count in counts.items())

    def _degrees(self, clause: list[Word], there: list[Word]) -> None:
        mine = {word.text for word in clause} & DEGREES
        given = {word.text for word in there} & DEGREES
        heads = {after.stem for before, after in pairwise(there) if before.text in DEGREES - mine}
        self.degrees += len(mine - given) + len(heads & {word.stem for word in clause})

    def measures(self) -> dict[str, float]:
        breadth = max(1.0, self.clauses**0.5)
        return {
            "recall": self.carried / self.weight if self.weight else 0.7,
            "near": self.near / self.weight if self.weight else 0.5,
            "least": self.least,
            "absent": self.absent / breadth,
            "numbers": self.numbers / breadth,
            "talk": 1 - self.claimed / self.words if self.words else 0.0,
            "inverted": self.inverted / breadth,
            "swapped": self.swapped / breadth,
            "doubled": self.doubled / breadth,
            "degrees": self.degrees / breadth,
        }
