"""A row keeps everything that was not to be changed, in whatever format it stands."""

import pytest

from tunesmith.data.mend.plan import Step
from tunesmith.data.mend.row import mended, unfenced
from tunesmith.data.personal.redact import Placeholders
from tunesmith.spec.dataset import Source

CHAT = {"messages": [{"role": "user", "content": "cafÃ©?"}, {"role": "assistant", "content": "Write to eve@mail.org"}], "id": 7}
ROWS = [
    (Source(file="a", format="chat"), CHAT, lambda row: row["messages"][-1]["content"]),
    (Source(file="a", format="table", input="q", output="a"), {"q": "x", "a": "old", "n": "1"}, lambda row: row["a"]),
    (Source(file="a", format="table", input="q", label="l"), {"q": "x", "l": "old"}, lambda row: row["l"]),
    (Source(file="a", format="alpaca"), {"instruction": "x", "output": "old"}, lambda row: row["output"]),
    (Source(file="a", format="completion"), {"prompt": "x", "completion": "old"}, lambda row: row["completion"]),
    (
        Source(file="a", format="sharegpt"),
        {"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "old"}]},
        lambda row: row["conversations"][-1]["value"],
    ),
]


def mend(row, *steps, source=ROWS[0][0], renames=None):
    return mended(row, steps, source, renames or {}, Placeholders())


@pytest.mark.parametrize(("source", "row", "answer"), ROWS, ids=lambda v: getattr(v, "format", None))
def test_an_answer_is_replaced_in_every_format(source, row, answer):
    made, done = mend(row, Step("answer", "review", value="new"), source=source)
    assert answer(made) == "new"
    assert [(d.action, d.reason) for d in done] == [("answer", "review")]
    assert answer(row) != "new"  # the row that was read is not touched


def test_texts_are_repaired_and_the_rest_stays():
    made, done = mend(CHAT, Step("repair", "mojibake"))
    assert made == {**CHAT, "messages": [{"role": "user", "content": "café?"}, CHAT["messages"][1]]}
    assert [d.reason for d in done] == ["mojibake"]


def test_what_changes_nothing_is_not_told():
    assert mend({"messages": [{"role": "user", "content": "plain"}]}, Step("repair", "mojibake")) == (
        {"messages": [{"role": "user", "content": "plain"}]},
        [],
    )


def test_redaction_tells_kinds_and_never_values():
    made, done = mend(CHAT, Step("redact", "email"))
    assert made["messages"][1]["content"] == "Write to [EMAIL_1]"
    assert done[0].detail == "email"


def test_labels_get_their_spelling():
    row = {"q": "x", "l": "Card lost "}
    made, done = mend(row, Step("rename", "label_spelling"), source=ROWS[2][0], renames={"Card lost": "card_lost"})
    assert made == {"q": "x", "l": "card_lost"}
    assert done[0].detail == "`Card lost` → `card_lost`"


def test_a_label_in_a_fence_is_quoted_with_other_marks():
    made, done = mend(
        {"q": "x", "l": "```Card lost```"}, Step("rename", "label_spelling"), source=ROWS[2][0], renames={"```Card lost```": "card_lost"}
    )
    assert made["l"] == "card_lost"
    assert done[0].detail == '"```Card lost```" → `card_lost`'


def test_an_answer_by_hand_is_told_with_the_one_before_and_no_address():
    _, done = mend(CHAT, Step("answer", "review", value="card_lost"))
    assert done[0].detail.endswith('" → "card_lost"')
    assert done[0].detail.startswith('"Write to ')
    assert "eve@mail.org" not in done[0].detail


def test_a_fence_inside_an_answer_stays():
    assert unfenced("```\na\n```\nand\n```\nb\n```") == "```\na\n```\nand\n```\nb\n```"
