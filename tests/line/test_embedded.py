"""The router's line on a cut of its data, with the embedded SmolLM2 and the embedded sentence encoder. Needs `make setup`."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from tests.line.tiny_project import ROOT, Home
from tunesmith.settings import settings
from tunesmith.spec.verdict import LineReport

pytestmark = [pytest.mark.embedded, pytest.mark.long]
ROUTER = ROOT / "examples" / "router"
LABELS = ("card_declined", "report_lost_card", "transfer", "balance", "out_of_scope")
CUT = (
    "train.budget.max_steps=2", "rivals.few_shot=4", "task.prompts=[]", "questions=['my card got swallowed by the machine']",
    "probes={questions = 12, instructions = 3, passages = 2, task_prompts = 3, general_prompts = 3}", "split={dev = 8, test = 12, dev_out_of_scope = 3, test_out_of_scope = 4}",
)  # fmt: skip


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """The router's project with 14 rows of each of five labels."""
    with (ROUTER / "bank.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    common = [label for label, _ in Counter(row["intent"] for row in rows).most_common()]
    chosen = [label for label in LABELS if label in common] + common
    kept: Counter[str] = Counter()
    with (tmp_path / "bank.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["text", "intent"])
        writer.writeheader()
        for row in rows:
            if row["intent"] in dict.fromkeys(chosen[:5]) and kept[row["intent"]] < 14:
                kept[row["intent"]] += 1
                writer.writerow({name: row[name] for name in ("text", "intent")})
    (tmp_path / "project.toml").write_text((ROUTER / "project.toml").read_text())
    return tmp_path


def test_the_router_goes_from_a_raw_file_to_an_answering_model(cut: Path) -> None:
    home = Home(cut / "home", cut)
    home.path.mkdir()
    (home.path / "models").symlink_to(settings().home / "models")
    ran = home.run("run", home.project(), *(word for text in CUT for word in ("--set", text)), "--json")
    report = home.store().get("latest", "line").load(LineReport)
    assert {"fit the embedding classifier", "dev classifier", "test classifier"} < set(ran.done())
    assert {"fine-tune", "prompt", "few-shot", "few-shot-retrieved", "classifier", "majority"} == {finalist.remedy for finalist in report.finalists}
    assert (report.checkpoint.steps, report.checkpoint.base, len(report.dataset.labels)) == (2, "smollm2-135m-instruct", 5)
    answer = home.run("chat", "bank-router", "--question", "where is my card", "--json").json()["answers"][0]
    assert answer["text"] in report.dataset.labels
