"""Secrets at rest: AES-256-GCM with key ids, behind django-encrypted-model-fields' fields.

The library's own cipher (Fernet) is replaced; its fields are wrapped, because `bulk_update()` and `update(F())` would
store the text of an expression instead of the value, and a wrong key would read back ciphertext as if it were the secret.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models.expressions import BaseExpression, Value
from django.utils.functional import SimpleLazyObject
from encrypted_model_fields import fields as library

MARK = "orq1"


class CannotDecrypt(Exception):
    """The key that this secret was locked with is not among ORQ_ENCRYPTION_KEYS."""


class Cipher:
    """Encrypts with the first key, decrypts with any. Text form: `orq1:<key id>:<base64 of nonce + ciphertext>`."""

    def __init__(self, spec: str) -> None:
        self.keys = dict(_parse(part) for part in spec.split(",") if part.strip())
        if not self.keys:
            raise ImproperlyConfigured("ORQ_ENCRYPTION_KEYS is empty; it takes id:base64-of-32-bytes, comma-separated.")
        self.current = next(iter(self.keys))

    def encrypt(self, plain: bytes) -> bytes:
        nonce = os.urandom(12)
        sealed = AESGCM(self.keys[self.current]).encrypt(nonce, plain, self.current.encode())
        return f"{MARK}:{self.current}:{base64.b64encode(nonce + sealed).decode()}".encode()

    def decrypt(self, sealed: bytes) -> bytes:
        mark, _, rest = sealed.decode().partition(":")
        key_id, _, body = rest.partition(":")
        if mark != MARK or key_id not in self.keys:
            raise CannotDecrypt(
                f"This secret was encrypted with the key {key_id or '?'}, which ORQ_ENCRYPTION_KEYS does not hold."
            )
        raw = base64.b64decode(body)
        try:
            return AESGCM(self.keys[key_id]).decrypt(raw[:12], raw[12:], key_id.encode())
        except InvalidTag as error:
            raise CannotDecrypt(f"The key {key_id} in ORQ_ENCRYPTION_KEYS is not the one that encrypted this secret.") from error


def _parse(part: str) -> tuple[str, bytes]:
    key_id, _, encoded = part.strip().partition(":")
    key = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    if len(key) != 32:
        raise ImproperlyConfigured(f"The key {key_id!r} in ORQ_ENCRYPTION_KEYS has {len(key)} bytes; it needs 32.")
    return key_id, key


def install() -> None:
    """Put our cipher in the place of the library's."""
    library.CRYPTER = SimpleLazyObject(lambda: Cipher(settings.ORQ_ENCRYPTION_KEYS))


class _Guarded:
    """Refuses every write that would not pass through the cipher, and every read that did not."""

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if isinstance(value, Value):
            value = value.value
        if isinstance(value, BaseExpression) or hasattr(value, "resolve_expression"):
            raise TypeError("An encrypted field takes plain values only: set it on the object and save that.")
        return super().get_db_prep_save(value, connection)  # type: ignore[misc]

    def from_db_value(self, value: Any, *_: Any) -> Any:
        return value if not value else library.CRYPTER.decrypt(value.encode()).decode()

    def to_python(self, value: Any) -> Any:
        return value if value is None else str(value)


if TYPE_CHECKING:
    EncryptedText = models.TextField
else:

    class EncryptedText(_Guarded, library.EncryptedTextField):
        """A text that is stored encrypted. It cannot be filtered, ordered or changed by expressions."""
