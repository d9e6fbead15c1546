"""Reads files with little memory beside the table: some rows at a time, or some columns, and divides the rows.

Each row that is read some rows at a time is what it would be in any other division.
"""

import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune._compat.optional import import_optional

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PARQUET", "FileChunks", "divide_rows", "hash_rows", "read_csv_names", "read_parquet"]

PARQUET = (".parquet", ".pq")

# A 64-bit float holds all whole numbers up to this one. Beyond, how pandas rounds depends on the column's other values.
LARGEST_WHOLE = 2**53

# A Parquet file is read in so many parts of its columns, because what is decoded takes memory beside the columns.
N_PARTS = 10

# Rows that are hashed at a time: of strings, pandas makes objects first.
HASHED_ROWS = 50_000

# A table with more columns is divided at once, because taking one column out takes longer the more there are.
MAX_DIVIDED_COLUMNS = 200

TRUTH_VALUES = {"true": True, "false": False}


class FileChunks:
    """The rows of a file, in parts, with the columns of a profile.

    What a column holds is not inferred from the values of a part, but taken from the profile. In a CSV file a cell of a
    column of numbers is read as a number, one of a column of categories as the string that stands there. If training
    did not have this string, and both it and a string of training represent the same number ("10.0" and "10"), it is
    that one.

    Parameters
    ----------
    path : Path
    profile : sequence of mapping
        As `make_profile` returned it. Columns that the file does not have are left out.
    n_rows : int
        Rows of a part.

    Attributes
    ----------
    names : list of str
        All columns of the file.

    Raises
    ------
    ValueError, OSError
        If the file cannot be read, here or when its parts are read.
    """

    def __init__(self, path: Path, profile: Sequence[Mapping[str, Any]], n_rows: int) -> None:
        self.path = path
        self.n_rows = n_rows
        self.is_parquet = path.suffix in PARQUET
        self.names = _read_parquet_names(path) if self.is_parquet else read_csv_names(path)
        self.entries = [entry for entry in profile if entry["name"] in self.names]

    def __iter__(self) -> Iterator["pd.DataFrame"]:
        """Yield tables, whose index counts the rows of the file from 0."""
        return self._iterate_parquet() if self.is_parquet else self._iterate_csv()

    def _iterate_csv(self) -> Iterator["pd.DataFrame"]:
        pandas = import_optional("pandas", "Reading data")
        # All columns are read: with some of them, pandas does not see that a row has too many fields.
        with pandas.read_csv(self.path, dtype=str, chunksize=self.n_rows) as parts:
            for part in parts:
                if not isinstance(part.index, pandas.RangeIndex):
                    raise ValueError(f"its rows have more fields than the {len(self.names)} columns that it names")
                cells = {entry["name"]: _read_cells(part[entry["name"]], entry) for entry in self.entries}
                yield pandas.DataFrame(cells, index=part.index)

    def _iterate_parquet(self) -> Iterator["pd.DataFrame"]:
        pandas = import_optional("pandas", "Reading data")
        wanted, start = [entry["name"] for entry in self.entries], 0
        with import_optional("pyarrow.parquet", "Reading Parquet files").ParquetFile(self.path) as file:
            for batch in file.iter_batches(self.n_rows, columns=wanted):
                # Whole numbers beside missing ones stay whole numbers, as they are in a part without missing ones.
                part = batch.to_pandas(integer_object_nulls=True)
                part.index = pandas.RangeIndex(start, start + len(part))
                start += len(part)
                yield part


def read_csv_names(path: Path) -> list[str]:
    """Return the names of the columns of a CSV file; one without a name has the one that pandas gives it.

    Raises
    ------
    ValueError
        If two have the same name.
    """
    pandas = import_optional("pandas", "Reading data")
    names = pandas.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0].tolist()
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise ValueError(f"more than one column is called {', '.join(map(repr, doubled))}. Rename or delete the others")
    return [name or f"Unnamed: {index}" for index, name in enumerate(names)]


def read_parquet(path: Path) -> "pd.DataFrame":
    """Read a Parquet file as pandas does, some columns after the others, so that there is no second copy of all.

    Raises
    ------
    ValueError, OSError, ImportError
        If it cannot be read.
    """
    pandas = import_optional("pandas", "Reading data")
    schema = import_optional("pyarrow.parquet", "Reading Parquet files").read_schema(path)
    names = list(schema.names)
    settings: dict[str, Any] = {"pre_buffer": False}
    if "to_pandas_kwargs" in inspect.signature(pandas.read_parquet).parameters:
        settings["to_pandas_kwargs"] = {"split_blocks": True, "self_destruct": True}
    index_columns = (schema.pandas_metadata or {}).get("index_columns", [])
    if any(isinstance(name, str) for name in index_columns) or len(set(names)) < len(names) or len(names) < 2:
        return pandas.read_parquet(path, **settings)
    parts = [list(part) for part in np.array_split(np.array(names, dtype=object), min(N_PARTS, len(names)))]
    tables = [pandas.read_parquet(path, columns=part, **settings) for part in parts]
    return pandas.DataFrame({name: table[name] for table in tables for name in table}, copy=False)


