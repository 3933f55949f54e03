"""Errors of AI providers. Adapters turn whatever a vendor says into one of these and keep the original as `__cause__`.

OrquestradorError
└── ProviderError
    ├── AuthenticationFailed     the key is missing, wrong or not allowed
    ├── RateLimited              too many requests; `retry_after_s` when the vendor says it
    ├── OutOfCredit              a spending limit or an empty balance; asking again does not help
    ├── Overloaded               the vendor is busy (429 without a limit, 503, 529)
    ├── ProviderTimeout          no byte, or no end, within the time allowed
    ├── Unreachable              nobody answers at the address
    ├── AddressRefused           the address is not one that this installation may call
    ├── BadRequest               the vendor refuses what we sent
    │   ├── ContextTooLong       it does not fit into the model's context
    │   └── NotSupported         this server, or this version of it, cannot do that
    ├── ContentFiltered          the vendor will not answer this
    ├── MalformedAnswer          the answer is not what the protocol promises
    │   ├── NotAnApi             HTML, a redirect, or another service at that address
    │   ├── EmptyAnswer          a success without a word in it
    │   ├── SchemaMismatch       not the JSON that was asked for, also after asking again
    │   └── WrongModel           another model than the one that was asked has answered; `extra["partial"]` keeps its answer
    ├── Interrupted              the stream ended before its terminal marker; `extra["partial"]` keeps the text
    └── EngineError              the built-in engine cannot serve the model file
"""

from __future__ import annotations

from typing import Any

from apps.common.errors import OrquestradorError


class ProviderError(OrquestradorError):
    """The provider could not answer.

    `vendor_message` and `request_id` are the vendor's own, with secrets already cut out.
    """

    code = "provider_error"
    status = 502

    def __init__(
        self,
        message: str = "",
        *,
        retry_after_s: float | None = None,
        vendor_message: str = "",
        request_id: str = "",
        http_status: int | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s, **extra)
        self.vendor_message = vendor_message
        self.request_id = request_id
        self.http_status = http_status


class AuthenticationFailed(ProviderError):
    code = "authentication"


class RateLimited(ProviderError):
    code = "rate_limit"
    retryable = True


class OutOfCredit(ProviderError):
    code = "out_of_credit"


class Overloaded(ProviderError):
    code = "overloaded"
    retryable = True


class ProviderTimeout(ProviderError):
    code = "timeout"
    retryable = True


class Unreachable(ProviderError):
    code = "unreachable"
    retryable = True


class AddressRefused(ProviderError):
    code = "address_refused"
    status = 400


class BadRequest(ProviderError):
    code = "bad_request"


class ContextTooLong(BadRequest):
    code = "context_too_long"


class NotSupported(BadRequest):
    code = "not_supported"
    status = 409


class ContentFiltered(ProviderError):
    code = "content_filtered"


class MalformedAnswer(ProviderError):
    code = "malformed_answer"


class NotAnApi(MalformedAnswer):
    code = "not_an_api"


class EmptyAnswer(MalformedAnswer):
    code = "empty_answer"


class SchemaMismatch(MalformedAnswer):
    code = "schema_mismatch"


class WrongModel(MalformedAnswer):
    code = "wrong_model"


class Interrupted(ProviderError):
    code = "interrupted"
    retryable = True


class EngineError(ProviderError):
    code = "engine"
