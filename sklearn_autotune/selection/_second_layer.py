"""The second layer: models fitted on the out-of-fold predictions of the best candidate of each family."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sklearn_autotune._compat import clock
from sklearn_autotune._compat.digest import compute_digest
from sklearn_autotune.evaluation import Fold, Task, WorkItem, measure
from sklearn_autotune.evaluation._base import is_forward
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.families import Family
from sklearn_autotune.families._baseline import BASELINE
from sklearn_autotune.families._stacked import STACKED_LINEAR, STACKED_NAMES, STACKED_TREES
from sklearn_autotune.inference._temperature_scaling import make_stacking_features
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import FAMILY, make_candidate
from sklearn_autotune.selection._cost_model import CostModel
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation
from sklearn_autotune.selection._ranking import select_best_per_family
from sklearn_autotune.storage._artifacts import Artifacts

__all__ = [
    "SECOND_LAYER",
    "SecondLayer",
    "SecondLayerEstimate",
    "is_second_layer",
    "make_second_layer_estimate",
    "measure_second_layer",
    "uses_passthrough",
]

SECOND_LAYER = "second layer"  # the name of this stage, as it is shown

# AutoGluon stacks from this number of rows on.
MIN_ROWS = 750

# Where folds follow time, no second layer can be fitted for the first one.
MIN_FORWARD_FOLDS = 4

# If more than this share of the rows are duplicates in all columns, the second layer has no trees. The first layer's
# prediction for a row depends on the targets of its duplicates in other folds. Trees that see the table recognise the
# duplicates and infer a row's target from these predictions: on a table with eight duplicates of each row the log loss
# was 0.54 on the folds and 0.70 on new rows.
MAX_DUPLICATE_SHARE = 0.1

# Of the hash of a row: an odd number near 2**64 divided by the golden ratio (Knuth, 1973), and about half the bits.
HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)
HASH_SHIFT = np.uint64(29)

# Folds are drawn once. Averaged over three draws, the first layer's predictions are less noisy, but trees then infer a
# row's target from what its own prediction lacks. On email, jobs and spam this gave up to 1.4 % less log loss; on
# wells, whose rows are close to one another, 0.62 on the folds and 0.65 on new rows, against 0.63 and 0.64 with one
# draw. On the eleven tables used for development, with 20 seconds of search, two to four draws gained 0.8 to 1.1 %. On
# fresh tables they gained nothing: on six tables, after 120 seconds of search, +0.1 % with three draws and +0.2 % with
# five; in place of half the search within 120 seconds, on 18 tables with two seeds, 0.1 % (standard error 0.2).

# The second layer may take this share of the timeout; families that would exceed it are left out.
MAX_TIME_SHARE = 0.2

# The time reserved for the second layer, as a multiple of its estimate.
TIME_MARGIN = 1.2


def is_second_layer(record: TrialRecord) -> bool:
    """Whether a candidate is a model of the second layer."""
    return record.params[FAMILY] in STACKED_NAMES


def uses_passthrough(record: TrialRecord) -> bool:
    """Whether a model of the second layer is fitted on the table beside the predictions."""
    return record.params[FAMILY] == STACKED_TREES.name


@dataclass(frozen=True, slots=True)
class SecondLayerEstimate:
    """Which models of the second layer there may be, and the seconds that they take.

    Attributes
    ----------
    cost_model : CostModel
        Of the first layer.
    families : tuple of Family
        None if there can be no second layer.
    max_seconds : float
        Seconds that the second layer may take; families that would exceed it are left out.
    """

    cost_model: CostModel
    families: tuple[Family, ...] = ()
    max_seconds: float = float("inf")

    def select_base_records(self, records: Sequence[TrialRecord]) -> list[TrialRecord]:
        """Return the candidates whose predictions the second layer uses: the best one of each family."""
        if not self.families:
            return []
        return [record for name, record in select_best_per_family(records).items() if name != BASELINE.name]

    def estimate_seconds(self, records: Sequence[TrialRecord]) -> float:
        """Estimate the seconds that measuring the second layer takes."""
        return TIME_MARGIN * sum(
            seconds for _, seconds in self.select_affordable_families(len(self.select_base_records(records)))
        )

    def select_affordable_families(self, n_base_models: int) -> Iterator[tuple[Family, float]]:
        """Yield families that fit into the time share, with their estimated seconds on all folds."""
        total = 0.0
        for family in self.families if n_base_models > 1 else ():
            shape = self.cost_model.make_shape(self.cost_model.n_train)
            n_predicted = n_base_models * shape.n_outputs
            shape = replace(shape, n_columns=n_predicted + (shape.n_columns if family is STACKED_TREES else 0))
            factor = self.cost_model.get_correction_factor(_find_similar_family(family, shape.is_classifier))
            n_fits = self.cost_model.n_folds * len(_make_candidates(family, shape.is_classifier))
            seconds = n_fits * family.seconds(family.adapt_shape(shape)) * factor
            if total + seconds <= self.max_seconds:
                total += seconds
                yield family, seconds


def make_second_layer_estimate(
    task: Task, cost_model: CostModel, timeout: float | None, *, is_enabled: bool
) -> SecondLayerEstimate:
    """Find out which families the second layer may have on a task.

    Parameters
    ----------
    task : Task
        That of the first layer.
    cost_model : CostModel
    timeout : float or None
        Seconds for the whole ``fit``.
    is_enabled : bool
        Whether there may be a second layer.
    """
    families: tuple[Family, ...] = ()
    if is_enabled and _has_enough_rows(task):
        families = (STACKED_LINEAR,)
        if _compute_duplicate_share(task.X) <= MAX_DUPLICATE_SHARE:
            families = (STACKED_LINEAR, STACKED_TREES)
    return SecondLayerEstimate(cost_model, families, float("inf") if timeout is None else MAX_TIME_SHARE * timeout)


@dataclass(frozen=True, slots=True)
class SecondLayer:
    """The measured models of the second layer.

    A fold's model of the second layer is fitted on out-of-fold predictions of the first layer. So it is scored on rows
    that are new to both layers. If the folds follow time, it is fitted on the test rows of earlier folds, and there is
    none for the first fold.

    Attributes
    ----------
    base_records : sequence of TrialRecord
        The candidates of the first layer whose predictions it uses.
    records : sequence of TrialRecord
        Its own candidates, as far as there was time to measure them.
    evaluations : mapping of str to CrossFitEvaluation
        By the name of the family.
    tested_rows : ndarray of int
        The rows for which there are out-of-fold predictions: all, unless the folds follow time.
    """

    base_records: Sequence[TrialRecord]
    records: Sequence[TrialRecord]
    evaluations: Mapping[str, CrossFitEvaluation]
    tested_rows: np.ndarray

    def select_best_records(self) -> list[TrialRecord]:
        """Return the best model of each family of the second layer."""
        return list(select_best_per_family(self.records).values())

    def collect_predictions(self, record: TrialRecord, first: CrossFitEvaluation) -> list[np.ndarray]:
        """Return what a candidate of either layer predicts for the test rows of each fold, scaled by its temperature.

        If the folds follow time, no model of the second layer can predict those of the first fold. The mean of the
        models that it uses stands there, so that all candidates have the same folds.
        """
        evaluation = self.evaluations.get(record.params[FAMILY], first)
        predictions = evaluation.scale_predictions(record.outcome.artifacts)
        if len(predictions) == len(first.task.folds):
            return predictions
        bases = [first.scale_predictions(base.outcome.artifacts)[0] for base in self.base_records]
        return [np.mean(bases, axis=0), *predictions]

    def fit(self, record: TrialRecord) -> Any:
        """Fit a model of the second layer on all rows that were tested."""
        evaluation = self.evaluations[record.params[FAMILY]]
        family = evaluation.families[record.params[FAMILY]]
        return evaluation.fit_on(family, record.params, self.tested_rows)


def measure_second_layer(
    cross_fit: CrossFitEvaluation,
    estimate: SecondLayerEstimate,
    records: Sequence[TrialRecord],
    number: int,
    deadline: float | None,
    artifacts: Artifacts | None = None,
) -> SecondLayer:
    """Measure the second layer on predictions of the best candidates, as far as time allows.

    Parameters
    ----------
    cross_fit : CrossFitEvaluation
        The first layer.
    estimate : SecondLayerEstimate
    records : sequence of TrialRecord
        Complete candidates of the first layer.
    number : int
        Number of the first record.
    deadline : float or None
        Time by `clock.now` at which measuring has to end.
    artifacts : Artifacts, default=None
        Where a stored search keeps what has been measured.
    """
    artifacts = artifacts or Artifacts()
    base_records = estimate.select_base_records(records)
    measured: list[TrialRecord] = []
    evaluations: dict[str, CrossFitEvaluation] = {}
    families = list(estimate.select_affordable_families(len(base_records)))
    predictions = [_collect_out_of_fold(cross_fit, record) for record in base_records] if families else []
    for family, seconds in families:
        evaluation = evaluations[family.name] = _make_evaluation(family, cross_fit, predictions)
        candidates = _make_candidates(family, evaluation.classes is not None)
        digest = compute_digest(evaluation.task.X) if artifacts.is_kept else ""
        for candidate in candidates:
            outcome = artifacts.load_interim((SECOND_LAYER, candidate, digest))
            if outcome is None:
                if deadline is not None and clock.now() + seconds / len(candidates) > deadline:
                    break
                work = WorkItem(number, 0, 1, candidate, deadline=deadline)
                outcome = measure(evaluation, work)  # lacks what `measure` does not use
                if outcome.status == Status.COMPLETE:
                    kept = replace(outcome, artifacts=outcome.artifacts.limit_size(0))  # without its models
                    artifacts.save_for_now((SECOND_LAYER, candidate, digest), kept)
            measured.append(TrialRecord(number, candidate, outcome))
            number += 1
    tested_rows = np.sort(np.concatenate([fold.test for fold in cross_fit.task.folds]))
    return SecondLayer(base_records, measured, evaluations, tested_rows)


def _make_evaluation(
    family: Family, first: CrossFitEvaluation, predictions: Sequence[np.ndarray]
) -> CrossFitEvaluation:
    """Make the evaluation of one family on the first layer's predictions for all rows."""
    X = make_stacking_features(predictions)
    n_categories = np.zeros(X.shape[1], dtype=int)
    if family is not STACKED_LINEAR:
        X = np.hstack([X, first.task.X])
        n_categories = np.concatenate([n_categories, first.n_categories])
    task = replace(first.task, X=X, folds=_make_folds(first.task.folds))
    settings: dict[str, Any] = {"reads_texts": False, "inner": first.inner}
    return CrossFitEvaluation(task, {family.name: family}, n_categories, first.classes, first.seed, **settings)


