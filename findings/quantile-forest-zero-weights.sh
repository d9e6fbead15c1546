#!/bin/sh
# quantile-forest leaves out the wrong rows where `sample_weight` is zero, and predicts targets of the rows of weight zero.
#
# Versions: quantile-forest 1.4.2 with scikit-learn 1.9.1.
# Expected: rows of weight zero count as rows that are not there, as in the forests of scikit-learn that it builds upon, and
# no quantile is a target of such a row.
# Found: with half of 1000 rows at weight zero, R2 of extra trees on new rows falls from 0.93 (rows removed) to 0.85, and the
# 80 % interval of a random forest is 4.6 wide where it is 2.0 with the rows removed. If the targets of these rows are 1000,
# and all others below 13, the median that extra trees predict is above 100 for 37 % of the new rows. Output:
# extra trees, R2 of medians: rows removed 0.93, weights 0.85; scikit-learn: rows removed 0.96, weights 0.96
# random forest, width of the 80 % interval: rows removed 2.0, weights 4.6
# extra trees, target 1000 in rows of weight zero: share of medians above 100: 0.37; scikit-learn: 0.00
# Why it matters: weights of zero are how rows are left out without a copy of the data, for example by a mask. There is no
# warning.
# Source: in `_get_y_train_leaves_slice` of quantile_forest/_quantile_forest.py, `sample_weight` is in the order of the sorted
# targets, and `leaf_values_list[j] - 1`, which indexes it, are positions among the rows of the tree, less one. With
# `bootstrap_indices[leaf_values_list[j], 0] - 1` in its place, the three figures are 0.93, 1.7 and 0.00.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet quantile-forest==1.4.2 scikit-learn==1.9.1

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
from quantile_forest import ExtraTreesQuantileRegressor, RandomForestQuantileRegressor
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.metrics import r2_score

rng = np.random.default_rng(0)
X, X_new = rng.uniform(size=(1000, 2)), rng.uniform(size=(500, 2))
y, y_new = 10 * X[:, 0] + rng.normal(size=1000), 10 * X_new[:, 0]
weight = rng.integers(0, 2, 1000).astype(float)
kept = weight > 0
removed, weighted = (X[kept], y[kept]), (X, y, weight)
marked = (X, np.where(kept, y, 1000.0), weight)


def predict(kind, data, **options):
    return kind(random_state=0).fit(*data).predict(X_new, **options)


def width(data):
    low, high = predict(RandomForestQuantileRegressor, data, quantiles=[0.1, 0.9]).T
    return float((high - low).mean())


r2 = {
    kind: [float(r2_score(y_new, predict(kind, data))) for data in (removed, weighted)]
    for kind in (ExtraTreesQuantileRegressor, ExtraTreesRegressor)
}
widths = width(removed), width(weighted)
shares = [float((predict(kind, marked) > 100).mean()) for kind in r2]
ours, theirs = r2.values()
print(
    f"extra trees, R2 of medians: rows removed {ours[0]:.2f}, weights {ours[1]:.2f}; "
    f"scikit-learn: rows removed {theirs[0]:.2f}, weights {theirs[1]:.2f}"
)
print(f"random forest, width of the 80 % interval: rows removed {widths[0]:.1f}, weights {widths[1]:.1f}")
print(
    f"extra trees, target 1000 in rows of weight zero: share of medians above 100: {shares[0]:.2f}; "
    f"scikit-learn: {shares[1]:.2f}"
)

worse = ours[1] < ours[0] - 0.05 and abs(theirs[1] - theirs[0]) < 0.02
if not (worse and widths[1] > 1.5 * widths[0] and shares[0] > shares[1] == 0):
    sys.exit("changed: rows of weight zero count as rows that are not there")
END
cd "$folder"
"$folder/venv/bin/python" check.py
