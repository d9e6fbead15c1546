#!/bin/sh
# CatBoost's ONNX model of two classes gives other labels than `predict` if the labels are integers other than 0 and 1.
#
# Versions: CatBoost 1.2.10 with onnx 1.23.2 and onnxruntime 1.32.0.
# Expected: the output `label` of the ONNX model is what `predict` returns.
# Found: with labels 1 and 2 the ONNX model gives 1 for rows that `predict` calls 2, and 0, which is no label at all, for
# those that it calls 1. The map of probabilities, in the second output, has the right labels. Labels 0 and 1, and
# strings, are right.
# Why it matters: the wrong label is one that exists, so a check of types does not show it; whoever reads the first output
# takes class 2 for class 1.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet catboost==1.2.10 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
import onnxruntime
from catboost import CatBoostClassifier

random = np.random.RandomState(0)
X = random.normal(size=(400, 4)).astype(np.float32)
is_positive = (X[:, 0] + X[:, 1] > 0).astype(int)

shares = {}
for labels in ((0, 1), ("a", "b"), (1, 2)):
    y = np.array(labels)[is_positive]
    model = CatBoostClassifier(iterations=30, verbose=0, allow_writing_files=False, random_seed=0).fit(X, y)
    model.save_model("model.onnx", format="onnx")
    session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    converted, mapped = session.run(None, {session.get_inputs()[0].name: X})
    predicted = model.predict(X)
    probable = np.array([max(row, key=row.get) for row in mapped])
    shares[labels] = float((converted == predicted).mean()), float((probable == predicted).mean())
    print(f"labels {labels}: ONNX gives {np.unique(converted).tolist()}, as predict in {shares[labels][0]:.0%} of the rows, "
          f"by the map of probabilities in {shares[labels][1]:.0%}")

if not (shares[0, 1] == shares["a", "b"] == (1.0, 1.0) and shares[1, 2][0] < 0.1 and shares[1, 2][1] == 1.0):
    sys.exit("changed: the label is that of predict")
END
cd "$folder"
"$folder/venv/bin/python" check.py
