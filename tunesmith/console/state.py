"""A home folder and a configuration → everything that the routes of one server share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tunesmith.console.children import Children
from tunesmith.console.configuration import Configuration
from tunesmith.console.limits import Limiter
from tunesmith.console.measures import Measures
from tunesmith.console.quotas import Quotas
from tunesmith.jobs.queue import Queue
from tunesmith.store.access import Keys
from tunesmith.store.artifacts import Store
from tunesmith.store.disk import disk_faults
from tunesmith.store.objects import Objects

PRIVATE = 0o700


@dataclass(frozen=True)
class Console:
    """What a route finds at `request.app.state.console`. Threads may share all of it."""

    store: Store
    objects: Objects
    queue: Queue
    keys: Keys
    configuration: Configuration
    limiter: Limiter
    quotas: Quotas
    engine_socket: Path
    """Where the engine answers."""
    files: Path
    """`HOME/files`: the content of every stored file, named by its id."""
    measures: Measures = field(default_factory=Measures)
    children: Children | None = None
    """The two processes, where this server started them."""


def open_console(home: Path, configuration: Configuration, children: Children | None = None) -> Console:
    """The shared state of one server, its folders made.

    Raises: StoreUnusable.
    """
    store = Store.open(home)
    files, run = home / "files", home / "run"
    with disk_faults(home):
        for folder in (files, run):
            folder.mkdir(mode=PRIVATE, exist_ok=True)
            folder.chmod(PRIVATE)
    keys = Keys(store.database)
    keys.preset(configuration.preset_key)
    return Console(
        store=store,
        objects=Objects(store.database),
        queue=Queue(store),
        keys=keys,
        configuration=configuration,
        limiter=Limiter(configuration),
        quotas=Quotas(store.database, configuration),
        engine_socket=run / "engine.sock",
        files=files,
        children=children,
    )
