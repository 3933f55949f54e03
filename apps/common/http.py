"""The one door through which the product calls other machines.

`make_client` gives an httpx client that refuses private addresses, follows no redirect and reads no proxy from the
environment. The guard looks at the very address of each socket before it connects, so a name that changes its address
between a check and the connection, or an address written in an unusual way, does not get past it. Connections that
are reused were checked when they were made, and are reused only for the same host and port.

Nothing here reads settings: who may be called is passed in.
"""

from __future__ import annotations

import errno
import functools
import ipaddress
import re
import socket
import ssl
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Literal
from urllib.parse import urlsplit

import aiohttp
import httpx
import yarl
from httpx_aiohttp import AiohttpTransport

from apps.common.errors import AddressNotAllowed, BadInput
from apps.common.said import gettext as _

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
FailureKind = Literal["unreachable", "tls", "timeout", "disconnected", "not_http"]

# What httpx over aiohttp raises when a call fails below HTTP; `failure_kind` tells them apart.
TRANSPORT_ERRORS = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError)

# An extension of a request: it does no harm twice, so it may go out again when a kept connection turns out to be closed.
MAY_REPEAT = "may_repeat"
KEEPALIVE_S = 20.0
WRITE_TIMEOUT_S = 30.0
# Where clouds hand their credentials to whoever asks: never reached by a general permission, only when written out.
METADATA_ADDRESSES = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254")
)
NAT64 = ipaddress.ip_network("64:ff9b::/96")


def make_client(
    *,
    allow_private: bool = False,
    private_hosts: Iterable[str] = (),
    connect_timeout_s: float = 5.0,
    idle_timeout_s: float | None = 60.0,
    max_connections: int = 1_000,
    headers: dict[str, str] | None = None,
) -> httpx.AsyncClient:
    """An HTTP client for outside services; close it with `aclose`.

    `private_hosts` are names, addresses or networks in CIDR form, each with `:port` or without, that may be called
    although they are private; `allow_private` allows all of them but the clouds' metadata services.
    How many ask a service at once is for its callers to say; `max_connections` only keeps the process from running out of
    sockets. Requests raise `AddressNotAllowed`, or one of `TRANSPORT_ERRORS`.
    """
    rules = AddressRules(allow_private=allow_private, private_hosts=private_hosts)
    return httpx.AsyncClient(
        transport=_GuardedTransport(rules, max_connections=max_connections),
        headers=headers,
        timeout=httpx.Timeout(
            connect=connect_timeout_s, read=idle_timeout_s, write=WRITE_TIMEOUT_S, pool=connect_timeout_s + WRITE_TIMEOUT_S
        ),
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),  # no service may mark us
    )


class AddressRules:
    """Which addresses may be called."""

    def __init__(self, *, allow_private: bool = False, private_hosts: Iterable[str] = ()) -> None:
        self._allow_private = allow_private
        self._names: set[tuple[str, int | None]] = set()
        self._networks: list[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, int | None]] = []
        for entry in private_hosts:
            self._add(entry.strip())

    def allow(self, host: str, ip: IPAddress, port: int) -> bool:
        """Whether a connection to `ip`, which `host` led to, may be made."""
        if is_public(ip) or self._is_listed(ip, port):
            return True
        if METADATA_ADDRESSES & set(_with_embedded(ip)):
            return False
        name = host.lower().rstrip(".")
        return self._allow_private or bool({(name, None), (name, port)} & self._names)

    def _is_listed(self, ip: IPAddress, port: int) -> bool:
        return any(
            wanted_port in (None, port) and any(form in network for form in _with_embedded(ip))
            for network, wanted_port in self._networks
        )

    def _add(self, entry: str) -> None:
        host, port = _split_port(entry)
        if not host:
            return
        try:
            self._networks.append((ipaddress.ip_network(host, strict=False), port))
        except ValueError:
            self._names.add((host.lower().rstrip("."), port))


def is_public(ip: IPAddress) -> bool:
    """Whether an address belongs to the open internet, also when it wraps an IPv4 address."""
    return all(form.is_global and not form.is_multicast and not form.is_reserved for form in _with_embedded(ip))


def failure_kind(error: BaseException) -> FailureKind:
    """What one of TRANSPORT_ERRORS means; httpx's own class is too coarse over aiohttp."""
    cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError | OSError) else error
    if isinstance(cause, aiohttp.ClientSSLError | ssl.SSLError):
        return "tls"
    if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | httpx.ConnectError):
        return "unreachable"
    if isinstance(cause, TimeoutError | httpx.TimeoutException):
        return "timeout"
    if isinstance(cause, aiohttp.ClientResponseError | httpx.DecodingError | aiohttp.InvalidURL | httpx.InvalidURL):
        return "not_http"
    return "disconnected"


