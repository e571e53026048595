"""One network, many adapters: each answers as if it had been loaded alone, in any order; the base as if there were none."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests import tiny
from tunesmith.errors import DamagedWeights
from tunesmith.model import lora
from tunesmith.model.switch import Wardrobe, read_adapter
from tunesmith.spec.recipe import Lora

IDS = torch.tensor([[5, 6, 7, 8, 9, 10, 11]])
SPECS = {
    "narrow": Lora(r=2, alpha=12.0),
    "wide": Lora(r=6, alpha=12.0),
    "scaled": Lora(r=4, alpha=8.0, rslora=True),
    "dora": Lora(r=3, alpha=9.0, dora=True),
    "some": Lora(r=4, alpha=8.0, targets=("q_proj", "down_proj")),
}


def logits(network) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = network(input_ids=IDS, use_cache=False).logits
    return found


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="module")
def saved(base, tmp_path_factory) -> dict[str, Path]:
    """Each adapter in a folder."""
    root, made = tmp_path_factory.mktemp("adapters"), {}
    for name, spec in SPECS.items():
        model = tiny.load(base)
        lora.inject(model.network, spec, 0.0, seed=len(name))
        torch.manual_seed(len(name))
        for _, layer in lora.adapters(model.network):
            layer.lora_B.data.normal_(std=0.2)
            if layer.magnitude is not None:
                layer.magnitude.data.mul_(1 + 0.3 * torch.rand_like(layer.magnitude))
        (root / name).mkdir()
        lora.save(model.network, spec, 0.0, root / name, "base")
        made[name] = root / name
    return made


@pytest.mark.invariant
def test_each_adapter_answers_as_it_does_alone(base, saved):
    expected = {name: logits(tiny.load(base, adapter=folder).network) for name, folder in saved.items()}
    expected[None] = logits(tiny.load(base).network)
    for one, other in itertools.combinations(expected.values(), 2):
        assert (one - other).abs().max() > 1e-2, "they differ, so the test can fail"
    network = tiny.load(base).network
    wardrobe = Wardrobe(network)
    there: list[str | None] = [None]
    for name, folder in saved.items():  # they come one after the other, narrow ones before wide ones, all layers before some
        wardrobe.put(name, read_adapter(folder), name)
        there.append(name)
        for worn in [*there, *there[::-1]]:
            wardrobe.wear(worn)
            torch.testing.assert_close(logits(network), expected[worn], atol=2e-5, rtol=1e-4)
    wardrobe.wear("wide")
    wardrobe.take_out("wide")
    torch.testing.assert_close(logits(network), expected[None], atol=2e-5, rtol=1e-4)
    wardrobe.wear("dora")
    torch.testing.assert_close(logits(network), expected["dora"], atol=2e-5, rtol=1e-4)


def test_bytes_grow_with_what_is_worn(base, saved):
    wardrobe = Wardrobe(tiny.load(base).network)
    wardrobe.put("wide", read_adapter(saved["wide"]), "wide")
    before = wardrobe.adapters["wide"].bytes
    assert before == sum(t.numel() * 4 for t in load_file(saved["wide"] / "adapter_model.safetensors").values())
    wardrobe.wear("wide")
    assert wardrobe.adapters["wide"].bytes > before


def test_an_adapter_of_another_model_is_refused(base, saved, tmp_path):
    other = tiny.load(tiny.save(tmp_path / "other", hidden_size=64))
    with pytest.raises(DamagedWeights, match="does not fit this base"):
        Wardrobe(other.network).put("wide", read_adapter(saved["wide"]), "wide")
    weights = saved["wide"] / "adapter_model.safetensors"
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "adapter_config.json").write_text((saved["wide"] / "adapter_config.json").read_text())
    parts = load_file(weights)
    parts.pop(next(iter(parts)))
    save_file(parts, broken / "adapter_model.safetensors")
    with pytest.raises(DamagedWeights, match="not whole"):
        read_adapter(broken)
