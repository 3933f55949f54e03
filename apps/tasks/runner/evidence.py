"""A team's web look-up and vectors of meaning, as it switched them on: the engine's `Evidence` over HTTP and models.

The search is asked through the one outgoing door. A search that fails, or answers with something else, says nothing.
"""

from __future__ import annotations

import asyncio
import logging
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec
from django.conf import settings

from apps.common.db import in_db
from apps.common.errors import AddressNotAllowed
from apps.common.http import TRANSPORT_ERRORS, make_client
from apps.tasks.models import CheckingSettings
from apps.tasks.selectors.checking import checking_settings_of
from apps.tasks.services.cache_vectors import embedded

log = logging.getLogger(__name__)

ANSWER_S = 8.0
MOST_BYTES, RESULTS = 1_000_000, 10
_LOADING = Lock()  # two answers that come at once do not load the model twice
TEXT_FIELDS = ("title", "content", "snippet", "description", "text", "body")  # of a result, as searches call them


@dataclass(frozen=True, slots=True)
class Payer:
    """Who asks for vectors and pays for them; the shape that the cache's caller has too."""

    team_id: int
    owner_id: int | None
    key_id: UUID | None = None


class TeamEvidence:
    """For one task or prompt (`subject`: its public id)."""

    def __init__(self, row: CheckingSettings, payer: Payer, subject: str) -> None:
        self._row, self._payer, self._subject = row, payer, subject

    async def look_up(self, query: str) -> Sequence[str] | None:
        """Titles and texts of the first results; None where the search is off or gave nothing usable."""
        if self._row.search == CheckingSettings.Search.OFF:
            return None
        url, inside = address_of(self._row, query)
        client = make_client(private_hosts=settings.ORQ_PRIVATE_HOSTS, idle_timeout_s=ANSWER_S)
        try:
            async with client, client.stream("GET", url, headers={"Accept": "application/json"}) as response:
                if response.status_code != 200:
                    log.warning("the search answers with %s", response.status_code)
                    return None
                return results_in(await _read(response), inside)
        except AddressNotAllowed as error:
            log.warning("the search is not asked: %s", error.message)
        except (*TRANSPORT_ERRORS, msgspec.DecodeError, ValueError) as error:
            log.warning("the search could not be asked: %s", type(error).__name__)
        return None

    async def vectors(self, texts: Sequence[str]) -> Sequence[Sequence[float]] | None:
        """One for each text; None where they are off, not paid for, or not to be had now."""
        row = self._row
        if row.vectors == CheckingSettings.Vectors.MODEL and row.vectors_model is not None:
            packed = await embedded(self._payer, row.vectors_model, self._subject, list(texts))
            return None if packed is None else [array("f", one) for one in packed]
        if row.vectors == CheckingSettings.Vectors.FOLDER:
            return await asyncio.to_thread(_of_folder, row.vectors_folder, tuple(texts))
        return None


async def evidence_for(team_id: int, owner_id: int | None, subject: str, key_id: UUID | None = None) -> TeamEvidence | None:
    """What the team lets be asked; None where all is off. One small query then, and two where it lets something."""
    row = await in_db(_settings_unless_off, team_id)
    return TeamEvidence(row, Payer(team_id, owner_id, key_id), subject) if row else None


def _settings_unless_off(team_id: int) -> CheckingSettings | None:
    off = {"search": CheckingSettings.Search.OFF, "vectors": CheckingSettings.Vectors.OFF}
    is_any_on = CheckingSettings.objects.filter(team=team_id).exclude(**off).exists()
    return checking_settings_of(team_id) if is_any_on else None


def address_of(row: CheckingSettings, query: str) -> tuple[str, str]:
    """Where to ask, and where in the answer the results stand.

    SearXNG: https://docs.searxng.org/dev/search_api.html (2026-11).
    """
    words = quote(query, safe="")
    if row.search == CheckingSettings.Search.SEARXNG:
        return f"{row.search_url.rstrip('/')}/search?q={words}&format=json", "results"
    return row.search_url.replace("{query}", words), row.search_results or "results"


def results_in(data: bytes, inside: str) -> list[str]:
    """The texts of a search's answer; [] where it found nothing. Raises DecodeError or ValueError for anything else."""
    found: Any = msgspec.json.decode(data)
    for name in filter(None, inside.split(".")):
        if not isinstance(found, dict) or name not in found:
            raise ValueError(f"no {name} in the answer")
        found = found[name]
    if not isinstance(found, list):
        raise ValueError("the results are no list")
    texts = (_text_of(one) for one in found[:RESULTS])
    return [text for text in texts if text]


def _text_of(result: Any) -> str:
    if isinstance(result, str):
        return result
    if not isinstance(result, dict):
        return ""
    return " ".join(str(result[name]) for name in TEXT_FIELDS if isinstance(result.get(name), str))


async def _read(response: Any) -> bytes:
    data = b""
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > MOST_BYTES:
            raise ValueError("the answer of the search is too long")
    return data


# ── a model in a folder ───────────────────────────────────────────────────────────────────────────────────────────


def _of_folder(folder: str, texts: tuple[str, ...]) -> list[list[float]] | None:
    """By sentence-transformers, which nothing else needs (requirements-local-ai.txt). The first call also loads the model."""
    try:
        with _LOADING:
            model = _model_in(folder)
        return [[float(value) for value in vector] for vector in model.encode(list(texts), show_progress_bar=False)]
    except ImportError:
        log.warning("vectors of a local model need the packages of requirements-local-ai.txt")
    except Exception as error:  # of a broken model each package raises something of its own; answers are checked without it
        log.warning("the model in %s cannot be used: %s: %s", folder, type(error).__name__, error)
    return None


@lru_cache(maxsize=1)
def _model_in(folder: str) -> Any:
    from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found]

    return SentenceTransformer(folder, device="cpu", local_files_only=True)
