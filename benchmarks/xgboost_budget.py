"""Held-out loss of XGBoost that is tuned within a number of CPU seconds, by several methods.

``--task regression`` has RMSE in place of log loss, and its own tables and result files. ``--resume`` continues a run.
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

from benchmarks._measure import (
    RESULTS,
    environment,
    markdown_table,
    means_by_problem,
    picture,
    printed_rows,
    read_rows,
    t_of,
    write_rows,
)
from benchmarks.xgboost_tables import BY_NAME, FRESH, XGBoostTable, numbers

SCRIPT = Path(__file__).parent / "peers" / "xgboost_budget.py"
DIAMONDS = XGBoostTable("diamonds", lambda: numbers("ggplot2", "diamonds", "cut"))
TABLES = {
    "classification": {
        name: BY_NAME[name]
        for name in ("HMDA", "spam", "email", "telephone", "stack overflow", "health insurance", "taxi", "lending club")
    }
    | {"diamonds": DIAMONDS},
    "regression": {one.name: one for one in FRESH if not one.is_classification},
}
METHODS = ("untuned", "random", "flaml", "ours")
NAMES = {"classification": "xgboost_budget", "regression": "xgboost_budget_regression"}
LOSSES = {"classification": "log loss", "regression": "RMSE"}
PICTURES = {
    "classification": picture(
        "xgboost_budget", "Held-out log loss over that of TunedXGBClassifier, by method and budget"
    )
    + "\n\n",
    "regression": "",
}


def save(one, seed, path):
    X, y = one.data()
    stratify = y if one.is_classification else None
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=stratify)
    np.savez(path, X_train=X_train, X_test=X_test, y_train=y_train, y_test=y_test)
    return len(y_train)


def run(one, seed, budgets, flaml_python, done=()):
    """Yield the rows of all methods that are not done."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.npz"
        n_rows = save(one, seed, path)
        for method in METHODS[seed % len(METHODS) :] + METHODS[: seed % len(METHODS)]:
            python = flaml_python if method == "flaml" else sys.executable
            if python is None or method in done:
                continue
            command = [python, str(SCRIPT), method, str(path), str(seed), *map(str, budgets)]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            for row in printed_rows(printed):
                yield {"table": one.name, "rows": n_rows, "seed": seed, **row}


def cells(rows):
    """Return the held-out losses by table, seed and budget, for cells in which every method has one."""
    found = {}
    for row in rows:
        found.setdefault((row["table"], row["seed"], row["budget"]), {})[row["method"]] = row
    n_methods = max(map(len, found.values()))
    return {key: cell for key, cell in found.items() if len(cell) == n_methods}


def report(rows, task="classification"):
    found, loss = cells(rows), LOSSES[task]
    methods = [name for name in METHODS if name in next(iter(found.values()))]
    lines = []
    for budget in sorted({key[2] for key in found}):
        own = {key: cell for key, cell in found.items() if key[2] == budget}
        losses = np.array([[cell[name]["held_out"] for name in methods] for cell in own.values()])
        ranks = np.array([rankdata(line) for line in losses]).mean(axis=0)
        better = [np.mean(losses[:, -1] < losses[:, column]) for column in range(len(methods))]
        logs = np.log(losses / losses[:, [-1]])
        worse = np.exp(logs.mean(axis=0))
        t_over_tables = [t_of(means_by_problem(column, [table for table, _, _ in own])) for column in logs.T]
        spent = np.array([[cell[name]["cpu_seconds"] for name in methods] for cell in own.values()]).max(axis=0)
        for name, *values in zip(methods, ranks, better, worse, t_over_tables, spent, strict=True):
            rank, share, ratio, t, most = values
            share, t = ("", "") if name == "ours" else (f"{share:.0%} of {len(own)}", f"{t:+.1f}")
            lines.append([f"{budget:g}", name, f"{rank:.2f}", share, f"{ratio:.3f}", t, f"{most:.1f}"])
    header = ["CPU seconds", "method", "mean rank", "ours is better in", f"{loss} over ours", "t over tables"]
    header.append("most CPU seconds")
    versions = {row["method"]: row["xgboost"] for row in rows}
    names = ", ".join(dict.fromkeys(row["table"] for row in rows))
    seeds = sorted({row["seed"] for row in rows})
    text = (
        f"# XGBoost within a budget, {task}\n\n{PICTURES[task]}{environment()}\n\nXGBoost by method: {versions}. "
        f"Tables: {names}; seeds {seeds}. Held-out {loss} on 30 % of the rows.\n\n{markdown_table(header, lines)}\n"
    )
    print(text)
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--task", choices=list(NAMES), default="classification")
    parser.add_argument("--tables", nargs="+", metavar="TABLE", help="all of the task by default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--budgets", type=float, nargs="+", default=[10, 30, 100])
    parser.add_argument("--flaml-python", help="a Python that has flaml[automl]; without it FLAML is left out")
    parser.add_argument("--resume", action="store_true", help="measure only what is not in the CSV file")
    parser.add_argument(
        "--report", nargs="+", help="files with the output of earlier runs, of which to write the report"
    )
    args = parser.parse_args()
    tables, name = TABLES[args.task], NAMES[args.task]
    names = args.tables or list(tables)
    if unknown := [one for one in names if one not in tables]:
        parser.error(f"{', '.join(unknown)}: not a table of {args.task}. There are {', '.join(tables)}.")
    if args.quick:
        names, args.seeds, args.budgets = names[:1], args.seeds[:1], [0.5]
    if args.report:
        rows = [row for path in args.report for row in printed_rows(Path(path).read_text())]
    else:
        if args.flaml_python is None:
            print("FLAML is left out: --flaml-python PATH", file=sys.stderr, flush=True)
        rows = read_rows(name) if args.resume and (RESULTS / f"{name}.csv").exists() else []
        for table, seed in [(table, seed) for seed in args.seeds for table in names]:
            done = {row["method"] for row in rows if (row["table"], row["seed"]) == (table, seed)}
            for row in run(tables[table], seed, args.budgets, args.flaml_python, done):
                rows.append(row)
                print(json.dumps(row), flush=True)
                if not args.quick:
                    write_rows(name, rows)
    text = report(rows, args.task)
    if not args.quick:
        (RESULTS / f"{name}.md").write_text(text)
        write_rows(name, rows)


if __name__ == "__main__":
    main()
