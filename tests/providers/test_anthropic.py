"""The adapter for Anthropic's messages API against aimock, a server that nobody here wrote."""

from __future__ import annotations

import pytest

from apps.providers.contract import Connection
from apps.providers.errors import AuthenticationFailed, ContextTooLong, NotSupported, Overloaded, RateLimited
from tests.providers.aimock_contract import AimockContract
from tests.servers.aimock import aimock

__all__ = ["aimock"]


class TestWithAimock(AimockContract):
    model = "claude-3-5-sonnet-20241022"
    thinking_model = "claude-opus-4-5"
    errors = {  # read, never changed
        "Hurry": RateLimited,
        "Crowd in": Overloaded,
        "Overdo it": Overloaded,
        "Bring the wrong key": AuthenticationFailed,
        "Fill the context": ContextTooLong,
    }

    @pytest.fixture
    def connection(self, aimock):
        return Connection("anthropic", aimock.url, "sk-ant-aimock-for-tests", allow_private=True, max_attempts=1)

    async def test_it_says_that_it_makes_no_embeddings(self, adapter):
        with pytest.raises(NotSupported):
            await adapter.embed("any", ["red"])
