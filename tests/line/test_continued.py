"""A tuned model that is continued on the same rows with another seed, through the real command line: nothing it was trained on judges it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.line.tiny_project import PROJECT, Home, make
from tunesmith.data.writing import read_rows
from tunesmith.spec.dataset import SPLITS, Dataset
from tunesmith.store.artifacts import Artifact

pytestmark = pytest.mark.line
QUICK = "train.budget.max_steps=2"


def ids(artifact: Artifact) -> dict[str, set[str]]:
    return {split: {row.id for row in read_rows(artifact.path, split)} for split in SPLITS}


@pytest.mark.long
def test_another_seed_moves_no_trained_row_into_dev_or_test(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", make(tmp_path / "project"))
    home.run("train", home.project(), "--set", QUICK)
    first = ids(home.store().get("latest", "dataset"))
    plain = home.run("data", "prepare", home.project(), "--set", "split.seed=5", "--json").json()
    assert ids(home.store().get(plain["name"]))["test"] & first["train"]  # what a new seed does to a model that begins anew
    (home.folder / "second.toml").write_text(PROJECT.replace('name = "tiny"', 'name = "second"').replace('model = "base"', 'start = "tiny"'))
    ran = home.run("train", home.project("second"), "--set", "split.seed=5", "--set", QUICK, "--json")
    checkpoint = ran.json()["checkpoint"]
    artifact = home.store().get(checkpoint["dataset"])
    second, proof = ids(artifact), artifact.load(Dataset).leak_proof
    assert (second["dev"] | second["test"]) & first["train"] == set()
    assert second["test"] & first["dev"] == set()
    assert (proof.ancestor_rows, proof.kept_in_train) == (len(first["train"]), len(first["train"]))
    assert f"the continued model was trained on {len(first['train'])} rows" in ran.err
    evaluated = home.run("evaluate", home.project("second"), "second", "--set", "split.seed=5", "--json").json()
    assert artifact.name in json.dumps(evaluated)
