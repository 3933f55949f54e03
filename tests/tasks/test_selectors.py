"""What pages, the API and sockets read about tasks, and how many queries it takes."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.common.errors import NotFound
from apps.tasks import selectors
from apps.tasks.models import Task
from tests.tasks import scenes

INTERFACE = (
    "id title description status progress result confidence cost tokens created_at started_at finished_at error subtasks".split()
)
SUBTASK = (
    "id order title description category status depends_on acceptance_criteria result executor validator tie_breaker divergence "
    "confidence cross_validated tie_break suspect escalations attempts cost"
).split()


def test_a_detail_has_all_that_the_interface_promises(actor: Actor, cast: scenes.Cast) -> None:
    detail = selectors.task_detail(scenes.completed(actor, cast))
    assert set(INTERFACE) <= set(detail) and set(SUBTASK) <= set(detail["subtasks"][0])
    second = detail["subtasks"][1]
    assert second["depends_on"] == [detail["subtasks"][0]["id"]]
    assert second["tie_break"]["winner"] == "executor" and set(second["tie_break"]) == {"winner", "reason"}
    assert second["executor"] == {
        "id": str(cast.author.public_id),
        "provider": "lmstudio",
        "model": "qwen3-8b",
        "label": "Qwen3 8B",
    }
    assert (second["divergence"], detail["confidence"], detail["progress"]) == (38.0, 91.0, 100)
    json.dumps(detail, cls=DjangoJSONEncoder)


def test_a_detail_takes_three_queries_however_many_steps(actor: Actor, cast: scenes.Cast, django_assert_num_queries) -> None:
    task = Task.objects.get(pk=scenes.completed(actor, cast).pk)
    with django_assert_num_queries(3):  # steps with seats, what they depend on, money
        selectors.task_detail(task)


def test_cards_take_two_queries_however_many_tasks(actor: Actor, django_assert_num_queries) -> None:
    tasks = list(scenes.everything(actor).values())
    with django_assert_num_queries(2):
        cards = selectors.task_cards(tasks)
    assert [card["status"] for card in cards] == ["completed", "running", "paused", "failed", "awaiting_approval"]


def test_a_trace_takes_two_queries_and_keeps_the_order_of_events(
    actor: Actor, cast: scenes.Cast, django_assert_num_queries
) -> None:
    task = scenes.completed(actor, cast)
    with django_assert_num_queries(2):
        trace = selectors.task_trace(task)
    assert trace[0]["stage"] == "plan" and trace[0]["calls"][0]["role"] == "planner"
    assert [step["started_at"] for step in trace] == sorted(step["started_at"] for step in trace)
    assert sum(len(step["calls"]) for step in trace) == 8


def test_money_is_the_sum_of_all_calls(actor: Actor, cast: scenes.Cast) -> None:
    detail = selectors.task_detail(scenes.completed(actor, cast))
    assert Decimal(detail["cost"]) == Decimal("0.0062") + 3 * Decimal("0.0011") + Decimal("0.0059")
    assert Decimal(detail["subtasks"][1]["cost"]) == Decimal("0.0011") + Decimal("0.0059")
    assert detail["tokens"] == 8 * 600 and detail["cost_is_partial"] is False


def test_an_unknown_price_is_unknown_and_never_free(actor: Actor, cast: scenes.Cast) -> None:
    task = scenes.make_task(actor)
    assert selectors.task_card(task)["cost"] == "0.00000000"
    scenes.make_call(task, "plan", cast.author, cost=None)
    assert selectors.task_card(task)["cost"] is None
    scenes.make_call(task, "s1.r1.a1/execute", cast.checker, cost=Decimal("0.5"))
    card = selectors.task_card(task)
    assert card["cost"] == "0.50000000" and card["cost_is_partial"] is True


def test_progress_counts_what_is_over_and_is_never_whole_before_the_end(actor: Actor, cast: scenes.Cast) -> None:
    task = scenes.running(actor, cast)
    assert selectors.task_card(task)["progress"] == 100 * (3 + 0 + 1 + 0) // 12
    task.subtasks.update(status="completed")
    assert selectors.task_card(task)["progress"] == 99


def test_the_time_that_is_left_comes_from_steps_that_are_done(actor: Actor, cast: scenes.Cast) -> None:
    task = scenes.running(actor, cast)
    assert 0 < selectors.task_detail(task)["time_left_s"] <= 3 * 12
    task.subtasks.filter(status="completed").update(finished_at=None)
    assert selectors.task_detail(task)["time_left_s"] is None


@pytest.mark.parametrize("look_up", [selectors.access_task, selectors.access_subtask])
def test_what_is_not_there_and_what_is_not_yours_look_alike(actor: Actor, stranger: Actor, look_up) -> None:
    task = scenes.make_task(stranger)
    other = scenes.make_subtask(task, 1, "Theirs")
    theirs = task.public_id if look_up is selectors.access_task else other.public_id
    for public_id in (theirs, uuid.uuid4(), "not an id"):
        with pytest.raises(NotFound):
            look_up(actor, public_id)
    assert look_up(stranger, theirs)


def test_a_model_that_was_removed_leaves_its_name_in_the_trace(actor: Actor, cast: scenes.Cast) -> None:
    task = scenes.completed(actor, cast)
    cast.author.delete()
    call = next(call for step in selectors.task_trace(task) for call in step["calls"] if step["stage"] == "execute")
    assert call["model"] == {"id": None, "provider": "", "model": "Qwen3 8B", "label": "Qwen3 8B"}


def test_the_list_can_be_narrowed(actor: Actor, stranger: Actor) -> None:
    tasks = scenes.everything(actor)
    scenes.make_task(stranger, "Privacy of others")

    def found(**filters: object) -> set[str]:
        return {task.title for task in selectors.tasks_filtered(actor, **filters)}

    assert len(found()) == 5
    assert found(status="needs-you") == {tasks["too_few_models"].title, tasks["awaiting_approval"].title}
    assert found(search="privacy SHOP") == {tasks["running"].title}
    assert found(priority="high") == {tasks["running"].title}
    assert found(status="nonsense") == found(priority="nonsense") == set()
    assert len(found(is_mine=True)) == 5


def test_figures_of_the_last_days(actor: Actor, stranger: Actor, django_assert_num_queries) -> None:
    scenes.everything(actor)
    old = scenes.make_task(actor, "Old")
    Task.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=30))
    with django_assert_num_queries(3):
        stats = selectors.tasks_stats(actor, 7)
    assert stats["total"] == 5 and stats["by_status"]["completed"] == 1 and stats["by_status"]["cancelled"] == 0
    assert stats["steps"] == {"finished": 4, "cross_validated": 4, "settled_by_judge": 1, "escalated": 0, "suspect": 0}
    assert selectors.tasks_stats(stranger, 7)["total"] == 0
