"""How hard a prompt is and what it asks for."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from apps.tasks.engine.complexity import estimate
from apps.tasks.engine.complexity.features import read
from apps.tasks.engine.complexity.fitted import Trees, Words

ROOT = Path(__file__).resolve().parents[3]
CHOICE = (
    "Statement 1 | Every group is a ring. Statement 2 | Every ring is a group.\n"
    "A. True, True\nB. False, False\nC. True, False\nD. False, True\nAnswer:"
)


@pytest.mark.parametrize(
    ("kind", "prompt"),
    [
        ("chat", "hi"),
        ("chat", "Oi, tudo bem?"),
        ("chat", "Thanks, that's all!"),
        ("chat", "Bom dia!"),
        ("general", "What is the capital of France?"),
        ("general", "Qual é a capital do Brasil?"),
        ("general", 'Translate "good morning" into German.'),
        ("general", "Escreva um e-mail curto pedindo férias ao meu chefe."),
        ("reasoning_advanced", "Prove that the square root of 2 is irrational."),
        ("reasoning_advanced", "Prove que existem infinitos números primos."),
        ("reasoning_advanced", "Ana has 3 boxes of 12 eggs and breaks 4. How many eggs are left?"),
        ("reasoning_advanced", "Ana tem 3 caixas com 12 ovos e quebra 4. Quantos ovos sobram?"),
        ("code_generation", "Write a Python function that reverses a linked list."),
        ("code_generation", "Escreva uma função em Python que inverta uma lista encadeada."),
        ("code_generation", "Corrija esta consulta SQL: SELECT * FORM clientes WHERE id = 3"),
        ("visual_analysis", "What is in this image?"),
        ("visual_analysis", "Descreva o que aparece nesta imagem."),
        ("research", "Find recent papers on retrieval augmented generation and cite your sources."),
        ("research", "Pesquise as últimas notícias sobre energia solar no Brasil e cite as fontes."),
    ],
)
def test_it_tells_the_kinds_of_task_apart_in_both_languages(kind: str, prompt: str) -> None:
    assert estimate(prompt).task_type == kind


@pytest.mark.parametrize(
    ("easier", "harder"),
    [
        ("hi", "What is the capital of France?"),
        ("Oi!", "Qual é a capital da França?"),
        ("What is the capital of France?", "Compute the integral of x^2 * e^x dx and justify each step."),
        ("Qual é a capital do Brasil?", "Calcule a integral de x^2 * e^x dx e justifique cada passo."),
        ("Traduza este parágrafo: O gato dorme.", "Prove que, se n é ímpar, então n² também é ímpar, e generalize."),
        ("Write a short poem.", "Implement a lock-free queue in Rust and prove that it is linearizable if producers may crash."),
    ],
)
def test_the_harder_of_two_prompts_scores_higher(easier: str, harder: str) -> None:
    assert estimate(easier).score + 10 < estimate(harder).score


def test_the_bands_follow_the_score() -> None:
    assert estimate("oi").band == "local"
    assert estimate("What is the capital of France?").band == "local"
    hard = "Implement a lock-free queue in Rust and prove that it is linearizable if producers may crash, given n readers."
    assert estimate(hard).band in ("balanced", "top")


def test_it_says_what_moved_the_number() -> None:
    found = {feature.name: feature for feature in estimate("Write a Python function that sorts a list.").features}
    assert found["code"].contribution > 0
    assert found["length"].contribution < 0


def test_images_and_context_add_to_it() -> None:
    plain = estimate("Summarize the report.")
    assert estimate("Summarize the report.", has_images=True).task_type == "visual_analysis"
    assert estimate("Summarize the report.", has_images=True).score > plain.score
    assert estimate("Summarize the report.", context_tokens=20_000).score > plain.score


def test_a_question_with_options_is_read_as_one() -> None:
    reading = read(CHOICE)
    assert reading.has_options
    assert reading.values["options"] == 4.0
    assert estimate(CHOICE).score > estimate("What is a ring?\nA. gold\nB. jewel\nC. sound\nD. fight\nAnswer:").score


def test_words_are_weighed_as_tf_idf() -> None:
    zero = (0.0, 0.0, 0.0, 0.0)
    words = Words({"a": (1.0, 3.0, 0.0, 1.0, 0.0), "b": (2.0, -1.0, 6.0, 0.0, 2.0), "a b": (2.0, *zero)}, usual_idf=2.0)
    gain, weak = (1 * 3 + 2 * -1) / 3, 2 * 6 / 3
    expected = {"words_gain": gain, "words_weak": weak, "words_strong": gain + weak}
    expected |= {"words_topic_gain": 1 / 3, "words_topic_weak": 2 * 2 / 3}
    assert words.scores(["a", "b"]) == pytest.approx(expected)
    assert set(words.scores([]).values()) == {0.0}


def test_trees_give_the_mean_of_their_leaves_and_who_moved_it() -> None:
    tree = {"feature": [0, -1, 1, -1, -1], "threshold": [0.5, 0, 2.0, 0, 0], "right": [2, 0, 4, 0, 0], "value": [1, 0, 2, 1, 5]}
    trees = Trees(["x", "y"], [tree, {"feature": [-1], "threshold": [0], "right": [0], "value": [3]}])
    assert trees.score({"x": 1.0, "y": 9.0}) == (4.0, {"x": 0.5, "y": 1.5})
    assert trees.score({})[0] == 1.5


@pytest.mark.parametrize(
    "prompt", ["", "   ", "\x00\ud800", "????", "A.\nB.\n", "(" * 100_000, "é" * 3_000_000, "a b " * 700_000]
)
def test_nothing_that_is_sent_breaks_it_or_takes_long(prompt: str) -> None:
    started = time.process_time()
    assert 0 <= estimate(prompt).score <= 100
    assert time.process_time() - started < 0.5


def test_it_takes_less_than_five_milliseconds_of_one_core() -> None:
    prompts = [CHOICE, "Ana has 3 boxes of 12 eggs and breaks 4. How many eggs are left? " * 40, "Bom dia"]
    estimate("hi")
    started = time.process_time()
    for prompt in prompts * 20:
        estimate(prompt)
    assert (time.process_time() - started) / 60 < 0.005


def test_the_model_says_where_it_comes_from() -> None:
    about = json.loads((ROOT / "apps/tasks/engine/complexity/model.json").read_text())["about"]
    assert about["date"] and "Apache-2.0" in about["sources"]
    assert about["figures"]["without_labels_of_the_set"]["mmlu"]["apgr"] > 0.6


def test_the_command_scores_lines_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.path.insert(0, '.'); from scripts.score import main; main(['complexity']);"
        "assert not {'numpy', 'sklearn', 'django', 'torch'} & set(sys.modules)"
    )
    lines = "\n".join(json.dumps({"id": n, "prompt": prompt}) for n, prompt in enumerate(["oi", CHOICE])) + "\n\n"
    done = subprocess.run([sys.executable, "-c", code], input=lines, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    scored = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["id"] for one in scored] == [0, 1]
    assert scored[0]["score"] == estimate("oi").score
    assert set(scored[1]) == {"id", "score"}


@pytest.mark.parametrize(
    ("line", "said"), [("{", "Line 1 is not JSON"), ("[]", "not a JSON object"), ('{"id": 1}', "has no prompt")]
)
def test_the_command_names_the_line_that_is_wrong(line: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    from scripts.score import main
    from scripts.words import Stop

    monkeypatch.setenv("ORQ_LANGUAGE", "en")
    monkeypatch.setattr("sys.stdin", io.StringIO(line + "\n"))
    with pytest.raises(Stop, match=said):
        main(["complexity"])
