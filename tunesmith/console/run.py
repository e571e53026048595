"""A home folder, an address → a server that answers until it is told to stop, and its two children.

The address and, the first time, a key are printed; after that only structured log lines are written, on standard error.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
import uvicorn

from tunesmith.catalogue.read import installed
from tunesmith.console.app import make_app
from tunesmith.console.children import Children, commands
from tunesmith.console.configuration import LOOPBACK, Configuration
from tunesmith.console.connection import Connection
from tunesmith.console.engine_client import SERVING
from tunesmith.console.state import Console
from tunesmith.console.webhooks import delivering
from tunesmith.errors import BadProject, Busy, TunesmithError
from tunesmith.settings import settings
from tunesmith.store.disk import disk_faults
from tunesmith.store.lease import Lease, this_process

FIRST_KEY = "first key"
BACKLOG = 2048
KEEP_ALIVE_S = 30
GRACEFUL_S = 10
"""Requests under way may end within this time when the server stops."""
EVERYWHERE = frozenset({"0.0.0.0", "::"})


@dataclass(frozen=True)
class Address:
    """Where to listen."""

    host: str = "127.0.0.1"
    port: int = 8000
    """0: any free one."""


def serve(home: Path, address: Address, configuration: Configuration, *, machine: bool = False) -> int:
    """Serve until SIGTERM or Ctrl-C; returns the exit status. `machine`: the address is printed as one JSON object.

    Raises: Busy where this store is served already or the port is taken; BadProject for an address that cannot be listened on, or an alias for
    a model that is not there; StoreUnusable.
    """
    log_to_standard_error()
    listener = listen(address)
    with listener:
        host, port = listener.getsockname()[:2]
        children = Children(commands(home, home / "run" / "engine.sock"), home / "run")
        app = make_app(home, replace(configuration, hosts=hosts_of(address.host, configuration.hosts)), children)
        console: Console = app.state.console
        with disk_faults(home):
            lease = Lease.take(home / SERVING, this_process("serving"))
        try:
            refuse_empty_aliases(console)
            server = Server(uvicorn_config(app))
            with server.told_by_signals(), delivering(console):
                announce(console, address.host, host, port, machine=machine)
                children.start()
                try:
                    server.run(sockets=[listener])
                finally:
                    children.stop()
        finally:
            lease.free()
    return 0


class Server(uvicorn.Server):
    """Ends in order whenever it is told to.

    uvicorn listens to signals while it serves. One that comes before, when the address is printed already, would break off whatever happens to be
    done then; one that comes behind its own end is raised again, and would break off the end of the children.
    """

    @contextmanager
    def told_by_signals(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C are requests to end from here on."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: whoever runs the server listens."""
        yield


def uvicorn_config(app: object) -> uvicorn.Config:
    """The server's settings: no headers believed that a proxy may have set, no access log (ours has no paths), no name of the software."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=Connection,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws="none",
        lifespan="on",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACEFUL_S,
    )


def listen(address: Address) -> socket.socket:
    """A socket that listens there. Raises: Busy for a port that is taken, BadProject for an address that is not this machine's."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(where)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener
    except (OSError, OverflowError) as error:
        place = f"{address.host}:{address.port}"
        if isinstance(error, OSError) and error.errno == 98:  # EADDRINUSE
            raise Busy("another program listens here", where=place, fix="take another --port; 0 takes any free one") from error
        raise BadProject("cannot listen here", where=place, got=str(error), expected="an address of this machine", fix="change --host") from error


def hosts_of(host: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """The names in a Host header that are answered: this machine's, the one it listens on, and what the user allowed."""
    own = () if host in EVERYWHERE else (f"[{host}]" if ":" in host else host,)
    return tuple(dict.fromkeys(name.lower() for name in (*LOOPBACK, *own, *allowed)))


def refuse_empty_aliases(console: Console) -> None:
    """Return if every alias stands for a base on this machine, or for what `tunesmith run` registered. Raises: BadProject."""
    there = {model.id for model in installed(console.store.models)} | set(console.store.registered())
    for name, model in console.configuration.aliases.items():
        if model not in there:
            expected = ", ".join(sorted(there)) or "a pulled model"
            raise BadProject(
                "stands for a model that is not there", where=f"--alias {name}={model}", expected=expected, fix=f"tunesmith models pull {model}"
            )


def announce(console: Console, asked: str, host: str, port: int, *, machine: bool) -> None:
    """Print where the server is, and the key that is made when there is none yet: it is shown this once."""
    secret = None
    if not any(key.revoked_at is None for key in console.keys.list()):
        secret = console.keys.create(FIRST_KEY)[1]
    name = host if asked in EVERYWHERE or not asked else asked
    url = f"http://{f'[{name}]' if ':' in name else name}:{port}/v1"
    if machine:
        print(json.dumps({"address": url, "key": secret}), flush=True)
        return
    print(f"Tunesmith answers at {url}")
    if secret is not None:
        print(f"Your API key, shown only now: {secret}")
    print(f"OPENAI_BASE_URL={url} makes scripts of the openai package use it. Ctrl-C stops.", flush=True)


def log_to_standard_error() -> None:
    """Structured lines of JSON, one per request, on standard error; what uvicorn has to say goes the same way."""
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"), structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # what is no HTTP is told by `connection.py`


def main(argv: Sequence[str]) -> int:
    """The process that `tunesmith serve` turns into. Exit status: that of the error, if there is one."""
    parser = argparse.ArgumentParser(prog="tunesmith serve")
    parser.add_argument("home", type=Path)
    parser.add_argument("--host", default=Address.host)
    parser.add_argument("--port", type=int, default=Address.port)
    parser.add_argument("--allow-host", action="append", default=[])
    parser.add_argument("--alias", action="append", default=[])
    parser.add_argument("--webhook", action="append", default=[])
    parser.add_argument("--allow-private-webhooks", action="store_true")
    parser.add_argument("--decline", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    aliases = dict(pair.split("=", 1) for pair in asked.alias)
    configuration = Configuration(
        hosts=tuple(asked.allow_host),
        aliases=aliases,
        webhooks=tuple(dict.fromkeys(asked.webhook)),
        private_webhooks=asked.allow_private_webhooks,
        decline=asked.decline,
        preset_key=settings().api_key,
    )
    # Before there is anything to end, SIGTERM is what Ctrl-C is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return serve(asked.home, Address(asked.host, asked.port), configuration, machine=asked.json)
    except TunesmithError as error:
        print(json.dumps({"error": error.to_json()}) if asked.json else error, file=sys.stdout if asked.json else sys.stderr, flush=True)
        return error.exit_status
    except KeyboardInterrupt:  # Ctrl-C or SIGTERM: everything has ended in order
        return 0
