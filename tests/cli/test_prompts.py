"""`tunesmith models prompt`: what stands before a question, version by version."""

from __future__ import annotations

import pytest

from tests.cli.conftest import HOSTILE, checkpoint, dataset, keep
from tunesmith.spec.candidate import Classifier, Decoding
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.elected import Elected
from tunesmith.store.artifacts import Artifact, Store

EXAMPLE = Conversation(messages=(Message(role="user", content="my card is gone"), Message(role="assistant", content="report_lost_card\nat once")))
PROMPTS = (
    Prompt(name="tuned", system=f"Name the intent.\nLabels: card {HOSTILE}"),
    Prompt(name="tuned", system="Name the intent.\nLabels: card, pin", examples=(EXAMPLE,)),
    Prompt(name="bare"),
)


@pytest.fixture
def router(store: Store) -> list[Artifact]:
    """Three versions of a model, each with another prompt."""
    data = keep(store, "data", "dataset", dataset())
    found = []
    for prompt in PROMPTS:
        tuned = checkpoint(data.name).model_copy(update={"prompt": prompt})
        found.append(keep(store, "train", "checkpoint", tuned, {"adapter.safetensors": "x"}, parents=[data.name]))
        store.register("router", found[-1].name)
    return found


def test_the_newest_prompt_is_shown_whole_or_another_by_its_number(router, cli):
    assert "(no system message)" in cli("models", "prompt", "router").out
    text = cli("models", "prompt", "router", "--version", "2").out
    assert text.startswith(f"router version 2  {router[1].name}, prompt tuned, sha256 {PROMPTS[1].content_digest()[:12]}")
    assert text.split("\n\n", 1)[1] == (
        "Name the intent.\nLabels: card, pin\n\nexample 1\n  user: my card is gone\n  assistant: report_lost_card\n    at once\n"
    )
    hostile = cli("models", "prompt", "router", "--version", "1").out
    assert not [c for c in hostile if ord(c) < 32 and c not in "\n\t"]
    assert cli("models", "prompt", router[1].name, "--json").json()["prompts"][0]["version"] is None


def test_what_changed_between_two_versions(router, cli):
    text = cli("models", "prompt", "router", "--version", "2", "--against", "1").out
    assert "-Labels: card " in text
    assert "+Labels: card, pin" in text
    assert "+example 1" in text
    assert " Name the intent." in text
    assert "the two prompts are the same" in cli("models", "prompt", "router", "--against", "3").out
    found = cli("models", "prompt", "router", "--version", "2", "--against", "1", "--json").json()
    assert [one["version"] for one in found["prompts"]] == [1, 2]
    assert "+Labels: card, pin" in found["changed"]


def test_all_versions_with_their_digests(router, cli):
    text = cli("models", "prompt", "router", "--versions").out
    assert all(prompt.content_digest()[:12] in text for prompt in PROMPTS)
    found = cli("models", "prompt", "router", "--versions", "--json").json()["prompts"]
    assert [(one["version"], one["artifact"]) for one in found] == [(k, one.name) for k, one in enumerate(router, 1)]
    assert [Prompt.model_validate(one["prompt"]) for one in found] == list(PROMPTS)


def test_what_is_not_there_is_said(router, store, cli):
    missing = cli("models", "prompt", "router", "--version", "9")
    assert missing.status == 2
    assert "expected 1, 2, 3" in missing.err
    assert "did you mean router" in cli("models", "prompt", "ruoter").err
    both = cli("models", "prompt", "router", "--versions", "--against", "1")
    assert (both.status, "leave one out" in both.err) == (2, True)
    data = store.artifacts("dataset")[0].name
    elected = Elected(candidate=Classifier(name="classifier", embedder="mini", weights="classifier-0"), decoding=Decoding(), dataset=data)
    store.register("router-best", keep(store, "report", "candidate", elected).name)
    assert "has no prompt" in cli("models", "prompt", "router-best").err
    assert "has no prompt" in cli("models", "prompt", data).err
