"""`./orq up`: prepares what changed, then keeps web and workers running in this terminal."""

from __future__ import annotations

import argparse
import errno
import os
import shlex
import signal
import socket
import subprocess
import sys
import uuid

from scripts import home
from scripts.failures import in_words
from scripts.home import env
from scripts.supervisor import Part, Supervisor
from scripts.words import Stop, say, t

APPLICATION = "orquestrador.asgi:application"
# Live messages are small: to compress each of them for each socket takes several times the CPU of sending it.
SMALL_MESSAGES = ("--ws-per-message-deflate", "false")


def main(arguments: list[str]) -> int:
    options = parsed(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # while preparing, SIGTERM is Ctrl-C
    home.open_home()
    with in_words(home.LOGS / "up.log", doing=t("Orquestrador stopped")), home.only_start(options.url):
        check_port(options.host, options.port)
        environment = child_environment(options)
        sign_in = prepare(environment)
        parts = [web_part(options), *worker_parts(options.workers)]
        return Supervisor(
            parts,
            environment=environment,
            is_ready=lambda: is_healthy(options.host, options.port),
            announce=lambda: announce(options, sign_in),
        ).run()


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./orq up", description=t("Starts the product in this terminal. Ctrl-C stops it."))
    parser.add_argument("--host", default=env.text("ORQ_HOST", "127.0.0.1"), help=t("address to listen on (ORQ_HOST)"))
    parser.add_argument("--port", type=int, default=env.integer("ORQ_PORT", 8000), help=t("port to listen on (ORQ_PORT)"))
    parser.add_argument("--workers", type=int, default=1, help=t("processes for background work"))
    parser.add_argument("--no-browser", action="store_true", help=t("do not open a browser"))
    options = parser.parse_args(arguments)
    if not 0 < options.port < 65536:
        raise Stop(t("Port {port} does not exist; choose one from 1 to 65535.", port=options.port))
    if options.workers < 1:
        raise Stop(t("--workers takes 1 or more; without a worker no task would run."))
    options.url = f"http://{_shown_host(options.host)}:{options.port}/"
    return options


def _shown_host(host: str) -> str:
    everywhere = host in ("0.0.0.0", "::", "")
    return "localhost" if everywhere else f"[{host}]" if ":" in host else host


# ---- before anything is started ----


def check_port(host: str, port: int) -> None:
    """Raises Stop, in words, where the server could not listen."""
    try:
        _try_to_listen(host, port)
    except socket.gaierror as error:
        raise Stop(t("The address {host} is not known: {cause}.", host=host, cause=error.strerror)) from error
    except OSError as error:
        texts = {
            errno.EADDRINUSE: "Port {port} is taken by another program. {next} is free: ./orq up --port {next}",
            errno.EACCES: "Port {port} is reserved for the administrator; use one above 1023: ./orq up --port 8000",
            errno.EADDRNOTAVAIL: "{host} is not an address of this machine. Use 127.0.0.1, or 0.0.0.0 for all of them.",
            0: "Cannot listen on {host}:{port}: {cause}.",
        }
        text = texts.get(error.errno or 0, texts[0])
        raise Stop(t(text, host=host, port=port, cause=error.strerror, next=next_free_port(host, port))) from error


def _try_to_listen(host: str, port: int) -> None:
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, kind) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind(address)
        trial.listen(1)


def next_free_port(host: str, port: int) -> int:
    for candidate in range(port + 1, min(port + 200, 65536)):
        try:
            _try_to_listen(host, candidate)
        except OSError:
            continue
        return candidate
    return 0


def child_environment(options: argparse.Namespace) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "orquestrador.settings",
        "ORQ_HOME": str(home.HOME),
        "ORQ_HOST": options.host,
        "ORQ_PORT": str(options.port),
        "ORQ_BOOT_ID": str(uuid.uuid4()),
    }


def prepare(environment: dict[str, str]) -> str:
    """Runs scripts.prepare; it says what it does and what went wrong. Gives how to sign in."""
    command = [sys.executable, "-m", "scripts.child", "scripts.prepare"]
    prepared = {**environment, "ORQ_PARENT_PID": str(os.getpid())}
    done = subprocess.run(command, cwd=home.ROOT, env=prepared, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(1)
    return done.stdout.strip()


# ---- what runs ----


def web_part(options: argparse.Namespace) -> Part:
    host, port = options.host, str(options.port)
    if env.text("ORQ_SERVER") == "daphne":
        return Part("web", ["daphne", "-b", host, "-p", port, "-v", "0", APPLICATION])
    behind_proxy = "--proxy-headers" if env.boolean("ORQ_HTTPS") else "--no-proxy-headers"
    quiet = ["--no-access-log", "--no-server-header", "--log-level", "warning", behind_proxy]
    address = ["--host", host, "--port", port, "--timeout-graceful-shutdown", "5"]
    return Part("web", ["uvicorn", *address, *SMALL_MESSAGES, *quiet, APPLICATION])


def worker_parts(count: int) -> list[Part]:
    names = ["worker", *(f"worker-{number}" for number in range(2, count + 1))]
    return [Part(name, _worker_command(name)) for name in names]


def _worker_command(name: str) -> list[str]:
    """Threads, because the work waits for AIs; one process of them costs 150 MB, not 80 MB for each."""
    fixed = "-A orquestrador worker -P threads -c 32 --without-gossip --without-mingle -l warning"
    return shlex.split(f"celery {fixed} -n {name}@%h {env.text('ORQ_WORKER_ARGS')}")


def is_healthy(host: str, port: int) -> bool:
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    shown = f"[{reached}]" if ":" in reached else reached
    try:
        with socket.create_connection((reached, port), timeout=2) as connection:  # http.client would bring 5 MB of TLS
            connection.sendall(f"GET /api/health/ HTTP/1.0\r\nHost: {shown}:{port}\r\n\r\n".encode())
            return connection.makefile("rb").readline().split()[1:2] == [b"200"]
    except OSError:
        return False


def announce(options: argparse.Namespace, sign_in: str) -> None:
    print(t("Orquestrador is ready: {url}", url=options.url), flush=True)
    print(sign_in or t("Sign in with your account."), flush=True)
    say("Ctrl-C stops everything.")
    if not options.no_browser and sys.stdout.isatty() and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        import webbrowser

        webbrowser.open(options.url)
