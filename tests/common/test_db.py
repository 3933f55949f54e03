"""A transaction that the database chose to give way is begun again; everything else is not."""

from __future__ import annotations

import pytest
from django.db import OperationalError, transaction

from apps.accounts.models import Team
from apps.common import db
from apps.common.db import MOST_TRIES, again_after_deadlock

pytestmark = pytest.mark.django_db(transaction=True)
DEADLOCK = OperationalError(1213, "Deadlock found when trying to get lock; try restarting transaction")


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "FIRST_REST_S", 0.0)


def failing(*errors: Exception | None):
    """A function that makes a team and then meets these errors, one at each try."""
    left = list(errors)

    @again_after_deadlock
    def make() -> Team:
        team = Team.objects.create(name=f"team {len(left)}")
        if left and (error := left.pop(0)):
            raise error
        return team

    return make


def test_what_gave_way_is_done_again_and_its_first_try_leaves_nothing() -> None:
    team = failing(DEADLOCK, OperationalError(1205, "Lock wait timeout exceeded"))()
    assert list(Team.objects.all()) == [team]


def test_it_gives_up_after_the_last_try() -> None:
    with pytest.raises(OperationalError):
        failing(*[DEADLOCK] * MOST_TRIES)()
    assert not Team.objects.exists()


def test_an_error_of_another_kind_is_not_tried_again() -> None:
    with pytest.raises(OperationalError, match="gone away"):
        failing(OperationalError(2006, "Server has gone away"))()
    assert not Team.objects.exists()


def test_inside_a_transaction_of_the_caller_the_error_is_the_callers() -> None:
    with pytest.raises(OperationalError), transaction.atomic():
        failing(DEADLOCK)()
    assert not Team.objects.exists()
