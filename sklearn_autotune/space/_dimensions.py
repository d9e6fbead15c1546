"""One searched parameter: conversion between the user's values and an Optuna distribution.

There are four kinds: `ChoiceDimension` (a list of any objects), `NumericDimension` (a range of floats or integers),
`QuantileDimension` (a distribution with a quantile function) and `RandomDrawDimension` (any object with ``rvs``).
"""

import inspect
import math
import numbers
from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

import joblib
import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from optuna.trial import BaseTrial
from scipy.stats import rv_continuous, rv_discrete

from sklearn_autotune._compat.digest import compute_digest

__all__ = [
    "ChoiceDimension",
    "Dimension",
    "NumericDimension",
    "QuantileDimension",
    "RandomDrawDimension",
    "describe_value",
    "is_list",
    "make_value_key",
    "read_dimension",
    "suggest_value",
]

# The quantile function of an unbounded distribution is infinite at 0 or 1, so this share of each tail is cut off.
CUT_TAIL = 1e-9

# A number belongs to a step of a range if it is at most this far from it, in units of the step; as in Optuna.
STEP_TOLERANCE = 1e-8

PLAIN_TYPES = (bool, int, float, str, type(None))

NON_LIST_TYPES = (str, bytes, Mapping, Set)  # a set has no order, so the same seed would not give the same search


class Dimension(Protocol):
    """A searched parameter: an Optuna distribution, and the conversion to and from the user's values."""

    @property
    def distribution(self) -> BaseDistribution:
        """The distribution from which Optuna samples."""
        ...

    @property
    def size(self) -> int | None:
        """The number of distinct values; None if there are infinitely many."""
        ...

    def decode(self, suggested: Any) -> Any:
        """Convert the value that Optuna suggests to the estimator's value."""
        ...

    def encode(self, value: object) -> Any:
        """Convert an estimator's value to the value that Optuna suggests; ValueError if it is not in the dimension."""
        ...

    def list_values(self) -> list[Any]:
        """Return all values that Optuna can suggest, in order; ValueError if there are infinitely many."""
        ...

    def describe(self) -> str:
        """Describe the values that can be suggested, by a text that is the same in every process."""
        ...


def make_value_key(value: object) -> Hashable:
    """Return a key that is equal for equal values, but different for True, 1 and 1.0.

    Estimators and other objects are compared by content if they can be pickled, and by identity otherwise.

    Examples
    --------
    >>> one = make_value_key(1)
    >>> one == make_value_key(1), one == make_value_key(True), one == make_value_key(1.0)
    (True, False, False)
    >>> from sklearn.svm import SVC
    >>> make_value_key(SVC(C=2)) == make_value_key(SVC(C=2)), make_value_key(SVC(C=2)) == make_value_key(SVC(C=3))
    (True, False)
    """
    if isinstance(value, float) and math.isnan(value):
        return (float, "nan")
    if isinstance(value, (*PLAIN_TYPES, np.generic)):
        return (type(value), value)
    if isinstance(value, list | tuple):
        return (type(value), tuple(make_value_key(item) for item in value))
    try:
        return (type(value), joblib.hash(value))
    except Exception:  # any __reduce__ may raise anything: such objects are compared by identity
        return (type(value), id(value))


def describe_value(value: object) -> str:
    """Describe a value by a text that is the same in every process, and different for different values.

    An estimator is described by its class and parameters, a function by its module and name, and any other object by a
    digest of its content. An object that cannot be pickled is described by its class alone.

    Examples
    --------
    >>> describe_value({"C": 1.0, "score": max})
    "dict {str 'C': float 1.0, str 'score': builtins.max}"
    """
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    if isinstance(value, (*PLAIN_TYPES, np.generic)):
        return f"{kind} {value!r}"
    if isinstance(value, type) or inspect.isroutine(value):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, Mapping):
        items = (f"{describe_value(key)}: {describe_value(item)}" for key, item in value.items())
        return f"{kind} {{{', '.join(items)}}}"
    if isinstance(value, list | tuple):
        return f"{kind} [{', '.join(describe_value(item) for item in value)}]"
    if isinstance(value, set | frozenset):  # their order differs from process to process
        return f"{kind} [{', '.join(sorted(describe_value(item) for item in value))}]"
    if hasattr(value, "get_params"):
        return f"{kind} {describe_value(dict(sorted(value.get_params(deep=False).items())))}"
    return f"{kind} {compute_digest(value)}"


