"""Pages of one template: its places to fill in, its versions, the editor."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.actor import Asked
from apps.common.errors import BadInput, OrquestradorError
from apps.knowledge import selectors, services
from apps.knowledge.forms import KIND_CHOICES, ImportForm, TemplateForm
from apps.knowledge.models import Template


@require_GET
def template_page(request: Asked, id: uuid.UUID) -> HttpResponse:
    """With values in the address its text is filled in by the server; with JavaScript as they are typed."""
    row = selectors.access_template(request.actor, id)
    shown = selectors.template_json(row)
    values = {one["name"]: request.GET.get(one["name"], one["default"]) for one in shown["variables"]}
    text, problem = shown["body"], ""
    if request.GET:
        try:
            text = services.template_render(row, values)
        except BadInput as error:
            problem = error.message
    fields = [{**one, "value": values[one["name"]]} for one in shown["variables"]]
    context = {
        "row": row,
        "said": shown,
        "fields": fields,
        "text": text,
        "problem": problem,
        "may_change": request.actor.may_change(row.owner_id),
    }
    return render(request, "knowledge/template.html", context)


@require_http_methods(["GET", "POST"])
def template_new(request: Asked) -> HttpResponse:
    request.actor.must_work()
    form = TemplateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = services.template_create(request.actor, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("“%s” was made.") % row)
            return redirect("knowledge:template", row.public_id)
    return _edited(request, form)


@require_http_methods(["GET", "POST"])
def template_edit(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_template(request.actor, id)
    request.actor.must_own(row.owner_id)
    form = TemplateForm(request.POST or None, row=row)
    if request.method == "POST" and form.is_valid():
        seen = form.cleaned_data["seen_version"]
        try:
            services.template_update(request.actor, row, seen_version=seen, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        except OrquestradorError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("“%s” was saved. The version before is kept.") % form.cleaned_data["name"])
            return redirect("knowledge:template", row.public_id)
    return _edited(request, form, row=row)


@require_GET
def template_versions(request: Asked, id: uuid.UUID) -> HttpResponse:
    """All versions, and what differs between two of them: by default the newest and the one before."""
    row = selectors.access_template(request.actor, id)
    versions = list(row.versions.select_related("edited_by"))
    by_number = {version.number: version for version in versions}
    after = by_number.get(_number(request, "after", row.version)) or versions[0]
    before = by_number.get(_number(request, "before", after.number - 1))
    context = {
        "row": row,
        "said": selectors.text_of(row),
        "versions": versions,
        "before": before,
        "after": after,
        "lines": selectors.versions_compared(before, after) if before else [],
        "may_change": request.actor.may_change(row.owner_id),
    }
    return render(request, "knowledge/versions.html", context)


@require_POST
def template_bring_back(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_template(request.actor, id)
    number = int(given) if (given := request.POST.get("number", "")).isdecimal() and len(given) < 10 else 0
    version = selectors.access_version(row, number)
    services.template_bring_back(request.actor, row, version)
    messages.success(request, _("Version %d is the newest again.") % number)
    return redirect("knowledge:template", row.public_id)


@require_POST
def template_delete(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_template(request.actor, id)
    services.template_delete(request.actor, row)
    messages.success(request, _("“%s” was deleted. It can be brought back from the end of this page for 30 days.") % row)
    return redirect("knowledge:templates")


@require_POST
def template_restore(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_deleted_template(request.actor, id)
    try:
        services.template_restore(request.actor, row)
    except BadInput as error:
        messages.error(request, error.message)
        return redirect("knowledge:templates")
    messages.success(request, _("“%s” is back.") % row)
    return redirect("knowledge:template", row.public_id)


@require_POST
def templates_import(request: Asked) -> HttpResponse:
    form = ImportForm(request.POST, request.FILES)
    try:
        if not form.is_valid():
            raise BadInput(" ".join(str(message) for errors in form.errors.values() for message in errors))
        made = services.templates_import(request.actor, _json(form.cleaned_data["file"].read()))
    except BadInput as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("%d templates were taken in.") % len(made))
    return redirect("knowledge:templates")


# ── the parts ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _edited(request: Asked, form: TemplateForm, *, row: Template | None = None) -> HttpResponse:
    said = selectors.text_of(row) if row else None
    categories = selectors.categories_of(request.actor)
    context = {"form": form, "row": row, "said": said, "kinds": KIND_CHOICES, "categories": categories}
    return render(request, "knowledge/template_edit.html", context, status=400 if form.errors else 200)


def _number(request: Asked, name: str, default: int) -> int:
    value = request.GET.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 10 else default


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInput(_("This is no file of templates: it is no JSON.")) from error
