"""Do two prompts ask for the same thing? Vectors alone do not know: "enable it" and "disable it" lie side by side.

`difference` is the careful reader beside the vectors. It is strict: a miss costs one call, a wrong hit is a wrong answer.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Sequence
from math import sqrt
from operator import mul

from apps.tasks.engine.hallucination.lexicon import NEGATORS
from apps.tasks.engine.hallucination.sources import are_opposite, is_negator, synonyms
from apps.tasks.engine.hallucination.text import FUNCTIONAL, NAME, NUMBER, Text, Word, read

MOST_CHARS = 2_000  # of a prompt that is compared by meaning; longer ones are only ever the same or not

# Turn a meaning round, or cut a part of it off, like "not" does.
EXCEPTING = frozenset("except exclude excluding unless only instead but exceto excluindo salvo somente menos senão".split())
# Where such a prefix stands on the same rest, the two words are opposites: "enable, disable", "ativar, desativar".
PREFIX_PAIRS = tuple(
    (first, second)
    for pair in (
        "en dis|in ex|im ex|in out|up down|over under|pre post|en de|em de|hyper hypo|inter intra|max min|as des|as de|"
        "anti pro|multi mono|super sub|in de"
    ).split("|")
    for first, second in [pair.split()]
)
SINGLE_PREFIXES = ("un", "in", "im", "ir", "il", "dis", "non", "mis", "des", "de", "anti", "sub", "re", "pre", "post")
LEAST_REST = 3
# Said around a question, and no part of it.
FILLER = frozenset(
    """please kindly hi hello hey thanks thank want need help tell explain describe know like way ways step steps question
    possible let give show find quick quickly exactly actually currently name called say say mean means meaning best
    favor oi olá obrigado obrigada quero queria preciso gostaria ajuda ajude ajudar diga dizer explique explicar descreva
    descrever saber sabe jeito forma maneira modo passo passos pergunta dê mostre mostrar exatamente realmente atualmente nome
    chama chamado significa melhor fazer faço faz fazendo make making""".split()
)
PORTUGUESE = frozenset(
    """o os um uma do da dos das em no na nos nas por pelo pela para com sem que como quando onde porque qual quais é são foi
    está ele ela você meu minha seu sua este esta isso ao à não""".split()
)
ENGLISH = frozenset(
    """the an of to in on for with without and or is are was were what how why when where which who this that it my your does
    do can should not from by""".split()
)
# Small words that a question turns on: each has a group, and both questions must have the same groups.
_PIVOTS = {
    word: group
    for group, words in (
        ("who", "who whom whose quem"),
        ("when", "when quando"),
        ("where", "where onde"),
        ("why", "why porque"),
        ("how", "how como"),
        ("much", "many much quantos quantas quanto quanta"),
        ("past", "was were did had foi foram era eram"),
        ("will", "will será"),
        ("should", "should must deve devem"),
        ("more", "more mais"),
        ("less", "less fewer menos"),
        ("most", "most"),
        ("least", "least few poucos poucas"),
        ("all", "all every each todo toda todos todas"),
        ("some", "some any several algum alguma alguns algumas"),
        ("both", "both ambos ambas"),
        ("only", "only apenas só"),
        ("other", "other another outro outra outros outras"),
        ("same", "same mesmo mesma"),
        ("off", "off"),
        ("out", "out"),
        ("up", "up"),
        ("down", "down"),
        ("still", "still yet again ainda"),
        ("already", "already já"),
        ("against", "against contra"),
        ("between", "between entre"),
        ("and", "and e"),
        ("or", "or ou"),
        ("if", "if se"),
        ("he", "he him his ele dele"),
        ("she", "she her hers ela dela"),
        ("they", "they them their theirs eles elas deles delas"),
        ("too", "too very muito muita"),
    )
    for word in words.split()
}
_BEFORE_MODIFIER = frozenset("in of on at em de do da dos das no na nos nas".split())
_AIMS = {  # before what is given, received, compared, come first: who changes sides there asks something else
    word: aim
    for aim, words in (
        ("to", "to into para"),
        ("from", "from"),
        ("than", "than"),
        ("before", "before antes"),
        ("after", "after depois após"),
        ("by", "by por pelo pela"),
        ("without", "without sem"),
        ("over", "over above sobre acima"),
        ("under", "under below sob abaixo"),
    )
    for word in words.split()
}
_QUOTED = re.compile(r"`[^`]+`|\"[^\"]+\"|“[^”]+”|(?<!\w)'[^']+'(?!\w)")
_SYMBOLS = re.compile(r"[^\w\s.,;:!?¿¡'’\"“”`()\-]")
_IDENTIFIER = re.compile(r"\S*(?:[_/\\@#]|\w\.\w|[a-z][A-Z]|\d[A-Za-z]|[A-Za-z]\d|::)\S*")


COMPARED = 12  # prompts that are read closely: of many, those that share the most beginnings of words
LEAST_SHARED = 0.4
_BEGINNING = re.compile(r"\b\w{1,4}")


def those_alike(text: str, others: Iterable[tuple[int, str]]) -> list[int]:
    """The keys of the prompts without a `difference`, the likeliest first. A quick look goes before the close one."""
    own = _beginnings(text)
    shared = [
        (len(own & theirs) / (len(own | theirs) or 1), key, other) for key, other in others if (theirs := _beginnings(other))
    ]
    likeliest = sorted((one for one in shared if one[0] >= LEAST_SHARED), key=lambda one: -one[0])[:COMPARED]
    return [key for _, key, other in likeliest if not difference(text, other)]


def _beginnings(text: str) -> set[str]:
    return set(_BEGINNING.findall(text[: MOST_CHARS + 1].casefold()))


def difference(first: str, second: str) -> str:
    """Why the two may not get the same answer, as a code; "" when every word that carries meaning is in both.

    Codes: too_long, language, negation, numbers, names, quoted, symbols, pivots, direction, opposites, words.
    """
    if max(len(first), len(second)) > MOST_CHARS:
        return "too_long"
    if _folded(first) == _folded(second):
        return ""
    one, other = read(first, MOST_CHARS), read(second, MOST_CHARS)
    checks = (
        ("quoted", _QUOTED.findall(first) != _QUOTED.findall(second)),
        ("symbols", sorted(_SYMBOLS.findall(first)) != sorted(_SYMBOLS.findall(second))),
        ("names", _identifiers(first) != _identifiers(second)),
        ("language", _is_portuguese(one) != _is_portuguese(other)),
        ("negation", _negations(one) != _negations(other)),
        ("numbers", _of_kind(one, NUMBER) != _of_kind(other, NUMBER)),
        ("names", _names_differ(one, other)),
        ("pivots", _pivots(one) != _pivots(other)),
        ("direction", _aims(one) != _aims(other)),
    )
    return next((code for code, differs in checks if differs), "") or _words_differ(one, other)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(" ?.!")


def _is_portuguese(text: Text) -> bool:
    words = [word.text for word in text.words]
    return sum(word in PORTUGUESE for word in words) > sum(word in ENGLISH for word in words)


def _negations(text: Text) -> int:
    """How many words turn a meaning round. One more or less is another question; two that cancel out are not trusted either."""
    return sum(is_negator(word.text) or word.text in EXCEPTING for word in text.words)


def _of_kind(text: Text, kind: str) -> list[str]:
    return [word.stem for word in text.words if word.kind == kind]


def _identifiers(text: str) -> list[str]:
    return [found.rstrip(".,;:!?)") for found in _IDENTIFIER.findall(text)]


def _names_differ(one: Text, other: Text) -> bool:
    """A name of the one that the other does not say, or two names that changed places."""
    names = {word.stem for text in (one, other) for word in text.words if word.kind == NAME and word.text not in FILLER}
    said = [[word.stem for word in text.words if word.stem in names] for text in (one, other)]
    return sorted(said[0]) != sorted(said[1]) or (len(said[0]) > 1 and said[0] != said[1] and not _are_only_modifiers(one, other))


def _pivots(text: Text) -> set[str]:
    return {group for word in text.words if (group := _PIVOTS.get(word.text))}


def _aims(text: Text) -> dict[str, list[str]]:
    """What stands next after each word that gives a direction: {"to": [stems], …}."""
    found: dict[str, list[str]] = {}
    for place, word in enumerate(text.words):
        aim = _AIMS.get(word.text)
        after = _next_content(text.words[place + 1 : place + 4])
        if aim and after:
            found.setdefault(aim, []).append(after.stem)
    return {aim: sorted(stems) for aim, stems in found.items() if aim != "to" or not _is_infinitive(text, stems)}


def _is_infinitive(text: Text, stems: list[str]) -> bool:
    """ "How to reverse": the "to" before the first content word gives no direction."""
    first = _next_content(text.words)
    return first is not None and stems == [first.stem]


def _next_content(words: Iterable[Word]) -> Word | None:
    return next((word for word in words if _carries_meaning(word)), None)


def _carries_meaning(word: Word) -> bool:
    return word.kind != FUNCTIONAL and word.text not in FILLER and word.text not in NEGATORS


def _words_differ(one: Text, other: Text) -> str:
    ours, theirs = (_content(text) for text in (one, other))
    only_ours = [word for word in ours if not _has_like(word, theirs)]
    only_theirs = [word for word in theirs if not _has_like(word, ours)]
    if any(turns_round(word, unlike) for word in only_ours for unlike in only_theirs):
        return "opposites"
    if only_ours or only_theirs:
        return "words"
    return "" if _are_only_modifiers(one, other) else "direction"


def _content(text: Text) -> list[Word]:
    return [word for word in text.words if _carries_meaning(word)]


def _has_like(word: Word, words: Sequence[Word]) -> bool:
    """One of the same stem, or of the same meaning and not its opposite."""
    return any(
        word.stem == other.stem or (other.stem in synonyms().get(word.stem, ()) and not turns_round(word, other))
        for other in words
    )


def turns_round(word: Word, other: Word) -> bool:
    return are_opposite(word, other) or has_opposite_prefix(word.text, other.text)


def has_opposite_prefix(first: str, second: str) -> bool:
    """The same rest after two prefixes that turn it round, or after one and none: "enable, disable", "ativar, desativar"."""
    return any(_rests_meet(first, second, pair) or _rests_meet(second, first, pair) for pair in PREFIX_PAIRS) or any(
        longer.startswith(prefix)
        and len(shorter) >= LEAST_REST
        and longer[len(prefix) :].startswith(shorter[: max(LEAST_REST, len(shorter) - 2)])
        for prefix in SINGLE_PREFIXES
        for longer, shorter in ((first, second), (second, first))
    )


def _rests_meet(first: str, second: str, pair: tuple[str, str]) -> bool:
    if not (first.startswith(pair[0]) and second.startswith(pair[1])):
        return False
    rests = first[len(pair[0]) :], second[len(pair[1]) :]
    least = min(map(len, rests))
    return least >= LEAST_REST and rests[0][: max(LEAST_REST, least - 2)] == rests[1][: max(LEAST_REST, least - 2)]


def _are_only_modifiers(one: Text, other: Text) -> bool:
    """The same order of words, but for what an "of" or "in" puts before or behind: "a list in Python", "a Python list"."""
    moved = _modifiers(one) | _modifiers(other)
    orders = [[word.stem for word in _content(text) if word.stem not in moved] for text in (one, other)]
    return _canonical(orders[0], orders[1]) == orders[1]


def _modifiers(text: Text) -> set[str]:
    found = set()
    for place, word in enumerate(text.words):
        if word.text in _BEFORE_MODIFIER and (after := _next_content(text.words[place + 1 : place + 4])):
            found.add(after.stem)
        if word.text.endswith(("'s", "’s")):
            found.add(word.stem)
    return found


def _canonical(stems: list[str], like: list[str]) -> list[str]:
    """Each stem said as the other text says it, where it only says it by a synonym."""
    return [
        stem if stem in like else next((other for other in like if other in synonyms().get(stem, ())), stem) for stem in stems
    ]


# ── vectors ───────────────────────────────────────────────────────────────────────────────────────────────────────


def packed(vector: Sequence[float]) -> bytes:
    """The vector at length 1, as float32 in the machine's order. Empty when it has no length."""
    length = sqrt(sum(map(mul, vector, vector)))
    return array("f", (number / length for number in vector)).tobytes() if length else b""


def cosine(first: bytes, second: bytes) -> float:
    """Of two packed vectors, -1 to 1; 0 when they are not of one size."""
    if not first or len(first) != len(second):
        return 0.0
    return max(-1.0, min(1.0, sum(map(mul, array("f", first), array("f", second)))))
