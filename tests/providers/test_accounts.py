"""Accounts at AI vendors: what each tells, what is shown where one tells nothing, and the notice when little is left."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import Notification
from apps.common.errors import BadInput, Conflict
from apps.providers import services
from apps.providers.balances import TELLS, Balance
from apps.providers.balances.asking import month_began
from apps.providers.contract import Completion, Connection, Usage
from apps.providers.errors import AuthenticationFailed, MalformedAnswer, NotAnApi, ProviderError, RateLimited
from apps.providers.models import ExternalAccount, ProviderKey
from tests.factories import make_actor
from tests.providers.rows import make_model, make_provider
from tests.servers.bytes_server import HTML, JSON, BytesServer, whole

SECRET = "sk-or-v1-0123456789-wxyz"
sync_due = async_to_sync(services.accounts_sync_due)


def said(body: object, status: str = "200 OK") -> tuple:
    return whole(JSON, json.dumps(body), status=status)


NO = said({"error": {"message": "Only management keys can fetch credits", "code": 403}}, "403 Forbidden")
NO_KEY = said({"error": {"message": "No such key", "code": 401}}, "401 Unauthorized")


async def told(vendor: str, *scripts: tuple) -> tuple[Balance, list]:
    """What a vendor's function makes of these answers, and what it asked."""
    async with BytesServer(*scripts) as server:
        connection = Connection("openai_compatible", server.url, SECRET, name="Mine", allow_private=True)
        return await TELLS[vendor](connection), server.requests


# ── What each vendor tells ────────────────────────────────────────────────────────────────────────────────────────
async def test_deepseek_tells_each_currency_and_dollars_are_preferred():
    yuan = {"currency": "CNY", "total_balance": "110.00", "granted_balance": "10.00", "topped_up_balance": "100.00"}
    balance, (request,) = await told("deepseek", said({"is_available": True, "balance_infos": [yuan]}))
    assert balance == Balance(left=Decimal("110.00"), currency="CNY")
    assert (request.method, request.path, request.headers["authorization"]) == ("GET", "/user/balance", f"Bearer {SECRET}")
    both = [yuan, {"currency": "USD", "total_balance": "-0.25"}]
    balance, _ = await told("deepseek", said({"is_available": False, "balance_infos": both}))
    assert balance == Balance(left=Decimal("-0.25"), currency="USD")


async def test_novita_counts_in_ten_thousandths_of_a_dollar():
    answer = {"availableBalance": "1000000", "cashBalance": "800000", "creditLimit": "200000", "outstandingInvoices": "0"}
    balance, (request,) = await told("novita", said(answer))
    assert balance == Balance(left=Decimal(100), limit=Decimal(20)) and request.path == "/openapi/v1/billing/balance/detail"


async def test_openrouter_tells_a_management_key_of_the_account():
    balance, (request,) = await told("openrouter", said({"data": {"total_credits": 100.5, "total_usage": 25.75}}))
    assert balance == Balance(left=Decimal("74.75")) and request.path == "/v1/credits"


async def test_openrouter_tells_an_ordinary_key_of_its_own_limit():
    limited = {"label": "sk-or…", "limit": 100, "limit_remaining": 74.5, "usage": 300, "usage_monthly": 25.5}
    balance, requests = await told("openrouter", NO, said({"data": limited}))
    assert balance == Balance(left=Decimal("74.5"), limit=Decimal(100), spent=Decimal("25.5"))
    assert [request.path for request in requests] == ["/v1/credits", "/v1/key"]
    balance, _ = await told("openrouter", NO, said({"data": {**limited, "limit": None, "limit_remaining": None}}))
    assert balance == Balance(spent=Decimal("25.5"))


async def test_openai_tells_an_administrator_what_was_spent_page_by_page():
    def day(*values: object) -> dict:
        return {"results": [{"amount": {"value": value, "currency": "usd"}} for value in values]}

    first = {"object": "page", "data": [day(0.06, "1.50"), day()], "has_more": True, "next_page": "page_2"}
    balance, requests = await told("openai", said(first), said({"data": [day(2)], "has_more": False, "next_page": None}))
    assert balance == Balance(spent=Decimal("3.56"))
    assert f"start_time={int(month_began().timestamp())}" in requests[0].path and "page=page_2" in requests[1].path


