"""Each page of settings says where its values come from, and leads to the others."""

from __future__ import annotations

import re

import pytest

from apps.accounts.models import Role
from apps.tasks.models import RoutingSettings
from tests.factories import make_actor, signed_in

pytestmark = pytest.mark.django_db


def origin_of(html: str, name: str) -> str:
    return re.search(rf'<th scope="row">{name}</th><td><span class="tag">(\w+)</span>', html)[1]


def test_what_the_team_has_set_comes_from_the_database_and_the_rest_is_the_default():
    actor = make_actor()
    client = signed_in(actor)
    before = client.get("/orchestrator/settings/").content.decode()
    assert origin_of(before, "Most escalations") == "default"
    RoutingSettings.objects.create(team=actor.team, max_escalations=4)
    after = client.get("/orchestrator/settings/").content.decode()
    assert origin_of(after, "Most escalations") == "database" and origin_of(after, "Likeness needed") == "default"


def test_the_settings_of_models_say_it_too():
    html = signed_in(make_actor()).get("/models/settings/").content.decode()
    assert origin_of(html, "Order of suggestions") == "default"


@pytest.mark.parametrize(
    "path", ["/settings/profile/", "/settings/team/", "/api-keys/", "/budgets/", "/gateway/keys/", "/settings/system/"]
)
def test_every_page_of_settings_has_the_list_of_them_with_its_own_place_marked(path):
    html = signed_in(make_actor()).get(path).content.decode()
    assert re.search(rf'class="side-link" href="{path}" aria-current="page"', html)


def test_the_system_is_not_offered_to_those_who_may_not_see_it():
    owner = make_actor()
    member = make_actor(Role.MEMBER, team=owner.team)
    html = signed_in(member).get("/settings/profile/").content.decode()
    assert "/settings/system/" not in html


def test_settings_alone_lead_to_ones_own():
    html = signed_in(make_actor()).get("/settings/", follow=True).content.decode()
    assert "Appearance" in html and "/settings/profile/" in html
