#!/bin/sh
# scikit-learn's log_loss of a sure mistake is 15.9 in float32 and 36.0 in float64, for the same probabilities.
#
# Versions: scikit-learn 1.9.1, XGBoost 3.2.0.
# Expected: the type of the numbers changes the loss in the seventh digit.
# Found: probabilities are clipped at the machine epsilon of their own type, so that the worst loss of a row is
# -log(1.2e-7) or -log(2.2e-16). XGBoost returns float32, most models of scikit-learn return float64.
# Why it matters: of two models that make the same sure mistakes, the one that answers in float32 has less than
# half the loss for them. A search over both kinds, scored with neg_log_loss, prefers it.
# Source: `eps = xp.finfo(y_proba.dtype).eps` in sklearn/metrics/_classification.py. The docstring says that the
# clipping depends on the type.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet scikit-learn==1.9.1 numpy==2.4.6 xgboost-cpu==3.2.0

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
from sklearn.metrics import log_loss
from xgboost import XGBClassifier

double = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
single = double.astype(np.float32)
truth = [0, 1, 0]
assert (double == single).all()
losses = 3 * log_loss(truth, double), 3 * log_loss(truth, single)
print(f"the same probabilities, one mistake in three: {losses[0]:.1f} in float64, {losses[1]:.1f} in float32")

X = np.arange(40.0).reshape(-1, 1)
y = (X[:, 0] >= 20).astype(int)
model = XGBClassifier(n_estimators=200, learning_rate=1.0, reg_lambda=0.0, min_child_weight=0.0, n_jobs=1).fit(X, y)
sure = model.predict_proba(X[:1])
as_given, as_double = (log_loss([1], answer, labels=[0, 1]) for answer in (sure, sure.astype(float)))
print(f"XGBoost, one sure mistake: {as_given:.1f} as it answers ({sure.dtype}), {as_double:.1f} as float64")

in_range = 35.5 < losses[0] < 36.5 and 15.5 < losses[1] < 16.5
if not (in_range and sure.dtype == np.float32 and as_double > as_given + 3):
    sys.exit("changed: log_loss clips in another way")
END
cd "$folder"
"$folder/venv/bin/python" check.py
