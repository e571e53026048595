"""The filter of system calls, run by a small interpreter of the kernel's machine."""

from __future__ import annotations

import errno
import struct

import pytest

from tunesmith.evaluate.execution.filter import ALLOW, CLONE3, CLONE_THREAD, KILL, MACHINES, REFUSE, SAME_EVERYWHERE, call_filter


def judged(machine: str, number: int, first: int = 0, audit: int | None = None) -> int:
    """What the filter returns for a call."""
    data = struct.pack("<IIQQ", number & 0xFFFFFFFF, MACHINES[machine].audit if audit is None else audit, 0, first)
    program = list(struct.iter_unpack("HBBI", call_filter(machine)))
    place, value = 0, 0
    while True:
        code, yes, no, operand = program[place]
        place += 1
        if code == 0x20:
            value = struct.unpack_from("<I", data, operand)[0]
        elif code == 0x06:
            return operand
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            place += yes if holds else no


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_what_is_refused(machine):
    for name, number in {**MACHINES[machine].refused, **SAME_EVERYWHERE}.items():
        assert judged(machine, number) == REFUSE | errno.EPERM, name
    assert judged(machine, CLONE3) == REFUSE | errno.ENOSYS


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_threads_may_be_made_and_processes_not(machine):
    clone = MACHINES[machine].clone
    assert judged(machine, clone, CLONE_THREAD | 0x900) == ALLOW
    assert judged(machine, clone, 0x1200011) == REFUSE | errno.EPERM  # as fork does it
    assert judged(machine, clone, 0x10000000) == REFUSE | errno.EPERM  # a new user namespace


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_everything_else_goes_on(machine):
    refused = {*MACHINES[machine].refused.values(), *SAME_EVERYWHERE.values(), CLONE3, MACHINES[machine].clone}
    assert {judged(machine, number) for number in range(460) if number not in refused} == {ALLOW}


def test_another_kind_of_call_is_the_end():
    assert judged("x86_64", 1, audit=0x40000003) == KILL  # 32-bit calls, with other numbers
    assert judged("x86_64", 0x40000000 + 41) == REFUSE | errno.ENOSYS  # the second set of numbers


def test_a_processor_that_we_do_not_know():
    with pytest.raises(KeyError):
        call_filter("sparc")
