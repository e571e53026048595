"""A model on disk, and an adapter or full weights if there are some → model, tokenizer and template in memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from tunesmith.errors import DamagedWeights, Unsupported
from tunesmith.model import attention, fused, lora
from tunesmith.model.attention import ForestLayout, Layout
from tunesmith.model.device import Placement
from tunesmith.model.forest import LEAST_GAIN, Forest, pack
from tunesmith.model.memory import CACHE_BYTES, SMALLEST_BATCH, Shape, check_serving, choose_batch, free_bytes
from tunesmith.model.template import Template
from tunesmith.model.tensors import read
from tunesmith.spec.model import LocalModel
from tunesmith.spec.recipe import Full, Lora

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
logging.getLogger("transformers").setLevel(logging.ERROR)

TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 6e-2, torch.float16: 6e-2}
"""Relative difference by norm up to which two ways of computing the same are taken to agree."""
LEAK = 1e-4
"""Relative change by norm of one branch when only another was changed: nothing but rounding may cause it."""
PLAIN = "eager"
"""The library's attention that is written out, and that every architecture has."""
APART = 4
"""How many times the tolerance our attention may be from that one: the plain one rounds at other places."""
ATTENTION_DROPOUT = ("attention_dropout", "attn_pdrop", "attention_probs_dropout_prob")
"""How configurations call the share of attention that is dropped in training."""
WHOLE = {"full_attention", "attention"}
"""Layer types that see their whole row, as configurations call them; all others have to say a window."""
PART = 16
"""Rows of logits that are looked at together."""
PROBE_ROWS = [[5, 6, 7, 8, 9, 11], [5, 6, 7, 10, 12]]


@dataclass(frozen=True)
class Head:
    """The output layer: hidden [K, D] → logits [K, V], with what some models do to their logits."""

    weight: Tensor
    bias: Tensor | None
    multiplier: float
    softcap: float | None

    def logits(self, hidden: Tensor, tokens: Tensor | None = None) -> Tensor:
        """float32 logits of all tokens, or of those listed in `tokens`."""
        weight = self.weight if tokens is None else self.weight[tokens]
        bias = None if self.bias is None else self.bias if tokens is None else self.bias[tokens]
        return self._finished(nn.functional.linear(hidden, weight, bias))

    def in_parts(self, hidden: Tensor) -> Iterator[Tensor]:
        """float32 logits of all tokens for `PART` rows after another: one product, and then never more in memory than a cache holds."""
        for rows in torch.split(nn.functional.linear(hidden, self.weight, self.bias), PART):
            yield self._finished(rows)

    def _finished(self, products: Tensor) -> Tensor:
        out = products.float()
        out = out if self.multiplier == 1 else out * self.multiplier
        return out if self.softcap is None else self.softcap * torch.tanh(out / self.softcap)


