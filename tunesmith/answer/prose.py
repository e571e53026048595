"""Plain texts and a model → how improbable the model finds them, without any chat around them.

A text is read as it stands, behind the token that the model has always seen first where its tokenizer adds one. What comes first is given and not
scored: nothing stands before it to predict it from.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tunesmith.answer.engine import batches
from tunesmith.model.likelihood import score
from tunesmith.model.load import LoadedModel
from tunesmith.model.template import Rendered


@torch.inference_mode()
def prose_losses(model: LoadedModel, texts: Sequence[str]) -> list[tuple[float, int]]:
    """For each text its negative log-likelihood (nats) and the tokens that were scored; a text longer than the context is cut."""
    rows = [plain(model, text) for text in texts]
    found = [(0.0, 0)] * len(rows)
    for batch in batches([row.ids for row in rows], model.shares_prefixes):
        sums = score(model, [rows[i] for i in batch]).sums(len(batch)).tolist()
        for place, total in zip(batch, sums, strict=True):
            found[place] = (total, sum(rows[place].trained))
    return found


def plain(model: LoadedModel, text: str) -> Rendered:
    """The tokens of a text without a template; all but the first are scored."""
    start = model.tokenizer.bos_token_id
    opens = start is not None and model.tokenizer.encode("A")[:1] == [start]
    ids = [*([start] if opens else []), *model.template.guard.plain(text)][: model.context]
    return Rendered(ids, [place > 0 for place in range(len(ids))])
