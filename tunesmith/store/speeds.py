"""What a machine took for its work → a file beside the database, the latest reading last. Nothing but prices rests on it: losing it costs a calibration."""

from __future__ import annotations

import json
import platform
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tunesmith.spec.plan import Speeds
from tunesmith.store.disk import disk_faults, write_json

FILE = "speeds.json"


def machine_name(computing: Mapping[str, str | int | None]) -> str:
    """This machine as it is set up: another device, dtype or number of threads is another speed."""
    given = [f"{name}={value}" for name, value in sorted(computing.items()) if value is not None]
    return " ".join([socket.gethostname(), platform.machine(), *given])


def read_speeds(home: Path, machine: str) -> Speeds:
    """What is known of the machine; nothing where nothing was kept, or where it cannot be read any more."""
    try:
        return Speeds.model_validate(_kept(home).get(machine, {}))
    except ValidationError:
        return Speeds()


def keep_speeds(home: Path, machine: str, speeds: Speeds) -> None:
    """Put the readings in the place of the machine's earlier ones.

    Raises: StoreUnusable.
    """
    with disk_faults(home):
        write_json(home / FILE, _kept(home) | {machine: speeds.model_dump(mode="json")})


def _kept(home: Path) -> dict[str, Any]:
    try:
        found = json.loads((home / FILE).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
