"""The second layer: models of what the best of each family predict for rows that they were not fitted on."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from sklearn_autotune.evaluation import WorkItem, measure
from sklearn_autotune.families import Family
from sklearn_autotune.families._baseline import BASELINE
from sklearn_autotune.families._stacked import STACKED_LINEAR, STACKED_NAMES, STACKED_TREES
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import FAMILY, make_candidate
from sklearn_autotune.selection._cost_model import CostModel
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation, CrossFitResult
from sklearn_autotune.selection._schedule import select_best_per_family
from sklearn_autotune.selection._temperature_scaling import apply_temperature, make_stacking_features

__all__ = ["SecondLayer", "SecondLayerClassifier", "SecondLayerRegressor", "is_second_layer"]

# AutoGluon stacks from so many rows on.
MIN_ROWS = 750

# Where more than this part of the rows have a twin, a row with the same values in all columns, there are no trees in
# the second layer. What the first layer predicts for a row rests on its twins' targets in other folds; trees, seeing
# the table, know the twins again and tell one's target from the others' predictions: on a table with eight twins to a
# row the log loss on the folds was 0.54, on new rows 0.70.
MOST_TWINS = 0.1

# Folds are drawn once. Averaged over three draws, the first layer's predictions are less noisy, and trees read a row's
# target from what is missing in them: on email, jobs and spam up to 1.4 % less log loss, but on wells, whose rows
# are near one another, 0.62 on the folds and 0.65 on new rows, where one draw had 0.63 and 0.64. On eleven tables that
# were looked at, searched for 20 seconds, two to four draws brought 0.8 to 1.1 %; on fresh ones nothing: after 120
# seconds of search, six tables, +0.1 % with three draws and +0.2 % with five. In place of half the search within 120
# seconds, 18 tables and two seeds, they brought 0.1 % (standard error 0.2).

# The second layer may take this part of a timeout; what would take more is left out.
STACK_SHARE = 0.2

# What is kept for it, as a multiple of what is foreseen.
SLACK = 1.2


def is_second_layer(record: TrialRecord) -> bool:
    """Whether a candidate is a model of the second layer."""
    return record.params[FAMILY] in STACKED_NAMES


class SecondLayer:
    """Measures models of the second layer, on the folds of the first, and fits them in the end.

    What a fold's model of the second layer learns from are predictions that the first layer made of rows it was not
    fitted on; so the rows that it is scored on are as new to it as to the first layer.

    Parameters
    ----------
    cross_fit : CrossFitEvaluation
        The first layer.
    cost_model : CostModel
    timeout : float or None
        Of the whole search.
    is_enabled : bool
        Whether there may be a second layer.
    """

    def __init__(
        self, cross_fit: CrossFitEvaluation, cost_model: CostModel, timeout: float | None, *, is_enabled: bool
    ) -> None:
        self.cross_fit = cross_fit
        self.cost_model = cost_model
        self.is_possible = is_enabled and _is_enough(cross_fit)
        self.families = [STACKED_LINEAR]
        if self.is_possible and _share_of_twins(cross_fit.task.X) <= MOST_TWINS:
            self.families.append(STACKED_TREES)
        self.most = float("inf") if timeout is None else STACK_SHARE * timeout
        self.base_records: list[TrialRecord] = []
        self.records: list[TrialRecord] = []
        self.layers: dict[str, CrossFitEvaluation] = {}

    def select_base_records(self, records: Sequence[TrialRecord]) -> list[TrialRecord]:
        """Return what the second layer would look at: the best of each family, those far behind too."""
        if not self.is_possible:
            return []
        return [record for name, record in select_best_per_family(records).items() if name != BASELINE.name]

    def seconds(self, records: Sequence[TrialRecord]) -> float:
        """Foresee how long measuring the second layer will take."""
        return SLACK * sum(
            seconds for _, seconds in self.select_affordable_families(len(self.select_base_records(records)))
        )

    def measure(self, records: Sequence[TrialRecord], number: int, deadline: float | None) -> list[TrialRecord]:
        """Measure the second layer on the best of what has been measured; return what there is time for, as records.

        Parameters
        ----------
        records : sequence of TrialRecord
            Complete candidates whose folds' models, or whose families, can be fitted in the end.
        number : int
            Of the first of its models.
        deadline : float or None
            ``time.time()`` at which measuring has to be over.
        """
        self.base_records = self.select_base_records(records)
        self.records = []
        for family, seconds in self.select_affordable_families(len(self.base_records)):
            layer = self.layers[family.name] = self._layer(family)
            candidates = _candidates(family, layer.classes is not None)
            for candidate in candidates:
                if deadline is not None and time.time() + seconds / len(candidates) > deadline:
                    break
                work = WorkItem(number, 0, 1, candidate, deadline=deadline)
                outcome = measure(layer, work)  # type: ignore[arg-type]  # Members leave out what `measure` does not ask for
                self.records.append(TrialRecord(number, candidate, outcome))
                number += 1
        return self.records

    @staticmethod
    def sees_table(record: TrialRecord) -> bool:
        """Whether a model of the second layer sees the table beside the predictions."""
        return record.params[FAMILY] == STACKED_TREES.name

    def select_blend_candidates(self) -> list[TrialRecord]:
        """Return the best model of each family of the second layer."""
        return list(select_best_per_family(self.records).values())

    def fit(self, record: TrialRecord) -> Any:
        """Fit a model of the second layer on all rows."""
        layer = self.layers[record.params[FAMILY]]
        return layer.fit_on(layer.families[record.params[FAMILY]], record.params, np.arange(len(layer.class_codes)))

    def select_affordable_families(self, n_bases: int) -> Iterator[tuple[Family, float]]:
        """Yield families with the seconds that they are foreseen to take on all folds."""
        total = 0.0
        for family in self.families if n_bases > 1 else ():
            shape = self.cost_model.shape(self.cost_model.n_train)
            n_predicted = n_bases * shape.n_outputs
            shape = replace(shape, n_columns=n_predicted + (shape.n_columns if family is STACKED_TREES else 0))
            factor = self.cost_model.factor(_first_layer_name(family, shape.is_classifier))
            n_fits = self.cost_model.n_folds * len(_candidates(family, shape.is_classifier))
            seconds = n_fits * family.seconds(shape) * factor
            if total + seconds <= self.most:
                total += seconds
                yield family, seconds

    def _layer(self, family: Family) -> CrossFitEvaluation:
        """Return what fits one family on the first layer's predictions."""
        first = self.cross_fit
        predicted = make_stacking_features([self._of_all_rows(record.outcome.kept) for record in self.base_records])
        X, n_categories = predicted, np.zeros(predicted.shape[1], dtype=int)
        if family is not STACKED_LINEAR:
            X = np.hstack([predicted, first.task.X])
            n_categories = np.concatenate([n_categories, first.n_categories])
        return CrossFitEvaluation(
            replace(first.task, X=X), {family.name: family}, n_categories, first.classes, first.seed
        )

    def _of_all_rows(self, kept: CrossFitResult) -> np.ndarray:
        found = np.empty((len(self.cross_fit.class_codes), *kept.predictions[0].shape[1:]))
        for fold, values in zip(self.cross_fit.task.folds, kept.predictions, strict=True):
            found[fold.test] = values if self.cross_fit.classes is None else apply_temperature(values, kept.temperature)
        return found


