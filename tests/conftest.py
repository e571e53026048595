"""What holds for every test."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

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