async def test_anthropic_tells_an_administrator_what_was_spent_in_cents():
    answer = {
        "data": [{"results": [{"amount": "123.45", "currency": "USD"}, {"amount": "0.55"}]}, {"results": []}],
        "has_more": False,
    }
    balance, (request,) = await told("anthropic", said(answer))
    assert balance == Balance(spent=Decimal("1.24"))
    assert request.headers["x-api-key"] == SECRET and "authorization" not in request.headers


@pytest.mark.parametrize("vendor", sorted(TELLS))
@pytest.mark.parametrize(
    ("script", "error"),
    [
        (NO_KEY, AuthenticationFailed),
        (said({"error": {"message": "slow down"}}, "429 No"), RateLimited),
        (said({}), MalformedAnswer),
        (said([1]), MalformedAnswer),
        (said({"data": "none", "balance_infos": 7, "availableBalance": "NaN"}), MalformedAnswer),
        (said({"data": [{"results": [{"amount": {"value": "much"}}]}], "balance_infos": [{}]}), MalformedAnswer),
        (whole(HTML, "<html>welcome</html>"), NotAnApi),
        (whole({"location": "https://elsewhere.example.org/"}, b"", status="302 Found"), ProviderError),
    ],
)
async def test_an_answer_that_tells_nothing_is_never_read_as_a_sum(vendor, script, error):
    with pytest.raises(error) as caught:
        await told(vendor, script)
    assert SECRET not in caught.value.message


# ── Keeping it ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def api(actor):
    client = APIClient()
    client.force_authenticate(actor.user)
    return client


@pytest.fixture
def client(client, actor):
    client.force_login(actor.user)
    return client


@pytest.fixture
def vendor(monkeypatch):
    """What DeepSeek says when it is asked: a balance or an error, and how often it was asked."""
    asked = SimpleNamespace(answer=Balance(left=Decimal(50)), times=0, keys=set())

    async def answer(connection: Connection) -> Balance:
        asked.times += 1
        asked.keys.add(connection.api_key)
        if isinstance(asked.answer, Exception):
            raise asked.answer
        return asked.answer

    monkeypatch.setitem(TELLS, "deepseek", answer)
    return asked


def deepseek(actor, **more) -> ExternalAccount:
    return services.account_create(actor, **{"vendor": "deepseek", "secret": "sk-0123456789-wxyz", **more})


def due_again() -> None:
    ExternalAccount.objects.update(sync_after=timezone.now() - timedelta(seconds=1))


def test_a_new_account_with_a_key_is_asked_about_at_the_next_look_and_then_every_hour(actor, vendor):
    account = deepseek(actor)
    assert sync_due() == 1 and sync_due() == 0
    account.refresh_from_db()
    assert (account.balance, account.name, vendor.keys) == (50, "DeepSeek", {"sk-0123456789-wxyz"})
    assert timedelta(minutes=59) < account.sync_after - timezone.now() <= timedelta(hours=1)
    due_again()
    assert sync_due() == 1 and vendor.times == 2


def test_a_vendor_that_refuses_keeps_the_last_balance_says_why_and_is_left_alone_longer(actor, vendor):
    account = deepseek(actor)
    sync_due()
    vendor.answer = AuthenticationFailed("The key is not good.")
    due_again()
    sync_due()
    account.refresh_from_db()
    assert (account.balance, account.last_error) == (50, "The key is not good.")
    assert account.sync_after - timezone.now() > timedelta(hours=5)


def test_little_left_is_told_once_until_there_was_more(actor, vendor):
    account = deepseek(actor, alert_below="20")
    for left, notices in (("50", 0), ("19.99", 1), ("10", 1), ("60", 1), ("5", 2), ("-1", 2)):
        vendor.answer = Balance(left=Decimal(left))
        due_again()
        sync_due()
        assert Notification.objects.filter(user=actor.user, kind="account_low").count() == notices, left
    first = Notification.objects.order_by("created_at")[0]
    assert "US$ 19.99" in first.title and str(account.public_id) in first.url


def test_with_its_owner_gone_the_teams_admins_are_told(actor, vendor):
    member = make_actor("member", team=actor.team)
    deepseek(member, alert_below="100")
    ExternalAccount.objects.update(owner=None)
    sync_due()
    assert [notice.user for notice in Notification.objects.all()] == [actor.user]


def spend(actor, usd: str, **provider) -> None:
    model = make_model(actor, make_provider(actor, is_local=False, **provider), price_input=Decimal(usd), price_output=Decimal(0))
    about = {"team_id": actor.team.pk, "owner_id": actor.user.pk, "model": model, "purpose": "chat"}
    services.usage_record(**about, completion=Completion("x", "stop", Usage(1_000_000, 0), "m"))


