"""HTTP to LM Studio's own endpoints. Which of them a server has, and what they mean, is the adapter's matter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import httpx

from apps.common.http import MAY_REPEAT, TRANSPORT_ERRORS, make_client
from apps.common.said import gettext as _
from apps.providers.adapters.base import Call, TimedBytes, transport_failure
from apps.providers.adapters.chat import encode
from apps.providers.adapters.reading import Source, read_json
from apps.providers.adapters.sending import refusal, send
from apps.providers.contract import Connection
from apps.providers.errors import AuthenticationFailed, NotAnApi, ProviderError


class NativeClient:
    """`root` is the server's address without `/v1` or `/api/v1`. Raises only `apps.providers.errors`."""

    def __init__(self, connection: Connection, root: str, *, name: str) -> None:
        self.root = root
        self.name = name
        self._key = connection.api_key.strip()
        self._client = make_client(
            allow_private=connection.allow_private,
            connect_timeout_s=connection.connect_timeout_s,
            idle_timeout_s=connection.idle_timeout_s,
            headers=self._headers(connection.quirks),
        )

    async def get(self, path: str, call: Call) -> Any:
        """The JSON there, asked for again as often as `call` allows. NotAnApi where the server has no such endpoint."""
        while True:
            try:
                return await self._ask("GET", path, call)
            except ProviderError as error:
                await call.wait_to_try_again(error)

    async def post(self, path: str, body: Mapping[str, Any], call: Call) -> Any:
        """The JSON that answers, which may take as long as `call` allows. Sent once: another request would do it twice."""
        return await self._ask("POST", path, call, body=body)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _ask(self, method: str, path: str, call: Call, *, body: Mapping[str, Any] | None = None) -> Any:
        response = await self._send(method, path, call, body)
        try:
            if not response.is_success:
                raise await refusal(response, call, name=self.name, secret=self._key)
            answer = await self._json_of(response, call)
        finally:
            await response.aclose()
        return answer

    async def _send(self, method: str, path: str, call: Call, body: Mapping[str, Any] | None) -> httpx.Response:
        if not self._key.isascii() or not self._key.isprintable():
            raise AuthenticationFailed(_("The key of %s holds characters that no key has. Paste it again.") % self.name)
        call.requests += 1
        usual = self._client.timeout
        request = self._client.build_request(
            method,
            self.root + path,
            content=None if body is None else encode(body),
            timeout=httpx.Timeout(connect=usual.connect, read=call.total_timeout_s, write=usual.write, pool=usual.pool),
            extensions={MAY_REPEAT: method == "GET"},
        )
        return await send(self._client, request, call, name=self.name)

    async def _json_of(self, response: httpx.Response, call: Call) -> Any:
        url = str(response.request.url)
        source = Source(name=self.name, url=url, secret=self._key, headers=response.headers)
        try:
            answer = await read_json(TimedBytes(response, call, no_content_timeout_s=math.inf), source)
        except TRANSPORT_ERRORS as error:
            raise transport_failure(error, name=self.name, has_begun=True) from error
        if _is_unknown_path(answer, is_listing=response.request.method == "GET"):
            raise NotAnApi(_("%(name)s has nothing at %(url)s. It may be an older version.") % {"name": self.name, "url": url})
        if refusal := source.error_in(answer):
            raise refusal
        return answer

    def _headers(self, quirks: Mapping[str, Any]) -> dict[str, str]:
        headers = {"accept": "application/json", "content-type": "application/json", "user-agent": "Orquestrador"}
        headers |= quirks.get("headers", {})
        if self._key and self._key.isascii() and self._key.isprintable():
            headers[quirks.get("auth_header", "authorization")] = f"{quirks.get('auth_scheme', 'Bearer')} {self._key}".strip()
        return headers


def _is_unknown_path(answer: Any, *, is_listing: bool) -> bool:
    """LM Studio answers a path that it does not know with 200 and a text (issues 618, 1323, 1680, 2085 of its bug tracker)."""
    error = answer.get("error") if isinstance(answer, Mapping) else None
    return isinstance(error, str) and (is_listing or error.startswith("Unexpected endpoint"))
