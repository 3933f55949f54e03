"""Secrets at rest: what the database holds, who can read it back, and which writes are refused."""

from __future__ import annotations

import base64
import logging

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat
from encrypted_model_fields import fields as library

from apps.common.encryption import CannotDecrypt, Cipher, install
from apps.providers.models import Provider, ProviderKey
from tests.factories import make_actor

KEY = "sk-live-0123456789-ção"


def cipher_key(key_id: str, letter: str) -> str:
    return f"{key_id}:{base64.urlsafe_b64encode(letter.encode() * 32).decode()}"


OLD, NEW = cipher_key("old", "a"), cipher_key("new", "b")


@pytest.fixture
def key(db):
    actor = make_actor()
    return ProviderKey.objects.create(owner=actor.user, team=actor.team, name="mine", kind="openai", secret=KEY)


@pytest.fixture
def keys(settings):
    """Use other keys from now on, as a restart with another ORQ_ENCRYPTION_KEYS would."""

    def use(*specs: str) -> None:
        settings.ORQ_ENCRYPTION_KEYS = ",".join(specs)
        install()

    yield use
    install()


def stored(key: ProviderKey) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM api_keys WHERE id = %s", [key.pk])
        return cursor.fetchone()[0]


# ── In the database ───────────────────────────────────────────────────────────────────────────────────────────────
def test_the_database_holds_no_secret_and_gives_it_back_whole(key):
    assert stored(key).startswith("orq1:") and KEY not in stored(key)
    assert ProviderKey.objects.get().secret == KEY


def test_the_same_secret_is_never_stored_alike(key):
    before = stored(key)
    key.save()
    assert stored(key) != before and ProviderKey.objects.get().secret == KEY


@pytest.mark.parametrize("text", ["", "x", "orq1:k1:not really", "€" * 5_000])
def test_any_text_comes_back_as_it_was(key, text):
    key.secret = text
    key.save()
    assert ProviderKey.objects.get().secret == text


def test_bulk_create_encrypts(key):
    given = {"owner": key.owner, "team": key.team, "kind": "openai"}
    ProviderKey.objects.bulk_create([ProviderKey(name="two", secret="sk-two", **given)])
    second = ProviderKey.objects.get(name="two")
    assert "sk-two" not in stored(second) and second.secret == "sk-two"


def test_bulk_update_is_refused_and_changes_nothing(key):
    changed = ProviderKey.objects.get()
    changed.secret = "sk-bulk"
    with pytest.raises(TypeError, match="plain values only"), transaction.atomic():
        ProviderKey.objects.bulk_update([changed], ["secret"])
    assert ProviderKey.objects.get().secret == KEY


def test_update_with_a_plain_value_encrypts(key):
    for value in ("sk-plain", Value("sk-wrapped")):
        ProviderKey.objects.update(secret=value)
        assert stored(key).startswith("orq1:")
    assert ProviderKey.objects.get().secret == "sk-wrapped"


@pytest.mark.parametrize("expression", [F("name"), Concat(F("name"), Value("x"))])
def test_update_with_an_expression_is_refused_and_changes_nothing(key, expression):
    with pytest.raises(TypeError, match="plain values only"), transaction.atomic():
        ProviderKey.objects.update(secret=expression)
    assert ProviderKey.objects.get().secret == KEY


def test_a_text_that_never_was_encrypted_is_not_taken_for_a_secret(key):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE api_keys SET secret = %s", ["sk-plain-in-the-table"])
    with pytest.raises(CannotDecrypt):
        ProviderKey.objects.get()


# ── Keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_second_key_takes_over_and_the_first_still_reads(key, keys):
    keys(OLD)
    key.save()
    keys(NEW, OLD)
    assert ProviderKey.objects.get().secret == KEY and ":old:" in stored(key)
    ProviderKey.objects.get().save()
    assert ":new:" in stored(key)
    keys(NEW)
    assert ProviderKey.objects.get().secret == KEY


def test_a_key_that_is_gone_is_named(key, keys):
    keys(OLD)
    key.save()
    keys(NEW)
    with pytest.raises(CannotDecrypt, match="encrypted with the key old, which ORQ_ENCRYPTION_KEYS does not hold"):
        ProviderKey.objects.get()


def test_another_key_under_the_same_id_reads_nothing(key, keys):
    keys(OLD)
    key.save()
    keys(cipher_key("old", "z"))
    with pytest.raises(CannotDecrypt, match="is not the one that encrypted"):
        ProviderKey.objects.get()


def test_a_changed_or_moved_ciphertext_is_noticed():
    cipher = Cipher(f"{OLD},{NEW}")
    sealed = cipher.encrypt(b"secret")
    mark, key_id, body = sealed.decode().split(":")
    raw = bytearray(base64.b64decode(body))
    raw[-1] ^= 1
    for forged in (f"{mark}:{key_id}:{base64.b64encode(raw).decode()}", f"{mark}:new:{body}"):
        with pytest.raises(CannotDecrypt):
            cipher.decrypt(forged.encode())


@pytest.mark.parametrize("spec", ["", " , ", "k1:c2hvcnQ="])
def test_keys_that_cannot_be_used_are_said_in_words(spec):
    with pytest.raises(ImproperlyConfigured, match="ORQ_ENCRYPTION_KEYS"):
        Cipher(spec)


def test_the_library_encrypts_with_our_cipher(db):
    assert library.encrypt_str("x").startswith(b"orq1:")


# ── Elsewhere ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_key_is_in_no_representation_of_the_provider(key):
    provider = Provider(owner=key.owner, team=key.team, name="mine", display_name="Mine", kind="openai", key=key)
    said = [repr(key), str(key), repr(provider), str(provider), repr(provider.connection), str(provider.connection)]
    assert provider.connection.api_key == KEY
    assert not any(KEY in text for text in said)


def test_the_error_about_a_secret_holds_no_part_of_it(key, keys, caplog):
    keys(OLD)
    key.save()
    sealed = stored(key)
    keys(NEW)
    with caplog.at_level(logging.DEBUG), pytest.raises(CannotDecrypt) as raised:
        ProviderKey.objects.get()
    assert sealed.rpartition(":")[2][:20] not in str(raised.value) + caplog.text
