#!/bin/sh
# skl2onnx converts a TunedThresholdClassifierCV without its threshold.
#
# Versions: skl2onnx 1.20.0 with scikit-learn 1.9.1, onnx 1.23.2 and onnxruntime 1.32.0.
# Expected: the ONNX model gives the labels of `predict`, or the conversion is refused (as it is for
# FixedThresholdClassifier).
# Found: the conversion works and the labels are those of the inner model at one half. The tuned threshold
# is gone, without a warning.
# Why it matters: the threshold is the whole result of this tuning, and the exported model does not have it.
# The probabilities agree, so a check of probabilities alone does not show it.
# Source: the converter of TunedThresholdClassifierCV in skl2onnx reads `estimator_` and never
# `best_threshold_`.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0 scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TunedThresholdClassifierCV

X, y = make_classification(1000, weights=[0.85], class_sep=0.5, random_state=0)
X = X.astype(np.float32)
model = TunedThresholdClassifierCV(LogisticRegression(), scoring="balanced_accuracy", random_state=0).fit(X, y)

onnx_model = to_onnx(model, X[:1], options={"zipmap": False})
session = onnxruntime.InferenceSession(onnx_model.SerializeToString(), providers=["CPUExecutionProvider"])
labels, probabilities = session.run(None, {session.get_inputs()[0].name: X})

same_probabilities = bool(np.allclose(probabilities, model.predict_proba(X), atol=1e-5))
other_labels = int((labels != model.predict(X)).sum())
as_inner = bool((labels == model.estimator_.predict(X)).all())
print(f"threshold {model.best_threshold_:.2f}; labels that differ: {other_labels}; as the inner model: {as_inner}")

if not (same_probabilities and other_labels > 50 and as_inner):
    sys.exit("changed: the converted model has another threshold")
END
cd "$folder"
"$folder/venv/bin/python" check.py
