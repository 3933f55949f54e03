"""Fetching models: Ollama pushes how far it is, and gives a pull up when nobody listens any more.

So this process listens, in a thread of its own, until it is done: whoever asked may go away. Another process that asks about
the same name joins in; what was fetched stays there, so that a pull whose process died is gone on with by the next who asks.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Mapping
from contextlib import aclosing

import httpx

from apps.common.errors import AddressNotAllowed
from apps.common.http import TRANSPORT_ERRORS, make_client
from apps.common.said import gettext as _
from apps.providers.adapters.answer import count_in, text_of
from apps.providers.adapters.base import Call, TimedBytes, address_refused, display_name, transport_failure
from apps.providers.adapters.sending import refusal
from apps.providers.adapters.sse import JsonObjects
from apps.providers.adapters.text import redact
from apps.providers.contract import Connection, DownloadProgress
from apps.providers.errors import BadRequest, Interrupted, ProviderError

HUGGING_FACE = "https://huggingface.co/"
SILENCE_S = 900.0  # while it checks what it has fetched it says nothing
LONGEST_PULL_S = 48 * 3600.0
FIRST_WORDS_S = 5.0
LOOK_EVERY_S = 0.02
_pulls: dict[tuple[str, str], Pull] = {}
_pulls_lock = threading.Lock()


def pulled_name(name: str, quantization: str) -> str:
    """As Ollama wants it: a name of its library, or `hf.co/…` with the quantization behind."""
    name = name.strip()
    is_elsewhere = name.startswith((HUGGING_FACE, "hf.co/"))
    if quantization and not is_elsewhere:
        raise BadRequest(
            _("Only a model given by its address at Hugging Face (%s…) takes a quantization; leave it out for this one.")
            % HUGGING_FACE
        )
    if name.startswith(HUGGING_FACE):
        name = "hf.co/" + name.removeprefix(HUGGING_FACE).strip("/")
    return f"{name}:{quantization}" if quantization else name


def pull_of(connection: Connection, root: str, name: str, headers: Mapping[str, str]) -> Pull:
    """The pull of that name that this process holds, begun when it holds none."""
    with _pulls_lock:
        pull = _pulls.get((root, name))
        if pull is None:
            pull = _pulls[root, name] = Pull(connection, root, name, headers)
            threading.Thread(target=pull.run, name=f"pull {name}", daemon=True).start()
        return pull


class Pull:
    """Its fields are written by its own thread alone."""

    def __init__(self, connection: Connection, root: str, name: str, headers: Mapping[str, str]) -> None:
        self.root, self.name = root, name
        self._connection, self._headers = connection, headers
        self._layers: dict[str, tuple[int, int]] = {}  # digest → (fetched, whole)
        self._first: tuple[float, int] | None = None
        self._is_done = self._has_spoken = False
        self._error: ProviderError | None = None

    async def first_words(self) -> DownloadProgress:
        """How far it is, as soon as that is known. Raises what it failed with; who asks after that begins anew."""
        deadline = time.monotonic() + FIRST_WORDS_S
        while not (self._layers or self._is_done or self._error) and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_EVERY_S)
        if self._error or self._is_done:
            with _pulls_lock:
                _pulls.pop((self.root, self.name), None)
        if self._error:
            raise self._error
        return self.progress()

    def progress(self) -> DownloadProgress:
        layers = list(self._layers.values())
        fetched, whole = sum(layer[0] for layer in layers), sum(layer[1] for layer in layers)
        if self._is_done:
            return DownloadProgress("completed", whole or None, whole or None)
        return DownloadProgress("downloading", fetched if layers else None, whole or None, self._bytes_per_second(fetched))

    def run(self) -> None:
        try:
            asyncio.run(self._listen())
        except ProviderError as error:
            self._error = error

    async def _listen(self) -> None:
        call = Call(self._connection, total_timeout_s=LONGEST_PULL_S, max_attempts=1)
        name = display_name(self._connection) if self._connection.base_url else "Ollama"
        client = make_client(
            allow_private=self._connection.allow_private,
            connect_timeout_s=self._connection.connect_timeout_s,
            idle_timeout_s=SILENCE_S,
            headers=dict(self._headers),
        )
        try:
            async with client, client.stream("POST", f"{self.root}/api/pull", json={"model": self.name}) as response:
                if not response.is_success:
                    raise await refusal(response, call, name=name, secret=self._connection.api_key)
                await self._read(response, call)
        except AddressNotAllowed as error:
            raise address_refused(error) from error
        except TRANSPORT_ERRORS as error:
            raise transport_failure(error, name=name, has_begun=self._has_spoken) from error
        if not self._is_done:
            raise Interrupted(_("%(name)s broke off fetching “%(model)s”.") % {"name": name, "model": self.name})

    async def _read(self, response: httpx.Response, call: Call) -> None:
        lines = JsonObjects()
        async with aclosing(TimedBytes(response, call, no_content_timeout_s=LONGEST_PULL_S).chunks()) as chunks:
            async for chunk in chunks:
                for line in lines.feed(chunk):
                    self._take(json.loads(line.data))

    def _take(self, line: Mapping[str, object]) -> None:
        self._has_spoken = True
        if line.get("error"):
            said = redact(text_of(line["error"]), self._connection.api_key)
            raise BadRequest(_("“%(model)s” cannot be fetched. It says: %(said)s") % {"model": self.name, "said": said})
        if line.get("status") == "success":
            self._is_done = True
        digest, whole = text_of(line.get("digest")), count_in(line, "total")
        if digest and whole:
            self._layers[digest] = (min(count_in(line, "completed"), whole), whole)
            self._first = self._first or (time.monotonic(), sum(layer[0] for layer in self._layers.values()))

    def _bytes_per_second(self, fetched: int) -> float | None:
        """Since this process listens; what was there before does not count."""
        if self._first is None:
            return None
        seconds = time.monotonic() - self._first[0]
        return max(0, fetched - self._first[1]) / seconds if seconds > 0.5 else None
