"""The owner of the installation, and the one-time links by which people set their first or a new password."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.errors import LinkNotUsable
from apps.accounts.models import Invitation, Role, User
from apps.accounts.services.links import link_take, token_create, token_hash
from apps.accounts.services.people import email_clean, password_set, user_create
from apps.accounts.services.teams import personal_team_ensure, team_create

WELCOME_LIFE = timedelta(hours=48)


def owner_ensure(*, email: str, password: str) -> tuple[User, bool]:
    """The owner named in the settings, and whether it was made now. One who exists keeps the password they have."""
    if owner := User.objects.filter(email=email_clean(email)).first():
        return owner, False
    return _owner_create(email=email, password=password), True


def welcome_link_create() -> str:
    """The token of a one-time link by which the first owner signs up; earlier ones no longer work."""
    return _link_create(email="")


def password_link_create(user: User) -> str:
    """The token of a one-time link by which a person sets a new password; earlier ones no longer work."""
    return _link_create(email=user.email)


def welcome_accept(token: str, *, password: str, email: str = "", name: str = "") -> User:
    """Use a one-time link: the first owner is made, or the person it was made for gets the new password."""
    with transaction.atomic():
        invitation = link_take(token, is_for_team=False)
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
            _make_owner(user)
        personal_team_ensure(user)
    return user


def _owner_create(*, email: str, password: str, name: str = "") -> User:
    with transaction.atomic():
        user = user_create(email=email, password=password, name=name)
        _make_owner(user)
        team_create(user, name=_("Our team"))
    return user


def _make_owner(user: User) -> None:
    user.is_staff = user.is_superuser = True
    user.save(update_fields=["is_staff", "is_superuser", "updated_at"])


def _link_create(*, email: str) -> str:
    token = token_create()
    with transaction.atomic():
        Invitation.objects.filter(team=None, email=email, accepted_at=None).delete()
        expires_at = timezone.now() + WELCOME_LIFE
        Invitation.objects.create(email=email, role=Role.OWNER, token_hash=token_hash(token), expires_at=expires_at)
    return token
