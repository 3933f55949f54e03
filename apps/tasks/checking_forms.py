"""Forms of checking: a benchmark of validators, when steps are checked, what the detection of inventions may use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.forms import RefusableForm
from apps.providers.models import AIModel
from apps.tasks.form_fields import ModelField, PercentField, entered, id_of, model_choices
from apps.tasks.models import CheckingSettings, Priority, ValidatorRun, VerifyingRule
from apps.tasks.planted import practice_questions


class RunForm(RefusableForm):
    """Which models judge which planted faults."""

    models = forms.MultipleChoiceField(label=gettext_lazy("Models"), widget=forms.CheckboxSelectMultiple)
    cases = forms.ChoiceField(
        label=gettext_lazy("Cases"),
        choices=ValidatorRun.Cases.choices,
        initial=ValidatorRun.Cases.GENERAL,
        help_text=gettext_lazy("Practice models read sums and word tasks alone; others are better measured on works."),
    )
    questions = forms.IntegerField(label=gettext_lazy("Practice questions"), min_value=1, initial=30)

    def __init__(self, data: Any = None, *, models: Iterable[AIModel]) -> None:
        super().__init__(data)
        self.fields["models"].choices = model_choices(models)  # type: ignore[attr-defined]
        self.fields["questions"].max_value = practice_questions()  # type: ignore[attr-defined]


class VerifyingRuleForm(RefusableForm):
    """When steps of a category are checked."""

    category = forms.CharField(
        label=gettext_lazy("Category"),
        max_length=60,
        required=False,
        help_text=gettext_lazy("Left empty: for all that have no rule of their own."),
    )
    when = forms.ChoiceField(label=gettext_lazy("Checked by another AI"), choices=VerifyingRule.When.choices)
    from_complexity = PercentField(
        label=gettext_lazy("From a complexity of"),
        initial=61,
        help_text=gettext_lazy("0 to 100, as estimated of the step."),
    )
    from_priority = forms.ChoiceField(
        label=gettext_lazy("From a priority of"),
        choices=[(priority.name.lower(), priority.label) for priority in Priority],
        initial="high",
        help_text=gettext_lazy("Of the task: what is at stake."),
    )
    sample_percent = PercentField(
        label=gettext_lazy("Share of a sample, %"),
        initial=20,
        help_text=gettext_lazy("Of the steps, drawn by lot."),
    )

    def __init__(self, data: Any = None, *, rule: VerifyingRule | None = None) -> None:
        names = ("category", "when", "from_complexity", "from_priority", "sample_percent")
        super().__init__(data, initial={name: entered(rule, name) for name in names} if rule else None)


class CheckingSettingsForm(RefusableForm):
    """The web look-up and the vectors of meaning."""

    search = forms.ChoiceField(
        label=gettext_lazy("Web look-up"),
        choices=CheckingSettings.Search.choices,
        help_text=gettext_lazy(
            "Sentences with names, numbers and dates that stand in no source are sent to this search. Off: nothing leaves."
        ),
    )
    search_url = forms.CharField(
        label=gettext_lazy("Address of the search"),
        max_length=500,
        required=False,
        help_text=gettext_lazy("SearXNG: its address. Another one: with {query} where the words belong."),
    )
    search_results = forms.CharField(
        label=gettext_lazy("Where the results stand"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("Names with dots, such as data.items. Left empty: results."),
    )
    vectors = forms.ChoiceField(
        label=gettext_lazy("Vectors of meaning"),
        choices=CheckingSettings.Vectors.choices,
        help_text=gettext_lazy("They say how near an answer is to its question and its sources in meaning."),
    )
    vectors_model = ModelField(label=gettext_lazy("Embedding model"))
    vectors_folder = forms.CharField(
        label=gettext_lazy("Folder of a sentence-transformers model"),
        max_length=500,
        required=False,
        help_text=gettext_lazy("On the machine of the worker; it needs the packages of requirements-local-ai.txt."),
    )

    def __init__(self, data: Any = None, *, row: CheckingSettings, models: Iterable[AIModel]) -> None:
        names = ("search", "search_url", "search_results", "vectors", "vectors_folder")
        initial = {name: entered(row, name) for name in names} | {"vectors_model": id_of(row.vectors_model)}
        super().__init__(data, initial=initial)
        self.fields["vectors_model"].offer(models, nothing=_("None"))  # type: ignore[attr-defined]
