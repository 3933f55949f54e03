"""Generated from the URL configuration: every address is closed to strangers, and other teams' things are not there.

A new address is tested without being named here. One with a new kind of object needs its factory in tests/factories.py;
one that is meant to be open to strangers must be listed in `OPEN`.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass

import pytest
from asgiref.sync import sync_to_async
from axes.utils import reset
from channels.testing import WebsocketCommunicator
from django.contrib.auth.backends import ModelBackend
from django.core.cache import cache
from django.test import Client

from apps.accounts import sessions
from orquestrador.routing import sockets, websocket_urlpatterns
from tests.architecture.addresses import Address, all_addresses
from tests.factories import OBJECTS, make_actor

pytestmark = pytest.mark.django_db

# What strangers may open, and why.
OPEN = {
    "accounts:sign_in": "the way in",
    "accounts:welcome": "a one-time link is its own proof",
    "accounts:invitation": "an invitation is its own proof",
    "accounts:language": "the sign-in page has a language",
    "manifest": "a browser asks for it without its cookies",
    "service_worker": "the same file for everybody, without anything of anybody",
    "offline": "shown where the server cannot be asked who it is",
    "api:health": "says up or down and no more",
    "api:token": "the way in for programs",
    "api:token-refresh": "a refresh token is its own proof",
    "api:sign-out": "a refresh token is its own proof",
}
METHODS = ("get", "post", "put", "patch", "delete")
ADDRESSES = all_addresses()
CLOSED = [address for address in ADDRESSES if address.name not in OPEN]
OURS = [address for address in CLOSED if not address.template.startswith("/admin/")]
WITH_OBJECTS = [address for address in OURS if address.objects and address.name]
WITHOUT_OBJECTS = [address for address in OURS if not address.parameters and "^" not in address.template]


@dataclass(frozen=True)
class Target:
    """An address with an object of somebody in it, and the same one with an object that does not exist."""

    url: str
    url_of_nothing: str


def kind_of(name: str, before: str) -> str:
    """Which factory makes what a parameter names: its own name, or the word before it in the path."""
    own = name.removesuffix("_id")
    return own if own in OBJECTS else before


def id_of(row) -> str:
    return str(getattr(row, "public_id", row.pk))


def aim(address: Address, actor) -> Target:
    here = {name: "x" for name, _before in address.parameters}
    nowhere = dict(here)
    for name, before in address.objects:
        kind = kind_of(name, before)
        assert kind in OBJECTS, f"{address.template}: tests/factories.py needs @object_of({kind!r})"
        row = OBJECTS[kind](actor)
        here[name], nowhere[name] = id_of(row), str(uuid.uuid4()) if hasattr(row, "public_id") else str(row.pk + 10**9)
    return Target(address.filled(here), address.filled(nowhere))


def named(addresses: list[Address]) -> dict:
    return {"argvalues": addresses, "ids": [address.template for address in addresses]}


def signed_in(actor) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(actor.user, backend=f"{ModelBackend.__module__}.{ModelBackend.__qualname__}")
    return client


def is_closed(response) -> bool:
    """Sent to sign in, asked for a token, or told that nothing is here."""
    if response.status_code == 302:
        return response.url.startswith(("/sign-in/", "/admin/login/"))
    return response.status_code in (401, 404)


def test_the_walk_finds_pages_api_and_admin():
    found = {address.template for address in ADDRESSES}
    assert {"/sign-in/", "/api/teams/<id>/members/", "/settings/sessions/<uuid:id>/end/", "/admin/accounts/user/"} <= found


def test_the_open_list_names_only_what_exists():
    assert set(OPEN) <= {address.name for address in ADDRESSES}


@pytest.mark.parametrize("address", **named(CLOSED))
def test_strangers_get_nothing(address):
    values = {name: "1" if address.template.startswith("/admin/") else str(uuid.uuid4()) for name, _before in address.parameters}
    client = Client(raise_request_exception=False)
    for method in METHODS:
        response = getattr(client, method)(address.filled(values))
        assert is_closed(response), f"{method.upper()} {address.template} answers a stranger with {response.status_code}"


@pytest.mark.parametrize("address", **named(CLOSED))
def test_a_made_up_token_gets_nothing(address):
    values = {name: "1" if address.template.startswith("/admin/") else str(uuid.uuid4()) for name, _before in address.parameters}
    client = Client(raise_request_exception=False, headers={"Authorization": "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x"})
    assert is_closed(client.get(address.filled(values)))


@pytest.mark.parametrize("address", **named(WITH_OBJECTS))
def test_what_belongs_to_another_team_is_not_there(address):
    client, target = signed_in(make_actor()), aim(address, make_actor())
    for method in METHODS:
        response = getattr(client, method)(target.url)
        nothing = getattr(client, method)(target.url_of_nothing)
        told = f"{method.upper()} {address.template} answers a stranger to the team with {response.status_code}"
        assert response.status_code in (404, 405), told
        assert response.status_code == nothing.status_code, f"{told}, and for what does not exist {nothing.status_code}"


@pytest.mark.parametrize("address", **named(WITHOUT_OBJECTS))
def test_no_list_shows_what_belongs_to_another_team(address):
    cache.clear()
    theirs = make_actor()
    ids = {id_of(row) for row in (factory(theirs) for factory in OBJECTS.values()) if hasattr(row, "public_id")}
    response = signed_in(make_actor()).get(address.template)
    assert response.status_code < 500
    shown = b"".join(response.streaming_content) if response.streaming else response.content
    assert not [one for one in ids if one in shown.decode(errors="replace")]


@pytest.mark.parametrize("address", **named([one for one in CLOSED if one.template.startswith("/admin/")]))
def test_the_admin_is_not_there_for_members(address):
    client = signed_in(make_actor())
    url = address.filled({name: "1" for name, _before in address.parameters})
    for method in ("get", "post"):
        response = getattr(client, method)(url, follow=True)
        assert response.status_code in (403, 404, 405), f"{method.upper()} {url} answers a member with {response.status_code}"
        assert response.status_code != 403 or not response.redirect_chain


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", [str(pattern.pattern) for pattern in websocket_urlpatterns])
async def test_strangers_are_told_nothing_on_a_socket(path):
    task = await sync_to_async(lambda: OBJECTS["tasks"](make_actor()))()
    socket = WebsocketCommunicator(sockets, f"/{path}", headers=[(b"host", b"localhost")])
    accepted, _ = await socket.connect(timeout=5)
    if accepted:
        await socket.send_to(text_data=json.dumps({"type": "task:subscribe", "data": {"task_id": str(task.public_id)}}))
        said = await socket.receive_output(timeout=5)
        assert json.loads(said["text"])["data"]["code"] == "signed_out"
        assert (await socket.receive_output(timeout=5))["type"] == "websocket.close"
    await socket.disconnect()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", [str(pattern.pattern) for pattern in websocket_urlpatterns])
async def test_another_teams_task_is_not_there_on_a_socket(path):
    task, stranger = await sync_to_async(lambda: (OBJECTS["tasks"](make_actor()), make_actor()))()
    token = (await sync_to_async(sessions.tokens_issue)(stranger.user))["access"]
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())]
    socket = WebsocketCommunicator(sockets, f"/{path}", headers=headers)
    assert (await socket.connect(timeout=5))[0]
    for public_id in (task.public_id, uuid.uuid4()):
        await socket.send_to(text_data=json.dumps({"type": "task:subscribe", "data": {"task_id": str(public_id)}}))
        told = json.loads(await socket.receive_from(timeout=5))
        status = 404 if path == "ws/" else 400  # the other sockets know no tasks
        assert (told["type"], told["data"]["status"]) == ("error", status)
    await socket.disconnect()


def test_open_addresses_do_not_fail():
    reset()
    for address in ADDRESSES:
        if address.name in OPEN:
            url = address.filled({name: "no-such-token" for name, _before in address.parameters})
            for method in METHODS:
                assert getattr(Client(), method)(url).status_code < 500
