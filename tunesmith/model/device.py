"""Settings and the machine → device, dtype and threads, each with the reason for it."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from tunesmith.errors import BadProject
from tunesmith.settings import Settings, allocator_is_chosen
from tunesmith.spec.recipe import Choice

CPU_FLAGS = Path("/proc/cpuinfo")
KEPT_BYTES = (256 * 1024 * 1024, 32 * 1024 * 1024)
"""Blocks of up to this size, and as much free memory, stay with the process; the first that the C library takes (old ones know 32 MiB at most)."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


@dataclass(frozen=True)
class Placement:
    """Where and how model work runs on this machine."""

    device: torch.device
    dtype: torch.dtype
    threads: int
    choices: tuple[Choice, ...]

    def facts(self) -> dict[str, str]:
        """What results depend on, for manifests: a resume must find the same."""
        name = str(self.dtype).removeprefix("torch.")
        return {"device": str(self.device), "dtype": name, "threads": str(self.threads), "cpu": torch.backends.cpu.get_cpu_capability()}


def place(settings: Settings) -> Placement:
    """The placement for this process. Call `apply` to make it hold.

    Raises: BadProject for a device or dtype that this machine does not have.
    """
    device = choose_device(settings)
    dtype = choose_dtype(settings, torch.device(device.value))
    threads = choose_threads(settings)
    return Placement(torch.device(device.value), getattr(torch, dtype.value), int(threads.value), (device, dtype, threads))


def apply(placement: Placement) -> None:
    """Set this process's thread count, and deterministic kernels: the same run must give the same bits."""
    torch.set_num_threads(placement.threads)
    torch.use_deterministic_algorithms(True, warn_only=placement.device.type == "cuda")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # it writes every new tensor once for nothing


def keep_freed_memory() -> Choice:
    """Have glibc give blocks of up to so many bytes out again instead of fetching each from the system; the size, or 0 where nothing was changed, and why.

    For a process that trains, and ends: one that lives on would hold what others could use. A page that is fetched costs some microseconds, 2 of 20
    seconds of a step that trains every weight (docs/log.md, 2026-11-23).
    """
    if allocator_is_chosen():
        return Choice(name="kept_memory", value="0", reason="the environment sets glibc's allocator itself")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    kept = next((size for size in KEPT_BYTES if mallopt(ctypes.c_int(M_MMAP_THRESHOLD), ctypes.c_int(size))), 0) if mallopt is not None else 0
    if mallopt is None or not kept:
        return Choice(name="kept_memory", value="0", reason="this system's C library knows no such setting")
    mallopt(ctypes.c_int(M_TRIM_THRESHOLD), ctypes.c_int(KEPT_BYTES[0]))
    return Choice(name="kept_memory", value=str(kept), reason="freed blocks are used again: fetching their pages anew costs up to a tenth of a step")


def choose_device(settings: Settings) -> Choice:
    """`cuda` where a usable device exists, else `cpu`."""
    if settings.device is not None:
        kind = settings.device.split(":")[0]
        if kind not in ("cpu", "cuda") or (kind == "cuda" and not torch.cuda.is_available()):
            have = ["cpu"] + [f"cuda:{i}" for i in range(torch.cuda.device_count())]
            raise BadProject(
                "no such device", where="TUNESMITH_DEVICE", got=settings.device, expected=f"one of {', '.join(have)}", fix="unset TUNESMITH_DEVICE"
            )
        return Choice(name="device", value=settings.device, reason="TUNESMITH_DEVICE says so")
    if torch.cuda.is_available():
        return Choice(name="device", value="cuda:0", reason=f"a CUDA device is there: {torch.cuda.get_device_name(0)}")
    return Choice(name="device", value="cpu", reason="no CUDA device was found")


def choose_dtype(settings: Settings, device: torch.device) -> Choice:
    """bfloat16 where the processor multiplies it natively, else float32.

    A native bf16 product is 2.5-7 times an fp32 one; an emulated one is slower than fp32.
    """
    if settings.dtype is not None:
        if settings.dtype not in ("float32", "bfloat16"):
            raise BadProject(
                "no such dtype", where="TUNESMITH_DTYPE", got=settings.dtype, expected="float32 or bfloat16", fix="unset TUNESMITH_DTYPE"
            )
        return Choice(name="dtype", value=settings.dtype, reason="TUNESMITH_DTYPE says so")
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return Choice(name="dtype", value="bfloat16" if native else "float32", reason=f"the device {'has' if native else 'lacks'} native bf16")
    flags = cpu_flags()
    found = sorted(flags & {"avx512_bf16", "amx_bf16"})
    if found:
        return Choice(name="dtype", value="bfloat16", reason=f"the processor multiplies bf16 natively ({', '.join(found)})")
    return Choice(name="dtype", value="float32", reason="the processor has neither avx512_bf16 nor amx_bf16: bf16 would be emulated and slower")


def cpu_flags() -> set[str]:
    """Feature flags of the first processor; empty where the system does not list them."""
    if not CPU_FLAGS.exists():
        return set()
    for line in CPU_FLAGS.read_text(errors="replace").splitlines():
        if line.startswith("flags"):
            return set(line.split(":", 1)[1].split())
    return set()


def choose_threads(settings: Settings) -> Choice:
    """One thread per physical core that this process may use: two on one core only wait for each other."""
    if settings.threads is not None:
        if settings.threads < 1:
            raise BadProject("too few threads", where="TUNESMITH_THREADS", got=str(settings.threads), expected="1 or more", fix="unset it")
        return Choice(name="threads", value=str(settings.threads), reason="TUNESMITH_THREADS says so")
    allowed = len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else psutil.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or allowed
    count = max(1, min(allowed, physical))
    return Choice(name="threads", value=str(count), reason=f"{physical} physical cores, {allowed} of the machine's processors may be used")
