"""Pages of accounts at AI vendors."""

from __future__ import annotations

import uuid
from copy import copy
from decimal import Decimal
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.actor import Actor, Asked
from apps.common.errors import BadInput, Conflict
from apps.common.exporting import exported
from apps.common.listing import Address, Select, asked_of
from apps.common.paging import page_of
from apps.common.ticked import Bar, Deed
from apps.common.undo import DELETE, brought_back, each_answered_and_kept, remember_rows, take_deleted
from apps.providers import selectors, services
from apps.providers.amounts import amount_in
from apps.providers.balances import TELLS
from apps.providers.errors import ProviderError
from apps.providers.key_forms import AccountForm
from apps.providers.models import ExternalAccount
from apps.providers.presets import choice_of, choices
from apps.providers.selectors.accounts import accounts_filtered, vendors_of_accounts

KIND = "accounts"
LIMIT = 50
FILTERS = ("search", "vendor")
ORDER = ("name",)
COLUMNS = (
    *("id", "name", "vendor", "currency", "balance", "credit_limit", "spent", "left", "recorded_usd", "alert_below"),
    *("last_synced_at", "last_error", "created_at"),
)


@require_GET
def account_list(request: Asked) -> HttpResponse:
    asked = asked_of(request.GET, FILTERS)
    page = page_of(_found(request.actor, request.GET), ordering=ORDER, limit=LIMIT, cursor=request.GET.get("cursor", ""))
    spend = selectors.spend_by_vendor(request.actor.team.pk) if page.rows else {}
    for account in page.rows:
        account.shown = _shown(account, spend)
        account.may_change = request.actor.may_change(account.owner_id)
    vendors = [("", _("Any vendor")), *vendors_of_accounts(request.actor)]
    address = Address(asked)
    context = {
        "accounts": page.rows,
        "asked": asked,
        "selects": [Select("vendor", _("Vendor"), vendors, asked["vendor"])],
        "undo": take_deleted(request, KIND),
        "bar": Bar(reverse("providers:accounts_bulk"), _deeds(), address.here, bool(page.next)),
        **address.around(page),
    }
    return render(request, "providers/accounts.html", context)


def _found(actor: Actor, given: QueryDict) -> QuerySet[ExternalAccount]:
    return accounts_filtered(actor, **asked_of(given, FILTERS))


def _deeds() -> list[Deed]:
    text = _("Nothing changes at the vendors, and the keys stay. You are no longer told when little is left.")
    return [Deed(DELETE, _("Remove"), "delete", _("Remove the ticked accounts?"), text)]


@require_POST
def accounts_bulk(request: Asked) -> HttpResponse:
    """Remove the ticked accounts, as far as they are the actor's to remove."""
    actor = request.actor
    actor.must_work()
    return each_answered_and_kept(
        request,
        "providers:accounts",
        kind=KIND,
        deeds=_deeds(),
        left_by=lambda given: _found(actor, given),
        visible=selectors.accounts_visible(actor),
        do=lambda _deed, account: services.account_delete(actor, account),
    )


@require_POST
def accounts_undo(request: Asked) -> HttpResponse:
    request.actor.must_work()
    return brought_back(request, KIND, "providers:accounts", lambda rows: services.accounts_restore(request.actor, rows))


@require_GET
def accounts_export(request: Asked) -> StreamingHttpResponse:
    """The accounts that the filters leave, with what is left in each, without their keys."""
    spend = selectors.spend_by_vendor(request.actor.team.pk)
    rows = _found(request.actor, request.GET)
    return exported(
        request, rows, name="accounts", ordering=ORDER, as_record=lambda account: _record(account, spend), columns=COLUMNS
    )


def _record(account: ExternalAccount, spend: dict[str, Decimal]) -> dict[str, Any]:
    state = selectors.account_state(account, spend)
    own = {name: getattr(account, name) for name in COLUMNS if hasattr(account, name)}
    return {**own, "id": account.public_id, "left": state["left"], "recorded_usd": state["recorded_usd"]}


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
        "may_change": request.actor.may_change(account.owner_id),
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
    before = copy(account)
    services.account_delete(request.actor, account)
    remember_rows(request, KIND, [before])
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
