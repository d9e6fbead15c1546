#!/bin/sh
# scikit-survival's scorers for searches turn models that predict times upside down: the best model gets the lowest score.
#
# Versions: scikit-survival 0.28.0 with scikit-learn 1.9.1.
# Expected: as_concordance_index_ipcw_scorer(model).score is high where model.score is high, for each model of the package.
# Found: for models that predict times instead of risks (FastSurvivalSVM with rank_ratio below 1, IPCRidge,
# GradientBoostingSurvivalAnalysis with loss="ipcwls" or "squared") it is about one minus that. GridSearchCV then chooses
# the worst candidate.
# Why it matters: the wrappers are what the user guide names for hyper-parameter search, and a search that mixes both
# kinds of models compares numbers of opposite directions.
# Source: score of these models asks `_predict_risk_score` and turns the sign; the wrappers call `predict` and do not ask.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet scikit-survival==0.28.0 scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys

from sklearn.model_selection import GridSearchCV, KFold
from sksurv.datasets import load_whas500
from sksurv.ensemble import GradientBoostingSurvivalAnalysis
from sksurv.metrics import as_concordance_index_ipcw_scorer

X, y = load_whas500()
X = X.astype(float)

scores = {}
for loss in ("coxph", "squared", "ipcwls"):
    model = GradientBoostingSurvivalAnalysis(loss=loss, n_estimators=20, random_state=0)
    own = model.fit(X, y).score(X, y)
    wrapped = as_concordance_index_ipcw_scorer(model).fit(X, y).score(X, y)
    scores[loss] = own, wrapped
    print(f"{loss}: concordance by score {own:.2f}, by the wrapper {wrapped:.2f}")

cv = KFold(3, shuffle=True, random_state=0)
model = GradientBoostingSurvivalAnalysis(loss="squared", n_estimators=20, random_state=0)
rates = [0.1, 1e-9]  # the second learns nothing
scored = as_concordance_index_ipcw_scorer(model, tau=1500)  # days, which each fold has
plain = GridSearchCV(model, {"learning_rate": rates}, cv=cv).fit(X, y)
wrapped = GridSearchCV(scored, {"estimator__learning_rate": rates}, cv=cv).fit(X, y)
print("mean concordance by rate:", dict(zip(rates, plain.cv_results_["mean_test_score"].round(2).tolist(), strict=True)))
found = plain.best_params_["learning_rate"], wrapped.best_params_["estimator__learning_rate"]
print(f"GridSearchCV chooses the rate {found[0]}, with the wrapper {found[1]}")

turned = all(own > 0.7 and wrapped < 0.3 for own, wrapped in (scores["squared"], scores["ipcwls"]))
if not (turned and min(scores["coxph"]) > 0.7 and found == (0.1, 1e-9)):
    sys.exit("changed: the wrappers ask what a model predicts")
END
cd "$folder"
"$folder/venv/bin/python" check.py
