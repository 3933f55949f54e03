"""Pages of one provider: adding it, what answers, what it costs, and the switches."""

from __future__ import annotations

import uuid
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.actor import Asked
from apps.common.errors import BadInput
from apps.providers import selectors, services
from apps.providers.errors import ProviderError
from apps.providers.forms import ProviderEditForm, ProviderForm
from apps.providers.models import Provider
from apps.providers.presets import Choice, choice_of, choices
from apps.providers.views.breakers import provider_calls_shown
from apps.providers.views.provider_list import spend_this_month

GROUPS = (
    ("local", gettext_lazy("On your own machines")),
    ("vendor", gettext_lazy("Vendors, with a key")),
    ("other", gettext_lazy("Anything else")),
)


@require_POST
def provider_discover(request: Asked) -> HttpResponse:
    """A fragment with the servers that answer on this machine now."""
    request.actor.must_manage()
    found = async_to_sync(services.discover)(request.actor)
    return render(request, "providers/_found.html", {"found": found})


@require_POST
def practice(request: Asked) -> HttpResponse:
    is_on = request.POST.get("on") == "1"
    services.practice_switch(request.actor, on=is_on)
    messages.success(request, _("The practice models are on.") if is_on else _("The practice models are off."))
    return redirect("settings_system" if request.POST.get("back") == "system" else "providers:list")


@require_GET
def provider_choose(request: Asked) -> HttpResponse:
    request.actor.must_work()
    groups = [(title, [choice for choice in choices() if choice.group == group]) for group, title in GROUPS]
    return render(request, "providers/choose.html", {"groups": groups})


@sensitive_post_parameters("api_key")
@require_http_methods(["GET", "POST"])
def provider_new(request: Asked, slug: str) -> HttpResponse:
    """`test` tries what was typed and keeps nothing; saving asks the provider for its models at once."""
    request.actor.must_work()
    choice = choice_of(slug)
    if choice is None:
        raise Http404
    given = {"base_url": request.GET["at"]} if "at" in request.GET else {}
    form = ProviderForm(request.POST or None, choice=choice, initial=given)
    if not form.is_valid():
        return _new_page(request, form)
    try:
        if "test" in request.POST:
            return _new_page(request, form, result=async_to_sync(services.connection_try)(request.actor, **form.for_try))
        provider = services.provider_create(request.actor, **form.for_service)
    except BadInput as error:
        form.refuse(error)
        return _new_page(request, form)
    _sync_and_tell(request, provider)
    return redirect("providers:detail", provider.public_id)


def _new_page(request: Asked, form: ProviderForm, **more: Any) -> HttpResponse:
    is_test = request.headers.get("HX-Request") == "true"
    template = "providers/_new_form.html" if is_test else "providers/new.html"
    status = 400 if form.errors and not is_test else 200
    return render(request, template, {"form": form, "choice": form.choice, **more}, status=status)


@require_GET
def provider_detail(request: Asked, id: uuid.UUID) -> HttpResponse:
    provider = selectors.access_provider(request.actor, id)
    models = list(selectors.models_visible(request.actor).filter(provider=provider))
    for model in models:
        model.state_words = selectors.state_label(model)  # type: ignore[attr-defined]
    context = {
        "provider": provider,
        "choice": _choice_for(provider),
        "models": models,
        "spend": spend_this_month(request.actor).get(provider.pk),
        "may_change": request.actor.may_change(provider.owner_id),
        **provider_calls_shown(request, provider),
    }
    return render(request, "providers/detail.html", context)


@sensitive_post_parameters("api_key")
@require_http_methods(["GET", "POST"])
def provider_edit(request: Asked, id: uuid.UUID) -> HttpResponse:
    provider = selectors.access_provider(request.actor, id)
    request.actor.must_own(provider.owner_id)
    keys = [key for key in selectors.keys_visible(request.actor) if key.is_for(provider.kind, provider.base_url)]
    form = ProviderEditForm(request.POST or None, provider=provider, keys=[] if provider.is_builtin else keys)
    if form.is_valid():
        try:
            services.provider_update(request.actor, provider, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("%(provider)s was saved.") % {"provider": provider})
            return redirect("providers:detail", provider.public_id)
    context = {"form": form, "provider": provider, "choice": _choice_for(provider)}
    return render(request, "providers/edit.html", context, status=400 if form.errors else 200)


@require_POST
def provider_check(request: Asked, id: uuid.UUID) -> HttpResponse:
    provider = selectors.access_provider(request.actor, id)
    result = async_to_sync(services.provider_check)(request.actor, provider)
    if not result.ok:
        messages.error(request, _("%(provider)s does not work: %(why)s") % {"provider": provider, "why": result.message})
    else:
        messages.success(request, _("%(provider)s answers: %(what)s") % {"provider": provider, "what": result.message})
    return redirect("providers:detail", provider.public_id)


@require_POST
def provider_sync(request: Asked, id: uuid.UUID) -> HttpResponse:
    provider = selectors.access_provider(request.actor, id)
    _sync_and_tell(request, provider)
    return redirect("providers:detail", provider.public_id)


@require_POST
def provider_toggle(request: Asked, id: uuid.UUID) -> HttpResponse:
    provider = services.provider_toggle(request.actor, selectors.access_provider(request.actor, id))
    said = _("%(provider)s is on.") if provider.is_active else _("%(provider)s is off: its models are not asked.")
    messages.success(request, said % {"provider": provider})
    return redirect("providers:detail", provider.public_id)


@require_POST
def provider_delete(request: Asked, id: uuid.UUID) -> HttpResponse:
    provider = selectors.access_provider(request.actor, id)
    if request.POST.get("name", "").strip() != provider.display_name:
        messages.error(request, _("Nothing was deleted: the name that was typed is not the provider's."))
        return redirect("providers:detail", provider.public_id)
    services.provider_delete(request.actor, provider)
    messages.success(
        request, _("%(provider)s was deleted. What its models did and cost stays on record.") % {"provider": provider}
    )
    return redirect("providers:list")


def _sync_and_tell(request: Asked, provider: Provider) -> None:
    try:
        result = async_to_sync(services.models_sync)(request.actor, provider)
    except ProviderError as error:
        messages.error(
            request,
            _("%(provider)s is saved, but does not list its models: %(why)s") % {"provider": provider, "why": error.message},
        )
        return
    count = result.added + result.updated
    new = ngettext("%(n)s model is new", "%(n)s models are new", result.added) % {"n": result.added}
    gone = ngettext("%(n)s is gone", "%(n)s are gone", result.gone) % {"n": result.gone}
    said = (
        _("The list of %(provider)s is up to date: %(new)s, %(gone)s.")
        if count or result.gone
        else _("%(provider)s lists the same models as before.")
    )
    messages.success(request, said % {"provider": provider, "new": new, "gone": gone})


def _choice_for(provider: Provider) -> Choice | None:
    """The vendor that a saved provider is, by its address and kind."""
    same_kind = [choice for choice in choices() if choice.kind == provider.kind]
    return next(
        (choice for choice in same_kind if choice.base_url == provider.base_url), same_kind[0] if len(same_kind) == 1 else None
    )
