"""What a configuration calls by name: samplers, pruners, folds, and rules that choose the winner."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from types import MappingProxyType
from typing import Annotated, Any

import optuna
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from sklearn import model_selection

from sklearn_autotune._compat.messages import suggest_name
from sklearn_autotune.pruning import FoldRacing
from sklearn_autotune.runner._problems import shorten
from sklearn_autotune.samplers import ForestSampler, HypervolumeSampler, RustTPESampler
from sklearn_autotune.statistics._refit_rules import BestMean, NoWorseThanDefault, OneStandardError

__all__ = [
    "FOLDS",
    "FORWARD_FOLDS",
    "GROUP_FOLDS",
    "PRUNERS",
    "RULES",
    "SAMPLERS",
    "Kind",
    "make_named",
    "make_schema",
    "split_name",
]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a setting may be.

    Attributes
    ----------
    words : str
        For messages, after "has to be".
    type : object
        For pydantic, which converts nothing.
    """

    words: str
    type: Any

    def accepts(self, value: object) -> bool:
        """Whether a value of a configuration may stand here."""
        try:
            TypeAdapter(self.type, config=ConfigDict(strict=True)).validate_python(value)
        except ValidationError:
            return False
        return True

    def make_schema(self) -> dict[str, Any]:
        """Return the setting's JSON schema."""
        return TypeAdapter(self.type).json_schema() | {"description": f"{self.words[0].upper()}{self.words[1:]}."}


COUNT = Setting("a whole number of at least 0", Annotated[int, Field(ge=0)])
POSITIVE = Setting("a whole number of at least 1", Annotated[int, Field(ge=1)])
SEVERAL = Setting("a whole number of at least 2", Annotated[int, Field(ge=2)])
NUMBER = Setting("a number", float)
ABOVE_ZERO = Setting("a number above 0", Annotated[float, Field(gt=0)])
SHARE = Setting("a number between 0 and 1", Annotated[float, Field(gt=0, lt=1)])
PERCENT = Setting("a number from 0 to 100", Annotated[float, Field(ge=0, le=100)])
CONFIDENCE = Setting("a number from 0.5 to less than 1", Annotated[float, Field(ge=0.5, lt=1)])
FLAG = Setting("true or false", bool)
WORDS = Setting("text", str)
SEED = Setting("a whole number from 0 to 4294967295", Annotated[int, Field(ge=0, lt=2**32)])
SHARE_OR_NOTHING = Setting("a number between 0 and 1, or null", Annotated[float, Field(gt=0, lt=1)] | None)
SHARE_OR_COUNT = Setting(
    "a share between 0 and 1, or a number of rows",
    Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, lt=1)],
)


@dataclass(frozen=True, slots=True)
class Kind:
    """Something that a configuration can name, and the settings that it takes there.

    Only these names and settings are accepted, so that a configuration never imports anything.

    Attributes
    ----------
    make : callable
        Called with the settings.
    description : str
    settings : mapping of str to Setting
    needed : tuple of str
        Settings that have to be given.
    defaults : mapping of str to object
        Settings of ours, where they are not given.
    seed : str or None
        The argument that gets the seed of the run.
    package : str or None
        The package that it needs.
    """

    make: Callable[..., Any]
    description: str
    settings: Mapping[str, Setting] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    seed: str | None = None
    package: str | None = None


