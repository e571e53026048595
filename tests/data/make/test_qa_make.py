"""Documents and a teacher on loopback become checked questions; what is not used is told, counts add up, and a killed run ends the same."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.data.make.little_teacher import LittleTeacher, Told, fail, say
from tests.data.make.test_qa_sections import passage
from tests.ears import Ears
from tunesmith.answer.remote import Remote
from tunesmith.data.make.qa_make import estimate, make_questions
from tunesmith.data.make.tally import Tally
from tunesmith.data.make.teacher import Teaching
from tunesmith.data.make.teacher_answers import Answers
from tunesmith.errors import Interrupted
from tunesmith.spec.making import Made
from tunesmith.spec.making_teacher import RemoteTeacher, TaughtWishes
from tunesmith.spec.passage import Passage, Skipped

ROOT = Path(__file__).resolve().parents[3]
FACTS = [
    "red parcels are sent by train on Mondays",
    "blue parcels are kept in hall 7 for two days",
    "green parcels may not weigh more than 31 kilograms",
]
PASSAGES = [
    *(passage(f"About the {fact.split()[0]} kind: {fact}. This has been so since the company was founded by the river.", "Parcels", fact.split()[0], line=10 * i) for i, fact in enumerate(FACTS, 1)),
    passage("Too short.", "Parcels", "end", line=90),
]  # fmt: skip


def told_about(body: dict[str, Any]) -> str:
    """The fact that a request is about."""
    return next(fact for fact in FACTS if fact in body["messages"][1]["content"])


def is_check(body: dict[str, Any]) -> bool:
    return "Question: " in body["messages"][1]["content"]


def good(body: dict[str, Any], number: int) -> Told:
    """A teacher who knows its trade: one good pair about each section."""
    fact = told_about(body)
    if is_check(body):
        return say(json.dumps({"is_answerable": True, "answer": f"The {fact}."}))
    return say(json.dumps({"pairs": [{"question": f"What is known of {fact.split()[0]} parcels?", "answer": f"That {fact}.", "quote": fact}]}))


def teaching(teacher: LittleTeacher, folder: Path, ears: Ears | None = None, **config: Any) -> Teaching:
    given = RemoteTeacher.model_validate({"base_url": teacher.url, "model": "little", **config})
    return Teaching(given, Remote(given), Answers(folder / "answers.jsonl"), ears or Ears())


def run(teacher: LittleTeacher, folder: Path, wishes: TaughtWishes | None = None, **options: Any) -> list[Made | Skipped]:
    return list(make_questions(options.pop("passages", PASSAGES), wishes or TaughtWishes(), teaching(teacher, folder), folder / "scratch", **options))


def reasons(found: list[Made | Skipped]) -> Counter[str]:
    return Counter(one.reason for one in found if isinstance(one, Skipped))


def test_a_row_for_every_good_pair(tmp_path):
    with LittleTeacher(good) as teacher:
        tally = Tally("teacher", "questions", TaughtWishes())
        found = run(teacher, tmp_path, TaughtWishes(system="Be kind."), tally=tally)
    rows = [one for one in found if isinstance(one, Made)]
    assert len(rows) == 3
    first = rows[0]
    assert first.messages is not None
    assert [("system", "Be kind."), ("user", "What is known of red parcels?"), ("assistant", f"That {FACTS[0]}.")] == [
        (m.role, m.content) for m in first.messages
    ]
    assert (first.source.file, first.source.line, first.source.heading, first.source.quote) == ("a.md", 10, "Parcels › red", FACTS[0])
    assert first.details["synthetic"] is True
    assert (first.how, first.details["teacher"], first.details["agreement"]) == ("teacher", "little", pytest.approx(0.94, abs=0.1))
    assert len({row.group for row in rows}) == 3
    assert reasons(found) == {"too_short": 1}
    making = tally.making()
    assert (making.read, making.used, making.rows, making.problems) == (4, 3, 3, {"too_short": 1})
    assert not (tmp_path / "scratch").exists()


def test_everything_that_is_rejected_is_told_and_counts_add_up(tmp_path):
    def pairs(fact: str) -> list[dict[str, str]]:
        colour = fact.split()[0]
        sound = {"question": f"What is known of {colour} parcels?", "answer": f"That {fact}.", "quote": fact}
        return [
            sound, sound | {"question": f"what is known of  {colour} parcels"}, sound | {"quote": "words that do not stand there"}, sound | {"question": "What does the passage say?"},
            sound | {"question": f"Who likes {colour} parcels best?"}, sound | {"question": f"How many {colour} parcels are there?", "answer": "There are 99 of them."},
        ]  # fmt: skip

    def rule(body: dict[str, Any], number: int) -> Told:
        fact = told_about(body)
        if fact.startswith("green"):
            return fail(400, "content policy")
        if is_check(body):
            is_known = "What is known" in body["messages"][1]["content"]
            return say(json.dumps({"is_answerable": is_known, "answer": f"The {fact}." if is_known else ""}))
        return say(json.dumps({"pairs": pairs(fact)})) if fact.startswith("red") else say(json.dumps({"pairs": []}))

    with LittleTeacher(rule) as teacher:
        found = run(teacher, tmp_path)
    assert reasons(found) == {
        "too_short": 1, "refused": 1, "no_question": 1, "duplicate": 1, "quote_not_found": 1, "refers_to_the_passage": 1, "not_answerable": 1, "number_not_found": 1,
    }  # fmt: skip
    assert len(found) == 1 + 8
    duplicate = next(one for one in found if isinstance(one, Skipped) and one.reason == "duplicate")
    assert "a.md line 10" in duplicate.message


def test_what_the_users_rows_ask_already_is_not_made(tmp_path):
    with LittleTeacher(good) as teacher:
        found = run(teacher, tmp_path, known=["What is known of RED parcels?", "Something else"])
        assert reasons(found) == {"too_short": 1, "known": 1}
        assert not any("red parcels?" in body["messages"][1]["content"] for body in teacher.heard if is_check(body)), "and not paid for twice"


def test_answers_that_differ_when_asked_again_are_dropped(tmp_path):
    def rule(body: dict[str, Any], number: int) -> Told:
        return (
            say('{"is_answerable": true, "answer": "The purple ones fly by night."}')
            if is_check(body) and "blue" in told_about(body)
            else good(body, number)
        )

    with LittleTeacher(rule) as teacher:
        assert reasons(run(teacher, tmp_path)) == {"too_short": 1, "answers_differ": 1}
        assert reasons(run(teacher, tmp_path, TaughtWishes(check_answers=False))) == {"too_short": 1}


def test_documents_in_which_equal_texts_stand_twice_are_asked_once(tmp_path):
    with LittleTeacher(good) as teacher:
        found = run(teacher, tmp_path, passages=[*PASSAGES, PASSAGES[0].model_copy(update={"headings": ("Parcels", "red")})])
        assert reasons(found) == {"too_short": 1, "duplicate": 1}
        assert len(teacher.heard) == 3 + 3


def test_the_estimate_is_an_upper_bound_and_shrinks_with_what_is_answered(tmp_path):
    wishes = TaughtWishes(per_section=2)
    with LittleTeacher(good) as teacher:
        before = estimate(PASSAGES, wishes, teaching(teacher, tmp_path, prompt_price=1.0, answer_price=1.0).config)
        assert (before.requests, before.already_answered) == (3 + 6, 0)
        assert before.cost == (before.prompt_tokens + before.answer_tokens) / 1_000_000
        assert teacher.heard == [], "nothing is asked for an estimate"
        run(teacher, tmp_path, wishes)
        assert len(teacher.heard) <= before.requests
        after = estimate(PASSAGES, wishes, teaching(teacher, tmp_path).config, teaching(teacher, tmp_path))
    assert (after.requests, after.already_answered, after.prompt_tokens) == (0, 6, 0)
    assert estimate(PASSAGES, TaughtWishes(check_answers=False), RemoteTeacher(base_url="https://x.org/v1", model="m")).requests == 3


def test_a_stop_between_requests_goes_on_later_without_asking_twice(tmp_path):
    ears = Ears()

    def rule(body: dict[str, Any], number: int) -> Told:
        ears.stops = number >= 3
        return good(body, number)

    with LittleTeacher(good) as teacher:
        whole = run(teacher, tmp_path / "whole")
        asked = len(teacher.heard)
    with LittleTeacher(rule) as teacher:
        given = RemoteTeacher(base_url=teacher.url, model="little", at_once=1)
        with pytest.raises(Interrupted):
            list(
                make_questions(
                    PASSAGES, TaughtWishes(), Teaching(given, Remote(given), Answers(tmp_path / "answers.jsonl"), ears), tmp_path / "scratch"
                )
            )
        assert whole == run(teacher, tmp_path)
        assert asked == len(teacher.heard)


CHILD = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.data.make.test_qa_make import PASSAGES
from tests.ears import Ears
from tunesmith.data.make.qa_make import make_questions
from tunesmith.data.make.teacher import Teaching
from tunesmith.data.make.teacher_answers import Answers
from tunesmith.answer.remote import Remote
from tunesmith.spec.making_teacher import RemoteTeacher, TaughtWishes
folder = Path({folder!r})
given = RemoteTeacher(base_url={url!r}, model="little", at_once=2)
for row in make_questions(PASSAGES, TaughtWishes(), Teaching(given, Remote(given), Answers(folder / "answers.jsonl"), Ears()), folder / "scratch"):
    print(row.model_dump_json(), flush=True)
"""


