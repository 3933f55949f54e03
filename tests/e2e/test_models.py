"""The list of models in a real browser: it is brought up to date when the socket says that something changed."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from apps.providers.models import AIModel, ModelLoad
from tests.e2e.browser import find, wait
from tests.factories import make_actor
from tests.providers.rows import make_model, make_provider

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TELL = "document.dispatchEvent(new CustomEvent('orq:model', {detail: arguments[0]}))"


@pytest.fixture
def model():
    actor = make_actor()
    actor.team.set_up_at = timezone.now()
    actor.team.save()
    provider = make_provider(actor, kind="lmstudio", base_url="http://127.0.0.1:9", is_local=True)
    return make_model(actor, provider, key="qwen/qwen3-8b", state="loading")


@pytest.fixture
def page(chromium, live_server, model):
    client = Client()
    client.force_login(model.provider.owner, backend="django.contrib.auth.backends.ModelBackend")
    chromium.get(f"{live_server.url}/sign-in/")
    chromium.delete_all_cookies()
    chromium.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value, "path": "/"})
    return chromium


def test_a_load_moves_and_ends_on_the_page_without_a_click(page, live_server, model):
    now = timezone.now()
    load = ModelLoad.objects.create(
        team=model.provider.team, owner=model.provider.owner, model=model, state="loading", progress=0.1, started_at=now
    )
    page.get(f"{live_server.url}/models/")
    row = f"#managed-{model.public_id}"
    assert find(page, f"{row} progress").get_attribute("value") == "10"
    page.execute_script(TELL, {"event": "state", "model": {"id": str(model.public_id), "load": {"progress": 0.6}}})
    assert find(page, f"{row} progress").get_attribute("value") == "60"
    assert "s" in find(page, f"{row} [data-since]").text
    ModelLoad.objects.filter(pk=load.pk).update(state="loaded", is_open=None)
    AIModel.objects.filter(pk=model.pk).update(state="loaded")
    page.execute_script(TELL, {"event": "state", "model": {"id": str(model.public_id), "load": None}})
    wait(page, lambda seen: "Unload" in find(seen, row).text)
    assert "Loaded" in find(page, row).text


def test_the_policy_refuses_nothing_on_the_pages_of_models(page, live_server, model):
    paths = ("", "found/", "downloads/", "recommend/", "settings/", f"{model.public_id}/", f"{model.public_id}/load/")
    page.get_log("browser")
    for path in paths:
        page.get(f"{live_server.url}/models/{path}")
        assert find(page, "h1").text
        refused = [entry["message"] for entry in page.get_log("browser") if "Content Security Policy" in entry["message"]]
        assert not refused