@dataclass(eq=False)
class LoadedModel:
    """Weights, tokenizer and template, placed on a device."""

    local: LocalModel
    network: Any
    """The transformers model, adapters included."""
    template: Template
    placement: Placement
    context: int
    """Longest path in tokens."""
    shares_prefixes: bool = True
    """False: rows are computed padded and alone, for the reason in `sharing_reason`."""
    sharing_reason: str = ""
    cache_bytes: int = CACHE_BYTES
    """What the keys and values of rows that are answered together may take."""

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The template's tokenizer."""
        return self.template.tokenizer

    @property
    def shape(self) -> Shape:
        """Sizes that memory depends on."""
        return Shape.of(self.network.config, self.local.parameters)

    @property
    def head(self) -> Head:
        """The output layer as it is now (it is trained in full fine-tuning)."""
        config, layer = self.network.config.get_text_config(), self.network.get_output_embeddings()
        multiplier = float(getattr(config, "logit_scale", None) or 1.0) / float(getattr(config, "logits_scaling", None) or 1.0)
        return Head(layer.weight, layer.bias, multiplier, getattr(config, "final_logit_softcapping", None))

    def pack(self, rows: list[list[int]], least: int = LEAST_GAIN) -> Forest:
        """The forest of `rows` on this model's device."""
        return pack(rows, self.placement.device, least)

    def computed(self, forest: Forest) -> int:
        """Tokens that go through the model for this forest, padding included."""
        return len(forest.ids) if self.shares_prefixes else len(forest.leaves) * forest.longest

    def hidden(self, forest: Forest, layout: Layout | None = None) -> Tensor:
        """[T, D] last hidden states of a forest's tokens, in its packed order."""
        if self.shares_prefixes:
            return attention.run(self.network.get_decoder(), forest.ids, forest.positions, layout or ForestLayout(forest))
        return self._padded(forest)

    def _padded(self, forest: Forest) -> Tensor:
        """Every row alone, padded on the right: the way for models whose layers carry a state along the sequence."""
        grid = torch.zeros(len(forest.leaves), forest.longest, dtype=torch.long)  # [R, L] packed place of each row's token
        cells = torch.zeros(len(forest.ids), dtype=torch.long)  # [T] a cell of the grid where each packed token stands
        for row in range(len(forest.leaves)):
            path = torch.from_numpy(forest.path(row))
            grid[row, : len(path)] = path
            cells[path] = row * forest.longest + torch.arange(len(path))
        ids = forest.ids[grid.to(forest.ids.device)]
        hidden = self.network.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state  # [R, L, D]
        packed: Tensor = hidden.flatten(0, 1).index_select(0, cells.to(hidden.device))
        return packed


def load(
    local: LocalModel, placement: Placement, *, adapter: Path | None = None, weights: Path | None = None, memory_limit: int | None = None
) -> LoadedModel:
    """The model in `local.folder`, with an adapter (PEFT's format) or other full weights of the same shape in its place.

    Raises: DoesNotFit before loading, Unsupported for what transformers cannot load without remote code, DamagedWeights.
    """
    folder = Path(local.folder)
    config = _config(folder)
    context, free = _context(config, local), free_bytes(memory_limit, placement.device)
    _, cache_bytes = check_serving(Shape.of(config, local.parameters), placement.dtype, free, context)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    network = _network(folder, config, placement)
    if network.get_decoder() is network:
        raise Unsupported(
            "its output layer cannot be told from the rest of this architecture", where=str(folder), got=local.architecture,
            fix="choose another model: tunesmith models list",
        )  # fmt: skip
    network.to(placement.device).eval()
    fused.fuse(network)
    model = LoadedModel(local, network, Template(tokenizer, _stop_ids(network)), placement, context, cache_bytes=cache_bytes)
    settle_attention(model)
    check_head(model)
    model.shares_prefixes, model.sharing_reason = probe(model)
    if weights is not None:
        _replace(network, weights)
    if adapter is not None:
        lora.load(network, adapter)
    network.eval()
    return model


def check_training(local: LocalModel, placement: Placement, weights: Lora | Full, memory_limit: int | None) -> None:
    """Nothing, if the model can be trained here with the smallest batches.

    Raises: DoesNotFit, naming what would, from the configuration alone: before hours go into measuring its rivals.
    """
    shape = Shape.of(_config(Path(local.folder)), local.parameters)
    choose_batch(shape, weights, placement.dtype, free_bytes(memory_limit, placement.device), SMALLEST_BATCH)


