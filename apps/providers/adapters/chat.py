"""What the adapters of all vendors do alike: ask, ask again, read, give up, and say in words what went wrong."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import httpx

from apps.common.http import MAY_REPEAT, TRANSPORT_ERRORS, make_client
from apps.common.said import gettext as _
from apps.providers.adapters.answer import Answer
from apps.providers.adapters.base import Call, TimedBytes, display_name, transport_failure
from apps.providers.adapters.checked import checked_by_list
from apps.providers.adapters.failures import request_id_of
from apps.providers.adapters.flags import system_as_question
from apps.providers.adapters.reading import Source, read_answer, read_json
from apps.providers.adapters.schema import answer_in_schema
from apps.providers.adapters.sending import refusal, send
from apps.providers.adapters.text import redact
from apps.providers.contract import ChatRequest, CheckResult, Completion, Connection, Delta, ModelInfo, Refusal
from apps.providers.errors import (
    AuthenticationFailed,
    ContentFiltered,
    EmptyAnswer,
    Interrupted,
    MalformedAnswer,
    ProviderError,
)

LIST_TIMEOUT_S = 30.0
# Keep-alive signals without an answer are believed for this many times the idle time-out: a long prefill sends nothing else.
PATIENCE = 3.0
# A compressed stream is held back until a block of it is full.
_STREAM_HEADERS = {"accept": "text/event-stream", "accept-encoding": "identity"}


class Quirks(Protocol):
    """How to ask a vendor for one model, as far as it is known by now."""

    system: bool  # whether it takes instructions apart from the conversation

    def learn(self, error: ProviderError, sent: Mapping[str, Any], tried: set[str]) -> Refusal | None:
        """What was refused, when it can be put another way; then it is, from now on.

        `tried` holds what this call has put another way already, so that it ends with a server that refuses both ways.
        """


@dataclass(frozen=True, slots=True)
class Way:
    """How a request reaches a vendor as it is. `extra` is what the connection adds to every body; `repr` shows no secret."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    extra: Mapping[str, Any]
    counts_in_stream: bool  # it understands `stream_options.include_usage`
    secret: str = field(repr=False)


