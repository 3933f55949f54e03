"""The books: no call without its row, whatever happens to the process."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import OperationalError

from apps.gateway import ledger as ledgers
from apps.gateway.ids import new_id
from apps.gateway.journal import Journal, folder, left_behind
from apps.providers.models import Budget, CreditUsage
from apps.providers.services import budget_create
from tests.gateway.test_passing import ASKED, bearer
from tests.servers.bytes_server import JSON, BytesServer, answer, whole

in_thread = sync_to_async
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def no_journals(settings, tmp_path):
    settings.ORQ_HOME = tmp_path


def killed(lines: str) -> None:
    """A process that notes these and is killed in the middle of its work."""
    script = (
        "import os, signal\n"
        f"from django.conf import settings; settings.configure(ORQ_HOME={str(settings.ORQ_HOME)!r})\n"
        "from uuid import UUID\nfrom apps.gateway.journal import Journal\n"
        f"journal = Journal()\n{lines}\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "DJANGO_SETTINGS_MODULE": ""})
    assert ended.returncode == -signal.SIGKILL


def test_a_killed_process_leaves_its_calls_to_the_next(actor, model_at):
    model = model_at("http://127.0.0.1:9/v1", name="acme")
    budget_create(actor, scope="team", period="month", limit_usd=Decimal(10))
    over, open_one, about = new_id(), new_id(), {"team": actor.team.pk, "owner": actor.user.pk, "key": new_id().hex}
    about |= {"model": model.pk, "provider": "acme", "name": "gpt-test", "in": 40}
    killed(
        f"journal.begin(UUID({over.hex!r}), {about!r})\njournal.begin(UUID({open_one.hex!r}), {about!r})\n"
        f"journal.end(UUID({over.hex!r}), [1000000, 5, 0, 0, 0, 0, 0], '', 12, 3)"
    )
    assert ledgers.recover() == 2
    rows = {row.public_id: row for row in CreditUsage.objects.all()}
    assert (rows[over].input_tokens, rows[over].error_code, rows[over].is_estimated) == (1_000_000, "", False)
    assert (rows[open_one].input_tokens, rows[open_one].error_code, rows[open_one].is_estimated) == (40, "interrupted", True)
    assert Budget.objects.get().spent_usd == sum(row.cost_usd for row in rows.values())
    assert ledgers.recover() == 0 and not list(folder().glob("*.journal"))


def test_what_was_written_before_the_end_is_not_written_again(actor, model_at):
    model = model_at("http://127.0.0.1:9/v1", name="acme")
    one = new_id()
    about = {"team": actor.team.pk, "owner": actor.user.pk, "key": new_id().hex, "model": model.pk}
    about |= {"provider": "acme", "name": "gpt-test", "in": 40}
    lines = f"journal.begin(UUID({one.hex!r}), {about!r})\njournal.end(UUID({one.hex!r}), [7, 5, 0, 0, 0, 0, 0], '', 12, 3)"
    for _ in range(2):
        killed(lines)
        ledgers.recover()
    assert CreditUsage.objects.count() == 1


def test_the_journal_of_a_living_process_is_left_alone():
    journal = Journal()
    journal.begin(new_id(), {"team": 1})
    assert list(left_behind()) == []
    journal.close()


def test_a_process_that_starts_at_the_same_moment_takes_no_journal_that_is_being_made(monkeypatch):
    seen, lock = [], fcntl.flock

    def locked_late(file, how):
        if not seen:
            seen.append([])
            seen.append([left._path.name for left in left_behind()])
        lock(file, how)

    monkeypatch.setattr("apps.gateway.journal.fcntl.flock", locked_late)
    journal = Journal()
    journal.begin(one := new_id(), {"team": 1})
    assert seen == [[], []] and len(list(folder().glob("*.journal"))) == 1
    journal.forget([one])
    journal.close()
    assert not list(folder().iterdir())


def test_a_full_journal_begins_anew_with_what_is_still_to_be_written(monkeypatch):
    monkeypatch.setattr("apps.gateway.journal.ROOM", 4_096)
    journal = Journal()
    kept = [new_id() for _ in range(10)]
    for number in range(400):
        one = kept[number] if number < 10 else new_id()
        journal.begin(one, {"team": 1, "in": number})
        if number >= 10:
            journal.forget([one])
    journal.close()
    [left] = left_behind()
    assert [call["id"] for call in left.calls()][:10] == [one.hex for one in kept]
    left.remove()


async def test_a_database_that_is_away_takes_no_row_away(gateway, model_at, key_of, monkeypatch):
    async with BytesServer(whole(JSON, answer("Hi"), keep=True)) as server:
        await in_thread(model_at)(server.url, name="acme")
        key = await in_thread(key_of)()
        real, failures = ledgers._write, []

        def away(*args, **more):
            if len(failures) < 2:
                failures.append(1)
                raise OperationalError("away")
            return real(*args, **more)

        monkeypatch.setattr(ledgers, "_write", away)
        got = await gateway.http.post("/v1/chat/completions", json=ASKED, headers=bearer(key))
        assert got.status_code == 200
        for _ in range(2 - len(failures)):
            with pytest.raises(OperationalError):
                await gateway.written()
        await gateway.written()
    assert await in_thread(CreditUsage.objects.count)() == 1
