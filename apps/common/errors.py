"""The one family of errors.

OrquestradorError
├── BadInput            what a person or a program sent cannot be used
├── NotFound            it does not exist, or is not yours (we never say which)
├── NotAllowed          you may see it, but not do this
├── AddressNotAllowed   an outgoing call would reach an address that this installation may not call
├── Conflict            it is no longer in the state that this change needs
└── … each app's errors.py adds its own branch
"""

from __future__ import annotations

from typing import Any, ClassVar


class OrquestradorError(Exception):
    """Base of everything that the product raises on purpose.

    `code` is stable and for programs, `message` is for people and names the thing, the cause and the next step. Of `extra`
    programs are told what `told` names.
    """

    code = "error"
    status = 500
    retryable = False
    told: ClassVar[tuple[str, ...]] = ()

    def __init__(self, message: str = "", *, retry_after_s: float | None = None, **extra: Any) -> None:
        super().__init__(message)
        self.message = message or self.__class__.__doc__ or self.code
        self.retry_after_s = retry_after_s
        self.extra = extra


class BadInput(OrquestradorError):
    """What was sent cannot be used.

    `errors` is a list of {"field", "code", "message"}.
    """

    code = "bad_input"
    status = 400

    def __init__(self, message: str = "", *, field: str | None = None, errors: list[dict] | None = None, **extra: Any) -> None:
        super().__init__(message, **extra)
        self.errors = errors or ([{"field": field, "code": self.code, "message": self.message}] if field else [])


class NotFound(OrquestradorError):
    """There is nothing here under that name."""

    code = "not_found"
    status = 404


class NotAllowed(OrquestradorError):
    """Your role does not allow this."""

    code = "not_allowed"
    status = 403


class Conflict(OrquestradorError):
    """This is no longer in the state that the change needs. Look again and repeat."""

    code = "conflict"
    status = 409


class AddressNotAllowed(OrquestradorError):
    """This installation may not call that address."""

    code = "address_refused"
    status = 400
