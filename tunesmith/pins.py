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
from tunesmith.errors import NotFound
from tunesmith.settings import settings
from tunesmith.spec.candidate import Candidate, Classifier, Prompted, Remote, Retrieval, Tuned
from tunesmith.spec.certificate import Code, Pin, PinKind
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.dataset import SPLITS, Dataset
from tunesmith.spec.index import Index, Passages
from tunesmith.spec.noun import digest
from tunesmith.spec.project import Project
from tunesmith.spec.task import MetricName
from tunesmith.store.artifacts import Store
from tunesmith.store.disk import file_digest
from tunesmith.store.folder import payload
from tunesmith.store.provenance import provenance

PACKAGE = Path(tunesmith.__file__).parent


MARKING: frozenset[PinKind] = frozenset({"schema", "database", "tests", "scorer"})
"""Files of the project by which answers are marked."""


def pins_of(store: Store, dataset: str, candidates: Sequence[Candidate], project: Project, root: Path) -> tuple[Pin, ...]:
    """The hashes of everything that the numbers rest on, taken from the files as they are; `root` is the folder of the project file.

    Raises: NotFound, DamagedWeights.
    """
    pins = [pin for _, take in lookups(store, dataset, candidates) for pin in take()]
    pins = [Pin(kind="code", name="tunesmith", sha256=code_digest()), *pins, *file_pins(project, root)]
    return tuple({(pin.kind, pin.name): pin for pin in pins}.values())


def named_files(project: Project) -> list[tuple[PinKind, str]]:
    """(what it is for, its name relative to the project file) of each file that marks answers, or that a judge is held against."""
    task, scorer, judge = project.task, project.goal.scorer, project.judge
    named: list[tuple[PinKind, str | None]] = [
        ("schema", task.json_schema),
        ("database", task.database),
        ("tests", task.tests),
        ("scorer", scorer.rpartition(":")[0] if scorer else None),
        ("labels", judge.sample if judge else None),
    ]
    return [(kind, name) for kind, name in named if name is not None]


def file_pins(project: Project, root: Path, only: PinKind | None = None) -> list[Pin]:
    """The hashes of those files, or of those alone that are for one thing.

    Raises: NotFound naming the first that is not there.
    """
    found = []
    for kind, name in named_files(project):
        if only not in (None, kind):
            continue
        try:
            found.append(Pin(kind=kind, name=name, sha256=file_digest(root / name)))
        except OSError as error:
            raise NotFound("cannot be read", where=f"{kind} {name}", got=error.strerror or str(error), fix="put it back") from None
    return found


def judged_by(project: Project, metric: MetricName, pins: Sequence[Pin]) -> str:
    """The digest of how answers are judged: the deciding metric, the confidence and, by `pins`, what marks them. Part of a look's identity."""
    marks = sorted([pin.kind, pin.sha256] for pin in pins if pin.kind in MARKING)
    judge = project.judge.model_dump(mode="json") if project.judge else None
    return digest({"metric": metric, "confidence": project.goal.confidence, "scorer": project.goal.scorer, "judge": judge, "marks": marks})


def lookups(store: Store, dataset: str, candidates: Sequence[Candidate]) -> Iterator[tuple[str, Callable[[], list[Pin]]]]:
    """(what it is called, what takes its hashes), for the rows and all that the candidates are made of; each thing once."""
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
            if candidate.shown == "passages":
                yield f"documents of {candidate.index}", lambda: document_pins(store, candidate.index)
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


def document_pins(store: Store, index: str) -> list[Pin]:
    """The documents whose passages an index holds, as they were when they were cut.

    Raises: NotFound, DamagedWeights.
    """
    passages = store.get(store.get(index, "index").load(Index).source, "passages").load(Passages)
    return [Pin(kind="document", name=name, sha256=sha) for name, sha in sorted(passages.documents.items())]


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
