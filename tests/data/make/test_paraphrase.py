"""Paraphrases: as many as were wanted or a reason for each, numbers names and negations kept, marked, grouped, the same for the same seed."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.make.little_teacher import LittleTeacher, fail, say
from tests.data.make.rows_of import FRAMES, THINGS, answered, bank, labelled
from tests.ears import Ears
from tunesmith.answer.remote import Remote
from tunesmith.data.fold import fold
from tunesmith.data.make.paraphrase import CHANGES, KINDS, likeness, make_paraphrases
from tunesmith.data.make.paraphrase_kept import kept
from tunesmith.data.make.paraphrase_teacher import estimate
from tunesmith.data.make.tally import Tally
from tunesmith.data.make.teacher import Teaching
from tunesmith.data.make.teacher_answers import Answers
from tunesmith.errors import BadProject, Interrupted
from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.job import Note
from tunesmith.spec.making import Made
from tunesmith.spec.making_teacher import ParaphraseWishes, RemoteTeacher
from tunesmith.spec.passage import Skipped

MORE = st.lists(
    st.tuples(st.sampled_from(FRAMES), st.sampled_from([*THINGS, "Visa card", "3 cards", "E15 error", "card, which I never got,"])).map(lambda pair: pair[0].format(pair[1])),
    min_size=1, max_size=6, unique=True,
)  # fmt: skip


def run(rows, ears=None, embed=None, teaching=None, **wishes):
    return list(make_paraphrases(rows, ParaphraseWishes.model_validate(wishes), ears or Ears(), embed, teaching))


def made(found):
    return [one for one in found if isinstance(one, Made)]


def question(row):
    return next(turn.content for turn in row.messages if turn.role == "user")


@given(MORE, st.integers(1, 4), st.sampled_from(["light", "medium", "strong"]), st.integers(0, 5))
def test_every_wanted_paraphrase_comes_out_once_and_keeps_what_it_must(questions, per_row, strength, seed):
    rows = labelled([(text, "label") for text in questions])
    by_id = {row.id: row for row in rows}
    found = run(rows, per_row=per_row, strength=strength, seed=seed)
    assert len(found) == per_row * len(rows)
    folded = Counter(fold(question(row)) for row in made(found))
    assert not folded or max(folded.values()) == 1
    assert not set(folded) & {fold(text) for text in questions}
    for row in made(found):
        parent = by_id[row.details["parent"]]
        assert kept(parent.conversation.messages[0].content, question(row))
        assert (row.messages[-1], row.group) == (parent.conversation.messages[-1], f"row-{parent.id}")
        assert 1 <= len(row.details["kinds"].split("+")) <= max(CHANGES[strength])
        assert row.details["synthetic"] is True
    assert found == run(rows, per_row=per_row, strength=strength, seed=seed)


def test_many_rows_can_be_said_otherwise():
    found = run(bank(), per_row=3, strength="medium")
    assert len(made(found)) > 0.95 * 3 * 48
    assert set(KINDS) - {"phrase", "contraction", "order"} <= {kind for row in made(found) for kind in row.details["kinds"].split("+")}


def test_only_the_kinds_that_are_wished():
    found = made(run(bank(), kinds=("typo",), strength="light"))
    assert {row.details["kinds"] for row in found} == {"typo"}
    with pytest.raises(BadProject, match="no such change"):
        run(bank(), kinds=("typos",))


def test_the_system_message_and_the_group_stay():
    rows = [row.model_copy(update={"group": "thread 7"}) for row in answered([("How do I pay?", "In cash.")], system="Be kind.")]
    (row,) = made(run(rows))
    assert [turn.content for turn in row.messages if turn.role != "user"] == ["Be kind.", "In cash."]
    assert row.group == "thread 7"
    assert (row.source.file, row.source.line, row.how) == ("faq.jsonl", 1, "rules")


def test_rare_labels_are_filled_up_their_rows_in_turn():
    rows = labelled([(f"How do I pay invoice {i}?", "common") for i in range(9)] + [(f"Can I cancel order {i}?", "rare") for i in range(3)])
    found = made(run(rows, balance_to=8, per_row=4))
    assert Counter(row.messages[-1].content for row in found) == {"rare": 5}
    assert sorted(Counter(row.details["parent"] for row in found).values(), reverse=True) == [2, 2, 1]
    assert len(made(run(rows, balance_to=100, per_row=1))) == 12
    with pytest.raises(BadProject, match="no labels"):
        run(answered([("How do I pay?", "In cash.")]), balance_to=5)


def test_who_cannot_get_as_many_is_told_what_would_give_them():
    rows = labelled([(f"How do I pay invoice {i}?", "common") for i in range(12)] + [(f"Can I cancel order {i}?", "rare") for i in range(3)])
    ears = Ears()
    run(rows, ears, balance_to=12, per_row=1)
    (note,) = [one for one in ears.heard if isinstance(one, Note)]
    assert (note.level, note.text) == ("warning", "`rare (6)` cannot get 12 rows with 1 for each row: --per-row 3 would")
    quiet = Ears()
    run(rows, quiet, balance_to=12, per_row=3)
    assert not any(isinstance(one, Note) for one in quiet.heard)


def test_marks_and_capitals_alone_are_no_other_words():
    kinds = [set(row.details["kinds"].split("+")) for row in made(run(bank(), per_row=3, strength="light"))]
    assert len(kinds) > 100
    assert not any(some <= {"punctuation", "casing"} for some in kinds)
    (row,) = made(run(labelled([("How do I pay?", "x")]), kinds=("punctuation",)))
    assert row.details["kinds"] == "punctuation"


def test_rows_that_are_not_one_question_are_passed_over():
    talk = Conversation(
        messages=tuple(
            Message(role=role, content=text)
            for role, text in (("user", "Hi"), ("assistant", "Yes?"), ("user", "How do I pay?"), ("assistant", "In cash."))
        )
    )
    rows = [row.model_copy(update={"conversation": talk}) for row in answered([("x", "y")])]
    rows += answered([("word " * 200, "long")])
    found = run(rows, per_row=2)
    assert [one.reason for one in found if isinstance(one, Skipped)] == ["not_one_question"] * 2 + ["too_long"] * 2
    assert len(found) == 4


def test_other_languages_get_noise_only_and_are_told():
    ears = Ears()
    rows = labelled([("Wie kann ich meine Karte sperren?", "sperren")])
    (row,) = made(run(rows, ears, language="de", strength="strong"))
    assert set(row.details["kinds"].split("+")) <= {"typo", "casing", "punctuation"}
    assert any("English only" in one.text for one in ears.heard if isinstance(one, Note))
    with pytest.raises(BadProject, match="language de"):
        run(rows, language="de", kinds=("frame",))


def test_what_lies_too_far_away_in_meaning_is_dropped():
    rows = labelled([(text, "x") for text in ("How do I pay?", "Can I cancel it?")])

    def embed(texts):
        return np.asarray([[1.0, 0.0] if "pay" in text.lower() or text == "Can I cancel it?" else [0.6, 0.8] for text in texts], np.float32)

    found = run(rows, embed=embed, kinds=("politeness",), strength="light")
    assert [type(one) for one in found] == [Made, Skipped]
    assert found[0].details["similarity"] == 1.0
    assert found[1].reason == "meaning"
    assert "0.60" in found[1].message


def test_likeness_can_be_bounded():
    found = run(bank(), max_likeness=0.5, per_row=2)
    by_id = {row.id: row for row in bank()}
    for row in made(found):
        assert likeness(question(row), by_id[row.details["parent"]].conversation.messages[0].content) <= 0.5
    assert len(found) == 96


def test_counts_add_up_in_the_manifest():
    tally = Tally("paraphrases", "paraphrases", ParaphraseWishes())
    found = list(make_paraphrases(bank(), ParaphraseWishes(per_row=2), Ears(), tally=tally))
    making = tally.making()
    assert making.read == len(found) == 96 == making.used + sum(making.problems.values())


def test_a_stop_is_heard():
    with pytest.raises(Interrupted):
        run(bank(), Ears(stops=True))


def test_by_a_teacher(tmp_path):
    def rule(body, number):
        text = body["messages"][1]["content"]
        if "password" in text:
            return fail(413)
        return say(json.dumps({"paraphrases": [f"Tell me: {text}", text.upper(), f"{text} And 5 more?"]}))

    rows = bank(6)
    with LittleTeacher(rule) as teacher:
        given_ = RemoteTeacher(base_url=teacher.url, model="little")
        teaching = Teaching(given_, Remote(given_), Answers(tmp_path / "answers.jsonl"), Ears())
        expected = estimate([row.conversation.messages[0].content for row in rows], [4] * 6, ParaphraseWishes(), given_, teaching)
        found = run(rows, per_row=4, teaching=teaching)
        assert expected.requests == 6
    reasons = Counter(one.reason for one in found if isinstance(one, Skipped))
    assert len(found) == 24
    assert reasons == {"too_long": 4, "repeats": 5, "not_kept": 5, "too_few": 5}
    assert all(row.how == "teacher" and row.details["teacher"] == "little" for row in made(found))
    assert len(made(found)) == 5
