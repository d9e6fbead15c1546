"""Compare search methods as a YAML configuration says, and write the folder of a comparison."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone

from sklearn_autotune._compat.messages import extract_exception_line
from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.types import MatrixLike
from sklearn_autotune.analysis._comparison import Comparison
from sklearn_autotune.analysis._comparison import compare as compare_methods
from sklearn_autotune.runner._config import (
    Compare,
    Config,
    ConfigError,
    Range,
    parse_config,
    read_config_text,
    redact_config_text,
)
from sklearn_autotune.runner._data import RunData, check_folds, make_run_splitter, read_run_data
from sklearn_autotune.runner._folder import (
    METADATA,
    choose_new_folder,
    describe_origin,
    make_mlflow_tags,
    read_metadata,
    try_write_report,
    write_config,
    write_folder_atomically,
    write_json,
)
from sklearn_autotune.runner._keys import OPTUNA_KEYS, TUNED
from sklearn_autotune.runner._mlflow import open_mlflow_store
from sklearn_autotune.runner._scores import choose_scoring, make_run_scorer, request_in_comparison, validate_scoring
from sklearn_autotune.runner._search import make_prepared_model, make_search
from sklearn_autotune.tracking import log_comparison

__all__ = ["compare", "load_comparison"]

# For all methods, if the configuration gives no number.
N_TRIALS = 50

TABLES = ("summary", "differences", "rows")


def compare(
    path: str | Path,
    *,
    folder: str | Path | None = None,
    callbacks: Sequence[Callable[[Mapping[str, Any]], None]] = (),
) -> Path:
    """Compare search methods as a configuration says, and write a folder.

    Each method is a search as `run` makes it, with the same budget and the same inner folds, fitted on the training
    rows of the same outer folds. Rows that the configuration holds out take no part: they stay unseen for a `run` with
    the method that is chosen.

    Parameters
    ----------
    path : str or Path
        The YAML file.
    folder : str or Path or None, default=None
        The folder to write. None is a new one, named after the file and the time, in the folder that the file names.
    callbacks : sequence of callable, default=()
        As of `sklearn_autotune.compare`.

    Returns
    -------
    folder : Path

    Raises
    ------
    ConfigError
        Before anything is fitted or written.
    FileExistsError
        If the folder is there already.
    RunFolderError
        If the folder cannot be written, before anything is fitted.
    RuntimeError
        If every method failed on every fold; nothing is written.
    """
    path = Path(path)
    text = read_config_text(path)
    config = parse_config(text, path)
    base = path.resolve().parent
    created = datetime.now(UTC)
    name = f"{path.stem}-compare-{created:%Y%m%d-%H%M%S}"
    target = choose_new_folder(folder, base / config.output.folder / name)
    start = time.perf_counter()
    _check_no_run_keys(config)
    run_data = read_run_data(config, base)
    validate_scoring(config, run_data)
    folds, searches = _draw_outer_folds(config, run_data), _make_searches(config, run_data, base)
    store = open_mlflow_store(config, base)
    origin = describe_origin("comparison", config, run_data, base)
    comparison = _run_comparison(config, run_data, folds, searches, callbacks)
    _check_any_score(comparison)
    with write_folder_atomically(target) as new_folder:
        for table in TABLES:
            frame = comparison.to_frame(table).drop(columns=["trace"], errors="ignore")
            frame.to_csv(new_folder / f"{table}.csv", index=False)
        report = try_write_report(config, comparison, new_folder, f"Comparison of {path.name}", None)
        metadata = origin | {
            "created": created.isoformat(timespec="seconds"),
            "seconds": {"total": time.perf_counter() - start},
            "config_file": write_config(new_folder, redact_config_text(text, config)),
            "n_trials": config.n_trials or N_TRIALS,
            "report": report,
            "best": comparison.best,
            "leading": comparison.leading,
            "verdict": comparison.verdict(),
            "summary": comparison.summary,
            "differences": comparison.differences,
            "comparison": {name: getattr(comparison, name) for name in Comparison.__slots__},
        }
        write_json(new_folder / METADATA, metadata)
        if store is not None:
            log = partial(log_comparison, comparison)
            metadata["tracking"] = store.log(log, new_folder, target.name, {}, make_mlflow_tags(metadata))
            write_json(new_folder / METADATA, metadata)
    return target


def load_comparison(folder: str | Path) -> Comparison:
    """Read a comparison from its folder, for its tables and displays.

    Parameters
    ----------
    folder : str or Path
        As `compare` has written it.

    Returns
    -------
    comparison : Comparison
        Parameters that JSON has no word for are strings.

    Raises
    ------
    RunFolderError
        If it is no such folder.
    """
    stored_comparison = read_metadata(Path(folder), "comparison")["comparison"]
    for row in stored_comparison["rows"]:
        row["score"] = np.nan if row["score"] is None else row["score"]
        row["trace"] = None if row["trace"] is None else tuple(np.array(one, dtype=float) for one in row["trace"])
    return Comparison(**stored_comparison)


# -- before anything is fitted -----------------------------------------------------------------------------------------


def _check_no_run_keys(config: Config) -> None:
    if config.tracking is not None and config.tracking.registered_model is not None:
        raise ConfigError("tracking.registered_model: compare makes no model to be registered; leave it out")
    for name in ("storage", "study_name", "resume"):
        if getattr(config, name):
            raise ConfigError(
                f"{name}: compare keeps no trials: each method has a study on each outer fold; leave it out"
            )


def _list_method_names(config: Config) -> list[str]:
    """Return the methods that the configuration names, or those that are possible with it."""
    section = config.compare or Compare()
    if section.methods is not None:
        return list(dict.fromkeys(section.methods))
    if config.model_type == "auto":
        return ["automl"]
    if config.model_type == TUNED:
        return ["optuna"]
    has_range = any(isinstance(value, Range) and value.choices is None for value in config.space.values())
    return ["optuna", "random"] if has_range else ["optuna", "random", "grid"]


def _make_method_config(config: Config, method: str) -> Config:
    """Return the configuration of a run with a method and the budget that all methods have."""
    changes: dict[str, Any] = {"optimization_method": method, "n_trials": config.n_trials or N_TRIALS}
    if method == "automl" and config.model_type != "auto":
        changes |= {"model_type": "auto", "space": {}, "params": None}
    if method != "optuna":
        changes |= dict.fromkeys(OPTUNA_KEYS)
    return config.model_copy(update=changes)


def _make_searches(config: Config, run_data: RunData, base: Path) -> dict[str, Any]:
    searches = {}
    for method in _list_method_names(config):
        try:
            if method in FRAMEWORKS:
                searches[method] = _make_framework(config, run_data, method)
            else:
                searches[method] = make_search(_make_method_config(config, method), run_data, base)
        except ConfigError as error:
            raise ConfigError(f"compare.methods: {method}: {error}") from None
    return searches


def _draw_outer_folds(config: Config, run_data: RunData) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw the outer folds, and check that inner folds can be drawn in each.

    Raises
    ------
    ConfigError
        If there are too few rows, groups or members of a class.
    """
    n_folds, train = (config.compare or Compare()).cv, run_data.train
    try:
        splitter = make_run_splitter(config.model_copy(update={"cv": n_folds}), run_data)
        folds = list(splitter.split(train.X, train.y, train.groups))
        for rows, _ in folds:
            inner = replace(run_data, train=train.take(rows))
            check_folds(config, inner)
    except ValueError as error:
        raise ConfigError(
            f"compare.cv: {n_folds} outer folds with cv: {config.cv} in each cannot be: {error}"
        ) from None
    return folds


