"""The catalogue of model families, and search spaces composed from it."""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from inspect import signature
from itertools import product
from typing import Any

from sklearn.base import is_classifier, is_regressor

from sklearn_autotune._compat.roll import import_roll
from sklearn_autotune.families._base import Branch, EstimatorSpace, Family, Shape, is_among
from sklearn_autotune.families.spaces import ESTIMATOR_SPACES, STEP_SPACES

__all__ = [
    "FAMILIES",
    "Family",
    "Shape",
    "auto_space",
    "fill_auto",
    "find_known",
    "find_parameter_prefix",
    "get_exclusion_reason",
    "select_families",
]

# One line a family, as module.NAME, in the order in which `AutoModelSelector` tries them: fast families that are good
# on many tables come first.
FAMILIES: tuple[Family, ...] = import_roll(
    __name__,
    "_baseline.BASELINE",
    "_linear.LOGISTIC",
    "_linear.RIDGE",
    "_lightgbm.LIGHTGBM",
    "_xgboost.XGBOOST",
    "_kernel_ridge.KERNEL_RIDGE",
    "_forest.EXTRA_TREES",
    "_gaussian_process.GAUSSIAN_PROCESS",
    "_splines.SPLINES",
    "_forest.FOREST",
    "_hist_gradient_boosting.HIST_GRADIENT_BOOSTING",
    "_catboost.CATBOOST",
    "_neural.NEURAL",
    "_svm.SVM",
    "_neighbors.NEIGHBORS",
    "_gradient_boosting.GRADIENT_BOOSTING",
    "_elastic_net.ELASTIC_NET",
    "_huber.HUBER",
    "_naive_bayes.NAIVE_BAYES",
)


# The families come first: a class that one of them and a ready space name is the family's.
KNOWN_MODELS: tuple[Family | EstimatorSpace, ...] = (*FAMILIES, *ESTIMATOR_SPACES)

AUTO = "auto"
N_SUGGESTED = 3  # names of known estimators in a message

# Steps that leave out no column, apart from columns without any value, and what holds such steps.
KEEPING_STEPS = (
    *("sklearn.StandardScaler", "sklearn.RobustScaler", "sklearn.MinMaxScaler", "sklearn.MaxAbsScaler"),
    *("sklearn.QuantileTransformer", "sklearn.PowerTransformer", "sklearn.Normalizer", "sklearn.Pipeline"),
    *(
        "sklearn.SimpleImputer",
        "sklearn.KNNImputer",
        "sklearn.PolynomialFeatures",
        "sklearn.TransformedTargetRegressor",
    ),
)


def auto_space(
    estimator: Any, *, n_rows: int, n_columns: int | None = None, steps: bool | str | Collection[str] = False
) -> Branch | list[Branch]:
    """Compose the space of an estimator from the spaces of the parts that are known.

    Parameters
    ----------
    estimator : estimator
        A known estimator, or a Pipeline or other meta-estimator with such estimators inside, at any depth. Other parts
        keep their parameters.
    n_rows : int
        Rows of the smallest training part, on which the ranges depend.
    n_columns : int or None, default=None
        Columns of the table, which limit numbers of components and of selected columns; None if they are not known.
    steps : bool, str or collection of str, default=False
        Whether known steps in front of a model, such as imputers and vectorizers, are searched too. Names, written as
        in ``get_params``, are the only parts that are searched, each with all known models and steps inside it.

    Returns
    -------
    space : dict or list of dict
        ``param_distributions`` to look at, change and pass to `OptunaSearchCV`. A list if some parameters exist only
        under conditions; with several such parts, one dict for each combination.

    Raises
    ------
    ValueError
        If no part is known, or if a name in ``steps`` is no part or has no known part inside.

    See Also
    --------
    OptunaSearchCV : ``param_distributions="auto"`` is this space. The dict ``{"step": "auto"}`` is that of one part.

    Notes
    -----
    Searched parameters replace the estimator's own values. Three settings are kept: class weights, an SVM's kernel
    other than the default, and early stopping, which then decides the number of rounds.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import RobustScaler
    >>> model = make_pipeline(RobustScaler(), Ridge())
    >>> auto_space(model, n_rows=100)
    {'ridge__alpha': FloatDistribution(high=10000.0, log=True, low=0.0001, step=None)}
    >>> sorted(auto_space(model, n_rows=100, steps=True))
    ['ridge__alpha', 'robustscaler__quantile_range']
    >>> auto_space(model, n_rows=100, steps=["robustscaler"])
    {'robustscaler__quantile_range': [(25.0, 75.0), (10.0, 90.0), (5.0, 95.0)]}

    >>> from sklearn.svm import SVR
    >>> for branch in auto_space(SVR(), n_rows=100):
    ...     print(branch["kernel"], sorted(branch))
    ['rbf'] ['C', 'epsilon', 'gamma', 'kernel']
    ['poly'] ['C', 'coef0', 'degree', 'epsilon', 'gamma', 'kernel']
    """
    if isinstance(steps, bool):
        known = list(_iterate_known_branches(estimator, n_rows, n_columns, with_steps=steps))
        if not known:
            raise ValueError(_describe_unknown_estimator(estimator))
    else:
        known = []
        for name in [steps] if isinstance(steps, str) else steps:
            branches = list(_iterate_known_branches(estimator, n_rows, n_columns, with_steps=True, inside=name))
            if not branches:
                raise ValueError(_describe_unknown_part(estimator, name))
            known += branches
    combined = [{name: values for branch in chosen for name, values in branch.items()} for chosen in product(*known)]
    return combined[0] if len(combined) == 1 else combined


