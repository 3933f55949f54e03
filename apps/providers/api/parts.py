"""What the view sets of providers and models share."""

from __future__ import annotations

from typing import Any

from apps.providers.contract import CheckResult
from apps.providers.errors import ProviderError
from apps.providers.serializers.providers import CheckResultSerializer

# Which field a failure is about, so that a form can show it there.
FIELD_OF = {
    "authentication": "api_key",
    "address_refused": "base_url",
    "malformed_answer": "base_url",
    "not_an_api": "base_url",
    "timeout": "base_url",
    "unreachable": "base_url",
}


def check_shown(result: CheckResult) -> dict[str, Any]:
    return dict(CheckResultSerializer(result).data, field=None if result.ok else FIELD_OF.get(result.error_code))


def with_field(error: ProviderError) -> ProviderError:
    """The same error, naming the field to correct where there is one."""
    if field := FIELD_OF.get(error.code):
        error.errors = [{"field": field, "code": error.code, "message": error.message}]  # type: ignore[attr-defined]
    return error
