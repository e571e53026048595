"""The wheel holds everything that runs need: it works outside the checkout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder into which the freshly built wheel was installed, without its dependencies."""
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"  # a copy: building leaves files beside the sources
    source.mkdir()
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "tunesmith", "pyproject.toml", "README.md", "LICENSE"], cwd=ROOT, check=True, capture_output=True
    )
    for name in tracked.stdout.decode().split("\0"):
        if name and (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", str(source), "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)], check=True)
    wheel = next(folder.glob("*.whl"))
    subprocess.run([*pip, "install", "--no-deps", "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


def run(installed: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), "TUNESMITH_HOME": str(home)}
    return subprocess.run([sys.executable, "-P", *arguments], cwd=home, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_the_installed_package_is_the_one_that_runs(installed, tmp_path):
    found = run(installed, tmp_path, "-c", "import tunesmith; print(tunesmith.__file__)")
    assert str(installed) in found.stdout


def test_data_files_are_in_the_wheel(installed):
    for name in (
        "catalogue/models.toml",
        "evaluate/page.html.jinja",
        "pages/page.css",
        "probes/prose.txt",
        "probes/choice/tools.toml",
        "data/examine/page.html.jinja",
        "py.typed",
    ):
        assert (installed / "tunesmith" / name).is_file(), name


def test_a_store_is_made_and_the_catalogue_read_outside_the_checkout(installed, tmp_path):
    found = run(installed, tmp_path, "-m", "tunesmith", "models", "list", "--json")
    assert found.returncode == 0, found.stderr
    assert "smollm2-135m-instruct" in json.dumps(json.loads(found.stdout))


def test_versions_agree(installed, tmp_path):
    found = run(installed, tmp_path, "-m", "tunesmith", "--version")
    assert found.returncode == 0
    assert f"tunesmith-{found.stdout.split()[-1]}" in " ".join(p.name for p in installed.glob("tunesmith-*"))
