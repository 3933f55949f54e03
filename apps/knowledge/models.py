"""Templates of prompts: texts with places to fill in. Every change leaves the version before it."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.models import CheckedJSON, OwnedRow, Row

KINDS = ("text", "long", "number", "choice")
VARIABLES = {
    "type": "array",
    "maxItems": 30,
    "items": {
        "type": "object",
        "required": ["name", "kind"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"},
            "kind": {"enum": list(KINDS)},
            "label": {"type": "string", "maxLength": 120},
            "default": {"type": "string", "maxLength": 10_000},
            "choices": {"type": "array", "maxItems": 50, "items": {"type": "string", "minLength": 1, "maxLength": 200}},
            "required": {"type": "boolean"},
        },
        "if": {"properties": {"kind": {"const": "choice"}}},
        "then": {"required": ["choices"], "properties": {"choices": {"minItems": 1}}},
    },
}


class TemplateText(models.Model):
    """What a template says; each version has it whole."""

    name = models.CharField(_("name"), max_length=80)
    title = models.CharField(_("what it is for"), max_length=200, blank=True)
    category = models.CharField(_("category"), max_length=60, blank=True)
    body = models.TextField(_("text"))
    variables = CheckedJSON(_("variables"), schema=VARIABLES, default=list, blank=True)

    class Meta:
        abstract = True


class Template(TemplateText, OwnedRow):
    """A prompt with places to fill in, of a team. `slug` is what is typed after “/”."""

    slug = models.SlugField(_("short name"), max_length=60)
    version = models.PositiveIntegerField(_("version"), default=1)
    seed = models.CharField(max_length=60, null=True, blank=True, editable=False)  # noqa: DJ001 - NULL: a person's own
    deleted_at = models.DateTimeField(null=True, blank=True)
    slug_in_use = models.CharField(max_length=60, null=True, editable=False)  # noqa: DJ001 - NULL: deleted

    class Meta:
        db_table = "ai_templates"
        verbose_name, verbose_name_plural = _("template"), _("templates")
        constraints = [
            models.UniqueConstraint(fields=["team", "slug_in_use"], name="template_slug_once_per_team"),
            models.UniqueConstraint(fields=["team", "seed"], name="template_seed_once_per_team"),
        ]
        indexes = [
            models.Index(fields=["team", "deleted_at", "name"], name="templates_list"),
            models.Index(fields=["team", "category"], name="templates_category"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, **kwargs: Any) -> None:
        """Only those in use need a short name of their own; MySQL has no unique index on a condition."""
        self.slug_in_use = None if self.deleted_at else self.slug
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "slug_in_use"}
        super().save(**kwargs)


class TemplateVersion(TemplateText, Row):
    """A template as it was, or is: the newest has the template's own number."""

    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(_("number"))
    edited_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        db_table = "ai_template_versions"
        verbose_name, verbose_name_plural = _("version of a template"), _("versions of templates")
        constraints = [models.UniqueConstraint(fields=["template", "number"], name="template_version_once")]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.name} · {self.number}"
