"""The shipped examples: what their project files ask for is what is prepared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunesmith.data.documents_in import paths_of
from tunesmith.data.run import prepare
from tunesmith.data.writing import read_rows
from tunesmith.spec.dataset import SPLITS
from tunesmith.spec.job import Silent
from tunesmith.spec.project import parse_project

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.mark.parametrize(("name", "kind", "outside"), [("router", "classify", {"dev": 30, "test": 150}), ("faq", "answer", {"dev": 6, "test": 24})])
def test_each_has_rows_to_learn_from_to_judge_by_and_to_decline(name: str, kind: str, outside: dict[str, int], tmp_path: Path) -> None:
    folder = EXAMPLES / name
    project = parse_project((folder / "project.toml").read_text(), "project.toml")
    found = prepare(project, folder, tmp_path, Silent(), None)
    assert found.kind == kind
    assert found.out_of_scope == project.task.out_of_scope
    declined = {
        split: sum(row.conversation is not None and row.conversation.answer() == found.out_of_scope for row in read_rows(tmp_path, split))
        for split in SPLITS
    }
    assert {split: declined[split] for split in outside} == outside
    assert 0.05 <= declined["train"] / found.rows["train"] <= 0.15
    assert (found.leak_proof.exact_pairs, found.leak_proof.near_pairs) == (0, 0)


def test_the_faq_has_its_documents_and_their_licence() -> None:
    folder = EXAMPLES / "faq"
    project = parse_project((folder / "project.toml").read_text(), "project.toml")
    paths, others = paths_of(project.documents, folder)
    assert (len(paths), others) == (1, [])
    assert len(list((folder / "documents").glob("*.rst"))) == 8
    assert "PYTHON SOFTWARE FOUNDATION LICENSE" in (folder / "LICENSE-PYTHON").read_text()
