"""A newer file of prices takes the place of the one before: fetched, read, compared, and kept whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from apps.common.errors import AddressNotAllowed
from apps.common.http import TRANSPORT_ERRORS, failure_kind, make_client
from apps.providers.prices import book
from apps.providers.prices.layouts import MOST_BYTES, UnusableFile, read

FETCH_WITHIN_S = 60.0
PREVIOUS = "prices.previous.json"


@dataclass(frozen=True, slots=True)
class Difference:
    """One price that is not what it was. `before` or `after` is None where there is none."""

    kind: str
    key: str
    name: str
    before: str | None
    after: str | None


async def fetch(place: str) -> bytes:
    """The bytes of a file, or of an http(s) address, which are asked for through the guarded door. Raises UnusableFile."""
    if not place.lower().startswith(("http://", "https://")):
        try:
            return Path(place).expanduser().read_bytes()
        except OSError as error:
            raise UnusableFile(_("%(place)s cannot be read: %(why)s") % {"place": place, "why": error.strerror}) from error
    try:
        async with make_client(private_hosts=settings.ORQ_PRIVATE_HOSTS, idle_timeout_s=FETCH_WITHIN_S) as client:
            return await _body(client, place)
    except AddressNotAllowed as error:
        raise UnusableFile(error.message) from error
    except TRANSPORT_ERRORS as error:
        raise UnusableFile(_("%(place)s gave no answer (%(why)s).") % {"place": place, "why": failure_kind(error)}) from error


def understood(text: bytes, *, source: str, today: str) -> dict[str, Any]:
    """The file as one in our layout, whole and usable, and no older than the one that holds. Raises UnusableFile."""
    file = read(text, source=source, today=today)
    newest = book.files()[0]
    if file["date"] < newest["date"]:
        dates = {"theirs": file["date"], "ours": newest["date"]}
        raise UnusableFile(_("These prices are of %(theirs)s, and those that hold are of %(ours)s already.") % dates)
    return file


def differences(file: Mapping[str, Any]) -> list[Difference]:
    """What would be another price than now, model by model in the file's order. What the file does not name stays."""
    return [one for row in file["models"] for one in _changes(row)]


def store(file: Mapping[str, Any]) -> None:
    """Keep it from now on; the one before stays beside it. All processes see it at their next look."""
    target = book.stored_file()
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        _write(target.with_name(PREVIOUS), target.read_text(encoding="utf-8"))
    _write(target, json.dumps(file, ensure_ascii=False, indent=1) + "\n")


def undo() -> bool:
    """Back to the file before, or to the one that ships with the product; False when there is nothing to go back from."""
    target = book.stored_file()
    previous = target.with_name(PREVIOUS)
    if not target.exists():
        return False
    if previous.exists():
        previous.replace(target)
        os.utime(target)
    else:
        target.unlink()
    return True


async def _body(client: httpx.AsyncClient, url: str) -> bytes:
    text = b""
    async with client.stream("GET", url, headers={"accept": "application/json"}) as response:
        if response.is_redirect:
            where = response.headers.get("location", "")[:300]
            raise UnusableFile(_("%(url)s leads on to %(where)s. Give that address.") % {"url": url, "where": where})
        if not response.is_success:
            raise UnusableFile(_("%(url)s answers %(status)d.") % {"url": url, "status": response.status_code})
        async for chunk in response.aiter_bytes():
            text += chunk
            if len(text) > MOST_BYTES:
                raise UnusableFile(_("The file of prices is larger than %d MB.") % (MOST_BYTES // 1024**2))
    return text


def _changes(row: Mapping[str, Any]) -> Iterator[Difference]:
    known = book.exact_row(row["kind"], row["key"])
    before, after = _prices(known or {}), _prices(row)
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            yield Difference(row["kind"], row["key"], name, before.get(name), after.get(name))


def _prices(row: Mapping[str, Any]) -> dict[str, str]:
    """Every price under one name, so that two rows can be compared: input, batch.input, above 200000.input, …"""
    flat = {name: book.same(row[name]) for name in book.PRICES if name in row}
    flat |= {f"batch.{name}": book.same(price) for name, price in row.get("batch", {}).items()}
    for step in row.get("long_prompts", ()):
        prices = {name: price for name, price in step.items() if name != "above_tokens"}
        flat |= {f"above {step['above_tokens']}.{name}": book.same(price) for name, price in prices.items()}
    return flat


def _write(target: Path, text: str) -> None:
    """Readers see the old file or the new one, never half."""
    draft = target.with_name(f"{target.name}.{os.getpid()}.new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(target)
