#!/bin/sh
# PerpetualClassifier predicts 0 and 1 for two classes, whatever the labels are; with three classes it predicts labels.
#
# Versions: perpetual 2.3.0 with scikit-learn 1.9.1.
# Expected: `predict` returns values of `classes_`, as for each scikit-learn classifier.
# Found: so it does with three classes, for numbers and for strings. With two classes it returns 0 and 1. With labels 1
# and 2, `score` on the training rows is 0.0018, because rows of class 2 are predicted as 1; the probabilities are
# right, and `classes_` is [1, 2]. With strings `score` raises a ValueError, so there the fault shows.
# Why it matters: a model that separates the classes nearly without error looks worse than a coin, without a warning.
# Labels from 1 are common (survey codes, R factors); after `LabelEncoder` all is well.
# Source: the branch for two classes in the `predict` of perpetual/booster.py does not look up `classes_`.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet perpetual==2.3.0 scikit-learn==1.9.1 pandas==3.1.1

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
from perpetual import PerpetualClassifier
from sklearn.datasets import load_breast_cancer, load_wine


def describe(X, labels):
    model = PerpetualClassifier(budget=0.3).fit(X, labels)
    predicted = model.predict(X)
    share = np.mean(model.classes_[model.predict_proba(X).argmax(axis=1)] == labels)
    return model.classes_.tolist(), np.unique(predicted).tolist(), float(np.mean(predicted == labels)), float(share)


X, y = load_breast_cancer(return_X_y=True)
two = describe(X, y + 1)
X, y = load_wine(return_X_y=True)
three = describe(X, y + 1)
for name, (classes, predicted, accuracy, by_probability) in {"two": two, "three": three}.items():
    print(f"{name} classes {classes}: predicts {predicted}, right {accuracy:.4f}; by the probabilities {by_probability:.4f}")

if not (two[1] == [0, 1] and two[2] < 0.01 and two[3] > 0.99 and three[1] == three[0] and three[2] > 0.99):
    sys.exit("changed: perpetual predicts the labels of two classes")
END
cd "$folder"
"$folder/venv/bin/python" -W ignore check.py
