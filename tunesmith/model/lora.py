"""A model → the same model with low-rank adapters on its linear layers, read and written in PEFT's own format.

y = x·Wᵀ + b + s·dropout(x)·Aᵀ·Bᵀ with x [T, in], W [out, in] frozen, A [r, in], B [out, r], s = α/r, or α/√r in rsLoRA.
DoRA: y = c∘(x·Wᵀ + s·dropout(x)·Aᵀ·Bᵀ) + b with c = m/‖W + s·B·A‖ by rows, m [out] trained, the norm without a gradient.

A and B are kept in float32 and rounded to the activations' dtype when used, so that small updates are not lost and no large tensor is
cast. A starts uniform (Kaiming, a = √5), B at zero, m at W's norms: an untrained adapter changes nothing. Sources: Hu et al. 2021 (arXiv
2106.09685) §4.1; Kalajdzievski 2023 (arXiv 2312.03732); Liu et al. 2024 (arXiv 2402.09353) §4.3. Unlike PEFT's, our DoRA drops nothing on the
way through W.
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
from tunesmith.model.dropout import draw
from tunesmith.model.stacked import Adapted, Stack, parts, ranks
from tunesmith.model.tensors import read, write
from tunesmith.spec.recipe import Lora

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
ALL_LINEAR = "all-linear"
SPECIAL = (
    "use_qalora", "use_bdlora", "lora_bias", "fan_in_fan_out", "modules_to_save", "rank_pattern", "alpha_pattern",
    "trainable_token_indices", "target_parameters", "layer_replication", "alora_invocation_tokens", "arrow_config", "kasa_config", "velora_config",
    "monteclora_config",
)  # fmt: skip
"""Settings under which an adapter computes something else than the formula above."""


class LoraLinear(nn.Module):
    """A frozen linear layer with an adapter beside it."""

    def __init__(self, inner: nn.Linear, spec: Lora, dropout: float) -> None:
        super().__init__()
        r = spec.r
        self.inner = inner
        self.scale = spec.alpha / (math.sqrt(r) if spec.rslora else r)
        self.dropout = dropout
        device = inner.weight.device
        self.lora_A = nn.Parameter(torch.zeros(r, inner.in_features, dtype=torch.float32, device=device))
        self.lora_B = nn.Parameter(torch.zeros(inner.out_features, r, dtype=torch.float32, device=device))
        self.magnitude = nn.Parameter(inner.weight.detach().float().norm(dim=1)) if spec.dora else None
        self.norm: Tensor | None = None
        """[out] ‖W + s·B·A‖ by rows, of DoRA, kept while only answers are asked for."""
        self.group: Group | None = Group([self])

    def forward(self, x: Tensor) -> Tensor:
        """[…, in] → […, out]."""
        if self.group is None:  # it is being found out what belongs together
            return self.inner(x)  # type: ignore[no-any-return]
        out = self.group.output(self, x)
        if self.magnitude is None:
            return out
        if self.training or self.norm is None:
            self.norm = self.changed().norm(dim=1)
        out = out * (self.magnitude / self.norm).to(out.dtype)
        return out if self.inner.bias is None else out + self.inner.bias

    def train(self, mode: bool = True) -> LoraLinear:
        """As in torch; what was computed for answering is forgotten."""
        self.norm = None
        return super().train(mode)

    @torch.no_grad()
    def changed(self) -> Tensor:
        """[out, in] W + s·B·A in at least float32."""
        whole: Tensor = self.inner.weight.to(self.lora_B.dtype).addmm(self.lora_B, self.lora_A, alpha=self.scale)
        return whole


class Group:
    """Adapted layers that take the same input (query, key and value; both halves of an MLP), computed as one.

    Their frozen weights become views of one tensor with room for the adapters, as `stacked` draws it.
    """

    def __init__(self, layers: list[LoraLinear]) -> None:
        self.layers = layers
        self.weight: Tensor | None = None  # made at the first use: layers may be grouped anew before
        self.ready: tuple[Tensor, dict[LoraLinear, Tensor]] | None = None
        self.worn: Tensor | None = None
        """[R, in] every A of the adapter that answers, while only answers are asked for (see `switch`); its s·B stands beside the weights."""

    def wear(self, downs: Tensor, ups: Tensor) -> None:
        """Answer with this adapter from now on: every A [R, in] and, on the diagonal, every s·B [N, R], rounded to the activations' dtype."""
        weight = self._stacked()
        self.worn = downs
        weight[: len(ups), weight.shape[1] - ups.shape[1] :] = ups

    def output(self, layer: LoraLinear, x: Tensor) -> Tensor:
        """The layer's output; the first layer of a group that is asked computes it for all."""
        if self.ready is None or self.ready[0] is not x or layer not in self.ready[1]:
            self.ready = (x, dict(zip(self.layers, self._compute(x), strict=True)))
        outputs = self.ready[1]
        out = outputs.pop(layer)
        if not outputs:
            self.ready = None
        return out

    def _compute(self, x: Tensor) -> tuple[Tensor, ...]:
        if self.worn is not None:
            return self._answered(x, self.worn)
        spec, low = self.stack()
        found: tuple[Tensor, ...] = Adapted.apply(x, spec, *low)  # type: ignore[no-untyped-call]
        return found

    def stack(self) -> tuple[Stack, list[Tensor]]:
        """What the product of a training pass is made of, with a new draw of dropout, and A [r, in] and B [out, r] of each layer."""
        drops = None
        if any(layer.dropout and layer.training for layer in self.layers):
            drops = [draw(layer.dropout) if layer.dropout and layer.training else None for layer in self.layers]
        sizes, scales = [layer.inner.out_features for layer in self.layers], [layer.scale for layer in self.layers]
        low: list[Tensor] = [part for layer in self.layers for part in (layer.lora_A, layer.lora_B)]
        return Stack(sizes, scales, sum(ranks(low)), self._stacked(), self._bias(), drops), low

    def _answered(self, x: Tensor, downs: Tensor) -> tuple[Tensor, ...]:
        flat, sizes = x.reshape(-1, x.shape[-1]), [layer.inner.out_features for layer in self.layers]
        weight = self._stacked()[: sum(sizes)]
        out = functional.linear(torch.cat([flat, functional.linear(flat, downs)], 1), weight, self._bias())
        return tuple(part.view(*x.shape[:-1], -1) for part in parts(out, sizes, 1))

    def _stacked(self) -> Tensor:
        """[N + R, in + R] as `stacked` draws it; the layers' weights become views of it."""
        if self.weight is None or any(layer.inner.weight.data_ptr() != place.data_ptr() for layer, place in self._places(self.weight)):
            first = self.layers[0].inner.weight
            rank = sum(layer.lora_A.shape[0] for layer in self.layers)
            total = sum(layer.inner.out_features for layer in self.layers) + rank
            with torch.inference_mode(False), torch.no_grad():
                self.weight = torch.zeros(total, first.shape[1] + rank, dtype=first.dtype, device=first.device)
                for layer, place in self._places(self.weight):
                    place.copy_(layer.inner.weight.data)
                    layer.inner.weight.data = place
        return self.weight

    def _places(self, weight: Tensor) -> Iterator[tuple[LoraLinear, Tensor]]:
        start = 0
        for layer in self.layers:
            yield layer, weight[start : start + layer.inner.out_features, : layer.inner.in_features]
            start += layer.inner.out_features

    def _bias(self) -> Tensor | None:
        """[N] biases one after the other, zeros in DoRA, which adds them last; None where no layer has one."""
        found = [layer.inner.bias if layer.magnitude is None else None for layer in self.layers]
        if all(bias is None for bias in found):
            return None
        sizes = [layer.inner.out_features for layer in self.layers]
        return torch.cat([self.layers[0].inner.weight.new_zeros(n) if bias is None else bias for bias, n in zip(found, sizes, strict=True)])


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


