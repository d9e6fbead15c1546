"""Rules for ``refit`` that choose the winner from ``cv_results_``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol, runtime_checkable

import numpy as np

from sklearn_autotune.statistics._tuning_gain import compute_tuning_gain

__all__ = [
    "BestMean",
    "ComparesWithDefault",
    "NoWorseThanDefault",
    "OneStandardError",
    "RefitRule",
    "RepeatedRule",
    "get_fold_scores",
]


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


@runtime_checkable
class ComparesWithDefault(RefitRule, Protocol):
    """A refit rule that has to know which row is the default: the estimator with its own parameters."""

    def check(self) -> None:
        """Raise ValueError or TypeError, before anything is measured, if a parameter is invalid."""
        ...

    def with_default(self, default_row: int | None, test_over_train: float) -> RefitRule:
        """Return the rule that chooses the winner, given the row of the default; None if it has no score."""
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
        folds = np.array([scores[best] for scores in get_fold_scores(cv_results, self.metric)])
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


@dataclass(frozen=True)
class NoWorseThanDefault:
    """Keep the estimator's own parameters unless the folds show that the best candidate is better.

    The best of many candidates has the best mean score partly by luck, and about a tenth of tuned models predict worse
    than the untuned ones. With this rule the estimator stays as it is in doubt.

    Parameters
    ----------
    confidence : float, default=0.7
        The probability, by the folds, that the best candidate is better than the default; from 0.5 to less than 1. It
        is that of the one-sided corrected resampled t-test on the differences of the fold scores. 0.5 asks for a better
        mean only. Of a single fold nothing is known, so the default stays.
    base : refit rule, default=None
        What chooses the candidate to compare with the default. None is `BestMean`.
    metric : str, default=None
        Which of several scores counts; None is the only one there is. A ``base`` has to have the same.

    Notes
    -----
    The default is a row of ``cv_results_``. If no candidate has exactly the estimator's own parameters, it is measured
    apart and becomes the last row, with its own values of the searched parameters as ``params``, whether or not they
    are in the space; in ``trials_`` its number is -1. If that row wins, ``best_params_`` has these values, and the
    final fit is that of the estimator as it is. If the default has no score, because it failed or the time was up, the
    base rule alone chooses.

    The level 0.7 was chosen on twelve tables (``benchmarks/no_worse.py --tables tuned``). Of 120 searches, 1.7 % had a
    winner that was worse than the default on held-out rows by more than two standard errors; with this rule 0.8 % had,
    and 97 % of the mean gain was left. How often tuned models are worse than untuned ones: arXiv:2506.19540. The test
    is that of Nadeau and Bengio, Machine Learning 52, 2003.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn_autotune import NoWorseThanDefault, OptunaSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"n_neighbors": [3, 4, 5, 6, 7]}
    >>> OptunaSearchCV(KNeighborsClassifier(), space).fit(X, y).best_params_
    {'n_neighbors': 6}
    >>> OptunaSearchCV(KNeighborsClassifier(), space, refit=NoWorseThanDefault(0.9)).fit(X, y).best_params_
    {'n_neighbors': 5}
    """

    confidence: float = 0.7
    base: RefitRule | None = None
    metric: str | None = None

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Raise ValueError: ``cv_results_`` does not tell which row is the default; `with_default` is told."""
        raise ValueError(
            "NoWorseThanDefault has to know which row is the estimator's own parameters. OptunaSearchCV tells it; with "
            "other searches, call rule.with_default(row, test_over_train)(cv_results)."
        )

    def check(self) -> None:
        """Raise ValueError or TypeError if a parameter is invalid."""
        if not isinstance(self.confidence, Real) or not 0.5 <= self.confidence < 1:
            raise ValueError(
                f"NoWorseThanDefault's confidence must be a number from 0.5 to less than 1, got {self.confidence!r}."
            )
        if self.base is not None and not isinstance(self.base, RefitRule):
            raise TypeError(f"NoWorseThanDefault's base must be a refit rule, as BestMean() is, got {self.base!r}.")
        if self.base is not None and self.base.metric != self.metric:
            raise ValueError(
                f"NoWorseThanDefault's metric is {self.metric!r}, and that of its base is {self.base.metric!r}. Give "
                "both the same."
            )

    def with_default(self, default_row: int | None, test_over_train: float) -> RefitRule:
        """Return the rule that chooses the winner, given the row of the default.

        Parameters
        ----------
        default_row : int or None
            Row in ``cv_results_`` of the estimator's own parameters; None if they have no score.
        test_over_train : float
            Rows in the test part of a fold, for each in its training part.

        Returns
        -------
        rule : refit rule
        """
        base = self._get_base()
        return base if default_row is None else _BetterThanRow(self, base, default_row, test_over_train)

    def compute_tolerance(self, best: np.ndarray) -> float:
        """Return the tolerance of the base rule; the default is never stopped early."""
        return self._get_base().compute_tolerance(best)

    def _get_base(self) -> RefitRule:
        return BestMean(self.metric) if self.base is None else self.base


