"""A model → the same model with low-rank adapters on its linear layers, read and written in PEFT's own format.

y = x·Wᵀ + b + (α/r)·dropout(x)·Aᵀ·Bᵀ with x [T, in], W [out, in] frozen, A [r, in], B [out, r].

A and B are kept in float32 and rounded to the activations' dtype when used, so that small updates are not lost and no large tensor is
cast. A starts uniform (Kaiming, a = √5), B at zero: an untrained adapter changes nothing. Source: Hu et al. 2021 (arXiv 2106.09685) §4.1.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from tunesmith.errors import BadProject, DamagedWeights, UnsafeWeights, Unsupported
from tunesmith.spec.recipe import Lora

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
ALL_LINEAR = "all-linear"


class LoraLinear(nn.Module):
    """A frozen linear layer with an adapter beside it."""

    def __init__(self, inner: nn.Linear, r: int, alpha: float, dropout: float) -> None:
        super().__init__()
        self.inner = inner
        self.scale = alpha / r
        self.dropout = dropout
        device = inner.weight.device
        self.lora_A = nn.Parameter(torch.empty(r, inner.in_features, dtype=torch.float32, device=device))
        self.lora_B = nn.Parameter(torch.zeros(inner.out_features, r, dtype=torch.float32, device=device))

    def forward(self, x: Tensor) -> Tensor:
        """[…, in] → […, out]."""
        kept = functional.dropout(x, self.dropout, self.training) if self.dropout else x
        low = functional.linear(kept, self.lora_A.to(dtype=x.dtype))
        return functional.linear(x, self.inner.weight, self.inner.bias) + functional.linear(low, (self.scale * self.lora_B).to(x.dtype))


def target_layers(model: Any, targets: tuple[str, ...]) -> list[str]:
    """Full names of the linear layers that `targets` mean, in the model's order; the output layer is never one of them.

    Raises: BadProject if a target matches nothing, naming what there is.
    """
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    linear = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear) and layer is not head]
    if targets == (ALL_LINEAR,):
        if not linear:
            raise Unsupported("no linear layer to adapt", where="model", fix='use weights.kind = "full"')
        return linear
    known = sorted({name.rsplit(".", 1)[-1] for name in linear})
    unknown = [t for t in targets if not any(name == t or name.endswith("." + t) for name in linear)]
    if unknown:
        raise BadProject(
            "no such layer",
            where="train.weights.targets",
            got=", ".join(unknown),
            expected=f"{ALL_LINEAR}, or some of {', '.join(known)}",
            fix="correct the name",
        )
    return [name for name in linear if any(name == t or name.endswith("." + t) for t in targets)]


def inject(model: nn.Module, spec: Lora, dropout: float, seed: int) -> None:
    """Put adapters on the layers that `spec` names and freeze everything else."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for name in target_layers(model, spec.targets):
        parent = model.get_submodule(name.rpartition(".")[0])
        leaf = name.rpartition(".")[2]
        inner = getattr(parent, leaf)
        layer = LoraLinear(inner, spec.r, spec.alpha, dropout)
        bound = 1 / math.sqrt(inner.in_features)  # Kaiming uniform with a = √5
        layer.lora_A.data.copy_(torch.empty(layer.lora_A.shape).uniform_(-bound, bound, generator=generator))
        setattr(parent, leaf, layer)


def adapters(model: nn.Module) -> Iterator[tuple[str, LoraLinear]]:
    """Each adapted layer with the name it had before."""
    return ((name, layer) for name, layer in model.named_modules() if isinstance(layer, LoraLinear))


def remove(model: nn.Module) -> None:
    """Take the adapters off: the base is as it was."""
    for name, layer in list(adapters(model)):
        setattr(model.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2], layer.inner)


def merge(model: nn.Module) -> None:
    """Add the adapters into the weights, in float32, and take them off."""
    with torch.no_grad():
        for _, layer in adapters(model):
            change = layer.scale * (layer.lora_B @ layer.lora_A)
            layer.inner.weight.copy_((layer.inner.weight.float() + change).to(layer.inner.weight.dtype))
    remove(model)


