"""The outgoing HTTP door without httpx before it: for bytes that pass through, where every microsecond counts.

The same guard as `apps.common.http`: the very address of each socket is looked at before it connects. A session belongs to one
address, so that its guard knows whom it guards.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Mapping

import aiohttp
import yarl

from apps.common.errors import AddressNotAllowed
from apps.common.http import KEEPALIVE_S, AddressRules, is_numeric_but_no_address, ssl_context
from apps.common.said import gettext as _

READ_BUFFER = 256 * 1024
RAW_ERRORS = (aiohttp.ClientError, OSError)  # TimeoutError is an OSError
RawResponse = aiohttp.ClientResponse


class RawSession:
    """A pool of connections to one server. Made in the event loop that uses it; close it with `aclose`.

    Requests raise what aiohttp raises; `refusal` says whether the guard was the cause.
    """

    def __init__(self, base_url: str, *, allow_private: bool = False, connect_timeout_s: float = 5.0) -> None:
        url = yarl.URL(base_url)
        if url.scheme not in ("http", "https") or not url.host or is_numeric_but_no_address(url.host):
            raise AddressNotAllowed(_("Only http:// and https:// addresses may be called."))
        self.host = url.host
        self._rules = AddressRules(allow_private=allow_private)
        self._refused = ""
        self._connect_timeout_s = connect_timeout_s
        self.sockets_made = 0
        connector = aiohttp.TCPConnector(
            ssl=ssl_context() if url.scheme == "https" else False,
            limit=0,
            keepalive_timeout=KEEPALIVE_S,
            socket_factory=self._make_socket,
        )
        self.http = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            read_bufsize=READ_BUFFER,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        )

    @property
    def refusal(self) -> AddressNotAllowed | None:
        """Why no connection was made, when the guard allowed none."""
        if not self._refused:
            return None
        return AddressNotAllowed(
            _("%(host)s leads to %(address)s, which is not a public address, so it was not called.")
            % {"host": self.host, "address": self._refused},
            host=self.host,
            address=self._refused,
        )

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, total_timeout_s: float, idle_timeout_s: float
    ) -> RawResponse:
        """The answer as soon as its head is there; whoever asked releases or closes it. Raises RAW_ERRORS."""
        timeout = aiohttp.ClientTimeout(total=total_timeout_s, sock_connect=self._connect_timeout_s, sock_read=idle_timeout_s)
        return await self.http.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False)

    async def aclose(self) -> None:
        await self.http.close()

    def _make_socket(self, address_info: tuple) -> socket.socket:
        family, kind, protocol, _canonical_name, address = address_info
        if not self._rules.allow(self.host, ipaddress.ip_address(address[0].split("%")[0]), address[1]):
            self._refused = address[0]
            raise OSError(errno.EACCES, "address refused")
        self._refused = ""
        self.sockets_made += 1
        return socket.socket(family=family, type=kind, proto=protocol)
