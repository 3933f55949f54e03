"""What every test gets: marks from the fixtures it uses, and no way out of this machine."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from _pytest.nodeid import NodeId
from django.utils import translation

from tests.servers import services

if TYPE_CHECKING:
    from apps.accounts.actor import Actor

DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "django_db_reset_sequences", "django_db_serialized_rollback"}


@pytest.hookimpl(tryfirst=True)  # before -m chooses, and before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())) or item.get_closest_marker("django_db"):
            item.add_marker("db")
        if item.get_closest_marker("slow_start"):
            item.add_marker(pytest.mark.xdist_group("slow_start"))
        if group := item.get_closest_marker("xdist_group"):
            _keep_together(item, group.args[0])


def _keep_together(item: pytest.Item, group: str) -> None:
    """Puts the group into the id, where `--dist loadgroup` looks for it.

    pytest-xdist 3.8.0 writes it into an attribute that pytest 9.2 no longer reads, so groups would silently be spread
    (pytest-xdist issue 1386, seen 2026-11-21). With an xdist that does it right, this and its test can go.
    """
    if "PYTEST_XDIST_WORKER" in os.environ and getattr(item.config.option, "loadgroup", False):
        item._id = NodeId.parse(f"{item.nodeid}@{group}")


def _is_this_machine(address: object) -> bool:
    if not isinstance(address, tuple):  # a Unix socket
        return True
    host = str(address[0])
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def the_language_of_one_test_is_not_the_next_ones() -> Iterator[None]:
    """A page that was asked for in Portuguese leaves its thread in Portuguese."""
    yield
    translation.deactivate()


@pytest.fixture
def actor(db: None) -> Actor:
    """An owner of a team of their own."""
    from tests.factories import make_actor  # not before Django is ready

    return make_actor()


@pytest.fixture(scope="session", autouse=True)
def no_socket_beyond_this_machine() -> Iterator[None]:
    """A test that tries to reach another machine fails and says so."""
    patch = pytest.MonkeyPatch()
    for name in ("connect", "connect_ex"):
        real = getattr(socket.socket, name)

        def guarded(self: socket.socket, address: object, real: object = real) -> object:
            if not _is_this_machine(address):
                raise AssertionError(f"A test tried to connect to {address!r}; tests reach 127.0.0.1 only.")
            return real(self, address)  # type: ignore[operator]

        patch.setattr(socket.socket, name, guarded)
    yield
    patch.undo()


# ---- servers, shared by all tests of a run (private ones: tests/servers/services.py) ----


def _server_url(name: str) -> str:
    try:
        return services.shared(name)
    except services.NotInstalled as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def mariadb_url() -> str:
    return _server_url("mariadb")


@pytest.fixture(scope="session")
def redis_url() -> str:
    return _server_url("redis")


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    return _server_url("rabbitmq")
