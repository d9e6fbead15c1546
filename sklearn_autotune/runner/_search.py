"""Make the search that a configuration describes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import Pipeline

from sklearn_autotune._compat.messages import suggest_name
from sklearn_autotune.boosting._early_stopping import clone_without_early_stopping
from sklearn_autotune.boosting._tuned_xgboost import TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.evaluation._defaults import make_shuffled_folds
from sklearn_autotune.families import (
    FAMILIES,
    Family,
    Shape,
    auto_space,
    find_parameter_prefix,
    get_exclusion_reason,
    select_families,
)
from sklearn_autotune.families._chosen import find_family, suggest_family
from sklearn_autotune.families._xgboost import make_tuned_xgboost_space
from sklearn_autotune.inference._column_encoder import ColumnEncoder
from sklearn_autotune.inference._encoding import EncodingTransformer, LabelEncodingClassifier
from sklearn_autotune.runner._config import AIM_KEYS, Config, ConfigError, make_raw_space
from sklearn_autotune.runner._data import RunData, describe_task
from sklearn_autotune.search._optuna_search_cv import OptunaSearchCV
from sklearn_autotune.selection._auto_model_selector import AutoModelSelector
from sklearn_autotune.tables._preparation import make_preparation

__all__ = ["choose_default_scoring", "choose_scoring", "make_run_splitter", "make_search", "validate_scoring"]

Branch = dict[str, Any]


def choose_default_scoring(task: str) -> str:
    """Return the scorer's name if the configuration names none."""
    return "neg_log_loss" if task == "classification" else "neg_root_mean_squared_error"


def choose_scoring(config: Config, task: str) -> str:
    """Return the name of the scorer that decides: of the configuration, of its objectives, or the default."""
    return config.scoring or config.aims.scoring or choose_default_scoring(task)


def make_run_splitter(config: Config, run_data: RunData) -> Any:
    """Return the splitter of a run: by groups or in time if the hold-out is drawn so."""
    is_classification = run_data.task == "classification"
    if run_data.rule == "time":
        return TimeSeriesSplit(config.cv)
    has_groups = run_data.train.groups is not None
    if is_classification and not has_groups:
        rarest = int(np.unique(run_data.train.y, return_counts=True)[1].min())
        if rarest < config.cv:
            raise ConfigError(
                f"cv: {config.cv} folds, but the rarest class has {rarest} rows to learn from; write {rarest} or fewer"
            )
    return make_shuffled_folds(config.cv, is_classification, config.seed, has_groups=has_groups)


def validate_scoring(config: Config, run_data: RunData) -> None:
    """Refuse scores that do not fit the task, or that need a positive class which is not known."""
    is_classification = run_data.task == "classification"
    aims = config.aims
    named = {"scoring": config.scoring, "threshold": config.threshold}
    named |= {f"objectives and limits: {name}": name for name in aims.scorers}
    for key, scoring in named.items():
        if scoring is not None:
            _validate_scorer(key.partition(":")[0], scoring, run_data)
    if config.threshold is not None and (not is_classification or len(np.unique(run_data.train.y)) != 2):
        raise ConfigError(f"threshold: it is for two classes, but this is {describe_task(run_data)}")


def _validate_scorer(key: str, scoring: str, run_data: RunData) -> None:
    is_classification = run_data.task == "classification"
    if is_classification and scoring in ("f1", "precision", "recall", "jaccard", "average_precision"):
        labels = set(np.unique(run_data.train.y).tolist())
        if not labels <= {0, 1}:
            raise ConfigError(f"{key}: {scoring} is for the classes 0 and 1; take {scoring}_macro or roc_auc")
    errors = ("r2", "max_error", "explained_variance", "d2_absolute_error_score")
    is_regression_scoring = "error" in scoring or "deviance" in scoring or scoring in errors
    if is_classification and is_regression_scoring:
        raise ConfigError(f"{key}: {scoring} is for regression, but this is {describe_task(run_data)}")
    if not is_classification and not is_regression_scoring:
        raise ConfigError(f"{key}: {scoring} is for classification, but this is {describe_task(run_data)}")


