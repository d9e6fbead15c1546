#!/bin/sh
# Optuna's TPE proposes the worst choice in all trials, if the choice leads to one candidate and repeats of it are told as failed.
#
# Versions: Optuna 5.0.0 with scikit-learn 1.9.1.
# Guess: TPE leaves the worst of two choices after a few trials, whatever is told for repeats.
# Found: a DummyClassifier, which has no parameters, and a RidgeClassifier with a penalty. A repeated candidate is not
# measured again. If its trial fails (the objective returns None), the last 50 of 100 trials are all the DummyClassifier. If
# it is pruned, or gets the value that was measured before, 3 of the last 50 are.
# Why it matters: to let repeats fail looks safe, since it adds no wrong value. The search measures nothing new from then on.
# Source: TPE learns from complete and pruned trials only. A choice looks good as long as it is rare among the worse ones, and
# a failed trial does not make it less rare. With group=True it is the same.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet optuna==5.0.0 scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys
import warnings

import optuna
from optuna.samplers import TPESampler
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import cross_val_score

optuna.logging.set_verbosity(optuna.logging.CRITICAL)
warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
X, y = load_iris(return_X_y=True)


def count_dummies(repeats, sampler):
    measured = {}

    def objective(trial):
        if trial.suggest_categorical("model", ["dummy", "ridge"]) == "dummy":
            model = DummyClassifier()
        else:
            model = RidgeClassifier(alpha=trial.suggest_float("alpha", 1e-3, 1e3, log=True))
        candidate = tuple(trial.params.items())
        if candidate not in measured:
            measured[candidate] = cross_val_score(model, X, y, cv=3).mean()
        elif repeats == "fail":
            return None
        elif repeats == "are pruned":
            raise optuna.TrialPruned
        return measured[candidate]

    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=100)
    return sum(trial.params["model"] == "dummy" for trial in study.trials[50:])


as_found = True
for settings in ({}, {"multivariate": True, "group": True}):
    counts = {}
    for repeats in ("fail", "are pruned", "have their value"):
        counts[repeats] = count_dummies(repeats, TPESampler(seed=0, **settings))
        print(f"TPESampler({settings}), repeats {repeats}: {counts[repeats]} of the last 50 trials are the dummy")
    as_found &= counts["fail"] > 45 and max(counts["are pruned"], counts["have their value"]) < 10
if not as_found:
    sys.exit("changed: repeats that fail are proposed no more often than others")
END
cd "$folder"
"$folder/venv/bin/python" check.py
