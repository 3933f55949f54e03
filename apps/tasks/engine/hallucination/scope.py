"""Whether the answer speaks of what was asked, and gives the kind of thing that was asked for."""

from __future__ import annotations

import re

from apps.tasks.engine.hallucination.lexicon import IRREGULAR, MODALS, MONTHS, NATIONS, PRONOUNS
from apps.tasks.engine.hallucination.sources import PREFIX, Source, content
from apps.tasks.engine.hallucination.text import CONTENT, NAME, NUMBER, Text, Word
from apps.tasks.engine.hallucination.types import Signal, Span

_WANTS = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (
            "person",
            r"\bwho(?:m|se)?\b|\bquem\b|"
            r"which (?:\S+ ){0,4}(?:actor|actress|singer|player|director|author|writer|person|man|woman)",
        ),
        ("date", r"\bwhen\b|\bquando\b|what (?:date|day)|que data|que dia"),
        ("year", r"\b(?:what|which) year\b|\b(?:que|qual) ano\b"),
        ("number", r"how (?:many|much|old|long|far|tall|large|big|high)|\bquant[oa]s?\b|what number|population"),
        ("nation", r"nationality|nacionalidade|what (?:country|nation)|which country|\bqual país|que país|common"),
        (
            "place",
            r"\bwhere\b|\bonde\b|what (?:city|town|state|country|county)|which (?:city|town|state|country|county)|"
            r"(?:que|qual) cidade",
        ),
        ("choice", r"\bor\b|\bou\b"),
        ("yes", r"^\W*(?:is|are|was|were|do|does|did|has|have|can|could|will)\b"),
    )
)
_REQUEST = re.compile(
    r"^\W*(?:please|tell|describe|explain|write|give|list|summari[sz]e|provide|por favor|fale|conte|descreva|explique|escreva|"
    r"liste|resuma|diga)\b",
    re.IGNORECASE,
)
_RELEVANT = 0.9  # half of it divides answers to the question from answers to the one nearest to it
_STATEMENT = 3  # so few sentences beside a request are another statement on the same matter, not a source to keep to
_LONG = 40  # in so many words one may answer anything
_TAKEN_UP = 0.6  # of an answer that takes up so much of the question, its kind says nothing
_YES = frozenset("yes no yeah nope sim não".split())
_BOTH = frozenset("both neither either same equal ambos ambas nenhum nenhuma mesmo mesma".split())
_ASKS_YES = re.compile(
    r"(?:^\W*|[,;:]\s+)(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|é|são|foi|foram|há|tem|pode|será)\b",
    re.IGNORECASE,
)
_VERBS = MODALS | frozenset("is are was were am has have had do does did é são foi foram era eram tem tinha".split())
_SHORT = 8  # so few words are a phrase picked from somewhere, not a text


def scope(answer: Text, question: Text, source: Source) -> Signal | None:
    """None without a question."""
    asked = content(question.words)
    if not asked or not answer.words:
        return None
    said = {word.stem for word in answer.words}
    said_prefixes = {item[:PREFIX] for item in said if len(item) >= PREFIX}
    echoed = sum(_found(word, said, said_prefixes) * _weight(word) for word in asked)
    total = sum(_weight(word) for word in asked)
    named = [word for word in asked if word.kind == NAME]
    asked_stems = {word.stem for word in asked}
    own = content(answer.words)
    measures = {
        "echo": echoed / total,
        "echo_names": sum(_found(word, said, said_prefixes) for word in named) / len(named) if named else 0.5,
        "relevance": _relevance(asked, own, said, said_prefixes),
        "own": sum(word.stem not in asked_stems for word in own) / len(own) if own else 0.0,
        "beside": float(0 < len(source.text.sentences) <= _STATEMENT and bool(_REQUEST.match(question.raw))),
        "is_question": float("?" in question.raw),
    }
    measures["otherwise"] = float(measures["relevance"] < _TAKEN_UP and _answers_otherwise(answer, question))
    if source:
        measures["source_on_topic"] = sum(source.support(word) * _weight(word) for word in asked) / total
    if len(answer.words) <= _SHORT:
        measures |= _phrase(answer, question, asked_stems)
        if source:
            measures |= _place_in_source(answer, asked, source)
    score = _score(measures, answer)
    spans = (Span(answer.words[0].start, answer.words[-1].end, "off_topic"),) if score >= 0.5 else ()
    return Signal("scope", score, spans, measures)


def _found(word: Word, stems: set[str], prefixes: set[str]) -> float:
    return 1.0 if word.stem in stems else 0.7 if len(word.stem) >= PREFIX and word.stem[:PREFIX] in prefixes else 0.0


def _relevance(asked: list[Word], own: list[Word], said: set[str], prefixes: set[str]) -> float:
    """The share of the question that the answer takes up, names, numbers and long words first, plus the other way round."""
    once = {word.stem: word for word in asked}
    weights = {item: (3.0 if word.kind in (NAME, NUMBER) else 1.0) * min(len(word.text), 9) for item, word in once.items()}
    taken_up = sum(_found(word, said, prefixes) * weights[item] for item, word in once.items()) / sum(weights.values())
    stems = {word.stem for word in own}
    return taken_up + len(stems & once.keys()) / (len(stems) or 1)


def _weight(word: Word) -> float:
    return 2.0 if word.kind in (NAME, NUMBER) else 1.0


def _score(measures: dict[str, float], answer: Text) -> float:
    strange = max(0.0, 1.0 - measures["relevance"] / _RELEVANT)
    if len(answer.words) > _SHORT:
        return strange
    return max(0.8 * measures["mistyped"], 0.6 * measures["from_question"], 0.6 * strange * _names_its_subject(answer))


