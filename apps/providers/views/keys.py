"""Pages of keys of AI vendors."""

from __future__ import annotations

import uuid

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.actor import Asked
from apps.common.errors import BadInput
from apps.common.listing import Address, Select, asked_of
from apps.common.paging import page_of
from apps.common.ticked import Bar, Deed, each_answered, was_typed
from apps.providers import selectors, services
from apps.providers.key_forms import KeyEditForm, KeyForm
from apps.providers.models import ProviderKey
from apps.providers.presets import choice_of, choices, vendor_of
from apps.providers.selectors.keys import keys_filtered, vendors_of_keys

LIMIT = 50


@require_GET
def key_list(request: Asked) -> HttpResponse:
    asked = _asked(request.GET)
    rows = keys_filtered(request.actor, **asked)
    page = page_of(rows, ordering=("name",), limit=LIMIT, cursor=request.GET.get("cursor", ""))
    for key in page.rows:
        key.shown = selectors.key_state(key)
        key.may_change = request.actor.may_change(key.owner_id)
    address, vendors = Address(asked), vendors_of_keys(request.actor)
    context = {
        "keys": page.rows,
        "asked": asked,
        "vendors": vendors,
        "selects": [Select("vendor", _("Vendor"), [("", _("Any vendor")), *vendors], asked["vendor"])],
        **address.around(page),
        "bar": Bar(reverse("providers:keys_bulk"), [_deletion()], address.here, bool(page.next)),
    }
    return render(request, "providers/keys.html", context)


def _asked(given: QueryDict) -> dict[str, str]:
    return asked_of(given, ("search", "vendor"))


def _deletion() -> Deed:
    text = _("What uses them has no key then, and cannot be asked. At the vendor they stay valid until they are revoked there.")
    return Deed("delete", _("Delete"), "delete", _("Delete the ticked keys?"), text, _("delete"))


@require_POST
def keys_bulk(request: Asked) -> HttpResponse:
    """Delete the ticked keys, as far as they are the actor's to delete."""
    actor = request.actor
    actor.must_work()
    return each_answered(
        request,
        "providers:keys",
        deeds=[_deletion()],
        left_by=lambda given: keys_filtered(actor, **_asked(given)),
        visible=selectors.keys_visible(actor),
        do=lambda _deed, key: services.key_delete(actor, key, also_in_use=True),
        said=lambda _deed, n: ngettext("%(n)s key was deleted.", "%(n)s keys were deleted.", n) % {"n": n},
    )


@require_GET
def key_choose(request: Asked) -> HttpResponse:
    """Whose key it is: the form that follows asks what that vendor needs."""
    request.actor.must_work()
    return render(request, "providers/key_choose.html", {"choices": [one for one in choices() if one.key != "none"]})


@sensitive_post_parameters("secret")
@require_http_methods(["GET", "POST"])
def key_new(request: Asked, slug: str) -> HttpResponse:
    """Saving asks the vendor at once whether the key is good."""
    request.actor.must_work()
    choice = choice_of(slug)
    if choice is None or choice.key == "none":
        raise Http404
    form = KeyForm(request.POST or None, choice=choice)
    if form.is_valid():
        try:
            key = services.key_create(request.actor, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            _test_and_tell(request, key)
            return redirect("providers:key", key.public_id)
    return render(request, "providers/key_new.html", {"form": form, "choice": choice}, status=400 if form.errors else 200)


@sensitive_post_parameters("secret")
@require_http_methods(["GET", "POST"])
def key_edit(request: Asked, id: uuid.UUID) -> HttpResponse:
    key = selectors.access_key(request.actor, id)
    form = KeyEditForm(request.POST or None, key=key)
    if form.is_valid():
        try:
            services.key_update(request.actor, key, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("%(key)s was saved.") % {"key": key})
            if form.cleaned_data["secret"]:
                _test_and_tell(request, key)
            return redirect("providers:key", key.public_id)
    context = {
        "form": form,
        "key": key,
        "shown": selectors.key_state(key),
        "choice": choice_of(vendor_of(key.kind, key.base_url) or key.kind),
        "may_change": request.actor.may_change(key.owner_id),
    }
    return render(request, "providers/key.html", context, status=400 if form.errors else 200)


@require_POST
def key_test(request: Asked, id: uuid.UUID) -> HttpResponse:
    key = selectors.access_key(request.actor, id)
    _test_and_tell(request, key)
    return redirect("providers:key", key.public_id)


@require_POST
def key_delete(request: Asked, id: uuid.UUID) -> HttpResponse:
    """The dialog has said what uses it. Its secret is nowhere else, so the word has to be typed."""
    key = selectors.access_key(request.actor, id)
    if not was_typed(request, _("delete")):
        return redirect("providers:key", key.public_id)
    services.key_delete(request.actor, key, also_in_use=True)
    messages.success(request, _("The key %(key)s was deleted.") % {"key": key.name})
    return redirect("providers:keys")


def _test_and_tell(request: Asked, key: ProviderKey) -> None:
    result = async_to_sync(services.key_test)(request.actor, key)
    if result.ok:
        messages.success(request, _("%(key)s is good: %(said)s") % {"key": key, "said": result.message})
    else:
        messages.error(request, _("%(key)s is not good: %(said)s") % {"key": key, "said": result.message})
