"""Every text for people can be translated, and is: the catalogue is whole, and no page has words outside of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest

ROOT = Path(__file__).resolve().parents[2]
CATALOGUES = sorted(ROOT.glob("locale/*/LC_MESSAGES/django.po"))
PYTHON = [path for folder in ("apps", "orquestrador") for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))

FUNCTIONS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
LITERAL = r"\"([^\"]*)\"|'([^']*)'"
IN_TAG = re.compile(rf"{{%\s*translate\s+(?:{LITERAL})|\b_\((?:{LITERAL})\)")
BLOCK = re.compile(r"{%\s*blocktranslate\b(.*?)%}(.*?){%\s*endblocktranslate\s*%}", re.DOTALL)
PLURAL = re.compile(r"{%\s*plural\s*%}")
PLACEHOLDER = re.compile(r"%\([a-z_]+\)[sdgr]|%[sdg]")

# Words that are the same in every language: names, commands, units.
SAME_EVERYWHERE = set("Orquestrador English Português Brasil env US JSON CSV UTC imports orq ms Ctrl Enter Esc".split())
SPOKEN_ATTRIBUTES = ("title", "aria-label", "placeholder", "alt")


def ours(catalogue: Path) -> list[polib.POEntry]:
    return [entry for entry in polib.pofile(str(catalogue)) if not entry.obsolete]


def in_python(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def in_template(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    for found in IN_TAG.finditer(text):
        yield next(group for group in found.groups() if group is not None)
    for _options, content in BLOCK.findall(text):
        yield re.sub(r"{{\s*(\w+)\s*}}", r"%(\1)s", PLURAL.split(content)[0])


def bare_words(text: str) -> list[str]:
    """Words of a template that no translation can reach."""
    text = re.sub(r"{#.*?#}|{%\s*comment.*?endcomment\s*%}|<script.*?</script>|<style.*?</style>", " ", text, flags=re.DOTALL)
    text = re.sub(r'"orq/[\w-]+"', " ", text)  # names of modules
    text = BLOCK.sub(" ", re.sub(r"{% block \w+_class %}.*?{% endblock %}", " ", text))
    text = re.sub(r"{%.*?%}|{{.*?}}", " ", text, flags=re.DOTALL)
    spoken = re.findall(rf"\s(?:{'|'.join(SPOKEN_ATTRIBUTES)})=\"([^\"]*)\"", text)
    visible = re.sub(r"<[^>]*>|&\w+;", " ", text)
    words = re.findall(r"[^\W\d_]{2,}", " ".join([visible, *spoken]))
    return [word for word in words if word not in SAME_EVERYWHERE]


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parts[-3])
def test_every_text_is_translated_and_none_is_a_guess(catalogue):
    missing = [entry.msgid for entry in ours(catalogue) if not entry.translated() or "fuzzy" in entry.flags]
    assert not missing


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parts[-3])
def test_translations_keep_the_places_of_what_is_filled_in(catalogue):
    wrong = []
    for entry in ours(catalogue):
        pairs = (
            [(entry.msgid_plural, one) for one in entry.msgstr_plural.values()]
            if entry.msgid_plural
            else [(entry.msgid, entry.msgstr)]
        )
        wrong += [entry.msgid for given, said in pairs if not set(PLACEHOLDER.findall(said)) <= set(PLACEHOLDER.findall(given))]
        wrong += [entry.msgid for given, said in pairs[-1:] if set(PLACEHOLDER.findall(said)) != set(PLACEHOLDER.findall(given))]
    assert not wrong


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parts[-3])
def test_the_catalogue_has_every_text_of_the_code(catalogue):
    """Missing ones come in by `django-admin makemessages`, as docs/howto/translate.md tells."""
    known = {entry.msgid.replace("%%", "%") for entry in ours(catalogue)}
    used = {text for path in PYTHON for text in in_python(path)} | {text for path in TEMPLATES for text in in_template(path)}
    assert sorted(text for text in used if text and text.replace("%%", "%") not in known) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_has_no_words_outside_of_translations(path):
    assert bare_words(path.read_text(encoding="utf-8")) == []


def test_messages_to_people_are_never_plain_literals():
    plain = []
    for path in PYTHON:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_message = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and getattr(node.func.value, "id", "") == "messages"
            )
            if is_message and any(
                isinstance(argument, ast.Constant) and isinstance(argument.value, str) for argument in node.args
            ):
                plain.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not plain


def test_bare_words_are_found():
    assert bare_words('<p title="Hello">{% translate "Fine" %} there</p>') == ["there", "Hello"]
    assert bare_words("{% blocktranslate %}Fine {{ name }}{% endblocktranslate %} <b>{{ value }}</b>") == []
