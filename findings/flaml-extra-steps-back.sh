#!/bin/sh
# With XGBoost 3, pip installs FLAML 2.1.2 for `flaml[automl]`, without a word.
#
# Versions: FLAML 2.8.0 is on PyPI; XGBoost 3.2.0.
# Expected: the newest FLAML, or an error that says that its extra does not go with XGBoost 3.
# Found: the extra `automl` of newer releases wants XGBoost before 3. That of 2.1.2 has no upper limit, so pip goes back to it. FLAML
# without the extra is the newest one. Output:
# flaml[automl] xgboost==3.2.0: FLAML 2.1.2; flaml xgboost==3.2.0: FLAML 2.8.0
# Why it matters: a comparison with FLAML in an environment that has a current XGBoost is one with a much older release.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --upgrade pip

cat > "$folder/check.py" <<'END'
import json
import subprocess
import sys


def find_version(*requirements):
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--report", "report.json", *requirements]
    subprocess.run(command, check=True)
    with open("report.json") as file:
        chosen = {entry["metadata"]["name"].lower(): entry["metadata"]["version"] for entry in json.load(file)["install"]}
    return chosen["flaml"]


with_extra = find_version("flaml[automl]", "xgboost==3.2.0")
without = find_version("flaml", "xgboost==3.2.0")
print(f"flaml[automl] xgboost==3.2.0: FLAML {with_extra}; flaml xgboost==3.2.0: FLAML {without}")
if (with_extra, without) != ("2.1.2", "2.8.0"):
    sys.exit("changed: the release of FLAML that goes with XGBoost 3")
END
cd "$folder"
"$folder/venv/bin/python" check.py
