"""Describe a finished search in words: where the budget went, whether it still improved, and what to try next."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from sklearn_autotune._compat.html import render_list, render_paragraphs, render_view, wants_html
from sklearn_autotune._compat.messages import extract_last_line
from sklearn_autotune._compat.types import ArrayLike, FittedSearch, MatrixLike
from sklearn_autotune.analysis._advice import suggest_next_steps
from sklearn_autotune.analysis._aims import read_aim_table, read_blend_aim_table
from sklearn_autotune.analysis._range_ends import RangeEnd, find_range_ends
from sklearn_autotune.analysis._summary_schema import PHASES, SCHEMA_VERSION, get_summary_schema, to_plain_value
from sklearn_autotune.analysis._summary_words import format_count, write_sentences
from sklearn_autotune.analysis._trial_table import TrialTable, measure_overhead, read_trial_table
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.objectives._costs import find_fit_seconds
from sklearn_autotune.objectives._plan import Objective
from sklearn_autotune.search._base_search import BaseSearch, get_default_seconds, get_deployed_model, get_tuning_gain
from sklearn_autotune.search._front_attributes import get_blend_table, get_front, get_objective_plan
from sklearn_autotune.statistics._intervals import MeanEstimate, estimate_mean, guess_test_over_train
from sklearn_autotune.statistics._tuning_gain import TuningGain

__all__ = ["Summary", "summarize"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What happened in a search, in numbers and in sentences; ``print`` and notebooks show the sentences.

    Attributes
    ----------
    n_trials : int
    counts : dict of str to int
        Trials by how they ended.
    seconds : dict of str to float
        Spent measuring them, by all workers together, and where known ``"final fit"``, ``"default"`` (the estimator's
        own parameters, if they were measured apart), ``"sampler"``, ``"the rest"``.
    wall_seconds : float or None
        What the search and the final fit took by the clock; None if the search does not tell.
    best_score : float
        ``best_score_``, else the winner's mean over the folds; higher is better. NaN if no candidate is complete.
    std_error : float
        Standard error of the winner's mean over the folds, corrected for training rows that folds share (Nadeau and
        Bengio, 2003); of a blend, that of its best single candidate.
    n_close : int
        How many other complete candidates are no more than a standard error worse than the winner.
    late_gain : float
        By how much the best score rose during the last third of the trials.
    is_improving : bool
        Whether that is more than a standard error of the same kind.
    held_out_score : float or None
        Of the final estimator on the rows that were passed.
    first_error : str or None
        What the first failed candidate failed with.
    range_ends : list of RangeEnd
        Parameters of which the winner is at an end of a range that the user wrote and can widen: ``name``, ``value``,
        ``low``, ``high``, and ``is_low``, which says whether it is the lower end.
    sentences : list of str
    next_steps : list of str
        What may be worth trying.
    metric : Metric
        What the scores are called, and which values are better. Sentences show a loss with its own sign.
    blend : dict of str to float
        The weight of each model in the blend of an `AutoModelSelector`; empty for other searches.
    default_score : float or None
        ``default_score_``: mean over the folds of the estimator's own parameters. None if the search has none.
    tuning_gain : TuningGain or None
        ``tuning_gain_``: by how much the winner is better than that on the same folds. None if it is not known.
    corrected_score : float or None
        ``corrected_score_``: the best score without what the choice of the best candidate adds to it.
    corrected_interval : tuple of float or None
        ``corrected_interval_``: the ends of its 95 % confidence interval.
    n_front : int or None
        How many candidates, or blends of an `AutoModelSelector`, are on the front. None of a search without ``front_``.
    n_meeting_limits : int or None
        How many complete candidates, or compared blends of an `AutoModelSelector`, meet the limits. None of a search
        without ``limits``.
    best_scores : dict of str to float
        ``best_scores_``: the winner's value of each objective and limit. Empty for other searches.
    held_out_scores : dict of str to float
        The same values of the final model on the rows that were passed, beside ``held_out_score``.
    search : str
        Name of the class of the search.
    n_splits : int or None
        How many folds the candidates were measured on; None if the search does not tell.
    best_index : int or None
        Row of the winner in ``cv_results_``; None if there is no winner.
    best_params : dict of str to object, or None
        Parameters of the winner; of a blend, of its best single candidate.
    mean_test_scores : dict of str to float
        Means of all scores of the winner over the folds, by their names in ``cv_results_``; higher is better.
    threshold : float or None
        ``threshold_``: from which probability on the model predicts the positive class. None if none was chosen.
    objectives : dict of str to str
        Names of the objectives as in ``best_scores``, to "maximize" or "minimize". Empty of a search without
        ``objectives``.
    limits : dict of str to tuple of str and float
        Names of the limits as in ``best_scores``, to "<=" or ">=", and the bound.
    edges : list of str
        The parameters of ``range_ends`` with the end, as text.
    """

    n_trials: int
    counts: dict[str, int]
    seconds: dict[str, float]
    wall_seconds: float | None
    best_score: float
    std_error: float
    n_close: int
    late_gain: float
    is_improving: bool
    held_out_score: float | None
    first_error: str | None
    range_ends: list[RangeEnd]
    sentences: list[str]
    next_steps: list[str]
    metric: Metric = field(default_factory=Metric)
    blend: dict[str, float] = field(default_factory=dict)
    default_score: float | None = None
    tuning_gain: TuningGain | None = None
    corrected_score: float | None = None
    corrected_interval: tuple[float, float] | None = None
    n_front: int | None = None
    n_meeting_limits: int | None = None
    best_scores: dict[str, float] = field(default_factory=dict)
    held_out_scores: dict[str, float] = field(default_factory=dict)
    search: str = ""
    n_splits: int | None = None
    best_index: int | None = None
    best_params: dict[str, Any] | None = field(default=None, compare=False)  # arrays among them have no truth value
    mean_test_scores: dict[str, float] = field(default_factory=dict)
    threshold: float | None = None
    objectives: dict[str, str] = field(default_factory=dict)
    limits: dict[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def edges(self) -> list[str]:
        """The parameters of ``range_ends`` with the end, as text."""
        return [str(end) for end in self.range_ends]

    def to_dict(self) -> dict[str, Any]:
        """Return the summary in JSON's types, for programs.

        `get_summary_schema` describes the keys. Numbers that are not finite are None.

        Returns
        -------
        summary : dict of str to object
            What ``json.dumps`` takes, also with ``allow_nan=False``.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> from sklearn_autotune import OptunaSearchCV, summarize
        >>> search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]})
        >>> found = summarize(search.fit(*load_iris(return_X_y=True))).to_dict()
        >>> found["metric"], found["best_params"]
        ({'name': 'accuracy', 'label': 'accuracy', 'greater_is_better': True}, {'max_depth': 3})
        """
        renamed = {
            "schema_version": SCHEMA_VERSION,
            "metric": {
                "name": self.metric.name,
                "label": self.metric.label,
                "greater_is_better": not self.metric.is_loss,
            },
            "n_trials_by_status": self.counts,
            "seconds_by_status": {status: self.seconds[status] for status in self.counts},
            "phase_seconds": {key: self.seconds.get(name, 0.0) for key, name in PHASES.items()},
            "best_score_std_error": self.std_error,
            "blend_weights": self.blend,
            "tuning_gain": None if self.tuning_gain is None else asdict(self.tuning_gain),
            "objectives": [{"name": name, "direction": direction} for name, direction in self.objectives.items()],
            "limits": [{"name": name, "operator": one[0], "bound": one[1]} for name, one in self.limits.items()],
            "range_ends": [
                {
                    "param": end.name,
                    "end": "low" if end.is_low else "high",
                    "bound": end.low if end.is_low else end.high,
                }
                for end in self.range_ends
            ],
        }
        keys = get_summary_schema()["properties"]
        return to_plain_value({key: renamed[key] if key in renamed else getattr(self, key) for key in keys})

    def __str__(self) -> str:
        """Return the sentences, and what to try next as a list."""
        steps = [f"- {step}" for step in self.next_steps]
        return "\n".join([*self.sentences, *(["To try next:", *steps] if steps else [])])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str | None:
        if not wants_html():
            return None
        title = f"Summary of {format_count(self.n_trials, 'candidate')}"
        pieces = [render_paragraphs(self.sentences)]
        if self.next_steps:
            pieces += [render_paragraphs(["To try next:"]), render_list(self.next_steps)]
        return render_view(title, pieces)


def summarize(search: FittedSearch, X_test: MatrixLike | None = None, y_test: ArrayLike | None = None) -> Summary:
    """Say in words what happened in a search.

    Parameters
    ----------
    search : estimator
        Fitted; of this package, or any with scikit-learn's ``cv_results_``.
    X_test, y_test : array-like, default=None
        Rows that the search has not seen; with them, its ``best_score_`` is held against the score there.

    Returns
    -------
    summary : Summary

    Raises
    ------
    ValueError
        If the search is not fitted.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OptunaSearchCV, summarize
    >>> X, y = load_iris(return_X_y=True)
    >>> search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}).fit(X, y)
    >>> summary = summarize(search)
    >>> summary.counts, summary.is_improving
    ({'complete': 3}, True)
    """
    trial_table = read_trial_table(search)
    ends = find_range_ends(search, trial_table)
    numbers = _compute_numbers(search, trial_table, ends, X_test, y_test)
    front, blends = get_front(search), read_blend_aim_table(search)
    meets_limits = trial_table.meets_limits
    if blends is not None and blends.blends.limits:
        meets_limits = blends.blends.meets_limits
    numbers |= {
        "n_front": None if front is None else front.n_rows,
        "n_meeting_limits": None if meets_limits is None else int(meets_limits.sum()),
        "best_scores": dict(getattr(search, "best_scores_", {})),
        "held_out_scores": _score_held_out_aims(search, X_test, y_test),
    }
    numbers |= _describe_winner(search, trial_table) | _describe_settings(search)
    rows = None if front is None else front.get("index")
    return Summary(
        **numbers,
        sentences=list(write_sentences(trial_table, numbers, read_aim_table(search), rows, blends)),
        next_steps=list(suggest_next_steps(search, trial_table, numbers, ends)),
    )


def _compute_numbers(
    search: FittedSearch,
    trial_table: TrialTable,
    ends: list[RangeEnd],
    X_test: MatrixLike | None,
    y_test: ArrayLike | None,
) -> dict[str, Any]:
    counts = {status: len(trial_table.find_by_status(status)) for status in dict.fromkeys(trial_table.status.tolist())}
    seconds = {status: float(np.nansum(trial_table.seconds[trial_table.find_by_status(status)])) for status in counts}
    overhead, refit = measure_overhead(search, trial_table), float(getattr(search, "refit_time_", 0.0))
    has_sampler_seconds = overhead.sampler is not None  # else the sampler is most of the rest
    overhead_seconds = {
        "final fit": refit,
        "default": get_default_seconds(search),
        "sampler": overhead.sampler if has_sampler_seconds else overhead.rest,
        "the rest": has_sampler_seconds * overhead.rest,
    }
    seconds |= {name: value for name, value in overhead_seconds.items() if value}
    best_score, std_error, n_close = _describe_best(trial_table)
    inner = getattr(search, "best_score_", None)
    late_gain, is_improving = _measure_late_gain(trial_table)
    errors = [trial_table.error[index] for index in trial_table.find_by_status(Status.FAILED)]
    return {
        "n_trials": len(trial_table),
        "counts": counts,
        "seconds": seconds,
        "wall_seconds": None if overhead.wall is None else overhead.wall + refit,
        "best_score": best_score if inner is None or not np.isfinite(best_score) else float(inner),
        "std_error": std_error,
        "n_close": n_close,
        "late_gain": late_gain,
        "is_improving": is_improving,
        "held_out_score": _score_held_out(search, trial_table.metric, X_test, y_test),
        "first_error": _format_error(errors[0]) if errors else None,
        "range_ends": ends,
        "metric": trial_table.described_metric,
        "blend": dict(getattr(search, "blend_weights_", {})) if isinstance(search, BaseSearch) else {},
        "default_score": getattr(search, "default_score_", None),
        "tuning_gain": get_tuning_gain(search),
        "corrected_score": getattr(search, "corrected_score_", None),
        "corrected_interval": getattr(search, "corrected_interval_", None),
    }


def _describe_winner(search: FittedSearch, trial_table: TrialTable) -> dict[str, Any]:
    """Return the winner's row, parameters and scores."""
    if trial_table.best is None:
        return {}
    row, results = int(trial_table.row[trial_table.best]), dict(search.cv_results_)
    means = {name.removeprefix("mean_test_"): name for name in results if name.startswith("mean_test_")}
    return {
        "best_index": row,
        "best_params": dict(trial_table.params[trial_table.best]),
        "mean_test_scores": {metric: float(results[name][row]) for metric, name in means.items()},
        "threshold": getattr(search, "threshold_", None),
    }


def _describe_settings(search: FittedSearch) -> dict[str, Any]:
    """Return what the search is, and what it was to optimise and to keep to."""
    aims = get_objective_plan(search) or get_blend_table(search)
    limits = getattr(search, "limits", None) if isinstance(search, BaseSearch) else None
    listed = aims.objectives if aims is not None and aims.is_listed else ()
    return {
        "search": type(search).__name__,
        "n_splits": getattr(search, "n_splits_", None),
        "objectives": {one.name: "maximize" if one.sign > 0 else "minimize" for one in listed},
        "limits": {name: (str(limit[-2]), float(limit[-1])) for name, limit in (limits or {}).items()},
    }


def _describe_best(trial_table: TrialTable) -> tuple[float, float, int]:
    """Return the winner's score, its standard error, and how many others are as close as that."""
    leading = trial_table.find_leading(len(trial_table))
    if not len(leading):
        return np.nan, np.nan, 0
    best = leading[0]
    error = _estimate_fold_mean(trial_table, trial_table.fold_scores[best]).std_error
    n_close = int((trial_table.eligible_score[leading[1:]] >= trial_table.score[best] - error).sum())
    return float(trial_table.score[best]), error, n_close


def _measure_late_gain(trial_table: TrialTable) -> tuple[float, bool]:
    """Return what the last third of the trials gained, and whether that is more than the folds' noise."""
    scores = trial_table.eligible_score
    before = scores[: max(1, 2 * len(scores) // 3)]
    if not np.isfinite(before).any():
        return np.nan, False
    first, last = int(np.nanargmax(before)), int(np.nanargmax(scores))
    gains = _estimate_fold_mean(trial_table, trial_table.fold_scores[last] - trial_table.fold_scores[first])
    gain = float(scores[last] - scores[first])
    return gain, bool(gain > np.nan_to_num(gains.std_error))


def _estimate_fold_mean(trial_table: TrialTable, values: np.ndarray) -> MeanEstimate:
    """Return the mean of a value of each fold, with its standard error."""
    ratio = trial_table.test_over_train
    return estimate_mean(values, test_over_train=guess_test_over_train(len(values)) if ratio is None else ratio)


def _score_held_out(
    search: FittedSearch, metric: str, X_test: MatrixLike | None, y_test: ArrayLike | None
) -> float | None:
    """Score on new rows with the search's own scorer, so that the score is comparable with its best score."""
    if X_test is None:
        return None
    scorer = getattr(search, "scorer_", None)
    if isinstance(scorer, dict):
        scorer = scorer[metric]
    if not callable(scorer):
        return float(search.score(X_test, y_test))
    score = scorer(search, X_test, y_test)
    return float(score[metric] if isinstance(score, dict) else score)


def _score_held_out_aims(search: FittedSearch, X_test: MatrixLike | None, y_test: ArrayLike | None) -> dict[str, float]:
    """Return what the final model reaches on new rows, but for the score that decides and the seconds of a fit."""
    if X_test is None or not hasattr(search, "best_estimator_"):
        return {}
    model, found = get_deployed_model(search), {}
    for one, scorer in _list_aim_scorers(search):
        if not find_fit_seconds({one.key: scorer}):
            found[one.name] = one.sign * float(scorer(model, X_test, y_test))
    return found


def _list_aim_scorers(search: FittedSearch) -> list[tuple[Objective, Any]]:
    """Return objectives and limits with their scorers, but for the score that decides."""
    plan, blends = get_objective_plan(search), get_blend_table(search)
    if plan is not None:
        scorers = search.scorer_  # type: ignore[attr-defined]
        return [(one, scorers[one.key]) for one in plan.named if one.key != plan.primary]
    if blends is None:
        return []
    wanted = getattr(search, "best_scores_", {})
    pairs = [(one, blends.scorers[one.key]) for one in blends.named]
    return [(one, scorer) for one, scorer in pairs if one.name in wanted and scorer is not None]


def _format_error(error: str | None) -> str:
    """Return the last line of a traceback, as a sentence."""
    line = extract_last_line(error or "an unknown error").strip()
    return line if line.endswith(".") else f"{line}."
