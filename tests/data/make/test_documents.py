"""Files and folders → passages and what could not be read."""

from __future__ import annotations

import pytest

from tunesmith.data.make.documents import documents, files_at
from tunesmith.data.make.tally import Tally
from tunesmith.errors import BadData, Interrupted
from tunesmith.spec.job import Silent
from tunesmith.spec.making import QuestionWishes
from tunesmith.spec.passage import Passage, Skipped


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "docs" / ".git").mkdir()
    (tmp_path / "docs" / ".git" / "x.md").write_text("hidden")
    (tmp_path / "docs" / "b.md").write_text("# B\n\nb")
    (tmp_path / "docs" / "deep" / "a.txt").write_text("text a")
    (tmp_path / "docs" / "logo.png").write_bytes(b"\x89PNG")
    (tmp_path / "docs" / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    return tmp_path


def test_a_folder_is_read_with_all_that_is_in_it(folder):
    tally = Tally("questions", "passages", QuestionWishes())
    found = list(documents(["docs", "docs/b.md"], folder, Silent(), tally=tally))
    passages = [one for one in found if isinstance(one, Passage)]
    assert [(p.spot.file, p.text) for p in passages] == [("docs/b.md", "B"), ("docs/b.md", "b"), ("docs/deep/a.txt", "text a")]
    assert {(s.spot.file, s.reason) for s in found if isinstance(s, Skipped)} == {
        ("docs/logo.png", "not_a_document"),
        ("docs/broken.pdf", "unreadable"),
    }
    assert set(tally.inputs) == {"docs/b.md", "docs/broken.pdf", "docs/deep/a.txt"}


def test_paths_that_do_not_exist_are_told_together(folder):
    with pytest.raises(BadData) as error:
        files_at(["docs/c.md", "nowhere"], folder)
    assert [problem.where for problem in error.value.problems] == ["docs/c.md", "nowhere"]
    (folder / "empty").mkdir()
    with pytest.raises(BadData, match="holds no files"):
        files_at(["empty"], folder)


def test_a_stop_is_obeyed_and_progress_told(folder):
    class Stopped(Silent):
        def __init__(self):
            self.said = []

        def emit(self, event):
            self.said.append(event)

        def stopping(self):
            return len(self.said) > 1

    monitor = Stopped()
    with pytest.raises(Interrupted):
        list(documents(["docs"], folder, monitor))
    assert (monitor.said[0].label, monitor.said[0].total, monitor.said[0].unit) == ("reading docs/b.md", 3, "files")
