"""Files of prices: which of them holds, the layouts they come in, what is refused whole, and prices set by hand."""

from __future__ import annotations

import io
import json
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from apps.providers import prices, services
from apps.providers.models import AIModel
from apps.providers.prices import book, refresh
from apps.providers.prices.layouts import UnusableFile, read
from tests.providers.rows import make_model, make_provider
from tests.servers.bytes_server import BytesServer, reply, whole

TODAY = "2026-12-01"


@pytest.fixture(autouse=True)
def home(tmp_path, settings):
    settings.ORQ_HOME = tmp_path
    return tmp_path


def ours(**changes) -> dict:
    row = {"kind": "openai", "key": "gpt-4o-mini", "input": "0.14", "output": "0.55"}
    return {"version": 2, "date": TODAY, "source": "Our own list, read by hand", "models": [row], **changes}


def text(file: dict) -> bytes:
    return json.dumps(file).encode()


def understood(file: dict) -> dict:
    return refresh.understood(text(file), source="test", today=TODAY)


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("prices", *arguments, stdout=out)
    return out.getvalue()


# ── Which file holds ──────────────────────────────────────────────────────────────────────────────────────────────
def test_a_newer_file_goes_before_the_shipped_one_and_what_it_does_not_name_still_holds():
    before = prices.price_of("openai", "gpt-5.5")
    refresh.store(understood(ours()))
    mini = prices.price_of("openai", "gpt-4o-mini")
    assert (mini.rates.input, mini.rates.cached, mini.source) == (Decimal("0.14"), None, "Our own list, 2026-12-01")
    assert prices.price_of("openai", "gpt-5.5") == before and before.source == "LiteLLM 1.109.1, 2026-11-20"
    assert prices.source() == "Our own list, 2026-12-01"


def test_when_the_product_ships_a_newer_file_than_the_fetched_one_that_holds():
    refresh.store(ours(date="2026-01-01"))
    assert prices.price_of("openai", "gpt-4o-mini").rates.input == Decimal("0.15")


def test_a_file_that_was_damaged_later_is_left_aside_and_said(caplog):
    refresh.store(understood(ours()))
    book.stored_file().write_text("{not json")
    assert prices.price_of("openai", "gpt-4o-mini").rates.input == Decimal("0.15")
    assert "cannot be used" in caplog.text


def test_the_file_before_is_kept_and_can_be_gone_back_to(db):
    refresh.store(understood(ours()))
    refresh.store(understood(ours(models=[{**ours()["models"][0], "input": "0.13"}])))
    assert prices.price_of("openai", "gpt-4o-mini").rates.input == Decimal("0.13")
    run("undo")
    assert prices.price_of("openai", "gpt-4o-mini").rates.input == Decimal("0.14")
    run("undo")
    assert prices.price_of("openai", "gpt-4o-mini").rates.input == Decimal("0.15")
    with pytest.raises(CommandError, match="No file of prices was ever fetched"):
        run("undo")


# ── Layouts ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_litellms_layout_is_read_to_the_last_digit():
    entry = {
        "litellm_provider": "anthropic", "mode": "chat", "max_input_tokens": 200000,
        "input_cost_per_token": 1e-07, "output_cost_per_token": 5e-07, "cache_read_input_token_cost": 1e-08,
        "cache_creation_input_token_cost": 1.25e-07, "cache_creation_input_token_cost_above_1hr": 2e-07,
        "input_cost_per_token_batches": 5e-08, "output_cost_per_token_batches": 2.5e-07,
        "input_cost_per_token_above_100k_tokens": 5e-07, "output_cost_per_token_above_100k_tokens": 2.5e-06,
        "cache_creation_input_token_cost_above_1hr_above_100k_tokens": 1e-06,
    }  # fmt: skip
    given = {
        "sample_spec": {"litellm_provider": "one of …"},
        "claude-x": entry,
        "gemini/gemini-x": {
            "litellm_provider": "gemini",
            "mode": "chat",
            "input_cost_per_token": 0,
            "output_cost_per_token": 0.0,
        },
        "together_ai/org/Model-X": {"litellm_provider": "together_ai", "mode": "chat", "input_cost_per_token": 8.9e-07},
        "dall-e": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_token": 1},
        "bedrock/x": {"litellm_provider": "bedrock", "mode": "chat", "input_cost_per_token": 1},
    }
    file = read(text(given), source="LiteLLM", today=TODAY)
    assert (file["date"], file["source"]) == (TODAY, "LiteLLM")
    assert file["models"] == [
        {
            "kind": "anthropic", "key": "claude-x", "input": "0.1", "output": "0.5", "cached": "0.01", "cache_write": "0.125",
            "cache_write_1h": "0.2", "batch": {"input": "0.05", "output": "0.25"},
            "long_prompts": [{"above_tokens": 100_000, "input": "0.5", "output": "2.5", "cache_write_1h": "1"}],
            "context_window": 200_000,
        },
        {"kind": "google", "key": "gemini-x", "input": "0", "output": "0"},
        {"kind": "together", "key": "org/model-x", "input": "0.89"},
    ]  # fmt: skip


