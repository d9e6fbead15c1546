"""Ranks measured candidates, and selects those that can enter the blend."""

from collections import Counter
from collections.abc import Sequence

from sklearn_autotune.evaluation import Outcome, average_scores
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import FAMILY
from sklearn_autotune.selection._cost_model import CostModel
from sklearn_autotune.selection._cross_fit import CrossFitResult

__all__ = [
    "MAX_BLEND_SIZE",
    "MeasuredCandidates",
    "average_fold_scores",
    "make_label",
    "release_results",
    "select_best_per_family",
    "select_blend_candidates",
    "sort_by_score",
]

# The best two candidates of a family can enter the blend: the second ones up to N_BLEND_CANDIDATES, the best ones up to
# MAX_BLEND_CANDIDATES. The predictions and fold models of all other candidates are dropped. The third best is similar
# to the first two, since the sampler found it near them: on ten tables it brought nothing.
MAX_PER_FAMILY = 2
N_BLEND_CANDIDATES = 6
MAX_BLEND_CANDIDATES = 12
MAX_BLEND_SIZE = 5


def sort_by_score(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the complete candidates, sorted from the best mean score to the worst."""
    complete = [record for record in records if record.outcome.status == Status.COMPLETE]
    return sorted(complete, key=lambda record: -average_fold_scores(record.outcome))


def select_blend_candidates(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the candidates that can enter the blend, the best first: the best of each family and some second ones."""
    counts: Counter[str] = Counter()
    selected: list[TrialRecord] = []
    for record in sort_by_score(records):
        counts[record.params[FAMILY]] += 1
        n_in_family = counts[record.params[FAMILY]]
        if n_in_family == 1 or (n_in_family <= MAX_PER_FAMILY and len(selected) < N_BLEND_CANDIDATES):
            selected.append(record)
    return selected[:MAX_BLEND_CANDIDATES]


def select_best_per_family(records: Sequence[TrialRecord]) -> dict[str, TrialRecord]:
    """Return the best complete candidate of each family, the best first."""
    best: dict[str, TrialRecord] = {}
    for record in sort_by_score(records):
        best.setdefault(record.params[FAMILY], record)
    return best


def make_label(record: TrialRecord) -> str:
    """Make the name of a candidate in a blend: its family and its number."""
    return f"{record.params[FAMILY]}_{record.number}"


def average_fold_scores(outcome: Outcome) -> float:
    """Compute the mean score of a candidate over the folds; higher is better."""
    return average_scores((fold.test for fold in outcome.folds), None)


def release_results(records: Sequence[TrialRecord]) -> None:
    """Release the predictions and fold models of candidates that cannot enter the blend."""
    selected = {record.number for record in select_blend_candidates(records)}
    for record in records:
        result = record.outcome.artifacts
        if isinstance(result, CrossFitResult) and record.number not in selected:
            result.release()


class MeasuredCandidates:
    """The candidates that have been measured so far.

    Attributes
    ----------
    records : sequence of TrialRecord
    """

    def __init__(self, cost_model: CostModel) -> None:
        self.records: Sequence[TrialRecord] = ()
        self._cost_model = cost_model
        self._n_processed = 0

    def update(self, records: Sequence[TrialRecord]) -> None:
        """Take the records of a search so far: correct the cost model by the new ones, release what the rest hold."""
        for record in records[self._n_processed :]:
            self._cost_model.update(record)
        # The search goes on adding to these records, so their number is remembered.
        self.records, self._n_processed = records, len(records)
        release_results(records)
