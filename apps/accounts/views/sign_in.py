"""In and out."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts import forms, sessions
from apps.accounts.errors import SignInRefused
from apps.accounts.middleware import open_to_strangers
from apps.accounts.views.parts import next_page, signed_in
from apps.common.problems import problem_json, problem_of


@open_to_strangers
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect(next_page(request))
    form = forms.SignInForm(request.POST or None)
    if form.is_valid():
        try:
            user = sessions.person_of(request, **form.cleaned_data)
        except SignInRefused as error:
            form.add_error(None, error.message)
        else:
            return signed_in(request, user, next_page(request))
    return render(
        request, "accounts/sign_in.html", {"form": form, "next": next_page(request)}, status=401 if form.errors else 200
    )


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    sessions.end(request)
    return redirect("accounts:sign_in")


@open_to_strangers
def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """The admin has no door of its own. Whoever is signed in and comes here may not use it."""
    if request.user.is_authenticated:
        raise Http404
    return redirect(f"{reverse('accounts:sign_in')}?{request.META.get('QUERY_STRING', '')}")


def locked_out(request: HttpRequest, *_axes: Any) -> HttpResponse:
    """The answer after too many wrong passwords (django-axes calls it instead of the view's own answer)."""
    problem = problem_of(sessions.locked_out_error())
    if request.path.startswith("/api/"):
        return problem_json(request, problem)
    response = render(request, "accounts/locked.html", {"problem": problem}, status=problem.status)
    for name, value in problem.all_headers.items():
        response[name] = value
    return response
