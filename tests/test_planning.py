"""The plan of a run: frozen, found again, revised, replayed; and the walk by it, with stages that pretend and a clock that goes slowly."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.cli.conftest import share
from tests.doubles import SEARCHING, Many, heard, open_line, processes, titles
from tests.ears import Ears
from tunesmith import settings as settings_module
from tunesmith.conclusion import Conclusion
from tunesmith.errors import BadProject, NotEnoughData
from tunesmith.library import made_of
from tunesmith.line import Line
from tunesmith.pipeline import foremost, run, run_job, walk
from tunesmith.planning import Planning, stopwatch
from tunesmith.spec.candidate import Tuned
from tunesmith.spec.job import Job, Silent
from tunesmith.spec.plan import Activity, Plan, PlannedTrial, Speeds, Stored, Timed, Work
from tunesmith.spec.report import Latency, Report
from tunesmith.spec.trial import Trial
from tunesmith.spec.verdict import Finalist
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.speeds import keep_speeds, machine_name, read_speeds
from tunesmith.store.steps import StageDone, cost_of
from tunesmith.timing import Timing
from tunesmith.trials import tried

TRAINED = ["fine-tune pilot-25", "fine-tune pilot-50", "fine-tune ladder-0-100", "fine-tune ladder-1-100", "fine-tune ladder-2-100"]


@pytest.fixture
def folder(slowly: None, folder: Path) -> Path:
    (folder / "project.toml").write_text(SEARCHING)
    return folder


def last(store: Store) -> tuple[Artifact, Plan]:
    """The plan as it was last revised."""
    plans = [(artifact, artifact.load(Plan)) for artifact in store.artifacts("plan")]
    return max(plans, key=lambda pair: pair[1].revision)


def test_every_training_has_a_process_of_its_own(store: Store, folder: Path) -> None:
    made = processes(folder, store, steps=Many)
    training = [titles(one) for one in made if any(artifact.stage == "train" for artifact in one)]
    assert all(len(one) == 1 for one in training)
    assert [one[0] for one in training] == [*TRAINED, "fine-tune tuned-seed-1"]  # the setting that is chosen was trained on all rows already
    assert all(len({artifact.stage for artifact in one}) == 1 for one in made)
    assert store.registered()["tiny"][-1].artifact in {artifact.name for one in made for artifact in one if artifact.stage == "train"}
    assert len(store.registered()["tiny"]) == 1  # pilots and settings bear no name


def test_a_metric_that_no_dev_row_shows_ends_the_run_with_the_first_answers(store: Store, folder: Path) -> None:
    (folder / "project.toml").write_text(f'{SEARCHING}\n[goal]\nmetric = "macro_f1"\n')  # the made-up reports have accuracy alone
    with pytest.raises(NotEnoughData, match="no dev row shows macro_f1"):
        processes(folder, store, steps=Many)
    assert store.artifacts("checkpoint") == []


def test_searches_ask_the_same_part_of_dev(store: Store, folder: Path) -> None:
    processes(folder, store, steps=Many)
    every = [artifact for artifact in store.artifacts("evaluation") if "search" in artifact.sidecar()["title"]]
    parts = {artifact.load(Report).rows for artifact in every}
    assert parts == {32, 80}
    assert all(("32 rows" in artifact.sidecar()["title"]) == (artifact.load(Report).rows == 32) for artifact in every)


def test_two_seeds_are_one_arm_and_both_are_tested(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Finalist] = []
    monkeypatch.setattr(Conclusion, "keep", lambda self: found.extend(self.finalists) or {})
    run(open_line(folder, store, steps=Many))
    tuned = [one for one in found if one.remedy == "fine-tune"]
    assert [(one.candidate.name, one.seed, one.arm, one.on_dev) for one in tuned] == [("tuned", 0, "", 0.5), ("tuned-seed-1", 1, "", 0.5)]
    assert len({one.candidate.checkpoint for one in tuned if isinstance(one.candidate, Tuned)}) == 2
    assert found[0] == tuned[0]


def test_what_was_trained_to_find_it_is_billed_apart_and_all_of_it_by_what_nobody_shares(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[int, dict[str, int]]] = []

    def counted(self: Conclusion) -> dict[str, str]:
        known = self.known({})
        found.append((known.finding_tokens, known.training_tokens))
        return {}

    monkeypatch.setattr(Conclusion, "keep", counted)
    monkeypatch.setattr("tunesmith.decide.run.limited", lambda *_: ())
    run(open_line(folder, store, steps=Many))
    each = 90_000  # logical; 9,000 went through the model
    assert found == [(5 * each, {"tuned": each, "tuned-seed-1": each})]  # six trainings, one of which is served


@pytest.mark.parametrize("stop", [2, 3, 4, 6, 9])
def test_a_stopped_run_goes_on_with_the_same_plan(store: Store, folder: Path, tmp_path: Path, stop: int) -> None:
    whole = Store.open(tmp_path / "whole")
    undisturbed = [title for one in processes(folder, whole, steps=Many) for title in titles(one)]
    first = processes(folder, store, steps=Many, most=stop)
    before = last(store)[1]
    rest = processes(folder, store, steps=Many)
    assert [title for one in [*first, *rest] for title in titles(one)] == undisturbed
    assert before.steps == last(store)[1].steps
    assert len(store.artifacts("plan")) == 1
    whole.close()


def test_a_budget_is_revised_by_what_was_taken_and_the_last_revision_is_walked_by_again(store: Store, folder: Path) -> None:
    wishes = ("decide.budget=100",)
    made = processes(folder, store, *wishes, steps=Many)
    assert titles(made[0]) == ["prepare the data"]  # then the machine is timed, because a budget rests on it
    assert [titles(one)[0] for one in made[1:4]] == ["time a few answers", "time a few training steps", "plan what is tried"]
    plans = sorted((artifact.load(Plan) for artifact in store.artifacts("plan")), key=lambda plan: plan.revision)
    assert plans[0].left_out
    assert len(plans) > 1  # doubles take no time at all: what was left out comes back
    assert {step.name for step in plans[0].steps} < {step.name for step in plans[-1].steps}
    assert plans[-1].will_have_spent() <= 100
    assert processes(folder, store, *wishes, steps=Many) == []
    ears = Ears()
    line = open_line(folder, store, *wishes, steps=Many)
    line.monitor = ears
    history, plan, _ = walk(line, Planning(line, since=time.time()))
    assert plan[1] == plans[-1]
    assert any("fits after all" in text for text in heard(ears))
    assert not any(re.match(r"\d+ of \d+, ", text) for text in heard(ears)), "nothing begins that is in the store"
    assert {trial.artifact for trial in history} == {a.name for a in store.artifacts("evaluation") if a.sidecar()["title"].startswith("dev ")}


def crawl(store: Store) -> None:
    """From now on this machine is known to take an hour for everything."""
    activities: tuple[Activity, ...] = ("choose", "train", "process")
    timed = [Timed(work=Work(activity=one, parameters=1_000, rows=10, tokens=10.0), seconds=3600.0) for one in activities]
    keep_speeds(store.home, machine_name(settings_module.settings().computing()), Speeds(timed=tuple(timed)))


def test_a_finished_run_is_found_again_whatever_the_machine_is_said_to_take(store: Store, folder: Path) -> None:
    wishes = ("decide.budget=100",)
    processes(folder, store, *wishes, steps=Many)
    plan = last(store)
    crawl(store)
    assert processes(folder, store, *wishes, steps=Many) == []
    assert last(store) == plan


@pytest.mark.parametrize("wishes", [("decide.budget=100", "goal.at_least=0.9"), ("decide.budget=90",), ("decide.budget=20",)])
def test_what_is_done_costs_nothing(store: Store, folder: Path, wishes: tuple[str, ...]) -> None:
    processes(folder, store, "decide.budget=100", steps=Many)
    before = last(store)[1]
    crawl(store)
    made = [title for one in processes(folder, store, *wishes, steps=Many) for title in titles(one)]
    looked = ["see who leads"] if "goal.at_least=0.9" in wishes else []  # who leads hangs on the goal
    assert made == ["plan what is tried", *looked, "conclude and write the report"]
    taken_over = store.artifacts("plan")[0].load(Plan)
    assert [step.name for step in taken_over.steps] == [step.name for step in before.steps]
    assert taken_over.will_have_spent() == taken_over.spent < 5


def test_of_other_rows_nothing_is_done(store: Store, folder: Path) -> None:
    processes(folder, store, "decide.budget=100", steps=Many)
    with pytest.raises(BadProject, match="too short for any verdict"):
        run(open_line(folder, store, "decide.budget=5", "split.seed=1", steps=Many))


def timings(store: Store) -> list[str]:
    """What this machine was timed at, in order."""
    return titles(store.artifacts("timing"))[::-1]


def test_a_budget_is_refused_on_fresh_readings_alone(store: Store, folder: Path) -> None:
    """A machine that was busy once is no reason to refuse for good."""
    crawl(store)
    plan = Planning(open_line(folder, store, "decide.budget=100", steps=Many), since=time.time()).current()[1]
    assert plan.steps
    assert timings(store) == ["time a few answers, once more", "time a few training steps, once more"]
    known = read_speeds(store.home, machine_name(settings_module.settings().computing()))
    assert max(one.seconds for one in known.timed) < 3600
    crawl(store)
    line = open_line(folder, store, "decide.budget=5", steps=Many)
    with pytest.raises(BadProject, match="too short for any verdict"):
        Planning(line, since=time.time()).current()
    assert line.steps.made  # another job has timed it again
    known = read_speeds(store.home, machine_name(settings_module.settings().computing()))
    assert max(one.seconds for one in known.timed) == 3600  # what did not change the answer did not replace what is known


def test_a_machine_that_was_timed_by_this_job_is_not_timed_again_to_refuse(store: Store, folder: Path) -> None:
    since = time.time()
    for _ in range(2):
        with pytest.raises(BadProject, match="too short for any verdict"):
            Planning(open_line(folder, store, "decide.budget=5", steps=Many), since=since).current()
    assert timings(store) == ["time a few answers", "time a few training steps"]


def test_what_an_earlier_version_examined_is_passed_over(store: Store, folder: Path) -> None:
    line = open_line(folder, store, "decide.budget=100", steps=Many)
    history, _, _ = walk(line, Planning(line, since=time.time()))
    with store.work("0" * 16, stage="measure", title="old", parents=(line.dataset[0].name,)) as work:
        work.finish("suites", Latency(wait=None, of=""))
    assert Planning(line, since=time.time()).spent(history) >= 0


def test_answers_that_may_be_longer_are_timed_anew(store: Store, folder: Path) -> None:
    line = open_line(folder, store, "decide.budget=100", steps=Many)
    facts, known = Planning(line, since=time.time()).facts.model_copy(update={"answering": "write"}), Speeds()
    counts = []
    for longest in (32, 32, 64):
        known = Timing(line, facts.model_copy(update={"longest": longest}), since=time.time()).completed(known)
        counts.append(len(known.timed))
    assert counts == [2, 2, 3]


def test_a_plan_that_goes_less_far_than_there_is_time_for_is_not_taken_over(store: Store, folder: Path) -> None:
    bare = ("decide.pilots=[]", "decide.search=0", "decide.prompt_search=0", "decide.seeds=1", "rivals.few_shot=0")
    processes(folder, store, "decide.budget=300", *bare, steps=Many)
    made = [title for one in processes(folder, store, "decide.budget=300", steps=Many) for title in titles(one)]
    assert "dev few-shot" in made


def test_what_is_in_the_store_is_known_step_by_step(store: Store, folder: Path) -> None:
    processes(folder, store, "decide.budget=100", steps=Many)
    plan = last(store)[1]

    def known(*wishes: str) -> Stored:
        line = open_line(folder, store, *wishes, steps=Many)
        return Planning(line, since=time.time())._stored()

    found = known("decide.budget=80", "goal.at_least=0.9")
    assert all(found.holds(step) for step in plan.steps if step.kind != "test")
    assert "tuned" in found.proven
    assert found.probed == 1.0
    fewer = known("decide.budget=80", "rivals.few_shot_retrieved=0", "decide.seeds=1", "train.optimiser.lr=0.01")
    assert {"few-shot-retrieved", "tuned", "tuned-seed-1", "ladder", "pilot-50"} & {step.name for step in fewer.steps} == set()
    assert "controls" in {step.name for step in fewer.steps}
    assert known("decide.budget=80", "split.seed=1") == known() == Stored()


def test_fewer_probes_are_asked_where_the_time_is_gone_and_by_every_later_process(store: Store, folder: Path) -> None:
    line = open_line(folder, store, "decide.budget=100", steps=Many)
    planning = Planning(line, since=time.time())
    history, plan, _ = walk(line, planning)
    assert planning.pressed(plan, history, 0) == plan
    ears = Ears()
    line.monitor = ears
    spent = Planning(line, since=time.time(), worked=lambda: 99.0)
    found = spent.pressed(plan, history, 2)
    assert (found[1].probes, found[1].passed) == (0.25, len(plan[1].steps) - 1)
    assert heard(ears) == ["25% of the probes of general ability are asked, not 100%: the time does not reach for more"]
    assert Planning(line, since=time.time()).current() == found
    assert Planning(line, since=time.time()).pressed(found, history, 2) == found  # there is time again, and the decision stands


def test_what_it_takes_to_start_a_process_is_learnt_too(store: Store, folder: Path) -> None:
    line = open_line(folder, store, steps=Many)
    walk(line, Planning(line, since=time.time()))
    known = read_speeds(store.home, machine_name(settings_module.settings().computing()))
    readings = [timed.seconds for timed in known.timed if timed.work.activity == "process"]
    assert readings
    assert max(readings) < 5  # doubles take no time, nor does going on to the next step in the same process


def test_who_leads_on_dev_is_said_once_and_what_it_is_worth(store: Store, folder: Path) -> None:
    ears = Ears()
    for _ in range(2):
        line = open_line(folder, store, steps=Many)
        line.monitor = ears
        history, _, _ = walk(line, Planning(line, since=time.time()))
    said = [text for text in heard(ears) if text.startswith("so far on dev")]
    trained = [trial.candidate.name for trial in history if trial.remedy == "fine-tune" and not trial.candidate.name.startswith("ladder")]
    assert len(said) == 1 + len(trained)  # behind the untrained rivals, and behind every training of the recipe
    assert all("only the locked rows prove it" in text and "80 rows" in text for text in said)
    assert not [artifact for artifact in store.artifacts("evaluation") if artifact.sidecar()["title"].startswith("test ")]


def test_the_plan_is_told_before_anything_is_tried(store: Store, folder: Path) -> None:
    line, ears = open_line(folder, store, "decide.budget=60", steps=Many), Ears()
    line.monitor = ears
    Planning(line, since=time.time()).current()
    told = [text for text in heard(ears) if text.startswith("plan  ")]
    plan = last(store)[1]
    assert len(told) == len(plan.steps) + len(plan.left_out) + 1
    assert any("left out" in text and "are left after what matters more" in text for text in told)
    assert " of 1 min in all" in told[-1]
    assert not [a for a in store.artifacts("evaluation") if a.sidecar()["title"].startswith("dev ")]


def test_a_budget_that_is_too_short_says_how_long_it_would_take(store: Store, folder: Path) -> None:
    with pytest.raises(BadProject, match="too short for any verdict") as caught:
        run(open_line(folder, store, "decide.budget=5", steps=Many))
    problem = caught.value.problems[0]
    assert problem.where == "decide.budget"
    assert problem.expected.startswith("about ")
    assert problem.fix.startswith("give it more time: --budget ")
    assert store.artifacts("plan") == []


def test_without_a_rival_there_is_still_the_training(store: Store, folder: Path) -> None:
    bare = ("rivals.prompts=false", "rivals.few_shot=0", "rivals.majority=false", "decide.pilots=[]", "decide.search=0", "decide.seeds=1")
    made = [title for one in processes(folder, store, *bare, steps=Many) for title in titles(one)]
    assert [title for title in made if title.startswith(("dev ", "test "))] == ["dev tuned", "test tuned"]


def test_a_plan_that_was_given_is_carried_out_as_it_stands(store: Store, folder: Path, tmp_path: Path) -> None:
    processes(folder, store, "decide.budget=100", steps=Many)
    plan = last(store)[1]
    dev = {title for artifact in store.artifacts("evaluation") for title in titles([artifact])}
    other = Store.open(tmp_path / "other")
    made = [title for one in processes(folder, other, "decide.budget=100", steps=Many, given=plan) for title in titles(one)]
    assert "take the plan that was given" in made
    assert not {title for title in made if title.startswith(("time ", "revise ", "plan "))}
    assert {title for title in made if title.startswith(("dev ", "test "))} == dev
    assert last(other)[0].name == last(store)[0].name  # the certificate names the same plan
    other.close()


def test_the_plan_of_another_project_is_refused(store: Store, folder: Path) -> None:
    processes(folder, store, steps=Many, most=2)
    plan = last(store)[1]
    strange = plan.model_copy(update={"steps": (plan.steps[0].model_copy(update={"name": "rag", "kind": "rag"}), *plan.steps)})
    with pytest.raises(BadProject, match="not for this project") as caught:
        run(open_line(folder, store, steps=Many), given=strange)
    assert caught.value.problems[0].got == "it wants rag"


def test_what_was_taken_is_learnt_once(store: Store, folder: Path) -> None:
    processes(folder, store, steps=Many)
    name = machine_name(settings_module.settings().computing())
    known = read_speeds(store.home, name)
    assert {timed.work.activity for timed in known.timed} == {"choose", "train"}
    assert {timed.work.rows for timed in known.timed if timed.work.activity == "train"} == {600}  # as the double says that it was trained
    assert processes(folder, store, steps=Many) == []
    assert read_speeds(store.home, name) == known


def test_who_leads_is_looked_into_and_where_nobody_does_the_tuned_one_or_the_best_on_dev(store: Store, folder: Path) -> None:
    line = open_line(folder, store, steps=Many)
    planning = Planning(line, since=time.time())
    _, _, end = walk(line, planning)
    assert foremost(end, planning.facts, None).candidate.name == "tuned"
    untuned = [trial for trial in end.trials if trial.remedy != "fine-tune"]
    assert [foremost(end, planning.facts, trial.candidate.name) == trial for trial in untuned] == [trial.remedy != "majority" for trial in untuned]
    better = untuned[1].model_copy(update={"report": line_report(untuned[1], 0.9)})
    rest = end.model_copy(update={"trials": (untuned[0], better, *untuned[2:])})
    assert foremost(rest, planning.facts, None).candidate == better.candidate
    control = end.model_copy(update={"trials": tuple(trial for trial in untuned if trial.remedy == "majority")})
    assert foremost(control, planning.facts, "majority").remedy == "majority"


def test_pauses_and_waits_use_up_no_budget(store: Store, folder: Path) -> None:
    """Five minutes of work, an hour of waiting for somebody to resume it, a minute of work: six minutes are gone."""
    since, wishes = time.time() - 3_960, ("decide.budget=1200",)
    planning = Planning(open_line(folder, store, *wishes, steps=Many), since, worked=lambda: 300.0)
    assert planning.first[1].spent == 300
    assert planning.spent([]) == 300
    later = Planning(open_line(folder, store, *wishes, steps=Many), since, worked=lambda: 360.0)
    assert later.spent([]) == 360
    another = Planning(open_line(folder, store, *wishes, steps=Many), time.time() + 10, worked=lambda: 20.0)  # a job of its own, by the same plan
    assert another.spent([]) == 320


def test_a_job_that_is_resumed_has_only_worked_while_it_was_held(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[float] = []

    def walked(line: Line, planning: Planning) -> None:
        found.append(planning.worked())
        raise StageDone

    monkeypatch.setattr("tunesmith.pipeline.opened", lambda *_: open_line(folder, store, steps=Many))
    monkeypatch.setattr("tunesmith.pipeline.walk", walked)
    now = time.time()
    job = Job(
        id="job-1", kind="run", status="running", title="run tiny", payload={}, created_at=now - 4_000, started_at=now - 3_960, worked_s=300.0, held_since=now - 20
    )  # fmt: skip
    assert run_job(job, store, Silent()) is None
    assert 320 <= found[0] < 330


def test_the_clock_of_a_job_goes_on_behind_what_was_before() -> None:
    clock = stopwatch(300.0)
    first = clock()
    assert 300 <= first <= clock() < 310


class Killed(BaseException):
    """What a test raises where a process would die."""


def test_a_process_that_was_killed_before_it_looked_at_the_prices_is_made_up_for(
    store: Store, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes, real, looked = ("decide.budget=100",), Planning.revised, list[int]()

    def counted(self: Planning, plan: tuple[Artifact, Plan], history: list[Trial]) -> tuple[Artifact, Plan]:
        found = real(self, plan, history)
        if found != plan:
            looked.append(len(history))
        return found

    def killed(self: Planning, plan: tuple[Artifact, Plan], history: list[Trial]) -> tuple[Artifact, Plan]:
        if len(history) == looked[0]:
            raise Killed
        return real(self, plan, history)

    other = Store.open(tmp_path / "undisturbed")
    monkeypatch.setattr(Planning, "revised", counted)
    processes(folder, other, *wishes, steps=Many)
    other.close()
    monkeypatch.setattr(Planning, "revised", killed)
    with pytest.raises(Killed):
        processes(folder, store, *wishes, steps=Many)
    assert last(store)[1].revision == 0
    monkeypatch.setattr(Planning, "revised", real)
    made = processes(folder, store, *wishes, steps=Many, most=1)
    assert titles(made[0])[0] == "revise the plan, 1"  # before anything else is tried
    processes(folder, store, *wishes, steps=Many)
    assert processes(folder, store, *wishes, steps=Many) == []


def line_report(trial: Trial, value: float) -> Report:
    """The trial's report with another value."""
    assert trial.report is not None
    return trial.report.model_copy(update={"metrics": {"accuracy": share(value)}})


