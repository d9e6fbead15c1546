"""Reads one column of a table as numbers, dates, times or categories, from any library and type."""

import numbers
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np

__all__ = [
    "ColumnValues",
    "RepeatedValues",
    "encode_categories",
    "find_many_valued_columns",
    "get_column_names",
    "has_categorical_type",
    "is_arrow",
    "is_dataframe",
    "is_missing",
    "read_column",
    "read_columns",
    "read_objects",
    "sort_distinct",
    "take_columns",
]

MICROSECONDS_A_SECOND = 1_000_000
MICROSECONDS_A_DAY = 86_400 * MICROSECONDS_A_SECOND

# Names of pandas classes, because this module does not import pandas.
PANDAS_CATEGORIES = ("Interval", "Period")
PANDAS_MISSING = ("NAType", "NaTType")

POLARS_CATEGORICAL = ("Categorical", "Enum")

# A column of codes, or of few different numbers, gains little from splines, and its knots would coincide.
MIN_VALUES_OF_SPLINES = 10

# Types whose values include missing ones: NaN and NaT.
MAYBE_MISSING = (float, Decimal, np.generic)

# The form of a string that represents a number.
NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]*)?")

# With fewer rows, reading each string takes no longer than finding the distinct ones.
MIN_REPEATED_ROWS = 200


class RepeatedValues(Sequence[str | None]):
    """Strings that may be repeated: a sequence of them that holds each distinct string once.

    Parameters
    ----------
    distinct : list of str
        Each occurs in some row.
    codes : ndarray of int, of shape (n_rows,)
        The index of each row's string among the distinct ones, -1 for a missing value.

    Examples
    --------
    >>> list(RepeatedValues(["b", "a"], np.array([0, 1, -1, 0])))
    ['b', 'a', None, 'b']
    """

    def __init__(self, distinct: list[str], codes: np.ndarray) -> None:
        self.distinct = distinct
        self.codes = codes

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.codes)

    def __getitem__(self, index: Any) -> Any:
        """Return the string of a row, or a list of those of a slice of the rows."""
        if isinstance(index, slice):
            return list(RepeatedValues(self.distinct, self.codes[index]))
        code = self.codes[index]
        return None if code < 0 else self.distinct[code]

    def __iter__(self) -> Iterator[str | None]:
        """Iterate over the strings of all rows, None for missing ones."""
        return map([*self.distinct, None].__getitem__, self.codes.tolist())


@dataclass(frozen=True)
class ColumnValues:
    """The values of a column, and the kind of values that it holds.

    Attributes
    ----------
    holds : {"numbers", "booleans", "dates", "times", "categories", "nothing"}
        "nothing" if all values are missing.
    values : ndarray, list or RepeatedValues, of length n_samples
        For numbers, booleans and nothing: floats, with NaN for missing values. For dates: ``datetime64[us]``, in UTC.
        For times of the day: ``timedelta64[us]`` since midnight. For categories: a list of str, int, float and bool,
        with None for missing values; for many rows of strings alone, `RepeatedValues`.
    """

    holds: str
    values: Any

    def split(self) -> dict[str, np.ndarray]:
        """Return the values as one or more columns of numbers, which a 32-bit float holds exactly.

        The parts of a date are the day since 1970, the second of the day and the fraction of the second. A time of the
        day has the last two parts. Numbers have one part.
        """
        if self.holds not in ("dates", "times"):
            return {"value": np.asarray(self.values, dtype=np.float64)}
        gaps = np.isnat(self.values)
        microseconds = np.where(gaps, 0, self.values.astype(np.int64))
        day, rest = np.divmod(microseconds, MICROSECONDS_A_DAY)
        second, fraction = np.divmod(rest, MICROSECONDS_A_SECOND)
        parts = {"day": day, "second": second, "fraction": fraction / MICROSECONDS_A_SECOND}
        if self.holds == "times":
            del parts["day"]
        return {name: np.where(gaps, np.nan, values) for name, values in parts.items()}

    def make_axis(self) -> np.ndarray:
        """Return the values as one column of 64-bit floats: dates as days since 1970, times as seconds."""
        parts = self.split()
        if self.holds == "dates":
            return parts["day"] + (parts["second"] + parts["fraction"]) / 86_400
        return parts["second"] + parts["fraction"] if self.holds == "times" else parts["value"]

    def find_examples(self) -> list[Any]:
        """Return the first three different values, for a message."""
        if self.holds in ("dates", "times"):
            return [str(value) for value in np.unique(self.values[~np.isnat(self.values)])[:3]]
        found = [value for value in self.values if value is not None and value == value]
        return [value.item() if isinstance(value, np.generic) else value for value in dict.fromkeys(found)][:3]


