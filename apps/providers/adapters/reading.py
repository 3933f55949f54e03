"""Reads the body of an answer, in whatever form the server chose to send it.

Asked for a stream, some servers send one JSON body, and asked for one, some send a stream; so the first byte decides.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from apps.common.said import gettext as _
from apps.providers.adapters.answer import Answer
from apps.providers.adapters.base import DRAIN_TIMEOUT_S, TimedBytes
from apps.providers.adapters.failures import error_of, find_error, web_page
from apps.providers.adapters.sse import JsonObjects, LineTooLong, SseEvent, SseParser
from apps.providers.contract import Delta
from apps.providers.errors import Interrupted, MalformedAnswer, ProviderError

_BLANK = b"\xef\xbb\xbf \t\r\n"  # a byte order mark counts as blank


@dataclass(frozen=True, slots=True)
class Source:
    """Where an answer comes from, for the messages of errors."""

    name: str
    url: str
    secret: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def says_json(self) -> bool:
        return self.headers.get("content-type", "").startswith("application/json")

    @property
    def has_framing(self) -> bool:
        """Whether HTTP itself would have noticed a cut; a body that ends with the connection may end anywhere."""
        return "content-length" in self.headers or "chunked" in self.headers.get("transfer-encoding", "")

    def error_in(self, body: Any, *, is_error: bool = False) -> ProviderError | None:
        vendor = find_error(body, is_error=is_error)
        if vendor is None:
            return None
        return error_of(vendor, status=None, headers=self.headers, name=self.name, secret=self.secret)


async def read_answer(body: TimedBytes, answer: Answer, source: Source) -> AsyncGenerator[Delta]:
    """Feeds `answer` and yields the new words. Raises Interrupted when the answer ends without saying that it has ended."""
    async with aclosing(body.chunks()) as chunks:
        head = await _head(chunks)
        first = head.lstrip(_BLANK)[:1]
        if first == b"<":
            raise web_page(source.name, source.url)
        if (first == b"[" and answer.MAY_BE_AN_ARRAY) or (first == b"{" and answer.COMES_IN_LINES):
            deltas = _events(JsonObjects(), head, chunks, body, answer, source)
        elif first in (b"{", b"[") or (first and source.says_json):
            deltas = _whole(head, chunks, answer, source)
        else:
            deltas = _events(SseParser(), head, chunks, body, answer, source)
        async with aclosing(deltas):
            async for delta in deltas:
                yield delta


async def read_json(body: TimedBytes, source: Source) -> Any:
    """A body that is one JSON document."""
    async with aclosing(body.chunks()) as chunks:
        raw = b"".join([chunk async for chunk in chunks])
    if raw.lstrip(_BLANK)[:1] == b"<":
        raise web_page(source.name, source.url)
    return _parse(raw, source)


async def _head(chunks: AsyncIterator[bytes]) -> bytes:
    """The body up to the read that holds its first byte that is not blank."""
    head = b""
    async for chunk in chunks:
        head += chunk
        if head.strip(_BLANK):
            break
    return head


async def _whole(head: bytes, chunks: AsyncIterator[bytes], answer: Answer, source: Source) -> AsyncGenerator[Delta]:
    raw = b"".join([head, *[chunk async for chunk in chunks]])
    if not source.has_framing and not raw.rstrip().endswith((b"}", b"]")):
        raise Interrupted(_("The answer of %s broke off.") % source.name)
    body = _parse(raw, source)
    if error := _failure(body, answer, source):
        raise error
    if not answer.is_whole(body):
        raise _no_answer(source)
    for delta in (answer.feed(body), answer.end()):
        if delta:
            yield delta


async def _events(
    parser: SseParser | JsonObjects,
    head: bytes,
    chunks: AsyncIterator[bytes],
    body: TimedBytes,
    answer: Answer,
    source: Source,
) -> AsyncGenerator[Delta]:
    try:
        async with aclosing(_parsed(parser, head, chunks)) as events:
            async for event in events:
                if answer.has_ended:
                    continue  # what follows the end is no part of the answer; it is read so that the connection can be kept
                if event.data.lstrip().startswith("[DONE]"):
                    answer.has_ended = True
                elif (piece := _piece(event, answer, source, may_be_cut=parser.has_ended)) is not None:
                    if answer.COMES_IN_LINES and not answer.is_whole(piece):
                        raise _no_answer(source)
                    if delta := answer.feed(piece):
                        yield delta
                    if answer.is_content(piece):
                        body.saw_content()
                if answer.has_ended:
                    body.saw_end(wait_s=DRAIN_TIMEOUT_S)
                elif answer.finish:
                    body.saw_end()
    except LineTooLong as error:
        raise MalformedAnswer(_("%s sends an event without end; it was cut off.") % source.name) from error
    if last := answer.end():
        yield last
    if not answer.is_complete:
        raise Interrupted(_("The answer of %s broke off.") % source.name)


async def _parsed(parser: SseParser | JsonObjects, head: bytes, chunks: AsyncIterator[bytes]) -> AsyncGenerator[SseEvent]:
    for event in parser.feed(head):
        yield event
    async for chunk in chunks:
        for event in parser.feed(chunk):
            yield event
    for event in parser.end():
        yield event


def _piece(event: SseEvent, answer: Answer, source: Source, *, may_be_cut: bool) -> Mapping[str, Any] | None:
    """The chunk that an event carries; None when it only keeps the connection alive, or is the torn end of a stream."""
    data = event.data.strip()
    if not data or data.startswith(":"):
        return None
    try:
        piece = json.loads(data)
    except (ValueError, RecursionError) as error:
        if event.name == "error":
            piece = data
        elif may_be_cut:
            return None
        else:
            raise MalformedAnswer(_("%s sends a piece of an answer that is not JSON.") % source.name) from error
    if failure := _failure(piece, answer, source, is_error=event.name == "error"):
        raise failure
    return piece if isinstance(piece, dict) else None


def _no_answer(source: Source) -> MalformedAnswer:
    return MalformedAnswer(_("%s answers, but not with a chat answer. Check its base URL and kind.") % source.name)


def _failure(body: Any, answer: Answer, source: Source, *, is_error: bool = False) -> ProviderError | None:
    own = answer.failure_in(body) if isinstance(body, dict) else None
    return source.error_in(body, is_error=is_error) if own is None else source.error_in(own, is_error=True)


def _parse(raw: bytes, source: Source) -> Any:
    try:
        return json.loads(raw.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
        raise MalformedAnswer(_("%s answers with something that is not JSON. Check its base URL.") % source.name) from error
