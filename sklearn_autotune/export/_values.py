"""Find a call that creates a value again: dates, enumerations, named tuples, subclasses of str, values of pandas."""

import math
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from scipy import stats

from sklearn_autotune._compat.sklearn import describe_scorer

__all__ = ["Call", "find_call", "find_public_value", "is_same"]


@dataclass(frozen=True, slots=True)
class Call:
    """A function or class, and the arguments with which it returns a value."""

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


def find_public_value(value: object) -> tuple[str, str] | None:
    """Find the module and the public name of a value; None if none is known.

    Examples
    --------
    >>> from scipy.stats import uniform
    >>> find_public_value(uniform)
    ('scipy.stats', 'uniform')
    """
    if isinstance(value, Enum):
        return None
    if isinstance(value, stats.rv_continuous | stats.rv_discrete):
        name = str(value.name)
        return ("scipy.stats", name) if getattr(stats, name, None) is value else None
    pandas = sys.modules.get("pandas")
    names = () if pandas is None else ("NA", "NaT")
    return next((("pandas", name) for name in names if getattr(pandas, name) is value), None)


def find_call(value: object) -> Call | None:
    """Find a call of a public function or class that returns an equal value of the same type; None if none is known.

    A call is returned only if a trial gives this result.

    Examples
    --------
    >>> from fractions import Fraction
    >>> find_call(Fraction(1, 3)).args
    (1, 3)
    """
    for describe in (_describe_date, _describe_pandas, _describe_distribution, describe_scorer, _describe_pickled):
        described = describe(value)
        if described is None:
            continue
        call = Call(*described)
        try:
            made = call.function(*call.args, **call.kwargs)
            # Scorers and frozen distributions are equal only to themselves, so their arguments are compared.
            is_told_by_arguments = bool(call.args or call.kwargs) or bool(made == value)
        except Exception:
            continue
        if is_told_by_arguments and type(made) is type(value) and is_same(describe(made), described):
            return call
    return None


def is_same(value: Any, other: Any) -> bool:
    """Whether two values have the same type and are equal; NaN is equal to NaN, but 0.0 is not equal to -0.0."""
    if type(value) is not type(other):
        return False
    if value is other:
        return True
    if isinstance(value, float):
        is_equal = math.isnan(other) if math.isnan(value) else value == other
        return is_equal and math.copysign(1.0, value) == math.copysign(1.0, other)
    if isinstance(value, complex):
        return is_same((value.real, value.imag), (other.real, other.imag))
    if isinstance(value, str | bytes | int):
        return bool(value == other)
    if isinstance(value, list | tuple):
        return len(value) == len(other) and all(map(is_same, value, other))
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(is_same(item, other[key]) for key, item in value.items())
    if isinstance(value, np.ndarray):
        return value.dtype == other.dtype and is_same(value.tolist(), other.tolist())
    if hasattr(value, "equals"):  # an index or a column of pandas
        return bool(value.equals(other))
    with suppress(Exception):  # the comparison of arrays inside is not one truth value
        if value == other:
            return True
    if getattr(value, "__dict__", {}):
        return is_same(vars(value), vars(other))
    described, described_other = _describe_pickled(value), _describe_pickled(other)
    return described is not None and described_other is not None and is_same(described, described_other)


Description = tuple[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]]


def _describe_date(value: Any) -> Description | None:
    """Describe a date, a time or a zone of the standard library."""
    if type(value) is date:
        return date, (value.year, value.month, value.day), {}
    if type(value) is timedelta:
        return timedelta, (value.days, value.seconds, value.microseconds), {}
    if type(value) is ZoneInfo and value.key is not None:
        return ZoneInfo, (value.key,), {}
    if type(value) is datetime or type(value) is time:
        parts = ["year", "month", "day"] if type(value) is datetime else []
        args = tuple(getattr(value, name) for name in (*parts, "hour", "minute", "second", "microsecond"))
        more = {"tzinfo": value.tzinfo} if value.tzinfo is not None else {}
        return type(value), args, more | ({"fold": 1} if value.fold else {})
    return None


def _describe_pandas(value: Any) -> Description | None:
    """Describe a time, a type, an index or a column of pandas."""
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return None
    kind = type(value)
    if kind is pandas.Timestamp:
        zone = {} if value.tz is None else {"tz": value.tz}
        return kind, ((value.isoformat(),) if value.tz is None else (value.value,)), zone
    if kind is pandas.Timedelta:
        return kind, (value.isoformat(),), {}
    if kind is pandas.Period:
        return kind, (str(value),), {"freq": value.freqstr}
    if kind is pandas.CategoricalDtype:
        categories = None if value.categories is None else value.categories.tolist()
        return kind, (categories,), {"ordered": value.ordered}
    if kind is pandas.DatetimeTZDtype:
        return kind, (value.unit, value.tz), {}
    if kind is pandas.RangeIndex:
        return kind, (value.start, value.stop, value.step), {"name": value.name}
    if kind is pandas.Index or kind is pandas.Series:
        labels = {"index": value.index.tolist()} if kind is pandas.Series else {}
        return kind, (value.tolist(),), {"dtype": str(value.dtype), "name": value.name} | labels
    return None


def _describe_distribution(value: Any) -> Description | None:
    """Describe a frozen distribution of SciPy."""
    distribution = getattr(value, "dist", None)
    if not isinstance(distribution, stats.rv_continuous | stats.rv_discrete):
        return None
    public: Any = getattr(stats, str(distribution.name), None)
    return (public, tuple(value.args), dict(value.kwds)) if type(public) is type(distribution) else None


def _describe_pickled(value: Any) -> Description | None:
    """Describe a value by its pickle, if this is one call of a public function or class and sets no attributes."""
    if isinstance(value, Enum):
        return type(value), (value.value,), {}
    if isinstance(value, re.Pattern):
        return re.compile, (value.pattern, value.flags), {}
    try:
        reduced = value.__reduce_ex__(2)
    except Exception:  # a value that cannot be pickled cannot be described
        return None
    if isinstance(reduced, str):
        return None
    function, args, state, items, pairs = (*reduced, None, None, None)[:5]
    if getattr(function, "__name__", "") == "__newobj__":  # copyreg's function, which calls the class
        function, args = args[0], args[1:]
    if state or getattr(function, "__name__", "_").startswith("_"):
        return None
    contents: list[Any] = [list(items)] if items is not None else []
    contents += [dict(pairs)] if pairs is not None else []
    return function, (*args, *contents), {}
