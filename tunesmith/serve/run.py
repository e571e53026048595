"""HOME and a socket → the engine process, which answers until its parent is gone.

    HOME --socket PATH --parent PID

Prints one line, `engine ready`, once it listens. Models are loaded when they are first asked for. Its log names models and errors, never what
somebody wrote.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from tunesmith.answer.live import Live
from tunesmith.answer.residents import Residents
from tunesmith.answer.vectors import Vectors
from tunesmith.errors import TunesmithError
from tunesmith.model.device import apply, place
from tunesmith.model.memory import free_bytes
from tunesmith.serve.server import Server
from tunesmith.settings import settings
from tunesmith.store.artifacts import Store
from tunesmith.store.parent import die_with

LOG = logging.getLogger(__name__)
SHARE_OF_MEMORY = 0.5
"""Of what is free at the start: the rest is for training and for what is being written."""
LAST_TURN_S = 5.0
"""How long the turn that is being computed is waited for at the end."""


def main(argv: Sequence[str]) -> int:
    """Exit status: 0 after a request to stop, 1 where the store or the machine does not allow to begin."""
    parser = argparse.ArgumentParser(prog="python -m tunesmith.serve.run", description="The engine process; started by the server.")
    parser.add_argument("home", type=Path)
    parser.add_argument("--socket", type=Path, required=True, help="where to listen")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="process that this one must not outlive")
    asked = parser.parse_args(argv)
    die_with(asked.parent)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        residents = open_residents(Store.open(asked.home))
    except TunesmithError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    live = Live(residents)
    thread = threading.Thread(target=_answer, args=(live,), name="answering", daemon=True)
    thread.start()
    asyncio.run(_serve(live, asked.socket))
    live.close()
    thread.join(timeout=LAST_TURN_S)
    if thread.is_alive():  # in a product of matrices: Python must not be taken down around it
        logging.shutdown()
        os._exit(0)
    return 0


def open_residents(store: Store) -> Residents:
    """A place for models, within the memory that the settings or the machine allow."""
    placement = place(settings())
    apply(placement)
    free = int(free_bytes(settings().memory_bytes).value)
    limit = free if settings().memory_bytes is not None else int(free * SHARE_OF_MEMORY)
    return Residents(store, placement, limit)


def _answer(live: Live) -> None:
    """The answering thread: without it the process is of no use, and whoever started it starts another."""
    try:
        live.run()
    except BaseException as error:  # the process boundary
        LOG.critical("the answering thread ended: %s", type(error).__name__)
        os._exit(70)  # EX_SOFTWARE in sysexits.h


async def _serve(live: Live, path: Path) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with Server(live, Vectors(live.residents)).listening(path):
        print("engine ready", flush=True)
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
