"""What holds for every test."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tunesmith import settings as ours
from tunesmith.store.artifacts import Store

# The same examples everywhere: a change is judged by what it changed. To search for new ones: pytest --hypothesis-profile default
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")

# Hundreds of processes are started in these tests, and each would compile all of ours anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Beside others the longest files come first, so that nobody waits for one at the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("line") is None)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny base model and a tiny encoder."""
    from tests import tiny

    folder = tmp_path_factory.mktemp("models")
    tiny.save(folder / "base")
    tiny.save_encoder(folder / "encoder")
    return folder


@pytest.fixture
def folder(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project for a line whose stages only pretend (`tests/doubles.py`)."""
    from tests.doubles import PROJECT

    for name in ("base", "encoder"):
        (tmp_path / name).symlink_to(models / name)
    (tmp_path / "project.toml").write_text(PROJECT)
    (tmp_path / "rows.csv").write_text("text,label\nmy card,card\nmy money,money\n")
    for name in ("DTYPE", "DEVICE", "THREADS"):
        monkeypatch.delenv(f"TUNESMITH_{name}", raising=False)
    monkeypatch.setattr("tunesmith.conclusion.issue", lambda *_: None)  # it rests on hashes of weights, and here there are none
    ours.settings.cache_clear()
    yield tmp_path
    ours.settings.cache_clear()


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """The store of that project."""
    found = Store.open(folder / "home")
    yield found
    found.close()


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long this machine stands still, doubles take hardly any time."""
    from tests.doubles import slowed

    for name in ("time", "monotonic"):
        monkeypatch.setattr(time, name, slowed(getattr(time, name)))
