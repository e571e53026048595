"""What a machine took is kept for it alone, and a damaged file costs nothing but a calibration."""

from __future__ import annotations

import json
from pathlib import Path

from tunesmith.spec.plan import Speeds
from tunesmith.store.speeds import FILE, keep_speeds, machine_name, read_speeds


def test_speeds_belong_to_a_machine_and_its_settings(tmp_path: Path) -> None:
    here, quick = machine_name({"threads": None}), machine_name({"threads": 8, "device": "cuda"})
    assert here != quick
    assert "device=cuda" in quick
    assert read_speeds(tmp_path, here) == Speeds()
    found = Speeds.model_validate({"timed": [{"work": {"activity": "train", "parameters": 9, "rows": 3, "tokens": 2.0}, "seconds": 1.5}]})
    keep_speeds(tmp_path, here, found)
    keep_speeds(tmp_path, quick, Speeds())
    assert (read_speeds(tmp_path, here), read_speeds(tmp_path, quick)) == (found, Speeds())
    (tmp_path / FILE).write_text(json.dumps({here: {"timed": 3}}))
    assert read_speeds(tmp_path, here) == Speeds()
    (tmp_path / FILE).write_text("{")
    assert read_speeds(tmp_path, here) == Speeds()
    keep_speeds(tmp_path, here, found)
    assert read_speeds(tmp_path, here) == found
