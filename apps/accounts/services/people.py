"""People: their accounts, passwords and settings. Signing in and tokens are in `apps/accounts/sessions.py`."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts import sessions
from apps.accounts.actor import Actor
from apps.accounts.errors import LastOwner
from apps.accounts.models import User
from apps.common.errors import BadInput

THEMES = ("system", "light", "dark")


def user_create(*, email: str, password: str | None, name: str = "", language: str = "") -> User:
    """A new person without a team. `password` None: they cannot sign in until a one-time link sets one.

    Raises BadInput for an address or password that is not good enough, or an address that has an account.
    """
    user = User(email=email_clean(email), name=name.strip(), language=language_clean(language))
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


def email_clean(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise BadInput(_("This is not an e-mail address."), field="email") from error
    return email


def user_deactivate(user: User) -> None:
    """They cannot sign in any more, and what they had open is closed. Their rows stay."""
    if user.is_superuser and not User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk).exists():
        raise LastOwner(_("%(user)s is the only owner of this installation.") % {"user": user})
    with transaction.atomic():
        user.is_active = False
        user.save(update_fields=["is_active", "updated_at"])
        sessions.end_all(user)
