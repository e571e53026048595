"""Estimates, and what is refused because of them."""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest
import torch

from tunesmith.errors import DoesNotFit
from tunesmith.model import memory
from tunesmith.model.memory import (
    LARGEST_BATCH,
    LARGEST_FULL_BATCH,
    SMALLEST_BATCH,
    Shape,
    check_serving,
    choose_batch,
    free_bytes,
    kept_keys,
    to_serve,
    to_train,
)
from tunesmith.spec.recipe import Choice, Full, Lora

SMOL = Shape(134_515_008, 576, 1536, 30, 9, 64, 3, 49_152, 30 * (4 * 576 + 2 * 64 * 12 + 3 * (576 + 1536)))
BF16 = torch.bfloat16


def free(size: float) -> Choice:
    return Choice(name="memory", value=str(int(size)), reason=f"{size / 1e9:.2f} GB available on this machine")


def test_sizes_are_read_from_a_configuration():
    text = SimpleNamespace(
        num_attention_heads=9, num_key_value_heads=3, hidden_size=576, head_dim=None, intermediate_size=1536, num_hidden_layers=30, vocab_size=49_152
    )
    assert Shape.of(SimpleNamespace(get_text_config=lambda: text), 134_515_008) == SMOL


@pytest.mark.parametrize(
    ("weights", "tokens", "longest", "measured"),
    [
        (Lora(dropout=0.0), 512, 64, 1.42e9),
        (Lora(dropout=0.0), 512, 256, 1.47e9),
        (Lora(dropout=0.0), 2048, 64, 2.48e9),
        (Lora(dropout=0.0), 2048, 256, 2.73e9),
        (Lora(dropout=0.0), 2048, 1024, 3.25e9),
        (Lora(dropout=0.0), 2048, 2048, 2.81e9),
        (Lora(dropout=0.05), 2048, 256, 2.74e9),
        (Lora(dropout=0.05), 512, 512, 1.52e9),
        (Full(), 512, 64, 3.64e9),
        (Full(), 512, 256, 3.67e9),
        (Full(), 2048, 64, 4.77e9),
        (Full(), 2048, 256, 4.96e9),
    ],
)
def test_estimates_are_near_what_was_measured(weights, tokens, longest, measured):
    """Peak resident memory of a training child on SmolLM2-135M in bf16, Linux, 2 threads: bench/memory.py."""
    assert to_train(SMOL, weights, BF16, tokens, longest).total == pytest.approx(measured, rel=0.15)


def test_recomputing_needs_less_and_is_the_last_resort():
    assert to_train(SMOL, Lora(), BF16, 2048, recompute=True).total < 0.7 * to_train(SMOL, Lora(), BF16, 2048).total
    tokens, again = choose_batch(SMOL, Lora(), BF16, free(1.9e9 / 0.7), 2048)
    assert (tokens.value, again.value) == ("2048", "true")
    assert again.reason == "the longest row would not fit otherwise"
    assert choose_batch(SMOL, Lora(), BF16, free(64e9), 100, True)[1].reason == "as written"
    with pytest.raises(DoesNotFit):
        choose_batch(SMOL, Lora(), BF16, free(1.9e9 / 0.7), 2048, False)


def test_a_batch_as_written_does_not_make_the_longest_row_unfit():
    """What an alarm about memory asks for is a smaller batch: with it, recomputing must not be forgotten."""
    batch, again = choose_batch(SMOL, Lora(), BF16, free(1.9e9 / 0.7), 2048, None, 1024)
    assert (batch.value, again.value) == ("1024", "true")
    assert batch.reason.startswith("as written; estimated peak")
    assert batch.reason.endswith(to_train(SMOL, Lora(), BF16, 2048, 2048, True).words()), "the longest row is a batch of its own"
    batch, again = choose_batch(SMOL, Lora(), BF16, free(64e9), 100, None, 16)
    assert (batch.value, again.value) == ("16", "false")
    with pytest.raises(DoesNotFit):
        choose_batch(SMOL, Lora(), BF16, free(1.1e9 / 0.7), 2048, None, 16)


@pytest.mark.parametrize(("longest", "kept"), [(64, 64.0), (256, 256.0), (512, 384.0), (1024, 640.0), (2048, 320.0)])
def test_probabilities_are_kept_of_pieces_with_few_keys(longest, kept):
    assert kept_keys(longest) == kept


def test_more_of_anything_needs_more():
    least = to_train(SMOL, Lora(r=8), BF16, 512).total
    assert least < to_train(SMOL, Lora(r=64), BF16, 512).total
    assert least < to_train(SMOL, Lora(r=8), BF16, 1024).total
    assert least < to_train(SMOL, Lora(r=8), torch.float32, 512).total
    assert least < to_train(SMOL, Full(), BF16, 512).total
    assert to_serve(SMOL, BF16, 10**6).total < to_serve(SMOL, BF16, 10**8).total


def test_the_batch_is_the_largest_that_fits():
    choice, again = choose_batch(SMOL, Lora(), BF16, free(64e9), 100)
    assert again.value == "false"
    assert choice.value == str(LARGEST_BATCH)
    assert "estimated peak" in choice.reason
    assert choose_batch(SMOL, Lora(), BF16, free(63.9e9), 100)[0] == choice, "the same run gives the same checkpoint, whatever is free at the moment"
    little = free(1.5e9 / 0.7)
    tokens = int(choose_batch(SMOL, Lora(), BF16, little, 100)[0].value)
    assert SMALLEST_BATCH <= tokens < LARGEST_BATCH
    assert to_train(SMOL, Lora(), BF16, tokens).total <= 1.5e9 < to_train(SMOL, Lora(), BF16, 2 * tokens).total


