#!/bin/sh
# scikit-learn's clone unfits a fitted model that a parameter holds inside a dict, a list, a tuple or a set.
#
# Versions: scikit-learn 1.9.1.
# Expected: FunctionTransformer(kw_args={"model": fitted}) keeps its argument when it is cloned, as a copy at most.
# Found: clone looks into dicts, lists, tuples and sets, at any depth, and replaces each estimator by an unfitted
# one. A functools.partial or a dataclass around the model keeps it fitted.
# Why it matters: every search and every cross-validation clones. A step that uses a model fitted before works by
# itself and raises NotFittedError inside a search. The docstring of clone names lists, tuples and sets of estimators as
# its argument. It does not say that the parameters are searched for them.
# Source: `_clone_parametrized` in sklearn/base.py calls clone for each parameter and each item of a container.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys
from functools import partial

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer

X = np.arange(6.0).reshape(-1, 1)
fitted = LinearRegression().fit(X, X[:, 0])


def add_prediction(X, model):
    return np.column_stack([X, model.predict(X)])


def add_predictions(X, models):
    return np.column_stack([X] + [model.predict(X) for model in models])


def outcome(step):
    step.transform(X)
    try:
        clone(step).fit(X).transform(X)
    except NotFittedError:
        return "unfitted"
    return "fitted"


found = {
    "dict": outcome(FunctionTransformer(add_prediction, kw_args={"model": fitted}).fit(X)),
    "list in a dict": outcome(FunctionTransformer(add_predictions, kw_args={"models": [fitted]}).fit(X)),
    "partial": outcome(FunctionTransformer(partial(add_prediction, model=fitted)).fit(X)),
}
print(found)

if found != {"dict": "unfitted", "list in a dict": "unfitted", "partial": "fitted"}:
    sys.exit("changed: clone treats models in parameters in another way")
END
cd "$folder"
"$folder/venv/bin/python" check.py
