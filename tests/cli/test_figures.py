"""The examples in the docstrings, which show every form a figure takes."""

from __future__ import annotations

import doctest
from typing import get_args

import pytest

from tunesmith.cli import curves, examples, figures, follow, ledger, screen
from tunesmith.cli.figures import interval, number
from tunesmith.spec import project
from tunesmith.spec.report import Metric
from tunesmith.spec.task import MetricName


@pytest.mark.parametrize("module", [curves, examples, figures, follow, ledger, screen, project], ids=lambda m: m.__name__)
def test_the_examples_hold(module):
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)


def test_what_is_no_number_is_a_dash():
    assert number(float("nan"), "exact_match") == "–"
    assert interval(Metric(value=3.5, low=3, high=4, n=9, method="bca"), "perplexity") == "3.50 [3.00, 4.00]"


def test_every_metric_has_a_title():
    assert set(figures.TITLES) == set(get_args(MetricName))
    assert figures.title("tests_passed") == "tests passed"
