"""Adapters: nothing at first, the same merged or beside, the same here and in PEFT, refused when they do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForCausalLM

from tests import tiny
from tunesmith.errors import BadProject, DamagedWeights, UnsafeWeights, Unsupported
from tunesmith.model import lora
from tunesmith.model.dropout import draw
from tunesmith.model.load import LoadedModel
from tunesmith.model.lora import LoraLinear
from tunesmith.spec.recipe import Lora

PEFT = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # PEFT asks transformers for it
IDS = torch.tensor([[5, 6, 7, 8, 9, 10, 11]])
ALL = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.save(tmp_path / "base")


@pytest.fixture
def model(folder: Path) -> LoadedModel:
    return tiny.load(folder)


def logits(network: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = network(input_ids=IDS, use_cache=False).logits
    return found


def disturb(model: LoadedModel) -> None:
    """Give the adapters something to say."""
    torch.manual_seed(3)
    for _, layer in lora.adapters(model.network):
        layer.lora_B.data.normal_(std=0.2)
        if layer.magnitude is not None:
            layer.magnitude.data.mul_(1 + 0.3 * torch.rand_like(layer.magnitude))


KINDS = {
    "lora": Lora(r=4, alpha=12),
    "rslora": Lora(r=4, alpha=12, rslora=True),
    "dora": Lora(r=4, alpha=12, dora=True),
    "rsdora": Lora(r=4, alpha=12, rslora=True, dora=True),
}


@pytest.fixture(params=KINDS)
def spec(request) -> Lora:
    """Settings of each kind of adapter."""
    return KINDS[request.param]


def test_an_untrained_adapter_changes_nothing(model, spec):
    before = logits(model.network)
    lora.inject(model.network, spec, 0.1, seed=0)
    model.network.eval()
    assert torch.allclose(logits(model.network), before, rtol=1e-5, atol=1e-5)  # layers computed together round otherwise
    lora.remove(model.network)
    assert torch.equal(logits(model.network), before)


def test_a_merged_adapter_is_the_adapter(model, spec):
    before = logits(model.network)
    lora.inject(model.network, spec, 0.1, seed=0)
    disturb(model)
    model.network.eval()
    beside = logits(model.network)
    assert not torch.allclose(beside, before, atol=0.1)
    lora.merge(model.network)
    assert not list(lora.adapters(model.network))
    torch.testing.assert_close(logits(model.network), beside, atol=1e-4, rtol=1e-4)


def test_only_adapters_are_trained(model):
    lora.inject(model.network, Lora(r=4), 0.0, seed=0)
    trained = {name for name, p in model.network.named_parameters() if p.requires_grad}
    assert len(trained) == 2 * 7 * 2
    assert all(name.endswith(("lora_A", "lora_B")) for name in trained)


@PEFT
def test_an_adapter_written_here_works_in_peft(folder, model, tmp_path, spec):
    lora.inject(model.network, spec, 0.05, seed=0)
    disturb(model)
    model.network.eval()
    lora.save(model.network, spec, 0.05, tmp_path, str(folder))
    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder), tmp_path).eval()
    torch.testing.assert_close(logits(theirs), logits(model.network), atol=1e-5, rtol=1e-5)


@PEFT
@pytest.mark.parametrize("targets", ["all-linear", ["q_proj", "v_proj"], r".*\.1\..*(up|down)_proj"])
def test_an_adapter_of_peft_works_here(folder, tmp_path, targets, spec):
    config = LoraConfig(r=4, lora_alpha=12, target_modules=targets, task_type="CAUSAL_LM", use_rslora=spec.rslora, use_dora=spec.dora)
    theirs = get_peft_model(AutoModelForCausalLM.from_pretrained(folder), config)
    torch.manual_seed(4)
    for name, parameter in theirs.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.2)
        if "magnitude" in name:
            parameter.data.mul_(1.2)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = tiny.load(folder, adapter=tmp_path / "theirs")
    torch.testing.assert_close(logits(ours.network), logits(theirs.eval()), atol=1e-5, rtol=1e-5)


def test_saved_and_loaded_is_the_same(folder, model, tmp_path, spec):
    lora.inject(model.network, spec, 0.05, seed=0)
    disturb(model)
    model.network.eval()
    lora.save(model.network, spec, 0.05, tmp_path, "base")
    assert lora.read_config(tmp_path) == spec.model_copy(update={"dropout": 0.05, "targets": tuple(ALL)})
    assert torch.equal(logits(tiny.load(folder, adapter=tmp_path).network), logits(model.network))


def test_targets_are_found_by_their_last_name_or_their_whole_one(model):
    assert lora.target_layers(model.network, ("all-linear",)) == [
        f"model.layers.{i}.{part}"
        for i in range(2)
        for part in [*(f"self_attn.{n}_proj" for n in "qkvo"), *(f"mlp.{n}_proj" for n in ("gate", "up", "down"))]
    ]
    assert lora.target_layers(model.network, ("layers.1.mlp.up_proj", "q_proj")) == [
        "model.layers.0.self_attn.q_proj",
        "model.layers.1.self_attn.q_proj",
        "model.layers.1.mlp.up_proj",
    ]


def test_an_unknown_target_is_refused_with_what_there_is(model):
    with pytest.raises(BadProject, match="no such layer") as error:
        lora.target_layers(model.network, ("q_proj", "qproj", "lm_head"))
    problem = error.value.problems[0]
    assert (problem.where, problem.got) == ("train.weights.targets", "qproj, lm_head")
    assert problem.expected == f"all-linear, or some of {', '.join(ALL)}"


def saved(model: LoadedModel, folder: Path) -> Path:
    lora.inject(model.network, Lora(r=4), 0.0, seed=0)
    lora.save(model.network, Lora(r=4), 0.0, folder, "base")
    return folder


def test_an_adapter_of_another_shape_is_refused(folder, model, tmp_path):
    other = tiny.load(tiny.save(tmp_path / "other", intermediate_size=64))
    with pytest.raises(DamagedWeights, match="does not fit this base") as error:
        tiny.load(folder, adapter=saved(other, tmp_path))
    assert "down_proj.lora_A.weight is (4, 64)" in error.value.problems[0].got


@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_an_adapter_with_a_tensor_too_few_or_too_many_is_refused(folder, model, tmp_path, change):
    tensors = load_file(saved(model, tmp_path) / lora.WEIGHTS)
    first = sorted(tensors)[0]
    if change == "missing":
        del tensors[first]
    else:
        tensors["base_model.model.other.lora_A.weight"] = torch.zeros(4, 4)
    save_file(tensors, tmp_path / lora.WEIGHTS)
    with pytest.raises(DamagedWeights, match=f"{change} {first if change == 'missing' else 'base_model.model.other'}"):
        tiny.load(folder, adapter=tmp_path)


def test_a_damaged_adapter_file_is_named(folder, model, tmp_path):
    path = saved(model, tmp_path) / lora.WEIGHTS
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DamagedWeights, match=r"adapter_model\.safetensors"):
        tiny.load(folder, adapter=tmp_path)


def test_a_pickled_adapter_is_refused(folder, model, tmp_path):
    saved(model, tmp_path)
    (tmp_path / lora.WEIGHTS).rename(tmp_path / "adapter_model.bin")
    with pytest.raises(UnsafeWeights, match="pickle, which can run code"):
        tiny.load(folder, adapter=tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"r": "x", "lora_alpha": 1, "lora_dropout": 0, "target_modules": []}'])
def test_unreadable_settings_are_refused(folder, model, tmp_path, text):
    (saved(model, tmp_path) / lora.CONFIG).write_text(text)
    with pytest.raises(DamagedWeights, match="settings cannot be read"):
        tiny.load(folder, adapter=tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("use_qalora", True),
        ("lora_bias", True),
        ("peft_type", "IA3"),
        ("bias", "all"),
        ("modules_to_save", ["lm_head"]),
        ("fan_in_fan_out", True),
        ("init_lora_weights", "pissa_niter_4"),
    ],
)
def test_other_kinds_of_adapters_are_refused_not_misread(folder, model, tmp_path, key, value):
    path = saved(model, tmp_path) / lora.CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(Unsupported, match="this kind of adapter cannot be loaded"):
        tiny.load(folder, adapter=tmp_path)


# ——— the layer itself ———


def plain(layer: LoraLinear, x: torch.Tensor, mask: torch.Tensor | float) -> torch.Tensor:
    """The formulas in the module's docstring."""
    out = nn.functional.linear(x, layer.inner.weight) + layer.scale * (x * mask) @ layer.lora_A.T @ layer.lora_B.T
    if layer.magnitude is not None:
        norm = (layer.inner.weight + layer.scale * layer.lora_B @ layer.lora_A).norm(dim=1).detach()
        out = out * (layer.magnitude / norm)
    return out if layer.inner.bias is None else out + layer.inner.bias


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dora", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(7, 6), (1, 7, 6), (2, 3, 6)], ids=str)
def test_output_and_gradients_are_the_formula_s(bias, dora, dropout, shape):
    torch.manual_seed(0)
    layer = LoraLinear(nn.Linear(6, 5, bias=bias), Lora(r=2, alpha=3.0, dora=dora), dropout).double()
    layer.lora_A.data.normal_()
    layer.lora_B.data.normal_()
    layer.inner.requires_grad_(False)
    x, weight = torch.randn(shape, dtype=torch.float64, requires_grad=True), torch.randn(*shape[:-1], 5, dtype=torch.float64)
    leaves = [x, layer.lora_A, layer.lora_B, *([layer.magnitude] if dora else [])]
    torch.manual_seed(1)
    out = layer(x)
    ours = torch.autograd.grad((out * weight).sum(), leaves)
    torch.manual_seed(1)
    drop = draw(dropout)
    expected = plain(layer, x, drop.mask(x) * drop.scale if dropout else 1.0)
    torch.testing.assert_close(out, expected)
    for got, wanted in zip(ours, torch.autograd.grad((expected * weight).sum(), leaves), strict=True):
        torch.testing.assert_close(got, wanted)


