"""The environment → settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunesmith import settings as module
from tunesmith.errors import BadProject
from tunesmith.settings import SPINS, read_settings, settings, worker_environment


def test_an_empty_environment_has_a_home_and_no_opinions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somebody")
    found = read_settings({})
    assert (Path("/somebody/.local/share/tunesmith"), None, None, None, False, None, None) == (
        found.home,
        found.threads,
        found.device,
        found.dtype,
        found.offline,
        found.memory_bytes,
        found.api_key,
    )


def test_every_variable_is_read() -> None:
    given = {
        "TUNESMITH_HOME": "/store",
        "TUNESMITH_THREADS": "2",
        "TUNESMITH_DEVICE": "cuda:1",
        "TUNESMITH_DTYPE": "bfloat16",
        "HF_HUB_OFFLINE": "1",
        "TUNESMITH_MEMORY_BYTES": "1000",
        "TUNESMITH_API_KEY": "sk-a-key",
    }
    found = read_settings(given)
    assert (Path("/store"), 2, "cuda:1", "bfloat16", True, 1000, "sk-a-key") == (
        found.home,
        found.threads,
        found.device,
        found.dtype,
        found.offline,
        found.memory_bytes,
        found.api_key,
    )


def test_what_a_result_depends_on_is_what_the_user_set() -> None:
    assert read_settings({"TUNESMITH_THREADS": "2", "TUNESMITH_API_KEY": "sk"}).computing() == {"dtype": None, "device": None, "threads": 2}


def test_an_empty_variable_counts_as_absent() -> None:
    found = read_settings({"TUNESMITH_HOME": "", "XDG_DATA_HOME": "/data", "TUNESMITH_THREADS": "", "HF_HUB_OFFLINE": ""})
    assert (Path("/data/tunesmith"), None, False) == (found.home, found.threads, found.offline)


def test_a_relative_home_does_not_move_with_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert tmp_path / "here" == read_settings({"TUNESMITH_HOME": "here"}).home
    monkeypatch.setenv("HOME", "/somebody")
    assert Path("/somebody/x") == read_settings({"TUNESMITH_HOME": "~/x"}).home


@pytest.mark.parametrize("value", ["two", "-1", "1.5", "0x2"])
@pytest.mark.parametrize("name", ["TUNESMITH_THREADS", "TUNESMITH_MEMORY_BYTES"])
def test_a_number_that_is_none_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadProject) as caught:
        read_settings({name: value})
    problem = caught.value.problems[0]
    assert (f"environment variable {name}", repr(value), f"unset {name}") == (problem.where, problem.got, problem.fix)


def test_settings_do_not_change_once_they_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.cache_clear()
    monkeypatch.setenv("TUNESMITH_HOME", "/first")
    first = settings()
    monkeypatch.setenv("TUNESMITH_HOME", "/second")
    assert Path("/first") == first.home == settings().home
    settings.cache_clear()


def test_workers_sleep_soon_while_they_wait_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    assert worker_environment() == {**module.os.environ, "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": SPINS}
    for name, value in (("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "7")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert worker_environment() == dict(module.os.environ)
