"""Whether `AutoModelSelector.fit` keeps to its time limit: wall seconds and peak memory by rows and timeout.

``python -m benchmarks.selection_budget``: each fit runs in its own process on one processor. Everything is counted:
reading the table, candidates, the choice of the ensemble, and the final fits.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification

from benchmarks._measure import RESULTS, environment, markdown_table, write_rows
from benchmarks.problems import table
from sklearn_autotune import AutoModelSelector


def made_up(n_rows=100_000):
    """Return made-up data with numbers, strings and missing values."""
    X, y = make_classification(n_rows, 20, n_informative=8, random_state=0)
    random = np.random.RandomState(0)
    frame = pd.DataFrame(X, columns=[f"number {place}" for place in range(20)])
    frame["city"] = random.choice([f"city {place}" for place in range(300)], size=n_rows)
    frame.loc[random.rand(n_rows) < 0.1, "number 0"] = np.nan
    return frame, y


TABLES = {
    "OJ": lambda: table("ISLR", "OJ", "Purchase"),
    "credit": lambda: table("modeldata", "credit_data", "Status"),
    "diamonds": lambda: table("ggplot2", "diamonds", "cut"),
    "made up": made_up,
}


def fit(name, timeout, seed):
    X, y = TABLES[name]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    selector = AutoModelSelector("classification", timeout=timeout, random_state=seed).fit(X, y)
    return {
        "table": name,
        "rows": len(y),
        "timeout": timeout,
        "seed": seed,
        "seconds": round(time.perf_counter() - start, 2),
        "n_candidates": len(selector.leaderboard_["family"]),
        "n_rows_searched": selector.n_rows_searched_,
        "before_mib": round(before / 1024),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def in_a_process(*args):
    command = [sys.executable, "-m", "benchmarks.selection_budget", "--only", json.dumps(args)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def report(rows):
    names = ("table", "rows", "timeout", "seed", "seconds", "n_candidates", "n_rows_searched", "before_mib", "peak_mib")
    kept = np.mean([row["seconds"] <= 1.05 * row["timeout"] + 2 for row in rows])
    worst = max(row["seconds"] / row["timeout"] for row in rows)
    return (
        f"# Model selection: time and memory\n\n{environment()}\n\nWall seconds of `fit` on one processor, everything "
        f"included. Within 1.05 × timeout + 2 s: {kept:.0%} of {len(rows)} runs; the longest was {worst:.3f} × its "
        f"timeout.\n\n{markdown_table(names, [[row[name] for name in names] for row in rows])}\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--tables", nargs="+", default=list(TABLES))
    parser.add_argument("--timeouts", type=float, nargs="+", default=[30, 60, 300])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.only:
        print(json.dumps(fit(*json.loads(args.only))))
        return
    rows = []
    for timeout in [2] if args.quick else args.timeouts:
        for name in args.tables[:1] if args.quick else args.tables:
            for seed in args.seeds:
                rows.append(in_a_process(name, timeout, seed))
                print(json.dumps(rows[-1]), flush=True)
    text = report(rows)
    print(text)
    if not args.quick:
        (RESULTS / "selection_budget.md").write_text(text)
        write_rows("selection_budget", rows)


if __name__ == "__main__":
    main()
