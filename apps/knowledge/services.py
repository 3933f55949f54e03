"""Everything that changes templates. Each change keeps the version before it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.errors import BadInput, Conflict
from apps.knowledge.models import KINDS, Template, TemplateVersion
from apps.knowledge.rendering import label_of, places, rendered
from apps.knowledge.seeds import FIELDS
from apps.knowledge.selectors import text_of

LONGEST_BODY_CHARS = 100_000
MOST_IN_A_FILE = 500
MOST_VARIABLES = 30
LONGEST = {"name": 80, "title": 200, "category": 60}
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def template_create(actor: Actor, **given: Any) -> Template:
    """A new one of the team. Without `slug` it gets one from its name. Raises BadInput by field."""
    actor.must_work()
    said = _checked({"title": "", "category": "", "variables": [], **given})
    slug = _slug(given.get("slug") or slugify(said["name"])[:60].strip("-") or "template")
    return _kept(Template(owner=actor.user, team=actor.team, slug=slug, **said), actor)


def template_update(actor: Actor, template: Template, *, seen_version: int | None = None, **given: Any) -> Template:
    """A new version with what is given; the one before is kept. Saying the same again makes none.

    `seen_version`: what the editor began with; Conflict where somebody has changed it since.
    """
    actor.must_own(template.owner_id)
    with transaction.atomic():
        row = Template.objects.select_for_update().get(pk=template.pk)
        if seen_version is not None and seen_version != row.version:
            raise Conflict(_("“%s” was changed meanwhile. Look at the newest version and change that.") % row)
        before = {name: text_of(row)[name] for name in FIELDS}
        if "body" in given and "variables" not in given:  # what is no longer asked for is no longer described
            still = places(str(given["body"]))
            given["variables"] = [one for one in before["variables"] if one["name"] in still]
        said = _checked({**before, **given})
        slug = _slug(given["slug"]) if given.get("slug") else row.slug
        if said == before and slug == row.slug:
            return row
        is_new = said != before
        row.slug, row.version = slug, row.version + is_new
        for name, value in said.items():
            setattr(row, name, value)
        return _kept(row, actor, is_new=is_new)


def template_bring_back(actor: Actor, template: Template, version: TemplateVersion) -> Template:
    """An earlier version as the newest."""
    return template_update(actor, template, **{name: getattr(version, name) for name in FIELDS})


def template_delete(actor: Actor, template: Template) -> None:
    """Hide it; it can be brought back, and a shipped one does not come again by itself."""
    actor.must_own(template.owner_id)
    template.deleted_at = timezone.now()
    template.save(update_fields=["deleted_at", "updated_at"])


def template_restore(actor: Actor, template: Template) -> Template:
    """Undo a deletion. Raises BadInput where another has taken its short name meanwhile."""
    actor.must_own(template.owner_id)
    template.deleted_at = None
    return _saved(template)


def template_render(template: Template, values: Mapping[str, Any]) -> str:
    """Its text with the places filled in. Raises BadInput by value."""
    said = text_of(template)
    return rendered(said["body"], said["variables"], values)


@transaction.atomic
def templates_import(actor: Actor, data: Any) -> list[Template]:
    """All templates of a file that was exported, or none of them. One whose short name is taken gets another."""
    actor.must_work()
    rows = data.get("templates") if isinstance(data, Mapping) else data
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise BadInput(_("This is no file of templates: it has no list “templates”."), field="file")
    if not 0 < len(rows) <= MOST_IN_A_FILE:
        raise BadInput(_("A file has from 1 to %d templates.") % MOST_IN_A_FILE, field="file")
    taken = set(Template.objects.filter(team=actor.team, deleted_at=None).values_list("slug", flat=True))
    made = []
    for number, row in enumerate(rows, 1):
        try:
            given = {name: row[name] for name in (*FIELDS, "slug") if name in row}
            slug = _free(str(given.pop("slug", "") or slugify(str(given.get("name", "")))), taken)
            made.append(template_create(actor, **given, slug=slug))
        except BadInput as error:
            words = {"number": number, "problem": error.message}
            raise BadInput(_("Template %(number)d: %(problem)s") % words, field="file") from error
        taken.add(slug)
    return made


# ── the parts ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _free(slug: str, taken: set[str]) -> str:
    slug = slug[:55] or "template"
    return next(name for number in range(1, len(taken) + 3) if (name := slug if number == 1 else f"{slug}-{number}") not in taken)


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """By FIELDS, tidied; places of the text that nobody described become texts to fill in."""
    errors: list[dict[str, str]] = []
    said = {name: " ".join(str(given.get(name) or "").replace("\x00", "").split()) for name in LONGEST}
    for name, most in LONGEST.items():
        if len(said[name]) > most:
            errors.append(_error(name, _("This is longer than %d characters.") % most))
    body = str(given.get("body") or "").replace("\x00", "").replace("\r\n", "\n").strip()
    if not said["name"]:
        errors.append(_error("name", _("Give it a name.")))
    if not body:
        errors.append(_error("body", _("Write the text of the prompt.")))
    if len(body) > LONGEST_BODY_CHARS:
        errors.append(_error("body", _("This is longer than %d characters.") % LONGEST_BODY_CHARS))
    variables = _variables(given.get("variables") or [], body, errors)
    if errors:
        raise BadInput(" ".join(error["message"] for error in errors), errors=errors)
    return {**said, "body": body, "variables": variables}


def _variables(given: Any, body: str, errors: list[dict[str, str]]) -> list[dict[str, Any]]:
    if not isinstance(given, Sequence) or isinstance(given, str) or not all(isinstance(one, Mapping) for one in given):
        errors.append(_error("variables", _("Variables are a list of objects.")))
        return []
    found = [_variable(one, errors) for one in given]
    names = [one["name"] for one in found]
    in_text = places(body)
    for name in sorted({name for name in names if names.count(name) > 1}):
        errors.append(_error("variables", _("“%s” is there twice.") % name))
    for name in names:
        if name not in in_text:
            errors.append(_error("variables", _("The text has no place {{%s}}.") % name))
    found += [{"name": name, "kind": "text", "required": True} for name in in_text if name not in names]
    if len(found) > MOST_VARIABLES:
        errors.append(_error("variables", _("At most %d places.") % MOST_VARIABLES))
    return found


def _variable(given: Mapping[str, Any], errors: list[dict[str, str]]) -> dict[str, Any]:
    name, kind = str(given.get("name", "")), str(given.get("kind") or "text")
    variable: dict[str, Any] = {"name": name, "kind": kind, "required": bool(given.get("required", True))}
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        errors.append(_error("variables", _("“%s” is no name: small letters, digits and “_”, a letter first.") % name))
    if kind not in KINDS:
        errors.append(
            _error("variables", _("The kind of “%(name)s” is one of: %(kinds)s.") % {"name": name, "kinds": ", ".join(KINDS)})
        )
    for field, most in (("label", 120), ("default", 10_000)):
        if text := str(given.get(field) or "").strip():
            variable[field] = text[:most]
    if kind == "choice":
        choices = given.get("choices") or []
        variable["choices"] = list(dict.fromkeys(str(one).strip()[:200] for one in choices if str(one).strip()))[:50]
        if not variable["choices"]:
            errors.append(_error("variables", _("Give the choices of “%s”.") % label_of(variable)))
        elif variable.get("default", variable["choices"][0]) not in variable["choices"]:
            errors.append(_error("variables", _("What “%s” begins with is none of its choices.") % label_of(variable)))
    return variable


def _slug(value: Any) -> str:
    slug = str(value).strip().removeprefix("/").lower()
    if len(slug) > 60 or not _SLUG.fullmatch(slug):
        raise BadInput(_("A short name has small letters, digits and hyphens, for example “review-code”."), field="slug")
    return slug


def _kept(row: Template, actor: Actor, *, is_new: bool = True) -> Template:
    with transaction.atomic():
        _saved(row)
        if is_new:
            said = {name: getattr(row, name) for name in FIELDS}
            TemplateVersion.objects.create(template=row, number=row.version, edited_by=actor.user, **said)
    return row


def _saved(row: Template) -> Template:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise BadInput(_("Your team has a template “/%s” already.") % row.slug, field="slug") from error
    except ValidationError as error:
        raise BadInput(" ".join(error.messages), field="variables") from error
    return row


def _error(field: str, message: str) -> dict[str, str]:
    return {"field": field, "code": "invalid", "message": message}