def _is_enough(cross_fit: CrossFitEvaluation) -> bool:
    """Whether there are enough rows, each of them predicted once."""
    n_rows, tested = len(cross_fit.class_codes), [fold.test for fold in cross_fit.task.folds]
    is_each_once = np.array_equal(np.sort(np.concatenate(tested)), np.arange(n_rows))
    return n_rows >= MIN_ROWS and len(tested) > 1 and is_each_once


def _share_of_twins(X: np.ndarray) -> float:
    """Return the part of the rows that are there more than once."""
    X = np.ascontiguousarray(X)
    rows = X.view(np.dtype((np.void, X.dtype.itemsize * X.shape[1]))).ravel()
    _, counts = np.unique(rows, return_counts=True)
    return float(counts[counts > 1].sum() / len(X))


def _first_layer_name(family: Family, is_classifier: bool) -> str:
    """Return the family of the first layer that takes as much longer than foreseen, or less, as one of the second."""
    if family is STACKED_TREES:
        return "extra_trees"
    return "logistic" if is_classifier else "ridge"


def _candidates(family: Family, is_classifier: bool) -> list[Mapping[str, Any]]:
    first = family.first if is_classifier else ({},)
    return [make_candidate(family, settings) for settings in first]


class _SecondLayer(BaseEstimator):
    """The weighted mean of the first layer's predictions and of models of them, for scikit-learn's stacking.

    Parameters
    ----------
    base_weights : sequence of float
        Of each model of the first layer; most are 0.
    stacked : sequence of (float, bool, estimator)
        Weight, whether it sees the table too, and the fitted model.
    n_seen : int
        How many models of the first layer the second one looks at: the first ones.
    """

    def __init__(self, base_weights: Sequence[float], stacked: Sequence[tuple[float, bool, Any]], n_seen: int) -> None:
        self.base_weights = base_weights
        self.stacked = stacked
        self.n_seen = n_seen

    def fit(self, X: Any, y: Any = None) -> "_SecondLayer":
        """Do nothing: the models are fitted."""
        return self

    def _mix(self, blocks: Sequence[np.ndarray], table: np.ndarray, predict: Any) -> np.ndarray:
        """Mix what was predicted, block by block, with what the second layer makes of it."""
        total = sum(weight * block for weight, block in zip(self.base_weights, blocks, strict=True) if weight)
        columns = make_stacking_features(blocks[: self.n_seen])
        for weight, sees_table, model in self.stacked:
            total = total + weight * predict(model, np.hstack([columns, table]) if sees_table else columns)
        return np.asarray(total)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class SecondLayerClassifier(ClassifierMixin, _SecondLayer):
    """Predicts probabilities of classes.

    Parameters
    ----------
    base_weights, stacked, n_seen
        As of `SecondLayerRegressor`.
    classes : ndarray of int
        The places of the classes.
    """

    def __init__(
        self,
        base_weights: Sequence[float],
        stacked: Sequence[tuple[float, bool, Any]],
        n_seen: int,
        classes: np.ndarray,
    ) -> None:
        super().__init__(base_weights, stacked, n_seen)
        self.classes = classes

    @property
    def classes_(self) -> np.ndarray:
        """The places of the classes."""
        return self.classes

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities, of shape (n_rows, n_classes).

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_predicted + n_columns)
            The first layer's probabilities, of two classes only the second one's, and the table.
        """
        n_classes, n_bases = len(self.classes), len(self.base_weights)
        width = 1 if n_classes == 2 else n_classes
        blocks = [X[:, place * width : (place + 1) * width] for place in range(n_bases)]
        if n_classes == 2:
            blocks = [np.hstack([1 - block, block]) for block in blocks]
        return self._mix(blocks, X[:, n_bases * width :], lambda model, columns: model.predict_proba(columns))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the place of the most probable class."""
        return self.classes[self.predict_proba(X).argmax(axis=1)]


class SecondLayerRegressor(RegressorMixin, _SecondLayer):
    """Predicts values."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return values, of shape (n_rows,).

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_predicted + n_columns)
            The first layer's values, and the table.
        """
        n_bases = len(self.base_weights)
        blocks = [X[:, place] for place in range(n_bases)]
        return self._mix(blocks, X[:, n_bases:], lambda model, columns: model.predict(columns))
