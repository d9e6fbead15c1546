"""Candidates of families and what is kept of them, the space of all families, and the table as families see it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.model_selection import TimeSeriesSplit

from sklearn_autotune._compat.types import CrossValidation
from sklearn_autotune.evaluation import Task
from sklearn_autotune.evaluation._base import is_forward
from sklearn_autotune.evaluation._metric import find_loss
from sklearn_autotune.execution._worker import dumps, loads
from sklearn_autotune.families import Family, Shape, find_parameter_prefix
from sklearn_autotune.families._base import Branch
from sklearn_autotune.families._chosen import resolve_families
from sklearn_autotune.families._linear import LOGISTIC, RIDGE
from sklearn_autotune.inference._text_encoder import N_TOPICS
from sklearn_autotune.objectives._costs import count_bytes
from sklearn_autotune.tables._shared_steps import find_texts, is_wide
from sklearn_autotune.tables._table_data import TableData
from sklearn_autotune.tables._target import choose_target_transform

__all__ = [
    "FAMILY",
    "FEATURES",
    "GENERATED",
    "SCREENED",
    "TARGET",
    "UNCHANGED",
    "CrossFitResult",
    "add_family_prefix",
    "add_screened_families",
    "can_transform_target",
    "choose_families",
    "get_settings",
    "make_candidate",
    "make_first_candidates",
    "make_selection_space",
    "make_shape_function",
    "make_table_shape",
    "make_typical_candidate",
    "replace_setting",
    "split_target_transform",
    "uses_generated",
]

# The parameter that names a candidate's family. All other parameters of a candidate begin with that name.
FAMILY = "family"

# The parameter that says on what a regressor is fitted, where the target is skewed: on the target as it is, or on its
# logarithm or a power.
TARGET = "target"
UNCHANGED = "unchanged"

# The parameter that says which columns a model gets, where columns may be generated: those of the table, or others too.
FEATURES = "features"
GIVEN, GENERATED = "given", "generated"

# How the names of families end that get the columns left after screening, beside those that get all.
SCREENED = "_screened"

# About the number of columns of a wide table that are left after screening.
N_SCREENED_COLUMNS = 100

# Losses of scores that fail on predictions that are not positive.
POSITIVE_LOSSES = ("poisson", "gamma", "tweedie")

# The parameters by which families choose among losses.
LOSS_NAMES = ("objective", "loss", "loss_function")


@dataclass(slots=True)
class CrossFitResult:
    """Out-of-fold predictions and models of one candidate, as the blend needs them.

    Attributes
    ----------
    predictions : list of ndarray
        For each fold's test rows, probabilities of shape (n_rows, n_classes) or values of shape (n_rows,), as the model
        predicts them, before temperature scaling; empty once the candidate cannot enter the blend.
    models : list of Pipeline or None
        The folds' models, if the final model averages them; None once the candidate cannot enter the blend.
    temperature : float
    rounds : list of int
        The number of rounds that early stopping found on each fold, if the family stops early.
    rounds_before : int or None
        If the folds follow time: the number that it found on the last training rows of the first fold.
    has_lost_models : bool
        Whether the models stayed in the process that fitted them, because they cannot be pickled. If the candidate is
        chosen, they are fitted again.
    seconds_per_row : float
        Seconds in which the model of the last fold predicts a row of the prepared table, for the limits on blends.
    n_bytes : float
        Its size; infinite if it cannot be pickled.
    """

    predictions: list[np.ndarray] = field(default_factory=list)
    models: list[Any] | None = None
    temperature: float = 1.0
    rounds: list[int] = field(default_factory=list)
    rounds_before: int | None = None
    has_lost_models: bool = False
    seconds_per_row: float = float("nan")
    n_bytes: float = float("nan")

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes, with the models pickled on their own, and without them if that fails."""
        state = {part.name: getattr(self, part.name) for part in fields(self)}
        if self.models is not None:
            try:
                state["models"] = dumps(self.models)
            except Exception:  # any __reduce__ may raise anything
                state |= {"models": None, "has_lost_models": True}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the attributes."""
        if state["models"] is not None:
            try:
                state["models"] = loads(state["models"])
            except Exception:
                state |= {"models": None, "has_lost_models": True}
        for name, value in state.items():
            setattr(self, name, value)

    @property
    def is_released(self) -> bool:
        """Whether there are no predictions and no models."""
        return not self.predictions and not self.models

    def release(self) -> None:
        """Let go of predictions and models, which take memory."""
        self.predictions, self.models = [], None

    def measure_size(self, model: Any) -> None:
        """Note the size of a model; infinite if it cannot be pickled."""
        try:
            self.n_bytes = float(count_bytes(model))
        except Exception:  # any __reduce__ may raise anything
            self.n_bytes = float("inf")

    def limit_size(self, max_bytes: int) -> "CrossFitResult":
        """Return the result without its models if these would take more bytes in a file."""
        if not self.models or self.n_bytes * len(self.models) <= max_bytes:
            return self
        return replace(self, models=None, has_lost_models=True)


def make_shape_function(
    data: TableData, task: Task | None = None, *, generates: bool = False
) -> Callable[[int], Shape]:
    """Return the function that describes a training table of some rows of this one, as families need it.

    ``generates`` says whether there are candidates with generated columns. With the task of a regression, the shape
    also has what suits its target and its score. Where the folds follow time, the target is that of the rows before the
    first test rows.
    """
    make_shape = partial(
        make_table_shape, n_categories=data.reader.n_categories_, classes=data.classes, generates=generates
    )
    if task is None or data.classes is not None:
        return make_shape
    loss, level = find_loss(task.scorer)
    y = np.asarray(task.y, dtype=float)
    known = y[task.folds[0].train] if is_forward(task.folds) else y
    transform = choose_target_transform(known, wants_log=loss in ("log", *POSITIVE_LOSSES))
    if transform == "log" and y.min() < 0:  # later rows have no logarithm
        transform = "power"
    return partial(make_shape, target_transform=transform, loss=loss, loss_level=level)


def make_table_shape(n_rows: int, *, n_categories: np.ndarray, classes: np.ndarray | None, **others: Any) -> Shape:
    """Describe a training table with this number of rows, as families need it.

    Parameters
    ----------
    n_rows : int
    n_categories : ndarray of int, of shape (n_columns,)
        0 for numbers, negative for texts.
    classes : ndarray of shape (n_classes,) or None
        None in regression.
    **others : object
        What else `Shape` holds: about the target of a regression and its score, and whether columns are generated.
    """
    n_columns = int(np.clip(n_categories[n_categories >= 0], 1, 20).sum()) + N_TOPICS * len(find_texts(n_categories))
    n_classes = 2 if classes is None else len(classes)
    n_screened = N_SCREENED_COLUMNS if is_wide(n_categories) else None
    return Shape(
        n_rows,
        classes is not None,
        n_columns=max(1, n_columns),
        n_classes=n_classes,
        n_screened_columns=n_screened,
        **others,
    )


def choose_families(
    given: str | Family | Sequence[str | Family], task: str, data: TableData, cv: CrossValidation
) -> dict[str, Family]:
    """Resolve the families that the user has named for a table, and add those for a wide one."""
    follows_time = data.times is not None or isinstance(cv, TimeSeriesSplit)
    families = resolve_families(given, task, len(data.y), follows_time=follows_time)
    return add_screened_families(families, data.reader.n_categories_)


def add_screened_families(families: Mapping[str, Family], n_categories: np.ndarray) -> dict[str, Family]:
    """Return the families with more for a wide table: linear models of the columns that are left after screening.

    Linear models get all columns too. They use many weak columns, which screening leaves out.
    """
    found = dict(families)
    for name in (LOGISTIC.name, RIDGE.name) if is_wide(n_categories) else ():
        if name in families:
            found[name + SCREENED] = replace(families[name], name=name + SCREENED, screens=True)
    return found


def add_family_prefix(family: str, name: str) -> str:
    """Return the name that a family's parameter has in the space of all families."""
    return f"{family}__{name}"


