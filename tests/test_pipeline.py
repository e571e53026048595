"""The line's order and its keys: which change makes which steps run again. The stages are doubles here; tests/line runs the real ones."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import tiny
from tests.cli.conftest import checkpoint, dataset, line_report, share
from tunesmith import settings as settings_module
from tunesmith.errors import BadData, NotFound
from tunesmith.pipeline import Conclusion, evaluate_only, opened, run, run_job
from tunesmith.spec.candidate import Answer, Decoding
from tunesmith.spec.job import Event, Job, Note
from tunesmith.spec.noun import Noun
from tunesmith.spec.report import Asked, Report
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.ledger import Ledger
from tunesmith.store.steps import StageDone, Step, Steps
from tunesmith.store.work import Work

PROJECT = """name = "tiny"
model = "base"
questions = ["card now"]
[[sources]]
file = "rows.csv"
input = "text"
label = "label"
[task]
kind = "classify"
[rivals]
classifier = false
few_shot = 2
"""
DATA = {"prepare the data"}
PROMPTS = {f"dev prompt-{name}" for name in ("plain", "role", "careful", "short", "strict")}
SHOTS = {"dev few-shot", "test few-shot"}
TUNED = {"fine-tune", "dev tuned", "test tuned", "answer your questions"}
BASELINE = {"dev majority", "test majority"}
REPORT = {"conclude and write the report"}
BEST = {"test prompt-careful"}  # all doubles are equally good: the first by name
EVERYTHING = DATA | PROMPTS | SHOTS | TUNED | BASELINE | REPORT | BEST


class Silent:
    def emit(self, event: Event) -> None:
        pass

    def stopping(self) -> bool:
        return False


class Doubles(Steps):
    """Real keys, artifacts and registrations; what a stage would make is made up, and differs when its key does."""

    any_stage = True
    """False: as in a worker, which does the steps of one stage."""

    def do(
        self, step: Step, make: Callable[[Work], Any], summary: Callable[[Any], str], noun: type[Any], beside: Callable[[], dict[str, Any]] = dict
    ) -> tuple[Artifact, Any]:
        self.stage = None if self.any_stage else self.stage
        return super().do(step, lambda work: made_up(step, work), lambda found: "", noun)


def made_up(step: Step, work: Work) -> Noun:
    mark = step.key[:12]
    match step.kind:
        case "dataset":
            for split in ("train", "dev", "test"):
                rows = [tiny.record(i, f"{split} {i}", "card" if i % 2 else "money") for i in range(4)]
                (work.path / f"{split}.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in rows))
            return dataset().model_copy(update={"project": mark, "labels": ("card", "money"), "files": {"test.jsonl": mark}})
        case "evaluation":
            raw = {"candidate": step.inputs["candidate"], "dataset": mark, "split": step.inputs["split"], "task": "classify", "rows": 4}
            more = {"metrics": {"exact_match": share(0.5)}, "confusion": {}, "per_label": {}, "files": {}, "decoding": Decoding()}
            return Report.model_validate(raw | more | dict.fromkeys(("prompt_tokens", "completion_tokens", "computed_tokens"), 1))
        case "checkpoint":
            return checkpoint("data").model_copy(update={"template_digest": mark})
        case "answers":
            return Asked(candidate=step.inputs["candidate"], items=(("card now", Answer(text=mark)),))
        case _:
            return line_report("data", "tuned").model_copy(update={"rerun": mark})


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture
def folder(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "base").symlink_to(base)
    (tmp_path / "project.toml").write_text(PROJECT)
    (tmp_path / "rows.csv").write_text("text,label\nmy card,card\nmy money,money\n")
    for name in ("DTYPE", "DEVICE", "THREADS"):
        monkeypatch.delenv(f"TUNESMITH_{name}", raising=False)
    settings_module.settings.cache_clear()
    yield tmp_path
    settings_module.settings.cache_clear()


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    found = Store.open(folder / "home")
    yield found
    found.close()


def done(store: Store, folder: Path, *overrides: str, file: str = "project.toml", **payload: Any) -> set[str]:
    """Titles of the steps that this run made, and did not find."""
    before = {artifact.key for artifact in store.artifacts()}
    line = opened({"project": str(folder / file), "overrides": overrides, **payload}, store, Silent())
    line.refuse_to_begin("run")
    line.__dict__["steps"] = Doubles(store, Silent())
    run(line)
    titles = [a.sidecar()["title"] for a in store.artifacts() if a.key not in before]
    return {"fine-tune" if title.startswith("fine-tune") else title for title in titles}


def test_the_first_run_does_everything_and_the_second_nothing(store: Store, folder: Path) -> None:
    assert done(store, folder) == EVERYTHING
    assert set() == done(store, folder)
    assert list(store.registered()) == ["tiny"]


def test_the_report_says_when_the_job_began_and_not_its_last_process(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = opened({"project": str(folder / "project.toml")}, store, Silent())
    line.__dict__["steps"] = Doubles(store, Silent())
    monkeypatch.setattr("tunesmith.pipeline.opened", lambda *_: line)
    monkeypatch.setattr(Conclusion, "keep", lambda self: {"started": self.started})
    job = Job(id="job-1", kind="run", status="running", title="run tiny", payload={}, created_at=90.0, started_at=100.0)
    assert run_job(job, store, Silent()) == {"started": 100.0}


@pytest.mark.parametrize(
    ("override", "again"),
    [
        ("goal.at_least=0.9", REPORT),
        ("questions=['other']", {"answer your questions"} | REPORT),
        ("name=renamed", REPORT),
        ("task.max_new_tokens=7", REPORT),  # labels are chosen, not generated
        ("rivals.few_shot=1", SHOTS | REPORT),
        ("train.optimiser.lr=1e-4", TUNED | REPORT),
        ("train.budget.epochs=1", TUNED | REPORT),
        ("goal.confidence=0.9", EVERYTHING - DATA - {"fine-tune", "answer your questions"}),
        ("task.instruction='Sort it.'", EVERYTHING - DATA - BASELINE),
        ("split.seed=1", EVERYTHING),
        ("cleaning.repair_text=false", EVERYTHING),
        ("task.prompts=['{labels} mine']", {"dev prompt-own-1"} | REPORT),
    ],
)
def test_a_change_repeats_what_depends_on_it_and_nothing_else(store: Store, folder: Path, override: str, again: set[str]) -> None:
    done(store, folder)
    assert again == done(store, folder, override)


def test_an_edited_source_repeats_everything_and_the_old_one_is_still_known(store: Store, folder: Path) -> None:
    before = (folder / "rows.csv").read_text()
    done(store, folder)
    (folder / "rows.csv").write_text(before + "more,card\n")
    assert done(store, folder) == EVERYTHING
    (folder / "rows.csv").write_text(before)
    assert set() == done(store, folder)


def test_another_file_name_or_model_name_changes_the_report_only(store: Store, folder: Path) -> None:
    done(store, folder)
    (folder / "other.toml").write_text(PROJECT)
    assert done(store, folder, file="other.toml") == REPORT
    assert done(store, folder, name="better") == REPORT
    assert {"tiny", "better"} == set(store.registered())


def test_what_the_user_sets_about_the_machine_repeats_what_computes(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done(store, folder)
    monkeypatch.setenv("TUNESMITH_DTYPE", "float32")
    settings_module.settings.cache_clear()
    assert done(store, folder) == EVERYTHING - DATA


def test_looks_are_counted_by_the_rows_that_were_looked_at(store: Store, folder: Path) -> None:
    done(store, folder)
    done(store, folder, "goal.at_least=0.9")
    done(store, folder, "train.optimiser.lr=1e-4")
    ledger = Ledger(store)
    (name,) = {entry.subject for entry in ledger.entries() if entry.action == "look"}
    assert ledger.looks(name, "test") == 2
    digest = ledger.entries(name)[0].detail["rows"]
    assert ledger.open_test("dataset-of-another-base", ["x"], rows=digest) == 3
    assert ledger.open_test("dataset-with-other-rows", ["x"], rows="another") == 1


def test_what_is_missing_is_told_at_once(store: Store, folder: Path) -> None:
    (folder / "rows.csv").unlink()
    options = ("model=qwen3-0.6b", "rivals.classifier=true")
    with pytest.raises(BadData) as caught:
        done(store, folder, *options)
    assert [problem.where for problem in caught.value.problems] == ["rows.csv", "qwen3-0.6b", "all-minilm-l6-v2"]
    assert store.artifacts() == []


def test_the_embedder_is_not_asked_for_where_no_classifier_can_be(store: Store, folder: Path) -> None:
    line = opened({"project": str(folder / "project.toml"), "overrides": ["rivals.classifier=true", "task.kind=generate"]}, store, Silent())
    line.refuse_to_begin("run")


def test_where_the_kind_was_guessed_the_embedder_is_missed_before_any_rival_is_measured(store: Store, folder: Path) -> None:
    text = PROJECT.replace('kind = "classify"', "").replace('label = "label"', 'output = "label"').replace("classifier = false", "")
    (folder / "project.toml").write_text(text)
    with pytest.raises(NotFound, match="all-minilm-l6-v2"):
        done(store, folder)
    assert [artifact.kind for artifact in store.artifacts()] == ["dataset"]


def test_a_process_stops_where_its_stage_does(store: Store, folder: Path) -> None:
    stages = []
    for _ in range(9):
        line = opened({"project": str(folder / "project.toml")}, store, Silent())
        steps = line.__dict__["steps"] = Doubles(store, Silent())
        steps.any_stage = False
        before = {artifact.key for artifact in store.artifacts()}
        with suppress(StageDone):
            run(line)
        stages.append({artifact.stage for artifact in store.artifacts() if artifact.key not in before})
    assert [{"data"}, {"rivals"}, {"train"}, {"test"}, {"report"}] == [stage for stage in stages if stage]


def test_a_continued_model_brings_its_ancestors_data_into_the_key(store: Store, folder: Path) -> None:
    done(store, folder)
    (first,) = store.artifacts("dataset")
    (begin,) = store.artifacts("checkpoint")
    made = []
    for start in (None, begin.name):
        line = opened({"project": str(folder / "project.toml")}, store, Silent())
        line.__dict__ |= {"steps": Doubles(store, Silent()), "continued": start}
        made.append((line.ancestors(), line.dataset[0].name))
    assert made[0] == ([], first.name)
    assert [artifact.name for artifact in made[1][0]] == [first.name]
    assert made[1][1] != first.name
    assert store.get(made[1][1]).parents == (first.name,)  # a row that is forgotten in the first is forgotten here too


def test_a_model_that_was_tuned_on_other_data_is_measured_with_a_warning(store: Store, folder: Path) -> None:
    done(store, folder)
    line = opened({"project": str(folder / "project.toml")}, store, Silent())
    heard: list[Event] = []
    line.monitor = SimpleNamespace(emit=heard.append, stopping=lambda: False)
    line.__dict__["steps"] = Doubles(store, Silent())
    evaluate_only(line, "tiny")  # the double says that it was tuned on a data set called `data`
    assert [event.level for event in heard if isinstance(event, Note)] == ["warning"]
    assert "tuned on data and is measured on dataset-" in str(heard[0])


def test_a_file_that_changes_while_it_is_read_is_refused(store: Store, folder: Path) -> None:
    line = opened({"project": str(folder / "project.toml")}, store, Silent())
    assert line.sources
    (folder / "rows.csv").write_text("text,label\n" + "".join(f"question {i},{'card' if i % 2 else 'money'}\n" for i in range(40)))
    with pytest.raises(BadData, match="changed while it was read"):
        assert line.dataset
    assert store.artifacts() == []


def test_the_command_that_does_it_again_names_every_option(store: Store, folder: Path) -> None:
    line = opened({"project": str(folder / "project.toml"), "overrides": ["task.instruction='a b'"], "name": "better"}, store, Silent())
    assert line.rerun == """tunesmith run project.toml --set 'task.instruction='"'"'a b'"'"'' --name better"""


def test_the_stages_at_both_ends_load_no_model_code() -> None:
    modules = ["tunesmith.pipeline", "tunesmith.data.run", "tunesmith.decide.run", "tunesmith.evaluate.answers", "tunesmith.evaluate.page"]
    for stage in ("_write", "keep"):  # what the report imports is in this list
        code = inspect.getsource(getattr(Conclusion, stage))
        assert set(re.findall(r"from (tunesmith\.\S+) import", code)) <= set(modules)
    script = f"import sys, {', '.join(modules)}; print([m for m in ('torch', 'transformers', 'sklearn') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip() == "[]"
