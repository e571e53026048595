"""Rows out of scope for a user's own file: the share, the kinds, the neighbours, and what must not be declined."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.make.rows_of import answered, bank, labelled
from tests.ears import Ears
from tunesmith.data.fold import fold
from tunesmith.data.make.outside import PER_PARENT, make_outside
from tunesmith.data.make.tally import Tally
from tunesmith.errors import BadProject, Interrupted, NotEnoughData
from tunesmith.spec.job import Note
from tunesmith.spec.making import Made
from tunesmith.spec.making_teacher import OutsideWishes
from tunesmith.spec.passage import Skipped

LABEL = "out_of_scope"


def run(rows, ears=None, embed=None, **wishes):
    return list(make_outside(rows, OutsideWishes.model_validate({"refusal": LABEL} | wishes), embed, ears or Ears()))


def made(found):
    return [one for one in found if isinstance(one, Made)]


def question(row):
    return next(turn.content for turn in row.messages if turn.role == "user")


def test_a_routers_rows_get_the_label():
    rows = bank()
    found = made(run(rows))
    assert len(found) == round(0.1 * 48 / 0.9)
    assert all(row.messages[-1].content == LABEL for row in found)
    assert all(row.details["synthetic"] is True for row in found)
    assert {"far"} < {row.how for row in found}
    questions = [fold(question(row)) for row in found]
    assert len(set(questions)) == len(questions)
    assert not set(questions) & {fold(row.conversation.messages[0].content) for row in rows}


def test_a_faqs_rows_get_the_refusal_and_the_systems_message():
    rows = answered([(row.conversation.messages[0].content, "Call us.") for row in bank()], system="You are Acme's assistant.")
    for row in made(run(rows, refusal="Sorry, that is not my business.")):
        assert [turn.role for turn in row.messages] == ["system", "user", "assistant"]
        assert row.messages[0].content == "You are Acme's assistant."
        assert row.messages[-1].content == "Sorry, that is not my business."


@settings(max_examples=12)
@given(st.integers(20, 48), st.integers(0, 9), st.sampled_from([0.05, 0.1, 0.15]), st.integers(0, 3))
def test_the_share_holds_and_the_same_seed_gives_the_same_rows(count, outside, share, seed):
    rows = [*bank(count), *labelled([(f"who won match {i}", LABEL) for i in range(outside)], "more.csv")]
    found = made(run(rows, share=share, seed=seed))
    total = len(rows) + len(found)
    assert (outside + len(found)) / total >= share - 1 / total
    assert not found or (outside + len(found)) / total <= share + 1 / total
    assert found == made(run(rows, share=share, seed=seed))


def test_another_seed_gives_other_rows():
    assert {question(row) for row in made(run(bank(), seed=1))} != {question(row) for row in made(run(bank(), seed=2))}


def test_near_misses_stand_in_the_group_of_their_parent_and_name_their_neighbours():
    rows = [row.model_copy(update={"group": f"g{i % 5}", "cluster": None}) for i, row in enumerate(bank())]
    by_id = {row.id: row for row in rows}
    places = {f"{row.origin.file}:{row.origin.line}": row for row in rows}
    near = [row for row in made(run(rows, share=0.15, near_share=1.0)) if row.how != "far"]
    assert {"name", "slot", "attribute", "false_premise"} <= {row.how for row in near}
    for row in near:
        parent = by_id[row.details["parent"]]
        assert row.group == parent.group
        assert all(place in places for place in row.details["neighbours"].split())
    for row in near:
        if row.how != "near":
            assert places[row.details["neighbours"].split()[0]].id == row.details["parent"]
    assert max(Counter(row.details["parent"] for row in near if row.how in ("name", "slot")).values()) <= PER_PARENT


def test_a_parent_without_a_group_gives_its_own():
    row = next(row for row in made(run(bank(), share=0.15, near_share=1.0)) if row.how == "slot")
    assert row.group == f"row-{row.details['parent']}"


def test_what_the_user_may_be_asked_is_not_declined():
    rows = [*bank(), *labelled([("How do I get a refund for a train ticket?", "refund"), ("What is inflation?", "economy")])]
    found = run(rows, share=0.15)
    assert "what is inflation?" not in {fold(question(row)) for row in made(found)}
    assert {"known", "in_scope"} <= {one.reason for one in found if isinstance(one, Skipped)}


def test_topics_can_be_kept_for_oneself():
    found = made(run(bank(), share=0.15, kinds=("far",), not_topics=("cooking", "sport")))
    assert not {"cooking", "sport"} & {row.details["topic"] for row in found}
    with pytest.raises(BadProject, match="no such topic"):
        run(bank(), not_topics=("coking",))


def test_far_off_rows_come_from_many_topics():
    found = made(run(bank(), share=0.15, kinds=("far",)))
    assert len({row.details["topic"] for row in found}) == len(found), "no topic twice before each came once"
    assert all(row.group is None for row in found)
    assert {row.details["licence"] for row in found} <= {"Apache-2.0", "CC-BY-3.0"}


def test_counts_add_up_in_the_manifest():
    tally = Tally("outside", "questions", OutsideWishes(refusal=LABEL))
    found = list(make_outside(bank(), OutsideWishes(refusal=LABEL), None, Ears(), tally=tally))
    making = tally.making()
    assert making.read == len(found) == making.used + sum(making.problems.values())
    assert making.rows == sum(making.by_how.values()) == len(made(found))
    assert any("of the data" in reason for reason in making.reasons)


def test_when_there_is_not_enough_it_says_so():
    ears = Ears()
    rows = labelled([(f"Where is box number {i} of the {i} boxes?", "box") for i in range(9_000)])
    found = made(run(rows, ears, share=0.15, kinds=("far",)))
    assert len(found) < 900
    assert any("could be made" in one.text for one in ears.heard if isinstance(one, Note) and one.level == "warning")


def test_rows_in_another_language_get_a_warning():
    ears = Ears()
    rows = labelled([(f"Wo finde ich Formular {i} für meine Steuer?", "formular") for i in range(30)])
    run(rows, ears)
    assert any("English" in one.text for one in ears.heard if isinstance(one, Note) and one.level == "warning")


def test_shipped_questions_take_the_users_style():
    rows = labelled([(row.conversation.messages[0].content.lower().rstrip("?"), row.label) for row in bank()])
    for row in made(run(rows, share=0.15, kinds=("far", "near"))):
        assert question(row) == question(row).lower()
        assert question(row)[-1] not in "?.!"


def test_too_few_questions():
    with pytest.raises(NotEnoughData, match="too few questions"):
        run(bank(19))


def test_a_stop_is_heard():
    with pytest.raises(Interrupted):
        run(bank(), Ears(stops=True))


def test_nothing_is_made_where_there_is_enough():
    rows = [*bank(), *labelled([(f"who won match {i}", LABEL) for i in range(20)])]
    assert made(run(rows)) == []
