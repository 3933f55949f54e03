"""Forms of the orchestrator's pages. They check the shape; the rules are in the services."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.forms import RefusableForm
from apps.common.templatetags.orq import tier_word
from apps.providers.contract import TIERS
from apps.providers.models import AIModel
from apps.tasks.engine.routing.types import DEFAULT_BANDS
from apps.tasks.form_fields import ModelField, PercentField, decimal_widget, entered, id_of
from apps.tasks.models import ABTest, EscalationRule, RoutingSettings, Strategy, Trigger
from apps.tasks.route_words import strategy_about

MOST_PROMPT_CHARS = 100_000
BANDS = TIERS[:-1]  # the strongest tier answers whatever is left


class TryForm(forms.Form):
    """One prompt, and how it may be answered."""

    input = forms.CharField(
        label=gettext_lazy("Prompt"),
        max_length=MOST_PROMPT_CHARS,
        widget=forms.Textarea(attrs={"rows": 6, "maxlength": MOST_PROMPT_CHARS}),
    )
    strategy = forms.ChoiceField(label=gettext_lazy("Strategy"), choices=Strategy.choices, initial=Strategy.AUTO)
    force_model = ModelField(label=gettext_lazy("Model"))
    verify = forms.BooleanField(
        label=gettext_lazy("Have another AI check the answer"),
        required=False,
        help_text=gettext_lazy("It takes longer and costs at least one more call."),
    )
    fresh = forms.BooleanField(
        label=gettext_lazy("Ask anew, also where the answer is in the cache"),
        required=False,
    )

    def __init__(self, data: Any = None, *, models: Iterable[AIModel], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.fields["force_model"].offer(models, nothing=_("Chosen for the prompt"))  # type: ignore[attr-defined]

    @property
    def strategies(self) -> list[tuple[str, str]]:
        """Each with what it does."""
        return [(str(label), strategy_about(name)) for name, label in Strategy.choices]


class RuleForm(RefusableForm):
    """A rule of escalation."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    trigger = forms.ChoiceField(label=gettext_lazy("When"), choices=Trigger.choices)
    threshold = PercentField(
        label=gettext_lazy("Threshold"),
        required=False,
        help_text=gettext_lazy("Confidence below it, or complexity from it on; 70 is usual for confidence."),
    )
    category = forms.CharField(
        label=gettext_lazy("Only for this type of task"),
        max_length=60,
        required=False,
        help_text=gettext_lazy("Left empty: for all."),
    )
    from_tier = forms.ChoiceField(label=gettext_lazy("From tier"), required=False)
    to_tier = forms.ChoiceField(label=gettext_lazy("To tier"), required=False)
    from_model = ModelField(label=gettext_lazy("From model"))
    to_model = ModelField(label=gettext_lazy("To model"))
    priority = forms.IntegerField(
        label=gettext_lazy("Order"),
        min_value=0,
        max_value=32_767,
        initial=100,
        help_text=gettext_lazy("The rule with the lowest number that fits is used."),
    )
    is_active = forms.BooleanField(label=gettext_lazy("In force"), required=False, initial=True)

    def __init__(self, data: Any = None, *, models: Iterable[AIModel], rule: EscalationRule | None = None) -> None:
        super().__init__(data, initial=_of_rule(rule) if rule else None)
        offered, tiers = list(models), [(tier, tier_word(tier)) for tier in TIERS]
        fields: dict[str, Any] = self.fields
        fields["from_tier"].choices = [("", _("Any")), *tiers]
        fields["to_tier"].choices = [("", _("The next stronger")), *tiers]
        fields["from_model"].offer(offered, nothing=_("Any"))
        fields["to_model"].offer(offered, nothing=_("Chosen for the prompt"))


def _of_rule(rule: EscalationRule) -> dict[str, Any]:
    fields = ("name", "trigger", "threshold", "category", "from_tier", "to_tier", "priority", "is_active")
    models = {name: id_of(getattr(rule, name)) for name in ("from_model", "to_model")}
    return {**{name: entered(rule, name) for name in fields}, **models}