def test_what_earlier_processes_have_proven_counts_as_spent(store: Store, folder: Path) -> None:
    processes(folder, store, "decide.budget=1000", steps=Many)
    planning = Planning(open_line(folder, store, "decide.budget=1000", steps=Many), since=time.time() + 1, worked=lambda: 0.0)
    history, _, _ = walk(planning.line, planning)
    proof = [one for kind in ("evaluation", "suites", "forgetting") for one in store.artifacts(kind)]
    assert {str(one.sidecar()["title"]).split()[0] for one in proof} >= {"dev", "test", "examine", "what"}
    made = [store.get(name) for trial in history for name in made_of(trial.candidate)]
    expected = planning.first[1].spent + sum(cost_of(one).seconds for one in {one.name: one for one in (*proof, *made)}.values())
    assert planning.spent(history) == pytest.approx(expected)
    assert planning.spent(()) == planning.first[1].spent  # what others have made of the same rows is none of it
    assert Planning(planning.line, since=planning.first[0].created_at, worked=lambda: 5.0).spent(history) == 5.0


@pytest.mark.parametrize("metric", ["out_of_scope_recall", "out_of_scope_precision"])
def test_a_metric_that_no_dev_row_carries_ends_the_run_before_any_answer(store: Store, folder: Path, metric: str) -> None:
    asking = SEARCHING.replace('kind = "classify"', 'kind = "classify"\nout_of_scope = "other"')  # which no made-up row is
    (folder / "project.toml").write_text(f'{asking}\n[goal]\nmetric = "{metric}"\n')
    with pytest.raises(NotEnoughData, match=f"no dev row shows {metric}"):
        processes(folder, store, steps=Many)
    assert [artifact.kind for artifact in store.artifacts()] == ["dataset"]


