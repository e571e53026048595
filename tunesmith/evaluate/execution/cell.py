"""A program → its verdict, in a process that first locks itself in. Run as the source of `python -c` inside new namespaces; imports nothing of ours.

Standard input holds one JSON object, the plan; standard output gets one line of JSON. Order matters: a new root with the interpreter in it, read-only,
and one small folder in memory to write in; limits; no privileges, and none to be got; the filter of system calls. Only then the program.
"""

from __future__ import annotations

import builtins
import ctypes
import json
import os
import resource
import sys
import traceback
from typing import Any

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_BIND, MS_REC = 1, 2, 4, 4096, 16384
AT_FDCWD, AT_RECURSIVE, MNT_DETACH = -100, 0x8000, 2
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, SYS_MOUNT_SETATTR = 1, 2, 442
PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 24, 38, 2
CAPABILITIES = 64
CAPABILITY_VERSION = 0x20080522
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
MESSAGE_CHARACTERS = 300
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


def main() -> None:
    """Read the plan, lock this process in, run the program, and say what came of it."""
    plan = json.loads(sys.stdin.buffer.read())
    out = os.dup(1)
    for act in (new_root, limit, drop, filter_calls):
        try:
            act(plan)
        except OSError as error:
            os.write(out, json.dumps({"setup": f"{act.__name__}: {error.strerror or error}"}).encode() + b"\n")
            os._exit(3)
    os.write(out, json.dumps({"locked": plan["nonce"]}).encode() + b"\n")
    nothing = os.open("/dev/null", os.O_RDWR)
    for place in (0, 1, 2):
        os.dup2(nothing, place)
    told = outcome(plan)
    os.write(out, json.dumps({"nonce": plan["nonce"], **told}).encode() + b"\n")
    os._exit(0)  # whatever the program left to be done at the end is not done


def outcome(plan: dict[str, Any]) -> dict[str, str]:
    """What the answer and its tests came to: `passed`, `failed` (a test says no), or `error` (the answer does not run)."""
    names: dict[str, Any] = {"__name__": "answer", "__builtins__": builtins}
    run, is_test = exec, callable  # the answer may put others in their places
    at = "error"
    try:
        checks = compile(plan["tests"], "tests.py", "exec")
        run(compile(plan["answer"], "answer.py", "exec"), names)
        at = "failed"
        names |= {"question": plan["question"], "reference": plan["reference"]}
        before = set(names)
        run(checks, names)
        for name in [n for n in names if n.startswith("test") and n not in before and is_test(names[n])]:
            names[name]()
    except BaseException as error:
        line = next(
            (frame.lineno for frame in reversed(traceback.extract_tb(error.__traceback__)) if frame.filename in ("answer.py", "tests.py")), None
        )
        said = f"{type(error).__name__}: {error}"[:MESSAGE_CHARACTERS]
        return {"outcome": at, "message": said if line is None else f"{said} (line {line})"}
    return {"outcome": "passed", "message": ""}


def check(result: int) -> None:
    """Return if a call of the C library went well. Raises: OSError."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """As mount(2). Raises: OSError."""
    check(libc.mount(source.encode(), target.encode(), kind.encode() if kind else None, ctypes.c_ulong(flags), options.encode()))


def new_root(plan: dict[str, Any]) -> None:
    """Put a new root in place of the old one: what the interpreter needs, read-only, and an empty /tmp of bounded size."""
    root = plan["root"]
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
    os.mkdir(root + "/tmp")  # first: the interpreter itself may stand in the old one
    mount("tmpfs", root + "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, f"size={plan['folder_bytes']},nr_inodes=4096,mode=700")
    for path in plan["shown"]:
        if os.path.islink(path):
            os.makedirs(os.path.dirname(root + path), exist_ok=True)
            os.symlink(os.readlink(path), root + path)
            continue
        os.makedirs(root + path, exist_ok=True)
        mount(path, root + path, None, MS_BIND | MS_REC)
    for path in (*DEVICES, *plan["files"]):
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        os.close(os.open(root + path, os.O_CREAT | os.O_WRONLY, 0o600))
        mount(path, root + path, None, MS_BIND)
    read_only = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0)
    check(libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, root.encode(), AT_RECURSIVE, ctypes.byref(read_only), ctypes.c_size_t(32)))
    writable = (ctypes.c_uint64 * 4)(0, MOUNT_ATTR_RDONLY, 0, 0)
    check(libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, (root + "/tmp").encode(), 0, ctypes.byref(writable), ctypes.c_size_t(32)))
    os.chdir(root)
    check(libc.syscall(plan["pivot_root"], b".", b"."))
    check(libc.umount2(b".", MNT_DETACH))
    os.chdir("/tmp")


def limit(plan: dict[str, Any]) -> None:
    """Bound memory, processor time, files and threads. At the end of its time the kernel kills the process."""
    for what, most in (
        (resource.RLIMIT_AS, plan["memory_bytes"]), (resource.RLIMIT_CPU, plan["cpu_s"]), (resource.RLIMIT_FSIZE, plan["folder_bytes"]),
        (resource.RLIMIT_NOFILE, 64), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_MEMLOCK, 0),
    ):  # fmt: skip
        resource.setrlimit(what, (most, most))


def drop(plan: dict[str, Any]) -> None:
    """Give up every privilege, also those that a program could get back by being run."""
    for capability in range(CAPABILITIES):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # beyond the last one there is nothing to drop
    header, nothing = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    check(libc.capset(ctypes.byref(header), ctypes.byref(nothing)))
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def filter_calls(plan: dict[str, Any]) -> None:
    """Refuse the system calls that the filter names, from now on."""

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    steps = ctypes.create_string_buffer(bytes.fromhex(plan["filter"]))
    program = Program(len(bytes.fromhex(plan["filter"])) // 8, ctypes.cast(steps, ctypes.c_void_p))
    check(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program), 0, 0))


if __name__ == "__main__":
    sys.path[:0] = json.loads(sys.argv[1])
    main()
