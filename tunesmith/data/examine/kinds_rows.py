"""The kinds of findings about how rows stand to one another and to the task: faults, duplicates, contradictions, leaks, balance, amount."""

from __future__ import annotations

from tunesmith.data.examine.kinds import Kind

_JACCARD = "Jaccard similarity of word 5-grams (character 4-grams below 20 words) of at least 0.8, the usual threshold of near-duplicate removal for training data (Lee et al. 2022), confirmed exactly; one typing slip in short texts"
_EQUAL = "equality after letter case and white space are folded; nothing is estimated"
_GUIDE = "classification improves up to 200 to 500 rows a class and more; below 20 a class is learnt by luck (docs: evidence on data quantity)"

KINDS: dict[str, Kind] = {
    "unusable_row": Kind(
        "text",
        "mend",
        "rows that cannot be read or used",
        "The row teaches nothing, and without `skip_faulty` it stops the run.",
        "the rules of the format, told with the line",
        "leaves the rows out of the mended file and lists them, with the reason, in its diff",
        True,
    ),
    "header_is_row": Kind(
        "text",
        "review",
        "the first line is taken for the names of the columns, and looks like a row",
        "A table without a line of names loses its first row, and what its columns hold has to be guessed.",
        "no name is a usual one, and one reads like a sentence (6 words, or its end), stands among the values below it, or is a number above numbers",
        "nothing by itself: write a line of names above it (text,label), if it is a row",
    ),
    "duplicate": Kind(
        "duplicates",
        "mend",
        "rows that say the same as an earlier row",
        "Each copy is learnt again: the model leans towards it, and copies on both sides of a split make the score a lie.",
        _EQUAL,
        "keeps the first of each cluster and drops the others",
        True,
    ),
    "near_duplicate": Kind(
        "duplicates",
        "note",
        "rows that say nearly the same as an earlier row, with the same answer",
        "They add little to learn from, and they must stand in one split; the line sees to that.",
        _JACCARD,
        "drops all but the first of each cluster if asked: --drop near_duplicate",
    ),
    "template": Kind(
        "duplicates",
        "note",
        "rows made from one frame with words filled in",
        "The model learns the frame instead of the task, and a score on rows of the same frame says nothing about real questions.",
        "ten or more rows with one frame of at least four frequent words that are half of the row",
        "nothing by itself: write some in people's own words, or paraphrase them (`tunesmith data make paraphrases`)",
    ),
    "contradiction": Kind(
        "contradictions",
        "review",
        "rows that ask the same and answer differently",
        "The model cannot learn both; it learns to guess, and no model can be right on both.",
        _EQUAL,
        "nothing without a decision: choose in the review file; --contradictions proposed takes the majority's answer, else the newest",
    ),
    "near_contradiction": Kind(
        "contradictions",
        "review",
        "rows that ask nearly the same and answer differently",
        "Often one of them is mislabelled; where both are right, the difference has to stand in the question.",
        "nearly equal questions (Jaccard 0.8 or one slip) that differ by at most a tenth of their letters, with the same numbers and negations",
        "nothing without a decision: choose in the review file",
    ),
    "leak": Kind(
        "leaks",
        "mend",
        "rows that also stand in the file to judge with",
        "The model is then asked what it was told: the score is higher than the truth.",
        _EQUAL,
        "drops them from the training file; the file to judge with stays as it is",
        True,
    ),
    "near_leak": Kind(
        "leaks",
        "mend",
        "rows that nearly stand in the file to judge with",
        "The model is then asked what it was nearly told: the score is higher than the truth.",
        _JACCARD + "; every pair across the files is compared",
        "drops them from the training file; the file to judge with stays as it is",
        True,
    ),
    "probe_leak": Kind(
        "leaks",
        "review",
        "rows that also stand among the shipped probes of general ability",
        "What was forgotten is judged by these probes: a model tuned on them looks better than it is.",
        "the same words as the probe's question, or half of its word 8-grams, or six of them (13 words in a row); none of 2,048 rows of GSM8K and BANKING77 is flagged",
        "drops them if asked: --drop probe_leak",
    ),
    "label_spelling": Kind(
        "labels", "mend", "labels that are one label spelt in several ways", "The model learns them as different answers, and half of its right answers count as wrong.", "equality after letter case, spaces and punctuation are left out", "writes the most frequent spelling everywhere", True
    ),
    "rare_label": Kind("balance", "review", "labels with too few rows", "A label with a handful of rows is learnt by luck and judged by fewer.", _GUIDE, "nothing: add rows of these labels, or merge them"),
    "lopsided_labels": Kind(
        "balance", "note", "labels of very different size", "The model prefers what it saw most; accuracy hides that.", "twenty times as many rows of one label as of another", "nothing: add rows of the rare ones, and judge by macro_f1"
    ),
    "one_answer": Kind("balance", "review", "all rows have one answer", "The model learns to say nothing else.", _EQUAL, "nothing: add rows with other answers"),
    "several_system_prompts": Kind(
        "balance", "note", "several system prompts", "The tuned model will expect each of them with its own kind of question.", "fewer different prompts than half of the rows, and more than one", "nothing: use one prompt where the task is one"
    ),
    "system_prompt_missing": Kind(
        "balance", "review", "rows without the system prompt that the others have", "The model learns both, and what it does without the prompt is not what was meant.", "counted", "nothing: give all rows the prompt, or none"
    ),
    "no_out_of_scope": Kind(
        "balance",
        "note",
        "no rows that decline",
        "A model that has only seen its own business answers everything: asked about something else, it invents.",
        "5 to 15 % of rows that decline keep false refusals low (R-Tuning 2311.09677, CRaFT 2410.06913)",
        "nothing: `tunesmith data make outside` writes such rows for these data",
    ),
    "long_row": Kind(
        "balance", "note", "rows far longer than the others", "Long rows are cut at training length, and a few of them take most of the time.", "beyond ten times the 99th percentile of all rows' characters", "nothing: shorten or split them"
    ),
    "untrained_label": Kind(
        "balance", "review", "labels that stand only in the file to judge with", "They are never trained, so every row that has one is answered wrong.", _EQUAL, "nothing: add rows of these labels to train on, or take them out of the file to judge with"
    ),
    "cut_row": Kind(
        "balance", "review", "rows longer than what is trained at once", "They are cut, the oldest turns first; what is cut is not learnt.", "tokens of the base model, and a few for each turn", "nothing: shorten or split them"
    ),
    "crowded_out": Kind(
        "balance", "review", "rows whose system prompt and tools leave no room for an answer", "They teach nothing: what stands before the first question alone fills what is trained at once.", "tokens of the base model, and a few for each turn", "nothing: shorten the prompt or the tools"
    ),
    "undeclared_tool": Kind(
        "text", "review", "rows that call tools which they do not declare", "At serving time the model is told which tools there are; here it learns to call others.", "names of calls that do not stand in `tools`", "nothing: add the tools under `tools`"
    ),
    "parallel_calls_forbidden": Kind(
        "text", "review", "rows that call several tools at once and say `parallel_tool_calls`: false", "The model learns to call them at once.", "counted", "nothing: take the key out, or call one tool after the other"
    ),
    "parallel_tool_calls": Kind(
        "text", "note", "rows with `parallel_tool_calls`", "It does not change how they are trained here.", "counted", "nothing to mend"
    ),
    "response_format": Kind(
        "text", "note", "rows with a `response_format`", "It does not change how they are trained here.", "counted", "nothing to mend"
    ),
    "few_rows": Kind(
        "amount", "review", "few rows", "Below 50 rows a written prompt is usually the better remedy; below 200 a form is learnt, not facts.", "guide of rows: under 50 prompting, 50 to 200 form only, 200 to 500 light classification, 1,000 to 5,000 good", "nothing: add rows"
    ),
}  # fmt: skip
"""Stable word → what it means. Kinds whose severity depends on what was found get it from `verdict.py`."""