def finish(store: Store, letter: str, kind: str, seconds: float, **beside: str) -> Artifact:
    """An artifact that took so long."""
    with store.work(letter * 16, stage="measure", title=kind) as work:
        cost = {"seconds": seconds, "rows_per_s": 0.0, "peak_memory_bytes": 0}
        return work.finish(
            kind, Timed(work=Work(activity="choose", parameters=1, rows=1, tokens=1.0), seconds=seconds), sidecar={"cost": cost, **beside}
        )


@pytest.mark.parametrize(("is_resumed", "taken"), [(True, 50.0), (False, None)])
def test_answers_of_a_killed_process_are_learnt_and_spent_with_their_marks_and_new_marks_of_old_answers_teach_nothing(
    store: Store, folder: Path, is_resumed: bool, taken: float | None
) -> None:
    from tunesmith.decide.run import next_trial

    line, history = open_line(folder, store, steps=Many), list[Trial]()
    planning = Planning(line, since=time.time())
    plan = planning.current()
    while isinstance(step := next_trial(history, planning.facts, plan[1]), PlannedTrial) and step.trial.remedy != "prompt":
        history.append(tried(line, step, planning.facts))
    assert isinstance(step, PlannedTrial)
    trial = tried(line, step, planning.facts)
    answers = finish(store, "a", "predictions", 50.0)
    planning.since = answers.created_at - 1 if is_resumed else answers.created_at + 1e-6
    marks = finish(store, "b", "evaluation", 0.0, predictions=answers.name)
    known = planning.speeds
    planning.learn(step, trial.model_copy(update={"artifact": marks.name}))
    assert [timed.seconds for timed in planning.speeds.timed[len(known.timed) :]] == ([] if taken is None else [taken])
    planning.since, planning.worked = time.time() + 60, lambda: 7.0
    assert planning.spent([trial.model_copy(update={"artifact": marks.name})]) == pytest.approx(
        plan[1].spent + 50.0 + 7.0, abs=0.5
    )  # the others took next to nothing
