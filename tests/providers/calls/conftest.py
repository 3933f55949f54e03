"""People for the tests of calls. Models are imported late: pytest reads this file before Django is ready."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is believed from an earlier test, and back-offs of adapters take no time."""
    from apps.providers.adapters import base
    from apps.providers.calls import servers

    monkeypatch.setattr(base, "FIRST_WAIT_S", 0.01)
    servers.forget_all()
    yield
    servers.forget_all()
