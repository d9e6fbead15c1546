#!/bin/sh
# Optuna's PatientPruner never prunes a trial that reports NaN only, although the pruner that it wraps would at once.
#
# Versions: Optuna 5.0.0.
# Expected: MedianPruner prunes a trial whose loss is NaN at its first report. With a patience of 2 it is pruned
# a few reports later.
# Found: it is never pruned. Losses that turn into NaN are pruned, a loss that is NaN from the start is not.
# WilcoxonPruner does not prune it either.
# Why it matters: a learning rate that is far too high gives NaN from the first step, and such a trial takes
# the whole budget of a full one.
# Source: PatientPruner compares np.nanmin of the values before and after (optuna/pruners/_patient.py). Both
# are NaN, the comparison is false, and the wrapped pruner is not asked.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet optuna==5.0.0 numpy==2.4.6 scipy==1.17.1

cat > "$folder/check.py" <<'END'
import sys
import warnings

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")

NAN = float("nan")


def steps_until_pruned(pruner, losses):
    study = optuna.create_study(pruner=pruner)
    for _ in range(4):
        trial = study.ask()
        for step in range(20):
            trial.report(0.5, step)
        study.tell(trial, 0.5)
    trial = study.ask()
    for step, loss in enumerate(losses):
        trial.report(loss, step)
        if trial.should_prune():
            return step + 1
    return None


median = optuna.pruners.MedianPruner(n_startup_trials=1)
patient = optuna.pruners.PatientPruner(median, patience=2)
wilcoxon = optuna.pruners.WilcoxonPruner(n_startup_steps=1)
found = {
    "median, NaN": steps_until_pruned(median, [NAN] * 20),
    "patient, NaN": steps_until_pruned(patient, [NAN] * 20),
    "patient, rising": steps_until_pruned(patient, [1.0 + step for step in range(20)]),
    "wilcoxon, NaN": steps_until_pruned(wilcoxon, [NAN] * 20),
}
print(found)

if found["median, NaN"] != 1 or found["patient, rising"] is None:
    sys.exit("changed: the other cases are pruned in another way")
if found["patient, NaN"] is not None or found["wilcoxon, NaN"] is not None:
    sys.exit("changed: a trial of NaN is pruned")
END
cd "$folder"
"$folder/venv/bin/python" check.py
