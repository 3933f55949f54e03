"""Adding, changing and checking providers."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.db import again_after_deadlock, in_db
from apps.common.errors import BadInput, Conflict, NotFound
from apps.providers.adapters import make_adapter
from apps.providers.addresses import KINDS_WITHOUT_ADDRESS, is_private, place_of
from apps.providers.contract import CheckResult
from apps.providers.errors import ProviderError
from apps.providers.models import LOCAL_KINDS, Provider, ProviderKey
from apps.providers.services import checks, key_checks
from apps.providers.services.breakers import provider_answered_check, provider_changed
from apps.providers.services.checks import FieldErrors
from apps.providers.services.keys import key_let_go, key_link, key_put
from apps.providers.services.places import allow_address

_CHANGEABLE = (
    "name", "display_name", "base_url", "api_key", "key", "status", "priority", "is_local", "quirks",
    "balance_group", "weight", "max_concurrent",
)  # fmt: skip
MOST_WEIGHT = 100
MOST_CONCURRENT = 10_000


def provider_create(
    actor: Actor,
    *,
    name: str = "",
    display_name: str = "",
    kind: str,
    base_url: str = "",
    api_key: str = "",
    key: ProviderKey | None = None,
    is_local: bool | None = None,
    priority: int = 100,
    quirks: dict[str, Any] | None = None,
) -> Provider:
    """A new provider of the actor's team, switched on and not yet asked for its models.

    Without `name` one is made from `display_name`, and the other way round. `is_local` None: by kind and address.
    A private address is allowed when an admin saves it, or when ORQ_PRIVATE_HOSTS lists it. `api_key` is kept as a key of its
    own; `key` is one that the team has already. Raises BadInput by field.
    """
    actor.must_work()
    errors = FieldErrors()
    provider = Provider(team=actor.team, owner=actor.user)
    provider.display_name = checks.text(display_name or name, "display_name", errors, most=120, required=True)
    provider.name = checks.name(name, errors) if name else _free_name(actor, provider.display_name or kind)
    provider.kind = checks.kind(kind, errors)
    if provider.is_builtin:
        errors.add("kind", _("The built-in engine is in your list already; there is one for each team."), code="unique")
    provider.base_url = checks.base_url(base_url, errors, required=kind in KINDS_WITHOUT_ADDRESS)
    secret = key_checks.secret(api_key, errors, kind=provider.kind, base_url=provider.base_url)
    _check_link(provider, key, errors, is_given_besides=bool(secret))
    provider.priority = _priority(priority, errors)
    provider.quirks = checks.quirks(quirks or {}, errors)
    provider.is_local = (kind in LOCAL_KINDS or is_private(provider.base_url)) if is_local is None else bool(is_local)
    allow_address(actor, provider, errors)
    errors.raise_if_any()
    with transaction.atomic():
        _save_named(provider)
        if key is not None:
            key_link(provider, key)
        elif secret:
            key_put(actor, provider, secret)
    return provider


def provider_update(actor: Actor, provider: Provider, **changes: Any) -> Provider:
    """Change any of name, display_name, base_url, api_key, status, priority, is_local, quirks, balance_group, weight,
    max_concurrent (calls at once, None for no limit).

    Providers of one `balance_group` are servers of the models that they have in common. A new key or address, and switching it
    on, forget what it failed of before.
    A key is kept unless `api_key` is given ("" for none), or `key`, one that the team has already (None for none). It never
    follows the provider to another host: with a new scheme, host or port it must be given again. The kind stays what it is.
    Raises BadInput by field.
    """
    actor.must_own(provider.owner_id)
    errors = FieldErrors()
    if changes.get("kind", provider.kind) == provider.kind:
        changes.pop("kind", None)
    else:
        errors.add("kind", _("A provider keeps its kind. Add another one instead."), code="immutable")
        changes.pop("kind")
    checks.unknown_fields(changes, _CHANGEABLE, errors)
    _apply(provider, changes, errors)
    if "base_url" in changes:
        _move(actor, provider, changes, errors)
    secret = key_checks.secret(changes.get("api_key"), errors, kind=provider.kind, base_url=provider.base_url)
    _check_link(provider, changes.get("key"), errors, is_given_besides="api_key" in changes)
    errors.raise_if_any()
    with transaction.atomic():
        _save_named(provider)
        if "api_key" in changes:
            key_put(actor, provider, secret)
        elif "key" in changes:
            key_link(provider, changes["key"])
    if {"api_key", "key", "base_url", "status"} & set(changes):
        provider_changed(provider)
    return provider


def provider_delete(actor: Actor, provider: Provider) -> None:
    """Remove it with its models and the key that belongs to it. What its models did and cost stays on record."""
    actor.must_own(provider.owner_id)
    if provider.is_builtin:
        raise Conflict(_("The built-in engine cannot be removed. Switch it off instead."))
    _delete(provider.pk)


@again_after_deadlock
def _delete(pk: int) -> None:
    if row := Provider.objects.select_related("key").filter(pk=pk).first():
        key = row.key
        row.delete()
        key_let_go(key)


def provider_toggle(actor: Actor, provider: Provider, *, on: bool | None = None) -> Provider:
    """Switch it on or off; None turns it to the other."""
    actor.must_own(provider.owner_id)
    is_on = not provider.is_active if on is None else on
    provider.status = Provider.Status.ACTIVE if is_on else Provider.Status.INACTIVE
    provider.save(update_fields=["status", "updated_at"])
    return provider


async def provider_check(actor: Actor, provider: Provider) -> CheckResult:
    """Ask it whether it is up and the key is good, and keep what it said. Never raises a ProviderError.

    No database connection is held meanwhile.
    """
    await in_db(must_work, actor)
    result = await _check(provider)
    await in_db(check_store, provider, result)
    return result


async def connection_try(
    actor: Actor,
    *,
    kind: str,
    display_name: str = "",
    base_url: str = "",
    api_key: str = "",
    key: ProviderKey | None = None,
    quirks: dict[str, Any] | None = None,
) -> CheckResult:
    """Check an address and a key before they are saved; nothing is kept. Raises BadInput by field, as provider_create does."""
    await in_db(must_work, actor)
    errors = FieldErrors()
    provider = Provider(kind=checks.kind(kind, errors), name=display_name[:120])
    provider.base_url = checks.base_url(base_url, errors, required=kind in KINDS_WITHOUT_ADDRESS)
    secret = key_checks.secret(api_key, errors, kind=provider.kind, base_url=provider.base_url)
    _check_link(provider, key, errors, is_given_besides=bool(secret))
    provider.key = ProviderKey(kind=provider.kind, base_url=provider.base_url, secret=secret) if secret else key
    provider.quirks = checks.quirks(quirks or {}, errors)
    allow_address(actor, provider, errors)
    errors.raise_if_any()
    return await _check(provider)


def check_store(provider: Provider, result: CheckResult) -> None:
    """Keep what a check said."""
    provider.last_checked_at = timezone.now()
    provider.last_check_ok = result.ok
    provider.last_check_message = result.message
    provider.last_check_ms = result.latency_ms
    fields = ["last_checked_at", "last_check_ok", "last_check_message", "last_check_ms"]
    Provider.objects.filter(pk=provider.pk).update(**{field: getattr(provider, field) for field in fields})
    if result.ok:
        provider_answered_check(provider)


async def _check(provider: Provider) -> CheckResult:
    try:
        async with aclosing(make_adapter(provider.connection)) as adapter:
            return await adapter.check()
    except ProviderError as error:
        return CheckResult(ok=False, message=error.message, error_code=error.code)


def _apply(provider: Provider, changes: dict[str, Any], errors: FieldErrors) -> None:
    if "name" in changes:
        provider.name = checks.name(changes["name"], errors)
    if "display_name" in changes:
        provider.display_name = checks.text(changes["display_name"], "display_name", errors, most=120, required=True)
    if "status" in changes:
        if changes["status"] not in Provider.Status.values:
            errors.add("status", _("The status is one of: %s.") % ", ".join(Provider.Status.values))
        provider.status = changes["status"]
    if "priority" in changes:
        provider.priority = _priority(changes["priority"], errors)
    if "is_local" in changes:
        provider.is_local = bool(changes["is_local"])
    if "balance_group" in changes:
        provider.balance_group = checks.group(changes["balance_group"], errors)
    if "weight" in changes:
        provider.weight = checks.whole_number(changes["weight"], "weight", errors, most=MOST_WEIGHT) or 1
    if "max_concurrent" in changes:
        provider.max_concurrent = checks.whole_number(changes["max_concurrent"], "max_concurrent", errors, most=MOST_CONCURRENT)
    if "quirks" in changes:
        provider.quirks = checks.quirks(changes["quirks"] or {}, errors)


def _move(actor: Actor, provider: Provider, changes: dict[str, Any], errors: FieldErrors) -> None:
    """Give it its new address, whether or not it differs."""
    before = provider.base_url
    provider.base_url = checks.base_url(changes["base_url"] or "", errors, required=provider.kind in KINDS_WITHOUT_ADDRESS)
    if provider.is_builtin and provider.base_url:
        errors.add("base_url", _("The built-in engine has no address."))
    if provider.base_url == before:
        return
    allow_address(actor, provider, errors)
    is_elsewhere = place_of(provider.kind, before) != place_of(provider.kind, provider.base_url)
    if provider.has_key and is_elsewhere and not {"api_key", "key"} & set(changes):
        message = _("Give the key again: the saved one is not sent to another address without you.")
        errors.add("api_key", message, code="required")


def _check_link(provider: Provider, key: ProviderKey | None, errors: FieldErrors, *, is_given_besides: bool) -> None:
    if key is None:
        return
    if is_given_besides:
        errors.add("key", _("Choose a key or enter one, not both."))
    elif not key.is_for(provider.kind, provider.base_url):
        errors.add("key", _("The key “%s” was given for another address, and is sent nowhere else.") % key)


def _save_named(provider: Provider) -> None:
    taken = BadInput(_("Your team has a provider named “%s” already. Choose another name.") % provider.name, field="name")
    taken.errors[0]["code"] = "unique"
    if Provider.objects.filter(team=provider.team_id, name=provider.name).exclude(pk=provider.pk).exists():
        raise taken
    if provider.pk and not Provider.objects.filter(pk=provider.pk).exists():
        raise NotFound(_("This provider was removed meanwhile."))
    try:
        with transaction.atomic():
            provider.save()
    except IntegrityError as error:
        raise taken from error


def _free_name(actor: Actor, display_name: str) -> str:
    """A name made from the words, with a number where the team has it already."""
    base = slugify(display_name)[:50] or "provider"
    taken = set(Provider.objects.filter(team=actor.team, name__startswith=base).values_list("name", flat=True))
    return next(name for number in range(1, len(taken) + 2) if (name := base if number == 1 else f"{base}-{number}") not in taken)


def _priority(value: Any, errors: FieldErrors) -> int:
    return checks.whole_number(value, "priority", errors, most=32_000) or 100


def must_work(actor: Actor) -> None:
    """For `in_db`: a request's actor is looked up when first asked, which asynchronous code may not do by the way."""
    actor.must_work()