def find_many_valued_columns(X: Any) -> list[int]:
    """Find the columns of numbers that are worth a curve: those with at least ten different values.

    A ColumnTransformer of splines calls it when it is fitted.

    Examples
    --------
    >>> find_many_valued_columns(np.column_stack([np.arange(20), np.arange(20) % 2]))
    [0]
    """
    X = np.asarray(X)
    return [column for column in range(X.shape[1]) if len(np.unique(X[:, column])) >= MIN_VALUES_OF_SPLINES]


def is_dataframe(X: Any) -> bool:
    """Whether X is a DataFrame of pandas or polars, or a table of Arrow."""
    has_types = all(hasattr(type(X), name) for name in ("columns", "dtypes", "shape"))  # computed by pandas when asked
    return has_types or is_arrow(X)


def is_arrow(X: Any) -> bool:
    """Whether the table is one of Arrow."""
    return all(hasattr(type(X), name) for name in ("column_names", "schema", "shape"))


def get_column_names(X: Any) -> list[Any]:
    """Return the names of the columns of a DataFrame."""
    return list(X.column_names if is_arrow(X) else X.columns)


def take_columns(X: Any, names: list[Any]) -> Any:
    """Return a DataFrame with columns of these names, which are all in it once."""
    return X[names] if hasattr(X, "iloc") else X.select(names)


def has_categorical_type(X: Any, index: int) -> bool:
    """Whether a column of a DataFrame has a type for categories."""
    if hasattr(X, "iloc"):
        return _is_pandas_categorical(X.dtypes.iloc[index])
    if is_arrow(X):
        return _is_arrow_dictionary(X.column(index))
    return X.dtypes[index].base_type().__name__ in POLARS_CATEGORICAL


def _is_pandas_categorical(dtype: Any) -> bool:
    return hasattr(dtype, "categories")


def read_column(X: Any, index: int, name: Any, as_categories: bool | None = None) -> ColumnValues:
    """Read a column of a DataFrame.

    Parameters
    ----------
    X : DataFrame of pandas or polars, or table of Arrow
    index : int
    name : object
        The column's name.
    as_categories : bool or None, default=None
        Whether to read the values as categories, even if they are numbers or dates. None means: only if the column has
        a categorical type.

    Returns
    -------
    values : ColumnValues

    Raises
    ------
    ValueError
        If the column holds values of any other kind.
    """
    if hasattr(X, "iloc"):
        return _read_pandas(X.iloc[:, index], name, as_categories)
    if is_arrow(X):
        return _read_arrow(X.column(index), name, as_categories)
    return _read_polars(X[name], name, as_categories)


def read_columns(X: Any, as_categories: Sequence[bool]) -> Iterator[ColumnValues]:
    """Read the first columns of a DataFrame, one for each of ``as_categories``; see `read_column`."""
    if hasattr(X, "iloc"):
        for (name, column), one in zip(X.items(), as_categories, strict=False):
            yield _read_pandas(column, name, one)
    elif is_arrow(X):
        for column, name, one in zip(X.columns, X.column_names, as_categories, strict=False):
            yield _read_arrow(column, name, one)
    else:
        for column, one in zip(X.iter_columns(), as_categories, strict=False):
            yield _read_polars(column, column.name, one)


