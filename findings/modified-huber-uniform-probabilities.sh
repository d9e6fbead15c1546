#!/bin/sh
# SGDClassifier(loss="modified_huber") gives all classes the same probability where predict is sure and right.
#
# Versions: scikit-learn 1.9.1.
# Expected: the class of the highest probability is the class of `predict`, up to rare ties.
# Found: with three classes in a row, 31 % of the rows get exactly one third for each class. `predict` has
# an accuracy of 1.00, the argmax of predict_proba has 0.69.
# Why it matters: a search scored with accuracy finds this model excellent. Log loss, soft voting, stacking and
# thresholds use its probabilities and find it poor, and no warning says so.
# Source: a one-against-rest score below -1 counts as probability 0. A row for which every class is at 0 gets
# uniform probabilities (`all_zero` in sklearn/linear_model/_stochastic_gradient.py).
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
from sklearn.datasets import make_blobs
from sklearn.linear_model import SGDClassifier

X, y = make_blobs(600, centers=[[-3, 0], [0, 0], [3, 0]], cluster_std=0.5, random_state=0)
model = SGDClassifier(loss="modified_huber", random_state=0).fit(X[:300], y[:300])
probabilities = model.predict_proba(X[300:])
labels = float((model.predict(X[300:]) == y[300:]).mean())
argmax = float((model.classes_[probabilities.argmax(axis=1)] == y[300:]).mean())
uniform = float((np.ptp(probabilities, axis=1) == 0).mean())
print(f"accuracy of predict {labels:.2f}, of the highest probability {argmax:.2f}; uniform rows {uniform:.2f}")

if not (labels > 0.97 and argmax < 0.8 and uniform > 0.2):
    sys.exit("changed: the probabilities of modified_huber")
END
cd "$folder"
"$folder/venv/bin/python" check.py
