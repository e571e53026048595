"""A program and its tests → whether they pass, in a process that can reach nothing: no network, no file but its own, no other process.

Built on `unshare` (util-linux) and the kernel: new namespaces for users, mounts, processes and network; a root that holds the interpreter and nothing
else, read-only; a folder in memory; limits of memory and time; no privileges; a filter of system calls (filter.py, cell.py). None of this is
taken on trust: before the first program runs, one that tries to break out is run, and where any attempt succeeds nothing is run at all.
What remains: an answer that looks through the interpreter that runs it could claim that its own tests passed.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from tunesmith.errors import Unsupported
from tunesmith.evaluate.execution import cell
from tunesmith.evaluate.execution.filter import MACHINES, call_filter

MIB = 2**20
MOST_OUTPUT = 64 * 1024
"""Bytes that a cell may say; a verdict has a few hundred."""
GRACE_S = 1.0
"""After the wall clock's limit, before the outer watch ends what we did not."""
TOOLS = ("unshare", "timeout")
MOST_LINKS = 40
"""Links that lead to one another, as in Linux."""
LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/usr/share/zoneinfo")
FILES = ("/etc/ld.so.cache",)
NAMESPACES = (
    "--user",
    "--map-root-user",
    "--mount",
    "--propagation",
    "private",
    "--net",
    "--ipc",
    "--uts",
    "--pid",
    "--fork",
    "--kill-child=SIGKILL",
)
ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}  # fmt: skip
FIX = "run it on Linux where users may make namespaces (`unshare --user --net true` works), or judge by another metric"


@dataclass(frozen=True)
class Bounds:
    """What one program may use."""

    wall_s: float = 10.0
    cpu_s: int = 5
    memory_bytes: int = 1024 * MIB
    """Address space, the interpreter's included."""
    folder_bytes: int = 32 * MIB


@dataclass(frozen=True)
class Outcome:
    """What came of a program."""

    kind: Literal["passed", "failed", "error", "killed", "time"]
    """`failed`: a test says no. `error`: the answer does not run. `killed`: it used too much, or broke a rule so that the kernel ended it."""
    message: str = ""


@dataclass(frozen=True)
class Sandbox:
    """Where programs run that nobody trusts. Made by `proven`."""

    tools: Mapping[str, str]
    bounds: Bounds = Bounds()

    def run(self, answer: str, tests: str, *, question: str = "", reference: str = "", bounds: Bounds | None = None) -> Outcome:
        """What comes of `tests` (statements that raise, and functions named `test…`) after `answer`, both Python; each call is a new process.

        Raises: Unsupported if the process cannot be locked in.
        """
        bounds = bounds or self.bounds
        nonce = secrets.token_hex(16)
        asked = {"answer": answer, "tests": tests, "question": question, "reference": reference, "nonce": nonce}
        with tempfile.TemporaryDirectory(prefix="tunesmith-cell-") as root:
            said, status = self._said({**asked, **plan(root, bounds)}, bounds)
        return heard(said, status, nonce)

    def _said(self, asked: Mapping[str, Any], bounds: Bounds) -> tuple[bytes, int | None]:
        """(what the cell wrote, its exit status; None where its time was over)."""
        outer = [self.tools["timeout"], "--foreground", "-s", "KILL", f"{bounds.wall_s + GRACE_S:g}"]
        inner = [sys.executable, "-P", "-s", "-S", "-c", source(), json.dumps(importable())]
        with tempfile.TemporaryFile() as given:
            given.write(json.dumps(asked).encode("utf-8", "surrogatepass"))
            given.seek(0)
            process = subprocess.Popen(
                [*outer, self.tools["unshare"], *NAMESPACES, *inner], stdin=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(ENVIRONMENT),
                start_new_session=True,
            )  # fmt: skip
        try:
            said, in_time = drained(process, time.monotonic() + bounds.wall_s)
            return said, process.wait(GRACE_S) if in_time else None
        except subprocess.TimeoutExpired:
            return b"", None
        finally:
            end(process)


