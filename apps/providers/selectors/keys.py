"""Keys of vendors as people may see them: never the key itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.lookups import access_row
from apps.common.searching import with_words
from apps.providers.models import ProviderKey
from apps.providers.presets import choice_of, vendor_of, vendors_named


def keys_visible(actor: Actor) -> QuerySet[ProviderKey]:
    """The team's keys, each with the providers and accounts that use it. Three queries."""
    return ProviderKey.objects.filter(team=actor.team).prefetch_related("providers", "accounts").order_by("name", "pk")


def keys_filtered(actor: Actor, *, search: str = "", vendor: str = "") -> QuerySet[ProviderKey]:
    """Those with the words in their name, of the `vendor` that `vendors_of_keys` names. One query more with a vendor."""
    rows = with_words(keys_visible(actor), search, "name")
    if vendor:
        places = [place for place in _places(actor) if _vendor(*place) == vendor]
        rows = rows.filter(_at(places))
    return rows


def vendors_of_keys(actor: Actor) -> list[tuple[str, str]]:
    """The vendors that the team has keys of, and their names. One query."""
    found = {_vendor(*place) for place in _places(actor)}
    return vendors_named(found)


def _places(actor: Actor) -> list[tuple[str, str]]:
    return list(ProviderKey.objects.filter(team=actor.team).order_by().values_list("kind", "base_url").distinct())


def _vendor(kind: str, base_url: str) -> str:
    return vendor_of(kind, base_url) or kind


def _at(places: list[tuple[str, str]]) -> Q:
    found = Q(pk__in=[])
    for kind, base_url in places:
        found |= Q(kind=kind, base_url=base_url)
    return found


def access_key(actor: Actor, public_id: UUID | str) -> ProviderKey:
    """One key of the actor's team; NotFound otherwise."""
    return access_row(keys_visible(actor), public_id, _("There is no such key."))


def key_state(key: ProviderKey) -> dict[str, Any]:
    """Whose it is, whether it works, and what uses it. No query for a row of `keys_visible`.

    `state` is "off", "expired", "untested", "good" or "bad"; `place` is where it is sent.
    """
    choice = choice_of(_vendor(key.kind, key.base_url))
    return {
        "vendor_name": choice.name if choice else key.kind,
        "place": key.base_url,
        "state": _state(key),
        "used_by": [str(one) for one in (*key.providers.all(), *key.accounts.all())],
    }


def _state(key: ProviderKey) -> str:
    if not key.is_active:
        return "off"
    if key.has_expired:
        return "expired"
    return {None: "untested", True: "good", False: "bad"}[key.last_test_ok]
