#!/bin/sh
# Naming the metric of an Optuna study renames the column "value" of its table of trials.
#
# Version: Optuna 5.0.0 with pandas 3.1.1.
# Expected: study.set_metric_names(["accuracy"]) adds a label, for figures and the dashboard. Optuna's text on it says
# that the names are mainly used by the visualization functions.
# Found: study.trials_dataframe() has a column "value_accuracy" and no column "value", so frame["value"] raises
# KeyError. best_value, best_trial.value and the order of the trials stay as they are.
# Why it matters: scripts read frame["value"], or sort by it. Whoever names the metric of a study that others read
# breaks their scripts.
# Source: `_trials_dataframe` in optuna/study/_dataframe.py joins the name to the name of the column if the study has
# metric names, for one objective as well.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet optuna==5.0.0 pandas==3.1.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys
import warnings

import optuna

warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
optuna.logging.disable_default_handler()

study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
before, best = list(study.trials_dataframe().columns), study.best_value
study.set_metric_names(["accuracy"])
after = list(study.trials_dataframe().columns)
print("before:", before)
print("after: ", after)

has_moved = "value" in before and "value" not in after and "value_accuracy" in after
if not has_moved or study.best_value != best:
    sys.exit("changed: the column is still called value")
END
cd "$folder"
"$folder/venv/bin/python" check.py