def split_name(value: Any) -> tuple[Any, Any]:
    """Return the name and the settings in a value of the form ``name`` or ``{name: settings}``."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, settings),) = value.items()
        return name, {} if settings is None else settings
    return value, {}


def make_named(key: str, value: Any, kinds: Mapping[str, Kind], seed: int = 0) -> Any:
    """Make the object that a value of a configuration names.

    Parameters
    ----------
    key : str
        Where the value stands, for messages.
    value : str or mapping
        A name, or one name with its settings.
    kinds : mapping of str to Kind
        What may be named.
    seed : int, default=0
        That of the run.

    Returns
    -------
    made : object

    Raises
    ------
    ValueError
        If there is no such name or setting, or a setting cannot be what it is. The message begins with the key.

    Examples
    --------
    >>> type(make_named("sampler", {"tpe": {"n_startup_trials": 5}}, SAMPLERS)).__name__
    'TPESampler'
    >>> make_named("pruner", "medain", PRUNERS)
    Traceback (most recent call last):
    ...
    ValueError: pruner: 'medain' is not known: did you mean median?
    """
    name, settings = split_name(value)
    if not isinstance(name, str):
        example = next(name for name, kind in kinds.items() if kind.settings)
        setting = next(iter(kinds[example].settings))
        raise ValueError(
            f"{key}: has to be a name, or one name with its settings, as in {example}: {{{setting}: …}}, got "
            f"{shorten(repr(value))}"
        )
    if name not in kinds:
        raise ValueError(f"{key}: {shorten(repr(name))} is not known{suggest_name(name, kinds)}")
    kind, place = kinds[name], f"{key}.{name}"
    if not isinstance(settings, Mapping):
        known = f"; its settings stand below it, indented: {', '.join(kind.settings)}" if kind.settings else ""
        raise ValueError(f"{place}: has to be a section, got {shorten(repr(settings))}{known}")
    _check_settings(place, kind, settings)
    if kind.package is not None and find_spec(kind.package) is None:
        raise ValueError(f"{key}: {name} needs {kind.package}: pip install {kind.package}")
    seeded = {} if kind.seed is None else {kind.seed: settings.get("seed", seed)}
    given = {name: value for name, value in settings.items() if name != "seed"}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            made = kind.make(**{**kind.defaults, **given, **seeded})
            check: Callable[[], None] | None = getattr(made, "check", None)
            if check is not None:
                check()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: {error}") from None
    return made


def _check_settings(place: str, kind: Kind, settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        if name not in kind.settings:
            raise ValueError(f"{place}: {name!r} is none of its settings{_suggest_setting(str(name), kind.settings)}")
        if not kind.settings[name].accepts(value):
            raise ValueError(f"{place}.{name}: has to be {kind.settings[name].words}, got {shorten(repr(value))}")
    for name in kind.needed:
        if name not in settings:
            raise ValueError(f"{place}: needs {name}, {kind.settings[name].words}")


def _suggest_setting(name: str, settings: Iterable[str]) -> str:
    known = list(settings)
    return suggest_name(name, known) if known else "; it has none"


def make_schema(kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Return the JSON schema of a value that names one of some kinds."""
    sections = [
        {
            "type": "object",
            "additionalProperties": False,
            "required": [name],
            "properties": {
                name: {
                    "description": kind.description,
                    "type": ["object", "null"],
                    "additionalProperties": False,
                    "required": list(kind.needed),
                    "properties": {key: setting.make_schema() for key, setting in kind.settings.items()},
                }
            },
        }
        for name, kind in kinds.items()
    ]
    return {"anyOf": [{"enum": [name for name, kind in kinds.items() if not kind.needed]}, *sections]}


# -- samplers and pruners ----------------------------------------------------------------------------------------------

_STARTUP = {"n_startup_trials": COUNT}
_GENETIC = {"population_size": SEVERAL, "mutation_prob": SHARE, "crossover_prob": SHARE, "swapping_prob": SHARE}

