"""What a call costs, to the last digit, against sums worked by hand. Prices are those that ship with the product.

Each case says its sum as it is worked: tokens × dollars for a million, added, over a million.
"""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from apps.providers import prices, selectors, services
from apps.providers.contract import Usage
from apps.providers.models import CreditUsage
from apps.providers.prices import Rates
from tests.factories import make_actor
from tests.providers.native import Vendor
from tests.providers.rows import make_model, make_provider
from tests.servers.bytes_server import JSON, SSE, event, reply, whole

HAIKU, OPUS, LUNA = ("anthropic", "claude-haiku-5-5"), ("anthropic", "claude-opus-5-5"), ("openai", "gpt-6-luna")
MINI, PRO, LITE, LARGE = (
    ("openai", "gpt-4o-mini"),
    ("google", "gemini-2.5-pro"),
    ("google", "gemini-3.5-flash-lite"),
    ("mistral", "mistral-large-4"),
)
EMBEDDINGS = ("openai", "text-embedding-3-small")


def rates(which: tuple[str, str]) -> Rates:
    price = prices.price_of(*which)
    assert price is not None
    return price.rates


# ── By the sum ────────────────────────────────────────────────────────────────────────────────────────────────────
CASES = [
    # gpt-4o-mini: 0.15 in, 0.60 out, 0.075 from the cache
    (MINI, Usage(1_000, 500), "0.00045"),  # 1000×0.15 + 500×0.60 = 150 + 300 = 450
    (MINI, Usage(1, 0), "0.00000015"),  # 1×0.15
    (MINI, Usage(0, 1), "0.0000006"),  # 1×0.60
    (MINI, Usage(2_048, 100, cached_tokens=1_024), "0.0002904"),  # 1024×0.15 + 1024×0.075 + 100×0.60 = 153.6 + 76.8 + 60
    (MINI, Usage(1_000, 0, cached_tokens=1_000), "0.000075"),  # all of it from the cache: 1000×0.075
    (MINI, Usage(100, 900, reasoning_tokens=800), "0.000555"),  # reasoning is inside the output: 15 + 540
    (MINI, Usage(0, 0), "0"),
    # a vendor that counts more from the cache than it was sent is not paid below zero: 10×0.075
    (MINI, Usage(10, 0, cached_tokens=99), "0.00000075"),
    # without a price for writing, writing costs what reading the prompt costs: 1000×0.15
    (MINI, Usage(1_000, 0, cache_write_tokens=400), "0.00015"),
    # claude-opus-5-5: 4 in, 20 out, 0.20 from the cache, 5 to it, 8 to it for an hour
    (OPUS, Usage(10_000, 1_000), "0.06"),  # 10000×4 + 1000×20 = 40000 + 20000
    # 1000 plain, 3000 read, 6000 written: 1000×4 + 3000×0.20 + 6000×5 + 1000×20 = 4000 + 600 + 30000 + 20000
    (OPUS, Usage(10_000, 1_000, cached_tokens=3_000, cache_write_tokens=6_000), "0.0546"),
    # the same, 2000 of the written ones for an hour: 4000 + 600 + 4000×5 + 2000×8 + 20000
    (OPUS, Usage(10_000, 1_000, cached_tokens=3_000, cache_write_tokens=6_000, cache_write_1h_tokens=2_000), "0.0606"),
    # more written for an hour than written at all counts as all: 500×8
    (OPUS, Usage(500, 0, cache_write_tokens=500, cache_write_1h_tokens=900), "0.004"),
    # claude-haiku-5-5: 0.10 in, 0.50 out; above 100000 tokens of prompt 0.50, 2.50, 0.05 from, 0.625 to, 1 to for an hour
    (HAIKU, Usage(100_000, 1_000), "0.0105"),  # at the edge: 100000×0.10 + 1000×0.50
    (HAIKU, Usage(100_001, 1_000), "0.0525005"),  # one more re-prices all: 100001×0.50 + 1000×2.50 = 50000.5 + 2500
    # 200000 in all, 150000 read, 40000 written, 10000 of these for an hour, 10000 plain:
    # 10000×0.50 + 150000×0.05 + 30000×0.625 + 10000×1 + 2000×2.50 = 5000 + 7500 + 18750 + 10000 + 5000
    (HAIKU, Usage(200_000, 2_000, cached_tokens=150_000, cache_write_tokens=40_000, cache_write_1h_tokens=10_000), "0.04625"),
    # gpt-6-luna: above 272000 tokens 0.20 in, 0.75 out, 0.02 from, 0.25 to
    (LUNA, Usage(272_000, 10), "0.027205"),  # 272000×0.10 + 10×0.50 = 27200 + 5
    (LUNA, Usage(300_000, 10, cached_tokens=100_000, cache_write_tokens=100_000), "0.0470075"),  # 20000 + 2000 + 25000 + 7.5
    # gemini-2.5-pro: 1.25 in, 10 out; above 200000 2.50, 15, 0.25 from
    (PRO, Usage(200_000, 100), "0.251"),  # 250000 + 1000
    (
        PRO,
        Usage(200_001, 100, cached_tokens=100_001),
        "0.27650025",
    ),  # 100000×2.50 + 100001×0.25 + 100×15 = 250000 + 25000.25 + 1500
    # gemini-3.5-flash-lite, mistral-large-4
    (LITE, Usage(1_234, 567, cached_tokens=1_000), "0.0015177"),  # 234×0.30 + 1000×0.03 + 567×2.50 = 70.2 + 30 + 1417.5
    (LARGE, Usage(333, 333), "0.00184482"),  # 333×1.36 + 333×4.18 = 452.88 + 1391.94
    # embeddings have no output: 8000×0.02
    (EMBEDDINGS, Usage(8_000, 0), "0.00016"),
]


