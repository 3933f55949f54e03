"""What may stand in an answer: words, thoughts, tool calls, counts and reasons to stop, in every spelling seen."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from apps.providers.adapters.chat import encode
from apps.providers.adapters.openai_compatible.answer import AnswerReader, read_usage
from apps.providers.adapters.openai_compatible.models import models_in
from apps.providers.adapters.openai_compatible.quirks import Quirks
from apps.providers.adapters.openai_compatible.wire import api_base, chat_body
from apps.providers.adapters.text import TextCleaner, ThinkSplitter
from apps.providers.contract import ChatRequest, Message, ToolCall, Usage
from apps.providers.errors import AuthenticationFailed, ContentFiltered, EmptyAnswer, Interrupted, MalformedAnswer
from tests.providers.compatible import REQUEST, complete, stream
from tests.servers.bytes_server import DONE, JSON, SSE, answer, event, reply, whole, words


def chunks(*pieces: dict) -> tuple:
    return reply(SSE, *map(event, pieces), DONE)


def said(*pieces: dict) -> AnswerReader:
    reader = AnswerReader()
    for piece in pieces:
        reader.feed(piece)
    reader.end()
    return reader


async def test_chunks_without_choices_at_the_beginning_and_end_are_no_harm():
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 1}}
    _, last = await stream(chunks({"choices": [], "prompt_filter_results": []}, {"id": "x"}, words("a", finish="stop"), usage))
    assert (last.text, last.usage) == ("a", Usage(7, 1))


@pytest.mark.parametrize("delta", [{"content": None}, {}, {"content": ""}, {"role": "assistant"}, None])
async def test_a_delta_may_say_nothing(delta):
    empty = {"choices": [{"index": 0, "delta": delta}]}
    deltas, last = await stream(chunks(empty, words("a", role="assistant"), empty, words("b", finish="stop")))
    assert last.text == "ab" and len(deltas) == 2


async def test_a_whole_message_at_the_end_of_a_stream_does_not_repeat_its_words():
    _, last = await stream(chunks(words("ab"), {"choices": [{"message": {"content": "ab"}, "finish_reason": "stop"}]}))
    assert last.text == "ab"


async def test_content_may_be_a_list_of_pieces():
    pieces = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "yes"},
        {"type": "reference"},
    ]
    _, last = await stream(chunks({"choices": [{"delta": {"content": pieces}, "finish_reason": "stop"}]}))
    assert (last.text, last.reasoning) == ("yes", "hm")


@pytest.mark.parametrize(
    "usages",
    [
        [None, None, {"prompt_tokens": 5, "completion_tokens": 3}],
        [{"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": 5, "completion_tokens": 3}, None],
        [
            {"prompt_tokens": 5, "completion_tokens": 1},
            {"prompt_tokens": 5, "completion_tokens": 2},
            {"prompt_tokens": 5, "completion_tokens": 3},
        ],
        [None, {"input_tokens": 5, "output_tokens": 3}, {"prompt_tokens": 0, "completion_tokens": 0}],
    ],
)
async def test_the_last_usage_that_says_something_counts_and_nothing_is_summed(usages):
    pieces = [{**words("a", finish="stop" if number == 1 else None), "usage": usage} for number, usage in enumerate(usages)]
    _, last = await stream(chunks(*pieces))
    assert last.usage == Usage(5, 3)


async def test_usage_may_come_after_the_finish_reason_with_empty_choices_and_before_the_end():
    late = {"choices": [{"index": 0, "delta": {}}], "usage": {"prompt_tokens": 5, "completion_tokens": 3}}
    _, last = await stream(reply(SSE, event(words("a", finish="stop")), 0.05, event(late)))
    assert last.usage == Usage(5, 3)


async def test_usage_that_never_comes_is_estimated_and_says_so():
    _, last = await stream(chunks(words("eight ch", finish="stop")))
    assert last.usage == Usage(input_tokens=6, output_tokens=2, is_estimated=True)


def test_usage_is_read_with_its_parts():
    full = {
        "prompt_tokens": 9,
        "completion_tokens": 8,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    assert read_usage(full) == Usage(9, 8, 4, 5)
    assert read_usage({"prompt_tokens": True, "completion_tokens": -3}) is None
    assert read_usage({"prompt_tokens": 9, "prompt_tokens_details": None, "completion_tokens": "3"}) == Usage(9, 0)
    assert read_usage([]) is None


def test_usage_is_found_wherever_it_hides():
    usage = {"prompt_tokens": 5, "completion_tokens": 3}
    for piece in ({"usage": usage}, {"choices": [{"usage": usage}]}, {"x_groq": {"usage": usage}}):
        assert said(piece).usage == Usage(5, 3)


@pytest.mark.parametrize(
    ("vendor", "ours"),
    [("stop", "stop"), ("end_turn", "stop"), ("length", "length"), ("model_length", "length"), ("max_tokens", "length"),
     ("tool_calls", "tool_calls"), ("function_call", "tool_calls"), ("banana", "unknown")],
)  # fmt: skip
async def test_reasons_to_stop_have_our_names(vendor, ours):
    assert (await complete(whole(JSON, answer("hi", finish=vendor)))).finish_reason == ours


async def test_a_filtered_answer_without_words_is_an_error_and_with_words_is_a_result():
    assert (await complete(whole(JSON, answer("hi", finish="content_filter")))).finish_reason == "content_filter"
    with pytest.raises(ContentFiltered):
        await complete(whole(JSON, answer("", finish="content_filter")))
    with pytest.raises(ContentFiltered) as caught:
        await complete(whole(JSON, answer(None, refusal="I can't help with that.")))
    assert caught.value.vendor_message == "I can't help with that."


async def test_a_finish_reason_error_is_no_success():
    with pytest.raises(Interrupted) as caught:
        await stream(chunks(words("so far"), words(finish="error")))
    assert caught.value.extra["partial"].text == "so far"


async def test_an_answer_without_a_word_is_an_error():
    for script in (chunks(words(""), words(finish="stop")), whole(JSON, answer("")), whole(JSON, answer(" \n"))):
        with pytest.raises(EmptyAnswer):
            await stream(script)


async def test_thinking_that_used_up_the_tokens_is_an_answer_that_was_cut():
    _, last = await stream(chunks(words(reasoning_content="hm hm"), words(finish="length")))
    assert (last.text, last.reasoning, last.finish_reason) == ("", "hm hm", "length")


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "hm"},
        {"reasoning": "hm"},
        {"reasoning": "hm", "reasoning_content": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]},
    ],
)
async def test_thinking_is_known_under_all_its_names_and_counted_once(delta):
    deltas, last = await stream(chunks({"choices": [{"delta": delta}]}, words("a", finish="stop")))
    assert (last.reasoning, last.text) == ("hm", "a")
    assert [(d.reasoning, d.text) for d in deltas] == [("hm", ""), ("", "a")]


def split(*pieces: str) -> tuple[str, str]:
    splitter = ThinkSplitter()
    parts = [splitter.feed(piece) for piece in pieces] + [splitter.end()]
    return "".join(part[0] for part in parts), "".join(part[1] for part in parts)


def test_think_tags_are_taken_out_wherever_they_are_cut():
    text = "\n<think>a < b </thin k></think>\n\nThe <think>answer</think>"
    expected = ("The <think>answer</think>", "a < b </thin k>")
    for cut in range(len(text)):
        assert split(text[:cut], text[cut:]) == expected
    assert split(*text) == expected


@pytest.mark.parametrize("text", ["", "  ", "<thi", "<b>hi</b>", "  text", "a <think>b</think>"])
def test_text_that_does_not_begin_with_thinking_stays_as_it_is(text):
    assert split(*text) == (text, "") == split(text)


def test_thinking_without_an_end_is_all_thinking():
    assert split(*"<think>abc</thi") == ("", "abc</thi")


async def test_think_tags_in_a_stream_become_reasoning():
    deltas, last = await stream(chunks(words("<th"), words("ink>hm</t"), words("hink>\n\nye"), words("s", finish="stop")))
    assert (last.text, last.reasoning) == ("yes", "hm")
    assert "".join(d.text for d in deltas) == "yes"


def test_a_cleaner_gives_text_that_can_be_stored():
    cleaner = TextCleaner()
    text = "".join(map(cleaner.feed, ["a\x00", "\ud83c", "\udf89", "\udf89", "\ud83c", "b", "\ud83c"])) + cleaner.end()
    assert text == "a🎉\ufffd\ufffdb\ufffd"


def call(index=None, id=None, name=None, arguments=None) -> dict:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    piece = {key: value for key, value in (("index", index), ("id", id)) if value is not None}
    return {"choices": [{"delta": {"tool_calls": [{**piece, "function": function}]}}]}


@pytest.mark.parametrize(
    "pieces",
    [
        [call(0, "a", "f", ""), call(0, None, None, '{"x"'), call(0, None, None, ":1}"), call(1, "b", "g", "{}")],
        [call(0, "a", "f", '{"x"'), call(1, "b", "g", "{"), call(0, None, None, ":1}"), call(1, None, None, "}")],
        [call(1, "a", "f", '{"x":1}'), call(2, "b", "g", "{}")],
        [call(None, "a", "f", '{"x":1}'), call(None, "b", "g", "{}")],
        [call(0, "a", "f", '{"x"'), call(0, "a", "f", ":1}"), call(1, "b", "g", "{}")],
        [call(0, "a", "f", '{"x":1}'), call(0, "b", "g", "{}")],
        [call(None, "a", "f", '{"x"'), call(None, None, None, ":1}"), call(None, "b", "g", "{}")],
    ],
    ids=[
        "usual",
        "interleaved",
        "from-one",
        "whole-without-index",
        "id-and-name-repeated",
        "all-index-0",
        "pieces-without-index",
    ],
)
def test_tool_calls_are_put_together_however_they_come(pieces):
    assert said(*pieces)._calls.as_tuple() == (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "{}"))


def test_tool_arguments_stay_as_the_model_wrote_them_unless_they_are_no_text():
    [broken] = said(call(0, "a", "f", '{"x":'))._calls.as_tuple()
    [objects] = said(call(0, "null", "f", {"x": "é"}))._calls.as_tuple()
    assert broken.arguments == '{"x":'
    assert (json.loads(objects.arguments), objects.id) == ({"x": "é"}, "call_0")


async def test_stop_together_with_tool_calls_means_tool_calls():
    _, last = await stream(chunks(call(0, "a", "f", "{}"), words(finish="stop")))
    assert last.finish_reason == "tool_calls" and last.tool_calls and last.text == ""


async def test_the_answer_says_which_model_it_is_from():
    assert (await complete(whole(JSON, {**answer("hi"), "model": "other"}))).model == "other"
    assert (await complete(whole(JSON, {**answer("hi"), "model": None}))).model == "m"


async def test_a_ban_in_the_form_of_an_answer_is_a_refused_key_at_genspark():
    ban = whole(JSON, answer("Sorry, your account is not permitted to use this service."))
    with pytest.raises(AuthenticationFailed):
        await complete(ban, kind="genspark")
    assert (await complete(ban)).text.startswith("Sorry")


@pytest.mark.parametrize("body", [{}, [], "text", 3, {"choices": []}, {"choices": None}, {"object": "list", "data": []}])
async def test_json_that_is_no_chat_answer_is_malformed(body):
    with pytest.raises(MalformedAnswer):
        await complete(whole(JSON, body))


@pytest.mark.parametrize(
    ("typed", "base"),
    [
        ("http://h:1", "http://h:1/v1"), ("http://h:1/", "http://h:1/v1"), ("http://h:1/v1", "http://h:1/v1"),
        ("http://h:1/v1/", "http://h:1/v1"), ("http://h:1/v1/chat/completions", "http://h:1/v1"),
        ("http://h:1/chat/completions/", "http://h:1/v1"), ("https://h/api/llm_proxy/v1", "https://h/api/llm_proxy/v1"),
        ("https://h/v1beta/openai/", "https://h/v1beta/openai"), ("https://h/v1/models", "https://h/v1"),
    ],
)  # fmt: skip
def test_a_base_url_is_understood_however_it_is_typed(typed, base):
    assert api_base(typed) == base


def test_what_the_request_leaves_open_is_not_sent():
    assert set(chat_body(REQUEST, Quirks(), is_stream=False)) == {"model", "messages"}


def test_a_request_is_sent_with_all_that_it_says():
    request = ChatRequest(
        "m",
        (
            Message("user", "look", images=("data:image/png;base64,AA==",)),
            Message("assistant", "", tool_calls=(ToolCall("c1", "f", "{}"),)),
            Message("tool", "42", tool_call_id="c1"),
        ),
        max_output_tokens=5,
        temperature=0.5,
        seed=7,
        stop=("END",),
        tools=({"name": "f", "parameters": {}}, {"type": "function", "function": {"name": "g"}}),
    )
    body = chat_body(request, Quirks(), is_stream=True)
    assert body["messages"][0]["content"][1] == {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    assert body["messages"][1]["content"] is None
    assert body["messages"][1]["tool_calls"][0] == {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert body["messages"][2] == {"role": "tool", "content": "42", "tool_call_id": "c1"}
    assert (body["max_tokens"], body["temperature"], body["seed"], body["stop"]) == (5, 0.5, 7, ["END"])
    assert [tool["function"]["name"] for tool in body["tools"]] == ["f", "g"]
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


def test_half_a_character_in_a_question_does_not_break_the_request():
    body = chat_body(replace(REQUEST, messages=(Message("user", "a\ud83cb"),)), Quirks(), is_stream=False)
    assert json.loads(encode(body))["messages"][0]["content"] == "a?b"


def test_model_lists_of_many_servers_are_read():
    vllm = {"data": [{"id": "q", "max_model_len": 4096}, {"id": "q"}, {"id": ""}, {"id": 3}, "plain"]}
    assert [(m.key, m.context_window) for m in models_in(vllm)] == [("q", 4096), ("plain", None)]
    mistral = {
        "id": "x",
        "max_context_length": 9,
        "capabilities": {"completion_chat": True, "vision": True, "function_calling": False},
    }
    [model] = models_in([mistral])
    assert (model.capabilities, model.context_window) == (("chat", "vision"), 9)
    names = ["gpt-6", "text-embedding-3-small", "whisper-1", "dall-e-3"]
    assert [m.capabilities for m in models_in({"data": [{"id": name} for name in names]})] == [("chat",), ("embeddings",), (), ()]
    [llama] = models_in({"data": [{"id": "l", "meta": {"n_ctx_train": 2048, "size": 77}}]})
    assert (llama.context_window, llama.size_bytes) == (2048, 77)
    assert models_in({"data": []}) == []
    for nonsense in ({}, {"data": "x"}, {"data": [1, 2]}, None, "x", {"models": {}}):
        assert models_in(nonsense) is None
