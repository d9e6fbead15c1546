"""The target of boosters, and the binned folds on which all candidates of a process are boosted."""

import threading
from collections.abc import Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_autotune._compat import clock
from sklearn_autotune._compat.free_memory import return_free_memory
from sklearn_autotune._compat.sklearn import take_metadata_rows
from sklearn_autotune.boosting._library import BinnedFold, FoldRows, FoldTraining
from sklearn_autotune.evaluation import Fold, Task
from sklearn_autotune.evaluation._whole_folds import split_fold_rows
from sklearn_autotune.inference._encoding import compute_class_weights

__all__ = ["BinnedFolds", "Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """The target on which boosters are trained.

    Attributes
    ----------
    values : ndarray of shape (n_samples,)
        For classification, each row's index in ``classes``.
    classes : ndarray of shape (n_classes,) or None
        None in regression.
    class_weight : dict, "balanced" or None
        As in scikit-learn's classifiers. "balanced" counts the classes of the training rows.
    """

    values: np.ndarray
    classes: np.ndarray | None = None
    class_weight: Any = None

    @property
    def spread(self) -> float:
        """The standard deviation of a regression target; 1 for classes, and for a target that is constant."""
        spread = 0.0 if self.classes is not None else float(np.std(self.values, dtype=float))
        return spread if 0.0 < spread < float("inf") else 1.0

    def encode(self, y: Any) -> np.ndarray:
        """Return the values of some rows, given their target."""
        return np.asarray(y) if self.classes is None else np.searchsorted(self.classes, y)

    def compute_weights(self, values: np.ndarray, sample_weight: Any) -> np.ndarray | None:
        """Return the training weights of rows with these values; None if all are equal."""
        if self.class_weight is None or self.classes is None:
            return None if sample_weight is None else np.asarray(sample_weight, dtype=float)
        weights = compute_class_weights(self.class_weight, self.classes[values.astype(int)])
        return weights if sample_weight is None else weights * sample_weight


class BinnedFolds:
    """Bins the folds of a task, once for each way of binning. Threads may share it.

    A pickle holds no bins, which belong to a process: another process bins the folds itself, and gets the same bins.

    Parameters
    ----------
    task : Task
    training : FoldTraining
    target : Target

    Attributes
    ----------
    max_seconds : float
        The seconds of binning the slowest fold so far.
    """

    def __init__(self, task: Task, training: FoldTraining, target: Target) -> None:
        self.task = task
        self.training = training
        self.target = target
        self.max_seconds = 0.0
        self._binned: dict[Hashable, tuple[BinnedFold, ...]] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("task", "training", "target")}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def bin(self, model: Any) -> tuple[BinnedFold, ...]:
        """Return the folds, binned as an estimator of the library bins them."""
        binning = self.training.get_binning(model)
        with self._lock:
            if binning not in self._binned:
                # In another thread, because only the main thread is interrupted: XGBoost asks Python for the rows, and
                # would lose a Ctrl-C that comes then, and fail for lack of rows. In one thread for all folds, because
                # what one has freed is used again in the same thread only.
                thread = ThreadPoolExecutor(1)
                try:
                    folds = [thread.submit(self._bin_fold, model, fold) for fold in self.task.folds]
                    self._binned[binning] = tuple(fold.result() for fold in folds)
                finally:
                    thread.shutdown(cancel_futures=True)
            return self._binned[binning]

    def release(self) -> None:
        """Let go of the bins; they are made again if they are asked for."""
        with self._lock:
            self._binned.clear()
        return_free_memory()

    def _bin_fold(self, model: Any, fold: Fold) -> BinnedFold:
        (X_train, _), (X_test, _) = split_fold_rows(model, self.task, fold)
        fit_params = take_metadata_rows(self.task.X, params=self.task.fit_params, indices=fold.train)
        values = self.target.values[fold.train]
        weight = self.target.compute_weights(values, fit_params.get("sample_weight"))
        start = clock.now()
        binned = self.training.bin_fold(model, FoldRows(X_train, values, weight, X_test))
        self.max_seconds = max(self.max_seconds, clock.now() - start)
        return binned
