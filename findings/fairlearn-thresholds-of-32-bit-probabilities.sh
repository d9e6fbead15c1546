#!/bin/sh
# `ThresholdOptimizer` cannot be used with a model of XGBoost and pandas 3.
#
# Versions: fairlearn 0.15.0 with pandas 3.1.1, XGBoost 3.2.0 and scikit-learn 1.9.1. fairlearn allows these versions.
# Expected: `ThresholdOptimizer` predicts with any classifier that has `predict_proba`.
# Found: `fit` works, and `predict` raises a TypeError of pandas if the probabilities have 32 bits, as those of XGBoost. The
# same probabilities in 64 bits work. Output:
# 32 bits: fit works, predict TypeError
# 64 bits: fit works, predict works
# Why it matters: boosted trees are the usual model of tables, and the error comes when a model that is fitted is used. The
# message is "Invalid value '[0. 1. ...]' for dtype 'float32'". A wrapper whose `predict_proba` returns
# `model.predict_proba(X).astype(float)` helps.
# Source: `predict` writes probabilities of 64 bits into the rows of a group in a Series of the scores, which has their
# type. pandas 3 refuses this where pandas 2 changed the type of the Series.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet fairlearn==0.15.0 pandas==3.1.1 xgboost==3.2.0 scikit-learn==1.9.1

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.base import BaseEstimator, ClassifierMixin
from xgboost import XGBClassifier

random = np.random.RandomState(0)
X = random.normal(size=(200, 4))
y = (X[:, 0] + random.normal(scale=0.5, size=200) > 0).astype(int)
group = random.choice(["a", "b"], 200)


class Rounded(ClassifierMixin, BaseEstimator):
    """XGBoost, with probabilities of a given type."""

    def __init__(self, dtype):
        self.dtype = dtype

    def fit(self, X, y):
        self.model_ = XGBClassifier(n_estimators=5).fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X).astype(self.dtype)

    def predict(self, X):
        return self.model_.predict(X)


assert XGBClassifier(n_estimators=5).fit(X, y).predict_proba(X).dtype == np.float32
found = {}
for bits, dtype in {32: np.float32, 64: np.float64}.items():
    model = Rounded(dtype).fit(X, y)
    fair = ThresholdOptimizer(estimator=model, prefit=True, predict_method="predict_proba")
    fair.fit(X, y, sensitive_features=group)
    try:
        fair.predict(X, sensitive_features=group, random_state=0)
        found[bits] = "works"
    except TypeError as error:
        found[bits] = type(error).__name__
        assert "float32" in str(error)
    print(f"{bits} bits: fit works, predict {found[bits]}")

if found != {32: "TypeError", 64: "works"}:
    sys.exit("changed: the outcome does not depend on the bits of the probabilities")
END
cd "$folder"
"$folder/venv/bin/python" check.py
