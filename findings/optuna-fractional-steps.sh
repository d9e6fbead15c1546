#!/bin/sh
# Optuna's trial.report cuts a fractional step to an int, so all steps below 1 are one step.
#
# Versions: Optuna 5.0.0.
# Expected: a step of 0.25 (a quarter of the rows) is kept, or it is refused with an error.
# Found: it becomes step 0. The reports at 0.5 and 0.75 are dropped with a warning about a repeated step, and
# pruners see the first number only. SuccessiveHalvingPruner prunes the last and worst of ten trials on
# whole steps and keeps it on fractions.
# Why it matters: pruning over fractions of the data or of the budget looks as if it worked and saves nothing.
# Source: `step = int(step)` in optuna/trial/_trial.py. The docstring says that step must be a non-negative
# integer. It does not say that fractions are cut.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet optuna==5.0.0 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys
import warnings

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")


def last_trial(steps):
    study = optuna.create_study(pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2))
    for loss in range(10):
        trial = study.ask()
        pruned = False
        for step in steps:
            trial.report(float(loss) - step, step)
            pruned = pruned or trial.should_prune()
    return study.trials[-1].intermediate_values, pruned


fractions = last_trial([0.25, 0.5, 0.75])
whole = last_trial([1, 2, 3])
print(f"steps 0.25, 0.5, 0.75: kept {fractions[0]}, worst trial pruned: {fractions[1]}")
print(f"steps 1, 2, 3: kept {whole[0]}, worst trial pruned: {whole[1]}")

if not (fractions == ({0: 8.75}, False) and list(whole[0]) == [1, 2, 3] and whole[1]):
    sys.exit("changed: fractional steps are treated in another way")
END
cd "$folder"
"$folder/venv/bin/python" check.py
