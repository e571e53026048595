"""Tokenised examples ↔ a file beside the run's state, under a hash of what they were made from: a resumed run tokenises nothing again.

It lies in the run's own scratch folder and goes with it: token ids are the rows, and a row that must be forgotten may not live on in a cache.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tunesmith.model.tensors import read, write
from tunesmith.spec.noun import digest
from tunesmith.train.examples import Pair, Rated, TokenRow
from tunesmith.train.rows import Tokenised
from tunesmith.train.state import AGAIN


def kept(folder: Path, name: str, inputs: dict[str, Any], make: Callable[[], Tokenised]) -> Tokenised:
    """The rows that `make` gives, or what an earlier call with the same `inputs` left in `folder`."""
    file = folder / f"rows-{name}-{digest(inputs)[:12]}.safetensors"
    if not file.exists():
        made = make()
        write(_flat(made), file)
        return made
    return _examples(read(file, AGAIN))


def _flat(found: Tokenised) -> dict[str, Tensor]:
    """Everything as arrays: the sequences of all examples one after the other."""
    rows = [row for example in found.rows for row in _rows(example)]
    ids = np.fromiter((token for row in rows for token in row.ids), np.int32)
    trained = np.fromiter((flag for row in rows for flag in row.trained), np.bool_)
    kinds = [[isinstance(one, Pair), isinstance(one, Rated), isinstance(one, Rated) and one.is_desirable] for one in found.rows]
    return {
        "ids": torch.from_numpy(ids),
        "trained": torch.from_numpy(trained),
        "lengths": torch.tensor([len(row.ids) for row in rows]),
        "kinds": torch.tensor(kinds, dtype=torch.bool).reshape(-1, 3),
        "counts": torch.tensor([found.truncated, found.dropped]),
    }


def _rows(example: TokenRow | Pair | Rated) -> tuple[TokenRow, ...]:
    return example.sequences if isinstance(example, TokenRow) else example.scored


def _examples(flat: dict[str, Tensor]) -> Tokenised:
    ids, trained = flat["ids"].numpy(), flat["trained"].numpy()
    ends = np.cumsum(flat["lengths"].numpy())
    sequences = iter(TokenRow(ids[a:b].tolist(), trained[a:b].tolist()) for a, b in zip([0, *ends[:-1]], ends, strict=True))
    rows: list[Any] = []
    for is_pair, is_rated, is_desirable in flat["kinds"].tolist():
        first = next(sequences)
        rows.append(Pair(first, next(sequences)) if is_pair else Rated(first, is_desirable, next(sequences)) if is_rated else first)
    truncated, dropped = flat["counts"].tolist()
    return Tokenised(rows, truncated, dropped)
