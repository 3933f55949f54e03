"""How good the checking is: figures, benchmarks of validators, rules of when steps are checked, thumbs."""

from __future__ import annotations

import uuid
from copy import copy
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.actor import Asked
from apps.common.errors import BadInput, OrquestradorError
from apps.common.paging import counted
from apps.common.ticked import was_typed
from apps.common.undo import brought_back, remember_rows
from apps.tasks.checking_forms import RunForm, VerifyingRuleForm
from apps.tasks.models import VerifyingRule
from apps.tasks.route_words import fault_word, known_by_word
from apps.tasks.selectors.checking import (
    Quality,
    access_run,
    access_verifying_rule,
    checking_quality,
    own_thumbs,
    run_card,
    runs_visible,
)
from apps.tasks.selectors.tasks import access_subtask, access_task
from apps.tasks.services.validator_runs import Estimate, run_delete, run_plan, run_start, run_stop
from apps.tasks.services.verdicts import subtask_rate, task_rate
from apps.tasks.services.verifying import verifying_rule_delete, verifying_rule_save, verifying_rules_restore
from apps.tasks.views.try_it import chat_models

RUNS_SHOWN = 10
RULES = "verifying_rules"


@require_GET
def quality_page(request: Asked) -> HttpResponse:
    """Planted faults first, then real work; of one checker with `?checker=`."""
    checker = request.GET.get("checker", "").strip()
    found = checking_quality(request.actor, checker=checker)
    context = {
        "checker": checker,
        "benched": _benched(found),
        "kinds": [(kind, fault_word(kind)) for kind in _kinds(found)],
        "worked": found.worked,
        "in_all": found.in_all,
        "known_by": [(known_by_word(name), n) for name, n in sorted(found.in_all.known_by.items())],
        "runs": [run_card(run) for run in runs_visible(request.actor)[:RUNS_SHOWN]],
        "runs_in_all": counted(runs_visible(request.actor)),
    }
    return render(request, "orchestrator/checking.html", context)


def _kinds(found: Quality) -> list[str]:
    return list(dict.fromkeys(kind for one in found.benched for kind, _rate in one.by_kind))


def _benched(found: Quality) -> list[dict[str, Any]]:
    """Each with a cell for every kind of any of them, None where it was not planted."""
    kinds = _kinds(found)
    return [{"row": one, "cells": [(fault_word(kind), dict(one.by_kind).get(kind)) for kind in kinds]} for one in found.benched]


# ── benchmarks ────────────────────────────────────────────────────────────────────────────────────────────────────


@require_http_methods(["GET", "POST"])
def run_new(request: Asked) -> HttpResponse:
    """What it would take is shown before it begins: `look` estimates, `begin` starts."""
    request.actor.must_manage()
    form = RunForm(request.POST or None, models=chat_models(request))
    estimate: Estimate | None = None
    if form.is_valid():
        try:
            _rows, estimate = run_plan(request.actor, **form.cleaned_data)
            if request.POST.get("action") == "begin":
                run = run_start(request.actor, **form.cleaned_data)
                return redirect("tasks:checking_run", run.public_id)
        except BadInput as error:
            form.refuse(error)
        except OrquestradorError as error:
            form.add_error(None, error.message)
    context = {"form": form, "estimate": estimate}
    return render(request, "orchestrator/checking_new.html", context, status=400 if form.errors else 200)


@require_GET
def run_page(request: Asked, validator_run_id: uuid.UUID) -> HttpResponse:
    return render(request, "orchestrator/checking_run.html", _of_run(request, validator_run_id))


@require_GET
def run_parts(request: Asked, validator_run_id: uuid.UUID) -> HttpResponse:
    """Its progress, asked for again while it is under way."""
    return render(request, "orchestrator/_checking_run.html", _of_run(request, validator_run_id))


def _of_run(request: Asked, validator_run_id: uuid.UUID) -> dict[str, Any]:
    run = access_run(request.actor, validator_run_id)
    percent = 100 * run.done // run.total if run.total else 0
    return {
        "run": run,
        "card": run_card(run),
        "percent": percent,
        "parts_url": reverse("tasks:checking_parts", args=[validator_run_id]),
    }


@require_POST
def run_halt(request: Asked, validator_run_id: uuid.UUID) -> HttpResponse:
    run_stop(request.actor, access_run(request.actor, validator_run_id))
    messages.success(request, _("The benchmark was stopped. What was judged stays."))
    return redirect("tasks:checking_run", validator_run_id)


@require_POST
def run_remove(request: Asked, validator_run_id: uuid.UUID) -> HttpResponse:
    run = access_run(request.actor, validator_run_id)
    if not was_typed(request, _("delete")):
        return redirect("tasks:checking_run", validator_run_id)
    run_delete(request.actor, run)
    messages.success(request, _("The benchmark was deleted. What it cost stays on record."))
    return redirect("tasks:checking")


# ── rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@require_http_methods(["GET", "POST"])
def rule_new(request: Asked) -> HttpResponse:
    request.actor.must_manage()
    return _rule(request, None)


@require_http_methods(["GET", "POST"])
def rule_edit(request: Asked, verifying_rule_id: uuid.UUID) -> HttpResponse:
    rule = access_verifying_rule(request.actor, verifying_rule_id)
    request.actor.must_manage()
    return _rule(request, rule)


def _rule(request: Asked, rule: VerifyingRule | None) -> HttpResponse:
    form = VerifyingRuleForm(request.POST or None, rule=rule)
    if form.is_valid():
        try:
            verifying_rule_save(request.actor, rule, **form.cleaned_data)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("The rule holds for tasks that are made from now on."))
            return redirect(reverse("tasks:routing_settings") + "#checking")
    return render(request, "orchestrator/checking_rule.html", {"form": form, "rule": rule}, status=400 if form.errors else 200)


@require_POST
def rule_remove(request: Asked, verifying_rule_id: uuid.UUID) -> HttpResponse:
    rule = access_verifying_rule(request.actor, verifying_rule_id)
    before = copy(rule)
    verifying_rule_delete(request.actor, rule)
    remember_rows(request, RULES, [before])
    return redirect("tasks:routing_settings")


@require_POST
def rules_undo(request: Asked) -> HttpResponse:
    request.actor.must_manage()
    return brought_back(request, RULES, "tasks:routing_settings", lambda rows: verifying_rules_restore(request.actor, rows))


# ── thumbs ────────────────────────────────────────────────────────────────────────────────────────────────────────


@require_POST
def task_thumb(request: Asked, id: uuid.UUID) -> HttpResponse:
    """What the person thinks of the result; the same thumb again takes it back."""
    task = access_task(request.actor, id)
    task_rate(request.actor, task, thumb=_given(request, own_thumbs(request.actor, task.pk).get("")))
    return redirect("tasks:detail", id)


@require_POST
def step_thumb(request: Asked, id: uuid.UUID) -> HttpResponse:
    subtask = access_subtask(request.actor, id)
    mine = own_thumbs(request.actor, subtask.task_id).get(str(subtask.public_id))
    subtask_rate(request.actor, subtask, thumb=_given(request, mine))
    return redirect(reverse("tasks:detail", args=[subtask.task.public_id]) + f"#evidence-{subtask.order}")


def _given(request: Asked, before: int | None) -> int | None:
    given = {"up": 1, "down": -1}.get(request.POST.get("thumb", ""))
    if given is None:
        raise BadInput(_("A thumb is up or down."), field="thumb")
    return None if before == given else given
