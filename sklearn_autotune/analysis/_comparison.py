"""Compare methods on the same outer folds: their scores, their seconds, and whether one is better than the others."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import check_scoring, get_scorer
from sklearn.model_selection import check_cv
from sklearn.utils import check_consistent_length, indexable
from sklearn.utils.multiclass import type_of_target

from sklearn_autotune._compat.html import MAX_SHOWN, render_paragraphs, render_table, render_view, wants_html
from sklearn_autotune._compat.mlflow import pause_autologging
from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.scorer_names import check_scorer_names
from sklearn_autotune._compat.sklearn import is_routing_enabled
from sklearn_autotune._compat.types import ArrayLike, CrossValidation, MatrixLike, Scorer, Seed
from sklearn_autotune.analysis._comparison_words import format_summary, write_table, write_verdict
from sklearn_autotune.analysis._method_kind import (
    DEFAULT_SCORING,
    MethodKind,
    check_own_scores,
    find_method_kind,
    score_by_own_method,
)
from sklearn_autotune.analysis._outer_fold import OuterFoldTask, measure_method, route_metadata
from sklearn_autotune.evaluation import Fold
from sklearn_autotune.evaluation._defaults import make_shuffled_folds
from sklearn_autotune.evaluation._metric import Metric, describe_scoring
from sklearn_autotune.progress import MethodProgress
from sklearn_autotune.search._setup import check_positions
from sklearn_autotune.space._dimensions import describe_value
from sklearn_autotune.statistics._intervals import compute_mean_interval, compute_paired_interval
from sklearn_autotune.storage._study import draw_seed
from sklearn_autotune.tables._checks import check_no_gaps_to_predict

__all__ = ["Comparison", "compare"]


@pause_autologging()
def compare(
    methods: Mapping[str, Any],
    X: MatrixLike,
    y: ArrayLike,
    *,
    scoring: str | Scorer | None = None,
    cv: CrossValidation = 5,
    groups: ArrayLike | None = None,
    params: Mapping[str, Any] | None = None,
    random_state: Seed = None,
    n_jobs: int | None = None,
    baselines: bool = True,
    error_score: float | str = np.nan,
    confidence: float = 0.95,
    callbacks: Sequence[Callable[[Mapping[str, Any]], None]] | None = None,
) -> "Comparison":
    """Fit methods on the same outer folds, and score them on held-out rows.

    A search is fitted whole, its own folds and its final fit included, on the training rows of each outer fold (nested
    cross-validation): the held-out score is that of the procedure, and its budget is whatever the method was given.

    Parameters
    ----------
    methods : dict of str to estimator
        Searches of this package or of scikit-learn, or anything with ``fit`` that the scorer can score. Clones are
        fitted.
    X : array-like or DataFrame of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    scoring : str or callable, default=None
        The score by which all methods are compared; higher is better. None is the accuracy of classifiers and R² of
        regressors, whatever the searches themselves optimize. Of estimators that are neither, such as survival models,
        it is their own ``score``; of a search, that of its best estimator.
    cv : int, splitter or iterable of splits, default=5
        The outer folds, drawn once. A number of them is shuffled with ``random_state``, and stratified by class if the
        methods are classifiers.
    groups : array-like of shape (n_samples,), default=None
        Which rows belong together. They are kept in one outer fold if ``cv`` is an int or a splitter by groups, and
        are passed to methods whose ``fit`` takes ``groups``.
    params : dict of str to object, default=None
        Metadata, as of scikit-learn's ``cross_validate``: what has one entry per sample is cut to the rows of a fold.
        With scikit-learn's routing it goes where it is asked for. Without, all of it goes to the ``fit`` of every
        method, baselines included, and ``sample_weight`` also to the score, if that takes weights.
    random_state : int or RandomState, default=None
        Seeds the outer folds if ``cv`` is a number, and whatever leaves ``random_state=None`` in a method.
    n_jobs : int, default=None
        How many fits of methods run at a time, by joblib's conventions. More than one makes each slower, and the
        seconds less comparable.
    baselines : bool, default=True
        Whether to add "dummy", which ignores ``X``, for classifiers and regressors, and the estimators of the searches
        as they are, "untuned".
    error_score : "raise" or float, default=nan
        Score of a method on a fold where it failed; the error is in its row. "raise" lets it through.
    confidence : float, default=0.95
        Of the intervals.
    callbacks : list of callable, default=None
        Called as ``callback(row)`` with each row of ``Comparison.rows``, in order, as soon as it is there. One that has
        a method ``begin`` is told with ``begin(n_rows)`` how many there will be.

    Returns
    -------
    comparison : Comparison

    Raises
    ------
    ValueError, TypeError
        If there is nothing to compare, a method has no ``fit``, or one does not take something in ``params``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OptunaSearchCV, compare
    >>> X, y = load_iris(return_X_y=True)
    >>> tree, space = DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}
    >>> methods = {"grid": GridSearchCV(tree, space, cv=3), "ours": OptunaSearchCV(tree, space, cv=3)}
    >>> comparison = compare(methods, X, y, cv=3, random_state=0)
    >>> comparison.names
    ['grid', 'ours', 'dummy', 'untuned']
    >>> print(comparison.best)  # grid and ours measure the same candidates
    None
    """
    _check_methods(methods)
    X, y, groups = indexable(X, y, groups)
    for method in methods.values():
        check_no_gaps_to_predict(method, y)
    kind = find_method_kind(methods, y)
    if scoring is None and kind == MethodKind.OTHER:
        check_own_scores(methods)
    baseline_methods = _make_baselines(methods, kind, params or {}) if baselines else {}
    seed = None if random_state is None else draw_seed(random_state) % 2**31
    splitter = _make_outer_splitter(cv, y, kind, seed, has_groups=groups is not None)
    folds = [(np.asarray(train), np.asarray(test)) for train, test in splitter.split(X, y, groups)]
    for number, (train, test) in enumerate(folds):
        check_positions(Fold(number, train, test), X)
    scoring = DEFAULT_SCORING[kind] if scoring is None else scoring
    task = OuterFoldTask(X, y, groups, _resolve_scorer(methods, scoring), seed, error_score, dict(params or {}))
    _check_params({**methods, **baseline_methods}, task)
    fits = [
        delayed(measure_method)(name, method, number, fold, task)
        for number, fold in enumerate(folds)
        for name, method in (*methods.items(), *baseline_methods.items())
    ]
    metric = Metric() if scoring is score_by_own_method else describe_scoring(scoring, task.scorer)
    for callback in callbacks or ():
        if isinstance(callback, MethodProgress):
            callback.begin(len(fits), metric)
        elif hasattr(callback, "begin"):
            callback.begin(len(fits))
    rows = []
    for row in Parallel(n_jobs=n_jobs, return_as="generator")(fits):
        rows.append(row)
        for callback in callbacks or ():
            callback(row)
    for row in rows:
        if row["method"] in baseline_methods and row["error"] is None:
            row["n_fits"] = 1
    _warn_about_failures(rows)
    return Comparison(
        rows=rows,
        names=[*methods, *baseline_methods],
        baselines=list(baseline_methods),
        metric=metric.name,
        test_over_train=float(np.mean([len(test) / len(train) for train, test in folds])),
        confidence=confidence,
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of `compare`.

    Attributes
    ----------
    rows : list of dict
        One for each fold and method: method, fold, score (held-out), inner_score (the search's own ``best_score_``),
        inner_metric (what that is called), own_score (held-out, by the search's own scorer), fit_seconds,
        score_seconds, n_fits (folds that were measured, and the final fit), n_trials, best_params, error (the
        traceback, or None) and trace (seconds and best inner score so far, for searches). Scores are such that higher
        is better. Values that a method does not provide are None.
    names : list of str
        The methods in order, baselines last.
    baselines : list of str
        Those that were added.
    metric : str
        Name of the score, as scikit-learn names its scorer. The text shows a loss with its own sign.
    test_over_train : float
        Rows in the test part of an outer fold, for each in its training part.
    confidence : float
        Of the intervals.

    Notes
    -----
    Intervals are those of the corrected resampled t-test (Nadeau and Bengio, Machine Learning 52, 2003), since outer
    folds share training rows. With the usual five folds they are wide, as they should be.
    """

    rows: list[dict[str, Any]]
    names: list[str]
    baselines: list[str]
    metric: str
    test_over_train: float
    confidence: float = 0.95

    @property
    def n_folds(self) -> int:
        """How many outer folds there are."""
        return 1 + max(row["fold"] for row in self.rows)

    def column(self, name: str, method: str) -> np.ndarray:
        """Return one number for each outer fold, NaN where there is none.

        Parameters
        ----------
        name : {"score", "inner_score", "own_score", "fit_seconds", "score_seconds", "n_fits", "n_trials"}
        method : str

        Returns
        -------
        values : ndarray of float of shape (n_folds,)
        """
        values = np.full(self.n_folds, np.nan)
        for row in self.rows:
            if row["method"] == method and row[name] is not None:
                values[row["fold"]] = row[name]
        return values

    @property
    def summary(self) -> dict[str, list[Any]]:
        """One row for each method, the best first, as columns.

        method, score (mean over the outer folds), low, high (its interval), inner_score, optimism (how much better than
        on held-out rows a search takes itself to be, by its own score), fit_seconds, n_fits, n_trials (all means) and
        n_failed.
        """
        rows = []
        for method in self._order_methods():
            score = self.column("score", method)
            inner = self.column("inner_score", method)
            interval = compute_mean_interval(score, test_over_train=self.test_over_train, confidence=self.confidence)
            means = {name: _average_finite(self.column(name, method)) for name in ("fit_seconds", "n_fits", "n_trials")}
            rows.append(
                {
                    "method": method,
                    "score": interval.mean,
                    "low": interval.low,
                    "high": interval.high,
                    "inner_score": _average_finite(inner),
                    "optimism": _average_finite(inner - self.column("own_score", method)),
                    **means,
                    "n_failed": self._count_failures(method),
                }
            )
        return _to_columns(rows)

    @property
    def differences(self) -> dict[str, list[Any]]:
        """Held-out score of the leading method less that of each other, fold by fold, as columns.

        method, difference (mean over the folds that both have), low, high and is_clear, which says whether the interval
        leaves out 0. The intervals hold together: each is wider, by Bonferroni, the more methods there are.
        """
        first, *others = self._order_methods()
        # All of them are to hold at once: the leading method has been chosen among as many.
        joint_confidence = 1 - (1 - self.confidence) / max(1, len(others))
        rows = []
        for method in others:
            difference = self.column("score", first) - self.column("score", method)
            interval = compute_paired_interval(
                difference, test_over_train=self.test_over_train, confidence=joint_confidence
            )
            interval_row = {"difference": interval.mean, "low": interval.low, "high": interval.high}
            rows.append({"method": method, **interval_row, "is_clear": interval.excludes_zero})
        return _to_columns(rows) or {"method": [], "difference": [], "low": [], "high": [], "is_clear": []}

    @property
    def leading(self) -> list[str]:
        """The method with the best mean score, and those that cannot be told from it.

        Methods that failed on a fold do not lead: scores of other folds cannot stand in for it.
        """
        first = self._order_methods()[0]
        differences = self.differences
        pairs = zip(differences["method"], differences["is_clear"], strict=True)
        close = [first, *(method for method, is_clear in pairs if not is_clear)]
        return [method for method in close if not self._count_failures(method)]

    @property
    def best(self) -> str | None:
        """The one method that is better than every other, or None: no clear winner."""
        leading = self.leading
        return leading[0] if len(leading) == 1 and len(self.names) > 1 else None

    @property
    def anytime(self) -> dict[str, dict[str, np.ndarray]]:
        """Best inner score so far against seconds, mean over the outer folds, for searches that go by the same score.

        Method to ``seconds`` and ``score``, both of shape (n_points,); from when all folds have a score.
        """
        curves = {}
        for method in self.names:
            rows = [row for row in self.rows if row["method"] == method and row["trace"] is not None]
            # A search goes by the score of the comparison if it gives the same held-out score by its own.
            if rows and all(
                row["own_score"] is not None and np.isclose(row["own_score"], row["score"]) for row in rows
            ):
                curves[method] = _average_steps([row["trace"] for row in rows])
        return curves

    def to_frame(self, table: str = "rows") -> Any:
        """Return a table as a DataFrame of pandas.

        Parameters
        ----------
        table : {"rows", "summary", "differences"}, default="rows"

        Returns
        -------
        frame : pandas.DataFrame
        """
        tables = {"rows": self.rows, "summary": self.summary, "differences": self.differences}
        if table not in tables:
            raise ValueError(f"table must be one of {', '.join(tables)}, got {table!r}.")
        return import_optional("pandas", "A DataFrame").DataFrame(tables[table])

    def verdict(self) -> str:
        """Return the conclusion in words: what is shown, and what is not."""
        metric = Metric(self.metric)
        return write_verdict(self.summary, self.differences, self.leading, metric, self.n_folds, self.confidence)

    def __str__(self) -> str:
        """Write the summary and the verdict."""
        return f"{write_table(*self._format_summary())}\n\n{self.verdict()}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str | None:
        if not wants_html():
            return None
        header, rows = self._format_summary()
        cells = [dict(zip(header, row, strict=True)) for row in rows]
        table = render_table(cells, verbatim=header, numbers=header[1:], max_length=MAX_SHOWN)
        note = f"Means over {self.n_folds} outer folds, on rows that the methods were not fitted on."
        return render_view(self.verdict(), [table, render_paragraphs([note], "aside")])

    def _format_summary(self) -> tuple[list[str], list[list[str]]]:
        found = {row["method"]: row.get("inner_metric") for row in self.rows}
        inner_metrics = {method: Metric(name) for method, name in found.items() if name is not None}
        return format_summary(self.summary, inner_metrics, Metric(self.metric), self.confidence)

    def _order_methods(self) -> list[str]:
        """Return the methods: those without a failure before the others, then by score."""
        means = {name: _average_finite(self.column("score", name)) for name in self.names}

        def make_sort_key(name: str) -> tuple[int, float]:
            return self._count_failures(name), -np.nan_to_num(means[name], nan=-np.inf)

        return sorted(self.names, key=make_sort_key)

    def _count_failures(self, method: str) -> int:
        return sum(row["method"] == method and row["error"] is not None for row in self.rows)


