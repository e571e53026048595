"""What is told without a model: only of the files that are examined, and of preferences only what contradicts."""

from __future__ import annotations

import json

from tests.data.examine.rows_of import read, table
from tests.ears import Ears
from tunesmith.data.examine.findings import findings
from tunesmith.data.examine.mechanical import Sides, suspicions
from tunesmith.data.examine.repetition import repetition
from tunesmith.spec.dataset import Source

WORDS = ("lion", "otter", "heron", "badger", "lynx", "viper", "moth", "stork", "bison", "mole", "newt", "hare")


def question(i):
    return f"why does the {WORDS[i % 12]} number {i * 37} sleep in the {WORDS[i * 5 % 12]} house {i * 91}"


def told(rows, files, against=()):
    return {one.kind: one for one in findings(suspicions(rows, Sides(files, against), repetition(rows, Ears()), None, Ears()), rows, files)}


def pairs(path, some):
    with path.open("w") as file:
        for asked, better, worse in some:
            file.write(json.dumps({"prompt": asked, "chosen": better, "rejected": worse}) + "\n")
    return Source(file=path.name)


def test_of_preferences_only_swapped_ones_contradict(tmp_path):
    some = [(question(i), f"a good answer about {i}", f"a bad answer about {i}") for i in range(30)]
    some += [(question(3), "a third answer", "a fourth answer"), (question(7), "a bad answer about 7", "A good  answer about 7")]
    found = told(read(tmp_path, pairs(tmp_path / "a.jsonl", some)), ("a.jsonl",))
    assert found["contradiction"].lines == (8, 32)
    assert "1 preferences contradict another one" in found["contradiction"].message
    assert found["contradiction"].proposed == ()


def test_labels_that_are_never_trained(tmp_path):
    train = table(tmp_path / "a.csv", [(question(i), "ab"[i % 2]) for i in range(60)])
    test = table(tmp_path / "t.csv", [(question(i), "abc"[i % 3]) for i in range(100, 160)])
    rows = read(tmp_path, train, test)
    assert "`c (20)`" in told(rows, ("a.csv",), ("t.csv",))["untrained_label"].message
    assert "untrained_label" not in told(rows, ("t.csv",), ("a.csv",))


def test_what_is_wrong_only_in_the_file_to_judge_with_is_not_told(tmp_path):
    train = table(tmp_path / "a.csv", [(question(i), "ab"[i % 2]) for i in range(60)])
    test = table(tmp_path / "t.csv", [(question(100) + " cafÃ©", "a"), (question(101) + " write to eve@mail.org", "b")])
    found = told(read(tmp_path, train, test), ("a.csv",), ("t.csv",))
    assert found.keys() & {"mojibake", "email", "control_characters"} == set()


def test_more_prompts_than_can_be_told_apart_are_not_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("tunesmith.data.spool.MAX_NAMES", 3)
    path = tmp_path / "a.jsonl"
    with path.open("w") as file:
        for i in range(60):
            system = [{"role": "system", "content": f"You know {WORDS[i % 12]}s."}] if i else []
            file.write(
                json.dumps({"messages": [*system, {"role": "user", "content": question(i)}, {"role": "assistant", "content": question(-i)}]}) + "\n"
            )
    assert told(read(tmp_path, Source(file="a.jsonl")), ("a.jsonl",))["system_prompt_missing"].lines == (1,)


def test_of_near_duplicates_those_made_of_a_row_are_told_apart(tmp_path):
    path = tmp_path / "a.jsonl"
    with path.open("w") as file:
        for i in range(30):
            for number, group in enumerate(("g", "g", "h") if i < 2 else ("g",)):
                asked = question(i).replace("e", "é", number) if number < 2 else question(i).replace("e", "", 1)
                turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": f"{question(-i)} and so on"}]
                file.write(json.dumps({"messages": turns, "group": f"{group}{i}"}) + "\n")
    found = told(read(tmp_path, Source(file="a.jsonl")), ("a.jsonl",))["near_duplicate"]
    assert found.lines == (2, 3, 5, 6)
    assert found.message.endswith("2 of them are in one group with the row they repeat, as paraphrases of it are")


def test_tools_are_no_system_prompt(tmp_path):
    path = tmp_path / "a.jsonl"
    with path.open("w") as file:
        for i in range(60):
            tools = [{"type": "function", "function": {"name": f"f{i % 7}"}}]
            turns = [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": question(i)},
                {"role": "assistant", "content": question(-i)},
            ]
            file.write(json.dumps({"messages": turns, "tools": tools}) + "\n")
    assert "several_system_prompts" not in told(read(tmp_path, Source(file="a.jsonl")), ("a.jsonl",)), "one prompt with several sets of tools"


def test_answers_that_break_off_are_one_finding_however_it_is_known(tmp_path):
    path = tmp_path / "a.jsonl"
    cut = ["The lion sleeps in the house of the heron and", "The lion sleeps in the house of the heron 3"]
    with path.open("w") as file:
        for i in range(60):
            answer = cut[i] if i < 2 else f"The lion sleeps in the house of number {i}.\n#### {i}"
            file.write(json.dumps({"prompt": question(i), "completion": answer}) + "\n")
    rows = read(tmp_path, Source(file="a.jsonl"))
    found = findings(suspicions(rows, Sides(("a.jsonl",)), repetition(rows, Ears()), None, Ears()), rows, ("a.jsonl",))
    (one,) = [one for one in found if one.kind == "truncated_answer"]
    assert one.lines == (1, 2)
    assert "58 of 60 answers have a last line" in one.message
    notes = [example.note for example in one.examples]
    assert notes == ["ends: …The lion sleeps in the house of the heron and", "the last line does not begin with `####`"]


def test_labels_spelt_in_several_ways_get_one_spelling(tmp_path):
    labels = ["card_lost"] * 30 + ["Card lost"] * 2 + ["pin"] * 30
    found = told(read(tmp_path, table(tmp_path / "a.csv", [(question(i), label) for i, label in enumerate(labels)])), ("a.csv",))
    assert (found["label_spelling"].lines, found["label_spelling"].renames) == ((32, 33), {"Card lost": "card_lost"})
