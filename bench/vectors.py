"""Shipped or given texts → vectors of the embedded sentence encoder, computed once and kept under .bench."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from bench.work import SCRATCH
from tunesmith.answer import VERSION
from tunesmith.answer.embed import Embedder
from tunesmith.catalogue.read import local
from tunesmith.data.examine.meaning import Encoder, Meanings, meanings
from tunesmith.data.fold import fold
from tunesmith.model.device import apply, place
from tunesmith.settings import settings
from tunesmith.spec.job import Silent

MODEL = "all-minilm-l6-v2"


@cache
def encoder(quick: bool = True) -> Encoder:
    """The embedded sentence encoder."""
    placement = place(settings())
    apply(placement)
    model = local(settings().home / "models", MODEL)
    embedder = Embedder(model, placement, quick=quick)
    return Encoder(embedder.embed, embedder.width, f"{model.digest} {VERSION} {embedder.dtype}")


def vectors(texts: list[str], name: str) -> Meanings:
    """The texts' vectors, kept under .bench/vectors."""
    return meanings(texts, encoder(), SCRATCH / "vectors" / name, Silent())


def same_question(texts: list[str]) -> NDArray[np.int64]:
    """For each text a number that it shares with those that are equal once letter case and white space are folded."""
    return np.unique([fold(text) for text in texts], return_inverse=True)[1].astype(np.int64)
