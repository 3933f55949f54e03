"""Specialized AIs in whole tasks: who spoke as whom is kept with the calls, shown on the pages, and measured."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.actor import Actor
from apps.providers import services as providers
from apps.providers.models import QualityMetric, SpecializedAI
from apps.providers.services import model_rate
from apps.tasks import selectors, services
from apps.tasks.models import Call, TaskStatus
from apps.tasks.runner.ais import ConnectedAIs, candidate_of, personas_of
from tests.providers.rows import make_model
from tests.tasks.orchestra import playing, seat
from tests.tasks.test_running import run


@pytest.mark.django_db(transaction=True)
def test_the_authors_and_checkers_of_a_task_speak_as_the_teams_specialized_ais(actor: Actor, browser: Client) -> None:
    given = {"system_prompt": "You count.", "categories": ["math"], "temperature": 0.3}
    with playing() as orchestra:
        models = seat(actor, orchestra.url, "writer", "checker", "judge")
        counter = providers.specialized_ai_create(actor, name="Counter", default_model=models["checker"], **given)
        critic = providers.specialized_ai_create(actor, name="Critic", role="validator", system_prompt="You doubt.")
        task = run(services.task_create(actor, description="How much is 7 + 8?", category="math"))
        asked = orchestra.journal()
    assert task.status == TaskStatus.COMPLETED
    subtask = task.subtasks.get()
    assert (subtask.executor, subtask.executor_as, subtask.validator_as) == (models["checker"], counter, critic)
    assert subtask.executor_family != subtask.validator_family
    spoken = dict(Call.objects.values_list("purpose", "specialized_ai__name"))
    assert spoken == {"plan": None, "execute": "Counter", "validate": "Critic"}
    systems = [request["body"]["messages"][0]["content"] for request in asked]
    assert [text.partition("\n")[0] for text in systems[1:]] == ["You count.", "You doubt."]
    detail = selectors.task_detail(task)["subtasks"][0]
    assert detail["executor_as"] == {"id": str(counter.public_id), "name": "Counter"}
    page = browser.get(f"/tasks/{task.public_id}/").content.decode()
    assert "as Counter" in page and "as Critic" in page
    metric = QualityMetric.objects.get(specialized_ai=counter)
    assert (metric.category, metric.executions, metric.model) == ("math", 1, None)
    assert QualityMetric.objects.filter(model=models["checker"], category="math").exists()


@pytest.mark.django_db(transaction=True)
def test_deleting_one_leaves_what_it_spoke_in_place(actor: Actor) -> None:
    with playing() as orchestra:
        seat(actor, orchestra.url, "writer", "checker", "judge")
        row = providers.specialized_ai_create(actor, name="Counter", system_prompt="You count.")
        task = run(services.task_create(actor, description="How much is 7 + 8?"))
    providers.specialized_ai_delete(actor, row)
    assert selectors.task_detail(task)["subtasks"][0]["executor_as"]["name"] == "Counter"
    assert personas_of(actor.team.pk) == []


@pytest.mark.django_db
def test_only_those_in_use_of_this_team_are_given_to_the_engine_in_two_queries(
    actor: Actor, stranger: Actor, django_assert_num_queries
) -> None:
    models = [make_model(actor) for _ in range(3)]
    providers.specialized_ai_create(
        actor,
        name="B",
        system_prompt="b",
        categories=["Code"],
        default_model=models[0],
        fallbacks=models[1:],
        max_output_tokens=99,
    )
    providers.specialized_ai_create(actor, name="A", system_prompt="a", is_active=False)
    providers.specialized_ai_create(stranger, name="C", system_prompt="c")
    with django_assert_num_queries(2):
        [persona] = personas_of(actor.team.pk)
    assert persona.models == tuple(str(model.public_id) for model in models)
    assert (persona.name, persona.categories, persona.max_output_tokens) == ("B", ("code",), 99)


@pytest.mark.django_db(transaction=True)
async def test_a_sample_task_is_done_by_practice_models_as_themselves(actor: Actor) -> None:
    from asgiref.sync import sync_to_async

    await sync_to_async(SpecializedAI.objects.create)(team=actor.team, name="A", system_prompt="a")
    task = await sync_to_async(services.task_create)(actor, description="x", is_sample=True, start=False)
    assert await ConnectedAIs(task).personas() == []


@pytest.mark.django_db
def test_stars_reach_the_engine_as_a_liking(actor: Actor) -> None:
    model = make_model(actor)
    model_rate(actor, model, stars=5, category="code")
    assert candidate_of(model).liking == {"code": pytest.approx(20 / 6), "": pytest.approx(20 / 6)}
