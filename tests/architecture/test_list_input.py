"""Absurd input for every list: answered as if nothing matched, or refused with words. Never a fault, nothing lost."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from apps.accounts.actor import Actor
from apps.common.bulk import MOST
from tests.architecture.addresses import all_addresses
from tests.factories import OBJECTS, make_actor, signed_in

pytestmark = pytest.mark.django_db
FILTERS = (
    *("search", "state", "status", "kind", "place", "order", "vendor", "scope", "role", "trigger", "measure", "mine", "unread"),
    *("priority", "category", "provider", "capability", "tier", "model", "person", "purpose", "period", "level", "event"),
    *("task", "subtask", "prompt", "words", "since", "until", "request_id", "object", "actor", "used", "model_id", "checker"),
)
WORDS = (
    "word " * 2_000,  # more conditions than a database takes
    "\x00",
    "%00",
    "a" * 20_000,
    "\U0001f600 ação \u202e",
    "'; DROP TABLE tasks; --",
    "%_\\",
    "<script>alert(1)</script>",
    "-1",
    "99999999999999999999999999",
    "NaN",
    str(uuid.uuid4()),
)


def cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(["f", *values]).encode()).decode().rstrip("=")


CURSORS = (
    "nonsense",
    "=" * 10,
    "\u00e9",
    cursor(),
    cursor("2026-01-01T00:00:00+00:00", 5),  # of a list by time
    cursor("2026-01-01T00:00:00", 5),
    cursor("2026-01-01T00:00:00+00:00", 10**30),
    cursor("2026-13-45T00:00:00+00:00", 5),
    cursor("9999-12-31T23:59:59+00:00", -1),
    cursor("name", 5),  # of a list by name
    cursor(3, "name", 5),
    cursor(None, None),
    cursor(float("nan"), float("inf")),
    cursor("NaN", "Infinity"),
    cursor([1], {"a": 1}),
    cursor("x" * 10_000, 5),
    base64.urlsafe_b64encode(b"[" * 5_000).decode(),
)


@pytest.fixture
def actor() -> Actor:
    actor = make_actor()
    actor.team.set_up_at = actor.team.created_at
    actor.team.save()
    for make in dict.fromkeys(OBJECTS.values()):  # a row of each kind, so that every list has something to look through
        make(actor)
    return actor


@pytest.fixture
def browser(actor: Actor) -> Client:
    return signed_in(actor)


def addresses() -> Iterator[str]:
    outside = ("/api/", "/admin/", "/sign-in", "/__", "/static")
    yield from (one.template for one in all_addresses() if not one.parameters and not one.template.startswith(outside))


def pages() -> Iterator[str]:
    deeds = ("/bulk/", "/undo/", "/export/", "/import/", "/new/", "/many/", "/parts/", "/look/")
    yield from (address for address in addresses() if not address.endswith(deeds))


def lists(browser: Client) -> list[str]:
    """Every page that is a list: what it shows can be narrowed by its address."""
    found = []
    for address in pages():
        answer = browser.get(address)
        if answer.status_code == 200 and answer.context is not None and "is_narrowed" in answer.context:
            found.append(address)
    return found


def test_every_list_stands_absurd_filters_and_cursors(browser: Client) -> None:
    found = lists(browser)
    assert len(found) >= 24, found
    for address in found:
        for words in WORDS:
            answer = browser.get(address, dict.fromkeys(FILTERS, words))
            assert answer.status_code in (200, 400, 404), (address, words[:30])
        for words in WORDS[:2]:  # alone, because one filter that is refused hides the others
            for name in ("search", "words"):
                assert browser.get(address, {name: words}).status_code in (200, 400), (address, name, words[:30])
        for one in CURSORS:
            assert browser.get(address, {"cursor": one}).status_code in (200, 400), (address, one[:40])


def test_a_cursor_that_is_not_ours_is_refused_with_words(browser: Client) -> None:
    for address in lists(browser):
        answer = browser.get(address, {"cursor": "nonsense"})
        assert answer.status_code == 400 and "Start again" in answer.content.decode(), address


def test_every_file_of_a_list_is_csv_or_json_and_stands_absurd_filters(browser: Client) -> None:
    exports = [address for address in addresses() if address.endswith("/export/")]
    assert len(exports) >= 14, exports
    for address in exports:
        for words in WORDS:
            answer = browser.get(address, {**dict.fromkeys(FILTERS, words), "format": "csv"})
            assert answer.status_code in (200, 400, 404), (address, words[:30])
            b"".join(answer)  # what is written later must not fail either
        if address not in (reverse("knowledge:templates_export"), "/chat/export/"):  # formats of their own
            assert browser.get(address, {"format": "exe"}).status_code == 400, address


def test_every_bulk_action_refuses_what_it_cannot_do_and_changes_nothing(browser: Client) -> None:
    bulk = [address for address in addresses() if address.endswith("/bulk/")]
    assert len(bulk) >= 15, bulk
    form, many = "application/x-www-form-urlencoded", [str(uuid.uuid4()) for _ in range(MOST + 1)]
    before = _rows()
    for address in bulk:
        for deed in ("delete", "on", "off", "read", "remove", "revoke", "accept", "test", "cancel", ""):
            named = {"deed": deed, "action": deed, "typed": "delete"}
            for ids in ({"id": ["", "nonsense", "1"], "task": ["x"]}, {"query": "?a=\r\nX-Evil: 1&b=\u65e5\u672c"}):
                answer = browser.post(address, {**named, **ids})
                assert answer.status_code in (302, 400) and "X-Evil" not in answer.headers, (address, deed)
        too_many = urlencode({"deed": "delete", "action": "delete", "typed": "delete", "id": many, "task": many[:1]}, doseq=True)
        assert browser.post(address, too_many, content_type=form).status_code in (302, 400), address
    assert _rows() == before


def _rows() -> dict[str, int]:
    from django.apps import apps

    inside = [model for model in apps.get_models() if model.__module__.startswith("apps.")]
    return {model._meta.label: model._default_manager.count() for model in inside}


def test_filters_of_absurd_length_are_cut_before_anything_is_asked() -> None:
    from apps.common.listing import LONGEST_GIVEN, asked_of

    assert asked_of(QueryDict("search=" + "a" * 5_000), ("search", "state")) == {"search": "a" * LONGEST_GIVEN, "state": ""}
