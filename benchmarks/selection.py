"""Held-out log loss and AUC of `AutoModelSelector`, of untuned models and of its peers, at equal seconds.

``python -m benchmarks.selection --peer flaml=PYTHON --peer autogluon=PYTHON --peer tpot=PYTHON``: peers whose pins
clash run in environments of their own, made with ``pip install 'flaml[automl]'``, ``pip install
'autogluon.tabular[lightgbm,catboost,xgboost]'`` and ``pip install tpot``. Each run is a process in which all clocks
read CPU seconds, but TPOT's, whose candidates run in a process of Dask's; methods take turns.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.stats import rankdata
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder

from benchmarks._measure import RESULTS, environment, markdown_table, picture, printed_rows, write_rows
from benchmarks.problems import table

PICTURE = picture("selection", "Held-out log loss over that of AutoModelSelector, by method")
SCRIPT = Path(__file__).parent / "peers" / "selection.py"
WALL_CLOCK = ("tpot",)
UNTUNED = ("logistic", "forest", "hist", "xgboost")

# Looked at while the selector was written.
SEEN = ("breast cancer", "credit", "churn", "cells", "OJ")

TABLES = {
    "breast cancer": lambda: load_breast_cancer(return_X_y=True, as_frame=True),
    "credit": lambda: table("modeldata", "credit_data", "Status"),
    "churn": lambda: table("modeldata", "mlc_churn", "churn"),
    "cells": lambda: table("modeldata", "cells", "class", drop=("case",)),
    "OJ": lambda: table("ISLR", "OJ", "Purchase"),
    "HMDA": lambda: table("AER", "HMDA", "deny"),
    "spam": lambda: table("DAAG", "spam7", "yesno"),
    "email": lambda: table("openintro", "email", "spam", drop=("time",)),
    "telephone": lambda: table("modeldata", "wa_churn", "churn"),
    "stack overflow": lambda: table("modeldata", "stackoverflow", "Remote"),
    "health insurance": lambda: table("AER", "HealthInsurance", "insurance"),
    "taxi": lambda: table("modeldata", "taxi", "tip"),
    "lending club": lambda: table("modeldata", "lending_club", "Class"),
    "digits": lambda: load_digits(return_X_y=True, as_frame=True),
    "diamonds": lambda: table("ggplot2", "diamonds", "cut", n_rows=10_000),
}


def save(name, seed, path):
    X, y = TABLES[name]()
    y = LabelEncoder().fit_transform(y)
    _, test = train_test_split(np.arange(len(y)), test_size=0.3, random_state=seed, stratify=y)
    columns = np.empty(X.shape[1], dtype=object)
    for place, column in enumerate(X.columns):
        is_number = getattr(X[column].dtype, "kind", "O") in "biuf"
        columns[place] = X[column].to_numpy(dtype=float) if is_number else X[column].astype(object).to_numpy()
    names = np.array([str(column) for column in X.columns], dtype=object)
    np.savez(path, names=names, columns=columns, y=y, is_test=np.isin(np.arange(len(y)), test))
    return int(len(y) - len(test))


def run(name, seed, budget, pythons, only=None):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.npz"
        n_rows = save(name, seed, path)
        methods = [method for method in (*UNTUNED, "ours", *pythons) if only is None or method in only]
        for method in methods[seed % len(methods) :] + methods[: seed % len(methods)]:
            python = pythons.get(method, sys.executable)
            command = [python, str(SCRIPT), method, str(path), str(seed), str(budget), folder]
            clock = {"BENCHMARK_CLOCK": "wall"} if method in WALL_CLOCK else {}
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | clock)
            printed = printed_rows(done.stdout)
            if not printed:
                print(f"{method} failed on {name}: {done.stderr[-500:]}", file=sys.stderr, flush=True)
                continue
            yield {"table": name, "rows": n_rows, "seed": seed, **printed[-1]}


def report(rows):
    cells = {}
    for row in rows:
        cells.setdefault((row["budget"], row["table"], row["seed"]), {})[row["method"]] = row
    methods = list(dict.fromkeys(row["method"] for row in rows))
    cells = {key: cell for key, cell in cells.items() if len(cell) == len(methods)}
    lines = []
    for budget in sorted({key[0] for key in cells}):
        own = {key: cell for key, cell in cells.items() if key[0] == budget}
        losses = np.array([[cell[name]["log_loss"] for name in methods] for cell in own.values()])
        areas = np.array([[cell[name]["auc"] for name in methods] for cell in own.values()])
        mine = methods.index("ours")
        ranks = [np.array([rankdata(line) for line in values]).mean(axis=0) for values in (losses, -areas)]
        for column, name in enumerate(methods):
            ratio = np.exp(np.log(losses[:, column] / losses[:, mine]).mean())
            spent = max(cell[name]["seconds"] for cell in own.values())
            peak = max(cell[name]["peak_mib"] for cell in own.values())
            better = "" if name == "ours" else f"{np.mean(losses[:, mine] < losses[:, column]):.0%} of {len(own)}"
            honest = [
                cell[name]["log_loss"] / cell[name]["reported"] for cell in own.values() if cell[name]["reported"]
            ]
            lines.append(
                [
                    f"{budget:g}",
                    name,
                    *(f"{rank[column]:.2f}" for rank in ranks),
                    better,
                    f"{ratio:.3f}",
                    f"{np.exp(np.log(honest).mean()):.3f}" if honest else "",
                    f"{spent:.1f}",
                    peak,
                ]
            )
        untuned = losses[:, [methods.index(name) for name in UNTUNED if name in methods]].min(axis=1)
        worst = (losses[:, mine] / untuned).max()
        lines.append([f"{budget:g}", "ours over the best untuned, worst case", "", "", "", f"{worst:.3f}", "", "", ""])
    header = [
        "seconds",
        "method",
        "mean rank, log loss",
        "mean rank, AUC",
        "ours has less log loss in",
        "log loss over ours",
        "held-out over reported log loss",
        "most seconds",
        "peak MiB",
    ]
    tables = ", ".join(dict.fromkeys(key[1] + (" (seen)" if key[1] in SEEN else "") for key in cells))
    text = (
        f"# Model selection\n\n{PICTURE}\n\n{environment()}\n\n"
        f"Tables: {tables}; seeds {sorted({key[2] for key in cells})}; 30 % of "
        f"the rows held out. Seconds are CPU seconds of one process, of TPOT wall seconds.\n\n"
        f"{markdown_table(header, lines)}\n"
    )
    print(text)
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--tables", nargs="+", default=[name for name in TABLES if name not in SEEN])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--budgets", type=float, nargs="+", default=[30])
    parser.add_argument("--peer", action="append", default=[], help="NAME=PYTHON: a Python that has the peer")
    parser.add_argument("--methods", nargs="+", help="of untuned ones, ours and the peers; all of them if left out")
    parser.add_argument("--report", nargs="+", help="write the report of what earlier runs have printed")
    args = parser.parse_args()
    pythons = dict(peer.split("=", 1) for peer in args.peer)
    if args.quick:
        args.tables, args.seeds, args.budgets = args.tables[:1], args.seeds[:1], [1]
        args.methods = args.methods or ["logistic", "xgboost", "ours", *pythons]
    if args.report:
        rows = [row for path in args.report for row in printed_rows(Path(path).read_text())]
    else:
        rows = []
        for seed in args.seeds:
            for name in args.tables:
                for budget in args.budgets:
                    for row in run(name, seed, budget, pythons, args.methods):
                        rows.append(row)
                        print(json.dumps(row), flush=True)
    text = report(rows)
    if not args.quick:
        (RESULTS / "selection.md").write_text(text)
        write_rows("selection", rows)


if __name__ == "__main__":
    main()
