"""What all searches are as estimators: how a fit begins, which attributes it sets, what pickles and notebooks hold."""

import logging
import numbers
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, ClassVar

import numpy as np
import optuna
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklearn_autotune._compat import clock
from sklearn_autotune._compat.clock import PhaseTimer
from sklearn_autotune._compat.digest import compute_digest
from sklearn_autotune._compat.html import render_paragraphs, render_parameters, render_view, shorten
from sklearn_autotune._compat.messages import extract_exception_line
from sklearn_autotune._compat.mlflow import autolog_one_run
from sklearn_autotune._compat.scorer_names import check_scorer_names
from sklearn_autotune._compat.sklearn import Interval, NotebookViewMixin, StrOptions, validate_parameter_constraints
from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune._compat.urls import SecretUrl, has_secret
from sklearn_autotune.evaluation._metric import Metric, describe_metric
from sklearn_autotune.evaluation._status import Status, describe_counts
from sklearn_autotune.execution import MIN_MEMORY_LIMIT
from sklearn_autotune.progress import TrialProgress
from sklearn_autotune.progress._search_progress import SearchProgress
from sklearn_autotune.pruning import FoldRacing
from sklearn_autotune.pruning._fold_racing import select_fold_scores
from sklearn_autotune.search._delegation import require_refit
from sklearn_autotune.search._front_attributes import FrontMixin
from sklearn_autotune.search._result_tables import CVResults, Trials
from sklearn_autotune.search._results import (
    SearchResults,
    choose_winner,
    collect_candidate_rows,
    format_trials,
    report_failures,
    tabulate,
)
from sklearn_autotune.search._spec import ResultsSpec, SearchRun
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.statistics._corrected_scores import CorrectedScoresMixin, list_no_lazy_attributes
from sklearn_autotune.statistics._intervals import ConfidenceInterval
from sklearn_autotune.statistics._refit_rules import ComparesWithDefault
from sklearn_autotune.statistics._tuning_gain import TuningGain, compute_tuning_gain, describe_tuning_gain
from sklearn_autotune.storage._base import hide_secrets
from sklearn_autotune.storage._outcomes import MEASURED_STATUSES

__all__ = [
    "BaseSearch",
    "DefaultScoreMixin",
    "get_deployed_model",
    "get_fold_digest",
    "get_fold_sizes",
    "get_phase_timer",
    "get_tuning_gain",
    "make_progress",
    "print_n_fits",
]

logger = logging.getLogger(__name__)


MAX_ERROR_LENGTH = 200  # characters of an error in a notebook


@dataclass(frozen=True, slots=True)
class _Default:
    """What a search knows of the default.

    Attributes
    ----------
    scores : tuple of float
        One for each fold; empty if there are none.
    reason : str
        Why there are none.
    gain : TuningGain or None
        By how much the winner is better.
    seconds : float
        Spent on it beside the candidates.
    """

    scores: tuple[float, ...]
    reason: str
    gain: TuningGain | None = None
    seconds: float = 0.0


