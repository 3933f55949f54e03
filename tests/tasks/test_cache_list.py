"""The lists of kept answers and of the audit log: filters, many thrown out at once, the log as a file."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.tasks.models import AuditLog, CachedAnswer
from tests.factories import cached_of, make_actor, signed_in

pytestmark = pytest.mark.django_db


def kept(actor: Actor, prompt: str, **fields: Any) -> CachedAnswer:
    row = cached_of(actor)
    unlike = {"request_hash": f"{row.pk:064x}", "expires_at": timezone.now() + timedelta(days=1)}
    CachedAnswer.objects.filter(pk=row.pk).update(prompt=prompt, **{**unlike, **fields})
    row.refresh_from_db()
    return row


def prompts(browser: Client, query: str = "") -> list[str]:
    return [entry["prompt"] for entry in browser.get(reverse("tasks:cache") + query).context["entries"]]


def bulk(browser: Client, **body: Any) -> str:
    return browser.post(reverse("tasks:cache_bulk"), {"deed": "remove", **body}, follow=True).content.decode()


def test_kept_answers_are_found_by_words_and_by_use(browser: Client, actor: Actor, django_assert_max_num_queries) -> None:
    kept(actor, "What is the capital of France?", hits=3)
    kept(actor, "Write a haiku")
    prompts(browser)
    with django_assert_max_num_queries(11):
        assert prompts(browser, "?search=capital+france") == ["What is the capital of France?"]
    assert prompts(browser, "?used=no") == ["Write a haiku"]
    assert prompts(browser, "?used=yes&search=haiku") == []


def test_ticked_answers_go_and_all_that_the_filters_leave(browser: Client, actor: Actor) -> None:
    rows = [kept(actor, f"Question {n}", hits=n % 2) for n in range(60)]
    assert "2 answers were thrown out" in bulk(browser, id=[str(rows[0].public_id), str(rows[2].public_id)])
    assert "28 answers were thrown out" in bulk(browser, all="1", query="?used=no")
    assert CachedAnswer.objects.count() == 30 and not CachedAnswer.objects.filter(hits=0).exists()


def test_the_answers_of_others_stay(actor: Actor, stranger: Actor) -> None:
    member, viewer = make_actor(Role.MEMBER, team=actor.team), make_actor(Role.VIEWER, team=actor.team)
    foreign, shared = kept(stranger, "Foreign"), kept(actor, "Shared", scope=f"team:{actor.team.pk}")
    mine = kept(member, "Mine")
    assert "or an admin, can change it" in bulk(signed_in(member), id=[str(foreign.public_id), str(shared.public_id)])
    bulk(signed_in(member), all="1", query="")
    assert set(CachedAnswer.objects.all()) == {foreign, shared} and mine.pk
    assert signed_in(viewer).post(reverse("tasks:cache_bulk"), {"deed": "remove", "all": "1"}).status_code == 403


def logged(actor: Actor, number: int, **fields: Any) -> AuditLog:
    about = {"category": "settings", "actor_name": "Ana", "previous_hash": "0" * 64, "hash": f"{number:064x}", "data": {"a": 1}}
    return AuditLog.objects.create(**{"team": actor.team, "number": number, "time": timezone.now(), **about, **fields})


def test_the_log_is_narrowed_by_its_days(browser: Client, actor: Actor, django_assert_max_num_queries) -> None:
    now = timezone.localtime()
    logged(actor, 1, time=now - timedelta(days=3))
    logged(actor, 2, time=now)
    url, before = reverse("tasks:audit"), f"{now - timedelta(days=2):%Y-%m-%d}"
    browser.get(url)
    with django_assert_max_num_queries(11):
        since = browser.get(f"{url}?since={before}")
    assert [entry["number"] for entry in since.context["entries"]] == [2]
    assert [entry["number"] for entry in browser.get(f"{url}?until={before}").context["entries"]] == [1]
    assert browser.get(f"{url}?until={now:%Y-%m-%d}").content.count(b"<tr>") == 3
    assert browser.get(f"{url}?since=yesterday").status_code == 400


def test_the_log_as_a_file_has_its_hashes_and_is_for_admins(browser: Client, actor: Actor, stranger: Actor) -> None:
    logged(actor, 1, actor_name="Rui", category="error")
    logged(actor, 2)
    logged(stranger, 1, actor_name="Foreign")
    url = reverse("tasks:audit_export")
    said = b"".join(browser.get(url + "?format=csv&actor=ana").streaming_content).decode("utf-8-sig")
    [row] = csv.DictReader(said.splitlines())
    assert (row["number"], row["actor"], row["hash"], json.loads(row["data"])) == ("2", "Ana", f"{2:064x}", {"a": 1})
    rows = json.loads(b"".join(browser.get(url + "?format=json").streaming_content))
    assert [row["number"] for row in rows] == [2, 1]
    assert signed_in(make_actor(Role.MEMBER, team=actor.team)).get(url).status_code == 403
