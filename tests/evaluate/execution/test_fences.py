"""The program or query in what a model wrote."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.evaluate.execution import fences
from tunesmith.evaluate.execution.fences import unfenced


def test_examples():
    assert doctest.testmod(fences).failed == 0


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("SELECT 1", "SELECT 1"), ("```\nSELECT 1\n```", "SELECT 1\n"), ("Sure:\n```python\nx = 1\ny = 2\n```\nDone.\n```\nz\n```", "x = 1\ny = 2\n"),
        ("~~~sql\nSELECT 1\n~~~", "SELECT 1\n"), ("```python\nx = 1", "x = 1"), ("<think>```a\nb\n```</think>\nSELECT 2", "SELECT 2"),
        ("x = '```'", "x = '```'"), ("", ""), ("````\n```\nx\n```\n````", "```\nx\n```\n"),
    ],
)  # fmt: skip
def test_by_hand(answer, expected):
    assert unfenced(answer) == expected


@given(st.text(max_size=60).filter(lambda text: "```" not in text and "~~~" not in text and "<think>" not in text))
def test_other_text_stays(text):
    assert unfenced(text) == text
