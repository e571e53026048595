"""What is in the store, on the screen and as JSON: the verdict, data sets, models, the ledger. Hostile text is shown as text everywhere."""

from __future__ import annotations

import dataclasses
import io
import sys

import pytest
from rich.console import Console

from tests.cli.conftest import against, keep, line_report
from tunesmith.cli.findings import read_finding
from tunesmith.cli.verdict import Finding, compared, cost_words, goal, show_verdict
from tunesmith.spec.report import Metric, Wait
from tunesmith.spec.verdict import Bill, Known, Mean, Measured, Pace
from tunesmith.store.ledger import Ledger, Look

SHOWN = "\\x1b[2J\\x07[red]x[/red][link=http://evil]y[/link]"


@pytest.fixture(autouse=True)
def nothing_moves_the_terminal(request):
    """Whatever a test here printed in this process, no control character was in it."""
    yield
    for ran in getattr(request.node, "printed", []):
        assert not [c for c in ran if ord(c) < 32 and c not in "\n\t"]


@pytest.fixture
def show(cli, request):
    """A command's standard output; remembered for the check above."""
    request.node.printed = []

    def call(*arguments: object) -> str:
        done = cli(*arguments)
        assert (done.status, done.err) == (0, "")
        request.node.printed.append(done.out)
        return done.out

    return call


def test_a_limit_of_latency_stands_beside_the_value_to_reach():
    free = line_report("dataset-0", "checkpoint-0")
    wait = Wait(n=20, median_s=0.1, p90_s=0.15, p90_least_s=0.1, at_most_s=0.2)
    limited = free.model_copy(update={"finalists": tuple(one.model_copy(update={"wait": wait}) for one in free.finalists)})
    assert goal(limited).plain == "✓ goal met: exact match of at least 75.0 %, nine of ten questions within 200 ms"
    without = limited.model_copy(update={"goal": free.goal.model_copy(update={"at_least": None})})
    missed, open_ = (without.model_copy(update={"verdict": free.verdict.model_copy(update={"goal_met": met})}) for met in (False, None))
    assert goal(missed).plain == "✗ goal not met: nine of ten questions within 200 ms"
    assert goal(open_).plain == "· no value to reach was set (goal.at_least)"


def test_a_candidate_s_cost_has_the_latency_and_the_two_sides_of_training():
    report = line_report("dataset-0", "checkpoint-0")
    name = report.verdict.winner
    bill = Bill(
        candidate=name, remedy="fine-tune", prompt_tokens=310, answer_tokens=4, computed_tokens=40, training_tokens=90_000, privacy="Nothing leaves."
    )
    verdict = report.verdict.model_copy(update={"bills": (bill,), "known": Known(finding_tokens=450_000), "recommended": name})
    pace = Pace(
        candidate=name, row_s=0.0312, wait=Wait(n=20, median_s=0.18, p90_s=1.2314, p90_least_s=0.18), hours_per_1000_answers=0.0087, training_s=161.4
    )
    measured = Measured(costs={}, machine={}, started="a", finished="b", paces=(pace,))
    assert cost_words(Finding("line-0", report.model_copy(update={"verdict": verdict}), measured, (), None)) == (
        f"{name} costs 314 tokens an answer (40 computed), a question alone takes 180 ms, nine of ten at most 1.2 s, a row in a batch 31 ms, "
        "training it took 90,000 tokens in 2 min 41 s, finding it 450,000 more"
    )


def test_the_mean_of_several_trainings_stands_in_front_of_the_one_that_is_served():
    report = line_report("dataset-0", "checkpoint-0")
    value = Metric(value=0.8, low=0.761, high=0.839, n=450, method="bca over seeds")
    verdict = report.verdict.model_copy(update={"means": (Mean(candidate="tuned", seeds=2, value=value),)})
    printed = io.StringIO()
    finding = Finding("line-0", report.model_copy(update={"verdict": verdict}), Measured(costs={}, machine={}, started="a", finished="b"), (), None)
    show_verdict(Console(file=printed, width=120, soft_wrap=True, markup=False, emoji=False, highlight=False), finding)
    lines = [" ".join(line.split()) for line in printed.getvalue().splitlines()]
    (mean,) = (k for k, line in enumerate(lines) if line.startswith("tuned, mean of 2 seeds 80.0 % [76.1, 83.9]"))
    assert "tuned" in lines[mean + 1]
    assert "★" in lines[mean + 1]


@pytest.mark.parametrize(
    ("seeds", "words"), [(4, "4 trainings with different seeds would settle it, no number of rows"), (None, "no realistic number of rows")]
)
def test_what_trainings_would_settle_is_said(seeds, words):
    found = against("few-shot", "cannot tell", 0.02, None).model_copy(update={"seeds_to_settle": seeds})
    assert words in compared(found).plain


