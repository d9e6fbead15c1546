#!/bin/sh
# SimpleImputer with medians needs several times the memory of the table, although nothing is missing.
#
# Versions: scikit-learn 1.9.1 with NumPy 2.4.6.
# Expected: the medians of columns take memory for a column or, if the table is copied, for one copy.
# Found: for 300,000 rows and 20 columns of 32-bit floats without a gap (24 MB), `fit` takes more than five times the size of the
# table. The medians column by column, which are equal, take about a tenth of it. It also takes several times as long. Output:
# SimpleImputer(strategy="median").fit: 5.8 times the table; column by column: 0.10 times; equal: True
# Why it matters: a pipeline with an imputer is the usual start of a linear model, and this step decides how large a table can
# be, not the model: Ridge takes one copy. In a search each worker process takes as much.
# Source: `_dense_fit` in sklearn/impute/_base.py masks the table and calls `numpy.ma.median`, which sorts a copy with the mask.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys
import tracemalloc

import numpy as np
from sklearn.impute import SimpleImputer

table = np.random.default_rng(0).normal(size=(300_000, 20)).astype(np.float32)


def measure(action):
    tracemalloc.start()
    result = action()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result, peak / table.nbytes


imputer, whole = measure(lambda: SimpleImputer(strategy="median").fit(table))
medians, single = measure(lambda: [np.median(column[~np.isnan(column)]) for column in table.T])
is_equal = np.array_equal(imputer.statistics_, medians)
print(
    f'SimpleImputer(strategy="median").fit: {whole:.1f} times the table; column by column: {single:.2f} times; '
    f"equal: {is_equal}"
)
if not (whole > 3 and single < 0.5 and is_equal):
    sys.exit("changed: the memory of SimpleImputer(strategy='median')")
END
cd "$folder"
"$folder/venv/bin/python" check.py
