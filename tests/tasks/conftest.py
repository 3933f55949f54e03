"""People and models for the tests of tasks. Models are imported late: pytest reads this file before Django is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client

if TYPE_CHECKING:
    from apps.accounts.actor import Actor
    from tests.tasks.scenes import Cast


@pytest.fixture
def actor(db: None) -> Actor:
    from tests.tasks.scenes import make_actor

    return make_actor()


@pytest.fixture
def stranger(db: None) -> Actor:
    """Signed in, but in another team."""
    from tests.tasks.scenes import make_actor

    return make_actor("bruno@example.org", name="Bruno")


@pytest.fixture
def cast(actor: Actor) -> Cast:
    from tests.tasks.scenes import make_cast

    return make_cast(actor)


@pytest.fixture
def browser(client: Client, actor: Actor) -> Client:
    """A signed-in browser."""
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    return client
