"""The engine of this installation, as its settings say."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings

from apps.providers.engine.host import EngineHost


def engine_host() -> EngineHost:
    return _host(
        settings.ORQ_HOME,
        threads=getattr(settings, "ENGINE_THREADS", 2),
        default_context_length=getattr(settings, "ENGINE_CONTEXT_LENGTH", 8192),
        idle_s=getattr(settings, "ENGINE_IDLE_S", 600.0),
    )


@cache
def _host(home: Path, *, threads: int, default_context_length: int, idle_s: float) -> EngineHost:
    return EngineHost(
        run_dir=home / "run" / "engine",
        models_dir=home / "models",
        threads=threads,
        default_context_length=default_context_length,
        idle_s=idle_s,
    )
