"""Searches and comparisons in MLflow: a run for the whole, runs inside it, and the model with its signature."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from sklearn_autotune._compat.messages import make_encodable
from sklearn_autotune._compat.mlflow import MAX_PARAM_LENGTH, import_mlflow, log_model, make_mlflow_name
from sklearn_autotune._compat.types import FittedSearch, Predictor
from sklearn_autotune._compat.urls import find_sqlite_file, redact_text, redact_url
from sklearn_autotune.analysis._aims import flatten_params
from sklearn_autotune.analysis._comparison import Comparison
from sklearn_autotune.evaluation import average_scores
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.search._base_search import get_deployed_model
from sklearn_autotune.search._front_attributes import get_front
from sklearn_autotune.storage._base import require_secrets
from sklearn_autotune.storage._outcomes import OUTCOME_ATTRIBUTE, find_row
from sklearn_autotune.storage._study import OBJECTIVES_ATTRIBUTE, read_eligible_score, read_score, read_study_metric

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["MLflowCallback", "log_comparison", "log_search"]


# How a run of MLflow ends, for each way in which a trial does.
RUN_STATUS: dict[str, str] = {Status.COMPLETE: "FINISHED", Status.PRUNED: "KILLED", Status.FAILED: "FAILED"}

# MLflow's own limits.
MAX_TAG_LENGTH = 5000
MAX_PARAMS_PER_BATCH = 100


class MLflowCallback:
    """Logs a search to MLflow while it runs; one of ``callbacks``.

    The search is a run, and each candidate a run inside it, with its parameters, the score of each fold, the mean, the
    seconds and how it ended: complete candidates are FINISHED, those stopped early KILLED, failed ones FAILED with the
    error in a tag. "candidate 31" is row 31 of ``cv_results_``; the tag "trial" holds the number of its trial in the
    study. The run of the search has the best score so far as a metric, step by step, and a tag "metric" that says what
    the score is called; as in ``cv_results_``, higher is better.

    A search with objectives or limits logs each of them by its name in ``best_scores_``, costs as positive numbers, and
    for each limit how far the candidate is from it, in parts of the bound ("violation_bytes"; 0 or less meets it). Only
    candidates that meet the limits count for the best score so far. `finish` logs the winner's values ("best_bytes"),
    and the front as the file "front.csv".

    Parameters
    ----------
    tracking_uri : str, default=None
        Where MLflow's store is; None is what MLflow itself goes by.
    experiment_name : str, default=None
        The experiment, made if there is none. None is MLflow's default one.
    run_name : str, default=None
        Name of the search's run. None is the name of the study.
    tags : dict of str to str, default=None
        For the search's run.

    Attributes
    ----------
    run_id_ : str
        The search's run.

    Notes
    -----
    Nothing of MLflow's global state is changed. If a run is active when the search begins, the search's run stands
    inside it. A callback is not told that a search is over: `finish` closes the run and logs the winner, and the end of
    a ``with`` statement closes it. A search under another study closes the run of the one before.

    Examples
    --------
    >>> from sklearn_autotune.tracking import MLflowCallback
    >>> tracked = MLflowCallback(tracking_uri="sqlite:///mlflow.db", experiment_name="loans")
    >>> # search = OptunaSearchCV(model, space, callbacks=[tracked]).fit(X, y)
    >>> # tracked.finish(search, X)
    """

    def __init__(
        self,
        *,
        tracking_uri: str | None = None,
        experiment_name: str | None = None,
        run_name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self.tracking_uri = tracking_uri
        self.experiment_name = experiment_name
        self.run_name = run_name
        self.tags = tags
        self._run: _SearchRun | None = None

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Log a trial that has been told."""
        if self._run is None or self._run.study is not study:
            self.close()
            self._run = _SearchRun(study, self.tracking_uri, self.experiment_name, self.run_name, self.tags)
            self.run_id_ = self._run.run_id
        self._run.log_trial(trial)

    def __enter__(self) -> "MLflowCallback":
        """Return itself; the run begins with the first trial."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        """Close the search's run, as failed if an exception has ended the block."""
        self.close("FINISHED" if kind is None else "FAILED")

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the run under way, since a copy starts one of its own, and the secrets of the store's URL."""
        uri = None if self.tracking_uri is None else redact_url(self.tracking_uri)
        return {name: getattr(self, name) for name in ("experiment_name", "run_name", "tags")} | {"tracking_uri": uri}

    def __deepcopy__(self, memo: dict[int, Any]) -> "MLflowCallback":
        """Copy with the secrets: clones of a search log to the same store."""
        copied = object.__new__(type(self))
        copied.__setstate__(self.__getstate__() | {"tracking_uri": self.tracking_uri})
        return copied

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start without a run."""
        self.__dict__.update(state)
        self._run = None

    def finish(
        self,
        search: FittedSearch,
        X: "np.ndarray | pd.DataFrame | None" = None,
        *,
        registered_model_name: str | None = None,
    ) -> str:
        """Log what won, and the final model, and close the search's run.

        Parameters
        ----------
        search : estimator
            Fitted, with this callback.
        X : array-like or DataFrame of shape (n_samples, n_features), default=None
            Rows as those of training, for the model's signature. None logs the model without one.
        registered_model_name : str, default=None
            The name under which to register the model; None registers none.

        Returns
        -------
        run_id : str

        Raises
        ------
        RuntimeError
            If no trial has been logged.
        """
        if self._run is None:
            raise RuntimeError("No trial has been logged: pass this callback to the search, in callbacks, and fit it.")
        self._run.log_winner(search, X, registered_model_name)
        self.close()
        return self.run_id_

    def close(self, status: str = "FINISHED") -> None:
        """Close the search's run, if one is open.

        Parameters
        ----------
        status : {"FINISHED", "FAILED", "KILLED"}, default="FINISHED"
        """
        if self._run is not None:
            self._run.close(status)
            self._run = None


def log_search(
    search: FittedSearch,
    X: "np.ndarray | pd.DataFrame | None" = None,
    *,
    tracking_uri: str | None = None,
    experiment_name: str | None = None,
    run_name: str | None = None,
    tags: Mapping[str, str] | None = None,
    registered_model_name: str | None = None,
) -> str:
    """Log a search that is over, as `MLflowCallback` would have done while it ran.

    Parameters
    ----------
    search : estimator
        Fitted, of this package.
    X : array-like or DataFrame of shape (n_samples, n_features), default=None
        Rows as those of training, for the model's signature. None logs the model without one.
    tracking_uri, experiment_name, run_name, tags : object
        As of `MLflowCallback`.
    registered_model_name : str, default=None
        The name under which to register the model; None registers none.

    Returns
    -------
    run_id : str
        The search's run.

    Raises
    ------
    ValueError
        If the search has no study.

    Examples
    --------
    >>> from sklearn_autotune.tracking import log_search
    >>> # run_id = log_search(search, X, tracking_uri="sqlite:///mlflow.db", experiment_name="loans")
    """
    study = getattr(search, "study_", None)
    if not isinstance(study, optuna.Study):
        raise ValueError(f"{type(search).__name__} has no study_: pass a search of this package, fitted.")
    run = _SearchRun(study, tracking_uri, experiment_name, run_name, tags)
    with run.close_at_exit():
        for trial in study.get_trials(deepcopy=False):
            if _get_status(trial) in RUN_STATUS:
                run.log_trial(trial)
        run.log_winner(search, X, registered_model_name)
    return run.run_id


def log_comparison(
    comparison: Comparison,
    *,
    tracking_uri: str | None = None,
    experiment_name: str | None = None,
    run_name: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Log what `compare` has returned: a run for the comparison, and a run inside it for each method.

    A method's run has the means of the summary as metrics, and score, inner score and seconds of each outer fold, whose
    number is the step. A method that failed on a fold is FAILED, with the first error in a tag.

    Parameters
    ----------
    comparison : Comparison
    tracking_uri, experiment_name : str, default=None
        As of `MLflowCallback`.
    run_name : str, default=None
        None is "comparison".
    tags : mapping of str to str, default=None
        As of `MLflowCallback`.

    Returns
    -------
    run_id : str
        The comparison's run.

    Examples
    --------
    >>> from sklearn_autotune.tracking import log_comparison
    >>> # run_id = log_comparison(comparison, tracking_uri="sqlite:///mlflow.db", experiment_name="loans")
    """
    run = _ComparisonRun(run_name or "comparison", tracking_uri, experiment_name, tags)
    with run.close_at_exit():
        run.log(comparison)
    return run.run_id


