"""The catalogue of model families, and search spaces composed from it."""

from collections.abc import Iterator
from importlib.util import find_spec
from inspect import signature
from itertools import product
from typing import Any

from sklearn.base import is_classifier

from sklearn_autotune._compat.roll import import_roll
from sklearn_autotune.families._base import Branch, Family, Shape

__all__ = [
    "FAMILIES",
    "Family",
    "Shape",
    "auto_space",
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


def auto_space(estimator: Any, *, n_rows: int) -> Branch | list[Branch]:
    """Compose the space of an estimator from the spaces of the parts that are known.

    Parameters
    ----------
    estimator : estimator
        An estimator of the catalogue, or a Pipeline or other meta-estimator with such estimators inside, at any depth.
        Other parts keep their parameters.
    n_rows : int
        Rows of the smallest training part, on which the ranges depend.

    Returns
    -------
    space : dict or list of dict
        ``param_distributions`` to look at, change and pass to `OptunaSearchCV`. A list if some parameters exist only
        under conditions; with several such parts, one dict for each combination.

    Raises
    ------
    ValueError
        If no part is known.

    Notes
    -----
    Searched parameters replace the estimator's own values. Three settings are kept: class weights, an SVM's kernel
    other than the default, and early stopping, which then decides the number of rounds.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> auto_space(make_pipeline(StandardScaler(), Ridge()), n_rows=100)
    {'ridge__alpha': FloatDistribution(high=10000.0, log=True, low=0.0001, step=None)}

    >>> from sklearn.svm import SVR
    >>> for branch in auto_space(SVR(), n_rows=100):
    ...     print(branch["kernel"], sorted(branch))
    ['rbf'] ['C', 'epsilon', 'gamma', 'kernel']
    ['poly'] ['C', 'coef0', 'degree', 'epsilon', 'gamma', 'kernel']
    """
    known = list(_iterate_known_branches(estimator, n_rows))
    if not known:
        raise ValueError(_describe_unknown_estimator(estimator))
    combined = [{name: values for branch in chosen for name, values in branch.items()} for chosen in product(*known)]
    return combined[0] if len(combined) == 1 else combined


def _iterate_known_branches(estimator: Any, n_rows: int) -> Iterator[list[Branch]]:
    """Yield the branches of each part in the catalogue, with the part's prefix before its parameters."""
    params = estimator.get_params(deep=True)
    for prefix, part in iterate_parts(estimator, params):
        for family in FAMILIES:
            if family.includes(type(part)):
                shape = Shape(n_rows, is_classifier(part), part.get_params(deep=False))
                raw_space = family.space(shape)
                branches = [raw_space] if isinstance(raw_space, dict) else raw_space
                full = [{prefix + name: values for name, values in branch.items()} for branch in branches]
                # A subclass with fewer parameters, or a part whose parameters cannot be reached from outside (a
                # FrozenEstimator's), is not one we know.
                known = params.keys() | {prefix + name for name in _find_unset_parameters(part)}
                if all(name in known for branch in full for name in branch):
                    yield full


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
    parts = [type(part).__name__ for _, part in iterate_parts(estimator, estimator.get_params(deep=True))]
    known = sorted(name.partition(".")[2] for family in FAMILIES for name in family.estimators)
    inside = f" (with {', '.join(parts[1:])} inside)" if len(parts) > 1 else ""
    return (
        f"No space is known for {parts[0]}{inside}, so param_distributions='auto' cannot be used. "
        f"Known are {', '.join(known)}. Write param_distributions yourself, for example "
        "{'max_depth': [2, 4, 8]}; parameters of a step are written 'step__parameter'."
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
