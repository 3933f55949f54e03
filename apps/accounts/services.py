"""Everything that changes people, teams and invitations. Signing in and tokens are in `sessions.py`,
notifications in `notifying.py`."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts import sessions
from apps.accounts.actor import Actor
from apps.accounts.contract import TeamCreated
from apps.accounts.errors import LastOwner, LinkNotUsable
from apps.accounts.models import Invitation, Membership, Role, Team, User
from apps.accounts.notifying import notification_send_mail as notification_send_mail
from apps.accounts.notifying import notifications_delete as notifications_delete
from apps.accounts.notifying import notifications_read as notifications_read
from apps.accounts.notifying import notify as notify
from apps.common import events
from apps.common.errors import BadInput, Conflict, NotAllowed, NotFound

INVITATION_LIFE = timedelta(days=7)
WELCOME_LIFE = timedelta(hours=48)
THEMES = ("system", "light", "dark")


# ── Who asks ──────────────────────────────────────────────────────────────────────────────────────────────────────
def actor_for(user: User, *, team: str | None = None, preferred_team: str | None = None) -> Actor:
    """The person acting in one team. `team` must be one of theirs (NotFound); `preferred_team` gives way to their first.

    A person without any team gets one of their own.
    """
    if not user.is_authenticated:
        raise NotAllowed(_("Sign in first."))
    memberships = list(Membership.objects.filter(user=user).select_related("team").order_by("created_at", "pk"))
    user.known_memberships = memberships  # type: ignore[attr-defined]  # the page's menu of teams shows them
    by_team = {str(membership.team.public_id): membership for membership in memberships}
    if team:
        if team not in by_team:
            raise NotFound(_("There is no such team, or you are not in it."))
        chosen = by_team[team]
    elif preferred_team in by_team:
        chosen = by_team[preferred_team]
    else:
        chosen = memberships[0] if memberships else personal_team_ensure(user)
    return Actor(user=user, team=chosen.team, role=chosen.role)


# ── People ────────────────────────────────────────────────────────────────────────────────────────────────────────
def user_create(*, email: str, password: str | None, name: str = "", language: str = "") -> User:
    """A new person without a team. `password` None: they cannot sign in until a one-time link sets one.

    Raises BadInput for an address or password that is not good enough, or an address that has an account.
    """
    user = User(email=_clean_email(email), name=name.strip(), language=language_clean(language))
    if password is not None:
        password_check(password, user=user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise BadInput(_("This e-mail has an account already."), field="email") from error
    return user


def password_check(password: str, *, user: User | None = None) -> None:
    """Raises BadInput, with one error for each rule that the password breaks."""
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        errors = [{"field": "password", "code": one.code or "invalid", "message": one.messages[0]} for one in error.error_list]
        raise BadInput(" ".join(error.messages), errors=errors) from error


def password_set(user: User, password: str) -> None:
    """A new password; every session and token of the person ends."""
    password_check(password, user=user)
    user.set_password(password)
    with transaction.atomic():
        user.save(update_fields=["password", "updated_at"])
        sessions.end_all(user)


def password_change(actor: Actor, *, current: str, new: str) -> None:
    """The same by the person, who must know the current one."""
    if not actor.user.check_password(current):
        raise BadInput(_("That is not your current password."), field="current")
    password_set(actor.user, new)


def sessions_end_others(actor: Actor, *, keep: str) -> None:
    """Close every session but the one whose key is `keep`, and revoke every token."""
    sessions.end_all(actor.user, keep=keep)


def profile_update(actor: Actor, *, name: str | None = None, language: str | None = None, theme: str | None = None) -> User:
    """Change what is given. `language` "" means the browser's."""
    user = actor.user
    if name is not None:
        user.name = name.strip()[:120]
    if language is not None:
        user.language = language_clean(language)
    if theme is not None:
        if theme not in THEMES:
            raise BadInput(_("The theme is system, light or dark."), field="theme")
        user.theme = theme
    user.save(update_fields=["name", "language", "theme", "updated_at"])
    return user