@dataclass(frozen=True)
class _BetterThanRow:
    """`NoWorseThanDefault`, once the row of the default is known."""

    rule: NoWorseThanDefault
    base: RefitRule
    row: int
    test_over_train: float

    @property
    def metric(self) -> str | None:
        return self.rule.metric

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Return the row that the base rule chooses, or that of the default unless the other is better."""
        chosen = int(self.base(cv_results))
        folds = np.array(get_fold_scores(cv_results, self.metric))
        gain = compute_tuning_gain(
            folds[:, chosen],
            folds[:, self.row],
            test_over_train=self.test_over_train,
            confidence=2 * self.rule.confidence - 1,  # of both sides
        )
        return chosen if gain.low > 0 else self.row

    def compute_tolerance(self, best: np.ndarray) -> float:
        return self.rule.compute_tolerance(best)


@dataclass(frozen=True)
class RepeatedRule:
    """A rule that chooses again among the same candidates, by other fold scores.

    Attributes
    ----------
    rule : refit rule
    cv_results : mapping of str to ndarray or list
        All columns that the rule may look at; scores are replaced.
    default_row : int or None
        The row that the rule compares others with.
    """

    rule: RefitRule
    cv_results: Mapping[str, Any]
    default_row: int | None = None

    def choose(self, rows: Sequence[int], fold_scores: np.ndarray) -> int:
        """Return which of some candidates the rule chooses.

        Parameters
        ----------
        rows : sequence of int
            Those of the candidates in ``cv_results_``. No other can be chosen.
        fold_scores : ndarray of shape (n_candidates, n_folds)
        """
        scores = np.full((len(self.cv_results["params"]), fold_scores.shape[1]), np.nan)
        scores[rows] = fold_scores
        name = self.rule.metric or "score"
        own = [column for column in self.cv_results if not column.endswith(f"_test_{name}")]
        columns = {f"split{fold}_test_{name}": column for fold, column in enumerate(scores.T)}
        results = {column: self.cv_results[column] for column in own} | columns
        return list(rows).index(self.rule(results | {f"mean_test_{name}": scores.mean(axis=1)}))


def _get_metric_name(metric: str | None, cv_results: Mapping[str, Any]) -> str:
    name = metric or "score"
    if f"mean_test_{name}" not in cv_results:
        known = sorted(key.removeprefix("mean_test_") for key in cv_results if key.startswith("mean_test_"))
        raise ValueError(f"The refit rule's metric is {metric!r}; choose one of the scores of this search: {known}.")
    return name


def _get_scores(cv_results: Mapping[str, Any], kind: str, metric: str | None) -> np.ndarray:
    return np.asarray(cv_results[f"{kind}_test_{_get_metric_name(metric, cv_results)}"])


def get_fold_scores(cv_results: Mapping[str, Any], metric: str | None) -> list[np.ndarray]:
    name = _get_metric_name(metric, cv_results)
    folds: list[np.ndarray] = []
    while f"split{len(folds)}_test_{name}" in cv_results:
        folds.append(cv_results[f"split{len(folds)}_test_{name}"])
    return folds
