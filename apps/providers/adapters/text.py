"""Text from outside, made fit for a database and a screen."""

from __future__ import annotations

import re

_UNSAFE = re.compile("[\x00\ud800-\udfff]")
_KEYS = re.compile(
    r"\b(?:sk|gsk|rk|xai|orq|hf|r8|csk|nvapi|pplx|tgp|fw)[-_][A-Za-z0-9_\-*.…]{6,}"
    r"|\bAIza[A-Za-z0-9_\-]{10,}"
    r"|\b(?<=Bearer )\S+"
    r"|[A-Za-z0-9_\-]{0,40}\*{3,}[A-Za-z0-9_\-]*"
)
_HTML = re.compile(r"\s*(?:\ufeff)?<(?:!doctype|html|head|body|title|\?xml)", re.IGNORECASE)
LONGEST_VENDOR_MESSAGE = 500
LONGEST_SEARCHED = 4000  # what lies behind is dropped unread, so that no vendor keeps us busy with a book
SHORTEST_ECHO = 6  # characters of a key that count as a leak when a vendor repeats its beginning


class TextCleaner:
    """Makes valid Unicode of text that arrives in pieces: PostgreSQL takes neither NUL nor half a surrogate pair.

    A first half at the end of a piece is held back, since the second half may open the next one.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        text = self._held + piece
        self._held = ""
        if not _UNSAFE.search(text):
            return text
        if "\ud800" <= text[-1] <= "\udbff":
            self._held, text = text[-1], text[:-1]
        return _repair(text)

    def end(self) -> str:
        text, self._held = self._held, ""
        return _repair(text)


def clean(text: str) -> str:
    """A whole text as valid Unicode without NUL."""
    return _repair(text) if _UNSAFE.search(text) else text


def _repair(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\x00", "")


def looks_like_html(text: str) -> bool:
    return bool(_HTML.match(text))


def redact(text: str, secret: str = "") -> str:
    """Cuts out the key itself, the beginning of it, and anything that looks like a key, then shortens to one paragraph."""
    text = text[:LONGEST_SEARCHED]
    if looks_like_html(text):
        return ""
    text = " ".join(without_keys(clean(text), secret).split())
    return text if len(text) <= LONGEST_VENDOR_MESSAGE else text[: LONGEST_VENDOR_MESSAGE - 1] + "…"


def without_keys(text: str, secret: str = "") -> str:
    """The text without the key itself, the beginning of it, and anything that looks like a key. JSON stays JSON."""
    for length in range(len(secret), SHORTEST_ECHO - 1, -1):
        text = text.replace(secret[:length], "[redacted]")
    return _KEYS.sub("[redacted]", text)


class ThinkSplitter:
    """Parts `<think>…</think>` at the beginning of an answer from the answer, wherever the pieces are cut.

    Only at the beginning: further on, the tag is something that the answer speaks about.
    """

    OPEN, CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self._state = "start"
        self._held = ""

    def feed(self, piece: str) -> tuple[str, str]:
        """(answer, reasoning) that are certain by now."""
        if self._state == "text":
            return piece, ""
        self._held += piece
        reasoning = ""
        if self._state == "start":
            self._look_for_opening()
        if self._state == "thinking":
            reasoning = self._take_reasoning()
        return self._take_answer(), reasoning

    def end(self) -> tuple[str, str]:
        """What was held back when nothing more comes."""
        held, self._held = self._held, ""
        return ("", held) if self._state == "thinking" else (held, "")

    def _look_for_opening(self) -> None:
        begun = self._held.lstrip()
        if begun.startswith(self.OPEN):
            self._state, self._held = "thinking", begun[len(self.OPEN) :]
        elif not self.OPEN.startswith(begun):
            self._state = "text"

    def _take_reasoning(self) -> str:
        reasoning, closed, rest = self._held.partition(self.CLOSE)
        if closed:
            self._state, self._held = "after", rest
            return reasoning
        kept = _overlap(self._held, self.CLOSE)
        cut = len(self._held) - kept
        reasoning, self._held = self._held[:cut], self._held[cut:]
        return reasoning

    def _take_answer(self) -> str:
        if self._state == "after":
            self._held = self._held.lstrip()  # the blank lines between thinking and answer belong to neither
            if self._held:
                self._state = "text"
        if self._state != "text":
            return ""
        answer, self._held = self._held, ""
        return answer


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of `text` could be the beginning of `tag`."""
    return next((size for size in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:size])), 0)