class _Run:
    """A run of MLflow with runs inside it, through a client of its own.

    It stands inside the run that is active, if one is.
    """

    def __init__(
        self, name: str, tracking_uri: str | None, experiment_name: str | None, tags: Mapping[str, str] | None
    ) -> None:
        require_secrets(tracking_uri)
        self.mlflow = import_mlflow()
        self.tracking_uri = tracking_uri
        self.client = self.mlflow.MlflowClient(tracking_uri=tracking_uri)
        self.experiment_id = self._get_experiment_id(experiment_name)
        active = self.mlflow.active_run()
        outer = {} if active is None else {"mlflow.parentRunId": active.info.run_id}
        self.run_id = self._create_run(name, {**outer, **(tags or {})}, None)

    def _get_experiment_id(self, name: str | None) -> str:
        if name is None:
            active = self.mlflow.active_run()
            return "0" if active is None else active.info.experiment_id
        found = self.client.get_experiment_by_name(name)
        if found is not None:
            return found.experiment_id
        return self.client.create_experiment(name, artifact_location=_make_artifact_location(self.tracking_uri, name))

    def _create_run(self, name: str, tags: Mapping[str, str], start: datetime | None) -> str:
        run = self.client.create_run(
            self.experiment_id, start_time=_to_milliseconds(start), tags={"mlflow.runName": name, **tags}
        )
        return run.info.run_id

    def _log(
        self, run_id: str, metrics: list[tuple[str, float, int]], params: Mapping[str, Any], when: int | None
    ) -> None:
        entities = self.mlflow.entities
        moment = int(1000 * time.time()) if when is None else when
        texts = {name: make_encodable(str(value))[:MAX_PARAM_LENGTH] for name, value in params.items()}
        named = {make_mlflow_name(name): text for name, text in texts.items()}
        items = [entities.Param(name, value) for name, value in named.items()]
        points = [
            entities.Metric(make_mlflow_name(name), value, moment, step)
            for name, value, step in metrics
            if isfinite(value)
        ]
        self.client.log_batch(run_id, metrics=points, params=items[:MAX_PARAMS_PER_BATCH])
        for start in range(MAX_PARAMS_PER_BATCH, len(items), MAX_PARAMS_PER_BATCH):
            self.client.log_batch(run_id, params=items[start : start + MAX_PARAMS_PER_BATCH])

    def close(self, status: str) -> None:
        """End the run."""
        self.client.set_terminated(self.run_id, status)

    @contextmanager
    def close_at_exit(self) -> Iterator[None]:
        """End the run with the block: as failed, if an exception does."""
        try:
            yield
        except BaseException:
            self.close("FAILED")
            raise
        self.close("FINISHED")


