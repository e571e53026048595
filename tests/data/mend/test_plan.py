"""What is done to a row follows from findings and decisions; what is undecided is told, all of it at once."""

import pytest

from tunesmith.data.mend.plan import Reviewed, plan
from tunesmith.errors import BadData, BadProject
from tunesmith.spec.finding import Examination, Finding, Place
from tunesmith.spec.mending import Decisions


def a(kind, lines, group="text", severity="mend", **more):
    return Finding(kind=kind, group=group, severity=severity, file="a", lines=tuple(lines), message=f"{kind}!", why="", evidence="", fix="", **more)


def examined(*findings):
    return Examination(files={"a": "0"}, rows={"a": 100}, fitness="fit", reasons=(), findings=findings)


def steps(made, line):
    return [(step.action, step.reason) for step in made.of("a", line)]


DUPLICATE = a("duplicate", [5, 9], "duplicates", is_mendable=True, clusters=((Place(file="a", line=2), Place(file="a", line=5)),))
EMAIL = a("email", [2, 5], "personal", "block")


def test_mendable_findings_are_mended_and_others_are_not():
    made = plan(examined(DUPLICATE, a("mojibake", [3], is_mendable=True), a("near_duplicate", [7], "duplicates", "review")), Decisions())
    assert [steps(made, line) for line in (2, 3, 5, 7, 9)] == [[], [("repair", "mojibake")], [("drop", "duplicate")], [], [("drop", "duplicate")]]
    assert made.of("a", 5)[0].detail == "of a line 2"


def test_a_dropped_row_is_not_changed_first():
    made = plan(examined(a("mojibake", [5], is_mendable=True), DUPLICATE), Decisions())
    assert steps(made, 5) == [("drop", "duplicate")]


def test_personal_data_stop_until_decided():
    with pytest.raises(BadData) as stopped:
        plan(examined(EMAIL), Decisions())
    assert [(p.where, p.message) for p in stopped.value.problems] == [("a line 2, 5", "email!")]
    assert "--personal redact" in stopped.value.problems[0].fix


@pytest.mark.parametrize(("decision", "action"), [("redact", "redact"), ("drop", "drop")])
def test_personal_data_decided(decision, action):
    assert steps(plan(examined(EMAIL), Decisions(personal=decision)), 2) == [(action, "email")]


def test_personal_data_kept_by_decision_are_counted():
    made = plan(examined(EMAIL), Decisions(personal="keep"))
    assert made.is_empty
    assert made.accepted == {"email": 2}


def test_contradictions_wait_for_a_decision():
    finding = a("contradiction", [1, 2, 3], "contradictions", "review", proposed=(2,))
    assert plan(examined(finding), Decisions()).is_empty
    assert steps(plan(examined(finding), Decisions(contradictions="proposed")), 2) == [("drop", "contradiction")]
    assert plan(examined(finding), Decisions(contradictions="proposed")).of("a", 1) == []
    assert steps(plan(examined(finding), Decisions(contradictions="drop")), 1) == [("drop", "contradiction")]


def test_a_person_overrules():
    reviewed = [Reviewed("a", 5, "keep"), Reviewed("a", 7, "answer", "card_lost"), Reviewed("a", 8, "drop")]
    made = plan(examined(DUPLICATE), Decisions(), reviewed)
    assert [steps(made, line) for line in (5, 7, 8, 9)] == [[], [("answer", "review")], [("drop", "review")], [("drop", "duplicate")]]
    assert made.of("a", 7)[0].value == "card_lost"


def test_kinds_are_dropped_or_left_by_name():
    near = a("near_duplicate", [7], "duplicates", "review")
    made = plan(examined(DUPLICATE, near), Decisions(drop=("near_duplicate",), skip=("duplicate",)))
    assert (steps(made, 7), steps(made, 5)) == ([("drop", "near_duplicate")], [])


def test_unknown_kinds_are_told_at_once_with_the_nearest():
    with pytest.raises(BadProject) as stopped:
        plan(examined(DUPLICATE), Decisions(drop=("duplicat",), skip=("nonsense",)))
    assert [(p.got, p.fix) for p in stopped.value.problems] == [
        ("duplicat", "write duplicate"),
        ("nonsense", "leave it out; `tunesmith data check` lists the kinds that were found"),
    ]


def test_to_keep_a_row_leaves_no_personal_data_in_it():
    reviewed = [Reviewed("a", 2, "keep"), Reviewed("a", 9, "keep")]
    made = plan(examined(DUPLICATE, EMAIL), Decisions(personal="redact"), reviewed)
    assert steps(made, 2) == [("redact", "email")]
    assert steps(made, 9) == []


def test_personal_data_that_are_passed_over_are_counted_as_kept():
    made = plan(examined(EMAIL, DUPLICATE), Decisions(skip=("email",)))
    assert made.accepted == {"email": 2}
    assert steps(made, 2) == []
