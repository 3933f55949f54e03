"""Whether a model goes into memory: what it needs, what is free, and what could go to make room.

Known for servers on this machine alone. What a model needs is an estimate: for GGUF files the file, its cache and the process;
otherwise its weights, which is the least it needs.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from django.db.models import Count, Max
from django.utils import timezone
from django.utils.formats import number_format

from apps.common.said import gettext as _
from apps.providers import memory
from apps.providers.contract import NO_OPTIONS, LoadOptions
from apps.providers.engine.factory import engine_host
from apps.providers.errors import DoesNotFit, EngineError
from apps.providers.memory import Space
from apps.providers.models import AIModel, CallSlot, Provider

GIGABYTE = 10**9
KINDS_USUALLY_HERE = ("lmstudio", "ollama", "llamacpp")  # without an address theirs is a port of this machine


@dataclass(frozen=True, slots=True)
class Fit:
    """None is unknown: the size of the model, or the memory of a server on another machine.

    `is_least`: it needs at least so much, the cache of its context comes on top.
    """

    needed_bytes: int | None
    space: Space | None
    is_least: bool = False

    @property
    def missing_bytes(self) -> int | None:
        """How much too little is free, 0 when it fits."""
        if self.needed_bytes is None or self.space is None:
            return None
        return max(0, self.needed_bytes - self.space.free_bytes)

    @property
    def fits(self) -> bool | None:
        return None if self.missing_bytes is None else self.missing_bytes == 0


def fit_of(model: AIModel, *, context_length: int | None = None, options: LoadOptions = NO_OPTIONS) -> Fit:
    """One look at the machine; no query."""
    space = space_of(model.provider, options)
    if model.provider.is_builtin:
        try:
            file = engine_host().find(model.key)
            needed = engine_host().fit(file.path, context_length=context_length).needed_bytes
        except EngineError:  # the load itself says what is wrong with the file
            return Fit(None, space)
        return Fit(needed, space)
    return Fit(model.size_bytes, space, is_least=True)


def space_of(provider: Provider, options: LoadOptions = NO_OPTIONS) -> Space | None:
    """Where this server puts its models; None for one on another machine. Several GPUs count as one, as servers split models."""
    if not is_here(provider):
        return None
    uses_gpu = bool(options.gpu_layers) if provider.is_builtin else options.gpu_layers != 0
    spaces = memory.spaces_for(uses_gpu=uses_gpu)
    names = ", ".join(dict.fromkeys(space.name for space in spaces if space.name))
    total, free = sum(space.total_bytes for space in spaces), sum(space.free_bytes for space in spaces)
    return Space(spaces[0].kind, names, total, free)


def is_here(provider: Provider) -> bool:
    """Whether it runs on this machine, so that its memory is ours to see."""
    if provider.is_builtin:
        return True
    if not provider.base_url:
        return provider.kind in KINDS_USUALLY_HERE
    host = httpx.URL(provider.base_url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def must_fit(model: AIModel, *, context_length: int | None = None, options: LoadOptions = NO_OPTIONS) -> Fit:
    """DoesNotFit when too little is free, unless `options.despite_memory`. What is unknown is tried."""
    fit = fit_of(model, context_length=context_length, options=options)
    if options.despite_memory or not fit.missing_bytes or fit.space is None or fit.needed_bytes is None:
        return fit
    is_hopeless = fit.needed_bytes > fit.space.total_bytes  # whatever goes
    could_go = [] if is_hopeless else could_go_for(model, fit.space.kind)
    raise DoesNotFit(
        _words(model, fit, could_go),
        needed_bytes=fit.needed_bytes,
        free_bytes=fit.space.free_bytes,
        missing_bytes=fit.missing_bytes,
        memory=fit.space.kind,
        could_go=[_plain(other) for other in could_go],
    )


def could_go_for(model: AIModel, kind: str) -> list[AIModel]:
    """The team's models in the memory of this machine that are not answering now, those first that were not asked for longest.

    Each has `used_at`. Two queries.
    """
    rows = (
        AIModel.objects.filter(provider__team_id=model.provider.team_id, state=AIModel.State.LOADED)
        .exclude(pk=model.pk)
        .select_related("provider__key")
        .annotate(used_at=Max("usage__created_at"))
    )
    busy = set(in_flight_models([row.pk for row in rows]))
    found = [row for row in rows if is_here(row.provider) and row.pk not in busy]
    if kind == "gpu":  # the built-in engine's are in the machine's own memory
        found = [row for row in found if not row.provider.is_builtin]
    return sorted(found, key=lambda row: (_used_at(row) is not None, _used_at(row) or row.created_at))


def _used_at(row: AIModel) -> datetime | None:
    return getattr(row, "used_at", None)


def in_flight_models(keys: list[int]) -> dict[int, int]:
    """How many calls each of these models (by primary key) is answering now. One query."""
    rows = CallSlot.objects.filter(model__in=keys, is_waiting=False, expires_at__gt=timezone.now())
    return {row["model"]: row["n"] for row in rows.values("model").annotate(n=Count("pk")).order_by()}


def size_words(size_bytes: int) -> str:
    """In the decimal units that files are sold by, as on the pages."""
    if size_bytes >= GIGABYTE:
        return f"{number_format(round(size_bytes / GIGABYTE, 1), 1)} GB"
    return f"{size_bytes / 10**6:.0f} MB"


def _words(model: AIModel, fit: Fit, could_go: list[AIModel]) -> str:
    assert fit.space and fit.needed_bytes is not None and fit.missing_bytes
    numbers = {
        "model": model,
        "needed": size_words(fit.needed_bytes),
        "free": size_words(fit.space.free_bytes),
        "missing": size_words(fit.missing_bytes),
        "total": size_words(fit.space.total_bytes),
        "where": _("on the GPU") if fit.space.kind == "gpu" else _("in the machine's memory"),
    }
    needs = _("“%(model)s” needs at least %(needed)s") if fit.is_least else _("“%(model)s” needs about %(needed)s")
    said = needs + " " + _("(an estimate), and %(free)s is free %(where)s: %(missing)s too little.")
    if fit.needed_bytes > fit.space.total_bytes:
        return (said + " " + _("It is larger than all there is (%(total)s). Take a smaller or more quantized one.")) % numbers
    if could_go:
        numbers["others"] = ", ".join(f"{other} ({_size_of(other)})" for other in could_go[:3])
        return (said + " " + _("These could go first: %(others)s.")) % numbers
    return (said + " " + _("Close other programs, choose a shorter context, or take a smaller model.")) % numbers


def _size_of(model: AIModel) -> str:
    size = model.vram_bytes or model.memory_bytes or model.size_bytes
    return size_words(size) if size else _("size unknown")


def _plain(model: AIModel) -> dict[str, Any]:
    used_at = _used_at(model)
    return {
        "id": str(model.public_id),
        "model": model.key,
        "provider": model.provider.name,
        "memory_bytes": model.vram_bytes or model.memory_bytes or model.size_bytes,
        "last_used_at": used_at.isoformat() if used_at else None,
    }
