"""Every page, read in Portuguese: no English of ours is left on it, whatever was stored by a process that spoke English."""

from __future__ import annotations

import itertools

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import models
from django.test import Client
from django.utils import timezone, translation

from apps.accounts.notifying import notify
from apps.common.said import Said
from apps.common.said_columns import SaidText
from apps.providers.adapters.failures import VendorError, error_of
from apps.providers.engine.practice import sample as practice_sample
from apps.providers.models import AIModel, Provider, ProviderKey
from apps.providers.services.breakers import model_failed
from apps.tasks.engine.errors import NoModelAnswered, TooFewModels
from apps.tasks.logbook import log_write
from apps.tasks.models import Step, Task, TaskExecution
from apps.tasks.routing_words import no_answer_because
from tests.architecture.addresses import all_addresses
from tests.e2e.test_accessibility import NOT_OURS, url_of
from tests.factories import OBJECTS, make_actor
from tests.orquestrador.said import catalogue, texts_of
from tests.tasks import route_scenes, scenes

pytestmark = pytest.mark.django_db

SEEN_IN_ENGLISH = {"English", "Our team"}  # the language's own name; what a team was called by whoever made it
LEAST_OF_CONTENT = 4  # characters: shorter ones occur in anything


@pytest.fixture
def actor():
    with translation.override("en"):  # as a worker does
        actor = make_actor()
        actor.team.set_up_at = timezone.now()
        actor.team.save()
        for make in dict.fromkeys(OBJECTS.values()):
            make(actor)
        scenes.everything(actor)
        cast = scenes.Cast(*(AIModel.objects.get(key=key) for key in ("qwen3-8b", "mistral-small-24b", "claude-sonnet")))
        for make in (route_scenes.make_execution, route_scenes.make_escalated, route_scenes.make_failed):
            make(actor, cast)
        store_failures(actor, cast)
    cache.clear()
    return actor


def store_failures(actor, cast) -> None:
    """In every place that keeps why something failed: a sentence of ours, with what the vendor said in it."""
    vendor = VendorError(message="quota gone", type="billing")
    said = error_of(vendor, status=402, headers={}, name="Vendor")
    Provider.objects.update(last_check_message=said.message, last_check_ok=False)
    ProviderKey.objects.update(last_test_message=said.message, last_test_ok=False)
    model_failed(cast.author, said)
    tried = NoModelAnswered("", tried={"Qwen": said.message})
    data = {"tried": {"Qwen": said.message}}
    Task.objects.filter(status="failed").update(error_code=tried.code, error=said.message, error_data=data)
    Step.objects.update(error=said.message)
    words = no_answer_because(tried.code, tried.extra)
    TaskExecution.objects.filter(status="failed").update(error_code=tried.code, error=words)
    task = Task.objects.filter(team=actor.team).first()
    for event in ("author_failed", "checker_failed", "planner_failed", "plan_refused", "subtask_failed"):
        log_write(task, event, level="error", message=said.message, data={"model": "Qwen", "message": said.message})
    log_write(task, "paused", data={"code": TooFewModels.code})
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, SaidText) and model._meta.label.startswith(("providers.", "chat.")):
                model._default_manager.update(**{field.name: said.message})
    notify(actor.user, kind="task_failed", title="Tarefa", url="/tasks/", team=actor.team)


def content() -> list[str]:
    """What people and AIs are said to have written: every text of every row, but for the sentences of ours."""
    found = set(practice_sample("pt-br").description.splitlines())  # the practice models know this English alone
    for model in apps.get_models():
        if model._meta.app_label not in ("accounts", "chat", "gateway", "knowledge", "providers", "tasks"):
            continue
        names = [
            field.name
            for field in model._meta.concrete_fields
            if isinstance(field, (models.CharField, models.TextField, models.JSONField))
        ]
        for row in model._default_manager.values_list(*names):
            found.update(itertools.chain.from_iterable(map(_strings, row)))
    return sorted((text for text in found if len(text) >= LEAST_OF_CONTENT), key=len, reverse=True)


def _strings(value) -> list[str]:
    if isinstance(value, str):
        return [] if isinstance(value, Said) else [" ".join(value.split())]
    if isinstance(value, dict):
        return [one for inner in value.values() for one in _strings(inner)]
    return [one for inner in value for one in _strings(inner)] if isinstance(value, (list, tuple)) else []


def test_no_page_is_half_translated(actor):
    client = Client(raise_request_exception=False)
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    client.cookies["orq_language"] = "pt-br"
    known, theirs = catalogue(), content()
    left: dict[str, str] = {}
    pages = 0
    for address in all_addresses():
        if address.template.startswith(NOT_OURS) or "^" in address.template or not address.name:
            continue
        url = url_of(address, actor)
        answer = client.get(url) if url else None
        if answer is None or answer.status_code != 200 or not answer["Content-Type"].startswith("text/html"):
            continue
        pages += 1
        for text in texts_of(answer.getvalue().decode()):
            if text not in SEEN_IN_ENGLISH and known.is_english(text) and not _is_theirs(text, theirs):
                left.setdefault(text, url)
    assert pages > 60
    assert not left, "\n".join(f"{url}  {text}" for text, url in left.items())


def _is_theirs(text: str, theirs: list[str]) -> bool:
    return any(text in one or (len(one) > 8 and one in text) for one in theirs)


def test_the_look_at_a_page_sees_english():
    known = catalogue()
    assert known.is_english("New task") and known.is_english("It was not checked by another")
    assert not known.is_english("Nova tarefa") and not known.is_english("Nada no momento")
    assert texts_of('<p title="Hello">One <code>two</code><span class="mono">three</span></p>') == ["Hello", "One"]
