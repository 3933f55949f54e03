"""What is known of a model, in the words of `contract.ACCEPTS`, as an adapter's settings; and refusals as such flags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from apps.providers.contract import ChatRequest, Message, Refusal
from apps.providers.errors import BadRequest, ContextTooLong, ProviderError

FORMATS: Mapping[str, str] = {"native": "json_schema", "object": "json_object", "tool": "tool", "prompt": "none"}
NOT_TAKEN = re.compile(
    r"unsupported|not supported|n[o']t support|unknown|unrecogni[sz]ed|unexpected|extra (?:inputs|fields)|extra_forbidden"
    r"|not permitted|not allowed|not enabled|invalid (?:parameter|field|argument)|deprecated|no longer|unavailable"
    r"|must be verified|only (?:supported|available)|cannot be used|requires \w+ to be",
    re.IGNORECASE,
)
# OpenAI of its first reasoning models, Google of Gemma, chat templates of local servers.
_SYSTEM = re.compile(
    r"'system'|system (?:role|messages?|prompts?|instructions?)\b|role.{0,20}\bsystem\b|developer instructions?", re.IGNORECASE
)
_SAME_NAME = ("temperature", "stop", "system", "logprobs", "tool_choice", "stream", "api")


def settings_of(accepts: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the adapters' quirks have in common, under their names; each takes those that it has."""
    said: dict[str, Any] = {name: accepts[name] for name in _SAME_NAME if name in accepts}
    if "seed" in accepts:
        said["seed"] = accepts["seed"]
        said |= {} if accepts["seed"] else {"seed_param": ""}
    if "usage_in_stream" in accepts:
        said["include_usage"] = accepts["usage_in_stream"]
    if "max_tokens_field" in accepts:
        said["max_tokens_param"] = accepts["max_tokens_field"]
    if "max_output_tokens" in accepts:
        said["most_tokens"] = accepts["max_output_tokens"]
    if "json_schema" in accepts:
        said["response_format"] = FORMATS[accepts["json_schema"]]
    return said


def format_flag(response_format: str) -> str:
    """The value of `json_schema` in ACCEPTS for one of the quirks' formats."""
    return next(flag for flag, name in FORMATS.items() if name == response_format)


def is_refusal(error: ProviderError) -> bool:
    """Whether the vendor found fault with the request itself, so that another one may pass."""
    return isinstance(error, BadRequest) and not isinstance(error, ContextTooLong)


def refuses_system(error: ProviderError, has_system: bool) -> bool:
    message = error.vendor_message
    return has_system and bool(_SYSTEM.search(message) and NOT_TAKEN.search(message))


def refusal(flag: str, value: bool | int | str, error: ProviderError) -> Refusal:
    return Refusal(flag, value, error.vendor_message)


def at_most(wanted: int | None, most: int | None) -> int | None:
    """A limit of tokens that the model takes; None leaves it open."""
    return wanted if wanted is None or most is None else min(wanted, most)


def system_as_question(request: ChatRequest) -> ChatRequest:
    """The same, with what the system messages say at the head of the first question."""
    system = "\n\n".join(message.content for message in request.messages if message.role == "system" and message.content)
    rest = [message for message in request.messages if message.role != "system"]
    first = next((place for place, message in enumerate(rest) if message.role == "user"), None)
    if not system:
        return replace(request, messages=tuple(rest))
    if first is None:
        return replace(request, messages=(Message("user", system), *rest))
    rest[first] = replace(rest[first], content=f"{system}\n\n{rest[first].content}".rstrip())
    return replace(request, messages=tuple(rest))
