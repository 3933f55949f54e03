"""The command palette: what it finds, for whom, and how often that asks the database."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Role
from apps.chat.models import Conversation
from apps.common.palette import matches
from apps.knowledge.models import Template
from apps.providers.models import AIModel
from apps.tasks.charts import daily_charts
from apps.tasks.models import Task
from tests.factories import make_actor, model_of, provider_of, signed_in, task_of

pytestmark = pytest.mark.django_db


def titles(client: Client, query: str = "", kind: str = "") -> list[str]:
    results = client.get("/api/palette/", {"q": query}).json()["results"]
    return [one["title"] for one in results if not kind or one["kind"] == kind]


def test_before_anything_is_typed_it_shows_the_places_and_the_latest():
    actor = make_actor()
    task = task_of(actor)
    found = titles(signed_in(actor))
    assert {"Chat", "Tasks", "Providers", "New task", task.title} <= set(found)


def test_it_finds_things_of_mine_and_of_my_team_and_nothing_of_others():
    actor, colleague_of_nobody = make_actor(), make_actor()
    for one, name in ((actor, "mine"), (colleague_of_nobody, "theirs")):
        Task.objects.create(team=one.team, owner=one.user, title=f"Zebra task {name}", description="x")
        Conversation.objects.create(team=one.team, owner=one.user, title=f"Zebra talk {name}")
        AIModel.objects.create(provider=provider_of(one), key=f"zebra-model-{name}", family="zebra", capabilities=["chat"])
    found = titles(signed_in(actor), "zebra")
    assert {"Zebra task mine", "Zebra talk mine", "zebra-model-mine"} <= set(found)
    assert not [title for title in found if "theirs" in title]


def test_it_finds_templates_by_what_is_typed_for_them():
    actor, other = make_actor(), make_actor()
    for one, name in ((actor, "mine"), (other, "theirs")):
        Template.objects.create(team=one.team, owner=one.user, name=f"Zebra template {name}", slug="striped", body="x")
    assert titles(signed_in(actor), "striped", "template") == ["Zebra template mine"]


def test_a_conversation_of_a_colleague_is_not_found():
    actor = make_actor()
    colleague = make_actor(Role.MEMBER, team=actor.team)
    Conversation.objects.create(team=actor.team, owner=colleague.user, title="Zebra secrets")
    assert titles(signed_in(actor), "zebra", "conversation") == []


def test_what_a_role_may_not_do_is_not_listed():
    owner = make_actor()
    viewer = make_actor(Role.VIEWER, team=owner.team)
    client = signed_in(viewer)
    assert not {"New task", "New chat", "Add a provider"} & set(titles(client) + titles(client, "new") + titles(client, "add"))
    assert "System" not in titles(client, "system") and "Audit" not in titles(client, "audit")
    assert "System" in titles(signed_in(owner), "system")
    assert "Administration" not in titles(signed_in(owner), "admin")


@pytest.mark.parametrize("role", list(Role.values))
def test_every_page_that_is_listed_opens(role):
    owner = make_actor()
    owner.team.set_up_at = timezone.now()
    owner.team.save()
    actor = owner if role == Role.OWNER else make_actor(role, team=owner.team)
    client = signed_in(actor)
    found = [one for letter in "abcdefghilmnoprstuvw" for one in client.get("/api/palette/", {"q": letter}).json()["results"]]
    urls = {one["url"] for one in found if one["kind"] in ("page", "action", "search") and not one["post"]}
    assert len(urls) > 10
    assert {url: client.get(url).status_code for url in urls} == dict.fromkeys(urls, 200)


def test_theme_and_language_are_forms_that_change_what_is_not_so_already():
    client = signed_in(make_actor())
    posts = [one["post"] for one in client.get("/api/palette/", {"q": "theme"}).json()["results"] if one["post"]]
    assert posts == [{"theme": "light"}, {"theme": "dark"}]
    assert "Português" in titles(client, "port", "action") and "English" not in titles(client, "engl", "action")


def test_words_are_found_without_their_accents_and_by_their_beginnings():
    assert matches(["acao"], "Plano de Ação") and matches(["pl", "ac"], "Plano de Ação")
    assert not matches(["no"], "Plano") and matches(["lano"], "Plano")


def test_another_language_has_its_own_titles():
    client = signed_in(make_actor())
    client.cookies["orq_language"] = "pt-br"
    assert "Tarefas" in titles(client, "tarefas", "page")


def test_a_long_query_and_odd_signs_are_no_error():
    client = signed_in(make_actor())
    for query in ("x" * 5000, "%_'\"<b>", "\u0000", "  "):
        assert client.get("/api/palette/", {"q": query}).status_code == 200


def test_it_asks_the_database_as_little_with_many_rows():
    actor = make_actor()
    about = {"team": actor.team, "owner": actor.user}
    Task.objects.bulk_create([Task(title=f"Report {n} on ducks", description="x", **about) for n in range(3000)])
    Conversation.objects.bulk_create([Conversation(title=f"Talk {n} of ducks", **about) for n in range(3000)])
    provider = model_of(actor).provider
    AIModel.objects.bulk_create([AIModel(provider=provider, key=f"duck-{n}", family="duck") for n in range(1000)])
    client = signed_in(actor)
    client.get("/api/palette/", {"q": "duck"})
    for query in ("d", "duck", "2999 duck", "nothing like it"):
        with CaptureQueriesContext(connection) as queries:
            client.get("/api/palette/", {"q": query})
        assert len(queries) <= 8


@pytest.mark.parametrize(
    ("cost", "unpriced", "is_zero", "is_unknown"), [("0.00", 0, True, False), (None, 1, False, True), ("0.50", 0, False, False)]
)
def test_a_chart_of_cost_tells_zero_from_nothing_and_from_unknown(cost, unpriced, is_zero, is_unknown):
    day = {"date": timezone.now().date(), "total": 1, "completed": 1, "escalated": 0, "failed": 0}
    chart = daily_charts([{**day, "cost": cost, "unpriced": unpriced}])["cost"]
    assert (chart.is_zero, chart.is_unknown) == (is_zero, is_unknown)
    nothing = daily_charts([{**day, "total": 0, "completed": 0, "cost": "0", "unpriced": 0}])["cost"]
    assert nothing.is_empty and not nothing.is_zero
