#!/bin/sh
# scikit-learn cannot clone a CatBoost model that has a list among its parameters; a tuple works.
#
# Versions: CatBoost 1.2.10 with scikit-learn 1.9.1.
# Expected: clone, cross_val_score and every search take CatBoostClassifier(cat_features=["colour"]).
# Found: RuntimeError "Cannot clone object ... the constructor either does not set or modifies parameter
# cat_features". So do class_weights=[1, 2] and monotone_constraints=[1, 0]. A tuple, or a string, clones and
# fits.
# Why it matters: people write lists. The message speaks of the constructor and does not say that a tuple works.
# Source: `get_params` of CatBoost returns a deep copy of its parameters (catboost/core.py). `clone` asks that
# each parameter is the very object it passed. A deep copy of a tuple of strings is the same object, one of a
# list is not.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet catboost==1.2.10 scikit-learn==1.9.1 numpy==2.4.6 pandas==3.1.1

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
import pandas as pd
from catboost import CatBoostClassifier
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

random = np.random.RandomState(0)
X = pd.DataFrame({"colour": random.choice(["red", "blue"], 90), "size": random.normal(size=90)})
y = (X["colour"] == "red").astype(int)


def outcome(**params):
    try:
        clone(CatBoostClassifier(iterations=5, verbose=0, allow_writing_files=False, **params))
    except RuntimeError as error:
        return "RuntimeError" if "Cannot clone object" in str(error) else str(error)
    return "cloned"


found = {
    "cat_features list": outcome(cat_features=["colour"]),
    "cat_features tuple": outcome(cat_features=("colour",)),
    "class_weights list": outcome(class_weights=[1, 2]),
    "class_weights tuple": outcome(class_weights=(1, 2)),
}
print(found)
model = CatBoostClassifier(iterations=5, verbose=0, allow_writing_files=False, cat_features=("colour",))
scores = cross_val_score(model, X, y, cv=3, error_score="raise")
print(f"a tuple in cross_val_score: {scores}")

if list(found.values()) != ["RuntimeError", "cloned"] * 2 or scores.min() < 0.9:
    sys.exit("changed: other parameters can be cloned")
END
cd "$folder"
"$folder/venv/bin/python" check.py
