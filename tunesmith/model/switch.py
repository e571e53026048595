"""Adapters in folders and one network → the network answering with whichever is asked for: one base in memory for all of them.

Every layer that some adapter changes is wrapped once, with room for the highest rank among them; an adapter of a lower rank, or one that
leaves a layer alone, has zeros there. To switch is to copy its rounded s·B beside the frozen weights (see `stacked`): a few milliseconds,
and nothing while the same adapter goes on answering. With no adapter all of them are zero: the base.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tunesmith.errors import DamagedWeights
from tunesmith.model import lora
from tunesmith.model.lora import PREFIX, WEIGHTS, Group, LoraLinear, read_config
from tunesmith.model.tensors import read
from tunesmith.spec.recipe import Lora

PARTS = {"lora_A.weight": "down", "lora_B.weight": "up", "lora_magnitude_vector": "magnitude"}


@dataclass
class Low:
    """What an adapter does to one layer."""

    down: Tensor | None = None
    """A [r, in]."""
    up: Tensor | None = None
    """B [out, r]."""
    magnitude: Tensor | None = None
    """[out], of DoRA."""

    @property
    def rank(self) -> int:
        """r."""
        assert self.down is not None
        return self.down.shape[0]


@dataclass(eq=False)
class Adapter:
    """One adapter's numbers, apart from any network."""

    scale: float
    layers: dict[str, Low]
    """Name of a layer in the base → what is done to it."""
    ready: dict[Group, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """What each group of layers wears, made when it is first worn."""
    norms: dict[str, Tensor] = field(default_factory=dict)
    """[out] ‖W + s·B·A‖ by rows, of DoRA."""

    @property
    def bytes(self) -> int:
        """Memory that it takes once it has answered."""
        parts = [x for low in self.layers.values() for x in (low.down, low.up, low.magnitude) if x is not None]
        parts += [x for pair in self.ready.values() for x in pair]
        return sum(x.numel() * x.element_size() for x in parts)


def read_adapter(folder: Path) -> Adapter:
    """The adapter in `folder` (PEFT's format).

    Raises: DamagedWeights, and what `read_config` raises.
    """
    spec: Lora = read_config(folder)
    layers: dict[str, Low] = {}
    for name, tensor in read(folder / WEIGHTS, "restore the file").items():
        layer, _, rest = name.removeprefix(PREFIX).rpartition(".lora_")
        part = PARTS.get("lora_" + rest)
        if part is None:
            raise DamagedWeights("is not part of an adapter", where=str(folder / WEIGHTS), got=name, fix="restore the file")
        setattr(layers.setdefault(layer, Low()), part, tensor)
    for layer, low in layers.items():
        if low.down is None or low.up is None or low.down.shape[0] != low.up.shape[1] or spec.dora != (low.magnitude is not None):
            raise DamagedWeights("the adapter is not whole", where=str(folder / WEIGHTS), got=layer, fix="restore the file")
    return Adapter(spec.alpha / (spec.r**0.5 if spec.rslora else spec.r), layers)


class Wardrobe:
    """The adapters of one network, and which of them it wears."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.adapters: dict[str, Adapter] = {}
        self.none = Adapter(0.0, {})
        self.worn: str | None = None

    def put(self, name: str, adapter: Adapter, where: str) -> None:
        """Take an adapter in. The network wears none afterwards.

        Raises: DamagedWeights if it was made for another network.
        """
        linear = {n.removesuffix(".inner"): n for n in lora.target_layers(self.network, (lora.ALL_LINEAR,))}
        faults = []
        for layer, low in adapter.layers.items():
            inner = self.network.get_submodule(linear[layer]) if layer in linear else None
            if inner is None or low.down is None or low.up is None or (low.down.shape[1], low.up.shape[0]) != (inner.in_features, inner.out_features):
                faults.append(f"unknown {layer}" if inner is None else f"{layer} has another shape")
        if faults:
            raise DamagedWeights("the adapter does not fit this base", where=where, got="; ".join(faults[:3]), fix="use the base it was made for")
        with torch.inference_mode(False), torch.no_grad():
            self._make_room({layer: low.rank for layer, low in adapter.layers.items()})
        self.adapters[name] = adapter
        self._bare()

    def take_out(self, name: str) -> None:
        """Forget an adapter; the room that it had stays."""
        if self.worn == name:
            self._bare()
        del self.adapters[name]

    def wear(self, name: str | None) -> None:
        """Answer with this adapter from now on; None: with the base."""
        if name == self.worn:
            return
        adapter = self.adapters[name] if name is not None else self.none
        with torch.inference_mode(False), torch.no_grad():
            for group, names in self._groups().items():
                if group not in adapter.ready:
                    adapter.ready[group] = self._made(adapter, group, names)
                group.wear(*adapter.ready[group])
                for layer, layer_name in zip(group.layers, names, strict=True):
                    self._measure(layer, layer_name, adapter)
        self.worn = name

    def _bare(self) -> None:
        """Wear none, whatever was worn: groups may be new."""
        self.worn = ""
        self.wear(None)

    def _make_room(self, ranks: dict[str, int]) -> None:
        """Wrap layers that are not yet, and widen those that have too little room."""
        there = dict(lora.adapters(self.network))
        new = {name: rank for name, rank in ranks.items() if name not in there}
        narrow = {there[name]: rank for name, rank in ranks.items() if name in there and there[name].lora_A.shape[0] < rank}
        if new or narrow:
            for adapter in (self.none, *self.adapters.values()):
                adapter.ready.clear()
        for layer, rank in narrow.items():
            layer.lora_A.data = layer.lora_A.new_zeros(rank, layer.inner.in_features)
            layer.lora_B.data = layer.lora_B.new_zeros(layer.inner.out_features, rank)
            assert layer.group is not None
            layer.group.weight = None
        if new:
            lora.wrap(self.network, new)
        self.network.eval()
        for _, layer in lora.adapters(self.network):
            layer.requires_grad_(False)

    def _groups(self) -> dict[Group, list[str]]:
        """Each group of layers, with their names."""
        found: dict[Group, list[str]] = {}
        names = {layer: name for name, layer in lora.adapters(self.network)}
        for layer in names:
            assert layer.group is not None
            found.setdefault(layer.group, [names[other] for other in layer.group.layers])
        return found

    def _made(self, adapter: Adapter, group: Group, names: list[str]) -> tuple[Tensor, Tensor]:
        """(every A [R, in], every s·B on the diagonal [N, R]) in the weights' dtype, zeros where the adapter does nothing."""
        first = group.layers[0].inner.weight
        room = [layer.lora_A.shape[0] for layer in group.layers]
        sizes = [layer.inner.out_features for layer in group.layers]
        downs, ups = first.new_zeros(sum(room), first.shape[1]), first.new_zeros(sum(sizes), sum(room))
        row = column = 0
        for name, rank, size in zip(names, room, sizes, strict=True):
            low = adapter.layers.get(name)
            if low is not None and low.down is not None and low.up is not None:
                downs[column : column + low.rank] = low.down
                ups[row : row + size, column : column + low.rank] = adapter.scale * low.up.float()
            row, column = row + size, column + rank
        return downs, ups

    def _measure(self, layer: LoraLinear, name: str, adapter: Adapter) -> None:
        """Give a layer its DoRA magnitude and norm, or none."""
        low = adapter.layers.get(name)
        if low is None or low.magnitude is None or low.down is None or low.up is None:
            layer.magnitude, layer.norm = None, None
            return
        if name not in adapter.norms:
            up, down = low.up.float().to(layer.lora_B.device), low.down.float().to(layer.lora_A.device)
            adapter.norms[name] = layer.inner.weight.float().addmm(up, down, alpha=adapter.scale).norm(dim=1)
        layer.magnitude = torch.nn.Parameter(low.magnitude.float().to(layer.lora_A.device), requires_grad=False)
        layer.norm = adapter.norms[name]
