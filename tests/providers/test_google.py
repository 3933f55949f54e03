"""The adapter for Google's Gemini API against aimock, a server that nobody here wrote."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.providers.adapters import make_adapter
from apps.providers.contract import Connection
from apps.providers.errors import AuthenticationFailed, ContextTooLong, Overloaded, RateLimited
from tests.providers.aimock_contract import AimockContract
from tests.providers.listing import listing
from tests.servers.aimock import aimock

__all__ = ["aimock"]


class TestWithAimock(AimockContract):
    model = "gemini-2.5-flash"
    embedding_model = "gemini-embedding-001"
    thinking_model = "gemini-2.5-pro"
    errors = {  # read, never changed
        "Hurry": RateLimited,
        "Crowd in": Overloaded,
        "Bring the wrong key": AuthenticationFailed,
        "Fill the context": ContextTooLong,
    }

    @pytest.fixture
    def connection(self, aimock):
        return Connection("google", aimock.url, "AIza-aimock-for-tests", allow_private=True, max_attempts=1)

    @pytest.fixture
    async def listing_adapter(self, connection):
        """aimock has no model list for this vendor, so the list is one as its reference describes it."""
        rows = [
            {"name": f"models/{self.model}", "supportedGenerationMethods": ["generateContent", "countTokens"]},
            {"name": "models/imagen-4", "supportedGenerationMethods": ["predict"]},
        ]
        with listing({"/v1beta/models?pageSize=1000": {"models": rows}}) as server:
            adapter = make_adapter(replace(connection, base_url=f"http://127.0.0.1:{server.port}"))
            yield adapter
            await adapter.aclose()

    async def test_it_lists_models(self, listing_adapter):
        await super().test_it_lists_models(listing_adapter)

    async def test_it_says_that_the_server_is_fine(self, listing_adapter):
        await super().test_it_says_that_the_server_is_fine(listing_adapter)
