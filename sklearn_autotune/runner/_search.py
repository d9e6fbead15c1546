"""From a configuration and a table to the search that it asks for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit
from sklearn.pipeline import Pipeline

from sklearn_autotune.boosting._early_stopping import clone_without_early_stopping
from sklearn_autotune.boosting._tuned_xgboost import TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.families import FAMILIES, Family, Shape, auto_space, find_parameter_prefix, select_families
from sklearn_autotune.families._xgboost import make_tuned_xgboost_space
from sklearn_autotune.runner._config import ALIASES, Config, ConfigError, make_raw_space
from sklearn_autotune.runner._data import RunData
from sklearn_autotune.search._optuna_search_cv import OptunaSearchCV
from sklearn_autotune.selection._auto_model_selector import AutoModelSelector
from sklearn_autotune.tables._encoder import ColumnEncoder
from sklearn_autotune.tables._estimators import EncodingTransformer, LabelEncodingClassifier
from sklearn_autotune.tables._preparation import make_preparation

__all__ = ["choose_default_scoring", "make_run_splitter", "make_search", "validate_scoring"]

Branch = dict[str, Any]


def choose_default_scoring(task: str) -> str:
    """Return the score that decides where the configuration names none."""
    return "neg_log_loss" if task == "classification" else "neg_root_mean_squared_error"


def make_run_splitter(config: Config, parts: RunData) -> Any:
    """Return the splitter of a run: by groups or in time where the hold-out is."""
    is_classification = parts.task == "classification"
    if parts.rule == "time":
        return TimeSeriesSplit(config.cv)
    if parts.train.groups is not None:
        kind = StratifiedGroupKFold if is_classification else GroupKFold
        return kind(config.cv, shuffle=True, random_state=config.seed)
    if not is_classification:
        return KFold(config.cv, shuffle=True, random_state=config.seed)
    rarest = int(np.unique(parts.train.y, return_counts=True)[1].min())
    if rarest < config.cv:
        raise ConfigError(f"cv: {config.cv} folds, but the rarest class has {rarest} rows to learn from")
    return StratifiedKFold(config.cv, shuffle=True, random_state=config.seed)


def validate_scoring(config: Config, parts: RunData) -> None:
    """Refuse scores that ask which of two classes is the positive one, where nothing says so."""
    is_classification = parts.task == "classification"
    scoring = config.scoring or ""
    if is_classification and scoring in ("f1", "precision", "recall", "jaccard", "average_precision"):
        labels = set(np.unique(parts.train.y).tolist())
        if not labels <= {0, 1}:
            raise ConfigError(f"scoring: {scoring} is for the classes 0 and 1; take {scoring}_macro or roc_auc")
    errors = ("r2", "max_error", "explained_variance", "d2_absolute_error_score")
    is_of_values = "error" in scoring or "deviance" in scoring or scoring in errors
    if scoring and is_classification and is_of_values:
        raise ConfigError(f"scoring: {scoring} is for regression, but this is a classification")
    if scoring and not is_classification and not is_of_values:
        raise ConfigError(f"scoring: {scoring} is for classification, but this is a regression")


def make_search(config: Config, parts: RunData, base: Path, callbacks: Sequence[Any] = ()) -> Any:
    """Make the search that a configuration asks for, not yet fitted.

    Parameters
    ----------
    config : Config
    parts : RunData
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
    common: dict[str, Any] = {
        "timeout": config.timeout,
        "scoring": config.scoring,
        "cv": make_run_splitter(config, parts),
        "n_jobs": config.n_jobs,
        "random_state": config.seed,
        "callbacks": list(callbacks),
    }
    if config.n_trials is not None:
        common["n_trials"] = config.n_trials
    if config.model_type == "auto":
        return AutoModelSelector(parts.task, _families(config, parts), **common)
    family = next(family for family in FAMILIES if family.name == config.model_type)
    if parts.task not in family.tasks:
        raise ConfigError(f"model_type: {config.model_type} is for {family.tasks[0]}, but this is a {parts.task}")
    common |= {"storage": _storage(config, base), "study_name": config.study_name, "resume": config.resume}
    if config.model_type == "xgboost" and config.method == "optuna":
        return _tuned_booster(config, parts, common)
    return _pipeline_search(config, parts, family, common)


