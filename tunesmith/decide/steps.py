"""Facts and the user's wishes → every step that could be done, with what it asks of the machine, and the steps that would say nothing on these data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunesmith.decide import ladder, prompt_search
from tunesmith.decide.waits import ASKED_ALONE
from tunesmith.spec.candidate import Classifier, Constant, Remote, Retrieval
from tunesmith.spec.plan import Base, Decide, Facts, LeftOut, PlannedStep, PlannedTrial, StepKind, Stored, Work

READERS: frozenset[StepKind] = frozenset({"rag", "fine-tune-rag"})
"""Steps whose finalists are shown passages."""
PASSAGE_TOKENS = 150.0
"""Of one passage, on average."""
FRAME_TOKENS = 12.0
"""Of a row, which the chat template puts around question and answer."""
EXAMINED = {"choose": 900, "write": 250}
"""Questions that the first finalist is asked beside the test rows: the suites of evidence."""
EXAMINED_AGAIN = 30
"""Of them those that are asked again, as often as the facts say, where answers are drawn at a temperature."""
PROBES = (500, 28.0)
"""(Rows, tokens) that take one model as long to choose among as all probes of general ability: two ordinary cores, 40 s for 135M parameters."""
PROBE_SHARES = (1.0, 0.5, 0.25)
"""Of the probes that the project asks for: where the time does not reach for all, fewer are asked."""
FEWEST_PILOT_ROWS = 16
"""A pilot on fewer rows says nothing."""

TRAINED: frozenset[StepKind] = frozenset({"pilot", "base", "ladder", "final", "fine-tune-rag"})
"""Steps after which there is a tuned model."""
RESTS_ON: Mapping[StepKind, frozenset[StepKind]] = {
    "few-shot": frozenset({"prompt", "prompt-search"}),
    "few-shot-retrieved": frozenset({"prompt", "prompt-search"}),
    "base": frozenset({"prompt", "prompt-search", "pilot"}),
    "ladder": frozenset({"pilot", "base"}),
    "final": frozenset({"base", "ladder"}),
    "fine-tune-rag": frozenset({"base", "ladder"}),
}
"""Steps whose candidates are others where steps of these kinds were done, or not: the best prompt, the base and the settings that were chosen."""
RUN_PARTS = 3
"""Of a run of the search over training settings: it is trained, measured, and has processes of its own."""

Wish = tuple[PlannedStep, ...]
"""One step in every version that it comes in, the largest first."""


def wanted(facts: Facts, decide: Decide, passes: float | None = None) -> tuple[list[Wish], tuple[LeftOut, ...]]:
    """Every step that could be done, and those that would say nothing on these data or could not be used.

    `passes`: epochs of the settings that full trainings will have; None: those of the recipe, as long as no search has chosen others.
    """
    own, largest = facts.bases[0], largest_base(facts)
    wishes: list[Wish] = [*without_training(facts, decide, own)]
    most = facts.recipe.budget.passes if passes is None else passes
    tuned, senseless = on_the_rows(facts, decide, most) if facts.fine_tune else ([], [])
    wishes += tuned
    if facts.rag_tuned is not None:
        wishes += [tuple(reading_final(facts, largest, seed, epochs, most) for epochs in shortened(most)) for seed in range(decide.seeds)]
    return wishes, tuple(senseless)


def largest_base(facts: Facts) -> Base:
    """The base with the most weights: prices rest on it where it is open which one will work."""
    return max(facts.bases, key=lambda base: base.parameters)


def leaves_a_choice(facts: Facts) -> bool:
    """True if anything is left to try beside the majority answer, which is never recommended."""
    answering = facts.written or facts.shots or facts.retrieved or facts.rag
    return bool(answering or facts.classifier or facts.fine_tune or facts.rag_tuned or facts.remote)


def on_the_rows(facts: Facts, decide: Decide, passes: float) -> tuple[list[Wish], list[LeftOut]]:
    """The steps of fine-tuning on the training rows, and those of them that would say nothing."""
    own, largest = facts.bases[0], largest_base(facts)
    wishes: list[Wish] = []
    senseless: list[LeftOut] = []
    for share in decide.pilots:
        if share * facts.train_rows < FEWEST_PILOT_ROWS:
            reason = f"{share:.0%} of {facts.train_rows} rows are {round(share * facts.train_rows)}: too few to say anything"
            senseless.append(LeftOut(name=pilot_name(share), seconds=0.0, reason=reason))
        else:
            wishes.append((pilot(facts, own, share),))
    for base in facts.bases[1:]:
        if decide.pilots:
            wishes.append((rival_base(facts, base, middle(decide.pilots)),))
        else:
            senseless.append(LeftOut(name=f"base-{base.id}", seconds=0.0, reason="without pilots there is nothing to compare bases by"))
    if decide.search > 1 and decide.search_over:
        wishes.append(tuple(search(facts, decide, largest, trials) for trials in halved(decide.search, 3)))
    wishes += [tuple(final(facts, largest, seed, epochs, passes) for epochs in shortened(passes)) for seed in range(decide.seeds)]
    return wishes, senseless


def without_training(facts: Facts, decide: Decide, own: Base) -> list[Wish]:
    """The controls and everything that is asked of an untuned model."""
    found: list[PlannedStep] = []
    controls = (facts.majority is not None) + (facts.classifier is not None)
    if controls:
        rows = facts.train_rows + facts.dev_rows if facts.classifier is not None else 0
        change = "whether anything beats the cheapest controls"
        found.append(PlannedStep(name="controls", kind="control", base=own.id, can_change=change, parts=(encoded(facts, rows),), trials=controls))
    if facts.shots:
        change = "whether worked examples are enough"
        found.append(PlannedStep(name="few-shot", kind="few-shot", base=own.id, can_change=change, parts=(asked(facts, own, facts.dev_rows),)))
    if facts.retrieved is not None:
        work, change = asked(facts, own, facts.dev_rows, shown_tokens(facts, facts.retrieved)), "whether examples that are looked up are enough"
        found.append(PlannedStep(name="few-shot-retrieved", kind="few-shot-retrieved", base=own.id, can_change=change, parts=(work,)))
    if facts.rag:
        reading = tuple(asked(facts, own, facts.dev_rows, reader.count * PASSAGE_TOKENS) for reader in facts.rag)
        change = "whether the documents hold the answers"
        found.append(PlannedStep(name="rag", kind="rag", base=own.id, can_change=change, parts=reading, trials=len(facts.rag)))
    if facts.remote is not None:
        work, change = elsewhere(facts.dev_rows), "how far all of them are from the yardstick"
        found.append(PlannedStep(name="remote", kind="remote", base=own.id, can_change=change, parts=(work,)))
    wishes: list[Wish] = [(step,) for step in found]
    if facts.written:
        wishes.append(tuple(written_asked(facts, own, count) for count in halved(len(facts.written), 1)))
    if facts.space is not None and decide.prompt_search:
        most = min(decide.prompt_search, prompt_search.combinations(facts.space))
        wishes.append(tuple(prompts_searched(facts, own, trials) for trials in halved(most, 4)))
    return wishes


def written_asked(facts: Facts, own: Base, count: int) -> PlannedStep:
    """So many of the written prompts, the user's own first."""
    parts = (asked(facts, own, facts.dev_rows),) * count
    return PlannedStep(name="prompts", kind="prompt", base=own.id, can_change="whether prompting is enough", parts=parts, trials=count)


