#!/bin/sh
# DVC writes small numbers into params.yaml in a form that PyYAML reads as words: 0.00001 comes back as the string '1e-05'.
#
# Versions: DVC 3.67.1 with PyYAML 6.0.4 and scikit-learn 1.9.1.
# Expected: after `dvc exp run -S C=0.00001`, the stage reads the number 0.00001 from params.yaml.
# Found: DVC writes `C: 1e-05`, a number in YAML 1.2, and PyYAML, which reads YAML 1.1, gives the string '1e-05'. 0.0001 is
# written with a point and is a number. In `dvc exp show` the parameter looks right.
# Why it matters: an experiment works with large values, and fails with small ones inside the model, whose message speaks
# of a string that nobody wrote. The script needs git.
# Source: DVC writes with ruamel.yaml, by YAML 1.2; PyYAML wants a point in a float, as in 1.0e-05, which is what it writes.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet dvc==3.67.1 pyyaml==6.0.4 scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import os
import subprocess
import sys
from pathlib import Path

import yaml

STAGE = '''
import yaml
from sklearn.datasets import load_iris
from sklearn.svm import SVC

C = yaml.safe_load(open("params.yaml"))["C"]
try:
    SVC(C=C).fit(*load_iris(return_X_y=True))
    said = "fitted"
except ValueError as error:
    said = str(error)
open("said.txt", "w").write(f"{C!r}: {said}")
'''


def run(*command):
    settings = {"DVC_NO_ANALYTICS": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    git = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(command, check=True, env=os.environ | settings | git, stdout=subprocess.DEVNULL)


os.mkdir("project")
os.chdir("project")
Path("stage.py").write_text(STAGE)
Path("params.yaml").write_text("C: 1.0\n")
stage = {"cmd": f"{sys.executable} stage.py", "params": ["C"], "outs": ["said.txt"]}
Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"fit": stage}}))
dvc = sys.executable, "-m", "dvc"
run("git", "init", "--quiet")
run(*dvc, "init", "--quiet")
run(*dvc, "repro", "--quiet")
run("git", "add", ".")
run("git", "commit", "--quiet", "--message", "first")

read = {}
for value in ("0.0001", "0.00001"):
    run(*dvc, "exp", "run", "--quiet", "--set-param", f"C={value}")
    read[value] = yaml.safe_load(Path("params.yaml").read_text())["C"]
    print(f"-S C={value}: params.yaml has {Path('params.yaml').read_text().strip()!r}; {Path('said.txt').read_text()[:120]}")

if read != {"0.0001": 0.0001, "0.00001": "1e-05"}:
    sys.exit("changed: PyYAML reads the numbers that DVC writes")
END
cd "$folder"
"$folder/venv/bin/python" check.py
