"""Adding, changing, checking and syncing providers; the practice models; failures that are remembered."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.db import connection, connections, transaction

from apps.accounts.contract import TeamCreated
from apps.accounts.models import Role
from apps.common import events
from apps.common.db import in_db, release_connections
from apps.common.errors import BadInput, Conflict, NotAllowed
from apps.providers import prices, selectors, services
from apps.providers.engine.practice import practice_models
from apps.providers.errors import NotAnApi, ProviderError
from apps.providers.models import AIModel, Provider
from apps.providers.prices import book
from apps.providers.services.prices import price_facts
from tests.factories import make_actor
from tests.providers.listing import HTML, ListingServer, listing, models
from tests.providers.rows import make_model, make_provider

pytestmark = pytest.mark.django_db
KEY = "sk-0123456789abcdef"

check = async_to_sync(services.provider_check)
sync = async_to_sync(services.models_sync)


def fields_of(caught):
    return {error["field"] for error in caught.value.errors}


# ── Adding ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_it_adds_a_provider_of_the_team_with_its_key_encrypted(actor):
    provider = services.provider_create(
        actor, display_name="My OpenAI", kind="openai", base_url=" https://api.openai.com/v1/ ", api_key=KEY
    )
    assert (provider.name, provider.base_url, provider.key_ending) == ("my-openai", "https://api.openai.com/v1", "cdef")
    assert provider.team == actor.team and provider.owner == actor.user and not provider.is_local
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM api_keys WHERE id = %s", [provider.key_id])
        assert KEY not in cursor.fetchone()[0]
    assert Provider.objects.get(pk=provider.pk).api_key == KEY


def test_names_made_from_words_do_not_clash(actor):
    names = [make_provider(actor, display_name="Box").name for _ in range(3)]
    assert names == ["box", "box-2", "box-3"]


def test_a_name_that_the_team_has_is_refused_but_another_team_may_have_it(actor):
    make_provider(actor, name="box")
    with pytest.raises(BadInput) as caught:
        make_provider(actor, name="BOX")
    assert caught.value.errors[0]["field"] == "name" and caught.value.errors[0]["code"] == "unique"
    make_provider(make_actor(), name="box")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "telepathy"}, "kind"),
        ({"kind": "builtin", "base_url": ""}, "kind"),
        ({"base_url": ""}, "base_url"),
        ({"base_url": "localhost"}, "base_url"),
        ({"base_url": "ftp://files.example.org"}, "base_url"),
        ({"base_url": "http://me:secret@example.org/v1"}, "base_url"),
        ({"base_url": "http://exa mple.org"}, "base_url"),
        ({"base_url": "https://example.org/" + "x" * 500}, "base_url"),
        ({"display_name": " "}, "display_name"),
        ({"name": "no spaces please"}, "name"),
        ({"quirks": {"telepathy": True}}, "quirks"),
        ({"quirks": {"include_usage": "yes"}}, "quirks"),
        ({"priority": "soon"}, "priority"),
    ],
)
def test_what_cannot_be_used_is_named_by_field(actor, given, field):
    with pytest.raises(BadInput) as caught:
        make_provider(actor, **given)
    assert field in fields_of(caught)
    assert not Provider.objects.filter(team=actor.team).exists()


def test_everything_that_is_wrong_is_said_at_once(actor):
    with pytest.raises(BadInput) as caught:
        make_provider(actor, kind="telepathy", base_url="nowhere", quirks={"x": 1})
    assert fields_of(caught) == {"kind", "base_url", "quirks"}


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1234/v1", "http://localhost:1234", "http://192.168.1.7/v1", "http://[::1]:80/v1"]
)
def test_only_an_admin_may_save_a_private_address(actor, url):
    member = make_actor(Role.MEMBER, team=actor.team)
    with pytest.raises(BadInput) as caught:
        make_provider(member, base_url=url)
    assert caught.value.errors[0]["field"] == "base_url" and caught.value.errors[0]["code"] == "address_refused"
    provider = make_provider(actor, base_url=url)
    assert provider.allows_private_address and provider.is_local


def test_a_member_may_save_a_private_address_that_the_settings_list(actor, settings):
    settings.ORQ_PRIVATE_HOSTS = ["10.1.0.0/16", "box.lan:8000"]
    member = make_actor(Role.MEMBER, team=actor.team)
    assert make_provider(member, base_url="http://10.1.2.3:9999/v1").allows_private_address
    assert make_provider(member, base_url="http://box.lan:8000/v1").allows_private_address
    for url in ("http://10.2.0.1/v1", "http://box.lan:8001/v1"):
        with pytest.raises(BadInput):
            make_provider(member, base_url=url)


@pytest.mark.parametrize("url", ["http://169.254.169.254/v1", "http://[fd00:ec2::254]/v1", "http://[::ffff:169.254.169.254]/"])
def test_where_clouds_hand_out_secrets_even_an_admin_needs_the_settings(actor, settings, url):
    with pytest.raises(BadInput) as caught:
        make_provider(actor, base_url=url)
    assert caught.value.errors[0]["code"] == "address_refused" and "ORQ_PRIVATE_HOSTS" in caught.value.message
    settings.ORQ_PRIVATE_HOSTS = ["169.254.169.254", "fd00:ec2::254"]
    assert make_provider(actor, base_url=url).allows_private_address


def test_what_a_member_adds_may_not_reach_private_addresses_by_a_name(actor):
    member = make_actor(Role.MEMBER, team=actor.team)
    assert not make_provider(member, base_url="https://models.example.org/v1").allows_private_address


def test_viewers_add_nothing(actor):
    with pytest.raises(NotAllowed):
        make_provider(make_actor(Role.VIEWER, team=actor.team))


# ── Changing ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_key_does_not_follow_the_provider_to_another_host(actor):
    provider = make_provider(actor, base_url="https://one.example.org/v1", api_key=KEY)
    for url in ("https://two.example.org/v1", "https://one.example.org:8443/v1", "http://one.example.org/v1"):
        with pytest.raises(BadInput) as caught:
            services.provider_update(actor, Provider.objects.get(pk=provider.pk), base_url=url)
        assert fields_of(caught) == {"api_key"}
    stored = Provider.objects.get(pk=provider.pk)
    assert (stored.base_url, stored.api_key) == ("https://one.example.org/v1", KEY)


def test_a_key_given_again_goes_with_the_new_address(actor):
    provider = make_provider(actor, base_url="https://one.example.org/v1", api_key=KEY)
    services.provider_update(actor, provider, base_url="https://two.example.org/v1", api_key="sk-another-key-9999")
    assert Provider.objects.get(pk=provider.pk).key_ending == "9999"
    services.provider_update(actor, provider, base_url="https://three.example.org/v1", api_key="")
    assert Provider.objects.get(pk=provider.pk).api_key == ""


def test_another_path_on_the_same_host_keeps_the_key(actor):
    provider = make_provider(actor, base_url="https://one.example.org/v1", api_key=KEY)
    services.provider_update(actor, provider, base_url="https://one.example.org/api/v1", display_name="Renamed")
    stored = Provider.objects.get(pk=provider.pk)
    assert (stored.api_key, stored.display_name) == (KEY, "Renamed")


def test_a_members_new_private_address_is_refused(actor):
    member = make_actor(Role.MEMBER, team=actor.team)
    provider = make_provider(member, base_url="https://one.example.org/v1")
    with pytest.raises(BadInput):
        services.provider_update(member, provider, base_url="http://127.0.0.1:80/v1")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "openai"}, "kind"),
        ({"team": 1}, "team"),
        ({"status": "asleep"}, "status"),
        ({"display_name": ""}, "display_name"),
    ],
)
def test_a_change_that_cannot_be_is_named_by_field(actor, changes, field):
    with pytest.raises(BadInput) as caught:
        services.provider_update(actor, make_provider(actor), **changes)
    assert fields_of(caught) == {field}


def test_only_its_owner_or_an_admin_changes_a_provider(actor):
    provider = make_provider(actor)
    member = make_actor(Role.MEMBER, team=actor.team)
    for change in (
        lambda: services.provider_update(member, provider, display_name="Mine"),
        lambda: services.provider_toggle(member, provider),
        lambda: services.provider_delete(member, provider),
        lambda: services.model_update(member, make_model(actor, provider), is_active=False),
    ):
        with pytest.raises(NotAllowed):
            change()
    services.provider_update(actor, make_provider(member, base_url="https://a.example.org/v1"), display_name="By an admin")


def test_it_switches_to_and_fro(actor):
    provider = make_provider(actor)
    assert services.provider_toggle(actor, provider).status == Provider.Status.INACTIVE
    assert services.provider_toggle(actor, provider).status == Provider.Status.ACTIVE
    assert services.provider_toggle(actor, provider, on=True).status == Provider.Status.ACTIVE


# ── Checking ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_check_says_and_keeps_that_it_answers(actor):
    with listing({"/v1/models": models("llama-3.1-8b", "qwen3-8b")}) as server:
        provider = make_provider(actor, base_url=server.url, api_key=KEY)
        result = check(actor, provider)
        assert server.asked[0][1]["authorization"] == f"Bearer {KEY}"
    assert result.ok and result.models == 2
    stored = Provider.objects.get(pk=provider.pk)
    assert stored.last_check_ok and stored.last_check_message == result.message and stored.last_checked_at


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"*": (200, {"content-type": HTML}, "<html><body>Welcome to the hotel</body></html>")}, "not_an_api"),
        ({"*": (302, {"location": "https://elsewhere.example.org/"}, "")}, "not_an_api"),
        ({"/v1/models": (401, {}, '{"error": {"message": "bad key"}}')}, "authentication"),
        ({"/v1/models": {"error": "Unexpected endpoint or method. (GET /v1/models)"}}, "not_an_api"),
        ({"/v1/models": {"hello": "world"}}, "malformed_answer"),
    ],
)
def test_a_check_says_what_is_wrong_and_keeps_it(actor, answers, code):
    with listing(answers) as server:
        provider = make_provider(actor, base_url=server.url, api_key=KEY)
        result = check(actor, provider)
    assert not result.ok and result.error_code == code
    assert result.message and "<html" not in result.message
    assert Provider.objects.get(pk=provider.pk).last_check_ok is False


def test_a_check_of_nobody_says_unreachable(actor):
    with listing({}) as server:
        url = server.url
    assert check(actor, make_provider(actor, base_url=url)).error_code == "unreachable"


def test_what_a_member_saved_is_stopped_at_a_private_address_behind_a_name(actor):
    """`localhost` may be renamed, so the address itself is judged when it is called."""
    provider = make_provider(actor, base_url="http://localhost:9/v1")
    Provider.objects.filter(pk=provider.pk).update(allows_private_address=False)
    result = check(actor, Provider.objects.get(pk=provider.pk))
    assert result.error_code == "address_refused"


def test_an_address_can_be_tried_before_it_is_saved(actor):
    with listing({"/v1/models": models("m-1b")}) as server:
        assert async_to_sync(services.connection_try)(actor, kind="openai_compatible", base_url=server.url).ok
    with pytest.raises(BadInput):
        async_to_sync(services.connection_try)(actor, kind="openai_compatible", base_url="nowhere")
    assert not Provider.objects.filter(team=actor.team).exists()


# ── Syncing ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_sync_adds_updates_and_keeps_what_is_gone(actor):
    with listing({"/v1/models": models("llama-3.1-8b-instruct", "nomic-embed-text")}) as server:
        provider = make_provider(actor, base_url=server.url)
        assert sync(actor, provider) == services.SyncResult(added=2, updated=0, gone=0)
        assert sync(actor, provider) == services.SyncResult(added=0, updated=0, gone=0)
        server.answers["/v1/models"] = models("llama-3.1-8b-instruct", "qwen3:8b", max_model_len=8192)
        assert sync(actor, provider) == services.SyncResult(added=1, updated=1, gone=1)
        rows = {model.key: model for model in provider.models.all()}
        assert rows["nomic-embed-text"].state == AIModel.State.INACTIVE
        assert rows["nomic-embed-text"].capabilities == ["embeddings"]
        llama = rows["llama-3.1-8b-instruct"]
        assert (llama.family, llama.tier, llama.context_window, llama.state) == ("llama-3-1-8b", "local", 8192, "available")
        assert llama.price_input is None and llama.checked_at
        server.answers["/v1/models"] = models("nomic-embed-text")
        assert sync(actor, provider).gone == 2
        assert provider.models.get(key="nomic-embed-text").state == AIModel.State.AVAILABLE


def test_a_sync_leaves_what_people_set(actor):
    with listing({"/v1/models": models("qwen3-8b", max_model_len=4096)}) as server:
        provider = make_provider(actor, base_url=server.url)
        sync(actor, provider)
        model = provider.models.select_related("provider").get()
        services.model_update(
            actor, model, family="Mine", tier="top", context_window=1000, price_input="1.5", price_output=3, is_active=False
        )
        server.answers["/v1/models"] = models("qwen3-8b", max_model_len=9999, name="Qwen 3")
        assert sync(actor, provider).updated == 1
    model = provider.models.get()
    assert (model.family, model.tier, model.context_window, model.is_active) == ("mine", "top", 1000, False)
    assert (model.price_input, model.price_output, model.display_name) == (Decimal("1.5"), Decimal(3), "Qwen 3")


def test_keys_that_differ_in_case_alone_are_one_model(actor):
    """MySQL compares them without case."""
    with listing({"/v1/models": models("Qwen3-8B", "qwen3-8b", "x" * 191)}) as server:
        assert sync(actor, make_provider(actor, base_url=server.url)).added == 1


def test_a_sync_that_fails_says_so_and_changes_no_model(actor):
    with listing({"/v1/models": models("qwen3-8b")}) as server:
        provider = make_provider(actor, base_url=server.url)
        sync(actor, provider)
        server.answers = {"*": (200, {"content-type": HTML}, "<html>")}
        with pytest.raises(NotAnApi):
            sync(actor, provider)
    assert provider.models.get().state == AIModel.State.AVAILABLE
    assert Provider.objects.get(pk=provider.pk).last_check_ok is False


def test_models_of_the_vendor_itself_get_price_context_and_tier_from_the_file(actor):
    from apps.providers.contract import ModelInfo
    from apps.providers.services.sync import listing_store

    openai = make_provider(actor, kind="openai", base_url="")
    proxy = make_provider(actor, kind="openai_compatible", base_url="https://reseller.example.org/v1")
    infos = [ModelInfo("gpt-5.5-2026-04-23"), ModelInfo("gpt-4o-mini"), ModelInfo("gpt-9-mystery")]
    for provider in (openai, proxy):
        listing_store(provider, infos)
    dated, mini, mystery = (
        openai.models.order_by("-key")[1],
        openai.models.get(key="gpt-4o-mini"),
        openai.models.get(key="gpt-9-mystery"),
    )
    assert (dated.price_input, dated.price_output, dated.price_cached) == (5, 30, Decimal("0.5"))
    assert (dated.tier, dated.context_window, dated.price_source) == ("top", 1_050_000, "LiteLLM 1.109.1, 2026-11-20")
    assert dated.price_tiers == [{"above_tokens": 272_000, "input": "10", "output": "45", "cached": "1"}]
    assert dated.price_batch == {"input": "2.5", "output": "15", "cached": "0.25"}
    assert mini.tier == "fast" and mini.capabilities == ["chat", "tools", "json"]
    assert mystery.price_input is None and mystery.context_window is None and mystery.tier == "fast"
    resold = proxy.models.get(key="gpt-5.5-2026-04-23")
    assert (resold.price_input, resold.tier, resold.family) == (None, "top", dated.family)


def test_every_price_of_the_file_can_be_kept(actor):
    assert prices.source()
    for row in book.files()[-1]["models"]:
        price = prices.price_of(row["kind"], row["key"])
        make_model(actor, tier=price.tier, **price_facts(price)).clean_fields(exclude=["quantization", "price_source"])
        assert price.rates.input > 0 and price.context_window > 0


# ── Models ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_model_can_be_added_by_hand(actor):
    model = services.model_create(
        actor, make_provider(actor), key="org/Secret-70B-Instruct", tier="top", price_input="0.1", price_output="0.2"
    )
    assert (model.family, model.tier, model.capabilities) == ("secret-70b", "top", ["chat"])
    with pytest.raises(BadInput) as caught:
        services.model_create(actor, model.provider, key="ORG/secret-70b-instruct")
    assert fields_of(caught) == {"key"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tier": "best"}, "tier"),
        ({"capabilities": ["telepathy"]}, "capabilities"),
        ({"capabilities": "chat"}, "capabilities"),
        ({"context_window": 0}, "context_window"),
        ({"price_input": "-1"}, "price_input"),
        ({"price_input": "NaN"}, "price_input"),
        ({"price_output": "cheap"}, "price_output"),
        ({"family": " "}, "family"),
        ({"key": "another"}, "key"),
    ],
)
def test_a_models_change_that_cannot_be_is_named_by_field(actor, changes, field):
    with pytest.raises(BadInput) as caught:
        services.model_update(actor, make_model(actor), **changes)
    assert fields_of(caught) == {field}


def test_a_models_change_leaves_alone_what_was_written_meanwhile(actor):
    model = make_model(actor)
    AIModel.objects.filter(pk=model.pk).update(state="loaded", memory_bytes=5)
    services.model_update(actor, model, display_name="Ann", price_input=Decimal(3))
    model.refresh_from_db()
    assert (model.state, model.memory_bytes, model.display_name, model.price_input) == ("loaded", 5, "Ann", 3)
    assert {"display_name", "price_input"} <= set(model.human_edits) and model.price_set_by == actor.user


def test_a_failure_is_remembered_with_its_reason_until_it_is_over(actor):
    model = make_model(actor)
    services.model_failed(model, ProviderError("It ran out of memory."), for_s=60)
    stored = AIModel.objects.get(pk=model.pk)
    assert (stored.shown_state, stored.trouble, stored.is_resting) == ("failed", "It ran out of memory.", True)
    services.model_recovered(model)
    stored = AIModel.objects.get(pk=model.pk)
    assert (stored.shown_state, stored.trouble, stored.is_resting) == ("available", "", False)


def test_recovering_does_not_touch_a_model_that_is_loaded(actor):
    model = make_model(actor, state=AIModel.State.LOADED)
    services.model_recovered(model)
    assert AIModel.objects.get(pk=model.pk).state == AIModel.State.LOADED


def test_a_provider_that_keeps_its_memory_to_itself_says_so(actor):
    model = make_model(actor)
    with pytest.raises(Conflict):
        async_to_sync(services.model_load)(actor, model)
    assert AIModel.objects.get(pk=model.pk).state == AIModel.State.AVAILABLE


# ── Practice models ───────────────────────────────────────────────────────────────────────────────────────────────
def test_a_new_team_gets_the_practice_models_each_a_family_of_its_own():
    actor = make_actor()
    events.publish(TeamCreated(team_id=actor.team.pk))
    events.publish(TeamCreated(team_id=actor.team.pk))
    provider = Provider.objects.get(team=actor.team)
    assert (provider.name, provider.kind, provider.is_local) == ("practice", "builtin", True)
    rows = {model.key: model for model in provider.models.all()}
    assert set(rows) == {model.key for model in practice_models()} and len(rows) == 3
    assert {model.family for model in rows.values()} == set(rows)
    assert all(model.is_practice and model.tier == "local" and model.capabilities == ["chat", "json"] for model in rows.values())
    good, mediocre, bad = (rows[model.key].skill for model in practice_models())
    assert 100 >= good > mediocre > bad >= 0
    assert rows["practice-good"].context_window == practice_models()[0].context_length


def test_seeding_furnishes_every_team_and_undoes_nothing():
    first, second = make_actor(), make_actor()
    call_command("seed", verbosity=0, stdout=io.StringIO())
    assert selectors.models_visible(first).count() == selectors.models_visible(second).count() == 3
    services.practice_switch(first, on=False)
    call_command("seed", verbosity=0, stdout=io.StringIO())
    assert not selectors.models_visible(first).filter(is_active=True).exists()
    assert selectors.models_visible(second).filter(is_active=True).count() == 3


def test_the_built_in_provider_is_known_by_its_kind_also_under_another_name(actor):
    provider = services.builtin_ensure(actor.team.pk)
    services.provider_update(actor, provider, name="engine", display_name="Engine")
    assert services.builtin_ensure(actor.team.pk) == provider
    assert Provider.objects.filter(team=actor.team).count() == 1


def test_the_practice_models_are_switched_by_one_call_of_an_admin(actor):
    services.builtin_ensure(actor.team.pk)
    with pytest.raises(NotAllowed):
        services.practice_switch(make_actor(Role.MEMBER, team=actor.team), on=False)
    assert services.practice_switch(actor, on=False) == 3
    assert selectors.routable_models(actor.team) == []
    services.practice_switch(actor, on=True)
    assert len(selectors.routable_models(actor.team)) == 3


def test_the_built_in_provider_and_its_models_cannot_be_deleted(actor):
    provider = services.builtin_ensure(actor.team.pk)
    with pytest.raises(Conflict):
        services.provider_delete(actor, provider)
    with pytest.raises(Conflict):
        services.model_delete(actor, provider.models.first())


# ── Connections ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.django_db(transaction=True)
def test_no_database_connection_is_open_while_the_network_is_waited_for(monkeypatch):
    """At the moment of each request to the provider, whoever asks it has closed theirs."""
    actor = make_actor()
    if connection.vendor == "sqlite":  # which has no server, so that its connection may stay: here it stands for one that has
        monkeypatch.setitem(connections.settings["default"], "ENGINE", "server")
    open_at_request = []
    real = ListingServer.finish_request

    def watched(server, *rest):
        open_at_request.append(is_open())
        real(server, *rest)

    closed = []
    monkeypatch.setattr(connection, "close", lambda close=connection.close: (closed.append(True), close()))
    used = []
    monkeypatch.setattr(
        connection, "cursor", lambda *args, cursor=connection.cursor: (used.append(True), closed.clear(), cursor(*args))[-1]
    )
    monkeypatch.setattr(ListingServer, "finish_request", watched)

    def is_open():
        return not closed

    with listing({"/v1/models": models("m-1b")}) as server:
        provider = make_provider(actor, base_url=server.url)
        check(actor, provider)
        sync(actor, provider)
    assert used and open_at_request == [False, False]
    assert closed, "the last step gives its connection back too"


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_the_connection_is_kept(monkeypatch):
    closed = []
    actor = make_actor()
    with transaction.atomic():
        monkeypatch.setattr(connection, "close", lambda: closed.append(True))
        monkeypatch.setitem(connections.settings["default"], "ENGINE", "server")
        provider = make_provider(actor)
        async_to_sync(in_db)(Provider.objects.count)
        async_to_sync(release_connections)()
        monkeypatch.undo()
        assert Provider.objects.filter(pk=provider.pk).exists() and not closed
        transaction.set_rollback(True)
    assert not Provider.objects.filter(pk=provider.pk).exists()
