"""Rules of escalation: the list, a new one, changes."""

from __future__ import annotations

import uuid
from copy import copy

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.actor import Actor, Asked
from apps.common.errors import BadInput
from apps.common.exporting import exported
from apps.common.importing import taken_in
from apps.common.listing import Address, Select, asked_of
from apps.common.paging import page_of
from apps.common.ticked import Bar, Deed
from apps.common.undo import DELETE, brought_back, each_answered_and_kept, remember_rows, take_deleted
from apps.tasks.engine.routing.escalate import DEFAULT_RULES
from apps.tasks.models import EscalationRule, Trigger
from apps.tasks.route_forms import RuleForm
from apps.tasks.route_words import trigger_word
from apps.tasks.selectors.routing import access_rule, rules_filtered, rules_visible
from apps.tasks.services import exchange
from apps.tasks.services import routing as services
from apps.tasks.views.try_it import chat_models

KIND = "rules"
FILTERS = ("search", "trigger", "state")
ORDER = ("priority", "pk")
STATES = (("on", gettext_lazy("In force")), ("off", gettext_lazy("Not in force")))


@require_GET
def rule_list(request: Asked) -> HttpResponse:
    """In the order in which they are looked at."""
    asked = asked_of(request.GET, FILTERS)
    page = page_of(_found(request.actor, request.GET), ordering=ORDER, cursor=request.GET.get("cursor", ""))
    address = Address(asked)
    context = {
        "rules": page.rows,
        "usual": [{"word": trigger_word(rule.trigger), "threshold": rule.threshold} for rule in DEFAULT_RULES],
        "asked": asked,
        "selects": [
            Select("trigger", _("When"), [("", _("Any reason")), *Trigger.choices], asked["trigger"]),
            Select("state", _("In force"), [("", _("In force or not")), *STATES], asked["state"]),
        ],
        "undo": take_deleted(request, KIND),
        "bar": Bar(reverse("tasks:rules_bulk"), _deeds(), address.here, bool(page.next)),
        **address.around(page),
    }
    return render(request, "orchestrator/rules.html", context)


def _found(actor: Actor, given: QueryDict) -> QuerySet[EscalationRule]:
    return rules_filtered(actor, **asked_of(given, FILTERS))


def _deeds() -> list[Deed]:
    text = _("What they did stays on record. Where no rule is left, the usual ones hold again.")
    return [
        Deed("on", _("Put in force"), "ok"),
        Deed("off", _("Take out of force"), "paused"),
        Deed(DELETE, _("Delete"), "delete", _("Delete the ticked rules?"), text),
    ]


@require_POST
def rules_bulk(request: Asked) -> HttpResponse:
    """Put the ticked rules in force or out of it, or delete them."""
    actor = request.actor
    actor.must_manage()
    return each_answered_and_kept(
        request,
        "tasks:rules",
        kind=KIND,
        deeds=_deeds(),
        left_by=lambda given: _found(actor, given),
        visible=rules_visible(actor),
        do=lambda deed, rule: _do(actor, deed, rule),
        said=_said,
    )


def _do(actor: Actor, deed: str, rule: EscalationRule) -> None:
    if deed == DELETE:
        services.rule_delete(actor, rule)
    else:
        services.rule_update(actor, rule, is_active=deed == "on")


def _said(deed: str, n: int) -> str:
    words = {
        "on": ngettext("%(n)s rule is in force.", "%(n)s rules are in force.", n),
        "off": ngettext("%(n)s rule is no longer in force.", "%(n)s rules are no longer in force.", n),
    }
    return words[deed] % {"n": n}


@require_POST
def rules_undo(request: Asked) -> HttpResponse:
    request.actor.must_manage()
    return brought_back(request, KIND, "tasks:rules", lambda rows: services.rules_restore(request.actor, rows))


@require_GET
def rules_export(request: Asked) -> StreamingHttpResponse:
    """The rules that the filters leave, as a file that another team can import."""
    rows = _found(request.actor, request.GET)
    return exported(request, rows, name="rules", ordering=ORDER, as_record=exchange.rule_record, columns=services.RULE_FIELDS)


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
    rule = access_rule(request.actor, rule_id)
    before = copy(rule)
    services.rule_delete(request.actor, rule)
    remember_rows(request, KIND, [before])
    return redirect("tasks:rules")
