"""The kinds of findings about what rows mean: labels, answers, topics, usefulness, and semantic duplicates and leaks."""

from __future__ import annotations

from tunesmith.data.examine.kinds import Kind

_LOOK = "nothing without a decision: look at the rows in the review file, or drop them with --drop {}"
_IFD = "instruction-following difficulty: perplexity of the answer with its question over that without it, by the base model itself (Li et al. 2024, arXiv 2402.00530)"

KINDS: dict[str, Kind] = {
    "label_error": Kind(
        "labels",
        "review",
        "labels that are probably wrong",
        "A wrong label teaches the wrong thing, and a wrong label in the test split counts a right answer as wrong.",
        "confident learning (Northcutt et al. 2021) over a classifier that has not seen the row and its nearest neighbours; listed are rows with whose label no neighbour agrees",
        "nothing without a decision: the review file proposes the more likely label; `answer` takes it",
    ),
    "misfit": Kind(
        "labels",
        "review",
        "answers that do not fit their question",
        "They were shifted by a row, or pasted to the wrong question; the model learns to answer something else.",
        "the margin of a pair's cosine over that of other pairs lies 4 robust standard deviations below the file's median",
        _LOOK.format("misfit"),
    ),
    "semantic_duplicate": Kind(
        "duplicates",
        "note",
        "rows that say the same in other words",
        "They add little where the answer is the same, and contradict where it is not.",
        "cosine of sentence vectors of at least 0.95 between texts that are no near duplicates by their letters",
        "nothing by itself: --drop semantic_duplicate keeps the first of each cluster",
    ),
    "semantic_leak": Kind(
        "leaks",
        "note",
        "rows that say in other words what stands in the file to judge with",
        "The score is then a little higher than the truth.",
        "cosine of sentence vectors of at least 0.95 with a row of the file to judge with",
        _LOOK.format("semantic_leak"),
    ),
    "topics": Kind(
        "balance",
        "note",
        "what the rows are about",
        "What has no rows is not learnt; what has most of them, the model leans towards.",
        "clusters of sentence vectors, their number by the silhouette, named by the terms that are most their own",
        "nothing: add rows about what is missing",
    ),
    "small_topic": Kind(
        "balance",
        "note",
        "topics with few rows",
        "A topic with less than 1 % of the rows is hardly learnt.",
        "less than 1 % of the rows",
        "nothing: add rows about them, or drop them if they are not meant",
    ),
    "outlier": Kind(
        "balance",
        "note",
        "rows that belong to no topic",
        "They are rare cases worth more rows, or rows from elsewhere.",
        "4 robust standard deviations farther from its topic's centre than its rows usually are",
        "nothing by itself: look at them, or drop them with --drop outlier",
    ),
    "prompt_does_not_help": Kind(
        "usefulness",
        "review",
        "answers that their question makes no more probable",
        "Question and answer do not belong together, or the base cannot tell; such rows teach the answer and not when to give it.",
        f"{_IFD}: 1 or more",
        _LOOK.format("prompt_does_not_help"),
    ),
    "trivial": Kind(
        "usefulness",
        "note",
        "rows that the base answers already",
        "They cost time and teach nothing.",
        f"{_IFD}: in the lowest tenth, and under a quarter of a nat for each token",
        "nothing by itself: drop them with --drop trivial",
    ),
    "hard": Kind(
        "usefulness",
        "note",
        "rows that teach most",
        "The base does not know yet what their question asks for: keep these when you choose.",
        f"{_IFD}: in the highest tenth below 1",
        "nothing: they are the good ones",
    ),
    "unknown_facts": Kind(
        "usefulness",
        "review",
        "answers that the base model does not know",
        "New facts are learnt slowly, and once learnt they make the model invent others; a search over your documents (RAG) serves facts better.",
        "8 sampled answers and a greedy one for each of at most 500 short answers (Gekhman et al. 2024, arXiv 2405.05904); more than 20 % unknown",
        "nothing: keep the facts in documents and retrieve them; fine-tune for form",
    ),
}
