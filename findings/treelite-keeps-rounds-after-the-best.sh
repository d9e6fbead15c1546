#!/bin/sh
# treelite predicts with the rounds after the best one of an XGBoost model that stopped early; XGBoost itself does not.
#
# Versions: treelite 4.8.1 with XGBoost 3.2.0 and LightGBM 4.7.0.
# Expected: the trees that predict of the model uses. A LightGBM model that stopped early is read so.
# Found: treelite reads all rounds, those of the patience included, so that predictions differ in most rows.
# Why it matters: the model file does hold the best iteration, onnxmltools reads it, and no error or warning tells that
# another model is served. booster[: best_iteration + 1] has the right rounds.
# Source: the reader of XGBoost's models does not read the attribute best_iteration.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet treelite==4.8.1 xgboost==3.2.0 lightgbm==4.7.0 scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys

import lightgbm
import numpy as np
import treelite
import xgboost

random = np.random.RandomState(0)
X = random.normal(size=(600, 4)).astype(np.float32)
y = (X[:, 0] + random.normal(size=600) > 0).astype(int)
train, held_out = slice(0, 300), slice(300, 600)


def compare(trees, probabilities):
    return float(np.abs(treelite.gtil.predict(trees, X).ravel() - probabilities[:, 1]).max())


model = xgboost.XGBClassifier(n_estimators=300, early_stopping_rounds=30, random_state=0)
model.fit(X[train], y[train], eval_set=[(X[held_out], y[held_out])], verbose=False)
booster, rounds = model.get_booster(), model.best_iteration + 1
whole = treelite.frontend.from_xgboost(booster)
differences = compare(whole, model.predict_proba(X)), compare(
    treelite.frontend.from_xgboost(booster[:rounds]), model.predict_proba(X)
)
print(f"XGBoost predicts with {rounds} rounds, treelite with {whole.num_tree}: up to {differences[0]:.2f} apart")
print(f"booster[:{rounds}]: up to {differences[1]:.1g}")

light = lightgbm.LGBMClassifier(n_estimators=300, random_state=0, verbose=-1)
stop = lightgbm.early_stopping(30, verbose=False)
light.fit(X[train], y[train], eval_X=X[held_out], eval_y=y[held_out], callbacks=[stop])
trees = treelite.frontend.from_lightgbm(light.booster_)
other = compare(trees, light.predict_proba(X))
print(f"LightGBM predicts with {light.best_iteration_} rounds, treelite with {trees.num_tree}: up to {other:.1g}")

if not (whole.num_tree == rounds + 30 and differences[0] > 0.1 and max(differences[1], other) < 1e-5):
    sys.exit("changed: treelite reads the rounds that XGBoost predicts with")
END
cd "$folder"
"$folder/venv/bin/python" check.py