# -- before anything is fitted -----------------------------------------------------------------------------------------


def _check_methods(methods: object) -> None:
    if not isinstance(methods, Mapping) or not methods:
        raise TypeError(f"methods must be a dict of names to estimators, with one at least, got {methods!r}.")
    for name, method in methods.items():
        if not isinstance(name, str):
            raise TypeError(f"The names of methods are strings, got {name!r}.")
        if isinstance(method, type) or not hasattr(method, "fit"):
            raise TypeError(f"The method {name!r} has to be an estimator, an instance with fit; got {method!r}.")


def _resolve_scorer(methods: Mapping[str, Any], scoring: str | Scorer | None) -> Any:
    """Return the score of all as a callable."""
    check_scorer_names(scoring)
    return get_scorer(scoring) if isinstance(scoring, str) else check_scoring(next(iter(methods.values())), scoring)


def _check_params(methods: Mapping[str, Any], task: OuterFoldTask) -> None:
    """Refuse metadata that cannot be routed, before anything is fitted."""
    if "groups" in task.params:
        raise ValueError("params holds groups; pass them as groups=, for the folds are drawn by them.")
    weight = task.params.get("sample_weight")
    if weight is not None:
        check_consistent_length(task.y, weight)
    for name, method in methods.items():
        try:
            route_metadata(method, task.scorer, task.params)
        except TypeError as error:
            raise TypeError(f"The method {name!r}: {error}") from error


