#!/bin/sh
# shap's TreeExplainer reads a split by categories of HistGradientBoosting as a split by a number, and says nothing.
#
# Versions: shap 0.51.0 with scikit-learn 1.9.1.
# Expected: the values of a row and the expected value add up to the prediction, as for all other models, or there is an
# error, since check_additivity is on.
# Found: with a column in categorical_features they miss the prediction, by more than the spread of the predictions, and
# the column seems to matter little. With the same column as a number they add up.
# Why it matters: the column that decides the prediction looks as if it did not. HistGradientBoosting is what scikit-learn
# names for tables with categories.
# Source: shap/explainers/_tree.py copies the threshold of each node and does not read is_categorical. The check of the sum
# compares with the same copied trees, not with the model's predict.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet shap==0.51.0 scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
import shap
from sklearn.ensemble import HistGradientBoostingRegressor

random = np.random.RandomState(0)
number, category = random.normal(size=500), random.randint(0, 8, 500)
X = np.column_stack([number, category])
y = number + 10 * (category % 2)  # odd categories have larger targets

missed = {}
for columns in (None, [1]):
    model = HistGradientBoostingRegressor(max_iter=50, categorical_features=columns).fit(X, y)
    explainer = shap.TreeExplainer(model)
    values, predicted = explainer.shap_values(X, check_additivity=True), model.predict(X)
    missed[str(columns)] = np.abs(values.sum(axis=1) + explainer.expected_value - predicted).max()
    print(f"categorical_features={columns}: R² {model.score(X, y):.2f}, mean share of the category", end=" ")
    print(f"{np.abs(values[:, 1]).mean():.2f}; sums miss predictions by up to {missed[str(columns)]:.2f}", end=" ")
    print(f"(their standard deviation is {predicted.std():.2f})")

if not (missed["None"] < 1e-6 and missed["[1]"] > 5):
    sys.exit("changed: shap reads splits by categories, or says that it cannot")
END
cd "$folder"
"$folder/venv/bin/python" check.py
