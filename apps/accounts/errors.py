"""Errors of people, teams and signing in.

OrquestradorError
├── BadInput
│   └── LinkNotUsable     an invitation or one-time link that is unknown, used or out of date
├── Conflict
│   └── LastOwner         a team always keeps one owner
└── SignInRefused         wrong e-mail or password, or a token that counts no more
    └── LockedOut         too many wrong passwords; `retry_after_s` says how long
"""

from __future__ import annotations

from apps.common.errors import BadInput, Conflict, OrquestradorError


class LinkNotUsable(BadInput):
    """This link was used already, is out of date, or never existed. Ask for a new one."""

    code = "link_not_usable"


class LastOwner(Conflict):
    """A team needs an owner. Make somebody else an owner first."""

    code = "last_owner"


class SignInRefused(OrquestradorError):
    """The e-mail or the password is not right."""

    code = "sign_in_refused"
    status = 401


class LockedOut(SignInRefused):
    """Too many wrong passwords."""

    code = "locked_out"
    status = 429
    retryable = True
