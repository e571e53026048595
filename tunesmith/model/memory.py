"""A model's configuration and the work → peak bytes, checked against what is free before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

from tunesmith.errors import DoesNotFit
from tunesmith.spec.recipe import Choice, Full, Lora

RUNTIME_BYTES = 500 * 2**20
"""Interpreter, torch, transformers and the allocator's slack, measured for an idle worker with the libraries loaded."""
SLACK = 1.15
"""What the allocator holds beside the activations that are alive."""
CHUNK_TOKENS = 256
"""Rows of the output layer that are computed at once; bounds the largest tensor of a step."""
ROWS_IN_CACHE = 16
"""Rows of logits that go through softmax and its gradient at once: 16 x 49,152 float32 are 3 MB."""
PIECE = 256
"""Most tokens of a row that attention computes at once: a longer piece computes more scores above the diagonal, which are thrown away."""
KEPT_KEYS = 1024
"""Up to so many keys attention keeps its probabilities for the backward pass; with more they are made again, or they would outgrow all else."""
SMALLEST_BATCH, LARGEST_BATCH, LARGEST_FULL_BATCH = 256, 2048, 1536
"""More than 2,048 tokens at once are no faster per token (measured on 2 cores) and need memory: 6.0 GB at 4,096 against 3.6 GB. Where every weight is
trained, 1,536 are as fast as 2,048 and need 4.6 GB instead of 5.0."""
ROWS_AT_ONCE, TOKENS_AT_ONCE = 256, 4096
"""Rows that are answered together at most, and tokens of their prompts that are read at once."""
CACHE_BYTES = 2**31
"""For the keys and values of the rows that are answered together: half of it, a quarter and so on only where the machine has not so much. The steps are
coarse because which rows meet decides how sums are rounded, and that must not follow every byte that is free."""
USABLE = 0.7
"""Share of the free memory that is planned with: other programs want some, and an estimate is one."""
CACHE_SLACK = 1.25
"""How many times what rows need their places may take (`answer/shelves.py`)."""
LEAST_CACHED = 2048
"""Tokens that must fit into the cache, or as many as the model's context has."""
BATCHES = (2048, 1536, 1024, 512, 256)
CGROUP_FILES = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)


@dataclass(frozen=True)
class Shape:
    """The sizes that memory depends on."""

    parameters: int
    width: int
    inner: int
    layers: int
    heads: int
    head_width: int
    kv_heads: int
    vocabulary: int
    linear_sizes: int
    """Sum of (in + out) over all linear layers: an adapter of rank r has r times as many parameters."""

    @classmethod
    def of(cls, config: Any, parameters: int) -> Shape:
        """Sizes from a transformers configuration."""
        text = config.get_text_config()
        heads = getattr(text, "num_attention_heads", 1)
        head = getattr(text, "head_dim", None) or text.hidden_size // heads
        kv = getattr(text, "num_key_value_heads", None) or heads
        inner = getattr(text, "intermediate_size", None) or 4 * text.hidden_size
        inner = max(inner) if isinstance(inner, list | tuple) else inner
        linear = text.num_hidden_layers * (4 * text.hidden_size + 2 * head * (heads + kv) + 3 * (text.hidden_size + inner))
        return cls(parameters, text.hidden_size, inner, text.num_hidden_layers, heads, head, kv, text.vocab_size, linear)

    def cached(self, dtype: torch.dtype) -> int:
        """Bytes of one token's keys and values in all layers."""
        return 2 * self.layers * self.kv_heads * self.head_width * dtype.itemsize


@dataclass(frozen=True)
class Estimate:
    """Peak bytes of one kind of work, with its parts for people."""

    parts: dict[str, int]

    @property
    def total(self) -> int:
        """Peak bytes."""
        return sum(self.parts.values())

    def words(self) -> str:
        """`1.9 GB: weights 0.3, activations 1.0 …`."""
        return f"{gigabytes(self.total)}: " + ", ".join(f"{name} {gigabytes(size)}" for name, size in self.parts.items())


def gigabytes(size: float) -> str:
    """A size as people read it.

    >>> gigabytes(1.5e9)
    '1.50 GB'
    """
    return f"{size / 1e9:.2f} GB"


