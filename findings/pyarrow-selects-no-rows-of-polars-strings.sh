#!/bin/sh
# Rows of a table that pyarrow makes from polars cannot be selected if it has a column of strings.
#
# Versions: pyarrow 25.0.1, polars 2.1.0 and scikit-learn 1.9.1 with narwhals 2.29.0.
# Expected: `pyarrow.table(frame)` of a polars frame gives a table that works as the one of `frame.to_arrow()` does.
# Found: its columns of strings have the type `string_view`, for which `Table.take` has no kernel, with row numbers of any
# kind. `train_test_split` and `cross_val_score` of scikit-learn select rows by it and end in the same error. Output:
# to_arrow: large_string; take works; split works
# pyarrow.table: string_view; take ArrowNotImplementedError; split ArrowNotImplementedError
# Why it matters: `pyarrow.table` reads every frame that has the Arrow PyCapsule interface, and both tables hold the same
# values. The message speaks of a kernel of `array_take`, not of the column.
# `table.set_column(i, name, table.column(i).cast("large_string"))`, or `frame.to_arrow()`, helps.
# Source: `pyarrow.table` calls `frame.__arrow_c_stream__`, which exports strings as views, as polars itself keeps them.
# scikit-learn selects rows of tables of pyarrow through narwhals, which asks pyarrow.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet pyarrow==25.0.1 polars==2.1.0 scikit-learn==1.9.1 narwhals==2.29.0

cat > "$folder/check.py" <<'END'
import sys

import polars
import pyarrow
from sklearn.model_selection import train_test_split

frame = polars.DataFrame({"number": range(20), "colour": ["red", "blue"] * 10})
tables = {"to_arrow": frame.to_arrow(), "pyarrow.table": pyarrow.table(frame)}


def attempt(action):
    try:
        action()
    except pyarrow.ArrowNotImplementedError:
        return "ArrowNotImplementedError"
    return "works"


found = {}
for name, table in tables.items():
    kind = str(table.schema.field("colour").type)
    found[name] = kind, attempt(lambda: table.take([1, 0])), attempt(lambda: train_test_split(table))
    print(f"{name}: {kind}; take {found[name][1]}; split {found[name][2]}")

error = "ArrowNotImplementedError"
expected = {"to_arrow": ("large_string", "works", "works"), "pyarrow.table": ("string_view", error, error)}
if found != expected:
    sys.exit("changed: tables of polars have other types, or rows of them can be selected")
END
cd "$folder"
"$folder/venv/bin/python" check.py
