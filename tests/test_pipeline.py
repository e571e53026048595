"""The line's order and its keys: which change makes which steps run again. The stages are doubles here; tests/line runs the real ones."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.doubles import PROJECT, Doubles, open_line, processes
from tunesmith import settings as settings_module
from tunesmith.conclusion import Conclusion, Examined, leading, so_far
from tunesmith.errors import BadData, NotFound, Unsupported
from tunesmith.examiner import Examiner
from tunesmith.pins import file_pins, judged_by
from tunesmith.pipeline import evaluate_only, opened, run, run_job, walk
from tunesmith.planning import Planning
from tunesmith.spec.candidate import Retrieval, Tuned
from tunesmith.spec.job import Event, Job, Note, Silent
from tunesmith.spec.project import parse_project
from tunesmith.spec.report import Report
from tunesmith.spec.task import MetricName, MustNotWorsen
from tunesmith.spec.verdict import Side
from tunesmith.store.artifacts import Store
from tunesmith.store.ledger import Ledger, Look
from tunesmith.store.steps import Step, Steps

READING = PROJECT.replace("few_shot_retrieved = 0", "few_shot_retrieved = 2") + '[[documents]]\nfile = "docs"\n'
DATA = {"prepare the data"}
PLAN = {"plan what is tried"}
PROMPTS = {f"dev prompt-{name}" for name in ("plain", "role", "careful", "short", "strict")}
SHOTS = {"dev few-shot", "test few-shot"}
EXAMINED = {"examine tuned", "what tuned has forgotten"}
TUNED = {"fine-tune", "dev tuned", "test tuned", "answer your questions", "keep tuned to be served", *EXAMINED}
SECOND = {"fine-tune", "dev tuned-seed-1", "test tuned-seed-1"}
BASELINE = {"dev majority", "test majority"}
LEADER = {"see who leads"}
REPORT = {"conclude and write the report"}
BEST = {"test prompt-careful"}  # all doubles are equally good: the first by name
EVERYTHING = DATA | PLAN | PROMPTS | SHOTS | TUNED | BASELINE | LEADER | REPORT | BEST
LOOKED_UP = {"index the training rows", "dev few-shot-retrieved", "test few-shot-retrieved"}
PASSAGES = {"cut the documents", "index the passages"}
READERS = {"dev rag-passages", "dev rag-careful", "dev rag-few-shot", "test rag-careful"}
SHOWN = {"find passages for the examples"}
TUNED_READER = {"find passages for the rows", "fine-tune-rag", "dev tuned-rag", "test tuned-rag"}


def done(store: Store, folder: Path, *overrides: str, file: str = "project.toml", **payload: Any) -> set[str]:
    """Titles of the steps that this run made, and did not find."""
    before = {artifact.key for artifact in store.artifacts()}
    line = open_line(folder, store, *overrides, file=file, **payload)
    line.refuse_to_begin("run")
    run(line)
    titles = [a.sidecar()["title"] for a in store.artifacts() if a.key not in before]
    return {title.partition(" ")[0] if title.startswith("fine-tune") else title for title in titles}


def test_the_first_run_does_everything_and_the_second_nothing(store: Store, folder: Path) -> None:
    assert done(store, folder) == EVERYTHING
    assert set() == done(store, folder)
    assert sorted(store.registered()) == ["tiny", "tiny-best"]


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
        ("goal.at_least=0.9", PLAN | LEADER | REPORT),
        ("questions=['other']", {"answer your questions"} | REPORT),
        ("name=renamed", REPORT),
        ("task.max_new_tokens=7", REPORT),  # labels are chosen, not generated
        ("rivals.few_shot=1", PLAN | SHOTS | LEADER | REPORT),
        ("train.optimiser.lr=1e-4", PLAN | TUNED | LEADER | REPORT),
        ("train.budget.epochs=1", PLAN | TUNED | LEADER | REPORT),
        ("decide.seeds=2", PLAN | SECOND | LEADER | REPORT),
        ("goal.confidence=0.9", EVERYTHING - DATA - {"fine-tune", "answer your questions", "what tuned has forgotten", "keep tuned to be served"}),
        ("task.instruction='Sort it.'", EVERYTHING - DATA - BASELINE),
        ("split.seed=1", EVERYTHING),
        ("cleaning.repair_text=false", EVERYTHING),
        ("task.prompts=['{labels} mine']", PLAN | {"dev prompt-own-1"} | REPORT),
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
    assert done(store, folder) == REPORT  # which says that the locked rows were looked at once more meanwhile


def test_another_file_name_or_model_name_changes_the_report_only(store: Store, folder: Path) -> None:
    done(store, folder)
    (folder / "other.toml").write_text(PROJECT)
    assert done(store, folder, file="other.toml") == REPORT
    assert done(store, folder, name="better") == REPORT
    assert {"tiny", "tiny-best", "better", "better-best"} == set(store.registered())


def test_what_the_user_sets_about_the_machine_repeats_what_computes(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done(store, folder)
    monkeypatch.setenv("TUNESMITH_DTYPE", "float32")
    settings_module.settings.cache_clear()
    assert done(store, folder) == EVERYTHING - DATA - PLAN


@pytest.fixture
def reading(folder: Path) -> Path:
    (folder / "docs").mkdir()
    (folder / "docs" / "cards.md").write_text("# Cards\n\nA lost card is blocked at once.\n")
    (folder / "project.toml").write_text(READING)
    return folder


def test_documents_bring_readers(store: Store, reading: Path) -> None:
    assert done(store, reading) == EVERYTHING | LOOKED_UP | PASSAGES | SHOWN | READERS | TUNED_READER
    assert set() == done(store, reading)


@pytest.mark.parametrize(
    ("override", "again"),
    [
        ("goal.at_least=0.9", PLAN | LEADER | REPORT),
        ("rivals.few_shot_retrieved=3", PLAN | (LOOKED_UP - {"index the training rows"}) | LEADER | REPORT),
        ("rivals.rag=2", PLAN | READERS | TUNED_READER | LEADER | REPORT),
        ("rivals.fine_tune_rag=false", PLAN | LEADER | REPORT),
        ("train.optimiser.lr=1e-4", PLAN | TUNED | (TUNED_READER - {"find passages for the rows"}) | LEADER | REPORT),
        ("train.budget.max_length=64", PLAN | TUNED | TUNED_READER | LEADER | REPORT),
    ],
)
def test_a_change_repeats_of_the_readers_what_depends_on_it(store: Store, reading: Path, override: str, again: set[str]) -> None:
    done(store, reading)
    assert again == done(store, reading, override)


def examined(store: Store, reading: Path, leader: str, monkeypatch: pytest.MonkeyPatch) -> Examined:
    """What a run found out about its finalists, where this one leads on test."""
    kept: list[Examined] = []
    monkeypatch.setattr("tunesmith.pipeline.leading", lambda *_: leader)
    monkeypatch.setattr(Conclusion, "keep", lambda self: kept.append(self.examined))
    done(store, reading)
    return kept[0]


def test_what_was_forgotten_is_measured_of_the_reader_that_leads(store: Store, reading: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = examined(store, reading, "tuned-rag", monkeypatch)
    assert [one.candidate for one in found.forgotten] == ["tuned-rag", "tuned"]  # and of the tuned one that is best on dev
    sides = [side for side in found.sides(MustNotWorsen(), "classify") if side.topic == "forgetting"]
    assert [(side.candidate, side.standing) for side in sides] == [("tuned-rag", "fine"), ("tuned", "fine")]


def test_where_losses_bar_the_one_that_leads_whoever_is_left_is_looked_into(store: Store, reading: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Examined] = []
    monkeypatch.setattr("tunesmith.pipeline.leading", lambda line, finalists, lost: "prompt-careful" if lost else "tuned-rag")
    monkeypatch.setattr(Conclusion, "keep", lambda self: kept.append(self.examined))
    assert {"examine tuned-rag", "examine prompt-careful"} <= done(store, reading)
    assert [one.candidate for one in kept[0].forgotten] == ["tuned-rag", "tuned"]
    assert kept[0].suites[1].candidate.name == "prompt-careful"


def test_what_is_barred_leads_no_more(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    class Looking(Doubles):
        """Who leads is really looked at."""

        def do(self, step: Step, make: Any, summary: Any, noun: Any, beside: Any = dict) -> Any:
            return Steps.do(self, step, make, summary, noun) if step.kind == "leader" else super().do(step, make, summary, noun, beside)

    def spoken_for(finalists: Any, scored: Any, goal: Any, dataset: Any, given: Any, known: Any) -> str | None:
        asked.append(tuple(side.candidate for side in known.sides if side.standing == "blocks"))
        return "prompt-careful" if asked[-1] else "tuned"

    blocking = Side(candidate="tuned", topic="forgetting", sentence="Too much.", standing="blocks", is_limited=True)
    monkeypatch.setattr("tunesmith.decide.run.spoken_for", spoken_for)
    monkeypatch.setattr("tunesmith.conclusion.Forgotten.side", lambda self, limits, form: blocking)
    kept: list[Examined] = []
    monkeypatch.setattr(Conclusion, "keep", lambda self: kept.append(self.examined))
    run(open_line(folder, store, steps=Looking))
    assert asked == [(), ("tuned",)]
    assert kept[0].suites[1].candidate.name == "prompt-careful"


def test_where_a_prompt_leads_the_best_tuned_one_is_looked_at(store: Store, reading: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = examined(store, reading, "prompt-careful", monkeypatch)
    assert [one.candidate for one in found.forgotten] == ["tuned"]


def test_why_it_could_not_be_measured_what_was_forgotten_is_said(store: Store, reading: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Examiner, candidate: Tuned, share: float) -> Any:
        raise Unsupported("the two do not have one vocabulary", where=candidate.name)

    monkeypatch.setattr(Examiner, "forgetting", refuse)
    found = examined(store, reading, "tuned-rag", monkeypatch)
    side = found.sides(MustNotWorsen(), "classify")[-2]
    assert (side.candidate, side.standing) == ("tuned-rag", "cannot tell")
    assert side.sentence == "What tuned-rag has forgotten of general ability could not be measured: the two do not have one vocabulary."


def test_a_changed_document_repeats_what_reads_it_and_nothing_else(store: Store, reading: Path) -> None:
    done(store, reading)
    document = reading / "docs" / "cards.md"
    before = document.read_text()
    document.write_text(before + "\nIt costs nothing.\n")
    assert done(store, reading) == PASSAGES | SHOWN | READERS | TUNED_READER | LEADER | REPORT
    document.write_text(before)
    assert done(store, reading) == REPORT  # which says that the locked rows were looked at once more meanwhile
    (reading / "docs" / "more.md").write_text("# More\n\nText.\n")
    assert done(store, reading) == PASSAGES | SHOWN | READERS | TUNED_READER | LEADER | REPORT


def test_what_a_candidate_is_made_of_are_its_reports_parents(store: Store, reading: Path) -> None:
    done(store, reading)
    by_title = {artifact.sidecar()["title"]: artifact for artifact in store.artifacts()}
    reader = by_title["test tuned-rag"].load(Report).candidate
    assert isinstance(reader, Retrieval)
    assert isinstance(reader.reader, Tuned)
    assert (reader.index, reader.count) == (by_title["index the passages"].name, 2)  # as many as there was room for in training
    trained = next(artifact for title, artifact in by_title.items() if title.startswith("fine-tune-rag"))
    assert reader.reader.checkpoint == trained.name
    assert {reader.index, trained.name} < set(by_title["test tuned-rag"].parents)
    assert by_title["find passages for the rows"].name in trained.parents
    assert by_title["prepare the data"].name in by_title["index the training rows"].parents  # a row that is forgotten is forgotten here too
    assert store.registered()["tiny"][-1].artifact != trained.name


def test_readers_work_in_the_stages_of_the_others(store: Store, reading: Path) -> None:
    stages = [{artifact.stage for artifact in made} for made in processes(reading, store)]
    assert stages == [{"data"}, {"measure"}, {"train"}, {"measure"}, {"train"}, {"measure"}, {"report"}]


def test_documents_that_are_not_there_are_told_with_the_rest(store: Store, reading: Path) -> None:
    (reading / "rows.csv").unlink()
    (reading / "docs" / "cards.md").unlink()
    (reading / "docs").rmdir()
    with pytest.raises(BadData) as caught:
        done(store, reading, "rivals.embedder=all-minilm-l6-v2")
    assert [problem.where for problem in caught.value.problems] == ["rows.csv", "all-minilm-l6-v2", "docs"]
    assert "rivals.few_shot_retrieved = 0" in caught.value.problems[1].fix


def test_a_document_that_changes_while_it_is_read_is_refused(store: Store, reading: Path) -> None:
    line = opened({"project": str(reading / "project.toml")}, store, Silent())
    assert set(line.library.documents) == {"docs/cards.md"}
    (reading / "docs" / "cards.md").write_text("# Other\n\nText.\n")
    with pytest.raises(BadData, match="changed while it was read"):
        assert line.library.passages


def test_preparing_the_data_cuts_the_documents_too(store: Store, reading: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = opened({"project": str(reading / "project.toml")}, store, Silent())
    line.__dict__["steps"] = Doubles(store, Silent())
    monkeypatch.setattr("tunesmith.pipeline.opened", lambda *_: line)
    job = Job(id="job-1", kind="data", status="running", title="prepare", payload={}, created_at=90.0)
    assert {name: (artifact or "").partition("-")[0] for name, artifact in (run_job(job, store, Silent()) or {}).items()} == {
        "dataset": "dataset",
        "passages": "passages",
    }


def test_looks_are_counted_by_the_rows_that_were_looked_at(store: Store, folder: Path) -> None:
    done(store, folder)
    done(store, folder, "goal.at_least=0.9")
    done(store, folder, "train.optimiser.lr=1e-4")
    ledger = Ledger(store)
    (name,) = {entry.subject for entry in ledger.entries() if entry.action == "look"}
    assert len(ledger.entries(name)) == 2
    rows = opened({"project": str(folder / "project.toml")}, store, Silent()).rows("test")
    assert ledger.open_test(Look("dataset-of-another-base", [rows[0].id], ["x"], "m")).total == 3
    assert ledger.open_test(Look("dataset-with-other-rows", ["another"], ["x"], "m")).total == 1


def test_another_confidence_is_another_look_and_going_back_undoes_none(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(Conclusion, "keep", lambda self: told.append(self.looks))
    for options in ((), ("goal.confidence=0.8",), ("goal.at_least=0.9",), ()):
        done(store, folder, *options)
    assert told == [1, 2, 2, 2]


def test_how_answers_are_judged_is_the_metric_the_confidence_and_what_marks_them(folder: Path) -> None:
    text = (folder / "project.toml").read_text()
    (folder / "score.py").write_text("def exact(answer, reference):\n    return answer == reference\n")

    def by(metric: MetricName = "exact_match", *overrides: str) -> str:
        project = parse_project(text, "p", overrides)
        return judged_by(project, metric, file_pins(project, folder))

    scored = by("exact_match", "goal.scorer=score.py:exact")
    others = {by(), by("macro_f1"), by("exact_match", "goal.confidence=0.8"), scored}
    assert len(others) == 4
    assert by("exact_match", "goal.at_least=0.9") == by()
    (folder / "score.py").write_text("def exact(answer, reference):\n    return answer in reference\n")
    assert by("exact_match", "goal.scorer=score.py:exact") not in others


def test_the_same_questions_in_a_file_with_another_name_are_the_same_rows(store: Store, folder: Path) -> None:
    done(store, folder)
    (folder / "others.csv").write_text("\n" + (folder / "rows.csv").read_text())
    text = (folder / "project.toml").read_text().replace("rows.csv", "others.csv")
    (folder / "project.toml").write_text(text)
    done(store, folder, "train.optimiser.lr=1e-4")
    first, second = (entry.detail["rows"] for entry in Ledger(store).entries() if entry.action == "look")
    assert first == second


def test_what_is_missing_is_told_at_once(store: Store, folder: Path) -> None:
    (folder / "rows.csv").unlink()
    options = ("model=qwen3-0.6b", "rivals.classifier=true", "rivals.embedder=all-minilm-l6-v2")
    with pytest.raises(BadData) as caught:
        done(store, folder, *options)
    assert [problem.where for problem in caught.value.problems] == ["rows.csv", "qwen3-0.6b", "all-minilm-l6-v2"]
    assert store.artifacts() == []


def test_the_embedder_is_not_asked_for_where_no_classifier_can_be(store: Store, folder: Path) -> None:
    options = ["rivals.classifier=true", "task.kind=generate", "rivals.embedder=all-minilm-l6-v2"]
    line = opened({"project": str(folder / "project.toml"), "overrides": options}, store, Silent())
    line.refuse_to_begin("run")


def test_where_the_kind_was_guessed_the_embedder_is_missed_before_any_rival_is_measured(store: Store, folder: Path) -> None:
    text = PROJECT.replace('kind = "classify"', "").replace('label = "label"', 'output = "label"').replace("classifier = false", "")
    text = text.replace('embedder = "encoder"', "")
    (folder / "project.toml").write_text(text)
    with pytest.raises(NotFound, match="all-minilm-l6-v2"):
        done(store, folder)
    assert [artifact.kind for artifact in store.artifacts()] == ["dataset"]


def test_a_process_stops_where_its_stage_does(store: Store, folder: Path) -> None:
    stages = [{artifact.stage for artifact in made} for made in processes(folder, store)]
    assert stages == [{"data"}, {"measure"}, {"train"}, {"measure"}, {"report"}]


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
    modules += ["tunesmith.planning", "tunesmith.train.rates", "tunesmith.evaluate.suites.sides"]
    stages = (
        Conclusion._write,
        Conclusion.keep,
        Conclusion.measured,
        Examined.sides,
        leading,
        so_far,
        Planning._made,
        Planning.current,
        walk,
    )  # what they import is in this list
    for stage in stages:
        code = inspect.getsource(stage)
        assert set(re.findall(r"from (tunesmith\.\S+) import", code)) <= set(modules)
    script = f"import sys, {', '.join(modules)}; print([m for m in ('torch', 'transformers', 'sklearn') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_reader_that_is_asked_without_passages_is_measured_with_a_warning(store: Store, reading: Path) -> None:
    done(store, reading)
    trained = next(artifact for artifact in store.artifacts("checkpoint") if any(name.startswith("grounding-") for name in artifact.parents))
    line = opened({"project": str(reading / "project.toml")}, store, Silent())
    heard: list[Event] = []
    line.monitor = SimpleNamespace(emit=heard.append, stopping=lambda: False)
    line.__dict__["steps"] = Doubles(store, Silent())
    evaluate_only(line, trained.name)
    assert any("was tuned to read passages" in event.text for event in heard if isinstance(event, Note) and event.level == "warning")
