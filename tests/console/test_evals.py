"""Evals, runs and output items with the official client, against an engine that says what the test wrote down."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from tests.console.conftest import Served, serving
from tests.console.scripted_engine import FOR_EVER, ScriptedEngine, calls, end, error, listening, whole
from tests.console.test_graders import CHECK, LABEL
from tests.waiting import until
from tunesmith.console.configuration import Configuration

SCHEMA: Any = {"type": "object", "properties": {"q": {"type": "string"}, "answer": {"type": "string"}}, "required": ["q", "answer"]}
CONFIG: Any = {"type": "custom", "item_schema": SCHEMA, "include_sample_schema": True}
ROWS: Any = [{"item": {"q": f"{i}", "answer": f"a{i}"}} for i in range(5)]
TEMPLATE: Any = {"type": "template", "template": [{"role": "developer", "content": "Answer."}, {"role": "user", "content": "Q: {{ item.q }}"}]}
TOOL: Any = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
FINAL = {"completed", "failed", "canceled"}


@pytest.fixture
def engine(served: Served) -> Iterator[ScriptedEngine]:
    with listening(ScriptedEngine(), served.console.engine_socket) as answering:
        yield answering


def make(client: OpenAI, *criteria: Any, **more: Any) -> Any:
    return client.evals.create(name="e", data_source_config=CONFIG, testing_criteria=list(criteria or (CHECK,)), **more)


def content(rows: Any = ROWS) -> Any:
    return {"type": "file_content", "content": rows}


def completions(source: Any = None, **more: Any) -> Any:
    return {"type": "completions", "source": source or content(), "model": "tiny", "input_messages": TEMPLATE} | more


def begin(client: OpenAI, name: str, source: Any = None, **more: Any) -> Any:
    return client.evals.runs.create(name, name="r", data_source=source or completions(), **more)


def wait(client: OpenAI, run: Any, states: set[str] = FINAL) -> Any:
    return until(lambda: found if (found := client.evals.runs.retrieve(run.id, eval_id=run.eval_id)).status in states else None)


def items(client: OpenAI, run: Any, **more: Any) -> list[Any]:
    return list(client.evals.runs.output_items.list(run.id, eval_id=run.eval_id, **more))


def asked(engine: ScriptedEngine, text: str) -> bool:
    """Whether the engine was asked this."""
    return any(request["op"] == "chat" and request["messages"][-1]["content"] == text for request in engine.heard)


def right_but_for(*wrong: str) -> Any:
    """A reply that knows the answer to every question but these."""

    def reply(request: Any) -> list[Any]:
        if request["op"] != "chat":
            return error("unsupported")
        question = request["messages"][-1]["content"].removeprefix("Q: ")
        return whole("?" if question in wrong else f"a{question}")

    return reply


def test_an_eval_is_made_changed_listed_and_deleted(client: OpenAI, served: Served) -> None:
    answer = served.ask("POST", "/v1/evals", json={"name": "e", "data_source_config": CONFIG, "testing_criteria": [CHECK]})
    assert answer.status_code == 201
    made = client.evals.retrieve(answer.json()["id"])
    assert (made.object, made.name, made.id[:5], made.metadata) == ("eval", "e", "eval_", {})
    schema: Any = made.data_source_config.to_dict()["schema"]
    assert (schema["properties"]["item"], schema["required"]) == (SCHEMA, ["item", "sample"])
    assert made.testing_criteria[0].to_dict() == CHECK
    other = make(client, metadata={"a": "b"})
    assert [one.id for one in client.evals.list(limit=1)] == [made.id, other.id]
    assert [one.id for one in client.evals.list(order="desc")] == [other.id, made.id]
    changed = client.evals.update(made.id, name="f", metadata={"c": "d"})
    assert (changed.name, changed.metadata) == ("f", {"c": "d"})
    assert client.evals.update(made.id, metadata={}).name == "f"
    assert [one.id for one in client.evals.list(order_by="updated_at")] == [other.id, made.id]
    gone = client.evals.delete(made.id)
    assert (gone.object, gone.deleted, gone.eval_id) == ("eval.deleted", True, made.id)
    for act in (client.evals.retrieve, client.evals.delete):
        with pytest.raises(NotFoundError):
            act(made.id)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"data_source_config": {"type": "logs"}}, "data_source_config.type"),
        ({"data_source_config": {"type": "custom"}}, "data_source_config.item_schema"),
        ({"data_source_config": {"type": "custom", "item_schema": {"type": "nope"}}}, "data_source_config.item_schema"),
        ({"data_source_config": {"type": "custom", "item_schema": {"$ref": "http://127.0.0.1:1/x"}}}, "data_source_config.item_schema"),
        ({"data_source_config": {"type": "custom", "item_schema": {"$ref": "file:///etc/passwd"}}}, "data_source_config.item_schema"),
        ({"testing_criteria": []}, "testing_criteria"),
        ({"testing_criteria": [{"type": "python", "name": "p", "source": "x"}]}, "testing_criteria[0].type"),
        ({"testing_criteria": [{**CHECK, "type": "text_similarity", "operation": "eq"}]}, "testing_criteria[0].evaluation_metric"),
        ({"testing_criteria": [CHECK, {**CHECK, "input": "{{ x }}"}]}, "testing_criteria[1]"),
        ({"metadata": {"k": "v" * 600}}, "metadata.k"),
        ({"typo": 1}, "typo"),
    ],
)
def test_what_is_no_eval(served: Served, change: Any, param: str) -> None:
    body = {"data_source_config": CONFIG, "testing_criteria": [CHECK]} | change
    answer = served.ask("POST", "/v1/evals", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.json()


def test_similarity_needs_its_threshold(served: Served) -> None:
    alike = {"type": "text_similarity", "name": "t", "input": "a", "reference": "b", "evaluation_metric": "bleu"}
    answer = served.ask("POST", "/v1/evals", json={"data_source_config": CONFIG, "testing_criteria": [alike]})
    assert answer.json()["error"]["param"] == "testing_criteria[0].pass_threshold"


def test_a_model_answers_and_is_judged(client: OpenAI, engine: ScriptedEngine, served: Served) -> None:
    engine.reply = right_but_for("2")
    alike: Any = {"type": "text_similarity", "name": "t", "input": "{{ sample.output_text }}", "reference": "{{ item.answer }}",
        "evaluation_metric": "fuzzy_match", "pass_threshold": 0.0}  # fmt: skip
    made = make(client, CHECK, alike)
    body = {"data_source": completions(sampling_params={"temperature": 0.25, "seed": 7, "top_p": 0.5, "max_completion_tokens": 9})}
    answer = served.ask("POST", f"/v1/evals/{made.id}/runs", json=body)
    fresh = answer.json()
    assert answer.status_code == 201
    assert (fresh["object"], fresh["eval_id"], fresh["model"], fresh["error"]) == ("eval.run", made.id, "tiny", None)
    assert fresh["report_url"].endswith(f"/v1/evals/{made.id}/runs/{fresh['id']}")
    assert (fresh["per_model_usage"], fresh["per_testing_criteria_results"]) == (None, None)
    assert fresh["result_counts"] == {"total": 0, "errored": 0, "failed": 0, "passed": 0}
    run = wait(client, client.evals.runs.retrieve(fresh["id"], eval_id=made.id))
    assert run.status == "completed"
    assert run.result_counts.to_dict() == {"total": 5, "errored": 0, "failed": 1, "passed": 4}
    assert [one.to_dict() for one in run.per_testing_criteria_results] == [
        {"testing_criteria": "c", "passed": 4, "failed": 1}, {"testing_criteria": "t", "passed": 5, "failed": 0}]  # fmt: skip
    [usage] = [one.to_dict() for one in run.per_model_usage]
    assert usage == {"model_name": "tiny", "invocation_count": 5, "prompt_tokens": 35, "completion_tokens": 15, "total_tokens": 50,
        "cached_tokens": 10}  # fmt: skip
    found = items(client, run)
    assert [one.datasource_item_id for one in found] == [0, 1, 2, 3, 4]
    assert [one.status for one in found] == ["pass", "pass", "fail", "pass", "pass"]
    one = found[2]
    assert (one.object, one.eval_id, one.run_id, one.datasource_item) == ("eval.run.output_item", made.id, run.id, {"q": "2", "answer": "a2"})
    assert next((result.name, result.type, result.score, result.passed) for result in one.results) == ("c", "string-check-grader", 0.0, False)
    assert one.sample.output[0].content == "?"
    assert [message.to_dict() for message in one.sample.input] == [{"role": "developer", "content": "Answer."}, {"role": "user", "content": "Q: 2"}]
    assert (one.sample.temperature, one.sample.seed, one.sample.top_p, one.sample.max_completion_tokens) == (0.25, 7, 0.5, 9)
    assert one.sample.usage.total_tokens == 10
    heard = [request["sampling"] for request in engine.heard if request["op"] == "chat"]
    assert {(one["temperature"], one["seed"], one["top_p"], one["max_tokens"]) for one in heard} == {(0.25, 7, 0.5, 9)}
    assert client.evals.runs.output_items.retrieve(one.id, eval_id=made.id, run_id=run.id).to_dict() == one.to_dict()
    assert [one.datasource_item_id for one in items(client, run, status="fail")] == [2]
    assert [one.datasource_item_id for one in items(client, run, order="desc", limit=2)] == [4, 3, 2, 1, 0]
    assert not list((served.console.store.home / "evals").iterdir())


def test_rows_that_bring_their_answers(client: OpenAI, engine: ScriptedEngine) -> None:
    reply = client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "x"}])
    rows = [
        {"item": {"q": "", "answer": "Hello."}, "sample": reply.model_dump()},
        {"item": {"q": "", "answer": "x"}, "sample": {"output_text": "x"}},
        {"item": {"q": "", "answer": "x"}, "sample": {"output_text": "y"}},
        {"item": {"q": "", "answer": "x"}},
    ]
    path = dict(CHECK, name="p", input="{{ sample.choices[0].message.content }}")
    made = make(client, CHECK, path)
    run = wait(client, begin(client, made.id, {"type": "jsonl", "source": content(rows)}))
    found = items(client, run)
    assert [[result.passed for result in one.results] for one in found] == [[True, True], [True, False], [False, False], [False, False]]
    assert run.result_counts.to_dict() == {"total": 4, "errored": 3, "failed": 0, "passed": 1}
    assert found[3].results[0].to_dict()["error"]["code"] == "invalid_variable_error"
    assert found[0].sample.model == "tiny"
    assert run.per_model_usage == []


def test_rows_from_a_file(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.reply = right_but_for()
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    file = client.files.create(file=("rows.jsonl", lines.encode()), purpose="evals")
    made = make(client)
    run = begin(client, made.id, completions({"type": "file_id", "id": file.id}))
    client.files.delete(file.id)
    assert wait(client, run).result_counts.passed == 5
    assert run.data_source.to_dict()["source"] == {"type": "file_id", "id": file.id}
    bad = client.files.create(file=("rows.jsonl", (lines + '{"q": 1}\n').encode()), purpose="evals")
    with pytest.raises(BadRequestError, match="Line 6") as caught:
        begin(client, made.id, completions({"type": "file_id", "id": bad.id}))
    assert caught.value.param == "data_source.source.id"
    with pytest.raises(BadRequestError, match="No such File"):
        begin(client, made.id, completions({"type": "file_id", "id": "file-nothing"}))


@pytest.mark.parametrize(
    ("source", "param", "words"),
    [
        (completions(content([ROWS[0], {"item": {"q": 1, "answer": "x"}}])), "data_source", "row 2, item.q"),
        (completions(content([{"item": {"q": "x"}}])), "data_source", "answer"),
        (completions(content([])), "data_source.source.content", "empty"),
        (
            completions(input_messages={"type": "template", "template": [{"role": "user", "content": "{{ x }}"}]}),
            "data_source.input_messages",
            "item",
        ),
        (completions(sampling_params={"temperature": 3}), "data_source.sampling_params.temperature", "maximum"),
        (completions(sampling_params={"tools": [TOOL, TOOL]}), "data_source.sampling_params.tools", "more than once"),
        (completions(input_messages={"type": "foo"}), "data_source.input_messages.type", "item_reference"),
        ({"type": "completions", "source": content(), "input_messages": TEMPLATE}, "data_source.model", "Missing"),
        ({"type": "responses", "source": content()}, "data_source.type", "completions"),
        ({"type": "jsonl", "source": {"type": "stored_completions"}}, "data_source.source.type", "file_id"),
    ],
)
def test_what_is_no_run(client: OpenAI, source: Any, param: str, words: str) -> None:
    made = make(client)
    with pytest.raises(BadRequestError, match=words) as caught:
        begin(client, made.id, source)
    assert caught.value.param == param
    assert list(client.evals.runs.list(made.id)) == []


def test_a_model_that_is_not_there(client: OpenAI) -> None:
    made = make(client)
    with pytest.raises(NotFoundError, match="does not exist"):
        begin(client, made.id, completions(model="nope"))


def test_conversations_tools_and_formats(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says([{"start": {"prompt_tokens": 1, "cached_tokens": 0, "system_prompt": "none", "model": "tiny"}}, *calls(("look", '{"a": 1}')), end()])
    rows = [{"item": {"talk": [{"role": "user", "content": "hi"}]}}, {"item": {"talk": "nothing"}}]
    criterion = dict(CHECK, input="{{ sample.output_tools[0].function.name }}", reference="look")
    made = client.evals.create(data_source_config={"type": "custom", "item_schema": {}}, testing_criteria=[criterion])
    source = completions(
        content(rows), input_messages={"type": "item_reference", "item_reference": "item.talk"}, sampling_params={"tools": [TOOL]}
    )  # fmt: skip
    run = wait(client, begin(client, made.id, source))
    good, bad = items(client, run)
    assert (good.status, bad.status) == ("pass", "error")
    assert "no list of messages" in bad.sample.error.message
    assert engine.heard[-1]["tools"][0]["function"]["name"] == "look" or engine.heard[-1]["op"] == "status"
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    engine.says(whole('{"x": [5]}'))
    judged = client.evals.create(
        data_source_config=CONFIG, testing_criteria=[dict(CHECK, input="{{ sample.output_json.x[0] }}", reference="5")]
    )  # fmt: skip
    run = wait(client, begin(client, judged.id, completions(sampling_params={"response_format": form})))
    assert run.result_counts.passed == 5
    assert [one for one in engine.heard if one["op"] == "chat"][-1]["sampling"]["format"] == {"kind": "json_schema", "schema": {"type": "object"}}


def test_judges_of_both_kinds(client: OpenAI, engine: ScriptedEngine) -> None:
    def reply(request: Any) -> list[Any]:
        if request["op"] != "chat":
            return error("unsupported")
        if "choices" in request:
            return whole("good")
        asked = request["messages"][-1]["content"]
        return whole('{"result": 3}') if asked.startswith("score") else whole("hm")

    engine.reply = reply
    score: Any = {"type": "score_model", "name": "s", "model": "tiny", "range": [0, 4], "pass_threshold": 3,
        "input": [{"role": "user", "content": "score {{ sample.output_text }}"}]}  # fmt: skip
    run = wait(client, begin(client, make(client, score, LABEL).id))
    assert run.result_counts.passed == 5
    one = items(client, run)[0]
    assert [(result.score, result.passed) for result in one.results] == [(3.0, True), (1.0, True)]
    assert one.results[0].sample["output"] == [{"role": "assistant", "content": '{"result": 3}'}]
    assert run.per_model_usage[0].to_dict()["invocation_count"] == 15


def test_an_answer_that_fails_is_an_error_of_its_row(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.reply = lambda request: (
        error("unsupported", "no") if request.get("messages", [{}])[-1].get("content") == "Q: 1" else right_but_for()(request)
    )
    run = wait(client, begin(client, make(client).id))
    assert run.result_counts.to_dict() == {"total": 5, "errored": 1, "failed": 0, "passed": 4}
    assert items(client, run)[1].sample.error.code == "unsupported"


def test_a_run_is_canceled_and_deleted(client: OpenAI, engine: ScriptedEngine, served: Served) -> None:
    engine.reply = lambda request: [FOR_EVER] if request.get("messages", [{}])[-1].get("content") == "Q: 1" else right_but_for()(request)
    made = make(client)
    run = begin(client, made.id)
    until(lambda: items(client, run) and asked(engine, "Q: 1"))
    live = client.evals.runs.retrieve(run.id, eval_id=made.id)
    assert (live.status, live.result_counts.passed) == ("in_progress", 1)
    assert client.evals.runs.cancel(run.id, eval_id=made.id).status == "canceled"
    assert len(items(client, run)) == 1
    assert engine.wait_for_break()
    with pytest.raises(BadRequestError, match="canceled"):
        client.evals.runs.cancel(run.id, eval_id=made.id)
    assert served.ask("POST", f"/v1/evals/{made.id}/runs/{run.id}").status_code == 400  # as older clients cancel
    assert [one.id for one in client.evals.runs.list(made.id, status="canceled")] == [run.id]
    assert list(client.evals.runs.list(made.id, status="completed")) == []
    gone = client.evals.runs.delete(run.id, eval_id=made.id)
    assert (gone.object, gone.deleted, gone.run_id) == ("eval.run.deleted", True, run.id)
    with pytest.raises(NotFoundError):
        client.evals.runs.retrieve(run.id, eval_id=made.id)
    assert served.console.objects.page("item", parent=run.id).items == []


def test_deleting_an_eval_ends_its_runs(client: OpenAI, engine: ScriptedEngine, served: Served) -> None:
    engine.reply = lambda request: [FOR_EVER] if request["op"] == "chat" else error("unsupported")
    made = make(client)
    begin(client, made.id)
    until(lambda: asked(engine, "Q: 0"))
    client.evals.delete(made.id)
    assert served.console.objects.page("run").items == []
    assert engine.wait_for_break()


def test_the_server_is_started_again_in_the_middle(home: Path) -> None:
    gate = threading.Event()

    def reply(request: Any) -> list[Any]:
        slow = request["op"] == "chat" and not gate.is_set() and request["messages"][-1]["content"] in ("Q: 2", "Q: 3", "Q: 4")
        return [FOR_EVER] if slow else right_but_for("4")(request)

    (home / "run").mkdir()
    with listening(ScriptedEngine(reply), home / "run" / "engine.sock") as engine:
        with serving(home, Configuration()) as first:
            run = begin(first.client(), make(first.client()).id)
            until(lambda: len(items(first.client(), run)) == 2)
        before = len(engine.heard)
        gate.set()
        with serving(home, Configuration()) as second:
            done = wait(second.client(), run)
            found = items(second.client(), run)
    assert done.result_counts.to_dict() == {"total": 5, "errored": 0, "failed": 1, "passed": 4}
    assert [one.datasource_item_id for one in found] == [0, 1, 2, 3, 4]
    again = {request["messages"][-1]["content"] for request in engine.heard[before:] if request["op"] == "chat"}
    assert again == {"Q: 2", "Q: 3", "Q: 4"}


def test_what_others_made_is_not_seen(client: OpenAI, engine: ScriptedEngine, served: Served) -> None:
    made = make(client)
    run = begin(client, made.id)
    other = served.client(served.key(own_only=True))
    assert list(other.evals.list()) == []
    for act in (lambda: other.evals.retrieve(made.id), lambda: other.evals.runs.retrieve(run.id, eval_id=made.id), lambda: begin(other, made.id)):
        with pytest.raises(NotFoundError):
            act()
    wait(client, run)
    with pytest.raises(NotFoundError):
        client.evals.runs.retrieve(run.id, eval_id=make(client).id)