def prompts_searched(facts: Facts, own: Base, trials: int) -> PlannedStep:
    """The search over prompts with so many of them on its first rung."""
    rungs = prompt_search.rungs(facts.dev_rows)
    counts = prompt_search.sizes(trials, len(rungs))
    parts = tuple(one_of_many(facts, own, rows) for rows, count in zip(rungs, counts, strict=True) for _ in range(count))
    shares = tuple(rows / facts.dev_rows for rows in rungs)
    change = "whether a better prompt is enough"
    return PlannedStep(name="prompt-search", kind="prompt-search", base=own.id, can_change=change, parts=parts, trials=trials, rungs=shares)


def pilot(facts: Facts, own: Base, share: float) -> PlannedStep:
    """A training of the recipe as written on a part of the rows."""
    parts = (trained(facts, own, share * facts.recipe.budget.passes), asked(facts, own, facts.dev_rows), starting(2))
    change = "whether fine-tuning can win, and whether more rows would help"
    return PlannedStep(name=pilot_name(share), kind="pilot", base=own.id, can_change=change, parts=parts, share=share)


def rival_base(facts: Facts, base: Base, share: float) -> PlannedStep:
    """Another base: its best prompt, and the same pilot as the project's own base had."""
    training_parts = (trained(facts, base, share * facts.recipe.budget.passes), asked(facts, base, facts.dev_rows), starting(2))
    parts = (asked(facts, base, facts.dev_rows), *training_parts)
    change = "which base is tuned"
    return PlannedStep(name=f"base-{base.id}", kind="base", base=base.id, can_change=change, parts=parts, share=share, trials=2)


