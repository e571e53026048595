"""The list of models, deletion, names and permissions."""

from __future__ import annotations

import openai
import pytest

from tunesmith.console.access import Caller
from tunesmith.console.failures import ApiError
from tunesmith.console.names import Target, resolve
from tunesmith.store.access import Limits

TUNED = "ft:Owner/Tiny:tunesmith:a b:abcdefgh"
STEP = TUNED + ":ckpt-step-3"


@pytest.fixture
def tuned(served):
    for name, step in ((STEP, 3), (TUNED, 9)):
        body = {"job": "ftjob-1", "checkpoint": f"checkpoint-{step}", "base": "tiny", "step": step, "created": 1_700_000_000}
        served.console.objects.add("model", name, body, owner="key_owner")


def test_models_are_listed_and_found(client, tuned):
    assert [model.id for model in client.models.list()] == ["tiny", "tiny-embed", TUNED, STEP]
    found = client.models.retrieve(TUNED)  # the client sends %2F
    assert (found.id, found.created, found.owned_by, found.object) == (TUNED, 1_700_000_000, "org-tunesmith", "model")
    assert client.models.retrieve("tiny").owned_by == "tunesmith"
    aliased = client.models.with_raw_response.retrieve("gpt-4o-mini-2024-07-18")
    assert aliased.parse().id == "tiny"
    assert "stands for tiny" in aliased.headers["x-tunesmith-note"]


def test_a_raw_slash_in_a_name_is_understood_too(served, tuned):
    assert served.ask("GET", f"/v1/models/{TUNED}".replace(" ", "%20")).json()["id"] == TUNED


def test_deletion(client, tuned):
    assert client.models.delete(TUNED).deleted is True
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.delete(TUNED)
    assert caught.value.code == "model_not_found"
    assert [model.id for model in client.models.list()] == ["tiny", "tiny-embed", STEP]
    with pytest.raises(openai.PermissionDeniedError, match="not allowed to delete"):
        client.models.delete("tiny")


def test_an_unknown_model_is_named_with_those_there_are(client):
    with pytest.raises(openai.NotFoundError, match=r"The model `gpt-9` does not exist or you do not have access to it. Models of this server: tiny"):
        client.models.retrieve("gpt-9")
    with pytest.raises(openai.NotFoundError, match="tunesmith models pull smollm2-135m-instruct"):
        client.models.retrieve("smollm2-135m-instruct")


@pytest.mark.parametrize("name", ["../models/tiny", "/etc/passwd", "..", ".", "tiny/../tiny", "a/../../store.db", "tiny\x00", "models/tiny", "~", ""])
def test_a_path_is_no_name(served, name):
    with pytest.raises(ApiError):
        resolve(served.console, name)


def test_what_a_name_means(served, tuned):
    assert resolve(served.console, STEP) == Target("tiny", "checkpoint-3", STEP)
    assert resolve(served.console, "tiny-embed").use == "embed"
    assert resolve(served.console, "owner/TINY") == Target("tiny", None, "tiny")


def test_permissions_open_a_model_for_a_confined_key(served, client, tuned):
    key, secret = served.console.keys.create("guest", ("serve",), Limits(own_only=True))
    guest = Caller(key.id, frozenset({"serve"}), key.limits)
    with pytest.raises(ApiError):
        resolve(served.console, TUNED, guest)
    permissions = client.fine_tuning.checkpoints.permissions
    made = permissions.create(TUNED, project_ids=["guest", key.id]).data
    assert [(one.object, one.project_id) for one in made] == [("checkpoint.permission", key.id)]
    assert resolve(served.console, TUNED, guest).checkpoint == "checkpoint-9"
    assert [model.id for model in served.client(secret).models.list()] == ["tiny", "tiny-embed", TUNED]
    with pytest.raises(openai.PermissionDeniedError):
        served.client(secret).models.delete(TUNED)
    assert [one.id for one in permissions.list(TUNED, limit=1)] == [made[0].id]
    assert list(permissions.list(TUNED, project_id="key_other")) == []
    gone = permissions.delete(made[0].id, fine_tuned_model_checkpoint=TUNED)
    assert (gone.deleted, gone.object) == (True, "checkpoint.permission")
    with pytest.raises(ApiError):
        resolve(served.console, TUNED, guest)
    with pytest.raises(openai.NotFoundError):
        permissions.delete(made[0].id, fine_tuned_model_checkpoint=TUNED)
    with pytest.raises(openai.BadRequestError) as caught:
        permissions.create(TUNED, project_ids=["proj_unknown"])
    assert caught.value.param == "project_ids[0]"


@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_pages_of_permissions(served, client, tuned, order):
    keys = [served.console.keys.create(f"k{number}")[0].id for number in range(5)]
    permissions = client.fine_tuning.checkpoints.permissions
    permissions.create(TUNED, project_ids=keys)
    found = [one.project_id for one in permissions.list(TUNED, limit=2, order=order)]
    assert found == (keys if order == "ascending" else keys[::-1])


def test_an_alias_in_any_script_is_answered(serve):
    client = serve(aliases={"模型": "tiny"}).client()
    found = client.models.with_raw_response.retrieve("模型")
    assert (found.parse().id, found.headers["x-tunesmith-note"]) == ("tiny", "?? stands for tiny on this server")
    file = client.files.create(file=("x.jsonl", b'{"a": 1}'), purpose="fine-tune").id
    assert client.fine_tuning.jobs.create(model="模型", training_file=file).model == "tiny"
