"""What OpenAI's three APIs share: errors, and how tokens are counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.gateway.dialects.base import Told, encode
from apps.gateway.errors import Kind
from apps.providers.adapters.openai_compatible.answer import read_usage
from apps.providers.contract import Usage

# Types of errors as https://platform.openai.com/docs/guides/error-codes has them (2026-11).
TYPES: Mapping[Kind, str] = {
    "authentication": "invalid_request_error",
    "permission": "invalid_request_error",
    "not_found": "invalid_request_error",
    "invalid": "invalid_request_error",
    "too_large": "invalid_request_error",
    "rate_limit": "rate_limit_error",
    "quota": "insufficient_quota",
    "overloaded": "service_unavailable_error",
    "timeout": "timeout_error",
    "upstream": "api_error",
    "internal": "server_error",
}


def error_object(told: Told) -> dict[str, Any]:
    return {"message": told.message, "type": TYPES[told.kind], "param": told.param, "code": told.code}


def error_body(told: Told) -> bytes:
    return told.said[1] if told.said else encode({"error": error_object(told)})


def usage_in(answer: Mapping[str, Any]) -> Usage | None:
    return read_usage(answer.get("usage"))