def make_candidate(family: Family, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Make a candidate from the settings of a family."""
    return {FAMILY: family.name, **{add_family_prefix(family.name, name): value for name, value in settings.items()}}


def make_typical_candidate(family: Family, shape: Shape) -> dict[str, Any]:
    """Make the candidate that stands for its family: the first one, or the estimator as it is made if there is none."""
    return (make_first_candidates(family, shape) or make_first_candidates(replace(family, first=({},)), shape))[0]


def replace_setting(
    family: Family, shape: Shape, candidate: Mapping[str, Any], name: str, value: Any
) -> dict[str, Any]:
    """Return a candidate with one setting replaced; the new value is moved into the range that is searched."""
    settings = get_settings(candidate)
    branches, _ = _make_branches(family, shape)
    branch = _find_branch(branches, settings)
    return make_candidate(family, settings | {name: _move_into_range(value, branch[name])})


def get_settings(candidate: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a candidate, without the family's prefix."""
    start = len(add_family_prefix(candidate[FAMILY], ""))
    return {name[start:]: value for name, value in candidate.items() if name != FAMILY}


def make_selection_space(families: Mapping[str, Family], shape: Shape) -> list[dict[str, Any]]:
    """Make the space of all families: one branch for each branch of a family's own space."""
    return [
        {FAMILY: [family.name], **{add_family_prefix(family.name, name): values for name, values in branch.items()}}
        for family in families.values()
        for branch in _make_branches(family, shape)[0]
    ]


def _make_branches(family: Family, shape: Shape) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the branches of a family's space, and the parameters of its estimator as it is made."""
    shape = family.adapt_shape(shape)
    model = family.make(shape)  # type: ignore[misc]
    prefix = find_parameter_prefix(family, model)
    inner = {name: value for name, value in model.get_params().items() if name.startswith(prefix)}
    defaults = {name.removeprefix(prefix): value for name, value in inner.items()}
    raw_space = family.space(replace(shape, params=defaults))
    branches = [raw_space] if isinstance(raw_space, dict) else raw_space
    if shape.target_transform is not None and can_transform_target(family) and TARGET not in defaults:
        transforms = [UNCHANGED, shape.target_transform]
        if shape.loss in POSITIVE_LOSSES and shape.target_transform == "log":
            transforms = ["log"]  # otherwise predictions may be below 0
        branches = [branch | {TARGET: transforms} for branch in branches]
    if shape.generates and family.generates and FEATURES not in defaults:
        branches = [branch | {FEATURES: [GIVEN, GENERATED]} for branch in branches]
    return branches, defaults


def can_transform_target(family: Family) -> bool:
    """Whether a family's regressors may be fitted on a transformed target.

    Boosters that stop early are fitted in their own ways, and forests gained nothing from it: on 14 tables with two
    seeds, extremely randomised trees had 0.4 % less root mean squared error, random forests 0.3 % more, for three times
    the time.
    """
    return family.rounds is None and family.columns == "scaled"


def split_target_transform(candidate: Mapping[str, Any], model: Any, prefix: str) -> tuple[str | None, dict[str, Any]]:
    """Return the transformation of a candidate's target, None if there is none, and the settings of its model."""
    settings = get_settings(candidate)
    if prefix + FEATURES not in model.get_params():
        settings.pop(FEATURES, None)
    if TARGET not in settings or prefix + TARGET in model.get_params():
        return None, settings
    transform = settings.pop(TARGET)
    return None if transform == UNCHANGED else transform, settings


def uses_generated(family: Family, candidate: Mapping[str, Any]) -> bool:
    """Whether the models of a candidate get generated columns."""
    return family.generates and get_settings(candidate).get(FEATURES) == GENERATED


def make_first_candidates(family: Family, shape: Shape) -> list[dict[str, Any]]:
    """Make a family's first candidates: its first settings, completed and moved into its space."""
    shape = family.adapt_shape(shape)
    branches, defaults = _make_branches(family, shape)
    candidates: list[dict[str, Any]] = []
    for first in _add_variants_of_first(family.first, branches):
        branch = _find_branch(branches, first)
        completed = defaults | {name: value(shape) if callable(value) else value for name, value in first.items()}
        settings = {name: _move_into_range(completed.get(name), values) for name, values in branch.items()}
        if make_candidate(family, settings) not in candidates:
            candidates.append(make_candidate(family, settings))
    return candidates


def _add_variants_of_first(first: Sequence[Branch], branches: Sequence[Branch]) -> list[Branch]:
    """Return the first settings; after the very first one also that on a transformed target, and so on.

    The others have another loss, or generated columns.
    """
    if not first:
        return []
    varied = (TARGET, FEATURES, *LOSS_NAMES)
    choices = {name: values for branch in branches for name, values in branch.items() if name in varied}
    variants = [
        first[0] | {name: value}
        for name, values in choices.items()
        if name not in first[0] and isinstance(values, list)
        for value in values[1:]
    ]
    return [first[0], *variants, *first[1:]]


def _find_branch(branches: Sequence[dict[str, Any]], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first branch that contains the settings, or the first branch of all if none does."""
    return next((branch for branch in branches if _contains_settings(branch, settings)), branches[0])


def _contains_settings(branch: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    return all(
        name in branch and (not isinstance(branch[name], list | tuple) or value in branch[name])
        for name, value in settings.items()
    )


def _move_into_range(value: Any, values: Any) -> Any:
    """Move a value to the nearest end of the searched range, or to its middle if it is no number."""
    if isinstance(values, list | tuple):
        return value if value in values else values[0]
    low, high = (values.low, values.high) if hasattr(values, "low") else values.support()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return type(low)(min(max(value, low), high))
    middle = (low * high) ** 0.5 if getattr(values, "log", False) else (low + high) / 2
    return round(middle) if isinstance(low, int) else middle
