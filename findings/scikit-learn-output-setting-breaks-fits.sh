#!/bin/sh
# `set_config(transform_output=...)` lets models fail that are fitted on arrays, and that show no DataFrame to anybody.
#
# Versions: scikit-learn 1.9.1 with pandas 3.0.0, polars 1.40.1 and NumPy 2.4.6.
# Expected: the setting changes the container that a transformer returns, and nothing else. The array on which a model is fitted
# has no names, so that names cannot differ, and a transformer inside a regressor is the regressor's own.
# Found: a ColumnTransformer on an array gives two steps the second column. The first step gets an array, and calls its column x0;
# the second step learns that name; then the names of what is returned are asked for, and x1 is passed: a ValueError. If the steps
# get the first column, the fit succeeds. TransformedTargetRegressor takes the output of its transformer for an array: with "polars"
# every fit fails. Output:
# steps for the first column: default fits, pandas fits, polars fits
# steps for the second column: default fits, pandas ValueError, polars ValueError
# scaled target: default fits, pandas fits, polars AttributeError
# Why it matters: a search in a notebook with this setting loses all candidates with such steps. If it goes on with the others, as
# searches do, its best model is another one. `set_output(transform="default")` of these steps, which is stronger, prevents it.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet scikit-learn==1.9.1 pandas==3.0.0 polars==1.40.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
from sklearn import config_context
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X = np.random.default_rng(0).normal(size=(50, 2))
y = X[:, 0] + X[:, 1]


def take(column):
    steps = make_pipeline(SimpleImputer(), StandardScaler())
    return make_pipeline(ColumnTransformer([("numbers", steps, [column])]), Ridge())


models = {
    "steps for the first column": take(0),
    "steps for the second column": take(1),
    "scaled target": TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
}
found = {}
for name, model in models.items():
    ends = []
    for container in ("default", "pandas", "polars"):
        with config_context(transform_output=container):
            try:
                model.fit(X, y)
                ends.append(f"{container} fits")
            except (ValueError, AttributeError) as error:
                ends.append(f"{container} {type(error).__name__}")
    found[name] = ", ".join(ends)
    print(f"{name}: {found[name]}")
expected = {
    "steps for the first column": "default fits, pandas fits, polars fits",
    "steps for the second column": "default fits, pandas ValueError, polars ValueError",
    "scaled target": "default fits, pandas fits, polars AttributeError",
}
if found != expected:
    sys.exit("changed: which fits fail under the setting")
END
cd "$folder"
"$folder/venv/bin/python" check.py