def _read_pandas(column: Any, name: Any, as_categories: bool | None) -> ColumnValues:
    dtype = column.dtype
    kind, is_plain = getattr(dtype, "kind", "O"), isinstance(dtype, np.dtype)
    has_categories = _is_pandas_categorical(dtype)
    if as_categories is None:
        as_categories = has_categories
    if not as_categories and not has_categories:
        if kind == "M":
            if str(dtype).startswith("date") and hasattr(dtype, "pyarrow_dtype"):  # Arrow's days become NumPy objects
                column = column.astype("timestamp[us][pyarrow]")
            dates = column.to_numpy(dtype="datetime64[us]", na_value=np.datetime64("NaT", "us"))
            return _make_values("dates", dates, np.isnat(dates))
        if kind in "biuf":
            # NumPy's types have no missing values but NaN, and pandas takes its time to look for others.
            floats = column.to_numpy() if is_plain else column.to_numpy(dtype=np.float64, na_value=np.nan)
            floats = floats.astype(np.float64)
            return _make_values("booleans" if kind == "b" else "numbers", floats, np.isnan(floats))
        if hasattr(dtype, "freq"):  # periods
            return _read_pandas(column.dt.to_timestamp(), name, as_categories)
    if is_plain and kind == "O":
        return read_objects(column.tolist(), name, as_categories)
    strings = _factorize(column.array) if kind == "O" else None
    if strings is not None:
        return ColumnValues("categories", strings)
    objects = np.array(column, dtype=object)
    objects[column.isna().to_numpy()] = None
    return read_objects(objects.tolist(), name, as_categories)


def _factorize(array: Any) -> RepeatedValues | None:
    """Return the values of an array of pandas if there are many, and all are strings or missing; otherwise None."""
    if not _may_repeat(array[:MIN_REPEATED_ROWS]):
        return None
    codes, distinct = array.factorize()
    strings = np.array(distinct, dtype=object).tolist()
    return RepeatedValues(strings, codes) if set(map(type, strings)) == {str} else None


def _may_repeat(first: Sequence[Any]) -> bool:
    """Whether there are many values, and any of the first ones is a string."""
    return len(first) == MIN_REPEATED_ROWS and any(isinstance(value, str) for value in first)


def _find_repeated(objects: list[Any]) -> RepeatedValues | None:
    """Return values of Python's types if there are many, and all are strings or missing; otherwise None."""
    if not _may_repeat(objects[:MIN_REPEATED_ROWS]):
        return None
    try:
        codes: dict[Any, int] = dict.fromkeys(objects, -1)
    except TypeError:  # a value that has no hash
        return None
    strings = [value for value in codes if type(value) is str]
    if not all(type(value) is str or is_missing(value) for value in codes):
        return None
    codes |= zip(strings, range(len(strings)), strict=True)
    return RepeatedValues(strings, np.fromiter(map(codes.__getitem__, objects), dtype=np.intp, count=len(objects)))


def _read_polars(column: Any, name: Any, as_categories: bool | None) -> ColumnValues:
    kind = column.dtype.base_type().__name__
    if kind in ("Int128", "UInt128"):  # NumPy has no such integers
        column = column.cast(float)
    if as_categories is None:
        as_categories = kind in POLARS_CATEGORICAL
    if not as_categories and kind in ("Date", "Datetime"):
        dates = column.to_numpy().astype("datetime64[us]")
        return _make_values("dates", dates, np.isnat(dates))
    if not as_categories and (column.dtype.is_numeric() or kind == "Boolean"):
        values = column.to_numpy()
        is_plain = values.dtype.kind in "biuf"  # booleans with gaps, and decimals, may become objects
        floats = values.astype(np.float64) if is_plain else np.array(column.to_list(), dtype=np.float64)
        return _make_values("booleans" if kind == "Boolean" else "numbers", floats, np.isnan(floats))
    return read_objects(column.to_list(), name, as_categories)


def _is_arrow_dictionary(column: Any) -> bool:
    return str(column.type).startswith("dictionary")


