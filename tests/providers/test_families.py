"""The same model under another name is one family; another size or version is another."""

import pytest

from apps.providers.families import family_of

SAME = [
    ("gpt-5.5", ["openai/gpt-5.5", "gpt-5.5-2026-08-06", "GPT-5.5", "openrouter/openai/gpt-5.5", "gpt-5.5-preview", "gpt-5-5"]),
    ("gpt-4o-mini", ["gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini", "openai.gpt-4o-mini"]),
    ("gpt-4", ["gpt-4-0613", "gpt-4-1106-preview", "gpt-4-0125-preview"]),
    ("gpt-4o", ["chatgpt-4o-latest", "gpt-4o-2024-08-06"]),
    (
        "claude-haiku-4-5",
        [
            "anthropic/claude-haiku-4.5",
            "claude-haiku-4-5-20251001",
            "claude-haiku-4-5@20251001",
            "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            "claude-4.5-haiku",
        ],
    ),
    (
        "claude-3-5-sonnet-latest",
        ["claude-3-5-sonnet-20241022", "anthropic/claude-3.5-sonnet", "anthropic/claude-3.5-sonnet:beta"],
    ),
    ("gemini-3.1-pro", ["models/gemini-3.1-pro-preview", "google/gemini-3.1-pro-preview", "gemini-3.1-pro-latest"]),
    ("gemini-2.5-flash", ["gemini-2.5-flash-preview-05-20", "gemini-2.5-flash-preview-09-2025", "gemini-2.5-flash-001"]),
    ("mistral-large", ["mistral-large-latest", "mistral-large-2411", "mistral/mistral-large-latest"]),
    (
        "llama-3.1-8b",
        [
            "llama3.1:8b",
            "llama3.1:8b-instruct-q4_K_M",
            "meta-llama/Llama-3.1-8B-Instruct",
            "meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo",
            "lmstudio-community/Meta-Llama-3.1-8B-Instruct-GGUF",
            "Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf",
            "mlx-community/Meta-Llama-3.1-8B-Instruct-4bit",
            "llama-3.1-8b-instant",
            "hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4",
            "accounts/fireworks/models/llama-v3p1-8b-instruct",
            "@cf/meta/llama-3.1-8b-instruct-fp8",
            "meta-llama-3.1-8b-instruct@q8_0",
            "meta-llama-3.1-8b-instruct:2",
        ],
    ),
    (
        "llama-3.3-70b",
        ["llama-3.3-70b-versatile", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "Llama-3.3-70B-Instruct-IQ4_XS.gguf"],
    ),
    ("qwen3-8b", ["qwen3:8b", "Qwen/Qwen3-8B", "Qwen_Qwen3-8B-Q5_K_S.gguf", "qwen/qwen3-8b:free", "Qwen3-8B-UD-Q4_K_XL.gguf"]),
    ("qwen2.5-7b", ["qwen2.5:7b-instruct", "Qwen2.5-7B-Instruct-GPTQ-Int4", "Qwen2.5-7B-Instruct-Q4_0.gguf"]),
    ("gemma-3-4b", ["google/gemma-3-4b-it", "gemma3:4b", "gemma3:4b-it-qat", "google_gemma-3-4b-it-Q6_K.gguf"]),
    (
        "mistral-7b-v0.3",
        ["mistral:7b-instruct-v0.3-q4_K_M", "mistralai/Mistral-7B-Instruct-v0.3", "TheBloke/Mistral-7B-Instruct-v0.3-GGUF"],
    ),
    ("mixtral-8x7b", ["mixtral:8x7b", "mistralai/Mixtral-8x7B-Instruct", "mixtral-8x7b-instruct-4.0bpw-exl2"]),
    ("gpt-oss-20b", ["openai/gpt-oss-20b", "gpt-oss:20b", "ggml-org/gpt-oss-20b-GGUF", "gpt-oss-20b-mxfp4.gguf"]),
    ("deepseek-r1:7b", ["deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf"]),
    ("command-r", ["command-r-08-2024", "cohere/command-r-08-2024"]),
    ("big-model-70b", ["big-model-70b-q4_k_m-00001-of-00003.gguf"]),
    ("practice-good", ["practice-good", "practice-good.gguf"]),
]

DIFFERENT = [
    ("llama-3-8b", "llama-3-70b"),
    ("llama3:8b", "llama3.1:8b"),
    ("gpt-5.5", "gpt-5.6"),
    ("gpt-5.5", "gpt-5.5-mini"),
    ("gpt-5.6-luna", "gpt-5.6-sol"),
    ("gpt-4", "gpt-4-turbo"),
    ("gpt-4o", "gpt-4o-mini"),
    ("gpt-4o-mini", "ft:gpt-4o-mini:acme::abc123"),
    ("gemini-2.5-flash", "gemini-2.5-flash-lite"),
    ("gemini-2.5-flash", "gemini-2.5-pro"),
    ("claude-haiku-4-5", "claude-haiku-5-5"),
    ("claude-sonnet-5", "claude-sonnet-5-5"),
    ("claude-sonnet-4-5", "claude-opus-4-5"),
    ("mistral-large-latest", "mistral-large-4"),
    ("qwen3:8b", "qwen3:14b"),
    ("qwen2.5:7b", "qwen2.5-coder:7b"),
    ("mistral-7b-instruct-v0.2", "mistral-7b-instruct-v0.3"),
    ("qwen3-30b-a3b", "qwen3-32b"),
    ("practice-good", "practice-weak"),
    ("o1", "o3"),
]


@pytest.mark.parametrize(("name", "other"), [(name, other) for name, others in SAME for other in others])
def test_it_sees_the_same_model_under_another_name(name: str, other: str) -> None:
    assert family_of(other) == family_of(name)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_it_keeps_sizes_and_versions_apart(one: str, other: str) -> None:
    assert family_of(one) != family_of(other)


@pytest.mark.parametrize(
    "key", [key for name, others in SAME for key in (name, *others)] + [key for pair in DIFFERENT for key in pair]
)
def test_the_family_of_a_family_is_itself(key: str) -> None:
    assert family_of(family_of(key)) == family_of(key)


def test_it_reads_the_size_of_a_latest_tag_from_the_listing() -> None:
    assert family_of("llama3.1:latest", {"parameter_size": "8.0B"}) == family_of("llama3.1:8b")
    assert family_of("qwen2.5:latest", {"parameter_size": "7.6B"}) == family_of("qwen2.5:7b")
    assert family_of("llama3.1:latest", None) == "llama-3-1"


@pytest.mark.parametrize("key", ["", "  ", "///", "2026-08-06", ":latest", "gguf", "instruct", "x" * 500, "模型", "a/b/"])
def test_it_gives_a_short_word_for_any_name(key: str) -> None:
    assert 0 < len(family_of(key)) <= 120
