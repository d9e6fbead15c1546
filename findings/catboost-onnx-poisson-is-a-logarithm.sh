#!/bin/sh
# CatBoost's ONNX model of a Poisson or Tweedie regression gives the logarithm of what `predict` gives.
#
# Versions: CatBoost 1.2.10 with onnx 1.23.2 and onnxruntime 1.32.0.
# Expected: the ONNX model gives the amounts of `predict`, as the ONNX models of XGBoost and LightGBM for these losses do.
# Found: it gives their logarithms, which are negative for amounts below one. For RMSE and quantiles the two are equal.
# Why it matters: the file is written without a warning, and counts that are served from it are wrong by a factor that
# depends on the row.
# Source: save_model writes the sum of the leaves; predict of CatBoostRegressor applies the exponent for these losses.
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
from catboost import CatBoostRegressor

random = np.random.RandomState(0)
X = random.normal(size=(500, 4)).astype(np.float32)
amounts = np.exp(0.7 * X[:, 0] + 0.1 * random.normal(size=500))
counts = random.poisson(amounts)
targets = {"RMSE": amounts, "Quantile:alpha=0.9": amounts, "Poisson": counts, "Tweedie:variance_power=1.5": amounts}

found = {}
for loss, y in targets.items():
    model = CatBoostRegressor(iterations=50, loss_function=loss, verbose=0, allow_writing_files=False, random_seed=0)
    model.fit(X, y).save_model("model.onnx", format="onnx")
    session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    converted = session.run(None, {session.get_inputs()[0].name: X})[0].ravel().astype(float)
    predicted = model.predict(X)
    found[loss] = [float(np.abs(values - predicted).max()) for values in (converted, np.exp(converted))]
    print(f"{loss}: differs by up to {found[loss][0]:.1g}, its exponent by up to {found[loss][1]:.1g}")

equal = [loss for loss, (plain, _) in found.items() if plain < 1e-4]
logarithms = [loss for loss, (plain, exponent) in found.items() if plain > 0.5 and exponent < 1e-3]
if equal != ["RMSE", "Quantile:alpha=0.9"] or logarithms != ["Poisson", "Tweedie:variance_power=1.5"]:
    sys.exit("changed: the ONNX models give what predict gives")
END
cd "$folder"
"$folder/venv/bin/python" check.py
