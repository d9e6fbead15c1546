"""Digests are equal for equal values with any memory layout, and differ for different values."""

import functools
import os
import pickle
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from scipy import sparse

from sklearn_autotune._compat.digest import compute_digest
from tests.faults.nightly import at_night
from tests.strategies import option_values

ROOT = Path(__file__).parents[2]
NUMBERS = np.random.RandomState(0).rand(50, 4)
CSR = sparse.random(30, 5, 0.3, format="csr", random_state=0)


def unsort(table):
    """The same matrix with the entries of each row in the opposite order."""
    rows = [np.arange(*bounds)[::-1] for bounds in zip(table.indptr[:-1], table.indptr[1:], strict=True)]
    order = np.concatenate(rows)
    return sparse.csr_matrix((table.data[order], table.indices[order], table.indptr), shape=table.shape)


def note_flags(table):
    """The same matrix, about which SciPy has found out something."""
    copied = table.copy()
    assert copied.has_canonical_format
    return copied


def make_frame():
    return pd.DataFrame(NUMBERS, columns=list("abcd")).assign(
        one=1,
        text="x",
        kind=pd.Categorical(["u", "v"] * 25),
        gaps=pd.array([1, None] * 25, dtype="Int64"),
        flags=pd.array([True, None] * 25, dtype="boolean"),
        zone=pd.Timestamp("2020-01-01", tz="UTC"),
        cut=pd.cut(NUMBERS[:, 0], 3),
        sets=[frozenset({"a", "b"}), {"k": Decimal("0.1")}] * 25,
    )


def fill_caches(frame):
    """The same table, whose indices have been searched."""
    copied = frame.copy()
    copied["kind"].cat.categories.get_indexer(["u"])
    assert copied.index.is_unique
    return copied


def merge_blocks(frame):
    return pd.concat([frame[[name]] for name in frame], axis=1)


def to_arrow(frame):
    return frame[["a", "one", "text"]].convert_dtypes(dtype_backend="pyarrow")


FRAME = make_frame()
POLARS = pl.DataFrame({"a": [1.0, None, 3.0], "s": ["x", "y", None], "l": [[1], [2], [3]]})
ARROW = POLARS.to_arrow()

EQUAL = {
    "order in memory": (NUMBERS, np.asfortranarray(NUMBERS)),
    "a view": (NUMBERS[::2], NUMBERS[::2].copy()),
    "byte order": (NUMBERS, NUMBERS.astype(">f8")),
    "width of texts": (np.array(["a", "bb"]), np.array(["a", "bb", "cccc"])[:2]),
    "a sparse matrix that is not sorted": (CSR, unsort(CSR)),
    "flags of a sparse matrix": (sparse.csr_matrix((CSR.data, CSR.indices, CSR.indptr)), note_flags(CSR)),
    "sparse formats": (CSR, sparse.csc_array(CSR)),
    "a copied table": (FRAME, FRAME.copy()),
    "a pickled table": (FRAME, pickle.loads(pickle.dumps(FRAME))),
    "blocks of a table": (FRAME, merge_blocks(FRAME)),
    "caches of a table": (FRAME, fill_caches(FRAME)),
    "chunks of Arrow columns": (to_arrow(FRAME), pd.concat([to_arrow(FRAME)[:20], to_arrow(FRAME)[20:]])),
    "chunks of a polars table": (POLARS, pl.concat([POLARS[:1], POLARS[1:]], rechunk=False)),
    "chunks of an Arrow table": (ARROW, pa.concat_tables([ARROW.slice(0, 1), ARROW.slice(1)])),
    "sets": ({"a", 3, (1, 2)}, {(1, 2), 3, "a"}),
    "dicts": ({"a": 1, "b": {2, 1}}, {"b": {1, 2}, "a": 1}),
    "functions with arguments": (functools.partial(max, NUMBERS), functools.partial(max, np.asfortranarray(NUMBERS))),
    "generators": (np.random.RandomState(0), np.random.RandomState(0)),
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal_values_have_equal_digests(name):
    one, other = EQUAL[name]

    assert compute_digest(one) == compute_digest(other)


DIFFERENT = {
    "a number": (NUMBERS, NUMBERS + np.eye(50, 4) * 1e-9),
    "shape": (NUMBERS, NUMBERS.reshape(4, 50)),
    "transposed": (np.arange(4).reshape(2, 2), np.arange(4).reshape(2, 2).T),
    "type": ([1, 2], [1.0, 2.0]),
    "nesting": ([1, [2]], [[1], 2]),
    "borders of texts": (["ab", "c"], ["a", "bc"]),
    "a zero that is written out": (sparse.csr_matrix((3, 3)), sparse.csr_matrix(([0.0], ([0], [0])), shape=(3, 3))),
    "a cell": (FRAME, FRAME.assign(text=["y", *["x"] * 49])),
    "a gap": (FRAME, FRAME.assign(gaps=FRAME["gaps"].fillna(0))),
    "a category that does not occur": (FRAME, FRAME.assign(kind=FRAME["kind"].cat.add_categories("w"))),
    "names of columns": (FRAME, FRAME.rename(columns={"a": "z"})),
    "a cell of polars": (POLARS, POLARS.with_columns(a=pl.lit(1.0))),
    "rows of Arrow": (ARROW, ARROW.slice(1)),
    "generators": (np.random.default_rng(0), np.random.default_rng(1)),
    "functions": (max, min),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_different_values_have_different_digests(name):
    one, other = DIFFERENT[name]

    assert compute_digest(one) != compute_digest(other)


@given(option_values())
def test_a_copy_by_pickle_has_the_same_digest(value):
    assert compute_digest(pickle.loads(pickle.dumps(value))) == compute_digest(value)


def test_what_contains_itself_has_a_digest():
    items = [1]
    items.append(items)

    assert compute_digest(items) == compute_digest(items)


def test_what_cannot_be_pickled_counts_by_its_class():
    assert compute_digest(memoryview(b"a")) == compute_digest(memoryview(b"b"))


@at_night
def test_a_digest_is_the_same_under_another_hash_seed():
    program = (
        "import pandas as pd\n"
        "from sklearn.feature_extraction.text import CountVectorizer\n"
        "from sklearn_autotune._compat.digest import compute_digest\n"
        "from sklearn_autotune.space._dimensions import describe_value\n"
        "words = {'one', 'two', 'three', 'four'}\n"
        "model = CountVectorizer(stop_words=frozenset(words), vocabulary=words)\n"
        "print(compute_digest((pd.DataFrame({'w': [frozenset(words)]}), describe_value(model))))\n"
    )
    digests = {
        subprocess.check_output(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            text=True,
        )
        for seed in ("1", "2")
    }

    assert len(digests) == 1
