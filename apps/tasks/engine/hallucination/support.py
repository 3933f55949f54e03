"""What in the answer the given sources do not carry, and what they say otherwise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from apps.tasks.engine.hallucination.claims import claimed
from apps.tasks.engine.hallucination.lexicon import MODALS, QUANTIFIERS
from apps.tasks.engine.hallucination.rivals import rivals
from apps.tasks.engine.hallucination.sources import Source, content, is_negator, negated_stems, opposites, prefixed
from apps.tasks.engine.hallucination.text import FUNCTIONAL, NAME, NUMBER, Text, Word
from apps.tasks.engine.hallucination.types import Signal, Span

_NEAR = 8  # content words this near to each other in the sources belong together
_LIFE = re.compile(r"\bborn\b|\bnascid[oa]\b|\bnasceu\b|\(b\.|\([^()]{0,60}\b(?:1[0-9]\d\d|20\d\d)\b", re.IGNORECASE)
_LIFE_WITHIN = 250  # characters: an article on a person or a band begins with a year in brackets
_SENTENCES = 60  # so many sentences of an answer are laid beside the sources word by word


@dataclass(frozen=True, slots=True)
class Reading:
    """One sentence of the answer beside the sources."""

    recall: float
    pairs: float
    triples: float
    longest: float
    window: float
    parted: float
    turned: float
    alien_run: int
    weight: int


def support(answer: Text, source: Source, question: Text) -> Signal | None:
    """How little of what the answer says stands in the sources. None without sources or words."""
    if not source or not answer.words:
        return None
    asked = {word.stem for word in question.words}
    readings = [_read(answer.of_sentence(number), source, asked) for number in range(len(answer.sentences))]
    readings = [reading for reading in readings if reading.weight]
    if not readings:
        return Signal("support", 0.0, measures={"no_content": 1.0})
    weights = [reading.weight for reading in readings]
    worst = min(readings, key=lambda reading: reading.recall * 0.5 + reading.window * 0.5)
    measures = {
        "recall": _mean([reading.recall for reading in readings], weights),
        "pairs": _mean([reading.pairs for reading in readings], weights),
        "triples": _mean([reading.triples for reading in readings], weights),
        "longest": _mean([reading.longest for reading in readings], weights),
        "window": _mean([reading.window for reading in readings], weights),
        "parted": _mean([reading.parted for reading in readings], weights),
        "turned": _mean([reading.turned for reading in readings], weights),
        "worst_recall": worst.recall,
        "worst_pairs": min(reading.pairs for reading in readings),
        "worst_window": min(reading.window for reading in readings),
        "worst_parted": max(reading.parted for reading in readings),
        "alien_run": float(min(6, max(reading.alien_run for reading in readings))),
        "no_content": 0.0,
        "life": float(bool(_LIFE.search(source.text.raw, 0, _LIFE_WITHIN))),
    }
    measures |= claimed(answer, source, asked)
    score = 1.0 - 0.5 * (measures["recall"] + measures["window"])
    return Signal("support", score, _unsupported_spans(answer, source, asked), measures)


def _read(words: Sequence[Word], source: Source, asked: set[str]) -> Reading:
    said = content(words)
    if not said:
        return Reading(1, 1, 1, 1, 1, 0, 0, 0, 0)
    rarities = [source.rarity(word.stem) for word in said]
    total = sum(rarities)
    recall = sum(source.support(word) * rarity for word, rarity in zip(said, rarities, strict=True)) / total
    nearest = source.nearest_sentences((word.stem for word in said), 1)
    there = {word.stem for number in nearest for word in source.text.of_sentence(number)}
    window = sum(rarity for word, rarity in zip(said, rarities, strict=True) if word.stem in there) / total
    stems = [word.stem for word in words]
    pairs = list(pairwise(stems))
    triples = list(zip(stems, stems[1:], stems[2:], strict=False))
    parted, turned = _company(said, source)
    return Reading(
        recall,
        sum(pair in source.pairs for pair in pairs) / len(pairs) if pairs else recall,
        sum(triple in source.triples for triple in triples) / len(triples) if triples else recall,
        _longest_run(pairs, source) / max(1, len(pairs)),
        window,
        parted,
        turned,
        _alien_run(said, source, asked),
        len(said),
    )


def _company(said: list[Word], source: Source) -> tuple[float, float]:
    """Shares of neighbours, both in the sources, that stand far apart there, or the other way round."""
    known = parted = turned = 0
    for one, other in pairwise(said):
        if one.stem == other.stem or one.stem not in source or other.stem not in source:
            continue
        known += 1
        distance = source.distance(one.stem, other.stem)
        parted += distance is None or abs(distance) > _NEAR
        turned += distance is not None and -_NEAR <= distance < 0
    return (parted / known, turned / known) if known else (0.0, 0.0)


def _longest_run(pairs: list[tuple[str, str]], source: Source) -> int:
    longest = run = 0
    for pair in pairs:
        run = run + 1 if pair in source.pairs else 0
        longest = max(longest, run)
    return longest


def _alien_run(said: list[Word], source: Source, asked: set[str]) -> int:
    longest = run = 0
    for word in said:
        run = 0 if source.support(word) or word.stem in asked else run + 1
        longest = max(longest, run)
    return longest


def _unsupported_spans(answer: Text, source: Source, asked: set[str]) -> tuple[Span, ...]:
    """Runs of two or more content words that the sources do not have."""
    spans: list[Span] = []
    run: list[Word] = []
    for word in [*content(answer.words), None]:
        if word and not source.support(word) and word.stem not in asked and (not run or run[-1].sentence == word.sentence):
            run.append(word)
            continue
        if len(run) >= 2:
            spans.append(Span(run[0].start, run[-1].end, "not_in_sources"))
        run = [word] if word and not source.support(word) and word.stem not in asked else []
    return tuple(spans)


# ── what the sources say otherwise ────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Differences:
    """What is found when sentences are laid beside each other, word by word."""

    opposite: int = 0
    negation: int = 0
    number: int = 0
    name: int = 0
    word: int = 0
    clean: int = 0
    added: int = 0
    amount: int = 0
    modal: int = 0
    ratio: float = 0.0
    weight: int = 0


def contradiction(answer: Text, source: Source) -> Signal | None:
    """Where the answer follows a sentence of the sources and then says something else."""
    if not source or not answer.words:
        return None
    spans: list[Span] = []
    sums: list[Differences] = []
    for number in range(min(_SENTENCES, len(answer.sentences))):
        words = answer.of_sentence(number)
        nearest = source.nearest_sentences((word.stem for word in content(words)), 2)
        if nearest:
            beside = min(
                (_differences(words, near, source) for near in nearest),
                key=lambda found: -found[0].ratio,
            )
            sums.append(beside[0])
            spans += beside[1]
    weight = max(1, sum(found.weight for found in sums))
    measures = {
        kind: sum(getattr(found, kind) for found in sums) / weight**0.5
        for kind in ("opposite", "negation", "number", "name", "word", "clean", "added", "amount", "modal")
    }
    measures["likeness"] = sum(found.ratio * found.weight for found in sums) / weight
    measures["least_likeness"] = min((found.ratio for found in sums), default=0.0)
    others, other_spans = rivals(answer, source)
    told = {span.start for span in spans}
    spans += [span for span in other_spans if span.start not in told]
    strong = sum(found.opposite + found.negation + found.number for found in sums)
    weak = sum(found.name + found.clean for found in sums)
    score = 1 - 0.6**strong * 0.85**weak
    return Signal("contradiction", score, tuple(spans), {**measures, **others, "score": score})


def _differences(said: Sequence[Word], near: int, source: Source) -> tuple[Differences, list[Span]]:
    given = source.text.of_sentence(near)
    ratio, codes = source.beside(tuple(word.stem for word in said), near)
    found = Differences(weight=len(content(said)), ratio=ratio)
    spans: list[Span] = []
    given_stems = {word.stem for word in given}
    for index, (kind, given_from, given_to, said_from, said_to) in enumerate(codes):
        if kind == "equal" or said_from == said_to:
            continue
        new = [word for word in said[said_from:said_to] if word.stem not in given_stems]
        old = given[given_from:given_to]
        is_inner = 0 < index < len(codes) - 1
        _count(
            found,
            spans,
            new,
            old,
            is_inner=is_inner,
            source=source,
            is_short=said_to - said_from <= 3 and given_to - given_from <= 4,
        )
    _count_negation(found, spans, said, given)
    return found, spans


def _count(
    found: Differences, spans: list[Span], new: list[Word], old: Sequence[Word], *, is_inner: bool, is_short: bool, source: Source
) -> None:
    fresh = [word for word in new if word.kind != FUNCTIONAL]
    given = [word for word in old if word.kind != FUNCTIONAL]
    stems, texts = {word.stem for word in old}, {word.text for word in old}
    for word in new:
        if not stems.isdisjoint(opposites().get(word.stem, ())) or not texts.isdisjoint(prefixed(word.text)):
            found.opposite += 1
            spans.append(Span(word.start, word.end, "opposite_of_source"))
        if word.text in QUANTIFIERS:
            found.amount += 1
        if word.text in MODALS:
            found.modal += 1
    for word in fresh:
        like = [other for other in given if other.kind == word.kind]
        if word.kind == NUMBER and like:
            found.number += 1
            spans.append(Span(word.start, word.end, "number_differs"))
        elif word.kind == NAME and like:
            found.name += 1
            spans.append(Span(word.start, word.end, "name_differs"))
        elif given:
            found.word += 1
        else:
            found.added += 1
    if fresh and given and is_inner and is_short and not any(source.support(word) for word in fresh):
        found.clean += 1
        spans.append(Span(fresh[0].start, fresh[-1].end, "word_differs"))


def _count_negation(found: Differences, spans: list[Span], said: Sequence[Word], given: Sequence[Word]) -> None:
    """A word that both have, negated in only one of them."""
    said_not, given_not = negated_stems(tuple(said)), negated_stems(tuple(given))
    both = {word.stem for word in content(said)} & {word.stem for word in content(given)}
    turned = ((said_not ^ given_not) & both) if both else set()
    if turned:
        found.negation += 1
        marks = [word for word in said if is_negator(word.text)] or [word for word in said if word.stem in turned]
        spans.append(Span(marks[0].start, marks[0].end, "negation_differs"))


def _mean(values: Sequence[float], weights: Sequence[int]) -> float:
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / sum(weights)