def normalise_base_url(text: str) -> str:
    """An address as a person types it, as a URL without a slash at its end. Raises BadInput in words for people."""
    url = text.strip()
    if not url:
        raise _bad_url(_("Enter the address of the service, for example http://localhost:1234/v1."))
    if re.search(r"[\s\x00-\x1f\x7f\\]", url):
        raise _bad_url(_("The address “%s” has a space or another character that no address can have.") % url)
    if "://" not in url:
        raise _bad_url(_("The address “%s” must begin with http:// or https://.") % url)
    try:
        parts = urlsplit(url)
        port = parts.port
        host = yarl.URL(url).host or ""
    except ValueError as error:
        raise _bad_url(_("“%s” is not an address that can be called.") % url) from error
    if parts.scheme.lower() not in ("http", "https"):
        raise _bad_url(_("The address must begin with http:// or https://, not %s://.") % parts.scheme)
    if "@" in parts.netloc:
        raise _bad_url(_("The address must not carry a user name or password. Give the key in its own field."))
    if not host or port == 0:
        raise _bad_url(_("“%s” names no machine to call.") % url)
    if parts.fragment or parts.query or url.endswith(("#", "?")):
        raise _bad_url(_("The address must end before “?” and “#”."))
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme.lower()}://{name.lower()}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


@dataclass
class _Destination:
    """Where the request under way wants to go, and what its connection met."""

    host: str
    port: int
    refused_address: str = ""
    has_new_connection: bool = False


_destination: ContextVar[_Destination] = ContextVar("http_destination")


class _GuardedTransport(AiohttpTransport):
    def __init__(self, rules: AddressRules, *, max_connections: int) -> None:
        super().__init__(verify=ssl_context(), trust_env=False, client=self._make_session)
        self._rules = rules
        self._max_connections = max_connections

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        destination = _destination_of(request)
        token = _destination.set(destination)
        try:
            return await super().handle_async_request(request)
        except TRANSPORT_ERRORS as error:
            if destination.refused_address:
                raise _not_allowed(destination) from error
            if not _was_stale(request, destination, error):
                raise
        finally:
            _destination.reset(token)
        return await self.handle_async_request(request)  # another connection: this one left the pool

    def _make_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            ssl=self.ssl_context,
            limit=self._max_connections,
            keepalive_timeout=KEEPALIVE_S,
            socket_factory=self._make_socket,
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

    def _make_socket(self, address_info: tuple) -> socket.socket:
        """aiohttp calls this with the address that it is about to connect to."""
        family, kind, protocol, _canonical_name, address = address_info
        destination = _destination.get()
        if not self._rules.allow(destination.host, ipaddress.ip_address(address[0].split("%")[0]), address[1]):
            destination.refused_address = address[0]
            raise OSError(errno.EACCES, "address refused")  # an OSError lets aiohttp go on to the next address of the name
        destination.has_new_connection = True
        return socket.socket(family=family, type=kind, proto=protocol)


def _destination_of(request: httpx.Request) -> _Destination:
    """Host and port as aiohttp will read them from the same text, so that two parsers cannot disagree."""
    try:
        url = yarl.URL(str(request.url))
    except ValueError as error:
        raise httpx.UnsupportedProtocol(str(error)) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise AddressNotAllowed(_("Only http:// and https:// addresses may be called."))
    destination = _Destination(url.host, url.port or 0)
    if is_numeric_but_no_address(url.host):
        raise AddressNotAllowed(
            _("%s is an unusual way to write an address, so it was not called. Write it as four numbers.") % url.host,
            host=url.host,
            address=url.host,
        )
    return destination


def _was_stale(request: httpx.Request, destination: _Destination, error: Exception) -> bool:
    """Whether a connection out of the pool turned out to be closed already, and the caller lets us ask again."""
    may_repeat = request.extensions.get(MAY_REPEAT, False)
    return may_repeat and not destination.has_new_connection and failure_kind(error) == "disconnected"


def is_numeric_but_no_address(host: str) -> bool:
    """2130706433, 0177.0.0.1, 0x7f.1 and 127.1: other spellings of an address, which nobody writes in good faith."""
    if not re.fullmatch(r"(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+))*\.?", host, re.IGNORECASE):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def _not_allowed(destination: _Destination) -> AddressNotAllowed:
    name = f"[{destination.host}]" if ":" in destination.host else destination.host
    return AddressNotAllowed(
        _(
            "%(host)s leads to %(address)s, which is not a public address, so it was not called. "
            "An administrator can allow it by adding %(host)s:%(port)s to ORQ_PRIVATE_HOSTS."
        )
        % {"host": name, "address": destination.refused_address, "port": destination.port},
        host=destination.host,
        address=destination.refused_address,
    )


def _with_embedded(ip: IPAddress) -> list[IPAddress]:
    """The address itself, and the IPv4 addresses that an IPv6 one stands for (mapped, 6to4, Teredo, NAT64)."""
    forms: list[IPAddress] = [ip]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return [ip.ipv4_mapped]
        forms += [form for form in (ip.sixtofour, *(ip.teredo or ())) if form]
        if ip in NAT64:
            forms = [ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)]
    return forms


def _split_port(entry: str) -> tuple[str, int | None]:
    """("10.0.0.0/8", None), ("box", 1234) or ("::1", 1234) from "10.0.0.0/8", "box:1234" or "[::1]:1234"."""
    found = re.fullmatch(r"\[(?P<v6>[^\]]+)\](:(?P<v6port>\d+))?|(?P<host>[^:]+)(:(?P<port>\d+))?", entry)
    if not found:
        return entry, None  # a bare IPv6 address or network
    port = found["v6port"] or found["port"]
    return found["v6"] or found["host"], int(port) if port else None


def _bad_url(message: str) -> BadInput:
    return BadInput(message, field="base_url")


@functools.cache
def ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)  # 20 ms and more, so once a process
