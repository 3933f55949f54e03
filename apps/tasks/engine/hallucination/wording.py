"""Small turns in an answer that otherwise follows its source: a word put in, a unit, a name or a date half changed."""

from __future__ import annotations

from itertools import pairwise

from apps.tasks.engine.hallucination.lexicon import FIRST_PERSON, MODALS, MONTHS, ORDINALS, PRONOUNS, QUANTIFIERS
from apps.tasks.engine.hallucination.sources import Source, content, is_negator, negated_stems, opposites, prefixed
from apps.tasks.engine.hallucination.text import CONTENT, NAME, NUMBER, Text, Word, names
from apps.tasks.engine.hallucination.types import Signal, Span

_WINDOW = 3  # sentences of the sources that a sentence of the answer is held against
_NEIGHBOURS = 4  # content words on each side
_COUNTED = ("negators", "limits", "amounts", "modals", "opposites", "pronouns", "ordinals")
_LIMITING = frozenset("only just merely solely apenas somente só exclusivamente".split())


def wording(answer: Text, source: Source, question: Text) -> Signal | None:
    """None without sources or words."""
    if not source or not answer.words:
        return None
    spans: list[Span] = []
    asked = {word.stem for word in question.words}
    counts = dict.fromkeys(_COUNTED, 0)
    claims, carried = 0.0, 0.0
    for number in range(len(answer.sentences)):
        words = answer.of_sentence(number)
        said = content(words)
        nearest = source.nearest_sentences((word.stem for word in said), _WINDOW)
        there = [word for near in nearest for word in source.text.of_sentence(near)]
        _turns(words, there, counts, spans)
        if not any(word.text in FIRST_PERSON for word in words) and "?" not in answer.raw[words[-1].end : words[-1].end + 3]:
            for word in said:
                rarity = source.rarity(word.stem)
                claims += rarity
                carried += rarity * max(source.support(word), 0.5 * (word.stem in asked))
    breadth = max(1.0, len(answer.sentences) ** 0.5)
    measures = {key: value / breadth for key, value in counts.items()}
    measures["claims_carried"] = carried / claims if claims else 0.5
    measures |= _turned(answer, source, spans)
    measures |= _halves(answer, source, spans) | _anchors(answer, source) | _values(answer, source, asked)
    score = 1 - 0.65 ** (counts["opposites"] + counts["negators"]) * 0.8 ** (counts["limits"] + len(spans) / 2)
    return Signal("wording", score, tuple(spans), {**measures, "score": score})


def _turns(words: tuple[Word, ...], there: list[Word], counts: dict[str, int], spans: list[Span]) -> None:
    """Small words that the nearest sentences of the sources do not have, and opposites of words that they have."""
    texts = {word.text for word in there}
    stems = {word.stem for word in there}
    has_negator = any(is_negator(text) for text in texts)
    own = {word.stem for word in words}
    for word in words:
        if is_negator(word.text) and not has_negator:
            counts["negators"] += 1
            spans.append(Span(word.start, word.end, "negation_put_in"))
        if word.text in texts:
            continue
        counts["limits"] += word.text in _LIMITING
        counts["amounts"] += word.text in QUANTIFIERS
        counts["modals"] += word.text in MODALS
        counts["ordinals"] += word.text in ORDINALS
        counts["pronouns"] += word.text in PRONOUNS
        if word.stem not in stems and (
            any(item in stems and item not in own for item in opposites().get(word.stem, ())) or prefixed(word.text) & texts
        ):
            counts["opposites"] += 1
            spans.append(Span(word.start, word.end, "opposite_of_source"))


def _turned(answer: Text, source: Source, spans: list[Span]) -> dict[str, float]:
    """Words that are negated here and never there, or always there and not here."""
    here = negated_stems(answer.words)
    put_in = [
        word for word in content(answer.words) if word.stem in here and word.stem in source and not source.negated[word.stem]
    ]
    taken_out = [
        word
        for word in content(answer.words)
        if word.stem not in here and 0 < source.negated[word.stem] == len(source.places[word.stem])
    ]
    spans += [Span(word.start, word.end, "negation_differs") for word in (*put_in, *taken_out)]
    return {"negation_in": min(2.0, len(put_in)), "negation_out": min(2.0, len(taken_out))}


