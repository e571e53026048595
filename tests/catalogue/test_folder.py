"""A folder is a whole, safe model or says everything that is wrong with it."""

from __future__ import annotations

import json
import pickle
import shutil

import pytest

from tunesmith.catalogue.folder import inspect, is_kept
from tunesmith.errors import DamagedWeights, NotFound, UnsafeWeights, Unsupported


@pytest.fixture
def folder(tmp_path, model_folder):
    return shutil.copytree(model_folder, tmp_path / "model")


def change(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_a_sound_folder_tells_its_facts(folder):
    facts = inspect(folder)
    assert (facts.architecture, facts.model_type, facts.use, facts.context, facts.licence) == ("LlamaForCausalLM", "llama", "chat", 256, "unknown")
    # per layer: q 128*64, k and v 64*64 each, o 64*128, three of 96*64, two norms; then the table and the last norm
    assert facts.parameters == 2 * (128 * 64 + 2 * 64 * 64 + 64 * 128 + 3 * 96 * 64 + 2 * 64) + 264 * 64 + 64


def test_the_card_names_the_licence(folder):
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: other\nlicense_name: 'lfm1.0'\n---\nlicense: mit\n")
    assert inspect(folder).licence == "lfm1.0"


def test_without_a_template_it_is_a_text_model(folder):
    (folder / "tokenizer_config.json").write_text("{}")
    assert inspect(folder).use == "text"


def test_all_missing_parts_are_named_at_once(tmp_path):
    with pytest.raises(NotFound) as caught:
        inspect(tmp_path)
    assert [problem.message for problem in caught.value.problems] == ["no weights", "no configuration", "no tokenizer"]
    assert "an empty folder" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"), [("config.json", "no configuration"), ("tokenizer.json", "no tokenizer"), ("model.safetensors", "no weights")]
)
def test_one_missing_part_is_named(name, words, folder):
    (folder / name).unlink()
    with pytest.raises(NotFound, match=words):
        inspect(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "last.ckpt", "weights.PKL"])
def test_pickles_alone_are_refused(name, folder):
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps({"weights": [1.0]}))
    with pytest.raises(UnsafeWeights) as caught:
        inspect(folder)
    assert name in str(caught.value)
    assert "save_pretrained" in str(caught.value)


@pytest.mark.parametrize("content", [pickle.dumps(list(range(100))), b"PK\x03\x04" + b"\0" * 60])
def test_a_pickle_under_another_name_is_refused(content, folder):
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(UnsafeWeights, match="a pickle under another name"):
        inspect(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_remote_code_is_refused(name, folder):
    change(folder / name, auto_map={"AutoModelForCausalLM": "evil.Model"})
    with pytest.raises(UnsafeWeights, match="asks for remote code"):
        inspect(folder)


@pytest.mark.parametrize("cut", [0, 4, 40, 5000, -1])
def test_a_damaged_header_or_a_short_file_is_found(cut, folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DamagedWeights, match=r"model\.safetensors"):
        inspect(folder)


def test_broken_json_is_named(folder):
    (folder / "config.json").write_text("{,")
    with pytest.raises(DamagedWeights, match=r"config\.json: is not JSON"):
        inspect(folder)


def shard(folder, places):
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))


def test_shards_are_counted_through_their_index(folder):
    whole = inspect(folder).parameters
    shard(folder, {"model.norm.weight": "model-00001-of-00001.safetensors"})
    assert whole == inspect(folder).parameters


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ({"a": "model-00002-of-00002.safetensors"}, "names files that are not there"),
        ({"a": "../../etc/passwd"}, "names files that are not there"),
        ({}, "an empty map"),
        ({"absent.weight": "model-00001-of-00001.safetensors"}, "1 tensors missing, first absent.weight"),
    ],
)
def test_an_index_that_lies_is_damaged(places, words, folder):
    shard(folder, places)
    with pytest.raises(DamagedWeights, match=words):
        inspect(folder)


def test_an_adapter_is_not_a_model(folder):
    (folder / "config.json").rename(folder / "adapter_config.json")
    with pytest.raises(Unsupported, match="an adapter, not a model"):
        inspect(folder)


def test_a_classifier_neither_answers_nor_embeds(folder):
    change(folder / "config.json", architectures=["BertForSequenceClassification"])
    with pytest.raises(Unsupported, match="neither answers nor embeds"):
        inspect(folder)


def test_embedders_must_take_the_mean(folder):
    change(folder / "config.json", architectures=["BertModel"])
    (folder / "1_Pooling").mkdir()
    pooling = folder / "1_Pooling" / "config.json"
    pooling.write_text('{"pooling_mode_mean_tokens": true}')
    assert inspect(folder).use == "embed"
    pooling.write_text('{"pooling_mode_mean_tokens": false, "pooling_mode_cls_token": true}')
    with pytest.raises(Unsupported, match="pooling_mode_cls_token"):
        inspect(folder)


def test_only_a_model_s_own_files_are_kept():
    kept = ["model.safetensors", "model-00001-of-00002.safetensors", "1_Pooling/config.json", "LICENSE.txt", "GEMMA_TERMS.html"]
    left = ["pytorch_model.bin", "modeling_x.py", "adapter_model.safetensors", "onnx/config.json", "onnx/model.safetensors", "optimizer.pt", "x.gguf"]
    assert [True] * len(kept) == [is_kept(name) for name in kept]
    assert [False] * len(left) == [is_kept(name) for name in left]
