"""Keys of AI vendors: kept apart from providers, shared by them, sent to their own place alone, shown by four characters."""

from __future__ import annotations

import json
import logging
import re
from datetime import timedelta
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

import apps
from apps.common.db import in_db
from apps.common.encryption import Cipher
from apps.common.errors import BadInput, Conflict, NotAllowed
from apps.providers import selectors, services
from apps.providers.contract import Completion, Usage
from apps.providers.errors import AuthenticationFailed
from apps.providers.models import Provider, ProviderKey
from tests.factories import make_actor
from tests.providers.rows import make_model, make_provider
from tests.servers.bytes_server import JSON, BytesServer, whole

pytestmark = pytest.mark.django_db
SECRET = "sk-0123456789-very-secret-wxyz"
LISTING = whole(JSON, json.dumps({"object": "list", "data": [{"id": "m"}]}))
REFUSED = whole(JSON, json.dumps({"error": {"message": f"Incorrect key {SECRET}", "code": "invalid_api_key"}}), status="401 No")


@pytest.fixture
def api(actor):
    client = APIClient()
    client.force_authenticate(actor.user)
    return client


@pytest.fixture
def client(client, actor):
    client.force_login(actor.user)
    return client


def make_key(actor, *, url="https://one.example.org/v1", **more) -> ProviderKey:
    about = {"name": "Shared", "kind": "openai_compatible", "base_url": url, "secret": SECRET}
    return services.key_create(actor, **{**about, **more})


def fields_of(caught) -> set[str]:
    return {error["field"] for error in caught.value.errors}


# ── What is entered ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("typed", [f"  {SECRET}\r\n", f"\t{SECRET} ", f'"{SECRET}"', f"Bearer {SECRET}", SECRET])
def test_what_surrounds_a_key_is_left_out(actor, typed):
    assert make_key(actor, secret=typed).secret == SECRET


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("sk-abc def-123456", "space or a line end"),
        ("sk-abc\nsk-def-123456", "space or a line end"),
        ("sk-ábc-1234567890", "no key has"),
        ("sk-\x07abc-123456789", "no key has"),
        ("", "Enter the key"),
        ("x" * 4_001, "longer than"),
    ],
)
def test_a_broken_key_is_refused_in_words_that_hold_none_of_it(actor, typed, word):
    for add in (lambda: make_key(actor, secret=typed), lambda: make_provider(actor, api_key=typed)):
        if not typed and add.__code__.co_names[0] == "make_provider":
            continue
        with pytest.raises(BadInput, match=word) as caught:
            add()
        assert not typed or typed not in caught.value.message
    assert not ProviderKey.objects.exists()


@pytest.mark.parametrize(
    ("kind", "url", "typed", "theirs"),
    [
        ("openai", "", "sk-ant-api03-0123456789", "Anthropic"),
        ("anthropic", "", "sk-proj-0123456789", "OpenAI"),
        ("google", "", "sk-or-v1-0123456789", "OpenRouter"),
        ("openai", "", "AIzaSy0123456789", "Google"),
        ("openai_compatible", "https://openrouter.ai/api/v1", "gsk_0123456789", "Groq"),
        ("genspark", "", "gsk_0123456789", "Groq"),
    ],
)
def test_a_key_of_another_vendor_is_recognised_by_how_it_begins(actor, kind, url, typed, theirs):
    with pytest.raises(BadInput, match=f"This is a key of {theirs}") as caught:
        services.key_create(actor, name="x", kind=kind, base_url=url, secret=typed)
    assert caught.value.errors[0]["code"] == "wrong_vendor" and "0123456789" not in caught.value.message
    with pytest.raises(BadInput):
        services.provider_create(actor, display_name="x", kind=kind, base_url=url, api_key=typed)


def test_a_gateway_may_take_whatever_keys_it_likes(actor):
    assert make_key(actor, secret="sk-ant-anything-goes-here").pk
    assert services.key_create(actor, name="x", kind="genspark", secret="gsk-0123456789").pk


