"""Pages of people and teams: sign in, one-time links, profile, team, notifications."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts import forms, selectors, services, sessions
from apps.accounts.actor import Asked
from apps.accounts.errors import LinkNotUsable, SignInRefused
from apps.accounts.lists import members_listed
from apps.accounts.middleware import TEAM_IN_SESSION, open_to_strangers
from apps.accounts.models import Role, User
from apps.common.errors import BadInput, OrquestradorError
from apps.common.problems import problem_json, problem_of

INVITATIONS_SHOWN = 10


# ── In and out ────────────────────────────────────────────────────────────────────────────────────────────────────
@open_to_strangers
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect(_next(request))
    form = forms.SignInForm(request.POST or None)
    if form.is_valid():
        try:
            user = sessions.person_of(request, **form.cleaned_data)
        except SignInRefused as error:
            form.add_error(None, error.message)
        else:
            return _signed_in(request, user, _next(request))
    return render(request, "accounts/sign_in.html", {"form": form, "next": _next(request)}, status=401 if form.errors else 200)


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


# ── One-time links ────────────────────────────────────────────────────────────────────────────────────────────────
@open_to_strangers
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def welcome(request: HttpRequest, token: str) -> HttpResponse:
    """The first owner signs up, or a person sets a new password."""
    link = selectors.link_open(token)
    if link is None or link.team is not None:
        return _link_not_usable(request)
    form_class = forms.NewPasswordForm if link.email else forms.OwnerForm
    form = form_class(request.POST or None)
    if form.is_valid():
        try:
            return _signed_in(request, services.welcome_accept(token, **form.cleaned_data), "/")
        except BadInput as error:
            form.refuse(error)
    return render(request, "accounts/welcome.html", {"form": form, "link": link}, status=400 if form.errors else 200)


@open_to_strangers
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Join a team: with the account that one is signed in with, or with a new one."""
    link = selectors.link_open(token)
    if link is None or link.team is None:
        return _link_not_usable(request)
    user = request.user if request.user.is_authenticated else None
    has_account = User.objects.filter(email=link.email).exists()
    form = None if user or has_account else forms.NewAccountForm(request.POST or None)
    is_invited = user is not None and user.email == link.email
    context: dict[str, Any] = {"form": form, "link": link, "has_account": has_account, "is_invited": is_invited}
    if request.method == "POST" and (user or (form and form.is_valid())):
        try:
            member = services.invite_accept(token, user=user, **(form.cleaned_data if form else {}))
        except LinkNotUsable as error:
            context["refused"] = error.message
        except BadInput as error:
            assert form is not None
            form.refuse(error)
        else:
            return _joined(request, member)
    is_refused = "refused" in context or (form is not None and bool(form.errors))
    return render(request, "accounts/invitation.html", context, status=400 if is_refused else 200)


def _joined(request: HttpRequest, member: Any) -> HttpResponse:
    response = redirect("/") if request.user.is_authenticated else _signed_in(request, member.user, "/")
    request.session[TEAM_IN_SESSION] = str(member.team.public_id)
    return response


