"""Choices with their reasons."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest
import torch

from tunesmith.errors import BadProject
from tunesmith.model import device
from tunesmith.model.device import apply, choose_device, choose_dtype, choose_threads, cpu_flags, place
from tunesmith.settings import Settings, read_settings

CPU = torch.device("cpu")


def asked(**variables: str) -> Settings:
    return read_settings({f"TUNESMITH_{name}": value for name, value in variables.items()})


@pytest.fixture
def flags(tmp_path, monkeypatch):
    """Write a processor's flags."""

    def write(text: str) -> None:
        (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: fpu sse2 {text}\nprocessor : 1\nflags : other\n")
        monkeypatch.setattr(device, "CPU_FLAGS", tmp_path / "cpuinfo")

    return write


def test_what_the_user_says_is_done():
    placement = place(asked(DEVICE="cpu", DTYPE="float32", THREADS="1"))
    assert (placement.device, placement.dtype, placement.threads) == (CPU, torch.float32, 1)
    assert [c.reason for c in placement.choices] == ["TUNESMITH_DEVICE says so", "TUNESMITH_DTYPE says so", "TUNESMITH_THREADS says so"]
    assert placement.facts()["dtype"] == "float32"


@pytest.mark.parametrize(
    ("variables", "message", "expected"),
    [
        ({"DEVICE": "tpu"}, "no such device", "one of cpu"),
        ({"DEVICE": "cuda:0"}, "no such device", "one of cpu"),
        ({"DTYPE": "float16"}, "no such dtype", "float32 or bfloat16"),
        ({"THREADS": "0"}, "too few threads", "1 or more"),
    ],
)
def test_what_this_machine_cannot_do_is_refused(monkeypatch, variables, message, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(BadProject, match=message) as error:
        place(asked(**variables))
    problem = error.value.problems[0]
    assert problem.expected == expected
    assert problem.where == f"TUNESMITH_{next(iter(variables))}"


def test_a_device_is_taken_where_one_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device(asked()).reason == "no CUDA device was found"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda i: "a card")
    assert choose_device(asked()).model_dump() == {"name": "device", "value": "cuda:0", "reason": "a CUDA device is there: a card"}


def test_bf16_where_the_processor_has_it_else_float32(flags):
    flags("avx512_bf16 amx_bf16 avx2")
    assert choose_dtype(asked(), CPU).model_dump() == {
        "name": "dtype",
        "value": "bfloat16",
        "reason": "the processor multiplies bf16 natively (amx_bf16, avx512_bf16)",
    }
    flags("avx2")
    assert (choose_dtype(asked(), CPU).value, cpu_flags()) == ("float32", {"fpu", "sse2", "avx2"})


def test_a_system_that_lists_no_flags_gets_float32(tmp_path, monkeypatch):
    monkeypatch.setattr(device, "CPU_FLAGS", tmp_path / "none")
    assert choose_dtype(asked(), CPU).value == "float32"


@pytest.mark.parametrize(("allowed", "physical", "expected"), [([0, 1], 2, "2"), ([0, 1, 2, 3], 2, "2"), ([0], 8, "1"), ([0, 1], None, "2")])
def test_a_thread_per_core_that_may_be_used(monkeypatch, allowed, physical, expected):
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda self: allowed)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: len(allowed) if logical else physical)
    assert choose_threads(asked()).value == expected


def test_applying_sets_threads_and_determinism():
    before = torch.get_num_threads()
    try:
        apply(place(asked(DEVICE="cpu", THREADS="1")))
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.utils.deterministic.fill_uninitialized_memory
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(False)


FETCHED = """
import resource, sys, torch
from tunesmith.model.device import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory().value == ("0" if len(sys.argv) > 2 else str(256 * 1024 * 1024))
for turn in range(16):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(25 * 1024 * 1024)  # 100 MiB
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def fetched(*arguments: str, **variables: str) -> int:
    """Pages fetched for the last block of 100 MiB; those before it were freed, and of the first some are each held up by a crumb that alignment left."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    ran = subprocess.run([sys.executable, "-c", FETCHED, *arguments], env=clean | variables, capture_output=True, text=True, check=True)
    return int(ran.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc" or tuple(map(int, platform.libc_ver()[1].split("."))) < (2, 35), reason="glibc's setting")
def test_freed_memory_is_kept_unless_the_user_chose_himself():
    pages = fetched("plain")
    assert pages >= 100 * 2**20 / (2 * 2**20), "each time anew, be it in huge pages"
    assert fetched("kept") < 0.1 * pages
    assert fetched("kept", "refused", MALLOC_MMAP_THRESHOLD_="1000000") > 0.9 * pages
    assert fetched("kept", "refused", GLIBC_TUNABLES="glibc.malloc.mmap_threshold=1000000") > 0.9 * pages
    assert fetched("kept", GLIBC_TUNABLES="glibc.pthread.rseq=1") < 0.1 * pages


@pytest.mark.parametrize(("most", "kept"), [(2**30, 2**28), (2**25, 2**25), (2**20, 0)])
def test_an_older_library_keeps_what_it_can(monkeypatch, most, kept):
    told = []

    def mallopt(name: object, value: object) -> int:
        taken = name.value != device.M_MMAP_THRESHOLD or value.value <= most
        told.extend([(name.value, value.value)] if taken else [])
        return int(taken)

    monkeypatch.setattr(device, "allocator_is_chosen", lambda: False)
    monkeypatch.setattr(device.ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=mallopt))
    found = device.keep_freed_memory()
    assert found.value == str(kept)
    assert ("used again" in found.reason) == bool(kept)
    assert told == ([(device.M_MMAP_THRESHOLD, kept), (device.M_TRIM_THRESHOLD, 2**28)] if kept else [])