def test_the_verdict_says_which_how_sure_and_what_now(line, show):
    text = show("report")
    flat = " ".join(text.split())
    assert f"Fine-tuning is worth it {SHOWN}" in flat
    assert "router: fine-tune" in text
    rows = [row for row in text.splitlines() if "[85.0" in row or "[79.0" in row or "[77.0" in row or "[38.0" in row]
    assert [" ".join(row.split()[:2]) if "★" in row else row.split()[0] for row in rows] == ["★ tuned", "few-shot", "plain"]
    assert "82.0 % [79.0, 85.0]" in rows[0]
    assert rows[0].rstrip().endswith("12.5")
    assert "✓ tuned against plain: better beyond doubt, +41.0 points [+38.0, +44.0] exact match, in scope, p < 0.001" in flat
    assert "cannot tell, +2.0 points [-1.0, +5.0] exact match, in scope, p = 0.300; about 1,200 more rows would settle it" in flat
    assert "✓ goal met: exact match of at least 75.0 %" in text
    assert "report_lost_card" in text
    assert "97 % sure" in text
    assert f"report  {line.path / 'page.html'}" in text
    assert "best    router-best (tuned, as it was measured)" in text
    assert "model   router (checkpoint" in text
    assert text.index("tunesmith chat router-best") < text.index("tunesmith chat router ")


def test_a_long_headline_is_wrapped_in_a_pipe_too(line, store):
    finding = read_finding(store, "latest")
    words = " ".join(f"word{k}" for k in range(60))
    verdict = finding.report.verdict.model_copy(update={"headline": words})
    finding = dataclasses.replace(finding, report=finding.report.model_copy(update={"verdict": verdict}))
    printed = io.StringIO()
    show_verdict(Console(file=printed, width=120, soft_wrap=True, markup=False, emoji=False, highlight=False), finding)
    framed = [text for text in printed.getvalue().splitlines() if text.startswith("│")]
    assert len(framed) == 4
    assert " ".join(text.strip("│ ") for text in framed) == words


def test_a_look_at_the_test_rows_names_its_candidates(line, store, show, cli):
    report = read_finding(store, "latest").report
    known = report.finalists[0]
    kept = keep(store, "test", "evaluation", known.report)
    digests = [known.candidate.content_digest(), "0" * 64]
    Ledger(store).open_test(Look("dataset-1", ["row"], digests, "0" * 64))
    (told,) = (text for text in show("ledger").splitlines() if "\tlook\t" in text)
    assert told.endswith(f"candidates: 000000000000…, {known.candidate.name}")
    (entry,) = (entry for entry in cli("ledger", "--json").json()["entries"] if entry["action"] == "look")
    assert entry["detail"]["candidates"] == sorted(digests)
    (kept.path / "manifest.json").chmod(0o600)
    (kept.path / "manifest.json").write_text("{}")
    assert f"candidates: 000000000000…, {digests[0][:12]}…" in show("ledger")


def test_an_interval_without_0_that_the_test_does_not_confirm_says_which_way_it_leans():
    difference = Metric(value=-0.375, low=-0.625, high=-0.188, n=16, method="bca")
    found = against("classifier", "cannot tell", -0.375, 1).model_copy(update={"difference": difference, "rows": "all", "p_adjusted": 0.094})
    assert compared(found).plain == (
        "? tuned against classifier: leans to worse, but 16 rows do not rule out chance, -37.5 points [-62.5, -18.8] exact match, p = 0.094; "
        "about 1 more row would settle it"
    )
    assert found.model_copy(update={"metric": "perplexity"}).leans == "better"


@pytest.mark.parametrize("width", [80, 120])
def test_the_verdict_fits_the_terminal(line, store, width):
    printed = io.StringIO()
    console = Console(file=printed, width=width, force_terminal=True, markup=False, emoji=False, highlight=False, color_system=None)
    show_verdict(console, read_finding(store, "latest"))
    lines = printed.getvalue().splitlines()
    assert max(len(text) for text in lines if str(line.path) not in text) <= width


def test_a_report_as_json_is_both_of_its_parts(line, cli):
    found = cli("report", "latest", "--json").json()
    assert {"report", "measured"} == set(found)
    for finalist in found["report"]["finalists"]:
        for metric in finalist["report"]["metrics"].values():
            assert {"value", "low", "high", "n"} <= set(metric)
    assert found["measured"]["costs"]["test tuned"]["seconds"] == 12.5


