"""A/B tests of two strategies."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.actor import Actor, Asked
from apps.common.errors import BadInput, Conflict
from apps.common.listing import Address, Select, asked_of
from apps.common.paging import page_of
from apps.common.ticked import Bar, Deed, each_answered, was_typed
from apps.tasks.models import ABTest
from apps.tasks.route_forms import ABForm
from apps.tasks.route_words import shown_comparison, strategy_word, unit_word, verdict_word
from apps.tasks.selectors.ab import ab_result, ab_tests_filtered, ab_tests_visible, access_ab_test
from apps.tasks.services.ab import Design, ab_create, ab_delete, ab_design, ab_stop

FILTERS = ("search", "status", "measure")
FORM_FIELDS = ("name", "strategy_a", "strategy_b", "share_percent", "measure", "effect")


@require_GET
def test_list(request: Asked) -> HttpResponse:
    asked = asked_of(request.GET, FILTERS)
    page = page_of(_found(request.actor, request.GET), ordering=("-created_at",), cursor=request.GET.get("cursor", ""))
    address = Address(asked)
    context = {
        "tests": [_shown(test) for test in page.rows],
        "is_running": ab_tests_visible(request.actor).filter(status=ABTest.Status.RUNNING).exists(),
        "asked": asked,
        "selects": [
            Select("status", _("State"), [("", _("Any state")), *ABTest.Status.choices], asked["status"]),
            Select("measure", _("What decides"), [("", _("Any measure")), *ABTest.Measure.choices], asked["measure"]),
        ],
        "bar": Bar(reverse("tasks:ab_bulk"), _deeds(), address.here, bool(page.next)),
        **address.around(page),
    }
    return render(request, "orchestrator/ab_tests.html", context)


def _found(actor: Actor, given: QueryDict) -> QuerySet[ABTest]:
    return ab_tests_filtered(actor, **asked_of(given, FILTERS))


def _deeds() -> list[Deed]:
    text = _("Their prompts stay, but what they said of the strategies is lost. This cannot be undone.")
    return [Deed("delete", _("Delete"), "delete", _("Delete the ticked tests?"), text, _("delete"))]


@require_POST
def tests_bulk(request: Asked) -> HttpResponse:
    """Delete the ticked tests."""
    actor = request.actor
    actor.must_manage()
    return each_answered(
        request,
        "tasks:ab_tests",
        deeds=_deeds(),
        left_by=lambda given: _found(actor, given),
        visible=ab_tests_visible(actor),
        do=lambda _deed, test: ab_delete(actor, test),
        said=lambda _deed, n: ngettext("%(n)s test was deleted.", "%(n)s tests were deleted.", n) % {"n": n},
    )


@require_http_methods(["GET", "POST"])
def test_new(request: Asked) -> HttpResponse:
    """The sample is shown before the test begins: `look` computes it, `begin` starts."""
    request.actor.must_manage()
    form = ABForm(request.POST or None)
    design: Design | None = None
    if form.is_valid():
        try:
            design = ab_design(request.actor.team.pk, form.cleaned_data["measure"], form.cleaned_data["effect"])
            if request.POST.get("action") == "begin":
                test = ab_create(request.actor, **{name: form.cleaned_data[name] for name in FORM_FIELDS})
                messages.success(request, _("The test has begun."))
                return redirect("tasks:ab_test", test.public_id)
        except BadInput as error:
            form.refuse(error)
        except Conflict as error:
            form.add_error(None, error.message)
    unit = unit_word(form.cleaned_data.get("measure", "")) if form.is_bound and form.is_valid() else ""
    context = {"form": form, "design": design, "unit": unit}
    return render(request, "orchestrator/ab_new.html", context, status=400 if form.errors else 200)


@require_GET
def test_page(request: Asked, ab_test_id: uuid.UUID) -> HttpResponse:
    test = access_ab_test(request.actor, ab_test_id)
    result = ab_result(test)
    measured = min(result.deciding.count_a, result.deciding.count_b)
    context = {
        **_shown(test),
        "result": result,
        "verdict": verdict_word(result.verdict, test),
        "missing": max(0, test.minimum_sample - measured),
        "meter": f"{min(100.0, 100 * measured / test.minimum_sample):.1f}",
        "measures": [
            {"row": one, "word": ABTest.Measure(one.measure).label, "shown": shown_comparison(one.measure, one.comparison)}
            for one in result.measures
        ],
        "unit": unit_word(test.measure),
    }
    return render(request, "orchestrator/ab_test.html", context)


@require_POST
def stop(request: Asked, ab_test_id: uuid.UUID) -> HttpResponse:
    ab_stop(request.actor, access_ab_test(request.actor, ab_test_id))
    messages.success(request, _("The test was stopped. What was measured stays."))
    return redirect("tasks:ab_test", ab_test_id)


@require_POST
def delete(request: Asked, ab_test_id: uuid.UUID) -> HttpResponse:
    test = access_ab_test(request.actor, ab_test_id)
    if not was_typed(request, _("delete")):
        return redirect("tasks:ab_test", ab_test_id)
    ab_delete(request.actor, test)
    messages.success(request, _("The test was deleted. Its prompts stay."))
    return redirect("tasks:ab_tests")


def _shown(test: ABTest) -> dict[str, Any]:
    return {"row": test, "a": strategy_word(test.strategy_a), "b": strategy_word(test.strategy_b)}
