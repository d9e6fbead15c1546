#!/bin/sh
# Optuna records the first of two choices that compare equal: with 1 and 1.0, best_params has 1 where the best trial had 1.0.
#
# Versions: Optuna 5.0.0 with scikit-learn 1.9.1.
# Expected: best_params are the values that the best trial got from suggest_categorical, as 1 and 1.0 mean different things:
# one feature, and all of them.
# Found: the trial gets 1.0, and its params, best_params, the database and the table of trials say 1. After
# enqueue_trial({"max_features": 1.0}) the params of that trial say 1 too.
# Why it matters: max_features, min_samples_leaf, min_samples_split and max_samples of scikit-learn's trees count rows or
# columns if they are int, and are shares if they are float. The model that is fitted with best_params is another one.
# Source: CategoricalDistribution.to_internal_repr finds a choice by list.index; a comment there accepts the confusion.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet optuna==5.0.0 scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys

import optuna
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import cross_val_score

optuna.logging.set_verbosity(optuna.logging.ERROR)
X, y = load_diabetes(return_X_y=True)
CHOICES = [1, 1.0]


def measure(max_features):
    forest = RandomForestRegressor(30, max_features=max_features, min_samples_leaf=20, random_state=0)
    return cross_val_score(forest, X, y, cv=3).mean()


given = []


def objective(trial):
    value = trial.suggest_categorical("max_features", CHOICES)
    given.append(value)
    return measure(value)


study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
study.optimize(objective, n_trials=8)
had, said = given[study.best_trial.number], study.best_params["max_features"]
print(f"the best trial had {had!r}, best_params say {said!r}")
print(f"r2 of the best trial {study.best_value:.3f}, of a model with best_params {measure(said):.3f}")

study.enqueue_trial({"max_features": 1.0})
study.optimize(objective, n_trials=1)
enqueued = study.trials[-1].params["max_features"]
print(f"enqueued 1.0: the trial had {given[-1]!r}, its params say {enqueued!r}")

wrong_type = isinstance(had, float) and isinstance(said, int)
if not (wrong_type and study.best_value - measure(said) > 0.02 and isinstance(enqueued, int)):
    sys.exit("changed: choices that compare equal are kept apart")
END
cd "$folder"
"$folder/venv/bin/python" check.py