class RoutingForm(RefusableForm):
    """Bands, limits and exploration of a team."""

    max_escalations = forms.IntegerField(label=gettext_lazy("Most escalations of a prompt"), min_value=0, max_value=10)
    max_cost_usd = forms.DecimalField(
        label=gettext_lazy("Most cost of a prompt, US$"),
        required=False,
        max_digits=14,
        decimal_places=8,
        widget=decimal_widget(),
        help_text=gettext_lazy("No escalation begins once so much was spent. Left empty: no limit."),
    )
    exploration = PercentField(
        label=gettext_lazy("For little-known models, %"),
        help_text=gettext_lazy("The share of prompts by which a new model can show how good it is. 0: never."),
    )

    def __init__(self, data: Any = None, *, row: RoutingSettings) -> None:
        super().__init__(data, initial=_of_settings(row))
        for tier in BANDS:
            label = _("Tier “%(tier)s” up to complexity") % {"tier": tier_word(tier)}
            self.fields[f"band_{tier}"] = PercentField(label=label)

    @property
    def bands(self) -> list[Any]:
        return [self[f"band_{tier}"] for tier in BANDS]

    @property
    def for_service(self) -> dict[str, Any]:
        """What routing_settings_update takes."""
        given = self.cleaned_data
        bands = {tier: float(given[f"band_{tier}"]) for tier in BANDS}
        is_usual = all(bands[tier] == DEFAULT_BANDS[tier] for tier in BANDS)
        names = ("max_escalations", "max_cost_usd", "exploration")
        return {"bands": None if is_usual else bands, **{name: given[name] for name in names}}


def _of_settings(row: RoutingSettings) -> dict[str, Any]:
    bands = {**DEFAULT_BANDS, **(row.bands or {})}
    cost = row.max_cost_usd
    return {
        **{f"band_{tier}": f"{float(bands[tier]):g}" for tier in BANDS},
        "max_escalations": row.max_escalations,
        "max_cost_usd": f"{cost.normalize():f}" if cost is not None else "",
        "exploration": f"{float(row.exploration):g}",
    }


class CacheForm(RefusableForm):
    """What a team set about its cached answers."""

    cache_is_on = forms.BooleanField(label=gettext_lazy("Keep answers and give them again"), required=False)
    cache_is_shared = forms.BooleanField(
        label=gettext_lazy("People and keys of the team share their answers"),
        required=False,
        help_text=gettext_lazy("Otherwise each person and each key has answers of their own."),
    )
    keep_hours = forms.IntegerField(
        label=gettext_lazy("Kept for, hours"), min_value=1, max_value=8_760, help_text=gettext_lazy("Up to a year.")
    )
    semantic_model = ModelField(
        label=gettext_lazy("Embedding model"),
        help_text=gettext_lazy("Finds a question that was asked before in other words. Each look can cost an embedding."),
    )
    semantic_threshold = PercentField(
        label=gettext_lazy("Likeness needed, %"),
        min_value=50,
    )

    def __init__(self, data: Any = None, *, row: RoutingSettings, models: Iterable[AIModel]) -> None:
        super().__init__(data, initial=_of_cache(row))
        self.fields["semantic_model"].offer(models, nothing=_("None: only the very same request"))  # type: ignore[attr-defined]

    @property
    def for_service(self) -> dict[str, Any]:
        """What cache_settings_update takes."""
        given = dict(self.cleaned_data)
        return given | {"cache_keep_s": 3_600 * given.pop("keep_hours")}


def _of_cache(row: RoutingSettings) -> dict[str, Any]:
    return {
        "cache_is_on": row.cache_is_on,
        "cache_is_shared": row.cache_is_shared,
        "keep_hours": max(1, round(row.cache_keep_s / 3_600)),
        "semantic_model": id_of(row.semantic_model),
        "semantic_threshold": f"{float(row.semantic_threshold):g}",
    }


class ABForm(RefusableForm):
    """A new test. Its sample is computed, and shown before it begins."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    strategy_a = forms.ChoiceField(label=gettext_lazy("A"), choices=Strategy.choices, initial=Strategy.AUTO)
    strategy_b = forms.ChoiceField(label=gettext_lazy("B"), choices=Strategy.choices, initial=Strategy.CHEAPEST)
    share_percent = PercentField(
        label=gettext_lazy("Share of the prompts in the test, %"),
        initial=100,
        help_text=gettext_lazy("Half of them on each side. Only prompts that left the strategy on automatic take part."),
    )
    measure = forms.ChoiceField(label=gettext_lazy("What decides"), choices=ABTest.Measure.choices)
    effect = forms.FloatField(
        label=gettext_lazy("Least difference to be found"),
        min_value=0.1,
        max_value=100,
        initial=5,
        help_text=gettext_lazy(
            "Points of 100 for confidence, escalations and thumbs; percent of what is usual for cost and time."
        ),
    )
