"""Mistral: OpenAI's chat protocol with words of its own."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Any

from apps.providers.adapters.openai_compatible.adapter import OpenAICompatibleAdapter
from apps.providers.adapters.openai_compatible.quirks import Quirks
from apps.providers.contract import ChatRequest, Message

# Switches of the vendor's own chat request (its SDK 3.7, read 2026-11-20); given as quirks of the connection.
OWN_SWITCHES = ("safe_prompt", "prompt_mode")
_THEIR_ID = re.compile(r"[A-Za-z0-9]{9}")


class MistralAdapter(OpenAICompatibleAdapter):
    """What else is said otherwise there is in the preset of the kind: the seed's name, no stream options, `any` for some tool."""

    PASSES_ON = {"embeddings": "/embeddings"}  # its chat has names of its own

    def _question(self, request: ChatRequest, quirks: Quirks, *, is_stream: bool) -> tuple[str, dict[str, Any]]:
        request = replace(request, messages=tuple(_with_their_ids(message) for message in request.messages))
        path, body = super()._question(request, quirks, is_stream=is_stream)
        return path, {**body, **{name: self._options[name] for name in OWN_SWITCHES if name in self._options}}


def _with_their_ids(message: Message) -> Message:
    """Calls that another vendor's model made have ids that this one refuses."""
    if not message.tool_calls and not message.tool_call_id:
        return message
    calls = tuple(replace(call, id=_their_id(call.id)) for call in message.tool_calls)
    return replace(message, tool_calls=calls, tool_call_id=_their_id(message.tool_call_id) if message.tool_call_id else "")


def _their_id(call_id: str) -> str:
    """Nine letters and digits, the same for the same id."""
    return call_id if _THEIR_ID.fullmatch(call_id) else hashlib.sha256(call_id.encode()).hexdigest()[:9]
