"""The whole suite on tiny random models: what is asked, in which order, and what a changed model is told."""

from __future__ import annotations

import pytest
import torch

from tests import tiny
from tests.ears import Ears
from tunesmith.answer import options
from tunesmith.answer.engine import Engine
from tunesmith.answer.options import option_losses
from tunesmith.errors import Interrupted
from tunesmith.evaluate.suites.forgetting import Pair, Suite, answered, chosen, question, said, worked
from tunesmith.model.likelihood import score
from tunesmith.probes.load import probes
from tunesmith.spec.forgetting import ProbeLimits
from tunesmith.spec.job import Progress

LIMITS = ProbeLimits(questions=24, instructions=6, passages=4, answer_tokens=8, task_prompts=3, general_prompts=3, continuation_tokens=4)
TASK = [tiny.chat(f"where is my card {number}?", system="Route it.") for number in range(5)]


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """A base, and a model that was changed a little."""
    root = tmp_path_factory.mktemp("models")
    base = tiny.load(tiny.save(root / "base", max_position_embeddings=2048))
    tuned = tiny.load(tiny.save(root / "tuned", max_position_embeddings=2048))
    with torch.no_grad():
        for weight in tuned.network.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.05)
    return Engine(base), Engine(tuned)


def run(engines, limits=LIMITS, **more):
    return Suite(probes(), Ears(), limits).run(Pair(lambda: engines[0], lambda: engines[1], TASK, **more))


def test_a_model_beside_itself_has_lost_nothing(engines) -> None:
    outcome = run((engines[0], engines[0]))
    assert outcome.before == outcome.after
    assert [one.difference.value for one in outcome.forgetting.changes] == [0.0, 0.0]
    assert [one.nats.value for one in outcome.forgetting.divergence] == pytest.approx([0.0, 0.0], abs=1e-9)
    assert outcome.forgetting.fluency is not None
    assert outcome.forgetting.fluency.ratio.value == 1.0
    assert outcome.forgetting.standing in ("kept", "cannot tell")


def test_a_changed_model_has_moved(engines) -> None:
    found = run(engines).forgetting
    assert [one.on for one in found.divergence] == ["task", "general"]
    assert all(one.nats.value > 0.001 for one in found.divergence)
    assert all(one.tokens > 0 for one in found.divergence)
    assert found.fluency is not None
    assert found.fluency.ratio.value != 1.0
    assert sum(n for n, _, _ in found.areas.values()) == 24
    assert len(found.areas) == 12  # two of each
    assert [one.before.n for one in found.changes] == [24, 6]


def test_the_same_models_give_the_same_result(engines) -> None:
    assert run(engines) == run(engines)


def test_what_is_known_of_the_base_is_not_asked_again(engines) -> None:
    first = run(engines)
    ears = Ears()
    again = Suite(probes(), ears, LIMITS).run(Pair(lambda: engines[0], lambda: engines[1], TASK, before=first.before))
    assert again == first
    labels = {event.label for event in ears.heard if isinstance(event, Progress)}
    assert not {label for label in labels if label.startswith("base: everyday")}
    assert {label for label in labels if label.startswith("base: continuing")}


def test_without_a_task_only_general_prompts_are_continued(engines) -> None:
    found = Suite(probes(), Ears(), LIMITS).run(Pair(lambda: engines[0], lambda: engines[1])).forgetting
    assert [one.on for one in found.divergence] == ["general"]


@pytest.mark.parametrize("after", range(0, 24, 3))
def test_a_stop_ends_it_wherever_it_is(engines, after) -> None:
    class Later(Ears):
        def stopping(self) -> bool:
            return len(self.heard) > after

    with pytest.raises(Interrupted):
        Suite(probes(), Later(), LIMITS).run(Pair(lambda: engines[0], lambda: engines[1], TASK))


def test_excluded_probes_are_not_asked(engines) -> None:
    all_of_them = Suite(probes(), Ears(), ProbeLimits())
    out = (all_of_them.chosen_questions()[0].id, all_of_them.chosen_instructions()[0].id, probes().prose[0].id)
    rest = Suite(probes(), Ears(), ProbeLimits(excluded=out))
    assert len(rest.chosen_questions()) == len(probes().choices) - 1
    assert len(rest.chosen_instructions()) == len(probes().instructions) - 1
    read = Suite(probes(), Ears(), ProbeLimits(excluded=out, questions=1, instructions=1, answer_tokens=8)).take(engines[0], "m").prose
    assert len(read) == len(probes().prose) - 1


def test_a_smaller_number_is_a_part_of_a_larger_one() -> None:
    some, more = (Suite(probes(), Ears(), ProbeLimits(questions=n)).chosen_questions() for n in (24, 100))
    assert more[:24] == some
    assert chosen(probes().prose, 5) == chosen(probes().prose, 9)[:5]


def test_the_chosen_answer_is_the_most_probable_per_character(engines) -> None:
    engine, asked = engines[0], probes().choices[:3]
    shown = worked(probes())
    for probe, found in zip(asked, answered(engine, asked, shown), strict=True):
        rows = [shown.apply(said(probe.asked, option)) for option in probe.options]
        scores = [-option_losses(engine.model, [row])[0] / len(option) for row, option in zip(rows, probe.options, strict=True)]
        assert found.chosen == scores.index(max(scores))
        assert found.is_right == (found.chosen == probe.right) == (found.margin > 0)
        assert found.margin == pytest.approx(scores[probe.right] - max(s for i, s in enumerate(scores) if i != probe.right), abs=1e-4)


def test_a_questions_answers_are_computed_together(engines, monkeypatch) -> None:
    """Some questions with four answers each are one forest: the tokens computed are hardly more than each question once."""
    asked = Suite(probes(), Ears(), LIMITS).chosen_questions()[:12]
    model = engines[0].model
    computed: list[int] = []
    monkeypatch.setattr(options, "score", lambda *given: computed.append((found := score(*given)).computed) or found)
    list(answered(engines[0], asked, worked(probes())))
    shown = len(model.template.prompt(worked(probes()).apply(question(""))))
    prompts = shown + sum(len(model.template.prompt(question(probe.asked))) for probe in asked)
    answers = sum(len(model.template.answer(option)) for probe in asked for option in probe.options)
    assert sum(computed) <= 1.2 * (prompts + answers)
