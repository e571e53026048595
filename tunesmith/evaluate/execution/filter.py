"""A processor's name → the kernel's filter of system calls for confined programs, as bytes.

What needs a privilege is refused by the kernel already, since a confined program has none. The filter takes away what any program may do and this one
has no use for: sockets of every family (a network namespace does not hold back those of virtual machines), other processes and programs, looking
into processes, new namespaces, and the parts of the kernel in which most holes were found.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Mapping
from dataclasses import dataclass

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT = 0, 4, 16
CLONE_THREAD = 0x10000
X32 = 0x40000000
"""Numbers from here on are a second set of system calls on x86-64."""
SAME_EVERYWHERE = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "pidfd_getfd": 438}
CLONE3 = 435


@dataclass(frozen=True)
class Machine:
    """What differs between processors."""

    audit: int
    """The kernel's number of the architecture."""
    clone: int
    pivot_root: int
    refused: Mapping[str, int]
    """System call → its number."""


MACHINES: Mapping[str, Machine] = {
    "x86_64": Machine(
        0xC000003E, 56, 155,
        {
            "socket": 41, "fork": 57, "vfork": 58, "execve": 59, "execveat": 322, "ptrace": 101, "unshare": 272, "setns": 308, "bpf": 321,
            "perf_event_open": 298, "userfaultfd": 323, "add_key": 248, "request_key": 249, "keyctl": 250, "process_vm_readv": 310,
            "process_vm_writev": 311, "kcmp": 312,
        },
    ),
    "aarch64": Machine(
        0xC00000B7, 220, 41,
        {
            "socket": 198, "execve": 221, "execveat": 281, "ptrace": 117, "unshare": 97, "setns": 268, "bpf": 280, "perf_event_open": 241,
            "userfaultfd": 282, "add_key": 217, "request_key": 218, "keyctl": 219, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272,
        },
    ),
}  # fmt: skip


def call_filter(machine: str) -> bytes:
    """The filter, eight bytes an instruction. Threads may be made, processes not; a refused call fails with EPERM.

    Raises: KeyError for a processor that is not in `MACHINES`.
    """
    known = MACHINES[machine]
    steps = [(LOAD, 0, 0, ARCHITECTURE_AT), (EQUAL, 1, 0, known.audit), (RETURN, 0, 0, KILL), (LOAD, 0, 0, NUMBER_AT)]
    if machine == "x86_64":
        steps += [(AT_LEAST, 0, 1, X32), (RETURN, 0, 0, REFUSE | errno.ENOSYS)]
    for number in sorted({*known.refused.values(), *SAME_EVERYWHERE.values()}):
        steps += [(EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE | errno.EPERM)]
    steps += [(EQUAL, 0, 1, CLONE3), (RETURN, 0, 0, REFUSE | errno.ENOSYS)]  # then the C library uses clone, whose flags a filter can read
    steps += [(EQUAL, 0, 3, known.clone), (LOAD, 0, 0, FIRST_ARGUMENT_AT), (ANY_BIT, 1, 0, CLONE_THREAD), (RETURN, 0, 0, REFUSE | errno.EPERM)]
    return b"".join(struct.pack("HBBI", *step) for step in (*steps, (RETURN, 0, 0, ALLOW)))
