"""auto: the documented numbers, for every count of rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.given_hyperparameters import auto_hyperparameters


@pytest.mark.parametrize(("rows", "epochs", "batch"), [(10, 10, 1), (12, 8, 2), (33, 3, 4), (34, 3, 4), (100, 3, 16), (191, 3, 16), (192, 3, 32), (8_333, 3, 32), (8_334, 2, 32), (10**6, 1, 32)])  # fmt: skip
def test_the_observed_and_documented_values(rows, epochs, batch):
    found = auto_hyperparameters(rows, "supervised")
    assert (epochs, batch, 1.0) == tuple(found[name].value for name in ("n_epochs", "batch_size", "learning_rate_multiplier"))
    assert list(found) == ["n_epochs", "batch_size", "learning_rate_multiplier"]


def test_preferences_have_a_beta():
    assert auto_hyperparameters(100, "dpo")["beta"].value == 0.1


@given(rows=st.integers(1, 10**9), method=st.sampled_from(["supervised", "dpo"]))
def test_every_value_is_in_the_range_that_a_request_may_ask_for_and_has_a_reason(rows, method):
    found = auto_hyperparameters(rows, method)
    assert 1 <= found["n_epochs"].value <= 50
    assert 1 <= found["batch_size"].value <= 256
    assert isinstance(found["n_epochs"].value, int)
    assert isinstance(found["batch_size"].value, int)
    assert all(auto.reason for auto in found.values())
