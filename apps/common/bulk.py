"""One action on many rows: which were ticked, and what became of them.

Of a selection that is too large nothing is done, so that nobody has to guess how far it went.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.common.errors import BadInput

MOST = 10_000
AT_ONCE = 500  # ids in one statement

T = TypeVar("T")


@dataclass
class Outcome:
    """How many rows were changed, and for what reasons others were not."""

    done: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)  # what else is to be said, as it is

    def refuse(self, why: str, number: int = 1) -> None:
        if number:
            self.refused[why] += number

    @property
    def words(self) -> str:
        """Why some were left as they are; "" where all were changed."""
        return " ".join([*self.told, *(_left(why, number) for why, number in self.refused.most_common())])


def _left(why: str, number: int) -> str:
    said = ngettext("%(n)s was left as it is: %(why)s", "%(n)s were left as they are: %(why)s", number)
    return said % {"n": number, "why": why}


def ids_of(given: Iterable[str]) -> list[uuid.UUID]:
    """The ids of a selection, each once; what is no id is passed over. Raises BadInput for more than `MOST`."""
    found = list(dict.fromkeys(filter(None, map(_id, given))))
    must_not_exceed(len(found))
    return found


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def must_not_exceed(number: int, most: int = MOST) -> None:
    if number > most:
        said = _("These are more than %(most)s rows. Nothing was changed: narrow the list with a filter, then go on.")
        raise BadInput(said % {"most": number_format(most, force_grouping=True)}, field="ids")


def in_parts(items: Sequence[T], size: int = AT_ONCE) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
