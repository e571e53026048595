"""The replay of a plan: what differs between two proofs, and what a verification says."""

from __future__ import annotations

import json

import pytest

from bench.replay import Home, told, unlike
from tests.evaluate.test_certificate import made
from tunesmith.spec.certificate import Certificate


def test_every_statement_counts() -> None:
    one = made()
    assert unlike(one, made()) == []
    entrant = one.proof.entrants[0].model_copy(update={"answers": "e" * 64})
    [place] = unlike(one, changed(one, entrants=(entrant, *one.proof.entrants[1:])))
    assert place.startswith("entrants[0].answers: ")
    assert unlike(one, changed(one, rerun="another")) == [f'rerun: "{one.proof.rerun}" is stated, "another" was found']


def changed(certificate: Certificate, **values: object) -> Certificate:
    return Certificate.of(certificate.proof.model_copy(update=values), certificate.clock)


def test_a_verification_is_told_with_what_differs() -> None:
    checks = [{"topic": "the rows", "outcome": "holds", "detail": ""}, {"topic": "the verdict", "outcome": "differs", "detail": "p is another"}]
    assert told(1, json.dumps({"checks": checks}).encode()) == "1 holds, 1 differs\n    the verdict: p is another"
    assert told(3, b"") == "exit code 3"


def test_a_run_that_fails_ends_it(tmp_path) -> None:
    with pytest.raises(SystemExit, match="exit code 2"):
        Home(tmp_path, "first").certified("nowhere/project.toml")
    assert "nowhere/project.toml" in (tmp_path / "first.log").read_text()