def fill_auto(raw_space: Any, estimator: Any, *, n_rows: int, n_columns: int) -> Any:
    """Replace "auto" by ready spaces: the whole space, or in a dict the value of a part's name.

    Parameters
    ----------
    raw_space : dict, list of dict, callable or "auto"
        What the user has written.
    estimator : estimator
    n_rows, n_columns : int
        Of the smallest training part.

    Returns
    -------
    raw_space : dict, list of dict or callable
        Values that the user has written for parameters take the place of those of a ready space.

    Raises
    ------
    ValueError
        If "auto" stands where nothing is known.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import RobustScaler
    >>> model = make_pipeline(RobustScaler(), Ridge())
    >>> fill_auto({"robustscaler": "auto", "ridge__alpha": [1, 10]}, model, n_rows=100, n_columns=4)
    {'robustscaler__quantile_range': [(25.0, 75.0), (10.0, 90.0), (5.0, 95.0)], 'ridge__alpha': [1, 10]}
    """
    if isinstance(raw_space, str):
        return auto_space(estimator, n_rows=n_rows, n_columns=n_columns)
    if isinstance(raw_space, Mapping):
        asked = [name for name, values in raw_space.items() if isinstance(values, str) and values == AUTO]
        if not asked:
            return raw_space
        ready = auto_space(estimator, n_rows=n_rows, n_columns=n_columns, steps=asked)
        given = {name: values for name, values in raw_space.items() if name not in asked}
        return ready | given if isinstance(ready, dict) else [branch | given for branch in ready]
    if not isinstance(raw_space, list | tuple):
        return raw_space
    filled: list[Any] = []
    for branch in raw_space:
        is_dict = isinstance(branch, Mapping)
        one = fill_auto(branch, estimator, n_rows=n_rows, n_columns=n_columns) if is_dict else branch
        filled += one if is_dict and isinstance(one, list) else [one]
    return filled


def find_known(kind: type, *, with_steps: bool = True) -> Family | EstimatorSpace | None:
    """Find what is known of a class: its family or ready space; None if nothing is.

    Parameters
    ----------
    kind : type
    with_steps : bool, default=True
        Whether steps in front of a model count too.

    Returns
    -------
    known : Family, EstimatorSpace or None

    Examples
    --------
    >>> from sklearn.preprocessing import RobustScaler
    >>> from sklearn.svm import SVC
    >>> find_known(SVC), find_known(RobustScaler, with_steps=False) is None
    (Family('svm'), True)
    """
    known = (*KNOWN_MODELS, *STEP_SPACES) if with_steps else KNOWN_MODELS
    return next((one for one in known if one.includes(kind)), None)


def _iterate_known_branches(
    estimator: Any, n_rows: int, n_columns: int | None, *, with_steps: bool, inside: str = ""
) -> Iterator[list[Branch]]:
    """Yield the branches of each known part, with the part's prefix before its parameters."""
    params = estimator.get_params(deep=True)
    parts = list(iterate_parts(estimator, params))
    for prefix, part in parts:
        known = find_known(type(part), with_steps=with_steps)
        if known is None or not prefix.startswith(f"{inside}__" if inside else ""):
            continue
        is_reduced = any(_may_leave_out_columns(other) for _, other in parts if other is not part)
        own = part.get_params(deep=False)
        shape = Shape(n_rows, is_classifier(part), own, min_columns=None if is_reduced else n_columns)
        raw_space = known.space(shape)
        branches = [raw_space] if isinstance(raw_space, dict) else raw_space
        full = [{prefix + name: values for name, values in branch.items()} for branch in branches]
        if prefix and isinstance(known, EstimatorSpace) and known.make_replacements is not None:
            others = _set_output_as_of(part, known.make_replacements(shape))
            full = [branch | {prefix.removesuffix("__"): [part, *others]} for branch in full if others]
        # A subclass with fewer parameters, or a part whose parameters cannot be reached from outside (a
        # FrozenEstimator's), is not one we know.
        reachable = params.keys() | {prefix + name for name in _find_unset_parameters(part)}
        if any(full) and all(name in reachable for branch in full for name in branch):
            yield full


