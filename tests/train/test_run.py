"""Training as a whole: learns, stops, restores the best, goes on to the same bits, and says what is wrong."""

from __future__ import annotations

import contextlib
import hashlib
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests import tiny
from tests.train.conftest import Bench
from tests.train.conftest import recipe as make_recipe
from tunesmith.errors import Alarm, DoesNotFit, Interrupted, NotEnoughData, StoreUnusable
from tunesmith.model import lora
from tunesmith.model.attention import ForestLayout
from tunesmith.model.device import Placement
from tunesmith.spec.chat import Message
from tunesmith.spec.job import Progress, Reading, Silent
from tunesmith.train import loop, run, state
from tunesmith.train.methods import sft
from tunesmith.train.methods.sft import Supervised
from tunesmith.train.rows import tokenise

ROOT = Path(__file__).resolve().parents[2]
FULL = {"weights": {"kind": "full"}, "optimiser__lr": 0.003}
BF16 = Placement(torch.device("cpu"), torch.bfloat16, 2, ())


class Killed(BaseException):
    """What a test raises where a process would die."""


class Dying:
    """A monitor that dies at event number `at`."""

    def __init__(self, at: int) -> None:
        self.left = at

    def emit(self, event: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    def stopping(self) -> bool:
        return False


def test_it_learns_and_tells(bench, recipe, log):
    heard = log()
    checkpoint = bench.train(recipe(budget__epochs=12), monitor=heard)
    losses = heard.readings("train_loss")
    assert len(losses) == checkpoint.steps == checkpoint.planned_steps == 48
    assert sum(losses[-4:]) < 0.5 * sum(losses[:4])
    assert checkpoint.best_dev_metric is not None
    assert checkpoint.best_dev_metric >= 0.5, "guessing would be right once in six rows"
    assert checkpoint.kind == "lora"
    assert set(checkpoint.files) == {"adapter_model.safetensors", "adapter_config.json"}
    for name, digest in checkpoint.files.items():
        assert hashlib.sha256((bench.folder / "run" / name).read_bytes()).hexdigest() == digest
    assert checkpoint.trained_rows == 48 * 6
    assert checkpoint.computed_tokens < 0.65 * checkpoint.logical_tokens, "the system prompt is shared"
    assert checkpoint.resolved.optimiser.weight_decay == 0
    assert sorted(path.name for path in (bench.folder / "run").iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]


def test_the_checkpoint_answers_as_the_trainer_measured(bench, recipe):
    checkpoint = bench.train(recipe(budget__epochs=6))
    model = tiny.load(bench.model, adapter=bench.folder / "run")
    inputs = bench.inputs(recipe())
    dev = run.tokenise(inputs.dev, inputs.prompt, model.template, Supervised(), 512, Dying(-1), "dev").rows
    loss, metric, _ = loop.evaluate(model, Supervised(), dev, 64)
    assert loss == pytest.approx(checkpoint.best_dev_loss, rel=1e-5)
    assert metric == checkpoint.best_dev_metric


@pytest.mark.invariant
@pytest.mark.parametrize("changes", [{}, FULL], ids=["lora", "full"])
@pytest.mark.parametrize("placement", [tiny.CPU, BF16], ids=["fp32", "bf16"])
def test_killed_and_resumed_is_uninterrupted(bench, recipe, changes, placement):
    asked = recipe(budget__checkpoint_seconds=0, budget__evaluations_per_epoch=2, **changes)
    whole = bench.train(asked, "whole", placement=placement)
    for at in (9, 12, 13, 21):  # events: notes, tokenising, then readings and progress of steps and evaluations
        with pytest.raises(Killed):
            bench.train(asked, "killed", placement=placement, monitor=Dying(at))
    assert bench.train(asked, "killed", placement=placement) == whole
    assert bench.weights("killed") == bench.weights("whole")


@pytest.fixture(scope="module")
def undisturbed(tiny_folder, tmp_path_factory):
    """The weights of one pass, never killed."""
    whole = Bench(tiny_folder, tmp_path_factory.mktemp("whole"))
    whole.train(make_recipe(budget__epochs=1, budget__checkpoint_seconds=0))
    return whole.weights()


@pytest.mark.invariant
@pytest.mark.parametrize("call", [1, 2, 3, 5, 6])
@pytest.mark.parametrize("victim", ["write", "_write_text", "sync_folder"])
def test_killed_while_the_state_is_written_is_uninterrupted(bench, recipe, monkeypatch, undisturbed, victim, call):
    asked = recipe(budget__epochs=1, budget__checkpoint_seconds=0)
    left = [call]
    honest = getattr(state, victim)

    def dying(*arguments):
        left[0] -= 1
        if left[0] == 0:
            if victim != "sync_folder":  # half of a file is there
                target = next(a for a in arguments if isinstance(a, Path))
                target.with_name(target.name + ".making").write_bytes(b"half")
            raise Killed
        return honest(*arguments)

    monkeypatch.setattr(state, victim, dying)
    monkeypatch.setattr(loop, "SAVING_SHARE", float("inf"))  # after every step
    with contextlib.suppress(Killed):  # the last calls come in the second run
        bench.train(asked, "killed")
    bench.train(asked, "killed")
    assert bench.weights("killed") == undisturbed


CHILD = """
import os, random, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import pytest
from tests import tiny
from tests.train.conftest import Bench, recipe
bench = Bench(Path(sys.argv[2]), Path(sys.argv[3]))
asked = recipe(budget__checkpoint_seconds=0, budget__epochs=10, budget__evaluations_per_epoch=2)
rng, deaths = random.Random(4), 0
while True:
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.2, 0.8) if deaths < 6 else 0)
        bench.train(asked, "killed", placement=tiny.CPU)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    rng.random()
    if os.WIFEXITED(status):
        break
    assert os.WTERMSIG(status) == signal.SIGKILL
    deaths += 1
print(deaths)
"""


@pytest.mark.invariant
@pytest.mark.long
def test_a_process_killed_again_and_again_ends_with_the_same_bits(bench, recipe):
    asked = recipe(budget__checkpoint_seconds=0, budget__epochs=10, budget__evaluations_per_epoch=2)
    child = subprocess.run([sys.executable, "-c", CHILD, str(ROOT), str(bench.model), str(bench.folder)], capture_output=True, text=True, timeout=900)
    assert child.returncode == 0, child.stderr[-2000:]
    assert int(child.stdout) >= 1
    whole = bench.train(asked, "whole", placement=tiny.CPU)
    assert bench.weights("killed") == bench.weights("whole")
    assert whole.steps == 40


def test_the_time_that_a_training_took_is_kept_over_its_processes(bench, recipe, log):
    taken, began = [0.0], time.monotonic()
    for steps in (2, 4, 5):  # done when a process is stopped
        with pytest.raises(Interrupted):
            bench.train(recipe(), monitor=log(stop_when=lambda n, last=steps: n == last))
        taken.append(state.seconds_before(bench.folder / "run.scratch"))
    assert taken == sorted(set(taken))
    assert taken[-1] <= time.monotonic() - began
    assert state.seconds_before(bench.folder) == 0


def test_a_stop_saves_and_names_the_step(bench, recipe, log):
    with pytest.raises(Interrupted, match="stopped after step 5 of 12; everything is saved"):
        bench.train(recipe(), monitor=log(stop_when=lambda n: n == 5))
    heard = log()
    resumed = bench.train(recipe(), monitor=heard)
    assert "going on after step 5 of 12" in heard.notes()
    assert len(heard.readings("train_loss")) == 5 + 7, "what was said before is said again, in case it was lost"
    assert resumed == bench.train(recipe(), "whole")


def test_a_stop_at_the_last_step_comes_too_late(bench, recipe, log):
    assert bench.train(recipe(), monitor=log(stop_when=lambda n: n == 12)).steps == 12


def test_a_stop_is_heard_before_training_begins(bench, recipe, log):
    with pytest.raises(Interrupted, match="while the train rows were tokenised"):
        bench.train(recipe(), monitor=log(stop_when=lambda n: True))


def test_the_plan_is_frozen_with_the_first_step(bench, recipe, log):
    asked = recipe(budget__tokens_per_batch=None)
    with pytest.raises(Interrupted):
        bench.train(asked, monitor=log(stop_when=lambda n: n == 3))
    frozen = json.loads((bench.folder / "run.scratch" / "plan.json").read_text())
    frozen["plan"]["tokens_per_batch"] = 97  # as if the machine had had little memory then
    (bench.folder / "run.scratch" / "plan.json").write_text(json.dumps(frozen))
    heard = log()
    bench.train(asked, monitor=heard, placement=Placement(torch.device("cpu"), torch.bfloat16, 1, ()))
    assert json.loads((bench.folder / "run.scratch" / "plan.json").read_text())["plan"]["tokens_per_batch"] == 97
    assert not heard.notes("warning"), "dtype and threads are taken from the plan"


def test_a_resume_that_cannot_keep_its_conditions_says_so(bench, recipe, log):
    with pytest.raises(Interrupted):
        bench.train(recipe(), monitor=log(stop_when=lambda n: n == 3))
    path = bench.folder / "run.scratch" / "plan.json"
    path.write_text(path.read_text().replace(torch.__version__, "1.0"))
    heard = log()
    bench.train(recipe(), monitor=heard)
    assert heard.notes("warning") == [
        f"this run goes on under other conditions and will not give the same bits: torch was 1.0, is {torch.__version__}"
    ]


def test_early_stopping_keeps_the_best_not_the_last(bench, recipe, log):
    heard = log()
    asked = recipe(
        budget__epochs=60, budget__patience=3, budget__evaluations_per_epoch=1, optimiser__lr=0.05, schedule={"kind": "constant", "warmup": 0}
    )
    checkpoint = bench.train(asked, monitor=heard)
    evaluated = [p for p in checkpoint.curve if p.dev_loss is not None]
    assert checkpoint.stopped == "early"
    assert checkpoint.stop_reason == "no better evaluation in 3"
    assert checkpoint.steps < checkpoint.planned_steps
    best = max(evaluated, key=lambda p: (p.dev_metric, -p.dev_loss))
    assert checkpoint.best_step == best.step == evaluated[-4].step
    assert (checkpoint.best_dev_loss, checkpoint.best_dev_metric) == (best.dev_loss, best.dev_metric)
    stopped = bench.train(
        asked.model_copy(update={"budget": asked.budget.model_copy(update={"patience": None, "max_steps": best.step})}), "to the best"
    )
    assert stopped.steps == best.step
    assert bench.weights() == bench.weights("to the best"), "the weights are those of the best step"


def test_without_dev_rows_the_last_weights_are_kept(bench, recipe):
    checkpoint = bench.train(recipe(), dev_rows=0)
    assert (checkpoint.best_step, checkpoint.best_dev_loss, checkpoint.best_dev_metric) == (12, None, None)


def test_full_fine_tuning_writes_weights_that_load(bench, recipe, log):
    heard = log()
    checkpoint = bench.train(recipe(**FULL), monitor=heard)
    assert checkpoint.files.keys() == {"model.safetensors"}
    assert any("tends to forget" in note for note in heard.notes("warning"))
    model = tiny.load(bench.model, weights=bench.folder / "run" / "model.safetensors")
    before, after = load_file(bench.model / "model.safetensors"), load_file(bench.folder / "run" / "model.safetensors")
    assert before.keys() == after.keys(), "a tied output layer is stored once"
    assert all(not torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(model.network.get_output_embeddings().weight, after["model.embed_tokens.weight"])


def test_continuing_starts_where_the_parent_ended(bench, recipe):
    for name, changes in [("lora", {}), ("full", FULL)]:
        first = bench.train(recipe(budget__epochs=6, **changes), name)
        place = bench.folder / name
        start = {"adapter": place} if name == "lora" else {"weights": place / "model.safetensors"}
        second = bench.train(
            recipe(optimiser__lr=1e-7, budget__max_steps=1, **{k: v for k, v in changes.items() if k == "weights"}),
            f"{name} on",
            parent="checkpoint-1",
            **start,
        )
        assert second.parent == "checkpoint-1"
        assert second.best_dev_loss == pytest.approx(first.best_dev_loss, rel=1e-3)


def test_the_same_run_gives_the_same_bits_and_another_seed_does_not(bench, recipe):
    assert bench.train(recipe(), "a") == bench.train(recipe(), "b")
    assert bench.weights("a") == bench.weights("b")
    bench.train(recipe(seed=4), "c")
    assert bench.weights("a") != bench.weights("c")


@pytest.mark.invariant
def test_recomputing_activations_changes_nothing(bench, recipe, monkeypatch):
    found, passes, real = [], Counter(), ForestLayout.attend
    monkeypatch.setattr(ForestLayout, "attend", lambda *given: passes.update([again]) or real(*given))
    for again in (False, True):
        asked = recipe(budget__recompute=again, budget__epochs=1)
        checkpoint = bench.train(asked, str(again), inputs=replace(bench.inputs(asked), dev=[]))
        assert checkpoint.resolved.budget.recompute is again
        found.append(([p.train_loss for p in checkpoint.curve], bench.weights(str(again))))
    assert found[0] == found[1], "dropout draws the same masks again"
    loading = 4  # two forests in two layers
    assert passes[True] - loading == 2 * (passes[False] - loading) > 0, "every layer is computed again in each backward pass"


@pytest.mark.invariant
@pytest.mark.parametrize("budget", [16, 4096], ids=["a row at a time", "all at once"])
def test_a_step_s_loss_is_the_mean_over_trained_tokens(bench, recipe, budget):
    """Rows with few and with many trained tokens, against transformers' logits: neither rows nor micro-batches count, tokens do."""
    given = [tiny.record(i, "apple", answer) for i, answer in enumerate(["a", "b" * 30, "cd", "e" * 12])]
    asked = recipe(
        weights={"kind": "lora", "r": 4, "alpha": 8, "dropout": 0}, budget__rows_per_step=4, budget__max_steps=1, budget__tokens_per_batch=budget
    )
    checkpoint = bench.train(asked, inputs=replace(bench.inputs(asked), train=given, dev=[]))
    model = tiny.load(bench.model)
    lora.inject(model.network, asked.weights, 0.0, asked.seed)
    rows = tokenise(given, bench.inputs(asked).prompt, model.template, Supervised(), 512, Silent(), "train").rows
    total, tokens = torch.zeros(()), 0
    for row in rows:
        logits = model.network(input_ids=torch.tensor([row.ids]), use_cache=False).logits[0].log_softmax(-1)
        places = [i for i in range(1, len(row.ids)) if row.trained[i]]
        total, tokens = total - sum(logits[i - 1, row.ids[i]] for i in places), tokens + len(places)
    assert len({sum(row.trained) for row in rows}) == 4
    (total / tokens).backward()
    norm = torch.stack([p.grad.norm() for p in model.network.parameters() if p.requires_grad]).norm()
    assert checkpoint.curve[0].train_loss == pytest.approx(float(total.detach()) / tokens, rel=1e-5)
    assert checkpoint.curve[0].grad_norm == pytest.approx(float(norm), rel=1e-4)


def test_micro_batches_change_nothing_but_rounding(bench, recipe):
    no_dropout = {"kind": "lora", "r": 4, "alpha": 8, "dropout": 0}
    runs = [bench.train(recipe(weights=no_dropout, budget__tokens_per_batch=size), str(size)) for size in (16, 128, 4096)]
    for other in runs[1:]:
        for one, two in zip(runs[0].curve, other.curve, strict=True):
            assert two.train_loss == pytest.approx(one.train_loss, rel=1e-4)
            assert two.grad_norm == pytest.approx(one.grad_norm, rel=1e-3)
    assert runs[0].computed_tokens > runs[2].computed_tokens


@pytest.mark.invariant
@pytest.mark.parametrize("changes", [{"optimiser__lr": 0.003}, {"weights": {"kind": "full"}, "optimiser__lr": 0.001}], ids=["lora", "full"])
def test_bf16_stays_near_float32_over_100_steps(bench, recipe, changes):
    asked = recipe(budget__epochs=25, budget__tokens_per_batch=1024, **changes)
    exact = bench.train(asked, "exact", placement=tiny.CPU, dev_rows=0)
    rounded = bench.train(asked, "rounded", placement=BF16, dev_rows=0)
    assert exact.steps == 100
    drift = [abs(a.train_loss - b.train_loss) for a, b in zip(exact.curve, rounded.curve, strict=True)]
    mean_loss = sum(p.train_loss for p in exact.curve) / 100
    assert sum(drift) / 100 < 0.02 * mean_loss
    assert max(drift) < 0.1 * mean_loss


# ——— alarms, each provoked ———


def test_not_a_number(bench, recipe):
    with pytest.raises(Alarm, match=r"not a number: the (loss|gradient) is (nan|inf)") as error:
        bench.train(recipe(weights={"kind": "full"}, optimiser__lr=1e30, optimiser__clip=1e30, schedule={"kind": "constant", "warmup": 0}))
    problem = error.value.problems[0]
    assert problem.where == "step 2"
    assert problem.fix == "train.optimiser.lr = 1e+29"


def test_divergence(bench, recipe):
    with pytest.raises(Alarm, match=r"diverged: the training loss rose from \d+\.\d\d to \d+\.\d\d") as error:
        bench.train(recipe(weights={"kind": "full"}, budget__epochs=20, optimiser__lr=2.0, optimiser__clip=1e9, schedule={"warmup": 0.4}))
    assert error.value.problems[0].fix == "train.optimiser.lr = 0.7, or a smaller train.optimiser.clip"


def test_overfitting(bench, recipe, log):
    heard = log()
    inputs = bench.inputs(recipe(weights={"kind": "full"}, budget__epochs=30, budget__evaluations_per_epoch=1, optimiser__lr=0.003))
    noise = [tiny.record(i, f"q{i}", "abcdefgh"[(i * 5) % 8]) for i in range(24)]
    other = [tiny.record(i, f"q{i}", "abcdefgh"[(i * 3 + 1) % 8]) for i in range(24, 40)]
    checkpoint = bench.train(inputs.recipe, inputs=run.Inputs(noise, other, "d", inputs.prompt, inputs.recipe, inputs.start), monitor=heard)
    warnings = [note for note in heard.notes("warning") if note.startswith("overfitting")]
    assert len(warnings) == 1, "said once"
    assert warnings[0] in checkpoint.alarms
    assert "The best checkpoint is kept. Fix: fewer train.budget.epochs" in warnings[0]
    assert checkpoint.best_step < checkpoint.steps


def test_nothing_learnt(bench, recipe, log):
    heard = log()
    checkpoint = bench.train(recipe(optimiser__lr=1e-9), monitor=heard)
    (warning,) = [note for note in heard.notes("warning") if note.startswith("nothing learnt")]
    assert "in 12 steps. Fix: a higher train.optimiser.lr (it was 1e-09)" in warning
    assert checkpoint.alarms == (warning,)


def test_a_full_disk_names_itself_and_the_run_goes_on_later(bench, recipe):
    asked = recipe(budget__checkpoint_seconds=0)
    most, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))  # plan.json fits, a state does not
    try:
        with pytest.raises(StoreUnusable, match="the disk is full") as error:
            bench.train(asked)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    assert "free some space and run the command again" in error.value.problems[0].fix
    assert bench.train(asked) == bench.train(asked, "whole")
    assert bench.weights() == bench.weights("whole")