def _read_arrow(column: Any, name: Any, as_categories: bool | None) -> ColumnValues:
    kind = str(column.type)
    if as_categories is None:
        as_categories = _is_arrow_dictionary(column)
    if not as_categories and kind.startswith(("date", "timestamp")):
        dates = column.cast("timestamp[us]", safe=False).to_numpy()  # nanoseconds are cut off
        return _make_values("dates", dates, np.isnat(dates))
    if not as_categories and kind.startswith(("int", "uint", "float", "double", "halffloat")):
        floats = column.to_numpy().astype(np.float64)
        return _make_values("numbers", floats, np.isnan(floats))
    strings = _encode_dictionary(column) if len(column) >= MIN_REPEATED_ROWS else None
    if strings is not None:
        return ColumnValues("categories", strings)
    return read_objects(column.to_pylist(), name, as_categories)


def _encode_dictionary(column: Any) -> RepeatedValues | None:
    """Return the values of a column of Arrow if it holds strings, of which some are not missing; otherwise None."""
    if str(column.type) not in ("string", "large_string") or column.null_count == len(column):
        return None
    encoded = column.dictionary_encode().unify_dictionaries()
    codes = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in encoded.chunks if len(chunk)]
    return RepeatedValues(encoded.chunk(0).dictionary.to_pylist(), np.concatenate(codes).astype(np.intp))


def read_objects(objects: list[Any], name: Any, as_categories: bool = False) -> ColumnValues:
    """Read values of Python's types; see `read_column`. None, NaN and NaT are missing values.

    Raises
    ------
    ValueError
        If there are values of other types, or if the types cannot be combined in one column.
    """
    strings = _find_repeated(objects)
    if strings is not None:
        return ColumnValues("categories", strings)
    if any(issubclass(kind, MAYBE_MISSING) or kind.__name__ in PANDAS_MISSING for kind in set(map(type, objects))):
        objects = [None if is_missing(value) else value for value in objects]
    kinds = set(map(type, objects)) - {type(None)}
    holds = {_classify(kind) for kind in kinds}
    type_names = ", ".join(sorted(kind.__name__ for kind in kinds))
    if not kinds:
        return ColumnValues("nothing", np.full(len(objects), np.nan))
    if "nothing" in holds:
        raise ValueError(
            f"Column {name!r} holds {type_names}. A column must hold numbers, dates, times, strings or categories. "
            "Convert it to one of these, or drop it."
        )
    if as_categories or ("categories" in holds and holds <= {"categories", "numbers", "booleans"}):
        return ColumnValues("categories", objects if kinds == {str} else _to_categories(objects))
    if holds <= {"numbers", "booleans"}:
        return ColumnValues("numbers" if "numbers" in holds else "booleans", _to_floats(objects, name))
    if holds == {"dates"}:
        return ColumnValues("dates", np.array([_to_naive_date(value) for value in objects], dtype="datetime64[us]"))
    if holds == {"times"}:
        seconds = [None if value is None else _to_microseconds(value) for value in objects]
        return ColumnValues("times", np.array(seconds, dtype="timedelta64[us]"))
    raise ValueError(
        f"Column {name!r} holds values of types that cannot be combined: {type_names}. Convert all of them to numbers, "
        "dates or strings."
    )


def _make_values(holds: str, values: np.ndarray, gaps: np.ndarray) -> ColumnValues:
    if gaps.all():
        return ColumnValues("nothing", np.full(len(values), np.nan))
    return ColumnValues(holds, values)


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or pandas' NA."""
    if value is None or type(value).__name__ in PANDAS_MISSING:
        return True
    return isinstance(value, MAYBE_MISSING) and bool(value != value)


