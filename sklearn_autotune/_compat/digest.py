"""Digests of data and other objects, which are equal for equal values in every process.

A hash of a pickle, such as ``joblib.hash``, also depends on things that are not part of a value: the memory order of an
array, flags that SciPy sets on a sparse matrix, the internal blocks of a pandas table, the iteration order of a set.
Here arrays are read row by row, sparse matrices are sorted, tables are read column by column, and sets and dicts are
sorted by the digests of their entries. Functions and classes are compared by their names.
"""

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
from scipy import sparse

__all__ = ["compute_digest"]

PLAIN_TYPES = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis))


def compute_digest(value: object) -> str:
    """Return a digest that is the same for equal values, and almost certainly different for different values.

    An object that cannot be pickled is represented by its class alone.

    Examples
    --------
    >>> table = np.arange(6.0).reshape(3, 2)
    >>> compute_digest(table) == compute_digest(np.asfortranarray(table))
    True
    >>> compute_digest({"b": {1, 2}, "a": 1}) == compute_digest({"a": 1, "b": {2, 1}})
    True
    >>> compute_digest([1, 2]) == compute_digest([1, 2.0])
    False
    """
    writer = _Writer()
    writer.write(value)
    return writer.digest()


class _Writer:
    """Writes a value into a hash, piece by piece.

    Parameters
    ----------
    parents : tuple of int
        The ids of the objects that contain the value, so that an object that contains itself causes no endless loop.
    """

    def __init__(self, parents: tuple[int, ...] = ()) -> None:
        self.hash = hashlib.blake2b(digest_size=16)
        self.parents = parents

    def digest(self) -> str:
        return self.hash.hexdigest()

    def write(self, value: Any) -> None:
        """Write a value, its type first."""
        if isinstance(value, PLAIN_TYPES):
            self.write_text(f"{_name_type(value)} {value!r}")
        elif id(value) in self.parents:
            self.write_text(f"{_name_type(value)} that contains itself")
        else:
            self.parents = (*self.parents, id(value))
            _choose_writer(value)(self, value)
            self.parents = self.parents[:-1]

    def write_text(self, text: str) -> None:
        self.write_bytes(text.encode("utf-8", "surrogatepass"))

    def write_bytes(self, data: Any) -> None:
        """Write the number of bytes and then the bytes, so that two sequences cannot be confused with one."""
        view = memoryview(data).cast("B")
        self.hash.update(len(view).to_bytes(8, "little"))
        self.hash.update(view)

    def write_sorted(self, items: Iterable[Any]) -> None:
        """Write items that have no order."""
        for digest in sorted(self._digest_part(item) for item in items):
            self.write_text(digest)

    def write_items(self, items: Sequence[Any]) -> None:
        """Write items in order; items that are all numbers, or texts, are written together."""
        types = set(map(type, items))
        if len(types) == 1 and types <= {bool, int, float}:
            array = np.array(items)
            if not array.dtype.hasobject:  # integers of more than 64 bits are objects
                write_array(self, array)
                return
        texts = [item for item in items if type(item) is str]
        self.write_text(f"{len(items)} items, {len(texts)} texts")
        self.write_bytes(np.array([len(text) for text in texts], dtype=np.int64))
        self.write_text("".join(texts))
        for index, item in enumerate(items) if len(texts) < len(items) else ():
            if type(item) is not str:
                self.write_text(str(index))
                self.write(item)

    def _digest_part(self, item: Any) -> str:
        part = _Writer(self.parents)
        part.write(item)
        return part.digest()


