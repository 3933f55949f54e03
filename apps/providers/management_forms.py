"""Forms of the management of models. They check the shape; the rules are in the services."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.common.forms import RefusableForm
from apps.providers.contract import LoadOptions
from apps.providers.models import GROUPS, ModelSettings, Provider

GROUP_WORDS = {"external": _("at a vendor"), "loaded": _("local, in memory"), "not_loaded": _("local, to be loaded")}
CATEGORY_WORDS = {
    "general": _("General"),
    "chat": _("Chat"),
    "reasoning_advanced": _("Hard reasoning"),
    "code_generation": _("Code"),
    "visual_analysis": _("Images"),
    "research": _("Research"),
    "embeddings": _("Embeddings"),
}
_AS_IT_LIKES = [("", _("as the server likes")), ("1", _("yes")), ("0", _("no"))]


class LoadForm(RefusableForm):
    """How to load a model; only what its server takes is asked. An empty field leaves it to the server."""

    context_length = forms.IntegerField(
        label=_("Context, tokens"),
        min_value=1,
        max_value=100_000_000,
        required=False,
        help_text=_("Longer takes more memory. Empty: as the server is set."),
    )
    gpu_layers = forms.IntegerField(
        label=_("Layers on the GPU"), min_value=0, max_value=10_000, required=False, help_text=_("0 keeps it off the GPU.")
    )
    batch_size = forms.IntegerField(
        label=_("Batch, tokens"),
        min_value=1,
        max_value=1_000_000,
        required=False,
        help_text=_("How much of the prompt is worked on together."),
    )
    experts = forms.IntegerField(
        label=_("Experts"), min_value=1, max_value=10_000, required=False, help_text=_("Of a mixture of experts.")
    )
    flash_attention = forms.ChoiceField(label=_("Flash attention"), choices=_AS_IT_LIKES, required=False)
    kv_cache_on_gpu = forms.ChoiceField(label=_("Cache on the GPU"), choices=_AS_IT_LIKES, required=False)
    force = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, options: Iterable[str]) -> None:
        super().__init__(data)
        for name in ("gpu_layers", "batch_size", "experts", "flash_attention", "kv_cache_on_gpu"):
            if name not in options:
                del self.fields[name]

    @property
    def for_service(self) -> dict[str, Any]:
        """What load_start takes."""
        given = dict(self.cleaned_data)
        context_length, force = given.pop("context_length"), given.pop("force")
        for name in ("flash_attention", "kv_cache_on_gpu"):
            if name in given:
                given[name] = {"1": True, "0": False}.get(given[name])
        return {"context_length": context_length, "options": LoadOptions(**given, despite_memory=force)}


class DownloadForm(RefusableForm):
    provider = forms.ChoiceField(label=_("Server"))
    name = forms.CharField(
        label=_("Model"),
        max_length=500,
        help_text=_("A name of the server's catalogue, or the address of a model at Hugging Face."),
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )
    quantization = forms.CharField(
        label=_("Quantization"),
        max_length=40,
        required=False,
        help_text=_("Only with an address at Hugging Face, such as Q4_K_M."),
    )

    def __init__(self, data: Any = None, *, providers: list[Provider]) -> None:
        super().__init__(data)
        self.fields["provider"].choices = [(str(one.public_id), str(one)) for one in providers]  # type: ignore[attr-defined]


class RecommendForm(forms.Form):
    category = forms.ChoiceField(label=_("For what kind of task?"), choices=list(CATEGORY_WORDS.items()))


class ModelSettingsForm(RefusableForm):
    suggestion_order = forms.ChoiceField(
        label=_("Which alternative first?"),
        widget=forms.RadioSelect,
        help_text=_("When a model cannot answer. Local first saves money; a vendor first saves the time of loading."),
    )
    listing_fresh_s = forms.IntegerField(
        label=_("Believe a server's list for, seconds"),
        min_value=10,
        max_value=86_400,
        help_text=_("Then local servers are asked again what they have; new models are offered to you."),
    )

    def __init__(self, data: Any = None, *, settings: ModelSettings) -> None:
        initial = {"suggestion_order": ",".join(settings.suggestion_order), "listing_fresh_s": settings.listing_fresh_s}
        super().__init__(data, initial=initial)
        self.fields["suggestion_order"].choices = [(",".join(order), _words(order)) for order in permutations(GROUPS)]  # type: ignore[attr-defined]

    @property
    def for_service(self) -> dict[str, Any]:
        """What model_settings_update takes."""
        given = self.cleaned_data
        return {"suggestion_order": given["suggestion_order"].split(","), "listing_fresh_s": given["listing_fresh_s"]}


def _words(order: Iterable[str]) -> str:
    return " → ".join(str(GROUP_WORDS[group]) for group in order)