class _SearchRun(_Run):
    """The run of a search, with a run inside it for each trial."""

    def __init__(
        self,
        study: optuna.Study,
        tracking_uri: str | None,
        experiment_name: str | None,
        run_name: str | None,
        tags: Mapping[str, str] | None,
    ) -> None:
        super().__init__(run_name or study.study_name, tracking_uri, experiment_name, tags)
        self.study = study
        self.best: float | None = None
        self.client.set_tag(self.run_id, "metric", read_study_metric(study).name)

    def log_trial(self, trial: FrozenTrial) -> None:
        """Log one trial as a run inside the search's."""
        status = _get_status(trial)
        outcome = trial.user_attrs.get(OUTCOME_ATTRIBUTE, {})
        row = find_row(self.study, trial.number)
        tags = {"mlflow.parentRunId": self.run_id, "status": status, "candidate": str(row), "trial": str(trial.number)}
        if outcome.get("error"):
            tags["error"] = outcome["error"][-MAX_TAG_LENGTH:]
        run_id = self._create_run(f"candidate {row}", tags, trial.datetime_start)
        end = _to_milliseconds(trial.datetime_complete)
        params = {**trial.params, **outcome.get("settled", {})}
        self._log(run_id, _collect_metrics(self.study, trial, outcome), params, end)
        self.client.set_terminated(run_id, RUN_STATUS.get(status, "KILLED"), end_time=end)
        score = read_eligible_score(self.study, trial)
        if score is not None and (self.best is None or score > self.best):
            self.best = score
            self._log(self.run_id, [("best_score_so_far", self.best, trial.number)], {}, end)

    def log_winner(
        self, search: FittedSearch, X: "np.ndarray | pd.DataFrame | None", registered_model_name: str | None
    ) -> None:
        """Log what won, how the search was set, and the model."""
        found = {"best_score": "best_score_", "refit_seconds": "refit_time_"}
        values = {name: getattr(search, attribute, None) for name, attribute in found.items()}
        values |= {f"best_{name}": value for name, value in getattr(search, "best_scores_", {}).items()}
        metrics = [(name, float(value), 0) for name, value in values.items() if value is not None]
        settings = {
            f"search.{name}": re.sub(r" at 0x\w+", "", redact_text(str(value)))
            for name, value in search.get_params(deep=False).items()
            if value is not None and name != "callbacks"
        }
        best = {f"best.{name}": value for name, value in getattr(search, "best_params_", {}).items()}
        self._log(self.run_id, metrics, {**best, **settings}, None)
        self.client.set_tag(self.run_id, "search", type(search).__name__)
        front = get_front(search)
        if front is not None:
            self.client.log_text(self.run_id, flatten_params(front).to_csv(index=False), "front.csv")
        if getattr(search, "best_estimator_", None) is not None:
            self._log_model(get_deployed_model(search), X, registered_model_name)

    def _log_model(
        self, model: Predictor, X: "np.ndarray | pd.DataFrame | None", registered_model_name: str | None
    ) -> None:
        with self._use_own_tracking_uri(), self.mlflow.start_run(run_id=self.run_id):
            log_model(model, X, registered_model_name=registered_model_name)

    @contextmanager
    def _use_own_tracking_uri(self) -> Iterator[None]:
        """Set MLflow's global tracking URI for a while: models cannot be logged through a client."""
        if self.tracking_uri is None:
            yield
            return
        before = self.mlflow.get_tracking_uri() if self.mlflow.is_tracking_uri_set() else None
        self.mlflow.set_tracking_uri(self.tracking_uri)
        try:
            yield
        finally:
            self.mlflow.set_tracking_uri(before)


