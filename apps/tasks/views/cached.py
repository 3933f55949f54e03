"""Cached answers: what is kept, what it saved, and throwing it out."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.actor import Actor, Asked
from apps.common.bulk import MOST, Outcome
from apps.common.listing import Address, asked_of
from apps.common.paging import page_of
from apps.common.ticked import Bar, Deed, answered, deed_of, ids_asked
from apps.tasks.models import CachedAnswer
from apps.tasks.selectors.cache import access_cached, cache_figures, cache_state, cached_card, cached_filtered
from apps.tasks.services.cache import cache_clear, cached_remove, cached_remove_many

USED = (("yes", gettext_lazy("Used again")), ("no", gettext_lazy("Never used again")))


@require_GET
def cache_page(request: Asked) -> HttpResponse:
    asked = _asked(request.GET)
    page = page_of(_found(request.actor, request.GET), ordering=("-created_at",), cursor=request.GET.get("cursor", ""))
    address = Address(asked)
    context = {
        "entries": [{**cached_card(row), "may_remove": request.actor.may_change(row.owner_id)} for row in page.rows],
        "figures": cache_figures(request.actor),
        "state": cache_state(request.actor),
        "asked": asked,
        "used": address.choice("used", USED),
        **address.around(page),
        "bar": Bar(reverse("tasks:cache_bulk"), [_removal()], address.here, bool(page.next)),
    }
    return render(request, "orchestrator/cache.html", context)


def _asked(given: QueryDict) -> dict[str, str]:
    return asked_of(given, ("search", "used"))


def _found(actor: Actor, given: QueryDict) -> QuerySet[CachedAnswer]:
    return cached_filtered(actor, **_asked(given))


def _removal() -> Deed:
    text = _("The next time the same is asked, a model answers, and it costs again.")
    return Deed("remove", _("Throw out"), "delete", _("Throw the ticked answers out?"), text)


@require_POST
def bulk(request: Asked) -> HttpResponse:
    """Throw out the ticked answers, or all that the filters leave."""
    request.actor.must_work()

    def act() -> tuple[Outcome, str]:
        deed_of(request, [_removal()])
        ids = ids_asked(request, lambda given: _found(request.actor, given), most=MOST)
        outcome = cached_remove_many(request.actor, ids)
        n = outcome.done
        return outcome, ngettext("%(n)s answer was thrown out.", "%(n)s answers were thrown out.", n) % {"n": n}

    return answered(request, "tasks:cache", act)


@require_POST
def remove(request: Asked, cached_id: uuid.UUID) -> HttpResponse:
    cached_remove(request.actor, access_cached(request.actor, cached_id))
    messages.success(request, _("The answer was thrown out. The next time, a model is asked."))
    return redirect("tasks:cache")


@require_POST
def clear(request: Asked) -> HttpResponse:
    n = cache_clear(request.actor)
    messages.success(request, ngettext("%(n)s answer was thrown out.", "%(n)s answers were thrown out.", n) % {"n": n})
    return redirect("tasks:cache")
