"""What may be said of a provider's address without calling it: whose it is, and whether it is on our own network."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings

from apps.common.http import AddressRules, is_public

# Where the vendors themselves answer (providers' own documentation, read 2026-11-20). Prices of the price file hold only there.
VENDOR_HOSTS = {
    "openai": "api.openai.com",
    "anthropic": "api.anthropic.com",
    "google": "generativelanguage.googleapis.com",
    "mistral": "api.mistral.ai",
}
KINDS_WITHOUT_ADDRESS = ("openai_compatible", "ollama", "llamacpp")  # they must be told one; the others bring their own


def is_private(base_url: str) -> bool:
    """Whether the address is written as one of this machine or its network. A name is judged when it is called."""
    host = (urlsplit(base_url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal", ".lan")):
        return True
    try:
        return not is_public(ipaddress.ip_address(host.split("%")[0]))
    except ValueError:
        return False


def is_closed_to_all(base_url: str) -> bool:
    """Whether not even an admin opens it by saving it: where clouds hand out credentials, unless ORQ_PRIVATE_HOSTS lists it."""
    parts = urlsplit(base_url)
    try:
        address = ipaddress.ip_address((parts.hostname or "").split("%")[0])
    except ValueError:
        return False
    rules = AddressRules(allow_private=True, private_hosts=settings.ORQ_PRIVATE_HOSTS)
    return not rules.allow(str(address), address, parts.port or (443 if parts.scheme == "https" else 80))


def is_listed_private(base_url: str) -> bool:
    """Whether ORQ_PRIVATE_HOSTS allows this very address."""
    parts = urlsplit(base_url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        address = ipaddress.ip_address("127.0.0.1")  # only the name can be on the list
        return AddressRules(private_hosts=_names(settings.ORQ_PRIVATE_HOSTS)).allow(host, address, port)
    return AddressRules(private_hosts=settings.ORQ_PRIVATE_HOSTS).allow(host, address, port)


def is_vendor_itself(kind: str, base_url: str) -> bool:
    """Whether calls go to the vendor's own service rather than to a reseller or a proxy."""
    return kind in VENDOR_HOSTS and (not base_url or urlsplit(base_url).hostname == VENDOR_HOSTS[kind])


def is_same_place(one: str, other: str) -> bool:
    """Whether both addresses lead to the same scheme, host and port, so that a key given for one is safe with the other."""
    return _origin(one) == _origin(other)


def place_of(kind: str, base_url: str) -> tuple[str, str, int | None]:
    """Where calls of a provider go, for comparing: scheme, host and port. Without an address it is the kind's own place."""
    if base_url:
        return _origin(base_url)
    return _origin(f"https://{VENDOR_HOSTS[kind]}") if kind in VENDOR_HOSTS else ("", kind, None)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port


def _names(entries: list[str]) -> list[str]:
    """The entries that are names: an address on the list says nothing about where a name leads."""
    return [entry for entry in entries if not _is_network(entry)]


def _is_network(entry: str) -> bool:
    host = entry.strip().lstrip("[").partition("]")[0] if entry.strip().startswith("[") else entry.strip()
    for text in (host, host.rpartition(":")[0]):
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            continue
        return True
    return False