class _ComparisonRun(_Run):
    """The run of a comparison, with a run inside it for each method."""

    def log(self, comparison: Comparison) -> None:
        """Log the conclusion, the settings and each method."""
        texts = {
            "verdict": comparison.verdict(),
            "best": str(comparison.best),
            "leading": ", ".join(comparison.leading),
        }
        for name, text in texts.items():
            self.client.set_tag(self.run_id, name, text[:MAX_TAG_LENGTH])
        settings = {name: getattr(comparison, name) for name in ("metric", "n_folds", "confidence")}
        self._log(self.run_id, [], settings, None)
        columns = comparison.summary
        for index, method in enumerate(columns["method"]):
            means = {name: values[index] for name, values in columns.items() if name != "method"}
            self._log_method(comparison, method, means)

    def _log_method(self, comparison: Comparison, method: str, means: Mapping[str, float]) -> None:
        errors = [row["error"] for row in comparison.rows if row["method"] == method and row["error"] is not None]
        tags = {"mlflow.parentRunId": self.run_id, "method": method}
        tags["is_baseline"] = str(method in comparison.baselines)
        if errors:
            tags["error"] = errors[0][-MAX_TAG_LENGTH:]
        run_id = self._create_run(method, tags, None)
        metrics = [(name, float(value), 0) for name, value in means.items()]
        for name in ("score", "inner_score", "fit_seconds"):
            metrics += [(f"fold_{name}", float(one), fold) for fold, one in enumerate(comparison.column(name, method))]
        self._log(run_id, metrics, {}, None)
        self.client.set_terminated(run_id, "FAILED" if errors else "FINISHED")