def _storage(config: Config, base: Path) -> Any:
    if config.storage is None or "://" in config.storage:
        return config.storage
    path = base / config.storage
    if not path.parent.is_dir():
        raise ConfigError(f"storage: there is no folder {path.parent}")
    return path


# -- tuned XGBoost -----------------------------------------------------------------------------------------------------


def _tuned_booster(config: Config, parts: RunData, common: Mapping[str, Any]) -> Any:
    """Make a tuned booster: single values are set, ranges replace those of its space."""
    is_classification = parts.task == "classification"
    kind: Any = TunedXGBClassifier if is_classification else TunedXGBRegressor
    spelled = make_raw_space(config)
    known = set(kind().get_params()) - set(common)
    _require_known(spelled, known, "xgboost")
    fixed = {name: values[0] for name, values in spelled.items() if isinstance(values, list) and len(values) == 1}
    ranges = {name: values for name, values in spelled.items() if name not in fixed}
    if "n_estimators" in ranges:
        raise ConfigError("space.n_estimators: xgboost finds the number of rounds itself; a number is the largest")
    if ranges:
        whole = make_tuned_xgboost_space(Shape(len(parts.train.y), is_classification, fixed))
        ranges = {name: values for name, values in whole.items() if name not in fixed} | ranges
    return kind(**common, **fixed, space=ranges or None)


# -- other families ----------------------------------------------------------------------------------------------------


def _pipeline_search(config: Config, parts: RunData, family: Family, common: dict[str, Any]) -> OptunaSearchCV:
    """Make a search over a pipeline that reads the raw table, prepares it and has a family's model at its end."""
    pipeline = _pipeline(family, parts, config.seed)
    prefix = "model__" + find_parameter_prefix(family, pipeline[-1])
    space = _space(config, parts, pipeline, prefix)
    common["scoring"] = config.scoring or choose_default_scoring(parts.task)
    if config.method == "random":
        common |= {"sampler": optuna.samplers.RandomSampler(seed=config.seed), "pruner": None}
    elif config.method == "grid":
        space = _grid(config, space)
        common |= {"n_trials": _size(space), "pruner": None}
    return OptunaSearchCV(pipeline, space, **common)


def _pipeline(family: Family, parts: RunData, seed: int) -> Pipeline:
    columns = ColumnEncoder()
    columns.fit_transform(parts.train.X)
    n_categories = np.array([len(columns.categories.get(place, ())) for place in range(columns.n_columns)])
    is_classification = parts.task == "classification"
    n_rows = len(parts.train.y)
    n_classes = len(np.unique(parts.train.y)) if is_classification else 2
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


def _space(config: Config, parts: RunData, pipeline: Pipeline, prefix: str) -> list[Branch]:
    """Return the family's space with what the configuration settles in the place of what it names."""
    branches = _branches(auto_space(pipeline, n_rows=len(parts.train.y)))
    spelled = make_raw_space(config)
    known = {name.removeprefix(prefix) for name in pipeline.get_params() if name.startswith(prefix)}
    _require_known(spelled, known, config.model_type)
    for name, values in spelled.items():
        branches = _settled(branches, prefix + name, values)
    return branches


def _branches(space: Branch | list[Branch]) -> list[Branch]:
    return [space] if isinstance(space, dict) else space


def _settled(branches: list[Branch], name: str, values: Any) -> list[Branch]:
    """Put a parameter into a space: where branches are told apart by it, only those stay that it still allows."""
    having = [branch for branch in branches if name in branch]
    tells_apart = len(branches) > 1 and all(isinstance(one[name], list) and len(one[name]) == 1 for one in having)
    if not (having and tells_apart and isinstance(values, list)):
        return [branch | {name: values} if name in branch or not having else branch for branch in branches]
    kept = [branch for branch in having if branch[name][0] in values]
    others = [value for value in values if value not in [branch[name][0] for branch in having]]
    if others:
        common = {
            key: branches[0][key] for key in branches[0] if all(one.get(key) == branches[0][key] for one in branches)
        }
        kept.append(common | {name: others})
    return kept


