"""Vectors with labels → a linear classifier, stored as safetensors: the control that costs next to nothing.

Apart from `linear.py`, which answers: scikit-learn takes longer to import than the fit takes, and only the fit needs it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from threadpoolctl import threadpool_limits

from tunesmith.answer.linear import FILE

STRENGTHS = (1.0, 10.0, 100.0)
"""Inverse regularisation, chosen by cross-validation on the training rows: unit vectors want little shrinkage."""


def fit(vectors: np.ndarray, labels: Sequence[str], folder: Path, seed: int) -> tuple[float, str]:
    """Write a multinomial logistic regression into `folder`; returns the regularisation it chose and why.

    `vectors` is [N, D]; `labels` holds N labels, at least two different ones.
    """
    with threadpool_limits(limits=1):  # small products: two threads on two shared cores wait for each other far longer than they compute
        strength, reason = _strength(vectors, list(labels), seed)
        model = LogisticRegression(C=strength, max_iter=1000).fit(vectors, list(labels))
    weight, bias = model.coef_.astype(np.float32), model.intercept_.astype(np.float32)
    if len(model.classes_) == 2:  # sklearn keeps one row for two classes
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    # safetensors writes memory as it lies, and sklearn's coefficients may lie by columns
    save_file(
        {"weight": np.ascontiguousarray(weight), "bias": np.ascontiguousarray(bias)},
        folder / FILE,
        metadata={"labels": json.dumps([str(c) for c in model.classes_])},
    )
    return strength, reason


def _strength(vectors: np.ndarray, labels: list[str], seed: int) -> tuple[float, str]:
    """The inverse regularisation that does best on held-out training rows, and why."""
    folds = min(4, *Counter(labels).values())
    if folds < 2:
        return STRENGTHS[1], "a label has a single row, so nothing could be cross-validated"
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    scores = {c: float(cross_val_score(LogisticRegression(C=c, max_iter=500), vectors, labels, cv=split).mean()) for c in STRENGTHS}
    words = ", ".join(f"{c:g}: {s:.3f}" for c, s in scores.items())
    return max(scores, key=lambda c: (scores[c], -c)), f"best of {words} by {folds}-fold cross-validation on the training rows"