@dataclass(frozen=True, slots=True)
class ChoiceDimension:
    """A list of any objects. Optuna receives a readable label for each object, not the object itself.

    The reason is that a categorical distribution of Optuna cannot distinguish True from 1, and warns about objects.
    """

    options: tuple[Any, ...]
    labels: tuple[Any, ...]
    keys: tuple[Hashable, ...]
    distribution: CategoricalDistribution

    @classmethod
    def from_options(cls, options: Sequence[Any]) -> "ChoiceDimension":
        """Build from the user's options; equal options are kept once."""
        unique: dict[Hashable, Any] = {}
        for option in options:
            unique.setdefault(make_value_key(option), option)
        unique_options = tuple(unique.values())
        labels = _make_labels(unique_options)
        return cls(unique_options, labels, tuple(unique), CategoricalDistribution(labels))

    @property
    def size(self) -> int:
        """The number of different options."""
        return len(self.options)

    def decode(self, suggested: Any) -> Any:
        """Return the option that has this label."""
        return self.options[self.labels.index(suggested)]

    def encode(self, value: object) -> Any:
        """Return the label of an option; if no option has this type, that of an equal one of another type."""
        key = make_value_key(value)
        if key in self.keys:
            return self.labels[self.keys.index(key)]
        for option, label in zip(self.options, self.labels, strict=True):
            scalars = _to_python_scalar(option), _to_python_scalar(value)
            if all(isinstance(one, PLAIN_TYPES) for one in scalars) and scalars[0] == scalars[1]:
                return label
        raise ValueError(f"{value!r} is not among the choices {list(self.options)!r}")

    def list_values(self) -> list[Any]:
        """Return all labels, in the user's order."""
        return list(self.labels)

    def describe(self) -> str:
        """Describe the options."""
        return describe_value(list(self.options))


@dataclass(frozen=True, slots=True)
class NumericDimension:
    """A range of floats or integers, which Optuna samples directly."""

    distribution: FloatDistribution | IntDistribution

    @property
    def size(self) -> int | None:
        """The number of values in the range, if it has a step or a single value."""
        distribution = self.distribution
        if distribution.step is None:
            return 1 if distribution.low == distribution.high else None
        if isinstance(distribution, IntDistribution):
            return (distribution.high - distribution.low) // distribution.step + 1
        return round((distribution.high - distribution.low) / distribution.step) + 1

    def decode(self, suggested: Any) -> Any:
        """Return the number; in a stepped range exactly as a decimal, such as 0.3 for 0.30000000000000004."""
        step = self._find_step(suggested)
        return suggested if step is None else self._compute_value(step)

    def encode(self, value: object) -> Any:
        """Return the number if it is in the range and, if the range has steps, on a step."""
        distribution = self.distribution
        is_whole = isinstance(distribution, IntDistribution)
        if isinstance(value, bool) or not isinstance(value, numbers.Integral if is_whole else numbers.Real):
            raise ValueError(f"{value!r} is not a value of {distribution}")
        plain = int(value) if is_whole else float(value)  # type: ignore[call-overload]
        step = self._find_step(plain)
        if step is not None:
            return self._compute_value(step)
        if not distribution.low <= plain <= distribution.high:
            raise ValueError(f"{value!r} lies outside {distribution}")
        if distribution.step is not None:
            raise ValueError(f"{value!r} lies between the steps of {distribution}")
        return plain

    def list_values(self) -> list[Any]:
        """Return every number of a stepped range, in order."""
        size = self.size
        if size is None:
            raise ValueError(f"{self.distribution} has no finite number of values")
        return [self._compute_value(index) for index in range(size)]

    def _find_step(self, value: float) -> int | None:
        """Return the number of steps from the lower end to a value; None if it is not on a step."""
        distribution, size = self.distribution, self.size
        if size is None or distribution.step is None:
            return None
        if isinstance(distribution, IntDistribution):
            index, rest = divmod(value - distribution.low, distribution.step)
            return int(index) if rest == 0 and 0 <= index < size else None
        steps = (value - distribution.low) / distribution.step
        index = round(steps)
        return index if abs(steps - index) < STEP_TOLERANCE and 0 <= index < size else None

    def _compute_value(self, index: int) -> Any:
        """Return the number that is ``index`` steps above the lower end.

        It is computed with decimal numbers as the user wrote them, because Optuna computes the upper end in this way. A
        sum of floats could be slightly above this end, and Optuna would refuse it.
        """
        low, step = self.distribution.low, self.distribution.step
        if isinstance(self.distribution, IntDistribution):
            return low + index * (step or 0)
        return float(Decimal(str(low)) + index * Decimal(str(step or 0)))

    def describe(self) -> str:
        """Describe the range."""
        return distribution_to_json(self.distribution)


