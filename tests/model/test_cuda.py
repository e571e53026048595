"""What only a CUDA device can show: its kernels forward and backward against a dense mask, and a model that learns and answers there as it does on the CPU.

pytest -m gpu tests/model/test_cuda.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests import tiny
from tests.model.test_accelerated import FORESTS
from tunesmith.answer.engine import Engine
from tunesmith.model import accelerated
from tunesmith.model.attention import dense
from tunesmith.model.device import Placement
from tunesmith.model.forest import pack
from tunesmith.model.likelihood import score
from tunesmith.model.load import LoadedModel
from tunesmith.spec.candidate import Decoding
from tunesmith.train.examples import TokenRow

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here")]
DEVICE = torch.device("cuda", 0)
CLOSE = {torch.float32: 1e-4, torch.bfloat16: 3e-2}


@pytest.fixture(autouse=True)
def _kernels_anew() -> Iterator[None]:
    """What one case has compiled, or found out that a kernel refuses, says nothing of the next."""
    accelerated._compiled.cache_clear()
    torch._dynamo.reset()
    accelerated.REFUSED.clear()
    yield
    assert accelerated.REFUSED == {}, "a slower way was taken"


@pytest.mark.parametrize("rows", FORESTS.values(), ids=FORESTS)
@pytest.mark.parametrize("dtype", CLOSE, ids=str)
@pytest.mark.parametrize(("window", "softcap"), [(None, None), (5, None), (None, 2.0)], ids=str)
@pytest.mark.parametrize(("heads", "width"), [((4, 2), 64), ((3, 3), 64), ((4, 1), 256)], ids=str)
def test_kernels_give_output_and_gradients_of_a_dense_mask(rows, dtype, window, softcap, heads, width) -> None:
    generator = torch.Generator().manual_seed(0)
    forest = pack(rows, DEVICE, 1)
    taken = [torch.randn(1, h, len(forest.ids), width, generator=generator).to(DEVICE, dtype) for h in (heads[0], heads[1], heads[1])]
    ours, plain = ([x.clone().requires_grad_() for x in taken] for _ in range(2))
    found = accelerated.attend(*ours, forest, window, width**-0.5, softcap)
    assert found is not None, accelerated.REFUSED
    expected = dense(*plain, forest.dense_mask(window), width**-0.5, softcap)
    torch.testing.assert_close(found, expected, atol=CLOSE[dtype], rtol=CLOSE[dtype])
    weights = torch.randn(found.shape, generator=generator).to(DEVICE, dtype)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    for mine, theirs in zip(ours, plain, strict=True):
        assert mine.grad is not None
        torch.testing.assert_close(mine.grad, theirs.grad, atol=5 * CLOSE[dtype], rtol=5 * CLOSE[dtype])


def at(folder: Path, device: torch.device) -> LoadedModel:
    return tiny.load(folder, Placement(device, torch.float32, 2, ()))


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
def test_losses_gradients_and_answers_are_those_of_the_cpu(tmp_path: Path, kind: str) -> None:
    folder = tiny.save(tmp_path / kind, kind)
    cpu, cuda = at(folder, torch.device("cpu")), at(folder, DEVICE)
    rows = [TokenRow([*range(10, 40), *range(50 + 3 * k, 53 + 3 * k)], [place >= 30 for place in range(33)]) for k in range(4)]
    losses, slopes = [], []
    for model in (cpu, cuda):
        model.network.requires_grad_(True)
        total = score(model, rows).nll.sum()
        total.backward()
        losses.append(float(total.detach()))
        slopes.append({name: weights.grad.cpu() for name, weights in model.network.named_parameters() if weights.grad is not None})
        model.network.requires_grad_(False)
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert slopes[0].keys() == slopes[1].keys()
    for name, expected in slopes[0].items():
        torch.testing.assert_close(slopes[1][name], expected, atol=1e-4, rtol=1e-3)
    questions = [tiny.chat("my card is lost"), tiny.chat("my pin", system="Sort it."), tiny.chat("my card is here", system="Sort it.")]
    told = [[answer.text for answer in Engine(model).answer(questions, Decoding(max_new_tokens=12))] for model in (cpu, cuda)]
    assert told[0] == told[1]
