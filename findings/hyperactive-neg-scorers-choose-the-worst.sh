#!/bin/sh
# hyperactive's OptCV chooses the worst candidate for scorers of losses, whose names begin with neg_.
#
# Versions: hyperactive 5.0.4 with scikit-learn 1.7.2, the newest that it allows.
# Expected: scoring="neg_mean_squared_error" chooses the candidate of the least error, as GridSearchCV does.
# Found: the candidate of the largest error wins and is fitted. The same holds for neg_log_loss. With scoring="r2" the best
# candidate wins.
# Why it matters: OptCV is there to stand in place of GridSearchCV, and the neg_ scorers are scikit-learn's names for losses.
# Nothing warns, and there is a fitted model with the worst parameters.
# Source: the sign is guessed from the metric inside the scorer (lower is better), although the scorer has turned it already.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet hyperactive==5.0.4 scikit-learn==1.7.2 numpy==2.4.6 pandas==2.3.3 packaging

cat > "$folder/check.py" <<'END'
import sys
import warnings

from hyperactive.integrations.sklearn import OptCV
from hyperactive.opt import GridSearchSk
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.simplefilter("ignore")
cv = KFold(3, shuffle=True, random_state=0)
classifier = make_pipeline(StandardScaler(), LogisticRegression())
cases = {
    "r2": (Ridge(), {"alpha": [0.1, 1e5]}, load_diabetes),
    "neg_mean_squared_error": (Ridge(), {"alpha": [0.1, 1e5]}, load_diabetes),
    "neg_log_loss": (classifier, {"logisticregression__C": [1e-6, 1.0]}, load_breast_cancer),
}

agrees = {}
for scoring, (model, grid, load) in cases.items():
    X, y = load(return_X_y=True)
    found = OptCV(model, GridSearchSk(grid), cv=cv, scoring=scoring).fit(X, y).best_params_
    right = GridSearchCV(model, grid, cv=cv, scoring=scoring).fit(X, y).best_params_
    agrees[scoring] = found == right
    print(f"{scoring}: OptCV {found}, GridSearchCV {right}")

if agrees != {"r2": True, "neg_mean_squared_error": False, "neg_log_loss": False}:
    sys.exit("changed: OptCV turns these scorers once")
END
cd "$folder"
"$folder/venv/bin/python" check.py
