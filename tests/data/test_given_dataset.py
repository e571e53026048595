"""given_dataset(): every row in its file, and a manifest that says what was measured."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from tests.waiting import computing
from tunesmith.data.given import Given, GivenFault, check_given
from tunesmith.data.given_dataset import given_dataset
from tunesmith.data.given_survey import ALIKE_JOINED, Limit
from tunesmith.data.writing import read_rows
from tunesmith.errors import Interrupted
from tunesmith.spec.dataset import Dataset, Record
from tunesmith.spec.finding import Finding
from tunesmith.spec.job import Silent

ANIMALS = ("lion", "otter", "heron", "badger", "lynx", "viper", "moth", "stork", "bison", "mole", "newt", "hare")
PLACES = ("forest", "river", "attic", "desert", "harbour", "meadow", "cave", "garden")


def question(i: int) -> str:
    luck = random.Random(i)
    return f"{luck.choice(ANIMALS)} {luck.randrange(10**6)} {luck.choice(PLACES)} {luck.randrange(10**6)} why {luck.randrange(10**6)}"


def row(asked: str, said: str, system: str | None = None, **more: Any) -> dict[str, Any]:
    first = [{"role": "system", "content": system}] if system else []
    return {"messages": [*first, {"role": "user", "content": asked}, {"role": "assistant", "content": said}], **more}


def rows(n: int, start: int = 0) -> list[dict[str, Any]]:
    return [row(question(i), f"Because of {question(i + 10**6)}, and so on and on.", "You know animals.") for i in range(start, start + n)]


def pair(asked: str, better: str, worse: str) -> dict[str, Any]:
    sides = ({"role": "assistant", "content": text} for text in (better, worse))
    return {"input": {"messages": [{"role": "user", "content": asked}]}, "preferred_output": [next(sides)], "non_preferred_output": [next(sides)]}


def put(folder: Path, some: list[dict[str, Any]], name: str = "training", method: str = "supervised") -> Given:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in some))
    return check_given(path, method, role=f"{name}_file", file_id=f"file-{name}")  # type: ignore[arg-type]


def go(
    folder: Path, training: list[dict[str, Any]], validation: list[dict[str, Any]] | None = None, method: str = "supervised", **more: Any
) -> Dataset:
    out = folder / "out"
    out.mkdir(exist_ok=True)
    other = put(folder, validation, "validation", method) if validation else None
    return given_dataset(put(folder, training, method=method), other, out, **more)


def written(folder: Path, split: str) -> list[Record]:
    return [record.model_copy(update={"cluster": None, "label": None}) for record in read_rows(folder / "out", split)]  # type: ignore[arg-type]


def told(found: Dataset, kind: str, file: str = "file-training") -> Finding:
    (one,) = [finding for finding in found.findings if (finding.kind, finding.file) == (kind, file)]
    return one


def graver(found: Dataset) -> list[str]:
    """What a job warns of: everything but what is only good to know."""
    return [finding.kind for finding in found.findings if finding.severity != "note"]


def test_sound_files_raise_no_concern(tmp_path):
    found = go(tmp_path, rows(60), rows(12, 1000))
    assert graver(found) == []
    assert found.rows == {"train": 60, "dev": 12, "test": 0}
    assert (found.leak_proof.exact_pairs, found.leak_proof.near_pairs) == (0, 0)
    assert found.leak_proof.pairs_compared >= 72
    assert (found.task, found.labels, found.profile.token_unit) == ("generate", (), "words")
    assert (found.profile.rows_read, found.profile.rows_kept, found.profile.answer_tokens.n) == (72, 72, 72)
    assert found.formats == {"file-training": "chat: every example holds chat messages", "file-validation": "chat: every example holds chat messages"}


def test_the_files_are_those_of_the_manifest(tmp_path):
    found = go(tmp_path, rows(12), rows(10, 1000), name="job")
    out = tmp_path / "out"
    assert {"train.jsonl", "dev.jsonl", "test.jsonl", "rejected.jsonl"} == set(found.files) == {path.name for path in out.iterdir()}
    assert found.files == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()}
    assert found.sources == {f"file-{n}": hashlib.sha256((tmp_path / f"{n}.jsonl").read_bytes()).hexdigest() for n in ("training", "validation")}
    assert ((out / "test.jsonl").read_bytes(), (out / "rejected.jsonl").read_bytes()) == (b"", b"")
    assert found.project == "job"
    assert found == Dataset.model_validate_json(found.model_dump_json())


def test_nothing_is_dropped_or_moved(tmp_path):
    training = [*rows(10), *rows(10), row("What is the price of item 7?", "1"), row("What is the price of item 8?", "2"), row(question(3), "No.")]
    go(tmp_path, training, rows(10))
    for split, name in (("train", "training"), ("dev", "validation")):
        given_ = check_given(tmp_path / f"{name}.jsonl", "supervised", role=f"{name}_file", file_id=f"file-{name}")  # type: ignore[arg-type]
        assert list(given_.records()) == written(tmp_path, split)


def test_without_a_validation_file_nothing_is_compared(tmp_path):
    found = go(tmp_path, rows(12))
    assert found.rows == {"train": 12, "dev": 0, "test": 0}
    assert found.leak_proof.method == "nothing to compare: there is no validation file"
    assert told(found, "few_rows").message == "few rows; 12 rows; below 50 write a prompt instead"


def test_overlap_is_measured_and_told(tmp_path):
    near = row(question(5).replace("why", "wy"), "x", "You know animals.")
    found = go(tmp_path, rows(60), [*rows(10, 1000), *rows(2), near])
    assert (found.leak_proof.exact_pairs, found.leak_proof.near_pairs) == (2, 1)
    leak, near_leak = told(found, "leak"), told(found, "near_leak")
    assert (leak.lines, near_leak.lines) == ((1, 2), (6,))
    assert leak.message == "rows that also stand in the file to judge with: 2 of 60 rows (3 %)"
    assert [[(place.file, place.line) for place in pair] for pair in near_leak.clusters] == [[("file-training", 6), ("file-validation", 13)]]


def test_a_row_that_is_like_two_counts_once(tmp_path):
    like = [row(question(5) + ending, "x", "You know animals.") for ending in ("", "s", "t")]
    found = go(tmp_path, [*rows(60, 100), *like[:2]], [*rows(10, 1000), like[2]])
    assert found.leak_proof.near_pairs == 2
    assert told(found, "near_leak").lines == (61, 62), "both training rows that it is like"


def test_one_file_for_both_is_all_overlap(tmp_path):
    found = go(tmp_path, rows(60), rows(60))
    assert (found.leak_proof.exact_pairs, found.leak_proof.near_pairs) == (60, 0)
    assert told(found, "leak").count == 60


def test_many_alike_rows_are_sampled_and_the_proof_says_so(tmp_path):
    def priced(start: int) -> list[dict[str, Any]]:
        return [row(f"what is the price of the article with the number {i:04d}?", str(i)) for i in range(start, start + 200)]

    found = go(tmp_path, priced(0), priced(200))
    assert 0 < found.leak_proof.near_pairs <= ALIKE_JOINED**2
    assert "near pairs are a lower bound" in found.leak_proof.method


def test_repetition_and_contradiction(tmp_path):
    doubled = row(question(2).upper(), f"because of  {question(2 + 10**6)}, and so on and on.", "You know animals.")
    near = row(question(5).replace("why", "wy"), "x", "You know animals.")
    found = go(tmp_path, [*rows(60), doubled, row(question(3), "No.", "You know animals."), near])
    assert told(found, "duplicate").lines == (61,)
    assert told(found, "contradiction").lines == (4, 62)
    assert told(found, "near_contradiction").lines == (6, 63)
    assert (found.profile.conflict_count, len(found.profile.conflicts)) == (1, 1)
    assert [origin.line for origin in found.profile.conflicts[0].origins] == [4, 62]
    assert found.profile.conflicts[0].answers[1] == "No."
    clusters = [record.cluster for record in read_rows(tmp_path / "out", "train")]
    assert clusters[2] == clusters[60] is not None
    assert sum(cluster is not None for cluster in clusters) == 6


def test_one_question_in_every_row_takes_no_time(tmp_path):
    with computing(40):  # two seconds on an idle machine
        found = go(tmp_path, [row("Tell me a joke.", question(i)) for i in range(5_000)])
    assert found.profile.conflict_count == 1


def test_bare_completions_are_compared_as_a_whole(tmp_path):
    training = [{"prompt": "", "completion": question(i)} for i in range(60)]
    found = go(tmp_path, [*training, training[0]], [{"prompt": "", "completion": question(i)} for i in (*range(1000, 1010), 7)])
    assert (found.leak_proof.exact_pairs, found.leak_proof.near_pairs, found.profile.conflict_count) == (1, 0, 0)
    assert graver(found) == ["duplicate", "leak"]
    assert (told(found, "duplicate").lines, told(found, "leak").lines) == ((61,), (8,))


def test_labels_are_recognised_and_weighed(tmp_path):
    training = [row(question(i), "rare" if i == 7 else ("dog", "cat")[i % 2]) for i in range(100)]
    found = go(tmp_path, training, [row(question(i), "bird") for i in range(1000, 1010)])
    assert (found.task, found.labels) == ("classify", ("bird", "cat", "dog", "rare"))
    assert found.profile.labels["train"] == {"cat": 49, "dog": 50, "rare": 1}
    assert "`dog` has 50 rows, `rare` 1" in told(found, "lopsided_labels").message
    assert "`bird (10)`" in told(found, "untrained_label").message
    assert told(found, "rare_label").lines == (8,)
    assert next(iter(read_rows(tmp_path / "out", "train"))).label == "dog"


def test_several_trained_turns_are_no_label(tmp_path):
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "yes"}] * 2
    found = go(tmp_path, [{"messages": turns}] * 20)
    assert (found.task, found.task_reason) == ("generate", "some examples train several turns or tool calls")


def test_system_prompts(tmp_path):
    some = [row(question(i), question(-i - 1), (None, "Be kind.", "Be short.")[i % 3]) for i in range(60)]
    found = go(tmp_path, some)
    assert "2 different prompts in 40 rows" in told(found, "several_system_prompts").message
    assert told(found, "system_prompt_missing").lines == tuple(range(1, 61, 3))


def test_tools_alone_are_no_system_prompt(tmp_path):
    tools = [{"type": "function", "function": {"name": "f"}}]
    found = go(tmp_path, [*rows(60), *[row(question(i), question(-i), tools=tools) for i in range(100, 110)]])
    assert told(found, "system_prompt_missing").lines == tuple(range(61, 71))


def test_preferences(tmp_path):
    some = [pair(question(i), f"good {question(i + 500)}", f"bad {i}") for i in range(60)]
    some += [pair(question(3), "bad 3", f"good {question(503)}"), pair(question(4), "a third answer", "bad 4")]
    found = go(tmp_path, some, method="dpo")
    assert (found.task, found.task_reason, found.profile.conflict_count) == ("generate", "preferences rank answers", 0)
    assert told(found, "contradiction").lines == (4, 61), "another pair of a question contradicts nothing"
    assert sum(record.rejected is not None for record in read_rows(tmp_path / "out", "train")) == 62


def test_personal_data(tmp_path):
    found = go(tmp_path, [*rows(60), row(question(100), "Write to eve@mail.org", "You know animals.")], rows(10, 1000))
    assert told(found, "email").lines == (61,)
    assert "mail.org" not in told(found, "email").model_dump_json()
    both = go(tmp_path, rows(60), [*rows(10, 1000), row("Write to eve@mail.org", "And then?", "You know animals.")])
    assert told(both, "email", "file-validation").lines == (11,)


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A tokenizer with one token for each word."""
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def test_truncation_is_foreseen(tmp_path, words):
    long = row("word " * 90, "yes")
    fat = row("hi", "yes", "system " * 120)
    tools = [{"type": "function", "function": {"name": "f", "description": "word " * 120}}]
    found = go(tmp_path, [*rows(60), long, fat, row("ho", "no", tools=tools)], limit=Limit(words, 100, "tokens of x"))
    cut = told(found, "cut_row")
    assert sorted(cut.lines) == [61, 62, 63]
    assert "100 tokens of x are trained at once; the longest has about " in cut.message
    assert sorted(told(found, "crowded_out").lines) == [62, 63]
    assert found.profile.token_unit == "tokens of x"


