#!/bin/sh
# onnxmltools converts boosted forests of XGBoost (num_parallel_tree above 1) of several classes to other probabilities.
#
# Versions: onnxmltools 1.16.0 with XGBoost 3.2.0, onnx 1.23.2 and onnxruntime 1.32.0.
# Expected: the probabilities of predict_proba, or an error. For one tree in a round, and for regression, they are equal.
# Found: they differ by more than 0.3, and labels in more than a tenth of the rows. The same for XGBRFClassifier, whose
# trees are all parallel.
# Why it matters: the conversion gives no warning, and the probabilities still add up to one.
# Source: the converter gives tree i to class i modulo the number of classes; XGBoost writes the parallel trees of a class one
# after the other, and their classes in `tree_info`.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet onnxmltools==1.16.0 onnx==1.23.2 onnxruntime==1.32.0 skl2onnx==1.20.0 xgboost==3.2.0 scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys
import warnings

import numpy as np
import onnxmltools
import onnxruntime
from onnxmltools.convert.common.data_types import FloatTensorType
from sklearn.datasets import load_iris
from xgboost import XGBClassifier, XGBRFClassifier

warnings.simplefilter("ignore")
X, y = load_iris(return_X_y=True)
X = X.astype(np.float32)

found = {}
for name, model in {
    "one tree in a round": XGBClassifier(n_estimators=8, subsample=0.7, random_state=0),
    "three trees in a round": XGBClassifier(n_estimators=8, num_parallel_tree=3, subsample=0.7, random_state=0),
    "XGBRFClassifier": XGBRFClassifier(n_estimators=8, random_state=0),
}.items():
    model.fit(X, y)
    converted = onnxmltools.convert_xgboost(model, initial_types=[("X", FloatTensorType([None, 4]))], target_opset=15)
    session = onnxruntime.InferenceSession(converted.SerializeToString(), providers=["CPUExecutionProvider"])
    labels, probabilities = session.run(None, {"X": X})
    difference = float(np.abs(probabilities - model.predict_proba(X)).max())
    found[name] = difference, float((labels != model.predict(X)).mean())
    print(f"{name}: probabilities differ by up to {difference:.2g}, labels in {found[name][1]:.0%} of the rows")

wrong = [name for name, (difference, other) in found.items() if difference > 0.3 and other > 0.1]
if wrong != ["three trees in a round", "XGBRFClassifier"] or found["one tree in a round"][0] > 1e-5:
    sys.exit("changed: boosted forests of classes are converted as they are, or refused")
END
cd "$folder"
"$folder/venv/bin/python" check.py
