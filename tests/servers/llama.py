"""The real llama.cpp server from the xllamacpp wheel, with the practice model that ships with the product."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.process import running
from tests.servers.services import free_port

MODEL = Path(__file__).parents[2] / "apps" / "providers" / "practice" / "practice-good.gguf"
API_KEY = "sk-llama-for-tests"
SERVE = """
import sys, threading
import xllamacpp
path, port, key = sys.argv[1:]
parameters = xllamacpp.CommonParams()
parameters.model.path, parameters.model_alias = path, ["practice-good"]
parameters.port, parameters.hostnames, parameters.api_keys = int(port), ["127.0.0.1"], [key]
parameters.n_ctx, parameters.n_parallel, parameters.warmup, parameters.use_jinja = 2048, 2, False, True
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
parameters.embedding, parameters.pooling_type = True, xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
server = xllamacpp.Server(parameters)
threading.Event().wait()
"""


@dataclass(frozen=True)
class Llama:
    url: str
    api_key: str = API_KEY
    model: str = "practice-good"


@pytest.fixture(scope="session")
def llama() -> Iterator[Llama]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running([sys.executable, "-c", SERVE, str(MODEL), str(port), API_KEY], ready_url=f"{url}/health"):
        yield Llama(url)
