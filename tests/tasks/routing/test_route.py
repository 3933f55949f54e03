"""A prompt on its route over real HTTP and the real database."""

from __future__ import annotations

import pytest

from apps.providers.models import CreditUsage
from apps.tasks.models import TaskExecution
from tests.providers.calls.upstream import says
from tests.tasks.routing.upstream import ASKED, SURE, model_at, routed

pytestmark = pytest.mark.django_db


def test_an_answer_is_streamed_and_all_that_led_to_it_is_kept(actor):
    small, big = model_at(actor, "small"), model_at(actor, "big", "top", price=10)
    found = routed(actor, {small: says("The answer is 4, ", "because 2 + 2 = 4."), big: says("unasked")}, strategy="cheapest")
    assert found.text == SURE == found.end.routed.completion.text
    assert found.asked("big") == 0
    row = TaskExecution.objects.get()
    assert (row.public_id, row.input, row.output, row.status) == (found.end.execution_id, ASKED, SURE, "completed")
    assert (row.initial_model, row.current_model, row.model_name, row.held_by) == (small, small, str(small), "")
    usage = CreditUsage.objects.get()
    assert usage.linked_execution == row.public_id
    assert row.cost_usd == usage.cost_usd == found.end.cost_usd > 0
    assert (row.input_tokens, row.output_tokens) == (usage.input_tokens, usage.output_tokens)
    assert [one["model"]["model"] for one in row.metadata["selection"]["considered"]] == ["small", "big"]
    assert [signal["name"] for signal in row.metadata["attempts"][0]["signals"]]
    assert row.metadata["needs"]["features"]
