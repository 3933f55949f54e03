"""Spend: each call with what it cost and was for; own calls, the team's for admins, never another team's."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.providers.models import CreditUsage
from tests.factories import call_of
from tests.tasks import scenes

pytestmark = pytest.mark.django_db


def call(actor: Actor, model: str = "m", **more: Any) -> CreditUsage:
    row = call_of(actor)
    at = more.pop("created_at", None)
    fields = {"model_key": model, "cost_usd": Decimal("0.25"), "input_tokens": 10, "output_tokens": 5, **more}
    CreditUsage.objects.filter(pk=row.pk).update(**fields, **({"created_at": at} if at else {}))
    return CreditUsage.objects.get(pk=row.pk)


def models(browser: Client, **asked: str) -> list[str]:
    answer = browser.get(reverse("tasks:spend"), asked)
    assert answer.status_code == 200
    return [row["model"] for row in answer.context["calls"]]


def test_each_filter_leaves_what_fits(browser: Client, actor: Actor, stranger: Actor) -> None:
    member = scenes.make_actor("rui@example.org", team=actor.team, role=Role.MEMBER)
    call(actor, "small", provider_name="mistral", purpose="plan")
    call(actor, "broken", error_code="timeout", cost_usd=None)
    call(member, "free", cost_usd=None)
    call(actor, "old", created_at=timezone.now() - timedelta(days=200))
    call(stranger, "theirs")
    assert set(models(browser)) == {"small", "broken", "free"}
    assert models(browser, provider="mistral") == ["small"]
    assert models(browser, purpose="plan") == ["small"]
    assert models(browser, model="small") == ["small"]
    assert models(browser, state="failed") == ["broken"]
    assert models(browser, state="unpriced") == ["free"]
    assert models(browser, person=str(member.user.public_id)) == ["free"]
    assert "old" in models(browser, period="year")
    assert browser.get(reverse("tasks:spend"), {"period": "century"}).status_code == 400
    assert browser.get(reverse("tasks:spend"), {"person": "x"}).status_code == 400


def test_it_sums_what_was_asked_and_says_what_is_not_in_the_sum(browser: Client, actor: Actor) -> None:
    call(actor, "a")
    call(actor, "b", cost_usd=Decimal("1.5"))
    call(actor, "c", cost_usd=None)
    answer = browser.get(reverse("tasks:spend"))
    assert answer.context["total"] == {"cost_usd": Decimal("1.75"), "calls": 3, "unpriced": 1}
    assert [row["model_key"] for row in answer.context["by_model"]] == ["b", "a", "c"]
    assert "1 call of unknown price is not in it" in answer.content.decode()


def test_a_member_sees_own_calls_alone(actor: Actor) -> None:
    member = scenes.make_actor("rui@example.org", team=actor.team, role=Role.MEMBER)
    foreign = call(actor, "bosses")
    call(member, "mine")
    browser = Client()
    browser.force_login(member.user, backend="django.contrib.auth.backends.ModelBackend")
    assert models(browser) == ["mine"]
    assert browser.get(reverse("tasks:spend_call", args=[foreign.public_id])).status_code == 404


def test_a_call_leads_to_what_it_was_made_for(browser: Client, actor: Actor) -> None:
    task = scenes.make_task(actor, "Compare prices")
    row = call(actor, linked_execution=task.public_id)
    html = browser.get(reverse("tasks:spend_call", args=[row.public_id])).content.decode()
    assert reverse("tasks:detail", args=[task.public_id]) in html
    assert "US$ 0.25" in html
    assert "Compare prices" in browser.get(reverse("tasks:spend")).content.decode()


def test_the_file_has_what_the_filters_leave(browser: Client, actor: Actor, stranger: Actor) -> None:
    call(actor, "small")
    call(actor, "large")
    call(stranger, "theirs")
    answer = browser.get(reverse("tasks:spend_export"), {"model": "small"})
    [row] = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))
    assert (row["model"], Decimal(row["cost"]), row["person"]) == ("small", Decimal("0.25"), "Ana Souza")


def test_the_number_of_queries_does_not_grow(browser: Client, actor: Actor) -> None:
    def queries() -> int:
        browser.get(reverse("tasks:spend"))
        with CaptureQueriesContext(connection) as captured:
            browser.get(reverse("tasks:spend"))
        return len(captured)

    for _number in range(2):
        call(actor, linked_execution=scenes.make_task(actor).public_id)
    few = queries()
    for number in range(40):
        call(actor, f"m{number}", linked_execution=scenes.make_task(actor).public_id)
    assert queries() == few < 12