def search(facts: Facts, decide: Decide, base: Base, trials: int) -> PlannedStep:
    """The search over training settings; the recipe's own runs are its pilots, where those are on its rungs."""
    rungs = ladder.rungs(facts.recipe, facts.train_rows, decide.pilots)
    epochs = ladder.most_epochs(facts.recipe, facts.train_rows) if "epochs" in decide.search_over else facts.recipe.budget.passes
    parts: list[Work] = []
    for share, count in zip(rungs, ladder.sizes(trials, len(rungs)), strict=True):
        runs = count - 1 if share == rungs[0] and share in decide.pilots else count
        parts += [trained(facts, base, share * epochs), asked(facts, base, facts.dev_rows), starting(2)] * runs
    change = "whether better settings let fine-tuning win"
    return PlannedStep(name="ladder", kind="ladder", base=base.id, can_change=change, parts=tuple(parts), trials=trials, rungs=rungs)


def final(facts: Facts, base: Base, seed: int, epochs: float, most: float) -> PlannedStep:
    """A full training of so many epochs; `most` are those of its settings."""
    parts = (trained(facts, base, epochs), asked(facts, base, facts.dev_rows), starting(2))
    change = "whether the gain holds with another seed" if seed else "whether fine-tuning wins"
    return PlannedStep(
        name=f"tuned-seed-{seed}" if seed else "tuned",
        kind="final",
        base=base.id,
        can_change=change,
        parts=parts,
        epochs=epochs if epochs < most else None,
        seed=seed,
    )


def reading_final(facts: Facts, base: Base, seed: int, epochs: float, most: float) -> PlannedStep:
    """A full training of so many epochs with passages before every question."""
    assert facts.rag_tuned is not None
    extra = facts.rag_tuned.count * PASSAGE_TOKENS
    parts = (trained(facts, base, epochs, extra), asked(facts, base, facts.dev_rows, extra), starting(2))
    name, change = facts.rag_tuned.name, "whether fine-tuning and documents together win"
    if seed:
        name, change = f"{name}-seed-{seed}", "whether the gain of fine-tuning with documents holds with another seed"
    shorter = epochs if epochs < most else None
    return PlannedStep(name=name, kind="fine-tune-rag", base=base.id, can_change=change, parts=parts, epochs=shorter, seed=seed)


