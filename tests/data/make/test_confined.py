"""The process that reads: what it says, and what happens when it does not survive."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.data.make import library_faq
from tunesmith.data.make.confined import Reader
from tunesmith.errors import Interrupted
from tunesmith.spec.making import Limits
from tunesmith.spec.passage import Passage, Skipped


def nothing():
    pass


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "f.md"
    path.write_text("# A\n\nb\n")
    return path


def test_many_files_by_one_process(page, tmp_path):
    other = tmp_path / "g.txt"
    other.write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600)
    with Reader(Limits()) as reader:
        found = [one for _ in range(2) for one in reader.read(page, "f.md", nothing)]
        process = reader._process
        refused = list(reader.read(other, "g.txt", nothing))
        assert reader._process is process
    assert [one.text for one in found] == ["A", "b", "A", "b"]
    assert [(one.reason, one.spot.file) for one in refused] == [("unreadable", "g.txt")]
    assert process.poll() is not None


def test_a_reader_that_dies_costs_one_file(page, tmp_path):
    big = tmp_path / "big.md"
    big.write_text("word *em* `x`\n\n" * 60_000)
    with Reader(Limits()) as reader:
        list(reader.read(page, "f.md", nothing))
        pid = reader._process.pid
        found = list(reader.read(big, "big.md", lambda: os.kill(pid, signal.SIGKILL)))
        assert isinstance(found[-1], Skipped)
        assert "SIGKILL" in found[-1].message
        assert [one.text for one in reader.read(page, "f.md", nothing)] == ["A", "b"]


def test_time_runs_out(tmp_path):
    big = tmp_path / "big.md"
    big.write_text("word *em* `x`\n\n" * 60_000)
    with Reader(Limits(seconds=0.5)) as reader:
        found = list(reader.read(big, "big.md", nothing))
    assert (found[-1].reason, found[-1].fix[:5]) == ("too_slow", "split")


def test_who_takes_the_passages_may_be_slow(page):
    with Reader(Limits(seconds=4)) as reader:
        found = []
        for one in reader.read(page, "f.md", nothing):
            time.sleep(2.5)
            found.append(one.text)
    assert found == ["A", "b"]


def test_memory_runs_out(tmp_path):
    big = tmp_path / "big.md"
    big.write_text("word *em* `x`\n\n" * 200_000)
    with Reader(Limits(memory_bytes=700_000_000)) as reader:
        found = list(reader.read(big, "big.md", nothing))
    assert isinstance(found[-1], Skipped)
    assert not isinstance(found[-1], Passage)


def test_a_stop_is_heard_while_a_file_is_read(tmp_path):
    big = tmp_path / "big.md"
    big.write_text("word *em* `x`\n\n" * 60_000)

    def stop():
        raise Interrupted("stopped")

    with Reader(Limits()) as reader, pytest.raises(Interrupted):
        list(reader.read(big, "big.md", stop))


def test_a_pdf_through_the_process(tmp_path):
    path = tmp_path / "f.pdf"
    path.write_bytes(library_faq.printed())
    with Reader(Limits()) as reader:
        found = list(reader.read(path, "f.pdf", nothing))
    assert "Is there a café?" in [one.text for one in found]
