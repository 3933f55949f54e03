"""Sentences that are stored once and read in the language of whoever reads them."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.utils import translation

from apps.common.contract import MARK, Said, packed, say
from apps.common.said import gettext as _
from apps.common.said import joined, ngettext, plain, unpacked
from apps.providers.models import Provider
from tests.factories import make_actor, provider_of, task_of

ENGLISH = "%s refuses the key. Check that it is right, whole and not expired."
PORTUGUESE = "recusa a chave"


def in_portuguese(value):
    with translation.override("pt-br"):
        return unpacked(value)


def refused(name: str = "LM Studio") -> str:
    return _(ENGLISH) % name


def test_a_sentence_is_an_ordinary_text():
    assert refused() == "LM Studio refuses the key. Check that it is right, whole and not expired."
    assert json.loads(json.dumps({"message": refused()})) == {"message": refused()}


def test_it_is_read_in_another_language():
    assert PORTUGUESE in in_portuguese(packed(refused()))
    assert unpacked(packed(refused())) == refused()


def test_sentences_within_sentences_are_read_too():
    said = _("%(model)s could not write it: %(message)s") % {"model": "Qwen", "message": refused()}
    assert in_portuguese(packed(said)).startswith("Qwen") and PORTUGUESE in in_portuguese(packed(said))
    assert "refuses" not in in_portuguese(packed(joined([refused(), refused()], "; ")))


def test_numbers_choose_their_form_in_each_language():
    said = ngettext("%(n)s round", "%(n)s rounds", 1) % {"n": 1}
    assert said == "1 round" and in_portuguese(packed(said)) == "1 rodada"


def test_what_the_engine_says_in_english_is_read_too():
    assert in_portuguese(packed(say("Resumed"))) == "Retomada"


def test_a_sentence_that_was_cut_is_a_plain_text():
    assert isinstance(refused()[:500], Said) and not isinstance(refused()[:10], Said)
    assert packed(refused()[:10]) == "LM Studio "


def test_values_of_the_engine_keep_their_sentences():
    kept = plain({"tried": [refused()]})
    assert PORTUGUESE in in_portuguese(packed(kept))["tried"][0]


@pytest.mark.parametrize(
    "stored",
    [
        "Their words",
        f"{MARK}no JSON",
        f'{MARK}{{"other": 1}}',
        f'{MARK}{{"say": "%(x)999999999s", "with": {{"x": ""}}}}',
        MARK + "[" * 9_000,
    ],
)
def test_what_is_none_of_ours_is_given_back_as_it_is(stored):
    assert unpacked(stored) == stored.removeprefix(MARK)


@pytest.mark.django_db
def test_a_column_gives_it_in_the_language_of_the_reader():
    provider = provider_of(make_actor())
    Provider.objects.filter(pk=provider.pk).update(last_check_message=refused())
    with translation.override("pt-br"):
        provider.refresh_from_db()
        assert PORTUGUESE in provider.last_check_message
        provider.save()  # nothing is lost by reading and storing it in another language
    assert list(Provider.objects.filter(pk=provider.pk).values_list("last_check_message", flat=True)) == [refused()]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT last_check_message FROM {Provider._meta.db_table} WHERE id = %s", [provider.pk])
        assert ENGLISH in cursor.fetchone()[0]


@pytest.mark.django_db
def test_json_gives_it_in_the_language_of_the_reader_wherever_it_stands():
    task = task_of(make_actor())
    task.error_data = {"tried": {"Qwen": refused()}, "n": 2}
    task.save()
    task.refresh_from_db()
    assert task.error_data == {"tried": {"Qwen": refused()}, "n": 2}
    with translation.override("pt-br"):
        task.refresh_from_db()
        assert PORTUGUESE in task.error_data["tried"]["Qwen"]


@pytest.mark.django_db
def test_a_line_of_the_log_is_read_by_each_in_their_language():
    from apps.tasks.logbook import log_write
    from apps.tasks.selectors.logs import as_shown, in_words_of, log_line

    line = log_write(task_of(make_actor()), "author_failed", data={"model": "Qwen", "message": refused()})
    shown = log_line(as_shown(type(line).objects.filter(pk=line.pk)).get())
    assert PORTUGUESE in in_words_of("pt-br", shown)["text"] and "refuses" in in_words_of("en", shown)["text"]
