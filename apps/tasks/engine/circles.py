"""The watch over an answer while it streams: what the detector of repetition knows of loops, applied before the answer is over.

Exact loops are cut within a page (engine.runaway, which the detector uses too). Loops of long stretches, or of sentences in
changing order, are seen by the detector itself, which looks at a longer stretch less often.
"""

from __future__ import annotations

import re
from collections import Counter

from apps.tasks.engine.errors import RunawayAnswer
from apps.tasks.engine.hallucination.repetition import repetition
from apps.tasks.engine.hallucination.text import read
from apps.tasks.engine.runaway import RunawayGuard

LOOK_BACK_CHARS = 12_000
LOOK_EVERY_CHARS = 3_000
LEAST_CHARS = 6_000  # a refrain is shorter
SAID_AGAIN_SHARE = 0.9  # of all that was written lately; songs and forms have something of their own
_SENTENCE = re.compile(r"[^.!?\n]+")


class StreamGuard:
    """Feed it text as it comes; raises RunawayAnswer when nearly all that comes was said before, again and again."""

    def __init__(self) -> None:
        self._exact = RunawayGuard()
        self._tail = ""
        self._unseen = 0

    def feed(self, text: str) -> None:
        self._exact.feed(text)
        self._tail = (self._tail + text)[-LOOK_BACK_CHARS:]
        self._unseen += len(text)
        if self._unseen < LOOK_EVERY_CHARS or len(self._tail) < LEAST_CHARS:
            return
        self._unseen = 0
        if quote := said_again(self._tail):
            raise RunawayAnswer("the same sentences again and again", quote=quote)


def said_again(text: str) -> str:
    """A sentence of those that nearly the whole text is made of, each said three times or more; "" where it is not."""
    if not _may_go_round(text):
        return ""
    signal = repetition(read(text, LOOK_BACK_CHARS))
    spans = [span for span in signal.spans if span.reason == "said_again"] if signal else []
    if sum(span.end - span.start for span in spans) < SAID_AGAIN_SHARE * len(text):
        return ""
    return text[spans[-1].start : spans[-1].end][:200]


def _may_go_round(text: str) -> bool:
    """A quick look, so that ordinary texts need no long one: the detector takes some 50 ms."""
    counts = Counter(sentence.strip() for sentence in _SENTENCE.findall(text))
    return sum(len(sentence) * times for sentence, times in counts.items() if times >= 3) >= SAID_AGAIN_SHARE / 2 * len(text)
