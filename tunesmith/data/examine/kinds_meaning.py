"""The kinds of findings about what rows mean: labels, answers, topics, usefulness, and semantic duplicates and leaks."""

from __future__ import annotations

from tunesmith.data.examine.kinds import Kind

_COSINE = "cosine of at least 0.95 between vectors of all-MiniLM-L6-v2, the same numbers in both: 99.8 % of such pairs of CLINC150 have the same intent, 98.8 % of those of BANKING77 the same label"
_IFD = "instruction-following difficulty: the perplexity of the answer given the question over that of the answer alone, by the base model (Li et al. 2024, Superfiltering)"

KINDS: dict[str, Kind] = {
    "semantic_duplicate": Kind(
        "duplicates",
        "note",
        "rows that say the same as an earlier row in other words",
        "Paraphrases are good for training in small numbers. Many of one question make it count more than the others; on both sides of a split they flatter the score.",
        _COSINE,
        "nothing by itself: look at the largest clusters; --drop semantic_duplicate keeps the first of each",
    ),
    "semantic_leak": Kind(
        "leaks",
        "review",
        "rows that say the same as a row of a file to judge with, in other words",
        "The model is asked what it was taught, so its score says less about new questions than it seems to.",
        _COSINE,
        "drops them from the rows to train on if asked: --drop semantic_leak",
    ),
    "label_error": Kind(
        "labels",
        "review",
        "rows whose label is probably wrong",
        "A wrong label teaches its mistake. With 10 % wrong labels in BANKING77 a classifier loses 1.2 points of macro-F1, and mending this list brings 1.0 back.",
        "confident learning over vectors: judged by a classifier that has not seen the row and by its neighbours, another label is 20 times as probable. "
        "With 10 % of BANKING77's labels flipped the list is 94 % right and holds 97 % of them; of CLINC150 as it is, it names 0.15 % of the rows",
        "nothing without a decision: accept or refuse each suggested label in the review file",
    ),
    "misfit": Kind(
        "labels",
        "review",
        "rows whose answer does not fit their question",
        "An answer to another question teaches the model to talk past its user.",
        "the pair lies four robust standard deviations below the file's usual; or three, and 2 % of the file's other answers are nearer to the question. "
        "With 5 % of the answers exchanged, all of them are found in GSM8K and 84 % in the Python FAQ, none of the other rows is named; the rule was chosen on these files",
        "nothing by itself: look at the rows, answer them anew or drop them (review file, or --drop misfit)",
    ),
    "learning_curve": Kind(
        "amount",
        "note",
        "what more rows would bring to a classifier over embeddings, which is no tuned model",
        "More rows are work. A curve says whether they are worth it before they are collected.",
        "learnt from shares of the rows and judged by rows that it had not seen; a law of the error through these points, with its interval: on parts of BANKING77 and CLINC150 it held what twice the rows then brought in 29 of 30 draws",
        "nothing to mend: add rows where it says so, of the labels it names; `tunesmith run` measures the curve of the tuned model, and it is shown here from then on",
    ),
    "topics": Kind(
        "balance",
        "note",
        "what the rows are about",
        "A model is good at what it has seen; what your users will ask should be here, in about the shares in which they ask it.",
        "k-means on vectors; as many topics, up to 20, as separate the rows best (silhouette)",
        "nothing to mend",
    ),
    "small_topic": Kind(
        "balance",
        "note",
        "topics with less than 1 % of the rows",
        "What few rows show is learnt by luck, and cannot be judged.",
        "share of the rows; the topic is named by the terms that are frequent in it and rare elsewhere",
        "add rows about it, or take it out of what the model is asked",
    ),
    "outlier": Kind(
        "balance",
        "note",
        "rows that belong to no topic",
        "Often they are rows of another file, test entries or noise; sometimes the rare case that matters.",
        "five robust standard deviations farther from their topic's centre than its rows usually are",
        "nothing by itself: look at the rows (review file, or --drop outlier)",
    ),
    "prompt_does_not_help": Kind(
        "usefulness",
        "review",
        "rows whose question makes the answer no more probable",
        "The answer does not follow from the question, or the base model cannot tell: training on it teaches to answer without listening.",
        f"{_IFD} of 1 or more",
        "nothing by itself: look at the rows; --drop prompt_does_not_help leaves them out",
    ),
    "trivial": Kind(
        "usefulness",
        "note",
        "rows that the base model answers by itself",
        "They cost time and teach nothing. Some keep the model from forgetting; many are a waste.",
        f"the easiest tenth by {_IFD}, and at most 0.25 nats a token: each token has 78 %",
        "nothing by itself; `tunesmith data select --base MODEL` prefers other rows",
    ),
    "hard": Kind(
        "usefulness",
        "note",
        "the rows that have most to teach",
        "The base model finds their answers hardest although the question helps. They are worth the most, and worth checking first: wrong answers are hard too.",
        f"the hardest tenth below 1 by {_IFD}",
        "nothing to mend; `tunesmith data select --base MODEL` prefers them",
    ),
    "unknown_facts": Kind(
        "usefulness",
        "review",
        "facts that the base model does not know",
        "Fine-tuning teaches form and skill well, and new facts badly: they are learnt last, and while it learns them the model begins to invent others.",
        "SliCK (Gekhman et al. 2024): the right answer came neither greedily nor in eight tries at temperature 0.7, behind four worked examples; told from a fifth of the facts on",
        "give the model the facts with the question (retrieval), and train it to answer from what it is given",
    ),
}
