"""From our words to the JSON of Ollama's chat."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from apps.providers.adapters.asking import image_of, tool_of
from apps.providers.adapters.flags import at_most
from apps.providers.adapters.ollama.quirks import OllamaQuirks
from apps.providers.adapters.schema import schema_in_words
from apps.providers.contract import ChatRequest, Message


def server_root(base_url: str) -> str:
    """The address below which `/api` lies, from what people paste: with or without `/v1` or `/api`, or a whole endpoint."""
    return re.sub(r"/(?:v1|api)(?:/(?:chat/completions|[a-z]+))?$", "", base_url.rstrip("/"))


def chat_body(request: ChatRequest, quirks: OllamaQuirks, *, is_stream: bool, context_length: int | None) -> dict[str, Any]:
    """The body of POST /api/chat. What the request leaves open is not sent, but for two things whose default does harm.

    Without `stream` it streams, and without `truncate: false` a prompt that does not fit is shortened without a word.
    """
    names = {call.id: call.name for message in request.messages for call in message.tool_calls}
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(message, names) for message in request.messages],
        "stream": is_stream and quirks.stream,
        "truncate": False,
    }
    if options := _options(request, quirks, context_length):
        body["options"] = options
    if request.logprobs and quirks.logprobs:
        body["logprobs"] = True
        if request.top_logprobs:
            body["top_logprobs"] = request.top_logprobs
    if request.tools and request.tool_choice != "none":
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.json_schema is not None:
        _ask_for_json(body, request, quirks.response_format)
    return body


def _options(request: ChatRequest, quirks: OllamaQuirks, context_length: int | None) -> dict[str, Any]:
    wanted = {
        "num_ctx": context_length,
        "num_predict": at_most(request.max_output_tokens, quirks.most_tokens),
        "temperature": request.temperature if quirks.temperature else None,
        "seed": request.seed if quirks.seed_param else None,
        "stop": list(request.stop) if request.stop and quirks.stop else None,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _message(message: Message, names: Mapping[str, str]) -> dict[str, Any]:
    """Pictures are bare base64 here, arguments of calls objects, and a result names its tool, not its call."""
    sent: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.images:
        sent["images"] = [image_of(url).data for url in message.images]
    if message.tool_calls:
        sent["tool_calls"] = [
            {"function": {"name": call.name, "arguments": _arguments(call.arguments)}} for call in message.tool_calls
        ]
    if message.role == "tool":
        sent["tool_name"] = names.get(message.tool_call_id, message.tool_call_id)
    return sent


def _arguments(text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        arguments = text
    return arguments if isinstance(arguments, dict) else {"arguments": arguments}


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    name, description, parameters = tool_of(tool)
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def _ask_for_json(body: dict[str, Any], request: ChatRequest, response_format: str) -> None:
    schema = request.json_schema or {}
    if response_format == "json_schema":
        body["format"] = schema
        return
    if response_format == "json_object":
        body["format"] = "json"
    body["messages"].append({"role": "user", "content": schema_in_words(schema)})
