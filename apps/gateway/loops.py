"""The watch over answers of models that were asked for by name: one that goes round in circles is cut while it streams.

`orq/*` has its own watch on the way (`apps.tasks.runner.route_port`), of the same make.
"""

from __future__ import annotations

from typing import Any

import msgspec
from django.utils.translation import gettext as _

from apps.gateway.admission import Admitted
from apps.gateway.dialects.base import Asked
from apps.tasks.engine.circles import StreamGuard
from apps.tasks.engine.errors import RunawayAnswer

LOOK_EVERY_BYTES = 400  # in between, hearing a word is putting it into a list
_text = msgspec.json.Decoder(str)


class Watch:
    """Hears words as they stand in events, with JSON's escapes, from one stream."""

    __slots__ = ("_guard", "_parts", "_unseen", "error")

    def __init__(self) -> None:
        self._guard = StreamGuard()
        self._parts: list[bytes] = []
        self._unseen = 0
        self.error: RunawayAnswer | None = None

    def hear(self, words: bytes) -> bool:
        """True as soon as the text goes round in circles; `error` says what was said again and again then."""
        self._parts.append(words)
        self._unseen += len(words)
        if self._unseen < LOOK_EVERY_BYTES:
            return False
        heard, self._parts, self._unseen = b"".join(self._parts), [], 0
        try:
            self._guard.feed(_plain(heard))
        except RunawayAnswer as error:
            self.error = error
        return self.error is not None


def cuts_loops(who: Admitted, asked: Asked) -> bool:
    """As the request says in `orq.cut_loops`, or else as its key does."""
    return asked.options.get("cut_loops", who.cuts_loops) is not False


def cut_as_json(error: RunawayAnswer) -> dict[str, Any]:
    """What the `orq` object of an answer that was cut says of that."""
    message = _("The answer was cut, because it said the same thing again and again.")
    return {"code": error.code, "message": message, "quote": error.extra.get("quote", "")}


def _plain(escaped: bytes) -> str:
    try:
        return _text.decode(b'"%s"' % escaped)
    except (msgspec.DecodeError, UnicodeDecodeError):  # half a character of two, say: what is around it is seen all the same
        return escaped.decode("utf-8", "replace")
