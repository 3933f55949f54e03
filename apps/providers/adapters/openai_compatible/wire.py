"""From our words to OpenAI's chat JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.providers.adapters.flags import at_most
from apps.providers.adapters.openai_compatible.quirks import Quirks
from apps.providers.adapters.schema import is_strict_schema, schema_in_words
from apps.providers.contract import ChatRequest, Message, ToolCall

ENDPOINTS = ("/chat/completions", "/completions", "/models", "/embeddings", "/responses")


def api_base(base_url: str) -> str:
    """The URL below which `/models` lies, from what people paste: with or without `/v1`, or with a whole endpoint.

    A path that somebody gave stays, since gateways have their API anywhere; without one it is `/v1`.
    """
    base = base_url.rstrip("/")
    for endpoint in ENDPOINTS:
        base = base.removesuffix(endpoint)
    return base if base.count("/") > 2 else f"{base}/v1"


def chat_body(request: ChatRequest, quirks: Quirks, *, is_stream: bool) -> dict[str, Any]:
    """The body of POST /chat/completions. What the request leaves open is not sent."""
    body: dict[str, Any] = {"model": request.model, "messages": [_message(message) for message in request.messages]}
    if is_stream and quirks.stream:
        body["stream"] = True
        if quirks.include_usage:
            body["stream_options"] = {"include_usage": True}
    if request.max_output_tokens is not None:
        body[quirks.max_tokens_param] = at_most(request.max_output_tokens, quirks.most_tokens)
    if request.temperature is not None and quirks.temperature:
        body["temperature"] = request.temperature
    if request.seed is not None and quirks.seed_param:
        body[quirks.seed_param] = request.seed
    if request.stop and quirks.stop:
        body["stop"] = list(request.stop)
    if request.logprobs and quirks.logprobs:
        body["logprobs"] = True
        if request.top_logprobs:
            body["top_logprobs"] = request.top_logprobs
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        if request.tool_choice and quirks.tool_choice:
            body["tool_choice"] = _tool_choice(request.tool_choice, quirks)
    if request.json_schema is not None:
        _ask_for_json(body, request, quirks.response_format)
    return body


def _message(message: Message) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.images:
        text = [{"type": "text", "text": message.content}] if message.content else []
        sent["content"] = text + [{"type": "image_url", "image_url": {"url": url}} for url in message.images]
    if message.tool_calls:
        sent["content"] = message.content or None
        sent["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    if message.tool_call_id:
        sent["tool_call_id"] = message.tool_call_id
    return sent


def _tool_call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tool is {"name", "description", "parameters"}; one that is wrapped OpenAI's way already goes as it is."""
    return tool if "function" in tool else {"type": "function", "function": dict(tool)}


def _tool_choice(choice: str, quirks: Quirks) -> Any:
    if choice in ("auto", "none"):
        return choice
    return quirks.required_tool if choice == "required" else {"type": "function", "function": {"name": choice}}


def _ask_for_json(body: dict[str, Any], request: ChatRequest, response_format: str) -> None:
    schema = request.json_schema or {}
    if response_format == "json_schema":
        named = {"name": request.schema_name, "schema": schema, "strict": is_strict_schema(schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
        return
    if response_format == "json_object":
        body["response_format"] = {"type": "json_object"}
    body["messages"].append({"role": "user", "content": schema_in_words(schema)})
