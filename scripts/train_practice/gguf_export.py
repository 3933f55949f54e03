"""Writes a model and its tokenizer as one GGUF file that llama.cpp serves as it is (architecture `llama`, Q8_0)."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
from tokenizers import Tokenizer

from scripts.train_practice import corpus
from scripts.train_practice import tokenizer as vocabulary
from scripts.train_practice.model import Llama

ARCHITECTURE = "llama"
BLOCK_TENSORS = {
    "attention_norm": "attn_norm",
    "query": "attn_q",
    "key": "attn_k",
    "value": "attn_v",
    "output": "attn_output",
    "forward_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}


def write(path: Path, model: Llama, tokenizer: Tokenizer, *, name: str, description: str) -> None:
    writer = gguf.GGUFWriter(path, ARCHITECTURE)
    writer.add_name(name)
    writer.add_description(description)
    _add_shape(writer, model)
    _add_tokenizer(writer, tokenizer)
    for tensor_name, weights in _tensors(model).items():
        _add_tensor(writer, tensor_name, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_shape(writer: gguf.GGUFWriter, model: Llama) -> None:
    shape = model.shape
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    special = [tokenizer.token_to_id(token) for token in (vocabulary.PAD, vocabulary.START, vocabulary.END)]
    count = tokenizer.get_vocab_size()
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.PRE_TOKENIZER)
    writer.add_token_list([tokenizer.id_to_token(token) for token in range(count)])
    writer.add_token_types([gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token in range(count)])
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(special[0])
    writer.add_eos_token_id(special[2])
    writer.add_pad_token_id(special[0])
    writer.add_add_bos_token(False)
    writer.add_chat_template(corpus.CHAT_TEMPLATE)


def _tensors(model: Llama) -> dict[str, np.ndarray]:
    tensors = {"token_embd.weight": model.embedding.weight, "output_norm.weight": model.norm.weight}
    for index, block in enumerate(model.blocks):
        for ours, theirs in BLOCK_TENSORS.items():
            tensors[f"blk.{index}.{theirs}.weight"] = getattr(block, ours).weight
    return {name: weights.detach().numpy().astype(np.float32) for name, weights in tensors.items()}


def _add_tensor(writer: gguf.GGUFWriter, name: str, weights: np.ndarray) -> None:
    """Matrices become Q8_0; the norms are vectors, which llama.cpp wants as float32."""
    if weights.ndim == 1:
        writer.add_tensor(name, weights)
    else:
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quants.quantize(weights, kind), raw_dtype=kind)