SAMPLERS = {
    "tpe": Kind(
        optuna.samplers.TPESampler,
        "Optuna's TPESampler with its own defaults; without `sampler`, the searches use a multivariate one.",
        _STARTUP | {"n_ei_candidates": POSITIVE, "multivariate": FLAG, "group": FLAG, "constant_liar": FLAG},
        seed="seed",
    ),
    "random": Kind(optuna.samplers.RandomSampler, "Optuna's RandomSampler.", seed="seed"),
    "qmc": Kind(
        optuna.samplers.QMCSampler,
        "Optuna's QMCSampler, which spreads candidates evenly.",
        {"qmc_type": Setting("sobol or halton", Annotated[str, Field(pattern="^(sobol|halton)$")]), "scramble": FLAG},
        seed="seed",
        package="scipy",
    ),
    "cmaes": Kind(
        optuna.samplers.CmaEsSampler,
        "Optuna's CmaEsSampler; for one objective without limits.",
        _STARTUP | {"sigma0": ABOVE_ZERO, "popsize": SEVERAL, "use_separable_cma": FLAG, "with_margin": FLAG},
        seed="seed",
        package="cmaes",
    ),
    "gp": Kind(
        optuna.samplers.GPSampler,
        "Optuna's GPSampler, a Gaussian process.",
        _STARTUP | {"deterministic_objective": FLAG},
        seed="seed",
        package="torch",
    ),
    "nsga2": Kind(
        optuna.samplers.NSGAIISampler, "Optuna's NSGAIISampler, for several objectives.", _GENETIC, seed="seed"
    ),
    "nsga3": Kind(
        optuna.samplers.NSGAIIISampler,
        "Optuna's NSGAIIISampler, for many objectives.",
        _GENETIC | {"dividing_parameter": POSITIVE},
        seed="seed",
    ),
    "brute_force": Kind(
        optuna.samplers.BruteForceSampler, "Optuna's BruteForceSampler, which tries every candidate.", seed="seed"
    ),
    "forest": Kind(
        ForestSampler, "ForestSampler of this package, which predicts scores by a random forest.", _STARTUP, seed="seed"
    ),
    "hypervolume": Kind(
        HypervolumeSampler,
        "HypervolumeSampler of this package, which searches use by default for several objectives.",
        _STARTUP,
        seed="seed",
    ),
    "rust_tpe": Kind(
        RustTPESampler,
        "RustTPESampler of this package, for fits of milliseconds; one objective.",
        _STARTUP,
        seed="seed",
        package="rustuna",
    ),
}

_STEPS = {"n_warmup_steps": COUNT, "interval_steps": POSITIVE}

PRUNERS = {
    "none": Kind(lambda: None, "No candidate is stopped."),
    "fold_racing": Kind(
        FoldRacing,
        "FoldRacing of this package, which the searches use by default.",
        {"error_rate": SHARE, "n_startup_trials": POSITIVE, "subsample": SHARE_OR_NOTHING},
    ),
    "median": Kind(
        optuna.pruners.MedianPruner, "Optuna's MedianPruner.", _STARTUP | _STEPS | {"n_min_trials": POSITIVE}
    ),
    "percentile": Kind(
        optuna.pruners.PercentilePruner,
        "Optuna's PercentilePruner.",
        {"percentile": PERCENT} | _STARTUP | _STEPS | {"n_min_trials": POSITIVE},
        needed=("percentile",),
    ),
    "successive_halving": Kind(
        optuna.pruners.SuccessiveHalvingPruner,
        "Optuna's SuccessiveHalvingPruner.",
        {
            "min_resource": POSITIVE,
            "reduction_factor": SEVERAL,
            "min_early_stopping_rate": COUNT,
            "bootstrap_count": COUNT,
        },
    ),
    "hyperband": Kind(
        optuna.pruners.HyperbandPruner,
        "Optuna's HyperbandPruner.",
        {"min_resource": POSITIVE, "max_resource": POSITIVE, "reduction_factor": SEVERAL, "bootstrap_count": COUNT},
    ),
    "threshold": Kind(
        optuna.pruners.ThresholdPruner,
        "Optuna's ThresholdPruner, by scores of which higher is better.",
        {"lower": NUMBER, "upper": NUMBER} | _STEPS,
    ),
    "wilcoxon": Kind(
        optuna.pruners.WilcoxonPruner,
        "Optuna's WilcoxonPruner, which compares candidates fold by fold.",
        {"p_threshold": SHARE, "n_startup_steps": COUNT},
    ),
}