# -- other packages ----------------------------------------------------------------------------------------------------

# FLAML's names of scikit-learn's scores.
FLAML_METRICS = {
    "accuracy": "accuracy",
    "neg_log_loss": "log_loss",
    "roc_auc": "roc_auc",
    "roc_auc_ovr": "roc_auc_ovr",
    "roc_auc_ovo": "roc_auc_ovo",
    "f1": "f1",
    "f1_micro": "micro_f1",
    "f1_macro": "macro_f1",
    "average_precision": "ap",
    "r2": "r2",
    "neg_root_mean_squared_error": "rmse",
    "neg_mean_squared_error": "mse",
    "neg_mean_absolute_error": "mae",
    "neg_mean_absolute_percentage_error": "mape",
}


class _FrameworkRegressor(RegressorMixin, BaseEstimator):
    """A search of another package, whose ``fit`` may return anything."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, X: MatrixLike, y: np.ndarray) -> "_FrameworkRegressor":
        self.model_ = clone(self.model)
        self.model_.fit(X, y)
        return self

    def predict(self, X: MatrixLike) -> np.ndarray:
        return np.asarray(self.model_.predict(X))


class _FrameworkClassifier(ClassifierMixin, BaseEstimator):
    """A search of another package, which gets the classes as 0, 1, 2 and so on: TPOT 1.1 predicts no other labels."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, X: MatrixLike, y: np.ndarray) -> "_FrameworkClassifier":
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.model_ = clone(self.model)
        self.model_.fit(X, codes)
        return self

    def predict(self, X: MatrixLike) -> np.ndarray:
        labels: np.ndarray = self.classes_[np.asarray(self.model_.predict(X)).astype(int)]
        return labels

    def predict_proba(self, X: MatrixLike) -> np.ndarray:
        return np.asarray(self.model_.predict_proba(X))


