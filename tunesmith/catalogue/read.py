"""A name → the catalogue's entry for it, or the model that lies on this machine. Imports no torch: doors use it."""

from __future__ import annotations

import hashlib
import tomllib
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path

from tunesmith.catalogue.folder import MANIFEST, PICKLES, inspect, kept_files, read_json, refuse_remote_code
from tunesmith.catalogue.manifest import STAMPS, describe, model_id, read_manifest
from tunesmith.catalogue.stamps import hashes
from tunesmith.errors import DamagedWeights, NotFound, Problem, UnsafeWeights
from tunesmith.spec.model import LocalModel, ModelEntry


@cache
def entries() -> tuple[ModelEntry, ...]:
    """The curated models, in the order of models.toml: smallest first within a family."""
    text = files("tunesmith.catalogue").joinpath("models.toml").read_text(encoding="utf-8")
    return tuple(ModelEntry.model_validate(raw) for raw in tomllib.loads(text)["model"])


def find(name: str) -> ModelEntry:
    """The entry with that id, or with that name on the hub; case does not matter. Raises: NotFound, naming the nearest."""
    wanted = name.lower()
    for entry in entries():
        if wanted in {entry.id, (entry.hub or "").lower()}:
            return entry
    raise unknown(name, [entry.id for entry in entries()])


def installed(models: Path) -> list[LocalModel]:
    """The models in the store, by id. Folders of unfinished pulls are not among them. Raises: DamagedWeights for an unreadable manifest."""
    if not models.is_dir():
        return []
    folders = sorted(path for path in models.iterdir() if not path.name.startswith(".") and (path / MANIFEST).is_file())
    return [read_manifest(folder) for folder in folders]


def local(models: Path, name: str) -> LocalModel:
    """The model on this machine that `name` means: an id in the store, the hub id it came from, or the path of a folder outside the store.

    Files are not hashed here unless the folder is outside the store (once, then by stamp): `verify` does that.
    Raises: NotFound, saying how to get it; for folders also what `inspect` raises.
    """
    if model_id(name) == name and (models / name / MANIFEST).is_file():
        return read_manifest(models / name)
    mine = installed(models)
    for model in mine:
        origin = model.origin.lower()
        if origin.startswith("hub ") and name.lower() in {origin.removeprefix("hub "), origin.removeprefix("hub ").partition("@")[0]}:
            return model
    path = Path(name).expanduser()
    if path.is_dir():
        return read_manifest(path) if (path / MANIFEST).is_file() else outside(models, path.absolute())
    if "/" in name and (name.startswith(("/", "./", "../", "~")) or name.count("/") != 1):
        raise NotFound("no such folder", where=name, expected="a folder with a model", fix="check the path")
    known = {entry.id for entry in entries()} | {(entry.hub or "").lower() for entry in entries()}
    if name.lower() in known or name.count("/") == 1:
        raise NotFound("is not on this machine", where=name, expected="a pulled model", fix=f"tunesmith models pull {name}")
    raise unknown(name, [*(model.id for model in mine), *(entry.id for entry in entries())])


def outside(models: Path, folder: Path) -> LocalModel:
    """A model in a folder that is not the store's, used where it lies; its id is its path, by which a checkpoint finds it again from anywhere."""
    facts = inspect(folder)
    found = hashes(folder, kept_files(folder), memory_of(folder, models))
    return describe(folder, facts, found, name=str(folder), origin=f"folder {folder}")


def verify(model: LocalModel, models: Path | None = None, *, full: bool = False) -> None:
    """Return if every file of the model is the one that was recorded.

    Files that kept their size and time of change since they were last hashed are believed; `full` hashes all of them. `models` lets folders
    outside the store profit from this too.
    Raises: DamagedWeights, naming every file that is missing or differs. UnsafeWeights if a pickle or remote code has appeared.
    """
    folder = Path(model.folder)
    fix = f"tunesmith models pull {model.id}" if (folder / MANIFEST).is_file() else "put the original files back"
    found = hashes(folder, model.files, memory_of(folder, models), full=full)
    problems = [
        Problem("is missing" if name not in found else "is damaged", str(folder / name), found.get(name, "")[:12], recorded[:12], fix)
        for name, recorded in model.files.items()
        if found.get(name) != recorded
    ]
    if problems:
        raise DamagedWeights(f"{model.id} is not what was pulled", problems=problems)
    if (folder / MANIFEST).is_file():
        pickles = [path.name for path in folder.iterdir() if path.name.lower().endswith(PICKLES)]
        if pickles:
            raise UnsafeWeights("pickled weights lie beside the model", where=str(folder), got=", ".join(pickles[:3]), fix="delete them")
    refuse_remote_code(read_json(folder / "config.json"), folder / "config.json")


def memory_of(folder: Path, models: Path | None) -> Path | None:
    """Where the stamps of a folder's files are kept: within the store, never in somebody else's folder."""
    if (folder / MANIFEST).is_file():
        return folder / STAMPS
    return models / ".outside" / f"{hashlib.sha256(str(folder).encode()).hexdigest()[:24]}.json" if models is not None else None


def unknown(name: str, candidates: list[str]) -> NotFound:
    """The error that names the nearest known models."""
    near = get_close_matches(name.lower(), list(dict.fromkeys(candidates)), n=3, cutoff=0.4)  # a pulled model is in the catalogue too
    hint = f"did you mean {', '.join(near)}? " if near else ""
    fix = f"{hint}`tunesmith models list` shows all"
    return NotFound("no such model", where=name[:120], expected="a catalogue id, a hub id owner/name, a folder or a GGUF file", fix=fix)