def wrap(model: Any, ranks: dict[str, int]) -> None:
    """Put adapters of these ranks, which change nothing, on the layers of these names; `switch` fills them."""
    for name, rank in ranks.items():
        spec = Lora(r=rank, alpha=float(rank), dropout=0.0)
        _wrap(model, [name], spec, 0.0, torch.Generator())
    _group(model)


def inject(model: nn.Module, spec: Lora, dropout: float, seed: int) -> None:
    """Put adapters on the layers that `spec` names and freeze everything else."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    _wrap(model, target_layers(model, spec.targets), spec, dropout, generator)
    _group(model)


def _wrap(model: nn.Module, names: list[str], spec: Lora, dropout: float, generator: torch.Generator) -> None:
    for name in names:
        parent = model.get_submodule(name.rpartition(".")[0])
        leaf = name.rpartition(".")[2]
        inner = getattr(parent, leaf)
        layer = LoraLinear(inner, spec, dropout)
        bound = 1 / math.sqrt(inner.in_features)  # Kaiming uniform with a = √5
        layer.lora_A.data.copy_(torch.empty(layer.lora_A.shape).uniform_(-bound, bound, generator=generator))
        setattr(parent, leaf, layer)


@torch.no_grad()
def _group(model: Any) -> None:
    """Compute layers together that are given the same input, found out by looking at one short pass."""
    given: dict[tuple[int, int], list[LoraLinear]] = {}
    held = []

    def look(layer: nn.Module, args: tuple[Any, ...]) -> None:
        assert isinstance(layer, LoraLinear)
        held.append(args[0])  # else another tensor could take its place in memory, and its id
        given.setdefault((id(args[0]), layer.inner.in_features), []).append(layer)

    hooks = [layer.register_forward_pre_hook(look) for _, layer in adapters(model)]
    for _, layer in adapters(model):
        layer.group = None
    was_training = model.training
    try:
        model.eval()
        model(input_ids=torch.tensor([[0, 1]], device=model.device), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
        model.train(was_training)
    calls = [layer for layers in given.values() for layer in layers]
    for layers in given.values():
        if len(layers) > 1 and all(calls.count(layer) == 1 for layer in layers):  # a layer that is used twice stays alone
            group = Group(layers)
            for layer in layers:
                layer.group = group
    adapted = set()
    for _, layer in adapters(model):
        layer.group = layer.group or Group([layer])
        adapted.add(layer.inner.weight)
    for parameter in model.parameters():
        if parameter not in adapted:  # the others are copied when they are stacked: nothing then holds the mapped file any more
            parameter.data = parameter.data.clone()


def adapters(model: nn.Module) -> Iterator[tuple[str, LoraLinear]]:
    """Each adapted layer with the name it had before."""
    return ((name, layer) for name, layer in model.named_modules() if isinstance(layer, LoraLinear))


def remove(model: nn.Module) -> None:
    """Take the adapters off: the base is as it was."""
    for name, layer in list(adapters(model)):
        layer.inner.weight.data = layer.inner.weight.data.contiguous()  # not a part of what it was computed with
        setattr(model.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2], layer.inner)


def merge(model: nn.Module) -> None:
    """Add the adapters into the weights, in float32, and take them off."""
    with torch.no_grad():
        for _, layer in adapters(model):
            whole = layer.changed()
            if layer.magnitude is not None:
                whole *= (layer.magnitude / whole.norm(dim=1))[:, None]
            layer.inner.weight.copy_(whole.to(layer.inner.weight.dtype))
    remove(model)


def tensors(model: nn.Module) -> dict[str, Tensor]:
    """The adapters' tensors under PEFT's names."""
    return {name: part.detach().contiguous() for name, part in _parts_of(model)}


def _parts_of(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The adapters' parameters under PEFT's names."""
    for name, layer in adapters(model):
        yield f"{PREFIX}{name}.lora_A.weight", layer.lora_A
        yield f"{PREFIX}{name}.lora_B.weight", layer.lora_B
        if layer.magnitude is not None:
            yield f"{PREFIX}{name}.lora_magnitude_vector", layer.magnitude


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
        for name, part in _parts_of(model):
            part.copy_(named[name])


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
        "use_dora": spec.dora,
        "use_rslora": spec.rslora,
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
            "this kind of adapter cannot be loaded",
            where=str(folder / CONFIG),
            got=got,
            expected="LoRA, rsLoRA or DoRA",
            fix="merge it into its base first",
        )
    targets = (names,) if isinstance(names, str) else tuple(sorted(names))
    kinds = {"rslora": bool(raw.get("use_rslora")), "dora": bool(raw.get("use_dora"))}
    return Lora(r=r, alpha=alpha, dropout=dropout, targets=targets, **kinds)


def load(model: Any, folder: Path) -> Lora:
    """Inject the adapter that lies in `folder`; returns its settings.

    Which layers it is for is read from its tensors: the settings may name them by a pattern or leave some out.
    Raises: DamagedWeights if it was made for another model, and what `read_config` raises.
    """
    spec = read_config(folder)
    named = read(folder / WEIGHTS, "restore the file")
    wanted = {name.removeprefix(PREFIX).rpartition(".lora_")[0] for name in named}
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    _wrap(model, [name for name in target_layers(model, (ALL_LINEAR,)) if name in wanted], spec, spec.dropout or 0.0, torch.Generator())
    set_tensors(model, named, str(folder / WEIGHTS))
    _group(model)
    return spec
