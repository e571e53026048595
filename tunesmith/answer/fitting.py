"""Vectors with labels → a linear classifier, stored as safetensors: the control that costs next to nothing.

Apart from `linear.py`, which answers: scikit-learn takes longer to import than the fit takes, and only the fit needs it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score

from tunesmith.answer.linear import FILE

STRENGTHS = (1.0, 10.0, 100.0)
"""Inverse regularisation, chosen by cross-validation on the training rows: unit vectors want little shrinkage."""


def fit(vectors: np.ndarray, labels: Sequence[str], folder: Path, seed: int) -> tuple[float, str]:
    """Write a multinomial logistic regression into `folder`; returns the regularisation it chose and why.

    `vectors` is [N, D]; `labels` holds N labels, at least two different ones.
    """
    fewest = min(list(labels).count(label) for label in set(labels))
    folds = min(4, fewest)
    if folds < 2:
        strength, reason = STRENGTHS[1], "a label has a single row, so nothing could be cross-validated"
    else:
        split = StratifiedKFold(folds, shuffle=True, random_state=seed)
        scores = {c: float(cross_val_score(LogisticRegression(C=c, max_iter=500), vectors, list(labels), cv=split).mean()) for c in STRENGTHS}
        strength = max(scores, key=lambda c: (scores[c], -c))
        reason = f"best of {', '.join(f'{c:g}: {s:.3f}' for c, s in scores.items())} by {folds}-fold cross-validation on the training rows"
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
