"""Entries come back once each, equal values together."""

from __future__ import annotations

import numpy as np
import pytest

from tunesmith.data import buckets
from tunesmith.data.buckets import Buckets


@pytest.mark.parametrize("at_once", [1_000, 7])
def test_each_entry_comes_back_with_its_equals(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(buckets, "ENTRIES_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    values = rng.integers(0, 30, 100).astype(np.uint64) << np.uint64(40)
    found = Buckets(tmp_path, 100)
    for start in (0, 40):
        some = np.arange(start, start + (40 if start == 0 else 60))
        found.add(some, values[some], some * 2)
    back = [(r, v, p, k) for k, (row, value, place) in enumerate(found) for r, v, p in zip(row.tolist(), value.tolist(), place.tolist(), strict=True)]
    assert sorted((r, v, p) for r, v, p, _ in back) == [(i, int(values[i]), 2 * i) for i in range(100)]
    assert len({(v, k) for _, v, _, k in back}) == len({v for _, v, _, _ in back})
    assert list(tmp_path.iterdir()) == []
