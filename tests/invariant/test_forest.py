"""A forest gives the loss and the gradients of its rows one by one, for every architecture we share prefixes in."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

from tests import tiny
from tunesmith.model import likelihood as losses
from tunesmith.model import lora, pieces
from tunesmith.model.device import Placement
from tunesmith.model.forest import pack
from tunesmith.model.likelihood import cross_entropy, score
from tunesmith.model.load import Head, LoadedModel
from tunesmith.spec.recipe import Lora
from tunesmith.train.examples import TokenRow

pytestmark = pytest.mark.invariant
SHARING = ["llama", "untied", "qwen3", "granite", "gemma2", "gemma3"]


def row(ids: list[int], *trained: int) -> TokenRow:
    return TokenRow(ids, [i in trained for i in range(len(ids))])


TRUNK = [11, 12, 13, 14, 15, 16, 17, 18, 19]
ROWS = {
    "ragged branches": [row([*TRUNK, 20, 21, 22], 10, 11), row([*TRUNK, 30], 9), row([*TRUNK, 40, 41, 42, 43, 44], 11, 13)],
    "a trunk of one token": [row([11, 20, 21], 1, 2), row([11, 30], 1), row([11, 40, 41, 42], 3)],
    "no trunk": [row([20, 21, 22], 1, 2), row([30, 31], 1), row([40, 41, 42, 43, 44, 45, 46, 47], 7)],
    "nested duplicates": [row([*TRUNK, 20], 9), row([*TRUNK, 20, 21], 9, 10), row([*TRUNK, 20, 21, 22], 11)],
    "equal rows": [row([*TRUNK, 20, 21], 9, 10), row([*TRUNK, 20, 21], 9, 10), row([*TRUNK, 20, 21], 10)],
    "trained tokens in the trunk": [row([*TRUNK, 20], 3, 4, 9), row([*TRUNK, 30], 3, 9), row([*TRUNK, 40, 41], 10)],
    "several trained turns": [row([*TRUNK, 20, 21, 22, 23], 1, 2, 9, 12), row([*TRUNK, 30, 31, 32], 10, 11)],
    "the first token counts for nothing": [row([11, 20], 0, 1), row([12, 21, 22], 0, 2)],
    "one row": [row([11, 20, 21, 22], 1, 3)],
    "nested trunks": [
        row([*TRUNK, 20, 21, 22, 23], 9, 12),
        row([*TRUNK, 20, 21, 22, 24, 25], 10, 13),
        row([*TRUNK, 30, 31], 10),
        row([*TRUNK, 30, 31, 32, 33], 2, 11, 12),
        row([40, 41, 42], 1),
        row([40, 41, 43, 44], 2, 3),
    ],
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LoadedModel]:
    """Every kind, in float32."""
    root = tmp_path_factory.mktemp("models")
    return {kind: tiny.load(tiny.save(root / kind, kind)) for kind in [*SHARING, "lfm2"]}


@pytest.fixture(autouse=True, params=[1, 192], ids=["shared roots", "copied roots"])
def sharing_whatever_it_saves(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Rows this short would save too little to share anything; short roots are copied, long ones have a product of their own."""
    monkeypatch.setattr(pieces, "LEAST_ROOT", request.param)
    monkeypatch.setattr(LoadedModel, "pack", lambda self, rows, least=1: pack(rows, self.placement.device, least))


def in_dtype(model: LoadedModel, dtype: torch.dtype) -> LoadedModel:
    """A copy of the model in another dtype."""
    other = copy.deepcopy(model)
    other.network.to(dtype)
    other.placement = Placement(model.placement.device, dtype, 2, ())
    return other


