"""Rows of providers and models for tests."""

from __future__ import annotations

import itertools
from typing import Any

from apps.accounts.actor import Actor
from apps.providers import services
from apps.providers.families import family_of
from apps.providers.models import AIModel, Provider

_numbers = itertools.count(1)


def make_provider(actor: Actor, **more: Any) -> Provider:
    number = next(_numbers)
    given = {
        "display_name": f"Provider {number}",
        "kind": "openai_compatible",
        "base_url": f"http://127.0.0.1:{9000 + number}/v1",
    }
    return services.provider_create(actor, **{**given, **more})


def make_model(actor: Actor, provider: Provider | None = None, **more: Any) -> AIModel:
    key = more.pop("key", f"model-{next(_numbers)}b")
    given = {"family": family_of(key), "capabilities": ["chat"], "state": AIModel.State.AVAILABLE}
    return AIModel.objects.create(provider=provider or make_provider(actor), key=key, **{**given, **more})
