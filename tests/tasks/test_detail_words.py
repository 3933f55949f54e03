"""What the engine adds to a sign in English has words for pages."""

from __future__ import annotations

import pytest

from apps.tasks.detail_words import detail_word
from apps.tasks.engine.trust.form import forms_asked


@pytest.mark.parametrize(
    ("name", "detail", "words"),
    [
        ("form_missed", "only a number, at most 5 words", "only a number, at most 5 words"),
        ("form_met", "json", "JSON"),
        ("form_met", "3 items, yes or no", "3 items, yes or no"),
        ("code_broken", "line 3: invalid syntax", "line 3: invalid syntax"),
        ("withheld", "content_filter", ""),
        ("hedges", "perhaps", "perhaps"),
        ("form_met", "", ""),
    ],
)
def test_a_detail_has_words(name, detail, words):
    assert detail_word(name, detail) == words


def test_every_form_that_the_engine_looks_for_has_words(monkeypatch):
    prompt = "Answer only with the number, in JSON, in at most 5 words, yes or no. List three items.\nA) one\nB) two"
    asked: list[str] = []
    monkeypatch.setattr("apps.tasks.detail_words._", lambda text: asked.append(text) or text)
    forms = forms_asked(prompt, "- one\n- two")
    detail_word("form_met", ", ".join(form for form in forms if form != "json"))
    assert len(asked) == len([form for form in forms if form != "json"]) > 1