def reference(module, query, key, value, attention_mask, scaling=None, softcap=None, **_):
    """Attention of one row, written out; `attention_mask` is what the library would add to the scores."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scores = query @ key.transpose(-1, -2) * scaling
    scores = scores if softcap is None else softcap * torch.tanh(scores / softcap)
    return ((scores + attention_mask).softmax(-1) @ value).transpose(1, 2), None


AttentionInterface.register("reference", reference)
AttentionMaskInterface.register("reference", eager_mask)


def plain(model: LoadedModel, one: TokenRow) -> torch.Tensor:
    """The cross-entropy of one row, by transformers' own model and the attention above."""
    model.network.set_attn_implementation("reference")
    logits = model.network(input_ids=torch.tensor([one.ids]), use_cache=False).logits[0]
    model.network.set_attn_implementation("tunesmith")
    chances = logits.log_softmax(-1)
    return -sum((chances[i - 1, one.ids[i]] for i in range(1, len(one.ids)) if one.trained[i]), torch.zeros((), dtype=logits.dtype))


def gradients(model: LoadedModel) -> dict[str, torch.Tensor]:
    found = {n: p.grad.clone() for n, p in model.network.named_parameters() if p.grad is not None}
    model.network.zero_grad(set_to_none=True)
    return found


def assert_same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor], tolerance: float, noise: dict[str, float] | None = None) -> None:
    """By norm, tensor by tensor. `noise`: how far the plain computation is from the truth, where the dtype is the limit."""
    assert ours.keys() == theirs.keys()
    scale = max(float(t.norm()) for t in theirs.values())
    for name, expected in theirs.items():
        size = max(float(expected.norm()), 1e-3 * scale)
        rounding = min(8 * (noise or {}).get(name, 0.0), 1e-4 * size)  # a noisy reference excuses a little and not anything
        assert float((ours[name] - expected).norm()) <= max(tolerance * size, rounding), name


def train_everything(model: LoadedModel) -> None:
    model.network.requires_grad_(True)


def train_adapters(model: LoadedModel) -> None:
    lora.inject(model.network, Lora(r=4), 0.0, seed=0)
    torch.manual_seed(1)
    for _, layer in lora.adapters(model.network):
        layer.lora_B.data.normal_(std=0.05)
    model.network.to(next(model.network.parameters()).dtype)


def both(model, rows, rel):
    """(gradients of the rows one by one, of all of them together), whose losses are the same to `rel`."""
    expected = sum(plain(model, one) for one in rows)
    expected.backward()
    theirs = gradients(model)
    total = score(model, rows).nll.sum()
    total.backward()
    assert float(total.detach()) == pytest.approx(float(expected.detach()), rel=rel)
    return theirs, gradients(model)


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS.keys())
@pytest.mark.parametrize("kind", SHARING)
@pytest.mark.parametrize("prepare", [train_everything, train_adapters], ids=["full", "lora"])
def test_a_forest_is_its_rows_one_by_one(models, kind, rows, prepare):
    """To 1e-10 in float64. In float32 to 1e-5, or as near to the float64 gradients as the plain computation is."""
    found: dict[str, dict[torch.dtype, dict[str, torch.Tensor]]] = {"ours": {}, "plain": {}}
    for dtype in (torch.float64, torch.float32):
        model = in_dtype(models[kind], dtype)
        assert model.shares_prefixes
        prepare(model)
        for side, grads in zip(("plain", "ours"), both(model, rows, 1e-10 if dtype == torch.float64 else 1e-5), strict=True):
            found[side][dtype] = {name: grad.double() for name, grad in grads.items()}
    truth = found["plain"][torch.float64]
    assert_same(found["ours"][torch.float64], truth, 1e-10)
    noise = {name: float((grad - truth[name]).norm()) for name, grad in found["plain"][torch.float32].items()}
    assert_same(found["ours"][torch.float32], truth, 1e-5, noise)


