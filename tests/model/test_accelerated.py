"""Attention for CUDA devices, by the same kernels' plain form on the CPU: the same as under a dense mask."""

from __future__ import annotations

import pytest
import torch

from tunesmith.model import accelerated
from tunesmith.model.attention import dense
from tunesmith.model.forest import pack

pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
TRUNK = list(range(10, 40))
FORESTS = {
    "nothing shared": [[1, 2, 3, 4], [5, 6], [7]],
    "a trunk": [[*TRUNK, 1, 2], [*TRUNK, 3], [*TRUNK, 4, 5, 6]],
    "nested trunks": [[*TRUNK, 50, 51, 1], [*TRUNK, 50, 51, 2, 3], [*TRUNK, 60], [8, 9, 1], [8, 9, 2]],
    "more than a block": [[*TRUNK, *range(100 * i, 100 * i + 70)] for i in range(1, 5)],
}


@pytest.mark.parametrize("rows", FORESTS.values(), ids=FORESTS)
@pytest.mark.parametrize(("window", "softcap"), [(None, None), (5, None), (None, 2.0), (5, 2.0)], ids=str)
@pytest.mark.parametrize("heads", [(4, 2), (3, 3)], ids=str)
def test_block_masks_are_the_dense_mask(rows, window, softcap, heads):
    generator = torch.Generator().manual_seed(0)
    forest = pack(rows, least=1)
    q, k, v = (torch.randn(1, h, len(forest.ids), 16, generator=generator) for h in (heads[0], heads[1], heads[1]))
    ours = accelerated.flex(q, k, v, forest, window, 0.3, softcap)  # forward only: the library has no backward pass on CPUs
    torch.testing.assert_close(ours, dense(q, k, v, forest.dense_mask(window), 0.3, softcap), atol=1e-5, rtol=1e-5)


def test_what_a_kernel_does_not_take_is_said_and_not_asked_again(monkeypatch, caplog):
    monkeypatch.setattr(accelerated, "REFUSED", {})
    asked = []

    def refusing(*_):
        asked.append(1)
        raise NotImplementedError("heads must be a power of two\nand more")

    monkeypatch.setattr(accelerated, "flex", refusing)
    forest = pack(FORESTS["a trunk"], least=1)
    q, k, v = (torch.randn(1, 2, len(forest.ids), 12) for _ in range(3))
    for _ in range(2):
        assert accelerated.attend(q, k, v, forest, None, 0.3, None) is None
    assert len(asked) == 1
    assert [record.getMessage() for record in caplog.records] == [f"attention takes a slower way: {why}" for why in accelerated.REFUSED.values()]
    assert list(accelerated.REFUSED.values()) == ["FlexAttention does not take heads of 12 in torch.float32 here: heads must be a power of two"]


def test_a_kernel_without_a_backward_pass_is_found_out_before_it_is_relied_on(monkeypatch, caplog):
    monkeypatch.setattr(accelerated, "REFUSED", {})
    monkeypatch.setattr(accelerated, "PROVEN", set())
    forest = pack(FORESTS["a trunk"], least=1)
    q, k, v = (torch.randn(1, 2, len(forest.ids), 16, requires_grad=True) for _ in range(3))
    assert accelerated.attend(q, k, v, forest, None, 0.3, None) is None  # the library has no backward pass on CPUs
    assert not accelerated.PROVEN
    assert "FlexAttention does not take heads of 16 in torch.float32 here" in caplog.text
    accelerated.REFUSED.clear()
    with torch.no_grad():
        assert accelerated.attend(q.detach(), k.detach(), v.detach(), forest, None, 0.3, None) is not None
    monkeypatch.setattr(accelerated, "flex", lambda q, *_: 2 * q)
    assert accelerated.attend(q, k, v, forest, None, 0.3, None) is not None
    assert [way for way, *_ in accelerated.PROVEN] == ["FlexAttention"]


def test_a_cap_is_one_function():
    assert accelerated._cap(2.0) is accelerated._cap(2.0)
    assert accelerated._cap(2.0) is not accelerated._cap(3.0)
