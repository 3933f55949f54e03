"""Sentences that are said again with something changed here and there, as a loop does; in a list the same place changes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from difflib import SequenceMatcher

from apps.tasks.engine.hallucination.text import Word

_LIKE = 0.5  # so much of two sentences' words in common, and they may say nearly the same
_CHANGED = 0.45  # a larger share of changed words makes another sentence
_LOOK_BACK = 12  # sentences
_BESIDE = 5  # of those alike, so many are laid beside each other
_SURE = 3  # with fewer beside it nobody can say in which places they differ
_LEAST_WORDS = 5  # shorter sentences are alike by chance
_COMPARED = 400  # so many sentences are looked at


def said_nearly_again(sentences: Sequence[Sequence[Word]]) -> list[tuple[Sequence[Word], bool]]:
    """Sentences that two or more shortly before say nearly so; True where what differs is now in this place, now in that.

    Sentences with other numbers in them are lines of a list, not the same said again.
    """
    longer = [sentence for sentence in sentences if len(sentence) >= _LEAST_WORDS][-_COMPARED:]
    texts = [[word.text for word in sentence] for sentence in longer]
    known = [frozenset(words) for words in texts]
    found: dict[int, bool] = {}
    around: dict[int, dict[int, float]] = defaultdict(dict)  # by sentence: which later ones differ in one place, and in which
    for place, sentence in enumerate(longer):
        alike = [before for before in range(max(0, place - _LOOK_BACK), place) if _are_alike(known[before], known[place])]
        changed = {before: _changed(texts[before], texts[place]) for before in alike[-_BESIDE:]}
        for before, places in changed.items():
            if len(places) == 1:
                around[before][place] = min(places)
        near = [places for places in changed.values() if len(places) <= max(2, _CHANGED * len(sentence))]
        if len(near) >= 2 and (wanders := _wanders(near)) is not None:
            found[place] = wanders
    for others in around.values():
        if len(others) >= _SURE and len(set(others.values())) > 1:
            found |= dict.fromkeys(others, True)
    return [(longer[place], wanders) for place, wanders in sorted(found.items())]


def _are_alike(one: frozenset[str], other: frozenset[str]) -> bool:
    if len(one & other) < _LIKE * len(one | other):
        return False
    return not (_has_number(one - other) and _has_number(other - one))


def _has_number(texts: frozenset[str]) -> bool:
    return any(text[0].isdigit() for text in texts)


def _changed(before: list[str], now: list[str]) -> frozenset[float]:
    """Where the sentence differs, by its own words; what it leaves out stands between two of them."""
    found: set[float] = set()
    for kind, _, _, begin, end in SequenceMatcher(None, before, now, autojunk=False).get_opcodes():
        if kind == "delete":
            found.add(begin - 0.5)
        elif kind != "equal":
            found.update(range(begin, end))
    return frozenset(found)


def _wanders(changed: Sequence[frozenset[float]]) -> bool | None:
    """Whether the differences are in more places than any two sentences differ in, most of them in one sentence alone.

    None: always in the same places, as in a list.
    """
    if len(set(changed)) == 1:
        return None
    times = Counter(place for places in changed for place in places)
    once = sum(count == 1 for count in times.values())
    often = sum(1 < count < len(changed) for count in times.values())
    return len(changed) >= _SURE and len(times) > max(2, *map(len, changed)) and once > often
