"""Rules for ``refit`` that choose the winner from ``cv_results_``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

__all__ = ["BestMean", "OneStandardError", "RefitRule"]


@runtime_checkable
class RefitRule(Protocol):
    """A callable ``refit`` that also has the metric it uses, and the tolerance within which it chooses."""

    @property
    def metric(self) -> str | None:
        """Name of the score that it looks at; None is the only one there is."""
        ...

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Return the row of the winner."""
        ...

    def compute_tolerance(self, best: np.ndarray) -> float:
        """Return how far below the best mean score, given its fold scores, a candidate may be and still be chosen."""
        ...


@dataclass(frozen=True)
class BestMean:
    """Choose the candidate with the best mean score, the first of several: what ``refit=True`` does.

    Parameters
    ----------
    metric : str, default=None
        Which of several scores counts; None is the only one there is.

    Examples
    --------
    >>> import numpy as np
    >>> BestMean()({"mean_test_score": np.array([0.7, 0.9, np.nan])})
    1
    """

    metric: str | None = None

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Return the row of the candidate with the best mean score."""
        return int(np.nanargmax(_get_scores(cv_results, "mean", self.metric)))

    def compute_tolerance(self, best: np.ndarray) -> float:
        """Return 0: no candidate below the best mean score is chosen."""
        return 0.0


@dataclass(frozen=True)
class OneStandardError:
    """Choose the simplest, or the fastest, of the candidates within one standard error of the best mean score.

    Parameters
    ----------
    by : str or callable
        What is to be small: a column of ``cv_results_``, such as ``"param_C"`` or ``"mean_score_time"``, or a function
        of a candidate's ``params`` that returns something to sort by. Of equally simple candidates the better one is
        chosen. Times differ from run to run, and so may the candidate chosen by them.
    largest : bool, default=False
        Whether large is simple, as it is of a penalty.
    n_errors : float, default=1.0
        How many standard errors.
    metric : str, default=None
        Which of several scores counts; None is the only one there is.

    Notes
    -----
    The rule of Breiman, Friedman, Olshen and Stone, *Classification and Regression Trees*, 1984, section 3.4.3. The
    standard error is that of the best candidate's mean, ``std(ddof=1) / sqrt(n_folds)`` of its fold scores.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OneStandardError, OptunaSearchCV
    >>> X, y = load_wine(return_X_y=True)
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> space = {"ccp_alpha": [0, 0.01, 0.02, 0.05, 0.1, 0.2]}
    >>> OptunaSearchCV(tree, space).fit(X, y).best_params_
    {'ccp_alpha': 0}
    >>> OptunaSearchCV(tree, space, refit=OneStandardError("param_ccp_alpha", largest=True)).fit(X, y).best_params_
    {'ccp_alpha': 0.02}
    """

    by: str | Callable[[Mapping[str, Any]], Any]
    largest: bool = False
    n_errors: float = 1.0
    metric: str | None = None

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Return the row of the simplest candidate within the standard errors of the best."""
        means = _get_scores(cv_results, "mean", self.metric)
        best = int(np.nanargmax(means))
        folds = np.array([scores[best] for scores in _get_fold_scores(cv_results, self.metric)])
        eligible = np.flatnonzero(means >= means[best] - self.compute_tolerance(folds))
        complexity = self._get_complexity(cv_results)
        best_first = sorted(eligible, key=lambda row: -means[row])
        choose = max if self.largest else min
        return int(choose(best_first, key=lambda row: complexity[row]))

    def compute_tolerance(self, best: np.ndarray) -> float:
        """Return the standard errors of the best candidate's mean; 0 where there is only one split."""
        if len(best) < 2:
            return 0.0
        return float(self.n_errors * np.std(best, ddof=1) / np.sqrt(len(best)))

    def _get_complexity(self, cv_results: Mapping[str, Any]) -> Any:
        if callable(self.by):
            return [self.by(params) for params in cv_results["params"]]
        if self.by not in cv_results:
            raise ValueError(
                f"OneStandardError: by={self.by!r} is no column of cv_results_. Use one of {sorted(cv_results)}, or a "
                "function of params."
            )
        column = cv_results[self.by]
        # A candidate without the parameter comes after the others.
        is_missing = np.ma.getmaskarray(column) ^ self.largest
        return list(zip(is_missing, column, strict=True))


def _get_metric_name(metric: str | None, cv_results: Mapping[str, Any]) -> str:
    name = metric or "score"
    if f"mean_test_{name}" not in cv_results:
        known = sorted(key.removeprefix("mean_test_") for key in cv_results if key.startswith("mean_test_"))
        raise ValueError(f"The refit rule's metric is {metric!r}; choose one of the scores of this search: {known}.")
    return name


def _get_scores(cv_results: Mapping[str, Any], kind: str, metric: str | None) -> np.ndarray:
    return np.asarray(cv_results[f"{kind}_test_{_get_metric_name(metric, cv_results)}"])


def _get_fold_scores(cv_results: Mapping[str, Any], metric: str | None) -> list[np.ndarray]:
    name = _get_metric_name(metric, cv_results)
    folds: list[np.ndarray] = []
    while f"split{len(folds)}_test_{name}" in cv_results:
        folds.append(cv_results[f"split{len(folds)}_test_{name}"])
    return folds
