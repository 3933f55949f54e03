"""Forms of providers and models. They check the shape; the rules are in the services."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.common.forms import RefusableForm
from apps.providers.contract import CAPABILITIES, TIERS
from apps.providers.models import AIModel, Provider, ProviderKey
from apps.providers.presets import Choice
from apps.providers.services.providers import MOST_CONCURRENT, MOST_WEIGHT

TIER_WORDS = {"local": _("Local (free)"), "fast": _("Fast"), "balanced": _("Balanced"), "top": _("Top")}
CAPABILITY_WORDS = {
    "chat": _("Chat"),
    "vision": _("Images"),
    "tools": _("Tools"),
    "json": _("JSON"),
    "embeddings": _("Embeddings"),
}
_KEY_WIDGET = forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"})


class ProviderForm(RefusableForm):
    """A new provider; asks only what the chosen vendor needs."""

    display_name = forms.CharField(label=_("Name"), max_length=120, help_text=_("How it is called in your lists."))
    base_url = forms.CharField(
        label=_("Address"),
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false"}),
    )
    api_key = forms.CharField(
        label=_("Key"),
        required=False,
        strip=True,
        widget=_KEY_WIDGET,
        help_text=_("Kept encrypted; only its last four characters are ever shown."),
    )

    def __init__(self, *args: Any, choice: Choice, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choice = choice
        self.fields["display_name"].initial = choice.name
        self.fields["base_url"].initial = choice.base_url
        self.fields["base_url"].required = choice.asks_address
        self.fields["api_key"].required = choice.key == "needed"
        if not choice.asks_address:
            del self.fields["base_url"]
        if choice.key == "none":
            del self.fields["api_key"]

    @property
    def for_service(self) -> dict[str, Any]:
        """What provider_create takes."""
        given = self.cleaned_data
        return {
            "display_name": given["display_name"],
            "kind": self.choice.kind,
            "base_url": given.get("base_url", self.choice.base_url),
            "api_key": given.get("api_key", ""),
            "is_local": self.choice.is_local,
        }

    @property
    def for_try(self) -> dict[str, Any]:
        """What connection_try takes."""
        return {name: value for name, value in self.for_service.items() if name != "is_local"}


class ProviderEditForm(RefusableForm):
    """Changes to a provider; an empty key keeps the saved one."""

    display_name = forms.CharField(label=_("Name"), max_length=120)
    base_url = forms.CharField(
        label=_("Address"),
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false"}),
    )
    api_key = forms.CharField(
        label=_("New key"), required=False, strip=True, widget=_KEY_WIDGET, help_text=_("Leave it empty to keep the saved one.")
    )
    key = forms.ChoiceField(label=_("Key"), required=False, help_text=_("Keys that were given for this very address."))
    priority = forms.IntegerField(
        label=_("Priority"),
        min_value=1,
        max_value=32_000,
        help_text=_("Among models that are equally good, the lower number is asked first."),
    )
    max_concurrent = forms.IntegerField(
        label=_("Calls at once"),
        min_value=1,
        max_value=MOST_CONCURRENT,
        required=False,
        help_text=_("More calls wait for a free place. Empty: no limit."),
    )
    balance_group = forms.CharField(
        label=_("Balance group"),
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
        help_text=_("Give two servers of the same models the same word here, and they share the calls."),
    )
    weight = forms.IntegerField(
        label=_("Weight"),
        min_value=1,
        max_value=MOST_WEIGHT,
        required=False,
        help_text=_("In its group, a provider of weight 2 gets twice the calls of one of weight 1."),
    )

    def __init__(self, data: Any = None, *, provider: Provider, keys: Sequence[ProviderKey] = ()) -> None:
        shown = ("display_name", "base_url", "priority", "max_concurrent", "balance_group", "weight")
        initial = {name: getattr(provider, name) for name in shown}
        super().__init__(data, initial=initial | {"key": str(provider.key.public_id) if provider.key else ""})
        self._keys = {str(key.public_id): key for key in keys}
        named = [(id, f"{key} … {key.ending}" if key.ending else str(key)) for id, key in self._keys.items()]
        self.fields["key"].choices = [("", _("No key")), *named]  # type: ignore[attr-defined]
        if not keys:
            del self.fields["key"]
        if provider.is_builtin:
            del self.fields["base_url"], self.fields["api_key"]

    @property
    def for_service(self) -> dict[str, Any]:
        """What provider_update takes: a key only where one was typed, or else where another was chosen."""
        changes = {name: value for name, value in self.cleaned_data.items() if name not in ("api_key", "key")}
        if self.cleaned_data.get("api_key"):
            return {**changes, "api_key": self.cleaned_data["api_key"]}
        is_chosen = "key" in self.data and "key" in self.changed_data
        return {**changes, "key": self._keys.get(self.cleaned_data["key"])} if is_chosen else changes


class ModelForm(RefusableForm):
    """What a person may set by hand about a model; no sync changes it afterwards."""

    display_name = forms.CharField(label=_("Display name"), max_length=190, required=False)
    family = forms.CharField(
        label=_("Family"),
        max_length=120,
        help_text=_("Models of one family count as the same AI: one never checks another's work."),
    )
    tier = forms.ChoiceField(label=_("Tier"), choices=[(tier, TIER_WORDS[tier]) for tier in TIERS])
    capabilities = forms.MultipleChoiceField(
        label=_("Can do"),
        choices=[(one, CAPABILITY_WORDS[one]) for one in CAPABILITIES],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    context_window = forms.IntegerField(label=_("Context window, tokens"), min_value=1, required=False)
    price_input = forms.DecimalField(
        label=_("Input, US$ per million tokens"), min_value=Decimal(0), max_digits=12, decimal_places=6, required=False
    )
    price_output = forms.DecimalField(
        label=_("Output, US$ per million tokens"), min_value=Decimal(0), max_digits=12, decimal_places=6, required=False
    )
    price_cached = forms.DecimalField(
        label=_("Cached input, US$ per million tokens"),
        min_value=Decimal(0),
        max_digits=12,
        decimal_places=6,
        required=False,
        help_text=_("Empty: as the input."),
    )
    price_cache_write = forms.DecimalField(
        label=_("Writing to the cache, US$ per million tokens"),
        min_value=Decimal(0),
        max_digits=12,
        decimal_places=6,
        required=False,
        help_text=_("Empty: as the input."),
    )

    def __init__(self, data: Any = None, *, model: AIModel) -> None:
        super().__init__(data, initial={name: _plain(getattr(model, name)) for name in self.base_fields})

    @property
    def for_service(self) -> dict[str, Any]:
        """What model_update takes: only what differs, so that untouched facts keep coming from the provider."""
        return {name: self.cleaned_data[name] for name in self.changed_data}


def _plain(value: Any) -> Any:
    """A price without the zeros that the database pads it with."""
    return Decimal(f"{value.normalize():f}") if isinstance(value, Decimal) else value
