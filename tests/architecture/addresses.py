"""Every address of the product, as its URL configuration has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.admindocs.views import simplify_regex
from django.urls import URLPattern, URLResolver, get_resolver

_PARAMETER = re.compile(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>")


@dataclass(frozen=True)
class Address:
    """`template` is like /api/teams/<id>/; `name` like "api:teams-detail", or "" ."""

    template: str
    name: str

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """(name, the word in the path before it) of each parameter."""
        found = []
        for match in _PARAMETER.finditer(self.template):
            before = self.template[: match.start()].strip("/").split("/")
            found.append((match["name"], next((word for word in reversed(before) if word and not word.startswith("<")), "")))
        return found

    @property
    def objects(self) -> list[tuple[str, str]]:
        """The parameters that name a row, not a word."""
        kinds = {match["name"]: match["kind"] for match in _PARAMETER.finditer(self.template)}
        return [(name, before) for name, before in self.parameters if kinds[name] in ("uuid", "int", None)]

    def filled(self, values: dict[str, str]) -> str:
        return _PARAMETER.sub(lambda match: values[match["name"]], self.template)


def all_addresses() -> list[Address]:
    found = {address.template: address for address in _walk(get_resolver().url_patterns, "/", "")}
    return sorted(found.values(), key=lambda address: address.template)


def _walk(patterns: list[URLPattern | URLResolver], before: str, namespace: str) -> Iterator[Address]:
    for pattern in patterns:
        route = before + _plain(pattern)
        if "format" in route:
            continue  # DRF's other spelling of the same view
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route, f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace)
        else:
            yield Address(route, f"{namespace}{pattern.name}" if pattern.name else "")


def _plain(pattern: URLPattern | URLResolver) -> str:
    """The route with `<name>` parameters, from a path() or a regular expression."""
    route = str(pattern.pattern)
    if hasattr(pattern.pattern, "_regex"):
        route = simplify_regex(route).removeprefix("/")
    return route
