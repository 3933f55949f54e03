"""People and models for the tests of trials. Models are imported late: pytest reads this file before Django is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from apps.accounts.actor import Actor


@pytest.fixture
def actor(db: None) -> Actor:
    from tests.factories import make_actor

    return make_actor()


@pytest.fixture(autouse=True)
def fresh_servers():
    from apps.providers.calls import servers

    servers.forget_all()
    yield
    servers.forget_all()
