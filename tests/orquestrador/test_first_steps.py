"""The first run: which models, one real question, a sample task."""

from __future__ import annotations

import pytest
from django.urls import reverse

from apps.accounts.models import Role
from apps.providers import discovery
from apps.providers.contract import Completion, Usage
from apps.providers.engine.practice import Sample, practice_models
from apps.providers.errors import Unreachable
from apps.providers.models import AIModel, CreditUsage, Provider
from apps.providers.services import builtin_ensure
from apps.tasks.models import Task
from orquestrador import wizard
from tests.factories import make_actor, model_of, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def actor():
    actor = make_actor()
    builtin_ensure(actor.team.pk)
    return actor


@pytest.fixture
def a_sample(monkeypatch):
    """A sample task for the practice models that ship, by their keys."""
    good, fair, poor = (model.key for model in practice_models())
    monkeypatch.setattr(wizard, "practice_sample", lambda language: Sample(f"Task in {language}", good, fair, poor, good))


@pytest.fixture
def client(actor):
    return signed_in(actor)


class OneAnswer:
    """An adapter that gives one answer, or one error, and remembers what it was asked."""

    def __init__(self, answer):
        self.answer, self.asked = answer, None

    async def complete(self, request):
        self.asked = request
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def aclose(self):
        pass


def test_the_first_visit_leads_to_the_first_steps(client):
    assert client.get("/").url == reverse("wizard")


def test_a_member_is_not_asked_to_set_anything_up(actor):
    member = make_actor(Role.MEMBER, team=actor.team)
    assert signed_in(member).get("/").status_code == 200
    assert signed_in(member).get(reverse("wizard")).status_code == 403


def test_skipping_leads_to_the_dashboard_for_good(client, actor):
    assert client.post(reverse("wizard_skip")).url == "/"
    assert client.get("/").status_code == 200
    actor.team.refresh_from_db()
    assert actor.team.set_up_at


def test_it_says_honestly_what_the_practice_models_are(client):
    html = client.get(reverse("wizard")).content.decode()
    assert "small arithmetic and word tasks" in html and "useless for real work" in html


def test_it_says_when_no_server_answers_on_this_machine(client, monkeypatch):
    monkeypatch.setattr(discovery, "PORTS", {9: ("ollama",)})
    assert "No model server answers" in client.post(reverse("wizard_found")).content.decode()


def test_a_vendor_is_not_connected_without_a_key(client, actor):
    response = client.post(reverse("wizard_use"), {"preset": "openai", "api_key": ""}, follow=True)
    assert "banner-bad" in response.content.decode() and not Provider.objects.filter(team=actor.team, kind="openai").exists()


def test_a_server_that_does_not_answer_is_told_with_its_reason(client, actor):
    given = {"preset": "ollama", "base_url": "http://127.0.0.1:9/v1"}
    html = client.post(reverse("wizard_use"), given, follow=True).content.decode()
    assert "Nobody answers" in html


def test_a_real_question_shows_answer_time_and_cost_and_is_kept(client, actor, monkeypatch):
    model = model_of(actor)
    adapter = OneAnswer(Completion("**It** leads.", "stop", Usage(12, 5), model.key, latency_ms=840))
    monkeypatch.setattr(wizard, "make_adapter", lambda connection: adapter)
    html = client.post(reverse("wizard_ask"), {"model": model.public_id, "question": "Who leads?"}).content.decode()
    assert "<strong>It</strong> leads." in html and "840\u00a0ms" in html and "5 tokens" in html and "US$ 0.00" in html
    assert adapter.asked.messages[-1].content == "Who leads?"
    assert CreditUsage.objects.get(model=model).purpose == "check"


def test_a_question_that_fails_says_why_and_is_kept_too(client, actor, monkeypatch):
    model = model_of(actor)
    monkeypatch.setattr(wizard, "make_adapter", lambda connection: OneAnswer(Unreachable("Nobody answers at port 9.")))
    html = client.post(reverse("wizard_ask"), {"model": model.public_id, "question": "Who leads?"}).content.decode()
    assert "Nobody answers at port 9." in html
    assert CreditUsage.objects.get(model=model).error_code == "unreachable"


def test_an_answer_cannot_bring_its_own_html(client, actor, monkeypatch):
    model = model_of(actor)
    monkeypatch.setattr(
        wizard, "make_adapter", lambda connection: OneAnswer(Completion("<script>x</script>", "stop", Usage(), "m"))
    )
    assert "<script>" not in client.post(reverse("wizard_ask"), {"model": model.public_id}).content.decode()


def test_another_teams_model_cannot_be_asked(client):
    assert client.post(reverse("wizard_ask"), {"model": model_of(make_actor()).public_id}).status_code == 404


def test_practice_models_are_asked_what_they_know(actor):
    assert "7 + 5" in wizard.question_for(AIModel.objects.filter(is_practice=True).first())


@pytest.mark.parametrize("language", ["en", "pt-br"])
def test_the_sample_task_starts_with_the_practice_models_in_their_seats(client, actor, a_sample, language):
    client.cookies["orq_language"] = language
    assert client.get(reverse("wizard_sample")).status_code == 200
    response = client.post(reverse("wizard_sample"))
    task = Task.objects.get(team=actor.team)
    assert response.url == reverse("tasks:detail", args=[task.public_id])
    assert task.description == f"Task in {language}" and task.is_sample and set(task.cast) == set(wizard.ROLES)
    practice = {str(model.public_id) for model in AIModel.objects.filter(provider__team=actor.team, is_practice=True)}
    assert set(task.cast.values()) <= practice
    actor.team.refresh_from_db()
    assert actor.team.set_up_at


def test_the_sample_task_is_routed_where_there_are_real_models_and_keeps_its_budget(client, actor, a_sample):
    model_of(actor)
    client.post(reverse("wizard_sample"), {"budget": "0.25"})
    task = Task.objects.get(team=actor.team)
    assert task.cast == {} and task.budget_usd == 0.25


def test_a_budget_of_nothing_is_refused(client, actor, a_sample):
    model_of(actor)
    assert "field-error" in client.post(reverse("wizard_sample"), {"budget": "0"}).content.decode()
    assert not Task.objects.exists()
