"""From our words to the JSON of Google's generateContent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from apps.providers.adapters.asking import image_of, tool_of, without_system
from apps.providers.adapters.flags import at_most
from apps.providers.adapters.google.quirks import Quirks
from apps.providers.adapters.google.schemas import google_schema
from apps.providers.adapters.schema import schema_in_words
from apps.providers.contract import ChatRequest, Message, ToolCall

# What clients send with a function call whose signature they do not have (third-party code, read 2026-11-20; not found in
# the vendor's own documentation); without any, models from Gemini 3 on refuse the conversation.
NO_SIGNATURE = "skip_thought_signature_validator"
_UNSIGNED_MODELS = re.compile(r"gemini-[12]\b")


def api_base(base_url: str) -> str:
    """The URL below which `/models` lies, from what people paste. A path that was given stays; without one it is `/v1beta`."""
    base = re.sub(r"/models(/[^/]*)?$", "", base_url.rstrip("/"))
    base = base.removesuffix("/openai")  # the same vendor's OpenAI-compatible address
    return base if base.count("/") > 2 else f"{base}/v1beta"


def model_path(model: str) -> str:
    """`/models/NAME`; tuned models have a collection of their own."""
    name = model.strip("/")
    return "/" + quote(name if "/" in name else f"models/{name}", safe="/")


def content_body(request: ChatRequest, quirks: Quirks) -> dict[str, Any]:
    """The body of generateContent and streamGenerateContent. What the request leaves open is not sent."""
    system, conversation = without_system(request.messages)
    body: dict[str, Any] = {"contents": _turns(conversation, is_signed=not _UNSIGNED_MODELS.search(request.model))}
    if system:
        body["systemInstruction"] = {"parts": [{"text": system}]}
    if request.tools:
        body["tools"] = [{"functionDeclarations": [_function(tool) for tool in request.tools]}]
        if request.tool_choice and quirks.tool_choice:
            body["toolConfig"] = {"functionCallingConfig": _calling(request.tool_choice)}
    config = _config(request, quirks)
    if request.json_schema is not None:
        _ask_for_json(body, config, request, quirks.response_format)
    if config:
        body["generationConfig"] = config
    return body


def _config(request: ChatRequest, quirks: Quirks) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if request.max_output_tokens is not None:
        config["maxOutputTokens"] = at_most(request.max_output_tokens, quirks.most_tokens)
    if request.temperature is not None and quirks.temperature:
        config["temperature"] = request.temperature
    if request.seed is not None and quirks.seed:
        config["seed"] = request.seed
    if request.stop and quirks.stop:
        config["stopSequences"] = list(request.stop)
    if request.logprobs and quirks.logprobs:
        config["responseLogprobs"] = True
        if request.top_logprobs:
            config["logprobs"] = request.top_logprobs
    return config


def _calling(choice: str) -> dict[str, Any]:
    modes = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
    return {"mode": modes[choice]} if choice in modes else {"mode": "ANY", "allowedFunctionNames": [choice]}


def _ask_for_json(body: dict[str, Any], config: dict[str, Any], request: ChatRequest, response_format: str) -> None:
    """By a schema; where it cannot be said in the vendor's words, as JSON of a form that is described; else in words alone."""
    schema = request.json_schema or {}
    said = google_schema(schema)
    if response_format != "none":
        config["responseMimeType"] = "application/json"
    if response_format == "json_schema" and said is not None:
        config["responseSchema"] = said
        return
    part = {"text": schema_in_words(schema)}
    if body["contents"] and body["contents"][-1]["role"] == "user":
        body["contents"][-1]["parts"].append(part)
    else:
        body["contents"].append({"role": "user", "parts": [part]})


def _turns(conversation: list[Message], *, is_signed: bool) -> list[dict[str, Any]]:
    names = {call.id: call.name for message in conversation for call in message.tool_calls}
    turns: list[dict[str, Any]] = []
    for message in conversation:
        role = "model" if message.role == "assistant" else "user"
        parts = _parts(message, names, is_signed=is_signed)
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"] += parts
        elif parts:
            turns.append({"role": role, "parts": parts})
    return turns


def _parts(message: Message, names: Mapping[str, str], *, is_signed: bool) -> list[dict[str, Any]]:
    if message.role == "tool":
        name = names.get(message.tool_call_id, message.tool_call_id)
        return [{"functionResponse": {"name": name, "response": _object(message.content, "result")}}]
    images = [_image(url) for url in message.images]
    text = [{"text": message.content}] if message.content else []
    return [*images, *text, *(_call(call, is_signed=is_signed and number == 0) for number, call in enumerate(message.tool_calls))]


def _call(call: ToolCall, *, is_signed: bool) -> dict[str, Any]:
    """The vendor signs the first of the calls that were made together, and wants it signed again."""
    part: dict[str, Any] = {"functionCall": {"name": call.name, "args": _object(call.arguments, "arguments")}}
    return {**part, "thoughtSignature": NO_SIGNATURE} if is_signed else part


def _image(data_url: str) -> dict[str, Any]:
    image = image_of(data_url)
    return {"inlineData": {"mimeType": image.media_type, "data": image.data}}


def _object(text: str, name: str) -> dict[str, Any]:
    """A JSON object, or anything else put into one."""
    try:
        value = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        value = text
    return value if isinstance(value, dict) else {name: value}


def _function(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    name, description, parameters = tool_of(tool)
    function: dict[str, Any] = {"name": name, "description": description or name}
    if not parameters.get("properties"):
        return function
    said = google_schema(parameters)
    return {**function, **({"parameters": said} if said is not None else {"parametersJsonSchema": parameters})}
