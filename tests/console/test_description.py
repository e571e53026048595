"""Requests made up from the OpenAPI description and against it: never an answer 5xx, always the one error body."""

from __future__ import annotations

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.console.conftest import put_model, serving
from tunesmith.console.configuration import Configuration

SECRET = "sk-of-the-description-test"
LIMIT = 20


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory):
    home = Path(tmp_path_factory.mktemp("described")) / "home"
    put_model(home, "tiny")
    with serving(home, Configuration(preset_key=SECRET)) as served:
        schema = schemathesis.openapi.from_url(f"{served.address}/openapi.json", headers={"authorization": f"Bearer {SECRET}"})
        ours = schema.exclude(tag="inference")  # these need an engine: they have tests of their own
        yield [found.ok() for found in ours.get_all_operations()]


@pytest.mark.long
def test_no_request_breaks_the_server(operations):
    assert len(operations) >= 20
    for operation in operations:
        ask(operation)


def ask(operation):
    """Send requests of both kinds, those that fit the description and those that do not."""

    @settings(max_examples=LIMIT, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=st.one_of(operation.as_strategy(), operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)))
    def send(case):
        answer = case.call(headers={"authorization": f"Bearer {SECRET}"})
        assert answer.status_code < 500, (case.as_curl_command(), answer.text)
        if answer.status_code >= 400:
            assert answer.json()["error"].keys() == {"message", "type", "param", "code"}

    send()