def _make_flaml(config: Config, run_data: RunData, scoring: str) -> Any:
    if scoring not in FLAML_METRICS:
        raise ConfigError(f"scoring: FLAML has no {scoring}; write one of {', '.join(FLAML_METRICS)}")
    automl = import_optional("flaml", "This method").AutoML
    return automl(
        task=run_data.task,
        metric=FLAML_METRICS[scoring],
        time_budget=config.timeout,
        n_jobs=config.n_jobs or 1,
        seed=config.seed,
        verbose=0,
    )


def _make_tpot(config: Config, run_data: RunData, scoring: str) -> Any:
    tpot = import_optional("tpot", "This method")
    kind = tpot.TPOTClassifier if run_data.task == "classification" else tpot.TPOTRegressor
    assert config.timeout is not None
    return kind(
        search_space="linear-light",
        scorers=[scoring],
        max_time_mins=config.timeout / 60,
        population_size=8,  # it looks at the time between generations
        n_jobs=config.n_jobs or 1,
        random_state=config.seed,
        verbose=0,
    )


FRAMEWORKS = {"flaml": _make_flaml, "tpot": _make_tpot}


def _make_framework(config: Config, run_data: RunData, method: str) -> Any:
    """Return a search of another package by its name, behind the steps that prepare the table.

    Raises
    ------
    ConfigError
        If it is not installed, or the configuration asks for what it cannot do.
    """
    if config.timeout is None:
        raise ConfigError("timeout: it searches for so many seconds; write a number")
    unknown = next((name for name in ("objectives", "limits", "threshold") if getattr(config, name) is not None), None)
    if unknown is not None:
        raise ConfigError(f"{unknown}: it searches by one score alone; leave out one of them")
    if run_data.train.sample_weight is not None:
        raise ConfigError("sample_weight: it takes no weights here; leave out one of them")
    if run_data.train.groups is not None or config.time is not None or run_data.rule in ("group", "time"):
        raise ConfigError("groups and times: its own folds do not keep to them; leave out one of them")
    try:
        model = FRAMEWORKS[method](config, run_data, choose_scoring(config, run_data.task))
    except ImportError as error:
        raise ConfigError(str(error)) from None
    wrap = _FrameworkClassifier if run_data.task == "classification" else _FrameworkRegressor
    return make_prepared_model(wrap(model), run_data, config.seed)


# -- what came out -----------------------------------------------------------------------------------------------------


def _run_comparison(
    config: Config, run_data: RunData, folds: Sequence[Any], searches: Mapping[str, Any], callbacks: Sequence[Any]
) -> Comparison:
    scoring = choose_scoring(config, run_data.task)
    classes = np.unique(run_data.train.y) if run_data.task == "classification" else None
    scorer, weight = make_run_scorer(scoring, classes), run_data.train.sample_weight
    with nullcontext() if weight is None else config_context(enable_metadata_routing=True):
        comparison = compare_methods(
            searches,
            run_data.train.X,
            run_data.train.y,
            scoring=scorer if weight is None else request_in_comparison(searches, scorer),
            cv=folds,
            groups=run_data.train.groups,
            params=None if weight is None else {"sample_weight": weight},
            random_state=config.seed,
            baselines=(config.compare or Compare()).baselines,
            callbacks=callbacks,
        )
    return replace(comparison, metric=scoring)


def _check_any_score(comparison: Comparison) -> None:
    rows = [row for row in comparison.rows if row["method"] not in comparison.baselines]
    if all(row["error"] is not None for row in rows):
        first = rows[0]
        raise RuntimeError(
            f"every method failed on every outer fold; the first, {first['method']}, with "
            f"{extract_exception_line(first['error'])}"
        )