def _halves(answer: Text, source: Source, spans: list[Span]) -> dict[str, float]:
    """Names and dates of which the sources have the one half beside another, and numbers with another unit."""
    name_breaks = date_breaks = unit_breaks = 0
    for run in names(answer):
        for one, other in pairwise(run):
            known = (one.stem in source) + (other.stem in source)
            if known == 1 or (known == 2 and (one.stem, other.stem) not in source.pairs):
                name_breaks += 1
                spans.append(Span(one.start, other.end, "name_half_changed"))
    for one, other in pairwise(answer.words):
        is_date = (one.text in MONTHS and other.kind == NUMBER) or (one.kind == NUMBER and other.text in MONTHS)
        if is_date and (one.stem in source or other.stem in source) and (one.stem, other.stem) not in source.pairs:
            date_breaks += 1
            spans.append(Span(one.start, other.end, "date_half_changed"))
        elif one.kind == NUMBER and one.stem in source and other.kind == CONTENT and not _follows(one, other, source):
            unit_breaks += 1
    return {"name_halves": min(2.0, name_breaks), "date_halves": min(2.0, date_breaks), "units": min(2.0, unit_breaks)}


def _follows(number: Word, unit: Word, source: Source) -> bool:
    words = source.text.words
    return any(
        unit.stem == word.stem or unit.stem[:4] == word.stem[:4]
        for place in source.places[number.stem][:8]
        for word in words[max(0, place - 3) : place + 5]
    )


def _anchors(answer: Text, source: Source) -> dict[str, float]:
    """How well each content word's neighbours gather round it in the sources; for a strange word, round one another."""
    companies: list[float] = []
    strange: list[float] = []
    for number in range(min(40, len(answer.sentences))):
        said = content(answer.of_sentence(number))
        for place, word in enumerate(said):
            near = frozenset(item.stem for item in said[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS + 1]) - {word.stem}
            known = {item for item in near if item in source}
            if not near:
                continue
            if word.stem in source:
                companies.append(source.gathered(word.stem, near) / len(near))
            elif known and not source.support(word):
                rarest = min(known, key=lambda item: (len(source.places[item]), item))
                strange.append((1 + source.gathered(rarest, frozenset(known))) / (len(near)))
    companies.sort()
    return {
        "company": sum(companies) / len(companies) if companies else 0.5,
        "least_company": companies[0] if companies else 0.5,
        "low_company": companies[len(companies) // 8] if companies else 0.5,
        "strange": sum(strange) / (len(companies) + len(strange)) if strange else 0.0,
        "strangest": max(strange, default=0.0),
    }


def _values(answer: Text, source: Source, asked: set[str]) -> dict[str, float]:
    """Whether both name values of a kind, numbers or names, and have none of them in common (of a short source)."""
    if len(source.text.sentences) > 3:
        return {}
    found: dict[str, float] = {}
    for kind, key in ((NUMBER, "numbers"), (NAME, "names")):
        mine = {word.stem for word in answer.words if word.kind == kind} - asked
        given = {word.stem for word in source.text.words if word.kind == kind} - asked
        found[f"{key}_clash"] = float(bool(mine) and bool(given) and not mine & given)
        found[f"{key}_more"] = len(mine - given) / len(mine) if mine and given else 0.0
    said = {word.stem for word in content(answer.words)} - asked
    told = {word.stem for word in content(source.text.words)} - asked
    found["common"] = len(said & told) / (min(len(said), len(told)) or 1)
    found["same_begin"] = float(answer.words[0].stem == source.text.words[0].stem)
    mine_rest = [word for word in content(answer.words) if word.stem not in told and word.stem not in asked]
    found["value_share"] = sum(word.kind in (NUMBER, NAME) for word in mine_rest) / len(mine_rest) if mine_rest else 0.0
    return found
