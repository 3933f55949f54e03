"""Forms of keys and of accounts at vendors. They check the shape; the rules are in the services."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.actor import Actor
from apps.common.forms import RefusableForm
from apps.providers import selectors
from apps.providers.balances import TELLS
from apps.providers.models import ExternalAccount, ProviderKey
from apps.providers.presets import Choice

_SECRET_WIDGET = forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"})
_DATE = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
_SAID = _("Kept encrypted; only its last four characters are ever shown.")


class KeyForm(RefusableForm):
    """A new key; asks only what the chosen vendor needs."""

    name = forms.CharField(label=_("Name"), max_length=120, help_text=_("How it is called in your lists."))
    base_url = forms.CharField(
        label=_("Address"),
        max_length=500,
        help_text=_("The key is sent there, and nowhere else."),
        widget=forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false"}),
    )
    secret = forms.CharField(label=_("Key"), widget=_SECRET_WIDGET, help_text=_SAID)
    expires_on = forms.DateField(
        label=_("Last day"), required=False, widget=_DATE, help_text=_("After that day it is no longer sent to anybody.")
    )

    def __init__(self, data: Any = None, *, choice: Choice) -> None:
        super().__init__(data, initial={"name": choice.name, "base_url": choice.base_url})
        self.choice = choice
        if not choice.asks_address:
            del self.fields["base_url"]

    @property
    def for_service(self) -> dict[str, Any]:
        """What key_create takes."""
        given = self.cleaned_data
        return {
            "name": given["name"],
            "kind": self.choice.kind,
            "base_url": given.get("base_url", self.choice.base_url),
            "secret": given["secret"],
            "expires_at": _end_of(given["expires_on"]),
        }


class KeyEditForm(RefusableForm):
    """Changes to a key; an empty one keeps the saved one."""

    name = forms.CharField(label=_("Name"), max_length=120)
    secret = forms.CharField(
        label=_("New key"), required=False, widget=_SECRET_WIDGET, help_text=_("Leave it empty to keep the saved one.")
    )
    expires_on = forms.DateField(
        label=_("Last day"), required=False, widget=_DATE, help_text=_("After that day it is no longer sent to anybody.")
    )
    is_active = forms.BooleanField(label=_("In use"), required=False)

    def __init__(self, data: Any = None, *, key: ProviderKey) -> None:
        last_day = key.expires_at.astimezone(UTC).date() if key.expires_at else None
        super().__init__(data, initial={"name": key.name, "is_active": key.is_active, "expires_on": last_day})

    @property
    def for_service(self) -> dict[str, Any]:
        """What key_update takes: a key only where one was typed, the day only where another was chosen."""
        given = self.cleaned_data
        changes = {"name": given["name"], "is_active": given["is_active"]}
        if given["secret"]:
            changes["secret"] = given["secret"]
        if "expires_on" in self.changed_data:
            changes["expires_at"] = _end_of(given["expires_on"])
        return changes


class AccountForm(RefusableForm):
    """An account at a vendor: a new one where a choice is given, else a saved one."""

    name = forms.CharField(label=_("Name"), max_length=120)
    key = forms.ChoiceField(label=_("Key"), required=False)
    secret = forms.CharField(label=_("A new key"), required=False, widget=_SECRET_WIDGET, help_text=_SAID)
    credit_limit = forms.DecimalField(
        label=_("Most a month, US$"),
        required=False,
        min_value=Decimal(0),
        help_text=_("For vendors that do not tell a balance: the month's spend is held against it."),
    )
    alert_below = forms.DecimalField(
        label=_("Tell me when less than this is left"),
        required=False,
        min_value=Decimal(0),
        help_text=_("In the account's currency."),
    )

    def __init__(self, data: Any = None, *, actor: Actor, choice: Choice, account: ExternalAccount | None = None) -> None:
        fields = ("name", "credit_limit", "alert_below")
        initial = {name: getattr(account, name) for name in fields} if account else {"name": choice.name}
        initial["key"] = str(account.key.public_id) if account and account.key else ""
        super().__init__(data, initial={name: _plain(value) for name, value in initial.items()})
        keys = [key for key in selectors.keys_visible(actor) if key.is_for(choice.kind, choice.base_url)]
        self._keys = {str(key.public_id): key for key in keys}
        named = [(id, f"{key} … {key.ending}" if key.ending else str(key)) for id, key in self._keys.items()]
        self.fields["key"].choices = [("", _("No key")), *named]  # type: ignore[attr-defined]
        if account or choice.slug not in TELLS:
            del self.fields["secret"]
        if choice.slug not in TELLS or not (keys or account):
            del self.fields["key"]

    @property
    def for_service(self) -> dict[str, Any]:
        """What account_create and account_update take."""
        given = dict(self.cleaned_data)
        if "key" in given:
            given["key"] = self._keys.get(given["key"])
        return given


def _end_of(day: Any) -> datetime | None:
    return datetime.combine(day, time(23, 59, 59), tzinfo=UTC) if day else None


def _plain(value: Any) -> Any:
    """A sum without the zeros that the database pads it with."""
    return Decimal(f"{value.normalize():f}") if isinstance(value, Decimal) else value
