"""The vendors and servers that people know by name: what to fill in for each, and where its key comes from.

Where the addresses were read, 2026-11-20 and 21. The vendors' own documentation: DeepSeek (api-docs.deepseek.com), Groq
(console.groq.com/docs/openai), Nebius (docs.tokenfactory.nebius.com), Together (docs.together.ai). Third parties: OpenRouter,
Novita, SambaNova. Genspark publishes none; its help says so. The pages where keys are made were not all looked up: the test
before saving shows what an address and a key are worth.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.providers.adapters import known_kinds
from apps.providers.addresses import is_vendor_itself


@dataclass(frozen=True, slots=True)
class Choice:
    """`base_url` "" with `asks_address` False: the kind knows its own. `key` is "needed", "optional" or "none".

    `is_local` None leaves it to the kind and the address; what is not local is never taken for free.
    """

    slug: str
    called: str | Promise
    kind: str
    group: str  # local, vendor, other
    text: str | Promise
    base_url: str = ""
    asks_address: bool = False
    key: str = "needed"
    key_place: str = ""
    help: str | Promise = ""
    is_local: bool | None = None

    @property
    def name(self) -> str:
        """What it is called, in the language of now."""
        return str(self.called)


ALL: tuple[Choice, ...] = (
    Choice(
        "lmstudio",
        "LM Studio",
        "lmstudio",
        "local",
        _("Models on your own computer, with a window"),
        "http://127.0.0.1:1234/v1",
        True,
        "optional",
        help=_("In LM Studio open Developer and start the server, or run “lms server start”."),
    ),
    Choice(
        "ollama",
        "Ollama",
        "ollama",
        "local",
        _("Models on your own computer, by command"),
        "http://127.0.0.1:11434",
        True,
        "optional",
        help=_(
            "Ollama answers as soon as it is installed. Models are fetched, loaded and unloaded from here. Its usual context is "
            "short: load a model with the length that your tasks need; a text that does not fit is refused, never cut."
        ),
    ),
    Choice(
        "llamacpp",
        "llama.cpp",
        "llamacpp",
        "local",
        _("Model files, served by llama-server"),
        "http://127.0.0.1:9931/v1",
        True,
        "optional",
        help=_(
            "Start llama-server first; without a model it becomes a router, whose models are loaded and unloaded from here. "
            "Older versions listen on port 8080."
        ),
    ),
    Choice(
        "vllm",
        "vLLM",
        "openai_compatible",
        "local",
        _("A server for many requests on a graphics card"),
        "http://127.0.0.1:8001/v1",
        True,
        "optional",
        help=_("Start vLLM first; its usual port 8000 is also ours, so give it another one when both run on one machine."),
    ),
    Choice("openai", "OpenAI", "openai", "vendor", _("GPT models"), key_place="https://platform.openai.com/api-keys"),
    Choice(
        "anthropic",
        "Anthropic",
        "anthropic",
        "vendor",
        _("Claude models"),
        key_place="https://console.anthropic.com/settings/keys",
        help=_(
            "Questions are refused once the credit is used up or the spending limit of the account is reached. Anthropic makes "
            "no embeddings; use another provider's model for those."
        ),
    ),
    Choice(
        "google",
        "Google",
        "google",
        "vendor",
        _("Gemini models"),
        key_place="https://aistudio.google.com/apikey",
        help=_("The free tier has limits by the minute and by the day, and is not offered in every country."),
    ),
    Choice("mistral", "Mistral", "mistral", "vendor", _("Mistral models"), key_place="https://console.mistral.ai/api-keys"),
    Choice(
        "deepseek",
        "DeepSeek",
        "openai_compatible",
        "vendor",
        _("DeepSeek models"),
        "https://api.deepseek.com/v1",
        key_place="https://platform.deepseek.com/api_keys",
    ),
    Choice(
        "openrouter",
        "OpenRouter",
        "openai_compatible",
        "vendor",
        _("Many vendors behind one key"),
        "https://openrouter.ai/api/v1",
        key_place="https://openrouter.ai/settings/keys",
    ),
    Choice(
        "groq",
        "Groq",
        "openai_compatible",
        "vendor",
        _("Open models, answered fast"),
        "https://api.groq.com/openai/v1",
        key_place="https://console.groq.com/keys",
    ),
    Choice(
        "together",
        "Together AI",
        "openai_compatible",
        "vendor",
        _("Open models"),
        "https://api.together.ai/v1",
        key_place="https://api.together.ai/settings/api-keys",
    ),
    Choice(
        "novita",
        "Novita AI",
        "openai_compatible",
        "vendor",
        _("Open models"),
        "https://api.novita.ai/openai/v1",
        key_place="https://novita.ai/settings/key-management",
    ),
    Choice(
        "nebius",
        "Nebius Token Factory",
        "openai_compatible",
        "vendor",
        _("Open models, European servers"),
        "https://api.tokenfactory.nebius.com/v1",
        key_place="https://tokenfactory.nebius.com",
    ),
    Choice(
        "sambanova",
        "SambaNova",
        "openai_compatible",
        "vendor",
        _("Open models, answered fast"),
        "https://api.sambanova.ai/v1",
        key_place="https://cloud.sambanova.ai/apis",
    ),
    Choice(
        "genspark",
        "Genspark",
        "genspark",
        "vendor",
        _("Genspark's own service"),
        key_place="https://www.genspark.ai",
        help=_(
            "Genspark has published no description of its API. The address comes from other people's code and may change "
            "without notice, and what it charges is unknown here. Keys begin with gsk-."
        ),
    ),
    Choice(
        "orquestrador",
        "Orquestrador",
        "openai_compatible",
        "other",
        _("Another installation of Orquestrador"),
        "",
        True,
        help=_("Its address ends with /v1, its keys begin with orq_. What its answers cost is unknown here."),
        is_local=False,
    ),
    Choice(
        "other",
        _("OpenAI-compatible"),
        "openai_compatible",
        "other",
        _("Any server that speaks OpenAI's chat protocol"),
        "",
        True,
        "optional",
        help=_("The address usually ends with /v1."),
    ),
)


def choices() -> list[Choice]:
    """Those that this installation can talk to, in the order of the page."""
    return [choice for choice in ALL if choice.kind in _kinds()]


@cache
def _kinds() -> frozenset[str]:
    """Looked up once: to ask every installed package takes 40 ms, and a list asks for each of its rows."""
    return frozenset(known_kinds())


def choice_of(slug: str) -> Choice | None:
    return next((choice for choice in choices() if choice.slug == slug), None)


def vendors_named(slugs: Iterable[str]) -> list[tuple[str, str]]:
    """Each with the name that people know it by, in the order of the names."""
    named = [(slug, choice.name if (choice := choice_of(slug)) else slug) for slug in slugs]
    return sorted(named, key=lambda pair: pair[1].casefold())


def vendor_of(kind: str, base_url: str) -> str:
    """The vendor that a provider's calls go to: a kind where they go to that kind's own service, else a preset's name, or ""."""
    if is_vendor_itself(kind, base_url):
        return kind
    host = urlsplit(base_url).hostname
    of_vendors = (choice for choice in ALL if choice.group == "vendor" and choice.base_url)
    return next((choice.slug for choice in of_vendors if host and urlsplit(choice.base_url).hostname == host), "")
