"""What every list has: filters that live in the address, chips that take them away, links to the pages around."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.utils.formats import number_format

from apps.common.paging import Page

LONGEST_GIVEN = 200  # characters of a filter; a name or an id is shorter


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter with one click: `query` is the address's part behind the path."""

    label: str
    query: str
    is_on: bool = False
    count: str = ""


@dataclass(frozen=True, slots=True)
class Select:
    """A filter, or the order, with more choices than fit as chips. The option "" says what holds without it."""

    name: str
    label: str
    options: Sequence[tuple[str, Any]]
    value: str = ""


def asked_of(given: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """What an address asks of a list, by these names: trimmed, and of no absurd length; "" for what it does not name."""
    return {name: given.get(name, "").replace("\x00", "").strip()[:LONGEST_GIVEN] for name in names}


class Address:
    """The filters of a list as they stand in its address, and the addresses near to it."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = {name: value for name, value in given.items() if value}

    def with_(self, **changes: str) -> str:
        """The same with changes; an empty text takes a filter away. It begins with "?"."""
        return "?" + urlencode({name: value for name, value in {**self.given, **changes}.items() if value})

    @property
    def here(self) -> str:
        return self.with_()

    def choice(self, name: str, options: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> list[Chip]:
        """One chip for each option; the one that is on takes its filter away again."""
        pairs = options.items() if isinstance(options, Mapping) else options
        chosen = self.given.get(name, "")
        return [
            Chip(str(label), self.with_(**{name: "" if value == chosen else value}), is_on=value == chosen)
            for value, label in pairs
        ]

    def taken(self, labels: Mapping[str, str]) -> list[Chip]:
        """A chip for each filter that is on, whose click takes it away. `labels`: its name → what the chip says."""
        return [Chip(label, self.with_(**{name: ""}), is_on=True) for name, label in labels.items() if name in self.given]

    def around(self, page: Page) -> dict[str, Any]:
        """`next`, `previous` for the links below a list, `is_narrowed` for its empty state."""
        return {
            "next": page.next and self.with_(cursor=page.next),
            "previous": page.previous and self.with_(cursor=page.previous),
            "is_narrowed": bool(self.given),
            "here": self.here,
        }


def at_most(number: int, most: int = 1_000) -> str:
    """A count as it is shown: nobody waits for the exact number of a large one. `number` is `most + 1` where there are more."""
    shown = number_format(min(number, most), force_grouping=True)
    return f"{shown}+" if number > most else shown