def _name_type(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


def _choose_writer(value: Any) -> Callable[[_Writer, Any], None]:
    if isinstance(value, np.ndarray | np.generic):
        return write_array
    if sparse.issparse(value):
        return _write_sparse
    if isinstance(value, type) or inspect.isroutine(value):
        return _write_name
    library = type(value).__module__.partition(".")[0]
    if library == "pandas":
        return _write_pandas
    if library in ("polars", "pyarrow"):
        return _write_arrow
    if isinstance(value, Mapping):
        return _write_mapping
    if isinstance(value, Set):
        return _write_set
    if isinstance(value, list | tuple):
        return _write_sequence
    return write_array if hasattr(value, "__array__") else _write_object


def write_array(writer: _Writer, value: Any) -> None:
    """Write an array row by row, independently of its memory order and byte order."""
    array = np.asarray(value)
    if isinstance(value, np.ma.MaskedArray):
        writer.write_text("masked")
        write_array(writer, np.ma.getmaskarray(value))
        array = value.filled()
    kind = "text" if array.dtype.kind == "U" else array.dtype.newbyteorder("=").str
    writer.write_text(f"{kind} {array.shape}")
    if array.dtype.hasobject or array.dtype.kind == "U":  # the width of a text array is not part of its value
        writer.write_items(array.ravel().tolist())
        return
    native = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    writer.write_bytes(native.reshape(-1).view(np.uint8) if native.size else b"")


def _write_sparse(writer: _Writer, value: Any) -> None:
    table = sparse.csr_array(value, copy=True)
    table.sum_duplicates()  # this also sorts; stored zeros are kept
    writer.write_text(f"sparse {table.shape}")
    for part in (table.indptr.astype(np.int64), table.indices.astype(np.int64), table.data):
        write_array(writer, part)


def _write_name(writer: _Writer, value: Any) -> None:
    writer.write_text(f"{getattr(value, '__module__', None)}.{getattr(value, '__qualname__', value)}")


def _write_pandas(writer: _Writer, value: Any) -> None:
    """Write a table, a column or an index of pandas; any other object of pandas is written as an object."""
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        writer.write_text(f"table {value.shape}")
        _write_pandas(writer, value.columns)
        _write_pandas(writer, value.index)
        for position in range(value.shape[1]):
            _write_pandas_column(writer, value.iloc[:, position])
    elif isinstance(value, pd.Series):
        writer.write_text("column")
        writer.write(value.name)
        _write_pandas(writer, value.index)
        _write_pandas_column(writer, value)
    elif isinstance(value, pd.MultiIndex):
        writer.write_text("index")
        writer.write(list(value.names))
        for level in range(value.nlevels):
            _write_pandas_column(writer, value.get_level_values(level).to_series())
    elif isinstance(value, pd.Index):
        writer.write_text("index")
        writer.write(value.name)
        _write_pandas_column(writer, value.to_series())
    elif isinstance(value, pd.api.extensions.ExtensionArray):
        _write_pandas_column(writer, pd.Series(value))
    elif value is pd.NA or value is pd.NaT:
        writer.write_text(repr(value))
    else:
        _write_object(writer, value)


def _write_pandas_column(writer: _Writer, column: Any) -> None:
    """Write the type and the values of a column."""
    import pandas as pd

    dtype = column.dtype
    writer.write_text(str(dtype))
    if isinstance(dtype, np.dtype):
        write_array(writer, column.to_numpy())
    elif isinstance(dtype, pd.CategoricalDtype):
        writer.write(dtype.ordered)
        _write_pandas_column(writer, dtype.categories.to_series())
        write_array(writer, column.cat.codes.to_numpy())
    elif getattr(dtype, "kind", "O") in "iufb" and hasattr(dtype, "numpy_dtype"):
        write_array(writer, column.isna().to_numpy())
        write_array(writer, column.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0)))
    else:
        writer.write_items(column.astype(object).tolist())


def _write_arrow(writer: _Writer, value: Any) -> None:
    """Write a table or a column of polars or Arrow, independently of the chunks in which it is stored."""
    if hasattr(value, "columns"):
        names = list(getattr(value, "column_names", value.columns))
        writer.write_text(f"table {value.shape}")
        for position, name in enumerate(names):
            writer.write(name)
            _write_arrow(writer, value[name] if isinstance(value.columns[0], str) else value.column(position))
    elif hasattr(value, "to_list") or hasattr(value, "to_pylist"):
        writer.write_text(f"column {getattr(value, 'dtype', None) or value.type}")
        writer.write_items(value.to_pylist() if hasattr(value, "to_pylist") else value.to_list())
    else:
        _write_object(writer, value)


def _write_mapping(writer: _Writer, value: Mapping[Any, Any]) -> None:
    writer.write_text(_name_type(value))
    writer.write_sorted(value.items())


def _write_set(writer: _Writer, value: Set[Any]) -> None:
    writer.write_text(_name_type(value))
    writer.write_sorted(value)


def _write_sequence(writer: _Writer, value: Sequence[Any]) -> None:
    writer.write_text(_name_type(value))
    writer.write_items(value)


def _write_object(writer: _Writer, value: Any) -> None:
    """Write what `pickle` would write for an object: its class and its state."""
    writer.write_text(_name_type(value))
    try:
        reduced = value.__reduce_ex__(4)
    except Exception:  # any __reduce__ may raise anything; then only the class is written
        return
    if isinstance(reduced, str):
        writer.write_text(reduced)
        return
    for part in reduced:
        writer.write(list(part) if hasattr(part, "__next__") else part)
