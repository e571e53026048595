"""Orders through the real queue, supervisor and child processes; only the line is a stub."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time

import pytest

from tests.waiting import until
from tunesmith.cli.follow import is_gone
from tunesmith.jobs.queue import Queue

HOSTILE_SHOWN = "\\x1b[2J[red]x[/red]"


def test_a_result_is_one_object_and_progress_goes_to_the_other_stream(stub):
    done = stub("models", "pull", "fine", "--json")
    assert done.status == 0
    assert done.json()["model"]["id"] == "tiny"
    assert f"! a row says {HOSTILE_SHOWN}\n" in done.err
    assert "✓ fine-tune fine" in done.err
    assert "\x1b" not in done.err


def test_a_person_reads_lines_that_hostile_text_cannot_move(stub):
    done = stub("models", "pull", "fine")
    assert (done.status, done.err) == (0, "")
    assert "\x1b" not in done.out
    assert done.out.count(HOSTILE_SHOWN) == 3


def test_what_the_worker_met_is_shown_with_its_exit_status(stub):
    done = stub("models", "pull", "alarm")
    assert done.status == 5
    assert done.err == "alarm · step 3: the loss is not a number\n  fix: lower train.optimiser.lr\n"
    done = stub("models", "pull", "alarm", "--json")
    assert (done.json()["error"]["code"], done.status) == ("alarm", 5)


def test_a_mistake_of_ours_in_the_worker_shows_its_traceback(stub):
    done = stub("models", "pull", "bug")
    assert done.status == 1
    assert "ZeroDivisionError: ours\nThis is a mistake in Tunesmith" in done.err
    assert stub("models", "pull", "bug", "--json").json()["error"]["code"] == "internal"


def test_no_wait_says_who_holds_it(stub, tmp_path):
    (tmp_path / "p.toml").write_text('name = "busy"\n[[sources]]\nfile = "x.csv"\n')
    done = stub("run", "p.toml", "--no-wait")
    assert done.status == 4
    assert f"got nowhere:1 since 2026-01-01 00:00:00, {HOSTILE_SHOWN}" in done.err


def newest(store, status: str) -> str:
    """Id of the newest job with the status, once there is one."""
    return until(lambda: next((job.id for job in Queue(store).newest(status=status)), None))


def heard(child: subprocess.Popen[str], words: str) -> str:
    """What a command has printed up to the line with these words."""
    said = ""
    while words not in said:
        line = child.stdout.readline()
        assert line, said
        said += line
    return said


def ended(child: subprocess.Popen[str]) -> tuple[str, str, int]:
    """What a command that ends still prints, what it prints as errors, and its status."""
    with child:
        return child.stdout.read(), child.stderr.read(), child.wait(300)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_the_first_ctrl_c_stops_after_the_step_and_prints_what_goes_on(stub_process, store, number, tmp_path):
    (tmp_path / "my p.toml").write_text('name = "slow"\n[[sources]]\nfile = "x.csv"\n')
    child = stub_process("train", "my p.toml", "--set", "train.seed=3")
    heard(child, "! a row says")
    running = newest(store, "running")
    child.send_signal(number)
    out, err, status = ended(child)
    assert status == 130
    assert "stopping after this step, saving" in out
    assert f"interrupted · {running}: stopped" in err
    assert "fix: to go on: tunesmith train 'my p.toml' --set train.seed=3\n" in err
    assert Queue(store).get(running).status == "interrupted"


def test_the_second_ctrl_c_kills(stub_process, store):
    child = stub_process("models", "pull", "deaf")
    heard(child, "! a row says")
    child.send_signal(signal.SIGINT)
    heard(child, "stopping after this step, saving")
    start = time.monotonic()
    child.send_signal(signal.SIGINT)
    _, err, status = ended(child)
    assert time.monotonic() - start < 120, "the worker would have slept for ten minutes"
    assert status == 130
    assert err == "interrupted · killed; finished steps and the last saved state are kept\n  fix: to go on: tunesmith models pull deaf\n"
    assert Queue(store).newest(status="running") == []


def test_ctrl_c_ends_waiting_for_another_process(stub_process, store):
    child = stub_process("models", "pull", "busy")
    before = heard(child, "waiting for nowhere:1 since")
    newest(store, "failed")
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    out, _, status = ended(child)
    assert status == 130
    assert (before + out).count("waiting for nowhere:1 since") == 1
    assert (before + out).count("! a row says") == 1, "what was said before the wait is not said again"


def test_a_holder_is_gone_when_its_process_is():
    mine = f"{socket.gethostname()}:{os.getpid()} since 2026-01-01 00:00:00, run x"
    assert not is_gone(mine)
    assert is_gone(mine.replace(f":{os.getpid()} ", ":4194300 "))
    assert not is_gone("another process that has just taken it")


def test_jobs_are_listed_and_shown_with_what_they_said(stub, cli):
    stub("models", "pull", "fine")
    stub("models", "pull", "bug")
    stub("models", "pull", "alarm")
    failed, bug, fine = cli("jobs", "list", "--json").json()["jobs"]
    assert [failed["status"], bug["status"], fine["status"]] == ["failed", "failed", "succeeded"]
    assert [failed["id"], bug["id"]] == [line.split("\t")[0] for line in cli("jobs", "list", "--status", "failed").out.splitlines()]
    assert "alarm · step 3" in cli("jobs", "show", failed["id"]).out
    assert "ZeroDivisionError" in cli("jobs", "show", bug["id"]).out
    assert "tiny" in cli("jobs", "show", fine["id"]).out
    said = cli("jobs", "logs", fine["id"]).out
    assert f"! a row says {HOSTILE_SHOWN}" in said
    assert "succeeded after" in said
    kinds = [event["kind"] for event in cli("jobs", "logs", fine["id"], "--json").json()["events"]]
    assert kinds == ["stage_started", "note", "stage_finished"]
    done = cli("jobs", "show", "job-nope", "--json")
    assert (done.status, done.json()["error"]["code"]) == (2, "not_found")