def test_a_binary_fraction_is_the_price_that_was_meant():
    given = {"x": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 8.900000000000001e-07}}
    assert read(text(given), source="x", today=TODAY)["models"][0]["input"] == "0.89"


def test_models_devs_layout_is_read():
    model = {
        "id": "Model-X",
        "cost": {"input": 1.25, "output": 10, "cache_read": 0.31, "context_over_200k": {"input": 2.5, "output": 15}},
        "limit": {"context": 1_048_576},
    }
    given = {"google": {"id": "google", "models": {"Model-X": model, "no-price": {"id": "no-price"}}}, "xai": {"models": {}}}
    assert read(text(given), source="models.dev", today=TODAY)["models"] == [
        {
            "kind": "google", "key": "model-x", "input": "1.25", "output": "10", "cached": "0.31",
            "long_prompts": [{"above_tokens": 200_000, "input": "2.5", "output": "15"}], "context_window": 1_048_576,
        }
    ]  # fmt: skip


LITELLM_ENTRY = {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"{", "is not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "none of the known layouts"),
        (b'{"a": NaN}', "is not JSON"),
        (text(ours(models=[])), "models"),
        (text(ours(date="yesterday")), "date"),
        (text(ours(date="2020-01-01")), "of 2026-12-01 already"),
        (text(ours(models=[{"kind": "openai", "key": "x", "input": "-1"}])), "openai x input: “-1” is no price"),
        (text(ours(models=[{"kind": "openai", "key": "x", "input": "1e3"}])), "openai x input: “1e3” is no price"),
        (text(ours(models=[{"kind": "openai", "key": "x", "input": "0.1234567"}])), "is no price"),
        (text(ours(models=[{"kind": "openai", "key": "x", "input": 1}])), "openai x input"),
        (text(ours(models=[{"kind": "openai", "key": "x", "input": "1", "inptu": "2"}])), "inptu"),
        (text(ours(models=[{"kind": "openai", "key": "x", "input": "1"}] * 2)), "openai x: is there twice"),
        (text(ours(models=[{"kind": "openai", "key": "X", "input": "1"}])), "is not in small letters"),
        (text({"x": {**LITELLM_ENTRY, "output_cost_per_token": -1e-06}}), "x: “-0.000001” is no price"),
        (text({"good": LITELLM_ENTRY, "x": {**LITELLM_ENTRY, "output_cost_per_token": "cheap"}}), "x: “cheap” is no price"),
    ],
)
def test_a_bad_file_is_refused_whole_and_says_where(bad, said, db, tmp_path):
    refresh.store(understood(ours()))
    before = book.stored_file().read_bytes()
    file = tmp_path / "given.json"
    file.write_bytes(bad)
    with pytest.raises(CommandError) as caught:
        run("refresh", str(file))
    assert said in str(caught.value) and "Nothing was changed" in str(caught.value)
    assert book.stored_file().read_bytes() == before


# ── The command ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_refreshing_says_what_differs_and_gives_models_their_new_prices(actor, tmp_path):
    from apps.providers.contract import ModelInfo
    from apps.providers.services.sync import listing_store

    provider = make_provider(actor, kind="openai", base_url="")
    listing_store(provider, [ModelInfo("gpt-4o-mini"), ModelInfo("gpt-5.5")])
    by_hand = provider.models.get(key="gpt-5.5")
    services.model_update(actor, by_hand, price_input="7")
    file = tmp_path / "given.json"
    models = [*ours()["models"], {"kind": "openai", "key": "gpt-5.5", "input": "4", "output": "30"}]
    file.write_bytes(text(ours(models=models)))

    said = run("refresh", str(file), "--dry-run")
    assert "openai gpt-4o-mini: input 0.15 → 0.14" in said and "cached 0.075 → unknown" in said and "this was a trial" in said
    assert not book.stored_file().exists()

    said = run("refresh", str(file))
    assert "1 model has other prices now" in said
    mini = provider.models.get(key="gpt-4o-mini")
    assert (mini.price_input, mini.price_output, mini.price_cached) == (Decimal("0.14"), Decimal("0.55"), None)
    assert mini.price_source == "Our own list, 2026-12-01"
    assert provider.models.get(key="gpt-5.5").price_input == 7
    assert "Our own list" in run("show") and "LiteLLM" in run("show")