class BaseSearch(FrontMixin, CorrectedScoresMixin, NotebookViewMixin, BaseEstimator):
    """A search as an estimator."""

    # What each parameter may be, for the check and its message. A search need not have all of these parameters.
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "timeout": [Interval(numbers.Real, 0, None, closed="neither"), None],
        "trial_timeout": [Interval(numbers.Real, 0, None, closed="neither"), None],
        "memory_limit": [Interval(numbers.Integral, MIN_MEMORY_LIMIT, None, closed="left"), None],
        "scoring": [str, callable, list, tuple, set, dict, None],
        "n_jobs": [numbers.Integral, None],
        "executor": "no_validation",
        "cv": ["cv_object"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "error_score": [StrOptions({"raise"}), numbers.Real],
        "return_train_score": ["boolean"],
        "sampler": [optuna.samplers.BaseSampler, None],
        "pruner": [StrOptions({"auto"}), FoldRacing, optuna.pruners.BasePruner, None],
        "patience": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "target_score": [numbers.Real, None],
        "look_ahead": [Interval(numbers.Integral, 1, None, closed="left")],
        "callbacks": [list, tuple, None],
        "storage": [str, PathLike, optuna.storages.BaseStorage, None],
        "study_name": [str, None],
        "resume": ["boolean"],
        "n_iter": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "keep": [str, list, tuple, None],
        "enqueue": [StrOptions({"auto"}), list, tuple, None],
        "warm_start_from": "no_validation",
        "pre_dispatch": [numbers.Integral, str],
        "resource": [str, None],
        "min_resources": [Interval(numbers.Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_resources": [Interval(numbers.Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "factor": [Interval(numbers.Real, 1, None, closed="neither")],
        "step_cache": [Interval(numbers.Integral, 0, None, closed="left")],
        "measure_default": ["boolean", StrOptions({"auto"})],
        "objectives": [list, tuple, dict, None],
        "limits": [dict, None],
        "limit_confidence": [Interval(numbers.Real, 0.5, 1, closed="left")],
        "infeasible": [StrOptions({"raise", "nearest"})],
    }

    study_: optuna.Study
    trials_: Trials
    cv_results_: CVResults
    multimetric_: bool
    _default: _Default
    best_index_: int
    best_params_: dict[str, Any]
    best_score_: float
    best_estimator_: Any
    n_splits_: int
    refit_time_: float
    scorer_: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make a fit one run of MLflow where its autologging is on."""
        super().__init_subclass__(**kwargs)
        if "fit" in vars(cls):
            setattr(cls, "fit", autolog_one_run(vars(cls)["fit"]))  # noqa: B010 - mypy allows no other way

    def __getstate__(self) -> dict[str, Any]:
        """Pickle a fitted search without its storage, which may be gone, and an unfitted one without its secrets."""
        state = dict(super().__getstate__())
        if "study_" in state:
            state["storage"] = None
        elif "storage" in state:
            state["storage"] = hide_secrets(state["storage"])
        return state

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of this estimator.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return the parameters of nested estimators too.

        Returns
        -------
        params : dict of str to object
            A URL that holds a secret is a `str` whose ``repr`` leaves it out, so that it is not printed.
        """
        params = super().get_params(deep=deep)
        return {name: SecretUrl(value) if _is_secret(value) else value for name, value in params.items()}

    def deployed_model(self) -> Any:
        """Return the fitted model without the search: no study and no trials, and little to load.

        Returns
        -------
        model : estimator
            Takes the same rows as this search, and predicts the same.

        Raises
        ------
        NotFittedError, AttributeError
            Before ``fit``, and with ``refit=False``.
        """
        if not hasattr(self, "best_estimator_") and hasattr(self, "cv_results_"):
            require_refit(self, "deployed_model")
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_

    def _html_repr(self) -> str:
        with list_no_lazy_attributes():
            return super()._html_repr()

    def _render_view(self) -> str:
        """Return what a notebook shows of a fitted search: the score, the winner, and how the candidates ended."""
        if not hasattr(self, "trials_"):
            return ""
        metric = self._read_metric()
        score = getattr(self, "best_score_", None)
        found = "" if score is None else f": {metric.format(score)} ({metric.direction})"
        pieces = [*self._render_winner(metric), render_paragraphs(list(self._describe_candidates()), "aside")]
        return render_view(f"{type(self).__name__}{found}", pieces)

    def _read_metric(self) -> Metric:
        """Return the metric that decides; if none does, the first of several."""
        metrics = self.trials_.metrics
        name = self._get_metric_name()
        return metrics.get(f"mean_test_{name}") or next(iter(metrics.values()), Metric())

    def _render_winner(self, metric: Metric) -> Iterator[str]:
        """Return the winner's parameters."""
        if not hasattr(self, "best_index_"):
            yield render_paragraphs(["There is no winner."])
            return
        has_score = hasattr(self, "best_score_")
        how = f"its score is the mean over {self.n_splits_} folds" if has_score else "refit has chosen it"
        yield render_paragraphs([f"The winner is candidate {self.best_index_}; {how}."])
        yield render_parameters(self.best_params_)
        yield from self._render_best_scores()
        gain = self._get_quick_gain()
        if gain is not None:
            yield render_paragraphs([describe_tuning_gain(gain, metric)])

    def _render_best_scores(self) -> Iterator[str]:
        """Return what the winner, or the final model of a selector, has of each objective and limit."""
        reached = [f"{name} {value:.5g}" for name, value in getattr(self, "best_scores_", {}).items()]
        if reached:
            yield render_paragraphs([f"Objectives and limits: {', '.join(reached)}."])

    def _describe_candidates(self) -> Iterator[str]:
        """Return how the candidates ended, and what the first error was."""
        statuses = [Status(status) for status in self.trials_["status"]]
        yield f"{describe_counts(statuses)}, in {self._phase_timer.total:.3g} s."
        if Status.FAILED in statuses:
            first = statuses.index(Status.FAILED)
            line = extract_exception_line(self.trials_["error"][first] or "no error was recorded")
            row = sum(status in MEASURED_STATUSES for status in statuses[:first])
            yield f"The first that failed is candidate {row}: {shorten(line, MAX_ERROR_LENGTH)}"

    def _begin_fit(self) -> float:
        """Drop what an earlier fit has set, and check the parameters; return the time at which the fit began.

        Without the dropping, something of an earlier fit could be taken for a result of this one.
        """
        start = clock.now()
        for name in [name for name in vars(self) if name.endswith("_") and not name.startswith("_")]:
            delattr(self, name)
        if hasattr(self, "_default"):
            del self._default
        check_scorer_names(getattr(self, "scoring", None))  # scikit-learn lists sixty names, and suggests none
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), caller_name=type(self).__name__
        )
        return start

    def _publish(self, run: SearchRun) -> SearchResults:
        """Set the fitted attributes from the finished trials, and then report failures.

        Attributes come first: a warning may be an error, and a user's function that chooses the winner may fail.
        """
        folds = run.spec.folds
        self._phase_timer = run.phase_timer
        self._fold_sizes = np.array([(len(fold.train), len(fold.test)) for fold in folds])
        self._fold_digest = compute_digest([(fold.train, fold.test) for fold in folds])
        self.study_ = run.study
        records, results_spec = self._add_default(run)
        self.trials_ = Trials(format_trials(records, n_folds=len(folds)))
        table = tabulate(records, len(folds), results_spec)
        self.multimetric_ = table.is_multimetric
        self.trials_.metrics = self._describe_metrics(table)
        self.cv_results_ = CVResults(table.cv_results, self._count_unexpected_gaps(run), hasattr(self, "pruner"))
        self._publish_front(run.spec.results.make_rule)
        results = choose_winner(table, len(folds), results_spec)
        if results.best_index is not None:
            self.best_index_ = self.trials_.best_row = results.best_index
            self.best_params_ = results.cv_results["params"][results.best_index]
        if results.best_score is not None:
            self.best_score_ = results.best_score
        self._publish_best_scores()
        self._default = replace(self._default, gain=self._compute_tuning_gain(results, run.spec.results.metric))
        self._keep_candidate_rows(collect_candidate_rows(run, results_spec.refit, results.cv_results))
        measured = [record for record in records if record.is_measured]
        report_failures(measured, results.cv_results, len(folds), run.spec.results.error_score)
        is_verbose = getattr(self, "verbose", 0) > 0
        gain = self._get_quick_gain() if is_verbose or logger.isEnabledFor(logging.INFO) else None
        if gain is not None:
            text = describe_tuning_gain(gain, self._read_metric())
            logger.info("%s", text)
            if is_verbose:
                print(text)
        return results

    def _add_default(self, run: SearchRun) -> tuple[Sequence[TrialRecord], ResultsSpec]:
        """Note what is known of the default; make it a row if the rule that chooses the winner compares with it."""
        records, spec, default = run.records, run.spec.results, run.default
        scores = () if default.record is None else select_fold_scores(default.record.outcome, spec.metric)
        seconds = default.record.seconds if default.record is not None and default.row is None else 0.0
        self._default = _Default(tuple(scores), default.reason, seconds=seconds)
        if not isinstance(spec.refit, ComparesWithDefault):
            return records, spec
        row = default.row
        if default.record is not None and row is None:
            row, records = sum(record.is_measured for record in records), (*records, default.record)
            self._default = replace(self._default, seconds=0.0)  # they are those of a row
        return records, replace(spec, refit=spec.refit.with_default(row, self._test_over_train))

    def _get_quick_gain(self) -> TuningGain | None:
        """Return the gain of tuning; that of the folds, if correcting it would keep a notebook or a log waiting."""
        default = vars(self).get("_default")
        if default is None or default.gain is None:
            return None
        return get_tuning_gain(self) if self._is_corrected_quickly else default.gain

    @property
    def _test_over_train(self) -> float:
        return float(np.mean(self._fold_sizes[:, 1] / self._fold_sizes[:, 0]))

    def _compute_tuning_gain(self, results: SearchResults, metric: str | None) -> TuningGain | None:
        if results.winner is None or not self._default.scores:
            return None
        winner = select_fold_scores(results.winner.outcome, metric)
        return compute_tuning_gain(winner, self._default.scores, test_over_train=self._test_over_train)

    def _describe_metrics(self, table: SearchResults) -> dict[str, Metric]:
        """Return what each mean score of the table is called."""
        prefix, scorer = "mean_test_", getattr(self, "scorer_", None)
        names = [name.removeprefix(prefix) for name in table.cv_results if name.startswith(prefix)]
        if not table.is_multimetric:
            return {f"{prefix}score": describe_metric(scorer)}
        scorers = scorer if isinstance(scorer, Mapping) else {}  # a function that returns several scores has no others
        return {f"{prefix}{name}": describe_metric(scorers.get(name), name) for name in names}

    def _count_unexpected_gaps(self, run: SearchRun) -> int:
        """Count the candidates that were stopped early; 0 if the user has chosen a pruner, and so knows of them."""
        if getattr(self, "pruner", "auto") != "auto":
            return 0
        return sum(record.outcome.status == Status.PRUNED for record in run.records)

    def _publish_partial(self, run: SearchRun) -> None:
        """Set the fitted attributes from the trials so far, as far as they allow."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._publish(run)
        except Exception as error:  # a user's function that chooses the winner may raise anything
            logger.info("The search ended before there was a result: %s", error)


class DefaultScoreMixin:
    """The attributes of a search that compares its winner with the estimator's own parameters."""

    _default: _Default
    best_score_: float
    _correct_gain: Callable[[float], ConfidenceInterval | None]

    @property
    def default_score_(self) -> float:
        """Mean score over the folds of the estimator with its own parameters; higher is better."""
        if not self._get_default("default_score_").scores:
            raise AttributeError(f"There is no default_score_. {self._default.reason}")
        return float(np.mean(self._default.scores))

    @property
    def tuning_gain_(self) -> TuningGain:
        """By how much the winner is better than the estimator with its own parameters, with a confidence interval."""
        gain = self._get_default("tuning_gain_").gain
        if gain is None:
            reason = self._default.reason or "There is no winner to compare with the estimator's own parameters."
            raise AttributeError(f"There is no tuning_gain_. {reason}")
        if gain == TuningGain(0.0, 0.0, 0.0) or not hasattr(self, "best_score_"):  # the winner is the default
            return gain
        corrected = self._correct_gain(self.default_score_)
        return gain if corrected is None else TuningGain(corrected.mean, corrected.low, corrected.high, True)

    def _get_default(self, attribute: str) -> _Default:
        if "_default" not in vars(self):
            raise AttributeError(f"{attribute} is available after fit.")
        return self._default