def language_clean(language: str) -> str:
    """One of the languages of this installation, or ""; raises BadInput."""
    if language and language not in dict(settings.LANGUAGES):
        raise BadInput(_("This language is not available."), field="language")
    return language


def user_deactivate(user: User) -> None:
    """They cannot sign in any more, and what they had open is closed. Their rows stay."""
    if user.is_superuser and not User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk).exists():
        raise LastOwner(_("%(user)s is the only owner of this installation.") % {"user": user})
    with transaction.atomic():
        user.is_active = False
        user.save(update_fields=["is_active", "updated_at"])
        sessions.end_all(user)


# ── The owner of the installation ─────────────────────────────────────────────────────────────────────────────────
def owner_ensure(*, email: str, password: str) -> tuple[User, bool]:
    """The owner named in the settings, and whether it was made now. One who exists keeps the password they have."""
    if owner := User.objects.filter(email=_clean_email(email)).first():
        return owner, False
    return _owner_create(email=email, password=password), True


def welcome_link_create() -> str:
    """The token of a one-time link by which the first owner signs up; earlier ones no longer work."""
    token = _token()
    with transaction.atomic():
        Invitation.objects.filter(team=None, email="", accepted_at=None).delete()
        Invitation.objects.create(role=Role.OWNER, token_hash=token_hash(token), expires_at=timezone.now() + WELCOME_LIFE)
    return token


def password_link_create(user: User) -> str:
    """The token of a one-time link by which a person sets a new password."""
    token = _token()
    with transaction.atomic():
        Invitation.objects.filter(team=None, email=user.email, accepted_at=None).delete()
        expires_at = timezone.now() + WELCOME_LIFE
        Invitation.objects.create(email=user.email, role=Role.OWNER, token_hash=token_hash(token), expires_at=expires_at)
    return token


def welcome_accept(token: str, *, password: str, email: str = "", name: str = "") -> User:
    """Use a one-time link: the first owner is made, or the person it was made for gets the new password."""
    with transaction.atomic():
        invitation = _take_link(token, is_for_team=False)
        if not invitation.email:
            return _owner_create(email=email, password=password, name=name)
        user = User.objects.filter(email=invitation.email, is_active=True).first()
        if user is None:
            raise LinkNotUsable()
        password_set(user, password)
        return user


def user_invited_create(*, email: str, name: str = "", is_owner: bool = False) -> User:
    """An account made from the terminal, with a team of its own and no password yet."""
    with transaction.atomic():
        user = user_create(email=email, password=None, name=name)
        if is_owner:
            user.is_staff = user.is_superuser = True
            user.save(update_fields=["is_staff", "is_superuser"])
        personal_team_ensure(user)
    return user


def _owner_create(*, email: str, password: str, name: str = "") -> User:
    with transaction.atomic():
        user = user_create(email=email, password=password, name=name)
        user.is_staff = user.is_superuser = True
        user.save(update_fields=["is_staff", "is_superuser"])
        team_create(user, name=_("Our team"))
    return user


# ── Teams ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def team_create(user: User, *, name: str) -> Team:
    """A team whose owner is `user`; whoever listens to TeamCreated furnishes it in the same transaction."""
    if not name.strip():
        raise BadInput(_("Give the team a name."), field="name")
    with transaction.atomic():
        team = Team.objects.create(name=name.strip()[:120])
        Membership.objects.create(user=user, team=team, role=Role.OWNER)
        events.publish(TeamCreated(team.pk))
    return team


