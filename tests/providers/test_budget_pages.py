"""Budgets over REST and on their pages."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.models import Role
from apps.providers import services
from apps.providers.models import Budget
from tests.factories import make_actor, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(actor):
    return make_actor(Role.MEMBER, team=actor.team)


def api_of(actor) -> APIClient:
    client = APIClient()
    client.force_login(actor.user)
    return client


def set_budget(actor, limit="10", **more) -> Budget:
    given = {"scope": "team", "period": "month", "limit_usd": Decimal(limit)}
    return services.budget_create(actor, **{**given, **more})


def reserve(actor, amount):
    given = {"model_name": "m", "purpose": "chat", "amount_usd": Decimal(amount)}
    return services.budget_reserve(team_id=actor.team.pk, owner_id=actor.user.pk, **given)


# ── REST ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_budget_is_set_shown_changed_and_deleted(actor, member):
    client = api_of(actor)
    asked = {"scope": "person", "person": str(member.user.public_id), "period": "day", "limit_usd": "2.5", "alert_percent": 50}
    made = client.post("/api/budgets/", asked, format="json")
    assert made.status_code == 201, made.content
    body = made.json()
    assert body["person"] == {"id": str(member.user.public_id), "name": member.user.short_name}
    assert (body["limit_usd"], body["state"]["left_usd"], body["state"]["may_change"]) == ("2.50000000", "2.50000000", True)
    reserve(member, "1")
    url = f"/api/budgets/{body['id']}/"
    state = client.get(url).json()["state"]
    assert (state["held_usd"], state["left_usd"], state["is_spent"]) == ("1.00000000", "1.50000000", False)
    changed = client.patch(url, {"limit_usd": "3", "period": "month"}, format="json").json()
    assert (changed["limit_usd"], changed["period"], changed["alert_percent"]) == ("3.00000000", "month", 50)
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


def test_members_see_their_own_and_change_only_what_they_set_themselves(actor, member):
    set_budget(actor)
    of_admin = set_budget(actor, scope="person", person=member.user)
    client = api_of(member)
    shown = client.get("/api/budgets/").json()["results"]
    assert [(row["id"], row["state"]["may_change"]) for row in shown] == [(str(of_admin.public_id), False)]
    assert client.patch(f"/api/budgets/{of_admin.public_id}/", {"limit_usd": "99"}, format="json").status_code == 403
    assert client.delete(f"/api/budgets/{of_admin.public_id}/").status_code == 403
    assert client.post("/api/budgets/", {"scope": "team", "period": "day", "limit_usd": "1"}, format="json").status_code == 403
    own = {"scope": "person", "person": str(member.user.public_id), "period": "day", "limit_usd": "1"}
    assert client.post("/api/budgets/", own, format="json").status_code == 201


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"limit_usd": "-1"}, "limit_usd"),
        ({"limit_usd": "lots"}, "limit_usd"),
        ({"limit_usd": "0.000000001"}, "limit_usd"),
        ({"limit_usd": "9999999"}, "limit_usd"),
        ({"period": "week"}, "period"),
        ({"scope": "key"}, "scope"),
        ({"scope": "person"}, "person"),
        ({"scope": "person", "person": str(uuid4())}, "person"),
        ({"scope": "person", "person": "x"}, "person"),
        ({"alert_percent": 101}, "alert_percent"),
    ],
)
def test_each_wrong_value_is_an_error_of_its_field(actor, asked, field):
    given = {"scope": "team", "period": "day", "limit_usd": "1", **asked}
    answer = api_of(actor).post("/api/budgets/", given, format="json")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Budget.objects.exists()


def test_somebody_of_another_team_is_unknown(actor):
    stranger = make_actor()
    asked = {"scope": "person", "person": str(stranger.user.public_id), "period": "day", "limit_usd": "1"}
    assert api_of(actor).post("/api/budgets/", asked, format="json").status_code == 400


def test_a_list_takes_as_many_queries_however_long(actor, member, django_assert_num_queries):
    client = api_of(actor)
    for _round in range(2):
        for person in (actor.user, member.user):
            set_budget(actor, scope="person", person=person)
        reserve(actor, "1")
        with django_assert_num_queries(4):  # session, person, team, rows
            assert client.get("/api/budgets/").status_code == 200


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_page_shows_how_each_budget_stands(actor, member, django_assert_num_queries):
    set_budget(actor, "10")
    set_budget(actor, "1", scope="person", person=member.user, period="day")
    set_budget(actor, "5", name="Trial", is_active=False)
    Budget.objects.filter(scope="team", name="").update(spent_usd=Decimal("8.5"))
    Budget.objects.filter(scope="person").update(spent_usd=Decimal("1"))
    browser = signed_in(actor)
    browser.get("/")
    with django_assert_num_queries(6):
        html = browser.get("/budgets/").content.decode()
    assert "The team&#x27;s monthly budget" in html and "US$ 8.50 of US$ 10.00" in html and "US$ 1.50 left" in html
    assert "Nearly spent" in html and "Spent</span>" in html and "Not in force" in html
    assert 'value="85.0"' in html


def test_without_a_budget_the_page_says_what_one_is_for(member):
    html = signed_in(member).get("/budgets/").content.decode()
    assert "No budget yet" in html and "Set a budget" in html


def test_an_admin_sets_changes_and_deletes_a_budget(actor, member):
    browser = signed_in(actor)
    form = browser.get("/budgets/new/").content.decode()
    assert "The whole team" in form and str(member.user) in form
    given = {"period": "day", "limit_usd": "2.50", "alert_percent": "90", "name": "", "is_active": "on"}
    answer = browser.post("/budgets/new/", {**given, "whose": str(member.user.public_id)})
    assert answer.url == reverse("providers:budgets")
    budget = Budget.objects.get()
    assert (budget.person, budget.period, budget.limit_usd, budget.alert_percent) == (member.user, "day", Decimal("2.5"), 90)
    url = reverse("providers:budget_edit", args=[budget.public_id])
    assert 'value="2.5"' in browser.get(url).content.decode()
    browser.post(url, {**given, "limit_usd": "7", "is_active": ""})
    budget.refresh_from_db()
    assert (budget.limit_usd, budget.is_active) == (7, False)
    browser.post(reverse("providers:budget_delete", args=[budget.public_id]))
    assert not Budget.objects.exists()


def test_a_wrong_limit_is_said_beside_its_field_and_nothing_is_saved(actor):
    answer = signed_in(actor).post("/budgets/new/", {"whose": "team", "period": "day", "limit_usd": "-3", "alert_percent": "80"})
    assert answer.status_code == 400
    assert 'id="id_limit_usd_error"' in answer.content.decode()
    assert not Budget.objects.exists()


def test_members_choose_among_themselves_alone(actor, member):
    browser = signed_in(member)
    form = browser.get("/budgets/new/").content.decode()
    assert "The whole team" not in form and str(actor.user) not in form
    given = {"period": "day", "limit_usd": "1", "alert_percent": "80", "is_active": "on"}
    assert browser.post("/budgets/new/", {**given, "whose": "team"}).status_code == 400
    assert browser.post("/budgets/new/", {**given, "whose": str(member.user.public_id)}).status_code == 302


def test_a_member_reads_what_an_admin_set_for_them_without_buttons(actor, member):
    budget = set_budget(actor, scope="person", person=member.user)
    url = reverse("providers:budget_edit", args=[budget.public_id])
    browser = signed_in(member)
    html = browser.get(url).content.decode()
    assert "Only an admin of the team can change it." in html and "<form class=" not in html
    assert browser.post(url, {"period": "day", "limit_usd": "99", "alert_percent": "80", "is_active": "on"}).status_code == 403
    assert browser.post(reverse("providers:budget_delete", args=[budget.public_id])).status_code == 403
    assert Budget.objects.get().limit_usd == 10


def test_viewers_are_told_that_they_cannot_set_any(actor):
    viewer = make_actor(Role.VIEWER, team=actor.team)
    browser = signed_in(viewer)
    assert "Set a budget" not in browser.get("/budgets/").content.decode()
    assert browser.get("/budgets/new/").status_code == 403