def drained(process: subprocess.Popen[bytes], until: float) -> tuple[bytes, bool]:
    """(what a process writes, whether it ended before `until` by the monotonic clock and said no more than it may)."""
    assert process.stdout is not None
    said = b""
    while (left := until - time.monotonic()) > 0:
        ready, _, _ = select.select([process.stdout], [], [], left)
        chunk = os.read(process.stdout.fileno(), MOST_OUTPUT) if ready else b""
        if ready and not chunk:
            return said, True
        said += chunk
        if len(said) > MOST_OUTPUT:
            break
    return said[:MOST_OUTPUT], False


def end(process: subprocess.Popen[bytes]) -> None:
    """End a cell with all that belongs to it; the kernel ends everything in its namespace with its first process."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdout is not None:
        process.stdout.close()
    process.wait()


def heard(said: bytes, status: int | None, nonce: str) -> Outcome:
    """What a cell's words mean. Raises: Unsupported if it could not lock itself in."""
    told = [one for line in said.split(b"\n") if isinstance(one := read_line(line), dict)]
    if status is None:
        return Outcome("time", "it did not end in time")
    if not any(one.get("locked") == nonce for one in told):
        setup = next((str(one["setup"]) for one in told if "setup" in one), said.decode("utf-8", "replace").strip()[:200])
        raise unsupported(setup or f"the process ended with status {status}")
    verdict = told[-1]
    if verdict.get("nonce") == nonce and "outcome" in verdict:
        return Outcome(verdict["outcome"], verdict["message"])
    if status == 0:
        return Outcome("error", "it ended before its tests were done")
    return Outcome("killed", "it was ended by the kernel: too much time or memory, or a call that is not allowed")


def read_line(line: bytes) -> Any:
    """The value that a line holds; None for what is no JSON."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def unsupported(why: str) -> Unsupported:
    """The error where programs cannot be confined."""
    return Unsupported("programs are not run here: it cannot be proven that they would do no harm", where="isolation", got=why, fix=FIX)


def plan(root: str, bounds: Bounds) -> dict[str, Any]:
    """What a cell is told beside its program."""
    machine = os.uname().machine
    return {
        "root": root, "shown": shown(), "files": [path for path in FILES if os.path.isfile(path)], "filter": call_filter(machine).hex(),
        "pivot_root": MACHINES[machine].pivot_root, "memory_bytes": bounds.memory_bytes, "cpu_s": bounds.cpu_s, "folder_bytes": bounds.folder_bytes,
    }  # fmt: skip


def shown() -> list[str]:
    """Folders that a program sees: the interpreter, its packages and shared libraries, what links among them lead to; none inside another one."""
    named = [path for path in (sys.base_prefix, sys.base_exec_prefix, sys.prefix, *LIBRARIES) if os.path.isdir(path)]
    wanted = {step for path in named for step in links(path)} - {"/"}
    found: list[str] = []
    for path in sorted(wanted, key=lambda path: (len(path), path)):
        if not any(path.startswith(other + "/") for other in found if not os.path.islink(other)):
            found.append(path)
    return found


def links(path: str) -> list[str]:
    """The path, and where it leads, link by link."""
    found = [path]
    while os.path.islink(found[-1]) and len(found) < MOST_LINKS:
        found.append(os.path.normpath(os.path.join(os.path.dirname(found[-1]), os.readlink(found[-1]))))
    return [*found, os.path.realpath(path)]


def importable() -> list[str]:
    """Where a program's imports are looked for: the packages beside ours, as far as it sees them."""
    return [path for path in sys.path if any(path.startswith(other + "/") for other in shown())]


@lru_cache(maxsize=1)
def source() -> str:
    """The cell's own text: it runs before there is anything to import it from."""
    return Path(cell.__file__).read_text(encoding="utf-8")