@dataclass(frozen=True, slots=True)
class QuantileDimension:
    """A distribution with a quantile function: Optuna samples the quantile, uniformly from (0, 1)."""

    frozen: Any
    distribution: FloatDistribution
    is_discrete: bool

    @property
    def size(self) -> None:
        """Not countable."""
        return

    def decode(self, suggested: float) -> Any:
        """Return the value at this quantile."""
        value = float(_get_quantile_function(self.frozen)(suggested))
        return int(value) if self.is_discrete and value.is_integer() else value

    def encode(self, value: object) -> float:
        """Return the quantile of a value."""
        if not isinstance(value, numbers.Real):
            raise ValueError(f"{value!r} is not a number")
        quantile = float(self.frozen.cdf(value))
        if self.is_discrete:  # the middle of the step that belongs to this value
            quantile -= float(self.frozen.pmf(value)) / 2
        if not self.distribution.low <= quantile <= self.distribution.high or (
            not math.isclose(self.decode(quantile), value, rel_tol=1e-6, abs_tol=1e-12)
        ):
            raise ValueError(f"{value!r} lies outside the distribution")
        return quantile

    def list_values(self) -> list[Any]:
        """Not countable."""
        raise ValueError("a continuous distribution has no finite number of values")

    def describe(self) -> str:
        """Describe the distribution by some of its values."""
        return f"quantiles {[self.decode(quantile) for quantile in np.linspace(0.01, 0.99, 99)]}"


@dataclass(frozen=True, slots=True)
class RandomDrawDimension:
    """Any object with ``rvs``: Optuna suggests the seed of the draw, so a sampler cannot learn good values."""

    source: Any
    distribution: IntDistribution

    @property
    def size(self) -> None:
        """Not countable."""
        return

    def decode(self, suggested: int) -> Any:
        """Draw a value with this seed."""
        return self.source.rvs(random_state=np.random.RandomState(suggested))

    def encode(self, value: object) -> int:
        """Raise ValueError, because the seed of a draw is not known."""
        raise ValueError("an object that only has rvs cannot be given a value; use a list or a distribution")

    def list_values(self) -> list[Any]:
        """Not countable."""
        raise ValueError("an object that only has rvs has no finite number of values")

    def describe(self) -> str:
        """Describe the object by some of its draws."""
        return f"draws {describe_value([self.decode(seed) for seed in range(10)])}"


def read_dimension(name: str, raw: Any) -> Dimension:
    """Read one entry of the user's space.

    Parameters
    ----------
    name : str
        The parameter's name, for error messages.
    raw : sequence, ndarray, scipy frozen distribution, Optuna distribution, or object with ``rvs``
        A sequence is always a list of choices.

    Returns
    -------
    dimension : Dimension

    Raises
    ------
    ValueError
        If the sequence is empty, or a bound is not finite.
    TypeError
        If the entry is none of the accepted kinds.
    """
    if isinstance(raw, CategoricalDistribution):
        return ChoiceDimension.from_options(raw.choices)
    if isinstance(raw, IntDistribution):
        return NumericDimension(raw)
    if isinstance(raw, FloatDistribution):
        _make_float_dimension(name, raw.low, raw.high, log=raw.log)
        return NumericDimension(raw)
    if not isinstance(raw, type) and (hasattr(raw, "rvs") or _has_quantiles(raw)):
        return _read_random(name, raw)
    if not is_list(raw):
        raise TypeError(
            f"Parameter distribution for parameter ({name!r}) needs to be a list of choices, a scipy.stats or "
            f"Optuna distribution, or an object with an rvs method, but got {raw!r} (of type "
            f"{type(raw).__name__}). A single value needs to be wrapped in a list with one element."
        )
    if len(raw) == 0:
        raise ValueError(
            f"Parameter distribution for parameter ({name!r}) needs a non-empty list of choices, got: {raw!r}"
        )
    return ChoiceDimension.from_options(list(raw))


