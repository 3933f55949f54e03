"""What an error says about whoever was asked."""

from __future__ import annotations

import aiohttp
import pytest

from apps.providers.errors import (
    AddressRefused,
    AuthenticationFailed,
    BadRequest,
    ContentFiltered,
    ContextTooLong,
    EmptyAnswer,
    EngineError,
    Interrupted,
    NoFreePlace,
    NotAnApi,
    NotSupported,
    OutOfCredit,
    Overloaded,
    ProviderError,
    ProviderTimeout,
    RateLimited,
    Resting,
    SchemaMismatch,
    Unreachable,
)
from apps.providers.faults import fault_of, may_help_elsewhere


def caused(error: ProviderError, cause: Exception) -> ProviderError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "scope"),
    [
        (AuthenticationFailed(http_status=401), "provider"),
        (AuthenticationFailed(), "provider"),
        (AuthenticationFailed(http_status=403), "model"),
        (OutOfCredit(http_status=429), "provider"),
        (NotAnApi(), "provider"),
        (AddressRefused(), "provider"),
        (caused(Unreachable(), aiohttp.ConnectionTimeoutError()), "provider"),
        (EngineError(), "model"),
        (BadRequest(http_status=404), "model"),
        (RateLimited(retry_after_s=30), "model"),
    ],
)
def test_one_failure_that_will_stand_is_enough(error, scope):
    fault = fault_of(error)
    assert fault is not None
    assert (fault.scope, fault.is_standing) == (scope, True)


@pytest.mark.parametrize(
    "error",
    [
        Overloaded(),
        ProviderTimeout(),
        Interrupted(),
        EmptyAnswer(),
        ProviderError(http_status=500),
        RateLimited(),
        RateLimited(retry_after_s=1),
        caused(Unreachable(), aiohttp.ServerDisconnectedError()),
    ],
)
def test_what_may_pass_by_itself_counts_only_in_a_series(error):
    fault = fault_of(error)
    assert fault is not None
    assert (fault.scope, fault.is_standing) == ("model", False)


@pytest.mark.parametrize(
    "error",
    [
        BadRequest(http_status=400),
        ContextTooLong(http_status=400),
        NotSupported(http_status=404),
        ContentFiltered(),
        SchemaMismatch(),
        Resting(),
        NoFreePlace(),
    ],
)
def test_what_is_wrong_with_the_question_is_nobodys_fault(error):
    assert fault_of(error) is None


def test_the_built_in_engine_has_a_process_for_each_model_so_one_that_died_says_nothing_of_the_others():
    died = caused(Unreachable(), aiohttp.ConnectionTimeoutError())
    fault = fault_of(died, is_one_process_per_model=True)
    assert fault is not None and fault.scope == "model"


def test_rests_double_and_end():
    fault = fault_of(Overloaded())
    assert fault is not None
    assert [fault.rest_after(trips) for trips in (0, 1, 2, 3)] == [15, 30, 60, 120]
    assert fault.rest_after(30) == 900


def test_who_has_no_credit_rests_longer():
    fault = fault_of(OutOfCredit())
    assert fault is not None
    assert [fault.rest_after(trips) for trips in (0, 1, 2, 3)] == [900, 1_800, 3_600, 3_600]


@pytest.mark.parametrize(("asked_s", "rests_s"), [(5, 5), (120, 120), (7_200, 7_200), (10**9, 86_400)])
def test_a_vendor_that_says_how_long_is_taken_at_its_word(asked_s, rests_s):
    fault = fault_of(RateLimited(retry_after_s=asked_s))
    assert fault is not None
    assert fault.rest_after(0) == fault.rest_after(7) == rests_s


def test_an_overloaded_server_that_asks_for_time_gets_it_once_it_rests():
    fault = fault_of(Overloaded(retry_after_s=300))
    assert fault is not None
    assert (fault.is_standing, fault.rest_after(0)) == (False, 300)


@pytest.mark.parametrize(
    ("error", "helps"),
    [
        (Overloaded(), True),
        (Unreachable(), True),
        (AuthenticationFailed(), True),
        (BadRequest(http_status=404), True),
        (BadRequest(http_status=400), False),
        (ContextTooLong(http_status=400), False),
        (ContentFiltered(), False),
        (SchemaMismatch(), False),
    ],
)
def test_another_server_is_asked_only_where_the_server_was_the_trouble(error, helps):
    assert may_help_elsewhere(error) is helps
