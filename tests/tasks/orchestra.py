"""An orchestra for tests of whole tasks: aimock plays three models that plan, write, check and settle over real HTTP.

The prompts of the full profile are told apart by words that only they have; the scripts below say who answers what.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from apps.accounts.actor import Actor
from apps.providers.models import AIModel, Provider, ProviderKey
from tests.servers.aimock import NODE, Aimock, installed
from tests.servers.process import running
from tests.servers.services import free_port

IS_SETTLE, IS_CHECK, IS_WORK, IS_PLAN = "Side A:", "The work to check:", "Your step:", "Category:"


def plan(*steps: tuple[str, tuple[int, ...]]) -> str:
    """A plan whose steps have these titles and needs, numbered from 1."""
    subtasks = [
        {
            "number": number,
            "title": title,
            "description": f"Do this: {title}",
            "category": "math",
            "depends_on": list(needs),
            "acceptance_criteria": ["It is right"],
        }
        for number, (title, needs) in enumerate(steps, 1)
    ]
    return json.dumps({"subtasks": subtasks})


def verdict(score: float, own_answer: str | None = None, *, problem: str = "") -> str:
    defects = [{"quote": "", "problem": problem, "severity": "major"}] if problem else []
    criteria = [{"criterion": "It is right", "score": score, "comment": ""}]
    return json.dumps({"own_answer": own_answer, "criteria": criteria, "defects": defects, "summary": problem, "score": score})


def ruling(winner: str, reason: str = "It is so.") -> str:
    return json.dumps({"reason": reason, "winner": winner})


def line(match: str, content: str, *, model: str | None = None, **extra: object) -> dict:
    """When the last user message holds `match` (and the model is `model`), the answer is `content`."""
    found = {"userMessage": match} | ({"model": model} if model else {})
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return {"match": found, "response": {"content": content, "usage": usage}, **extra}


@contextmanager
def playing(*lines: dict) -> Iterator[Aimock]:
    """aimock with these lines, the first that matches wins, and after them a plain score of default answers."""
    defaults = (line(IS_SETTLE, ruling("A")), line(IS_CHECK, verdict(95)), line(IS_WORK, "A fine answer."))
    port = free_port()
    with TemporaryDirectory(prefix="orq-orchestra-") as folder:
        script = Path(folder) / "script.json"
        script.write_text(json.dumps({"fixtures": [*lines, *defaults, line(IS_PLAN, plan(("Only step", ())))]}))
        options = ["-h", "127.0.0.1", "-p", str(port), "-f", str(script), "--strict", "--log-level", "warn"]
        url = f"http://127.0.0.1:{port}"
        with running([str(NODE), str(installed()), *options], ready_url=f"{url}/v1/models"):
            yield Aimock(url)


def seat(actor: Actor, url: str, *keys: str, families: dict[str, str] | None = None, **fields: object) -> dict[str, AIModel]:
    """A provider at `url` with a model for each key, priced so that the first is the cheapest."""
    owned = {"team": actor.team, "owner": actor.user}
    place = {"kind": "openai_compatible", "base_url": f"{url}/v1"}
    provider = Provider.objects.create(
        **owned,
        **place,
        key=ProviderKey.objects.create(**owned, **place, name="Orchestra", secret="sk-test-1234567890"),
        name=f"orchestra-{Provider.objects.count()}",
        display_name="Orchestra",
        allows_private_address=True,
    )
    return {
        key: AIModel.objects.create(
            provider=provider,
            key=key,
            display_name=key,
            family=(families or {}).get(key, key),
            tier="fast",
            capabilities=["chat", "json"],
            price_input=number,
            price_output=number,
            **fields,
        )
        for number, key in enumerate(keys, 1)
    }
