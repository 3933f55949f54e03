"""Facts of the answer that a reader could look up, and that no given source has."""

from __future__ import annotations

import re

from apps.tasks.engine.hallucination.lexicon import FEMALE, FIRST_PERSON, HEDGES, MALE, PRONOUNS
from apps.tasks.engine.hallucination.sources import Source, content
from apps.tasks.engine.hallucination.text import FUNCTIONAL, NAME, NUMBER, Text, Word
from apps.tasks.engine.hallucination.types import Signal, Span

_URL = re.compile(r"https?://[^\s<>()\"']+|www\.[^\s<>()\"']+|\b10\.\d{4,9}/\S+|\bdoi:\S+", re.IGNORECASE)
_CITATION = re.compile(
    r"\(\s*[A-ZÀ-Ý][\w'’-]+(?:\s+(?:et al\.?|and|e|&)\s*[A-ZÀ-Ý]?[\w'’-]*)?,?\s+"
    r"(?:1[5-9]|20)\d\d[a-z]?\s*\)|\[\d{1,3}(?:\s*[,–-]\s*\d{1,3})*\]"
)
_QUOTE = re.compile(r"[\"“”]([^\"“”]{8,200})[\"“”]")
_REASON = {NUMBER: "number_not_in_sources", NAME: "name_not_in_sources"}
_SMALL = frozenset("two three dois duas três zero twice thrice duas".split())  # what a retelling counts for itself


def unverified(answer: Text, source: Source, question: Text) -> Signal | None:
    """Names, numbers, dates, addresses and citations that stand neither in the sources nor in the question.

    Without sources only addresses and citations are pointed at: nobody can say where they come from.
    """
    if not answer.words:
        return None
    spans = _addresses(answer, source)
    given = {word.stem for word in question.words}
    said = content(answer.words)
    facts = [word for word in said if word.kind in _REASON and not (word.kind == NUMBER and word.text in _SMALL)]
    measures: dict[str, float] = {
        "addresses": float(min(3, len(spans))),
        "facts": len(facts) / len(said) if said else 0.0,
    }
    if not source:
        return Signal("unverified", min(1.0, 0.25 * len(spans)), tuple(spans), measures)
    missing = [word for word in facts if not source.support(word) and word.stem not in given]
    spans += [Span(word.start, word.end, _REASON[word.kind]) for word in missing]
    measures |= _shares(facts, missing, said, source) | _strangers(answer, source) | {"quotes": _quotes(answer, source)}
    score = len(missing) / len(facts) if facts else 0.0
    return Signal("unverified", min(1.0, max(score, 0.25 * measures["addresses"])), tuple(spans), measures)


def _addresses(answer: Text, source: Source) -> list[Span]:
    known = source.text.raw.casefold()
    found = []
    for pattern, reason in ((_URL, "address_not_in_sources"), (_CITATION, "citation_not_in_sources")):
        found += [
            Span(match.start(), match.end(), reason)
            for match in pattern.finditer(answer.raw)
            if match[0].rstrip(".,;").casefold() not in known
        ]
    return found


def _shares(facts: list[Word], missing: list[Word], said: list[Word], source: Source) -> dict[str, float]:
    numbers = [word for word in facts if word.kind == NUMBER]
    named = [word for word in facts if word.kind == NAME]
    lost_numbers = sum(word.kind == NUMBER for word in missing)
    lost_names = sum(word.kind == NAME for word in missing)
    companies = [company for word in facts if (company := _company(word, said, source)) is not None]
    return {
        "numbers": lost_numbers / len(numbers) if numbers else 0.0,
        "names": lost_names / len(named) if named else 0.0,
        "any_number": float(lost_numbers > 0),
        "any_name": float(lost_names > 0),
        "company": sum(companies) / len(companies) if companies else 1.0,
        "worst_company": min(companies, default=1.0),
    }


def _company(fact: Word, said: list[Word], source: Source) -> float | None:
    """The share of a fact's neighbours that stand near it in the sources too, at its best place there."""
    places = source.places.get(fact.stem)
    if not places:
        return None
    around = {
        word.stem
        for word in said
        if word.sentence == fact.sentence and word.stem != fact.stem and abs(word.start - fact.start) < 60
    }
    if not around:
        return None
    words = source.text.words
    best = 0
    for place in places[:12]:
        near = {word.stem for word in words[max(0, place - 12) : place + 13]}
        best = max(best, len(around & near))
    return best / len(around)


def _strangers(answer: Text, source: Source) -> dict[str, float]:
    """Small words that tell who speaks and of whom: first person, hedges, pronouns of a sex that the sources never name."""
    texts = [word.text for word in answer.words]
    has_female = bool(FEMALE & source.words)
    has_male = bool(MALE & source.words)
    wrong_sex = any((text in FEMALE and not has_female) or (text in MALE and not has_male) for text in texts)
    first_sentence = answer.of_sentence(0)
    return {
        "first_person": sum(text in FIRST_PERSON for text in texts) / len(texts),
        "hedges": sum(text in HEDGES for text in texts) / len(texts),
        "wrong_sex": float(wrong_sex),
        "nobody": float(first_sentence[0].text in PRONOUNS),
        "nobody_at_first": float(first_sentence[0].text in PRONOUNS and len(answer.sentences) > 1),
        "dangling": _dangling(answer),
        "asks": float("?" in answer.raw),
        "strange_function": sum(word.kind == FUNCTIONAL and word.text not in source.words for word in answer.words) / len(texts),
    }


def _dangling(answer: Text) -> float:
    """The share of sentences that begin with a pronoun and have no name before it."""
    begins = [answer.of_sentence(number)[0] for number in range(len(answer.sentences))]
    return sum(word.text in PRONOUNS for word in begins) / len(begins)


def _quotes(answer: Text, source: Source) -> float:
    quotes = _QUOTE.findall(answer.raw)
    known = source.text.raw.casefold()
    return float(any(quote.strip(" .,").casefold() not in known for quote in quotes))
