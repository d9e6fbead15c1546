#!/bin/sh
# After `mlflow.set_experiment`, child processes that log to another store fail: the experiment's id is in os.environ.
#
# Versions: MLflow 3.17.2.
# Expected: `mlflow.set_experiment` concerns this process. A child process that sets another tracking store and logs a run
# there writes it to the default experiment of that store.
# Found: `set_experiment` writes MLFLOW_EXPERIMENT_ID into os.environ, and every child process inherits it. The child ends in
# "The provided MLFLOW_EXPERIMENT_ID environment variable value `1` does not exist in the tracking server."
# Why it matters: the variable was set by no user, the message speaks as if one had, and where an experiment of that
# number exists in the other store, the run goes there without a word.
# Source: set_experiment in mlflow/tracking/fluent.py.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet mlflow==3.17.2

cat > "$folder/child.py" <<'END'
import mlflow

mlflow.set_tracking_uri("sqlite:///child.db")
try:
    with mlflow.start_run():
        mlflow.log_metric("score", 1.0)
    print("logged")
except mlflow.exceptions.MlflowException as error:
    print(str(error).splitlines()[0])
END
cat > "$folder/check.py" <<'END'
import os
import subprocess
import sys

import mlflow

mlflow.set_tracking_uri("sqlite:///parent.db")


def run_child():
    done = subprocess.run([sys.executable, "child.py"], capture_output=True, text=True)
    return done.stdout.strip().splitlines()[-1]


before, was_set = run_child(), "MLFLOW_EXPERIMENT_ID" in os.environ
mlflow.set_experiment("mine")
after, is_set = run_child(), "MLFLOW_EXPERIMENT_ID" in os.environ
print(f"before set_experiment: variable set {was_set}; the child: {before}")
print(f"after set_experiment: variable set {is_set}; the child: {after}")

if not (not was_set and is_set and before == "logged" and "MLFLOW_EXPERIMENT_ID" in after):
    sys.exit("changed: child processes do not inherit the experiment")
END
cd "$folder"
"$folder/venv/bin/python" -W ignore check.py 2>/dev/null
