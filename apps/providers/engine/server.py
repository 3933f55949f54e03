"""The child process: serves one GGUF file over HTTP on 127.0.0.1 until nobody needs it.

    python -m apps.providers.engine.server MODEL.gguf --port-file FILE --entry FILE [--idle-s 600] [--threads 2] ...

The key that callers must send comes in the environment (ORQ_ENGINE_KEY), never in the arguments, which every user of the
machine can read. It ends on SIGTERM, after `idle-s` seconds without a request, and when the last process named as an owner in
the entry file is gone. Nothing here imports Django: it must start in a fraction of a second.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import threading
import time
from pathlib import Path

import xllamacpp

from apps.providers.engine import registry

LOOK_EVERY_S = 0.5
KEY_VARIABLE = "ORQ_ENGINE_KEY"
PROMPT_CACHE_MIB = 128  # llama.cpp's own default is 8 GiB
ERRORS_ONLY = 1
# What of llama.cpp's metrics moves when somebody is being answered.
ACTIVITY = re.compile(r"^llamacpp:(?:prompt_tokens_total|tokens_predicted_total|n_decode_total) (\S+)$", re.MULTILINE)
BUSY = re.compile(r"^llamacpp:requests_(?:processing|deferred) (\S+)$", re.MULTILINE)


def main() -> None:
    options = _options()
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_signal: stop.set())
    server = xllamacpp.Server(_parameters(options, os.environ.pop(KEY_VARIABLE)))
    registry.write_whole(options.port_file, server.listening_address.rpartition(":")[2])
    _wait(server, options, stop)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="apps.providers.engine.server", description="Serves one GGUF file on 127.0.0.1.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--port-file", type=Path, required=True, help="where the port is written once it answers")
    parser.add_argument("--entry", type=Path, required=True, help="the registry entry that names the owner processes")
    parser.add_argument("--alias", default="", help="the model's name in answers")
    parser.add_argument("--idle-s", type=float, default=600.0, help="end after so many seconds without a request")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--context", type=int, default=0, help="tokens in memory; 0 is what the model was made for")
    parser.add_argument("--gpu-layers", type=int, help="layers on the GPU; without it as llama.cpp does")
    parser.add_argument("--slots", type=int, default=4, help="requests answered at the same time")
    parser.add_argument("--embedding", action="store_true", help="serve embeddings")
    return parser.parse_args()


def _parameters(options: argparse.Namespace, api_key: str) -> xllamacpp.CommonParams:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(options.model)
    parameters.model_alias = [options.alias or options.model.stem]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0  # any that is free
    parameters.api_keys = [api_key]
    parameters.n_ctx = options.context
    if options.gpu_layers is not None:
        parameters.n_gpu_layers = options.gpu_layers
    parameters.n_parallel = options.slots
    parameters.kv_unified = True  # the slots share the context, instead of each getting a slice
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = options.threads
    parameters.n_threads_http = options.slots + 2
    parameters.cache_ram_mib = PROMPT_CACHE_MIB
    parameters.use_jinja = True
    parameters.warmup = False
    parameters.fit_params = False  # what was asked for, or an error
    parameters.endpoint_metrics = True
    parameters.ui = False
    parameters.verbosity = ERRORS_ONLY
    if options.embedding:
        parameters.embedding = True
    return parameters


def _wait(server: xllamacpp.Server, options: argparse.Namespace, stop: threading.Event) -> None:
    """Returns when the process should end."""
    last_counts: list[str] = []
    active_at = time.monotonic()
    while not stop.wait(LOOK_EVERY_S):
        if not registry.is_wanted(options.entry, pid=os.getpid()):
            return
        metrics = server.handle_metrics()
        counts = ACTIVITY.findall(metrics)
        if counts != last_counts or any(float(count) for count in BUSY.findall(metrics)):
            last_counts, active_at = counts, time.monotonic()
        if time.monotonic() - active_at > options.idle_s and registry.retire_if_unwanted(options.entry, options.idle_s):
            return


if __name__ == "__main__":
    main()
