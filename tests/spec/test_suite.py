"""The nouns of evidence: every limit is read somewhere, is documented, and cannot be nonsense."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from tunesmith.spec import suite
from tunesmith.spec.noun import Noun
from tunesmith.spec.suite import SuiteLimits

SOURCES = "".join(path.read_text() for path in (Path(suite.__file__).parents[1] / "evaluate" / "suites").glob("*.py"))


@pytest.mark.parametrize("name", SuiteLimits.model_fields)
def test_every_limit_is_documented_and_read(name: str) -> None:
    assert SuiteLimits.model_fields[name].description
    assert re.search(rf"limits\.{name}\b", SOURCES)


@pytest.mark.parametrize(
    "wrong", [{"repeats": 1}, {"temperature": 3}, {"false_refusals": 0}, {"risk": 1.5}, {"train_rows": 0}, {"seed": -1}, {"unheard_of": 1}]
)
def test_limits_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        SuiteLimits.model_validate(wrong)


def test_every_noun_says_what_it_is() -> None:
    nouns = [thing for thing in vars(suite).values() if isinstance(thing, type) and issubclass(thing, Noun) and thing.__module__ == suite.__name__]
    assert len(nouns) > 12
    assert all(noun.__doc__ for noun in nouns)
