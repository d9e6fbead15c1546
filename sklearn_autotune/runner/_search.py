"""Make the search that a configuration describes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from sklearn import config_context
from sklearn.pipeline import Pipeline

from sklearn_autotune._compat.messages import suggest_name
from sklearn_autotune.boosting._early_stopping import clone_without_early_stopping
from sklearn_autotune.boosting._tuned_xgboost import TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.families import (
    FAMILIES,
    Family,
    Shape,
    auto_space,
    find_parameter_prefix,
    get_exclusion_reason,
    select_families,
)
from sklearn_autotune.families._chosen import find_family, resolve_families, suggest_family
from sklearn_autotune.families._xgboost import make_tuned_xgboost_space
from sklearn_autotune.inference._column_encoder import ColumnEncoder
from sklearn_autotune.inference._encoding import EncodingTransformer, LabelEncodingClassifier
from sklearn_autotune.runner._config import Config, ConfigError, make_raw_space
from sklearn_autotune.runner._data import RunData, check_folds, describe_task, make_run_splitter
from sklearn_autotune.runner._keys import choose_search, list_model_params, list_refused, read_scores
from sklearn_autotune.runner._named import PRUNERS, RULES, SAMPLERS, make_named, split_name
from sklearn_autotune.runner._scores import choose_default_scoring, request_weights
from sklearn_autotune.search._optuna_search_cv import OptunaSearchCV
from sklearn_autotune.search._setup import read_aims
from sklearn_autotune.selection._auto_model_selector import AutoModelSelector
from sklearn_autotune.selection._blends import read_blend_aims
from sklearn_autotune.statistics._refit_rules import OneStandardError
from sklearn_autotune.tables._preparation import make_preparation

__all__ = ["make_prepared_model", "make_search"]

# Columns of cv_results_ by which a rule can choose, beside the parameters.
TIME_COLUMNS = ("mean_fit_time", "mean_score_time")

# What can grow from rung to rung beside a parameter, and the parameters that iterations are.
RESOURCES = ("n_samples", "iterations", "epochs")
ITERATION_PARAMS = ("n_estimators", "max_iter", "iterations")

Branch = dict[str, Any]


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
    search = choose_search(config)
    refused = list_refused(config, search)  # compare changes the method of a configuration that was checked
    if refused:
        raise ConfigError(f"{refused[0]}: {config.method} does not take it; leave it out, or leave out {config.method}")
    if search is AutoModelSelector:
        check_folds(config, run_data)
        common_params = _make_common_params(config, run_data, base, callbacks)
        if config.time is not None and isinstance(config.cv, int) and config.time in run_data.train.X:
            common_params |= {"time": config.time, "cv": config.cv}
        families = _resolve_families(config, run_data)
        if config.aims.objectives is not None:
            common_params |= {"objectives": config.aims.objectives, "refit": config.refit or True}
        selector = _build(AutoModelSelector, config, common_params, task=run_data.task, families=families)
        try:
            read_blend_aims(selector)
        except (TypeError, ValueError) as error:
            key = "objectives" if str(error).startswith("objectives") else "limits"
            raise ConfigError(f"{key}: {str(error).removeprefix(f'{key} ')}") from None
        return selector
    family = next(family for family in FAMILIES if family.name == config.model_type.removeprefix("tuned_"))
    if run_data.task not in family.tasks:
        raise ConfigError(
            f"model_type: {config.model_type} is for {family.tasks[0]}, but this is {describe_task(run_data)}"
        )
    reason = get_exclusion_reason(family, run_data.task, len(run_data.train.y))
    if reason is not None:
        raise ConfigError(f"model_type: {config.model_type} cannot be used: {reason}")
    check_folds(config, run_data)
    common_params = _make_common_params(config, run_data, base, callbacks)
    if search is TunedXGBClassifier:
        return _make_tuned_booster(config, run_data, common_params)
    return _make_pipeline_search(config, run_data, family, common_params)


# Keys whose values are read before they are passed to a search. The others are passed as they are.
READ_KEYS = ("families", "objectives", "limits", "refit", "enqueue", "cv", "scoring")


def _make_common_params(config: Config, run_data: RunData, base: Path, callbacks: Sequence[Any]) -> dict[str, Any]:
    """Return the parameters that a search is given if it has them."""
    given = {name: getattr(config, name) for name in config.given if name not in READ_KEYS}
    params = given | {
        "scoring": config.scoring,
        "cv": make_run_splitter(config, run_data),
        "random_state": config.seed,
        "callbacks": list(callbacks),
        "limits": config.aims.limits,
    }
    if config.patience == "none":
        params["patience"] = None
    if config.storage is not None:
        params["storage"] = _resolve_storage(config, base)
    if config.artifact_store is not None:
        params["artifact_store"] = base / config.artifact_store
    if config.warm_start_from is not None:
        params["warm_start_from"] = _resolve_earlier_storages(config, base)
    if config.sampler is not None:
        params["sampler"] = make_named("sampler", config.sampler, SAMPLERS, config.seed)
    if config.pruner is not None:
        params["pruner"] = make_named("pruner", config.pruner, PRUNERS)
    return params


def _build(kind: Any, config: Config, common_params: Mapping[str, Any], **params: Any) -> Any:
    """Make a search; of parameters that it does not have, those are left out that are None."""
    known = signature(kind.__init__).parameters
    given = {name: value for name, value in common_params.items() if name in known or value is not None}
    return kind(**(given | params))


def _resolve_storage(config: Config, base: Path) -> Any:
    if "://" in str(config.storage):
        return config.storage
    path = base / str(config.storage)
    if not path.parent.is_dir():
        raise ConfigError(f"storage: there is no folder {path.parent}")
    return path


def _resolve_earlier_storages(config: Config, base: Path) -> list[str | Path]:
    storages = [name if "://" in name else base / name for name in config.warm_start_from or ()]
    for storage in storages:
        if isinstance(storage, Path) and not storage.is_file():
            raise ConfigError(f"warm_start_from: there is no file {storage}")
    return storages


# -- tuned XGBoost -----------------------------------------------------------------------------------------------------


def _make_tuned_booster(config: Config, run_data: RunData, common_params: Mapping[str, Any]) -> Any:
    """Make a tuned booster: single values become parameters, ranges replace those of its default space."""
    is_classification = run_data.task == "classification"
    kind: Any = TunedXGBClassifier if is_classification else TunedXGBRegressor
    raw_space, known = make_raw_space(config), set(list_model_params(kind))
    params = dict(config.params or {})
    _check_param_names(params, known, config.model_type, "params")
    _check_param_names(raw_space, known, config.model_type)
    fixed = {name: values[0] for name, values in raw_space.items() if isinstance(values, list) and len(values) == 1}
    ranges = {name: values for name, values in raw_space.items() if name not in fixed}
    fixed |= params
    if "n_estimators" in ranges:
        raise ConfigError("space.n_estimators: xgboost finds the number of rounds; write one number, the largest")
    if ranges:
        default_space = make_tuned_xgboost_space(Shape(len(run_data.train.y), is_classification, fixed))
        ranges = {name: values for name, values in default_space.items() if name not in fixed} | ranges
    enqueued = {} if config.enqueue is None else {"enqueue": _read_enqueued(config, "")}
    refit = {} if config.refit is None else {"refit": config.refit}
    return _build(kind, config, common_params, **fixed, **enqueued, **refit, space=ranges or None)


def _read_enqueued(config: Config, prefix: str) -> Any:
    """Return the candidates to measure first, with the names that the search gives parameters."""
    if isinstance(config.enqueue, str):
        return None if config.enqueue == "none" else config.enqueue
    return [{prefix + name: value for name, value in one.items()} for one in config.enqueue or ()]


def make_prepared_model(model: Any, run_data: RunData, seed: int) -> Pipeline:
    """Return a model behind the steps that make a raw table numbers: no gaps, scaled, categories as columns."""
    family = find_family("logistic" if run_data.task == "classification" else "ridge")
    assert family is not None
    pipeline = _make_pipeline(family, run_data, seed)
    return Pipeline([*pipeline.steps[:-1], ("model", model)])


# -- other families ----------------------------------------------------------------------------------------------------


def _make_pipeline_search(
    config: Config, run_data: RunData, family: Family, common_params: dict[str, Any]
) -> OptunaSearchCV:
    """Make a search over a pipeline that encodes the raw table, prepares it and ends with a family's model."""
    pipeline = _make_pipeline(family, run_data, config.seed)
    prefix = "model__" + find_parameter_prefix(family, pipeline[-1])
    _set_params(config, pipeline, prefix)
    space = _make_family_space(config, run_data, family, pipeline, prefix)
    if config.resource is not None:
        space = _leave_out_resource(config, space, prefix)
        common_params["resource"] = config.resource if config.resource in RESOURCES else prefix + config.resource
    aims = config.aims
    scoring = config.scoring or choose_default_scoring(run_data.task)
    common_params["scoring"] = scoring if aims.objectives is None else None
    common_params |= {"objectives": aims.objectives}
    if config.refit is not None:
        common_params["refit"] = _read_refit(config, space, prefix)
    if config.enqueue is not None:
        common_params["enqueue"] = _read_enqueued(config, prefix)
    if config.method == "random":
        common_params |= {"sampler": optuna.samplers.RandomSampler(seed=config.seed), "pruner": None}
    elif config.method == "grid":
        space = _make_grid(config, space)
        common_params |= {"n_trials": _count_candidates(space), "pruner": None}
    search: OptunaSearchCV = _build(
        OptunaSearchCV, config, common_params, estimator=pipeline, param_distributions=space
    )
    if run_data.train.sample_weight is not None:
        request_weights(search, config.model_type)
    try:
        with config_context(enable_metadata_routing=True):  # of weights, which only then reach all who ask for them
            read_aims(search)
    except (TypeError, ValueError) as error:
        key = next(name for name in ("objectives", "limits") if getattr(config, name) is not None)
        raise ConfigError(f"{key}: {error}") from None
    return search