def _link_not_usable(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/link_not_usable.html", status=404)


# ── Profile ───────────────────────────────────────────────────────────────────────────────────────────────────────
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
    response = HttpResponse(status=204) if request.headers.get("X-Requested-With") else redirect(_next(request))
    return _with_language(response, request.POST.get("language"))


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


# ── Team ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@require_http_methods(["GET", "POST"])
def team(request: Asked) -> HttpResponse:
    form = forms.TeamForm(request.POST or None, initial={"name": request.actor.team.name})
    if form.is_valid():
        services.team_rename(request.actor, **form.cleaned_data)
        messages.success(request, _("The team was saved."))
        return redirect("accounts:team")
    return _team_page(request, form=form)


@require_POST
def invite(request: Asked) -> HttpResponse:
    """The page that answers shows the link, this once."""
    form = forms.InviteForm(request.POST)
    if form.is_valid():
        try:
            made, token = services.invite_create(request.actor, **form.cleaned_data)
        except OrquestradorError as error:
            form.add_error("email", error.message)
        else:
            link = request.build_absolute_uri(reverse("accounts:invitation", args=[token]))
            return _team_page(request, new_invitation=made, new_link=link)
    return _team_page(request, invite_form=form, status=400)


@require_POST
def invite_revoke(request: Asked, id: uuid.UUID) -> HttpResponse:
    services.invite_revoke(request.actor, selectors.access_invitation(request.actor, id))
    return redirect("accounts:team")


@require_POST
def member(request: Asked, id: uuid.UUID) -> HttpResponse:
    """`role` changes what a member may do; `remove` takes them out."""
    row = selectors.access_member(request.actor, id)
    try:
        if "remove" in request.POST:
            services.member_remove(request.actor, row)
        else:
            services.member_role_change(request.actor, row, role=request.POST.get("role", ""))
    except OrquestradorError as error:
        messages.error(request, error.message)
    return redirect("/" if "remove" in request.POST and row.user_id == request.user.pk else "accounts:team")


@require_POST
def team_switch(request: Asked) -> HttpResponse:
    """Work in another of one's teams (`team`: its id)."""
    try:
        wanted = uuid.UUID(request.POST.get("team", ""))
    except ValueError as error:
        raise Http404 from error
    request.session[TEAM_IN_SESSION] = str(selectors.access_team(request.actor, wanted).public_id)
    return redirect("/")


@require_http_methods(["GET", "POST"])
def team_new(request: Asked) -> HttpResponse:
    form = forms.TeamForm(request.POST or None)
    if form.is_valid():
        made = services.team_create(request.user, **form.cleaned_data)
        request.session[TEAM_IN_SESSION] = str(made.public_id)
        return redirect("accounts:team")
    return render(request, "accounts/team_new.html", {"form": form})


def _team_page(request: Asked, *, status: int = 200, **more: Any) -> HttpResponse:
    context = {
        "form": forms.TeamForm(initial={"name": request.actor.team.name}),
        "invite_form": forms.InviteForm(),
        **members_listed(request),
        "invitations": selectors.invitations_visible(request.actor)[:INVITATIONS_SHOWN],
        "roles": Role.choices,
        "can_manage": request.actor.can_manage,
        **more,
    }
    return render(request, "accounts/team.html", context, status=status)


# ── Language and notifications ────────────────────────────────────────────────────────────────────────────────────
@open_to_strangers
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """The language of the pages, also before signing in."""
    wanted = services.language_clean(request.POST.get("language", ""))
    if request.user.is_authenticated:
        services.profile_update(request.actor, language=wanted)  # type: ignore[attr-defined]
    return _with_language(redirect(_next(request)), wanted)


@require_GET
def notification_open(request: Asked, notification_id: uuid.UUID) -> HttpResponse:
    """Marks it as read and leads to the thing, in the team whose it is."""
    note = selectors.access_notification(request.actor, notification_id)
    services.notifications_read(request.actor, only=note.public_id)
    if note.team is not None and selectors.teams_visible(request.actor).filter(pk=note.team.pk).exists():
        request.session[TEAM_IN_SESSION] = str(note.team.public_id)
    is_ours = url_has_allowed_host_and_scheme(note.url, allowed_hosts=None)
    return redirect(note.url if note.url and is_ours else "accounts:notifications")


@require_POST
def notification_read(request: Asked, notification_id: uuid.UUID) -> HttpResponse:
    services.notifications_read(request.actor, only=selectors.access_notification(request.actor, notification_id).public_id)
    return redirect("accounts:notifications")


@require_POST
def notifications_read(request: Asked) -> HttpResponse:
    """All read."""
    services.notifications_read(request.actor)
    return redirect("accounts:notifications")


# ── Parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _signed_in(request: HttpRequest, user: User, where: str) -> HttpResponse:
    sessions.begin(request, user)
    return _with_language(redirect(where), user.language)


def _with_language(response: HttpResponse, wanted: str | None) -> HttpResponse:
    """The language in the cookie that Django reads before it knows the person."""
    if wanted:
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, wanted, max_age=31_536_000, samesite="Lax", secure=settings.ORQ_HTTPS, httponly=True
        )
    elif wanted == "":
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
    return response


def _next(request: HttpRequest) -> str:
    """Where to go afterwards: a page of ours, never another site."""
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours else "/"
