"""A text as the detectors read it: words with their place, kind and stem, in sentences."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from apps.tasks.engine.hallucination.lexicon import FUNCTION, IRREGULAR, MONTHS, NUMBER_WORDS

NUMBER, NAME, CONTENT, FUNCTIONAL = "number", "name", "content", "function"

_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+| ['’] (?:t|s|m|re|ve|ll|d)\b)*")
_TRIVIAL_GAP = re.compile(r"^[\s\-'’.&]{1,3}$")
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?:\s+|$)|[。！？]+[\"'”’)\]」』]*\s*|\n+")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\".])(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof|Gen|Lt|Col|vs|No|Inc|Ltd|Co|ca|c|approx|Sra?|Dra?|Profa?|av|pág|etc)\.\s*$"
)
_SUFFIXES = tuple(
    """amentos imentos amento imento ations ation ições ição ações ação mente ments ment ness ingly edly ings ing edly ied ies
    ados adas idos idas aram eram iram avam ando endo indo ado ada ido ida ava ity ers er ed es ly ão ões as os s""".split()
)
_LEAST_STEM = 3


class Word(NamedTuple):
    text: str  # lower case
    stem: str
    start: int
    end: int
    kind: str
    sentence: int


@dataclass(frozen=True, slots=True)
class Text:
    """`is_partial`: so much was given that only the first `limit` characters were read."""

    raw: str
    words: tuple[Word, ...]
    sentences: tuple[tuple[int, int], ...]  # first word and the one after the last, by index
    is_partial: bool = False

    def of_sentence(self, number: int) -> tuple[Word, ...]:
        first, after = self.sentences[number]
        return self.words[first:after]


def read(raw: str, limit: int) -> Text:
    """Words and sentences of at most `limit` characters of `raw`."""
    text = raw[:limit]
    words: list[Word] = []
    sentences: list[tuple[int, int]] = []
    for start, end in _sentence_spans(text):
        first = len(words)
        words += _words_of(text, start, end, len(sentences))
        if len(words) > first:
            sentences.append((first, len(words)))
    return Text(text, tuple(words), tuple(sentences), len(raw) > limit)


def read_all(raws: Sequence[str], limit: int) -> Text:
    """Several sources as one text."""
    return read("\n\n".join(raws), limit)


def _sentence_spans(text: str) -> list[tuple[int, int]]:
    spans, start = [], 0
    for match in _SENTENCE_END.finditer(text):
        if match[0].startswith(".") and _ABBREVIATION.search(text, max(start, match.start() - 8), match.start() + 1):
            continue
        spans.append((start, match.end()))
        start = match.end()
    return [*spans, (start, len(text))] if start < len(text) else spans


def _words_of(text: str, start: int, end: int, sentence: int) -> list[Word]:
    tokens = [(match.start(), match.end(), match[0]) for match in _TOKEN.finditer(text, start, end)]
    words = []
    for position, (begin, finish, token) in enumerate(tokens):
        lower = token.lower()
        if not lower.isalnum():
            lower = lower.replace(" ", "").replace("’", "'")
        words.append(Word(lower, stem(lower), begin, finish, _kind(token, lower, position, tokens), sentence))
    return words


def _kind(token: str, lower: str, position: int, tokens: list[tuple[int, int, str]]) -> str:
    if token[0].isdigit() or lower in NUMBER_WORDS:
        return NUMBER
    if lower in FUNCTION or (not lower.isalpha() and (lower.endswith("n't") or lower.partition("'")[0] in FUNCTION)):
        return FUNCTIONAL
    if not token[0].isupper():
        return CONTENT
    if position == 0:  # any sentence begins with a capital: a name where the next word has one too
        following = tokens[1][2] if len(tokens) > 1 else ""
        return NAME if following[:1].isupper() or token[1:2].isupper() else CONTENT
    return NAME


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """A short form that a word shares with its inflections; for a number its value.

    >>> stem("walking") == stem("walked"), stem("1,000") == stem("1000"), stem("two")
    (True, True, '2')
    """
    if word[0].isdigit():
        return _value(word)
    if word in NUMBER_WORDS:
        return str(NUMBER_WORDS[word])
    if word.endswith(("'s", "’s")):
        word = word[:-2]
    word = IRREGULAR.get(word, word)
    if not word.isascii():
        word = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    if len(word) <= _LEAST_STEM or word in MONTHS:
        return word
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _LEAST_STEM:
            word = word[: -len(suffix)]
            break
    if len(word) > _LEAST_STEM:
        word = word.rstrip("eoayi") if len(word.rstrip("eoayi")) >= _LEAST_STEM else word
    if len(word) > _LEAST_STEM and word[-1] == word[-2]:
        word = word[:-1]
    return word


def _value(number: str) -> str:
    if ":" in number:
        return number
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", number):
        return number.replace(",", "")
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?", number):
        return number.replace(".", "").replace(",", ".")
    return number.replace(",", ".").lstrip("0") or "0"


def names(text: Text) -> list[tuple[Word, ...]]:
    """Names of one or more words that follow each other."""
    found: list[tuple[Word, ...]] = []
    run: list[Word] = []
    for word in text.words:
        joins = run and run[-1].sentence == word.sentence and _TRIVIAL_GAP.match(text.raw[run[-1].end : word.start])
        if word.kind == NAME and joins:
            run.append(word)
            continue
        if run:
            found.append(tuple(run))
        run = [word] if word.kind == NAME else []
    if run:
        found.append(tuple(run))
    return found
