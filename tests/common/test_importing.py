"""Files that people give: what spreadsheets write is read, what cannot be used is refused with words."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.common.errors import BadInput
from apps.common.importing import MOST_BYTES, flag_in, list_in, rows_of


def read(content: str | bytes, name: str = "rows.csv") -> list[dict]:
    return rows_of(SimpleUploadedFile(name, content if isinstance(content, bytes) else content.encode()))


ROWS = [{"name": "Ana", "words": "one, two"}, {"name": "Rui", "words": ""}]


@pytest.mark.parametrize(
    "content",
    [
        'name,words\nAna,"one, two"\nRui,\n',
        b'\xef\xbb\xbfname,words\r\nAna,"one, two"\r\nRui,\r\n',  # with a mark, as spreadsheets write it
        "name;words\nAna;one, two\nRui;\n",  # where a comma is in numbers
        "name\twords\nAna\tone, two\nRui\n",
        '\n\nname,words,,\nAna,"one, two",,\n,,,\nRui,\n',  # empty lines and columns at the ends
        ' name , words \n Ana , "one, two"\nRui,'.replace(' "one, two"', '"one, two"'),
    ],
)
def test_a_table_is_read_however_a_spreadsheet_writes_it(content: str | bytes) -> None:
    assert read(content) == ROWS


def test_what_an_export_marked_against_running_comes_back_as_it_was() -> None:
    assert read("name\n'=SUM(A1)\n'-5 %\n'quoted'\n") == [{"name": "=SUM(A1)"}, {"name": "-5 %"}, {"name": "'quoted'"}]


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "rows.csv", "nothing in the file"),
        ("name,words\n", "rows.csv", "nothing in the file"),
        ("name,words\nAna,one,two\n", "rows.csv", "Row 1 has more cells"),
        ("name,,words\nAna,one,two\n", "rows.csv", "Row 1 has more cells"),
        ("name,name\nAna,Rui\n", "rows.csv", "“name” is there twice"),
        ('name\n"Ana\n', "rows.csv", "not CSV"),
        ("name\nAna\x00\n", "rows.csv", "zero bytes"),
        ("ação\n1\n".encode("latin-1"), "rows.csv", "not text in UTF-8"),
        ("name\nAna\n".encode("utf-16"), "rows.csv", "not text in UTF-8"),
        (b"\x89PNG\r\n\x1a\n", "picture.csv", "not text in UTF-8"),
        ("5", "rows.json", "list of objects"),
        ('"text"', "rows.json", "list of objects"),
        ("null", "rows.json", "list of objects"),
        ("[1, 2]", "rows.json", "list of objects"),
        ("[[]]", "rows.csv", "list of objects"),
        ('[{"name": "Ana"}', "rows.json", "not JSON"),
        ("[" * 100_000, "rows.json", "not JSON"),
        ("", "rows.json", "nothing in the file"),
        ("name,words", "rows.json", "not JSON"),
        (json.dumps([{"name": str(n)} for n in range(1_001)]), "rows.json", "At most 1000 rows"),
        (b"x" * (MOST_BYTES + 1), "rows.csv", "larger than 2 MB"),
    ],
)
def test_what_cannot_be_read_is_refused_with_words(content: str | bytes, name: str, words: str) -> None:
    with pytest.raises(BadInput) as refused:
        read(content, name)
    assert words in refused.value.message


def test_no_file_at_all_is_refused() -> None:
    with pytest.raises(BadInput):
        rows_of(None)


def test_lists_and_switches_are_read_from_cells() -> None:
    assert list_in('["a, b", "c"]') == ["a, b", "c"] and list_in("a, b,") == ["a", "b"] and list_in(["a"]) == ["a"]
    assert [flag_in(one) for one in ("True", "yes", 1, "False", "no", "0", "", None)] == [True] * 3 + [False] * 5
