from __future__ import annotations

import pytest

from apps.tasks.engine.routing.likeness import COMPARED, cosine, difference, packed, those_alike

SAME = [
    ("What is the capital of France?", "what is the capital of france"),
    ("What is the capital of France?", "Please tell me the capital of France."),
    ("What is the capital of France?", "What is France's capital?"),
    ("How do I reverse a list in Python?", "How can I reverse a Python list?"),
    ("Qual é a capital da França?", "Me diga, por favor, qual é a capital da França"),
    ("How do I enable two-factor sign-in?", "How can I enable two-factor sign-in?"),
]
OTHER = [
    ("How do I enable the firewall?", "How do I disable the firewall?", "opposites"),
    ("How do I install the driver?", "How do I uninstall the driver?", "opposites"),
    ("How do I encrypt the disk?", "How do I decrypt the disk?", "opposites"),
    ("How do I import the data?", "How do I export the data?", "opposites"),
    ("Sort the list in ascending order", "Sort the list in descending order", "opposites"),
    ("Como ativar o firewall?", "Como desativar o firewall?", "opposites"),
    ("Como instalar o pacote?", "Como desinstalar o pacote?", "opposites"),
    ("Como habilitar o registro?", "Como desabilitar o registro?", "words"),
    ("When did the old king die?", "Where did the old king die?", "pivots"),
    ("Who is the president?", "Who was the president?", "pivots"),
    ("Which has more sugar?", "Which has less sugar?", "pivots"),
    ("Turn the light on", "Turn the light off", "pivots"),
    ("Which fruits contain sugar?", "Which fruits do not contain sugar?", "negation"),
    ("Why doesn't it start?", "Why does it start?", "negation"),
    ("Quais frutas têm açúcar?", "Quais frutas não têm açúcar?", "negation"),
    ("Café com leite e açúcar", "Café sem leite e açúcar", "negation"),
    ("É sempre seguro?", "Nunca é seguro?", "negation"),
    ("List all countries of Europe", "List all countries of Europe except Spain", "negation"),
    ("Name 5 rivers", "Name 6 rivers", "numbers"),
    ("Name five rivers", "Name six rivers", "numbers"),
    ("Who is the president of France?", "Who is the president of Spain?", "names"),
    ("Did Brazil beat Argentina?", "Did Argentina beat Brazil?", "names"),
    ("convert celsius to fahrenheit", "convert fahrenheit to celsius", "direction"),
    ("the dog bites the man", "the man bites the dog", "direction"),
    ("how do i sort a list in python", "how do i sort a list in java", "words"),
    ("sort a list", "sort a list alphabetically", "words"),
    ("What does `ls -l` do?", "What does `ls -a` do?", "quoted"),
    ("What is a + b?", "What is a * b?", "symbols"),
    ("Explain foo_bar", "Explain foo_baz", "names"),
    ("Explain main.py", "Explain core.py", "names"),
    ("What is the weather like in a desert?", "Como é o clima em um deserto?", "language"),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_it_takes_the_same_question_in_other_words_for_the_same(first: str, second: str) -> None:
    assert difference(first, second) == difference(second, first) == ""


@pytest.mark.parametrize(("first", "second", "reason"), OTHER)
def test_it_tells_a_question_that_only_looks_alike(first: str, second: str, reason: str) -> None:
    assert difference(first, second) == reason
    assert difference(second, first) == reason


def test_it_does_not_compare_very_long_prompts_by_meaning() -> None:
    assert difference("word " * 2_000, "word " * 2_000 + "other") == "too_long"


def test_it_measures_the_angle_between_vectors() -> None:
    assert cosine(packed([3.0, 4.0]), packed([3.0, 4.0])) == pytest.approx(1)
    assert cosine(packed([1.0, 0.0]), packed([0.0, 9.0])) == 0
    assert cosine(packed([3.0, 4.0]), packed([4.0, 3.0])) == pytest.approx(0.96)
    assert cosine(packed([1.0, 0.0]), packed([1.0, 0.0, 0.0])) == 0
    assert packed([0.0, 0.0]) == b""


@pytest.mark.parametrize(("first", "second"), SAME)
def test_a_quick_look_finds_the_same_question_among_many_others(first: str, second: str) -> None:
    others = [(number, other) for number, (_, other, _) in enumerate(OTHER)] * 10
    assert 999 in those_alike(first, [*others, (999, second)])
    assert 999 in those_alike(second, [*others, (999, first)])


def test_it_reads_only_the_likeliest_closely() -> None:
    many = [(number, "What is the capital of France?") for number in range(100)]
    assert len(those_alike("What is the capital of France", many)) == COMPARED
