"""The list of rules of escalation: found, put in force together, deleted and brought back; rules of checking, too."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.tasks.models import AuditLog, EscalationRule, VerifyingRule
from tests.tasks import scenes

pytestmark = pytest.mark.django_db


def rule(actor: Actor, name: str, **about: object) -> EscalationRule:
    return EscalationRule.objects.create(team=actor.team, owner=actor.user, name=name, **{"trigger": "error", **about})


def names(browser: Client, query: str = "") -> list[str]:
    return [row.name for row in browser.get(reverse("tasks:rules") + query).context["rules"]]


def test_rules_are_found_by_words_trigger_and_state(
    browser: Client, actor: Actor, stranger: Actor, django_assert_max_num_queries
) -> None:
    rule(actor, "Slow ones", trigger="timeout", priority=2)
    rule(actor, "Doubtful law", trigger="low_confidence", category="legal", priority=1, is_active=False)
    rule(stranger, "Theirs")
    names(browser)
    with django_assert_max_num_queries(11):
        assert names(browser) == ["Doubtful law", "Slow ones"]
    assert names(browser, "?search=legal+law") == names(browser, "?state=off") == ["Doubtful law"]
    assert names(browser, "?trigger=timeout") == ["Slow ones"] and names(browser, "?trigger=nonsense&state=nonsense") == []
    assert "No rule matches" in browser.get(reverse("tasks:rules") + "?search=xyzzy").content.decode()


def test_two_hundred_rules_stand_on_four_pages_in_their_order(browser: Client, actor: Actor) -> None:
    for n in range(200):
        rule(actor, f"R{n:03}", priority=n // 7)
    found, query = [], ""
    for _page in range(4):
        page = browser.get(reverse("tasks:rules") + query)
        found += [row.name for row in page.context["rules"]]
        query = page.context["next"]
    assert found == [f"R{n:03}" for n in range(200)] and query is None


def test_ticked_rules_are_deleted_and_brought_back_as_they_were(browser: Client, actor: Actor, stranger: Actor) -> None:
    one, other, foreign = rule(actor, "One", threshold=55), rule(actor, "Other"), rule(stranger, "Theirs")
    ids = [str(row.public_id) for row in (one, foreign)]
    browser.post(reverse("tasks:rules_bulk"), {"deed": "off", "id": ids})
    assert dict(EscalationRule.objects.values_list("name", "is_active")) == {"One": False, "Other": True, "Theirs": True}
    page = browser.post(reverse("tasks:rules_bulk"), {"deed": "delete", "id": ids}, follow=True)
    assert set(EscalationRule.objects.all()) == {other, foreign} and page.context["undo"].number == 1
    browser.post(reverse("tasks:rules_undo"), {"moment": page.context["undo"].moment})
    again = EscalationRule.objects.get(public_id=one.public_id)
    assert (again.pk, again.threshold, again.is_active) == (one.pk, 55, False)
    assert abs(again.created_at - one.created_at) < timedelta(milliseconds=1)
    assert "rule_restored" in str(list(AuditLog.objects.filter(team=actor.team).values_list("data", flat=True)))


def test_a_rule_whose_model_is_gone_stays_deleted_and_is_told_so(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    row = rule(actor, "To the top", to_model=cast.judge)
    page = browser.post(reverse("tasks:rule_delete", args=[row.public_id]), follow=True)
    cast.judge.delete()
    said = browser.post(reverse("tasks:rules_undo"), {"moment": page.context["undo"].moment}, follow=True).content.decode()
    assert "cannot be brought back" in said and not EscalationRule.objects.exists()


def test_members_change_no_rules_together(actor: Actor) -> None:
    row = rule(actor, "One")
    client = Client()
    client.force_login(scenes.make_actor("rui@example.org", team=actor.team, role=Role.MEMBER).user)
    body = {"deed": "delete", "id": [str(row.public_id)]}
    assert client.post(reverse("tasks:rules_bulk"), body).status_code == 403
    assert client.post(reverse("tasks:rules_undo"), {"moment": ""}).status_code == 403
    assert EscalationRule.objects.exists()


def test_a_rule_of_checking_is_brought_back_unless_its_category_has_another(browser: Client, actor: Actor) -> None:
    row = VerifyingRule.objects.create(team=actor.team, owner=actor.user, category="code", when="always")
    for is_taken in (False, True):
        page = browser.post(reverse("tasks:verifying_rule_delete", args=[row.public_id]), follow=True)
        assert not VerifyingRule.objects.exists()
        if is_taken:
            VerifyingRule.objects.create(team=actor.team, owner=actor.user, category="code", when="sample")
        browser.post(reverse("tasks:verifying_rules_undo"), {"moment": page.context["undo"].moment})
        assert VerifyingRule.objects.get().when == ("sample" if is_taken else "always")
