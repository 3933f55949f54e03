"""Keys of vendors as people may see them: never the key itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.errors import NotFound
from apps.providers.models import ProviderKey
from apps.providers.presets import choice_of, vendor_of
from apps.providers.selectors.lookups import as_uuid


def keys_visible(actor: Actor) -> QuerySet[ProviderKey]:
    """The team's keys, each with the providers and accounts that use it. Three queries."""
    return ProviderKey.objects.filter(team=actor.team).prefetch_related("providers", "accounts").order_by("name", "pk")


def access_key(actor: Actor, public_id: UUID | str) -> ProviderKey:
    """One key of the actor's team; NotFound otherwise."""
    key = keys_visible(actor).filter(public_id=as_uuid(public_id)).first()
    if key is None:
        raise NotFound(_("There is no such key."))
    return key


def key_state(key: ProviderKey) -> dict[str, Any]:
    """Whose it is, whether it works, and what uses it. No query for a row of `keys_visible`.

    `state` is "off", "expired", "untested", "good" or "bad"; `place` is where it is sent.
    """
    choice = choice_of(vendor_of(key.kind, key.base_url) or key.kind)
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
