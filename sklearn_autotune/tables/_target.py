"""Tells whether a target holds classes or amounts: the one rule behind ``task`` in Python and in YAML."""

import numbers
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets

from sklearn_autotune.inference._column_values import is_missing

__all__ = [
    "TargetValues",
    "TaskName",
    "check_classes_are_plausible",
    "check_labels",
    "check_no_dates",
    "choose_target_transform",
    "read_amounts",
    "read_target_values",
]

TaskName: TypeAlias = Literal["classification", "regression"]

# Up to this number of different whole numbers are classes: the ten digits, ratings from 1 to 10.
MAX_FEW_NUMBERS = 10

# A few whole numbers are classes only if their range is at most this many times their number: class labels are close
# together, but prices and years of birth are not.
MAX_RANGE_PER_NUMBER = 10

# A target of a regression is skewed from this skewness on, in either direction. With the transformation among the
# choices, the root mean squared error of a selection was 0.5 % less on six tables above it (-2.8 to +1.1 %), and 0.9 %
# more on four tables with 0.5 to 0.8.
MIN_SKEW = 1.0

# With fewer different values there is no distribution to speak of.
MIN_TRANSFORMED_VALUES = 10

# More whole numbers are classes only if they are the codes 0, 1, 2, … or 1, 2, 3, … and each has at least this number
# of rows. Counts begin in the same way, but their largest values are rare.
MIN_ROWS_PER_CODE = 5


@dataclass(frozen=True, slots=True)
class TargetValues:
    """What a target holds.

    Attributes
    ----------
    task : {"classification", "regression"}
        The task that the values suggest.
    are_numbers : bool
        Whether the values are numbers, which can be classes or amounts.
    has_fractions : bool
        Whether some numbers are not whole numbers. Such numbers cannot be classes.
    description : str
        The values in words, for messages: ``"214 different whole numbers from 25 to 346 in 442 rows"``.
    """

    task: TaskName
    are_numbers: bool
    has_fractions: bool
    description: str


def read_target_values(y: Any) -> TargetValues:
    """Decide from its values whether a target holds classes or amounts.

    Strings, categories and booleans are classes. Whole numbers are classes in three cases: there are at most two
    different ones; there are at most ten, which are close together and have two rows each on average; or they are the
    codes 0, 1, 2, … or 1, 2, 3, … with at least five rows each. All other numbers are amounts. Missing values are
    ignored.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        A target that is not a single column of numbers or labels counts as classes here, and is checked later.

    Returns
    -------
    values : TargetValues

    Examples
    --------
    >>> read_target_values(["yes", "no", "yes"]).task, read_target_values([0, 1, 2] * 5).task
    ('classification', 'classification')
    >>> prices = read_target_values([180_000, 250_000, 320_000, 250_000])
    >>> prices.task, prices.description
    ('regression', '3 different whole numbers from 180000 to 320000 in 4 rows')
    """
    values = np.asarray(y)
    n_rows = values.shape[0] if values.ndim else 0
    found = None if _holds_categories(y) or values.size != n_rows else _read_numbers(values.reshape(-1))
    if found is None or not len(found):
        return TargetValues("classification", False, False, f"labels in {n_rows} rows")
    unique, counts = np.unique(found, return_counts=True)
    has_fractions = bool(found.dtype.kind == "f" and (unique != np.floor(unique)).any())
    kind = "numbers, some with fractions," if has_fractions else "whole numbers"
    description = f"{len(unique)} different {kind} from {unique[0]:.12g} to {unique[-1]:.12g} in {n_rows} rows"
    are_classes = not has_fractions and _are_class_labels(unique, counts)
    return TargetValues("classification" if are_classes else "regression", True, has_fractions, description)


def _holds_categories(y: Any) -> bool:
    """Whether y is a categorical column of pandas, whose categories NumPy would read as numbers if they are numbers."""
    dtypes = [y.dtype] if hasattr(y, "dtype") else list(getattr(y, "dtypes", ()))
    return any(str(dtype) == "category" for dtype in dtypes)


def _read_numbers(values: np.ndarray) -> np.ndarray | None:
    """Return the numbers of a column without missing ones, or None if it holds other values."""
    if values.dtype.kind in "iu":
        return values
    if values.dtype.kind == "f":
        return values[np.isfinite(values)]
    if values.dtype.kind != "O":
        return None
    known = [value for value in values if not is_missing(value)]
    if not all(isinstance(value, numbers.Number) and not isinstance(value, bool | np.bool_) for value in known):
        return None
    try:
        return np.array([float(value) for value in known])
    except TypeError:  # complex numbers
        return None


