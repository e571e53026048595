"""Candidates and their data → the hashes of everything that their numbers rest on, taken from the files as they are; and what computes here.

Every file is read and hashed anew: a recorded hash is what somebody once wrote down.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import tunesmith
from tunesmith.catalogue.read import local, verify
from tunesmith.settings import settings
from tunesmith.spec.candidate import Candidate, Classifier, Prompted, Remote, Retrieval, Tuned
from tunesmith.spec.certificate import Code, Pin, PinKind
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.dataset import SPLITS, Dataset
from tunesmith.spec.noun import digest
from tunesmith.store.artifacts import Store
from tunesmith.store.disk import file_digest
from tunesmith.store.folder import payload
from tunesmith.store.provenance import provenance

PACKAGE = Path(tunesmith.__file__).parent


def pins_of(store: Store, dataset: str, candidates: Sequence[Candidate]) -> tuple[Pin, ...]:
    """The hashes of everything that the numbers rest on, taken from the files as they are.

    Raises: NotFound, DamagedWeights.
    """
    found = {(pin.kind, pin.name): pin for _, take in lookups(store, dataset, candidates) for pin in take()}
    return tuple(found.values())


def lookups(store: Store, dataset: str, candidates: Sequence[Candidate]) -> Iterator[tuple[str, Callable[[], list[Pin]]]]:
    """(what it is called, what takes its hashes), for the code, the rows and all that the candidates are made of; each thing once."""
    yield "code", lambda: [Pin(kind="code", name="tunesmith", sha256=code_digest())]
    yield f"rows of {dataset}", lambda: rows_pins(store, dataset)
    done: set[str] = set()
    for candidate in candidates:
        for topic, take in parts(store, candidate):
            if topic not in done:
                done.add(topic)
                yield topic, take


def parts(store: Store, candidate: Candidate) -> Iterator[tuple[str, Callable[[], list[Pin]]]]:
    """The same for one candidate."""
    match candidate:
        case Classifier():
            yield f"classifier {candidate.weights}", lambda: artifact_pins(store, candidate.weights, "classifier")
            yield f"base {candidate.embedder}", lambda: base_pins(store, candidate.embedder)
        case Prompted():
            yield f"prompt of {candidate.name}", lambda: [Pin(kind="prompt", name=candidate.name, sha256=candidate.prompt.content_digest())]
            yield f"base {candidate.model}", lambda: base_pins(store, candidate.model)
        case Tuned():
            yield f"prompt of {candidate.name}", lambda: [Pin(kind="prompt", name=candidate.name, sha256=candidate.prompt.content_digest())]
            yield f"weights {candidate.checkpoint}", lambda: checkpoint_pins(store, candidate.checkpoint)
        case Retrieval():
            yield from parts(store, candidate.reader)
            yield f"index {candidate.index}", lambda: artifact_pins(store, candidate.index, "index")
        case Remote():
            yield f"prompt of {candidate.name}", lambda: [Pin(kind="prompt", name=candidate.name, sha256=candidate.prompt.content_digest())]
        case _:
            return


def rows_pins(store: Store, name: str) -> list[Pin]:
    """The rows of every split, and the files that they were made from."""
    artifact = store.get(name, "dataset")
    dataset = artifact.load(Dataset)
    rows = [Pin(kind="rows", name=f"{name}/{split}.jsonl", sha256=file_digest(artifact.path / f"{split}.jsonl")) for split in SPLITS]
    return rows + [Pin(kind="source", name=file, sha256=sha) for file, sha in sorted(dataset.sources.items())]


def artifact_pins(store: Store, name: str, kind: PinKind) -> list[Pin]:
    """Every file of an artifact."""
    artifact = store.get(name, kind)
    artifact.refuse_erased()
    return [Pin(kind=kind, name=f"{artifact.name}/{path.relative_to(artifact.path)}", sha256=file_digest(path)) for path in payload(artifact.path)]


def base_pins(store: Store, name: str) -> list[Pin]:
    """A model as it came, every file of it hashed.

    Raises: NotFound, DamagedWeights.
    """
    model = local(store.models, name)
    verify(model, store.models, full=True)
    return [Pin(kind="base", name=model.id, sha256=model.digest)]


def checkpoint_pins(store: Store, name: str) -> list[Pin]:
    """Tuned weights, the base under them, and the template that rendered their rows.

    Raises: NotFound, DamagedWeights.
    """
    artifact = store.get(name, "checkpoint")
    checkpoint = artifact.load(Checkpoint)
    weights = [Pin(kind="weights", name=f"{artifact.name}/{file}", sha256=file_digest(artifact.path / file)) for file in sorted(checkpoint.files)]
    template = Pin(kind="template", name=artifact.name, sha256=checkpoint.template_digest)
    return [*weights, template, *base_pins(store, checkpoint.base)]


def code() -> Code:
    """What computes here."""
    facts = provenance()
    return Code(
        version=tunesmith.__version__,
        commit=facts["commit"],
        is_changed=facts["dirty"],
        packages=facts["versions"],
        computing=settings().computing(),
        machine=machine(),
    )


@cache
def code_digest() -> str:
    """sha256 over every file of this package, by name and content."""
    files = (path for path in sorted(PACKAGE.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return digest({path.relative_to(PACKAGE).as_posix(): file_digest(path) for path in files})


@cache
def machine() -> str:
    """Processor and system: another processor may add in another order."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{model or 'unknown processor'}, {platform.system()} {platform.machine()}"
