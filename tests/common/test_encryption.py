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
from apps.providers.models import Provider
from tests.factories import make_actor

KEY = "sk-live-0123456789-ção"


def cipher_key(key_id: str, letter: str) -> str:
    return f"{key_id}:{base64.urlsafe_b64encode(letter.encode() * 32).decode()}"


OLD, NEW = cipher_key("old", "a"), cipher_key("new", "b")


@pytest.fixture
def provider(db):
    actor = make_actor()
    return Provider.objects.create(
        owner=actor.user, team=actor.team, name="mine", display_name="Mine", kind="openai", api_key=KEY
    )


@pytest.fixture
def keys(settings):
    """Use other keys from now on, as a restart with another ORQ_ENCRYPTION_KEYS would."""

    def use(*specs: str) -> None:
        settings.ORQ_ENCRYPTION_KEYS = ",".join(specs)
        install()

    yield use
    install()


def stored(provider: Provider) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT api_key FROM ai_providers WHERE id = %s", [provider.pk])
        return cursor.fetchone()[0]


# ── In the database ───────────────────────────────────────────────────────────────────────────────────────────────
def test_the_database_holds_no_secret_and_gives_it_back_whole(provider):
    assert stored(provider).startswith("orq1:") and KEY not in stored(provider)
    assert Provider.objects.get().api_key == KEY


def test_the_same_secret_is_never_stored_alike(provider):
    before = stored(provider)
    provider.save()
    assert stored(provider) != before and Provider.objects.get().api_key == KEY


@pytest.mark.parametrize("text", ["", "x", "orq1:k1:not really", "€" * 5_000])
def test_any_text_comes_back_as_it_was(provider, text):
    provider.api_key = text
    provider.save()
    assert Provider.objects.get().api_key == text


def test_bulk_create_encrypts(provider):
    given = {"owner": provider.owner, "team": provider.team, "display_name": "Two", "kind": "openai"}
    Provider.objects.bulk_create([Provider(name="two", api_key="sk-two", **given)])
    second = Provider.objects.get(name="two")
    assert "sk-two" not in stored(second) and second.api_key == "sk-two"


def test_bulk_update_is_refused_and_changes_nothing(provider):
    changed = Provider.objects.get()
    changed.api_key = "sk-bulk"
    with pytest.raises(TypeError, match="plain values only"), transaction.atomic():
        Provider.objects.bulk_update([changed], ["api_key"])
    assert Provider.objects.get().api_key == KEY


def test_update_with_a_plain_value_encrypts(provider):
    for value in ("sk-plain", Value("sk-wrapped")):
        Provider.objects.update(api_key=value)
        assert stored(provider).startswith("orq1:")
    assert Provider.objects.get().api_key == "sk-wrapped"


@pytest.mark.parametrize("expression", [F("name"), Concat(F("name"), Value("x"))])
def test_update_with_an_expression_is_refused_and_changes_nothing(provider, expression):
    with pytest.raises(TypeError, match="plain values only"), transaction.atomic():
        Provider.objects.update(api_key=expression)
    assert Provider.objects.get().api_key == KEY


def test_a_text_that_never_was_encrypted_is_not_taken_for_a_secret(provider):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ai_providers SET api_key = %s", ["sk-plain-in-the-table"])
    with pytest.raises(CannotDecrypt):
        Provider.objects.get()


# ── Keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_second_key_takes_over_and_the_first_still_reads(provider, keys):
    keys(OLD)
    provider.save()
    keys(NEW, OLD)
    assert Provider.objects.get().api_key == KEY and ":old:" in stored(provider)
    Provider.objects.get().save()
    assert ":new:" in stored(provider)
    keys(NEW)
    assert Provider.objects.get().api_key == KEY


def test_a_key_that_is_gone_is_named(provider, keys):
    keys(OLD)
    provider.save()
    keys(NEW)
    with pytest.raises(CannotDecrypt, match="encrypted with the key old, which ORQ_ENCRYPTION_KEYS does not hold"):
        Provider.objects.get()


def test_another_key_under_the_same_id_reads_nothing(provider, keys):
    keys(OLD)
    provider.save()
    keys(cipher_key("old", "z"))
    with pytest.raises(CannotDecrypt, match="is not the one that encrypted"):
        Provider.objects.get()


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
def test_the_key_is_in_no_representation_of_the_provider(provider):
    said = [repr(provider), str(provider), repr(provider.connection), str(provider.connection)]
    assert not any(KEY in text for text in said)


def test_the_error_about_a_secret_holds_no_part_of_it(provider, keys, caplog):
    keys(OLD)
    provider.save()
    sealed = stored(provider)
    keys(NEW)
    with caplog.at_level(logging.DEBUG), pytest.raises(CannotDecrypt) as raised:
        Provider.objects.get()
    assert sealed.rpartition(":")[2][:20] not in str(raised.value) + caplog.text
