#!/bin/sh
# skl2onnx converts nearest neighbours with weights="distance" as if the weights were uniform.
#
# Versions: skl2onnx 1.20.0 with scikit-learn 1.9.1, onnx 1.23.2 and onnxruntime 1.32.0.
# Expected: the ONNX model weights the neighbours by distance, or the conversion is refused.
# Found: classifier and regressor answer exactly as one fitted with weights="uniform". There is no warning,
# although the converter has code for distances.
# Why it matters: `weights` is the first thing that people tune in nearest neighbours, and with k = 5 the
# exported probabilities are all multiples of 0.2.
# Source: measured; the comparison below needs no knowledge of the converter.
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
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

random = np.random.RandomState(0)
X, new = random.normal(size=(300, 3)), random.normal(size=(200, 3))
y = (X[:, 0] + 0.5 * random.normal(size=300) > 0).astype(int)


def converted(model):
    options = {"zipmap": False} if hasattr(model, "classes_") else None
    session = onnxruntime.InferenceSession(
        to_onnx(model, X[:1], options=options).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {session.get_inputs()[0].name: new})[-1]


def differences(name, answer, distance, uniform):
    result = float(np.abs(answer - distance).max()), float(np.abs(answer - uniform).max())
    print(f"{name}: largest difference to weights=distance {result[0]:.2g}, to weights=uniform {result[1]:.2g}")
    return result


distance, uniform = (KNeighborsClassifier(weights=kind).fit(X, y) for kind in ("distance", "uniform"))
classes = differences("classifier", converted(distance), distance.predict_proba(new), uniform.predict_proba(new))
distance, uniform = (KNeighborsRegressor(weights=kind).fit(X, X[:, 0]) for kind in ("distance", "uniform"))
numbers = differences("regressor", converted(distance).ravel(), distance.predict(new), uniform.predict(new))

if not (classes[0] > 0.05 and classes[1] < 1e-6 and numbers[0] > 0.05 and numbers[1] < 1e-6):
    sys.exit("changed: the converted model has other weights")
END
cd "$folder"
"$folder/venv/bin/python" check.py
