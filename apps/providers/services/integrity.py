"""Whether what was fetched is whole: its size, its hash and its head, as far as anybody tells what they should be.

A server that fetches for us says how many bytes there are, and lists the model afterwards with its size; LM Studio tells no hash.
Ollama compares the SHA-256 of every layer itself while it fetches (its API's status "verifying sha256 digest", read 2026-11-20)
and lists the model's digest. Of a file of the built-in engine everything can be looked at.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from apps.accounts.actor import Actor
from apps.common.db import in_db
from apps.common.errors import Conflict
from apps.common.said import gettext as _
from apps.providers.contract import ModelInfo
from apps.providers.engine.factory import engine_host
from apps.providers.engine.practice import practice_models
from apps.providers.errors import EngineError
from apps.providers.models import AIModel, ModelDownload
from apps.providers.services.fitting import size_words
from apps.providers.services.providers import must_work

Check = dict[str, Any]  # {"what": size | hash | header | listed, "result": ok | wrong | unknown, "words": …}
Integrity = ModelDownload.Integrity
CHUNK = 8 * 2**20
# What a list may round away from a size, and the files beside the model that a download may bring.
TOLERANCE = 0.01


def download_checks(download: ModelDownload, infos: Iterable[ModelInfo]) -> list[Check]:
    """What can be told of a finished download from what its server says now."""
    info = _listed(download, list(infos))
    return [_listed_check(info), _bytes_check(download), _size_check(download, info), _hash_check(info)]


def verdict(checks: Iterable[Check]) -> str:
    """damaged if anything is wrong, whole if size or hash were found right, else unproven."""
    results = {check["what"]: check["result"] for check in checks}
    if "wrong" in results.values():
        return Integrity.DAMAGED
    proven = [results.get("hash"), results.get("size"), results.get("bytes")]
    return Integrity.WHOLE if "ok" in proven else Integrity.UNPROVEN


async def model_verify(actor: Actor, model: AIModel) -> list[Check]:
    """Look at the file of a model of the built-in engine: whether it is whole, and its SHA-256. Conflict for other providers."""
    await in_db(must_work, actor)
    if not model.provider.is_builtin:
        raise Conflict(_("The file of “%s” is not on this machine for us to look at.") % model)
    return await asyncio.to_thread(_file_checks, model.key)


def _file_checks(key: str) -> list[Check]:
    host = engine_host()
    try:
        path = host.find(key).path
        info = host.inspect(path)
    except EngineError as error:
        return [_check("header", "wrong", error.message)]
    head = _check(
        "header",
        "ok",
        _("The file is whole: its head names %s of weights, and all of them are there.") % size_words(info.size_bytes),
    )
    digest = _sha256(path)
    known = next((one.sha256 for one in practice_models() if one.key == key), None)
    if known is None:
        return [
            head,
            _check(
                "hash",
                "unknown",
                _("SHA-256 %s. Nobody said what it should be; compare it with where the file is from.") % digest,
            ),
        ]
    if digest == known:
        return [head, _check("hash", "ok", _("Its SHA-256 is the one it shipped with."))]
    return [head, _check("hash", "wrong", _("Its SHA-256 is %s, not the one it shipped with. Install it again.") % digest)]


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _listed(download: ModelDownload, infos: list[ModelInfo]) -> ModelInfo | None:
    """The model that came of it, by its name, which for an address is the end of its path."""
    name = download.name.removeprefix("https://huggingface.co/").casefold().strip("/")
    return next((one for one in infos if one.key.casefold() in (name, name.rpartition("/")[2])), None)


def _listed_check(info: ModelInfo | None) -> Check:
    if info is None:
        return _check("listed", "unknown", _("The server lists no model under this very name; it may call it otherwise."))
    return _check("listed", "ok", _("The server lists it as “%s”.") % info.key)


def _bytes_check(download: ModelDownload) -> Check:
    if not download.total_bytes or download.downloaded_bytes is None:
        return _check("bytes", "unknown", _("The server did not say how many bytes there were to fetch."))
    numbers = {"has": size_words(download.downloaded_bytes), "all": size_words(download.total_bytes)}
    if download.downloaded_bytes == download.total_bytes:
        return _check("bytes", "ok", _("All %(all)s were fetched.") % numbers)
    return _check("bytes", "wrong", _("%(has)s of %(all)s were fetched, though the server calls it complete.") % numbers)


def _size_check(download: ModelDownload, info: ModelInfo | None) -> Check:
    if info is None or not info.size_bytes or not download.total_bytes:
        return _check("size", "unknown", _("The size on its disk cannot be compared: the server does not say it."))
    numbers = {"disk": size_words(info.size_bytes), "all": size_words(download.total_bytes)}
    if info.size_bytes < download.total_bytes * (1 - TOLERANCE):
        return _check("size", "wrong", _("It takes %(disk)s there, but %(all)s were fetched.") % numbers)
    return _check("size", "ok", _("It takes %(disk)s there, as much as was fetched.") % numbers)


def _hash_check(info: ModelInfo | None) -> Check:
    digest = str(info.details.get("digest") or "") if info else ""
    if digest:
        return _check("hash", "ok", _("The server compared its SHA-256 while fetching: %s.") % digest[:24])
    return _check("hash", "unknown", _("The server tells no hash, so this cannot be compared."))


def _check(what: str, result: str, words: str) -> Check:
    return {"what": what, "result": result, "words": words}
