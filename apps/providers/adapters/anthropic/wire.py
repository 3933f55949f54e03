"""From our words to the JSON of Anthropic's messages API."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from apps.providers.adapters.anthropic.quirks import Quirks
from apps.providers.adapters.anthropic.schemas import closed_schema
from apps.providers.adapters.asking import image_of, tool_of, without_system
from apps.providers.adapters.schema import schema_in_words
from apps.providers.contract import ChatRequest, Message

ENDPOINTS = ("/messages/count_tokens", "/messages", "/models", "/complete")
# Required by the API; answers longer than this are rare, and a model that allows less says so.
USUAL_MAX_TOKENS = 16_384
HIGHEST_TEMPERATURE = 1.0
SCHEMA_TOOL = "Takes the answer."  # how the tool describes itself whose input is the answer
_TOOL_CHOICES = {"auto": {"type": "auto"}, "none": {"type": "none"}, "required": {"type": "any"}}


def api_base(base_url: str) -> str:
    """The URL below which `/messages` lies. The vendor's own clients are given it without `/v1`; both are understood."""
    base = base_url.rstrip("/")
    for endpoint in ENDPOINTS:
        base = base.removesuffix(endpoint)
    return base if re.search(r"/v\d+$", base) else f"{base}/v1"


def messages_body(request: ChatRequest, quirks: Quirks, *, is_stream: bool) -> dict[str, Any]:
    """The body of POST /messages. What the request leaves open is not sent, but for `max_tokens`, which must be there."""
    system, conversation = without_system(request.messages)
    body: dict[str, Any] = {"model": request.model, "max_tokens": _max_tokens(request, quirks)}
    if system:
        body["system"] = system
    body["messages"] = _turns(conversation)
    if is_stream and quirks.stream:
        body["stream"] = True
    if request.temperature is not None and quirks.temperature:
        body["temperature"] = min(request.temperature, HIGHEST_TEMPERATURE)
    stop = [text for text in request.stop if text.strip()]  # it refuses those of blanks alone
    if stop and quirks.stop:
        body["stop_sequences"] = stop
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        if request.tool_choice and quirks.tool_choice:
            body["tool_choice"] = _tool_choice(request.tool_choice)
    if request.json_schema is not None:
        _ask_for_json(body, request, quirks.response_format)
    return body


def schema_tool_in(body: Mapping[str, Any]) -> str:
    """The name of the tool whose input is the answer; "" when there is none."""
    tools = body.get("tools", ())
    return str(tools[0]["name"]) if len(tools) == 1 and tools[0].get("description") == SCHEMA_TOOL else ""


def _max_tokens(request: ChatRequest, quirks: Quirks) -> int:
    wanted = request.max_output_tokens or USUAL_MAX_TOKENS
    return wanted if quirks.most_tokens is None else min(wanted, quirks.most_tokens)


def _turns(conversation: list[Message]) -> list[dict[str, Any]]:
    """Turns by user and assistant, one after the other: all results of one round of tools belong into one turn."""
    turns: list[dict[str, Any]] = []
    for message in conversation:
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks(message: Message) -> list[dict[str, Any]]:
    """A message as blocks; a text of blanks is none, since the API refuses it."""
    images = [_image(url) for url in message.images]
    text = [{"type": "text", "text": message.content}] if message.content.strip() else []
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.tool_call_id, "content": [*text, *images]}]
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": _arguments(call.arguments)} for call in message.tool_calls
    ]
    return [*images, *text, *calls]


def _image(data_url: str) -> dict[str, Any]:
    image = image_of(data_url)
    return {"type": "image", "source": {"type": "base64", "media_type": image.media_type, "data": image.data}}


def _arguments(text: str) -> dict[str, Any]:
    """What a model wrote for a tool; the API wants an object, so what is none is put into one."""
    try:
        arguments = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        arguments = text
    return arguments if isinstance(arguments, dict) else {"arguments": arguments}


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    if "input_schema" in tool or str(tool.get("type", "function")) != "function":
        return tool  # already as the vendor writes it, also its own tools
    name, description, parameters = tool_of(tool)
    described = {"description": description} if description else {}
    return {"name": name, **described, "input_schema": {"type": "object", **parameters}}


def _tool_choice(choice: str) -> dict[str, Any]:
    return _TOOL_CHOICES.get(choice) or {"type": "tool", "name": choice}


def _ask_for_json(body: dict[str, Any], request: ChatRequest, response_format: str) -> None:
    """By structured output; else by a tool that must be called; else, beside other tools too, in words."""
    schema = request.json_schema or {}
    closed = closed_schema(schema)
    if response_format == "json_schema" and closed is not None:
        body["output_config"] = {"format": {"type": "json_schema", "schema": closed}}
    elif response_format != "none" and schema.get("type") == "object" and not request.tools:
        body["tools"] = [{"name": request.schema_name, "description": SCHEMA_TOOL, "input_schema": schema}]
        body["tool_choice"] = {"type": "tool", "name": request.schema_name}
    else:
        _say(body, schema_in_words(schema))


def _say(body: dict[str, Any], words: str) -> None:
    block = {"type": "text", "text": words}
    if body["messages"] and body["messages"][-1]["role"] == "user":
        body["messages"][-1]["content"].append(block)
    else:
        body["messages"].append({"role": "user", "content": [block]})
