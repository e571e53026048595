"""A package that is not there is told with the command that installs it."""

from __future__ import annotations

import pytest

from tunesmith.data.make.packages import package
from tunesmith.errors import MissingDependency


def test_packages():
    assert package("json", "json", "x").loads("1") == 1
    with pytest.raises(MissingDependency, match="reading PDF needs the package no-such") as error:
        package("no_such_package", "no-such", "reading PDF")
    assert error.value.problems[0].fix == "pip install no-such"
