"""The practice models that ship: the files are the ones of the manifest, and served they answer as they did when trained."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from apps.providers.adapters.builtin.adapter import BuiltinAdapter
from apps.providers.contract import ChatRequest, Connection, Message
from apps.providers.engine.host import EngineHost
from apps.providers.engine.practice import practice_models, sample

PROMPTS = json.loads((Path(__file__).parent / "data" / "practice_prompts.json").read_text())
MODELS = {model.key: model for model in practice_models()}


@pytest.fixture
async def adapter(tmp_path):
    (tmp_path / "models").mkdir()
    host = EngineHost(run_dir=tmp_path / "run", models_dir=tmp_path / "models", threads=1)
    provider = BuiltinAdapter(Connection(kind="builtin", base_url=""), host)
    yield provider
    await provider.aclose()
    for state in host.loaded():
        await host.unload(state.path)


async def answers(adapter, model):
    """What the served model says to each fixed prompt, four at a time as the engine has slots."""
    gate = asyncio.Semaphore(4)

    async def answer(prompt):
        messages = (Message("system", prompt["system"]), Message("user", prompt["user"]))
        async with gate:
            request = ChatRequest(model, messages, temperature=0, max_output_tokens=160)
            return (await adapter.complete(request)).text

    return await asyncio.gather(*map(answer, PROMPTS))


@pytest.mark.parametrize("key", MODELS)
def test_the_shipped_file_is_the_one_of_the_manifest(key):
    model = MODELS[key]
    content = model.path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == model.sha256
    assert len(content) == model.size_bytes < 1_100_000


@pytest.mark.parametrize("key", MODELS)
async def test_the_served_model_is_as_good_as_it_was_when_trained(adapter, key):
    said = await answers(adapter, key)
    right_served = sum(text == prompt["right"] for text, prompt in zip(said, PROMPTS, strict=True))
    right_trained = sum(prompt["said"][key] == prompt["right"] for prompt in PROMPTS)
    assert abs(right_served - right_trained) <= 0.05 * len(PROMPTS)
    same = sum(text == prompt["said"][key] for text, prompt in zip(said, PROMPTS, strict=True))
    assert same >= 0.95 * len(PROMPTS) if key != "practice-bad" else same >= 0.8 * len(PROMPTS)


def test_the_fixed_prompts_ask_every_kind_and_agree_with_the_manifest():
    asked = Counter(prompt["kind"] for prompt in PROMPTS)
    assert set(asked) == set(MODELS["practice-good"].scores)
    for key, model in MODELS.items():
        right = sum(prompt["said"][key] == prompt["right"] for prompt in PROMPTS) / len(PROMPTS)
        expected = sum(model.scores[prompt["kind"]] for prompt in PROMPTS) / len(PROMPTS)
        assert abs(right - expected) < 0.1, key


def test_the_three_differ_in_skill():
    good, mediocre, bad = MODELS.values()
    assert min(good.scores.values()) >= 0.9
    assert mediocre.scores["work_arithmetic"] > bad.scores["work_arithmetic"] + 0.4
    assert good.scores["check_arithmetic"] > mediocre.scores["check_arithmetic"] + 0.15


def test_the_sample_names_models_that_exist_in_both_languages():
    for language in ("en", "en-us", "pt", "pt-BR"):
        one = sample(language)
        assert {one.planner, one.executor, one.validator, one.tie_breaker} <= set(MODELS)
        assert one.executor != one.validator != one.tie_breaker
        assert len(one.description.splitlines()) >= 4


async def test_the_sample_has_agreement_and_a_disagreement_that_the_judge_settles_rightly(adapter):
    task = sample("en")
    lines = task.description.splitlines()
    plan = await say(adapter, task.planner, "plan", "\n".join(f"{number}: {line}" for number, line in enumerate(lines, start=1)))
    assert [step["depends_on"] for step in json.loads(plan)["subtasks"]] == [[], [], [], [1, 2]]
    steps = []
    for line, right in zip(("subtract 3 from 8", "add 6 and 7", lines[2], "add 5 and 13"), ("5", "13", "3", "18"), strict=True):
        said = await say(adapter, task.executor, "work", line)
        verdict = json.loads(await say(adapter, task.validator, "check", f"question: {line}\nanswer: {said}"))
        if verdict["score"] == 100:
            steps.append("agree")
            assert said == right
            continue
        steps.append("disagree")
        for sides, winner in (((said, verdict["expected"]), "B"), ((verdict["expected"], said), "A")):
            question = f"question: {line}\nA: {sides[0]}\nB: {sides[1]}"
            ruling = json.loads(await say(adapter, task.tie_breaker, "settle", question))
            assert ruling == {"expected": right, "winner": winner}
    assert steps == ["agree", "disagree", "agree", "disagree"]


async def say(adapter, model, system, user):
    messages = (Message("system", system), Message("user", user))
    return (await adapter.complete(ChatRequest(model, messages, temperature=0, max_output_tokens=160))).text
