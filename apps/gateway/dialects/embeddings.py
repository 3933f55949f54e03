"""OpenAI's embeddings. Vectors of different models cannot be compared, so nothing answers in a model's place."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from typing import Any, NoReturn

from django.utils.translation import gettext as _

from apps.gateway.dialects import openai
from apps.gateway.dialects.base import Asked, Evidence, Told
from apps.gateway.dialects.events import event_of
from apps.gateway.dialects.taps import Hears
from apps.gateway.errors import BadBody
from apps.providers.contract import Completion, Usage

MOST_TEXTS = 2_048


class Embeddings:
    api = "embeddings"
    counts_when_asked = False
    passed_headers: tuple[bytes, ...] = ()

    def check(self, body: dict[str, Any], *, is_stream: bool) -> None:
        if is_stream:
            raise BadBody(_("Embeddings do not come as a stream."), param="stream")
        given = body.get("input")
        if not given or not isinstance(given, str | list):
            raise BadBody(_("“input” is a text, or a list of texts, with one at least."), param="input")
        if isinstance(given, list) and len(given) > MOST_TEXTS and not all(isinstance(one, int) for one in given):
            raise BadBody(_("“input” has %d texts at most.") % MOST_TEXTS, param="input")
        if body.get("encoding_format") not in (None, "float", "base64"):
            raise BadBody(_("“encoding_format” is float or base64."), param="encoding_format")

    def most_output(self, body: Mapping[str, Any]) -> int | None:
        return 0

    def to_request(self, body: Mapping[str, Any]) -> NoReturn:
        raise BadBody(_("This name is for chats. Ask an embedding model by its own name."), param="model")

    def usage_of(self, answer: Mapping[str, Any]) -> Usage | None:
        return openai.usage_in(answer)

    def whole(self, completion: Completion, asked: Asked, evidence: Evidence) -> NoReturn:
        raise AssertionError("embeddings are no completion")

    def writer(self, asked: Asked, name: str) -> NoReturn:
        raise AssertionError("embeddings do not stream")

    def tap(self, asked: Asked, watch: Hears | None) -> NoReturn:
        raise AssertionError("embeddings do not stream")

    def error(self, told: Told, request_id: str) -> bytes:
        return openai.error_body(told)

    def error_event(self, told: Told, request_id: str) -> bytes:
        return event_of({"error": openai.error_object(told)})


def texts_of(body: Mapping[str, Any]) -> list[str]:
    """Raises BadBody for tokens in the place of texts: only the vendor whose they are can read them."""
    given = body["input"]
    texts = [given] if isinstance(given, str) else given
    if not all(isinstance(text, str) and text for text in texts):
        raise BadBody(_("This model takes texts, and none that is empty."), param="input")
    return texts


def vectors_out(vectors: list[list[float]], asked: Asked, usage: Usage, evidence: Evidence) -> dict[str, Any]:
    """OpenAI's own clients ask for base64 of little-endian 32-bit numbers unless told otherwise."""
    is_base64 = asked.body.get("encoding_format") == "base64"
    shown = [_packed(vector) if is_base64 else vector for vector in vectors]
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": number, "embedding": one} for number, one in enumerate(shown)],
        "model": asked.model,
        "usage": {"prompt_tokens": usage.input_tokens, "total_tokens": usage.input_tokens},
        "orq": evidence.as_json(),
    }


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