def divide_rows(table: "pd.DataFrame", parts: Sequence[np.ndarray]) -> list[Any]:
    """Return some rows of a table, and others, and empty the table: each column is freed when its rows are taken.

    Parameters
    ----------
    table : DataFrame
        No other two columns have the same name.
    parts : sequence of ndarray of int
        Positions of rows.
    """
    pandas = import_optional("pandas", "Reading data")
    if table.shape[1] > MAX_DIVIDED_COLUMNS:
        return [table.iloc[rows] for rows in parts]
    indices = [table.index[rows] for rows in parts]  # one for all columns
    taken: list[dict[Any, Any]] = [{} for _ in parts]
    for name in list(table.columns):
        column = table.pop(name)
        dtype, values = column.dtype, column.array
        for rows, index, columns in zip(parts, indices, taken, strict=True):
            columns[name] = pandas.Series(values.take(rows), index=index, dtype=dtype, copy=False)
        del column, values
        _release_memory()
    return [pandas.DataFrame(columns, copy=False) for columns in taken]


def _release_memory() -> None:
    """Give the memory back that Arrow has freed, if a file has been read with it."""
    if "pyarrow" in sys.modules:
        sys.modules["pyarrow"].default_memory_pool().release_unused()


def hash_rows(table: "pd.DataFrame", digest: Any) -> None:
    """Update a digest of hashlib with the hash of each row of a table, which does not depend on the other rows."""
    pandas = import_optional("pandas", "Reading data")
    for start in range(0, len(table), HASHED_ROWS):
        rows = table.iloc[start : start + HASHED_ROWS]
        try:
            hashes = pandas.util.hash_pandas_object(rows, index=False)
        except TypeError:  # cells with lists, which have no hash
            objects = [name for name, dtype in rows.dtypes.items() if getattr(dtype, "char", None) == "O"]
            hashes = pandas.util.hash_pandas_object(rows.astype(dict.fromkeys(objects, str)), index=False)
        digest.update(hashes.to_numpy().tobytes())


def _read_parquet_names(path: Path) -> list[str]:
    schema = import_optional("pyarrow.parquet", "Reading Parquet files").read_schema(path)
    index_columns = (schema.pandas_metadata or {}).get("index_columns", [])
    return [name for name in schema.names if name not in index_columns]


def _read_cells(column: "pd.Series", entry: Mapping[str, Any]) -> Any:
    """Return a column of strings as what it held in training; cells that are something else stay strings."""
    if entry["kind"] == "number":
        return column if entry["holds"] in ("dates", "times") else _read_numbers(column)
    categories = entry["categories"] or ()
    if any(isinstance(value, bool) for value in categories):
        return column.map(lambda cell: TRUTH_VALUES.get(cell.lower(), cell), na_action="ignore")
    known = {value for value in categories if isinstance(value, str)}
    found = {cell: _match_number(cell, known) for cell in set(column.dropna()) - known} if known else {}
    return column.map(lambda cell: found.get(cell, cell), na_action="ignore") if found else column


def _match_number(cell: str, known: set[str]) -> str:
    """Return the string of training that is the same whole number, as in "10.0" and "10"; otherwise the cell."""
    whole, point, fraction = cell.partition(".")
    return whole if point and not fraction.strip("0") and whole in known else cell


def _read_numbers(column: "pd.Series") -> Any:
    """Return numbers and truth values as floats, each cell by itself; cells that are neither stay strings."""
    pandas = import_optional("pandas", "Reading data")
    values = pandas.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    for index in np.flatnonzero(np.abs(values) > LARGEST_WHOLE):
        values[index] = float(column.iloc[index])
    is_other = np.isnan(values) & column.notna().to_numpy()
    if not is_other.any():
        return pandas.Series(values, index=column.index)
    cells = values.astype(object)
    for index in np.flatnonzero(is_other):
        cell = column.iloc[index]
        cells[index] = TRUTH_VALUES.get(cell.strip().lower(), cell)
    is_read = all(not isinstance(cell, str) for cell in cells[is_other])
    return pandas.Series(cells.astype(np.float64) if is_read else cells, index=column.index)
