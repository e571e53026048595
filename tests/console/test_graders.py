"""Graders with the official client: checked, run, and judged by a model that says what the test wrote down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from tests.console.conftest import Served
from tests.console.scripted_engine import ScriptedEngine, error, listening, whole
from tunesmith.console.graders_grade import FLAGS

CHECK: Any = {"type": "string_check", "name": "c", "input": "{{ sample.output_text }}", "reference": "{{ item.answer }}", "operation": "eq"}
ALIKE: Any = {"type": "text_similarity", "name": "t", "input": "{{ sample.output_text }}", "reference": "{{ item.answer }}",
    "evaluation_metric": "fuzzy_match"}  # fmt: skip
JUDGE: Any = {"type": "score_model", "name": "s", "model": "tiny", "range": [0, 10],
    "input": [{"role": "system", "content": "You judge."}, {"role": "user", "type": "message",
        "content": {"type": "input_text", "text": "{{ item.answer }} or {{ sample.output_text }}?"}}],
    "sampling_params": {"temperature": 0.5, "top_p": 0.9, "seed": 3, "max_completions_tokens": 40}}  # fmt: skip
LABEL: Any = {"type": "label_model", "name": "l", "model": "tiny", "labels": ["good", "bad"], "passing_labels": ["good"],
    "input": [{"role": "user", "content": ["Is ", {"type": "output_text", "text": "{{ sample.output_text }}"}, " good?"]}]}  # fmt: skip


@pytest.fixture
def engine(served: Served) -> Iterator[ScriptedEngine]:
    with listening(ScriptedEngine(), served.console.engine_socket) as answering:
        yield answering


def run(client: OpenAI, grader: Any, text: str, **item: Any) -> Any:
    return client.fine_tuning.alpha.graders.run(grader=grader, model_sample=text, item=item)


def flags(result: Any) -> set[str]:
    return {name for name, value in result.metadata.errors.to_dict().items() if value is True}


def test_a_sound_grader_comes_back(client: OpenAI) -> None:
    for grader in (CHECK, ALIKE, JUDGE):
        found = client.fine_tuning.alpha.graders.validate(grader=grader).to_dict()["grader"]
        assert {key: found[key] for key in grader if key != "range"} == {key: grader[key] for key in grader if key != "range"}


@pytest.mark.parametrize(
    ("grader", "param", "code"),
    [
        (CHECK | {"operation": "is"}, "grader.operation", "invalid_value"),
        ({"type": "string_check"}, "grader.name", "missing_required_parameter"),
        (CHECK | {"input": "{{ nothing.x }}"}, "grader", "invalid_template"),
        (CHECK | {"typo": 1}, "grader.typo", "unknown_parameter"),
        ({"type": "python", "name": "p", "source": "def grade(sample, item): return 1.0"}, "grader.type", "unsupported_grader"),
        ({"type": "foo", "name": "p"}, "grader.type", "invalid_value"),
        ({"type": "multi", "name": "m", "graders": CHECK, "calculate_output": "__import__('os')"}, "grader", "invalid_formula"),
        (
            {"type": "multi", "name": "m", "graders": {"a": {"type": "python"}}, "calculate_output": "a"},
            "grader.graders.a.type",
            "unsupported_grader",
        ),
    ],
)
def test_an_unsound_one_is_refused(client: OpenAI, grader: Any, param: str, code: str) -> None:
    for method in (client.fine_tuning.alpha.graders.validate, lambda grader: run(client, grader, "x")):
        with pytest.raises(BadRequestError) as caught:
            method(grader=grader)
        assert (caught.value.param, caught.value.code) == (param, code)


def test_a_judge_that_is_not_there(client: OpenAI) -> None:
    with pytest.raises(NotFoundError, match="`nope` does not exist"):
        client.fine_tuning.alpha.graders.validate(grader=JUDGE | {"model": "nope"})


def test_texts_are_graded_without_a_model(client: OpenAI) -> None:
    result = run(client, CHECK, "Paris", answer="Paris")
    assert (result.reward, result.sub_rewards, result.metadata.name, result.metadata.type) == (1.0, {}, "c", "string_check")
    assert result.metadata.scores == {"c": 1.0}
    assert result.metadata.execution_time >= 0
    assert flags(result) == set()
    assert set(FLAGS) <= set(result.metadata.errors.to_dict())
    assert run(client, CHECK, "Rome", answer="Paris").reward == 0.0
    assert 0 < run(client, ALIKE, "Pariss", answer="Paris").reward < 1


@pytest.mark.parametrize("metric", ["bleu", "gleu", "meteor", "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5", "rouge_l"])
def test_every_metric_of_texts(client: OpenAI, metric: str) -> None:
    text = "one two three four five six"
    assert run(client, ALIKE | {"evaluation_metric": metric}, text, answer=text).reward > 0.99
    assert run(client, ALIKE | {"evaluation_metric": metric}, "zero", answer=text).reward == 0.0


def test_cosine_asks_the_embedding_model(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says([{"vectors": [[1.0, 0.0], [0.6, 0.8]], "tokens": 4}, {"end": {}}])
    result = run(client, ALIKE | {"evaluation_metric": "cosine"}, "a", answer="b")
    assert result.reward == pytest.approx(0.6)
    assert engine.last["inputs"] == ["a", "b"]
    assert result.to_dict()["model_grader_token_usage_per_model"] == {"tiny-embed": 4}


def test_a_judge_gives_a_number(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says(whole('{"result": ', "7.5}"))
    result = run(client, JUDGE, "Rome", answer="Paris")
    assert (result.reward, result.metadata.sampled_model_name, result.metadata.token_usage) == (7.5, "tiny", 10)
    asked = engine.last
    assert [message["role"] for message in asked["messages"]] == ["system", "user"]
    assert asked["messages"][1]["content"] == "Paris or Rome?"
    assert "between 0 and 10" in asked["messages"][0]["content"]
    assert {name: asked["sampling"][name] for name in ("temperature", "top_p", "seed", "max_tokens")} == {
        "temperature": 0.5, "top_p": 0.9, "seed": 3, "max_tokens": 40}  # fmt: skip
    assert asked["sampling"]["format"]["schema"]["properties"]["result"] == {"type": "number", "minimum": 0, "maximum": 10}


@pytest.mark.parametrize("said", ["no", "{}", '{"result": 11}', '{"result": true}', '{"result": "7"}', '{"result": 7'])
def test_a_judge_that_gives_none(client: OpenAI, engine: ScriptedEngine, said: str) -> None:
    engine.says(whole(said))
    result = run(client, JUDGE, "Rome", answer="Paris")
    assert (result.reward, flags(result)) == (0.0, {"model_grader_parse_error"})


def test_a_judge_that_fails(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says(error("unsupported", "cannot do this"))
    result = run(client, JUDGE, "Rome", answer="Paris")
    assert (result.reward, flags(result)) == (0.0, {"model_grader_server_error"})
    assert "cannot do this" in result.metadata.errors.to_dict()["model_grader_server_error_details"]


def test_a_label_is_chosen_among_the_labels(client: OpenAI, engine: ScriptedEngine) -> None:
    grader = {"type": "multi", "name": "m", "graders": {"l": LABEL, "c": CHECK}, "calculate_output": "(l + c) / 2"}
    engine.says(whole("good"))
    result = run(client, grader, "Rome", answer="Paris")
    assert (result.reward, result.sub_rewards) == (0.5, {"l": 1.0, "c": 0.0})
    assert engine.last["choices"] == ["good", "bad"]
    assert engine.last["messages"][-1]["content"] == "Is Rome good?"
    engine.says(whole("bad"))
    assert run(client, grader, "Paris", answer="Paris").reward == 0.5


@pytest.mark.parametrize(
    ("grader", "text", "flag"),
    [
        (CHECK | {"reference": "{{ item.nothing }}"}, "x", "invalid_variable_error"),
        (CHECK | {"input": "{{ sample.output_json.a }}"}, "no json", "sample_parse_error"),
        (CHECK | {"input": "{{ sample.output_json.a }}"}, '{"b": 1}', "invalid_variable_error"),
        ({"type": "multi", "name": "m", "graders": {"c": CHECK}, "calculate_output": "1 / c"}, "Rome", "formula_parse_error"),
        (ALIKE, "x" * 100_001, "other_error"),
    ],
)
def test_what_goes_wrong_with_a_sample_is_flagged(client: OpenAI, grader: Any, text: str, flag: str) -> None:
    result = run(client, grader, text, answer="Paris")
    assert (result.reward, flags(result)) == (0.0, {flag})


def test_json_in_the_sample(client: OpenAI) -> None:
    grader = CHECK | {"input": "{{ sample.output_json.answers[1].text }}"}
    assert run(client, grader, json.dumps({"answers": [{}, {"text": "Paris"}]}), answer="Paris").reward == 1.0


def test_what_has_no_effect_is_named(served: Served) -> None:
    grader = JUDGE | {"sampling_params": {"reasoning_effort": "low"}}
    answer = served.ask("POST", "/v1/fine_tuning/alpha/graders/validate", json={"grader": grader})
    assert (answer.status_code, answer.headers["x-tunesmith-ignored"]) == (200, "sampling_params.reasoning_effort")
    answer = served.ask("POST", "/v1/fine_tuning/alpha/graders/validate", json={"grader": CHECK, "foo": 1})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "foo")
