"""One adapter for each kind of provider. Which class serves which kind is said here, and nowhere else."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from apps.common.errors import BadInput
from apps.common.said import gettext as _
from apps.providers.contract import PROVIDER_KINDS, Adapter, Connection

ENTRY_POINT_GROUP = "orquestrador.providers"
_COMPATIBLE = "apps.providers.adapters.openai_compatible.adapter:OpenAICompatibleAdapter"
# Imported when first used: a process that calls one vendor does not load the others.
_ADAPTERS = {
    "builtin": "apps.providers.adapters.builtin.adapter:BuiltinAdapter",
    "openai_compatible": _COMPATIBLE,
    "genspark": _COMPATIBLE,
    "lmstudio": "apps.providers.adapters.lmstudio.adapter:LMStudioAdapter",
    "ollama": "apps.providers.adapters.ollama.adapter:OllamaAdapter",
    "llamacpp": "apps.providers.adapters.llamacpp.adapter:LlamaCppAdapter",
    "openai": "apps.providers.adapters.openai.adapter:OpenAIAdapter",
    "anthropic": "apps.providers.adapters.anthropic.adapter:AnthropicAdapter",
    "google": "apps.providers.adapters.google.adapter:GoogleAdapter",
    "mistral": "apps.providers.adapters.mistral.adapter:MistralAdapter",
}


def make_adapter(connection: Connection) -> Adapter:
    """The adapter for a connection; its caller closes it. Raises BadInput for a kind or an address that cannot be used.

    Other packages add kinds by an entry point of the group `orquestrador.providers`: the name is the kind, and it leads
    to something that makes an Adapter of a Connection. A kind of our own cannot be replaced.
    """
    if connection.kind in _ADAPTERS:
        module, _colon, name = _ADAPTERS[connection.kind].partition(":")
        return getattr(importlib.import_module(module), name)(connection)
    if connection.kind not in PROVIDER_KINDS:
        for entry in entry_points(group=ENTRY_POINT_GROUP, name=connection.kind):
            return entry.load()(connection)
    raise BadInput(
        _("There is no adapter for providers of the kind “%s”. Choose another kind, or install the package that adds it.")
        % connection.kind,
        field="kind",
    )


def load_options_of(kind: str) -> frozenset[str] | None:
    """The options of loading that servers of this kind take; None where they load nothing for anybody. Makes no adapter."""
    maker = _maker_of(kind)
    if not all(hasattr(maker, name) for name in ("load", "unload", "loaded")):
        return None
    return getattr(maker, "load_options", frozenset())


@cache
def _maker_of(kind: str) -> Any:
    if kind in _ADAPTERS:
        module, _colon, name = _ADAPTERS[kind].partition(":")
        return getattr(importlib.import_module(module), name)
    return next((entry.load() for entry in entry_points(group=ENTRY_POINT_GROUP, name=kind)), None)


def known_kinds() -> list[str]:
    """The kinds that make_adapter serves, ours first."""
    others = {entry.name for entry in entry_points(group=ENTRY_POINT_GROUP)} - set(PROVIDER_KINDS)
    return [*_ADAPTERS, *sorted(others)]
