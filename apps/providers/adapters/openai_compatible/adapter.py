"""Any service that speaks OpenAI's chat completions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from apps.common.http import normalise_base_url
from apps.common.said import gettext as _
from apps.providers.adapters.answer import Answer
from apps.providers.adapters.base import Call
from apps.providers.adapters.chat import ChatAdapter
from apps.providers.adapters.openai_compatible.answer import AnswerReader
from apps.providers.adapters.openai_compatible.models import models_in
from apps.providers.adapters.openai_compatible.presets import PRESETS, Preset
from apps.providers.adapters.openai_compatible.quirks import Quirks
from apps.providers.adapters.openai_compatible.wire import api_base, chat_body
from apps.providers.adapters.text import redact
from apps.providers.contract import ChatRequest, Completion, Connection, ModelInfo
from apps.providers.errors import AuthenticationFailed, Interrupted

TEXTS_PER_REQUEST = 256  # of embeddings


class OpenAICompatibleAdapter(ChatAdapter):
    """Made for one connection and one event loop; `aclose` gives back its sockets."""

    PASSES_ON = {"chat": "/chat/completions", "embeddings": "/embeddings"}

    def __init__(self, connection: Connection) -> None:
        preset = PRESETS.get(connection.kind, Preset())
        super().__init__(
            connection,
            base_url=api_base(normalise_base_url(connection.base_url or preset.base_url)),
            options={**preset.quirks, **connection.quirks},
        )

    async def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        """One vector per text, in the order of the texts."""
        vectors: list[list[float]] = []
        call = Call(self.connection)
        for start in range(0, len(texts), TEXTS_PER_REQUEST):
            batch = texts[start : start + TEXTS_PER_REQUEST]
            answer = await self._ask_json("POST", "/embeddings", call, body={"model": model, "input": batch})
            vectors += self._vectors(answer, len(batch))
        return vectors

    async def _list_models(self, call: Call) -> list[ModelInfo]:
        models = models_in(await self._ask_json("GET", "/models", call))
        if models is None:
            raise self._no_list()
        return models

    def _new_quirks(self, accepts: Mapping[str, Any]) -> Quirks:
        return Quirks.of(self._options, accepts)

    def _question(self, request: ChatRequest, quirks: Quirks, *, is_stream: bool) -> tuple[str, dict[str, Any]]:
        return "/chat/completions", chat_body(request, quirks, is_stream=is_stream)

    def _new_answer(self, body: Mapping[str, Any]) -> Answer:
        return AnswerReader()

    def _vectors(self, answer: Any, expected: int) -> list[list[float]]:
        rows = answer.get("data") if isinstance(answer, Mapping) else None
        try:
            ordered = sorted(rows or (), key=lambda row: row.get("index", 0))
            vectors = [[float(number) for number in row["embedding"]] for row in ordered]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._no_vectors() from error
        return self._checked_vectors(vectors, expected)

    def _refuse_useless(self, completion: Completion, answer: Answer) -> None:
        if answer.finish == "error":
            raise Interrupted(_("%s stopped in the middle of the answer because of an error of its own.") % self.name)
        ban_text = self._options.get("ban_text")
        if ban_text and len(completion.text) < 500 and re.search(ban_text, completion.text, re.IGNORECASE):
            raise AuthenticationFailed(
                _("%s does not allow this account to ask.") % self.name, vendor_message=redact(completion.text, self._key)
            )
        super()._refuse_useless(completion, answer)