def _leave_out_resource(config: Config, space: list[Branch], prefix: str) -> list[Branch]:
    """Return the space without the family's range of the parameter that grows from rung to rung."""
    grows = ITERATION_PARAMS if config.resource == "iterations" else (config.resource,)
    left_out = {f"{prefix}{name}" for name in grows if name not in config.space}
    return [{name: values for name, values in branch.items() if name not in left_out} for branch in space]


def _set_params(config: Config, pipeline: Pipeline, prefix: str) -> None:
    """Set the model's fixed parameters."""
    params = config.params or {}
    known = {name.removeprefix(prefix) for name in pipeline.get_params() if name.startswith(prefix)}
    _check_param_names(params, known, config.model_type, "params")
    pipeline.set_params(**{prefix + name: value for name, value in params.items()})


def _read_refit(config: Config, space: Sequence[Branch], prefix: str) -> Any:
    """Return the name of a score, or the rule that chooses the winner, with the search's names of parameters.

    Raises
    ------
    ConfigError
        If a rule goes by a parameter that is not searched.
    """
    name, settings = split_name(config.refit)
    if name not in RULES or (isinstance(config.refit, str) and name in read_scores(config.scoring)):
        return config.refit
    rule = make_named("refit", config.refit, RULES)
    if not isinstance(rule, OneStandardError):
        return rule
    by = settings["by"]
    searched = {key.removeprefix(prefix) for branch in space for key in branch}
    if by not in (*searched, *TIME_COLUMNS):
        raise ConfigError(
            f"refit.one_standard_error.by: {by!r} is not searched{suggest_name(by, [*sorted(searched), *TIME_COLUMNS])}"
        )
    return replace(rule, by=by if by in TIME_COLUMNS else f"param_{prefix}{by}")


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


