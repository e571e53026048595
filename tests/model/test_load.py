"""What is loaded, what is refused before it is loaded, and how it is found out that prefixes can be shared."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    GptOssConfig,
    GptOssForCausalLM,
    GraniteMoeHybridConfig,
    GraniteMoeHybridForCausalLM,
    Llama4ForCausalLM,
    Llama4TextConfig,
)

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


SMALL_MAMBA = {"mamba_n_heads": 4, "mamba_d_head": 16, "mamba_n_groups": 1, "mamba_d_state": 8, "mamba_chunk_size": 16}
ODD = {
    "sinks": (GptOssForCausalLM, GptOssConfig, {"head_dim": 16, "num_local_experts": 2, "num_experts_per_tok": 1, "tie_word_embeddings": False}),
    "chunks": (
        Llama4ForCausalLM,
        Llama4TextConfig,
        {"head_dim": 16, "attention_chunk_size": 8, "num_local_experts": 2, "interleave_moe_layer_step": 2, "intermediate_size_mlp": 48},
    ),
    "gated norm": (
        GraniteMoeHybridForCausalLM,
        GraniteMoeHybridConfig,
        {"layer_types": ["mamba", "attention"], "shared_intermediate_size": 48, "num_local_experts": 0, **SMALL_MAMBA},
    ),
}
"""Architectures that do more than ours know."""


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """One of them in memory."""

    def get(kind):
        monkeypatch.setitem(tiny.MODELS, kind, ODD[kind])
        monkeypatch.setattr(Llama4ForCausalLM, "get_decoder", lambda self: self.model)  # the library's finds the whole model
        folder = tiny.save(tmp_path / "odd", kind)
        if kind == "sinks":  # a random model has none to speak of
            weights = load_file(folder / "model.safetensors")
            save_file({n: t + 2 if "sinks" in n else t for n, t in weights.items()}, folder / "model.safetensors", metadata={"format": "pt"})
        return tiny.load(folder)

    return get


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("sinks", "its attention does more than ours, so the library's own computes it"),
        ("chunks", "its layers with chunked_attention do not say what they see"),
        ("gated norm", "its layers carry a state along the sequence, so branches would see one another"),
    ],
)
def test_what_ours_do_not_know_is_computed_as_the_library_does(odd, kind, reason):
    model = odd(kind)
    assert (model.shares_prefixes, model.sharing_reason) == (False, reason)
    rows = [[5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], [5, 6, 7, 20]]
    forest = model.pack(rows)
    with torch.no_grad():
        ours = model.hidden(forest)
        model.network.set_attn_implementation("eager")
        for number, ids in enumerate(rows):
            theirs = model.network.get_decoder()(input_ids=torch.tensor([ids]), use_cache=False).last_hidden_state[0]
            torch.testing.assert_close(ours[torch.from_numpy(forest.path(number))], theirs, atol=1e-4, rtol=1e-4)


def test_a_model_without_a_decoder_of_its_own_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(tiny.MODELS, "chunks", ODD["chunks"])
    with pytest.raises(Unsupported, match="its output layer cannot be told from the rest"):
        tiny.load(tiny.save(tmp_path / "m", "chunks"))


def test_frequencies_that_the_longest_row_chooses_end_the_context(tmp_path):
    rope = {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "original_max_position_embeddings": 64,
        "short_factor": [1.0] * 4,
        "long_factor": [9.0] * 4,
    }
    folder = tiny.save(tmp_path / "m", rope_parameters=rope)
    assert tiny.load(folder).context == 64
    assert tiny.load(tiny.save(tmp_path / "other")).context == 512


@pytest.mark.parametrize("name", ["attn_pdrop", "attention_probs_dropout_prob"])
def test_attention_dropout_has_several_names(tmp_path, name):
    assert not tiny.load(tiny.save(tmp_path / "m", **{name: 0.1})).shares_prefixes
