"""The linear classifier: what sklearn fitted, stored and read back."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tunesmith.answer.fitting import fit
from tunesmith.answer.linear import LinearClassifier


def clusters(labels: list[str], per_label: int = 12, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(len(labels), 8))
    vectors = np.concatenate([centre + 0.6 * rng.normal(size=(per_label, 8)) for centre in centres])
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), [label for label in labels for _ in range(per_label)]


@pytest.mark.parametrize("labels", [["b", "a"], ["c", "a", "b"], ["é", "a\nb", '"']], ids=str)
def test_stored_and_read_it_is_the_fitted_model(tmp_path, labels):
    vectors, wanted = clusters(labels)
    strength, reason = fit(vectors, wanted, tmp_path, seed=0)
    model = LogisticRegression(C=strength, max_iter=1000).fit(vectors, wanted)
    answers = LinearClassifier(tmp_path).answer(vectors)
    assert [label for label, _ in answers] == model.predict(vectors).tolist()
    np.testing.assert_allclose([chance for _, chance in answers], model.predict_proba(vectors).max(1), rtol=1e-4)
    assert f"{strength:g}: " in reason
    assert "4-fold cross-validation" in reason


def test_a_label_with_one_row_cannot_be_cross_validated(tmp_path):
    vectors, wanted = clusters(["a", "b"])
    strength, reason = fit(vectors[:13], wanted[:13], tmp_path, seed=0)
    assert (strength, reason) == (10.0, "a label has a single row, so nothing could be cross-validated")


def test_the_same_rows_give_the_same_file(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        fit(*clusters(["a", "b", "c"]), tmp_path / name, seed=0)
    assert len({(tmp_path / name / "classifier.safetensors").read_bytes() for name in ("one", "two")}) == 1
