"""Checks of an answer to a question about quantities: what can be found without knowing the right number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import log1p

from apps.tasks.engine.trust.arithmetic import Sum, sums_in, value_of
from apps.tasks.engine.trust.final import Final, final_number
from apps.tasks.engine.trust.quantities import WORD_VALUES, is_used, numbers_in, quantities_in

READ_CHARS = 8_000
WORKING_WORDS = 12
Finding = tuple[float, str]  # a value and, where there is something to show, a quote

_ASKS_A_NUMBER = re.compile(
    r"\b(?:how (?:many|much|long|far|old|tall|fast|often|high|big)|calculate|compute|what percent\w*|how.{0,20} more|number of|"
    r"(?:what(?:'s| is| was| are| were| will be| would be)|find) (?:the|his|her|its|their) (?:\w+ ){0,3}"
    r"(?:total|number|cost|price|amount|average|sum|difference|percentage|percent|profit|age|ratio|length|weight|speed|distance|"
    r"area|change|income|salary|score|height|probability|chance|value)|"
    r"quant[ao]s?|calcule|(?:qual (?:é|foi|era|será|seria)|ache|encontre) (?:o|a) (?:\w+ ){0,3}(?:total|número|custo|preço|valor|"
    r"média|soma|diferença|porcentagem|percentual|lucro|idade|razão|comprimento|peso|velocidade|distância|área|troco|salário|"
    r"probabilidade))\b",
    re.IGNORECASE,
)
_LAST_QUESTION = re.compile(r"(?:^|[.!?\n,])[^.!?\n]*\b(?:what|how|qual|quant[ao]s?)\b[^!?\n]*\?\s*$", re.IGNORECASE)
_OPTION = re.compile(r"^[ \t]*\(?[A-J][.)][ \t]+\S", re.MULTILINE)
_MARKS = re.compile(r"<<[^<>]*>>")
_NUMERAL = r"(?:\d[\d.,]*|" + "|".join(sorted((word for word in WORD_VALUES if len(word) > 2), key=len, reverse=True)) + ")"
_LESS = re.compile(rf"\b({_NUMERAL})(?: \w+)? (?:fewer|less|a menos|menos)\b", re.IGNORECASE)
_MORE = re.compile(rf"\b({_NUMERAL})(?: \w+)? (?:more|older|taller|longer|extra|additional|a mais|mais)\b", re.IGNORECASE)
_PLAIN_SUM = re.compile(r"[\d$.,]+\s*[-+*/x×]\s*[\d$.,]+")
_UNSPACED = str.maketrans({" ": "", "$": "", "\\": "", "x": "*", "×": "*", "÷": "/", "−": "-"})
# What the words of a question lead to in sums: the words, what is looked for, and what may stand in for it.
_CUES = tuple(
    (name, re.compile(words, re.IGNORECASE), re.compile(sign))
    for name, words, sign in (
        ("twice", r"\b(?:twice|double|dobro)\b", r"(?<!\d)2\*|\*2(?!\d)|/2(?!\d)"),
        ("half", r"\b(?:half|halves|metade)\b", r"/2(?!\d)|\*0?\.5|0,5|1/2|50"),
        ("each", r"\b(?:each|every|per|times|twice|double|triple|dozen|cada|por|vezes|dobro|triplo|dúzias?)\b", r"\*"),
        (
            "left",
            r"\b(?:left|remain\w*|difference|change|how (?:many|much) (?:more|less|fewer|longer)|sobr\w+|rest\w+|diferença|troco|"
            r"faltam?|a mais|a menos)\b",
            r"-",
        ),
        ("total", r"\b(?:total|altogether|combined|in all|sum|ao todo|juntos|juntas|soma)\b", r"[+*]"),
        (
            "share",
            r"\b(?:average|split|divided|equally|share[ds]?|third|quarter|fourth|média|dividid\w+|igualmente|terço|quarto)\b",
            r"/|\.",
        ),
        ("percent", r"%|\bpercent|\bpor cento", r"/100|\d?\.\d|%"),
    )
)
_HEDGES = re.compile(
    r"\b(?:however|assum\w+|approximately|about|cannot|can't|impossible|unclear|not enough|perhaps|maybe|might|seems|either|"
    r"possibly|probably|i think|i believe|not sure|as far as i know|"
    r"porém|entretanto|supondo|aproximadamente|cerca de|impossível|não está claro|insuficientes?|talvez|parece|provavelmente|"
    r"possivelmente|acho que|acredito que|não tenho certeza)\b",
    re.IGNORECASE,
)


def asks_for_a_number(prompt: str) -> bool:
    """A question about quantities that it gives itself, to be answered by a number."""
    prompt = prompt[:READ_CHARS].replace("’", "'")
    given = len(quantities_in(prompt))
    if given < 2 or len(_OPTION.findall(prompt)) >= 2:
        return False
    return bool(_ASKS_A_NUMBER.search(prompt)) or (given >= 3 and bool(_LAST_QUESTION.search(prompt)))


def shows_working(answer: str) -> bool:
    """More than a bare result: there are steps to check."""
    return len(answer[:READ_CHARS].split()) >= WORKING_WORDS or bool(sums_in(answer))


def hedges_in(answer: str) -> Finding:
    found = _HEDGES.findall(answer[:READ_CHARS])
    return float(min(3, len(found))), ", ".join(dict.fromkeys(found[:3]))


def wrong_sums(sums: list[Sum]) -> Finding:
    wrong = [one for one in sums if not one.is_right]
    return float(min(2, len(wrong))), f"{wrong[0].text} ({wrong[0].comes_to:g})" if wrong else ""


def check_problem(prompt: str, answer: str) -> dict[str, Finding]:
    """What is amiss, each 0 where nothing is: names as in model.json."""
    prompt, answer = prompt[:READ_CHARS], answer[:READ_CHARS]
    sums, final = sums_in(answer), final_number(answer)
    numbers, quantities = numbers_in(answer), quantities_in(prompt)
    is_whole = final.value is None or abs(final.value - round(final.value)) < 1e-9
    ending = {
        "no_final_number": (float(final.value is None), ""),
        "final_not_whole": (0.0, "") if is_whole else (1.0, final.text),
        "negative": _negative(final, sums),
    }
    if not shows_working(answer):
        return ending
    missed = _missed_cues(prompt, answer, sums)
    unused = [quantity for quantity in quantities if not is_used(quantity, set(numbers))]
    loose = _loose_ends(sums)
    return ending | {
        "given_numbers_unused": (len(unused) / max(1, len(quantities)), _listed(unused)),
        "results_unused": (float(min(3, len(loose))), _listed(one.written for one in loose)),
        "words_not_followed": (float(min(2, len(missed))), ", ".join(missed)),
        "few_steps": (max(-1.0, log1p(len(quantities)) - log1p(len(sums))), ""),
        "no_sums": (float(not sums), ""),
    }


def _negative(final: Final, sums: list[Sum]) -> Finding:
    below = [value for value in (final.value, *(one.written for one in sums)) if value is not None and value < 0]
    return float(bool(below)), f"{below[0]:g}" if below else ""


def _listed(numbers: Iterable[float]) -> str:
    return ", ".join(f"{number:g}" for number in list(numbers)[:5])


def _loose_ends(sums: list[Sum]) -> list[Sum]:
    """Results that no later sum uses, the last one apart."""
    later = [numbers_in(one.text) for one in sums]
    return [
        one
        for at, one in enumerate(sums[:-1])
        if not any(abs(one.written - number) < 1e-6 for numbers in later[at + 1 :] for number in numbers)
    ]


def _missed_cues(prompt: str, answer: str, sums: list[Sum]) -> list[str]:
    plain = _MARKS.sub("", answer)
    done = " ; ".join([*(one.text.split("=")[0] for one in sums), *_PLAIN_SUM.findall(plain)]).translate(_UNSPACED)
    missed = [name for name, words, sign in _CUES if words.search(prompt) and not sign.search(done)]
    missed += [f"{word} less" for word in _LESS.findall(prompt) if not re.search(rf"-{_spelled(word)}(?!\d)", done)]
    added = (rf"\+{_spelled(word)}(?!\d)|(?<!\d){_spelled(word)}\+" for word in _MORE.findall(prompt))
    return missed + [f"{word} more" for word, sign in zip(_MORE.findall(prompt), added, strict=True) if not re.search(sign, done)]


def _spelled(numeral: str) -> str:
    value = WORD_VALUES.get(numeral.lower())
    try:
        return re.escape(f"{value_of(numeral) if value is None else value:g}")
    except ValueError:
        return re.escape(numeral)