def load_embedder(local: LocalModel, placement: Placement) -> tuple[Any, PreTrainedTokenizerBase]:
    """An encoder for sentence embeddings, in float32: it is small, and its vectors are compared with thresholds."""
    folder = Path(local.folder)
    config = _config(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    network = AutoModel.from_pretrained(
        folder, config=config, dtype=torch.float32, local_files_only=True, use_safetensors=True, trust_remote_code=False
    )
    return network.to(placement.device).eval(), tokenizer


def _config(folder: Path) -> Any:
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (ValueError, OSError, KeyError) as error:
        raise Unsupported(
            f"transformers {transformers.__version__} does not know this model: {str(error).splitlines()[0][:200]}", where=str(folder / "config.json"),
            fix="upgrade transformers, or choose another model: tunesmith models list",
        ) from None  # fmt: skip


def _network(folder: Path, config: Any, placement: Placement) -> Any:
    """The causal language model with our attention, or with its own where it does not take another."""
    options = {"config": config, "dtype": placement.dtype, "local_files_only": True, "use_safetensors": True, "trust_remote_code": False}
    options["output_loading_info"] = True
    try:
        try:
            network, info = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=attention.NAME, **options)
        except ValueError as error:
            if "attention" not in str(error).lower() and "attn" not in str(error).lower():
                raise
            network, info = AutoModelForCausalLM.from_pretrained(folder, **options)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise _unloadable(folder, str(error).splitlines()[0][:300] if str(error) else type(error).__name__) from None
    wrong = [f"{name} is missing" for name in sorted(info["missing_keys"])] + [f"{name} has another shape" for name, *_ in info["mismatched_keys"]]
    if wrong:  # the library would have filled them with random numbers
        raise _unloadable(folder, "; ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""))
    return network


def _context(config: Any, local: LocalModel) -> int:
    """The longest path in tokens.

    With `longrope` the longest position of a call chooses the frequencies for all its rows, so one row beyond the length of the first training would
    change its neighbours, and keys that were kept before it came: the context ends there.
    """
    text = config.get_text_config()
    longest = int(getattr(text, "max_position_embeddings", None) or local.context)
    rope = getattr(text, "rope_parameters", None) or {}
    kinds = [rope, *(one for one in rope.values() if isinstance(one, dict))]  # one for all layers, or one for each type of them
    firsts = [int(one["original_max_position_embeddings"]) for one in kinds if one.get("rope_type") == "longrope"]
    return min([longest, *firsts])


def _unloadable(folder: Path, why: str) -> DamagedWeights:
    return DamagedWeights(f"the weights cannot be loaded: {why}", where=str(folder), fix=f"pull the model again: tunesmith models pull {folder.name}")


def _replace(network: nn.Module, weights: Path) -> None:
    """Load full fine-tuned weights over the base's."""
    tensors = read(weights, "restore the checkpoint")
    tied = set(getattr(network, "_tied_weights_keys", None) or ())
    expected = {name: tensor.shape for name, tensor in network.state_dict().items() if name not in tied or name in tensors}
    wrong = [f"missing {n}" for n in sorted(expected.keys() - tensors.keys())] + [f"unknown {n}" for n in sorted(tensors.keys() - expected.keys())]
    wrong += [f"{n} is {tuple(tensors[n].shape)}" for n in sorted(expected.keys() & tensors.keys()) if tensors[n].shape != expected[n]]
    if wrong:
        raise DamagedWeights("the weights do not fit the base", where=str(weights), got="; ".join(wrong[:3]), fix="restore the checkpoint")
    network.load_state_dict(tensors, strict=False)
    network.tie_weights()  # type: ignore[operator]


def _stop_ids(network: Any) -> tuple[int, ...]:
    ids = getattr(network.generation_config, "eos_token_id", None) if getattr(network, "generation_config", None) else None
    return tuple(ids) if isinstance(ids, list) else (ids,) if isinstance(ids, int) else ()


@torch.no_grad()
def settle_attention(model: LoadedModel) -> None:
    """Let the library's plain attention compute where ours, asked without a layout, gives something else: found out by trying."""
    network = model.network
    if network.config._attn_implementation != attention.NAME:
        return
    ids = torch.tensor([[token % len(model.tokenizer) for token in PROBE_ROWS[0]]], device=model.placement.device)
    network.set_attn_implementation(PLAIN)
    theirs = network.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state.double()
    network.set_attn_implementation(attention.NAME)
    try:
        ours = network.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state.double()
    except attention.UnknownAttention:
        ours = None
    if ours is None or not bool((ours - theirs).norm() <= APART * TOLERANCE[model.placement.dtype] * theirs.norm()):
        network.set_attn_implementation(PLAIN)


@torch.no_grad()
def check_head(model: LoadedModel) -> None:
    """Nothing, if our output layer gives the logits that the model itself gives, found out by trying.

    Raises: Unsupported for an architecture that does more to its logits than `Head` knows: its answers and losses would be wrong.
    """
    ids = torch.tensor([[token % len(model.tokenizer) for token in PROBE_ROWS[0]]], device=model.placement.device)
    ours = model.head.logits(model.network.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state[0]).double()
    theirs = model.network(input_ids=ids, use_cache=False).logits[0].double()
    if ours.shape != theirs.shape or not bool((ours - theirs).norm() <= TOLERANCE[model.placement.dtype] * theirs.norm()):
        raise Unsupported(
            "this architecture changes its logits in a way that this build does not know", where=str(model.local.folder),
            got=model.local.architecture, fix="choose another model: tunesmith models list",
        )  # fmt: skip


@torch.no_grad()
def probe(model: LoadedModel) -> tuple[bool, str]:
    """Whether shared prefixes give this model the same hidden states as rows alone, found out by trying; with the reason.

    Recurrent mixers carry a state from one branch into the next, some models build masks of their own, and attention dropout is not in the
    fused kernels: none of them can be told safely from the configuration, but two short rows show it. Ask it of the base's weights: a tuned
    adapter can blow up the rounding of bf16 on tokens that make no sense, and what is asked is a property of the architecture.
    """
    if model.network.config._attn_implementation != attention.NAME:
        return False, "its attention does more than ours, so the library's own computes it"
    limit = len(model.tokenizer)
    rows = [[token % limit for token in row] for row in PROBE_ROWS]
    text = model.network.config.get_text_config()
    if any(getattr(text, name, None) for name in ATTENTION_DROPOUT):
        return False, "it was trained with attention dropout, which shared prefixes do not have"
    first, second = rows
    other = [*first[:-1], (first[-1] + 7) % limit]
    windows: dict[int, int | None] = {}
    try:
        packed, changed = (_packed_states(model, [row, second], windows) for row in (first, other))
    except (TypeError, ValueError, RuntimeError, AttributeError, IndexError) as error:
        return False, f"its layers do not take a packed sequence ({type(error).__name__})"
    kinds = getattr(text, "layer_types", None) or []
    hidden = sorted({kinds[layer] for layer, window in windows.items() if window is None and layer < len(kinds)} - WHOLE)
    if hidden:  # rows as short as these two reach no window, so the states cannot show it
        return False, f"its layers with {hidden[0]} do not say what they see"
    leak = (packed[1] - changed[1]).norm() / packed[1].norm()
    alone = [model.network.get_decoder()(input_ids=torch.tensor([row], device=model.placement.device), use_cache=False) for row in rows]
    noise, difference = ((ours - theirs.last_hidden_state[0].double()).norm() / ours.norm() for ours, theirs in zip(packed, alone, strict=True))
    # The first row lies in one piece, so it differs by rounding only, whatever the architecture.
    if not bool(leak <= LEAK) or not bool(difference <= max(TOLERANCE[model.placement.dtype], 2 * float(noise))):
        return False, "its layers carry a state along the sequence, so branches would see one another"
    return True, "rows with a common beginning share its computation"


class _Watched(ForestLayout):
    """Notes each layer's window."""

    def __init__(self, forest: Forest, windows: dict[int, int | None]) -> None:
        super().__init__(forest)
        self.windows = windows

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None, softcap: float | None) -> Tensor:
        """As in `Layout`."""
        self.windows[layer] = window
        return super().attend(layer, query, key, value, scale, window, softcap)


def _packed_states(model: LoadedModel, rows: list[list[int]], windows: dict[int, int | None]) -> list[Tensor]:
    """Each row's hidden states [n, D] out of one forest, in float64; notes the window of every layer that attends."""
    forest = model.pack(rows, least=1)
    states = attention.run(model.network.get_decoder(), forest.ids, forest.positions, _Watched(forest, windows)).double()
    return [states[torch.from_numpy(forest.path(row))] for row in range(len(rows))]