def proof(facts: Facts, base: Base, steps: Sequence[PlannedStep], share: float = 1.0, stored: Stored | None = None) -> PlannedStep:
    """The finalists of these steps on the locked test split, what the first of them is examined for, and the report; `share` of the probes are asked.

    A tuned model, full or pilot, is always among them. What is `stored` is not done again, as long as there is nobody new who may be ahead.
    """
    stored = stored or Stored()
    fresh = [step for step in steps if not stored.holds(step)]
    examined = [] if stored.examined and not fresh else [examination(facts, base, reads=any(step.kind in READERS for step in steps))]
    is_probed = stored.probed == share and not any(step.kind in TRAINED for step in fresh)
    if any(step.kind in TRAINED for step in steps) and not is_probed:
        examined += probed_models(facts, base, share, 2)  # the base, and what was tuned from it
    first = [] if stored.examined and not fresh else [asked(facts, base, facts.test_rows)]
    others = [work for step in steps if step.name not in stored.proven for work in proofs(step, facts)]
    single = [alone(work, ASKED_ALONE["test"]) for work in (*first, *others) if work.activity in ("choose", "write")]
    parts = (*first, *examined, *others, *single, starting(1))
    return PlannedStep(name="test", kind="test", base=base.id, can_change="everything: only the locked rows prove it", parts=parts, share=share)


def examination(facts: Facts, base: Base, *, reads: bool) -> Work:
    """The questions of the suites of evidence; `reads`: with passages before each, where the first finalist may be one that reads them."""
    readers = (*facts.rag, *([facts.rag_tuned] if facts.rag_tuned else [])) if reads else ()
    extra = max((reader.count for reader in readers), default=0) * PASSAGE_TOKENS
    rows = EXAMINED[facts.answering] + EXAMINED_AGAIN * facts.asked_again
    return asked(facts, base, rows, extra).model_copy(update={"purpose": "suites"})


def probed_models(facts: Facts, base: Base, share: float, models: int) -> list[Work]:
    """So many models on so large a share of the probes, one after the other."""
    return [probed(facts, base, share)] * models


def probed(facts: Facts, base: Base, share: float = 1.0) -> Work:
    """One model on so large a share of the probes that the project asks for."""
    rows = round(PROBES[0] * facts.probe_share * share)
    return Work(activity="choose", parameters=base.parameters, rows=max(1, rows), tokens=PROBES[1], purpose="probes")


def proofs(step: PlannedStep, facts: Facts) -> tuple[Work, ...]:
    """What a step's finalist asks of the machine on the test split."""
    own, rows = facts.bases[0], facts.test_rows
    match step.kind:
        case "control":
            return (encoded(facts, rows),) if facts.classifier is not None else ()
        case "prompt" | "few-shot":
            return (asked(facts, own, rows),)
        case "few-shot-retrieved" if facts.retrieved is not None:
            return (asked(facts, own, rows, shown_tokens(facts, facts.retrieved)),)
        case "rag":
            return (asked(facts, own, rows, facts.rag[0].count * PASSAGE_TOKENS),)
        case "remote":
            return (elsewhere(rows),)
        case "final" if step.seed:
            return (asked(facts, facts.base(step.base), rows),)
        case "fine-tune-rag" if facts.rag_tuned is not None:
            return (asked(facts, facts.base(step.base), rows, facts.rag_tuned.count * PASSAGE_TOKENS),)
        case _:
            return ()


def alone(work: Work, rows: int) -> Work:
    """So many of a candidate's rows, asked one after another."""
    return work.model_copy(update={"activity": "single", "rows": rows, "purpose": "rows"})


def answering(step: PlannedTrial, facts: Facts) -> Work | None:
    """What measuring a trial on its dev rows asks of the machine; None where no model answers."""
    base = facts.base(step.base)
    match step.trial.candidate:
        case Constant():
            return None
        case Classifier():
            return encoded(facts, step.dev_rows)
        case Remote():
            return elsewhere(step.dev_rows)
        case Retrieval(shown="examples") as candidate:
            return asked(facts, base, step.dev_rows, shown_tokens(facts, candidate))
        case Retrieval() as candidate:
            return asked(facts, base, step.dev_rows, candidate.count * PASSAGE_TOKENS)
        case _ if step.step == "prompt-search":
            return one_of_many(facts, base, step.dev_rows)
        case _:
            return asked(facts, base, step.dev_rows)


