"""Toy estimators that record how they are used, and functions that read the results of a search.

They are in this file because worker processes have to import them. They write their records to a file, ``log``, which
several processes may share.
"""

import builtins
import ctypes
import io
import json
import os
import signal
import threading
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import KFold

from sklearn_autotune.evaluation import Fold, Outcome, Task, WholeFolds

TIMES = ("fit_time", "score_time")


# -- reading a search ------------------------------------------------------------------------------------------------


def table(search):
    """Return ``cv_results_`` without the times, in a form that can be compared exactly."""
    return {
        name: repr(column.tolist() if hasattr(column, "tolist") else column)
        for name, column in search.cv_results_.items()
        if not name.endswith(TIMES)
    }


def statuses(search):
    """Return the status of each trial, in the order of their numbers, without duplicates."""
    return [status for status in search.trials_["status"] if status != "duplicate"]


# -- a log for all processes -----------------------------------------------------------------------------------------


def note(log, **what):
    """Append one entry. A short line is written at once, so entries of several processes do not mix."""
    with open(log, "a") as file:
        file.write(json.dumps(what) + "\n")


def read_log(log):
    """Return all entries so far."""
    path = Path(log)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# -- estimators ------------------------------------------------------------------------------------------------------


class CountingClassifier(ClassifierMixin, BaseEstimator):
    """Records each fit. Its score is best at a = 3, and differs slightly between folds; b has no effect."""

    def __init__(self, a=0.0, b=0, log=None):
        self.a = a
        self.b = b
        self.log = log

    def fit(self, X, y):
        if self.log is not None:
            note(self.log, a=repr(self.a), b=repr(self.b), rows=len(y), pid=os.getpid())
        self.classes_, counts = np.unique(y, return_counts=True)
        self.most_frequent_ = self.classes_[counts.argmax()]
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return np.full(X.shape[0], self.most_frequent_)

    def score(self, X, y):
        return float(0.01 * np.asarray(X)[:, 0].mean() - (self.a - 3.0) ** 2)


class SleepingClassifier(CountingClassifier):
    """Sleeps for a time that varies with ``a``, so that candidates finish in another order than they start."""

    def __init__(self, a=0.0, b=0, log=None, seconds=0.02):
        super().__init__(a, b, log)
        self.seconds = seconds

    def fit(self, X, y):
        time.sleep(self.seconds * (0.1 + (7919 * self.a) % 1.0))
        return super().fit(X, y)


class FailingClassifier(CountingClassifier):
    """Fails if a > above: raises the built-in exception named ``mode``, or has the unusable score named ``mode``."""

    SCORES = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf, "text": "good"}  # noqa: RUF012

    def __init__(self, a=0.0, b=0, log=None, above=3.0, mode="ValueError"):
        super().__init__(a, b, log)
        self.above = above
        self.mode = mode

    def fit(self, X, y):
        super().fit(X, y)
        if self.a > self.above and self.mode not in self.SCORES:
            raise getattr(builtins, self.mode)("the toy fails on purpose")
        return self

    def score(self, X, y):
        if self.a > self.above and self.mode in self.SCORES:
            return self.SCORES[self.mode]
        return super().score(X, y)


class Ending(BaseException):
    """An exception that is neither an error nor an interrupt."""


class MisbehavingClassifier(CountingClassifier):
    """If a > 3, and on rows after number ``rows``: raises ``what`` in the method ``where``, or returns it as the score.

    Otherwise its score is below zero. ``where`` is "fit", "predict" or "score".
    """

    def __init__(self, a=0.0, b=0, log=None, where="score", what=ValueError, rows=-np.inf):
        super().__init__(a, b, log)
        self.where = where
        self.what = what
        self.rows = rows

    def fit(self, X, y):
        self._misbehave("fit", X)
        return super().fit(X, y)

    def predict(self, X):
        self._misbehave("predict", X)
        return super().predict(X)

    def score(self, X, y):
        self.predict(X)
        answer = self._misbehave("score", X)
        return super().score(X, y) - 1.0 if answer is None else answer

    def _misbehave(self, where, X):
        if where != self.where or self.a <= 3 or X[0, 0] <= self.rows:
            return None
        if isinstance(self.what, type):
            raise self.what("the toy misbehaves")
        return self.what


