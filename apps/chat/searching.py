"""Looking for words in titles and in all that was said: so many messages at a time, and whoever asks is told how far it went."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from django.db.models import Count, QuerySet

from apps.chat.models import Conversation, Message
from apps.chat.selectors import with_words
from apps.common.paging import cursor_behind, page_of, rows_behind
from apps.common.searching import Searched

MOST_MESSAGES = 12_000  # that are looked through for one page: some 30 ms on either database
MOST_CONVERSATIONS = 500


def conversations_searched(
    rows: QuerySet[Conversation], words: str, *, ordering: Sequence[str], limit: int, cursor: str = ""
) -> Searched:
    """A page of those of `rows` that have these words, in the order that is given. Three queries.

    It ends early where `MOST_MESSAGES` were looked through: then `further` is where it goes on, and the page may be empty.
    """
    behind = rows_behind(rows, ordering=ordering, cursor=cursor).select_related(None)
    fields = [name.removeprefix("-") for name in ordering]
    near = list(behind.only("pk", *fields)[: MOST_CONVERSATIONS + 1])
    looked = near[: _as_many_as_fit([row.pk for row in near[:MOST_CONVERSATIONS]])]
    found = with_words(rows.filter(pk__in=[row.pk for row in looked]), words)
    page = page_of(found, ordering=ordering, limit=limit, cursor=cursor)
    if page.next or len(looked) == len(near):
        return Searched(page)
    return Searched(page, looked[-1].last_message_at, cursor_behind(looked[-1], ordering=ordering))


def _as_many_as_fit(keys: list[int]) -> int:
    """How many of these conversations have `MOST_MESSAGES` together; one at least. With the removed: an index knows that."""
    counted = Message.every.filter(conversation__in=keys).order_by().values_list("conversation").annotate(count=Count("pk"))
    sizes = dict(counted)
    fitting = sum(total <= MOST_MESSAGES for total in accumulate(sizes.get(key, 0) for key in keys))
    return max(1, fitting)
