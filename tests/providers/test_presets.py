"""The vendors that people can choose: each leads to a provider that can be added as it is proposed."""

from __future__ import annotations

import pytest

from apps.providers import services
from apps.providers.addresses import is_vendor_itself
from apps.providers.models import Provider
from apps.providers.presets import ALL, choice_of, choices
from tests.factories import make_actor

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("choice", choices(), ids=lambda choice: choice.slug)
def test_every_choice_can_be_added_as_it_is_proposed(choice):
    url = choice.base_url or ("https://example.org/v1" if choice.asks_address else "")
    provider = services.provider_create(
        make_actor(), display_name=choice.name, kind=choice.kind, base_url=url, api_key="sk-1234", is_local=choice.is_local
    )
    assert Provider.objects.get(pk=provider.pk).is_local == (choice.group == "local")


def test_genspark_says_that_nothing_about_it_is_published_and_may_break():
    choice = choice_of("genspark")
    assert choice.kind == "genspark"
    assert "published no description" in str(choice.help) and "may change" in str(choice.help)


def test_a_choice_is_named_once():
    assert len({choice.slug for choice in ALL}) == len(ALL)


def test_prices_of_the_file_hold_only_at_the_vendor_itself():
    assert is_vendor_itself("openai", "") and is_vendor_itself("mistral", "https://api.mistral.ai/v1")
    assert not is_vendor_itself("openai", "https://openai.reseller.example.org/v1")
    assert not is_vendor_itself("openai_compatible", "https://api.openai.com/v1")


def test_another_installation_on_the_own_network_is_not_taken_for_free():
    choice = choice_of("orquestrador")
    provider = services.provider_create(
        make_actor(), display_name="Next door", kind=choice.kind, base_url="http://192.168.1.2:8000/v1", is_local=choice.is_local
    )
    assert not provider.is_local