ESCAPES = """
import ctypes, os, socket, sys
found = []

def attempt(what, act):
    try:
        if act() is not False:
            found.append(what)
    except (OSError, ValueError, MemoryError):
        pass

libc = ctypes.CDLL(None, use_errno=True)
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, getattr(socket, "AF_VSOCK", 40), getattr(socket, "AF_NETLINK", 16)):
    attempt(f"a socket of family {int(family)}", lambda: socket.socket(family, socket.SOCK_STREAM))
for path in WRITES:
    attempt(f"writing {path}", lambda: open(path, "w"))
for path in READS:
    attempt(f"reading {path}", lambda: os.stat(path))
attempt("another process", lambda: os.fork() or os._exit(1))
attempt("another program", lambda: os.posix_spawn("/bin/true", ["true"], {}))
attempt("new namespaces", lambda: libc.unshare(0x10000000) == 0)
attempt("mounting", lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0)
attempt("another root", lambda: libc.chroot(b"/tmp") == 0)
attempt("another user", lambda: libc.setuid(12345) == 0)
attempt("new privileges", lambda: libc.prctl(39, 0, 0, 0, 0) != 1)
attempt("looking into processes", lambda: libc.ptrace(0, 0, 0, 0) == 0)
attempt("signals to others", lambda: os.kill(PARENT, 0) if PARENT != 1 else False)

def large():
    with open("/tmp/large", "wb") as file:
        file.write(b"x" * FOLDER)

attempt("a large file", large)
os.path.exists("/tmp/large") and os.unlink("/tmp/large")
with open("/tmp/own", "w") as own:
    own.write("its own folder has to work")
assert not found, ", ".join(found)
"""
"""A program that tries to break out, and names what worked."""


PROOF_S = 120.0
"""Of the clock on the wall: a busy machine says nothing about the bounds, which are of memory and processor time."""


@lru_cache(maxsize=1)
def proven() -> Sandbox:
    """A sandbox that was tried: every attempt to break out failed, too much memory was refused, and an endless loop was ended.

    Raises: Unsupported with the reason where one of these is not so.
    """
    if sys.platform != "linux" or os.uname().machine not in MACHINES:
        raise unsupported(f"{sys.platform} on {os.uname().machine}" if hasattr(os, "uname") else sys.platform)
    tools = {name: shutil.which(name) for name in TOOLS}
    if missing := [name for name, path in tools.items() if path is None]:
        raise unsupported(f"there is no program `{missing[0]}`")
    sandbox = Sandbox({name: path for name, path in tools.items() if path is not None})
    patient = replace(sandbox.bounds, wall_s=PROOF_S)
    with tempfile.TemporaryDirectory(prefix="tunesmith-proof-") as outside:
        canary = Path(outside) / "canary"
        canary.write_text("outside", encoding="utf-8")
        found = sandbox.run("", attempts(outside, [str(canary)], sandbox.bounds), bounds=patient)
        left = sorted(path.name for path in Path(outside).iterdir())
    if found.kind != "passed" or left != ["canary"]:
        raise unsupported(f"a program that tried to break out: {found.kind}, {found.message or left}")
    if (large := sandbox.run("", "bytearray(1 << 33)", bounds=patient)).kind != "failed" or "MemoryError" not in large.message:
        raise unsupported(f"memory is not bounded: {large.kind} {large.message}")
    if (endless := sandbox.run("while True: pass", "", bounds=replace(patient, cpu_s=1))).kind != "killed":
        raise unsupported(f"time is not bounded: {endless.kind} {endless.message}")
    return sandbox


def attempts(outside: str, reads: Sequence[str], bounds: Bounds) -> str:
    """The program that tries to break out, told what is outside."""
    writes = [f"{outside}/escaped", "/escaped", f"{sys.prefix}/escaped", f"{sys.base_prefix}/escaped", "/usr/lib/escaped", "/dev/escaped"]
    outer = [
        *reads,
        outside,
        str(Path.home() / ".ssh"),
        "/etc/passwd",
        "/proc/1/environ",
        "/proc/self/environ",
        "/sys/kernel",
        "/home",
        "/root/.bashrc",
    ]
    hidden = [path for path in outer if not any(seen.startswith(path + "/") or path.startswith(seen + "/") for seen in shown())]
    facts = {"WRITES": writes, "READS": hidden, "PARENT": os.getpid(), "FOLDER": bounds.folder_bytes + 1}
    return "".join(f"{name} = {value!r}\n" for name, value in facts.items()) + ESCAPES
