"""Held-out log loss of XGBoost that is tuned within a number of CPU seconds, by several methods.

``python -m benchmarks.xgboost_budget --flaml-python PATH``: FLAML needs another version of XGBoost, so it runs in its
own environment; make it with ``pip install 'flaml[automl]'``. Each run is a process in which all clocks count CPU
seconds, so that no time limit depends on the load of the machine. Methods take turns.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.stats import rankdata
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder

from benchmarks._measure import RESULTS, environment, markdown_table, picture, printed_rows, write_rows
from benchmarks.xgboost_tables import BY_NAME, numbers

PICTURE = picture("xgboost_budget", "Held-out log loss over that of TunedXGBClassifier, by method and budget")
SCRIPT = Path(__file__).parent / "peers" / "xgboost_budget.py"
TABLES = {
    name: BY_NAME[name].load
    for name in ("HMDA", "spam", "email", "telephone", "stack overflow", "health insurance", "taxi", "lending club")
} | {"diamonds": lambda: numbers("ggplot2", "diamonds", "cut")}
METHODS = ("untuned", "random", "flaml", "ours")


def save(name, seed, path):
    X, y = TABLES[name]()
    y = LabelEncoder().fit_transform(y)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=y)
    np.savez(path, X_train=X_train, X_test=X_test, y_train=y_train, y_test=y_test)
    return len(y_train)


def run(name, seed, budgets, flaml_python):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.npz"
        n_rows = save(name, seed, path)
        for method in METHODS[seed % len(METHODS) :] + METHODS[: seed % len(METHODS)]:
            python = flaml_python if method == "flaml" else sys.executable
            if python is None:
                continue
            command = [python, str(SCRIPT), method, str(path), str(seed), *map(str, budgets)]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            for row in printed_rows(printed):
                yield {"table": name, "rows": n_rows, "seed": seed, **row}


def cells(rows):
    """Return the held-out log losses by table, seed and budget, for cells in which every method has one."""
    found = {}
    for row in rows:
        found.setdefault((row["table"], row["seed"], row["budget"]), {})[row["method"]] = row
    n_methods = max(map(len, found.values()))
    return {key: cell for key, cell in found.items() if len(cell) == n_methods}


def report(rows):
    found = cells(rows)
    methods = [name for name in METHODS if name in next(iter(found.values()))]
    lines = []
    for budget in sorted({key[2] for key in found}):
        own = {key: cell for key, cell in found.items() if key[2] == budget}
        losses = np.array([[cell[name]["held_out"] for name in methods] for cell in own.values()])
        ranks = np.array([rankdata(line) for line in losses]).mean(axis=0)
        better = [np.mean(losses[:, -1] < losses[:, column]) for column in range(len(methods))]
        worse = np.exp(np.log(losses / losses[:, [-1]]).mean(axis=0))
        spent = np.array([[cell[name]["cpu_seconds"] for name in methods] for cell in own.values()]).max(axis=0)
        for name, *values in zip(methods, ranks, better, worse, spent, strict=True):
            rank, share, ratio, most = values
            share = "" if name == "ours" else f"{share:.0%} of {len(own)}"
            lines.append([f"{budget:g}", name, f"{rank:.2f}", share, f"{ratio:.3f}", f"{most:.1f}"])
    header = ["CPU seconds", "method", "mean rank", "ours is better in", "log loss over ours", "most CPU seconds"]
    versions = {row["method"]: row["xgboost"] for row in rows}
    text = (
        f"# XGBoost within a budget\n\n{PICTURE}\n\n{environment()}\n\nXGBoost by method: {versions}. Tables: "
        f"{', '.join(dict.fromkeys(row['table'] for row in rows))}; seeds {sorted({row['seed'] for row in rows})}. "
        f"Held-out log loss on 30 % of the rows.\n\n{markdown_table(header, lines)}\n"
    )
    print(text)
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--tables", nargs="+", default=list(TABLES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--budgets", type=float, nargs="+", default=[10, 30, 100])
    parser.add_argument("--flaml-python", help="a Python that has flaml[automl]; without it FLAML is left out")
    parser.add_argument(
        "--report", nargs="+", help="files with the output of earlier runs, of which to write the report"
    )
    args = parser.parse_args()
    if args.quick:
        args.tables, args.seeds, args.budgets = args.tables[:1], args.seeds[:1], [0.5]
    if args.report:
        rows = [row for path in args.report for row in printed_rows(Path(path).read_text())]
    else:
        if args.flaml_python is None:
            print("FLAML is left out: --flaml-python PATH", file=sys.stderr, flush=True)
        rows = []
        for seed in args.seeds:
            for name in args.tables:
                for row in run(name, seed, args.budgets, args.flaml_python):
                    rows.append(row)
                    print(json.dumps(row), flush=True)
    text = report(rows)
    if not args.quick:
        (RESULTS / "xgboost_budget.md").write_text(text)
        write_rows("xgboost_budget", rows)


if __name__ == "__main__":
    main()