async def test_a_file_is_fetched_through_the_guarded_door(settings):
    async with BytesServer(whole({"content-type": "application/json"}, b'{"a": 1}')) as server:
        with pytest.raises(UnusableFile, match="not a public address"):
            await refresh.fetch(f"{server.url}/prices.json")
        settings.ORQ_PRIVATE_HOSTS = [f"127.0.0.1:{server.port}"]
        assert await refresh.fetch(f"{server.url}/prices.json") == b'{"a": 1}'


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            reply({"location": "https://elsewhere.example.org/x"}, b"", status="302 Found"),
            "leads on to https://elsewhere.example.org/x",
        ),
        (whole({"content-type": "text/html"}, b"no", status="404 Not Found"), "answers 404"),
    ],
)
async def test_an_address_that_gives_no_file_is_said(settings, script, said):
    async with BytesServer(script) as server:
        settings.ORQ_PRIVATE_HOSTS = ["127.0.0.1"]
        with pytest.raises(UnusableFile, match=said):
            await refresh.fetch(f"{server.url}/prices.json")


async def test_a_file_that_is_not_there_is_said():
    with pytest.raises(UnusableFile, match=r"/nowhere/prices\.json cannot be read"):
        await refresh.fetch("/nowhere/prices.json")


# ── Whose prices ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_vendors_prices_are_for_that_vendors_address_alone(actor):
    refresh.store(understood(ours(models=[{"kind": "deepseek", "key": "deepseek-chat", "input": "0.28", "output": "0.42"}])))
    deepseek = make_provider(actor, base_url="https://api.deepseek.com/v1")
    proxy = make_provider(actor, base_url="https://deepseek.example.org/v1")
    assert services.file_price(deepseek, "deepseek-chat").rates.output == Decimal("0.42")
    assert services.file_price(proxy, "deepseek-chat") is None


# ── By hand ───────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def model(actor) -> AIModel:
    from apps.providers.contract import ModelInfo
    from apps.providers.services.sync import listing_store

    provider = make_provider(actor, kind="openai", base_url="")
    listing_store(provider, [ModelInfo("gpt-5.5")])
    return provider.models.get()


@pytest.fixture
def client(client, actor):
    client.force_login(actor.user)
    return client


def test_a_price_set_by_hand_is_shown_as_such_beside_the_files_and_can_be_undone(client, actor, model):
    url = reverse("providers:model", args=[model.public_id])
    assert "Above 272" in client.get(url).content.decode()
    services.model_update(actor, model, price_input="0", price_output="0")
    html = client.get(url).content.decode()
    assert f"by {actor.user.short_name}" in html and "Set by hand on" in html and "Free: its price is zero" in html
    assert "LiteLLM 1.109.1, 2026-11-20" in html and "Go back to the file" in html and "Above" not in html
    client.post(reverse("providers:price_reset", args=[model.public_id]))
    model.refresh_from_db()
    assert (model.price_input, model.price_set_at, model.human_edits) == (5, None, [])
    assert model.price_tiers[0]["above_tokens"] == 272_000 and model.price_source == "LiteLLM 1.109.1, 2026-11-20"


def test_a_price_that_nobody_knows_is_called_unknown_and_not_free(client, actor):
    model = make_model(actor, make_provider(actor, is_local=False))
    html = client.get(reverse("providers:model", args=[model.public_id])).content.decode()
    assert "Unknown: nobody has said what this model costs" in html and "Free" not in html
    client.post(reverse("providers:price_reset", args=[model.public_id]), follow=True)
    assert AIModel.objects.get(pk=model.pk).price_input is None


def test_a_negative_price_is_refused(client, actor, model):
    response = client.post(reverse("providers:model", args=[model.public_id]), {"price_input": "-1"})
    assert response.status_code == 400 and AIModel.objects.get(pk=model.pk).price_input == 5
