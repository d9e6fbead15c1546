"""Which search takes which keys of a configuration, what is for Python only, and the checks of scores and limits."""

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from sklearn.metrics import get_scorer_names

from sklearn_autotune._compat.messages import suggest_name
from sklearn_autotune._compat.optional import format_install_command
from sklearn_autotune._compat.scorer_names import suggest_scorer
from sklearn_autotune.boosting._tuned_booster import BaseTunedBooster
from sklearn_autotune.boosting._tuned_xgboost import TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.families import FAMILIES
from sklearn_autotune.families._chosen import find_family, suggest_family
from sklearn_autotune.objectives._costs import PredictSeconds
from sklearn_autotune.objectives._groups import GroupDifference, GroupRatio
from sklearn_autotune.objectives._plan import SINGLE, read_objectives
from sklearn_autotune.runner._named import PRUNERS, RULES, SAMPLERS, make_named, split_name
from sklearn_autotune.runner._sections import SearchKeys
from sklearn_autotune.search._optuna_search_cv import OptunaSearchCV
from sklearn_autotune.selection._auto_model_selector import AutoModelSelector
from sklearn_autotune.statistics._front_rules import KNEE

__all__ = [
    "OPTUNA_KEYS",
    "OTHER_NAMES",
    "PYTHON_ONLY",
    "PYTHON_ONLY_VALUES",
    "SEARCHES",
    "TUNED",
    "RunAims",
    "check_search_keys",
    "choose_search",
    "get_deciding_metric",
    "list_model_params",
    "list_params",
    "list_refused",
    "make_aims",
    "read_scores",
]

TUNED = "tuned_xgboost"  # the model_type of TunedXGBClassifier and TunedXGBRegressor

CATALOGUE = {family.name: family for family in FAMILIES}

SEARCHES: tuple[Any, ...] = (OptunaSearchCV, AutoModelSelector, TunedXGBClassifier, TunedXGBRegressor)

# Keys whose parameter has another name.
OTHER_NAMES = {"random_state": "seed", "param_distributions": "space", "estimator": "model_type"}

# They say how Optuna chooses and stops candidates, and are left out for the other methods that are compared with it.
OPTUNA_KEYS = (
    "sampler",
    "pruner",
    "resource",
    "min_resources",
    "max_resources",
    "factor",
    "enqueue",
    "warm_start_from",
)

# What a configuration cannot say, and why: parameters without a key, and values that a key does not take.
PYTHON_ONLY = {
    "callbacks": "functions; a run shows its progress, and `runner.run` takes `callbacks`",
    "n_iter": "the name of `n_trials` in scikit-learn",
    "param_grid": "the name of `space` in scikit-learn, for `optimization_method: grid`",
    "pre_dispatch": "has no effect in Python either",
    "verbose": "a run shows its progress unless there is `--quiet`",
}
PYTHON_ONLY_VALUES = {
    "cv": "splitters of your own, lists of splits, and the number of folds that a search chooses by itself",
    "enqueue": "objects that are no text, number or boolean",
    "estimator": "estimators of your own, and pipelines",
    "executor": "a client of Dask; the address of its scheduler can be written",
    "families": "`Family` objects of your own",
    "objectives": "functions; scorers and costs can be named",
    "param_distributions": "functions, lists of alternative spaces, and choices that are objects",
    "pruner": "pruners of your own, `PatientPruner`, and settings that are functions",
    "random_state": "generators of random numbers",
    "refit": "`False`, functions, and a `base` for `NoWorseThanDefault`",
    "sampler": "samplers of your own, `PartialFixedSampler`, `GridSampler`, and settings that are functions or objects",
    "scoring": "functions; scorers of scikit-learn can be named",
    "storage": "storage objects of Optuna; files and URLs can be written",
    "threshold": "functions such as `make_cost_scorer` makes",
    "warm_start_from": "fitted searches and studies; storages can be written",
}


def list_params(search: Any) -> list[str]:
    """Return the parameters of a class of searches, but for those of the model itself."""
    names = [name for name in inspect.signature(search.__init__).parameters if name != "self"]
    model_params = list_model_params(search)
    return [name for name in names if name not in model_params]


def list_model_params(search: Any) -> list[str]:
    """Return the parameters that a tuned booster has from its model; none of other searches."""
    if not issubclass(search, BaseTunedBooster):
        return []
    own = set(inspect.signature(BaseTunedBooster.__init__).parameters) - {"n_estimators"}
    return [name for name in inspect.signature(search.__init__).parameters if name not in own]


def list_refused(keys: SearchKeys, search: Any) -> list[str]:
    """Return the keys that are given and that a class of searches does not take, or not with their values."""
    params = list_params(search)
    refused = [name for name in keys.given if name not in params]
    if search is OptunaSearchCV:
        return refused
    if "refit" not in refused and keys.refit is not None and split_name(keys.refit)[0] in RULES:
        refused.append("refit")
    if set(keys.keep or ()) - {"estimators"}:
        refused.append("keep")
    return refused