TOKENS = st.lists(st.integers(3, 6), max_size=9)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(given_rows=st.lists(st.tuples(TOKENS, st.integers(0, 2**9)), min_size=1, max_size=7))
@pytest.mark.parametrize("kind", ["llama", "gemma3"])
def test_any_forest_is_its_rows_one_by_one(models, kind, given_rows):
    """Loss and gradients of the whole model. Four letters make rows begin alike, one another's beginnings, and duplicates; windows of six tokens end in them."""
    rows = [TokenRow([9, *ids, 7], [i > 0 and (bits >> i & 1 == 1 or i > len(ids)) for i in range(len(ids) + 2)]) for ids, bits in given_rows]
    model = in_dtype(models[kind], torch.float32)
    train_everything(model)
    theirs, ours = both(model, rows, 1e-5)
    assert_same(ours, theirs, 1e-4)  # both round: to 1e-5 of the float64 gradients in the tests above


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS.keys())
def test_a_recurrent_model_takes_its_rows_alone_and_gives_the_same(models, rows):
    model = in_dtype(models["lfm2"], torch.float64)
    assert not model.shares_prefixes
    assert "state" in model.sharing_reason
    train_everything(model)
    theirs, ours = both(model, rows, 1e-10)
    assert_same(ours, theirs, 1e-10)


@pytest.mark.parametrize("kind", ["llama", "gemma3", "lfm2"])
def test_eight_rows_at_once_are_one_row_eight_times(models, kind):
    model = in_dtype(models[kind], torch.float64)
    train_adapters(model)
    rows = [row([*TRUNK, *range(20 + i, 24 + 2 * i)], 9, 10 + i) for i in range(8)]
    score(model, rows).nll.sum().backward()
    at_once = gradients(model)
    for one in rows:
        score(model, [one]).nll.sum().backward()
    assert_same(at_once, gradients(model), 1e-10)


@pytest.mark.parametrize("multiplier", [1.0, 0.25])
@pytest.mark.parametrize("softcap", [None, 3.0])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)], ids=str)
def test_the_chunked_loss_is_cross_entropy(monkeypatch, multiplier, softcap, bias, uneven, dtype, tolerance):
    """`uneven`: the tokens' losses count in different measure, as in preference tuning."""
    monkeypatch.setattr(losses, "CHUNK_TOKENS", 7)  # 20 tokens: two whole chunks and a part
    torch.manual_seed(0)
    hidden, weight = torch.randn(20, 6, dtype=dtype, requires_grad=True), torch.randn(11, 6, dtype=dtype, requires_grad=True)
    offset = torch.randn(11, dtype=dtype, requires_grad=True) if bias else None
    targets = torch.randint(11, (20,))
    leaves = [t for t in (hidden, weight, offset) if t is not None]

    logits = torch.nn.functional.linear(hidden, weight, offset) * multiplier
    logits = logits if softcap is None else softcap * torch.tanh(logits / softcap)
    each = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    measure = torch.rand(20, dtype=dtype) if uneven else torch.tensor(0.7, dtype=dtype)
    theirs = torch.autograd.grad((each * measure).sum(), leaves)

    correct = torch.empty(20, dtype=torch.bool)
    nll = cross_entropy(hidden, targets, Head(weight, offset, multiplier, softcap), correct)
    ours = torch.autograd.grad((nll * measure).sum(), leaves)

    assert float(nll.detach().sum()) == pytest.approx(float(each.detach().sum()), rel=tolerance)
    assert correct.tolist() == (logits.argmax(-1) == targets).tolist()
    torch.testing.assert_close(nll, each, atol=tolerance * 10, rtol=tolerance * 10)
    for got, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(got, wanted, atol=tolerance, rtol=tolerance * 10)


def test_packing_computes_a_shared_beginning_once(models):
    rows = [row([*TRUNK, 20 + i, 30], 10) for i in range(5)]
    assert score(models["llama"], rows).computed == len(TRUNK) + 5  # what is only predicted is not read
    assert score(models["lfm2"], rows).computed == 5 * (len(TRUNK) + 1), "alone, a row pays for all of its tokens"


@pytest.mark.parametrize("kind", ["llama", "gemma2", "gemma3"])
def test_bf16_is_near_float32(tmp_path: Path, kind):
    exact = tiny.load(tiny.save(tmp_path / kind, kind))
    rounded = tiny.load(tmp_path / kind, Placement(torch.device("cpu"), torch.bfloat16, 2, ()))
    assert rounded.shares_prefixes
    for rows in ROWS.values():
        with torch.no_grad():
            ours, theirs = score(rounded, rows).nll.sum(), score(exact, rows).nll.sum()
        assert float(ours) == pytest.approx(float(theirs), rel=0.05)
