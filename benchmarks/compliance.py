"""How the searches of this and other packages behave as scikit-learn estimators.

``python -m benchmarks.compliance --flaml-python PATH --tpot-python PATH``: for each class, this runs scikit-learn's own
checks (`check_estimator`), clone, pickle and nested cross-validation. It also checks that the result is the same for
any ``n_jobs``, and that NumPy's global random state is not changed. Each class runs in its own process; FLAML and TPOT
need their own environments.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks._measure import RESULTS, environment, markdown_table, printed_rows
from benchmarks.peers.compliance import METHODS

SCRIPT = Path(__file__).parent / "peers" / "compliance.py"
QUICK = ("OptunaSearchCV",)
HEADER = [
    "class",
    "version",
    "scikit-learn's checks failed",
    "clone",
    "pickle",
    "nested cross-validation",
    "same for n_jobs 1 and 2",
    "leaves NumPy's global state",
]


def run(name, python, seconds):
    """Return the results of a class, or None if it is not installed."""
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [python, str(SCRIPT), name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environ, check=False)
    except subprocess.TimeoutExpired:
        print(f"{name} took more than {seconds} s.", file=sys.stderr, flush=True)
        return None
    printed = printed_rows(done.stdout)
    if not printed:
        print(f"{name} cannot be measured here: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr, flush=True)
        return None
    return printed[-1]


def report(rows):
    lines = []
    for row in rows:
        n_checks = row["passed"] + row["failed"] if row["failed"] != "" else None
        failed = "not run" if n_checks is None else f"{row['failed']} of {n_checks}"
        lines.append([row["method"], row["version"], failed, *(row[name] for name in HEADER[3:])])
    failures = [f"- {row['method']}: {', '.join(row['failed_names'])}" for row in rows if row["failed_names"]]
    text = (
        f"# As a scikit-learn estimator\n\n{environment()}\n\nEach class ran in its own process with small settings. "
        "If it raised an error, the cell shows the error. TPOT's fits take too long for a hundred checks, so each fit "
        "has 3 seconds, in which it may find nothing.\n\n"
        f"{markdown_table(HEADER, lines)}\n"
    )
    return text + ("\nChecks failed:\n\n" + "\n".join(failures) + "\n" if failures else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--flaml-python", default=sys.executable, help="a Python that has flaml[automl]")
    parser.add_argument("--tpot-python", default=sys.executable, help="a Python that has tpot")
    parser.add_argument("--seconds", type=float, default=900, help="time limit for one class")
    args = parser.parse_args()
    pythons = {"FLAML's AutoML": args.flaml_python, "TPOTClassifier": args.tpot_python}
    rows = []
    for name in QUICK if args.quick else METHODS:
        row = run(name, pythons.get(name, sys.executable), args.seconds)
        if row is not None:
            rows.append(row)
            print(json.dumps(row), flush=True)
    text = report(rows)
    print(text)
    if not args.quick:
        (RESULTS / "compliance.md").write_text(text)


if __name__ == "__main__":
    main()
