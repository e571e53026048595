"""Logits → next token. Pure, apart from the generator it is given."""

from __future__ import annotations

import torch
from torch import Tensor


def pick(logits: Tensor, temperature: float, top_p: float, generators: list[torch.Generator]) -> tuple[Tensor, Tensor]:
    """[R] next tokens and [R] their probabilities (of the untempered distribution) from float logits [R, V].

    Temperature 0 is greedy; ties go to the lowest token. `generators` holds one per row, so that a row's draw does not depend on its neighbours.
    Source: nucleus sampling, Holtzman et al. 2019 (arXiv 1904.09751) §3.1.
    """
    plain = logits.softmax(-1)
    if temperature == 0:
        tokens = logits.argmax(-1)
    else:
        kept = nucleus((logits / temperature).softmax(-1), top_p)
        tokens = torch.stack([torch.multinomial(row, 1, generator=g)[0] for row, g in zip(kept, generators, strict=True)])
    return tokens, plain.gather(1, tokens[:, None])[:, 0]


def nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """[R, V] with everything outside the smallest set of mass `top_p` set to 0; the most probable token always stays.

    >>> nucleus(torch.tensor([[0.5, 0.3, 0.2]]), 0.6).tolist()
    [[0.5, 0.30000001192092896, 0.0]]
    """
    if top_p >= 1:
        return probabilities
    ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
    outside = ordered.cumsum(-1) - ordered >= top_p
    return torch.zeros_like(probabilities).scatter(1, order, ordered.masked_fill(outside, 0.0))


def cut_at_stop(text: str, stops: tuple[str, ...]) -> tuple[str, bool]:
    """`text` before the first of `stops`, and whether one was found.

    >>> cut_at_stop("yes. no", (".", "no"))
    ('yes', True)
    """
    found = [at for at in (text.find(stop) for stop in stops if stop) if at >= 0]
    return (text[: min(found)], True) if found else (text, False)