def _set_output_as_of(part: Any, others: list[Any]) -> list[Any]:
    """Let steps return what ``set_output`` of another one has asked for."""
    from sklearn_autotune._compat.sklearn import get_set_output  # it imports models

    return [other.set_output(**get_set_output(part)) for other in others]


def _may_leave_out_columns(part: Any) -> bool:
    """Whether a part is a step, other than the models, that may give fewer columns than it gets."""
    if not hasattr(type(part), "transform") or is_among(type(part), KEEPING_STEPS):
        return False
    return not (is_classifier(part) or is_regressor(part))


def _find_unset_parameters(part: Any) -> set[str]:
    """Return constructor parameters that ``get_params`` leaves out: CatBoost's leaves out unset ones."""
    return set(signature(type(part).__init__).parameters) - {"self", "kwargs"} - set(part.get_params(deep=False))


def iterate_parts(estimator: Any, params: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield every part once, with its prefix. Lists of steps are skipped: the steps are parameters of their own."""
    yield "", estimator
    for name, value in params.items():
        if hasattr(value, "get_params") and not isinstance(value, type):
            yield f"{name}__", value


def find_parameter_prefix(family: Family, model: Any) -> str:
    """Find the prefix of a family's parameters in a model that is one of its estimators or contains one."""
    parts = iterate_parts(model, model.get_params(deep=True))
    return next((prefix for prefix, part in parts if family.includes(type(part))), "")


def _describe_unknown_estimator(estimator: Any) -> str:
    parts = list(iterate_parts(estimator, estimator.get_params(deep=True)))
    names = [type(part).__name__ for _, part in parts]
    inside = f" (with {', '.join(names[1:])} inside)" if len(names) > 1 else ""
    found = ((prefix.removesuffix("__"), part) for prefix, part in parts if prefix and find_known(type(part)))
    hints = (f" A {type(part).__name__} is known as a step: {{{name!r}: 'auto'}} searches it." for name, part in found)
    models = [name.partition(".")[2] for one in KNOWN_MODELS for name in one.estimators]
    nearest = get_close_matches(names[-1], models, n=N_SUGGESTED, cutoff=0.0)
    hint = next(hints, "")
    return (
        f"No space is known for {names[0]}{inside}, so param_distributions='auto' cannot be used. Of the "
        f"{len(models)} known models, {', '.join(nearest)} have the nearest names; all are listed in "
        f"docs/guides/spaces.md.{hint} Write param_distributions yourself, for example {{'max_depth': [2, 4, 8]}}; "
        "parameters of a step are written 'step__parameter'."
    )


def _describe_unknown_part(estimator: Any, name: str) -> str:
    parts = dict(iterate_parts(estimator, estimator.get_params(deep=True)))
    if f"{name}__" not in parts:
        names = [prefix.removesuffix("__") for prefix in parts if prefix]
        has = f"its parts are {', '.join(names)}" if names else "it has none"
        return (
            f"{name!r} is 'auto', which is for parts of an estimator, such as steps, and {name!r} is no part of "
            f"{type(estimator).__name__}: {has}. A single value needs to be wrapped in a list with one element."
        )
    kind = type(parts[f"{name}__"]).__name__
    return (
        f"No space is known for {name!r}, a {kind} with these parameters, so 'auto' cannot be used for it. Known "
        f"models and steps are listed in docs/guides/spaces.md. Write {{'{name}__parameter': [...]}} yourself."
    )


def select_families(task: str, n_rows: int | None = None) -> dict[str, Family]:
    """Select the families of the catalogue that can be used for a task, by name.

    Parameters
    ----------
    task : {"classification", "regression"}
    n_rows : int or None, default=None
        Rows of the table; None if they are not known.

    Returns
    -------
    families : dict of str to Family
    """
    return {family.name: family for family in FAMILIES if get_exclusion_reason(family, task, n_rows) is None}


def get_exclusion_reason(family: Family, task: str, n_rows: int | None = None) -> str | None:
    """Get the reason why `AutoModelSelector` cannot use a family for a task.

    Parameters
    ----------
    family : Family
    task : {"classification", "regression"}
    n_rows : int or None, default=None
        Rows of the table; None if they are not known.

    Returns
    -------
    reason : str or None
        None if it can.

    Examples
    --------
    >>> from sklearn_autotune.families import FAMILIES, get_exclusion_reason
    >>> [get_exclusion_reason(family, "regression") for family in FAMILIES if family.name == "logistic"]
    ['it is not for regression']
    """
    if family.make is None:
        return "it does not say how its model is made"
    if task not in family.tasks:
        return f"it is not for {task}"
    if family.package is not None and find_spec(family.package) is None:
        return f"{family.package} is not installed (pip install {family.package})"
    if family.max_rows is not None and n_rows is not None and n_rows > family.max_rows:
        return f"it is for at most {family.max_rows:,} rows, and the table has {n_rows:,}"
    return None
