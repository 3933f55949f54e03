"""Pages of providers and models: adding with a test before, switching, editing, deleting."""

from __future__ import annotations

import pytest
from django.urls import reverse

from apps.accounts.models import Role
from apps.providers import services
from apps.providers.contract import CheckResult
from apps.providers.models import AIModel, Provider
from apps.providers.presets import choices
from apps.providers.services import builtin_ensure
from tests.factories import make_actor, model_of, provider_of, signed_in

pytestmark = pytest.mark.django_db
SILENT = "http://127.0.0.1:9/v1"


@pytest.fixture
def client(actor):
    return signed_in(actor)


def test_every_preset_has_a_form_that_asks_what_it_needs(client):
    for choice in choices():
        html = client.get(reverse("providers:new", args=[choice.slug])).content.decode()
        assert ('name="base_url"' in html) == choice.asks_address, choice
        assert ('name="api_key"' in html) == (choice.key != "none"), choice
        assert not choice.key_place or choice.key_place in html


def test_an_unknown_preset_is_not_there(client):
    assert client.get(reverse("providers:new", args=["nobody"])).status_code == 404


def test_a_test_before_saving_shows_the_answer_and_keeps_nothing(client, actor, monkeypatch):
    async def answers(actor, **given):
        return CheckResult(ok=True, message="Answers, and lists 3 models.", latency_ms=412, models=3)

    monkeypatch.setattr(services, "connection_try", answers)
    given = {"display_name": "Mine", "api_key": "sk-test-1234567890", "test": "1"}
    html = client.post(reverse("providers:new", args=["openai"]), given, headers={"HX-Request": "true"}).content.decode()
    assert "lists 3 models" in html and "412\u00a0ms" in html and "<html" not in html
    assert not Provider.objects.filter(team=actor.team).exists()


def test_a_key_is_never_sent_back_to_the_page(client):
    given = {"display_name": "", "api_key": "sk-test-1234567890", "test": "1"}
    assert "sk-test-1234567890" not in client.post(reverse("providers:new", args=["openai"]), given).content.decode()


def test_saving_keeps_the_provider_and_says_that_it_does_not_answer(client, actor):
    response = client.post(reverse("providers:new", args=["ollama"]), {"display_name": "Mine", "base_url": SILENT}, follow=True)
    provider = Provider.objects.get(team=actor.team)
    assert provider.display_name == "Mine" and provider.last_check_ok is False
    assert "does not list its models" in response.content.decode()


def test_what_is_wrong_is_said_beside_the_field(client, actor):
    response = client.post(reverse("providers:new", args=["other"]), {"display_name": "Mine", "base_url": "ftp://example.org"})
    assert response.status_code == 400 and 'id="id_base_url_error"' in response.content.decode()
    assert not Provider.objects.exists()


def test_a_check_tells_what_it_found(client, actor):
    provider = provider_of(actor)
    Provider.objects.filter(pk=provider.pk).update(base_url=SILENT, allows_private_address=True)
    html = client.post(reverse("providers:check", args=[provider.public_id]), follow=True).content.decode()
    assert "does not work" in html and "Nobody answers" in html


def test_a_provider_is_switched_off_and_on(client, actor):
    provider = provider_of(actor)
    client.post(reverse("providers:toggle", args=[provider.public_id]))
    assert not Provider.objects.get(pk=provider.pk).is_active
    client.post(reverse("providers:toggle", args=[provider.public_id]))
    assert Provider.objects.get(pk=provider.pk).is_active


def test_an_empty_key_keeps_the_saved_one(client, actor):
    provider = provider_of(actor)
    services.provider_update(actor, provider, api_key="sk-saved-1234567890")
    client.post(
        reverse("providers:edit", args=[provider.public_id]),
        {"display_name": "New name", "api_key": "", "priority": "5", "base_url": ""},
    )
    provider.refresh_from_db()
    assert (provider.display_name, provider.api_key, provider.priority) == ("New name", "sk-saved-1234567890", 5)


def test_it_is_deleted_only_when_its_name_is_typed(client, actor):
    provider = provider_of(actor)
    client.post(reverse("providers:delete", args=[provider.public_id]), {"name": "something"})
    assert Provider.objects.filter(pk=provider.pk).exists()
    client.post(reverse("providers:delete", args=[provider.public_id]), {"name": provider.display_name})
    assert not Provider.objects.filter(pk=provider.pk).exists()


def test_a_model_is_taken_out_of_use_from_its_row(client, actor):
    model = model_of(actor)
    html = client.post(reverse("providers:model_toggle", args=[model.public_id]), headers={"HX-Request": "true"}).content.decode()
    assert 'aria-checked="false"' in html and html.strip().startswith("<tr")
    assert not AIModel.objects.get(pk=model.pk).is_active


def test_only_what_was_changed_by_hand_is_set_by_hand(client, actor):
    model = model_of(actor)
    form = {
        "display_name": "",
        "family": model.family,
        "tier": model.tier,
        "capabilities": ["chat"],
        "price_input": "0.25",
        "price_output": "2",
    }
    assert client.post(reverse("providers:model", args=[model.public_id]), form).status_code == 302
    model.refresh_from_db()
    assert (str(model.price_input.normalize()), str(model.price_output.normalize())) == ("0.25", "2")
    assert {"price_input", "price_output"} <= set(model.human_edits) and not {"family", "tier", "capabilities"} & set(
        model.human_edits
    )


def test_the_practice_models_are_switched_with_one_click(client, actor):
    builtin_ensure(actor.team.pk)
    practice = AIModel.objects.filter(provider__team=actor.team, is_practice=True)
    client.post(reverse("providers:practice"), {"on": "0"})
    assert not practice.filter(is_active=True).exists()
    client.post(reverse("providers:practice"), {"on": "1"})
    assert not practice.filter(is_active=False).exists()


@pytest.mark.parametrize("name", ["toggle", "delete", "check", "sync"])
def test_a_viewer_changes_nothing(actor, name):
    provider = provider_of(actor)
    viewer = signed_in(make_actor(Role.VIEWER, team=actor.team))
    response = viewer.post(reverse(f"providers:{name}", args=[provider.public_id]), {"name": provider.display_name})
    assert response.status_code == 403 and Provider.objects.get(pk=provider.pk).is_active
