"""The page of realistic reports, made by hand: a router with 31 labels, a generative task, a run without training."""

from __future__ import annotations

import base64
import hashlib
import random
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from html.parser import HTMLParser
from itertools import pairwise
from math import sqrt
from typing import get_args

import pytest

from tunesmith.errors import Alarm
from tunesmith.evaluate import page_tables, page_words
from tunesmith.evaluate.page import page
from tunesmith.pages.gate import shown, style
from tunesmith.spec.candidate import Answer, Classifier, Constant, Decoding, Prompted, Tuned
from tunesmith.spec.chat import Conversation, FunctionCall, Message, Prompt, ToolCall
from tunesmith.spec.checkpoint import Checkpoint, CurvePoint
from tunesmith.spec.dataset import Conflict, Dataset, LeakProof, Origin, Profile, Spread
from tunesmith.spec.judging import JudgeTrust, PositionBias
from tunesmith.spec.recipe import Choice, Recipe
from tunesmith.spec.report import Comparison, Cost, Metric, Report, Scored, Wait
from tunesmith.spec.suite import Suites
from tunesmith.spec.task import Form, Goal, MetricName, Task, form_of
from tunesmith.spec.trial import Failure, Pilot, Remedy, Trial
from tunesmith.spec.verdict import Finalist, Known, LineReport, Measured, Pace, Side, Verdict

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> javascript:alert(3) a\u202eb\x1b[31m\x00 {{ 7 * 7 }} \ud800"
OUTSIDE = "out_of_scope"
LABELS = [
    "account_blocked",
    "apr",
    "application_status",
    "balance",
    "bill_balance",
    "bill_due",
    "card_declined",
    "credit_limit",
    "credit_limit_change",
    "credit_score",
    "damaged_card",
    "direct_deposit",
    "exchange_rate",
    "expiration_date",
    "freeze_account",
    "improve_credit_score",
    "insurance",
    "interest_rate",
    "international_fees",
    "min_payment",
    "new_card",
    "order_checks",
    "pay_bill",
    "pin_change",
    "redeem_rewards",
    "replacement_card_duration",
    "report_fraud",
    "report_lost_card",
    "rewards_balance",
    "routing",
]
NEAR = {
    "credit_limit": "credit_limit_change",
    "apr": "interest_rate",
    "bill_due": "min_payment",
    "damaged_card": "report_lost_card",
    "bill_balance": "balance",
}
SYSTEM = "You are the help desk of a bank. Answer with exactly one of these labels, nothing else:\n" + ", ".join(LABELS) + ", " + OUTSIDE
TOML = '[project]\nname = "router"\n\n[[sources]]\nfile = "bank.csv"\ninput = "text"\nlabel = "intent"\n\n[goal]\nat_least = 0.75\nconfidence = 0.95\n\n[train.budget]\nepochs = 3.0\nrows_per_step = 32\n'
SHA = hashlib.sha256(b"anything").hexdigest()


def proportion(hits: int, n: int) -> Metric:
    """A share with its Wilson interval, written out here so that the page's tests rest on nothing else."""
    z, p = 1.959964, hits / n
    middle, half = (p + z * z / (2 * n)) / (1 + z * z / n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Metric(value=p, low=max(0.0, middle - half), high=min(1.0, middle + half), n=n, method="wilson")


def spread_metric(value: float, n: int, half: float) -> Metric:
    return Metric(value=value, low=value - half, high=value + half, n=n, method="bca")


def routed(skill: float, declines: float, seed: int, confident: bool = True) -> list[Scored]:
    """600 answers: each label 15 times, 150 rows out of scope; a share `skill` is right."""
    chance, rows = random.Random(seed), []
    for i, label in enumerate([label for label in LABELS for _ in range(15)] + [OUTSIDE] * 150):
        right = chance.random() < (declines if label == OUTSIDE else skill)
        answer = label if right else NEAR.get(label) if chance.random() < 0.6 and label in NEAR else chance.choice([*LABELS, OUTSIDE])
        answer = answer or "routing"
        sure = round((0.5 + 0.5 * chance.random()) if right else 0.2 + 0.75 * chance.random() ** 2, 4) if confident else None
        rows.append(
            Scored(
                id=f"{i:016x}",
                origin=Origin(file="bank.csv", line=i * 3 + 2),
                question=f"could you tell me about my {label.replace('_', ' ')} please, question {i}"
                if label != OUTSIDE
                else f"what is the best way to cook rice for {i} people",
                reference=label,
                answer=answer,
                confidence=sure,
                out_of_scope=label == OUTSIDE,
                scores={"exact_match": float(answer == label), "refused": float(answer == OUTSIDE)},
                prompt_tokens=310,
                completion_tokens=4,
            )
        )
    return rows


def judged(candidate, rows: list[Scored], split="test") -> Report:
    """The report of routed answers, counted here."""
    matrix: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        matrix[row.reference][row.answer] += 1
    inside, outside = [r for r in rows if not r.out_of_scope], [r for r in rows if r.out_of_scope]
    metrics = {
        "exact_match": proportion(sum(r.answer == r.reference for r in inside), len(inside)),
        "accuracy": proportion(sum(r.answer == r.reference for r in rows), len(rows)),
        "macro_f1": spread_metric(sum(r.answer == r.reference for r in rows) / len(rows) * 0.97, len(rows), 0.03),
        "out_of_scope_recall": proportion(sum(r.answer == OUTSIDE for r in outside), len(outside)),
        "false_refusal_rate": proportion(sum(r.answer == OUTSIDE for r in inside), len(inside)),
    }
    return Report(
        candidate=candidate,
        dataset="dataset-0123456789ab",
        split=split,
        task="classify",
        decoding=Decoding(choices=(*LABELS, OUTSIDE)),
        metrics=metrics,
        confusion={ref: dict(sorted(row.items())) for ref, row in sorted(matrix.items())},
        per_label={label: proportion(row[label], sum(row.values())) for label, row in sorted(matrix.items())},
        rows=len(rows),
        prompt_tokens=sum(r.prompt_tokens for r in rows),
        completion_tokens=sum(r.completion_tokens for r in rows),
        computed_tokens=24_180,
        files={"answers.jsonl": SHA},
    )


TUNED_PROMPT = Prompt(name="tuned", system=SYSTEM)
EXAMPLE = Conversation(messages=(Message(role="user", content="is my card blocked"), Message(role="assistant", content="account_blocked")))
CANDIDATES = {
    "fine-tune": Tuned(name="tuned-smollm2", checkpoint="checkpoint-aa11bb22cc33", prompt=TUNED_PROMPT),
    "classifier": Classifier(name="minilm-logistic", embedder="all-minilm-l6-v2", weights="classifier-998877665544"),
    "few-shot": Prompted(name="few-shot-8", model="smollm2-135m-instruct", prompt=Prompt(name="few-shot", system=SYSTEM, examples=(EXAMPLE,) * 8)),
    "prompt": Prompted(name="prompt-careful", model="smollm2-135m-instruct", prompt=Prompt(name="careful", system=SYSTEM)),
    "majority": Constant(name="majority", answer="balance"),
}
SKILLS = {"fine-tune": (0.83, 0.9), "classifier": (0.79, 0.62), "few-shot": (0.31, 0.12), "prompt": (0.22, 0.05), "majority": (0.03, 0.0)}


def checkpoint() -> Checkpoint:
    """A LoRA run of 63 steps that stopped early."""
    curve = [CurvePoint(step=s, epoch=s / 21, train_loss=2.9 * 0.955**s + 0.06 + 0.03 * (s % 3), lr=2e-4) for s in range(1, 64, 2)]
    curve += [
        CurvePoint(step=s, epoch=s / 21, dev_loss=2.6 * 0.95**s + 0.31 + 0.002 * max(0, s - 40), dev_metric=min(0.845, 0.18 + 0.0165 * s))
        for s in range(5, 64, 5)
    ]
    return Checkpoint(
        base="smollm2-135m-instruct",
        base_digest=SHA,
        parent=None,
        dataset="dataset-0123456789ab",
        prompt=TUNED_PROMPT,
        template_digest=SHA,
        passed=Recipe(),
        resolved=Recipe(),
        choices=(Choice(name="train.optimiser.lr", value="0.0005", reason="LoRA on 135 M parameters: small models take a larger rate"),),
        kind="lora",
        files={"adapter_model.safetensors": SHA},
        best_step=45,
        steps=60,
        planned_steps=63,
        stopped="early",
        stop_reason="3 evaluations without a better dev loss",
        best_dev_loss=0.417,
        best_dev_metric=0.845,
        curve=tuple(sorted(curve, key=lambda p: p.step)),
        truncated_rows=0,
        trained_rows=1920,
        trained_tokens=7_412,
        logical_tokens=612_400,
        computed_tokens=61_900,
        alarms=("Train and dev loss part from step 50 on: the model begins to learn rows by heart. Fewer epochs or more rows would help.",),
        versions={"torch": "2.13.0", "transformers": "5.1.0", "threads": "2", "dtype": "float32", "device": "cpu"},
    )


def dataset(labels=(*LABELS, OUTSIDE), task="classify") -> Dataset:
    counts = (
        {split: dict.fromkeys(LABELS, n) | {OUTSIDE: outside} for split, n, outside in (("train", 22, 60), ("dev", 5, 40), ("test", 15, 150))}
        if labels
        else {}
    )
    length = Spread(n=1350, mean=11.2, p50=10, p90=18, p99=27, max=41)
    return Dataset(
        project="router",
        task=task,
        task_reason="30 labels over 1,200 rows, none longer than 4 words" if labels else "every answer is different, and 38 words long in the middle",
        labels=labels,
        out_of_scope=OUTSIDE if labels else None,
        rows={"train": 720, "dev": 190, "test": 600},
        files={"train.jsonl": SHA, "dev.jsonl": SHA, "test.jsonl": SHA},
        sources={"bank.csv": SHA},
        formats={"bank.csv": "table: the first line names 2 columns, separated by commas"},
        profile=Profile(
            rows_read=1562,
            rows_kept=1510,
            removed={"duplicate": 41, "empty": 8, "too_long": 3},
            repaired={"mojibake": 12},
            input_tokens=length,
            answer_tokens=Spread(n=1350, mean=3.8, p50=4, p90=5, p99=7, max=8),
            token_unit="tokens of smollm2-135m-instruct",
            labels=counts,
            near_duplicate_clusters=34,
            near_duplicate_rows=77,
            conflicts=(Conflict(origins=(Origin(file="bank.csv", line=17), Origin(file="bank.csv", line=931)), answers=("bill_due", "min_payment")),),
            conflict_count=1,
            examples=("how much is due on my visa → bill_due", "what’s the weather like → out_of_scope"),
            warnings=("`routing` has 22 training rows; under 20 a label is hard to learn.",),
        ),
        leak_proof=LeakProof(
            exact_pairs=0, near_pairs=0, pairs_compared=48_213, method="every pair that shares a MinHash band, exact Jaccard of word 5-grams"
        ),
    )


def router() -> tuple[LineReport, Measured, dict[str, list[Scored]]]:
    """The demo: 30 labels and rows that are not the bank's business."""
    answers = {CANDIDATES[r].name: routed(*SKILLS[r], seed=i, confident=r != "majority") for i, r in enumerate(SKILLS)}
    finalists = tuple(
        Finalist(remedy=r, candidate=CANDIDATES[r], report=judged(CANDIDATES[r], answers[CANDIDATES[r].name]), artifact=f"evaluation-{i}abcdef01234")
        for i, r in enumerate(SKILLS)
    )
    trials = []
    for i, (name, skill) in enumerate({"plain": 0.16, "careful": 0.24, "terse": 0.2, "role": 0.19, "steps": 0.11}.items()):
        prompted = Prompted(name=f"prompt-{name}", model="smollm2-135m-instruct", prompt=Prompt(name=name, system=SYSTEM))
        trials.append(Trial(remedy="prompt", candidate=prompted, report=judged(prompted, routed(skill, 0.1, 40 + i)[::4], "dev"), artifact=None))
    trials += [
        Trial(remedy=r, candidate=CANDIDATES[r], report=judged(CANDIDATES[r], routed(*SKILLS[r], seed=60)[::4], "dev"))
        for r in ("few-shot", "classifier", "fine-tune")
    ]
    exact = {f.candidate.name: f.report.metrics["exact_match"].value for f in finalists}
    comparisons = tuple(
        Comparison(
            better="tuned-smollm2",
            rival=rival,
            metric="exact_match",
            rows="in scope",
            difference=spread_metric(exact["tuned-smollm2"] - exact[rival], 450, 0.04),
            p_value=p,
            p_adjusted=min(1.0, p * 4),
            test="mcnemar mid-p",
            outcome="cannot tell" if rival == "minilm-logistic" else "better",
            row_variance=0.13,
            row_freedom=449,
            minimum_detectable=0.048,
            rows_to_settle=380 if rival == "minilm-logistic" else None,
        )
        for rival, p in (("minilm-logistic", 0.041), ("few-shot-8", 1e-30), ("prompt-careful", 1e-40), ("majority", 1e-60))
    )
    report = LineReport(
        project="router",
        task=Task(kind="classify", out_of_scope=OUTSIDE),
        goal=Goal(at_least=0.75),
        dataset=dataset(),
        dataset_name="dataset-0123456789ab",
        trials=tuple(trials),
        finalists=finalists,
        verdict=Verdict(
            decision="fine-tune",
            headline="Fine-tune: the tuned model routes 82.4 % of the bank’s questions right, four times as many as the best written prompt.",
            reasons=(
                "tuned-smollm2 reaches 82.4 % exact match in scope [78.6, 85.7] on 450 rows; the goal is 75 %.",
                "It declines 90.0 % of 150 out-of-scope questions; the linear classifier declines 60.7 %.",
                "The best of five written prompts reaches 22.7 %, few-shot with 8 examples 31.1 %: both are worse beyond doubt (p < 0.001).",
            ),
            metric="exact_match",
            winner="tuned-smollm2",
            goal_met=True,
            comparisons=comparisons,
            looks=1,
        ),
        checkpoint=checkpoint(),
        checkpoint_name="checkpoint-aa11bb22cc33",
        model="router",
        best="router-best",
        choices=(Choice(name="model", value="smollm2-135m-instruct", reason="no model was named; this one is embedded and fits in 1.2 GB"),),
        project_toml=TOML,
        rerun="tunesmith run examples/router/project.toml",
    )
    costs = {
        "data": Cost(seconds=1.92, rows_per_s=813.5, peak_memory_bytes=212_000_000),
        "train": Cost(seconds=161.4, rows_per_s=11.9, peak_memory_bytes=1_420_000_000),
    }
    costs |= {f"test {name}": Cost(seconds=18.7, rows_per_s=32.1, peak_memory_bytes=980_000_000) for name in answers}
    wait = Wait(n=20, median_s=0.18, p90_s=0.231, p90_least_s=0.18)
    took = {"tuned-smollm2": 161.4}
    paces = tuple(Pace(candidate=name, row_s=0.0312, wait=wait, hours_per_1000_answers=0.0087, training_s=took.get(name, 0.0)) for name in answers)
    measured = Measured(
        costs=costs,
        paces=paces,
        machine={"cpu": "2 cores", "memory": "8 GB", "python": "3.11.9"},
        started="2026-03-02 10:14:05",
        finished="2026-03-02 10:19:47",
    )
    return report, measured, answers


def faq() -> tuple[LineReport, Measured, dict[str, list[Scored]]]:
    """A generative task: no labels, no out-of-scope rows, nothing beyond doubt."""
    chance = random.Random(5)
    candidates = {"fine-tune": Tuned(name="tuned", checkpoint="checkpoint-1", prompt=Prompt(name="tuned")), "prompt": CANDIDATES["prompt"]}
    answers = {}
    for candidate in candidates.values():
        answers[candidate.name] = [
            Scored(
                id=f"{i:016x}",
                origin=Origin(file="faq.jsonl", line=i + 1),
                question=f"Why does Python behave so in case {i}?\nI tried it twice.",
                reference="Because names are bound to objects, and assignment never copies. " * 3,
                answer="Because assignment binds names. " * 2,
                confidence=None,
                out_of_scope=False,
                scores={"exact_match": 0.0, "token_f1": chance.random(), "rouge_l": chance.random()},
                prompt_tokens=40,
                completion_tokens=60,
            )
            for i in range(40)
        ]
    finalists = tuple(
        Finalist(
            remedy=remedy,
            candidate=candidate,
            report=Report(
                candidate=candidate,
                dataset="dataset-2",
                split="test",
                task="generate",
                decoding=Decoding(),
                metrics={
                    "token_f1": spread_metric(value, 40, 0.05),
                    "rouge_l": spread_metric(value - 0.05, 40, 0.05),
                    "perplexity": spread_metric(12.3, 40, 1.5),
                },
                confusion={},
                per_label={},
                rows=40,
                prompt_tokens=1600,
                completion_tokens=2400,
                computed_tokens=4000,
                files={},
            ),
            artifact="evaluation-1",
        )
        for (remedy, candidate), value in zip(candidates.items(), (0.47, 0.44), strict=True)
    )
    report, measured, _ = router()
    verdict = Verdict(
        decision="cannot tell",
        headline="Cannot tell: 40 rows do not show whether tuning helps.",
        reasons=("tuned is 3.0 points ahead, and the interval holds 0.",),
        metric="token_f1",
        winner=None,
        goal_met=None,
        comparisons=(),
        looks=3,
    )
    plain = report.model_copy(
        update={
            "project": "faq",
            "goal": Goal(),
            "dataset": dataset(labels=(), task="generate"),
            "finalists": finalists,
            "trials": (),
            "verdict": verdict,
            "model": None,
            "checkpoint": checkpoint().model_copy(update={"alarms": (), "prompt": Prompt(name="tuned")}),
        }
    )
    return plain, measured, answers


def untrained() -> tuple[LineReport, Measured, dict[str, list[Scored]]]:
    """A run that found no reason to train: no checkpoint, one finalist, no clock, bare data."""
    report, _, _ = router()
    bare = report.dataset.profile.model_copy(
        update={
            "removed": {},
            "repaired": {},
            "labels": {},
            "conflicts": (),
            "conflict_count": 0,
            "examples": (),
            "warnings": (),
            "near_duplicate_clusters": 0,
        }
    )
    verdict = report.verdict.model_copy(update={"decision": "nothing helps", "winner": None, "goal_met": False, "comparisons": (), "reasons": ()})
    finalist = report.finalists[-1].model_copy(update={"report": report.finalists[-1].report.model_copy(update={"confusion": {}, "per_label": {}})})
    report = report.model_copy(
        update={
            "checkpoint": None,
            "checkpoint_name": None,
            "model": None,
            "choices": (),
            "trials": (),
            "finalists": (finalist,),
            "verdict": verdict,
            "dataset": report.dataset.model_copy(update={"profile": bare, "formats": {}}),
        }
    )
    return report, Measured(costs={}, machine={}, started="", finished=""), {}


QUESTIONS = (
    (
        "my card was swallowed by the machine, what now",
        Answer(text="report_lost_card", confidence=0.913, prompt_tokens=312, completion_tokens=5, finish="choice"),
    ),
    ("how long do I boil an egg", Answer(text="out_of_scope", confidence=0.988, prompt_tokens=310, completion_tokens=4, finish="choice")),
)
MAKERS = {"router": router, "faq": faq, "untrained": untrained}


class Reader(HTMLParser):
    """What a browser would make of a page: its elements, its text per section, and whether every element is closed in order."""

    void = frozenset({"meta", "link", "wbr", "br", "img", "input", "hr"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, list[str]] = {}
        self.section = ""
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "section":
            self.section = str(dict(attrs)["id"])
            self.sections[self.section] = []
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.section = "" if tag == "section" else self.section

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)
            if self.section and self.open[-1] not in ("h2", "h3"):
                self.sections[self.section].append(data)

    def names(self, tag: str, key: str) -> list[str]:
        return [str(attrs[key]) for name, attrs in self.elements if name == tag and key in attrs]


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open
    return reader


def words_of(html: str) -> str:
    """The visible text, white space folded, no-break spaces written as spaces."""
    return " ".join("".join(read(html).text).replace("\u00a0", " ").split())


def without_clock(html: str) -> str:
    """The page without the elements that say they come from the clock."""
    html = re.sub(r'<div class="clock" data-clock>.*?</section>', "", html, flags=re.S)
    return re.sub(r"<(t[dh])\b[^>]*data-clock>.*?</\1>", "", html, flags=re.S)


@pytest.fixture(scope="module", params=MAKERS)
def html(request) -> str:
    return page(*MAKERS[request.param](), questions=QUESTIONS if request.param != "untrained" else ())


@pytest.fixture(scope="module")
def router_html() -> str:
    return page(*router(), questions=QUESTIONS)


def test_it_asks_nothing_of_any_network(html):
    reader = read(html)
    assert not {"script", "iframe", "img", "object", "embed", "form", "base", "audio", "video"} & {tag for tag, _ in reader.elements}
    assert {target for target in reader.names("a", "href") if not target.startswith("#")} == set()
    assert reader.names("link", "href") == ["data:,"]
    assert not [
        key for _, attrs in reader.elements for key in attrs if key.startswith("on") or key in ("src", "srcset", "style", "xlink:href", "action")
    ]
    assert not re.search(r"url\(|@import|https?:", style())


def test_the_policy_allows_this_style_sheet_and_nothing_else(router_html):
    [policy] = [attrs["content"] for tag, attrs in read(router_html).elements if attrs.get("http-equiv") == "Content-Security-Policy"]
    text = re.search(r"<style>(.*?)</style>", router_html, flags=re.S)[1]
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def test_every_link_of_the_contents_leads_to_a_section_that_is_there(html):
    reader = read(html)
    assert {target[1:] for target in reader.names("a", "href")} == set(reader.sections) - {"verdict"}


def test_ids_are_unique_and_every_reference_to_one_resolves(html):
    reader = read(html)
    ids = [str(attrs["id"]) for _, attrs in reader.elements if "id" in attrs]
    assert sorted(set(ids)) == sorted(ids)
    pointed = {ident for _, attrs in reader.elements if "aria-labelledby" in attrs for ident in str(attrs["aria-labelledby"]).split()}
    assert pointed <= set(ids)


def test_no_section_table_list_or_figure_is_empty(html):
    for name, text in read(html).sections.items():
        assert "".join(text).strip(), name
    for tag in ("tbody", "ul", "ol", "dl", "figure", "figcaption", "caption", "code", "b", "dd", "dt"):
        assert not re.search(rf"<{tag}\b[^>]*>\s*</{tag}>", html), tag
    assert not re.search(r"</h3>\s*<h[23]|</h[23]>\s*</(section|div)", html)
    assert not re.search(r"</figcaption>\s*</figure>", html)


def test_headings_descend_one_level_at_a_time(html):
    levels = [int(tag[1]) for tag, _ in read(html).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_have_captions_and_scoped_headings(html):
    tables = re.findall(r"<table.*?</table>", html, flags=re.S)
    assert tables
    for table in tables:
        assert table.count("<caption>") == 1
        assert all("scope=" in th for th in re.findall(r"<th\b[^>]*>", table))
        heads = len(re.findall(r'scope="col"', table))
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table.split("<tbody", 1)[1], flags=re.S):
            assert heads == len(re.findall(r"<t[dh]\b", row))


def test_plots_are_well_formed_and_named(router_html):
    drawn = re.findall(r"<svg.*?</svg>", router_html, flags=re.S)
    named = [ElementTree.fromstring(svg) for svg in drawn if 'role="img"' in svg]
    assert len(named) == 8  # two metrics, two curves, the matrix, two lengths, the labels
    for svg in named:
        assert svg.find("title").text
        assert svg.find("desc").text


def test_the_verdict_comes_first_with_its_numbers(router_html):
    text = words_of(router_html)
    order = [
        "four times as many",
        "Goal met",
        "at least 75.0 %",
        "declines 60.7 %",
        "Rivals side by side",
        "Is the difference real?",
        "What was tried first",
    ]
    order += [
        "Train and dev loss part",
        "Where tuned-smollm2 is wrong",
        "Worst mistakes",
        "Label by label",
        "The data",
        "The prompt of",
        "Sample answers",
        "What the clock",
        "Run it again",
    ]
    places = [text.rindex(words) for words in order]  # the last place: titles stand in the list of contents too
    assert places == sorted(places)


def test_the_rivals_table_says_what_was_measured(router_html):
    report, _, _ = router()
    tuned = report.finalists[0].report.metrics["exact_match"]
    text = words_of(router_html)
    assert f"{100 * tuned.value:.1f} % [{100 * tuned.low:.1f}, {100 * tuned.high:.1f}] 450" in text
    assert "314 180 ms 9 of 10 within 231 ms, 20 asked 2 min 41 s" in text  # (186,000 + 2,400) / 600 tokens, one question alone, 161.4 s


def test_a_trial_that_failed_says_so_with_its_reason_and_did_not_go_on():
    report, measured, answers = router()
    failure = Failure(error=Alarm("diverged: the training loss rose").to_json(), recipe=Recipe())
    tuned = next(trial for trial in report.trials if trial.remedy == "fine-tune")
    failed = tuned.model_copy(update={"report": None, "failure": failure})  # then done with other settings, under the same name
    changed = report.model_copy(update={"trials": (failed, *report.trials)})
    table = page_tables.trials(changed)
    at = [column.title for column in table.columns].index("Rows")
    assert (table.rows[0][at].text, table.rows[0][at].small) == ("failed", "diverged: the training loss rose")
    assert 0 not in table.strong
    assert "failed diverged: the training loss rose" in words_of(page(changed, measured, answers))


def test_only_the_tuned_model_has_a_training_time():
    report, measured, _ = router()
    table = page_tables.rivals(report, measured)
    at = [column.title for column in table.columns].index("Training")
    assert [row[at].text for row in table.rows] == ["2 min 41 s", "–", "–", "–", "–"]


def test_comparisons_show_the_difference_the_p_value_and_the_rows_that_would_settle_it():
    rows = page_tables.comparisons(router()[0]).rows
    assert [rows[0][i].text for i in (0, 2, 3, 4, 5)] == [
        "tuned-smollm2 − minilm-logistic",
        "0.16",
        "◆ cannot tell",
        "4.8 points",
        "about 380 more rows",
    ]
    assert [rows[1][i].text for i in (2, 3, 5)] == ["< 0.001", "▲ better", "–"]
    assert rows[0][1].small.startswith("[+")


def test_rows_in_clusters_and_differences_that_lean_are_said():
    report, _, _ = router()
    found = report.verdict.comparisons[0].model_copy(
        update={
            "outcome": "cannot tell",
            "difference": Metric(value=0.2, low=0.05, high=0.4, n=15, clusters=6, method="bca"),
            "test": "permutation of clusters",
            "rows_to_settle": 9,
        }
    )
    report = report.model_copy(update={"verdict": report.verdict.model_copy(update={"comparisons": (found,)})})
    cells = page_tables.comparisons(report).rows[0]
    assert cells[2].small == "permutation of whole clusters"
    assert (cells[3].text, cells[3].small) == ("◆ cannot tell", "leans to better; chance is not ruled out")
    assert page_tables.rows_cell(found.difference) == page_tables.Cell("15", "in 6 clusters")
    assert page_tables.rows_cell(report.finalists[0].report.metrics["exact_match"]).small == ""


def test_settling_that_no_number_of_rows_would_do_is_said():
    report, _, _ = router()
    hopeless = report.verdict.comparisons[0].model_copy(update={"rows_to_settle": None})
    report = report.model_copy(update={"verdict": report.verdict.model_copy(update={"comparisons": (hopeless,)})})
    assert page_tables.comparisons(report).rows[0][-1].text == "no realistic number of rows"


def test_the_worst_mistakes_are_the_most_confident_ones_with_their_places(router_html):
    _, _, answers = router()
    wrong = sorted((r for r in answers["tuned-smollm2"] if r.answer != r.reference), key=lambda r: -r.confidence)
    assert wrong[:20] == page_tables.mistakes(answers["tuned-smollm2"], "exact_match")
    assert [f"bank.csv:{r.origin.line}" for r in wrong[:20]] == re.findall(r"<code>(bank\.csv:\d+)</code>", router_html)


def test_without_confidences_the_lowest_scores_come_first_and_halves_right_are_no_mistakes():
    _, _, answers = faq()
    found = [row.scores["token_f1"] for row in page_tables.mistakes(answers["tuned"], "token_f1", limit=100)]
    assert found == sorted(score for row in answers["tuned"] if (score := row.scores["token_f1"]) < 0.5)


def test_free_text_shows_the_worst_answers_of_the_tuned_model_and_of_the_best_rival_beside_their_references():
    report, measured, answers = faq()
    html = page(report, measured, answers)
    tuned, rival = html.index('id="answers"'), html.index('id="answers-2"')
    assert tuned < rival
    for start, end, name in ((tuned, rival, "tuned"), (rival, html.index('id="data"'), "prompt-careful")):
        part = html[start:end]
        assert f"Where <em>{name}</em> is wrong" in part
        lowest = sorted(answers[name], key=lambda row: row.scores["token_f1"])[:10]
        assert [f"faq.jsonl:{row.origin.line}" for row in lowest] == re.findall(r"<code>(faq\.jsonl:\d+)</code>", part)
        assert [f"score {100 * row.scores['token_f1']:.1f}" for row in lowest] == [
            text.replace("\u00a0%", "") for text in re.findall(r"score [\d.]+", part)
        ]
        assert part.count("names are bound to objects") >= 10
        assert "the lowest Token-F1 first" in part


def test_good_free_text_shows_its_worst_answers_too():
    report, measured, answers = faq()
    better = {
        name: [row.model_copy(update={"scores": {"token_f1": 0.7 + row.scores["token_f1"] / 5}}) for row in rows] for name, rows in answers.items()
    }
    assert page(report, measured, better).count('class="wrong"') == 20


def test_hostile_answers_of_free_text_are_inert():
    report, measured, answers = faq()
    bad = {
        name: [row.model_copy(update={"answer": HOSTILE, "question": HOSTILE, "reference": HOSTILE}) for row in rows]
        for name, rows in answers.items()
    }
    html = page(report, measured, bad)
    test_it_asks_nothing_of_any_network(html)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 60


def test_where_a_rival_wins_the_registered_model_is_looked_into_first():
    report, measured, answers = router()
    verdict = report.verdict.model_copy(update={"decision": "a classifier does it", "winner": "minilm-logistic"})
    html = page(report.model_copy(update={"verdict": verdict}), measured, answers)
    reader = read(html)
    ids = [ident for ident in reader.names("section", "id") if ident.startswith("answers")]
    assert ids == ["answers", "answers-2"]
    for ident, name in zip(ids, ("tuned-smollm2", "minilm-logistic"), strict=True):
        part = html[html.index(f'id="{ident}"') :].split("</section>")[0]
        assert f"Where <em>{name}</em> is wrong" in part
        assert "Worst mistakes" in part
        assert "Labels that are mixed up more than once" in part
        assert f"Right labels and answers of {name}" in part
        wrong = page_tables.mistakes(answers[name], "exact_match")
        assert [f"bank.csv:{row.origin.line}" for row in wrong] == re.findall(r"<code>(bank\.csv:\d+)</code>", part)
    assert f"registered as {report.model}" in html
    assert "serve it with no other" in html
    test_ids_are_unique_and_every_reference_to_one_resolves(html)
    test_every_link_of_the_contents_leads_to_a_section_that_is_there(html)


def test_labels_stand_worst_first():
    report = router()[0].finalists[0].report
    rows = page_tables.recalls(report).rows
    values = [report.per_label[row[0].text].value for row in rows]
    assert len(rows) == 31
    assert values == sorted(values)


def test_what_a_label_was_taken_for_names_a_pattern_only_where_there_is_one():
    assert page_tables.taken_for({"a": 5, "b": 3, "c": 1}, "a") == "b (3)"
    assert page_tables.taken_for({"a": 5, "b": 1, "c": 1}, "a") == "2 labels, once each"
    assert page_tables.taken_for({"b": 1}, "a") == "b (1)"
    assert page_tables.taken_for({"a": 5}, "a") == "–"


@pytest.mark.parametrize(
    ("spent", "said"), [(1_150.0, "19 min 10 s of work of a budget of 20 min 00 s."), (1_290.0, "overrun by 1 min 30 s."), (None, "")]
)
def test_a_budget_stands_beside_what_was_spent_of_it(spent, said):
    report, measured, answers = router()
    words = " ".join(words_of(page(report, measured.model_copy(update={"spent": spent, "budget": 1_200.0 if spent else None}), answers)).split())
    assert said in words
    assert ("of a budget" in words, "overrun" in words) == (spent is not None, spent == 1_290.0)


def test_two_runs_differ_only_where_the_clock_is():
    report, measured, answers = router()
    slower = {step: Cost(seconds=cost.seconds * 3.7, rows_per_s=cost.rows_per_s / 3.7, peak_memory_bytes=9) for step, cost in measured.costs.items()}
    paces = tuple(
        pace.model_copy(update={"row_s": 3.7 * pace.row_s, "wait": Wait(n=9, median_s=0.6, p90_s=0.8, p90_least_s=0.6)}) for pace in measured.paces
    )
    other = Measured(costs=slower, paces=paces, machine={"cpu": "64 cores"}, started="yesterday", finished="today")
    first, second = page(report, measured, answers), page(report, other, answers)
    assert first != second
    assert without_clock(first) == without_clock(second)
    assert first == page(report, measured, answers)


def test_everything_that_is_needed_to_run_it_again_is_there(router_html):
    text = words_of(router_html)
    for needed in (
        "tunesmith run examples/router/project.toml",
        "rows_per_step = 32",
        "fits in 1.2 GB",
        "a larger rate",
        "2.13.0",
        SHA,
        "checkpoint-aa11bb22cc33",
        "evaluation-0abcdef01234",
    ):
        assert needed in text, needed


def test_tokens_are_shown_as_billed_and_as_computed():
    training, tuned = page_tables.tokens(router()[0]).rows[:2]
    assert [cell.text for cell in training[3:]] == ["612,400", "61,900", "89.9\u00a0%"]
    assert [cell.text for cell in tuned[1:5]] == ["186,000", "2,400", "188,400", "24,180"]


def test_a_page_without_training_says_nothing_about_it():
    html = page(*untrained())
    assert set(read(html).sections) == {"verdict", "rivals", "data", "cost", "methods", "again"}
    assert "Goal not met" in words_of(html)
    assert "What the clock measured" not in html  # it measured nothing
    assert "ahead beyond doubt" in words_of(html)


def test_exact_answers_on_dev_are_shown_only_where_they_decide(router_html):
    assert "dev exact match" in words_of(router_html)
    text = words_of(page(*faq()))
    assert "dev loss" in text
    assert "xact match on dev" not in text
    assert "dev exact match" not in text
    assert "84.5 % exact match" not in text


def test_no_goal_no_winner_and_several_looks_are_said():
    text = words_of(page(*faq()))
    assert "No goal was set" in text
    assert "opened 3 times" in text
    assert "No candidate is ahead beyond doubt" in text
    assert "12.30 [10.80, 13.80]" in text  # perplexity is no percentage


def test_a_report_without_any_finalist_is_still_a_page():
    report, measured, _ = untrained()
    html = page(report.model_copy(update={"finalists": ()}), measured, {})
    assert {"verdict", "data", "again"} == set(read(html).sections)


def test_few_shot_examples_and_tool_calls_of_the_winning_prompt_are_shown():
    report, measured, answers = router()
    call = Message(role="assistant", tool_calls=(ToolCall(id="1", function=FunctionCall(name="block_card", arguments='{"card": 7}')),))
    prompt = Prompt(name="few", system="Be brief.", examples=(Conversation(messages=(Message(role="user", content="block it"), call)),))
    found = report.finalists[2].model_copy(update={"candidate": Prompted(name="few-shot-8", model="m", prompt=prompt)})
    html = page(
        report.model_copy(update={"finalists": (found,), "verdict": report.verdict.model_copy(update={"winner": "few-shot-8"})}), measured, answers
    )
    text = words_of(html)
    for text_shown in ("Be brief.", "block it", 'block_card({"card": 7})'):
        assert text_shown in text
    assert "compared as it stands here" in text


def test_hostile_text_is_inert_and_visible_wherever_it_comes_from():
    report, measured, answers = router()
    bad = Prompt(name=HOSTILE, system=HOSTILE, examples=(Conversation(messages=(Message(role="user", name=HOSTILE, content=HOSTILE),)),))
    candidate = Tuned(name=HOSTILE, checkpoint=HOSTILE, prompt=bad)
    rows = [
        row.model_copy(
            update={
                "question": HOSTILE,
                "answer": HOSTILE,
                "reference": HOSTILE + "2",
                "scores": {"exact_match": 0.0},
                "origin": Origin(file=HOSTILE, line=1),
            }
        )
        for row in answers["majority"][:3]
    ]
    hurt = report.finalists[0].report.model_copy(
        update={"candidate": candidate, "confusion": {HOSTILE: {"x" + HOSTILE: 3}}, "per_label": {HOSTILE: proportion(1, 3)}}
    )
    profile = report.dataset.profile.model_copy(
        update={
            "examples": (HOSTILE,),
            "warnings": (HOSTILE,),
            "removed": {HOSTILE: 1},
            "repaired": {HOSTILE: 1},
            "labels": {"train": {HOSTILE: 3}},
            "token_unit": HOSTILE,
            "conflicts": (Conflict(origins=(Origin(file=HOSTILE, line=2),), answers=(HOSTILE,)),),
        }
    )
    data = report.dataset.model_copy(
        update={
            "profile": profile,
            "labels": (HOSTILE,),
            "out_of_scope": HOSTILE,
            "task_reason": HOSTILE,
            "formats": {HOSTILE: HOSTILE},
            "sources": {HOSTILE: HOSTILE},
            "files": {HOSTILE: HOSTILE},
        }
    )
    verdict = report.verdict.model_copy(
        update={
            "headline": HOSTILE,
            "reasons": (HOSTILE,),
            "winner": HOSTILE,
            "comparisons": (
                report.verdict.comparisons[0].model_copy(update={"better": HOSTILE, "rival": HOSTILE, "rows": HOSTILE, "test": HOSTILE}),
            ),
        }
    )
    trained = report.checkpoint.model_copy(
        update={
            "base": HOSTILE,
            "base_digest": HOSTILE,
            "parent": HOSTILE,
            "stop_reason": HOSTILE,
            "alarms": (HOSTILE,),
            "versions": {HOSTILE: HOSTILE},
            "files": {HOSTILE: HOSTILE},
            "choices": (Choice(name=HOSTILE, value=HOSTILE, reason=HOSTILE),),
        }
    )
    report = report.model_copy(
        update={
            "project": HOSTILE,
            "dataset": data,
            "dataset_name": HOSTILE,
            "verdict": verdict,
            "checkpoint": trained,
            "model": HOSTILE,
            "project_toml": HOSTILE,
            "rerun": HOSTILE,
            "trials": (Trial(remedy="fine-tune", candidate=candidate),),
            "finalists": (Finalist(remedy="fine-tune", candidate=candidate, report=hurt, artifact=HOSTILE),),
        }
    )
    measured = Measured(
        costs={HOSTILE: Cost(seconds=1, rows_per_s=1, peak_memory_bytes=1)}, machine={HOSTILE: HOSTILE}, started=HOSTILE, finished=HOSTILE
    )
    html = page(report, measured, {HOSTILE: rows}, questions=[(HOSTILE, Answer(text=HOSTILE))])
    html.encode("utf-8")  # a lone surrogate would raise here
    test_it_asks_nothing_of_any_network(html)
    test_ids_are_unique_and_every_reference_to_one_resolves(html)
    assert "<script" not in html
    assert not [c for c in html if not c.isprintable() and c not in "\n\u00a0"]
    text = "".join(read(html).text)
    assert text.count("<script>alert(1)</script>\"'>") > 40
    assert "a\\u202eb\\x1b[31m\\x00 {{ 7 * 7 }} \\ud800" in text


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_has_the_contrast_that_wcag_aa_asks_for(theme):
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", re.findall(r":root \{(.*?)\}", style(), flags=re.S)[theme]))
    texts = [(text, ground) for text in ("ink", "soft", "blue", "rust") for ground in ("paper", "raised", "blue-wash", "rust-wash")]
    marks = [(mark, "paper") for mark in ("mute", "blue-fill", "rust-fill")]
    for pairs, needed in ((texts, 4.5), (marks, 3.0)):
        for over, under in pairs:
            dark, light = sorted((luminance(colours[over]), luminance(colours[under])))
            assert (light + 0.05) / (dark + 0.05) >= needed, (over, under)


def test_shown_keeps_what_scripts_need_and_shows_what_deceives():
    assert shown("می\u200cخواهم") == "می\u200cخواهم"  # a joiner that Persian needs
    assert shown("pay\u200dment") == "pay\\u200dment"
    assert shown("\u2066x") == "\\u2066x"
    assert shown("line\nline") == "line\nline"


@pytest.mark.parametrize(
    ("expected", "seconds"),
    [
        ("0.4 ms", 0.0004),
        ("31 ms", 0.0312),
        ("1.0 s", 0.99996),
        ("59.9 s", 59.94),
        ("1 min 00 s", 59.96),
        ("2 min 41 s", 161.4),
        ("1 h 00 min", 3599.8),
        ("–", float("nan")),
    ],
)
def test_durations_never_say_sixty_seconds(expected, seconds):
    assert expected == page_words.duration(seconds)


def test_differences_bear_their_sign_unless_they_round_to_nothing():
    assert page_words.signed("exact_match", 0.1234) == "+12.3"
    assert page_words.signed("exact_match", -0.004) == "−0.4"
    assert page_words.signed("exact_match", -0.0001) == "0.0"
    assert page_words.signed("perplexity", -1.5) == "−1.50"


def test_every_metric_remedy_and_form_has_a_title():
    assert set(page_words.METRIC_TITLES) == set(get_args(MetricName))
    assert set(page_words.REMEDY_TITLES) == set(get_args(Remedy))
    assert set(page_words.FORMS) == set(get_args(Form))


@pytest.mark.parametrize(
    ("kind", "deciding", "expected"),
    [
        ("classify", "exact_match", ["out_of_scope_recall", "macro_f1", "own_score", "judge_score"]),
        ("generate", "token_f1", ["exact_match", "out_of_scope_recall", "rouge_l", "chrf", "own_score", "judge_score"]),
        ("answer", "token_f1", ["exact_match", "out_of_scope_recall", "supported_share", "unsupported_rate", "own_score", "judge_score"]),
        ("sql", "execution_accuracy", ["out_of_scope_recall", "query_runs", "exact_match", "token_f1", "own_score", "judge_score"]),
        ("summarise", "own_score", ["rouge_l", "out_of_scope_recall", "rouge_1", "rouge_2", "unsupported_rate", "judge_score"]),
    ],
)
def test_beside_the_deciding_metric_stand_those_of_the_kind_of_task(kind, deciding, expected):
    report, _, _ = router()
    data = report.dataset.model_copy(update={"task": form_of(kind), "purpose": kind})
    changed = report.model_copy(update={"dataset": data, "verdict": report.verdict.model_copy(update={"metric": deciding})})
    assert page_tables.second_look(changed) == expected


def test_the_kind_of_task_and_why_it_was_taken_for_that_are_said():
    report, measured, answers = router()
    data = report.dataset.model_copy(update={"purpose": "route", "purpose_reason": "the answer is the column `desk`"})
    text = words_of(page(report.model_copy(update={"dataset": data}), measured, answers))
    assert "route: the answer is the column `desk`" in text
    assert "one of the labels: 30 labels over 1,200 rows" in text
    assert "classify: 30 labels over 1,200 rows" in words_of(page(report, measured, answers))


def test_what_got_worse_and_what_would_settle_it_stand_beside_the_verdict():
    report, measured, answers = router()
    lost = "It forgot 3.1 points of general questions."
    known = Known(sides=(Side(candidate="tuned-smollm2", topic="forgetting", sentence=lost, standing="worse"),))
    verdict = report.verdict.model_copy(
        update={
            "known": known,
            "reasons": (*report.verdict.reasons, f"The tuned model, forgetting: {lost}"),
            "recommended": "tuned-smollm2",
            "settle": "About 380 more test rows.",
        }
    )
    text = words_of(page(report.model_copy(update={"verdict": verdict}), measured, answers))
    assert text.count(lost) == 1
    assert text.index("What got worse") < text.index(lost) < text.index("Rivals side by side")
    assert "What would settle it. About 380 more test rows." in text
    assert "To serve tuned-smollm2" in text
    kept = Known(sides=(Side(candidate="tuned-smollm2", topic="forgetting", sentence="Nothing is lost."),))
    verdict = report.verdict.model_copy(update={"known": kept})
    assert "What got worse" not in words_of(page(report.model_copy(update={"verdict": verdict}), measured, answers))


def test_how_far_the_judge_is_to_be_believed_is_said():
    report, measured, answers = router()
    bias = PositionBias(pairs=40, changed=proportion(8, 40), toward_first=7, toward_second=1, p_value=0.07)
    trust = JudgeTrust(
        judge="large", mode="pairwise", labels=40, agreement=None, position=bias, unread=0, is_evidence=False, reason="On 40 labels only."
    )
    verdict = report.verdict.model_copy(update={"known": Known(judge=trust)})
    text = words_of(page(report.model_copy(update={"verdict": verdict}), measured, answers))
    assert "The judge. large: On 40 labels only. The order of two answers changed 20.0 % [10.5, 34.8] of its verdicts." in text
    assert "The judge." not in words_of(page(report, measured, answers))


def test_pilots_and_seeds_are_told_apart():
    report, _, _ = router()
    pilot = report.trials[-1].model_copy(update={"pilot": Pilot(share=0.25, rows=180, recipe=Recipe())})
    again = report.finalists[0].model_copy(update={"seed": 1})
    changed = report.model_copy(update={"trials": (pilot,), "finalists": (again,)})
    assert page_tables.trials(changed).rows[0][0].small == "tuned-smollm2, on 180 training rows"
    assert page_tables.rivals(changed, Measured(costs={}, machine={}, started="", finished="")).rows[0][0].small == "tuned-smollm2, seed 1"


def test_the_page_speaks_first_of_what_is_to_be_served():
    report, _, _ = router()
    serve = report.verdict.model_copy(update={"recommended": "minilm-logistic", "winner": None})
    changed = report.model_copy(update={"verdict": serve})
    assert page_tables.subject(changed).candidate.name == "minilm-logistic"
    assert [one.candidate.name for one in page_tables.looked_into(changed.model_copy(update={"finalists": report.finalists[1:]}))] == [
        "minilm-logistic"
    ]


def test_of_two_seeds_the_one_that_dev_chose_is_shown():
    report, _, _ = router()
    first = report.finalists[0]
    lucky = first.report.metrics | {"exact_match": first.report.metrics["exact_match"].model_copy(update={"value": 0.99})}
    other = first.candidate.model_copy(update={"name": "tuned-seed-1"})
    second = first.model_copy(update={"candidate": other, "seed": 1, "report": first.report.model_copy(update={"metrics": lucky})})
    both = report.model_copy(update={"finalists": (first, second, *report.finalists[1:])})
    assert page_tables.looked_into(both)[0].candidate.name == "tuned-smollm2"
    assert page_tables.ranked(both)[0].candidate.name == "tuned-seed-1"


def test_evidence_says_whom_it_is_about():
    report, measured, answers = router()
    suites = Suites.model_construct(
        candidate=CANDIDATES["few-shot"], out_of_scope=None, hallucination=None, consistency=None, memorisation=None, calibration=None, slices=None,
        left_out={"slices": "too few rows"}, asked=0, computed_tokens=0,
    )  # fmt: skip
    verdict = report.verdict.model_copy(update={"recommended": "minilm-logistic"})
    text = words_of(page(report.model_copy(update={"verdict": verdict}), measured, answers, examined=(suites, ())))
    assert "About few-shot-8; to serve is minilm-logistic." in text
    same = report.verdict.model_copy(update={"recommended": "few-shot-8"})
    assert "About few-shot-8. " in words_of(page(report.model_copy(update={"verdict": same}), measured, answers, examined=(suites, ())))
