"""A few rows at a time: every row once, and the same as all at once."""

from __future__ import annotations

import pytest
import torch

from tunesmith.model import few_rows
from tunesmith.model.few_rows import add, greatest, times


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (5,), (7, 3), (7, 0), (4, 2, 3)])
@pytest.mark.parametrize("most", [1, 16, 10_000])
def test_every_row_is_taken_once(shape, most, monkeypatch):
    monkeypatch.setattr(few_rows, "BYTES", most)
    torch.manual_seed(0)
    total, more = torch.randn(shape), torch.randn(shape, dtype=torch.bfloat16)
    wanted = total + more.float()
    assert add(total, more) is total
    assert torch.equal(total, wanted)
    if shape:
        each = torch.randn(shape[0], *[1] * (len(shape) - 1))
        assert torch.equal(times(total, torch.tensor(0.3), torch.empty(shape, dtype=torch.bfloat16)), (wanted * 0.3).bfloat16())
        expected = (more.float() * each).bfloat16()
        assert torch.equal(times(more, each, more), expected), "into its own place"
        assert [i for part in few_rows.few_rows(total) for i in range(shape[0])[part]] == list(range(shape[0]))


def test_parts_of_a_cached_size():
    parts = list(few_rows.few_rows(torch.empty(1000, 1536, dtype=torch.bfloat16)))
    assert {part.stop - part.start for part in parts} == {64 * torch.get_num_threads()}


@pytest.mark.parametrize("vocabulary", [49_152, 192, 268, 50_257, 1024], ids=str)
def test_the_greatest_is_that_of_argmax_wherever_it_stands(vocabulary):
    logits = torch.randn(12, 2 * vocabulary)[:, ::2]
    logits[:4] = logits[:4].round()  # ties, within a part and across them
    logits[4] = float("-inf")
    logits[5, vocabulary // 2] = float("nan")
    logits[6, -1] = logits[7, 0] = logits[8, vocabulary // 2] = float("inf")
    assert greatest(logits).tolist() == logits.argmax(-1).tolist()
    assert greatest(logits[:0]).tolist() == []
