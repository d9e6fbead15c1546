#!/bin/sh
# Multiplying all weights by ten makes a forest or bagging with max_samples=0.5 draw five times as many rows for each tree.
#
# Versions: scikit-learn 1.9.1.
# Expected: weights are relative, so that a common factor changes nothing, as in scikit-learn's other trees; and
# max_samples=0.5 is half of the rows, as the name says.
# Found: the share is of the sum of the weights, for forests since 1.9. With weights of 1 a tree of a forest has about 80
# leaves; with weights of 10 it has 210, and R² on other rows falls from 0.39 to 0.22, without a warning. With weights
# that sum to 1 each tree is fitted on a single row; of this there is a warning.
# Why it matters: weights are often frequencies, inverse probabilities, or scaled to a sum of 1, and a share that a search
# has found for one scale means something else for another one.
# Source: whats_new/v1.9, #31529; sklearn/ensemble/_bootstrap.py takes max_samples * sample_weight.sum() rows.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys
import warnings

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import BaggingRegressor, RandomForestRegressor

X, y = load_diabetes(return_X_y=True)
X_train, y_train, X_test, y_test = X[::2], y[::2], X[1::2], y[1::2]

scores = {}
for kind in (RandomForestRegressor, BaggingRegressor):
    for weight in (1.0, 10.0, 1 / len(y_train)):
        weights = np.full(len(y_train), weight)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = kind(n_estimators=50, max_samples=0.5, random_state=0).fit(X_train, y_train, sample_weight=weights)
        leaves = np.mean([tree.get_n_leaves() for tree in model.estimators_])
        scores[kind, weight] = model.score(X_test, y_test)
        print(f"{kind.__name__}, weights of {weight:.3g}: {leaves:.0f} leaves in a tree,", end=" ")
        print(f"R² on other rows {scores[kind, weight]:.2f}, warnings {len(caught)}")
        if (weight == 10.0) == bool(caught) and weight != 1.0:
            sys.exit("changed: the warnings are others")

falls = [scores[kind, 1.0] - scores[kind, 10.0] for kind in (RandomForestRegressor, BaggingRegressor)]
if min(falls) < 0.05:
    sys.exit("changed: a common factor of the weights changes little")
END
cd "$folder"
"$folder/venv/bin/python" check.py
