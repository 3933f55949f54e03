"""OpenAI, whose models answer on two APIs: chat completions and responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.providers.adapters.answer import Answer
from apps.providers.adapters.openai.answer import ResponseReader
from apps.providers.adapters.openai.wire import response_body
from apps.providers.adapters.openai_compatible.adapter import OpenAICompatibleAdapter
from apps.providers.adapters.openai_compatible.quirks import Quirks
from apps.providers.contract import ChatRequest


class OpenAIAdapter(OpenAICompatibleAdapter):
    """Which of the two a model is asked on says its flag `api`, then the connection's quirk; without either it is chat."""

    PASSES_ON = {"chat": "/chat/completions", "responses": "/responses", "embeddings": "/embeddings"}

    def _question(self, request: ChatRequest, quirks: Quirks, *, is_stream: bool) -> tuple[str, dict[str, Any]]:
        if quirks.api == "responses":
            return "/responses", response_body(request, quirks, is_stream=is_stream)
        return super()._question(request, quirks, is_stream=is_stream)

    def _new_answer(self, body: Mapping[str, Any]) -> Answer:
        return ResponseReader() if "input" in body else super()._new_answer(body)