def _names_its_subject(answer: Text) -> bool:
    """Whether a short answer is a sentence that does not rely on the question for whom it speaks of."""
    words = answer.words
    if words[0].text in _YES or any(word.text in PRONOUNS for word in words):
        return False
    return any(
        word.text in _VERBS or (word.kind == CONTENT and (word.text in IRREGULAR or word.text.endswith(("ed", "ou", "iu"))))
        for word in words
    )


def _answers_otherwise(answer: Text, question: Text) -> bool:
    """Whether a short answer is of another kind than the question asks for: a yes, none of the choices, no number."""
    if len(answer.words) > _LONG:
        return False
    wanted = {kind for kind, pattern in _WANTS if pattern.search(question.raw)}
    said_yes = answer.words[0].text in _YES
    if said_yes or _ASKS_YES.match(question.raw):
        return said_yes and not _ASKS_YES.search(question.raw)
    named = {word.stem for word in answer.words if word.kind == NAME or word.start == 0}
    options = {word.stem for word in question.words if word.kind == NAME}
    if "choice" in wanted and options:
        return not named & options and not _BOTH & {word.text for word in answer.words}
    return bool(wanted & {"date", "year", "number"}) and not any(word.kind == NUMBER for word in answer.words)


def _phrase(answer: Text, question: Text, asked: set[str]) -> dict[str, float]:
    own = content(answer.words)
    wanted = {kind for kind, pattern in _WANTS if pattern.search(question.raw)}
    is_number = any(word.kind == NUMBER for word in own)
    is_date = is_number and (
        any(word.text in MONTHS for word in own) or any(re.fullmatch(r"1\d{3}|20\d\d", word.text) for word in own)
    )
    is_nation = bool(own) and all(word.text in NATIONS for word in own)
    inside = sum(word.stem in asked for word in own) / len(own) if own else 1.0
    return {
        "mistyped": float(_is_mistyped(wanted, is_number=is_number, is_date=is_date, is_nation=is_nation)),
        "well_typed": float((bool(wanted & {"date", "year", "number"}) and is_number) or ("choice" in wanted and inside > 0.5)),
        "from_question": 0.0 if "choice" in wanted else inside,
        "nation": float(is_nation),
        "possessive": float(answer.raw.rstrip().endswith(("'s", "’s", "s'"))),
        "whole_name": float(bool(own) and all(word.kind == NAME for word in own)),
        "number": float(is_number),
        "wants_person": float("person" in wanted),
        "wants_place": float("place" in wanted),
        "wants_choice": float("choice" in wanted),
    }


def _is_mistyped(wanted: set[str], *, is_number: bool, is_date: bool, is_nation: bool) -> bool:
    if wanted & {"date", "year"}:
        return not is_date
    if "number" in wanted:
        return not is_number
    if "person" in wanted or "place" in wanted:
        return is_date or (is_nation and "nation" not in wanted)
    return (is_number and not wanted) or (is_nation and "nation" not in wanted and "nationality" not in wanted)


def _place_in_source(answer: Text, asked: list[Word], source: Source) -> dict[str, float]:
    """How much of the question stands around the phrase in the sources, against the best place there is for it."""
    own = content(answer.words) or list(answer.words)
    asked_weights = {word.stem: source.rarity(word.stem) for word in asked if word.stem in source}
    total = sum(asked_weights.values()) or 1.0
    words = source.text.words

    def company(place: int, reach: int) -> float:
        near = {word.stem for word in words[max(0, place - reach) : place + reach + 1]}
        return sum(weight for item, weight in asked_weights.items() if item in near) / total

    def sentence_company(number: int) -> float:
        near = {word.stem for word in source.text.of_sentence(number)}
        return sum(weight for item, weight in asked_weights.items() if item in near) / total

    places = [place for word in own for place in source.places.get(word.stem, ())][:24]
    if not places:
        return {"near": 0.0, "near_sentence": 0.0, "is_there": 0.0, "times": 0.0, "cut_name": 0.0, "head_near": 0.0}
    best = max(sentence_company(number) for number in range(len(source.text.sentences)))
    return {
        "near": max(company(place, 8) for place in places),
        "near_sentence": max(sentence_company(words[place].sentence) for place in places) / (best or 1.0),
        "is_there": 1.0,
        "times": float(min(5, max(len(source.places.get(word.stem, ())) for word in own))),
        "first": places[0] / len(words),
        "cut_name": _cut_name(answer, source),
        "head_near": _head_near(answer, asked, places, source),
        "subject": float(places[0] == source.text.sentences[words[places[0]].sentence][0]),
    }


def _cut_name(answer: Text, source: Source) -> float:
    """1 where the phrase, wherever it stands in the sources, is a piece of a longer name."""
    stems = [word.stem for word in answer.words]
    words = source.text.words
    cuts = []
    for place in source.places.get(stems[0], ()):
        after = place + len(stems)
        if [word.stem for word in words[place:after]] == stems:
            goes_on = after < len(words) and words[after].kind == NAME and words[after].start - words[after - 1].end == 1
            came_from = place > 0 and words[place - 1].kind == NAME and words[place].start - words[place - 1].end == 1
            cuts.append((goes_on and words[after - 1].kind == NAME) or (came_from and words[place].kind == NAME))
    return float(bool(cuts) and all(cuts))


def _head_near(answer: Text, asked: list[Word], places: list[int], source: Source) -> float:
    """1 where what was asked for ("which film") is named within a few words of the phrase in the sources."""
    head = next((word for word in asked if word.kind == CONTENT), None)
    if head is None:
        return 0.5
    own = {word.stem for word in answer.words}
    words = source.text.words
    near = {word.stem for place in places for word in words[max(0, place - 7) : place + 8]} - own
    return float(head.stem in near)
