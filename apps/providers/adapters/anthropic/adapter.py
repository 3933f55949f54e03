"""Anthropic's messages API, and servers that speak it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from apps.common.http import normalise_base_url
from apps.common.said import gettext as _
from apps.providers.adapters.answer import Answer
from apps.providers.adapters.anthropic.answer import MessageReader
from apps.providers.adapters.anthropic.models import models_in
from apps.providers.adapters.anthropic.quirks import Quirks
from apps.providers.adapters.anthropic.wire import api_base, messages_body, schema_tool_in
from apps.providers.adapters.base import Call
from apps.providers.adapters.chat import ChatAdapter
from apps.providers.contract import ChatRequest, Completion, Connection, ModelInfo
from apps.providers.errors import ContextTooLong, NotSupported

BASE_URL = "https://api.anthropic.com/v1"
# From this version on temperature is refused, also its default (Anthropic's versioning page, read 2026-11-20).
VERSION = VERSION_WITHOUT_SAMPLING = "2026-10-21"
MODELS_PER_PAGE = 1000
MOST_PAGES = 10


class AnthropicAdapter(ChatAdapter):
    """Made for one connection and one event loop; `aclose` gives back its sockets."""

    KEY_HEADER = "x-api-key"
    KEY_SCHEME = ""
    PASSES_ON = {"messages": "/messages"}

    def __init__(self, connection: Connection) -> None:
        self.version = str(connection.quirks.get("anthropic_version") or VERSION)
        super().__init__(
            connection,
            base_url=api_base(normalise_base_url(connection.base_url or BASE_URL)),
            options=connection.quirks,
            headers={"anthropic-version": self.version},
        )

    async def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        """Always NotSupported, without asking."""
        raise NotSupported(_("Anthropic makes no embeddings. Choose an embedding model of another provider."))

    async def _list_models(self, call: Call) -> list[ModelInfo]:
        rows: list[Any] = []
        path = f"/models?limit={MODELS_PER_PAGE}"
        for _page in range(MOST_PAGES):
            page = await self._ask_json("GET", path, call)
            if not isinstance(page, Mapping) or not isinstance(page.get("data"), list):
                raise self._no_list()
            rows += page["data"]
            if not page.get("has_more") or not isinstance(page.get("last_id"), str):
                break
            path = f"/models?limit={MODELS_PER_PAGE}&after_id={quote(page['last_id'], safe='')}"
        models = models_in(rows)
        if rows and not models:
            raise self._no_list()
        return list({model.key: model for model in models}.values())

    def _new_quirks(self, accepts: Mapping[str, Any]) -> Quirks:
        return Quirks.of(self._options, accepts, takes_sampling=self.version < VERSION_WITHOUT_SAMPLING)

    def _question(self, request: ChatRequest, quirks: Quirks, *, is_stream: bool) -> tuple[str, dict[str, Any]]:
        return "/messages", messages_body(request, quirks, is_stream=is_stream)

    def _new_answer(self, body: Mapping[str, Any]) -> Answer:
        return MessageReader(schema_tool_in(body))

    def _refuse_useless(self, completion: Completion, answer: Answer) -> None:
        if answer.finish == "model_context_window_exceeded" and not completion.text.strip() and not completion.tool_calls:
            raise ContextTooLong(_("The text is too long for the context of this model at %s.") % self.name)
        super()._refuse_useless(completion, answer)