def _require_known(spelled: Mapping[str, Any], known: set[str], model_type: str, before: str = "") -> None:
    for name in spelled:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(sorted(known))}"
            raise ConfigError(f"space.{before}{name}: {model_type} has no such parameter; {hint}")


# -- model selection ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _SettledSpace:
    """A family's space with what the configuration settles in the place of what it names."""

    space: Callable[[Shape], Branch | list[Branch]]
    settled: Mapping[str, Any]

    def __call__(self, shape: Shape) -> list[Branch]:
        branches = _branches(self.space(shape))
        for name, values in self.settled.items():
            branches = _settled(branches, name, values)
        return branches


def _families(config: Config, parts: RunData) -> Any:
    """Return the families that are tried, those with changed spaces that the configuration names."""
    settled: dict[str, dict[str, Any]] = {}
    for name, values in make_raw_space(config).items():
        family, is_full, parameter = name.partition("__")
        if not is_full:
            raise ConfigError(f"space.{name}: with model_type: auto the family comes first, as in forest__{name}")
        settled.setdefault(ALIASES.get(family, family), {})[parameter] = values
    if not settled:
        return "auto"
    usable = select_families(parts.task)
    for name, values in settled.items():
        if name not in usable:
            raise ConfigError(f"space.{name}__…: no such family for this {parts.task}; there are {', '.join(usable)}")
        _require_settable(usable[name], values, parts)
        usable[name] = replace(usable[name], space=_SettledSpace(usable[name].space, values))
    return list(usable.values())


def _require_settable(family: Family, settled: Mapping[str, Any], parts: RunData) -> None:
    model = family.make(Shape(len(parts.train.y), parts.task == "classification"))  # type: ignore[misc]
    prefix = find_parameter_prefix(family, model)
    known = {name.removeprefix(prefix) for name in model.get_params() if name.startswith(prefix)}
    _require_known(settled, known, family.name, f"{family.name}__")
    if family.rounds in settled:
        raise ConfigError(f"space.{family.name}__{family.rounds}: early stopping finds this number; leave it out")


# -- grids -------------------------------------------------------------------------------------------------------------


def _grid(config: Config, branches: list[Branch]) -> list[Branch]:
    """Return a finite space: what the configuration lists, or a few levels of each of the family's parameters."""
    spelled = make_raw_space(config)
    if spelled:
        ranges = [name for name, values in spelled.items() if not isinstance(values, list)]
        if ranges:
            raise ConfigError(f"space.{ranges[0]}: a grid takes choices, as in [1, 2, 3], and no range")
        listed = [
            {name: values for name, values in branch.items() if name.rpartition("__")[2] in spelled}
            for branch in branches
        ]
        grid = [branch for place, branch in enumerate(listed) if branch not in listed[:place]]
        most = config.n_trials
        if most is not None and _size(grid) > most:
            raise ConfigError(f"n_trials: the grid has {_size(grid)} candidates, more than the {most} that are allowed")
        return grid
    share = max(1, (config.n_trials or 50) // len(branches))
    return [_levels(branch, share) for branch in branches]


def _levels(branch: Branch, most: int) -> Branch:
    """Give parameters one level after the other, as long as there are no more than so many combinations."""
    counts = dict.fromkeys(branch, 1)
    grid = {name: _level(values, 1) for name, values in branch.items()}
    for n_levels in range(2, 6):
        for name, values in branch.items():
            larger = grid | {name: _level(values, n_levels)}
            if _size([larger]) <= most:
                grid, counts[name] = larger, n_levels
    return grid


def _level(values: Any, n_levels: int) -> list[Any]:
    """Return some values of a parameter: the middle one, or evenly from end to end."""
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


def _size(branches: Sequence[Branch]) -> int:
    return sum(int(np.prod([len(values) for values in branch.values()])) for branch in branches)
