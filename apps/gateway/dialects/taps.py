"""What the taps of the dialects have in common: they count the words that pass by, and end a stream that is to be cut."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Protocol

from apps.gateway.dialects.events import data_of, words_in

CUT = "runaway_answer"


class Hears(Protocol):
    """Told the words of an answer as they stand in its events; True when it is to be cut."""

    def hear(self, words: bytes) -> bool: ...


class ListeningTap:
    """`watch` None: nothing is ever cut. The words of `TEXT` are what people read of an answer, not its thoughts or its tools."""

    TEXT: ClassVar[re.Pattern[bytes]]

    def __init__(self, watch: Hears | None) -> None:
        self.heard = 0
        self.has_ended = self.is_over = False
        self.error_code = ""
        self._watch = watch
        self._latest = b""  # the last event with words

    @property
    def is_cut(self) -> bool:
        return self.error_code == CUT

    @property
    def _latest_piece(self) -> dict[str, Any]:
        piece = data_of(self._latest)
        return piece if isinstance(piece, dict) else {}

    def hear(self, event: bytes) -> None:
        """An event that has words. When they go round in circles, the stream is over with this event."""
        self.heard += words_in(event)
        if self._watch is None:
            return
        for words in self.TEXT.findall(event):
            self._latest = event
            if self._watch.hear(words):
                self.error_code = CUT
                self.has_ended = self.is_over = True
