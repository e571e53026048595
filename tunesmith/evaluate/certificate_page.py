"""A certificate → one page of HTML that prints on paper: what was tried, what won, how sure that is, what got worse, what it costs, and how to check it.

Values pass the same two gates as a report's. Readings of the clock stand in elements marked `data-clock`; without those the pages of equal proofs are equal.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Template
from markupsafe import Markup

from tunesmith.evaluate import page_methods as methods
from tunesmith.evaluate import page_words as words
from tunesmith.evaluate.page_costs import FINDING, finding, money, training, volume
from tunesmith.pages.gate import environment, resource, style
from tunesmith.spec.certificate import Certificate, Entrant, Proof, Tried
from tunesmith.spec.plan import LeftOut, Plan
from tunesmith.spec.report import Comparison, with_limit
from tunesmith.spec.task import LOWER_IS_BETTER, MetricName
from tunesmith.spec.verdict import Bill, Mean, Pace

COLUMNS = (("tokens", "Tokens per answer"), ("cost", "1,000 answers cost"), ("training", "Training it"), ("break_even", "Pays for itself"))
"""Of the finalists, where one of them has something there."""
TIMED = (("latency", "Latency"), ("row", "Per row in a batch"), ("trained", "Training it"), ("won_back", "Won back"))
DIGITS = 16
"""Of a hash on paper; the file holds all of them."""


def certificate_page(certificate: Certificate) -> str:
    """The HTML text of the page."""
    proof = certificate.proof
    paces = {pace.candidate: pace for pace in certificate.clock.paces} if certificate.clock else {}
    bills = {bill.candidate: bill for bill in proof.bills}
    means = {one.candidate: one for one in proof.means}
    entrants = [
        row
        for one in proof.entrants
        for row in (
            *([mean_row(one, means[one.candidate.name], proof)] if one.candidate.name in means else []),
            entrant_row(one, proof, bills.get(one.candidate.name), paces.get(one.candidate.name)),
        )
    ]
    text = template().render(
        proof=proof,
        digest=certificate.digest,
        clock=certificate.clock,
        style=Markup(whole_style()),
        style_digest=base64.b64encode(hashlib.sha256(whole_style().encode()).digest()).decode(),
        decision=words.capital(proof.decision),
        metric=words.METRIC_TITLES[proof.metric],
        direction="lower is better" if proof.metric in LOWER_IS_BETTER else "",
        entrants=entrants,
        shown=[(key, title) for key, title in COLUMNS if any(one[key] not in ("", words.NOTHING) for one in entrants)],
        timed=[(key, title) for key, title in TIMED if any(one[key] not in ("", words.NOTHING) for one in entrants)],
        comparisons=[comparison_row(one) for one in proof.comparisons],
        tried=tried_words(proof),
        plan=plan_words(proof),
        outlook=proof.known.outlook.sentence if proof.known.outlook else "",
        unharmed=unharmed(proof),
        judge=words.judge_words(proof.known.judge),
        privacy=privacy(proof, bills),
        finding=f"{finding(proof.known)}: {FINDING}" if proof.known.finding_tokens else "",
        pins=[(pin.kind, pin.name, pin.sha256[:DIGITS]) for pin in proof.pins],
        task=f"{proof.kind}: {proof.kind_reason}",
        goal=goal_words(proof),
        limits=limit_words(proof),
        digits=DIGITS,
    )
    return text.strip() + "\n"


@cache
def whole_style() -> str:
    """The style of all our pages, and what makes this one fit on paper."""
    return style() + resource("tunesmith.evaluate", "certificate.css")


@cache
def template() -> Template:
    """The compiled template."""
    made = environment()
    made.filters |= {"count": words.count, "plural": words.plural, "tied": words.tied}
    return made.from_string(resource("tunesmith.evaluate", "certificate.html.jinja"))


def entrant_row(entrant: Entrant, proof: Proof, bill: Bill | None, pace: Pace | None) -> dict[str, Any]:
    """A finalist as a line of the table."""
    found = entrant.metrics.get(proof.metric)
    prices = proof.known.prices
    name = entrant.candidate.name
    mark = "★ " if name == proof.winner else ""
    return {
        "name": f"{mark}{words.REMEDY_TITLES[entrant.remedy]}",
        "who": name + (f", seed {entrant.seed}" if entrant.seed is not None else ""),
        "strong": name == proof.recommended,
        "is_mean": False,
        "value": words.value_of(proof.metric, found.value) if found else words.NOTHING,
        "bounds": words.bounds_of(proof.metric, found) if found else "",
        "tokens": words.count(round(bill.prompt_tokens + bill.answer_tokens, 1)) if bill else words.NOTHING,
        "cost": money(bill.per_1000_answers, prices) if bill else words.NOTHING,
        "training": training(bill, prices) if bill else words.NOTHING,
        "break_even": volume(bill.break_even) if bill and bill.break_even is not None else words.NOTHING,
        "latency": ", ".join(filter(None, words.latency(pace.wait if pace else None))),
        "row": words.duration(pace.row_s) if pace else words.NOTHING,
        "trained": words.duration(pace.training_s) if pace and pace.training_s else words.NOTHING,
        "won_back": volume(pace.break_even) if pace and pace.break_even is not None else words.NOTHING,
    }


def mean_row(entrant: Entrant, mean: Mean, proof: Proof) -> dict[str, Any]:
    """What the comparisons are of, in front of the trainings that it is the mean of."""
    return dict.fromkeys(("tokens", "cost", "training", "break_even", "latency", "row", "trained", "won_back"), "") | {
        "name": words.REMEDY_TITLES[entrant.remedy],
        "who": words.mean_of(mean),
        "strong": False,
        "is_mean": True,
        "value": words.value_of(proof.metric, mean.value.value),
        "bounds": words.bounds_of(proof.metric, mean.value),
    }


def comparison_row(found: Comparison) -> dict[str, str]:
    """A comparison as a line of the table."""
    rows = "all rows" if found.rows == "all" else f"rows {found.rows}"
    return {
        "who": f"{found.better} − {found.rival}",
        "what": f"{words.METRIC_TITLES[found.metric]}, {rows}",
        "difference": words.difference(found.metric, found.difference),
        "p": words.p_text(found.p_adjusted),
        "test": methods.cell(found.test),
        "outcome": words.OUTCOMES[found.outcome],
        "settle": settle(found),
    }


def settle(found: Comparison) -> str:
    """What these rows could have shown, and what would settle what they do not; empty where it is settled."""
    if found.outcome != "cannot tell":
        return ""
    least = words.amount(found.metric, found.minimum_detectable) + (" points" if words.in_percent(found.metric) else "")
    return f"shown are {least} or more; settled by {words.settles(found)}"


def tried_words(proof: Proof) -> str:
    """What was tried on the dev rows, with the best of each kind, in one sentence."""
    whole = [one for one in proof.tried if one.share is None]
    kinds = [kind_words([one for one in whole if one.remedy == remedy], proof.metric) for remedy in dict.fromkeys(one.remedy for one in whole)]
    pilots = len(proof.tried) - len(whole)
    also = f"; and {words.plural(pilots, 'small training')} before the full one" if pilots else ""
    failed = sum(one.failed is not None for one in proof.tried)
    lost = f"; {failed} of all these failed" if failed else ""
    return f"{words.plural(len(whole), 'candidate')} on the dev rows: {', '.join(kinds)}{also}{lost}"


def kind_words(tries: Sequence[Tried], metric: MetricName) -> str:
    """One kind of candidate and the best it reached on dev; where some were tried on a part of the rows, the others count."""
    values = [one.value for one in tries if one.value is not None]
    most = max((value.n for value in values), default=0)
    reached = [value.value for value in values if value.n == most]
    best = (min if metric in LOWER_IS_BETTER else max)(reached) if reached else None
    said = words.REMEDY_TITLES[tries[0].remedy] + ("" if best is None else f" {words.value_of(metric, best)}")
    return said + (f" (best of {len(tries)})" if len(tries) > 1 else "")


def unharmed(proof: Proof) -> str:
    """What else was looked at, by how it stands: not worse, without a clear answer, nothing to compare with; empty where nothing was."""
    about = [side for side in proof.known.sides if side.candidate in (proof.recommended, proof.winner)]
    heads = {
        "fine": "Looked at as well, and not found worse",
        "cannot tell": "Looked at as well, without a clear answer",
        "measured": "Measured, with nothing to compare it with",
    }
    topics = {standing: list(dict.fromkeys(side.topic for side in about if side.standing == standing)) for standing in heads}
    return " ".join(f"{heads[standing]}: {', '.join(named)}." for standing, named in topics.items() if named)


def plan_words(proof: Proof) -> str:
    """The frozen plan in one sentence: how many steps in which time, and what was not done; empty where there was none. Why, the file says."""
    if proof.plan is None:
        return ""
    frozen = Plan.model_validate(proof.plan["frozen"])
    passed = [LeftOut.model_validate(one).name for one in proof.plan["passed_over"]]
    parts = [words.plural(len(frozen.steps), "step") + (f" in {words.duration(frozen.decide.budget)}" if frozen.decide.budget is not None else "")]
    parts += [f"left out: {', '.join(one.name for one in frozen.left_out)}"] if frozen.left_out else []
    parts += [f"passed over, as they could change nothing any more: {', '.join(passed)}"] if passed else []
    return "; ".join(parts)


def privacy(proof: Proof, bills: dict[str, Bill]) -> str:
    """What leaves the machine with what is recommended; of the winner where nothing is."""
    bill = bills.get(proof.recommended or proof.winner or "")
    return bill.privacy if bill else ""


def goal_words(proof: Proof) -> str:
    """The goal, and whether it is met."""
    waits = [one.wait for one in proof.entrants]
    chosen = next((one.wait for one in proof.entrants if one.candidate.name == proof.recommended), None)
    if proof.goal.at_least is None:
        limit = with_limit("", waits, chosen)
        if not limit:
            return "none was set"
        met = "met" if proof.recommended is not None else "not met" if proof.goal_met is False else "nothing is recommended"
        return limit if chosen is not None and not chosen.is_in_time else f"{limit}: {met}"
    bound = "at most" if proof.metric in LOWER_IS_BETTER else "at least"
    met = {True: "met", False: "not met", None: "cannot be judged with these rows"}[proof.goal_met]
    value = f"{bound} {words.value_of(proof.metric, proof.goal.at_least)}"
    if chosen is not None and not chosen.is_in_time:
        return with_limit(f"{value}: {met}", waits, chosen)
    return f"{with_limit(value, waits, chosen)}: {met}"


def limit_words(proof: Proof) -> str:
    """What the goal allows to be lost, in one line; empty where nothing is limited."""
    ability, factor = proof.goal.must_not_worsen.of_tuning(proof.kind)
    found = [f"general ability by more than {100 * ability:g} points"] if ability is not None else []
    found += [f"perplexity of neutral prose by more than times {factor:g}"] if factor is not None else []
    return ", ".join(
        [
            *found,
            *(
                f"{words.METRIC_TITLES[name].lower()} by more than {100 * limit:g} points"
                for name, limit in proof.goal.must_not_worsen.of_rows().items()
            ),
        ]
    )
