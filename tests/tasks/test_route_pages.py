"""Pages of the orchestrator: what they show, to whom, in how many queries."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.providers.services.practice import builtin_ensure, practice_switch
from apps.tasks.models import ABTest, AuditLog, CachedAnswer, EscalationRule, RoutingSettings, TaskExecution
from tests.factories import signed_in
from tests.tasks.route_scenes import make_cached, make_days, make_escalated, make_execution, make_failed, make_rule
from tests.tasks.scenes import Cast, make_actor, make_model

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12


@pytest.fixture
def member(actor: Actor) -> Actor:
    return make_actor("carla@example.org", team=actor.team, role=Role.MEMBER, name="Carla")


@pytest.fixture
def viewer(actor: Actor) -> Actor:
    return make_actor("vera@example.org", team=actor.team, role=Role.VIEWER, name="Vera")


def page(client: Client, name: str, *args: Any, query: str = "", status: int = 200) -> str:
    response = client.get(reverse(f"tasks:{name}", args=args) + query)
    assert response.status_code == status, response.content
    return response.content.decode()


def queries(client: Client, name: str, *args: Any) -> int:
    page(client, name, *args)  # what is kept between requests is there
    with CaptureQueriesContext(
        connection,
    ) as caught:
        page(client, name, *args)
    return len(caught)


# ── how much they ask of the database ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name", ["orchestrator", "orchestrator_recent", "orchestrator_figures", "prompts", "rules", "audit", "cache"]
)
def test_a_page_asks_few_questions_however_much_there_is(browser: Client, actor: Actor, cast: Cast, name: str) -> None:
    make_days(actor, cast, days=2)
    make_rule(actor, from_model=cast.author, to_model=cast.judge)
    make_cached(actor, cast)
    few = queries(browser, name)
    make_failed(actor, cast)
    make_execution(actor, cast)
    make_rule(actor, name="Another", to_model=cast.judge)
    make_cached(actor, cast)
    assert queries(browser, name) == few
    assert few <= MOST_QUERIES


def test_one_prompt_asks_few_questions(browser: Client, actor: Actor, cast: Cast) -> None:
    row = make_escalated(actor, cast)
    assert queries(browser, "execution", row.public_id) <= MOST_QUERIES


@pytest.mark.parametrize("name", ["try_it", "routing_settings", "ab_tests", "rule_new", "ab_new"])
def test_a_form_asks_few_questions(browser: Client, cast: Cast, name: str) -> None:
    assert queries(browser, name) <= MOST_QUERIES


# ── who sees what ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_stranger_finds_nothing_of_another_team(actor: Actor, stranger: Actor, cast: Cast) -> None:
    execution, rule, cached = make_execution(actor, cast), make_rule(actor), make_cached(actor, cast)
    test = make_test(actor)
    other = signed_in(stranger)
    for name, row in (("execution", execution), ("rule", rule), ("ab_test", test)):
        page(other, name, row.public_id, status=404)
    for name, row in (
        ("execution_escalate", execution),
        ("execution_thumb", execution),
        ("rule_switch", rule),
        ("rule_delete", rule),
        ("cached_delete", cached),
        ("ab_stop", test),
        ("ab_delete", test),
    ):
        assert other.post(reverse(f"tasks:{name}", args=[row.public_id])).status_code == 404
    for name in ("orchestrator", "prompts", "cache", "rules", "audit"):
        assert execution.input not in page(other, name)


def test_a_member_sees_their_own_prompts_and_changes_no_rules(actor: Actor, member: Actor, cast: Cast) -> None:
    make_execution(actor, cast, input="The admin's own question", source="chat")
    own = make_execution(member, cast, input="The member's question")
    client = signed_in(member)
    shown = page(client, "prompts")
    assert "The member&#x27;s question" in shown and "The admin&#x27;s own question" not in shown
    page(client, "execution", own.public_id)
    for name in ("audit", "rule_new", "ab_new"):
        page(client, name, status=403)
    for name in ("audit_verify", "routing_settings"):
        assert client.post(reverse(f"tasks:{name}"), {"form": "routing"}).status_code == 403
    rule = make_rule(actor)
    assert client.post(reverse("tasks:rule_switch", args=[rule.public_id])).status_code == 403
    rule.refresh_from_db()
    assert rule.is_active


def test_a_viewer_reads_and_changes_nothing(actor: Actor, viewer: Actor, cast: Cast) -> None:
    client = signed_in(viewer)
    page(client, "orchestrator")
    page(client, "try_it", status=403)
    assert client.post(reverse("tasks:try_it_answer"), {"input": "Hello?", "strategy": "auto"}).status_code == 403
    assert client.post(reverse("tasks:cache_clear")).status_code == 403


def test_nobody_gets_in_without_signing_in(client: Client) -> None:
    assert client.get(reverse("tasks:orchestrator")).status_code == 302


# ── what they say ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_overview_says_what_there_is_before_the_first_prompt(browser: Client) -> None:
    assert "No prompt yet" in page(browser, "orchestrator")
    assert "unknown" in page(browser, "orchestrator_figures")


def test_the_figures_of_some_days_stand_in_cards_charts_and_a_table(browser: Client, actor: Actor, cast: Cast) -> None:
    cast.judge.price_output = Decimal(15)
    cast.judge.save()
    make_days(actor, cast)
    shown = page(browser, "orchestrator_figures", query="?days=30")
    assert "less than always asking" in shown
    assert shown.count("<rect") >= 5
    assert shown.count('<th scope="row">') >= 30
    assert page(browser, "orchestrator_figures", query="?days=no")


def test_the_whole_route_of_a_prompt_is_told_in_words(browser: Client, actor: Actor, cast: Cast) -> None:
    shown = page(browser, "execution", make_escalated(actor, cast).public_id)
    for said in (
        "Complexity 42 of 100",
        "Its length",
        "a stronger one is needed",
        "Escalated from Mistral Small 24B to Claude Sonnet",
        "52 % is below 70 %",
        "Perhaps SQLite might do.",
        "Checked by Qwen3 8B",
        "No reason is given for PostgreSQL.",
        "Settled by Claude Sonnet",
        "Words of doubt",
        "audit entries",
    ):
        assert said in shown, said


def test_a_prompt_without_an_answer_says_why(browser: Client, actor: Actor, cast: Cast) -> None:
    shown = page(browser, "execution", make_failed(actor, cast).public_id)
    assert "Every model failed." in shown and "Mistral does not answer." in shown


def test_what_could_not_be_checked_is_said_with_its_reason(browser: Client, actor: Actor, cast: Cast) -> None:
    row = make_execution(actor, cast, verified="could_not")
    row.metadata = {**row.metadata, "why_not_verified": "too_few_models"}
    row.save()
    assert "too few models of different families" in page(browser, "execution", row.public_id)


def test_prompts_are_filtered_and_searched(browser: Client, actor: Actor, cast: Cast) -> None:
    make_execution(actor, cast, input="About databases")
    make_failed(actor, cast, input="About nothing")
    make_execution(actor, cast, input="About the cache", cache="exact")
    assert "About nothing" in page(browser, "prompts", query="?state=failed")
    assert "About databases" not in page(browser, "prompts", query="?state=failed")
    assert "About the cache" in page(browser, "prompts", query="?state=cached")
    assert "About databases" in page(browser, "prompts", query="?search=databases")
    assert "No prompt matches" in page(browser, "prompts", query="?search=zebra")


# ── what can be done ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_thumb_is_given_and_taken_back(browser: Client, actor: Actor, cast: Cast) -> None:
    row = make_execution(actor, cast)
    url = reverse("tasks:execution_thumb", args=[row.public_id])
    for expected in (1, None):
        assert browser.post(url, {"thumb": "up"}).status_code == 302
        row.refresh_from_db()
        assert row.thumb == expected
    assert browser.post(url, {"thumb": "sideways"}).status_code == 400


def test_an_escalation_that_has_nobody_to_go_to_says_so(browser: Client, actor: Actor) -> None:
    lone = make_model(actor, "lone", tier="top")
    cast = Cast(lone, lone, lone)
    row = make_execution(actor, cast)
    response = browser.post(reverse("tasks:execution_escalate", args=[row.public_id]), follow=True)
    assert "There is no stronger model" in response.content.decode()


def test_a_rule_is_made_changed_switched_and_deleted(browser: Client, actor: Actor, cast: Cast) -> None:
    given = {"name": "Doubt", "trigger": "low_confidence", "threshold": "75", "priority": "5", "is_active": "on"}
    given |= {"to_model": str(cast.judge.public_id), "from_tier": "fast"}
    assert browser.post(reverse("tasks:rule_new"), given).status_code == 302
    rule = EscalationRule.objects.get()
    assert (rule.name, rule.threshold, rule.to_model, rule.from_tier) == ("Doubt", 75, cast.judge, "fast")
    assert "Claude Sonnet" in page(browser, "rules")
    assert browser.post(reverse("tasks:rule", args=[rule.public_id]), {**given, "name": "Doubts"}).status_code == 302
    browser.post(reverse("tasks:rule_switch", args=[rule.public_id]))
    rule.refresh_from_db()
    assert (rule.name, rule.is_active) == ("Doubts", False)
    browser.post(reverse("tasks:rule_delete", args=[rule.public_id]))
    assert not EscalationRule.objects.exists()


def test_a_rule_that_cannot_be_used_shows_why_beside_the_field(browser: Client, cast: Cast) -> None:
    response = browser.post(reverse("tasks:rule_new"), {"name": "Hard", "trigger": "complexity", "priority": "5"})
    assert response.status_code == 400
    assert "Say from which complexity on." in response.content.decode()


def test_the_audit_log_is_filtered_and_its_chain_checked(browser: Client, actor: Actor, cast: Cast) -> None:
    row = make_execution(actor, cast)
    shown = page(browser, "audit", query=f"?object={row.public_id}&category=provider_selection")
    assert "Model chosen" in shown and shown.count('<th scope="row">') == 1
    page(browser, "audit", query="?object=nonsense", status=400)
    url = reverse("tasks:audit_verify")
    assert "entries are as they were written" in browser.post(url).content.decode()
    AuditLog.objects.filter(number=2).update(data={"complexity": 99.0})
    assert "Entry 2 was changed." in browser.post(url).content.decode()
    AuditLog.objects.filter(number=3).delete()
    assert "Entry 3 was removed." in browser.post(url).content.decode()


def test_a_cached_answer_is_shown_and_thrown_out(browser: Client, actor: Actor, member: Actor, cast: Cast) -> None:
    own, other = make_cached(actor, cast), make_cached(member, cast)
    shown = page(browser, "cache")
    assert shown.count("What is the capital of France?") >= 2 and "No embedding model is chosen" in shown
    assert "What is the capital" in page(signed_in(member), "cache")
    browser.post(reverse("tasks:cached_delete", args=[own.public_id]))
    assert CachedAnswer.objects.get() == other
    browser.post(reverse("tasks:cache_clear"))
    assert not CachedAnswer.objects.exists()


def test_settings_of_routing_and_cache_are_saved_each_by_itself(browser: Client, actor: Actor, cast: Cast) -> None:
    url = reverse("tasks:routing_settings")
    bands = {"band_local": "20", "band_fast": "50", "band_balanced": "80"}
    given = {"form": "routing", "max_escalations": "1", "max_cost_usd": "0.5", "exploration": "2.5", **bands}
    assert browser.post(url, given).status_code == 302
    row = RoutingSettings.objects.get()
    assert (row.bands, row.max_escalations, row.max_cost_usd) == ({"local": 20, "fast": 50, "balanced": 80}, 1, Decimal("0.5"))
    embedder = make_model(actor, "embedder", capabilities=["embeddings"])
    given = {"form": "cache", "cache_is_on": "on", "keep_hours": "2", "semantic_threshold": "97"}
    assert browser.post(url, {**given, "semantic_model": str(embedder.public_id)}).status_code == 302
    row.refresh_from_db()
    assert (row.cache_keep_s, row.semantic_model, row.semantic_threshold, row.max_escalations) == (7_200, embedder, 97, 1)
    assert AuditLog.objects.filter(category="settings").count() == 2
    falling = {**bands, "band_local": "90"}
    assert browser.post(url, {"form": "routing", "max_escalations": "1", "exploration": "1", **falling}).status_code == 400


# ── tests of two strategies ───────────────────────────────────────────────────────────────────────────────────────

TEST = {"name": "Cheaper?", "strategy_a": "auto", "strategy_b": "cheapest", "share_percent": "100", "measure": "confidence"}


def make_test(actor: Actor, **more: Any) -> ABTest:
    return ABTest.objects.create(
        team=actor.team, owner=actor.user, **{**TEST, "minimum_sample": 3, "design": {"effect": 5}, **more}
    )


def test_the_sample_is_shown_before_a_test_begins(browser: Client) -> None:
    url = reverse("tasks:ab_new")
    response = browser.post(url, {**TEST, "effect": "5", "action": "look"})
    assert "252 prompts are needed on each side" in response.content.decode()
    assert not ABTest.objects.exists()
    response = browser.post(url, {**TEST, "effect": "5", "action": "begin"})
    test = ABTest.objects.get()
    assert response.status_code == 302 and test.minimum_sample == 252
    assert "Not enough yet" in page(browser, "ab_test", test.public_id)
    again = browser.post(url, {**TEST, "effect": "5", "action": "begin"})
    assert again.status_code == 400 and "A test is running" in again.content.decode()


def test_a_verdict_comes_with_its_interval(browser: Client, actor: Actor, cast: Cast) -> None:
    test = make_test(actor)
    for place in range(3):
        for side, confidence in (("A", 90 + place), ("B", 60 + place)):
            make_execution(actor, cast, confidence=confidence, ab_test=test, variant=side)
    shown = page(browser, "ab_test", test.public_id)
    assert "A is better: Automatic" in shown and "−30" in shown
    assert queries(browser, "ab_test", test.public_id) <= MOST_QUERIES
    browser.post(reverse("tasks:ab_stop", args=[test.public_id]))
    browser.post(reverse("tasks:ab_delete", args=[test.public_id]), {"typed": "delete"})
    assert not ABTest.objects.exists()
    assert TaskExecution.objects.count() == 6


# ── trying a prompt ───────────────────────────────────────────────────────────────────────────────────────────────


def lines_of(response: Any) -> list[dict[str, Any]]:
    async def read() -> bytes:
        return b"".join([piece async for piece in response.streaming_content])

    return [json.loads(line) for line in async_to_sync(read)().splitlines()]


@pytest.mark.django_db(transaction=True)
def test_a_prompt_is_tried_and_its_answer_streamed(actor: Actor) -> None:
    builtin_ensure(actor.team.pk)
    practice_switch(actor, on=True)
    client = signed_in(actor)
    response = client.post(reverse("tasks:try_it_answer"), {"input": "Hello there", "strategy": "auto"})
    said = lines_of(response)
    assert said[-1]["done"], said
    row = TaskExecution.objects.get()
    assert said[-1]["url"] == reverse("tasks:execution", args=[row.public_id])
    assert row.is_answered


@pytest.mark.django_db(transaction=True)
def test_the_same_prompt_again_comes_from_the_cache_unless_a_fresh_answer_is_asked_for(actor: Actor) -> None:
    builtin_ensure(actor.team.pk)
    practice_switch(actor, on=True)
    RoutingSettings.objects.create(team=actor.team, exploration=0)  # nobody else is tried out
    client = signed_in(actor)
    asked = {"input": "What is 19 + 23?", "strategy": "auto", "verify": "on"}
    for more in ({}, {}, {"fresh": "on"}):
        lines_of(client.post(reverse("tasks:try_it_answer"), {**asked, **more}))
    rows = list(TaskExecution.objects.order_by("pk"))
    assert CachedAnswer.objects.count() == 1, rows[0].confidence
    assert [row.cache for row in rows] == ["", "exact", ""]
    assert [row.saved_usd for row in rows] == [None, 0, None]
    assert "The very same request was answered before." in page(client, "execution", rows[1].public_id)


def test_a_prompt_that_nobody_can_answer_says_so(browser: Client) -> None:
    assert "No model can be asked" in page(browser, "try_it")
    response = browser.post(reverse("tasks:try_it_answer"), {"input": "", "strategy": "auto"})
    assert response.status_code == 400


def test_a_link_to_nothing_is_not_found(browser: Client) -> None:
    page(browser, "execution", uuid4(), status=404)


def test_every_figure_leads_to_how_it_was_computed(actor: Actor, browser: Client, cast: Cast) -> None:
    row = make_escalated(actor, cast, confidence=76.9)
    shown = page(browser, "execution", row.public_id)
    for name in ("how-chosen", "how-confidence", "how-cost"):
        assert shown.count(f'id="{name}"') == 1, name
        assert f'href="#{name}"' in shown
    assert "A third AI settled the dispute: two voices of three" in shown and "It hedges" in shown
    assert "mean of score and distance of the answers" in shown and "(this one)" in shown
    plain = page(browser, "execution", make_execution(actor, cast).public_id)
    assert plain.count('id="how-confidence"') == 1 and "How the divergence came about" not in plain
