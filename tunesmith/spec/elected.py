"""A candidate that won → something that bears a name and can be served, whatever its remedy."""

from __future__ import annotations

from tunesmith.spec.candidate import Candidate, Classifier, Constant, Decoding, Prompted, Remote, Retrieval, Tuned
from tunesmith.spec.noun import Noun
from tunesmith.spec.suite import Suites, Threshold


class Elected(Noun):
    """The manifest of a candidate that can be asked by a registered name. It holds nothing itself: what it is made of are artifacts of their own."""

    candidate: Candidate
    decoding: Decoding
    """How it answered when it was measured: among the labels, or freely up to a length."""
    dataset: str
    """Name of the data set that it was measured on."""
    threshold: Threshold | None = None
    """Below which confidence it can decline, as the report proposed. Applied only where somebody asks for it; None: nothing was proposed that helps."""

    @property
    def reader(self) -> Prompted | Tuned | None:
        """The language model of this machine that writes its answers; None where none does."""
        match self.candidate:
            case Prompted() | Tuned() as model:
                return model
            case Retrieval(reader=reader):
                return reader
            case Constant() | Classifier() | Remote():
                return None

    @property
    def is_fixed(self) -> bool:
        """True if a question has one answer, whatever is asked for: nothing is drawn, and nothing is cut."""
        return isinstance(self.candidate, Constant | Classifier) or (bool(self.decoding.choices) and self.reader is not None)

    @property
    def reads_all(self) -> bool:
        """False for what sees the last question alone, or nothing at all."""
        return not isinstance(self.candidate, Constant | Classifier)


def proposed(suites: Suites, candidate: Candidate) -> Threshold | None:
    """The first threshold for `candidate` that serving may apply."""
    if suites.out_of_scope is None or suites.candidate != candidate:
        return None
    return next((one for one in suites.out_of_scope.thresholds if not one.unfit), None)
