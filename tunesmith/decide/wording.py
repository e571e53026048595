"""Metrics and comparisons → sentences for people who know no statistics, each with its numbers."""

from __future__ import annotations

from collections.abc import Mapping

from tunesmith.spec.report import Comparison, Metric, Wait
from tunesmith.spec.task import LOWER_IS_BETTER, UNBOUNDED, Goal, MetricName
from tunesmith.spec.trial import Remedy

NOUNS: Mapping[MetricName, str] = {
    "exact_match": "exact match",
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "out_of_scope_recall": "out-of-scope recall",
    "out_of_scope_precision": "out-of-scope precision",
    "false_refusal_rate": "false refusals",
    "token_f1": "token-F1",
    "rouge_1": "ROUGE-1",
    "rouge_2": "ROUGE-2",
    "rouge_l": "ROUGE-L",
    "chrf": "chrF",
    "bleu": "BLEU",
    "json_valid": "valid JSON",
    "schema_valid": "JSON that fits the schema",
    "field_f1": "field F1",
    "unsupported_rate": "unsupported numbers or names",
    "supported_share": "support by the source",
    "execution_accuracy": "execution accuracy",
    "query_runs": "queries that run",
    "tests_passed": "tests passed",
    "own_score": "the project's own score",
    "judge_score": "the judge's score",
    "perplexity": "perplexity",
}
ACHIEVES: Mapping[MetricName, str] = {
    "exact_match": "gets {value} of the questions{scope} exactly right",
    "accuracy": "gets {value} of {every} exactly right",
    "out_of_scope_recall": "declines {value} of the questions that are out of scope",
    "out_of_scope_precision": "is right in {value} of its refusals",
    "false_refusal_rate": "wrongly declines {value} of the questions{scope}",
    "json_valid": "writes valid JSON for {value} of the questions{scope}",
    "schema_valid": "writes JSON that fits the schema for {value} of the questions{scope}",
    "unsupported_rate": "writes a number or a name that its source does not hold in {value} of the answers{scope}",
    "execution_accuracy": "writes queries with the right result for {value} of the questions{scope}",
    "query_runs": "writes queries that run for {value} of the questions{scope}",
    "tests_passed": "writes code that passes its tests for {value} of the questions{scope}",
    "own_score": "reaches {value} of the project's own score",
    "judge_score": "reaches {value} of the judge's score",
    "supported_share": "keeps to its source in {value} of what it says",
}
"""What a value means; metrics without an entry are named: "reaches a token-F1 of …"."""

SUBJECTS: Mapping[Remedy, str] = {
    "majority": "always giving the most frequent answer",
    "classifier": "the classifier",
    "prompt": "the best written prompt",
    "few-shot": "the prompt with examples",
    "few-shot-retrieved": "the prompt with the nearest examples",
    "rag": "the model that reads the documents",
    "fine-tune": "the tuned model",
    "fine-tune-rag": "the tuned model that reads the documents",
    "remote": "the model elsewhere",
}


def shown(metric: MetricName, value: float) -> str:
    """A value of the metric: a percentage, or a plain number for perplexity."""
    return f"{value:.2f}" if metric in UNBOUNDED else f"{100 * value:.1f} %"


def gap(metric: MetricName, difference: float) -> str:
    """A difference of two values, with its sign: in percentage points, or a plain number for perplexity."""
    return f"{difference:+.2f}" if metric in UNBOUNDED else f"{100 * difference:+.1f} points"


def measured(metric: MetricName, found: Metric, confidence: float) -> str:
    """A value with its interval and rows: `81.6 % (95 % interval 77.7 to 84.9 %, 450 rows)`."""
    low = shown(metric, found.low).removesuffix(" %")
    return f"{shown(metric, found.value)} ({100 * confidence:g} % interval {low} to {shown(metric, found.high)}, {counted(found)})"


def counted(found: Metric) -> str:
    """The rows that a number rests on, and how many independent pieces of evidence they are: `15 rows in 3 clusters`."""
    rows = f"{found.n} row" if found.n == 1 else f"{found.n} rows"
    return rows if found.clusters is None else f"{rows} in {found.clusters} cluster" + ("" if found.clusters == 1 else "s")


def cluster_words(largest: int, rows: int, clusters: int) -> str:
    """What it means that many rows are alike."""
    return (
        f"The largest cluster holds {largest} of these {rows} test rows, near duplicates of one another or of one group. Rows that are alike are one piece of evidence: "
        f"the {rows} rows count as {clusters} cluster{'' if clusters == 1 else 's'}. More rows of different kinds would show more than more of these."
    )


def achieves(metric: MetricName, value: float, scope: bool) -> str:
    """What a candidate does, as the rest of a sentence; `scope`: the task has rows that are out of scope."""
    template = ACHIEVES.get(metric)
    if template is None:
        return f"reaches a {NOUNS[metric]} of {shown(metric, value)}"
    every = "all questions, in scope or not," if scope else "the questions"
    return template.format(value=shown(metric, value), scope=" in scope" if scope else "", every=every)