def make_search(config: Config, run_data: RunData, base: Path, callbacks: Sequence[Any] = ()) -> Any:
    """Make the search that a configuration describes, not yet fitted.

    Parameters
    ----------
    config : Config
    run_data : RunData
    base : Path
        Where a storage's path starts.
    callbacks : sequence of callable, default=()
        Optuna callbacks.

    Returns
    -------
    search : OptunaSearchCV, TunedXGBClassifier, TunedXGBRegressor or AutoModelSelector

    Raises
    ------
    ConfigError
        If the space does not suit the model, or the model the task.
    """
    common_params: dict[str, Any] = {
        "timeout": config.timeout,
        "scoring": config.scoring,
        "cv": make_run_splitter(config, run_data),
        "n_jobs": config.n_jobs,
        "trial_timeout": config.trial_timeout,
        "memory_limit": config.memory_limit,
        "random_state": config.seed,
        "callbacks": list(callbacks),
    }
    if config.n_trials is not None:
        common_params["n_trials"] = config.n_trials
    common_params |= {
        "executor": config.executor,
        "storage": _resolve_storage(config, base),
        "study_name": config.study_name,
        "resume": config.resume,
    }
    if config.model_type == "auto":
        _refuse_aims(config, "automl")
        return AutoModelSelector(
            run_data.task,
            _resolve_families(config, run_data),
            generate_features=bool(config.generate_features),
            artifact_store=None if config.artifact_store is None else base / config.artifact_store,
            **common_params,
        )
    family = next(family for family in FAMILIES if family.name == config.model_type)
    if run_data.task not in family.tasks:
        raise ConfigError(
            f"model_type: {config.model_type} is for {family.tasks[0]}, but this is {describe_task(run_data)}"
        )
    reason = get_exclusion_reason(family, run_data.task, len(run_data.train.y))
    if reason is not None:
        raise ConfigError(f"model_type: {config.model_type} cannot be used: {reason}")
    if config.model_type == "xgboost" and config.method == "optuna":
        return _make_tuned_booster(config, run_data, common_params)
    if config.method == "optuna":  # the others compared with it choose their candidates without knowing any
        common_params["warm_start_from"] = _resolve_earlier_storages(config, base)
    return _make_pipeline_search(config, run_data, family, common_params)


def _refuse_aims(config: Config, method: str) -> None:
    """Refuse objectives and limits for a method that does not know them: compare may name one."""
    given = [name for name in AIM_KEYS if getattr(config, name) is not None]
    if given:
        raise ConfigError(f"{given[0]}: {method} does not take it; leave it out, or leave out {method}")


def _resolve_storage(config: Config, base: Path) -> Any:
    if config.storage is None or "://" in config.storage:
        return config.storage
    path = base / config.storage
    if not path.parent.is_dir():
        raise ConfigError(f"storage: there is no folder {path.parent}")
    return path


def _resolve_earlier_storages(config: Config, base: Path) -> list[str | Path] | None:
    if config.warm_start_from is None:
        return None
    storages = [name if "://" in name else base / name for name in config.warm_start_from]
    for storage in storages:
        if isinstance(storage, Path) and not storage.is_file():
            raise ConfigError(f"warm_start_from: there is no file {storage}")
    return storages


# -- tuned XGBoost -----------------------------------------------------------------------------------------------------


def _make_tuned_booster(config: Config, run_data: RunData, common_params: Mapping[str, Any]) -> Any:
    """Make a tuned booster: single values become parameters, ranges replace those of its default space."""
    is_classification = run_data.task == "classification"
    kind: Any = TunedXGBClassifier if is_classification else TunedXGBRegressor
    raw_space = make_raw_space(config)
    known = set(kind().get_params()) - set(common_params)
    _check_param_names(raw_space, known, "xgboost")
    fixed = {name: values[0] for name, values in raw_space.items() if isinstance(values, list) and len(values) == 1}
    ranges = {name: values for name, values in raw_space.items() if name not in fixed}
    if "n_estimators" in ranges:
        raise ConfigError("space.n_estimators: xgboost finds the number of rounds; write one number, the largest")
    if ranges:
        default_space = make_tuned_xgboost_space(Shape(len(run_data.train.y), is_classification, fixed))
        ranges = {name: values for name, values in default_space.items() if name not in fixed} | ranges
    return kind(**common_params, **fixed, space=ranges or None)


# -- other families ----------------------------------------------------------------------------------------------------


