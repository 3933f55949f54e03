"""Google's Gemini API (generateContent)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from apps.common.http import normalise_base_url
from apps.providers.adapters.answer import Answer
from apps.providers.adapters.base import Call
from apps.providers.adapters.chat import ChatAdapter
from apps.providers.adapters.google.answer import ContentReader
from apps.providers.adapters.google.models import models_in
from apps.providers.adapters.google.quirks import Quirks
from apps.providers.adapters.google.wire import api_base, content_body, model_path
from apps.providers.contract import ChatRequest, Connection, ModelInfo
from apps.providers.errors import BadRequest

BASE_URL = "https://generativelanguage.googleapis.com/v1beta"
MODELS_PER_PAGE = 1000
MOST_PAGES = 10
TEXTS_PER_REQUEST = 100  # of embeddings; the vendor takes no more


class GoogleAdapter(ChatAdapter):
    """Made for one connection and one event loop; `aclose` gives back its sockets."""

    KEY_HEADER = "x-goog-api-key"  # a key in the URL would lie in the logs of everything on the way
    KEY_SCHEME = ""

    def __init__(self, connection: Connection) -> None:
        super().__init__(
            connection,
            base_url=api_base(normalise_base_url(connection.base_url or BASE_URL)),
            options=connection.quirks,
        )
        self._takes_batches = True

    async def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        """One vector per text, in the order of the texts."""
        call = Call(self.connection)
        vectors: list[list[float]] = []
        for start in range(0, len(texts), TEXTS_PER_REQUEST):
            batch = texts[start : start + TEXTS_PER_REQUEST]
            found = await self._embed_together(model, batch, call) if self._takes_batches and len(batch) > 1 else None
            vectors += found or [await self._embed_one(model, text, call) for text in batch]
        return vectors

    async def _embed_together(self, model: str, texts: list[str], call: Call) -> list[list[float]] | None:
        """None from a server that takes only one at a time."""
        path = model_path(model)
        requests = [{"model": path.removeprefix("/"), "content": _content(text)} for text in texts]
        try:
            answer = await self._ask_json("POST", f"{path}:batchEmbedContents", call, body={"requests": requests})
        except BadRequest as error:
            if error.http_status != 404:
                raise
            self._takes_batches = False
            return None
        rows = answer.get("embeddings") if isinstance(answer, Mapping) else None
        return self._checked_vectors([self._vector(row) for row in rows or ()], len(texts))

    async def _embed_one(self, model: str, text: str, call: Call) -> list[float]:
        answer = await self._ask_json("POST", f"{model_path(model)}:embedContent", call, body={"content": _content(text)})
        vector = self._vector(answer.get("embedding") if isinstance(answer, Mapping) else None)
        return self._checked_vectors([vector], 1)[0]

    def _vector(self, embedding: Any) -> list[float]:
        try:
            return [float(number) for number in embedding["values"]]
        except (KeyError, TypeError, ValueError) as error:
            raise self._no_vectors() from error

    async def _list_models(self, call: Call) -> list[ModelInfo]:
        rows: list[Any] = []
        path = f"/models?pageSize={MODELS_PER_PAGE}"
        for _page in range(MOST_PAGES):
            page = await self._ask_json("GET", path, call)
            if not isinstance(page, Mapping) or not isinstance(page.get("models", []), list) or (page and "models" not in page):
                raise self._no_list()
            rows += page.get("models", [])
            token = page.get("nextPageToken")
            if not isinstance(token, str) or not token:
                break
            path = f"/models?pageSize={MODELS_PER_PAGE}&pageToken={quote(token, safe='')}"
        return list({model.key: model for model in models_in(rows)}.values())

    def _new_quirks(self, accepts: Mapping[str, Any]) -> Quirks:
        return Quirks.of(self._options, accepts)

    def _question(self, request: ChatRequest, quirks: Quirks, *, is_stream: bool) -> tuple[str, dict[str, Any]]:
        method = "streamGenerateContent?alt=sse" if is_stream else "generateContent"
        return f"{model_path(request.model)}:{method}", content_body(request, quirks)

    def _new_answer(self, body: Mapping[str, Any]) -> Answer:
        return ContentReader()


def _content(text: str) -> dict[str, Any]:
    return {"parts": [{"text": text}]}