def training(step: PlannedTrial, facts: Facts, rows: int) -> Work:
    """What a trial's training has asked of the machine: `rows` passes over rows, of which an early end makes fewer than were planned."""
    extra = step.trial.candidate.count * PASSAGE_TOKENS if isinstance(step.trial.candidate, Retrieval) else 0.0
    return trained(facts, facts.base(step.base), 1.0, extra).model_copy(update={"rows": rows})


def begun(step: PlannedStep, done: int, facts: Facts) -> tuple[Work, ...]:
    """What the first `done` trials of a search have asked of the machine, all of them on its first rung."""
    return step.parts[: (1 if step.kind == "prompt-search" else RUN_PARTS) * done]


def starting(processes: int) -> Work:
    """Processes that have to start: a training has one of its own, and what is measured after it another."""
    return Work(activity="process", parameters=1, rows=processes, tokens=1.0)


def encoded(facts: Facts, rows: int) -> Work:
    """Rows whose questions become vectors."""
    return Work(activity="encode", parameters=facts.encoder_parameters, rows=rows, tokens=facts.question_tokens)


def elsewhere(rows: int) -> Work:
    """Rows that a model elsewhere answers."""
    return Work(activity="remote", parameters=1, rows=rows, tokens=1.0)


def shown_tokens(facts: Facts, retrieved: Retrieval) -> float:
    """Of the examples that stand before a question."""
    return retrieved.count * (facts.question_tokens + facts.answer_tokens + FRAME_TOKENS)


def asked(facts: Facts, base: Base, rows: int, extra: float = 0.0) -> Work:
    """Rows that a base answers; `extra` tokens stand before each question beside what all rows share."""
    if facts.answering == "choose":
        return Work(activity="choose", parameters=base.parameters, rows=rows, tokens=facts.question_tokens + FRAME_TOKENS + extra)
    tokens = facts.answer_tokens + (facts.question_tokens + FRAME_TOKENS + extra) / 5
    return Work(activity="write", parameters=base.parameters, rows=rows, tokens=tokens, longest=facts.longest)


def one_of_many(facts: Facts, base: Base, rows: int) -> Work:
    """Rows that are asked with one of the prompts of a search."""
    return asked(facts, base, rows).model_copy(update={"purpose": "search"})


def trained(facts: Facts, base: Base, epochs: float, extra: float = 0.0) -> Work:
    """`epochs` passes over all training rows."""
    budget = facts.recipe.budget
    rows = max(1, round(facts.train_rows * epochs))
    if budget.max_steps is not None:
        rows = min(rows, budget.max_steps * budget.step_rows)
    tokens = facts.question_tokens + facts.answer_tokens + FRAME_TOKENS + extra
    return Work(activity="train", parameters=base.parameters, rows=rows, tokens=tokens)


def shortened(epochs: float) -> list[float]:
    """Epochs of a full training, and of shorter ones down to a single pass.

    >>> shortened(3), shortened(2.5), shortened(1)
    ([3, 2.0, 1.0], [2.5, 2.0, 1.0], [1])
    """
    return [epochs, *(float(n) for n in range(int(epochs - 1e-9), 0, -1))]


def halved(trials: int, least: int) -> list[int]:
    """The number of trials and smaller ones, each about half of the one before, down to `least`.

    >>> halved(12, 4), halved(6, 3), halved(2, 3)
    ([12, 6, 4], [6, 3], [2])
    """
    found = [trials]
    while found[-1] > least:
        found.append(max(least, found[-1] // 2))
    return found


def middle(pilots: Sequence[float]) -> float:
    """The pilots' share on which bases are compared."""
    return pilots[len(pilots) // 2]


def pilot_name(share: float) -> str:
    """What a pilot is called.

    >>> pilot_name(0.25)
    'pilot-25'
    """
    return f"pilot-{100 * share:g}"