def test_where_a_vendor_tells_nothing_the_recorded_spend_is_held_against_the_limit(actor, client):
    account = services.account_create(actor, vendor="mistral", credit_limit="10", alert_below="4")
    spend(actor, "7", kind="mistral", base_url="")
    spend(actor, "3", kind="openai", base_url="")  # another vendor's
    sync_due()
    assert "US$ 3.00 left" in Notification.objects.get().title
    html = client.get(reverse("providers:account", args=[account.public_id])).content.decode()
    assert "This vendor tells no balance" in html and "US$ 7.00" in html and "as recorded here" in html
    assert 'name="key"' not in html
    with pytest.raises(Conflict, match="tells nobody"):
        async_to_sync(services.account_sync)(actor, account)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"vendor": "nobody"}, "vendor"),
        ({"vendor": "lmstudio"}, "vendor"),
        ({"alert_below": "-1"}, "alert_below"),
        ({"credit_limit": "Infinity"}, "credit_limit"),
        ({"secret": "two words"}, "secret"),
        ({"secret": "sk-ant-0123456789"}, "secret"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_field(actor, given, field):
    with pytest.raises(BadInput) as caught:
        deepseek(actor, **given)
    assert {error["field"] for error in caught.value.errors} == {field}
    assert not ExternalAccount.objects.exists() and not ProviderKey.objects.exists()


def test_a_key_of_another_place_is_refused(actor):
    elsewhere = services.key_create(
        actor, name="x", kind="openai_compatible", base_url="https://evil.example.org/v1", secret="abc"
    )
    with pytest.raises(BadInput, match="given for another address"):
        deepseek(actor, secret="", key=elsewhere)


# ── REST and pages ────────────────────────────────────────────────────────────────────────────────────────────────
def test_rest_makes_asks_changes_and_removes_an_account(actor, api, vendor):
    body = api.post("/api/external-api-accounts/", {"vendor": "deepseek", "secret": "sk-0123456789-wxyz"}, format="json").json()
    url = f"/api/external-api-accounts/{body['id']}/"
    assert "sk-0123456789" not in json.dumps(body) and body["balance"] is None and body["state"]["tells"] is True
    body = api.post(f"{url}sync-credits/").json()
    assert (body["balance"], body["state"]["left"], body["last_error"]) == ("50.00000000", "50.00000000", "")
    vendor.answer = RateLimited("Too many requests.", retry_after_s=7)
    answer = api.post(f"{url}sync-credits/")
    assert answer.status_code == 502 and api.get(url).json()["last_error"] == "Too many requests."
    body = api.patch(url, {"alert_below": "60", "name": "Mine"}, format="json").json()
    assert (body["name"], body["state"]["is_low"]) == ("Mine", True)
    assert api.post("/api/external-api-accounts/", {"vendor": "mistral"}, format="json").status_code == 201
    assert api.delete(url).status_code == 204 and ProviderKey.objects.count() == 1


def test_the_pages_make_and_show_accounts(actor, client, vendor):
    assert "No account yet" in client.get(reverse("providers:accounts")).content.decode()
    given = {"name": "Work", "secret": "sk-0123456789-wxyz", "alert_below": "100"}
    page = client.post(reverse("providers:account_new", args=["deepseek"]), given, follow=True).content.decode()
    assert "US$ 50.00" in page and "as the vendor says" in page and "Running low" in page and "sk-0123456789" not in page
    vendor.answer = AuthenticationFailed("The key was revoked.")
    account = ExternalAccount.objects.get()
    page = client.post(reverse("providers:account_sync", args=[account.public_id]), follow=True).content.decode()
    assert "The key was revoked." in page and "US$ 50.00" in page
    client.post(reverse("providers:account_delete", args=[account.public_id]))
    assert not ExternalAccount.objects.exists() and ProviderKey.objects.exists()


def test_the_lists_take_as_many_queries_for_ten_accounts_as_for_one(actor, client, api, django_assert_max_num_queries):
    for _number in range(10):
        deepseek(actor)
    client.get(reverse("providers:accounts"))
    with django_assert_max_num_queries(12):
        client.get(reverse("providers:accounts"))
    with django_assert_max_num_queries(8):
        api.get("/api/external-api-accounts/")
