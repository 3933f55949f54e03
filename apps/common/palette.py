"""What the command palette can find. Each app registers its own sources; nothing is found that the actor may not see."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_OF_A_KIND = 6
_sources: dict[str, Source] = {}


@dataclass(frozen=True, slots=True)
class Found:
    """A line of the palette: a page to open at `url`, or with `post` a form that is sent there with these fields."""

    title: str
    url: str
    kind: str
    hint: str = ""
    post: dict[str, str] = field(default_factory=dict)


Source = Callable[[Any, Sequence[str]], list[Found]]  # (actor, words in lower case without accents) → the best few, best first


def register(kind: str, source: Source) -> None:
    """`source` is asked with every key that is pressed: one look at an index or a bounded number of rows, and a few results."""
    _sources[kind] = source


def find(actor: Any, query: str) -> list[Found]:
    """What every source finds, in the order in which the sources were registered."""
    words = plain(query).split()
    return [found for source in list(_sources.values()) for found in source(actor, words)[:MOST_OF_A_KIND]]


def plain(text: str) -> str:
    """Lower case without accents, so that “acao” finds “ação”."""
    return "".join(one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one))


def matches(words: Sequence[str], text: str) -> bool:
    """Every word begins a word of `text`, or stands somewhere in it where it is longer than two letters."""
    inside = plain(text)
    begins = inside.replace("-", " ").replace("/", " ").split()
    return all(any(one.startswith(word) for one in begins) or (len(word) > 2 and word in inside) for word in words)