def _make_pipeline_search(
    config: Config, run_data: RunData, family: Family, common_params: dict[str, Any]
) -> OptunaSearchCV:
    """Make a search over a pipeline that encodes the raw table, prepares it and ends with a family's model."""
    pipeline = _make_pipeline(family, run_data, config.seed)
    prefix = "model__" + find_parameter_prefix(family, pipeline[-1])
    space = _make_family_space(config, run_data, family, pipeline, prefix)
    aims = config.aims
    common_params["scoring"] = choose_scoring(config, run_data.task) if aims.objectives is None else None
    common_params |= {"objectives": aims.objectives, "limits": aims.limits, "threshold": config.threshold}
    given = {"limit_confidence": config.limit_confidence, "infeasible": config.infeasible}
    common_params |= {name: value for name, value in given.items() if value is not None}
    if config.method == "random":
        common_params |= {"sampler": optuna.samplers.RandomSampler(seed=config.seed), "pruner": None}
    elif config.method == "grid":
        space = _make_grid(config, space)
        common_params |= {"n_trials": _count_candidates(space), "pruner": None}
    return OptunaSearchCV(pipeline, space, **common_params)


def _make_pipeline(family: Family, run_data: RunData, seed: int) -> Pipeline:
    columns = ColumnEncoder()
    columns.fit_transform(run_data.train.X)
    n_categories = columns.n_categories
    is_classification = run_data.task == "classification"
    n_rows = len(run_data.train.y)
    n_classes = len(np.unique(run_data.train.y)) if is_classification else 2
    n_columns = int(np.clip(n_categories, 1, 20).sum())
    model = family.make(Shape(n_rows, is_classification, n_columns=n_columns, n_classes=n_classes))  # type: ignore[misc]
    seeds = [name for name in model.get_params() if name.rpartition("__")[2] == "random_state"]
    model.set_params(**dict.fromkeys(seeds, seed))
    kind = family.columns
    preparation = make_preparation(kind, n_categories, n_rows, is_classification)
    if kind == "native" and "categorical_features" in model.get_params():
        kept = preparation.transformers[0][2]
        model.set_params(categorical_features=np.flatnonzero(n_categories[kept] > 0).tolist() or None)
    elif kind == "native":
        preparation = make_preparation("coded", n_categories, n_rows, is_classification)
    if family.rounds is not None:  # nothing is held out for early stopping: the number of rounds is searched
        model = clone_without_early_stopping(model)
        if is_classification and family.estimators[0].startswith("xgboost."):  # it takes no other labels
            model = LabelEncodingClassifier(model)
    return Pipeline([("read", EncodingTransformer()), ("prepare", preparation), ("model", model)])


def _make_family_space(
    config: Config, run_data: RunData, family: Family, pipeline: Pipeline, prefix: str
) -> list[Branch]:
    """Return the family's space with the configuration's parameters in place of its own."""
    raw_space, n_rows = make_raw_space(config), len(run_data.train.y)
    if family.estimators:
        branches = _as_branches(auto_space(pipeline, n_rows=n_rows))
    else:  # its space is that of the whole model
        own = _as_branches(family.space(Shape(n_rows, run_data.task == "classification")))
        branches = [{prefix + name: values for name, values in branch.items()} for branch in own]
    known = {name.removeprefix(prefix) for name in pipeline.get_params() if name.startswith(prefix)}
    _check_param_names(raw_space, known, config.model_type)
    for name, values in raw_space.items():
        branches = _override(branches, prefix + name, values)
    return branches


def _as_branches(space: Branch | list[Branch]) -> list[Branch]:
    return [space] if isinstance(space, dict) else space


def _override(branches: list[Branch], name: str, values: object) -> list[Branch]:
    """Replace a parameter of a space; if branches differ in its value, keep only those whose value is allowed."""
    matching = [branch for branch in branches if name in branch]
    is_discriminator = len(branches) > 1 and all(
        isinstance(one[name], list) and len(one[name]) == 1 for one in matching
    )
    if not (matching and is_discriminator and isinstance(values, list)):
        return [branch | {name: values} if name in branch or not matching else branch for branch in branches]
    kept = [branch for branch in matching if branch[name][0] in values]
    others = [value for value in values if value not in [branch[name][0] for branch in matching]]
    if others:
        common_params = {
            key: branches[0][key] for key in branches[0] if all(one.get(key) == branches[0][key] for one in branches)
        }
        kept.append(common_params | {name: others})
    return kept


def _check_param_names(raw_space: Mapping[str, Any], known: set[str], model_type: str, before: str = "") -> None:
    for name in raw_space:
        if name not in known:
            raise ConfigError(
                f"space.{before}{name}: {model_type} has no such parameter{suggest_name(name, sorted(known))}"
            )


