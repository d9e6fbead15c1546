#!/bin/sh
# XGBoost's objective for quantiles refuses rows that are only to be predicted, if the booster knows them in training.
#
# Versions: XGBoost 3.2.0.
# Expected: `Booster(params, [train, test])` keeps the predictions for rows of `test` up to date while it learns from
# `train`, whatever the objective. `test` needs no label, because nothing is learnt from it.
# Found: so it is with the squared and the absolute error. With "reg:quantileerror" the first `update` ends in an
# XGBoostError that says "Multi-target is not yet supported by the quantile loss", although there is one target and one
# quantile. Any label, such as zeros, makes the same code run, and the predictions do not depend on it.
# Why it matters: who trains boosters round by round and predicts other rows after each round, as a search over the number
# of rounds does, changes the objective and gets an error about something else.
# Source: src/objective/quantile_obj.cu checks the shape of the labels of every known matrix when it counts the targets.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet xgboost==3.2.0

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
import xgboost

random = np.random.RandomState(0)
X, X_new = random.normal(size=(200, 3)), random.normal(size=(50, 3))
y = X[:, 0] + random.normal(size=200)


def predict_after_three_rounds(objective, label):
    train, new = xgboost.DMatrix(X, label=y), xgboost.DMatrix(X_new, label=label)
    booster = xgboost.Booster({"objective": objective, "quantile_alpha": 0.9, "verbosity": 0}, [train, new])
    try:
        for number in range(3):
            booster.update(train, number)
    except xgboost.core.XGBoostError as error:
        return next(line for line in str(error).splitlines() if "Check failed" in line).rpartition(": ")[2]
    return booster.predict(new)


without = {name: predict_after_three_rounds(name, None) for name in ("reg:squarederror", "reg:absoluteerror")}
print({name: f"{len(values)} predictions" for name, values in without.items()})
message = predict_after_three_rounds("reg:quantileerror", None)
print(f"reg:quantileerror, no label: {message}")
zeros, ones = (predict_after_three_rounds("reg:quantileerror", np.full(50, value)) for value in (0.0, 1e6))
print(f"reg:quantileerror, labels 0 and 1e6: equal predictions {np.array_equal(zeros, ones)}")

works = all(len(values) == 50 and not isinstance(values, str) for values in without.values())
if not (works and isinstance(message, str) and "Multi-target" in message and np.array_equal(zeros, ones)):
    sys.exit("changed: rows without a label may be known to a booster of quantiles")
END
cd "$folder"
"$folder/venv/bin/python" check.py
