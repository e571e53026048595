"""The command that the supervisor starts finds the package and the line from any folder, whatever lies in it."""

from __future__ import annotations

import subprocess

from tunesmith.jobs.supervisor import WORKER


def test_the_workers_command_is_not_misled_by_the_users_folder(tmp_path):
    for name in ("tunesmith.py", "json.py", "data.py"):
        (tmp_path / name).write_text("raise SystemExit('the wrong module')")
    found = subprocess.run([*WORKER, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("usage: python -m tunesmith.jobs.worker")