@pytest.mark.parametrize(("which", "usage", "dollars"), CASES)
def test_a_call_costs_what_was_worked_by_hand(which, usage, dollars):
    assert prices.cost(usage, rates(which)) == Decimal(dollars)


@pytest.mark.parametrize(
    ("which", "usage", "dollars"),
    [
        (OPUS, Usage(10_000, 1_000), "0.03"),  # half: 10000×2 + 1000×10
        # 1000 plain, 3000 read, 6000 written: 1000×2 + 3000×0.10 + 6000×2.50 + 1000×10
        (OPUS, Usage(10_000, 1_000, cached_tokens=3_000, cache_write_tokens=6_000), "0.0273"),
        (PRO, Usage(1_000, 100, cached_tokens=500), "0.000875"),  # the cache is no cheaper: 500×0.625 + 500×0.125 + 100×5
        (HAIKU, Usage(100_001, 1_000), "0.02625025"),  # half of the long prompt's: 100001×0.25 + 1000×1.25
        (MINI, Usage(1_000, 500), "0.000225"),  # 1000×0.075 + 500×0.30
        (LARGE, Usage(1_000, 500), None),  # no price in batches is known
    ],
)
def test_a_call_in_a_batch_costs_the_batchs_prices(which, usage, dollars):
    assert prices.cost(usage, rates(which), is_batch=True) == (None if dollars is None else Decimal(dollars))


def test_prices_that_a_step_leaves_out_rise_as_the_inputs_does():
    given = Rates(Decimal(2), Decimal(8), cached=Decimal("0.5"), steps=[{"above_tokens": 1_000, "input": "3", "output": "9"}])
    # 1000×3 + 1000×(0.5×3/2) + 10×9 = 3000 + 750 + 90
    assert prices.cost(Usage(2_000, 10, cached_tokens=1_000), given) == Decimal("0.00384")


def test_the_highest_step_that_is_passed_holds():
    steps = [{"above_tokens": n, "input": str(n), "output": "0"} for n in (300, 100, 200)]
    given = Rates(Decimal(1), Decimal(0), steps=steps)
    assert [prices.cost(Usage(n, 0), given) * 1_000_000 / n for n in (100, 101, 200, 201, 300, 301)] == [
        1,
        100,
        100,
        200,
        200,
        300,
    ]


def test_several_requests_are_priced_each_by_its_own_length():
    one = Usage(90_000, 100)
    # short ones: 2 × (90000×0.10 + 100×0.50) = 2 × 9050; taken as one prompt of 180000 it would be 90500
    assert prices.cost(Usage() + one + one, rates(HAIKU)) == Decimal("0.0181")


