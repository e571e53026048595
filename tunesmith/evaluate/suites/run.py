"""A candidate, its answers and the rows → every suite of evidence beside the task metric: one door.

    suites = examine(Asker(candidate, opened, decoding, monitor), material)
    keep(suites, work.path)                                          # suites.json

What is there already (answers on dev and test) is looked at, not asked again; the rest is asked on dev and on training rows: no suite opens the test split. With
the default limits some 900 questions are asked, of free answers 250 (`material.limits_for`), in this order: unknowable things, the same again, training rows. The same rows, limits and machine give the
same suites.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from tunesmith.errors import Interrupted
from tunesmith.evaluate.suites.asking import Asker
from tunesmith.evaluate.suites.confidence import calibrated
from tunesmith.evaluate.suites.hallucinating import hallucination
from tunesmith.evaluate.suites.judging import judge_of
from tunesmith.evaluate.suites.kept import SUITES
from tunesmith.evaluate.suites.material import Material
from tunesmith.evaluate.suites.memory import memorisation
from tunesmith.evaluate.suites.scope import out_of_scope
from tunesmith.evaluate.suites.slicing import slices
from tunesmith.evaluate.suites.steadiness import consistency
from tunesmith.spec.noun import Noun
from tunesmith.spec.suite import SuiteName, Suites

N = TypeVar("N", bound=Noun)


def examine(asker: Asker, material: Material) -> Suites:
    """Every suite, and for those that say nothing the reason. The asker keeps what was said.

    Raises: Interrupted once the user wants a stop.
    """
    candidate, monitor, judge = asker.candidate, asker.monitor, judge_of(material)
    left_out: dict[SuiteName, str] = {}

    def found(name: SuiteName, suite: Callable[[], N | str]) -> N | None:
        if monitor.stopping():
            raise Interrupted(f"stopped while {candidate.name} was being examined", where="suites", fix="run the same command again")
        made = suite()
        if isinstance(made, str):
            left_out[name] = made
            return None
        return made

    parts = {
        "out_of_scope": found("out of scope", lambda: out_of_scope(material, judge)),
        "calibration": found("calibration", lambda: calibrated(material, judge)),
        "slices": found("slices", lambda: slices(material)),
        "hallucination": found("hallucination", lambda: hallucination(material, judge, asker)),
        "consistency": found("consistency", lambda: consistency(material, judge, asker)),
        "memorisation": found("memorisation", lambda: memorisation(material, asker)),
    }
    return Suites.model_validate(
        {
            **parts,
            "candidate": candidate,
            "dataset": material.dataset_name,
            "task": material.dataset.kind,
            "decoding": asker.decoding,
            "limits": material.limits,
            "confidence": material.confidence,
            "right": judge.meaning(),
            "left_out": left_out,
            "asked": asker.asked,
            **asdict(asker.usage),
        }
    )


def keep(suites: Suites, folder: Path) -> None:
    """Write suites.json into `folder`."""
    (folder / SUITES).write_text(suites.model_dump_json(indent=1), encoding="utf-8")
