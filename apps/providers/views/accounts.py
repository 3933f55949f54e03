"""Pages of accounts at AI vendors."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.common.errors import BadInput, Conflict
from apps.providers import selectors, services
from apps.providers.amounts import amount_in
from apps.providers.balances import TELLS
from apps.providers.errors import ProviderError
from apps.providers.key_forms import AccountForm
from apps.providers.models import ExternalAccount
from apps.providers.presets import choice_of, choices
from apps.providers.views.parts import Asked, may_change_row


@require_GET
def account_list(request: Asked) -> HttpResponse:
    accounts = list(selectors.accounts_visible(request.actor))
    spend = selectors.spend_by_vendor(request.actor.team.pk) if accounts else {}
    for account in accounts:
        account.shown = _shown(account, spend)  # type: ignore[attr-defined]
    return render(request, "providers/accounts.html", {"accounts": accounts})


@require_GET
def account_choose(request: Asked) -> HttpResponse:
    request.actor.must_work()
    vendors = [(choice, choice.slug in TELLS) for choice in choices() if choice.group == "vendor"]
    return render(request, "providers/account_choose.html", {"vendors": vendors})


@sensitive_post_parameters("secret")
@require_http_methods(["GET", "POST"])
def account_new(request: Asked, slug: str) -> HttpResponse:
    """Saving asks the vendor at once, where it can be asked."""
    request.actor.must_work()
    choice = choice_of(slug)
    if choice is None or choice.group != "vendor":
        raise Http404
    form = AccountForm(request.POST or None, actor=request.actor, choice=choice)
    if form.is_valid():
        try:
            account = services.account_create(request.actor, vendor=choice.slug, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            if account.key and account.vendor in TELLS:
                _sync_and_tell(request, account)
            return redirect("providers:account", account.public_id)
    context = {"form": form, "choice": choice, "tells": choice.slug in TELLS}
    return render(request, "providers/account_new.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def account_edit(request: Asked, id: uuid.UUID) -> HttpResponse:
    account = selectors.access_account(request.actor, id)
    choice = choice_of(account.vendor)
    if choice is None:
        raise Http404
    form = AccountForm(request.POST or None, actor=request.actor, choice=choice, account=account)
    if form.is_valid():
        try:
            services.account_update(request.actor, account, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("%(account)s was saved.") % {"account": account})
            return redirect("providers:account", account.public_id)
    context = {
        "form": form,
        "account": account,
        "shown": _shown(account, selectors.spend_by_vendor(request.actor.team.pk)),
        "may_change": may_change_row(request.actor, account),
    }
    return render(request, "providers/account.html", context, status=400 if form.errors else 200)


@require_POST
def account_sync(request: Asked, id: uuid.UUID) -> HttpResponse:
    account = selectors.access_account(request.actor, id)
    _sync_and_tell(request, account)
    return redirect("providers:account", account.public_id)


@require_POST
def account_delete(request: Asked, id: uuid.UUID) -> HttpResponse:
    account = selectors.access_account(request.actor, id)
    services.account_delete(request.actor, account)
    messages.success(request, _("%(account)s was removed from here. At the vendor nothing changed.") % {"account": account.name})
    return redirect("providers:accounts")


def _sync_and_tell(request: Asked, account: ExternalAccount) -> None:
    try:
        async_to_sync(services.account_sync)(request.actor, account)
    except (ProviderError, Conflict) as error:
        messages.error(request, _("%(account)s: %(why)s") % {"account": account, "why": error.message})
    else:
        messages.success(request, _("%(account)s was asked just now.") % {"account": account})


def _shown(account: ExternalAccount, spend: dict[str, Decimal]) -> dict[str, Any]:
    """How it stands, with the sums in words."""
    state = selectors.account_state(account, spend)
    sums = {"balance": account.balance, "left": state["left"], "limit": account.credit_limit, "spent": account.spent}
    words = {name: amount_in(amount, account.currency) for name, amount in sums.items() if amount is not None}
    return {**state, "words": words, "alert": _words(account.alert_below, account.currency)}


def _words(amount: Decimal | None, currency: str) -> str:
    return "" if amount is None else amount_in(amount, currency)