def _make_artifact_location(tracking_uri: str | None, name: str) -> str | None:
    """Return where an experiment's files go: beside an SQLite file; None leaves it to MLflow."""
    path = find_sqlite_file(tracking_uri) if tracking_uri and tracking_uri.startswith("sqlite:") else None
    folder = None if path is None else Path(path).absolute().parent / "mlruns" / re.sub(r"[^\w\-.]", "_", name)
    return None if folder is None else folder.as_uri()


def _get_status(trial: FrozenTrial) -> str:
    """Return a trial's status by our own record: failed trials are told as pruned, so that samplers learn from them."""
    by_state = {TrialState.COMPLETE: Status.COMPLETE, TrialState.PRUNED: Status.PRUNED}
    state_name = by_state.get(trial.state, Status.CANCELLED)
    return trial.user_attrs.get(OUTCOME_ATTRIBUTE, {}).get("status", state_name)


def _collect_metrics(
    study: optuna.Study, trial: FrozenTrial, outcome: Mapping[str, Any]
) -> list[tuple[str, float, int]]:
    """Return name, value and step of all measurements; for folds, the step is the fold's number."""
    metrics, score = [], read_score(study, trial)
    folds = outcome.get("folds", {})
    tests = [test if isinstance(test, Mapping) else {"score": test} for test in folds.get("test", ())]
    costs = _find_costs(study, trial, tests[0] if tests else {})
    for fold, test in enumerate(tests):
        named = {costs.get(name, name): -value if name in costs else value for name, value in test.items()}
        metrics += [(f"fold_{name}", float(value), fold) for name, value in named.items()]
    if score is not None:
        metrics.append(("score", score, 0))
        aims = {**study.user_attrs.get(OBJECTIVES_ATTRIBUTE, {}), **trial.constraints}
        metrics += [(name, _average_metric(metrics, name), 0) for name in aims]
    metrics += [(f"violation_{name}", violation, 0) for name, violation in trial.constraints.items()]
    for kind in ("fit_seconds", "score_seconds"):
        if kind in folds and kind not in costs.values():
            metrics.append((kind, float(sum(folds[kind])), 0))
    for resource, tests in outcome.get("curve", ()):
        metrics.append(("rung_score", average_scores(tests, None), int(resource)))
    return metrics


def _find_costs(study: optuna.Study, trial: FrozenTrial, scores: Mapping[str, float]) -> dict[str, str]:
    """Return the names of costs and of limited losses, by the names of their scores, which are negated."""
    aims = {**study.user_attrs.get(OBJECTIVES_ATTRIBUTE, {}), **trial.constraints}
    return {f"neg_{name}": name for name in aims if name not in scores and f"neg_{name}" in scores}


def _average_metric(metrics: list[tuple[str, float, int]], name: str) -> float:
    """Return the mean of a measurement over the folds; NaN, which is not logged, if there is none of that name."""
    values = [value for each, value, _ in metrics if each == f"fold_{name}"]
    return sum(values) / len(values) if values else float("nan")


def _to_milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(1000 * moment.timestamp())
