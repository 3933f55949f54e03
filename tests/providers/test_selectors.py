"""What routing, pages and the API read of providers and models, and with how many queries."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from apps.accounts.models import Role
from apps.common.errors import NotFound
from apps.providers import selectors, services
from apps.providers.models import AIModel, Provider
from tests.factories import make_actor
from tests.providers.rows import make_model, make_provider

pytestmark = pytest.mark.django_db


def keys(models):
    return [model.key for model in models]


def test_another_teams_provider_and_model_are_not_there(actor):
    stranger = make_actor()
    model = make_model(actor)
    for access, row in ((selectors.access_provider, model.provider), (selectors.access_model, model)):
        assert access(actor, str(row.public_id)) == row
        for who, public_id in ((stranger, row.public_id), (actor, uuid4()), (actor, "not-an-id"), (actor, row.pk)):
            with pytest.raises(NotFound):
                access(who, public_id)


def test_viewers_see_what_the_team_has(actor):
    model = make_model(actor)
    viewer = make_actor(Role.VIEWER, team=actor.team)
    assert selectors.access_model(viewer, model.public_id) == model


def test_providers_come_with_counts_in_one_query(actor, django_assert_num_queries):
    provider = make_provider(actor)
    make_model(actor, provider)
    make_model(actor, provider, is_active=False)
    make_model(actor, provider, state=AIModel.State.INACTIVE)
    make_model(actor, provider, state=AIModel.State.FAILED)
    make_provider(actor)
    with django_assert_num_queries(1):
        states = [selectors.provider_state(one) for one in selectors.providers_visible(actor)]
    assert [(one["models_total"], one["models_in_use"], one["models_failed"]) for one in states] == [(3, 2, 1), (0, 0, 0)]


def test_models_come_with_their_provider_in_one_query(actor, django_assert_num_queries):
    for _ in range(3):
        make_model(actor)
    with django_assert_num_queries(1):
        assert len({str(selectors.model_state(model)["provider"]) for model in selectors.models_visible(actor)}) == 3


def test_routing_gets_what_may_be_asked_in_three_queries(actor, django_assert_num_queries):
    late, early = make_provider(actor, priority=200), make_provider(actor, priority=10)
    make_model(actor, late, key="b-late")
    make_model(actor, early, key="a-early")
    make_model(actor, early, key="off", is_active=False)
    make_model(actor, early, key="gone", state=AIModel.State.INACTIVE)
    make_model(actor, early, key="embedder", capabilities=["embeddings"])
    services.model_failed(make_model(actor, early, key="resting"), "out of memory")
    make_model(actor, early, key="broken", state=AIModel.State.FAILED)
    services.model_failed(make_model(actor, early, key="rested"), "out of memory", for_s=-1)
    make_model(actor, make_provider(actor, is_local=True, name="asleep"), key="asleep")
    services.provider_toggle(actor, Provider.objects.get(team=actor.team, name="asleep"), on=False)
    make_model(make_actor(), key="of-others")
    with django_assert_num_queries(3):
        found = selectors.routable_models(actor.team)
        assert all(model.provider.name and list(model.quality.all()) == [] and not model.is_resting for model in found)
    assert keys(found) == ["a-early", "rested", "b-late"]
    assert keys(selectors.routable_models(actor.team.pk, include_failed=True)) == [
        "a-early",
        "broken",
        "rested",
        "resting",
        "b-late",
    ]


def test_practice_models_step_back_for_a_real_one_and_come_back(actor):
    services.builtin_ensure(actor.team.pk)
    assert len(selectors.routable_models(actor.team)) == 3 and not selectors.has_real_model(actor)
    real = make_model(actor, key="real")
    assert keys(selectors.routable_models(actor.team)) == ["real"] and selectors.has_real_model(actor)
    services.model_failed(real, "out of memory", for_s=60)
    assert all(model.is_practice for model in selectors.routable_models(actor.team))
    services.model_recovered(real)
    make_model(actor, real.provider, key="embedder", capabilities=["embeddings"])
    services.model_update(actor, real, is_active=False)
    assert all(model.is_practice for model in selectors.routable_models(actor.team)) and not selectors.has_real_model(actor)


def test_a_state_is_said_in_words_with_the_strongest_reason_first(actor):
    provider = make_provider(actor, is_local=False)
    model = make_model(actor, provider)
    assert selectors.model_state(model)["state_label"] == "External" and selectors.model_state(model)["is_usable"]
    services.model_failed(model, "too slow", for_s=60)
    model = selectors.access_model(actor, model.public_id)
    assert selectors.model_state(model) | {
        "state": "failed",
        "state_label": "Failed",
        "is_usable": False,
        "last_error": "too slow",
    } == selectors.model_state(model)
    model.is_active = False
    assert selectors.state_label(model) == "Switched off"
    model.state = AIModel.State.INACTIVE
    assert selectors.state_label(model) == "Gone from the provider"
    model.provider.status = Provider.Status.INACTIVE
    assert selectors.state_label(model) == "Provider is switched off"
    local = make_model(actor, make_provider(actor, is_local=True))
    assert selectors.state_label(local) == "Not loaded"


def test_stats_of_a_model_that_nobody_asked_are_empty_not_wrong(actor, django_assert_num_queries):
    model = make_model(actor)
    with django_assert_num_queries(2):
        stats = selectors.model_stats(model)
    assert (stats["calls"], stats["cost_usd"], stats["latency_ms"], stats["tokens_per_second"], stats["quality"]) == (
        0,
        None,
        None,
        None,
        [],
    )


def test_stats_sum_what_is_known_and_count_what_is_not(actor):
    from apps.providers.contract import Completion, Usage

    model = make_model(actor, make_provider(actor, is_local=False), price_input=Decimal(1), price_output=Decimal(2))
    said = Completion("yes", "stop", Usage(1_000_000, 500_000), "m", latency_ms=1000, first_token_ms=100)
    given = {"team_id": actor.team.pk, "owner_id": actor.user.pk, "model": model, "purpose": "execute"}
    services.usage_record(**given, completion=said)
    services.usage_record(**given, completion=None, error_code="timeout", latency_ms=9000)
    model.price_input = None
    services.usage_record(**given, completion=said)
    services.quality_record(model, "code", success=True, score=Decimal(80), latency_ms=100, tokens=10, cost=None)
    services.quality_record(model, "code", success=False, score=None, latency_ms=300, tokens=30, cost=Decimal("0.5"))
    stats = selectors.model_stats(model)
    assert (stats["calls"], stats["failed"], stats["calls_without_price"], stats["cost_usd"]) == (3, 1, 1, Decimal(2))
    assert (stats["latency_ms"], stats["first_token_ms"], stats["tokens_per_second"]) == (1000, 100, 500_000.0)
    assert stats["quality"] == [
        {
            "category": "code", "executions": 2, "success_rate": Decimal("50.00"), "validation_score": Decimal("80.00"),
            "latency_ms": 200, "tokens": 40, "cost_usd": Decimal("0.5"),
        }
    ]  # fmt: skip
