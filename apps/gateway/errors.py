"""What the gateway refuses, before anything is asked. Each dialect says it in the shape that its clients know.

OrquestradorError
└── Refused                  `kind` says what sort of refusal it is; `param` names the field it is about
    ├── BadKey               no key, an unknown one, or one that is switched off or expired
    ├── ModelNotAllowed      the key is not for this model
    ├── UnknownModel         the team has no such model
    ├── UnknownPath          nothing is answered at this address
    ├── BadBody              what was sent cannot be used
    ├── TooLarge             it is longer than this installation takes
    └── TooFast              more requests or tokens a minute than the key may have
"""

from __future__ import annotations

from typing import ClassVar, Literal

from apps.common.errors import OrquestradorError

Kind = Literal[
    "authentication", "permission", "not_found", "invalid", "too_large",
    "rate_limit", "quota", "overloaded", "timeout", "upstream", "internal",
]  # fmt: skip


class Refused(OrquestradorError):
    """This request is not answered."""

    kind: ClassVar[Kind] = "invalid"
    status = 400

    def __init__(self, message: str, *, param: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.param = param


class BadKey(Refused):
    kind = "authentication"
    code = "invalid_api_key"
    status = 401


class ModelNotAllowed(Refused):
    kind = "permission"
    code = "model_not_allowed"
    status = 403


class UnknownModel(Refused):
    kind = "not_found"
    code = "model_not_found"
    status = 404


class UnknownPath(Refused):
    kind = "not_found"
    code = "unknown_url"
    status = 404


class BadBody(Refused):
    kind = "invalid"
    code = "invalid_request"


class TooLarge(Refused):
    kind = "too_large"
    code = "request_too_large"
    status = 413


class TooFast(Refused):
    kind = "rate_limit"
    code = "rate_limit_exceeded"
    status = 429
