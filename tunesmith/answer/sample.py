"""Logits → the next token: temperature, nucleus, penalties, biases, allowed tokens, stop strings. Pure functions of their arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from tunesmith.answer.asked import Sampling
from tunesmith.model.few_rows import greatest

FEW = 512
"""Most probable tokens among which a nucleus is looked for first."""


def seeded(seed: int, number: int) -> torch.Generator:
    """The generator of the row with this number: it draws for this row alone."""
    return torch.Generator().manual_seed((seed * 1_000_003 + number) % 2**64)


def pick(logits: Tensor, temperature: float, top_p: float, generators: list[torch.Generator]) -> tuple[Tensor, Tensor]:
    """[R] next tokens and [R] their probabilities (of the untempered distribution) from float logits [R, V].

    Temperature 0 is greedy; ties go to the lowest token. `generators` holds one per row, so that a row's draw does not depend on its neighbours.
    Source: nucleus sampling, Holtzman et al. 2019 (arXiv 1904.09751) §3.1.
    """
    if temperature == 0:
        tokens = greatest(logits)
    else:
        kept = nucleus((logits / temperature).softmax(-1), top_p)
        tokens = torch.stack([torch.multinomial(row, 1, generator=g)[0] for row, g in zip(kept, generators, strict=True)])
    return tokens, logits.softmax(-1).gather(1, tokens[:, None])[:, 0]


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


def draw(logits: Tensor, temperature: float, top_p: float, generator: torch.Generator) -> int:
    """The next token from one row's logits [V]: one number is drawn, and stands for a place among the cumulated probabilities.

    Of the same distribution as `pick`, whose draws stored answers depend on; ten times faster on a large vocabulary.
    """
    if temperature == 0:
        return int(logits.argmax())
    chances, order = (logits / temperature).softmax(-1), None
    if top_p < 1:
        chances, order = _nucleus(chances, top_p)
    below = chances.cumsum(-1, dtype=torch.float64)
    drawn = torch.rand((), generator=generator, dtype=torch.float64) * below[-1]
    place = min(int(torch.searchsorted(below, drawn, right=True)), len(chances) - 1)
    return place if order is None else int(order[place])


def _nucleus(chances: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """(probabilities of the nucleus, most probable first; their tokens): nearly always it lies among the first `FEW`."""
    for count in (min(FEW, len(chances)), len(chances)):
        ordered, order = chances.topk(count)
        inside = int((ordered.cumsum(-1) - ordered < top_p).sum())
        if inside < count or count == len(chances):
            break
    kept = max(1, inside)  # top_p 0 is greedy
    return ordered[:kept], order[:kept]


def steer(logits: Tensor, sampling: Sampling, counts: Mapping[int, int], allowed: Tensor | None) -> Tensor:
    """[V] one row's logits as its penalties, its biases and the tokens it may say change them.

    A token that the answer already holds c times loses c·frequency + presence. Source: OpenAI's API reference, "frequency and presence
    penalties". `allowed` [V] is True where a token may come next.
    """
    out = logits.clone() if sampling.steers else logits
    if counts and (sampling.frequency_penalty or sampling.presence_penalty):
        said = torch.tensor(list(counts), dtype=torch.long)
        often = torch.tensor(list(counts.values()), dtype=out.dtype)
        out[said] -= often * sampling.frequency_penalty + sampling.presence_penalty
    if sampling.logit_bias:
        out[torch.tensor(list(sampling.logit_bias), dtype=torch.long)] += torch.tensor(list(sampling.logit_bias.values()), dtype=out.dtype)
    return out if allowed is None else out.masked_fill(~allowed, float("-inf"))


def likeliest(logprobs: Tensor, count: int) -> list[tuple[int, float]]:
    """The `count` most probable tokens of [V] log-probabilities, with theirs; the most probable one first."""
    values, tokens = logprobs.topk(min(count, len(logprobs))) if count else (logprobs[:0], logprobs[:0].long())
    return list(zip(tokens.tolist(), values.tolist(), strict=True))


def cut_at_stop(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """`text` before the first of `stops`, and whether one was found.

    >>> cut_at_stop("yes. no", (".", "no"))
    ('yes', True)
    """
    found = [at for at in (text.find(stop) for stop in stops if stop) if at >= 0]
    return (text[: min(found)], True) if found else (text, False)


def unfinished(text: str, marks: Sequence[str]) -> int:
    """Characters at the end of `text` that may be the beginning of one of `marks`.

    >>> unfinished("go ST", ("STOP", "TX"))
    2
    """
    longest = max((len(mark) for mark in marks), default=0)
    sizes = range(min(longest - 1, len(text)), 0, -1)
    return next((size for size in sizes if any(mark.startswith(text[-size:]) for mark in marks)), 0)
