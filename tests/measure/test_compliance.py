"""Each check by examples that hold and examples that do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tunesmith.measure.compliance import COMMON, complies, holds, sentences
from tunesmith.spec.probe import Check, InstructionProbe

CHECK = TypeAdapter(Check)
CASES = [
    ({"kind": "words", "least": 2, "most": 3}, ["two words", "and three words", "— well said"], ["one", "one two three four"]),
    ({"kind": "characters", "most": 5}, ["12345", "  12345  "], ["123456"]),
    ({"kind": "sentences", "least": 2, "most": 2}, ["One. Two.", "Is it? It is", "Mr. Hill left. \"Why?\""], ["One.", "One. Two. Three.", "3.14 is pi."]),
    ({"kind": "lines", "least": 2, "most": 2}, ["a\nb", "a\n\nb\n"], ["a", "a\nb\nc"]),
    ({"kind": "paragraphs", "least": 2}, ["a\n\nb", "a\n \nb"], ["a\nb", "a"]),
    ({"kind": "bullets", "least": 2, "most": 2}, ["- a\n- b", "Here:\n* a\n• b"], ["- a", "-a\n-b", "**a**\n**b**"]),
    ({"kind": "numbered", "count": 2}, ["1. a\n2. b", "So:\n1) a\n2) b\nDone."], ["1. a", "1. a\n2. b\n3. c", "2. a\n1. b", "1.\n2."]),
    ({"kind": "separated", "by": ",", "count": 3}, ["a, b, c", "a,b,c."], ["a, b", "a, , c", "a, b, c, d"]),
    ({"kind": "includes", "texts": ["cat", "8:00"]}, ["A Cat at 8:00!"], ["cats at 8:00", "a cat at 18:00"]),
    ({"kind": "any_of", "texts": ["eight o'clock", "8 pm"]}, ["At eight o’clock.", "8 PM"], ["at eight"]),
    ({"kind": "excludes", "texts": ["hot"]}, ["a shot", "warm"], ["so Hot."]),
    ({"kind": "order", "texts": ["one", "two"]}, ["One, two", "one two one"], ["two one", "one", "two, one, two"]),
    ({"kind": "repeats", "text": "tick", "count": 2}, ["Tick, tick", "tick-tick"], ["tick", "tick tick tick", "ticks tick"]),
    ({"kind": "without", "characters": "zZ,"}, ["clean"], ["a, b", "Zoo"]),
    ({"kind": "begins", "text": "Yes"}, ["Yes, it is", "Yes"], ["Yesterday", "yes", "Oh, Yes"]),
    ({"kind": "begins", "text": "T"}, ["Tea", "T"], ["tea", "A T"]),
    ({"kind": "begins", "text": "#"}, ["# Cats", "#Cats"], ["Cats #"]),
    ({"kind": "ends", "text": "friend"}, ["a Friend.", "my friend", "\"my friend!\""], ["a boyfriend", "friends", "friend of mine"]),
    ({"kind": "ends", "text": "?"}, ["Why?", "\"Why?\"", "Why? "], ["Why", "Why?!"]),
    ({"kind": "wrapped", "left": "[", "right": "]"}, ["[Rome]"], ["Rome", "[Rome", "[Rome]."]),
    ({"kind": "wrapped", "left": "\"", "right": "\""}, ["“Ahoy!”", "\"Ahoy!\""], ["\"", "Ahoy"]),
    ({"kind": "case", "letters": "upper"}, ["STOP 1!", "ÄÖ"], ["Stop", "123"]),
    ({"kind": "case", "letters": "lower"}, ["stop 1!", "straße"], ["Stop", "123"]),
    ({"kind": "exactly", "texts": ["yes", "no"]}, ["Yes.", " no", "\"no\""], ["yes, it is", "nope"]),
    ({"kind": "number", "low": 10, "high": 20}, ["10", "15.5", "20."], ["9", "21", "15 apples", "fifteen"]),
    ({"kind": "pattern", "pattern": "\\d{2}:\\d{2}"}, ["07:30", " 07:30 "], ["7:30", "at 07:30"]),
    ({"kind": "json", "keys": ["a", "b"]}, ['{"b": 1, "a": null}', '```json\n{"a": 1, "b": 2}\n```'], ['{"a": 1}', '{"a": 1, "b": 2, "c": 3}', "[1]", "{a: 1, b: 2}"]),
    ({"kind": "json_list", "count": 2}, ["[1, 2]", '```\n["a", "b"]\n```'], ["[1]", '{"a": 1}', "1, 2"]),
    ({"kind": "language", "code": "es"}, ["Mi casa es grande y bonita."], ["My house is big.", "casa"]),
]  # fmt: skip


@pytest.mark.parametrize(("check", "good", "bad"), CASES, ids=[f"{case[0]['kind']}-{number}" for number, case in enumerate(CASES)])
def test_a_check_holds_where_it_should(check, good, bad) -> None:
    made = CHECK.validate_python(check)
    assert [text for text in good if not holds(made, text)] == []
    assert [text for text in bad if holds(made, text)] == []


def test_every_kind_of_check_is_tried() -> None:
    kinds = {schema["properties"]["kind"]["const"] for schema in CHECK.json_schema()["$defs"].values()}
    assert {case[0]["kind"] for case in CASES} == kinds


def test_all_checks_must_hold_and_silence_never_does() -> None:
    probe = InstructionProbe(id="i", ask="?", checks=(CHECK.validate_python({"kind": "excludes", "texts": ["hot"]}),))
    assert complies("warm", probe)
    assert not complies("  \n", probe)
    both = probe.model_copy(update={"checks": (*probe.checks, CHECK.validate_python({"kind": "words", "least": 2}))})
    assert not complies("warm", both)


@given(st.text(max_size=60), st.sampled_from([case[0] for case in CASES]))
def test_no_answer_breaks_a_check(text, check) -> None:
    made = CHECK.validate_python(check)
    assert holds(made, text) == holds(made, f"  {text}\n")


@given(st.lists(st.text(alphabet="abx ", min_size=1).filter(str.strip), min_size=1, max_size=8))
def test_sentences_are_counted_one_by_one(parts) -> None:
    assert sentences(" ".join(f"{part.strip()}." for part in parts)) == len(parts)


def test_the_words_of_a_language_are_its_own() -> None:
    for code, common in COMMON.items():
        most = max(len(common & other) for name, other in COMMON.items() if name != code)
        assert most < len(common) / 2, code
