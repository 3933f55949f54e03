"""What an error of a call says about whoever was asked: whether to let it rest, the model alone or its whole provider, how long.

An error that says something about the question alone (too long, refused by a content filter) is no fault: the model answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from apps.common.http import failure_kind
from apps.providers.errors import (
    AddressRefused,
    AuthenticationFailed,
    BadRequest,
    ContentFiltered,
    EngineError,
    NoFreePlace,
    NotAnApi,
    NotSupported,
    OutOfCredit,
    ProviderError,
    RateLimited,
    Resting,
    SchemaMismatch,
    Unreachable,
)

Scope = Literal["provider", "model"]

# An adapter has asked up to three times by then; two calls in a row may still be chance, a third is not.
FAILURES_TO_OPEN = 3
# Failures further apart than this are no series.
FORGET_AFTER_S = 600.0
# Long enough for a busy server to catch its breath, short enough for a person who waits.
FIRST_REST_S = 15.0
# A key, an address or a broken engine is mended by people, who look after a minute at the earliest.
FIRST_STANDING_REST_S = 60.0
# Nobody pays an account up within a minute; each look is a call that the vendor refuses.
FIRST_UNPAID_REST_S = 900.0
# Rests double up to this, so that whoever comes back is found within a quarter of an hour, and one without credit within an hour.
LONGEST_REST_S = 900.0
LONGEST_UNPAID_REST_S = 3_600.0
# A shorter retry-after was waited for by the adapter itself, and is no reason to keep others away.
LEAST_RETRY_AFTER_S = 5.0
# Daily quotas come back within a day; a vendor that says more has made a mistake.
LONGEST_RETRY_AFTER_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Fault:
    """`is_standing`: asking again soon is no use, so one is enough to let it rest. `rest_s`: as long as the vendor asked for."""

    scope: Scope
    is_standing: bool
    first_rest_s: float = FIRST_REST_S
    longest_rest_s: float = LONGEST_REST_S
    rest_s: float | None = None

    def rest_after(self, trips: int) -> float:
        """Seconds to rest, after `trips` rests that did not help."""
        if self.rest_s is not None:
            return self.rest_s
        return min(self.first_rest_s * 2.0 ** min(trips, 20), self.longest_rest_s)


def fault_of(error: ProviderError, *, is_one_process_per_model: bool = False) -> Fault | None:
    """What this error says of the model that was asked and of its provider; None when it says nothing of either."""
    whole: Scope = "model" if is_one_process_per_model else "provider"
    match error:
        case OutOfCredit():
            return Fault("provider", True, FIRST_UNPAID_REST_S, LONGEST_UNPAID_REST_S)
        case AuthenticationFailed(http_status=403):  # the key is good, but not for this model
            return Fault("model", True, FIRST_STANDING_REST_S)
        case AuthenticationFailed() | NotAnApi() | AddressRefused():
            return Fault("provider", True, FIRST_STANDING_REST_S)
        case Unreachable() if _nobody_is_there(error):
            return Fault(whole, True, FIRST_STANDING_REST_S)
        case EngineError():
            return Fault("model", True, FIRST_STANDING_REST_S)
        case BadRequest(http_status=404) if not isinstance(error, NotSupported):  # it is gone, or has another name
            return Fault("model", True, FIRST_STANDING_REST_S)
        case BadRequest() | ContentFiltered() | SchemaMismatch() | Resting() | NoFreePlace():
            return None
        case RateLimited(retry_after_s=seconds) if seconds is not None and seconds >= LEAST_RETRY_AFTER_S:
            return Fault("model", True, rest_s=min(seconds, LONGEST_RETRY_AFTER_S))
    asked_s = error.retry_after_s
    return Fault("model", False, rest_s=None if asked_s is None else min(max(asked_s, FIRST_REST_S), LONGEST_RETRY_AFTER_S))


def may_help_elsewhere(error: ProviderError) -> bool:
    """Whether another server of the very same model could answer where this one did not."""
    if isinstance(error, BadRequest):
        return error.http_status in (404, 501)
    return not isinstance(error, ContentFiltered | SchemaMismatch)


def _nobody_is_there(error: ProviderError) -> bool:
    """Nobody listens at the address, or not with a valid certificate; not: it listens, and broke off this one call."""
    cause = error.__cause__
    return not isinstance(cause, Exception) or failure_kind(cause) in ("unreachable", "tls", "timeout")
