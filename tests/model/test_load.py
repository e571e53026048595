"""What is loaded, what is refused before it is loaded, and how it is found out that prefixes can be shared."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests import tiny
from tunesmith.errors import DamagedWeights, DoesNotFit, Unsupported
from tunesmith.model import load as module
from tunesmith.model import lora
from tunesmith.model.device import Placement
from tunesmith.model.load import load, load_embedder
from tunesmith.spec.model import LocalModel
from tunesmith.spec.recipe import Lora


def change(folder, name: str, **values) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("kind", ["llama", "untied", "qwen3", "granite", "gemma2", "gemma3"])
def test_attention_only_models_share_prefixes_and_give_the_library_s_logits(tmp_path, kind):
    model = tiny.load(tiny.save(tmp_path / kind, kind))
    assert (model.shares_prefixes, model.sharing_reason) == (True, "rows with a common beginning share its computation")
    ids = [5, 6, 7, 8, 9, 10, 11, 12, 13]
    with torch.no_grad():
        ours = model.head.logits(model.hidden(model.pack([ids])))
        model.network.set_attn_implementation("eager")
        theirs = model.network(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    some = torch.tensor([3, 200])
    with torch.no_grad():
        torch.testing.assert_close(model.head.logits(torch.ones(2, 32), some), model.head.logits(torch.ones(2, 32))[:, some])


def test_a_state_along_the_sequence_is_noticed(tmp_path):
    model = tiny.load(tiny.save(tmp_path / "lfm2", "lfm2"))
    assert (model.shares_prefixes, model.sharing_reason) == (False, "its layers carry a state along the sequence, so branches would see one another")


def test_an_adapter_that_blows_up_rounding_still_shares_prefixes(tmp_path):
    model = tiny.load(tiny.save(tmp_path / "m"))
    spec = Lora(r=4, alpha=8, targets=("all-linear",))
    lora.inject(model.network, spec, 0.0, seed=1)
    for _, layer in lora.adapters(model.network):
        layer.lora_B.data.normal_(std=300)
    (tmp_path / "adapter").mkdir()
    lora.save(model.network, spec, 0.0, tmp_path / "adapter", "m")
    bf16 = Placement(torch.device("cpu"), torch.bfloat16, 1, ())
    tuned = load(model.local, bf16, adapter=tmp_path / "adapter")
    assert tuned.shares_prefixes
    assert len(list(lora.adapters(tuned.network))) > 0


def test_positions_of_the_model_s_own_are_noticed(tmp_path, monkeypatch):
    """Positions that a model counts for itself put the second branch elsewhere; no token of one branch reaches the other."""
    model = tiny.load(tiny.save(tmp_path / "m"))
    for name, weight in model.network.named_parameters():
        weight.data *= 30 if "q_proj" in name or "k_proj" in name else 1  # else a random model hardly looks at positions
    assert module.probe(model)[0] is True
    run = module.attention.run
    monkeypatch.setattr(module.attention, "run", lambda decoder, ids, positions, layout: run(decoder, ids, torch.arange(len(ids)), layout))
    assert module.probe(model)[0] is False


def test_attention_dropout_is_not_taken_for_nothing(tmp_path):
    model = tiny.load(tiny.save(tmp_path / "m", attention_dropout=0.1))
    assert model.sharing_reason == "it was trained with attention dropout, which shared prefixes do not have"


def test_a_model_that_does_more_to_its_logits_is_refused(tmp_path, monkeypatch):
    folder = tiny.save(tmp_path / "m", "granite")
    monkeypatch.setattr(module.LoadedModel, "head", property(lambda self: module.Head(self.network.get_output_embeddings().weight, None, 1.0, None)))
    with pytest.raises(Unsupported, match="changes its logits in a way that this build does not know") as error:
        tiny.load(folder)
    assert error.value.problems[0].got == "GraniteForCausalLM"


def test_stop_tokens_are_the_template_s_and_the_model_s(tmp_path):
    folder = tiny.save(tmp_path / "m")
    change(folder, "generation_config.json", eos_token_id=[2, 0])
    model = tiny.load(folder)
    assert (model.template.end_id, model.template.stop_ids) == (2, (0, 2))
    assert model.context == 512


def test_what_does_not_fit_is_refused_before_a_weight_is_read(tmp_path, monkeypatch):
    folder = tiny.save(tmp_path / "m")
    found = tiny.found(folder)
    monkeypatch.setattr(module, "_network", lambda *_: pytest.fail("loaded"))
    with pytest.raises(DoesNotFit, match="the model needs about") as error:
        load(found.model_copy(update={"parameters": 10**9}), tiny.CPU, memory_limit=2 * 10**9)
    problem = error.value.problems[0]
    assert problem.got == "2.00 GB TUNESMITH_MEMORY_BYTES says so"
    assert problem.fix.startswith("choose a model under about ")


def test_an_unknown_architecture_is_refused(tmp_path):
    folder = tiny.save(tmp_path / "m")
    found = tiny.found(folder)
    change(folder, "config.json", model_type="marvin", architectures=["MarvinForCausalLM"])
    with pytest.raises(Unsupported, match=r"transformers 5\.\S+ does not know this model"):
        load(found, tiny.CPU)


def test_damaged_weights_are_named(tmp_path):
    folder = tiny.save(tmp_path / "m")
    found = tiny.found(folder)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DamagedWeights, match="the weights cannot be loaded"):
        load(found, tiny.CPU)


@pytest.mark.parametrize("fault", ["missing", "unknown", "shape"])
def test_full_weights_that_do_not_fit_the_base_are_refused(tmp_path, fault):
    folder = tiny.save(tmp_path / "m")
    tensors = load_file(folder / "model.safetensors")
    if fault == "missing":
        del tensors["model.norm.weight"]
    elif fault == "unknown":
        tensors["model.other.weight"] = torch.zeros(3)
    else:
        tensors["model.norm.weight"] = torch.zeros(31)
    save_file(tensors, tmp_path / "tuned.safetensors")
    with pytest.raises(DamagedWeights, match="the weights do not fit the base") as error:
        tiny.load(folder, weights=tmp_path / "tuned.safetensors")
    assert ("model.other" if fault == "unknown" else "model.norm.weight") in error.value.problems[0].got


def test_full_weights_take_the_base_s_place(tmp_path):
    base, other = tiny.save(tmp_path / "a"), tiny.save(tmp_path / "b", seed=1)
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        replaced = tiny.load(base, weights=other / "model.safetensors").network(input_ids=ids).logits
        assert torch.equal(replaced, tiny.load(other).network(input_ids=ids).logits)


def test_weights_that_are_missing_from_the_file_are_not_made_up(tmp_path):
    folder = tiny.save(tmp_path / "m")
    found = tiny.found(folder)
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DamagedWeights, match=r"model\.layers\.1\.mlp\.up_proj\.weight"):
        load(found, tiny.CPU)


def test_remote_code_is_never_run(tmp_path):
    folder = tiny.save(tmp_path / "m")
    found = tiny.found(folder)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    change(folder, "config.json", auto_map={"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}, model_type="evil")
    with pytest.raises(Unsupported):
        load(found, tiny.CPU)
    assert not (tmp_path / "ran").exists()


def test_an_embedder_loads_in_float32(tmp_path):
    folder = tiny.save(tmp_path / "m")
    network, tokenizer = load_embedder(LocalModel.model_validate(tiny.found(folder).model_dump()), tiny.CPU)
    assert network.dtype == torch.float32
    assert not network.training
    assert tokenizer.encode("hello")
