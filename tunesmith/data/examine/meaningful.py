"""Rows with an encoder, and a base model if one was named → suspicions about what they mean: labels, answers, topics, likeness, usefulness."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.examine.balance import label_counts
from tunesmith.data.examine.closest import alike, crossings, figures
from tunesmith.data.examine.enough import enough
from tunesmith.data.examine.findings import Suspicion, share
from tunesmith.data.examine.known import Answers, known
from tunesmith.data.examine.meaning import Encoder, Meanings, meanings
from tunesmith.data.examine.mechanical import Sides, of_kin
from tunesmith.data.examine.misfits import misfits
from tunesmith.data.examine.repetition import Repetition
from tunesmith.data.examine.rows import Rows
from tunesmith.data.examine.suspects import suspects
from tunesmith.data.examine.topics import topics
from tunesmith.data.examine.usefulness import Measure, measured, usefulness
from tunesmith.data.examine.view import view_of
from tunesmith.data.intake import look
from tunesmith.data.profile import some
from tunesmith.data.spool import I64
from tunesmith.spec.job import Monitor

MOST_ROWS = 150_000
"""Rows that are compared by meaning without being asked to: beyond, it takes more than half an hour on two cores."""
FEWEST_ROWS = 50
NONE = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Tools:
    """The models that an examination may use; None: there is none, or none was asked for."""

    encoder: Encoder | None = None
    why_not: str = ""
    """Why there is no encoder."""
    is_asked_for: bool = False
    """Meaning is compared whatever it takes."""
    measure: Measure | None = None
    """What the base model makes of answers."""
    answers: Answers | None = None
    """The base model, to be asked."""
    base: str = ""
    """What the base model is called, and what it was made from."""
    seed: int = 0


@dataclass
class Scene:
    """What the checks look at."""

    rows: Rows
    sides: Sides
    found: Repetition
    tools: Tools
    scratch: Path
    monitor: Monitor
    skipped: dict[str, str] = field(default_factory=dict)

    def tick(self, label: str) -> Callable[[int, int], None]:
        """Tells how far a step is."""
        return lambda done, total: look(self.monitor, label, done, total)


def by_meaning(rows: Rows, sides: Sides, found: Repetition, tools: Tools, scratch: Path, monitor: Monitor) -> tuple[list[Suspicion], dict[str, str]]:
    """(what was found, what was left out and why).

    Raises: Interrupted.
    """
    scene = Scene(rows, sides, found, tools, scratch, monitor)
    examined = np.flatnonzero(sides.examined(rows))
    told: list[Suspicion] = []
    if tools.encoder is None:
        scene.skipped["meaning"] = tools.why_not
    elif len(examined) < FEWEST_ROWS:
        scene.skipped["meaning"] = f"{len(examined):,} rows are too few to compare by meaning; {FEWEST_ROWS} are the least"
    elif len(rows) > MOST_ROWS and not tools.is_asked_for:
        scene.skipped["meaning"] = f"{len(rows):,} rows are many: it would take long; --meaning on does it"
    else:
        told += _with_encoder(scene, examined, tools.encoder)
    if tools.measure is not None and tools.answers is not None:
        told += _with_base(scene, examined, tools.measure, tools.answers)
    elif not tools.base:
        scene.skipped["usefulness"] = "no base model was named: --base MODEL measures which rows teach something, and what it knows already"
    return told, scene.skipped


def _with_encoder(scene: Scene, examined: I64, encoder: Encoder) -> Iterator[Suspicion]:
    questions, answers = _texts(scene.rows)
    meant = meanings(questions, encoder, scene.scratch / "questions", scene.monitor, "reading questions for meaning")
    numbers = figures([questions[row] for row in meant.first.tolist()])
    yield from _alike(scene, meant, examined, numbers)
    if scene.sides.against:
        yield from _crossing(scene, meant, numbers)
    vectors = meant.of(examined)
    yield from _topics(scene, vectors, examined, [questions[row] for row in examined.tolist()])
    mask = np.zeros(len(scene.rows), bool)
    mask[examined] = True
    if len(label_counts(scene.rows, mask)) > 1:
        yield from _labels(scene, vectors, examined)
        return
    scene.skipped["learning curve"] = (
        "without labels only a tuned model has one: tunesmith run measures it with small trainings, and it is shown here then"
    )
    if (scene.rows.facts.short_answer[examined] < 0).any():
        said = meanings(answers, encoder, scene.scratch / "answers", scene.monitor, "reading answers for meaning")
        yield from _misfits(scene, vectors, said, examined)


def _texts(rows: Rows) -> tuple[list[str], list[str]]:
    """(questions, answers) of all rows, in memory: what is compared by meaning is not very much."""
    questions, answers = [], []
    for record in rows.every_record():
        view = view_of(record)
        questions.append(view.question)
        answers.append(view.answer)
    return questions, answers


def _alike(scene: Scene, meant: Meanings, examined: I64, numbers: I64) -> Iterator[Suspicion]:
    """Rows that say the same in other words, and are not near duplicates by their letters."""
    found = alike(meant.vectors, tick=scene.tick("looking for the same in other words"), numbers=numbers)
    inside = np.zeros(len(scene.rows), bool)
    inside[examined] = True
    clusters = [tuple(row for row in (int(meant.first[number]) for number in cluster) if inside[row]) for cluster in found.clusters]
    clusters = [c for c in clusters if len({int(scene.found.near[row]) for row in c}) > 1]
    if clusters:
        repeating = np.asarray([row for cluster in clusters for row in cluster[1:]], dtype=np.int64)
        other = [c for c in clusters if len({int(scene.rows.facts.answer[row]) for row in c}) > 1]
        kin = of_kin(scene.rows, clusters)
        detail = f"{len(clusters):,} cluster{'' if len(clusters) == 1 else 's'}" + (f", {len(other):,} of them with several answers" if other else "")
        detail += f"; {kin}" if kin else ""
        yield Suspicion("semantic_duplicate", repeating, detail, clusters=clusters)


def _crossing(scene: Scene, meant: Meanings, numbers: I64) -> Iterator[Suspicion]:
    """Rows that say the same as a row of a file to judge with, in other words."""
    judging = scene.sides.judging(scene.rows)
    mine, theirs = np.flatnonzero(~judging), np.flatnonzero(judging)
    near = scene.rows.facts.asked
    of_both = numbers[meant.number[mine]], numbers[meant.number[theirs]]
    found = crossings(meant.of(mine), meant.of(theirs), tick=scene.tick("looking for leaks by meaning"), numbers=of_both)
    pairs = [(int(mine[c.row]), int(theirs[c.other]), c.cosine) for c in found]
    pairs = [(a, b, cosine) for a, b, cosine in pairs if near[a] != near[b] and scene.found.near[a] != scene.found.near[b]]
    if pairs:
        rows = np.asarray([a for a, _, _ in pairs], dtype=np.int64)
        yield Suspicion("semantic_leak", rows, scores={a: cosine for a, _, cosine in pairs[:500]}, clusters=[(a, b) for a, b, _ in pairs])


def _topics(scene: Scene, vectors: NDArray[np.float32], examined: I64, texts: Sequence[str]) -> Iterator[Suspicion]:
    found = topics(vectors, texts, scene.monitor, scene.tools.seed)
    if len(found.topics) > 1:
        named = "; ".join(f"{topic.name} ({share(topic.rows, len(examined))})" for topic in found.topics[:12])
        more = f"; and {len(found.topics) - 12} more" if len(found.topics) > 12 else ""
        yield Suspicion("topics", NONE, f"{len(found.topics)} topics: {named}{more}")
    small = [place for place, topic in enumerate(found.topics) if topic.is_small]
    if small:
        rows = examined[np.isin(found.of, small)]
        yield Suspicion("small_topic", rows, "; ".join(f"{found.topics[place].name} ({found.topics[place].rows})" for place in small[:10]))
    if len(found.outliers):
        yield Suspicion("outlier", examined[found.outliers])


def _labels(scene: Scene, vectors: NDArray[np.float32], examined: I64) -> Iterator[Suspicion]:
    """Rows whose label is likely wrong."""
    rows = scene.rows
    labels, groups = rows.facts.short_answer[examined], scene.found.near[examined]
    found = suspects(vectors, labels, groups, scene.monitor, scene.tools.seed)
    if found.left_out:
        names = some([f"{rows.spool.answers.texts[label]} ({n})" for label, n in found.left_out])
        scene.skipped["labels of few rows"] = f"too few rows to judge them: {names}"
    curve = enough(vectors, labels, found, rows.spool.answers.texts, scene.monitor, scene.tools.seed)
    if curve is not None:
        yield Suspicion("learning_curve", NONE, curve.words(), figures=curve.figures)
    else:
        scene.skipped["learning curve"] = "the labels have too few rows to measure one: add rows"
    if not len(found.listed):
        return
    texts = rows.spool.answers.texts
    chosen = {int(examined[i]): texts[int(found.suggested[i])] for i in found.listed.tolist() if found.suggested[i] >= 0}
    yield Suspicion(
        "label_error",
        examined[found.listed],
        f"classifier and neighbours are nearly sure of another one; confident learning alone believes {len(found.believed):,} wrong",
        notes={row: f"more likely `{label}`" for row, label in chosen.items()},
        scores={int(examined[i]): float(found.chance[i]) for i in found.listed.tolist()},
        suggestions=chosen,
    )


def _misfits(scene: Scene, vectors: NDArray[np.float32], said: Meanings, examined: I64) -> Iterator[Suspicion]:
    """Rows whose answer belongs to another question."""
    found = misfits(vectors, said.of(examined), scene.tools.seed, scene.tick("comparing answers with questions"))
    if found.remark:
        scene.skipped["answers that fit"] = found.remark
    if len(found.flagged):
        yield Suspicion("misfit", examined[found.flagged], scores={int(examined[i]): float(found.z[i]) for i in found.flagged.tolist()})


def _with_base(scene: Scene, examined: I64, measure: Measure, answers: Answers) -> Iterator[Suspicion]:
    """What the base model says about rows: which of them teach something, and which answers it knows already."""
    rows = scene.rows
    conversations = [record.conversation for record in rows.records(examined).values() if record.conversation is not None]
    losses = measured(conversations, measure, scene.tools.base, scene.scratch / "losses", scene.monitor, seed=scene.tools.seed)
    useful = usefulness(losses)
    of = f"measured on {len(losses.rows):,} of {losses.of:,} rows" if losses.is_sample else f"measured on all {losses.of:,} rows"
    scores = dict(zip(examined[losses.rows].tolist(), losses.ifd.tolist(), strict=True))
    for kind, picked in (("prompt_does_not_help", useful.no_help), ("trivial", useful.trivial), ("hard", useful.hard)):
        if len(picked):
            yield Suspicion(kind, examined[picked], of, scores={int(row): scores[int(row)] for row in examined[picked].tolist()})
    mask = np.zeros(len(rows), bool)
    mask[examined] = True
    if label_counts(rows, mask):  # a label is no fact that one could know
        return
    asked = known(conversations, answers, "generate", scene.monitor, scene.tools.seed)
    if asked.wants_retrieval:
        part, low, high = asked.share
        detail = f"{len(asked.unknown):,} of {len(asked.rows):,} short answers ({part:.0%}, 95 % interval {low:.0%} to {high:.0%}) are unknown to {scene.tools.base}"
        yield Suspicion("unknown_facts", examined[asked.unknown], detail)