# -- model selection ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _OverriddenSpace:
    """A family's space with the configuration's parameters in place of its own."""

    space: Callable[[Shape], Branch | list[Branch]]
    overrides: Mapping[str, Any]

    def __call__(self, shape: Shape) -> list[Branch]:
        branches = _as_branches(self.space(shape))
        for name, values in self.overrides.items():
            branches = _override(branches, name, values)
        return branches


def _resolve_families(config: Config, run_data: RunData) -> Any:
    """Return the families to try, with the configuration's parameters in place of their own."""
    overrides: dict[str, dict[str, Any]] = {}
    for name, values in make_raw_space(config).items():
        family, separator, parameter = name.partition("__")
        if not separator:
            raise ConfigError(f"space.{name}: with model_type: auto the family comes first, as in forest__{name}")
        found = find_family(family)
        overrides.setdefault(family if found is None else found.name, {})[parameter] = values
    if not overrides:
        return "auto"
    usable = select_families(run_data.task, len(run_data.train.y))
    for name, values in overrides.items():
        if name not in usable:
            raise ConfigError(f"space.{name}__…: no such family for this {run_data.task}{suggest_family(name, usable)}")
        _check_overrides(usable[name], values, run_data)
        usable[name] = replace(usable[name], space=_OverriddenSpace(usable[name].space, values))
    return [family for name, family in usable.items() if name in overrides or not family.is_named_only]


def _check_overrides(family: Family, overrides: Mapping[str, Any], run_data: RunData) -> None:
    model = family.make(Shape(len(run_data.train.y), run_data.task == "classification"))  # type: ignore[misc]
    prefix = find_parameter_prefix(family, model)
    known = {name.removeprefix(prefix) for name in model.get_params() if name.startswith(prefix)}
    _check_param_names(overrides, known, family.name, f"{family.name}__")
    if family.rounds in overrides:
        raise ConfigError(f"space.{family.name}__{family.rounds}: early stopping finds this number; leave it out")


# -- grids -------------------------------------------------------------------------------------------------------------


def _make_grid(config: Config, branches: list[Branch]) -> list[Branch]:
    """Return a grid: the values that the configuration lists, or a few levels of each of the family's parameters."""
    raw_space = make_raw_space(config)
    if raw_space:
        ranges = [name for name, values in raw_space.items() if not isinstance(values, list)]
        if ranges:
            raise ConfigError(f"space.{ranges[0]}: a grid needs choices, as in [1, 2, 3], instead of a range")
        listed = [
            {name: values for name, values in branch.items() if name.rpartition("__")[2] in raw_space}
            for branch in branches
        ]
        grid = [branch for index, branch in enumerate(listed) if branch not in listed[:index]]
        max_candidates = config.n_trials
        n_candidates = _count_candidates(grid)
        if max_candidates is not None and n_candidates > max_candidates:
            raise ConfigError(
                f"n_trials: the grid has {n_candidates} candidates; allow as many, or shorten a list in space"
            )
        return grid
    share = max(1, (config.n_trials or 50) // len(branches))
    return [_choose_levels(branch, share) for branch in branches]


def _choose_levels(branch: Branch, max_candidates: int) -> Branch:
    """Return a grid to whose parameters levels are added in turn, as long as the number of combinations allows."""
    counts = dict.fromkeys(branch, 1)
    grid = {name: _make_levels(values, 1) for name, values in branch.items()}
    for n_levels in range(2, 6):
        for name, values in branch.items():
            larger = grid | {name: _make_levels(values, n_levels)}
            if _count_candidates([larger]) <= max_candidates:
                grid, counts[name] = larger, n_levels
    return grid


def _make_levels(values: object, n_levels: int) -> list[Any]:
    """Return values of a parameter: the middle one, or several spread evenly over its range."""
    if isinstance(values, list):
        return values[:n_levels]
    if not isinstance(values, BaseDistribution):
        raise ConfigError(f"a grid cannot be made of {values!r}")
    low, high = values.low, values.high  # type: ignore[attr-defined]
    spread = np.geomspace if values.log else np.linspace  # type: ignore[attr-defined]
    found = spread(low, high, n_levels) if n_levels > 1 else spread(low, high, 3)[1:2]
    if isinstance(values, optuna.distributions.IntDistribution):
        return sorted({round(value) for value in found.tolist()})
    return [float(f"{value:.6g}") for value in found]


def _count_candidates(branches: Sequence[Branch]) -> int:
    return sum(int(np.prod([len(values) for values in branch.values()])) for branch in branches)
