"""Rules of escalation: the list, a new one, changes."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.common.errors import BadInput
from apps.common.exporting import exported
from apps.providers.views.exchange import taken_in
from apps.tasks.engine.routing.escalate import DEFAULT_RULES
from apps.tasks.route_forms import RuleForm
from apps.tasks.route_words import trigger_word
from apps.tasks.selectors.routing import access_rule, rules_visible
from apps.tasks.services import exchange
from apps.tasks.services import routing as services
from apps.tasks.views.tasks import Asked
from apps.tasks.views.try_it import chat_models


@require_GET
def rule_list(request: Asked) -> HttpResponse:
    rules = list(rules_visible(request.actor))
    usual = [{"word": trigger_word(rule.trigger), "threshold": rule.threshold} for rule in DEFAULT_RULES]
    return render(request, "orchestrator/rules.html", {"rules": rules, "usual": usual})


@require_GET
def rules_export(request: Asked) -> StreamingHttpResponse:
    """The team's rules as a file that another team can import."""
    rows = rules_visible(request.actor)
    return exported(
        request, rows, name="rules", ordering=("priority", "pk"), as_record=exchange.rule_record, columns=services.RULE_FIELDS
    )


@require_http_methods(["GET", "POST"])
def rules_import(request: Asked) -> HttpResponse:
    request.actor.must_manage()
    return taken_in(
        request,
        lambda rows: exchange.rules_import(request.actor, rows),
        title=_("Import rules"),
        help=_("A JSON or CSV file as the export gives it. A rule whose name your team has already is changed, others are made."),
        back="tasks:rules",
    )


@require_http_methods(["GET", "POST"])
def rule_new(request: Asked) -> HttpResponse:
    request.actor.must_manage()
    form = RuleForm(request.POST or None, models=chat_models(request))
    if form.is_valid():
        try:
            services.rule_create(request.actor, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("The rule is in force."))
            return redirect("tasks:rules")
    return render(request, "orchestrator/rule.html", {"form": form}, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def rule_edit(request: Asked, rule_id: uuid.UUID) -> HttpResponse:
    rule = access_rule(request.actor, rule_id)
    request.actor.must_manage()
    form = RuleForm(request.POST or None, models=chat_models(request), rule=rule)
    if form.is_valid():
        try:
            services.rule_update(request.actor, rule, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("The rule was saved."))
            return redirect("tasks:rules")
    return render(request, "orchestrator/rule.html", {"form": form, "rule": rule}, status=400 if form.errors else 200)


@require_POST
def rule_switch(request: Asked, rule_id: uuid.UUID) -> HttpResponse:
    rule = access_rule(request.actor, rule_id)
    services.rule_update(request.actor, rule, is_active=not rule.is_active)
    said = _("“%(name)s” is no longer in force.") if rule.is_active else _("“%(name)s” is in force.")
    messages.success(request, said % {"name": rule.name})
    return redirect("tasks:rules")


@require_POST
def rule_delete(request: Asked, rule_id: uuid.UUID) -> HttpResponse:
    services.rule_delete(request.actor, access_rule(request.actor, rule_id))
    messages.success(request, _("The rule was deleted. What it did stays on record."))
    return redirect("tasks:rules")
