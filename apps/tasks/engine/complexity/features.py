"""What can be counted in a prompt: its shape, and the words of lexicon.py. No weights here."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from math import log1p

from apps.tasks.engine.complexity.lexicon import BY_WORD, GROUPS, STARTS_OF_PAIRS

READ_CHARS = 6_000  # of a longer prompt the beginning and the end are read: the question stands in one of them
_WORD = re.compile(r"[^\W\d_][^\W\d_+#]*(?:['’-][^\W\d_]+)*[+#]*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")
TOKENS_READ = 1_200  # of a question with options
_OPTION = re.compile(r"^[ \t]*\(?([A-Ja-j])[.)][ \t]+(\S.*)$", re.MULTILINE)
_ITEM = re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+\S", re.MULTILINE)
_SENTENCE_END = re.compile(r"[.!?…]+(?=\s|$)|\n+")
_YEAR = re.compile(r"\b(?:1[0-9]{3}|20\d\d)\b")
_CODE = re.compile(
    r"```|^\s*(?:def |class |import |from \w+ import|#include|function |const |let |var |SELECT )|[{};]\s*$|\w\(\)", re.M
)
_LABEL = re.compile(r"\s*(?:answer|resposta)\s*:\s*$", re.IGNORECASE)
_BOTH_OR_NONE = re.compile(r"\b(?:all|none|both|neither|todas|nenhuma|ambas|nem)\b")
_SYMBOLS = frozenset("=+*/^<>|∈∀∃→⊃≡~∨∧•√∫∑≤≥\\")


@dataclass(frozen=True, slots=True)
class Reading:
    """A prompt as it was read: the counts and, of a question with options, its folded words, numbers and signs in order."""

    values: dict[str, float]
    tokens: list[str]
    has_options: bool
    counts: Counter[str]
    n_words: int


def read(prompt: str) -> Reading:
    """Counts everything once. Values are logarithms of counts or shares of 0-1, so that no prompt dwarfs the others."""
    text = _LABEL.sub("", _ends_of(prompt))
    options = [option for _letter, option in _OPTION.findall(text)]
    has_options = len(options) >= 2
    stem = _OPTION.sub("", text).strip() if has_options else text.strip()
    raw = _WORD.findall(stem)
    words = [fold(word) for word in raw]
    counts = _count_lexicon(words)
    values = {**_shape(prompt, stem, raw, words), **{name: log1p(counts[name]) for name in GROUPS}}
    if has_options:
        values.update(_of_options(options, set(words)), option_prompt_length=log1p(len(prompt)))
    tokens = [fold(token) for token in _TOKEN.findall(text)[:TOKENS_READ]] if has_options else []
    return Reading(values, tokens, has_options, counts, len(words))


def fold(word: str) -> str:
    """Lower case, without accents, with a plain apostrophe."""
    word = word.lower().replace("’", "'")
    if word.isascii():
        return word
    return "".join(char for char in unicodedata.normalize("NFKD", word) if not unicodedata.combining(char))


def _ends_of(prompt: str) -> str:
    half = READ_CHARS // 2
    return prompt if len(prompt) <= READ_CHARS else prompt[:half] + "\n" + prompt[-half:]


def _count_lexicon(words: list[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for index, word in enumerate(words):
        for name in BY_WORD.get(word, ()):
            counts[name] += 1
        if word in STARTS_OF_PAIRS and index + 1 < len(words):
            for name in BY_WORD.get(f"{word} {words[index + 1]}", ()):
                counts[name] += 1
    return counts


def _shape(prompt: str, stem: str, raw: list[str], words: list[str]) -> dict[str, float]:
    count = max(1, len(words))
    sentences = [part for part in _SENTENCE_END.split(stem) if part and not part.isspace()]
    numbers = _NUMBER.findall(stem)
    return {
        "length": log1p(len(words) * max(1.0, len(prompt) / READ_CHARS)),
        "sentences": log1p(len(sentences)),
        "sentence_length": log1p(len(words) / max(1, len(sentences))),
        "last_sentence": log1p(len(sentences[-1].split()) if sentences else 0),
        "word_length": sum(map(len, words)) / count,
        "long_words": sum(len(word) >= 9 for word in words) / count,
        "distinct_words": len(set(words)) / count,
        "commas": log1p(stem.count(",")),
        "lines": log1p(stem.count("\n")),
        "list_items": log1p(len(_ITEM.findall(stem))),
        "questions": log1p(stem.count("?")),
        "ends_as_question": float(stem.endswith("?")),
        "ends_open": float(stem.endswith(":") or stem[-1:] not in {"", ".", "?", "!"}),
        "blank": float("__" in stem),
        "numbers": log1p(len(numbers)),
        "distinct_numbers": log1p(len(set(numbers))),
        "number_share": len(numbers) / count,
        "years": log1p(len(_YEAR.findall(stem))),
        "percent": log1p(stem.count("%")),
        "money": log1p(stem.count("$") + stem.count("€") + stem.count("£")),
        "symbols": log1p(sum(char in _SYMBOLS for char in stem)),
        "brackets": log1p(stem.count("(")),
        "quotes": log1p(stem.count('"') + stem.count("“")),
        "capitals": sum(word[0].isupper() for word in raw[1:]) / count,
        "acronyms": sum(word.isupper() and len(word) > 1 for word in raw) / count,
        "code_marks": log1p(len(_CODE.findall(stem))),
    }


def _of_options(options: list[str], asked: set[str]) -> dict[str, float]:
    sizes = [len(option) for option in options]
    bags = [{fold(word) for word in _WORD.findall(option)} for option in options]
    pairs = [len(one & other) / max(1, len(one | other)) for index, one in enumerate(bags) for other in bags[:index]]
    every_word = [word for bag in bags for word in bag]
    count = len(options)
    return {
        "options": float(count),
        "option_mean": log1p(sum(sizes) / count),
        "option_shortest": log1p(min(sizes)),
        "option_longest": log1p(max(sizes)),
        "option_ratio": max(sizes) / (1 + min(sizes)),
        "option_last_longest": float(sizes[-1] == max(sizes)),
        "option_numeric": sum(any(char.isdigit() for char in option) for option in options) / count,
        "option_one_word": sum(len(option.split()) == 1 for option in options) / count,
        "option_capitals": sum(word[0].isupper() for option in options for word in _WORD.findall(option)[1:]) / count,
        "option_both_or_none": float(any(_BOTH_OR_NONE.search(option.lower()) for option in options)),
        "option_yes_no": float(
            any(bag & {"true", "false", "yes", "no", "wrong", "verdadeiro", "falso", "sim", "nao"} for bag in bags)
        ),
        "option_alike": sum(pairs) / len(pairs),
        "option_in_question": sum(len(bag & asked) / max(1, len(bag)) for bag in bags) / count,
        "option_commas": sum("," in option for option in options) / count,
        "option_negated": sum(bool(bag & {"not", "no", "nao", "nem"}) for bag in bags) / count,
        "option_word_length": sum(map(len, every_word)) / max(1, len(every_word)),
    }
