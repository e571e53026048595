"""Tiny models in memory, one per kind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import tiny
from tunesmith.model.load import LoadedModel


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LoadedModel]:
    """The model of a kind, loaded once."""
    root, made = tmp_path_factory.mktemp("models"), dict[str, LoadedModel]()

    def get(kind: str) -> LoadedModel:
        if kind not in made:
            made[kind] = tiny.load(tiny.save(root / kind, kind))
        return made[kind]

    return get