# ——— layers of one input ———


def grouped(model) -> list[list[str]]:
    names = {layer: name.rsplit(".", 1)[-1] for name, layer in lora.adapters(model)}
    groups = {id(layer.group): layer.group for layer in names}
    return [[names[layer] for layer in group.layers] for group in groups.values()]


def test_layers_that_are_given_the_same_input_are_computed_together(folder):
    model = tiny.load(folder)
    lora.inject(model.network, Lora(r=4, alpha=8), 0.0, seed=0)
    assert grouped(model.network)[:4] == [["q_proj", "k_proj", "v_proj"], ["o_proj"], ["gate_proj", "up_proj"], ["down_proj"]]
    lora.remove(model.network)
    lora.inject(model.network, Lora(r=4, alpha=8, targets=("q_proj", "v_proj")), 0.0, seed=0)
    assert grouped(model.network)[0] == ["q_proj", "v_proj"]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("unused", [False, True])
def test_a_group_is_its_layers_one_by_one(bias, dropout, unused):
    torch.manual_seed(0)
    layers = [LoraLinear(nn.Linear(6, n, bias=bias and n != 5), Lora(r=r, alpha=3.0), dropout).double() for n, r in ((5, 2), (4, 3), (7, 1))]
    group = lora.Group(layers)
    for layer in layers:
        layer.group = group
        layer.lora_A.data.normal_()
        layer.lora_B.data.normal_()
        layer.inner.requires_grad_(False)
    x = torch.randn(2, 3, 6, dtype=torch.float64, requires_grad=True)
    leaves = [x, *(p for layer in layers for p in (layer.lora_A, layer.lora_B))]
    torch.manual_seed(1)
    outs = [layer(x) for layer in layers]
    assert group.ready is None, "nothing is kept once every layer has its output"
    used = outs[:2] if unused else outs
    ours = torch.autograd.grad(sum(out.square().sum() for out in used), leaves)
    torch.manual_seed(1)
    drops = [draw(dropout) for _ in layers]
    theirs = [plain(layer, x, drop.mask(x) * drop.scale if dropout else 1.0) for layer, drop in zip(layers, drops, strict=True)]
    for out, expected in zip(outs, theirs, strict=True):
        torch.testing.assert_close(out, expected)
    wanted = torch.autograd.grad(sum(out.square().sum() for out in theirs[: len(used)]), leaves, allow_unused=True)
    for got, expected in zip(ours, wanted, strict=True):
        torch.testing.assert_close(got, torch.zeros_like(got) if expected is None else expected)


