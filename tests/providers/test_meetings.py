"""Two who write down calls, begin trials, or change keys at the same moment: one comes after the other, nobody gives way."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from apps.accounts.actor import Actor
from apps.common.errors import OrquestradorError
from apps.gateway.models import VirtualKey
from apps.gateway.services import virtual_key_create, virtual_key_delete, virtual_key_update
from apps.providers import services
from apps.providers.contract import Completion, ModelInfo, Usage
from apps.providers.models import AIModel, Benchmark, Budget, CreditUsage, Provider
from apps.providers.services import keys
from apps.providers.services.sync import listing_store
from apps.providers.services.usage_batch import CallNote, usages_record
from apps.providers.trials.worker import TrialWorker
from tests.common.crosswise import Meeting
from tests.factories import make_actor
from tests.providers.rows import make_model, make_provider

pytestmark = pytest.mark.django_db(transaction=True)
SPENT = Usage(input_tokens=1_000_000)


@pytest.fixture
def model(actor: Actor) -> AIModel:
    row = make_model(actor, make_provider(actor, api_key="sk-not-a-real-key"), price_input=Decimal(1), price_output=Decimal(1))
    Provider.objects.update(is_local=False)
    return AIModel.objects.select_related("provider__key").get(pk=row.pk)


def meet(one: Callable[[], Any], other: Callable[[], Any]) -> None:
    meeting = Meeting(one, other).hold()
    assert meeting.gave_way == []
    assert [error for error in meeting.raised if not isinstance(error, OrquestradorError)] == []


def note(model: AIModel, person: Actor) -> CallNote:
    return CallNote(uuid4(), person.team.pk, person.user.pk, None, model, "x", model.key, "gateway", SPENT)


def budget_for(admin: Actor, person: Actor) -> Budget:
    return services.budget_create(admin, scope="person", person=person.user, period="month", limit_usd=Decimal(100))


def test_batches_with_calls_of_the_same_people_in_another_order(actor: Actor, model: AIModel) -> None:
    mate = make_actor(team=actor.team)
    for person in (actor, mate):
        budget_for(actor, person)
    calls = [[note(model, one) for one in people] for people in ((actor, mate), (mate, actor))]
    meet(lambda: usages_record(calls[0]), lambda: usages_record(calls[1]))
    assert set(Budget.objects.values_list("spent_usd", flat=True)) == {Decimal(2)}


def test_a_batch_and_a_single_call_with_the_same_key_of_a_vendor(
    actor: Actor, model: AIModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget_for(actor, actor)
    monkeypatch.setattr(keys, "USED_TO_THE_S", -1.0)  # each use is noted

    def single() -> None:
        about: dict[str, Any] = {"team_id": actor.team.pk, "owner_id": actor.user.pk, "model": model, "purpose": "answer"}
        services.usage_record(**about, completion=Completion("Yes.", "stop", SPENT, model.key))

    meet(single, lambda: usages_record([note(model, actor)]))
    assert CreditUsage.objects.count() == 2 and Budget.objects.get().spent_usd == 2


def test_a_benchmark_is_taken_up_while_the_list_of_its_server_is_stored(actor: Actor, model: AIModel) -> None:
    Benchmark.objects.create(owner=actor.user, team=actor.team, model=model, rounds=1, questions_version=1)
    infos = [ModelInfo(key=model.key, context_window=4_096), ModelInfo(key="another-1b")]
    taken: list[Any] = []
    meet(lambda: taken.append(TrialWorker()._claim(Benchmark)), lambda: listing_store(model.provider, infos))
    assert taken[0].model_id == model.pk and model.provider.models.count() == 2


def test_a_virtual_key_is_changed_while_it_is_deleted(actor: Actor) -> None:
    key, _text = virtual_key_create(actor, name="One", budget_usd=Decimal(5))
    meet(
        lambda: virtual_key_update(actor, VirtualKey.objects.get(pk=key.pk), name="Two", budget_usd=Decimal(6)),
        lambda: virtual_key_delete(actor, VirtualKey.objects.get(pk=key.pk)),
    )
