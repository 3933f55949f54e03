"""One HTTP request of an adapter: sent within the call's time, its failures and refusals told as ours."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import httpx

from apps.common.errors import AddressNotAllowed
from apps.common.http import TRANSPORT_ERRORS
from apps.providers.adapters.base import Call, TimedBytes, address_refused, transport_failure
from apps.providers.adapters.failures import http_failure
from apps.providers.errors import ProviderError

LARGEST_ERROR_BODY = 64 * 1024
ERROR_BODY_TIMEOUT_S = 30.0


async def send(client: httpx.AsyncClient, request: httpx.Request, call: Call, *, name: str) -> httpx.Response:
    """The answer as soon as its headers are there; its reader closes it. Raises ProviderError."""
    try:
        async with asyncio.timeout(call.deadline - time.monotonic()) as limit:
            response = await client.send(request, stream=True)
    except AddressNotAllowed as error:
        raise address_refused(error) from error
    except TRANSPORT_ERRORS as error:  # TimeoutError is an OSError
        if limit.expired():
            raise call.timed_out() from error
        raise transport_failure(error, name=name, has_begun=False) from error
    response.headers.encoding = "latin-1"  # httpx would guess it anew at every look-up
    return response


async def refusal(response: httpx.Response, call: Call, *, name: str, secret: str) -> ProviderError:
    """What an answer that is no success means; of its body, no more is read than an error can fill."""
    text = b""
    try:
        async with aclosing(TimedBytes(response, call, no_content_timeout_s=ERROR_BODY_TIMEOUT_S).chunks()) as chunks:
            async for chunk in chunks:
                text += chunk
                if len(text) > LARGEST_ERROR_BODY:
                    break
    except (*TRANSPORT_ERRORS, ProviderError):
        text = b""  # the status alone says enough
    return http_failure(
        response.status_code,
        response.headers,
        text.decode("utf-8", "replace"),
        name=name,
        url=str(response.request.url),
        secret=secret,
        is_chat=not response.request.url.path.endswith("/models"),
    )
