"""The person's own page: name, password, looks, language, where they are signed in."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts import forms, selectors, services, sessions
from apps.accounts.actor import Asked
from apps.accounts.middleware import open_to_strangers
from apps.accounts.views.parts import next_page, with_language
from apps.common.errors import BadInput


@require_http_methods(["GET", "POST"])
def profile(request: Asked) -> HttpResponse:
    form = forms.ProfileForm(request.POST or None, initial={"name": request.user.name})
    if form.is_valid():
        services.profile_update(request.actor, name=form.cleaned_data["name"])
        messages.success(request, _("Your profile was saved."))
        return redirect("accounts:profile")
    return _profile_page(request, form=form)


@sensitive_post_parameters()
@require_POST
def password(request: Asked) -> HttpResponse:
    form = forms.PasswordChangeForm(request.POST)
    if form.is_valid():
        try:
            services.password_change(request.actor, **form.cleaned_data)
        except BadInput as error:
            form.refuse(error)
        else:
            sessions.begin(request, request.user)
            messages.success(request, _("Your password was changed. Everywhere else you are signed out."))
            return redirect("accounts:profile")
    return _profile_page(request, password_form=form, status=400)


@require_POST
def appearance(request: Asked) -> HttpResponse:
    """Set `theme` and/or `language`; answers without a body to scripts, and goes back for plain forms."""
    services.profile_update(request.actor, theme=request.POST.get("theme"), language=request.POST.get("language"))
    response = HttpResponse(status=204) if request.headers.get("X-Requested-With") else redirect(next_page(request))
    return with_language(response, request.POST.get("language"))


@open_to_strangers
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """The language of the pages, also before signing in."""
    wanted = services.language_clean(request.POST.get("language", ""))
    if request.user.is_authenticated:
        services.profile_update(request.actor, language=wanted)  # type: ignore[attr-defined]
    return with_language(redirect(next_page(request)), wanted)


@require_POST
def session_end(request: Asked, id: uuid.UUID) -> HttpResponse:
    sessions.end_one(selectors.access_sign_in(request.actor, id))
    return redirect("accounts:profile")


@require_POST
def sessions_end_others(request: Asked) -> HttpResponse:
    """Sign out everywhere else, programs too."""
    services.sessions_end_others(request.actor, keep=request.session.session_key or "")
    messages.success(request, _("Everywhere else you are signed out."))
    return redirect("accounts:profile")


def _profile_page(request: Asked, *, form: Any = None, password_form: Any = None, status: int = 200) -> HttpResponse:
    context = {
        "form": form or forms.ProfileForm(initial={"name": request.user.name}),
        "password_form": password_form or forms.PasswordChangeForm(),
        "sign_ins": selectors.sign_ins_visible(request.actor),
        "this_session": request.session.session_key,
        "languages": settings.LANGUAGES,
    }
    return render(request, "accounts/profile.html", context, status=status)