class PickyClassifier(CountingClassifier):
    """Fails if a > above, on every fold whose first training row is not row 0."""

    def __init__(self, a=0.0, b=0, log=None, above=3.0):
        super().__init__(a, b, log)
        self.above = above

    def fit(self, X, y):
        if self.a > self.above and X[0, 0] != 0:
            raise ValueError("the toy fails on some folds")
        return super().fit(X, y)


class UnpicklableError(Exception):
    """Cannot be unpickled, because its constructor needs more than the message."""

    def __init__(self, what, where):
        super().__init__(f"{what} in {where}")


class OddlyFailingClassifier(CountingClassifier):
    """Raises an exception that another process cannot unpickle."""

    def fit(self, X, y):
        raise UnpicklableError("the toy fails", "fit")


class DyingClassifier(CountingClassifier):
    """Ends its process in the way that ``ends`` has for its ``a``, but never the process with the id ``keep``."""

    def __init__(self, a=0.0, b=0, log=None, ends=None, keep=None):
        super().__init__(a, b, log)
        self.ends = ends
        self.keep = keep

    def fit(self, X, y):
        end = (self.ends or {}).get(self.a)
        if end is not None and os.getpid() != self.keep:
            getattr(self, f"_end_by_{end}")()
        return super().fit(X, y)

    def _end_by_sigkill(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def _end_by_exit(self):
        os._exit(3)

    def _end_by_segfault(self):
        ctypes.string_at(0)

    def _end_by_late_exit(self):
        """End the process when the file named ``log`` with ".end" behind it is there."""

        def wait():
            while not Path(f"{self.log}.end").exists():
                time.sleep(0.01)
            os._exit(3)

        threading.Thread(target=wait, daemon=True).start()


class Handle:
    """An object that cannot be pickled, like a connection or a lock. Clones share it."""

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        raise TypeError("the toy's handle stays where it is")


class Foreign:
    """Can be pickled, but unpickled only in the process ``home``."""

    def __init__(self, home):
        self.home = home

    def __setstate__(self, state):
        if os.getpid() != state["home"]:
            raise ImportError("the toy is not installed here")
        self.__dict__.update(state)


class MutatingClassifier(CountingClassifier):
    """Its fit changes the objects that were passed as its parameters."""

    def __init__(self, a=0.0, b=0, log=None, options=None, inner=None):
        super().__init__(a, b, log)
        self.options = options
        self.inner = inner

    def fit(self, X, y):
        super().fit(X, y)
        if self.options is not None:
            self.options["fits"] = self.options.get("fits", 0) + 1
        if self.inner is not None:
            self.inner.set_params(a=-99).fit(X, y)
        self.a_ = self.a
        return self

    def score(self, X, y):
        return float(-((self.a_ - 3.0) ** 2))


class WeightedClassifier(CountingClassifier):
    """Records the rows (their numbers are in the first column) and the weights that reach ``fit`` and ``score``."""

    def fit(self, X, y, sample_weight=None):
        self._note("fit", X, sample_weight)
        self.classes_, counts = np.unique(y, return_counts=True)
        self.most_frequent_ = self.classes_[counts.argmax()]
        return self

    def score(self, X, y, sample_weight=None):
        self._note("score", X, sample_weight)
        return float(-((self.a - 3.0) ** 2))

    def _note(self, method, X, weight):
        if self.log is not None:
            weights = None if weight is None else np.asarray(weight).tolist()
            note(self.log, method=method, rows=X[:, 0].tolist(), weights=weights)


class HangingClassifier(CountingClassifier):
    """Records its process; if a > above, its fit hangs."""

    def __init__(self, a=0.0, b=0, log=None, above=3.0):
        super().__init__(a, b, log)
        self.above = above

    def fit(self, X, y):
        super().fit(X, y)
        if self.a > self.above:
            time.sleep(600)
        return self


class GreedyClassifier(CountingClassifier):
    """Allocates ``n_bytes`` of memory when it is fitted, or when its parameters are set."""

    def __init__(self, a=0.0, b=0, log=None, n_bytes=0, where="fit"):
        super().__init__(a, b, log)
        self.n_bytes = n_bytes
        self.where = where

    def set_params(self, **params):
        super().set_params(**params)
        if self.where == "clone":
            np.empty(self.n_bytes, dtype=np.uint8)
        return self

    def fit(self, X, y):
        super().fit(X, y)
        np.empty(self.n_bytes, dtype=np.uint8)
        return self


class ReportingClassifier(CountingClassifier):
    """Records where it is fitted: process, environment, settings, and the processes that joblib uses inside it."""

    def fit(self, X, y):
        pids = joblib.Parallel(n_jobs=2)(joblib.delayed(os.getpid)() for _ in range(4))
        note(
            self.log,
            pid=os.getpid(),
            nested_pids=pids,
            environ={name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")},
            cpu_count=joblib.cpu_count(),
            config={name: value for name, value in get_config().items() if isinstance(value, (bool, int, str))},
        )
        return super().fit(X, y)


class RowRecorder(TransformerMixin, BaseEstimator):
    """Records the rows on which it is fitted. Their numbers are in the first column, which ``transform`` removes."""

    def __init__(self, power=1, log=None):
        self.power = power
        self.log = log

    def fit(self, X, y=None):
        note(self.log, rows=X[:, 0].tolist())
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X[:, 1:] ** self.power


# -- an executor -----------------------------------------------------------------------------------------------------


class InstantExecutor:
    """Returns the same outcome for every candidate at once, and passes each work item to ``look`` before."""

    def __init__(self, outcome, look):
        self.outcome = outcome
        self.look = look
        self.arrived: list[tuple[int, Outcome]] = []

    def submit(self, work):
        self.look(work)
        self.arrived.append((work.number, self.outcome))

    def wait(self, timeout=None):
        arrived, self.arrived = self.arrived, []
        return arrived

    def kill(self, numbers):
        gone = set(numbers)
        self.arrived = [(number, outcome) for number, outcome in self.arrived if number not in gone]

    def close(self):
        self.arrived = []


# -- parts of a search -----------------------------------------------------------------------------------------------


def make_evaluation(estimator, X, y):
    """Return an evaluation that measures candidates of an estimator on two folds."""
    folds = tuple(Fold(number, *rows) for number, rows in enumerate(KFold(2).split(X)))
    task = Task(
        X=X,
        y=y,
        folds=folds,
        scorer=check_scoring(estimator),
        fit_params={},
        score_params={},
        error_score=np.nan,
        return_train_score=False,
    )
    return WholeFolds(estimator, task)


# -- processes -------------------------------------------------------------------------------------------------------


def workers_of(parent):
    """Return the ids of the running worker processes of a process; needs Linux's /proc."""
    workers = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_text()
        except OSError:
            continue  # ended meanwhile
        if int(status[1]) == parent and status[0] != "Z" and "popen_loky" in command:
            workers.append(int(folder.name))
    return workers


# -- estimators whose resource increases step by step ------------------------------------------------------------------


class PeakingClassifier(CountingClassifier):
    """Records the number of iterations of each fit; its score is best with ``peak`` iterations."""

    def __init__(self, a=0.0, b=0, log=None, max_iter=100, peak=1000, warn=False):
        super().__init__(a, b, log)
        self.max_iter = max_iter
        self.peak = peak
        self.warn = warn

    def fit(self, X, y):
        if self.log is not None:
            note(self.log, max_iter=self.max_iter, rows=len(y))
        if self.warn:
            warnings.warn("the toy did not converge", ConvergenceWarning, stacklevel=2)
        if self.a > 3 and self.max_iter > 20:
            raise ValueError("the toy fails with more than 20 iterations")
        self.classes_ = np.unique(y)
        return self

    def score(self, X, y):
        return float(self.a - abs(self.max_iter - self.peak) + 0.001 * len(y))


class PassingClassifier(CountingClassifier):
    """Counts its passes over the data (``partial_fit``); its score is best after ``peak`` passes."""

    def __init__(self, a=0.0, b=0, log=None, peak=1000):
        super().__init__(a, b, log)
        self.peak = peak

    def fit(self, X, y):
        raise AssertionError("fit is not called")

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        if self.log is not None:
            weight = None if sample_weight is None else float(np.sum(sample_weight))
            note(
                self.log, classes=None if classes is None else np.asarray(classes).tolist(), weight=weight, rows=len(y)
            )
        self.classes_ = np.asarray(classes) if classes is not None else self.classes_
        self.passes_ = getattr(self, "passes_", 0) + 1
        return self

    def score(self, X, y):
        return -float(abs(self.passes_ - self.peak))


class Interrupt:
    """A callback that raises KeyboardInterrupt after a number of candidates."""

    def __init__(self, after):
        self.after = after

    def __call__(self, study, trial):
        self.after -= 1
        if self.after == 0:
            raise KeyboardInterrupt


class Terminal(io.StringIO):
    """A text stream that says that it is a terminal."""

    def isatty(self):
        return True