def _make_folds(folds: Sequence[Fold]) -> tuple[Fold, ...]:
    """Make the folds of the second layer: those of the first layer.

    Where these follow time, the first one is left out, and training rows are those that earlier folds were tested on.
    """
    if not is_forward(folds):
        return tuple(folds)
    tested = [np.concatenate([other.test for other in folds[:index]]) for index in range(1, len(folds))]
    return tuple(
        replace(fold, train=np.intersect1d(fold.train, earlier))
        for fold, earlier in zip(folds[1:], tested, strict=True)
    )


def _collect_out_of_fold(cross_fit: CrossFitEvaluation, record: TrialRecord) -> np.ndarray:
    """Return a candidate's predictions, scaled by its temperature, in the order of the rows; 0.5 for untested rows."""
    predictions = cross_fit.scale_predictions(record.outcome.artifacts)
    collected = np.full((len(cross_fit.targets), *predictions[0].shape[1:]), 0.5)
    for fold, values in zip(cross_fit.task.folds, predictions, strict=True):
        collected[fold.test] = values
    return collected


def _has_enough_rows(task: Task) -> bool:
    """Whether enough rows are tested, each once, and all of them unless the folds follow time."""
    n_folds, tested = len(task.folds), np.concatenate([fold.test for fold in task.folds])
    if len(tested) < MIN_ROWS or len(np.unique(tested)) < len(tested):
        return False
    if is_forward(task.folds):
        return n_folds >= MIN_FORWARD_FOLDS and all(len(fold.train) for fold in _make_folds(task.folds))
    return n_folds > 1 and len(tested) == len(task.y)


def _compute_duplicate_share(X: np.ndarray) -> float:
    """Compute the share of rows that occur more than once, from a hash of each, column by column to save memory."""
    hashes = np.zeros(len(X), dtype=np.uint64)
    for column in X.T:
        bits = np.ascontiguousarray(column).view(f"u{X.dtype.itemsize}")
        hashes = (hashes + bits) * HASH_FACTOR
        hashes ^= hashes >> HASH_SHIFT
    _, counts = np.unique(hashes, return_counts=True)
    return float(counts[counts > 1].sum() / len(X))


def _find_similar_family(family: Family, is_classifier: bool) -> str:
    """Return the family of the first layer whose time correction also holds for a family of the second layer."""
    if family is STACKED_TREES:
        return "extra_trees"
    return "logistic" if is_classifier else "ridge"


def _make_candidates(family: Family, is_classifier: bool) -> list[Mapping[str, Any]]:
    first = family.first if is_classifier else ({},)
    return [make_candidate(family, settings) for settings in first]