def _check_param_names(params: Mapping[str, Any], known: set[str], model_type: str, before: str = "space") -> None:
    for name in params:
        if name not in known:
            raise ConfigError(f"{before}.{name}: {model_type} has no such parameter{suggest_name(name, sorted(known))}")


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
        return _check_families(config, run_data)
    usable = select_families(run_data.task, len(run_data.train.y))
    chosen = list(_check_families(config, run_data)) if config.families else list(usable)
    for name, values in overrides.items():
        if name not in usable or name not in chosen:
            raise ConfigError(f"space.{name}__…: no such family for this {run_data.task}{suggest_family(name, usable)}")
        _check_overrides(usable[name], values, run_data)
        usable[name] = replace(usable[name], space=_OverriddenSpace(usable[name].space, values))
    is_asked = set(overrides if config.families is None else chosen)
    return [usable[name] for name in chosen if name in is_asked or not usable[name].is_named_only]


def _check_families(config: Config, run_data: RunData) -> Any:
    """Return the names of the families that the configuration lists, or "auto"."""
    if config.families is None:
        return "auto"
    try:
        return list(resolve_families(config.families, run_data.task, len(run_data.train.y)))
    except ValueError as error:
        raise ConfigError(f"families: {str(error).removeprefix('families: ')}") from None


def _check_overrides(family: Family, overrides: Mapping[str, Any], run_data: RunData) -> None:
    model = family.make(Shape(len(run_data.train.y), run_data.task == "classification"))  # type: ignore[misc]
    prefix = find_parameter_prefix(family, model)
    known = {name.removeprefix(prefix) for name in model.get_params() if name.startswith(prefix)}
    _check_param_names(
        {f"{family.name}__{name}": value for name, value in overrides.items()},
        {f"{family.name}__{name}" for name in known},
        family.name,
    )
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
