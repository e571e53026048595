"""What stands in the records: work that was done, steps that counted, settings that were tried."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
import torch

from bench import answers, facts, flops, outcome, sweep, train
from bench.answers import Side, again, agreement
from bench.flops import Step
from bench.memory import is_wrong
from bench.outcome import Outcome, Work
from tests import tiny
from tunesmith.model import lora
from tunesmith.model.memory import Shape
from tunesmith.spec.recipe import Lora

SHAPE = Shape(parameters=0, width=4, inner=8, layers=2, heads=2, head_width=2, kv_heads=1, vocabulary=10, linear_sizes=100)
STEPS = [Step(tokens=100, keys=1000, trained=40), Step(tokens=200, keys=2000, trained=80), Step(tokens=200, keys=2000, trained=80)]
WORK = Work("gsm8k", SHAPE, STEPS, 10, full=True, dpo=False)


def test_rows_are_counted_as_each_side_reads_them() -> None:
    row = {"ids": [1, 2, 3], "trained": [True, False, True]}  # nothing predicts the first token
    pair = {"prompt": [1, 2], "chosen": [3], "rejected": [4, 5]}
    assert Step.of([row, row]) == Step(6, 12, 2)
    assert Step.of([pair]) == Step(7, 6 + 10, 3)


def test_work_of_a_step_by_hand() -> None:
    layer = 4 * (2 * 4 + 2 * 2 + 3 * 8)
    forward = 2 * (2 * (layer * 100 + 2 * 4 * 1000) + 4 * 10 * 40)
    assert flops.of_step(SHAPE, STEPS[0], 100, full=True, dpo=False) == 3 * forward
    assert flops.of_step(SHAPE, STEPS[0], 100, full=True, dpo=True) == 4 * forward
    assert flops.of_step(SHAPE, STEPS[0], 100, full=False, dpo=False, rank=1) == 2 * forward + 6 * 100 * 100
    shared = flops.of_step(SHAPE, STEPS[0], 50, full=True, dpo=False)
    assert shared == 3 * 2 * (2 * (layer * 50 + 2 * 4 * 500) + 4 * 10 * 40), "the output layer is not shared"


def test_a_layer_has_as_many_weights_as_the_model_says(tmp_path) -> None:
    model = tiny.load(tiny.save(tmp_path / "model"))
    layers = sum(p.numel() for name, p in model.network.get_decoder().named_parameters() if name.startswith("layers.") and p.dim() == 2)
    shape = replace(model.shape, vocabulary=0)
    many = Step(10**6, 0, 0)
    assert flops.of_step(shape, many, 10**6, full=True, dpo=False) == 6 * layers * 10**6
    lora.inject(model.network, Lora(r=16), 0.0, 0)
    adapters = sum(p.numel() for p in model.network.parameters() if p.requires_grad)
    assert flops.of_step(shape, many, 10**6, full=False, dpo=False) == (4 * layers + 6 * adapters) * 10**6


def said(seconds: list[float], **more: object) -> Outcome:
    return Outcome.of({"seconds": seconds, "losses": [1.0] * len(seconds), "peak_bytes": 10**9, "threads": 2, **more}, 10)


def test_the_warm_up_is_left_out_on_every_side() -> None:
    one = said([100.0, 5.0, 2.5])
    assert (one.warm_up, one.step, one.rows_per_s) == (1, 3.75, 3.0)
    assert one.tokens_per_s(WORK) == 60  # 200 tokens in 10 rows
    assert said([100.0]).warm_up == 0, "a trial of one step has nothing else"


def test_packed_rows_are_counted() -> None:
    assert said([1.0, 2.0, 2.0], rows=[150, 42, 42]).rows_per_s == 21


def test_columns_tell_how_much_was_measured() -> None:
    found = outcome.figures(WORK, [said([9.0, 5.0, 5.0]), said([9.0, 5.0])], 4.0, (1e9, 3e9))
    assert (found["rows_per_s"], found["slower_than_ours"]) == (2.0, 2.0)
    assert (found["rows"], found["steps"], found["counted"], found["warm_up"], found["rounds"]) == (30, "3 2", 3, 1, 2)
    useful = flops.of_step(SHAPE, STEPS[1], 200, full=True, dpo=False) * 2 / 10
    assert found["gflops"] == pytest.approx(useful / 1e9)
    assert found["share_of_peak"] == pytest.approx(useful / 2e9)
    assert set(found) <= set(facts.FIELDS)


def test_a_line_has_its_columns_and_the_commit_from_before(tmp_path, monkeypatch) -> None:
    file = tmp_path / "results.csv"
    monkeypatch.setattr(facts, "conditions", lambda: {"commit": "abc", "date": "today", "processor": "p", "threads": 2})
    facts.append({"work": "w", "rows_per_s": 1 / 3, "threads": 1}, file)
    facts.append({"work": "x"}, file)
    assert [(line["work"], line["commit"], line["rows_per_s"], line["threads"]) for line in facts.read(file)] == [
        ("w", "abc", "0.3333", "1"),
        ("x", "abc", "", "2"),
    ]
    with pytest.raises(ValueError, match="no_such_column"):
        facts.append({"no_such_column": 1}, file)


def test_results_do_not_dirty_the_commit_that_they_are_of(monkeypatch) -> None:
    asked = []

    def run(command, **_):
        asked.append(command)
        return type("Done", (), {"stdout": "abc\n" if "describe" in command else ""})()

    monkeypatch.setattr(facts.subprocess, "run", run)
    assert facts.commit() == "abc"
    assert asked[1][-3:] == [":!bench/results.csv", ":!bench/sweeps.csv", ":!bench/breakdown.csv"]


def test_every_recorded_line_has_every_column() -> None:
    for path, fields in ((facts.RESULTS, facts.FIELDS), (facts.SWEEPS, facts.SWEEP_FIELDS), (facts.BREAKDOWN, facts.BREAKDOWN_FIELDS)):
        if path.exists():
            with path.open(newline="") as file:
                assert {len(line) for line in csv.reader(file)} == {len(fields)}
            assert tuple(path.read_text().splitlines()[0].split(",")) == fields


@pytest.fixture
def record(tmp_path, monkeypatch):
    """An empty record of sweeps."""
    for module in (facts, sweep):
        monkeypatch.setattr(module, "SWEEPS", tmp_path / "sweeps.csv")
    monkeypatch.setattr(sweep, "conditions", lambda: {"processor": "p", "cores": 2})
    monkeypatch.setattr(facts, "conditions", lambda: {"processor": "p", "cores": 2, "date": "today"})
    return tmp_path / "sweeps.csv"


def test_best_settings_are_read_from_the_record(record, capsys) -> None:
    with pytest.raises(SystemExit, match="no settings of trl are recorded for gsm8k-full"):
        sweep.best("gsm8k-full")
    rates = {
        sweep.DEFAULTS: 9.0,
        "trl batch 4, bf16 weights, no checkpointing": 2.0,
        "trl batch 8, bf16 weights, no autocast": 3.0,
        "litgpt micro-batch 1, bf16": 1.0,
    }
    sweep.sweep("gsm8k-full", list(rates), lambda setting: said([9.0, 10 / rates[name_of(setting)]]), dry=False)
    assert sweep.best("gsm8k-full") == ["trl batch 8, bf16 weights, no autocast", "litgpt micro-batch 1, bf16"]
    assert "never tried here" in capsys.readouterr().out
    sweep.sweep("gsm8k-full", ["trl batch 8, bf16 weights, no autocast"], lambda setting: "out of memory", dry=False)
    assert sweep.best("gsm8k-full")[0] == "trl batch 4, bf16 weights, no checkpointing", "the last reading of a setting counts"
    with pytest.raises(SystemExit, match="not recorded for gsm8k-full"):
        train.chosen("gsm8k-full", ["trl batch 1, bf16 weights, no checkpointing"], dry=False)


def name_of(setting: sweep.Setting) -> str:
    return next(name for name, one in sweep.SETTINGS["gsm8k-full"].items() if one is setting)


def test_a_dry_sweep_and_another_machine_leave_no_best(record, monkeypatch) -> None:
    one = "trl batch 4, bf16 weights, no checkpointing"
    sweep.sweep("gsm8k", [one], lambda setting: said([9.0, 1.0]), dry=True)
    assert not record.exists()
    sweep.sweep("gsm8k", [one], lambda setting: said([9.0, 1.0]), dry=False)
    assert sweep.best("gsm8k") == [one]
    monkeypatch.setattr(sweep, "conditions", lambda: {"processor": "another", "cores": 2})
    with pytest.raises(SystemExit):
        sweep.best("gsm8k")


LOSSES = {1.0: [4.0, 2.0, 1.5, 0.5], 0.5: [4.0, 3.0, 2.9, 2.5]}


class Played(train.Contest):
    """A contest whose sides say what they are told to say."""

    def __init__(self, in_float32: list[float] | None = None, **peers: list[float] | None) -> None:
        self.work, self.peers, self.turns = replace(WORK, steps=STEPS * 2), peers, 0
        self.exact, self.settings_of = in_float32, {name: sweep.trl(1) for name in peers}

    def name_of(self, setting):
        return next((name for name, one in self.settings_of.items() if one is setting), None)

    def run(self, steps, *, seed=0, dtype=None, rate=1.0):
        losses = [x + 0.01 * seed for x in LOSSES[rate]]
        return replace(said([2.0] * steps), losses=losses[:steps])

    def settings(self, name):
        return self.settings_of[name]

    def attempt(self, setting, steps=2, bounded=True):
        self.turns += 1
        name = self.name_of(setting)
        losses = self.exact if name is None else self.peers[name]
        return "out of memory" if losses is None or (name == "failing" and self.turns > 2) else replace(said([4.0] * steps), losses=losses[:steps])


@pytest.fixture
def appended(monkeypatch):
    """The sides of the lines that were appended."""
    lines: list[dict] = []
    monkeypatch.setattr(train, "append", lines.append)
    monkeypatch.setattr(train, "measured_peak", lambda: 1e9)
    return lines


def test_only_sides_that_train_the_same_are_recorded(appended) -> None:
    contest = Played(good=[4.0, 2.01, 1.5, 0.5], crossing=[4.0, 1.5, 2.0, 0.5])
    assert contest.held([4, 2], ["good", "crossing"], dry=False) == 1
    assert [line["side"] for line in appended] == ["tunesmith", "good"]
    assert appended[1]["slower_than_ours"] == 2
    assert appended[1]["trajectory_gap"] == pytest.approx(0.005)


def test_a_setting_without_rounding_is_the_same_setting_in_all_else() -> None:
    free = sweep.in_float32(sweep.SETTINGS["gsm8k"]["trl batch 8, bf16 weights, padding-free"])
    assert (free.dtype, free.options["bf16"], free.options["padding_free"], free.options["per_device_train_batch_size"]) == (
        "float32",
        False,
        True,
        8,
    )
    assert not sweep.in_float32(sweep.ADAPTERS["trl batch 1, bf16 weights and adapters, no autocast"]).adapters_as_weights
    assert sweep.in_float32(sweep.LITGPT["litgpt micro-batch 2, bf16"]).options == {"micro_batch": 2, "precision": "32-true"}


def test_after_a_stop_nothing_more_is_run_and_what_was_taken_is_recorded(appended) -> None:
    contest = Played(in_float32=LOSSES[1.0], good=LOSSES[1.0], rounding=[4.0, 2.2, 1.6, 0.6])

    def stopped(setting: sweep.Setting, steps: int = 2, bounded: bool = True) -> object:
        if contest.turns == 2:
            raise KeyboardInterrupt
        return Played.attempt(contest, setting, steps, bounded)

    contest.attempt = stopped
    assert contest.held([4, 2], ["good", "rounding"], dry=False) == 1
    assert ([line["side"] for line in appended], contest.turns) == (["tunesmith", "good"], 2)


def test_a_peer_that_rounds_more_is_recorded_where_its_float32_run_is_ours(appended, capsys) -> None:
    rounding = {"rounding": [4.0, 2.2, 1.6, 0.6], "much": [4.0, 3.0, 2.9, 2.4]}
    exact = Played(in_float32=[4.0, 2.005, 1.5, 0.5], good=LOSSES[1.0], **rounding)
    assert exact.held([4, 2], ["good", *rounding], dry=False) == 0
    assert [(line["side"], line["trajectory_gap"], line.get("float32_gap")) for line in appended] == [
        ("tunesmith", 0, None), ("good", 0, None), ("rounding", pytest.approx(0.1), pytest.approx(0.0025)), ("much", pytest.approx(0.95), pytest.approx(0.0025))
    ]  # fmt: skip
    assert exact.turns == 2 * 3 + 2  # each of those that are further away, once
    assert "by rounding: in float32 0.25%" in capsys.readouterr().out
    appended.clear()
    assert Played(in_float32=[4.0, 2.2, 1.6, 0.6], **rounding).held([4, 2], list(rounding), dry=False) == 1
    assert [line["side"] for line in appended] == ["tunesmith"], "without rounding it is another training all the same"


def test_a_peer_that_fails_in_a_later_round_keeps_its_earlier_ones(appended) -> None:
    contest = Played(good=LOSSES[1.0], failing=LOSSES[1.0])
    assert contest.held([4, 2, 2], ["good", "failing"], dry=False) == 1
    assert [(line["side"], line["rounds"]) for line in appended] == [("tunesmith", 3), ("good", 3), ("failing", 1)]


def test_too_few_steps_measure_nothing(appended) -> None:
    contest = Played(good=LOSSES[1.0])
    assert contest.held([3, 2], ["good"], dry=False) == 2
    assert (appended, contest.turns) == ([], 0)


def test_a_rate_that_does_not_move_the_loss_measures_nothing(appended, monkeypatch) -> None:
    monkeypatch.setitem(LOSSES, 0.5, LOSSES[1.0])
    contest = Played(good=LOSSES[1.0])
    assert contest.held([4, 2], ["good"], dry=False) == 2
    assert (appended, contest.turns) == ([], 0)


def test_a_dry_run_appends_nothing(appended) -> None:
    assert Played(good=LOSSES[1.0]).held([4, 2], ["good"], dry=True) == 0
    assert appended == []


def test_answers_are_compared_row_by_row() -> None:
    assert agreement(["one", "two", ""], [" one", "twin", ""]) == (2 / 3, pytest.approx((1 + 2 / 3 + 1) / 3))


def test_later_rounds_take_the_quickest_settings_of_each_peer() -> None:
    sides = {
        "ours": Side("tunesmith", "free", [], always=True),
        "8 slots": Side("llama.cpp", "free", [], always=True),
        "64 slots": Side("llama.cpp", "free", []),
        "grammar": Side("llama.cpp", "labels", []),
        "batch 16": Side("transformers", "free", []),
        "batch 64": Side("transformers", "free", []),
        "failed": Side("transformers", "free", []),
    }
    seconds = {"ours": 1.0, "8 slots": 9.0, "64 slots": 3.0, "grammar": 5.0, "batch 16": 10.0, "batch 64": 12.0}
    taken = {name: [{"seconds": seconds[name]}] if name in seconds else [] for name in sides}
    assert again(sides, taken) == ["ours", "8 slots", "64 slots", "grammar", "batch 16"]


def test_answers_are_held_to_ours_of_the_same_kind(monkeypatch) -> None:
    lines: list[dict] = []
    monkeypatch.setattr(answers, "append", lines.append)
    monkeypatch.setattr(answers, "expected", lambda work, rows: ["a", "b"])

    def told(seconds: float, *texts: str) -> list[dict]:
        return [{"seconds": seconds, "tokens": 4, "peak_bytes": 10**9, "texts": texts, "threads": 2, "versions": {"torch": "1"}}]

    sides = {"ours, free": Side("tunesmith", "free", []), "ours, labels": Side("tunesmith", "labels", [])}
    sides |= {"batch 16": Side("transformers", "free", []), "grammar": Side("llama.cpp", "labels", [])}
    taken = {"ours, free": told(2.0, "x", "b"), "ours, labels": told(1.0, "a", "a"), "batch 16": told(6.0, "x", "c"), "grammar": told(5.0, "a", "b")}
    answers.show("banking77", 2, sides, taken, (1e9, 1e9), dry=False)
    found = [(line["side"], line["slower_than_ours"], line["agreement"], line["right"]) for line in lines]
    assert found == [("ours, free", 1, 1, 0.5), ("ours, labels", 1, 1, 0.5), ("batch 16", 3, 0.5, 0), ("grammar", 5, 0.5, 1)]
    assert all(set(line) <= set(facts.FIELDS) for line in lines)
    answers.show("banking77", 2, sides, taken, (1e9, 1e9), dry=True)
    assert len(lines) == 4


def test_an_estimate_of_memory_may_be_a_fifth_off() -> None:
    assert [is_wrong(estimate, 1.0) for estimate in (0.79, 0.81, 1.19, 1.21)] == [True, False, False, True]


def test_products_are_timed() -> None:
    assert facts.matmul_peak(64, torch.float32) > 0
