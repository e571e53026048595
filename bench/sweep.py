"""The settings of each peer that are tried, and the record of how quick they were: bench/sweeps.csv.

TRL's own `packing` is not among them on CPU: it puts rows into other steps. `padding_free` over a whole step of 32 rows is the same packing without
that, so it stands for it. TRL sets `bf16=True` by itself, so "bf16 weights" run under autocast; "no autocast" switches that off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from bench.facts import SWEEP_FIELDS, SWEEPS, append, conditions, read
from bench.outcome import Outcome

DEFAULTS = "trl defaults"


@dataclass(frozen=True)
class Setting:
    """How a peer is run."""

    peer: str = "trl"
    options: dict[str, Any] = field(default_factory=dict)
    """Of the trainer's configuration."""
    dtype: str | None = None
    """Of the weights; None: the trainer's own choice."""
    threads: int | None = None
    """None: the library's own choice."""
    adapters_as_weights: bool = False
    """Adapters in the weights' dtype; PEFT keeps them in float32."""

    def work(self) -> dict[str, Any]:
        """What the peer's script is told of it."""
        return {"options": self.options, "dtype": self.dtype, "adapters_as_weights": self.adapters_as_weights}


def trl(batch: int, dtype: str | None = "bfloat16", threads: int | None = None, adapters_as_weights: bool = False, **options: Any) -> Setting:
    """TRL without recomputed activations."""
    chosen = {"per_device_train_batch_size": batch, "gradient_checkpointing": False} | options
    return Setting(options=chosen, dtype=dtype, threads=threads, adapters_as_weights=adapters_as_weights)


COMMON: dict[str, Setting] = {
    DEFAULTS: Setting(),
    **{f"trl batch {n}, bf16 weights, no checkpointing": trl(n) for n in (1, 2, 4, 8, 16, 32)},
    **{f"trl batch {n}, bf16 weights, no autocast": trl(n, bf16=False) for n in (1, 4, 8)},
    **{f"trl batch {n}, autocast, no checkpointing": trl(n, None, bf16=True) for n in (2, 8)},
    "trl batch 4, float32, no checkpointing": trl(4, "float32", bf16=False),
    "trl batch 4, bf16 weights, 1 thread": trl(4, threads=1),
}
PADDING_FREE = {f"trl batch {n}, bf16 weights, padding-free": trl(n, padding_free=True, max_length=None) for n in (4, 8, 32)}
ADAPTERS = {f"trl batch {n}, bf16 weights and adapters, no autocast": trl(n, bf16=False, adapters_as_weights=True) for n in (1, 4, 8)}
REFERENCE = {
    **{f"trl batch {n}, bf16 weights, reference once": trl(n, precompute_ref_log_probs=True) for n in (2, 4, 8)},
    "trl batch 4, bf16 weights, no autocast, reference once": trl(4, bf16=False, precompute_ref_log_probs=True),
    **{
        f"trl batch {n}, bf16 weights and adapters, no autocast, reference once": trl(
            n, bf16=False, adapters_as_weights=True, precompute_ref_log_probs=True
        )
        for n in (1, 4)
    },
}
LITGPT = {
    **{f"litgpt micro-batch {n}, bf16": Setting("litgpt", {"micro_batch": n, "precision": "bf16-true"}) for n in (1, 2, 4)},
    "litgpt micro-batch 1, autocast": Setting("litgpt", {"micro_batch": 1, "precision": "bf16-mixed"}),
}
"""LitGPT trains whole models only where TRL does."""


def in_float32(setting: Setting) -> Setting:
    """The same setting without rounding to bf16: for the check of its losses alone."""
    if setting.peer == "litgpt":
        return replace(setting, options={**setting.options, "precision": "32-true"})
    return replace(setting, options={**setting.options, "bf16": False}, dtype="float32", adapters_as_weights=False)


SETTINGS: dict[str, dict[str, Setting]] = {
    "gsm8k": COMMON | PADDING_FREE | ADAPTERS,
    "banking77": COMMON | PADDING_FREE | ADAPTERS,
    "gsm8k-full": COMMON | PADDING_FREE | LITGPT,
    "gsm8k-dpo": COMMON | ADAPTERS | REFERENCE,
}
"""Work → name → setting."""


def tried(work: str) -> dict[str, dict[str, str]]:
    """The last line of each setting's name for this work, on a machine like this one."""
    here = conditions()
    return {
        line["side"]: line
        for line in read(SWEEPS)
        if line["work"] == work and line["processor"] == here["processor"] and line["cores"] == str(here["cores"])
    }


def best(work: str) -> list[str]:
    """The quickest recorded setting of each peer, its defaults left out.

    Raises: SystemExit where nothing is recorded for this work on a machine like this one.
    """
    lines = {name: line for name, line in tried(work).items() if not line["failed"] and name != DEFAULTS and name in SETTINGS[work]}
    peers = sorted({setting.peer for setting in SETTINGS[work].values()}, reverse=True)
    found = []
    for peer in peers:
        of_peer = {name: float(line["rows_per_s"]) for name, line in lines.items() if line["peer"] == peer}
        if not of_peer:
            raise SystemExit(f"no settings of {peer} are recorded for {work} on this machine: python -m bench.train {work} --sweep")
        found.append(max(of_peer, key=of_peer.__getitem__))
    missing = sorted(set(SETTINGS[work]) - set(tried(work)))
    if missing:
        print(f"never tried here, so `best` is the best of the others: {'; '.join(missing)}")
    return found


def sweep(work: str, wanted: list[str], measure: Callable[[Setting], Outcome | str], dry: bool) -> None:
    """Measure each setting once and append it to the record; `measure` gives a run, or why there is none."""
    for name in wanted:
        setting = SETTINGS[work][name]
        one = measure(setting)
        line: dict[str, Any] = {"work": work, "side": name, "peer": setting.peer}
        if isinstance(one, str):
            line |= {"failed": one}
            print(f"{name:<56} does not run: {one}", flush=True)
        else:
            line |= {"rows_per_s": one.rows_per_s, "peak_gb": one.peak_bytes / 1e9, "steps": len(one.seconds), "warm_up": one.warm_up}
            line |= {"threads": one.threads, "versions": one.versions}
            print(f"{name:<56} {one.rows_per_s:6.2f} rows/s  {one.peak_bytes / 1e9:5.1f} GB", flush=True)
        if not dry:
            append(line, SWEEPS, SWEEP_FIELDS)
