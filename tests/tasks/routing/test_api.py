"""REST of routed prompts, rules, metrics and the audit log."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Role
from apps.providers.services import budget_create
from apps.tasks.models import AuditLog, EscalationRule, TaskExecution
from tests.factories import execution_of, make_actor, signed_in
from tests.providers.calls.upstream import refuses, says
from tests.tasks.routing.upstream import ASKED, LOST, SURE, model_at, serving, verdict

pytestmark = pytest.mark.django_db
PROCESS, PROMPTS, RULES = "/api/orchestrator/process/", "/api/orchestrator/tasks/", "/api/escalation-rules/"


def send(client: Client, method: str, url: str, data: Any = None, **headers: str) -> Any:
    return getattr(client, method)(url, data or {}, content_type="application/json", headers=headers)


def asked_of(scripts, client, url=PROCESS, **data: Any) -> Any:
    """The request in a thread of its own, as the server has it, while the models are there to answer."""

    async def story():
        from asgiref.sync import sync_to_async

        async with serving(scripts):
            return await sync_to_async(lambda: send(client, "post", url, data), thread_sensitive=True)()

    return async_to_sync(story)()


def test_a_prompt_is_answered_with_all_the_evidence(browser, actor):
    small, big = model_at(actor, "small"), model_at(actor, "big", "top", price=10)
    answer = asked_of({small: says(LOST), big: says(SURE)}, browser, input=ASKED, strategy="cheapest", context="Be short.")
    body = answer.json()
    assert answer.status_code == 200, body
    row = TaskExecution.objects.get()
    assert body["success"] is True
    assert body["task_id"] == str(row.public_id)
    assert (body["provider_name"], body["model"], body["output"]) == ("place-of-big", str(big), SURE)
    assert (body["escalation_count"], body["cost"]) == (1, f"{row.cost_usd:.8f}")
    assert body["confidence_score"] == float(row.confidence)
    assert body["execution_time_ms"] == row.execution_time_ms
    [rise] = body["escalations"]
    assert (rise["from"], rise["to"], rise["previous_output"], rise["trigger"]) == (str(small), str(big), LOST, "low_confidence")
    assert [call["purpose"] for call in body["calls"]] == ["answer", "answer"]
    assert row.messages[0] == {"role": "system", "content": "Be short."}
    assert browser.get(f"{PROMPTS}{row.public_id}/").json() == body


def test_a_checked_answer_says_who_checked_it(browser, actor):
    small, middle = model_at(actor, "small"), model_at(actor, "middle", "balanced", price=2)
    body = asked_of({small: says("4"), middle: verdict(100, "4")}, browser, input=ASKED, strategy="cheapest", verify=True).json()
    assert (body["verified"], body["verification"]["checker"]["model"]) == ("yes", "middle")


@pytest.mark.parametrize("name", ["id", "provider/model"])
def test_a_model_may_be_forced_by_its_id_or_its_name(browser, actor, name):
    model_at(actor, "small")
    big = model_at(actor, "big", "top", price=10)
    forced = str(big.public_id) if name == "id" else f"{big.provider.name}/big"
    assert asked_of({big: says(SURE)}, browser, input=ASKED, force_model=forced).json()["model"] == str(big)


def test_the_same_request_again_is_not_done_again(browser, actor):
    small = model_at(actor, "small")

    async def story():
        from asgiref.sync import sync_to_async

        def both():
            return [send(browser, "post", PROCESS, {"input": ASKED}, **{"Idempotency-Key": "one"}).json() for _ in range(2)]

        async with serving({small: says(SURE)}):
            return await sync_to_async(both)()

    first, second = async_to_sync(story)()
    assert first == second
    assert TaskExecution.objects.count() == 1


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "input"),
        ({"input": " "}, "input"),
        ({"input": "x", "strategy": "luck"}, "strategy"),
        ({"input": "x", "force_model": "nobody/nothing"}, "force_model"),
        ({"input": "x", "force_model": "00000000-0000-4000-8000-000000000000"}, "force_model"),
        ({"input": "x", "context": 7}, "context"),
        ({"input": "x", "context": [{"role": "tool", "content": "x"}]}, "context.0.role"),
        ({"input": "x", "typo": 1}, "typo"),
        ({"input": "x" * 1_000_001}, "input"),
    ],
)
def test_bad_input_names_its_field(browser, asked, field):
    answer = send(browser, "post", PROCESS, asked)
    assert answer.status_code == 400
    assert field in {error["field"] for error in answer.json()["errors"]}
    assert not TaskExecution.objects.exists()


def test_what_went_wrong_is_said_with_the_prompt_that_it_is_kept_as(browser, actor):
    small = model_at(actor, "small")
    nobody = asked_of({}, browser, input=ASKED, force_model=str(small.public_id))
    assert (nobody.status_code, nobody.json()["code"]) == (502, "no_model_answered")
    assert nobody.json()["task_id"] == str(TaskExecution.objects.get().public_id)
    failed = browser.get(f"{PROMPTS}{nobody.json()['task_id']}/").json()
    assert (failed["success"], failed["error_code"]) == (False, "no_model_answered")


def test_a_spent_budget_is_429_and_says_when_it_renews(browser, actor):
    small = model_at(actor, "small")
    budget_create(actor, scope="team", period="day", limit_usd=Decimal("0.00000001"))
    answer = asked_of({small: says(SURE)}, browser, input=ASKED)
    assert (answer.status_code, answer.json()["code"]) == (429, "over_budget")
    assert int(answer["Retry-After"]) > 0


def test_viewers_may_not_ask(actor):
    answer = send(signed_in(make_actor(Role.VIEWER, team=actor.team)), "post", PROCESS, {"input": ASKED})
    assert answer.status_code == 403


def test_members_see_their_own_prompts_and_nobody_another_ones_chat(actor):
    member = make_actor(Role.MEMBER, team=actor.team)
    mine, admins, chat = execution_of(member), execution_of(actor), execution_of(member)
    TaskExecution.objects.filter(pk=chat.pk).update(source="chat")

    def seen(who) -> set[str]:
        return {row["task_id"] for row in signed_in(who).get(PROMPTS).json()["results"]}

    assert seen(member) == {str(mine.public_id), str(chat.public_id)}
    assert seen(actor) == {str(mine.public_id), str(admins.public_id)}
    assert signed_in(member).get(f"{PROMPTS}{admins.public_id}/").status_code == 404


def test_the_list_is_filtered_and_paged_without_a_query_for_each_row(browser, actor, django_assert_max_num_queries):
    for number in range(12):
        row = execution_of(actor)
        TaskExecution.objects.filter(pk=row.pk).update(current_model=model_at(actor, f"m{number}"), escalation_count=number % 2)
    with django_assert_max_num_queries(8):
        page = browser.get(f"{PROMPTS}?limit=5&escalated=true").json()
    assert len(page["results"]) == 5
    assert {row["escalation_count"] for row in page["results"]} == {1}
    assert len(browser.get(page["next"]).json()["results"]) == 1


def test_a_finished_answer_is_escalated_and_rated(browser, actor):
    small, big = model_at(actor, "small"), model_at(actor, "big", "top", price=10)
    body = asked_of({small: says(SURE)}, browser, input=ASKED, strategy="cheapest").json()
    url = f"{PROMPTS}{body['task_id']}/"
    after = asked_of({big: says("Four.")}, browser, f"{url}escalate/").json()
    assert (after["output"], after["escalations"][0]["previous_output"]) == ("Four.", SURE)
    assert send(browser, "post", f"{url}rate/", {"thumb": -1}).json()["thumb"] == -1
    assert send(browser, "post", f"{url}rate/", {"thumb": 3}).status_code == 400
    steps = browser.get(f"{url}audit/").json()
    assert [step["category"] for step in steps].count("task_completion") == 2
    other = signed_in(make_actor(Role.MEMBER, team=actor.team))
    assert send(other, "post", f"{url}rate/", {"thumb": 1}).status_code == 404


# ── rules and settings ────────────────────────────────────────────────────────────────────────────────────────────


def test_rules_are_made_changed_and_taken_away_by_admins_and_each_change_is_in_the_audit_log(browser, actor):
    big = model_at(actor, "big", "top")
    made = send(browser, "post", RULES, {"name": "strict", "trigger": "low_confidence", "threshold": 80, "to_tier": "top"})
    assert made.status_code == 201, made.content
    url = f"{RULES}{made.json()['id']}/"
    changed = send(browser, "patch", url, {"to_tier": "", "to_model": str(big.public_id)}).json()
    assert (changed["to_tier"], changed["to_model"]) == ("", str(big.public_id))
    assert browser.get(RULES).json()["results"] == [changed]
    assert browser.delete(url).status_code == 204
    said = [row.data["what"] for row in AuditLog.objects.filter(category="settings").order_by("number")]
    assert said == ["rule_created", "rule_changed", "rule_deleted"]
    assert AuditLog.objects.get(number=2).data["changes"]["to_tier"] == ["top", ""]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"trigger": "error"}, "name"),
        ({"name": "x", "trigger": "boredom"}, "trigger"),
        ({"name": "x", "trigger": "low_confidence", "threshold": 101}, "threshold"),
        ({"name": "x", "trigger": "complexity"}, "threshold"),
        ({"name": "x", "trigger": "error", "to_tier": "huge"}, "to_tier"),
        ({"name": "x", "trigger": "error", "to_model": "00000000-0000-4000-8000-000000000000"}, "to_model"),
        ({"name": "taken", "trigger": "error"}, "name"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused(browser, actor, asked, field):
    EscalationRule.objects.create(team=actor.team, owner=actor.user, name="taken", trigger="error")
    answer = send(browser, "post", RULES, asked)
    assert answer.status_code == 400, answer.content
    assert field in {error["field"] for error in answer.json()["errors"]}


def test_members_read_rules_and_settings_and_change_neither(actor):
    member = signed_in(make_actor(Role.MEMBER, team=actor.team))
    rule = EscalationRule.objects.create(team=actor.team, owner=actor.user, name="one", trigger="error")
    assert member.get(RULES).status_code == 200
    assert send(member, "post", RULES, {"name": "x", "trigger": "error"}).status_code == 403
    assert send(member, "patch", f"{RULES}{rule.public_id}/", {"name": "y"}).status_code == 403
    assert member.delete(f"{RULES}{rule.public_id}/").status_code == 403
    assert send(member, "patch", "/api/orchestrator/settings/", {"max_escalations": 1}).status_code == 403
    assert member.get("/api/audit/").status_code == 403


def test_bands_are_changed_and_must_rise(browser, actor):
    url = "/api/orchestrator/settings/"
    bands = {"local": 20, "fast": 50, "balanced": 70, "top": 100}
    assert send(browser, "patch", url, {"bands": bands, "max_escalations": 1}).status_code == 200
    shown = browser.get(url).json()
    assert (shown["bands"], shown["max_escalations"]) == (bands, 1)
    for wrong in ({"local": 60, "fast": 50}, {"huge": 3}, {"local": 101}):
        assert send(browser, "patch", url, {"bands": wrong}).status_code == 400
    assert send(browser, "patch", url, {"max_cost_usd": 0}).status_code == 400
    assert AuditLog.objects.get().data["what"] == "routing_changed"


# ── figures ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_metrics_are_sums_of_what_was_measured(browser, actor):
    small, big = model_at(actor, "small"), model_at(actor, "big", "top", price=10)
    for question in ("What is 2 + 2?", "What is 3 + 1?"):
        asked_of({small: says(SURE)}, browser, input=question, strategy="cheapest")
    asked_of({small: refuses("403 Forbidden")}, browser, input="x", force_model=str(small.public_id))
    found = browser.get("/api/orchestrator/metrics/?days=7").json()
    general = found["general"]
    assert (general["total"], general["completed"], general["failed"], general["success_rate"]) == (3, 2, 1, 66.67)
    cost = sum(row.cost_usd for row in TaskExecution.objects.all())
    assert general["cost"] == f"{cost:.8f}"
    [provider] = found["by_provider"]
    assert (provider["provider_name"], provider["total"], provider["succeeded"]) == ("place-of-small", 3, 2)
    assert len(found["daily"]) == 7
    assert found["daily"][-1]["total"] == 3
    assert found["daily"][-1]["date"] == timezone.now().date().isoformat()
    saved = general["savings"]
    assert (saved["top_model"], saved["prompts"], saved["left_out"]) == (str(big), 2, 0)
    assert Decimal(saved["top_cost"]) == 10 * Decimal(saved["cost"])  # the same tokens at ten times the price
    assert saved["saved_percent"] == 90.0
    assert browser.get("/api/orchestrator/metrics/?days=0").status_code == 400


def test_what_cannot_be_known_of_savings_is_said_as_unknown(browser, actor):
    saved = browser.get("/api/orchestrator/metrics/").json()["general"]["savings"]
    assert (saved["saved"], saved["why_unknown"]) == (None, "no_priced_model")
    model_at(actor, "small")
    unknown = model_at(actor, "unknown", "top", price=None)
    asked_of({unknown: says(SURE)}, browser, input=ASKED, force_model=str(unknown.public_id))
    found = browser.get("/api/orchestrator/metrics/").json()["general"]
    assert (found["cost"], found["unpriced"]) == (None, 1)
    assert (found["savings"]["saved"], found["savings"]["left_out"]) == (None, 1)
    assert found["savings"]["why_unknown"] == "nothing_to_compare"


def test_metrics_and_states_take_as_many_queries_for_many_rows_as_for_few(browser, actor, django_assert_max_num_queries):
    for number in range(6):
        model_at(actor, f"m{number}")
        execution_of(actor)
    with django_assert_max_num_queries(16):
        assert browser.get("/api/orchestrator/metrics/?days=30").status_code == 200
    with django_assert_max_num_queries(8):
        states = browser.get("/api/orchestrator/providers/status/").json()
    assert len(states) == 6
    assert states[0]["today"] == {"total": 0, "succeeded": 0, "failed": 0}


def test_admins_read_the_audit_log_the_newest_first(browser, actor):
    small = model_at(actor, "small")
    asked_of({small: says(SURE)}, browser, input=ASKED)
    page = browser.get("/api/audit/?limit=2").json()
    assert page["results"][0]["category"] == "task_completion"
    assert page["results"][0]["number"] > page["results"][1]["number"]
    chosen = browser.get("/api/audit/?category=provider_selection").json()["results"]
    assert [row["data"]["chosen"] for row in chosen] == [str(small)]