def _make_baselines(methods: Mapping[str, Any], kind: MethodKind, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the methods that all others should beat: a dummy, and the estimators without tuning."""
    baselines_by_name: dict[str, Any] = {}
    if kind != MethodKind.OTHER:
        dummy = DummyClassifier(strategy="prior") if kind == MethodKind.CLASSIFIER else DummyRegressor()
        if is_routing_enabled():
            dummy.set_fit_request(sample_weight="sample_weight" in params)
        baselines_by_name["dummy"] = dummy
    untuned: dict[str, Any] = {}
    for method in methods.values():
        inner = getattr(method, "estimator", None)
        if hasattr(inner, "fit") and not isinstance(inner, type):
            untuned.setdefault(describe_value(inner), inner)
    for index, inner in enumerate(untuned.values(), 1):
        baselines_by_name["untuned" if len(untuned) == 1 else f"untuned {type(inner).__name__} {index}"] = inner
    return {name: baseline for name, baseline in baselines_by_name.items() if name not in methods}


def _make_outer_splitter(
    cv: CrossValidation, y: ArrayLike, kind: MethodKind, seed: int | None, *, has_groups: bool
) -> Any:
    is_classification = kind == MethodKind.CLASSIFIER
    if not isinstance(cv, int | np.integer):
        return check_cv(cv, y, classifier=is_classification)
    is_classes = is_classification and type_of_target(y) in ("binary", "multiclass")
    return make_shuffled_folds(int(cv), is_classes, seed, has_groups=has_groups)


# -- tables ------------------------------------------------------------------------------------------------------------


def _warn_about_failures(rows: Sequence[Mapping[str, Any]]) -> None:
    failed: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["error"] is not None:
            failed.setdefault(row["method"], []).append(row)
    for method, failed_rows in failed.items():
        warnings.warn(
            f"The method {method!r} failed on {len(failed_rows)} of the outer folds; its scores there are "
            f"{failed_rows[0]['score']}. The first error:\n{failed_rows[0]['error']}",
            FitFailedWarning,
            stacklevel=3,
        )


def _average_steps(traces: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    """Average step functions at all times at which one of them rises."""
    first = max(seconds[0] for seconds, _ in traces)
    times = np.unique(np.concatenate([seconds for seconds, _ in traces]))
    times = times[times >= first]
    values = [score[np.searchsorted(seconds, times, side="right") - 1] for seconds, score in traces]
    return {"seconds": times, "score": np.mean(values, axis=0)}


def _average_finite(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _to_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
