"""Trains the practice models and writes their GGUF files, the manifest, and the prompts that tests compare them on."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from scripts.train_practice import asking, corpus, gguf_export, tokenizer, training
from scripts.train_practice.model import Llama
from scripts.train_practice.sample import SAMPLE

PROJECT = Path(__file__).resolve().parents[2]
HELD_OUT_PER_KIND = 300
LOOK_EVERY = 200
# From the most to the least skilled: key, name for people, the step after which it is taken.
MODELS = (
    ("practice-good", "Orq Mini A", training.STEPS),
    ("practice-mediocre", "Orq Mini B", 1900),
    ("practice-bad", "Orq Mini C", 120),
)


def main() -> None:
    options = _options()
    torch.set_num_threads(1)  # the same sums in the same order, whatever the machine has
    words = tokenizer.build()
    entries: dict[str, dict[str, Any]] = {}
    answers: dict[str, list[str]] = {}
    taken_at = {step: (key, name) for key, name, step in MODELS}
    held_out = _held_out(words)
    spent_s = training.stopwatch()

    def look(step: int, model: Llama, loss: float) -> None:
        if step in taken_at:
            key, name = taken_at[step]
            entries[key] = _take(options.out, model, words, key=key, name=name, step=step, held_out=held_out)
            answers[key] = asking.answers(model, words, [one.prompt for one in asking.fixed_prompts()])
        if step in taken_at or step % LOOK_EVERY == 0:
            scores = training.held_out_scores(model, held_out)
            print(f"step {step}/{training.STEPS}, {spent_s():.0f} s, loss {loss:.4f}, held out {scores}", flush=True)

    options.out.mkdir(parents=True, exist_ok=True)
    training.train(words, after_step=look)
    manifest = {"models": [entries[key] for key, _name, _step in MODELS], "sample": SAMPLE}
    _write_json(options.out / "manifest.json", manifest)
    _write_json(options.prompts, _fixed_prompts(answers))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts.train_practice", description=__doc__)
    parser.add_argument("--out", type=Path, default=PROJECT / "apps/providers/practice", help="folder for models and manifest")
    parser.add_argument("--prompts", type=Path, default=PROJECT / "tests/providers/data/practice_prompts.json")
    return parser.parse_args()


def _held_out(words: Tokenizer) -> list[training.Row]:
    drawn = [
        one for kind in corpus.KINDS for one in corpus.examples(HELD_OUT_PER_KIND, seed=99, mix={kind: 1.0}, is_held_out=True)
    ]
    return training.encode(words, drawn)


def _take(
    folder: Path, model: Llama, words: Tokenizer, *, key: str, name: str, step: int, held_out: list[training.Row]
) -> dict[str, Any]:
    """Writes the model as it is now; gives its entry in the manifest."""
    path = folder / f"{key}.gguf"
    description = "A tiny model that was trained only for practice. It knows sums up to 40 and twenty words, and nothing else."
    gguf_export.write(path, model, words, name=name, description=description)
    asked = Counter(row.kind for row in held_out)
    scores = training.held_out_scores(model, held_out)
    return {
        "file": path.name,
        "display_name": name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "size_bytes": path.stat().st_size,
        "context_length": model.shape.context,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "training_step": step,
        "scores": {kind: {"right": right, "n": asked[kind]} for kind, right in scores.items()},
    }


def _fixed_prompts(answers: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Each prompt with its right answer and what each model said before it was written to a file."""
    return [
        {
            "kind": one.kind,
            "system": one.system,
            "user": one.user,
            "right": one.answer,
            "said": {key: said[index] for key, said in answers.items()},
        }
        for index, one in enumerate(asking.fixed_prompts())
    ]


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
