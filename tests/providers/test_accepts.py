"""What a model accepts: the dated file, what its vendor refused, and what a person says; and that the rest is never sent."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from apps.common.errors import BadInput
from apps.providers import accepts, services
from apps.providers.adapters.flags import FORMATS, settings_of, system_as_question
from apps.providers.calls import servers
from apps.providers.contract import ACCEPTS, ChatRequest, Message, Refusal
from apps.providers.errors import BadRequest
from apps.providers.models import AIModel
from apps.providers.services.accepts import accepts_list, accepts_of, refusals_keep, request_for
from tests.providers.calls.upstream import QUESTION, BytesServer, run, says, server_at
from tests.providers.native import REQUEST, Vendor
from tests.providers.rows import make_model, make_provider
from tests.servers.bytes_server import JSON, SSE, answer, event, reply, whole

REFUSED = {
    "error": {
        "message": "Unsupported parameter: 'temperature' is not supported with this model.",
        "type": "invalid_request_error",
        "param": "temperature",
        "code": "unsupported_parameter",
    }
}
REASONS = {"temperature": False, "seed": False, "stop": False, "logprobs": False}
TOOL = {"name": "look", "parameters": {"type": "object"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
EVERYTHING = replace(
    REQUEST,
    messages=(Message("system", "Be brief."), Message("user", "Hi")),
    temperature=0.5, seed=3, stop=("END",), max_output_tokens=5000, logprobs=True, top_logprobs=2, tools=(TOOL,),
    tool_choice="required",
)  # fmt: skip
NOTHING = {
    "temperature": False, "seed": False, "stop": False, "system": False, "logprobs": False, "tool_choice": False,
    "max_output_tokens": 100,
}  # fmt: skip


# ── the file ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_file_is_dated_and_says_only_what_the_schema_knows():
    rows = json.loads(accepts.FILE.read_text())
    assert rows["date"] in accepts.source() and rows["source"] in accepts.source()
    for row in rows["models"]:
        assert row["why"]
        for flag, value in row["accepts"].items():
            Draft202012Validator(ACCEPTS[flag]).validate(value)


@pytest.mark.parametrize(
    ("kind", "key", "known"),
    [
        ("openai", "gpt-6.1-sol", {"api": "responses", **REASONS}),
        ("openai", "o3-pro-2025-06-10", {"api": "responses", **REASONS}),
        ("openai", "gpt-5-search-api", {"api": "chat", **REASONS}),
        ("openai", "gpt-4o-mini", {}),
        ("openai", "text-embedding-3-small", {}),
        ("anthropic", "claude-sonnet-5-5", {"temperature": False}),
        ("anthropic", "claude-opus-4-7-20260416", {"temperature": False}),
        ("anthropic", "claude-haiku-4-5", {}),
        ("anthropic", "claude-3-5-sonnet-20241022", {}),
        ("google", "models/gemini-3.8-flash", {"temperature": False}),
        ("google", "gemini-2.5-flash", {}),
        ("google", "gemma-3-27b-it", {"system": False}),
        ("mistral", "mistral-large-4", {}),
        ("openai_compatible", "gpt-6-sol", {}),
    ],
)  # fmt: skip
def test_known_models_are_known(kind, key, known):
    assert accepts.known_of(kind, key) == known


# ── on the wire ───────────────────────────────────────────────────────────────────────────────────────────────────

OPENAI_ANSWER = answer("yes")
RESPONSE = {"status": "completed", "output": [{"type": "message", "content": [{"type": "output_text", "text": "yes"}]}]}
CLAUDE = {"type": "message", "content": [{"type": "text", "text": "yes"}], "stop_reason": "end_turn", "usage": {}}
GEMINI = {"candidates": [{"content": {"parts": [{"text": "yes"}]}, "finishReason": "STOP"}]}
OLLAMA = {"message": {"role": "assistant", "content": "yes"}, "done": True, "done_reason": "stop"}
WIRES = [
    ("openai_compatible", {}, OPENAI_ANSWER),
    ("openai", {"api": "chat"}, OPENAI_ANSWER),
    ("openai", {"api": "responses"}, RESPONSE),
    ("mistral", {}, OPENAI_ANSWER),
    ("anthropic", {"anthropic_version": "2023-06-01"}, CLAUDE),
    ("google", {}, GEMINI),
    ("ollama", {}, OLLAMA),
]
SENT_AS = ("temperature", "seed", "random_seed", "stop", "stop_sequences", "stopSequences", "logprobs", "top_logprobs",
           "responseLogprobs", "tool_choice", "toolConfig", "include", "system", "instructions", "systemInstruction")  # fmt: skip


async def sent_for(kind: str, quirks: dict, body: dict, request: ChatRequest) -> dict:
    vendor = Vendor(kind, "sk-accepts-0123456789")
    before = [whole(JSON, {"models": []})] if kind == "ollama" else []  # it asks what is in memory first
    async with BytesServer(*before, whole(JSON, body)) as server, vendor.adapter_at(server, quirks=quirks) as adapter:
        await adapter.complete(request)
    return server.requests[-1].json


def names_in(body: dict) -> set[str]:
    return set(body) | set(body.get("generationConfig", {})) | set(body.get("options", {}))


@pytest.mark.parametrize(("kind", "quirks", "body"), WIRES, ids=lambda value: value if isinstance(value, str) else None)
async def test_what_a_model_does_not_accept_is_left_out(kind, quirks, body):
    usual = await sent_for(kind, quirks, body, EVERYTHING)
    sent = await sent_for(kind, quirks, body, replace(EVERYTHING, accepts=NOTHING))
    assert names_in(usual) & set(SENT_AS)
    assert not names_in(sent) & set(SENT_AS)
    assert '"system"' not in json.dumps(sent)
    assert "Be brief.\\n\\nHi" in json.dumps(sent)
    assert "5000" in json.dumps(usual) and "5000" not in json.dumps(sent) and "100" in json.dumps(sent)


@pytest.mark.parametrize(("kind", "quirks", "body"), WIRES, ids=lambda value: value if isinstance(value, str) else None)
async def test_a_schema_is_told_in_words_where_it_is_not_accepted(kind, quirks, body):
    fitting = json.loads(json.dumps(body).replace("yes", '{\\"a\\": \\"b\\"}'))
    sent = await sent_for(kind, quirks, fitting, replace(REQUEST, json_schema=SCHEMA, accepts={"json_schema": "prompt"}))
    assert not {"response_format", "text", "output_config", "tools", "responseSchema", "responseMimeType", "format"} & names_in(
        sent
    )
    assert "must fit this JSON schema" in json.dumps(sent)


@pytest.mark.parametrize("flag", list(ACCEPTS))
def test_every_flag_changes_some_setting(flag):
    value = (
        {"boolean": False, "integer": 5}.get(ACCEPTS[flag]["type"]) if "enum" not in ACCEPTS[flag] else ACCEPTS[flag]["enum"][-1]
    )
    assert settings_of({flag: value})
    assert set(ACCEPTS["json_schema"]["enum"]) == set(FORMATS)


def test_instructions_go_to_the_head_of_the_first_question():
    messages = (
        Message("system", "A"),
        Message("assistant", "Hm"),
        Message("user", "Q", images=("data:,x",)),
        Message("system", "B"),
    )
    changed = system_as_question(ChatRequest("m", messages)).messages
    assert changed == (Message("assistant", "Hm"), Message("user", "A\n\nB\n\nQ", images=("data:,x",)))
    assert system_as_question(ChatRequest("m", (Message("system", "A"),))).messages == (Message("user", "A"),)


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "request_", "refusal", "flag", "value"),
    [
        ("openai_compatible", {"temperature": 0.5}, "'temperature' is not supported with this model.", "temperature", False),
        ("openai_compatible", {"seed": 3}, "Unknown parameter: 'seed'.", "seed", False),
        ("openai_compatible", {"stop": ("x",)}, "Unsupported parameter: 'stop' is not supported.", "stop", False),
        ("openai_compatible", {"logprobs": True}, "'logprobs' is not supported with this model.", "logprobs", False),
        ("openai_compatible", {"max_output_tokens": 9}, "'max_tokens' is not supported, use 'max_completion_tokens'.",
         "max_tokens_field", "max_completion_tokens"),
        ("openai_compatible", {"tools": (TOOL,), "tool_choice": "auto"}, "tool_choice is not supported", "tool_choice", False),
        ("openai_compatible", {"messages": EVERYTHING.messages},
         "Unsupported value: 'messages[0].role' does not support 'system' with this model.", "system", False),
        ("anthropic", {"messages": EVERYTHING.messages}, "system prompts are not supported by this model", "system", False),
        ("anthropic", {"max_output_tokens": 90000}, "max_tokens: 90000 > 8192, which is the maximum", "max_output_tokens", 8192),
        ("google", {"temperature": 0.5}, "Sampling parameters are not supported: temperature", "temperature", False),
        ("google", {"messages": EVERYTHING.messages}, "Developer instruction is not enabled for models/m", "system", False),
        ("google", {"logprobs": True}, "Logprobs is not enabled for models/m", "logprobs", False),
        ("ollama", {"tools": (TOOL,), "logprobs": True}, "logprobs are not supported for this model", "logprobs", False),
    ],
)  # fmt: skip
async def test_a_refusal_is_learned_once_and_told(kind, request_, refusal, flag, value):
    answers = {"anthropic": CLAUDE, "google": GEMINI, "ollama": OLLAMA}
    vendor = Vendor(kind, "sk-accepts-0123456789")
    error = {"error": refusal} if kind == "ollama" else {"error": {"message": refusal, "type": "invalid_request_error"}}
    before = [whole(JSON, {"models": []})] if kind == "ollama" else []
    scripts = (*before, whole(JSON, error, status="400 Bad Request"), whole(JSON, answers.get(kind, OPENAI_ANSWER)))
    async with BytesServer(*scripts) as server, vendor.adapter_at(server) as adapter:
        first = await adapter.complete(replace(REQUEST, **request_))
        second = await adapter.complete(replace(REQUEST, **request_))
    del server.requests[: len(before)]
    assert first.refusals == (Refusal(flag, value, refusal),)
    assert (first.attempts, second.attempts, second.refusals) == (2, 1, ())
    assert server.requests[1].body == server.requests[2].body != server.requests[0].body


async def test_a_refusal_is_told_also_when_the_call_fails_in_the_end():
    scripts = (
        whole(JSON, REFUSED, status="400 Bad Request"),
        whole(JSON, {"error": {"message": "No."}}, status="400 Bad Request"),
    )
    vendor = Vendor("openai_compatible", "sk-accepts-0123456789")
    async with BytesServer(*scripts) as server, vendor.adapter_at(server) as adapter:
        with pytest.raises(BadRequest) as caught:
            await adapter.complete(replace(REQUEST, temperature=0.5))
    assert [one.flag for one in caught.value.extra["refusals"]] == ["temperature"]
    assert len(server.requests) == 2


async def test_a_server_that_refuses_it_both_ways_is_not_asked_for_ever():
    words = "max_tokens and max_completion_tokens are not supported"
    vendor = Vendor("openai_compatible", "sk-accepts-0123456789")
    refused = whole(JSON, {"error": {"message": words}}, status="400 Bad Request")
    async with BytesServer(refused) as server, vendor.adapter_at(server) as adapter:
        with pytest.raises(BadRequest):
            await adapter.complete(replace(REQUEST, max_output_tokens=5))
    assert len(server.requests) <= 3


# ── on the row ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def openai(actor):
    return make_provider(actor, kind="openai", base_url="")


def test_the_file_then_refusals_then_a_person(actor, openai):
    model = make_model(actor, openai, key="gpt-6-sol")
    assert accepts_of(model)["temperature"] is False
    refusals_keep(model, [Refusal("stream", False, "No streams."), Refusal("json_schema", "object", "No schemas.")])
    services.model_update(actor, model, accepts={"temperature": True, "json_schema": "prompt"})
    model.refresh_from_db()
    found = {one.flag: (one.value, one.origin, one.said) for one in accepts_list(model)}
    assert found["temperature"] == (True, "person", "")
    assert found["json_schema"] == ("prompt", "person", "")
    assert found["stream"] == (False, "refusal", "No streams.")
    assert found["api"] == ("responses", "file", "")
    assert "accepts" in model.human_edits
    request = request_for(model, QUESTION)
    assert (request.model, request.accepts["temperature"]) == ("gpt-6-sol", True)


def test_the_file_holds_only_at_the_vendor_itself(actor):
    elsewhere = make_provider(actor, kind="openai", base_url="https://reseller.example.org/v1")
    assert accepts_of(make_model(actor, elsewhere, key="gpt-6-sol")) == {}


def test_what_a_person_has_set_no_refusal_changes(actor, openai):
    model = make_model(actor, openai, key="gpt-4o")
    services.model_update(actor, model, accepts={"seed": True})
    refusals_keep(model, [Refusal("seed", False, "Unknown parameter: 'seed'.")])
    model.refresh_from_db()
    assert model.refusals == {} and accepts_of(model)["seed"] is True


def test_a_sync_leaves_both_alone(actor, openai):
    from apps.providers.contract import ModelInfo
    from apps.providers.services.sync import listing_store

    model = make_model(actor, openai, key="gpt-4o", accepts={"seed": False})
    refusals_keep(model, [Refusal("stop", False, "No.")])
    listing_store(openai, [ModelInfo("gpt-4o")])
    model.refresh_from_db()
    assert accepts_of(model) == {"seed": False, "stop": False}


@pytest.mark.parametrize("wrong", [{"fly": True}, {"temperature": "no"}, {"api": "soap"}, {"max_output_tokens": 0}, ["seed"], 3])
def test_what_is_no_flag_is_refused(actor, openai, wrong):
    model = make_model(actor, openai)
    with pytest.raises(BadInput) as caught:
        services.model_update(actor, model, accepts=wrong)
    assert caught.value.errors[0]["field"] == "accepts"


@pytest.mark.parametrize("way", ["stream", "complete"])
def test_a_refusal_is_remembered_by_the_row_so_that_the_next_process_asks_rightly(actor, way):
    model = server_at(actor, "http://127.0.0.1:9/v1")
    question = replace(QUESTION, temperature=0.5)

    async def story(calls):
        refused = whole(JSON, REFUSED, status="400 Bad Request")
        fine = says("Good day.") if way == "stream" else whole(JSON, answer("Good day."))
        async with BytesServer(refused, fine) as server:
            model.provider.base_url = server.url
            await model.provider.asave()
            if way == "stream":
                [item async for item in calls.stream(model, question)]
            else:
                await calls.complete(model, question)
        return server.requests

    assert ["temperature" in request.json for request in run(story)] == [True, False]
    row = AIModel.objects.select_related("provider").get(pk=model.pk)
    assert row.refusals["temperature"]["value"] is False and "not supported" in row.refusals["temperature"]["said"]
    assert row.refusals["temperature"]["at"].startswith("20")

    servers.forget_all()  # as another process, which has not yet looked

    async def again(calls):
        async with BytesServer(reply(SSE, event({"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]}))) as server:
            row.provider.base_url = server.url
            await row.provider.asave()
            [item async for item in calls.stream(row, question)]
        return server.requests

    assert ["temperature" in request.json for request in run(again)] == [False]


def test_the_api_shows_what_holds_and_who_says_so_and_takes_what_a_person_sets(actor, openai):
    model = make_model(actor, openai, key="gpt-6-sol")
    refusals_keep(model, [Refusal("tool_choice", False, "No choice.")])
    client = APIClient()
    client.force_login(actor.user)
    url = f"/api/models/{model.public_id}/"
    shown = {one["flag"]: (one["value"], one["origin"], one["said"]) for one in client.get(url).json()["accepted"]}
    assert shown["temperature"] == (False, "file", "") and shown["tool_choice"] == (False, "refusal", "No choice.")
    changed = client.patch(url, {"accepts": {"temperature": True}}, format="json").json()
    assert changed["accepts"] == {"temperature": True} and "accepts" in changed["human_edits"]
    refused = client.patch(url, {"accepts": {"temperature": "hot"}}, format="json")
    assert refused.status_code == 400 and "accepts" in str(refused.json())