# ── What is shown ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_four_characters_are_shown_and_of_a_short_key_none(actor):
    assert make_key(actor).ending == "wxyz"
    assert make_key(actor, secret="short-12345").ending == ""


def test_no_answer_page_log_or_representation_holds_the_key(actor, api, client, caplog):
    caplog.set_level(logging.DEBUG)
    said = [api.post("/api/api-keys/", {"name": "A", "kind": "openai", "secret": SECRET}, format="json").content.decode()]
    key = ProviderKey.objects.get()
    url = f"/api/api-keys/{key.public_id}/"
    said += [api.get(address).content.decode() for address in (url, "/api/api-keys/", "/api/schema/")]
    said += [api.patch(url, {"secret": SECRET}, format="json").content.decode(), repr(key), str(key)]
    said += [client.get(reverse(name, args=args)).content.decode() for name, args in (
        ("providers:keys", []), ("providers:key", [key.public_id]),
        ("admin:providers_providerkey_changelist", []), ("admin:providers_providerkey_change", [key.pk]),
    )]  # fmt: skip
    assert all(SECRET not in text and SECRET[:20] not in text for text in [*said, caplog.text])
    assert "wxyz" in said[0] and '"secret"' not in said[1]


def test_the_list_takes_as_many_queries_for_ten_keys_as_for_one(actor, client, django_assert_max_num_queries):
    make_key(actor)
    client.get(reverse("providers:keys"))
    for _number in range(9):
        make_key(actor)
    with django_assert_max_num_queries(12):
        client.get(reverse("providers:keys"))


# ── Which providers it serves ─────────────────────────────────────────────────────────────────────────────────────
def test_one_key_serves_several_providers_of_its_place(actor):
    key = make_key(actor)
    providers = [make_provider(actor, base_url=f"https://one.example.org/{path}", key=key) for path in ("v1", "v2")]
    assert {provider.connection.api_key for provider in Provider.objects.all()} == {SECRET}
    services.key_update(actor, key, secret="sk-a-newer-one-9999")
    assert {provider.connection.api_key for provider in Provider.objects.all()} == {"sk-a-newer-one-9999"}
    assert [provider.has_key for provider in providers] == [True, True]


@pytest.mark.parametrize(
    "url", ["https://two.example.org/v1", "http://one.example.org/v1", "https://one.example.org:8443/v1", "https://one.example.org.evil.example/v1"]
)  # fmt: skip
def test_a_key_is_refused_for_any_other_place(actor, url):
    key = make_key(actor)
    with pytest.raises(BadInput) as caught:
        make_provider(actor, base_url=url, key=key)
    assert fields_of(caught) == {"key"}
    with pytest.raises(BadInput):
        async_to_sync(services.connection_try)(actor, kind="openai_compatible", base_url=url, key=key)


def test_a_vendors_own_address_is_the_same_place_whether_written_out_or_not(actor):
    key = services.key_create(actor, name="x", kind="openai", secret=SECRET)
    for kind, url in (
        ("openai", ""),
        ("openai", "https://api.openai.com/v1"),
        ("openai_compatible", "https://api.openai.com/v1"),
    ):
        assert make_provider(actor, kind=kind, base_url=url, key=key).connection.api_key == SECRET


def test_a_key_follows_no_provider_to_another_host(actor):
    key = make_key(actor)
    provider = make_provider(actor, base_url="https://one.example.org/v1", key=key)
    with pytest.raises(BadInput, match="Give the key again"):
        services.provider_update(actor, provider, base_url="https://evil.example.org/v1")
    with pytest.raises(BadInput, match="another address"):
        services.provider_update(actor, Provider.objects.get(pk=provider.pk), base_url="https://evil.example.org/v1", key=key)
    assert Provider.objects.get(pk=provider.pk).base_url == "https://one.example.org/v1"


def test_whatever_brought_key_and_provider_apart_the_key_is_not_sent(actor):
    provider = make_provider(actor, base_url="https://one.example.org/v1", key=make_key(actor))
    Provider.objects.update(base_url="https://evil.example.org/v1")
    with pytest.raises(AuthenticationFailed, match="another address"):
        _ = Provider.objects.get(pk=provider.pk).connection


