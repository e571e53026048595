"""A tiny model and rows → the model after it has learnt them by heart: some seconds of plain gradient descent."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tunesmith.model.likelihood import score
from tunesmith.model.load import LoadedModel
from tunesmith.spec.chat import Conversation


def learn(model: LoadedModel, rows: Sequence[Conversation], *, most: int = 400) -> None:
    """Train until every token of the rows' answers is the most probable one."""
    rendered = [model.template.fit(row, model.context) for row in rows]
    weights = [weight.requires_grad_() for weight in model.network.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=5e-3, weight_decay=0)
    for _ in range(most):
        found = score(model, rendered, tells=True)
        if found.exact(len(rows)).all():
            return
        optimiser.zero_grad()
        found.nll.mean().backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
    raise AssertionError("the rows were not learnt")
