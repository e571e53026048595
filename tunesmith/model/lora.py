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
from torch import Tensor, nn
from torch.nn import functional

from tunesmith.errors import BadProject, DamagedWeights, UnsafeWeights, Unsupported
from tunesmith.model.dropout import Drop, draw
from tunesmith.model.tensors import read, write
from tunesmith.spec.recipe import Lora

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
ALL_LINEAR = "all-linear"
SPECIAL = (
    "use_dora", "use_rslora", "use_qalora", "use_bdlora", "lora_bias", "fan_in_fan_out", "modules_to_save", "rank_pattern", "alpha_pattern",
    "trainable_token_indices", "target_parameters", "layer_replication", "alora_invocation_tokens", "arrow_config", "kasa_config", "velora_config",
    "monteclora_config",
)  # fmt: skip
"""Settings under which an adapter computes something else than the formula above."""


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
        drop = draw(self.dropout) if self.dropout and self.training else None
        out: Tensor = _Adapted.apply(x, self.lora_A, self.lora_B, self.inner.weight, self.inner.bias, self.scale, drop)  # type: ignore[no-untyped-call]
        return out


class _Adapted(torch.autograd.Function):
    """x·Wᵀ + b + s·(x∘m)·Aᵀ·Bᵀ in one step: nothing of the input's size is kept but the input itself."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low_a: Tensor, low_b: Tensor, weight: Tensor, bias: Tensor | None, scale: float, drop: Drop | None) -> Tensor:
        """[…, out] output; W and b are frozen."""
        kept = x if drop is None else x * drop.mask(x)
        low = functional.linear(kept, _rounded(low_a, drop, x))
        out = functional.linear(x, weight, bias)
        out.view(-1, out.shape[-1]).addmm_(low.view(-1, low.shape[-1]), (scale * low_b).to(x.dtype).T)
        ctx.save_for_backward(x, low, low_a, low_b, weight)
        ctx.scale, ctx.drop = scale, drop
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, A and B."""
        x, low, low_a, low_b, weight = ctx.saved_tensors
        scale, drop = ctx.scale, ctx.drop
        mask = None if drop is None else drop.mask(x).view(-1, x.shape[-1])
        grad, flat = grads[0].reshape(-1, grads[0].shape[-1]), x.reshape(-1, x.shape[-1])
        grad_low = grad @ (scale * low_b).to(x.dtype)
        grad_b = (grad.T @ low.view(-1, low.shape[-1])).to(low_b.dtype).mul_(scale)
        grad_a = (grad_low.T @ (flat if mask is None else flat * mask)).to(low_a.dtype).mul_(1.0 if drop is None else drop.scale)
        if not ctx.needs_input_grad[0]:
            return None, grad_a, grad_b, None, None, None, None
        grad_x, rounded = grad @ weight, _rounded(low_a, drop, x)
        grad_x = grad_x.addmm_(grad_low, rounded) if mask is None else grad_x.addcmul_(grad_low @ rounded, mask)
        return grad_x.view_as(x), grad_a, grad_b, None, None, None, None


def _rounded(low_a: Tensor, drop: Drop | None, x: Tensor) -> Tensor:
    """A with dropout's scale in it, in the activations' dtype."""
    return (low_a if drop is None else low_a * drop.scale).to(x.dtype)


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
    _wrap(model, target_layers(model, spec.targets), spec, dropout, generator)


def _wrap(model: nn.Module, names: list[str], spec: Lora, dropout: float, generator: torch.Generator) -> None:
    for name in names:
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
    write(tensors(model), folder / WEIGHTS)
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
    special = [key for key in SPECIAL if raw.get(key)]
    start = str(raw.get("init_lora_weights", True)).lower()
    special += ["init_lora_weights " + start] if start.startswith(("pissa", "olora", "corda", "loftq", "lora_ga")) else []  # these change the base
    if raw.get("peft_type") != "LORA" or special or raw.get("bias", "none") != "none":
        got = ", ".join(special) or str(raw.get("peft_type"))
        raise Unsupported(
            "this kind of adapter cannot be loaded", where=str(folder / CONFIG), got=got, expected="plain LoRA", fix="merge it into its base first"
        )
    targets = (names,) if isinstance(names, str) else tuple(sorted(names))
    return Lora(r=r, alpha=alpha, dropout=dropout, targets=targets)


def load(model: Any, folder: Path) -> Lora:
    """Inject the adapter that lies in `folder`; returns its settings.

    Which layers it is for is read from its tensors: the settings may name them by a pattern or leave some out.
    Raises: DamagedWeights if it was made for another model, and what `read_config` raises.
    """
    spec = read_config(folder)
    named = read(folder / WEIGHTS, "restore the file")
    wanted = {name.removeprefix(PREFIX).removesuffix(".lora_A.weight").removesuffix(".lora_B.weight") for name in named}
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    _wrap(model, [name for name in target_layers(model, (ALL_LINEAR,)) if name in wanted], spec, spec.dropout or 0.0, torch.Generator())
    set_tensors(model, named, str(folder / WEIGHTS))
    return spec
