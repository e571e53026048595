"""A checked model folder ↔ its manifest `tunesmith.json`."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pydantic import ValidationError

from tunesmith.catalogue.folder import MANIFEST, Facts
from tunesmith.errors import DamagedWeights
from tunesmith.spec.model import LocalModel
from tunesmith.spec.noun import digest

STAMPS = ".verified.json"


def model_id(name: str) -> str:
    """A name that can be a folder and an id.

    >>> model_id("HuggingFaceTB/SmolLM2-360M-Instruct")
    'huggingfacetb--smollm2-360m-instruct'
    """
    slug = re.sub(r"[^a-z0-9._-]+", "-", name.lower().replace("/", "--")).strip("-._")
    return slug[:120] or "model"


def describe(folder: Path, facts: Facts, files: dict[str, str], *, name: str, origin: str, note: str = "", licence: str = "") -> LocalModel:
    """The manifest of a folder whose facts and hashes are known."""
    return LocalModel(
        id=name,
        folder=str(folder.absolute()),
        use=facts.use,
        architecture=facts.architecture,
        parameters=facts.parameters,
        context=facts.context,
        licence=licence or facts.licence,
        origin=origin,
        note=note,
        files=files,
        digest=digest(files),
    )


def write_manifest(model: LocalModel, folder: Path) -> None:
    """Write the manifest into `folder`, without its place: the store can move."""
    body = model.model_dump(mode="json", exclude={"folder"})
    (folder / MANIFEST).write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> LocalModel:
    """The model described in `folder`. Raises: DamagedWeights if the manifest cannot be read or contradicts itself."""
    path = folder / MANIFEST
    fix = f"`tunesmith models pull {folder.name}` fetches it again"
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        model = LocalModel.model_validate({**body, "folder": str(folder.absolute())})
    except (ValueError, TypeError, ValidationError) as error:
        got = str(error).splitlines()[0][:200]
        raise DamagedWeights("the manifest cannot be read", where=str(path), got=got, expected="the manifest that pull wrote", fix=fix) from error
    if digest(model.files) != model.digest:
        expected = model.digest[:12]
        raise DamagedWeights("the manifest contradicts itself", where=str(path), got=digest(model.files)[:12], expected=expected, fix=fix)
    return model