def _classify(kind: type) -> str:
    """Return what a column with values of this type holds; "nothing" if such values cannot be read."""
    if issubclass(kind, bool | np.bool_):
        return "booleans"
    if issubclass(kind, np.timedelta64):  # NumPy counts it among the integers
        return "nothing"
    if issubclass(kind, numbers.Real | Decimal):
        return "numbers"
    if issubclass(kind, date | np.datetime64):
        return "dates"
    if issubclass(kind, time):
        return "times"
    is_pandas_category = kind.__module__.partition(".")[0] == "pandas" and kind.__name__ in PANDAS_CATEGORIES
    return "categories" if issubclass(kind, str | UUID) or is_pandas_category else "nothing"


def _to_floats(objects: list[Any], name: Any) -> np.ndarray:
    try:
        return np.array(objects, dtype=np.float64)  # None becomes NaN
    except OverflowError:
        raise ValueError(f"Column {name!r} holds a whole number that is too large for a float.") from None


def _to_naive_date(value: Any) -> Any:
    """Convert a date to UTC, and remove its time zone."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def _to_microseconds(value: time) -> int:
    return ((value.hour * 60 + value.minute) * 60 + value.second) * MICROSECONDS_A_SECOND + value.microsecond


def _to_categories(objects: list[Any]) -> list[Any]:
    found = {value: None if value is None else _to_category(value) for value in dict.fromkeys(objects)}
    return [found[value] for value in objects]


def _to_category(value: Any) -> str | int | float | bool:
    """Convert a value to a built-in type of Python, so that equal values of different types become equal."""
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]")
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return int(value)
    if isinstance(value, numbers.Real | Decimal):
        number = float(value)
        return int(number) if number.is_integer() else number
    if isinstance(value, date):
        text = str(_to_naive_date(value))
        return text.removesuffix(" 00:00:00")  # a day is the same with and without a time of the day
    return str(value)


# -- categories --------------------------------------------------------------------------------------------------------


def sort_distinct(values: Sequence[Any], missing: float) -> list[Any]:
    """Return the distinct categories, sorted, numbers before strings; omit numbers that also occur as strings."""
    values = values.distinct if isinstance(values, RepeatedValues) else values
    known = {value for value in values if value is not None and value != missing}
    as_numbers = {_read_number(value) for value in known if isinstance(value, str)} - {None}
    if missing in as_numbers:
        known = {value for value in known if not (isinstance(value, str) and _read_number(value) == missing)}
    return sorted(known - as_numbers, key=lambda value: (isinstance(value, str), value))


def _read_number(text: str) -> int | float | None:
    """Return the number that a string represents; None if it does not represent one."""
    if not NUMBER.fullmatch(text):
        return None
    number = float(text)
    return int(text) if "." not in text else int(number) if number.is_integer() else number


def encode_categories(values: Sequence[Any], categories: Sequence[Any]) -> np.ndarray:
    """Return the indices of values among the categories, NaN for unknown values; `ColumnEncoder` says what is equal."""
    if isinstance(values, RepeatedValues):
        return np.append(encode_categories(values.distinct, categories), np.nan)[values.codes]
    if isinstance(values, np.ndarray):
        values = (
            values.tolist()
        )  # each value is the same object whenever it is read, also NaN, which equals nothing else
    codes: dict[Any, float] = {value: float(code) for code, value in enumerate(categories)}
    number_codes: dict[Any, float] | None = None
    found = {}
    for value in dict.fromkeys(values):
        code = codes.get(value)
        if code is None and isinstance(value, str):
            code = codes.get(_read_number(value))
        elif code is None and value is not None:
            if number_codes is None:  # slow, and seldom needed
                number_codes = _find_number_codes(codes)
            code = number_codes.get(value)
        found[value] = np.nan if code is None else code
    return np.fromiter(map(found.__getitem__, values), dtype=np.float64, count=len(values))


def _find_number_codes(codes: Mapping[Any, float]) -> dict[Any, float]:
    """Return the codes of strings by the numbers that they represent; of equal numbers that of the shortest string."""
    number_codes: dict[Any, float] = {}
    for text in sorted((value for value in codes if isinstance(value, str)), key=len):
        number_codes.setdefault(_read_number(text), codes[text])
    return number_codes