def test_the_page_is_copied_and_never_over_a_file(line, cli, tmp_path):
    assert cli("report", line.name, "--html", tmp_path / "r.html").status == 0
    assert (tmp_path / "r.html").read_text() == "<html>"
    (tmp_path / "r.html").write_text("mine")
    done = cli("report", line.name, "--html", tmp_path / "r.html", "--json")
    assert (done.status, done.json()["error"]["code"]) == (2, "bad_project")
    assert (tmp_path / "r.html").read_text() == "mine"
    assert cli("report", "--html", tmp_path / "r.html", "--force").status == 0
    assert cli("report", "--html", tmp_path / "no folder" / "r.html").status == 2


def test_without_a_run_the_report_says_what_to_do(cli):
    done = cli("report", "--json")
    assert (done.status, done.json()["error"]["code"]) == (2, "not_found")
    assert "tunesmith run" in done.json()["error"]["problems"][0]["fix"]


def test_a_data_set_is_shown_with_what_was_removed_and_where(line, show):
    text = " ".join(show("data", "show").split())
    for part in (
        "9 of 12 read: 5 train · 2 dev · 2 test",
        "1 bad json · 2 duplicate",
        "card",
        f"label {SHOWN} has one row",
        "bank.csv line 7: bad_json, not JSON:",
        "bank.csv line 3, bank.csv line 4",
        "✓ 0 rows of one split found again in another",
    ):
        assert part in text


def test_data_sets_for_machines(line, cli):
    shown = cli("data", "show", "latest", "--json").json()
    assert (shown["rejected"][0]["origin"]["file"], shown["rejected"][0]["origin"]["line"]) == ("bank.csv", 7)
    assert [shown["name"]] == [entry["name"] for entry in cli("data", "list", "--json").json()["datasets"]]


def test_rows_are_forgotten_only_if_somebody_is_sure(line, cli, store, monkeypatch):
    arguments = ("data", "forget", "latest", "0" * 16, "--reason", "asked to")
    done = cli(*arguments, "--json")
    assert (done.status, done.json()["error"]["code"]) == (2, "bad_project")
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    assert cli(*arguments).status == 130
    done = cli(*arguments, "--yes", "--json").json()["forgotten"]
    assert (1, {line.name}) <= (done["rows"], set(done["erased"]))
    assert cli("report", line.name).status == 2
    assert "asked to" in cli("ledger").out
    assert "forget" in {entry["action"] for entry in cli("ledger", "--json").json()["entries"]}


class Terminal(io.StringIO):
    """A keyboard."""

    def isatty(self) -> bool:
        return True


def test_a_tuned_model_is_listed_shown_and_traced(line, show, cli):
    assert "router\t1\tcheckpoint-" in show("models", "list")
    text = show("models", "show", "router")
    assert "lora on smollm2-135m-instruct" in text
    assert "best at step 15; 19 of 30 steps: no better for 3 evaluations" in text
    assert "LoRA on a small model" in text
    assert f"! train and dev part {SHOWN}" in text
    assert "10.0× fewer tokens" in text
    tree = show("models", "lineage", "router")
    assert (
        tree.index("checkpoint-")
        < tree.index("dataset-")
        < tree.index("bank.csv  sha256 abababababab")
        < tree.index("smollm2-135m-instruct  base weights cdcdcdcdcdcd")
    )
    found = cli("models", "lineage", "router", "--json").json()["lineage"]
    assert [entry["kind"] for entry in found] == ["checkpoint", "dataset"]
    assert [found[1]["name"]] == found[0]["parents"]


def test_models_of_the_catalogue(cli, show):
    assert "269 M" not in show("models", "show", "smollm2-135m-instruct")
    assert "smollm2-135m-instruct" in [entry["id"] for entry in cli("models", "list", "--json").json()["catalogue"]]
    done = cli("models", "show", "smollm2-135m-instuct")
    assert done.status == 2
    assert "did you mean smollm2-135m-instruct" in done.err


def test_a_registered_name_is_offered_for_a_misspelt_one(line, cli):
    for command in ("show", "verify"):
        assert "did you mean router" in cli("models", command, "ruoter").err


def test_damage_is_found(line, cli, store):
    assert len(cli("models", "verify", "--json").json()["verified"]) == 3
    weights = store.get("router").path / "adapter.safetensors"
    weights.chmod(0o644)
    weights.write_text("y")
    done = cli("models", "verify")
    assert done.status == 2
    assert "damaged_weights" in done.err
    assert cli("models", "verify", line.name).status == 0


def test_an_empty_store_says_what_to_do(show):
    assert "nothing tuned yet: tunesmith run PROJECT" in show("models", "list")
    assert "no data sets yet" in show("data", "list")
    assert "no jobs yet" in show("jobs", "list")
    assert "nothing was done yet" in show("ledger")