# -- folds and rules ---------------------------------------------------------------------------------------------------


def _make_folds(
    kind: Any, description: str, settings: Mapping[str, Setting] = MappingProxyType({}), *, is_shuffled: bool = False
) -> Kind:
    """Return the kind of a splitter of scikit-learn: with 5 splits, and shuffled by a seed, where it has these."""
    defaults: dict[str, Any] = {"n_splits": 5} if "n_splits" in settings else {}
    defaults |= {"shuffle": True} if is_shuffled else {}
    return Kind(kind, description, settings, defaults=defaults, seed="random_state" if "seed" in settings else None)


_SHUFFLED = {"n_splits": SEVERAL, "seed": SEED}
_DRAWN = {"n_splits": POSITIVE, "test_size": SHARE_OR_COUNT, "train_size": SHARE_OR_COUNT, "seed": SEED}

_REPEATED = _SHUFFLED | {"n_repeats": POSITIVE}

FOLDS = {
    "random": _make_folds(model_selection.KFold, "KFold, shuffled.", _SHUFFLED, is_shuffled=True),
    "consecutive": _make_folds(model_selection.KFold, "KFold: each fold is a block of rows.", {"n_splits": SEVERAL}),
    "stratified": _make_folds(
        model_selection.StratifiedKFold, "StratifiedKFold, shuffled.", _SHUFFLED, is_shuffled=True
    ),
    "repeated": _make_folds(model_selection.RepeatedKFold, "RepeatedKFold.", _REPEATED),
    "repeated_stratified": _make_folds(model_selection.RepeatedStratifiedKFold, "RepeatedStratifiedKFold.", _REPEATED),
    "shuffle_split": _make_folds(model_selection.ShuffleSplit, "ShuffleSplit.", _DRAWN),
    "stratified_shuffle_split": _make_folds(model_selection.StratifiedShuffleSplit, "StratifiedShuffleSplit.", _DRAWN),
    "leave_one_out": _make_folds(model_selection.LeaveOneOut, "LeaveOneOut."),
    "group": _make_folds(model_selection.GroupKFold, "GroupKFold, shuffled.", _SHUFFLED, is_shuffled=True),
    "stratified_group": _make_folds(
        model_selection.StratifiedGroupKFold, "StratifiedGroupKFold, shuffled.", _SHUFFLED, is_shuffled=True
    ),
    "group_shuffle_split": _make_folds(model_selection.GroupShuffleSplit, "GroupShuffleSplit.", _DRAWN),
    "leave_one_group_out": _make_folds(
        model_selection.LeaveOneGroupOut, "LeaveOneGroupOut: each group is tested once, also where groups are folds."
    ),
    "time": _make_folds(
        model_selection.TimeSeriesSplit,
        "TimeSeriesSplit over the rows in the order of their times.",
        {"n_splits": SEVERAL, "gap": COUNT, "max_train_size": POSITIVE, "test_size": POSITIVE},
    ),
}

GROUP_FOLDS = ("group", "stratified_group", "group_shuffle_split", "leave_one_group_out")
FORWARD_FOLDS = ("time",)

_METRIC = {"metric": WORDS}

RULES = {
    "best_mean": Kind(BestMean, "BestMean: the best mean score.", _METRIC),
    "one_standard_error": Kind(
        OneStandardError,
        "OneStandardError: the simplest candidate within some standard errors of the best.",
        {
            "by": Setting("a parameter, as in space, or a column of cv_results_ such as mean_score_time", str),
            "largest": FLAG,
            "n_errors": ABOVE_ZERO,
        }
        | _METRIC,
        needed=("by",),
    ),
    "no_worse_than_default": Kind(
        NoWorseThanDefault,
        "NoWorseThanDefault: the model's own parameters, unless the folds show that the best candidate is better.",
        {"confidence": CONFIDENCE} | _METRIC,
    ),
}