class ChatAdapter(ABC):
    """Made for one connection and one event loop; `aclose` gives back its sockets."""

    KEY_HEADER: ClassVar[str] = "authorization"
    KEY_SCHEME: ClassVar[str] = "Bearer"
    # Path of each API that a request of somebody else's may be passed on to as it is.
    PASSES_ON: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        connection: Connection,
        *,
        base_url: str,
        options: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.connection = connection
        self.base_url = base_url
        self.name = display_name(connection) if connection.base_url else connection.name or connection.kind
        self._options = options
        self._own_headers = headers or {}
        self._quirks: dict[Any, Any] = {}  # by model: a server may take what one of its models refuses
        self._key = connection.api_key.strip()
        self._client = make_client(
            allow_private=connection.allow_private,
            connect_timeout_s=connection.connect_timeout_s,
            idle_timeout_s=connection.idle_timeout_s,
            headers=self._headers(headers or {}),
        )

    @abstractmethod
    async def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        """One vector per text, in the order of the texts."""

    @abstractmethod
    async def _list_models(self, call: Call) -> list[ModelInfo]: ...

    @abstractmethod
    def _new_quirks(self, accepts: Mapping[str, Any]) -> Quirks:
        """What the connection says, and over it what is known of the model, as in `contract.ACCEPTS`."""

    @abstractmethod
    def _question(self, request: ChatRequest, quirks: Any, *, is_stream: bool) -> tuple[str, dict[str, Any]]:
        """The path and the body of a request for an answer."""

    @abstractmethod
    def _new_answer(self, body: Mapping[str, Any]) -> Answer:
        """A reader for what answers `body`."""

    async def list_models(self) -> list[ModelInfo]:
        return await self._list_models(Call(self.connection, total_timeout_s=self._at_most(LIST_TIMEOUT_S)))

    async def check(self) -> CheckResult:
        return await checked_by_list(self.connection, self._list_models)

    async def complete(self, request: ChatRequest) -> Completion:
        """A whole answer. Silence before its first byte is work, and counts only against `total_timeout_s`."""
        async with aclosing(self._answer(request, is_stream=False)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Completion):
                    return piece
        raise AssertionError("an answer ends with its Completion")

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | Completion]:
        """Deltas, then the Completion. Who stops reading early closes the generator (`contextlib.aclosing`)."""
        async with aclosing(self._answer(request, is_stream=True)) as pieces:
            async for piece in pieces:
                yield piece

    def way_of(self, api: str) -> Way | None:
        """Where, and with which headers, a request that is already in the words of this API goes; None: it must be converted."""
        if api not in self.PASSES_ON or not self._key.isascii() or not self._key.isprintable() or self._options.get("api"):
            return None
        headers = {**self._headers(self._own_headers), "accept-encoding": "identity"}
        return Way(
            self.base_url + self.PASSES_ON[api],
            headers,
            self._options.get("extra_body", {}),
            counts_in_stream=bool(self._options.get("include_usage", True)),
            secret=self._key,
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    def _answer(self, request: ChatRequest, *, is_stream: bool) -> AsyncGenerator[Delta | Completion]:
        call = Call(self.connection)
        if request.json_schema is None:
            return self._with_retries(request, call, is_stream=is_stream)
        return answer_in_schema(request, lambda again: self._with_retries(again, call, is_stream=is_stream))

    async def _with_retries(self, request: ChatRequest, call: Call, *, is_stream: bool) -> AsyncGenerator[Delta | Completion]:
        """Asks until an answer comes; in a stream only as long as the caller has seen nothing of it."""
        known = (request.model, tuple(sorted(request.accepts.items())))
        quirks = self._quirks.setdefault(known, self._new_quirks(request.accepts))
        adapted: set[str] = set()
        while True:
            asked = request if quirks.system else system_as_question(request)
            path, body = self._question(asked, quirks, is_stream=is_stream)
            has_spoken = False
            try:
                async with aclosing(self._ask_once(request, path, body, call, is_stream=is_stream)) as pieces:
                    async for piece in pieces:
                        has_spoken = is_stream
                        yield piece
                return
            except ProviderError as error:
                if call.refusals:
                    error.extra["refusals"] = tuple(call.refusals)
                if has_spoken:
                    raise
                learned = quirks.learn(error, body, adapted)
                if learned is None:
                    await call.wait_to_try_again(error)
                else:
                    call.refusals.append(learned)

    async def _ask_once(
        self, request: ChatRequest, path: str, body: dict[str, Any], call: Call, *, is_stream: bool
    ) -> AsyncGenerator[Delta | Completion]:
        answer = self._new_answer(body)
        body = with_extra(body, self._options.get("extra_body", {}))
        request_id = ""
        try:
            async with self._open("POST", path, call, body=body, is_stream=is_stream) as response:
                request_id = request_id_of(response.headers)
                async with aclosing(self._deltas(response, answer, call)) as deltas:
                    async for delta in deltas:
                        call.saw_token()
                        yield delta
            completion = answer.completion(request, call, request_id=request_id)
            self._refuse_useless(completion, answer)
        except ProviderError as error:
            error.request_id = error.request_id or request_id
            if answer.has_begun or isinstance(error, Interrupted | EmptyAnswer | ContentFiltered):
                error.extra["partial"] = answer.completion(request, call, request_id=request_id)
            raise
        yield completion

    async def _deltas(self, response: httpx.Response, answer: Answer, call: Call) -> AsyncGenerator[Delta]:
        no_content_s = float(self._options.get("no_content_timeout_s", PATIENCE * self.connection.idle_timeout_s))
        body = TimedBytes(response, call, no_content_timeout_s=no_content_s)
        try:
            async with aclosing(read_answer(body, answer, self._source(response))) as deltas:
                async for delta in deltas:
                    yield delta
        except TRANSPORT_ERRORS as error:
            if answer.is_complete:  # the answer was whole; only the end of the connection was untidy
                return
            raise transport_failure(error, name=self.name, has_begun=True) from error

    @asynccontextmanager
    async def _open(
        self, method: str, path: str, call: Call, *, body: Mapping[str, Any] | None = None, is_stream: bool = False
    ) -> AsyncIterator[httpx.Response]:
        """A response that is a success, closed at the end whatever happens. `path` is below the base URL, or a whole URL."""
        if not self._key.isascii() or not self._key.isprintable():
            raise AuthenticationFailed(_("The key of %s holds characters that no key has. Paste it again.") % self.name)
        call.requests += 1
        request = self._client.build_request(
            method,
            self.base_url + path if path.startswith("/") else path,
            content=None if body is None else encode(body),
            headers=_STREAM_HEADERS if is_stream else None,
            timeout=self._timeout(call, is_stream=is_stream),
            extensions={MAY_REPEAT: True},
        )
        response = await send(self._client, request, call, name=self.name)
        try:
            if not response.is_success:
                raise await refusal(response, call, name=self.name, secret=self._key)
            yield response
        finally:
            await response.aclose()

    async def _ask_json(self, method: str, path: str, call: Call, *, body: Mapping[str, Any] | None = None) -> Any:
        while True:
            try:
                async with self._open(method, path, call, body=body) as response:
                    return await self._json_of(response, call)
            except ProviderError as error:
                await call.wait_to_try_again(error)

    async def _json_of(self, response: httpx.Response, call: Call) -> Any:
        source = self._source(response)
        try:
            answer = await read_json(TimedBytes(response, call, no_content_timeout_s=math.inf), source)
        except TRANSPORT_ERRORS as error:
            raise transport_failure(error, name=self.name, has_begun=True) from error
        if refusal := source.error_in(answer):
            raise refusal
        return answer

    def _no_list(self) -> MalformedAnswer:
        return MalformedAnswer(
            _("%(name)s answers at %(url)s/models, but not with a list of models. Check the base URL and the kind.")
            % {"name": self.name, "url": self.base_url}
        )

    def _checked_vectors(self, vectors: list[list[float]], expected: int) -> list[list[float]]:
        if len(vectors) != expected or not all(vectors):
            raise MalformedAnswer(_("%s gave another number of embeddings than it was asked for.") % self.name)
        return vectors

    def _no_vectors(self) -> MalformedAnswer:
        return MalformedAnswer(_("%s answers, but not with embeddings.") % self.name)

    def _refuse_useless(self, completion: Completion, answer: Answer) -> None:
        """Raises for an answer without words, unless it calls tools or its tokens were used up by thinking."""
        if completion.text.strip() or completion.tool_calls:
            return
        if answer.refusal or completion.finish_reason == "content_filter":
            raise ContentFiltered(_("%s will not answer this.") % self.name, vendor_message=redact(answer.refusal, self._key))
        if completion.finish_reason != "length":
            raise EmptyAnswer(_("%s answered without a word.") % self.name)

    def _headers(self, own: Mapping[str, str]) -> dict[str, str]:
        headers = {"accept": "application/json", "content-type": "application/json", "user-agent": "Orquestrador", **own}
        headers |= self._options.get("headers", {})
        if self._key and self._key.isascii() and self._key.isprintable():
            header = self._options.get("auth_header", self.KEY_HEADER)
            usual_scheme = "Bearer" if header.lower() == "authorization" else self.KEY_SCHEME
            headers[header] = f"{self._options.get('auth_scheme', usual_scheme)} {self._key}".strip()
        return headers

    def _timeout(self, call: Call, *, is_stream: bool) -> httpx.Timeout:
        read_s = self.connection.idle_timeout_s if is_stream else call.total_timeout_s
        usual = self._client.timeout
        return httpx.Timeout(connect=usual.connect, read=read_s, write=usual.write, pool=usual.pool)

    def _source(self, response: httpx.Response) -> Source:
        return Source(name=self.name, url=str(response.request.url), secret=self._key, headers=response.headers)

    def _at_most(self, seconds: float) -> float:
        return min(seconds, self.connection.total_timeout_s)


def with_extra(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """`body` with what the connection adds; objects in both, such as `generationConfig`, are joined."""
    joined = {name: {**body[name], **value} for name, value in extra.items() if _are_objects(body.get(name), value)}
    return {**body, **extra, **joined}


def _are_objects(one: Any, other: Any) -> bool:
    return isinstance(one, Mapping) and isinstance(other, Mapping)


def encode(body: Mapping[str, Any]) -> bytes:
    """JSON that every server can read, also when somebody pasted half a character."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
