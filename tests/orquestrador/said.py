"""What a page says to a person, and whether it is English: for the walk through all pages in another language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import polib

CATALOGUE = Path(__file__).resolve().parents[2] / "locale" / "pt_BR" / "LC_MESSAGES" / "django.po"
NOT_SPOKEN = {"script", "style", "code", "pre", "textarea", "svg", "template"}
OF_OTHERS = {"prose", "mono", "raw"}  # classes of what AIs and machines wrote
SPOKEN = ("title", "aria-label", "placeholder", "alt", "data-label")
EMPTY = set("area base br col embed hr img input link meta source track wbr".split())
PLACE = re.compile(r"%\(\w+\)[sd]|%[sd]")
LEAST_LETTERS = 6  # of a sentence with places: fewer fit anything

# Words that only English has, or that mean something else in Portuguese.
ENGLISH = set(
    "the of and is are was were with from for this that it its have been which be by or to an you your on at they what there "
    "than then when will can into without does did one".split()
)
PORTUGUESE = set("de da do das dos que em um uma para com não os as ao na no por se ou foi são está".split())


class Texts(HTMLParser):
    """The texts of a page in its order, outside of code and of what others wrote."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        is_of_others = tag in NOT_SPOKEN or bool(OF_OTHERS & set(given.get("class", "").split()))
        if tag not in EMPTY:
            self._open.append((tag, is_of_others))
        if not any(hidden for _tag, hidden in self._open[:-1]):
            self.found += [value.strip() for name, value in given.items() if name in SPOKEN or name.startswith("data-text")]

    def handle_endtag(self, tag: str) -> None:
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place][0] == tag:
                del self._open[place:]
                return

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if text and not any(hidden for _tag, hidden in self._open):
            self.found.append(text)


def texts_of(html: str) -> list[str]:
    parser = Texts()
    parser.feed(html)
    return parser.found


@dataclass(frozen=True)
class Catalogue:
    """The English of every text that the catalogue has in Portuguese: as it is, and as patterns where something is filled in."""

    whole: frozenset[str]
    with_places: tuple[re.Pattern[str], ...]

    def is_english(self, text: str) -> bool:
        if text in self.whole:
            return True
        words = re.findall(r"[a-zà-ÿ’']+", text.lower())
        english = {word for word in words if word in ENGLISH}
        if PORTUGUESE & set(words):
            return False
        is_said = len(english) > 1 or (len(english) == 1 and len(words) <= 4)
        return is_said or any(one.fullmatch(text) for one in self.with_places)


def catalogue() -> Catalogue:
    whole, patterns = set(), []
    for given, said in _pairs():
        if given == said:
            continue
        pieces = PLACE.split(given.replace("%%", "%"))
        if len(pieces) == 1:
            whole.add(given)
        elif sum(len(re.findall("[A-Za-z]", piece)) for piece in pieces) >= LEAST_LETTERS and not _is_alike(pieces, said):
            patterns.append(re.compile(".*".join(map(re.escape, pieces)), re.DOTALL))
    return Catalogue(frozenset(whole), tuple(patterns))


def _is_alike(pieces: list[str], said: str) -> bool:
    """Whether the Portuguese of a sentence would itself pass as its English: "%(n)s prompts" and "%(n)s prompts novos"."""
    return bool(re.fullmatch(".*".join(map(re.escape, pieces)), said, re.DOTALL))


def _pairs() -> Iterator[tuple[str, str]]:
    for entry in polib.pofile(str(CATALOGUE)):
        if entry.obsolete or not entry.translated():
            continue
        said = (
            [(entry.msgid, entry.msgstr)]
            if not entry.msgid_plural
            else list(zip((entry.msgid, entry.msgid_plural), entry.msgstr_plural.values(), strict=False))
        )
        yield from ((" ".join(one.split()), " ".join(other.split())) for one, other in said)
