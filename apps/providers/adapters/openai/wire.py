"""From our words to the JSON of OpenAI's responses API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.providers.adapters.asking import tool_of, without_system
from apps.providers.adapters.flags import at_most
from apps.providers.adapters.openai_compatible.quirks import Quirks
from apps.providers.adapters.schema import is_strict_schema, schema_in_words
from apps.providers.contract import ChatRequest, Message

LOGPROBS = "message.output_text.logprobs"


def response_body(request: ChatRequest, quirks: Quirks, *, is_stream: bool) -> dict[str, Any]:
    """The body of POST /responses. It has no seed and no stop texts. Nothing is left stored at the vendor."""
    system, conversation = without_system(request.messages)
    body: dict[str, Any] = {"model": request.model, "store": False}
    if system:
        body["instructions"] = system
    body["input"] = [item for message in conversation for item in _items(message)]
    if is_stream and quirks.stream:
        body["stream"] = True
    if request.max_output_tokens is not None:
        body["max_output_tokens"] = at_most(request.max_output_tokens, quirks.most_tokens)
    if request.temperature is not None and quirks.temperature:
        body["temperature"] = request.temperature
    if request.logprobs and quirks.logprobs:
        body["include"] = [LOGPROBS]
        if request.top_logprobs:
            body["top_logprobs"] = request.top_logprobs
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        if request.tool_choice and quirks.tool_choice:
            body["tool_choice"] = _tool_choice(request.tool_choice)
    if request.json_schema is not None:
        _ask_for_json(body, request, quirks.response_format)
    return body


def _items(message: Message) -> list[dict[str, Any]]:
    """A message as items: calls of tools and their results stand beside the messages here."""
    if message.role == "tool":
        return [{"type": "function_call_output", "call_id": message.tool_call_id, "output": message.content}]
    calls = [
        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
        for call in message.tool_calls
    ]
    content = _content(message)
    return [*([{"type": "message", "role": message.role, "content": content}] if content or not calls else []), *calls]


def _content(message: Message) -> str | list[dict[str, Any]]:
    if message.role == "assistant":
        return [{"type": "output_text", "text": message.content}] if message.content else ""
    if not message.images:
        return message.content
    text = [{"type": "input_text", "text": message.content}] if message.content else []
    return text + [{"type": "input_image", "image_url": url, "detail": "auto"} for url in message.images]


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """Tools are strict here unless they say otherwise, and strict ones must close every object."""
    if str(tool.get("type", "function")) != "function":
        return tool  # one of the vendor's own
    name, description, parameters = tool_of(tool)
    described = {"description": description} if description else {}
    return {"type": "function", "name": name, **described, "parameters": parameters, "strict": is_strict_schema(parameters)}


def _tool_choice(choice: str) -> Any:
    return choice if choice in ("auto", "none", "required") else {"type": "function", "name": choice}


def _ask_for_json(body: dict[str, Any], request: ChatRequest, response_format: str) -> None:
    schema = request.json_schema or {}
    if response_format == "json_schema":
        named = {"name": request.schema_name, "schema": schema, "strict": is_strict_schema(schema)}
        body["text"] = {"format": {"type": "json_schema", **named}}
        return
    if response_format == "json_object":
        body["text"] = {"format": {"type": "json_object"}}
    body["input"].append({"type": "message", "role": "user", "content": schema_in_words(schema)})