def _are_class_labels(unique: np.ndarray, counts: np.ndarray) -> bool:
    """Whether whole numbers look like the labels of classes."""
    n_numbers = len(unique)
    if n_numbers <= 2:
        return True
    span = float(unique[-1]) - float(unique[0]) + 1
    if n_numbers <= MAX_FEW_NUMBERS and span <= MAX_RANGE_PER_NUMBER * n_numbers:
        return bool(counts.sum() >= 2 * n_numbers)
    return bool(span == n_numbers and unique[0] in (0, 1) and counts.min() >= MIN_ROWS_PER_CODE)


def check_classes_are_plausible(y: Any, owner: str) -> None:
    """Raise ValueError if a target looks like amounts and the user has not said that it holds classes.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    owner : str
        The name of the class whose ``task`` the user has not set, for the message.
    """
    values = read_target_values(y)
    if values.task == "classification":
        return
    if values.has_fractions:
        raise ValueError(
            f"Unknown label type: continuous. y holds {values.description}: amounts, not classes. To predict them, "
            f'write {owner}(task="regression"). If each number names a class, pass the names as strings.'
        )
    raise ValueError(
        f"y holds {values.description}, which may be amounts or the names of classes. To predict amounts, write "
        f'{owner}(task="regression"). To predict a class for each number, write {owner}(task="classification").'
    )


def check_labels(y: np.ndarray) -> None:
    """Raise ValueError if a target of a classification does not hold labels.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    """
    if y.dtype.kind == "O" and all(isinstance(value, bool | np.bool_) for value in y):
        raise ValueError(
            "Unknown label type: unknown. y holds True and False as Python objects, which scikit-learn's classifiers "
            "do not take. Pass y.astype(bool)."
        )
    check_classification_targets(y)


def check_no_dates(y: np.ndarray) -> None:
    """Raise ValueError if a target holds dates or durations, which are neither labels nor numbers."""
    if y.dtype.kind in "mM":
        raise ValueError(
            f"y holds {'dates' if y.dtype.kind == 'M' else 'durations'}. To predict them, convert them to numbers, "
            "such as days since a date; to predict classes, convert them to strings."
        )


def read_amounts(y: Any) -> np.ndarray:
    """Read a target of numbers as floats.

    Raises
    ------
    ValueError
        If a value is not a finite number.
    """
    try:
        return check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    except (TypeError, ValueError) as error:
        strange = next((value for value in np.asarray(y).reshape(-1).tolist() if not _is_number(value)), None)
        if strange is None:
            raise
        raise ValueError(
            f"A regression needs numbers, but y holds {strange!r}: {error}. For classes, write "
            'task="classification", or take a classifier.'
        ) from None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def choose_target_transform(y: np.ndarray, *, wants_log: bool = False) -> str | None:
    """Choose the transformation that is worth trying on the target of a regression.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    wants_log : bool, default=False
        Whether the score compares logarithms, or takes positive predictions only. Then it is the logarithm wherever
        there is one.

    Returns
    -------
    transform : {"log", "power"} or None
        None if the target is hardly skewed, or holds few different values. "log" if no value is negative and the
        logarithm takes away more than half of the skew.

    Examples
    --------
    >>> prices = np.exp(np.random.RandomState(0).normal(size=500))
    >>> [choose_target_transform(values) for values in (prices, -prices, np.log(prices))]
    ['log', 'power', None]
    """
    y = np.asarray(y, dtype=float)
    if wants_log and y.min() >= 0 and y.max() > 0:
        return "log"
    if len(np.unique(y)) < MIN_TRANSFORMED_VALUES:
        return None
    skew = _compute_skew(y)
    if abs(skew) < MIN_SKEW:
        return None
    if y.min() >= 0:
        logarithm = np.log(y) if y.min() > 0 else np.log1p(y)
        if skew > 0 and abs(_compute_skew(logarithm)) < 0.5 * skew:
            return "log"
    return "power"


def _compute_skew(values: np.ndarray) -> float:
    centred = values - values.mean()
    spread = centred.std()
    return float(np.mean((centred / spread) ** 3)) if spread > 0 else 0.0