def test_a_run_that_is_killed_ends_with_the_same_rows_and_pays_once(tmp_path):
    counts: Counter[str] = Counter()

    def rule(body: dict[str, Any], number: int) -> Told:
        counts[re.sub(r"\s+", " ", body["messages"][1]["content"])] += 1
        told = good(body, number)
        return Told(told.body, wait_s=0.15)

    with LittleTeacher(good) as teacher:
        whole = [one.model_dump_json() for one in run(teacher, tmp_path / "whole")]
    with LittleTeacher(rule) as teacher:
        script = CHILD.format(root=str(ROOT), folder=str(tmp_path), url=teacher.url)
        for kill_after in (2, 4, None):
            with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
                while kill_after is not None and len(Answers(tmp_path / "answers.jsonl")) < kill_after and child.poll() is None:
                    time.sleep(0.01)
                if kill_after is not None:
                    child.send_signal(signal.SIGKILL)
                out, error = child.communicate()
            assert kill_after is not None or child.returncode == 0, error
    assert whole == out.splitlines()
    assert sum(counts.values()) <= 6 + 2 * 2, "at each kill what was on its way is asked again, nothing else"


def test_the_order_is_that_of_the_documents_however_answers_come(tmp_path):
    many = [
        Passage.model_validate(
            PASSAGES[i % 3].model_dump() | {"headings": ("Parcels", f"part {i}"), "text": PASSAGES[i % 3].text + f" Rule {i} of many."}
        )
        for i in range(12)
    ]

    def rule(body: dict[str, Any], number: int) -> Told:
        number_of = re.search(r"Rule (\d+) of", body["messages"][1]["content"])
        assert number_of is not None
        if is_check(body):
            return say(json.dumps({"is_answerable": True, "answer": f"rule {number_of[1]} holds here"}), wait_s=0.03 * (number % 4))
        pair = {
            "question": f"Which rule holds for case {'abcdefghijkl'[int(number_of[1])] * 6}?",
            "answer": f"rule {number_of[1]} holds here",
            "quote": f"Rule {number_of[1]} of many",
        }
        return say(json.dumps({"pairs": [pair]}), wait_s=0.03 * (number % 4))

    with LittleTeacher(rule) as teacher:
        found = run(teacher, tmp_path, passages=many)
    assert [f"Rule {i} of many" for i in range(12)] == [one.source.quote for one in found if isinstance(one, Made)]