def tensors(model: nn.Module) -> dict[str, Tensor]:
    """The adapters' tensors under PEFT's names."""
    named = {}
    for name, layer in adapters(model):
        named[f"{PREFIX}{name}.lora_A.weight"] = layer.lora_A.detach().contiguous()
        named[f"{PREFIX}{name}.lora_B.weight"] = layer.lora_B.detach().contiguous()
    return named


def set_tensors(model: nn.Module, named: dict[str, Tensor], where: str) -> None:
    """Write `named` (PEFT's names) into the adapters.

    Raises: DamagedWeights if a tensor is missing, unknown or of another shape.
    """
    expected = tensors(model)
    faults = [f"missing {n}" for n in sorted(expected.keys() - named.keys())] + [f"unknown {n}" for n in sorted(named.keys() - expected.keys())]
    faults += [f"{n} is {tuple(named[n].shape)}" for n in sorted(expected.keys() & named.keys()) if named[n].shape != expected[n].shape]
    if faults:
        raise DamagedWeights(
            "the adapter does not fit this base",
            where=where,
            got="; ".join(faults[:3]),
            expected=f"{len(expected)} tensors",
            fix="use the base it was made for",
        )
    with torch.no_grad():
        for name, layer in adapters(model):
            layer.lora_A.copy_(named[f"{PREFIX}{name}.lora_A.weight"])
            layer.lora_B.copy_(named[f"{PREFIX}{name}.lora_B.weight"])


def save(model: nn.Module, spec: Lora, dropout: float, folder: Path, base: str) -> None:
    """Write the adapters into `folder` as PEFT would."""
    save_file(tensors(model), folder / WEIGHTS, metadata={"format": "pt"})
    names = sorted({name.rsplit(".", 1)[-1] for name, _ in adapters(model)})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": spec.r,
        "lora_alpha": spec.alpha,
        "lora_dropout": dropout,
        "target_modules": names,
        "bias": "none",
        "fan_in_fan_out": False,
        "init_lora_weights": True,
        "inference_mode": True,
        "use_dora": False,
        "use_rslora": False,
        "modules_to_save": None,
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True))


def read_config(folder: Path) -> Lora:
    """The settings of the adapter in `folder`.

    Raises: UnsafeWeights for a pickle, DamagedWeights where files are missing, Unsupported for kinds of adapters that are not plain LoRA.
    """
    if not (folder / WEIGHTS).exists():
        if (folder / "adapter_model.bin").exists():
            raise UnsafeWeights(
                "the adapter is a pickle, which can run code when it is loaded", where=str(folder / "adapter_model.bin"), expected=WEIGHTS,
                fix="convert it with the tool that made it: save_pretrained(…, safe_serialization=True)",
            )  # fmt: skip
        raise DamagedWeights("no adapter weights", where=str(folder), expected=WEIGHTS, fix="restore the file")
    try:
        raw = json.loads((folder / CONFIG).read_text())
        r, alpha, dropout, names = int(raw["r"]), float(raw["lora_alpha"]), float(raw["lora_dropout"]), raw["target_modules"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedWeights(f"the adapter's settings cannot be read: {error}", where=str(folder / CONFIG), fix="restore the file") from None
    special = [k for k in ("use_dora", "use_rslora", "modules_to_save", "rank_pattern", "alpha_pattern") if raw.get(k)]
    if raw.get("peft_type") != "LORA" or special or raw.get("bias", "none") != "none":
        got = ", ".join(special) or str(raw.get("peft_type"))
        raise Unsupported(
            "this kind of adapter cannot be loaded", where=str(folder / CONFIG), got=got, expected="plain LoRA", fix="merge it into its base first"
        )
    targets = (names,) if isinstance(names, str) else tuple(sorted(names))
    return Lora(r=r, alpha=alpha, dropout=dropout, targets=targets)


def load(model: nn.Module, folder: Path) -> Lora:
    """Inject the adapter that lies in `folder`; returns its settings."""
    spec = read_config(folder)
    inject(model, spec, spec.dropout or 0.0, seed=0)
    set_tensors(model, load_file(folder / WEIGHTS), str(folder / WEIGHTS))
    return spec