def to_serve(shape: Shape, dtype: torch.dtype, cache_bytes: int) -> Estimate:
    """Answering many rows with so much room for keys and values, and prompts of 4,096 tokens read at once."""
    size = dtype.itemsize
    per_token = shape.cached(dtype) + (6 * shape.width + 3 * shape.inner) * size  # a prompt's keys and values lie apart until all of it is read
    working = TOKENS_AT_ONCE * per_token + CHUNK_TOKENS * shape.vocabulary * 6
    parts = {"runtime": RUNTIME_BYTES, "weights": shape.parameters * size, "cache": round(CACHE_SLACK * cache_bytes), "working set": working}
    return Estimate(parts)


def to_train(shape: Shape, weights: Lora | Full, dtype: torch.dtype, tokens: int, longest: int = 256, recompute: bool = False) -> Estimate:
    """Training with micro-batches of `tokens` tokens in rows of at most `longest`.

    Kept per token and layer for the backward pass: the inputs of both norms and of both halves of the layer, query, key and value (with
    adapters before rotation as well: they lie in one product), the attention's output and probabilities, both halves of the MLP and their
    product, and the adapters' inner values. With `recompute` only each layer's input is kept, and one layer is whole at a time.
    Against measured peaks: bench/memory.py, docs/log.md.
    """
    size = dtype.itemsize
    heads, kv = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    per_layer = size * (4 * shape.width + 2 * heads + 2 * kv + 3 * shape.inner + round(shape.heads * kept_keys(longest)))
    if isinstance(weights, Lora):
        trained = weights.r * shape.linear_sizes
        state = trained * 4 * 4  # value, gradient, two moments, all float32
        per_layer += size * (heads + kv + 12 * weights.r)
        head = 0
    else:
        trained = shape.parameters
        state = trained * (4 * 4 + size)  # float32 master, its gradient, two moments; the gradient in the model's dtype
        head = shape.vocabulary * shape.width * (4 + size)  # the output layer's gradient, and a chunk's share of it
    kept = shape.layers * size * shape.width if recompute else shape.layers * per_layer
    working = size * (8 * shape.width + 8 * shape.inner) + (per_layer if recompute else 0)
    return Estimate(
        {
            "runtime": RUNTIME_BYTES,
            "weights": shape.parameters * size,
            "optimiser": state,
            "activations": round(SLACK * tokens * (kept + working)),
            "output layer": head + CHUNK_TOKENS * shape.vocabulary * size + ROWS_IN_CACHE * shape.vocabulary * 3 * 4,
        }
    )


