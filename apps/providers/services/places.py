"""Who may give which address: for providers, and for keys, which are sent there."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.providers.addresses import is_closed_to_all, is_listed_private, is_private
from apps.providers.models import Provider, ProviderKey
from apps.providers.services.checks import FieldErrors


def allow_address(actor: Actor, place: Provider | ProviderKey, errors: FieldErrors) -> None:
    """An admin's own saving is the permission for a private address; it holds for this address alone."""
    if is_closed_to_all(place.base_url):
        message = _("%s hands out the secrets of a cloud, so it is called only where ORQ_PRIVATE_HOSTS lists it.")
        errors.add("base_url", message % place.base_url, code="address_refused")
        return
    place.allows_private_address = actor.can_manage or is_listed_private(place.base_url)
    if is_private(place.base_url) and not place.allows_private_address:
        message = _("%s is on this machine or its own network. Ask an admin to add it, or give a public address.")
        errors.add("base_url", message % place.base_url, code="address_refused")
    if not place.base_url and place.kind == "lmstudio" and not actor.can_manage:
        errors.add("base_url", _("LM Studio runs on this machine. Ask an admin to add it."), code="address_refused")
