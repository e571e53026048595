"""What a sceptic needs to check a verdict: what was tried, what won, by how much and how sure, and the hashes of all that it rests on.

A certificate has two parts. The proof is the same in every run on the same machine, and its digest is the certificate's name; the clock's part stands beside
it and is never hashed. `tunesmith verify` holds the proof against the store and measures the finalists again.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from tunesmith.spec.candidate import Candidate
from tunesmith.spec.noun import Noun
from tunesmith.spec.report import Comparison, Metric, Wait
from tunesmith.spec.task import Goal, MetricName, Task, TaskKind
from tunesmith.spec.trial import Remedy
from tunesmith.spec.verdict import Bill, Decision, Known, Mean, Measured

PinKind = Literal[
    "rows",
    "source",
    "base",
    "template",
    "weights",
    "classifier",
    "index",
    "document",
    "prompt",
    "schema",
    "database",
    "tests",
    "scorer",
    "labels",
    "code",
]
TOLERANCE = 0.01
"""By how much a number may differ where the machine or a version differs: a share of 1, or of the value. On the same ones: not at all. It is the verifying
program's and stands in no certificate: who forges one would choose his own."""


class Pin(Noun):
    """One thing that the numbers rest on, by its hash."""

    kind: PinKind
    name: str
    """Of the file, the model, the artifact or the candidate."""
    sha256: str


class Tried(Noun):
    """One thing that was tried on the dev rows, which may be looked at as often as one likes."""

    remedy: Remedy
    candidate: str
    share: float | None = None
    """Of the training rows, where it was a pilot."""
    value: Metric | None
    """The deciding metric on dev; None: it could not be measured."""
    failed: str | None = None
    """Why its training, or loading its base, came to nothing; None: it did not."""


class Entrant(Noun):
    """A finalist: all that is needed to measure it again, and what it reached."""

    remedy: Remedy
    candidate: Candidate
    seed: int | None
    arm: str
    on_dev: float | None
    artifact: str
    """Name of its evaluation on the locked rows."""
    answers: str
    """sha256 of its answers to them."""
    metrics: dict[MetricName, Metric]
    prompt_tokens: int
    answer_tokens: int
    wait: Wait | None = None
    """The reading of the clock that the verdict rests on; None: the project limits no latency."""


class Locked(Noun):
    """The rows that were kept away from every choice until the end."""

    dataset: str
    """Name of the data set artifact."""
    rows: int
    clusters: int | None
    """Into how many independent clusters the rows that decide fall; None: every row stands alone."""
    sha256: str
    """Of the file that holds them."""
    looks: int
    """How many different looks there had been at any of them by then, this one included: other finalists, another deciding metric, confidence or scorer."""
    also_asked: tuple[str, ...] = ()
    """Digests of candidates elsewhere that were put to them too and answered no more: they have no part in the verdict, and stand in the ledger."""


class Code(Noun):
    """What computed it."""

    version: str
    commit: str | None
    """Of the checkout; None: it was installed without one."""
    is_changed: bool | None
    """The checkout had changes that no commit holds."""
    packages: dict[str, str]
    """Package → version."""
    computing: dict[str, str | int | None]
    """What the user set about the machine: dtype, device, threads; None: chosen by the machine."""
    machine: str
    """Processor and system: other ones round otherwise."""


class Proof(Noun):
    """The reproducible part: the manifest of a certificate artifact."""

    project: str
    task: Task
    kind: TaskKind
    """What is asked, as the project says or as it was guessed."""
    kind_reason: str
    """Who says so, or what it was guessed by."""
    goal: Goal
    line: str
    """Name of the line's report."""
    decision: Decision
    headline: str
    reasons: tuple[str, ...]
    settle: str
    metric: MetricName
    winner: str | None
    recommended: str | None
    goal_met: bool | None
    tried: tuple[Tried, ...]
    entrants: tuple[Entrant, ...]
    means: tuple[Mean, ...] = ()
    """Of what was trained several times: what the comparisons are of."""
    comparisons: tuple[Comparison, ...]
    worse: tuple[str, ...]
    """What got worse, or is weak, in sentences."""
    locked: Locked
    bills: tuple[Bill, ...]
    known: Known
    """What the verdict was concluded with beside the answers."""
    seeds: tuple[int, ...]
    """Of every training."""
    plan: dict[str, Any] | None
    """The frozen plan that was carried out; None: none was made."""
    pins: tuple[Pin, ...]
    code: Code
    project_toml: str
    rerun: str
    """The command that reproduces it."""


class Certificate(Noun):
    """A certificate as a file: the proof, its digest, and what the clock said."""

    proof: Proof
    digest: str
    """sha256 of the proof's canonical JSON."""
    clock: Measured | None = None
    """Not hashed: it differs from run to run."""

    @classmethod
    def of(cls, proof: Proof, clock: Measured | None) -> Certificate:
        """The certificate of a proof."""
        return cls(proof=proof, digest=proof.content_digest(), clock=clock)

    def is_intact(self) -> bool:
        """True if the digest is that of the proof: nothing in it was edited without mending the digest too."""
        return self.proof.content_digest() == self.digest

    def to_text(self) -> str:
        """The certificate as the text of a file."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n"


CLOCK = "readings of the clock"
"""The check of what is no part of the proof: made only where the very run is known."""


class Check(Noun):
    """One thing that a verification looked at."""

    topic: str
    """What was checked, in a few words."""
    outcome: Literal["holds", "differs", "not checked"]
    detail: str
    """What was found, with its numbers."""


Result = Literal["holds", "holds in part", "does not hold"]


class Verification(Noun):
    """Whether a certificate holds; the manifest of a verification artifact."""

    certificate: str
    """The name or file that was verified."""
    digest: str
    """Of the proof, as the certificate states it."""
    result: Result
    """`holds`: all that it states was checked. `holds in part`: nothing differs, and something could not be checked."""
    is_exact: bool
    """Same machine and versions: numbers had to agree to the last digit."""
    checks: tuple[Check, ...]
