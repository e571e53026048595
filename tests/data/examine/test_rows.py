"""Every row that is read is among the rows or among the faults, and what was read once is not read again."""

import numpy as np

from tests.data.examine.rows_of import chats, read, table
from tunesmith.data.examine import noticed
from tunesmith.data.examine import rows as module
from tunesmith.spec.dataset import Source


def test_rows_in_are_rows_and_faults(tmp_path):
    path = tmp_path / "faq.jsonl"
    source = chats(path, [("Where is my card?", "In the post."), ("And now?", "Here.")])
    with path.open("a") as file:
        file.write('{"messages": [{"role": "bot", "content": "x"}]}\n{broken\n')
    rows = read(tmp_path, source)
    assert rows.read == {"faq.jsonl": 4}
    assert len(rows) == 2
    assert {(reason, tuple(fault.lines)) for (_, reason), fault in rows.faults.items()} == {("unknown_role", (3,)), ("bad_json", (4,))}


def test_what_was_read_is_found_again(tmp_path, monkeypatch):
    source = table(tmp_path / "a.csv", [(f"question number {i} of many", "ab"[i % 2]) for i in range(30)])
    first = read(tmp_path, source)
    monkeypatch.setattr(module, "read_plan", None)  # reading again would fail
    again = read(tmp_path, source)
    for name, values in vars(first.facts).items():
        assert np.array_equal(values, getattr(again.facts, name)), name
    for name in ("text_offsets", "shingle_offsets", "is_short", "maps"):
        assert np.array_equal(getattr(first.texts, name), getattr(again.texts, name)), name
    assert first.read == again.read
    assert first.spool.answers.texts == again.spool.answers.texts == ["a", "b"]
    assert again.texts.folded()[3] == "question number 3 of many"
    assert {row: one.conversation.messages[0].content for row, one in again.records(np.array([4])).items()} == {4: "question number 4 of many"}


def test_personal_data_in_a_named_column_is_found(tmp_path):
    text = "text,label,agent\n" + "".join(f"question number {i} of many,{'ab'[i % 2]},{'eve@mail.org' if i == 5 else 'nobody'}\n" for i in range(12))
    for folder, columns, expected in (("plain", (), []), ("named", ("agent",), [5])):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.csv").write_text(text)
        flags = read(tmp_path / folder, Source(file="a.csv", input="text", label="label", columns=columns)).flags
        assert (flags["email"].rows.tolist() if "email" in flags else []) == expected


def test_the_second_process_finds_what_this_one_finds(tmp_path, monkeypatch):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    texts = [(f"write to person{i}@mail.org about case {i}" if i % 3 == 0 else f"what about case {i}", "card" if i % 2 else "pin") for i in range(60)]
    alone = read(tmp_path / "one", table(tmp_path / "one" / "a.csv", texts))
    monkeypatch.setattr(noticed, "ALONE_ROWS", 0)
    monkeypatch.setattr(noticed, "BATCH_ROWS", 7)
    beside = read(tmp_path / "two", table(tmp_path / "two" / "a.csv", texts))
    assert alone.flags["email"].rows.tolist() == list(range(0, 60, 3))
    assert {kind: flagged.rows.tolist() for kind, flagged in beside.flags.items()} == {k: f.rows.tolist() for k, f in alone.flags.items()}
    assert [beside.languages[n] if n >= 0 else None for n in beside.language] == [alone.languages[n] if n >= 0 else None for n in alone.language]
