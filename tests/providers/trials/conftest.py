"""People and models for the tests of trials. Models are imported late: pytest reads this file before Django is ready."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def fresh_servers():
    from apps.providers.calls import servers

    servers.forget_all()
    yield
    servers.forget_all()
