"""Pages of keys of AI vendors."""

from __future__ import annotations

import uuid

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.common.errors import BadInput
from apps.providers import selectors, services
from apps.providers.key_forms import KeyEditForm, KeyForm
from apps.providers.models import ProviderKey
from apps.providers.presets import choice_of, choices, vendor_of
from apps.providers.views.parts import Asked, may_change_row


@require_GET
def key_list(request: Asked) -> HttpResponse:
    keys = list(selectors.keys_visible(request.actor))
    for key in keys:
        key.shown = selectors.key_state(key)  # type: ignore[attr-defined]
    return render(request, "providers/keys.html", {"keys": keys})


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
        "may_change": may_change_row(request.actor, key),
    }
    return render(request, "providers/key.html", context, status=400 if form.errors else 200)


@require_POST
def key_test(request: Asked, id: uuid.UUID) -> HttpResponse:
    key = selectors.access_key(request.actor, id)
    _test_and_tell(request, key)
    return redirect("providers:key", key.public_id)


@require_POST
def key_delete(request: Asked, id: uuid.UUID) -> HttpResponse:
    """The dialog has said what uses it."""
    key = selectors.access_key(request.actor, id)
    services.key_delete(request.actor, key, also_in_use=True)
    messages.success(request, _("The key %(key)s was deleted.") % {"key": key.name})
    return redirect("providers:keys")


def _test_and_tell(request: Asked, key: ProviderKey) -> None:
    result = async_to_sync(services.key_test)(request.actor, key)
    if result.ok:
        messages.success(request, _("%(key)s is good: %(said)s") % {"key": key, "said": result.message})
    else:
        messages.error(request, _("%(key)s is not good: %(said)s") % {"key": key, "said": result.message})
