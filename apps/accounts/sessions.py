"""Signing in and out: browser sessions, and the API's tokens with rotation and revocation."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.utils import datetime_from_epoch, get_md5_hash_password

from apps.accounts.errors import LockedOut, SignInRefused
from apps.accounts.models import SignIn, User

_BACKEND = f"{ModelBackend.__module__}.{ModelBackend.__qualname__}"


# ── Browser sessions ──────────────────────────────────────────────────────────────────────────────────────────────
def person_of(request: HttpRequest, *, email: str, password: str) -> User:
    """Whose e-mail and password these are. Raises SignInRefused, or LockedOut after too many wrong ones."""
    user = authenticate(request, email=email.strip().lower(), password=password)
    if getattr(request, "axes_locked_out", False):
        raise locked_out_error()
    if user is None:
        raise SignInRefused(_("The e-mail or the password is not right."))
    return user


def begin(request: HttpRequest, user: User) -> None:
    """Open a session in this browser, and keep a row by which the person can see and end it."""
    login(request, user, backend=_BACKEND)
    alive = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    with transaction.atomic():
        SignIn.objects.filter(user=user).exclude(session_key__in=alive).delete()
        SignIn.objects.update_or_create(
            session_key=request.session.session_key,
            defaults={
                "user": user,
                "address": request.META.get("REMOTE_ADDR", "")[:45],
                "browser": request.headers.get("User-Agent", "")[:300],
            },
        )


def end(request: HttpRequest) -> None:
    """Close the session of this browser."""
    SignIn.objects.filter(session_key=request.session.session_key).delete()
    logout(request)


def end_one(sign_in: SignIn) -> None:
    """Close one session, wherever its browser is."""
    with transaction.atomic():
        Session.objects.filter(session_key=sign_in.session_key).delete()
        sign_in.delete()


def end_all(user: User, *, keep: str = "") -> None:
    """Close every session of a person, but for the one whose key is `keep`, and revoke every token."""
    with transaction.atomic():
        closing = SignIn.objects.filter(user=user).exclude(session_key=keep)
        Session.objects.filter(session_key__in=list(closing.values_list("session_key", flat=True))).delete()
        closing.delete()
        tokens_revoke_all(user)


def locked_out_error() -> LockedOut:
    minutes = round(settings.AXES_COOLOFF_TIME.total_seconds() / 60)
    message = _("Too many wrong passwords. Try again in %(minutes)s minutes, or ask an admin for a link to set a new one.")
    return LockedOut(message % {"minutes": minutes}, retry_after_s=settings.AXES_COOLOFF_TIME.total_seconds())


# ── Tokens ────────────────────────────────────────────────────────────────────────────────────────────────────────
def tokens_issue(user: User) -> dict[str, str]:
    """{"access", "refresh"}. The text of a refresh token is not kept, only its id."""
    refresh = RefreshToken()
    refresh["sub"] = str(user.public_id)
    refresh["hash_password"] = get_md5_hash_password(user.password)  # a new password ends what was issued before
    OutstandingToken.objects.create(
        user=user, jti=refresh["jti"], token="", created_at=refresh.current_time, expires_at=datetime_from_epoch(refresh["exp"])
    )
    return {"access": str(refresh.access_token), "refresh": str(refresh)}


def tokens_rotate(refresh_text: str) -> dict[str, str]:
    """New tokens for a refresh token, which counts once: of two who bring it at the same time, one gets them.

    One that comes a second time was copied, so every token of its person is revoked (RFC 9700, section 4.14.2).
    """
    refresh = _read(refresh_text)
    issued = OutstandingToken.objects.select_related("user").filter(jti=refresh["jti"]).first()
    user = issued.user if issued else None
    if issued is None or user is None or not user.is_active:
        raise _refused()
    if refresh.get("hash_password") != get_md5_hash_password(user.password):
        raise _refused()
    if not BlacklistedToken.objects.get_or_create(token=issued)[1]:
        tokens_revoke_all(user)
        raise _refused()
    return tokens_issue(user)


def tokens_revoke(refresh_text: str) -> None:
    """This refresh token counts no more. One that counts no more already is no error."""
    refresh = _read(refresh_text)
    if issued := OutstandingToken.objects.filter(jti=refresh["jti"]).first():
        BlacklistedToken.objects.get_or_create(token=issued)


def tokens_revoke_all(user: User) -> None:
    open_tokens = OutstandingToken.objects.filter(user=user, blacklistedtoken=None)
    BlacklistedToken.objects.bulk_create([BlacklistedToken(token=token) for token in open_tokens], ignore_conflicts=True)


class _Refresh(RefreshToken):
    """Ours and in date; whether it is revoked is asked by its users, in one step with using it."""

    def check_blacklist(self) -> None:
        return None


def _read(text: str) -> _Refresh:
    try:
        return _Refresh(text)  # type: ignore[arg-type]
    except TokenError as error:
        raise _refused() from error


def _refused() -> SignInRefused:
    return SignInRefused(_("This token is out of date or revoked. Sign in again."))
