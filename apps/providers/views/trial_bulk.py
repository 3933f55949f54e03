"""Several benchmarks or comparisons deleted together."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from apps.common.bulk import Outcome
from apps.common.ticked import Bar, Deed, answered, deed_of, do_each, ids_asked
from apps.providers import selectors, services
from apps.providers.models import AIModel
from apps.providers.views.parts import Asked


def comparisons_bar() -> Bar:
    return Bar(reverse("providers:comparisons_bulk"), [_deletion(_("Delete the ticked comparisons?"))])


def benchmarks_bar(model: AIModel) -> Bar:
    return Bar(reverse("providers:benchmarks_bulk", args=[model.public_id]), [_deletion(_("Delete the ticked benchmarks?"))])


@require_POST
def comparisons_bulk(request: Asked) -> HttpResponse:
    return _delete(request, selectors.comparisons_visible(request.actor), reverse("providers:compare"))


@require_POST
def benchmarks_bulk(request: Asked, id: uuid.UUID) -> HttpResponse:
    """Of one model."""
    model = selectors.access_model(request.actor, id)
    rows = selectors.benchmarks_visible(request.actor).filter(model=model)
    return _delete(request, rows, reverse("providers:benchmarks", args=[model.public_id]))


def _delete(request: Asked, rows: QuerySet, back: str) -> HttpResponse:
    request.actor.must_work()

    def act() -> tuple[Outcome, str]:
        deed_of(request, [_deletion("")])
        ids = ids_asked(request, lambda _given: rows)
        outcome = do_each(rows, ids, lambda row: services.trial_delete(request.actor, row))
        n = outcome.done
        return outcome, ngettext("%(n)s was deleted.", "%(n)s were deleted.", n) % {"n": n}

    return answered(request, back, act)


def _deletion(title: str) -> Deed:
    return Deed("delete", _("Delete"), "delete", title, _("What their answers cost stays on record."))
