"""What a server, for one model, does not take the usual way: given by the kind or the connection, or learned when it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from apps.providers.errors import BadRequest, ContextTooLong, ProviderError

_NOT_TAKEN = re.compile(
    r"unsupported|not supported|n[o']t support|unknown|unrecogni[sz]ed|unexpected|extra (?:inputs|fields)|extra_forbidden"
    r"|not permitted|not allowed|invalid (?:parameter|field|argument)|deprecated|no longer|unavailable|must be verified",
    re.IGNORECASE,
)
_RESPONSE_FORMATS = ("json_schema", "json_object", "none")
# The words by which servers name a parameter, in the order in which they are looked for in a message without `param`.
_NAMED_BY = {
    "stream_options": ("stream_options", "include_usage"),
    "max_completion_tokens": ("max_completion_tokens",),
    "max_tokens": ("max_tokens",),
    "response_format": ("response_format", "json_schema", "json_object", "text.format"),
    "temperature": ("temperature",),
    "seed": ("seed", "random_seed"),
    "stop": ("stop",),
    "stream": ("stream",),
}


@dataclass(slots=True)
class Quirks:
    """How to ask this server for this model. The connection's `quirks` have the same names."""

    max_tokens_param: str = "max_tokens"  # or "max_completion_tokens"
    include_usage: bool = True
    temperature: bool = True
    seed_param: str = "seed"  # "" leaves it out
    stop: bool = True
    response_format: str = "json_schema"  # or "json_object", or "none": then the schema is asked for in words
    stream: bool = True

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Quirks:
        return cls(**{field.name: given[field.name] for field in fields(cls) if field.name in given})

    def learn(self, error: ProviderError, sent: Mapping[str, Any], tried: set[str]) -> bool:
        """Whether the refusal named something that can be put another way; then it is, from now on.

        `tried` holds what this call has put another way already, so that it ends with a server that refuses both ways.
        """
        refused = _refused_parameter(error, sent)
        if refused is None:
            return False
        change = f"{refused}:{sent[refused]['type']}" if refused == "response_format" else refused
        if change in tried:
            return False
        tried.add(change)
        self._avoid(refused, sent)
        return True

    def _avoid(self, refused: str, sent: Mapping[str, Any]) -> None:
        match refused:
            case "max_tokens":
                self.max_tokens_param = "max_completion_tokens"
            case "max_completion_tokens":
                self.max_tokens_param = "max_tokens"
            case "stream_options":
                self.include_usage = False
            case "temperature":
                self.temperature = False
            case "seed" | "random_seed":
                self.seed_param = ""
            case "stop":
                self.stop = False
            case "stream":
                self.stream = False
            case "response_format":
                following = _RESPONSE_FORMATS.index(sent["response_format"]["type"]) + 1
                self.response_format = _RESPONSE_FORMATS[following]


def _refused_parameter(error: ProviderError, sent: Mapping[str, Any]) -> str | None:
    """The parameter, among those that were sent, that a refusal says the server does not take."""
    if not isinstance(error, BadRequest) or isinstance(error, ContextTooLong):
        return None
    message = error.vendor_message
    if not _NOT_TAKEN.search(f"{message} {error.extra.get('vendor_code', '')} {error.extra.get('vendor_type', '')}"):
        return None
    named = str(error.extra.get("param", ""))
    for text in (named, message):
        for parameter, words in _NAMED_BY.items():
            if parameter in sent and any(re.search(rf"(?<![a-z_]){re.escape(word)}(?![a-z_])", text) for word in words):
                return parameter
    return "random_seed" if "random_seed" in sent and "random_seed" in f"{named} {message}" else None
