"""Compare methods on the same folds: their scores, their seconds, and whether one is better than the others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from sklearn_autotune._compat.html import MAX_SHOWN, render_paragraphs, render_table, render_view, wants_html
from sklearn_autotune._compat.mlflow import pause_autologging
from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.types import ArrayLike, CrossValidation, MatrixLike, Scorer, Seed
from sklearn_autotune.analysis._comparison_fitted import check_no_data_settings, read_fitted_searches
from sklearn_autotune.analysis._comparison_setup import (
    check_methods,
    check_params,
    check_scores,
    draw_outer_folds,
    make_baselines,
    resolve_outer_scorer,
)
from sklearn_autotune.analysis._comparison_words import format_summary, write_equivalence, write_table, write_verdict
from sklearn_autotune.analysis._method_kind import (
    DEFAULT_SCORING,
    MethodKind,
    check_own_scores,
    find_method_kind,
    get_method_kind,
)
from sklearn_autotune.analysis._outer_fold import OuterFoldTask, collect_aims, measure_method, warn_about_failures
from sklearn_autotune.evaluation._metric import Metric, describe_scoring
from sklearn_autotune.progress import MethodProgress
from sklearn_autotune.statistics._intervals import compute_mean_interval, compute_paired_interval
from sklearn_autotune.statistics._practical_equivalence import (
    EquivalenceProbabilities,
    check_rope,
    compute_equivalence_probabilities,
)
from sklearn_autotune.storage._study import draw_seed
from sklearn_autotune.tables._checks import check_no_gaps, make_indexable

__all__ = ["Comparison", "compare"]


@pause_autologging()
def compare(
    methods: Mapping[str, Any],
    X: MatrixLike | None = None,
    y: ArrayLike | None = None,
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
    rope: float | None = None,
    callbacks: Sequence[Callable[[Mapping[str, Any]], None]] | None = None,
) -> "Comparison":
    """Fit methods on the same outer folds, and score them on held-out rows; or compare searches that are fitted.

    A search is fitted whole, its own folds and its final fit included, on the training rows of each outer fold (nested
    cross-validation): the held-out score is that of the procedure, and its budget is whatever the method was given.

    Without ``X`` and ``y``, nothing is fitted. The methods are fitted searches that were measured on the same folds.
    The scores are those of their winners on these folds, by the searches' own metric. The winners were chosen by these
    scores, so they are too good, and more so the more candidates there were.

    Parameters
    ----------
    methods : dict of str to estimator
        Searches of this package or of scikit-learn, or anything with ``fit`` that the scorer can score. Clones are
        fitted. Without ``X`` and ``y``: fitted searches with ``cv_results_``.
    X : array-like or DataFrame of shape (n_samples, n_features), default=None
        None compares fitted searches. Of the parameters below, only ``confidence`` and ``rope`` may then be given.
    y : array-like of shape (n_samples,), default=None
    scoring : str or callable, default=None
        The score by which all methods are compared; higher is better. None is the accuracy of classifiers and R² of
        regressors, whatever the searches themselves optimize. Of estimators that are neither, such as survival models,
        it is their own ``score``; of a search, that of its best estimator. Own scores that are known to be of different
        metrics are refused.
    cv : int, splitter or iterable of splits, default=5
        The outer folds, drawn once. A number of them is shuffled with ``random_state``, and stratified by class if the
        methods are classifiers, by event if ``y`` is a structured array with an event as its first field, as of
        scikit-survival, and there are enough events.
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
        Of the intervals; and the probability from which methods are called practically equivalent.
    rope : float, default=None
        The region of practical equivalence, in the units of the score: differences up to this one make no difference in
        practice. The verdict then says which methods are practically equivalent. None says nothing about it.
    callbacks : list of callable, default=None
        Called as ``callback(row)`` with each row of ``Comparison.rows``, in order, as soon as it is there. One that has
        a method ``begin`` is told with ``begin(n_rows)`` how many there will be.

    Returns
    -------
    comparison : Comparison

    Raises
    ------
    ValueError, TypeError
        If there is nothing to compare, a method has no ``fit``, does not take something in ``params``, or surely has no
        score on any fold. Without ``X`` and ``y``: if a search is not fitted (`NotFittedError`, a ValueError), or if
        two of them go by different metrics or were measured on different folds.

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

    Searches that are fitted, on the same folds:

    >>> fitted = {name: method.fit(X, y) for name, method in methods.items()}
    >>> compare(fitted, rope=0.01).compute_probabilities("grid", "ours")
    EquivalenceProbabilities(first=0.0, equivalent=1.0, second=0.0)
    """
    check_methods(methods)
    check_rope(rope)
    if X is None and y is None:
        given = (scoring, cv, groups, params, random_state, n_jobs, baselines, error_score, callbacks)
        check_no_data_settings(given, signature(compare).parameters)
        return Comparison(**read_fitted_searches(methods), confidence=confidence, rope=rope)
    if X is None or y is None:
        raise TypeError("Pass both X and y, so that methods are fitted, or neither, to compare fitted searches.")
    X, y, groups = make_indexable(X, y, groups)
    if np.ndim(y) == 1 and any(
        get_method_kind(method) in (MethodKind.CLASSIFIER, MethodKind.REGRESSOR) for method in methods.values()
    ):
        check_no_gaps(y)
    kind = find_method_kind(methods, y)
    own_metric = check_own_scores(methods) if scoring is None and kind == MethodKind.OTHER else None
    baseline_methods = make_baselines(methods, kind, params or {}) if baselines else {}
    seed = None if random_state is None else draw_seed(random_state) % 2**31
    folds = draw_outer_folds(cv, X, y, groups, kind, seed)
    scoring = DEFAULT_SCORING[kind] if scoring is None else scoring
    scorer, aims = resolve_outer_scorer(methods, scoring), collect_aims(methods)
    task = OuterFoldTask(X, y, groups, scorer, seed, error_score, dict(params or {}), aims)
    check_params({**methods, **baseline_methods}, task)
    metric = own_metric or describe_scoring(scoring, task.scorer)
    check_scores(methods, task, folds, metric.name)
    fits = [
        delayed(measure_method)(name, method, number, fold, task)
        for number, fold in enumerate(folds)
        for name, method in (*methods.items(), *baseline_methods.items())
    ]
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
    warn_about_failures(rows)
    return Comparison(
        rows=rows,
        names=[*methods, *baseline_methods],
        baselines=list(baseline_methods),
        metric=metric.name,
        test_over_train=float(np.mean([len(test) / len(train) for train, test in folds])),
        confidence=confidence,
        rope=rope,
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
        traceback, or None), trace (seconds and best inner score so far, for searches) and aims (dict of name to value).
        Scores are such that higher is better. The aims are the objectives and limits of all searches among the methods,
        measured on the model of this method and held-out rows; costs are positive, as in ``front_``. Values that a
        method does not provide are None; those of fitted searches are all but score, n_fits, n_trials, best_params and
        aims.
    names : list of str
        The methods in order, baselines last.
    baselines : list of str
        Those that were added.
    metric : str
        Name of the score, as scikit-learn names its scorer. The text shows a loss with its own sign.
    test_over_train : float
        Rows in the test part of an outer fold, for each in its training part.
    confidence : float
        Of the intervals; and the probability from which methods are called practically equivalent.
    rope : float or None
        The region of practical equivalence, in the units of the score.
    is_held_out : bool
        Whether the scores are of rows held out. If not, they are those by which the winners of fitted searches were
        chosen.
    notes : list of str
        Sentences about the scores, which the verdict ends with.

    Notes
    -----
    Intervals are those of the corrected resampled t-test (Nadeau and Bengio, Machine Learning 52, 2003), since outer
    folds share training rows. With the usual five folds they are wide, as they should be. Probabilities are those of
    the Bayesian correlated t-test (Benavoli, Corani, Demšar and Zaffalon, JMLR 18, 2017). Of fitted searches of
    scikit-learn alone, ``test_over_train`` is guessed from the number of folds where ``cv`` does not tell it.
    """

    rows: list[dict[str, Any]]
    names: list[str]
    baselines: list[str]
    metric: str
    test_over_train: float
    confidence: float = 0.95
    rope: float | None = None
    is_held_out: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def n_folds(self) -> int:
        """How many folds the methods are compared on."""
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
        on held-out rows a search takes itself to be, by its own score), the objectives and limits of searches by their
        names, fit_seconds, n_fits, n_trials (all means) and n_failed.
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
                    **{name: self._average_aim(name, method) for name in self.aims},
                    **means,
                    "n_failed": self._count_failures(method),
                }
            )
        return _to_columns(rows)

    @property
    def aims(self) -> list[str]:
        """Names of the objectives and limits of searches among the methods, in which all methods are measured."""
        return list(dict.fromkeys(name for row in self.rows for name in row.get("aims", ())))

    @property
    def differences(self) -> dict[str, list[Any]]:
        """Held-out score of the leading method less that of each other, fold by fold, as columns.

        method, difference (mean over the folds that both have), low, high and is_clear, which says whether the interval
        leaves out 0. The intervals hold together: each is wider, by Bonferroni, the more methods there are. With
        ``rope`` also p_better, p_equivalent and p_worse: the probabilities of `compute_probabilities`.
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
            if self.rope is not None:
                probabilities = self.compute_probabilities(first, method)
                rows[-1] |= dict(zip(("p_better", "p_equivalent", "p_worse"), probabilities, strict=True))
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

    def compute_probabilities(self, first: str, second: str, rope: float | None = None) -> EquivalenceProbabilities:
        """Return how probable it is that one of two methods is better, or that they are practically equivalent.

        The Bayesian correlated t-test (Benavoli, Corani, Demšar and Zaffalon, JMLR 18, 2017) with a region of practical
        equivalence (rope): the posterior of the mean difference over the folds, given that folds share training rows.

        Parameters
        ----------
        first, second : str
            Methods.
        rope : float, default=None
            Differences up to this one, in the units of the score, make no difference in practice: 0.01 of accuracy, or
            0.01 of log loss. None is the ``rope`` of the comparison.

        Returns
        -------
        probabilities : EquivalenceProbabilities
            A named tuple of ``first`` (better by more than ``rope``), ``equivalent`` and ``second``; they add up to 1.
            All are NaN if nothing can be said, as with fewer than two folds that both have.

        Raises
        ------
        ValueError
            If there is no such method, or no ``rope``.

        Examples
        --------
        >>> scores = [("a", 0.91), ("a", 0.89), ("a", 0.92), ("b", 0.905), ("b", 0.892), ("b", 0.915)]
        >>> rows = [{"method": name, "fold": n % 3, "score": score} for n, (name, score) in enumerate(scores)]
        >>> comparison = Comparison(rows, ["a", "b"], [], "accuracy", test_over_train=0.5)
        >>> f"{comparison.compute_probabilities('a', 'b', rope=0.02).equivalent:.2f}"
        '0.97'
        """
        rope = self.rope if rope is None else rope
        if rope is None:
            raise ValueError(f"Pass rope=, the largest difference of {self.metric} that makes none in practice.")
        for method in (first, second):
            if method not in self.names:
                raise ValueError(f"There is no method {method!r}; there are {', '.join(self.names)}.")
        return compute_equivalence_probabilities(
            self.column("score", first) - self.column("score", second),
            test_over_train=self.test_over_train,
            rope=rope,
            confidence=self.confidence,
        )

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
        summary, differences, leading, metric = self.summary, self.differences, self.leading, Metric(self.metric)
        sentences = [write_verdict(summary, differences, leading, metric, self.n_folds, self.confidence)]
        if self.rope is not None and leading and differences["method"]:
            failed = [name for name in self.names if self._count_failures(name)]
            first = summary["method"][0]
            sentences.append(write_equivalence(differences, first, failed, metric, self.rope, self.confidence))
        return " ".join(filter(None, [*sentences, *self.notes]))

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
        kind = "outer folds, on rows that the methods were not fitted on"
        note = f"Means over {self.n_folds} {kind if self.is_held_out else 'folds, by which the winners were chosen'}."
        return render_view(self.verdict(), [table, render_paragraphs([note], "aside")])

    def _format_summary(self) -> tuple[list[str], list[list[str]]]:
        found = {row["method"]: row.get("inner_metric") for row in self.rows}
        inner_metrics = {method: Metric(name) for method, name in found.items() if name is not None}
        return format_summary(self.summary, inner_metrics, Metric(self.metric), self.confidence, self.aims)

    def _order_methods(self) -> list[str]:
        """Return the methods: those without a failure before the others, then by score."""
        means = {name: _average_finite(self.column("score", name)) for name in self.names}

        def make_sort_key(name: str) -> tuple[int, float]:
            return self._count_failures(name), -np.nan_to_num(means[name], nan=-np.inf)

        return sorted(self.names, key=make_sort_key)

    def _average_aim(self, name: str, method: str) -> float:
        values = [row.get("aims", {}).get(name) for row in self.rows if row["method"] == method]
        return _average_finite(np.array(values, dtype=float))

    def _count_failures(self, method: str) -> int:
        return sum(row["method"] == method and row["error"] is not None for row in self.rows)


# -- tables ------------------------------------------------------------------------------------------------------------


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