def suggest_value(trial: BaseTrial, name: str, distribution: BaseDistribution) -> Any:
    """Let an Optuna trial choose a value of a distribution."""
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(
            name, distribution.low, distribution.high, step=distribution.step, log=distribution.log
        )
    if isinstance(distribution, FloatDistribution):
        return trial.suggest_float(
            name, distribution.low, distribution.high, step=distribution.step, log=distribution.log
        )
    raise TypeError(f"{distribution!r} is not a distribution this package knows")


def is_list(raw: object) -> bool:
    """Whether a value is an ordered collection; an estimator with ``len``, such as a forest, is not."""
    if isinstance(raw, NON_LIST_TYPES) or hasattr(raw, "get_params"):
        return False
    if isinstance(raw, np.ndarray | np.generic):
        return np.ndim(raw) > 0
    return hasattr(raw, "__len__") and hasattr(raw, "__iter__")


def _read_random(name: str, raw: Any) -> Dimension:
    if isinstance(raw, rv_continuous | rv_discrete) and raw.numargs:
        raise TypeError(
            f"Parameter distribution for parameter ({name!r}) is scipy.stats.{raw.name} without its arguments "
            f"({raw.shapes}). Pass them, as in scipy.stats.{raw.name}(...)."
        )
    if not _has_quantiles(raw):
        return RandomDrawDimension(raw, IntDistribution(0, 2**31 - 1))
    quantile = _get_quantile_function(raw)
    low, high = _get_bounds(raw)
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"The range of {name!r} is empty or undefined; check the arguments of {raw!r}.")
    kind = getattr(getattr(raw, "dist", None), "name", None)
    if kind == "randint":
        return NumericDimension(IntDistribution(int(low), int(high)))
    if kind == "uniform":
        return _make_float_dimension(name, low, high, log=False)
    # A log-uniform distribution that is shifted by loc is not log-uniform, so its quantiles are used.
    if kind in ("loguniform", "reciprocal") and low > 0 and math.isclose(quantile(0.5), math.sqrt(low * high)):
        return _make_float_dimension(name, low, high, log=True)
    is_discrete = _is_discrete(raw)
    # At quantile 0, a discrete distribution of scipy returns one less than its smallest value.
    bottom = 0.0 if math.isfinite(low) and not is_discrete else CUT_TAIL
    top = 1.0 if math.isfinite(high) else 1.0 - CUT_TAIL
    return QuantileDimension(raw, FloatDistribution(bottom, top), is_discrete)


def _get_bounds(raw: Any) -> tuple[float, float]:
    with np.errstate(invalid="ignore"):  # what is undefined comes back as nan
        low, high = raw.support()
    return float(low), float(high)


def _is_discrete(raw: object) -> bool:
    """Whether a scipy distribution (frozen or not, old or new infrastructure) is discrete."""
    if isinstance(getattr(raw, "dist", raw), rv_discrete):
        return True
    return any(kind.__name__ == "DiscreteDistribution" for kind in type(raw).__mro__)


def _make_float_dimension(name: str, low: float, high: float, *, log: bool) -> NumericDimension:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"The bounds of {name!r} must be finite, got {low} and {high}.")
    return NumericDimension(FloatDistribution(low, high, log=log))


def _has_quantiles(raw: object) -> bool:
    return callable(getattr(raw, "ppf", None)) or callable(getattr(raw, "icdf", None))


def _get_quantile_function(raw: Any) -> Any:
    return raw.ppf if hasattr(raw, "ppf") else raw.icdf


def _to_python_scalar(value: object) -> Any:
    """Convert a NumPy scalar to Python's."""
    return value.item() if isinstance(value, np.generic) else value


def _make_labels(options: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the options themselves if Optuna can distinguish them, otherwise names with numbers."""
    scalars = tuple(_to_python_scalar(option) for option in options)
    plain = all(isinstance(o, PLAIN_TYPES) and not (isinstance(o, float) and math.isnan(o)) for o in scalars)
    if plain and len(set(scalars)) == len(scalars):
        return scalars
    return tuple(f"{index}: {_short_name(option)}" for index, option in enumerate(options))


def _short_name(option: object) -> str:
    """Return a name for an object that is the same in every process."""
    if isinstance(option, (*PLAIN_TYPES, np.generic)):
        return str(option)
    name = getattr(option, "__name__", None)
    return name if isinstance(name, str) else type(option).__name__