def kept_keys(longest: int) -> float:
    """Probabilities that a head keeps per token of a row of `longest` tokens: those of pieces with few enough keys."""
    count = -(-longest // PIECE)
    ends = [longest * (i + 1) // count for i in range(count)]
    return sum((end - longest * i // count) * end for i, end in enumerate(ends) if end <= KEPT_KEYS) / longest


def free_bytes(limit: int | None, device: torch.device | None = None, *, whole: bool = False) -> Choice:
    """Bytes that this process may still take: the least of the machine's, its container's and the user's limit; on a CUDA device, of that device's.

    `whole`: all that the process may take, with what it holds already.
    """
    held = 0
    if device is not None and device.type == "cuda":
        best, reason = torch.cuda.mem_get_info(device)[0] + (torch.cuda.memory_reserved(device) if whole else 0), "free on this device"
        places: tuple[tuple[Path, Path], ...] = ()
    else:
        held = _held_bytes() if whole else 0
        best, reason, places = psutil.virtual_memory().available + held, "available on this machine", CGROUP_FILES
    for most, used in places:
        try:
            room = int(most.read_text()) - int(used.read_text()) + _reclaimable(used.with_name("memory.stat")) + held
        except (OSError, ValueError):
            continue  # no such limit here; `max` is not a number
        if room < best:
            best, reason = max(room, 0), "left in this container's limit"
    if limit is not None and limit < best:
        best, reason = limit, "TUNESMITH_MEMORY_BYTES says so"
    return Choice(name="memory", value=str(best), reason=f"{gigabytes(best)} {reason}")


def _held_bytes() -> int:
    """Memory of this process that belongs to no file: what is mapped from files counts as available."""
    now = psutil.Process().memory_info()
    return int(now.rss) - int(getattr(now, "shared", 0))


def _reclaimable(stat: Path) -> int:
    """Bytes of a container's memory that hold files which nobody has used for a while: they are given up as soon as somebody asks for room."""
    try:
        lines = dict(line.split() for line in stat.read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(lines.get("total_inactive_file", lines.get("inactive_file", "0")))  # version 1 counts a container's children apart


def choose_batch(
    shape: Shape,
    weights: Lora | Full,
    dtype: torch.dtype,
    free: Choice,
    longest_row: int,
    recompute: bool | None = None,
    written: int | None = None,
) -> tuple[Choice, Choice]:
    """(tokens per micro-batch, whether activations are computed again in the backward pass).

    As `written`, or the largest of a few sizes whose peak stays under 70 % of what is free; activations are computed again only where not even
    the longest row fits otherwise, or where `recompute` says so. The size of a batch decides the order of its sums, and the reason stands in
    the checkpoint: so neither follows every byte that the machine has free at the moment. Else the same run would never give the same
    checkpoint twice.
    Raises: DoesNotFit if not even the longest row does, naming what would.
    """
    room = int(int(free.value) * USABLE)
    least = max(SMALLEST_BATCH if written is None else min(written, SMALLEST_BATCH), longest_row)
    for again in (False, True) if recompute is None else (recompute,):
        fixed = to_train(shape, weights, dtype, 0, longest_row, again)
        per_token = to_train(shape, weights, dtype, 1, longest_row, again).total - fixed.total
        fits = (room - fixed.total) // per_token
        if fits >= least:
            break
    else:
        need = to_train(shape, weights, dtype, least, longest_row, again)
        fitting = int((room - RUNTIME_BYTES) / (shape_bytes(weights, dtype)))
        raise DoesNotFit(
            f"training needs about {need.words()}", where="memory", got=f"{free.reason}, of which 70 % may be used", expected=f"at least {gigabytes(need.total / USABLE)}",
            fix=f"choose a model under about {max(fitting, 0) / 1e6:.0f} M parameters, a smaller train.budget.max_length"
            + (", or LoRA instead of full fine-tuning" if isinstance(weights, Full) else ""),
        )  # fmt: skip
    most = LARGEST_BATCH if isinstance(weights, Lora) else LARGEST_FULL_BATCH
    tokens = next((size for size in BATCHES if least <= size <= min(fits, most)), least)
    why = "the largest that is worth it" if tokens == most else "the largest step that fits into 70 % of the free memory"
    tokens, why = (tokens, why) if written is None else (written, "as written")
    peak = to_train(shape, weights, dtype, max(tokens, longest_row), longest_row, again).words()
    chosen = "as written" if recompute is not None else "the longest row would not fit otherwise" if again else "everything fits, and it costs time"
    return (
        Choice(name="tokens_per_batch", value=str(tokens), reason=f"{why}; estimated peak {peak}"),
        Choice(name="recompute", value=str(again).lower(), reason=chosen),
    )


def shape_bytes(weights: Lora | Full, dtype: torch.dtype) -> float:
    """Rough bytes per parameter of training at the smallest batch: what a fitting model is guessed from."""
    return dtype.itemsize * 2.0 if isinstance(weights, Lora) else 16.0 + 2 * dtype.itemsize


def check_serving(shape: Shape, dtype: torch.dtype, free: Choice, context: int) -> tuple[Estimate, int]:
    """The estimate for answering, and the bytes of its cache: as much as fits with the rest into 70 % of what is free, up to
    `CACHE_BYTES` and to what rows of the context's length need. Where not even the least does, it has to fit into all of it.

    Raises: DoesNotFit before anything is loaded.
    """
    least = min(LEAST_CACHED, context) * shape.cached(dtype)
    cache = max(least, min(CACHE_BYTES, ROWS_AT_ONCE * context * shape.cached(dtype)))
    while cache > least and to_serve(shape, dtype, cache).total > USABLE * int(free.value):
        cache = max(least, cache // 2)
    need = to_serve(shape, dtype, cache)
    if need.total > int(free.value):
        fitting = max(0.0, (int(free.value) - RUNTIME_BYTES) / dtype.itemsize / 1.3 / 1e6)
        raise DoesNotFit(
            f"the model needs about {need.words()}", where="memory", got=free.reason, expected=f"at least {gigabytes(need.total)}",
            fix=f"choose a model under about {fitting:.0f} M parameters: tunesmith models list",
        )  # fmt: skip
    return need, cache
