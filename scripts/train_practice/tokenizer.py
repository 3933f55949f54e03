"""A byte-level BPE made for the corpus: each of its words and numbers is one token, the same one wherever it stands.

Numbers split in digits are learnt far slower. And were " 15" another token than "15", as usual BPE makes it, then the models
would have to learn for each number apart that the answer they expect is the answer they were shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from scripts.train_practice import corpus, questions

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
PRE_TOKENIZER = "gpt-2"  # llama.cpp's name for the regular expression that ByteLevel(use_regex=True) splits by
SPACE = "Ġ"  # how byte-level BPE writes a space

Merge = tuple[str, str]


def build() -> Tokenizer:
    merges = _merges()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = dict.fromkeys([PAD, START, END, *alphabet, *("".join(merge) for merge in merges)])
    tokenizer = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([PAD, START, END])
    return tokenizer


def _merges() -> list[Merge]:
    """Values first and without their space; then, with it, whatever else the corpus says."""
    values = [*questions.WORDS, *(str(number) for number in (*range(questions.LARGEST_RESULT + 1), 100))]
    merges: list[Merge] = []
    for piece in (*values, *(piece for piece in _pieces() if piece.removeprefix(SPACE) not in values)):
        _learn(merges, piece)
    return merges


def _learn(merges: list[Merge], piece: str) -> None:
    """Adds the merges that make one token of the piece."""
    while len(symbols := _apply(merges, piece)) > 1:
        merges.append((symbols[0], symbols[1]))


def _apply(merges: Iterable[Merge], piece: Sequence[str]) -> list[str]:
    symbols = list(piece)
    for left, right in merges:
        index = 0
        while index < len(symbols) - 1:
            if symbols[index] == left and symbols[index + 1] == right:
                symbols[index : index + 2] = [left + right]
            index += 1
    return symbols


def _pieces() -> list[str]:
    """The parts that the pre-tokenizer makes of the corpus, in the order in which they first appear."""
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    drawn = corpus.examples(2000, seed=1, mix=dict.fromkeys(corpus.KINDS, 1.0))
    texts = [text for one in drawn for text in (f"system\n{one.system}", f"user\n{one.user}", f"assistant\n{one.answer}")]
    return list(dict.fromkeys(piece for text in texts for piece, _span in splitter.pre_tokenize_str(text)))
