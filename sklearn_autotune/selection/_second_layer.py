"""The second layer: models of what the best of each family predict for rows that they were not fitted on."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from sklearn_autotune.evaluation import Work, measure
from sklearn_autotune.families import Family
from sklearn_autotune.families._baseline import BASELINE
from sklearn_autotune.families._stacked import STACKED_LINEAR, STACKED_NAMES, STACKED_TREES
from sklearn_autotune.search._trial_loop import Record
from sklearn_autotune.selection._candidates import FAMILY, candidate_of
from sklearn_autotune.selection._cost_model import Costs
from sklearn_autotune.selection._cross_fit import Kept, Members
from sklearn_autotune.selection._schedule import best_of_each
from sklearn_autotune.selection._temperature_scaling import as_columns, scale

__all__ = ["SecondLayerClassifier", "SecondLayerRegressor", "Stack", "is_stacked"]

# AutoGluon stacks from so many rows on.
LEAST_ROWS = 750

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


def is_stacked(record: Record) -> bool:
    """Whether a candidate is a model of the second layer."""
    return record.params[FAMILY] in STACKED_NAMES


class Stack:
    """Measures models of the second layer, on the folds of the first, and fits them in the end.

    What a fold's model of the second layer learns from are predictions that the first layer made of rows it was not
    fitted on; so the rows that it is scored on are as new to it as to the first layer.

    Parameters
    ----------
    measured : Members
        The first layer.
    costs : Costs
    timeout : float or None
        Of the whole search.
    is_wanted : bool
        Whether there may be a second layer.
    """

    def __init__(self, measured: Members, costs: Costs, timeout: float | None, *, is_wanted: bool) -> None:
        self.measured = measured
        self.costs = costs
        self.is_possible = is_wanted and _is_enough(measured)
        self.families = [STACKED_LINEAR]
        if self.is_possible and _share_of_twins(measured.task.X) <= MOST_TWINS:
            self.families.append(STACKED_TREES)
        self.most = float("inf") if timeout is None else STACK_SHARE * timeout
        self.bases: list[Record] = []
        self.records: list[Record] = []
        self.layers: dict[str, Members] = {}

    def bases_among(self, records: Sequence[Record]) -> list[Record]:
        """Return what the second layer would look at: the best of each family, those far behind too."""
        if not self.is_possible:
            return []
        return [record for name, record in best_of_each(records).items() if name != BASELINE.name]

    def seconds(self, records: Sequence[Record]) -> float:
        """Foresee how long measuring the second layer will take."""
        return SLACK * sum(seconds for _, seconds in self.affordable(len(self.bases_among(records))))

    def measure(self, records: Sequence[Record], number: int, deadline: float | None) -> list[Record]:
        """Measure the second layer on the best of what has been measured; return what there is time for, as records.

        Parameters
        ----------
        records : sequence of Record
            Complete candidates whose folds' models, or whose families, can be fitted in the end.
        number : int
            Of the first of its models.
        deadline : float or None
            ``time.time()`` at which measuring has to be over.
        """
        self.bases = self.bases_among(records)
        self.records = []
        for family, seconds in self.affordable(len(self.bases)):
            layer = self.layers[family.name] = self._layer(family)
            candidates = _candidates(family, layer.classes is not None)
            for candidate in candidates:
                if deadline is not None and time.time() + seconds / len(candidates) > deadline:
                    break
                work = Work(number, 0, 1, candidate, deadline=deadline)
                outcome = measure(layer, work)  # type: ignore[arg-type]  # Members leave out what `measure` does not ask for
                self.records.append(Record(number, candidate, outcome))
                number += 1
        return self.records

    @staticmethod
    def sees_table(record: Record) -> bool:
        """Whether a model of the second layer sees the table beside the predictions."""
        return record.params[FAMILY] == STACKED_TREES.name

    def leaders(self) -> list[Record]:
        """Return the best model of each family of the second layer."""
        return list(best_of_each(self.records).values())

    def fit(self, record: Record) -> Any:
        """Fit a model of the second layer on all rows."""
        layer = self.layers[record.params[FAMILY]]
        return layer.fit_on(layer.families[record.params[FAMILY]], record.params, np.arange(len(layer.places)))

    def affordable(self, n_bases: int) -> Iterator[tuple[Family, float]]:
        """Yield families with the seconds that they are foreseen to take on all folds."""
        total = 0.0
        for family in self.families if n_bases > 1 else ():
            shape = self.costs.shape(self.costs.n_train)
            n_predicted = n_bases * shape.n_outputs
            shape = replace(shape, n_columns=n_predicted + (shape.n_columns if family is STACKED_TREES else 0))
            factor = self.costs.factor(_first_layer_name(family, shape.is_classifier))
            n_fits = self.costs.n_folds * len(_candidates(family, shape.is_classifier))
            seconds = n_fits * family.seconds(shape) * factor
            if total + seconds <= self.most:
                total += seconds
                yield family, seconds

    def _layer(self, family: Family) -> Members:
        """Return what fits one family on the first layer's predictions."""
        first = self.measured
        predicted = as_columns([self._of_all_rows(record.outcome.kept) for record in self.bases])
        X, n_categories = predicted, np.zeros(predicted.shape[1], dtype=int)
        if family is not STACKED_LINEAR:
            X = np.hstack([predicted, first.task.X])
            n_categories = np.concatenate([n_categories, first.n_categories])
        return Members(replace(first.task, X=X), {family.name: family}, n_categories, first.classes, first.seed)

    def _of_all_rows(self, kept: Kept) -> np.ndarray:
        found = np.empty((len(self.measured.places), *kept.predictions[0].shape[1:]))
        for fold, values in zip(self.measured.task.folds, kept.predictions, strict=True):
            found[fold.test] = values if self.measured.classes is None else scale(values, kept.temperature)
        return found


def _is_enough(measured: Members) -> bool:
    """Whether there are enough rows, each of them predicted once."""
    n_rows, tested = len(measured.places), [fold.test for fold in measured.task.folds]
    is_each_once = np.array_equal(np.sort(np.concatenate(tested)), np.arange(n_rows))
    return n_rows >= LEAST_ROWS and len(tested) > 1 and is_each_once


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
    return [candidate_of(family, settings) for settings in first]


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
        columns = as_columns(blocks[: self.n_seen])
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
