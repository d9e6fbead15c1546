#!/bin/sh
# skl2onnx converts scikit-learn's trees so that a missing value always goes to the right child.
#
# Versions: skl2onnx 1.20.0 with scikit-learn 1.9.1, onnx 1.23.2 and onnxruntime 1.32.0.
# Expected: a tree fitted on data with NaN sends them in ONNX where `predict` sends them.
# Found: the direction that the tree has learnt (`tree_.missing_go_to_left`) is lost. All NaN go right, without
# a warning. A tree of one split answers 0 for NaN in scikit-learn and 1 in ONNX.
# Why it matters: rows without gaps agree exactly, so the usual comparison on a few complete rows passes.
# Forests on data with gaps give other probabilities.
# Source: skl2onnx writes 0 to the ONNX attribute nodes_missing_value_tracks_true for every node. The ONNX
# operator TreeEnsembleClassifier has this attribute for the purpose.
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
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

random = np.random.RandomState(0)


def labels_and_probabilities(model, X):
    onnx_model = to_onnx(model, X[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(onnx_model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: X})


X = random.normal(size=(100, 1)).astype(np.float32)
y = (X[:, 0] > 0).astype(int)
X[:20], y[:20] = np.nan, 0
tree = DecisionTreeClassifier(max_depth=1).fit(X, y)
gap = np.array([[np.nan]], dtype=np.float32)
answers = int(tree.predict(gap)[0]), int(labels_and_probabilities(tree, gap)[0][0])
print(f"one split, NaN: scikit-learn {answers[0]}, ONNX {answers[1]}")

X = np.round(random.normal(size=(400, 3)), 2).astype(np.float32)
y = (X[:, 0] > 0).astype(int)
X[random.rand(400, 3) < 0.3] = np.nan
forest = RandomForestClassifier(20, random_state=0).fit(X, y)
differs = np.abs(labels_and_probabilities(forest, X)[1] - forest.predict_proba(X)).max(axis=1) > 0.01
complete = ~np.isnan(X).any(axis=1)
print(f"forest, rows that differ: {int(differs[complete].sum())} complete, {int(differs[~complete].sum())} with gaps")

if not (answers == (0, 1) and not differs[complete].any() and differs[~complete].mean() > 0.1):
    sys.exit("changed: missing values go another way in the converted trees")
END
cd "$folder"
"$folder/venv/bin/python" check.py
