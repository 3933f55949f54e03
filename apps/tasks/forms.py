"""Forms of tasks. They check the shape; the rules are in the services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.errors import BadInput
from apps.providers.models import AIModel
from apps.tasks.fields import MAX_DESCRIPTION_CHARS, MAX_TITLE_CHARS
from apps.tasks.models import Priority

ROLE_FIELDS = {"planner": "planner", "executor": "executor", "validator": "validator", "tie_breaker": "tie_breaker"}
FIELD_OF = {
    "budget": "budget",
    "policy.divergence_threshold": "divergence_threshold",
    "policy.confidence_threshold": "confidence_threshold",
    "policy.max_escalations": "max_escalations",
    **{f"models.{role}": role for role in ROLE_FIELDS},
}


class TaskForm(forms.Form):
    """A new task: one text, and options that have good defaults."""

    description = forms.CharField(
        label=gettext_lazy("What is to be done?"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "autofocus": True, "maxlength": MAX_DESCRIPTION_CHARS}),
    )
    title = forms.CharField(
        label=gettext_lazy("Title"),
        required=False,
        max_length=MAX_TITLE_CHARS,
        help_text=gettext_lazy("Left empty, it is the first line."),
    )
    priority = forms.ChoiceField(
        label=gettext_lazy("Priority"), required=False, initial="medium", choices=[(p.name.lower(), p.label) for p in Priority]
    )
    category = forms.CharField(
        label=gettext_lazy("Category"),
        required=False,
        max_length=60,
        help_text=gettext_lazy("Models are compared within a category. Left empty: general."),
    )
    budget = forms.DecimalField(
        label=gettext_lazy("Budget, US$"),
        required=False,
        min_value=0,
        decimal_places=8,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
        help_text=gettext_lazy("The task stops before a call that could cost more than what is left, and asks you."),
    )
    deadline = forms.DateTimeField(
        label=gettext_lazy("Deadline (UTC)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    approve_plan = forms.BooleanField(
        label=gettext_lazy("Show me the plan before it runs"),
        required=False,
        help_text=gettext_lazy("You can change its steps, then let it go."),
    )
    cross_validate = forms.BooleanField(
        label=gettext_lazy("Have another AI check the steps"),
        required=False,
        initial=True,
        help_text=gettext_lazy("It costs one more call a step. Without it the result is marked as not cross-checked."),
    )
    verify_when = forms.ChoiceField(
        label=gettext_lazy("Which steps are checked"),
        required=False,
        initial="team",
        choices=[
            ("team", gettext_lazy("As the team's rules say; without a rule, every step")),
            ("always", gettext_lazy("Every step")),
            ("from_complexity", gettext_lazy("Hard ones, from the complexity below")),
            ("from_priority", gettext_lazy("All, if the task is of high or urgent priority")),
            ("sample", gettext_lazy("A sample, of the share below")),
        ],
    )
    verify_from_complexity = forms.FloatField(
        label=gettext_lazy("Hard from a complexity of"), required=False, min_value=0, max_value=100, initial=61
    )
    verify_sample_percent = forms.FloatField(
        label=gettext_lazy("Share of steps in a sample, %"), required=False, min_value=0, max_value=100, initial=20
    )
    on_too_few_models = forms.ChoiceField(
        label=gettext_lazy("When no different AI can check"),
        required=False,
        initial="ask",
        choices=[("ask", gettext_lazy("Stop and ask me")), ("continue", gettext_lazy("Go on, marked as not cross-checked"))],
    )
    divergence_threshold = forms.FloatField(
        label=gettext_lazy("A judge decides above a divergence of, %"), required=False, min_value=0, max_value=100, initial=20
    )
    confidence_threshold = forms.FloatField(
        label=gettext_lazy("A stronger AI tries below a confidence of, %"), required=False, min_value=0, max_value=100, initial=70
    )
    max_escalations = forms.IntegerField(
        label=gettext_lazy("Most attempts with a stronger AI"), required=False, min_value=0, max_value=10, initial=3
    )
    planner = forms.ChoiceField(label=gettext_lazy("Planner"), required=False)
    executor = forms.ChoiceField(label=gettext_lazy("Author"), required=False)
    validator = forms.ChoiceField(label=gettext_lazy("Checker"), required=False)
    tie_breaker = forms.ChoiceField(label=gettext_lazy("Judge"), required=False)

    def __init__(self, *args: Any, models: Iterable[AIModel], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("Chosen for each step"))] + [(str(model.public_id), f"{model} · {model.provider}") for model in models]
        for role in ROLE_FIELDS:
            self.fields[role].choices = choices  # type: ignore[attr-defined]

    @property
    def for_service(self) -> dict[str, Any]:
        """What task_create takes."""
        given = self.cleaned_data
        numbers = ("divergence_threshold", "confidence_threshold", "max_escalations")
        policy = {name: given[name] for name in numbers if given[name] is not None}
        policy |= {"cross_validate": given["cross_validate"], "on_too_few_models": given["on_too_few_models"] or "ask"}
        rule = {"from_complexity": given["verify_from_complexity"], "sample_percent": given["verify_sample_percent"]}
        if given["verify_when"] and given["verify_when"] != "team":
            is_needed = {"from_complexity": "from_complexity", "sample": "sample_percent"}.get(given["verify_when"])
            figures = {name: value for name, value in rule.items() if value is not None and name == is_needed}
            policy["verify"] = {"when": given["verify_when"], **figures}
        plain = ("description", "title", "category", "priority", "budget", "deadline", "approve_plan")
        return {
            **{name: given[name] for name in plain},
            "policy": policy,
            "models": {role: given[role] for role in ROLE_FIELDS if given[role]},
        }

    def refuse(self, error: BadInput) -> None:
        """Show what the service refused beside the field it is about."""
        for one in error.errors or [{"field": "", "message": error.message}]:
            name = FIELD_OF.get(one["field"], one["field"])
            self.add_error(name if name in self.fields else None, one["message"])

    @property
    def has_folded_errors(self) -> bool:
        return any(name != "description" for name in self.errors)


class PlanForm:
    """A plan as rows that a person can change. What was typed stays, also where it cannot be used."""

    def __init__(self, plan: Mapping[str, Any] | None = None, data: QueryDict | None = None) -> None:
        self.errors: list[str] = []
        self.rows = self._typed(data) if data is not None else self._planned((plan or {}).get("subtasks", []))

    @staticmethod
    def _planned(subtasks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [
            {
                "order": str(item["order"]),
                "title": item.get("title", ""),
                "description": item.get("description", ""),
                "category": item.get("category", "general"),
                "depends_on": ", ".join(map(str, item.get("depends_on", []))),
                "criteria": "\n".join(item.get("acceptance_criteria", [])),
                "errors": [],
            }
            for item in subtasks
        ]

    @staticmethod
    def _typed(data: QueryDict) -> list[dict[str, Any]]:
        names = ("order", "title", "description", "category", "depends_on", "criteria")
        columns = [data.getlist(name) for name in names]
        rows = [{**dict(zip(names, row, strict=True)), "errors": []} for row in zip(*columns, strict=False)]
        return [row for row in rows if row["title"].strip() or row["description"].strip() or row["criteria"].strip()]

    def is_valid(self) -> bool:
        """Says in the rows what is wrong with each; circles are found by the service."""
        if not self.rows:
            self.errors.append(_("A plan needs at least one step."))
        known = {row["order"].strip() for row in self.rows}
        if len(known) < len(self.rows):
            self.errors.append(_("Two steps have the same number."))
        for row in self.rows:
            if not _is_number(row["order"].strip()):
                row["errors"].append(_("The number of a step is a whole number from 1."))
            if not row["description"].strip():
                row["errors"].append(_("Say what this step is to do."))
            for need in _numbers(row["depends_on"]):
                if need not in known:
                    row["errors"].append(_("It needs step %(need)s, which this plan does not have.") % {"need": need})
                elif need == row["order"].strip():
                    row["errors"].append(_("A step cannot need itself."))
        return not self.errors and not any(row["errors"] for row in self.rows)

    @property
    def plan(self) -> dict[str, Any]:
        """What plan_approve takes. Only after `is_valid`."""
        return {
            "subtasks": [
                {
                    "order": int(row["order"]),
                    "title": row["title"].strip(),
                    "description": row["description"].strip(),
                    "category": row["category"].strip(),
                    "depends_on": [int(need) for need in _numbers(row["depends_on"])],
                    "acceptance_criteria": [line.strip() for line in row["criteria"].splitlines() if line.strip()],
                }
                for row in self.rows
            ]
        }


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) <= 999


def _numbers(text: str) -> list[str]:
    return [word for word in text.replace(",", " ").replace(";", " ").split() if word]