def personal_team_ensure(user: User) -> Membership:
    """The first membership of a person, in a team made for them where there is none."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        if not Membership.objects.filter(user=user).exists():
            team_create(user, name=_("Team of %(name)s") % {"name": user.short_name})
    return Membership.objects.select_related("team").filter(user=user).order_by("created_at", "pk")[0]


def team_rename(actor: Actor, *, name: str) -> Team:
    actor.must_manage()
    if not name.strip():
        raise BadInput(_("Give the team a name."), field="name")
    team = Team.objects.get(pk=actor.team.pk)
    team.name = name.strip()[:120]
    team.save(update_fields=["name", "updated_at"])
    return team


def member_role_change(actor: Actor, member: Membership, *, role: str) -> Membership:
    """Admins change roles up to admin; only owners make owners or change them. A team keeps an owner."""
    actor.must_manage()
    _role_check(actor, role)
    with transaction.atomic():
        member = _locked(actor, member)
        if member.role == Role.OWNER and role != Role.OWNER:
            _must_leave_an_owner(actor, member)
        member.role = role
        member.save(update_fields=["role", "updated_at"])
    return member


def member_remove(actor: Actor, member: Membership) -> None:
    """Take a person out of the team (an admin), or leave it (the person). Never the last owner."""
    if member.user_id != actor.user.pk:
        actor.must_manage()
    with transaction.atomic():
        member = _locked(actor, member)
        if member.role == Role.OWNER:
            _must_leave_an_owner(actor, member)
        member.delete()


def _locked(actor: Actor, member: Membership) -> Membership:
    """The row as it is now, while nobody else changes the owners of the team."""
    Team.objects.select_for_update().get(pk=actor.team.pk)
    found = Membership.objects.select_related("user", "team").filter(pk=member.pk, team=actor.team).first()
    if found is None:
        raise NotFound()
    return found


def _must_leave_an_owner(actor: Actor, member: Membership) -> None:
    if actor.role != Role.OWNER:
        raise NotAllowed(_("Only owners can change an owner."))
    if not Membership.objects.filter(team=member.team, role=Role.OWNER).exclude(pk=member.pk).exists():
        raise LastOwner()


def _role_check(actor: Actor, role: str) -> None:
    if role not in Role.values:
        raise BadInput(_("The role is owner, admin, member or viewer."), field="role")
    if role == Role.OWNER and actor.role != Role.OWNER:
        raise NotAllowed(_("Only owners can make somebody an owner."))


# ── Invitations ───────────────────────────────────────────────────────────────────────────────────────────────────
def invite_create(actor: Actor, *, email: str, role: str = Role.MEMBER) -> tuple[Invitation, str]:
    """An invitation and its token, which is told this once and kept only as a hash. A newer one replaces an older."""
    actor.must_manage()
    _role_check(actor, role)
    email = _clean_email(email)
    if Membership.objects.filter(team=actor.team, user__email=email).exists():
        raise Conflict(_("%(email)s is in the team already.") % {"email": email})
    token = _token()
    with transaction.atomic():
        Invitation.objects.filter(team=actor.team, email=email, accepted_at=None).delete()
        invitation = Invitation.objects.create(
            team=actor.team,
            email=email,
            role=role,
            invited_by=actor.user,
            token_hash=token_hash(token),
            expires_at=timezone.now() + INVITATION_LIFE,
        )
    return invitation, token


def invite_revoke(actor: Actor, invitation: Invitation) -> None:
    actor.must_manage()
    invitation.delete()


def invite_accept(token: str, *, user: User | None = None, password: str = "", name: str = "") -> Membership:
    """Join by a link. Somebody signed in must be the one invited; a stranger makes an account with the invited address.

    Raises LinkNotUsable, and BadInput for the password.
    """
    with transaction.atomic():
        invitation = _take_link(token, is_for_team=True)
        if user is None:
            user = user_create(email=invitation.email, password=password, name=name)
        elif user.email != invitation.email:
            raise LinkNotUsable(_("This invitation is for another e-mail. Sign in with that one."))
        membership, _made = Membership.objects.get_or_create(user=user, team=invitation.team, defaults={"role": invitation.role})
    return membership


def _take_link(token: str, *, is_for_team: bool) -> Invitation:
    """The open link of this token, used from now on: of two who come at once, one gets it."""
    now = timezone.now()
    links = Invitation.objects.filter(token_hash=token_hash(token), team__isnull=not is_for_team)
    if not links.filter(accepted_at=None, expires_at__gt=now).update(accepted_at=now, updated_at=now):
        raise LinkNotUsable()
    return links.select_related("team").get()


# ── Parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _token() -> str:
    return secrets.token_urlsafe(32)


def _clean_email(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise BadInput(_("This is not an e-mail address."), field="email") from error
    return email