def test_a_group_whose_layers_meet_different_inputs_is_right_all_the_same():
    torch.manual_seed(0)
    layers = [LoraLinear(nn.Linear(6, 5), Lora(r=2, alpha=3.0), 0.0) for _ in range(2)]
    group = lora.Group(layers)
    for layer in layers:
        layer.group = group
        layer.lora_A.data.normal_()
        layer.lora_B.data.normal_()
    x, y = torch.randn(3, 6), torch.randn(3, 6)
    torch.testing.assert_close(
        [layers[0](x), layers[1](y), layers[0](y)], [plain(layers[0], x, 1.0), plain(layers[1], y, 1.0), plain(layers[0], y, 1.0)]
    )
    group.output(layers[0], x)
    with torch.no_grad():
        layers[0].lora_B.mul_(2)
    torch.testing.assert_close(layers[0](x), plain(layers[0], x, 1.0))


def test_weights_that_move_are_stacked_anew():
    layer = LoraLinear(nn.Linear(6, 5), Lora(r=2, alpha=3.0), 0.0)
    layer.lora_A.data.normal_()
    layer.lora_B.data.normal_()
    x = torch.randn(3, 6)
    with torch.inference_mode():
        layer(x)
    layer.double()
    torch.testing.assert_close(layer(x.double()), plain(layer, x.double(), 1.0))
    layer.inner.weight.data = torch.randn(5, 6, dtype=torch.float64)
    torch.testing.assert_close(layer(x.double()), plain(layer, x.double(), 1.0))


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_a_young_adapter_is_heard_in_bf16(dropout):
    """Added to an output in bf16 it would vanish, as each of its values is far less than half a step of that output."""
    torch.manual_seed(0)
    layer = LoraLinear(nn.Linear(256, 64), Lora(r=8, alpha=16), dropout).to(torch.bfloat16)
    layer.lora_A.data, layer.lora_B.data = torch.empty(8, 256).uniform_(-0.06, 0.06), torch.zeros(64, 8)
    layer.inner.weight.data.normal_(std=0.1)
    x = torch.randn(2000, 256).bfloat16()
    with torch.no_grad():
        before = layer(x).float()
        layer.lora_B.data.copy_(1e-4 * torch.randn(64, 8).sign())
        torch.manual_seed(1)
        change = layer(x).float() - before
        torch.manual_seed(1)
        drop = draw(dropout)
        expected = layer.scale * ((x * drop.mask(x) * drop.scale).float() @ layer.lora_A.T @ layer.lora_B.T)
    assert expected.abs().mean() < 0.25 * before.abs().mean() * 2**-8, "or it could be heard anyhow"
    assert float((change * expected).sum() / expected.square().sum()) == pytest.approx(1.0, abs=0.2)
