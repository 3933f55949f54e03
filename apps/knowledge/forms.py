"""The form of a template. It checks the shape; the rules are in the services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.common.forms import RefusableForm
from apps.knowledge.models import KINDS, Template
from apps.knowledge.selectors import text_of, variable_json

KIND_WORDS = {"text": _("one line"), "long": _("several lines"), "number": _("a number"), "choice": _("one of some")}
KIND_CHOICES = [(kind, KIND_WORDS[kind]) for kind in KINDS]
COLUMNS = ("name", "kind", "label", "default", "choices", "optional")
MOST_FILE_BYTES = 5 * 2**20


class TemplateForm(RefusableForm):
    name = forms.CharField(label=_("Name"), max_length=80)
    slug = forms.CharField(
        label=_("Short name"),
        max_length=60,
        required=False,
        help_text=_("What is typed after “/” in a chat. Empty: from the name."),
    )
    title = forms.CharField(label=_("What it is for"), max_length=200, required=False)
    category = forms.CharField(label=_("Category"), max_length=60, required=False)
    body = forms.CharField(
        label=_("Text"),
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "true", "data-body": ""}),
        help_text=_("Write {{name}} where something is to be filled in: small letters, digits and “_”."),
    )
    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict | None = None, *, row: Template | None = None) -> None:
        said = text_of(row) if row else {}
        initial = {**{name: said.get(name, "") for name in ("name", "title", "category", "body")}}
        super().__init__(data, initial={**initial, "slug": row.slug if row else "", "seen_version": row.version if row else None})
        self.variables = _sent(data) if data is not None else [variable_json(one) for one in said.get("variables", ())]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The places as the page's table has them."""
        return [{**one, "choices": "\n".join(one.get("choices") or [])} for one in self.variables]

    @property
    def for_service(self) -> dict[str, Any]:
        """What template_create and template_update take."""
        given = {name: self.cleaned_data[name] for name in ("name", "slug", "title", "category", "body")}
        return {**given, "variables": self.variables}


class ImportForm(forms.Form):
    file = forms.FileField(label=_("File"), help_text=_("A file of templates that was exported, here or elsewhere."))

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_FILE_BYTES:
            raise forms.ValidationError(_("This file is larger than 5 MB."))
        return file


def _sent(data: QueryDict) -> list[dict[str, Any]]:
    """The rows of the table: one list for each column, in the same order. A row whose place is gone from the text is left out."""
    columns: Mapping[str, list[str]] = {name: data.getlist(f"variable_{name}") for name in COLUMNS}
    return [_variable(row) for row in zip(*columns.values(), strict=False) if f"{{{{{row[0]}}}}}" in _tight(data.get("body", ""))]


def _tight(body: str) -> str:
    return body.replace("{{ ", "{{").replace(" }}", "}}")


def _variable(row: Iterable[str]) -> dict[str, Any]:
    name, kind, label, default, choices, optional = row
    lines = [line.strip() for line in choices.splitlines() if line.strip()]
    return {"name": name, "kind": kind, "label": label, "default": default, "choices": lines, "required": optional != "yes"}
