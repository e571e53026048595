"""Predicted seconds: counted first, then learnt from what was taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tunesmith.decide.cost import MEMORY, PROMPT_S, counted, learn, like, seconds, seconds_of, spoken
from tunesmith.spec.plan import Activity, Purpose, Speeds, Timed, Work

SMALL, LARGE = 135_000_000, 360_000_000


def work(rows: int = 1000, activity: Activity = "train", parameters: int = SMALL, tokens: float = 30.0) -> Work:
    return Work(activity=activity, parameters=parameters, rows=rows, tokens=tokens)


def slowness(one: Work, speeds: Speeds) -> float:
    """How many times the counted seconds are predicted."""
    return seconds_of(one, speeds) / counted(one)


def test_larger_models_and_more_rows_cost_more() -> None:
    assert counted(work(2000)) > counted(work(1000)) > counted(work(1000, activity="choose"))
    assert counted(work(parameters=LARGE)) > 2 * counted(work())
    assert counted(work(0)) == 0


def test_before_anything_was_measured_the_price_is_counted() -> None:
    assert seconds([work(), work(activity="choose")], Speeds()) == counted(work()) + counted(work(activity="choose"))


def test_readings_correct_the_price() -> None:
    speeds = Speeds()
    for _ in range(6):
        speeds = learn(speeds, [work()], 3 * counted(work()))
    assert abs(slowness(work(), speeds) - 3) < 0.25
    assert slowness(work(activity="choose"), speeds) == 1  # another kind of work has not been measured


def test_the_latest_reading_counts_most() -> None:
    quick = learn(learn(Speeds(), [work()], 4 * counted(work())), [work()], counted(work()))
    slow = learn(learn(Speeds(), [work()], counted(work())), [work()], 4 * counted(work()))
    assert slowness(work(), quick) < slowness(work(), slow)


def test_another_size_stands_in_until_the_own_was_measured() -> None:
    speeds = learn(Speeds(), [work(parameters=LARGE)], 2 * counted(work(parameters=LARGE)))
    assert slowness(work(), speeds) > 1.5
    speeds = learn(speeds, [work()], counted(work()))
    assert abs(slowness(work(), speeds) - 1) < 1e-9


def test_a_start_and_rows_are_told_apart_by_readings_of_different_sizes() -> None:
    """A machine that starts in a quarter of the counted time and trains three times as slowly: short trainings alone would promise far too much."""

    def taken(rows: int) -> float:
        return 3.0 + 3 * (counted(work(rows)) - 12.0)

    short = learn(Speeds(), [work(50)], taken(50))
    assert seconds([work(2000)], short) < 0.6 * taken(2000)
    steady = Speeds(timed=(*short.timed, Timed(work=work(50).model_copy(update={"begun": True}), seconds=taken(50) - 3.0)))
    assert abs(seconds([work(2000)], steady) / taken(2000) - 1) < 0.2
    both = learn(learn(short, [work(400)], taken(400)), [work(50)], taken(50))
    assert abs(seconds([work(2000)], both) / taken(2000) - 1) < 0.25
    assert abs(seconds([work(50)], both) / taken(50) - 1) < 0.25


def test_a_reading_of_a_machine_that_slept_does_not_rule() -> None:
    speeds = Speeds()
    for times in (1.0, 1.0, 1.0, 100.0):
        speeds = learn(speeds, [work()], times * counted(work()))
    assert slowness(work(), speeds) < 10


def test_each_purpose_has_a_pace_of_its_own_and_the_nearest_stands_in() -> None:
    def answers(purpose: Purpose, activity: Activity = "write", parameters: int = SMALL) -> Work:
        return work(300, activity, parameters).model_copy(update={"purpose": purpose})

    rows = learn(Speeds(), [answers("rows")], 2 * counted(answers("rows")))
    assert abs(slowness(answers("suites"), rows) - 2) < 0.3
    assert slowness(answers("probes", "choose"), rows) > 1.5  # the same model answers, if in another way
    assert slowness(work(), rows) == 1
    own = learn(rows, [answers("suites")], 6 * counted(answers("suites")))
    assert abs(slowness(answers("suites"), own) - 6) < 1
    assert abs(slowness(answers("rows"), own) - 2) < 0.3
    assert [timed.work.purpose for timed in like(answers("suites", parameters=LARGE), own)] == ["suites"]
    assert counted(answers("search")) - PROMPT_S < counted(answers("rows")) - 1


def test_a_reading_of_several_parts_is_shared_among_them() -> None:
    parts = [work(), work(activity="choose"), work(0)]
    speeds = learn(Speeds(), parts, 100.0)
    assert len(speeds.timed) == 2
    assert abs(sum(timed.seconds for timed in speeds.timed) - 100) < 1e-9
    assert learn(speeds, [work(0)], 5.0) == speeds
    assert learn(speeds, parts, 0.0) == speeds


def test_old_readings_are_forgotten() -> None:
    speeds = Speeds()
    for taken in range(1, MEMORY + 10):
        speeds = learn(speeds, [work()], float(taken))
    assert len(speeds.timed) == MEMORY
    assert abs(speeds.timed[-1].seconds - (MEMORY + 9)) < 1e-9


@given(st.lists(st.floats(0.1, 1000), max_size=20))
def test_prices_stay_between_the_readings_and_the_counted_one(taken: list[float]) -> None:
    speeds = Speeds()
    for one in taken:
        speeds = learn(speeds, [work()], one)
    every = [*taken, counted(work())]
    assert min(every) * 0.999 <= seconds([work()], speeds) <= max(every) * 1.001


def test_times_as_people_say_them() -> None:
    assert [spoken(s) for s in (0.2, 60, 3599, 3600, 7500)] == ["0 s", "1 min", "59 min 59 s", "1 h", "2 h 5 min"]


def test_processes_take_their_time_to_start() -> None:
    two = Work(activity="process", parameters=1, rows=2, tokens=1.0)
    assert counted(two) == 8
    assert seconds([two], learn(Speeds(), [two], 40.0)) > 30


def test_readings_of_answers_that_may_be_as_long_are_believed_first() -> None:
    short, long = (Work(activity="write", parameters=1_000_000, rows=100, tokens=20.0, longest=longest) for longest in (16, 256))
    base = counted(short)
    known = Speeds(timed=(Timed(work=short, seconds=base), Timed(work=long, seconds=10 * base)))
    assert seconds_of(short, known) < 2 * base < 5 * base < seconds_of(long, known)
    other = short.model_copy(update={"longest": 64})
    assert seconds_of(short, known) < seconds_of(other, known)  # where none is as long, all speak