def test_too_little_disk_is_found_before_training(bench, recipe, monkeypatch):
    monkeypatch.setattr(run.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    with pytest.raises(StoreUnusable, match="too little room for this run's checkpoints"):
        bench.train(recipe())


@pytest.mark.parametrize("text", ["DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes", "CUDA out of memory. Tried"])
def test_out_of_memory_keeps_the_result_the_same(bench, recipe, monkeypatch, text):
    def failing(*_, **__):
        raise RuntimeError(text)

    monkeypatch.setattr(sft, "score", failing)
    with pytest.raises(Alarm, match="out of memory") as error:
        bench.train(recipe())
    problem = error.value.problems[0]
    assert problem.got == "128 tokens per micro-batch"
    assert problem.fix == "train.budget.tokens_per_batch = 64; the result stays the same"


def test_out_of_memory_while_the_model_is_loaded_has_its_name_too(bench, recipe, monkeypatch):
    def failing(*_, **__):
        raise MemoryError

    monkeypatch.setattr("tunesmith.train.run.load", failing)
    with pytest.raises(Alarm, match="out of memory: MemoryError") as error:
        bench.train(recipe())
    assert error.value.problems[0].got == "before the first step"


def test_another_runtime_error_stays_itself(bench, recipe, monkeypatch):
    def failing(*_, **__):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(sft, "score", failing)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        bench.train(recipe())


OUT_OF_MEMORY = """
import resource, sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
from tests import tiny
from tests.train.conftest import Bench, recipe
from tunesmith.errors import Alarm
torch.set_num_threads(1)
from tunesmith.train import run, loop
bench = Bench(Path(sys.argv[2]), Path(sys.argv[3]))
inputs = bench.inputs(recipe(budget__tokens_per_batch=100_000, budget__rows_per_step=4096, budget__max_steps=1, budget__max_length=500))
inputs = replace(inputs, train=[tiny.record(i, f"{i} " + "xyzzy " * 60, "a") for i in range(200)])  # more than what lies free on the heap
honest = run._run
def tight(started):
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2 * 2**20, -1))
    return honest(started)
run._run = tight
try:
    bench.train(inputs.recipe, inputs=inputs)
except Alarm as error:
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and RLIMIT_AS")
def test_a_real_failed_allocation_is_known_as_one(bench):
    child = subprocess.run(
        [sys.executable, "-c", OUT_OF_MEMORY, str(ROOT), str(bench.model), str(bench.folder)], capture_output=True, text=True, timeout=900
    )
    assert "out of memory" in child.stdout, child.stderr[-2000:]
    assert "train.budget.tokens_per_batch = 50000" in child.stdout


def test_a_model_that_does_not_fit_is_refused_before_it_is_loaded(bench, recipe, monkeypatch):
    monkeypatch.setattr(run.state, "read_plan", lambda folder: None)
    inputs = bench.inputs(recipe())
    with pytest.raises(DoesNotFit, match="the model needs about"):
        run.train(inputs, bench.folder, bench.folder, tiny.CPU, Dying(-1), memory_limit=1000)


# ——— rows ———


def test_cut_and_empty_rows_are_counted_and_told(bench, recipe, log):
    heard = log()
    asked = recipe(budget__max_length=80)
    inputs = bench.inputs(asked)
    long = tiny.record(90, "z" * 200, "a")
    mute = long.model_copy(update={"conversation": tiny.chat("q", "a", weights=(0,))})
    silent = long.model_copy(update={"conversation": None, "text": "a document"})
    checkpoint = bench.train(
        asked, monitor=heard, inputs=run.Inputs([*inputs.train, long, mute, silent], inputs.dev, "d", inputs.prompt, asked, inputs.start)
    )
    assert checkpoint.truncated_rows == 1
    assert "1 of 25 training rows are longer than 80 tokens and were cut at the front of the question; raise train.budget.max_length" in heard.notes(
        "warning"
    )
    assert "2 training rows hold nothing to learn and were left out" in heard.notes("warning")


def test_rows_of_which_nothing_is_left_are_an_error(bench, recipe):
    asked = recipe(budget__max_length=8)
    with pytest.raises(NotEnoughData, match="no train row holds anything to learn") as error:
        bench.train(asked)
    assert error.value.problems[0].got == "24 rows, 24 without a trainable token"


def test_dev_rows_are_a_fixed_sample(bench, recipe):
    inputs = bench.inputs(recipe(budget__dev_rows=3))
    chosen = run._sample(inputs.dev, inputs.recipe)
    assert len(chosen) == 3
    assert chosen == run._sample(inputs.dev, inputs.recipe)
    assert [row.id for row in chosen] == sorted(row.id for row in chosen)


def test_rows_with_several_turns_train_all_of_them(bench, recipe):
    asked = recipe()
    inputs = bench.inputs(asked)
    long = inputs.train[0].model_copy(update={"conversation": tiny.chat("apple", "a", "bread", "b")})
    assert long.conversation.messages[1] == Message(role="assistant", content="a")
    one = bench.train(asked, "one", inputs=run.Inputs([long] * 6, inputs.dev, "d", inputs.prompt, asked, inputs.start))
    assert one.trained_tokens == one.trained_rows * 4  # two letters, two ends of turns


def test_a_recurrent_model_is_trained_alone_and_says_so(bench, recipe, log, tmp_path):
    bench.model = tiny.save(tmp_path / "hybrid", "lfm2")
    heard = log()
    checkpoint = bench.train(recipe(budget__epochs=8), monitor=heard)
    assert any("hybrid takes every row alone, padded: its layers carry a state" in note for note in heard.notes())
    assert (
        checkpoint.computed_tokens >= checkpoint.logical_tokens - 2 * checkpoint.trained_rows
    )  # the end of a turn and what stands behind it are not read
    assert checkpoint.curve[-1].train_loss < 0.7 * checkpoint.curve[0].train_loss


def test_events_come_in_order(bench, recipe, log):
    heard = log()
    bench.train(recipe(), monitor=heard)
    steps = [e.step for e in heard.events if isinstance(e, Reading) and "train_loss" in e.values]
    done = [e.done for e in heard.events if isinstance(e, Progress) and e.label == "training"]
    assert [0, *steps] == done == list(range(13))