def p_words(p: float) -> str:
    """A p-value as people print it."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def settles(found: Comparison) -> str:
    """What would settle an open comparison: more rows; where what trainings differ by hides it on any number of rows, more trainings; or neither."""
    if found.is_split:
        return "not every training shows it, so that it is no gain of the recipe"
    if found.rows_to_settle is not None:
        more = found.rows_to_settle
        return f"about {more:,} more test rows like these would settle it" if more > 1 else "about one more test row like these would settle it"
    if found.seeds_to_settle is not None:
        return (
            f"no number of rows would settle it, since trainings differ by as much, but {found.seeds_to_settle} trainings with different seeds would"
        )
    return "no realistic number of rows would settle it"


def comparison_words(found: Comparison, names: Mapping[str, str], confidence: float, family: int) -> str:
    """One comparison as a sentence with its difference, interval, p-value and outcome; `names` has the words for each candidate."""
    first, second = names[found.better], names[found.rival]
    low = gap(found.metric, found.difference.low).removesuffix(" points")
    rows = "" if found.rows == "all" else f", rows {found.rows}"
    corrected = f", corrected for {family} comparisons" if family > 1 else ""
    text = (
        f"{capital(first)} against {second} ({NOUNS[found.metric]}{rows}): {found.outcome}, {gap(found.metric, found.difference.value)} "
        f"({100 * confidence:g} % interval {low} to {gap(found.metric, found.difference.high)}, "
        f"{counted(found.difference)}, {p_words(found.p_adjusted)}{corrected})"
    )
    if found.outcome != "cannot tell":
        return text + "."
    if found.is_split:
        return f"{text}; {settles(found)}."
    if found.leans is not None:
        return f"{text}. The interval leaves out no difference, but the corrected test does not rule out chance; {settles(found)}."
    among = f"Among {found.family} comparisons" if found.family > 1 else "Alone"
    smallest = gap(found.metric, found.minimum_detectable).removeprefix("+")
    sees = (
        f"shows differences of {smallest} or more"
        if found.metric in UNBOUNDED or found.minimum_detectable < 1
        else "can show no difference on so few rows"
    )
    return f"{text}. {among}, such a one {sees}; {settles(found)}."


def goal_in_words(goal: Goal, metric: MetricName) -> str:
    """The goal: `macro-F1 of at least 78.0 %`."""
    assert goal.at_least is not None
    return f"{NOUNS[metric]} of {'at most' if metric in LOWER_IS_BETTER else 'at least'} {shown(metric, goal.at_least)}"


def goal_words(goal: Goal, metric: MetricName, found: Metric, subject: str, met: bool | None) -> str:
    """Whether the goal is met, judged by the interval."""
    head = f"The goal, {goal_in_words(goal, metric)}, "
    value = f"{subject} reaches {measured(metric, found, goal.confidence)}"
    match met:
        case True:
            return f"{head}is met: {value}."
        case False:
            return f"{head}is not met: {value}."
        case None:
            return f"{head}cannot be judged with these rows: {value}, and the goal lies inside that interval."


def takes(wait: Wait) -> str:
    """How long a question takes against what is allowed, as the rest of a sentence.

    >>> takes(Wait(n=20, median_s=0.18, p90_s=0.2314, p90_least_s=0.21, at_most_s=0.2))
    'takes up to 231 ms for nine of ten questions that are asked alone (median 180 ms, 20 asked), and 200 ms are allowed'
    """
    assert wait.at_most_s is not None
    most, median = (f"{milliseconds(seconds)} ms" for seconds in (wait.p90_s, wait.median_s))
    of = "nine of ten questions that are" if wait.n >= 10 else "a question that is"
    return f"takes up to {most} for {of} asked alone (median {median}, {wait.n} asked), and {1000 * wait.at_most_s:g} ms are allowed"


def milliseconds(seconds: float) -> str:
    """Three digits of a time, and never fewer than whole milliseconds.

    >>> milliseconds(0.0012345), milliseconds(12.3456)
    ('1.23', '12,346')
    """
    return f"{1000 * seconds:,.0f}" if seconds >= 0.1 else f"{1000 * seconds:.3g}"


def standing_words(found: Comparison, other: str, value: str) -> str:
    """How the cheap one of an open pair (`found.better`) stands to the dear one, as far as it is known; `other` is the dear one, `value` what it reaches."""
    rows = counted(found.difference)
    if not found.difference.value or (found.difference.value > 0) != (found.metric in LOWER_IS_BETTER):
        return f"it is no worse than {other} ({value}), as far as {rows} can tell"
    return f"{rows} {'does' if found.difference.n == 1 else 'do'} not show that {other} ({value}) is better"


def looks_words(looks: int) -> str:
    """What it means that the test split was opened before."""
    return (
        f"This test split has now been opened {looks} times. Every look makes a lucky result more likely and the stated certainty a little too "
        "good; fresh test rows would restore it."
    )


def capital(text: str) -> str:
    """`text` with its first letter in upper case."""
    return text[:1].upper() + text[1:]