def _is_secret(value: object) -> bool:
    return type(value) is str and "://" in value and has_secret(value)


def make_progress(
    verbose: int, callbacks: Sequence[Callable[..., Any]] | None, stages: Sequence[str] = ()
) -> SearchProgress:
    """Return what shows how a search is doing: by ``verbose``, and by the user's callbacks of the type `TrialProgress`.

    If the user has passed one, ``verbose`` adds no second one. From ``verbose=2`` on there is no bar, because the lines
    that scikit-learn prints for each fold would break it.
    """
    is_shown = any(isinstance(callback, TrialProgress) for callback in callbacks or ())
    own = TrialProgress(bar="auto" if verbose == 1 else False) if verbose > 0 and not is_shown else None
    return SearchProgress(own, callbacks or (), stages)


def print_n_fits(verbose: int, n_folds: int, n_candidates: int) -> None:
    """Print scikit-learn's own first line, if ``verbose`` is more than 0."""
    if verbose > 0:
        print(f"Fitting {n_folds} folds for each of {n_candidates} candidates, totalling {n_folds * n_candidates} fits")


def get_phase_timer(search: object) -> PhaseTimer | None:
    """Return the seconds of a search by phase; None of a search of another package."""
    return getattr(search, "_phase_timer", None)


def get_fold_sizes(search: object) -> np.ndarray | None:
    """Return the training and test rows of each fold, of shape (n_folds, 2); None of a search of another package."""
    return getattr(search, "_fold_sizes", None)


def get_fold_digest(search: object) -> str | None:
    """Return the digest of the training and test rows of all folds; None of a search of another package."""
    return getattr(search, "_fold_digest", None)


def get_deployed_model(search: FittedSearch) -> Any:
    """Return the fitted model of a search, of this package or another, without the search."""
    return search.deployed_model() if isinstance(search, BaseSearch) else search.best_estimator_


def get_default_seconds(search: object) -> float:
    """Return the seconds that a search spent on the estimator's own parameters beside its candidates."""
    default = getattr(search, "_default", None)
    return default.seconds if isinstance(default, _Default) else 0.0


def get_tuning_gain(search: object) -> TuningGain | None:
    """Return by how much the winner is better than the estimator with its own parameters; None if that is not known."""
    return getattr(search, "tuning_gain_", None)
