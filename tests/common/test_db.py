"""What the database chose to give way is begun again, a transaction or a statement by itself; everything else is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection, transaction

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


def test_a_statement_by_itself_that_gives_way_to_a_transaction_is_done_again() -> None:
    if connection.vendor != "mysql":
        pytest.skip("SQLite lets one write at a time: nobody gives way")
    first, second = (Team.objects.create(name=name) for name in "ab")
    has_second, may_go_on = threading.Event(), threading.Event()

    def other() -> None:
        with transaction.atomic():
            Team.objects.bulk_create([Team(name=f"more {n}") for n in range(50)])  # the lighter of two gives way
            Team.objects.filter(pk=second.pk).update(name="other")
            has_second.set()
            may_go_on.wait(10)
            Team.objects.filter(pk=first.pk).update(name="other")
        connection.close()

    def one() -> None:
        Team.objects.filter(pk__in=[first.pk, second.pk]).order_by("pk").update(name="one")
        connection.close()

    threads = [threading.Thread(target=other), threading.Thread(target=one)]
    threads[0].start()
    assert has_second.wait(10)
    threads[1].start()
    _wait_until(_somebody_waits)
    may_go_on.set()
    for thread in threads:
        thread.join(10)
    assert [team.name for team in Team.objects.filter(pk__in=[first.pk, second.pk])] == ["one", "one"]


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
        return bool(cursor.fetchone()[0])


def _wait_until(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.2)  # that table answers the same to who asks again within 0.1 s