def choose_search(config: Any) -> Any:
    """Return the class of searches that a configuration asks for; of tuned boosters, the classifier.

    XGBoost is a tuned booster, unless a key is given that only `OptunaSearchCV` takes.
    """
    if config.model_type == "auto":
        return AutoModelSelector
    is_xgboost = config.model_type == "xgboost" and config.method == "optuna"
    is_tuned = config.model_type == TUNED or (is_xgboost and not list_refused(config, TunedXGBClassifier))
    return TunedXGBClassifier if is_tuned else OptunaSearchCV


def _describe_takers(key: str) -> str:
    """Return what a key needs, in words: the model types whose search takes it."""
    takers = [kind for kind in (AutoModelSelector, OptunaSearchCV, TunedXGBClassifier) if key in list_params(kind)]
    if takers in ([AutoModelSelector], [TunedXGBClassifier]):
        return f"model_type: {'auto' if takers[0] is AutoModelSelector else TUNED}"
    others = {AutoModelSelector: "auto", TunedXGBClassifier: TUNED}
    return f"a model_type other than {' and '.join(name for kind, name in others.items() if kind not in takers)}"


def check_search_keys(config: Any) -> None:
    """Refuse search keys that the search does not take, that exclude each other, or whose names are not known.

    Parameters
    ----------
    config : Config

    Raises
    ------
    ValueError
        The message begins with the key.
    """
    search = choose_search(config)
    refused = list_refused(config, search)
    if refused and refused[0] not in list_params(search):
        raise ValueError(f"{refused[0]}: it needs {_describe_takers(refused[0])}")
    if refused:
        accepted = {"refit": "the name of a score", "keep": "estimators"}[refused[0]]
        raise ValueError(f"{refused[0]}: model_type: {config.model_type} takes only {accepted}")
    _check_workers(config)
    if config.patience == "auto" and search is not AutoModelSelector:
        raise ValueError("patience: auto needs model_type: auto; write a number, or none")
    for family in config.families or ():
        if find_family(family) is None:
            raise ValueError(f"families: {family!r} is not known{suggest_family(family, CATALOGUE)}")
    if config.sampler is not None:
        make_named("sampler", config.sampler, SAMPLERS)
    if config.pruner is not None:
        make_named("pruner", config.pruner, PRUNERS)
    for name in ("min_resources", "max_resources", "factor"):
        if getattr(config, name) is not None and config.resource is None:
            raise ValueError(f"{name}: it is for resource, and there is none")
    _check_scores(config, search)


def _check_workers(keys: SearchKeys) -> None:
    if keys.n_jobs == 0:
        raise ValueError("n_jobs: 0 processes measure nothing: write 1 or more, or -1 for all processors")
    if keys.memory_limit is not None and not sys.platform.startswith("linux"):
        raise ValueError(f"memory_limit: it works only on Linux, and this is {sys.platform}; leave it out")
    if keys.executor is None:
        return
    if keys.memory_limit is not None:
        raise ValueError("memory_limit: set it when you start the workers of the cluster; leave it out")
    if find_spec("distributed") is None:
        raise ValueError(f"executor: it needs distributed: {format_install_command('dask')}")


# -- scores, objectives and limits -------------------------------------------------------------------------------------


def read_scores(scoring: Any) -> dict[str, str]:
    """Return the scorers in ``scoring`` by their names; a single one has the name "score"."""
    if isinstance(scoring, Mapping):
        return dict(scoring)
    if isinstance(scoring, list):
        return {name: name for name in scoring}
    return {} if scoring is None else {SINGLE: scoring}


def _check_scores(keys: SearchKeys, search: Any) -> None:
    scores = read_scores(keys.scoring)
    is_several = keys.scoring is not None and not isinstance(keys.scoring, str)
    if is_several and search is AutoModelSelector:
        raise ValueError("scoring: model_type: auto takes one score; write its name, and others in limits")
    for scorer in scores.values():
        if scorer not in get_scorer_names():
            raise ValueError(f"scoring: {scorer!r} is not known{suggest_scorer(scorer)}")
    if is_several and len(scores) < len(keys.scoring or ()):
        raise ValueError("scoring: a score is there twice")
    if keys.objectives is not None and keys.scoring is not None:
        raise ValueError("scoring: the first score among the objectives decides; leave out scoring")
    for name in ("limit_confidence", "infeasible"):
        if getattr(keys, name) is not None and keys.limits is None:
            raise ValueError(f"{name}: it is for limits, and there are none")
    if keys.threshold is not None and keys.threshold not in get_scorer_names():
        raise ValueError(f"threshold: {keys.threshold!r} is not known{suggest_scorer(keys.threshold)}")
    _check_refit(keys, scores if is_several else {})
    make_aims(keys.objectives, keys.limits, keys.scoring, keys.refit)


