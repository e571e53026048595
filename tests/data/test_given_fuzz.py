"""check_given(): random, hostile and slightly spoilt files; none crashes it, hangs it or loses a row."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.given_examples import CALL, CHAT, DPO, PAIR, A, U, chat, check, lines
from tests.waiting import computing
from tunesmith.data.given import Given, GivenFault, Method
from tunesmith.data.given_words import MAX_PROBLEMS

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6) | st.sampled_from(["messages", "role", "content"]), inner, max_size=4)
    ),
    max_leaves=12,
)
keys = st.sampled_from(
    [
        "messages",
        "role",
        "content",
        "weight",
        "tools",
        "input",
        "prompt",
        "completion",
        "preferred_output",
        "non_preferred_output",
        "tool_calls",
        "name",
    ]
)
likely = st.recursive(
    st.sampled_from(["user", "assistant", "tool", "function", "system", "x", "", None, 0, 1, True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=20,
)
raw_lines = st.one_of(
    json_values.map(json.dumps), likely.map(json.dumps), st.dictionaries(keys, likely, max_size=5).map(json.dumps), st.text(max_size=30), st.sampled_from(["", "{", "[]", "﻿{}"])
)  # fmt: skip


def holds(folder: Path, data: bytes, method: Method) -> bool:
    """True if the file is sound: rows in are rows out. Else there is a fault that names the file and, but for what concerns all of it, a line."""
    count = sum(bool(line.strip()) for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"))
    found: Given | GivenFault
    try:
        found = check(folder, data, method)
    except GivenFault as fault:
        found = fault
    if isinstance(found, Given):
        records = list(found.records())
        assert count == found.rows == len(records)
        assert [record.origin.line for record in records] == sorted({record.origin.line for record in records})
        return True
    assert found.code in ("invalid_training_file", "invalid_n_examples")
    assert found.problems[0].where == "training_file"
    assert found.problems[0].got.startswith("line ") or "example(s)" in found.message or "is in the fine-tune" in found.message
    assert 1 <= len(found.problems) <= MAX_PROBLEMS
    json.dumps(found.to_json()).encode()
    return False


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=st.lists(raw_lines, max_size=14), method=st.sampled_from(["supervised", "dpo"]), sound=st.integers(0, 11))
def test_no_lines_crash_it(tmp_path, rows, method, sound):
    holds(tmp_path, "\n".join(rows).encode("utf-8", "surrogatepass") + b"\n" + lines(*[CHAT if method == "supervised" else DPO] * sound), method)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.binary(max_size=300), method=st.sampled_from(["supervised", "dpo"]))
def test_no_bytes_crash_it(tmp_path, data, method):
    holds(tmp_path, data, method)


SEEDS: tuple[tuple[Method, dict[str, Any]], ...] = (
    ("supervised", CHAT),
    ("supervised", PAIR),
    ("dpo", DPO),
    ("dpo", {"input": {"messages": [U], "tools": []}, "preferred_completion": [A], "non_preferred_completion": [{"role": "assistant", "refusal": "No"}]}),
    (
        "supervised",
        chat(
            {"role": "developer", "content": "Be short."}, U, {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "7"}]}, {**A, "weight": 1},
            tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}], parallel_tool_calls=False,
        ),
    ),
    ("supervised", chat(U, {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}, {"role": "function", "name": "f", "content": "1"}, A, functions=[{"name": "f"}])),
)  # fmt: skip
JUNK: tuple[Any, ...] = (None, True, 0, 1, -1, 2.5, 10**30, "", "x", "user", "assistant", [], [None], {}, {"role": "user"}, [[]], "\x00", "é" * 9)


def mutated(value: Any, luck: random.Random) -> Any:
    """`value` with one place in it replaced, removed, doubled or renamed."""
    if isinstance(value, dict) and value and luck.random() < 0.8:
        key = luck.choice(sorted(value))
        match luck.randrange(6):
            case 0:
                return {k: v for k, v in value.items() if k != key}
            case 1:
                return {(k + "s" if k == key else k): v for k, v in value.items()}
            case 2:
                return {**value, luck.choice(["weight", "name", "x", "tool_calls", "refusal"]): luck.choice(JUNK)}
            case _:
                return {**value, key: mutated(value[key], luck)}
    if isinstance(value, list) and value and luck.random() < 0.8:
        at = luck.randrange(len(value))
        match luck.randrange(5):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return [*value, value[at]]
            case _:
                return [*value[:at], mutated(value[at], luck), *value[at + 1 :]]
    return luck.choice(JUNK)


def test_five_thousand_files_near_sound_ones(tmp_path):
    luck = random.Random(4)
    sound = 0
    with computing(120):  # a few seconds on an idle machine
        for _ in range(5_000):
            method, seed = luck.choice(SEEDS)
            rows = [json.dumps(seed).encode()] * 9
            row: Any = seed
            for _ in range(luck.randrange(3)):
                row = mutated(row, luck)
            line = json.dumps(row).encode()
            if luck.random() < 0.2:
                at = luck.randrange(len(line))
                line = line[:at] + bytes([luck.randrange(256)]) * luck.randrange(3) + line[at + luck.randrange(2) :]
            rows.insert(luck.randrange(10), line)
            sound += holds(tmp_path, luck.choice([b"\n", b"\r\n"]).join(rows), method)
    assert 1_000 < sound < 4_000, "both outcomes are met often"


@pytest.mark.parametrize(("method", "row"), SEEDS)
def test_the_seeds_are_sound(tmp_path, method, row):
    assert len(list(check(tmp_path, lines(*[row] * 10), method).records())) == 10
