"""Real downloads, asked for by name: `pytest -m network`."""

from __future__ import annotations

import pytest

from tunesmith.catalogue.pull import pull
from tunesmith.catalogue.read import verify

pytestmark = pytest.mark.network


@pytest.mark.parametrize("name", ["all-minilm-l6-v2", "smollm2-135m-instruct", "gemma-3-270m"])
def test_an_embedded_model_can_be_pulled(name, tmp_path, log):
    monitor = log()
    model = pull(name, tmp_path / "models", monitor, offline=True)
    verify(model, full=True)
    assert any(event.kind == "progress" and event.label.startswith("downloading") for event in monitor.events)
