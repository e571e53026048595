"""The plan: what it holds with all the time in the world, what goes first when there is less, and that it never promises too much."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decide.planning import LARGE, SMALL, make_facts, with_documents
from tunesmith.decide.budget import RESERVE, as_anywhere, changes, fewer_probes, goes_as_far, least, make_plan, plan_words, revise, trained_rows
from tunesmith.decide.cost import counted, learn, seconds
from tunesmith.decide.steps import PROBE_SHARES, probed_models, proof, trained
from tunesmith.spec.plan import Base, Decide, Facts, Plan, PlannedStep, Speeds, Stored
from tunesmith.spec.recipe import Budget, Recipe

FREE = Decide()
FULL = [
    "controls", "prompts", "prompt-search", "few-shot", "few-shot-retrieved", "pilot-10", "pilot-25", "pilot-50", "ladder", "tuned", "tuned-seed-1", "test"
]  # fmt: skip


def held(plan: Plan, *wanted: str) -> tuple[PlannedStep, ...]:
    """Steps of a plan as they stand in the store: all but the proof, or those of these names."""
    return tuple(
        step.model_copy(update={"parts": (), "seconds": 0.0}) for step in plan.steps if (step.name in wanted if wanted else step.kind != "test")
    )


def names(plan: Plan) -> list[str]:
    return [step.name for step in plan.steps]


def left(plan: Plan) -> dict[str, str]:
    return {one.name: one.reason for one in plan.left_out}


def test_with_time_enough_everything_is_done_from_cheap_to_dear() -> None:
    plan = make_plan(make_facts(), FREE, Speeds())
    assert names(plan) == FULL
    assert plan.left_out == ()
    assert all(step.seconds > 0 and step.can_change for step in plan.steps)
    assert names(make_plan(with_documents(), FREE, Speeds())) == [*FULL[:5], "rag", *FULL[5:-1], "tuned-rag", "tuned-rag-seed-1", "test"]


def test_wishes_shape_the_plan() -> None:
    plan = make_plan(make_facts(), Decide(pilots=(), search=1, prompt_search=0, seeds=1), Speeds())
    assert names(plan) == ["controls", "prompts", "few-shot", "few-shot-retrieved", "tuned", "test"]
    assert "ladder" not in names(make_plan(make_facts(), Decide(search_over=()), Speeds()))
    bare = make_facts(majority=None, classifier=None, written=(), space=None, shots=(), retrieved=None)
    assert names(make_plan(bare, Decide(pilots=(0.5,), search=0, seeds=3), Speeds())) == ["pilot-50", "tuned", "tuned-seed-1", "tuned-seed-2", "test"]


def test_pilots_on_a_handful_of_rows_are_left_out() -> None:
    plan = make_plan(make_facts(train_rows=40), FREE, Speeds())
    assert "pilot-50" in names(plan)
    assert left(plan) == {
        "pilot-10": "10% of 40 rows are 4: too few to say anything",
        "pilot-25": "25% of 40 rows are 10: too few to say anything",
    }


def test_with_less_time_what_a_verdict_needs_goes_first() -> None:
    whole = make_plan(make_facts(), FREE, Speeds()).will_have_spent()
    plan = make_plan(make_facts(), Decide(budget=whole * 0.6), Speeds())
    assert {"controls", "prompts", "tuned", "test", "few-shot"} <= set(names(plan))
    assert "ladder" in left(plan) or any(step.name == "ladder" and step.trials < 6 for step in plan.steps)
    assert plan.will_have_spent() <= whole * 0.6
    tight = make_plan(make_facts(), Decide(budget=whole * 0.3), Speeds())
    assert set(names(tight)) < set(names(plan)) | {"tuned"}
    assert any("are left after what matters more" in reason for reason in left(tight).values())


def test_a_full_training_is_shortened_before_it_is_left_out() -> None:
    whole = make_plan(make_facts(), FREE, Speeds())
    tuned = next(step for step in whole.steps if step.name == "tuned")
    plan = make_plan(make_facts(), Decide(budget=1.6 * tuned.seconds), Speeds())
    short = next(step for step in plan.steps if step.name == "tuned")
    assert short.epochs in (1.0, 2.0)
    assert short.seconds < tuned.seconds


def test_another_seed_is_trained_as_long_as_the_first() -> None:
    whole = make_plan(make_facts(), FREE, Speeds()).will_have_spent()
    for part in (0.3, 0.5, 0.7, 0.9):
        plan = make_plan(make_facts(), Decide(budget=part * whole), Speeds())
        assert len({step.epochs for step in plan.steps if step.kind == "final"}) <= 1


def test_what_is_not_tried_needs_no_proof() -> None:
    few = make_plan(make_facts(), Decide(pilots=(), search=0, prompt_search=0, seeds=1), Speeds())
    alone = make_plan(make_facts(shots=(), retrieved=None), Decide(pilots=(), search=0, prompt_search=0, seeds=1), Speeds())
    assert few.steps[-1].seconds > alone.steps[-1].seconds


def test_without_time_for_the_proof_nothing_is_tried() -> None:
    plan = make_plan(make_facts(), Decide(budget=5.0), Speeds())
    assert plan.steps == ()
    assert set(left(plan)) == set(FULL) - {"test"}
    assert plan.will_have_spent() == 0


@settings(max_examples=60, deadline=None)
@given(
    budget=st.floats(1, 50_000),
    rows=st.integers(20, 50_000),
    dev=st.integers(10, 5_000),
    spent=st.floats(0, 5_000),
    slow=st.floats(0.1, 20),
    search=st.integers(0, 30),
)
def test_the_budget_is_never_exceeded(budget: float, rows: int, dev: int, spent: float, slow: float, search: int) -> None:
    facts = with_documents(train_rows=rows, dev_rows=dev)
    work = make_plan(facts, FREE, Speeds()).steps[-2].parts
    speeds = learn(Speeds(), work, slow * sum(counted(part) for part in work))
    plan = make_plan(facts, Decide(budget=budget, search=search), speeds, spent)
    assert plan.will_have_spent() <= max(budget, spent)
    assert len(set(names(plan))) == len(plan.steps)
    assert not plan.steps or plan.steps[-1].kind == "test"
    later = revise(plan, facts, speeds, spent + budget / 4, min(2, len(plan.steps)))
    proof = later.steps[-1].seconds if later.steps else 0.0  # of what was done: it stays whatever happens
    assert later.will_have_spent() <= max(budget, later.spent + proof)
    assert later.steps[: later.passed] == plan.steps[: later.passed]


def test_prices_are_rows_times_measured_speed() -> None:
    plan = make_plan(make_facts(), FREE, Speeds())
    pilot = next(step for step in plan.steps if step.name == "pilot-50")
    speeds = learn(Speeds(), pilot.parts, 4 * pilot.seconds)
    dearer = next(step for step in make_plan(make_facts(), FREE, speeds).steps if step.name == "pilot-50")
    assert dearer.seconds > 3 * pilot.seconds
    assert abs(dearer.seconds - seconds(pilot.parts, speeds)) < 1e-9


def test_a_slow_machine_makes_the_revision_drop_what_matters_least() -> None:
    facts = make_facts()
    decide = Decide(budget=make_plan(facts, FREE, Speeds()).will_have_spent() * 1.2)
    plan = make_plan(facts, decide, Speeds())
    assert names(plan) == FULL
    pilot = plan.steps[5]
    slow = learn(Speeds(), pilot.parts, 3 * pilot.seconds)
    later = revise(plan, facts, slow, spent=sum(step.seconds for step in plan.steps[:5]) + 3 * pilot.seconds, passed=6)
    assert later.revision == 1
    assert later.steps[:6] == plan.steps[:6]
    assert "ladder" in left(later) or next(step for step in later.steps if step.name == "ladder").trials < 6
    assert later.will_have_spent() <= decide.budget if decide.budget else False


def test_a_quick_machine_brings_back_what_was_left_out() -> None:
    facts = make_facts()
    plan = make_plan(facts, Decide(budget=make_plan(facts, FREE, Speeds()).will_have_spent() * 0.5), Speeds())
    assert set(names(plan)) < set(FULL)
    quick = Speeds()
    for part in {part.activity: part for step in plan.steps for part in step.parts}.values():
        quick = learn(quick, [part], 0.2 * counted(part))
    later = revise(plan, facts, quick, spent=1.0, passed=1)
    assert names(later) == FULL
    assert later.left_out == ()


def test_prices_that_change_nothing_change_nothing() -> None:
    plan = make_plan(make_facts(), FREE, Speeds())
    assert revise(plan, make_facts(), learn(Speeds(), plan.steps[0].parts, 1.0), spent=30.0, passed=1) is plan


def test_bases_compete_where_a_pilot_compares_them() -> None:
    facts = make_facts(bases=(Base(id="small", parameters=SMALL, lr=1e-3), Base(id="large", parameters=LARGE, lr=1e-3)))
    plan = make_plan(facts, FREE, Speeds())
    assert names(plan).index("base-large") == names(plan).index("pilot-50") + 1
    base, tuned = (next(step for step in plan.steps if step.name == name) for name in ("base-large", "tuned"))
    assert base.share == 0.25
    assert tuned.base == "large"  # the price of what may come
    assert "without pilots" in left(make_plan(facts, Decide(pilots=()), Speeds()))["base-large"]


def test_every_finalist_that_a_model_writes_for_is_asked_alone_as_well() -> None:
    plan = make_plan(make_facts(), FREE, Speeds())
    alone = [work for work in plan.steps[-1].parts if work.activity == "single"]
    asked = [work for work in plan.steps[-1].parts if work.activity == "choose" and work.rows == 600]
    assert [(work.rows, work.tokens) for work in alone] == [(20, work.tokens) for work in asked]
    assert len(alone) >= 4


def test_the_steps_of_a_recipe_that_is_cut_short_cost_less() -> None:
    short = make_facts(recipe=Recipe(budget=Budget(max_steps=10, epochs=3, rows_per_step=32)))
    tuned = [next(step for step in make_plan(facts, FREE, Speeds()).steps if step.name == "tuned") for facts in (short, make_facts())]
    assert tuned[0].seconds < tuned[1].seconds
    assert tuned[0].parts[0].rows == 320


def test_the_plan_in_words() -> None:
    lines = plan_words(make_plan(make_facts(), Decide(budget=600.0), Speeds()))
    assert re.match(r"controls +about \d+ s +whether anything beats the cheapest controls \([\d,]+ rows at [\d.]+/s\)", lines[0])
    assert any(re.match(r"[\w-]+ +left out +", line) for line in lines)
    assert " of 10 min in all; this machine was not measured yet" in lines[-1]
    assert 0 < RESERVE < 0.5


def test_the_shortest_budget_is_just_enough() -> None:
    facts = make_facts()
    shortest = least(facts, FREE, Speeds())
    assert shortest is not None
    assert make_plan(facts, Decide(budget=shortest * 1.001), Speeds()).steps
    assert make_plan(facts, Decide(budget=shortest * 0.999), Speeds()).steps == ()


def test_the_proof_has_a_price_for_what_is_examined() -> None:
    facts = make_facts()
    steps = make_plan(facts, FREE, Speeds()).steps
    assert [work.rows for work in steps[-1].parts][:4] == [600, 900, 500, 500]
    fewer = make_facts(probe_share=0.25)
    assert [work.rows for work in make_plan(fewer, FREE, Speeds()).steps[-1].parts][:4] == [600, 900, 125, 125]
    untrained = proof(facts, facts.bases[0], steps[:3])
    assert [work.rows for work in untrained.parts][:2] == [600, 900]
    assert all(work.purpose != "probes" for work in untrained.parts)  # what was never tuned has forgotten nothing


def test_what_was_proven_is_proven_again_for_nothing_as_long_as_nobody_new_may_lead() -> None:
    facts = make_facts()
    steps = make_plan(facts, FREE, Speeds()).steps
    there = held(make_plan(facts, FREE, Speeds()))
    stored = Stored(steps=there, proven=("few-shot", "few-shot-retrieved", "prompts", "controls", "tuned-seed-1"), examined=True, probed=0.5)

    def purposes(stored: Stored, share: float) -> list[str]:
        return [work.purpose for work in proof(facts, facts.bases[0], steps[:-1], share, stored).parts if work.purpose != "rows"]

    assert purposes(stored, 0.5) == []
    assert [work.activity for work in proof(facts, facts.bases[0], steps[:-1], 0.5, stored).parts] == ["process"]
    assert purposes(stored, 1.0) == ["probes", "probes"]  # half of them were asked
    without = stored.model_copy(update={"steps": tuple(one for one in there if one.name != "few-shot")})
    assert purposes(without, 0.5) == ["suites"]  # it may be ahead, but nothing was tuned anew
    untrained = stored.model_copy(update={"steps": tuple(one for one in there if one.name != "tuned")})
    assert purposes(untrained, 0.5) == ["suites", "probes", "probes"]


def test_nothing_new_comes_in_front_of_what_is_in_the_store_and_rests_on_it() -> None:
    facts = make_facts()
    whole = make_plan(facts, FREE, Speeds())
    fewer = [
        step.model_copy(update={"trials": 1}) if step.name == "prompts" else step for step in held(whole, "prompts", "few-shot", "pilot-50", "tuned")
    ]
    stored = Stored(steps=tuple(fewer))
    plan = make_plan(facts, Decide(budget=whole.will_have_spent() * 2), Speeds(), stored=stored)
    assert names(plan) == [
        "controls",
        "prompts",
        "few-shot",
        "few-shot-retrieved",
        "pilot-10",
        "pilot-25",
        "pilot-50",
        "tuned",
        "tuned-seed-1",
        "test",
    ]
    assert next(step for step in plan.steps if step.name == "prompts").trials == 1  # of two, and the examples stand behind it
    assert {name for name, reason in left(plan).items() if "was made without it" in reason} == {"prompt-search", "ladder"}
    assert [step.name for step in plan.steps if not step.seconds] == ["prompts", "few-shot", "pilot-50", "tuned"]
    later = revise(plan, facts, learn(Speeds(), plan.steps[4].parts, 1.0), spent=1.0, passed=5)
    assert not {"ladder", "prompt-search"} & set(names(later))


def test_fewer_probes_are_asked_before_a_full_training_is_left_out() -> None:
    once = Recipe(budget=Budget(epochs=1, rows_per_step=32))
    facts, wishes = make_facts(train_rows=200, shots=(), retrieved=None, recipe=once), Decide(pilots=(), search=0, prompt_search=0, seeds=1)
    whole = make_plan(facts, wishes, Speeds()).will_have_spent()
    probes = seconds(probed_models(facts, facts.bases[0], 1.0, 2), Speeds())
    shares = []
    for missing in (-1.0, 0.4 * probes, 0.6 * probes):
        plan = make_plan(facts, wishes.model_copy(update={"budget": (whole - missing) / (1 - RESERVE)}), Speeds())
        assert "tuned" in names(plan)
        assert plan.will_have_spent() <= (plan.decide.budget or 0.0)
        shares.append(plan.probes)
    assert shares == list(PROBE_SHARES)
    assert "25% of the probes of general ability" in plan_words(plan)[-2]


def test_what_the_time_does_not_reach_for_is_cut_when_all_else_is_done() -> None:
    facts = make_facts()
    plan = make_plan(facts, Decide(budget=3_000.0), Speeds())
    assert fewer_probes(plan, facts, Speeds(), 1_000.0, 2) is plan
    late = fewer_probes(plan, facts, Speeds(), 2_950.0, 2)
    assert (late.probes, late.revision, late.passed) == (0.25, plan.revision + 1, len(plan.steps) - 1)
    assert changes(plan, late) == ["25% of the probes of general ability are asked, not 100%: the time does not reach for more"]
    assert fewer_probes(late, facts, Speeds(), 0.0, 2) is late  # what was given up stays so: the plan is replayed
    assert late.will_have_spent() < plan.will_have_spent() + 2_950
    assert late.steps[-1].parts == tuple(probed_models(facts, facts.bases[0], 0.25, 2))
    some = 3_000.0 - 8.0 - 0.7 * seconds(probed_models(facts, facts.bases[0], 1.0, 2), Speeds())
    assert fewer_probes(plan, facts, Speeds(), some, 2).probes == 0.5


def test_what_is_in_the_store_costs_nothing() -> None:
    facts = make_facts()
    whole = make_plan(facts, FREE, Speeds())
    stored = Stored(steps=held(whole), proven=("few-shot", "few-shot-retrieved"), probed=1.0)
    poor = Decide(budget=0.3 * whole.will_have_spent())
    fresh, rich = make_plan(facts, poor, Speeds()), make_plan(facts, poor, Speeds(), stored=stored)
    assert set(names(fresh)) < set(names(rich))
    assert names(rich) == FULL
    assert all(step.seconds == 0 for step in rich.steps[:-1])
    assert rich.steps[-1].seconds < whole.steps[-1].seconds
    assert all(" in the store " in line for line in plan_words(rich)[:-2])
    search, tuned, ladder = (final_of(whole, name) for name in ("prompt-search", "tuned", "ladder"))
    shorter = Stored(steps=(search.model_copy(update={"trials": 8}), tuned.model_copy(update={"epochs": 2.0})))
    assert not shorter.holds(search)  # twelve prompts were not tried
    assert not shorter.holds(tuned)  # and no third epoch was made
    assert shorter.holds(search.model_copy(update={"trials": 6}))
    assert not Stored(steps=(ladder,)).holds(ladder.model_copy(update={"rungs": (0.2, 0.5)}))  # with other pilots it is another search
    later = revise(rich, facts, learn(Speeds(), whole.steps[5].parts, 9 * whole.steps[5].seconds), 1.0, 6)
    assert all(step.seconds == 0 for step in later.steps[:-1])


def test_a_step_that_is_left_out_says_what_it_would_take() -> None:
    facts = make_facts()
    plan = make_plan(facts, Decide(budget=0.4 * make_plan(facts, FREE, Speeds()).will_have_spent()), Speeds())
    assert any(re.search(r"a budget longer by .+ would do$", reason) for reason in left(plan).values())


def test_free_answers_that_are_drawn_are_asked_for_again() -> None:
    still, drawn = (make_facts(answering="write", asked_again=times) for times in (0, 5))
    assert [make_plan(facts, FREE, Speeds()).steps[-1].parts[1].rows for facts in (still, drawn)] == [250, 400]


def test_a_revision_says_what_it_changes() -> None:
    facts = make_facts()
    whole = make_plan(facts, FREE, Speeds())
    decide = Decide(budget=whole.will_have_spent() * 1.2)
    plan = make_plan(facts, decide, Speeds())
    slow = learn(Speeds(), plan.steps[5].parts, 3 * plan.steps[5].seconds)
    later = revise(plan, facts, slow, spent=sum(step.seconds for step in plan.steps[:5]) + 3 * plan.steps[5].seconds, passed=6)
    said = changes(plan, later)
    assert said
    assert all(" is left out now: " in line or " is made shorter: " in line for line in said)
    assert all(" fits after all: " in line or " is made longer: " in line for line in changes(later, plan))
    assert changes(plan, plan) == []


def test_a_long_plan_without_a_budget_says_that_there_are_budgets() -> None:
    long, short = (plan_words(make_plan(make_facts(train_rows=rows), FREE, Speeds()))[-1] for rows in (100_000, 100))
    assert "`--budget 40m` would choose what matters most" in long
    assert "--budget" not in short
    granted = plan_words(make_plan(make_facts(train_rows=100_000), Decide(budget=1e6), Speeds()))[-1]
    assert "--budget" not in granted


def bare(**fields: object) -> Facts:
    """Nothing to try but trainings."""
    return make_facts(majority=None, classifier=None, written=(), space=None, shots=(), retrieved=None, **fields)


def final_of(plan: Plan, name: str = "tuned") -> PlannedStep:
    return next(step for step in plan.steps if step.name == name)


def test_a_full_training_has_all_that_nobody_else_wants() -> None:
    facts, alone = bare(recipe=Recipe(budget=Budget(epochs=4, rows_per_step=32))), Decide(pilots=(), search=0, seeds=1)
    whole = make_plan(facts, alone, Speeds())
    per_epoch = (
        final_of(whole).seconds - final_of(make_plan(bare(recipe=Recipe(budget=Budget(epochs=2, rows_per_step=32))), alone, Speeds())).seconds
    ) / 2
    for missing, epochs in ((-1.0, None), (0.5, 3.0), (1.5, 2.0), (2.5, 1.0)):
        budget = (whole.will_have_spent() - missing * per_epoch) / (1 - RESERVE)
        plan = make_plan(facts, alone.model_copy(update={"budget": budget}), Speeds())
        assert final_of(plan).epochs == epochs
        assert plan.will_have_spent() <= budget


@pytest.mark.parametrize("wish", [{"seeds": 2}, {"search": 6}])
def test_no_time_goes_to_a_second_seed_or_a_search_while_the_full_training_is_short(wish: dict[str, int]) -> None:
    facts, both = bare(recipe=Recipe(budget=Budget(epochs=4, rows_per_step=32))), Decide(**{"pilots": (), "search": 0, "seeds": 1, **wish})
    other, whole = "tuned-seed-1" if "seeds" in wish else "ladder", make_plan(facts, both, Speeds()).will_have_spent()
    epochs: dict[bool, set[float | None]] = {True: set(), False: set()}
    for percent in range(6, 120, 2):
        plan = make_plan(facts, both.model_copy(update={"budget": percent / 100 * whole / (1 - RESERVE)}), Speeds())
        if "tuned" not in names(plan):
            assert other not in names(plan)
            continue
        epochs[other in names(plan)].add(final_of(plan).epochs)
        assert len({step.epochs for step in plan.steps if step.kind == "final"}) == 1
        assert plan.will_have_spent() <= percent / 100 * whole / (1 - RESERVE)
    assert epochs[True] == {None}
    assert len(epochs[False]) > 1


def test_a_full_training_is_not_made_shorter_than_a_small_one_that_was_done() -> None:
    facts, wishes = bare(recipe=Recipe(budget=Budget(epochs=3, rows_per_step=32))), Decide(pilots=(0.5,), search=0, seeds=1)
    whole = make_plan(facts, wishes, Speeds())
    passed, one = names(whole).index("tuned"), final_of(whole)
    for percent in range(0, 110, 5):
        spent = 10_000 * (1 - RESERVE) - whole.steps[-1].seconds - percent / 100 * one.seconds
        plan = revise(whole.model_copy(update={"decide": wishes.model_copy(update={"budget": 10_000.0})}), facts, Speeds(), spent, passed)
        assert not any(step.name == "tuned" and step.epochs == 1.0 for step in plan.steps)  # pilot-50 has passed over 1.5 times all rows
    assert "tuned" in names(plan)


def test_full_trainings_are_priced_with_the_epochs_that_the_search_has_chosen() -> None:
    facts = make_facts(train_rows=400)
    plan = make_plan(facts, Decide(budget=1e6, seeds=1), Speeds())
    passed = names(plan).index("tuned")
    assert (final_of(plan).parts[0].rows, final_of(plan).epochs) == (1_200, None)
    room = plan.decide.model_copy(update={"budget": 10_000.0})
    rest = sum(step.seconds for step in plan.steps[passed:])
    more = (final_of(plan).parts[0].rows, final_of(plan).seconds)
    longer = revise(plan.model_copy(update={"decide": room}), facts, Speeds(), 0.0, passed, passes=5.0)
    assert longer.will_have_spent() <= 9_000
    tight = revise(plan.model_copy(update={"decide": room}), facts, Speeds(), 9_000 - rest - 1.0, passed, passes=5.0)
    assert (final_of(tight).parts[0].rows, final_of(tight).epochs) == (
        more[0],
        3.0,
    )  # as long as there is time for, and not five epochs at the price of three
    assert tight.will_have_spent() <= 9_000


def test_other_seeds_of_tuned_readers_stand_behind_the_search() -> None:
    facts = with_documents(train_rows=1_000)
    whole = make_plan(facts, Decide(seeds=3), Speeds())
    assert names(whole)[-4:] == ["tuned-rag", "tuned-rag-seed-1", "tuned-rag-seed-2", "test"]
    second = final_of(whole, "tuned-rag-seed-1")
    assert (second.seed, second.seconds, second.parts) == (1, final_of(whole, "tuned-rag").seconds, final_of(whole, "tuned-rag").parts)
    for part in (0.2, 0.4, 0.6, 0.8, 0.95):
        plan = make_plan(facts, Decide(seeds=3, budget=part * whole.will_have_spent()), Speeds())
        if "tuned-rag-seed-1" in names(plan):
            assert {"tuned-rag", "tuned-seed-1", "ladder"} <= set(names(plan))
            assert final_of(plan, "tuned-rag-seed-1").epochs == final_of(plan, "tuned-rag").epochs


def test_without_fine_tuning_nothing_is_trained() -> None:
    plan = make_plan(make_facts(fine_tune=False), FREE, Speeds())
    assert names(plan) == ["controls", "prompts", "prompt-search", "few-shot", "few-shot-retrieved", "test"]
    assert plan.left_out == ()
    assert names(make_plan(with_documents(fine_tune=False), Decide(seeds=1), Speeds()))[-2:] == ["tuned-rag", "test"]


def test_a_plan_that_goes_on_from_the_store_leaves_what_is_there_as_it_is() -> None:
    facts = make_facts()
    whole = make_plan(facts, FREE, Speeds())
    short = tuple(step.model_copy(update={"epochs": 1.0}) if step.name == "tuned" else step for step in held(whole, "controls", "tuned"))
    plan = make_plan(facts, Decide(budget=10 * whole.will_have_spent()), Speeds(), stored=Stored(steps=short))
    assert (final_of(plan).epochs, final_of(plan).seconds) == (1.0, 0.0)
    assert goes_as_far(plan, short)
    assert not goes_as_far(plan, whole.steps)
    assert goes_as_far(whole, plan.steps)
    elsewhere = as_anywhere(plan, facts)
    assert [step.name for step in elsewhere.steps] == names(plan)
    assert all(step.seconds > 0 for step in elsewhere.steps)
    assert elsewhere.stored == Stored()


def test_what_a_shorter_training_leaves_time_for_is_named() -> None:
    facts = make_facts()
    long = PlannedStep(name="tuned", kind="final", base=facts.bases[0].id, can_change="", parts=(trained(facts, facts.bases[0], 2.0),), epochs=2.0)
    short = long.model_copy(update={"parts": (trained(facts, facts.bases[0], 1.0),), "epochs": 1.0, "seconds": 60.0})
    examples = PlannedStep(name="few-shot", kind="few-shot", base=facts.bases[0].id, can_change="whether examples help", parts=(), seconds=30.0)
    before, after = Plan(decide=Decide(), steps=(long,)), Plan(decide=Decide(), steps=(examples, short))
    assert changes(before, after) == [
        "few-shot fits after all: about 30 s, whether examples help",
        "tuned is made shorter, which leaves time for few-shot: 1 epoch, about 1 min",
    ]
    assert changes(after, before)[-1].startswith("tuned is made longer: 2 epochs")


def test_an_examination_has_passages_in_its_price_only_where_some_finalist_reads_them() -> None:
    facts = with_documents(answering="write")
    base = facts.bases[0]
    prompts, rag = (PlannedStep(name=kind, kind=kind, base=base.id, can_change="", parts=()) for kind in ("prompt", "rag"))
    bare, reading = (next(work for work in proof(facts, base, steps).parts if work.purpose == "suites") for steps in ([prompts], [prompts, rag]))
    assert reading.rows == bare.rows
    assert reading.tokens > 3 * bare.tokens


@pytest.mark.parametrize("epochs", [2, 3, 5])
def test_what_a_plan_holds_is_still_in_it_when_all_took_as_long_as_it_said(epochs: int) -> None:
    facts, wishes = bare(recipe=Recipe(budget=Budget(epochs=epochs, rows_per_step=32))), Decide(search=6, seeds=2)
    whole = make_plan(facts, wishes, Speeds()).will_have_spent()
    kept = 0
    for percent in range(5, 115, 2):
        plan = make_plan(facts, wishes.model_copy(update={"budget": percent / 100 * whole}), Speeds())
        for passed in range(1, len(plan.steps)):
            later = revise(plan, facts, Speeds(), sum(step.seconds for step in plan.steps[:passed]), passed)
            assert set(names(plan)) <= set(names(later))
            for small in (step for step in later.steps if step.kind == "pilot"):
                assert "tuned" not in names(later) or trained_rows(final_of(later)) > trained_rows(small)
        kept += "tuned" in names(plan)
    assert kept > 10


def test_a_plan_that_goes_on_behind_a_pilot_has_no_full_training_that_is_shorter() -> None:
    facts, wishes = bare(recipe=Recipe(budget=Budget(epochs=3, rows_per_step=32))), Decide(pilots=(0.5,), search=0, seeds=2)
    whole = make_plan(facts, wishes, Speeds())
    pilot = next(step for step in whole.steps if step.name == "pilot-50")
    stored = Stored(steps=(pilot.model_copy(update={"parts": (), "seconds": 0.0}),))
    for percent in range(5, 115, 5):
        plan = make_plan(facts, wishes.model_copy(update={"budget": percent / 100 * whole.will_have_spent()}), Speeds(), stored=stored)
        assert not any(step.kind == "final" and step.epochs == 1.0 for step in plan.steps)


def test_another_seed_of_a_training_that_was_made_shorter_is_as_short_or_left_out() -> None:
    facts, wishes = bare(recipe=Recipe(budget=Budget(epochs=3, rows_per_step=32))), Decide(pilots=(0.5,), search=0, seeds=2)
    whole = make_plan(facts, wishes, Speeds())
    short = tuple(step.model_copy(update={"epochs": 1.0}) if step.name == "tuned" else step for step in whole.steps)
    passed = names(whole).index("tuned") + 1
    plan = revise(whole.model_copy(update={"steps": short}), facts, Speeds(), 0.0, passed)
    assert final_of(plan, "tuned-seed-1").epochs == 1.0