def _check_refit(keys: SearchKeys, scores: Mapping[str, str]) -> None:
    """Check that ``refit`` names one of several scores, an objective or a rule."""
    name, _ = split_name(keys.refit)
    known = list(scores)
    if keys.objectives is not None:
        names = keys.objectives if isinstance(keys.objectives, Mapping) else map(split_name, keys.objectives)
        known = [one if isinstance(one, str) else one[0] for one in names] + [KNEE]
    if scores and keys.refit is None:
        raise ValueError(f"refit: there are several scores, so write the one that decides: {', '.join(scores)}")
    if keys.refit is None or (isinstance(keys.refit, str) and name in known):
        return
    if name not in RULES:
        raise ValueError(f"refit: {name!r} is not known{suggest_name(str(name), [*known, *RULES])}")
    rule = make_named("refit", keys.refit, RULES)
    if scores and rule.metric not in scores:
        raise ValueError(f"refit.{name}: needs metric, the score that decides: {', '.join(scores)}")
    if not scores and rule.metric is not None and keys.objectives is None:
        raise ValueError(f"refit.{name}: metric is for several scores, and there is one; leave it out")


def get_deciding_metric(keys: SearchKeys) -> str | None:
    """Return the name of the one of several scores that decides; None if there are not several."""
    if keys.refit is None or isinstance(keys.scoring, str | None):
        return None
    name, settings = split_name(keys.refit)
    return settings.get("metric") if name in RULES and name not in read_scores(keys.scoring) else name


# What a configuration can give settings to, and the class that takes them.
WITH_SETTINGS = {"predict_seconds": PredictSeconds, "group_difference": GroupDifference, "group_ratio": GroupRatio}


@dataclass(frozen=True, slots=True)
class RunAims:
    """Objectives and limits.

    Attributes
    ----------
    objectives : list of object, dict of str to object, or None
    limits : dict of str to tuple, or None
    scoring : str or None
        Name of the scorer that decides: the first among the objectives; None without objectives.
    scorers : tuple of str
        Names of all of scikit-learn's scorers among the objectives and limits.
    """

    objectives: Any = None
    limits: Mapping[str, Any] | None = None
    scoring: str | None = None
    scorers: tuple[str, ...] = ()


def make_aims(objectives: Any, limits: Mapping[str, Any] | None, scoring: Any, refit: Any = None) -> RunAims:
    """Read objectives and limits, and check them.

    Parameters
    ----------
    objectives : list, dict or None
    limits : mapping or None
    scoring : str, list, dict or None
    refit : str, dict or None, default=None
        As in the configuration.

    Returns
    -------
    aims : RunAims

    Raises
    ------
    ValueError
        If they cannot be read. The message begins with the key.
    """
    if isinstance(objectives, Mapping):
        made: Any = {name: _make_scorer(f"objectives.{name}", value) for name, value in objectives.items()}
    elif objectives is not None:
        made = [_make_scorer(f"objectives.{index}", value) for index, value in enumerate(objectives)]
    else:
        made = None
    read = None if limits is None else {name: _make_limit(f"limits.{name}", value) for name, value in limits.items()}
    try:
        # Only a search without a scorer would be asked for its own.
        scoring = None if made is not None else scoring or "neg_log_loss"
        plan = read_objectives(made, read, scoring, refit, None)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        key = "limits" if str(error).startswith(("limits", "No model can meet limits")) else "objectives"
        raise ValueError(f"{key}: {str(error).removeprefix(f'{key} ')}") from None
    if plan is None:
        return RunAims()
    scorers = {name for key, name in plan.scorers.items() if isinstance(name, str) and key != SINGLE}
    primary = None if made is None else plan.scorers[plan.primary]
    if primary is not None and not isinstance(primary, str):
        raise ValueError(f"objectives: {plan.primary} is the first score, which decides, and has to be a scorer's name")
    return RunAims(made, read, primary, tuple(sorted(scorers)))


def _make_scorer(key: str, value: Any) -> Any:
    """Return the name of a scorer or a cost, or the object that a section with settings describes."""
    if not isinstance(value, Mapping):
        return value
    if len(value) != 1:
        raise ValueError(f"{key}: has to be one name with its settings, such as predict_seconds: {{batch_size: 1}}")
    ((name, settings),) = value.items()
    if name not in WITH_SETTINGS:
        raise ValueError(f"{key}: {name!r} takes no settings{suggest_name(str(name), WITH_SETTINGS)}")
    try:
        made = WITH_SETTINGS[name](**(settings or {}))
        made.check()
    except TypeError as error:
        raise ValueError(f"{key}: {name}: {str(error).rpartition('__init__() ')[2]}") from None
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None
    return made


def _make_limit(key: str, value: Any) -> Any:
    """Return a limit as a tuple: "<= 0.5" and ["<=", 0.5] are the same."""
    if isinstance(value, str):
        operator, _, bound = value.partition(" ") if " " in value else (value[:2], "", value[2:])
        try:
            return operator, float(bound.replace("_", ""))
        except ValueError:
            raise ValueError(f"{key}: has to be like '<= 1000' or ['>=', 0.9], got {value!r}") from None
    return (_make_scorer(key, value[0]), *value[1:]) if len(value) == 3 else tuple(value)
