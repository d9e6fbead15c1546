#!/bin/sh
# NGBoost's `score` is a loss: lower is better. A search without `scoring` chooses the worst candidate.
#
# Versions: ngboost 0.5.11 with scikit-learn 1.9.1.
# Expected: as every regressor of scikit-learn has it, a higher `score` is better, and `GridSearchCV` without `scoring`
# finds the learning rate with the least error.
# Found: `NGBRegressor.score` is the negative log likelihood. Of the learning rates 0.001, 0.01 and 0.1, with 20 rounds,
# GridSearchCV chooses 0.001, whose error is 76; with `scoring="neg_root_mean_squared_error"` it chooses 0.1, with 58.
# Why it matters: nothing warns. The search ends with parameters that are worse than the defaults.
# Source: `score` of ngboost/ngboost.py returns `total_score` of its distribution, which its training minimises.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet ngboost==0.5.11 scikit-learn==1.9.1

cat > "$folder/check.py" <<'END'
import sys

from ngboost import NGBRegressor
from sklearn.datasets import load_diabetes
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.tree import DecisionTreeRegressor

X, y = load_diabetes(return_X_y=True)
tree = DecisionTreeRegressor(max_depth=3, random_state=0)
model = NGBRegressor(n_estimators=20, Base=tree, verbose=False, random_state=0)
rates = [0.001, 0.01, 0.1]


def choose(scoring):
    return GridSearchCV(model, {"learning_rate": rates}, scoring=scoring, cv=3).fit(X, y).best_params_["learning_rate"]


errors = {
    rate: root_mean_squared_error(y, cross_val_predict(model.set_params(learning_rate=rate), X, y, cv=3)) for rate in rates
}
by_default, by_error = choose(None), choose("neg_root_mean_squared_error")
print("errors:", {rate: round(float(error)) for rate, error in errors.items()})
print(f"chosen without scoring: {by_default}; by the error: {by_error}")

if not (by_default == max(errors, key=errors.get) and by_error == min(errors, key=errors.get)):
    sys.exit("changed: a search without scoring finds NGBoost's best candidate")
END
cd "$folder"
"$folder/venv/bin/python" -W ignore check.py
