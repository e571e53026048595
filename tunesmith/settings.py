"""The environment → settings. The only reader of environment variables; a value cannot change after it was read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tunesmith.errors import BadProject


@dataclass(frozen=True)
class Settings:
    """What the environment decides. Everything else is in a project file or on the command line."""

    home: Path
    """`TUNESMITH_HOME`: the store, the model weights and the caches. Default: `tunesmith` under the user's data folder."""
    threads: int | None
    """`TUNESMITH_THREADS`: CPU threads for model work. Default: chosen in `model/device.py`, with its reason."""
    device: str | None
    """`TUNESMITH_DEVICE`: `cpu`, `cuda` or `cuda:N`. Default: chosen in `model/device.py`, with its reason."""
    dtype: str | None
    """`TUNESMITH_DTYPE`: `float32` or `bfloat16`. Default: chosen in `model/device.py`, with its reason."""
    offline: bool
    """`HF_HUB_OFFLINE`: 1 forbids the model hub. Package registries are only asked by `tunesmith models pull`."""
    memory_bytes: int | None
    """`TUNESMITH_MEMORY_BYTES`: how much memory models may take. Default: what the machine or its container has free."""
    api_key: str | None = None
    """`TUNESMITH_API_KEY`: a key of the server that is valid from its start. Default: `tunesmith serve` makes one the first time."""

    def computing(self) -> dict[str, str | int | None]:
        """What the user set about the machine and results depend on."""
        return {"dtype": self.dtype, "device": self.device, "threads": self.threads}


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from the given variables; an empty variable counts as absent."""

    def text(name: str) -> str | None:
        return environment.get(name) or None

    def number(name: str) -> int | None:
        value = text(name)
        if value is not None and not value.isdigit():
            from_where = f"environment variable {name}"
            raise BadProject("is not a whole number", where=from_where, got=repr(value), expected="digits only", fix=f"unset {name}")
        return int(value) if value is not None else None

    data = Path(text("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return Settings(
        home=Path(text("TUNESMITH_HOME") or data / "tunesmith").expanduser().absolute(),
        threads=number("TUNESMITH_THREADS"),
        device=text("TUNESMITH_DEVICE"),
        dtype=text("TUNESMITH_DTYPE"),
        offline=text("HF_HUB_OFFLINE") in {"1", "true", "yes", "on"},
        memory_bytes=number("TUNESMITH_MEMORY_BYTES"),
        api_key=text("TUNESMITH_API_KEY"),
    )


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return read_settings(os.environ)


SPINS = "5000"
"""How often a waiting GNU OpenMP thread looks again before it sleeps: a few microseconds. From single readings (docs/log.md, 2026-11-21);
bench/threads.py repeats them. Threads are not bound to cores: that has not been measured."""


def worker_environment() -> dict[str, str]:
    """The environment for a process that computes: the caller's, with OpenMP threads that soon sleep instead of spinning while they wait.

    Spinning threads are ruinous beside any other busy process, and threads that sleep at once wake up late: a step takes a fifth longer. What
    the user set himself stays.
    """
    if "OMP_WAIT_POLICY" in os.environ or "GOMP_SPINCOUNT" in os.environ:
        return dict(os.environ)
    return {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": SPINS, **os.environ}


def allocator_is_chosen() -> bool:
    """Whether the user set something of glibc's allocator himself."""
    return any(name.startswith("MALLOC_") or (name == "GLIBC_TUNABLES" and "malloc" in value) for name, value in os.environ.items())


def secret(variable: str) -> str | None:
    """What an environment variable holds that the user named for a key; None if it is absent or empty. It is asked for where it is used and kept nowhere."""
    return os.environ.get(variable) or None
