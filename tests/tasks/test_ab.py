"""A/B tests: who falls on which side, how many it takes, and what may be said."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.common.errors import BadInput, Conflict, NotAllowed
from apps.tasks.models import ABTest, TaskExecution
from apps.tasks.selectors.ab import ab_result
from apps.tasks.services.ab import ab_assign, ab_create, ab_design, ab_stop
from tests.tasks.scenes import make_actor

pytestmark = pytest.mark.django_db


def begin(actor: Actor, **more: Any) -> ABTest:
    given = {"name": "Cheaper?", "strategy_a": "auto", "strategy_b": "cheapest", "share_percent": Decimal(100)}
    return ab_create(actor, **{**given, "measure": "confidence", "effect": 5, **more})


def prompt(actor: Actor, **more: Any) -> TaskExecution:
    return TaskExecution(team=actor.team, owner=actor.user, input="Hello?", **more)


def answered(actor: Actor, test: ABTest | None, side: str, count: int, **values: Any) -> None:
    given = {"status": "completed", "confidence": 80, "ab_test": test, "variant": side, **values}
    TaskExecution.objects.bulk_create(prompt(actor, **given) for _ in range(count))


def test_a_prompt_falls_on_one_side_always_the_same(actor: Actor) -> None:
    test = begin(actor, share_percent=Decimal(50))
    sides = []
    for _ in range(600):
        one = prompt(actor, strategy="auto")
        strategy = ab_assign(actor.team.pk, one)
        sides.append(one.variant)
        assert strategy == {"A": "auto", "B": "cheapest", "": None}[one.variant]
        assert one.ab_test == (test if one.variant else None)
        again = prompt(actor, strategy="auto", public_id=one.public_id)
        ab_assign(actor.team.pk, again)
        assert again.variant == one.variant
    assert 90 < sides.count("A") < 210 and 90 < sides.count("B") < 210 and 230 < sides.count("") < 370


def test_who_chose_a_strategy_keeps_it(actor: Actor) -> None:
    begin(actor)
    assert ab_assign(actor.team.pk, prompt(actor, strategy="best")) is None


def test_no_prompt_of_another_team_is_in_a_test_nor_after_it_was_stopped(actor: Actor, stranger: Actor) -> None:
    test = begin(actor)
    assert ab_assign(stranger.team.pk, prompt(stranger, strategy="auto")) is None
    ab_stop(actor, test)
    assert ab_assign(actor.team.pk, prompt(actor, strategy="auto")) is None
    with pytest.raises(Conflict):
        ab_stop(actor, test)


def test_a_team_runs_one_test_at_a_time(actor: Actor, stranger: Actor) -> None:
    begin(actor)
    begin(stranger)
    with pytest.raises(Conflict):
        begin(actor)


@pytest.mark.parametrize(
    "wrong", [{"strategy_b": "auto"}, {"share_percent": Decimal(0)}, {"effect": 0}, {"measure": "thumbs", "effect": 90}]
)
def test_it_refuses_a_test_that_could_show_nothing(actor: Actor, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        begin(actor, **wrong)


def test_only_admins_begin_and_stop_tests(actor: Actor) -> None:
    member = make_actor("carla@example.org", team=actor.team, role=Role.MEMBER, name="Carla")
    with pytest.raises(NotAllowed):
        begin(member)
    with pytest.raises(NotAllowed):
        ab_stop(member, begin(actor))


def test_the_sample_comes_from_what_is_assumed_until_there_are_enough_prompts(actor: Actor) -> None:
    assumed = ab_design(actor.team.pk, "confidence", 5)
    assert (assumed.minimum_sample, assumed.runs) == (252, 0)  # 2 · (2.801585 · 20 / 5)² = 251.2
    answered(actor, None, "", 20, confidence=70)
    answered(actor, None, "", 20, confidence=90)
    measured = ab_design(actor.team.pk, "confidence", 5)
    assert (measured.runs, measured.base) == (40, 80)
    assert measured.minimum_sample == 65  # spread 10.127
    TaskExecution.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert ab_design(actor.team.pk, "confidence", 5).runs == 0


def test_a_cost_difference_is_stated_in_percent_of_what_is_usual(actor: Actor) -> None:
    assert ab_design(actor.team.pk, "cost", 20).minimum_sample == 393  # 2 · (2.801585 / 0.2)² = 392.4


def test_it_says_not_enough_until_both_sides_have_the_minimum(actor: Actor) -> None:
    test = begin(actor)
    ABTest.objects.update(minimum_sample=10)
    test.refresh_from_db()
    answered(actor, test, "A", 10, confidence=90)
    answered(actor, test, "B", 9, confidence=10)
    assert ab_result(test).verdict == "not_enough"
    answered(actor, test, "B", 1, confidence=11)
    found = ab_result(test)
    assert found.verdict == "a"
    assert found.deciding.comparison is not None and found.deciding.comparison.high < -70


def test_less_is_better_of_cost(actor: Actor) -> None:
    test = begin(actor, measure="cost", effect=20)
    ABTest.objects.update(minimum_sample=4)
    test.refresh_from_db()
    for cents in (1, 2):
        answered(actor, test, "A", 4, cost_usd=Decimal(cents) + 10)
        answered(actor, test, "B", 4, cost_usd=Decimal(cents))
    assert ab_result(test).verdict == "b"


def test_more_prompts_after_the_minimum_change_no_verdict(actor: Actor) -> None:
    test = begin(actor, measure="escalations", effect=20)
    ABTest.objects.update(minimum_sample=20)
    test.refresh_from_db()
    answered(actor, test, "A", 20, escalation_count=0)
    answered(actor, test, "B", 20, escalation_count=0)
    assert ab_result(test).verdict == "no_difference"
    answered(actor, test, "B", 200, escalation_count=1)
    assert ab_result(test).verdict == "no_difference"


def test_answers_from_the_cache_and_failures_are_no_measure_of_confidence(actor: Actor) -> None:
    test = begin(actor)
    answered(actor, test, "A", 3, cache="exact")
    answered(actor, test, "A", 2, status="failed")
    answered(actor, test, "A", 1, status="processing", confidence=None)
    found = ab_result(test)
    assert (found.prompts_a, found.failed_a, found.deciding.count_a) == (2, 2, 0)


def test_ids_that_are_near_each_other_fall_on_both_sides(actor: Actor) -> None:
    begin(actor)
    sides = set()
    for _ in range(40):
        one = prompt(actor, strategy="auto", public_id=uuid4())
        ab_assign(actor.team.pk, one)
        sides.add(one.variant)
    assert sides == {"A", "B"}


def test_a_test_is_begun_read_and_ended_over_rest(actor: Actor) -> None:
    api = APIClient()
    api.force_authenticate(actor.user)
    asked = {"measure": "confidence", "effect": 5}
    said = api.post("/api/orchestrator/ab-tests/sample/", asked, format="json")
    assert said.status_code == 200 and said.json()["runs"] == 0 and said.json()["minimum_sample"] > 100
    assert not ABTest.objects.exists()
    whole = {**asked, "name": "Cheaper?", "strategy_a": "auto", "strategy_b": "cheapest"}
    made = api.post("/api/orchestrator/ab-tests/", whole, format="json")
    assert made.status_code == 201, made.json()
    assert made.json()["minimum_sample"] == said.json()["minimum_sample"]
    assert api.post("/api/orchestrator/ab-tests/", whole, format="json").status_code == 409
    test = ABTest.objects.get()
    answered(actor, test, "A", 3, confidence=80)
    answered(actor, test, "B", 3, confidence=60)
    address = f"/api/orchestrator/ab-tests/{test.public_id}/"
    result = api.get(address).json()["result"]
    assert (result["verdict"], result["prompts_a"], result["prompts_b"]) == ("not_enough", 3, 3)
    [deciding] = [one for one in result["measures"] if one["decides"]]
    assert (deciding["measure"], deciding["a"], deciding["b"], deciding["difference"]) == ("confidence", 80.0, 60.0, -20.0)
    assert api.patch(address, {"name": "Dearer?"}, format="json").json()["name"] == "Dearer?"
    assert api.post(f"{address}stop/").json()["status"] == "stopped"
    assert api.post(f"{address}stop/").status_code == 409
    assert api.delete(address).status_code == 204 and not ABTest.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"strategy_b": "auto"}, "strategy_b"), ({"share_percent": 101}, "share_percent"), ({"effect": 0}, "effect")],
)
def test_what_makes_no_test_is_told_by_its_field(actor: Actor, wrong: dict[str, Any], field: str) -> None:
    api = APIClient()
    api.force_authenticate(actor.user)
    whole = {"name": "?", "strategy_a": "auto", "strategy_b": "cheapest", "measure": "confidence", "effect": 5, **wrong}
    said = api.post("/api/orchestrator/ab-tests/", whole, format="json")
    assert said.status_code == 400 and field in str(said.json())


def test_members_read_tests_and_do_not_change_them(actor: Actor) -> None:
    test = begin(actor)
    colleague = make_actor("carla@example.org", team=actor.team, role=Role.MEMBER, name="Carla")
    api = APIClient()
    api.force_authenticate(colleague.user)
    assert api.get("/api/orchestrator/ab-tests/").json()["results"][0]["id"] == str(test.public_id)
    assert api.post(f"/api/orchestrator/ab-tests/{test.public_id}/stop/").status_code == 403
    assert api.delete(f"/api/orchestrator/ab-tests/{test.public_id}/").status_code == 403
