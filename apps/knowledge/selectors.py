"""Everything that reads templates for a screen or the API. A template belongs to a team; all of it may use it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.errors import NotFound
from apps.common.lookups import access_row
from apps.knowledge.models import Template, TemplateVersion
from apps.knowledge.rendering import label_of
from apps.knowledge.seeds import FIELDS, seed_text, seeds


# ── Looking up ────────────────────────────────────────────────────────────────────────────────────────────────────
def templates_visible(actor: Actor) -> QuerySet[Template]:
    return Template.objects.filter(team=actor.team, deleted_at=None).select_related("owner").order_by("name", "pk")


def access_template(actor: Actor, public_id: UUID | str) -> Template:
    """One of the team's, or NotFound."""
    return access_row(templates_visible(actor), public_id, _("There is no such template."))


def access_deleted_template(actor: Actor, public_id: UUID | str) -> Template:
    """One that was deleted and can be brought back."""
    rows = Template.objects.filter(team=actor.team, deleted_at__isnull=False)
    return access_row(rows, public_id, _("There is no such template."))


def access_version(template: Template, number: int) -> TemplateVersion:
    row = template.versions.filter(number=number).first()
    if row is None:
        raise NotFound(_("The template has no such version."))
    return row


# ── Lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def templates_filtered(actor: Actor, *, search: str = "", category: str = "") -> QuerySet[Template]:
    """Those with these words, and of this category, as the reader sees them."""
    return with_category(with_words(templates_visible(actor), search), category)


def with_words(rows: QuerySet[Template], search: str) -> QuerySet[Template]:
    """Those whose short name, name, purpose, category or text has these words. The shipped ones speak the reader's language."""
    words = search.strip().removeprefix("/")
    if not words:
        return rows
    own = Q(slug__icontains=words)
    for name in ("name", "title", "category", "body"):
        own |= Q(**{f"{name}__icontains": words})
    return rows.filter(own | _shipped(lambda said: any(words.casefold() in said[name].casefold() for name in FIELDS[:4])))


def with_category(rows: QuerySet[Template], category: str) -> QuerySet[Template]:
    if not category:
        return rows
    return rows.filter(Q(category=category) | _shipped(lambda said: said["category"] == category))


def _shipped(fits: Any) -> Q:
    """The shipped ones that nobody has edited, whose words in the reader's language fit."""
    found = [seed for seed in seeds() if fits(seed_text(seed))]
    return Q(seed__in=found, version=1)


def categories_of(actor: Actor) -> list[str]:
    """All categories that are in use, as the reader sees them."""
    rows = templates_visible(actor).order_by().values_list("category", "seed", "version").distinct()
    found = {_category(*row) for row in rows} - {""}
    return sorted(found, key=str.casefold)


def _category(category: str, seed: str | None, version: int) -> str:
    shipped = seed_text(seed) if seed and version == 1 else None
    return shipped["category"] if shipped else category


# ── What it says ──────────────────────────────────────────────────────────────────────────────────────────────────
def text_of(template: Template) -> Mapping[str, Any]:
    """Name, title, category, body and variables; a shipped one that nobody has edited speaks the reader's language."""
    shipped = seed_text(template.seed) if template.seed and template.version == 1 else None
    return shipped or {name: getattr(template, name) for name in FIELDS}


def template_json(template: Template) -> dict[str, Any]:
    """A template for the API."""
    said = text_of(template)
    return {
        "id": template.public_id,
        "slug": template.slug,
        "name": said["name"],
        "title": said["title"],
        "category": said["category"],
        "body": said["body"],
        "variables": [variable_json(one) for one in said["variables"]],
        "version": template.version,
        "owner": template.owner.short_name if template.owner else "",
        "is_seeded": template.seed is not None,
        "created_at": template.created_at,
        "updated_at": template.updated_at,
    }


def variable_json(variable: Mapping[str, Any]) -> dict[str, Any]:
    """One place to fill in, with every key."""
    return {
        "name": variable["name"],
        "kind": variable["kind"],
        "label": label_of(variable),
        "default": variable.get("default", ""),
        "choices": variable.get("choices", []),
        "required": variable.get("required", True),
    }


def version_json(version: TemplateVersion) -> dict[str, Any]:
    about = {name: getattr(version, name) for name in FIELDS}
    by = version.edited_by.short_name if version.edited_by else ""
    return {"number": version.number, **about, "edited_by": by, "created_at": version.created_at}


def export_json(rows: QuerySet[Template]) -> dict[str, Any]:
    """Templates as a file that `templates_import` takes, here or elsewhere."""
    return {"format": "orquestrador.templates", "version": 1, "templates": [_portable(row) for row in rows]}


def _portable(row: Template) -> dict[str, Any]:
    said = text_of(row)
    return {"slug": row.slug, **{name: said[name] for name in FIELDS}}


# ── Compare ───────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Line:
    """A line of a comparison. `kind`: "same", "gone", "new" or "skipped" (`text` says how many lines are alike)."""

    kind: str
    text: str


def versions_compared(before: TemplateVersion, after: TemplateVersion) -> list[Line]:
    """What differs between two versions, line by line: the text, and what is said about it."""
    lines: list[Line] = []
    for group in difflib.SequenceMatcher(None, old := _lines(before), new := _lines(after), autojunk=False).get_opcodes():
        tag, a1, a2, b1, b2 = group
        if tag == "equal":
            lines += [Line("same", text) for text in old[a1:a2]]
        else:
            lines += [Line("gone", text) for text in old[a1:a2]] + [Line("new", text) for text in new[b1:b2]]
    return lines


def _lines(version: TemplateVersion) -> list[str]:
    head = [f"{_('Name')}: {version.name}", f"{_('What it is for')}: {version.title}", f"{_('Category')}: {version.category}"]
    variables = [_variable_line(variable_json(one)) for one in version.variables]
    return [*head, *variables, "", *version.body.splitlines()]


def _variable_line(variable: Mapping[str, Any]) -> str:
    more = [variable["kind"], *([", ".join(variable["choices"])] if variable["choices"] else [])]
    if variable["default"]:
        more.append(f"= {variable['default']}")
    return f"{{{{{variable['name']}}}}} {variable['label']} ({' · '.join(more)})"