def test_a_rejected_answer_counts(tmp_path, words):
    some = [pair(question(i), f"good {question(i + 500)}", "word " * (200 if i == 9 else 1)) for i in range(60)]
    assert told(go(tmp_path, some, method="dpo", limit=Limit(words, 100)), "cut_row").lines == (10,)


def test_v22_nothing_is_left_of_any_row(tmp_path, words):
    some = [row(question(i), question(-i), "system " * 120) for i in range(20)]
    with pytest.raises(GivenFault) as caught:
        go(tmp_path, some, limit=Limit(words, 100))
    expected = "The job failed due to an invalid training file. Nothing is left to train on: the system prompt and the tools of every example fill the 100 tokens that are trained at once."
    assert ("invalid_training_file", "training_file", expected) == (caught.value.code, caught.value.param, caught.value.message)
    assert not (tmp_path / "out" / "scratch").exists()


def test_it_can_be_stopped(tmp_path):
    class Stopping(Silent):
        def stopping(self) -> bool:
            return True

    with pytest.raises(Interrupted):
        go(tmp_path, rows(12), monitor=Stopping())
    assert not (tmp_path / "out" / "scratch").exists()


turns = st.lists(st.sampled_from(["", " ", "a", "A", "yes", "no", "a b c d e f g", "\x00", "é\n"]), min_size=1, max_size=3)
chats = st.builds(
    lambda asked, said, system: {"messages": [*({"role": "system", "content": s} for s in system), *({"role": "user", "content": q} for q in asked), {"role": "assistant", "content": said}]},
    turns, st.sampled_from(["yes", "no", " ", "{}", "[1]", "a much longer answer"]), st.lists(st.sampled_from(["", "s"]), max_size=2),
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(training=st.lists(chats, min_size=10, max_size=30), validation=st.none() | st.lists(chats, min_size=10, max_size=20))
def test_any_sound_files_become_a_data_set(tmp_path, training, validation):
    found = go(tmp_path, training, validation)
    assert (len(training), len(validation or ()), 0) == (found.rows["train"], found.rows["dev"], found.rows["test"])
    for split, some, role in (("train", training, "training"), ("dev", validation, "validation")):
        if some:
            given_ = check_given(tmp_path / f"{role}.jsonl", "supervised", role=f"{role}_file", file_id=f"file-{role}")  # type: ignore[arg-type]
            assert list(given_.records()) == written(tmp_path, split)


def test_ten_thousand_rows_are_quick(tmp_path):
    with computing(80):  # some four seconds on an idle machine
        found = go(tmp_path, rows(10_000), rows(500, 20_000))
    assert graver(found) == []
