"""Errors of AI providers. Adapters turn whatever a vendor says into one of these and keep the original as `__cause__`.

OrquestradorError
├── OverBudget                   a budget does not cover the call that was about to be made
├── PriceUnknown                 a budget is in force, and nobody knows what this model costs
└── ProviderError
    ├── AuthenticationFailed     the key is missing, wrong or not allowed
    ├── RateLimited              too many requests; `retry_after_s` when the vendor says it
    ├── OutOfCredit              a spending limit or an empty balance; asking again does not help
    ├── Overloaded               the vendor is busy (429 without a limit, 503, 529)
    │   └── NoFreePlace          as many calls as its limit allows are under way, and none ended in time
    ├── Resting                  it failed a short while ago and is not asked just now; `extra["error_code"]` says of what
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

OrquestradorError
└── Conflict
    ├── DoesNotFit               there is too little memory for the model; told by how much, and what could go
    ├── ModelInUse               it is answering just now
    └── LoadUnderWay             it is being loaded just now
"""

from __future__ import annotations

from typing import Any

from apps.common.errors import Conflict, OrquestradorError


class OverBudget(OrquestradorError):
    """`budget` is what was left: {id, name, scope, person, period, limit, left, needed, held, renews_at}, sums as text.

    `is_held`: only what is set aside for calls under way is in the way, so trying again soon may do. `is_known`: people were
    told in this period that it refuses calls.
    """

    code = "over_budget"
    status = 429

    def __init__(self, message: str, *, budget: dict[str, str], is_held: bool, is_known: bool, retry_after_s: float) -> None:
        super().__init__(message, retry_after_s=retry_after_s, budget=budget, is_held=is_held)
        self.budget = budget
        self.is_held = is_held
        self.is_known = is_known


class PriceUnknown(OrquestradorError):
    """`extra["model"]` is what it is called."""

    code = "price_unknown"
    status = 409


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


class NoFreePlace(Overloaded):
    code = "no_free_place"


class Resting(ProviderError):
    code = "resting"
    status = 503
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


class DoesNotFit(Conflict):
    """There is too little free memory for this model.

    `extra`: needed_bytes, free_bytes, missing_bytes, memory ("gpu" or "ram"), could_go (models in memory, each with id, model,
    memory_bytes and last_used_at).
    """

    code = "does_not_fit"
    told = ("needed_bytes", "free_bytes", "missing_bytes", "memory", "could_go")


class ModelInUse(Conflict):
    """This model is answering just now. `extra`: calls, how many."""

    code = "model_in_use"
    told = ("calls",)


class LoadUnderWay(Conflict):
    """This model is being loaded just now."""

    code = "load_under_way"