@pytest.mark.parametrize(
    ("given", "usage", "dollars"),
    [
        (Rates(None, Decimal(1)), Usage(1, 1), None),
        (Rates(Decimal(1), None), Usage(1, 1), None),
        (Rates(Decimal(1), None), Usage(1_000_000, 0), "1"),  # nothing was written, so its price is not needed
        (Rates(Decimal(0), Decimal(0)), Usage(1, 1), "0"),  # zero is free
    ],
)
def test_an_unknown_price_is_never_taken_for_free(given, usage, dollars):
    assert prices.cost(usage, given) == (None if dollars is None else Decimal(dollars))


# ── Through the adapters, streaming and not ───────────────────────────────────────────────────────────────────────
def openai_usage(prompt: int, completion: int, *, cached: int = 0, written: int = 0, reasoning: int = 0) -> dict:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def openai_whole(usage: dict | None) -> tuple:
    choice = {"index": 0, "message": {"role": "assistant", "content": "hello there"}, "finish_reason": "stop"}
    return whole(JSON, json.dumps({"id": "1", "model": "m", "choices": [choice], **({"usage": usage} if usage else {})}))


def openai_stream(usage: dict | None) -> tuple:
    choice = {"index": 0, "delta": {"content": "hello there"}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    last = [event({"id": "1", "model": "m", "choices": [], "usage": usage})] if usage else []
    pieces = [event({"id": "1", "model": "m", "choices": [one]}) for one in (choice, end)]
    return reply(SSE, *pieces, *last, event("[DONE]"))


def anthropic_usage(plain: int, *, read: int = 0, written: int = 0, hour: int = 0) -> dict:
    return {
        "input_tokens": plain,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "cache_creation": {"ephemeral_5m_input_tokens": written - hour, "ephemeral_1h_input_tokens": hour},
    }


def anthropic_whole(usage: dict, output: int) -> tuple:
    body = {"id": "1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "hello"}]}
    return whole(JSON, json.dumps({**body, "stop_reason": "end_turn", "usage": {**usage, "output_tokens": output}}))


def anthropic_stream(usage: dict, output: int) -> tuple:
    def said(type: str, **fields) -> bytes:
        return f"event: {type}\ndata: {json.dumps({'type': type, **fields})}\n\n".encode()

    start = {"id": "1", "type": "message", "model": "m", "content": [], "usage": {**usage, "output_tokens": 1}}
    return reply(
        SSE,
        said("message_start", message=start),
        said("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        said("content_block_delta", index=0, delta={"type": "text_delta", "text": "hello"}),
        said("content_block_stop", index=0),
        said("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": output}),
        said("message_stop"),
    )


def google_answer(prompt: int, answer: int, *, thoughts: int = 0, cached: int = 0) -> dict:
    counts = {"promptTokenCount": prompt, "candidatesTokenCount": answer, "thoughtsTokenCount": thoughts}
    candidate = {"content": {"role": "model", "parts": [{"text": "hello"}]}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "modelVersion": "m", "usageMetadata": {**counts, "cachedContentTokenCount": cached}}


def both(which: tuple[str, str], name: str, plain: tuple, streamed: tuple, dollars: str) -> list:
    return [
        pytest.param(which, plain, False, dollars, id=f"{which[0]} {name}, whole"),
        pytest.param(which, streamed, True, dollars, id=f"{which[0]} {name}, streamed"),
    ]


cached = openai_usage(2_048, 100, cached=1_024)
written = openai_usage(3_000, 100, cached=1_000, written=1_000)
anthropic_all = anthropic_usage(1_000, read=3_000, written=6_000, hour=2_000)
ASKED = [
    *both(MINI, "plain", openai_whole(openai_usage(1_000, 500)), openai_stream(openai_usage(1_000, 500)), "0.00045"),
    *both(MINI, "cached", openai_whole(cached), openai_stream(cached), "0.0002904"),
    # gpt-6-luna: 1000×0.10 + 1000×0.01 + 1000×0.125 + 100×0.50 = 100 + 10 + 125 + 50
    *both(LUNA, "written", openai_whole(written), openai_stream(written), "0.000285"),
    *both(
        MINI, "reasoning", openai_whole(openai_usage(100, 900, reasoning=800)),
        openai_stream(openai_usage(100, 900, reasoning=800)), "0.000555",
    ),
    # here the vendor counts reading and writing beside the input: 1000 + 3000 + 6000 is the prompt of 10000 above
    *both(OPUS, "cached and written", anthropic_whole(anthropic_all, 1_000), anthropic_stream(anthropic_all, 1_000), "0.0606"),
    # and the prompt is long by the sum of the three: 60001 + 40000 are above 100000
    # 60001×0.50 + 40000×0.05 + 10×2.50 = 30000.5 + 2000 + 25
    *both(
        HAIKU, "long by what was cached", anthropic_whole(anthropic_usage(60_001, read=40_000), 10),
        anthropic_stream(anthropic_usage(60_001, read=40_000), 10), "0.0320255",
    ),
    # thoughts stand beside the answer and are paid as it is: 234×0.30 + 1000×0.03 + (500+67)×2.50
    *both(
        LITE, "thoughts", whole(JSON, json.dumps(google_answer(1_234, 500, thoughts=67, cached=1_000))),
        reply(SSE, event(google_answer(1_234, 500, thoughts=67, cached=1_000))), "0.0015177",
    ),
]  # fmt: skip


async def answer_of(kind: str, script: tuple, *, is_streamed: bool):
    vendor = Vendor(kind, {"anthropic": "sk-ant-test-1234", "google": "AIzaTest1234"}.get(kind, "sk-test-1234"))
    return (await vendor.stream(script))[1] if is_streamed else await vendor.complete(script)


@pytest.mark.parametrize(("which", "script", "is_streamed", "dollars"), ASKED)
async def test_what_a_vendor_counted_costs_what_was_worked_by_hand(which, script, is_streamed, dollars):
    kind = "openai_compatible" if which[0] == "openai" else which[0]
    answer = await answer_of(kind, script, is_streamed=is_streamed)
    assert not answer.usage.is_estimated
    assert prices.cost(answer.usage, rates(which)) == Decimal(dollars)


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_without_counts_the_cost_is_estimated_and_says_so(is_streamed):
    script = openai_stream(None) if is_streamed else openai_whole(None)
    answer = await answer_of("openai_compatible", script, is_streamed=is_streamed)
    # “Hi there, good morning.” is 23 characters and “hello there” 11: 6 and 3 tokens of four characters; 6×0.15 + 3×0.60
    assert (answer.usage.is_estimated, answer.usage.input_tokens, answer.usage.output_tokens) == (True, 6, 3)
    assert prices.cost(answer.usage, rates(MINI)) == Decimal("0.0000027")


# ── What is kept with a call ──────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.django_db
def test_a_call_keeps_what_it_was_charged_at_and_who_said_so():
    actor = make_actor()
    from apps.providers.contract import Completion
    from apps.providers.services.prices import price_facts

    model = make_model(actor, make_provider(actor, is_local=False), **price_facts(prices.price_of(*HAIKU)))
    usage = Usage(200_000, 2_000, cached_tokens=150_000, cache_write_tokens=40_000, cache_write_1h_tokens=10_000)
    services.usage_record(
        team_id=actor.team.pk, owner_id=actor.user.pk, model=model, purpose="chat", completion=Completion("x", "stop", usage, "m")
    )
    row = CreditUsage.objects.get()
    assert (row.cost_usd, row.cache_write_tokens, row.cache_write_1h_tokens) == (Decimal("0.04625"), 40_000, 10_000)
    assert row.price_source == "LiteLLM 1.109.1, 2026-11-20"
    assert row.unit_prices == {
        "input": "0.5", "output": "2.5", "cached": "0.05", "cache_write": "0.625", "cache_write_1h": "1", "above_tokens": 100_000,
    }  # fmt: skip
    model.price_input = Decimal(99)
    model.save()
    row.refresh_from_db()
    assert row.unit_prices["input"] == "0.5"


@pytest.mark.django_db
def test_the_sum_can_be_read_beside_the_cost():
    actor = make_actor()
    row = CreditUsage(
        team=actor.team, input_tokens=10, cached_tokens=3, cache_write_tokens=5, cache_write_1h_tokens=1, output_tokens=7,
        price_source="the file, 2026-11-20",
        unit_prices={"input": "4", "output": "20", "cached": "0.2", "cache_write": "5", "cache_write_1h": "8"},
    )  # fmt: skip
    assert selectors.cost_words(row) == (
        "2 in at US$ 4.00, 3 from the cache at US$ 0.20, 4 to the cache at US$ 5.00, 1 to the cache for an hour at US$ 8.00, "
        "7 out at US$ 20.00 a million · the file, 2026-11-20"
    )
    assert selectors.cost_words(CreditUsage(team=actor.team, input_tokens=10)) == ""
