"""Calls that are written down together are the same rows as those that are written one by one."""

from __future__ import annotations

from decimal import Decimal

import pytest

from apps.gateway.ids import new_id
from apps.providers.contract import Completion, Usage
from apps.providers.models import CreditUsage
from apps.providers.services import usage_record
from apps.providers.services.usage_batch import CallNote, usages_record
from tests.factories import make_actor
from tests.providers.rows import make_model

OF_ITS_OWN = ("id", "public_id", "created_at", "updated_at")


@pytest.mark.django_db
@pytest.mark.parametrize("price_tiers", [[], [{"above_tokens": 50, "input": "2", "output": "4"}]])
def test_a_batch_writes_what_a_single_call_does(price_tiers):
    actor, key_id, execution = make_actor(), new_id(), new_id()
    prices = {"price_input": Decimal(1), "price_output": Decimal("2.5"), "price_source": "test", "price_tiers": price_tiers}
    model = make_model(actor, **prices)
    usage = Usage(100, 7, 3, 2, cache_write_tokens=1)
    same = {"team_id": actor.team.pk, "owner_id": actor.user.pk, "key_id": key_id, "purpose": "gateway", "model": model}
    single = usage_record(
        **same,
        completion=Completion("Hi", "stop", usage, "m", latency_ms=12, first_token_ms=3),
        linked_execution=execution,
    )
    note = CallNote(
        new_id(),
        **same,
        provider_name=model.provider.name,
        model_key=model.key,
        usage=usage,
        latency_ms=12,
        first_token_ms=3,
        linked_execution=execution,
    )
    usages_record([note])
    batch = CreditUsage.objects.get(public_id=note.public_id)
    single.refresh_from_db()
    for field in CreditUsage._meta.concrete_fields:
        if field.name not in OF_ITS_OWN:
            assert getattr(batch, field.attname) == getattr(single, field.attname), field.name
    assert abs((batch.created_at - single.created_at).total_seconds()) < 5