def test_a_key_given_on_the_providers_page_changes_and_leaves_with_it(actor):
    provider = make_provider(actor, base_url="https://one.example.org/v1", api_key=SECRET)
    row = ProviderKey.objects.get()
    assert row.belongs_to_provider and row.name == provider.display_name
    services.provider_update(actor, provider, base_url="https://two.example.org/v1", api_key="sk-another-key-9999")
    assert ProviderKey.objects.get().pk == row.pk and ProviderKey.objects.get().base_url == "https://two.example.org/v1"
    services.provider_delete(actor, Provider.objects.get())
    assert not ProviderKey.objects.exists()


def test_a_shared_key_is_not_changed_by_the_way_and_stays_when_a_provider_goes(actor):
    key = make_key(actor)
    one, two = (make_provider(actor, base_url="https://one.example.org/v1", key=key) for _ in range(2))
    services.provider_update(actor, one, api_key="sk-only-for-one-9999")
    assert Provider.objects.get(pk=two.pk).api_key == SECRET
    assert Provider.objects.get(pk=one.pk).api_key == "sk-only-for-one-9999"
    services.provider_delete(actor, two)
    services.provider_update(actor, one, key=key)
    assert list(ProviderKey.objects.all()) == [key]


def test_a_key_that_is_off_or_expired_is_sent_to_nobody_and_says_why(actor):
    key = make_key(actor)
    provider = make_provider(actor, base_url="https://one.example.org/v1", key=key)
    services.key_update(actor, key, is_active=False)
    result = async_to_sync(services.provider_check)(actor, selectors.access_provider(actor, provider.public_id))
    assert (result.ok, result.error_code) == (False, "authentication") and "switched off" in result.message
    services.key_update(actor, key, is_active=True, expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(AuthenticationFailed, match="has expired"):
        _ = Provider.objects.get(pk=provider.pk).connection


def test_a_change_of_the_key_is_news_to_whoever_holds_a_connection(actor):
    key = make_key(actor)
    provider = make_provider(actor, base_url="https://one.example.org/v1", key=key)
    before = Provider.objects.get(pk=provider.pk).updated_at
    services.key_update(actor, key, is_active=False)
    assert Provider.objects.get(pk=provider.pk).updated_at > before


def test_deleting_names_what_uses_it_first(actor, api):
    key = make_key(actor)
    provider = make_provider(actor, base_url="https://one.example.org/v1", key=key)
    with pytest.raises(Conflict, match=str(provider)):
        services.key_delete(actor, key)
    url = f"/api/api-keys/{key.public_id}/"
    assert api.delete(url).status_code == 409 and api.delete(f"{url}?also_in_use=true").status_code == 204
    assert not Provider.objects.get(pk=provider.pk).has_key


def test_another_members_key_can_be_used_and_not_changed(actor):
    key, other = make_key(actor), make_actor("member", team=actor.team)
    assert make_provider(other, base_url="https://one.example.org/v1", key=key).has_key
    with pytest.raises(NotAllowed):
        services.key_update(other, key, secret="sk-mine-now-123456")
    with pytest.raises(NotAllowed):
        services.key_delete(other, key)


def test_a_key_is_noted_as_used_when_its_model_answered(actor):
    key = make_key(actor)
    model = make_model(actor, make_provider(actor, base_url="https://one.example.org/v1", key=key))
    about = {"team_id": actor.team.pk, "owner_id": actor.user.pk, "model": model, "purpose": "chat"}
    services.usage_record(**about, completion=None, error_code="unreachable")
    assert ProviderKey.objects.get().last_used_at is None
    services.usage_record(**about, completion=Completion("x", "stop", Usage(1, 1), "m"))
    assert ProviderKey.objects.get().last_used_at


# ── Testing it ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_test_asks_the_vendor_and_keeps_the_answer_and_its_time():
    @async_to_sync
    async def scenario():
        actor = await in_db(make_actor)
        async with BytesServer(LISTING) as server:
            key = await in_db(lambda: make_key(actor, url=server.url))
            result = await services.key_test(actor, key)
            assert server.requests[0].headers["authorization"] == f"Bearer {SECRET}"
        stored = await in_db(lambda: ProviderKey.objects.get(pk=key.pk))
        assert result.ok and (stored.last_test_ok, stored.last_test_message) == (True, result.message)
        assert stored.last_tested_at and stored.last_test_ms is not None

    scenario()


def test_a_revoked_key_is_said_to_be_refused_without_being_repeated():
    @async_to_sync
    async def scenario():
        actor = await in_db(make_actor)
        async with BytesServer(REFUSED) as server:
            key = await in_db(lambda: make_key(actor, url=server.url))
            result = await services.key_test(actor, key)
        assert (result.ok, result.error_code) == (False, "authentication") and SECRET not in result.message
        assert (await in_db(lambda: selectors.key_state(selectors.access_key(actor, key.public_id))))["state"] == "bad"

    scenario()


def test_where_anybody_may_list_models_the_key_itself_is_asked_about(monkeypatch):
    @async_to_sync
    async def scenario():
        actor = await in_db(make_actor)
        monkeypatch.setattr(services.keys, "vendor_of", lambda kind, url: "openrouter")
        async with BytesServer(LISTING, REFUSED) as server:
            key = await in_db(lambda: make_key(actor, url=server.url))
            result = await services.key_test(actor, key)
            assert [request.path for request in server.requests] == ["/v1/models", "/v1/key"]
        assert (result.ok, result.error_code) == (False, "authentication")

    scenario()


# ── REST and pages ────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_pages_add_test_replace_and_delete_a_key(actor, client):
    url = reverse("providers:key_new", args=["other"])
    assert "Address" in client.get(url).content.decode()
    assert "Address" in client.get(reverse("providers:key_new", args=["openai"])).content.decode()
    assert client.post(url, {"name": "Mine", "base_url": "http://127.0.0.1:9/v1", "secret": "a b"}).status_code == 400
    page = client.post(url, {"name": "Mine", "base_url": "http://127.0.0.1:9/v1", "secret": SECRET}, follow=True)
    assert "is not good" in page.content.decode()  # nobody is there
    key = ProviderKey.objects.get()
    provider = make_provider(actor, base_url="http://127.0.0.1:9/v1", key=key)
    at = reverse("providers:key", args=[key.public_id])
    assert f"cannot be asked: {provider}" in client.get(at).content.decode()
    client.post(at, {"name": "Renamed", "secret": "", "is_active": "on"})
    key.refresh_from_db()
    assert (key.name, key.secret, key.last_test_ok) == ("Renamed", SECRET, False)
    client.post(at, {"name": "Renamed", "secret": "sk-replaced-0000", "is_active": "on", "expires_on": "2030-01-31"})
    key.refresh_from_db()
    assert key.ending == "0000" and key.expires_at.isoformat() == "2030-01-31T23:59:59+00:00"
    client.post(reverse("providers:key_delete", args=[key.public_id]))
    assert ProviderKey.objects.filter(pk=key.pk).exists()  # the word was not typed
    client.post(reverse("providers:key_delete", args=[key.public_id]), {"typed": "delete"})
    assert not ProviderKey.objects.exists() and Provider.objects.filter(pk=provider.pk).exists()


def test_a_provider_is_given_a_key_that_is_there_by_rest(actor, api):
    key = make_key(actor)
    given = {
        "display_name": "P",
        "kind": "openai_compatible",
        "base_url": "https://one.example.org/v1",
        "key": str(key.public_id),
    }
    body = api.post("/api/providers/", given, format="json").json()
    assert (body["key"], body["key_ending"], body["has_key"]) == (str(key.public_id), "wxyz", True)
    stranger = make_key(make_actor())
    answer = api.patch(f"/api/providers/{body['id']}/", {"key": str(stranger.public_id)}, format="json")
    assert answer.status_code == 400 and answer.json()["errors"][0]["field"] == "key"


def test_choosing_another_key_on_the_providers_page(actor, client):
    provider = make_provider(actor, base_url="https://one.example.org/v1", api_key="sk-own-own-own-1")
    key = make_key(actor)
    at = reverse("providers:edit", args=[provider.public_id])
    assert "Shared … wxyz" in client.get(at).content.decode()
    given = {"display_name": "P", "base_url": provider.base_url, "priority": "5", "api_key": "", "key": str(key.public_id)}
    client.post(at, given)
    assert Provider.objects.get(pk=provider.pk).key == key and list(ProviderKey.objects.all()) == [key]


# ── In asynchronous code ──────────────────────────────────────────────────────────────────────────────────────────
# Here providers are loaded without their key: no connection is made of them, or the door through which models are asked loads
# them anew.
WITHOUT_CONNECTION = {
    "apps/providers/admin.py", "apps/providers/selectors/management.py", "apps/providers/selectors/screens.py",
    "apps/providers/selectors/specialized.py", "apps/providers/selectors/trials.py", "apps/providers/services/breakers.py",
    "apps/providers/services/prices.py", "apps/providers/services/trials.py", "apps/providers/trials/comparison.py",
    "apps/providers/trials/consumers.py", "apps/providers/trials/worker.py", "apps/tasks/runner/journal.py",
    "apps/tasks/runner/money.py", "apps/tasks/selectors/tasks.py", "apps/tasks/selectors/journal.py", "apps/gateway/ledger.py",
    "apps/tasks/views/orchestrator.py",
    "apps/tasks/views/routing_settings.py", "apps/tasks/views/try_it.py", "apps/chat/answering.py", "apps/chat/verifying.py",
}  # fmt: skip


def test_providers_are_loaded_with_their_keys():
    """A key that is not loaded cannot be fetched by the way in asynchronous code: the call would fail there."""
    root = Path(apps.__path__[0]).parent
    found = {
        str(file.relative_to(root))
        for folder in ("apps", "orquestrador")
        for file in (root / folder).rglob("*.py")
        for call in re.findall(r"select_related\(([^()]*)\)", file.read_text(encoding="utf-8"))
        if re.search(r"""["'](?:\w+__)?provider["']""", call) and "provider__key" not in call
    }
    assert found <= WITHOUT_CONNECTION, found - WITHOUT_CONNECTION


def test_a_model_looked_up_the_usual_way_is_ready_to_be_asked():
    @async_to_sync
    async def scenario():
        actor = await in_db(make_actor)
        key = await in_db(lambda: make_key(actor))
        model = await in_db(lambda: make_model(actor, make_provider(actor, base_url="https://one.example.org/v1", key=key)))
        for look in (
            lambda: selectors.access_model(actor, model.public_id),
            lambda: selectors.routable_models(actor.team)[0],
        ):
            row = await in_db(look)
            assert row.provider.connection.api_key == SECRET
        provider = await in_db(lambda: selectors.access_provider(actor, model.provider.public_id))
        assert provider.connection.api_key == SECRET

    scenario()


# ── The move from the older table ─────────────────────────────────────────────────────────────────────────────────
@pytest.mark.django_db(transaction=True)
def test_keys_move_to_their_own_table_and_back(actor):
    provider = make_provider(actor, base_url="https://one.example.org/v1", api_key=SECRET)
    none = make_provider(actor)
    executor = MigrationExecutor(connection)
    latest = executor.loader.graph.leaf_nodes()  # of all apps: what depends on the older state was unmade too
    try:
        executor.migrate([("providers", "0012_prices_by_length")])
        with connection.cursor() as cursor:
            cursor.execute("SELECT api_key FROM ai_providers ORDER BY id")
            first, second = (row[0] for row in cursor.fetchall())
        cipher = Cipher(settings.ORQ_ENCRYPTION_KEYS)
        assert [cipher.decrypt(row.encode()).decode() for row in (first, second)] == [SECRET, ""]
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(latest)
    stored = Provider.objects.get(pk=provider.pk)
    assert (stored.api_key, stored.key.belongs_to_provider, stored.key.name) == (SECRET, True, provider.display_name)
    assert Provider.objects.get(pk=none.pk).key is None
