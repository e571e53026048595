"""A server that is killed between two steps of joining an upload: when it runs again the upload is complete, or can be completed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.console.conftest import Served, serving
from tunesmith.console.configuration import Configuration
from tunesmith.console.sweeper import sweep

ROOT = Path(__file__).resolve().parents[2]
KILLED = """
import os, signal, sys
from pathlib import Path
from tunesmith.console import stored_files, uploads
from tunesmith.console.access import caller_of
from tunesmith.console.configuration import Configuration
from tunesmith.console.state import open_console
from tunesmith.spec.openai import CompleteRequest

home, place, key, upload, *parts = sys.argv[1:]
console = open_console(Path(home), Configuration())

def die(*arguments, **more):
    os.kill(os.getpid(), signal.SIGKILL)

where = {"join": (uploads, "_joined"), "check": (uploads.jsonl, "check"), "keep": (stored_files, "keep"), "tell": (uploads, "_completed"), "clean": (uploads, "drop_parts")}
setattr(*where[place], die)
uploads.join(console, caller_of(console.keys.get(key)), upload, CompleteRequest(part_ids=parts))
"""


def key_id(served: Served) -> str:
    key = served.console.keys.find(served.secret)
    assert key is not None
    return key.id


@pytest.mark.parametrize("step", ["join", "check", "keep", "tell", "clean"])
def test_a_kill_between_two_steps_loses_nothing_and_doubles_nothing(home: Path, rows: bytes, step: str) -> None:
    with serving(home, Configuration()) as served, served.client() as client:
        secret, key = served.secret, key_id(served)
        upload = client.uploads.create(bytes=len(rows), filename="rows.jsonl", mime_type="application/jsonl", purpose="fine-tune")
        parts = [client.uploads.parts.create(upload.id, data=data).id for data in (rows[:100], rows[100:])]
    done = subprocess.run([sys.executable, "-c", KILLED, str(home), step, key, upload.id, *parts], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    with serving(home, Configuration()) as served, served.client(secret) as client:
        joined = client.uploads.complete(upload.id, part_ids=parts)
        assert (joined.status, joined.file and joined.file.bytes) == ("completed", len(rows))
        assert joined.file is not None
        assert client.files.content(joined.file.id).read() == rows
        assert [file.id for file in client.files.list()] == [joined.file.id]
        assert {path.name for path in served.console.files.iterdir() if not path.name.startswith(".incoming-")} == {joined.file.id}
        assert served.console.objects.page("part").items == []


def test_one_that_hangs_in_its_completion_expires(served: Served) -> None:
    with served.client() as client:
        upload = client.uploads.create(bytes=3, filename="x", mime_type="text/plain", purpose="user_data")
        client.uploads.parts.create(upload.id, data=b"abc")
    objects = served.console.objects
    objects.change("upload", upload.id, lambda old: {**old, "status": "completing", "expires_at": old["expires_at"] - 3601})
    sweep(served.console)
    assert objects.get("upload", upload.id).body["status"] == "completing"  # it may still come to its end
    objects.change("upload", upload.id, lambda old: {**old, "expires_at": old["expires_at"] - 3601})
    sweep(served.console)
    assert objects.get("upload", upload.id).body["status"] == "expired"
    assert list(served.console.files.iterdir()) == []