def test_the_longest_row_must_fit():
    least = free(1.1e9 / 0.7)
    with pytest.raises(DoesNotFit, match="training needs about") as error:
        choose_batch(SMOL, Lora(), BF16, least, 2048)
    problem = error.value.problems[0]
    assert "of which 70 % may be used" in problem.got
    assert "a smaller train.budget.max_length" in problem.fix


def test_full_fine_tuning_that_does_not_fit_names_lora():
    with pytest.raises(DoesNotFit) as error:
        choose_batch(SMOL, Full(), BF16, free(2e9), 100)
    assert error.value.problems[0].fix.endswith("or LoRA instead of full fine-tuning")


def test_a_row_longer_than_the_largest_batch_is_a_batch_of_its_own():
    assert choose_batch(SMOL, Full(), BF16, free(64e9), 100)[0].value == str(LARGEST_FULL_BATCH), "as fast as larger ones, and smaller"
    assert choose_batch(SMOL, Lora(), BF16, free(640e9), LARGEST_BATCH + 500)[0].value == str(LARGEST_BATCH + 500)


def test_serving_is_refused_with_what_would_fit():
    with pytest.raises(DoesNotFit) as error:
        check_serving(SMOL, BF16, free(0.8e9), 8192)
    assert error.value.problems[0].fix == "choose a model under about 106 M parameters: tunesmith models list"


def test_serving_takes_about_what_was_estimated():
    """Measured: 2.26 GB for 256 answers to GSM8K questions, 49,062 tokens with them, on SmolLM2-135M in bf16 (docs/log.md, 2026-11-23)."""
    assert to_serve(SMOL, BF16, 49_062 * SMOL.cached(BF16)).total == pytest.approx(2.26e9, rel=0.2)


def test_the_cache_takes_what_there_is_room_for_and_is_part_of_the_estimate():
    plenty, cache = check_serving(SMOL, BF16, free(64e9), 8192)
    assert (cache, plenty) == (memory.CACHE_BYTES, to_serve(SMOL, BF16, cache))
    for size in (5e9, 3e9, 2e9, 1.7e9):
        need, less = check_serving(SMOL, BF16, free(size), 8192)
        assert (need.total <= 0.7 * size, less < cache) == (True, True)
        assert check_serving(SMOL, BF16, free(size * 1.001), 8192)[1] == less, "it does not follow every byte"
        cache = less
    assert check_serving(SMOL, BF16, free(1.2e9), 8192)[1] == 2048 * SMOL.cached(BF16), "two thousand tokens are the least, in all that is free"
    short = check_serving(SMOL, BF16, free(64e9), 64)[1]
    assert short == 256 * 64 * SMOL.cached(BF16), "more rows never meet"


def test_free_memory_is_the_least_of_machine_container_and_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=9_000_000_000))
    monkeypatch.setattr(memory, "CGROUP_FILES", ((tmp_path / "max", tmp_path / "current"),))
    assert free_bytes(None) == Choice(name="memory", value="9000000000", reason="9.00 GB available on this machine")
    (tmp_path / "max").write_text("max\n")
    (tmp_path / "current").write_text("1000000000\n")
    assert free_bytes(None).reason == "9.00 GB available on this machine"
    (tmp_path / "max").write_text("5000000000\n")
    assert free_bytes(None) == Choice(name="memory", value="4000000000", reason="4.00 GB left in this container's limit")
    assert free_bytes(3_000_000_000).reason == "3.00 GB TUNESMITH_MEMORY_BYTES says so"
    assert free_bytes(8_000_000_000).value == "4000000000"
    (tmp_path / "current").write_text("6000000000\n")
    assert free_bytes(None).value == "0"


@pytest.mark.parametrize("lines", ["anon 5\ninactive_file 2500000000\n", "inactive_file 1\ntotal_inactive_file 2500000000\n"], ids=["v2", "v1"])
def test_files_that_a_container_has_read_can_be_given_up(tmp_path, monkeypatch, lines):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=9_000_000_000))
    monkeypatch.setattr(memory, "CGROUP_FILES", ((tmp_path / "max", tmp_path / "current"),))
    for name, text in (("max", "8000000000"), ("current", "5000000000"), ("memory.stat", lines)):
        (tmp_path / name).write_text(text)
    assert free_bytes(None) == Choice(name="memory", value="5500000000", reason="5.50 GB left in this container's limit")


def test_what_the_process_holds_is_part_of_what_it_may_take_as_a_whole(monkeypatch):
    """Training is planned when the model is in memory already, and the estimate counts the model again."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=4_600_000_000))
    monkeypatch.setattr(memory, "CGROUP_FILES", ())
    own = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=4_000_000_000, shared=600_000_000))
    monkeypatch.setattr(psutil, "Process", lambda: own)
    assert [free_bytes(limit, whole=whole).value for limit, whole in ((None, False), (None, True), (5_000_000_000, True))] == [
        "4600000000",
        "8000000000",
        "5000000000",
    ]


def test_on_a_device_its_own_memory_counts(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (7_000_000_000, 8_000_000_000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 500_000_000)
    device = torch.device("cuda", 0)
    assert free_bytes(None, device) == Choice(name="memory", value="7000000000", reason="7.00 GB free on this device")
    assert [free_bytes(None, device, whole=True).value, free_bytes(10**9, device).value] == ["7500000000", "1000000000"]
