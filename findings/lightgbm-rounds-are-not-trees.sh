#!/bin/sh
# LightGBM counts rounds in n_estimators and trees in current_iteration(), and a round without a split adds no tree.
#
# Versions: LightGBM 4.7.0 with scikit-learn 1.9.1.
# Expected: a model of n_estimators=114 without early stopping has 114 trees, and refitting with the number of
# trees as n_estimators gives the same model.
# Found: columns are drawn for each round. A round that drew columns without a useful split adds nothing, so
# that there are fewer trees. Refitting with the number of trees gives the first few trees of the same sequence
# and no more.
# Why it matters: tools that find the best number of trees and refit with it get another model than they scored.
# Source: measured. The library prints "Stopped training because there are no more leaves that meet the split
# requirements" for each such round, and goes on training.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet lightgbm==4.7.0 scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
from lightgbm import LGBMClassifier

random = np.random.RandomState(0)
signal = random.normal(size=120)
y = (signal + random.normal(size=120) > 0).astype(int)
X = np.column_stack([signal, np.random.RandomState(0).rand(120, 3) < 0.08])

settings = {"colsample_bytree": 0.25, "num_leaves": 4, "min_child_samples": 5, "min_child_weight": 3}
model = LGBMClassifier(n_estimators=114, random_state=0, n_jobs=1, verbose=-1, **settings).fit(X[:80], y[:80])
trees = model.booster_.current_iteration()
first = model.predict_proba(X[80:])[:, 1]
again = model.set_params(n_estimators=trees).fit(X[:80], y[:80])
fewer = again.booster_.current_iteration()
difference = float(np.abs(again.predict_proba(X[80:])[:, 1] - first).max())
print(f"114 rounds give {trees} trees; {trees} rounds give {fewer} trees; predictions differ by {difference:.3f}")

if not (fewer < trees < 114 and difference > 0.01):
    sys.exit("changed: rounds and trees are counted in another way")
END
cd "$folder"
"$folder/venv/bin/python" check.py
