"""How many of the shipped probes are asked."""

import pytest

from tunesmith.probes.load import probes
from tunesmith.spec.forgetting import ProbeLimits


@pytest.mark.parametrize(
    ("limits", "share"), [({}, 1.0), ({"questions": 10_000, "instructions": 10_000}, 1.0), ({"questions": 1, "instructions": 1}, 0.0)]
)
def test_the_share_of_the_probes(limits, share):
    assert ProbeLimits(**limits).share(probes()) == pytest.approx(share, abs=0.01)


def test_half_of_one_kind_is_a_quarter():
    half = len(probes().choices) // 2
    assert ProbeLimits(questions=half).share(probes()) == pytest.approx(0.75, abs=0.01)
