#!/bin/sh
# With `coef_init`, the folds of one cross-validation continue each other's fit, and so learn their own test rows.
#
# Versions: scikit-learn 1.9.1 with NumPy 2.4.6.
# Expected: `coef_init` is where a fit starts. In `cross_val_score` and `GridSearchCV`, each fold starts from the values that were passed,
# and labels that are drawn at random are predicted right half of the time.
# Found: SGDClassifier keeps its coefficients in the array that it receives, so that fitting overwrites it. The searches pass the same
# array to all folds: from the second fold on, a fit starts from coefficients that were fitted on its test rows. With two jobs, each
# fold receives a copy, and the scores are others. Output:
# each fold from its own zeros: 0.55, 0.55, 0.50, 0.53, 0.70
# cross_val_score, n_jobs=1: 0.55, 0.93, 0.97, 1.00, 1.00; the array is overwritten
# cross_val_score, n_jobs=2: 0.55, 0.55, 0.50, 0.53, 0.70; the array is kept
# GridSearchCV, n_jobs=1: 0.55, 0.93, 0.97, 1.00, 1.00; the array is overwritten
# GridSearchCV, n_jobs=2: 0.55, 0.55, 0.50, 0.53, 0.70; the array is kept
# Why it matters: the score of a model that has learnt nothing is 0.89, so that a search takes it for a good one, and the answer changes
# with `n_jobs`. An estimator of one's own that copies `coef_init` before it is fitted prevents it.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 400))
y = rng.integers(0, 2, size=200)  # no pattern
model = SGDClassifier(alpha=1e-9, learning_rate="constant", eta0=1e-4, max_iter=20, tol=None, random_state=0)
cv = KFold(5)


def run(name, n_jobs):
    start = np.zeros((1, 400))
    if name == "cross_val_score":
        scores = cross_val_score(model, X, y, cv=cv, n_jobs=n_jobs, params={"coef_init": start})
    else:
        search = GridSearchCV(model, {"alpha": [1e-9]}, cv=cv, n_jobs=n_jobs, refit=False).fit(X, y, coef_init=start)
        scores = [search.cv_results_[f"split{fold}_test_score"][0] for fold in range(5)]
    kept = "kept" if not start.any() else "overwritten"
    return f"{', '.join(f'{score:.2f}' for score in scores)}; the array is {kept}"


apart = [
    model.fit(X[train], y[train], coef_init=np.zeros((1, 400))).score(X[test], y[test]) for train, test in cv.split(X)
]
found = {"each fold from its own zeros": ", ".join(f"{score:.2f}" for score in apart)}
for name in ("cross_val_score", "GridSearchCV"):
    for n_jobs in (1, 2):
        found[f"{name}, n_jobs={n_jobs}"] = run(name, n_jobs)
for name, line in found.items():
    print(f"{name}: {line}")
alone = found["each fold from its own zeros"]
for name in ("cross_val_score", "GridSearchCV"):
    leaking = [float(score) for score in found[f"{name}, n_jobs=1"].partition(";")[0].split(", ")]
    if not (sum(leaking[1:]) / 4 > 0.9 and found[f"{name}, n_jobs=1"].endswith("overwritten")):
        sys.exit(f"changed: the folds of {name} with one job start apart")
    if found[f"{name}, n_jobs=2"] != f"{alone}; the array is kept":
        sys.exit(f"changed: {name} with two jobs")
END
cd "$folder"
"$folder/venv/bin/python" check.py
