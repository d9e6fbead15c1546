"""Held-out losses of `AutoModelSelector`, untuned models and other packages with the same time limit.

``--task regression`` compares RMSE and MAE instead of log loss and AUC, on other tables; ``--task slices`` compares on
hard tables of both kinds, where the package is told of groups and time if it has a way; ``--task large`` on tables of
200,000 to 2,000,000 rows. ``--resume`` continues a run.
``python -m benchmarks.selection --peer flaml=PYTHON --peer autogluon_best=PYTHON --peer tpot=PYTHON``: the other
packages need other versions of the dependencies, so each runs in its own environment. Make these with ``pip install
'flaml[automl]'``, ``'autogluon.tabular[lightgbm,catboost,xgboost,fastai]'``, ``tpot``, ``mljar-supervised``,
``perpetual`` and ``lightautoml``. Each run is a process in which all clocks count CPU seconds, except for packages that
work in other processes or do not read the clock of Python. Methods take turns.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

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
from benchmarks.selection_slices import SLICES
from benchmarks.selection_tables import (
    FRESH,
    GROUPS,
    LARGE_SEEN,
    ONCE_FRESH,
    REGRESSION,
    SEEN,
    SEEN_LATER,
    SMALL,
    TASKS,
    hold_out,
    load,
)

PICTURES = {
    "classification": picture("selection", "Rank within 30 seconds on held-out rows, by method") + "\n\n",
    "regression": picture("selection_regression", "Rank within 30 seconds on held-out rows, by method") + "\n\n",
    "slices": "",
    "large": "",
}
# What a reader of the page has to know of how its rows were measured.
MEASURED_LAST = (
    "All methods on one machine that did other work too, each on one core; FLAML 2.8.0, AutoGluon 1.6.3 with PyTorch "
    "2.13 and fastai 2.8. Ours, AutoGluon and the untuned models were measured again together, FLAML before that."
)
NOTES = {
    "classification": (
        f"Small tables: {MEASURED_LAST} With seeds 1 and 2 all methods took turns in one run; AutoGluon ended with an "
        "error on glass, seed 1, and was repeated there. Other tables: AutoGluon ran without PyTorch. Within 120 "
        "seconds on fresh tables all methods ran on one machine. Elsewhere ours was measured after the others, and so "
        "was TPOT, on machines where the untuned models took 1.25 to 1.5 times as long as when most of the others were "
        "measured. Ours without LightGBM and CatBoost, and ours with more seeds on leaves, are versions before the "
        "second layer's trees had larger leaves for two classes. On flights AutoGluon's best quality ran out of time, "
        "and gave no model."
    ),
    "regression": (
        f"{MEASURED_LAST} Seven tables have two seeds, the others one: the run is not complete. The second seeds are "
        "of a version before inner folds followed groups and time."
    ),
    "slices": (
        "All methods on one machine that did other work too, each on one core; FLAML 2.8.0, AutoGluon 1.6.3 with "
        "PyTorch 2.13 and fastai 2.8. One seed. After the first 14 tables, "
        "`AutoModelSelector` stopped trying models with radial kernels where rows follow time, because of births a "
        "day, where its error was 1003; this one run was repeated, and is in the tables. On tables with many "
        "categories untuned histogram boosting fails, because columns have more than 255; FLAML fails on use of force, "
        "where the rows on which its models are fitted first lack a class, and took 196 seconds for bird strikes. "
        "It was ended after 25 minutes on teams and after 6 on aircraft, which have many classes; it did not run on "
        "breeds."
    ),
    "large": (
        "All methods on one machine that did other work too, each on one core; FLAML 2.8.0, AutoGluon 1.6.3 with "
        "PyTorch 2.13 and fastai 2.8. One seed. The untuned boosters stop early on a tenth of the rows, or when the "
        "time is up. Births by state, made waves and made steps were looked at while the order of candidates on parts "
        "of the rows was written; on all tables AutoModelSelector was run again after faults were mended that the "
        "first run had shown, a network that took 40 seconds too long among them. AutoGluon's best quality has no "
        "model of births by state, made rare cases, made waves and made steps: it ended with an AssertionError, "
        "'Learner is already fit'. FLAML took up to 398 seconds. AutoGluon's medium quality and 600 seconds were not "
        "run."
    ),
}
FILES = {
    "classification": "selection",
    "regression": "selection_regression",
    "slices": "selection_slices",
    "large": "selection_large",
}
SCRIPT = Path(__file__).parent / "peers" / "selection.py"
WALL_CLOCK = ("tpot", "mljar", "perpetual", "lightautoml")
LINEAR = {"classification": "logistic", "regression": "ridge", "slices": "linear"}
TREES = ("forest", "hist", "xgboost")
# Untuned, with early stopping on a tenth of the rows, and ended when the time is up.
STOPPED = ("hist_stopped", "lightgbm_stopped", "xgboost_stopped")
UNTUNED = {task: (linear, *TREES) for task, linear in LINEAR.items()} | {"large": STOPPED}


@dataclass(frozen=True)
class Measure:
    """What methods are compared by: the columns, of which a row has one, with the sign that makes less better."""

    title: str
    signs: dict[str, int]

    def of(self, row):
        """Return the value of a row; less is better."""
        column = next(name for name in self.signs if row.get(name) not in (None, ""))
        return self.signs[column] * row[column]


LOSS = {
    "classification": Measure("log loss", {"log_loss": 1}),
    "regression": Measure("RMSE", {"rmse": 1}),
    **dict.fromkeys(("slices", "large"), Measure("log loss or RMSE", {"log_loss": 1, "rmse": 1})),
}
SECOND = {
    "classification": Measure("AUC", {"auc": -1}),
    "regression": Measure("MAE", {"mae": 1}),
    **dict.fromkeys(("slices", "large"), Measure("AUC or MAE", {"auc": -1, "mae": 1})),
}

# AutoModelSelector without LightGBM and CatBoost. It is compared in place of "ours", never together with it.
LIGHT = "ours_light"


def save(name, seed, path):
    X, y, given = load(name)
    test = hold_out(name, y, given, seed)
    columns = np.empty(X.shape[1], dtype=object)
    for place, column in enumerate(X.columns):
        is_number = getattr(X[column].dtype, "kind", "O") in "biuf"
        columns[place] = X[column].to_numpy(dtype=float) if is_number else X[column].astype(object).to_numpy()
    names = np.array([str(column) for column in X.columns], dtype=object)
    hint = {} if given is None or "time" in names else {"groups": given}
    np.savez(path, names=names, columns=columns, y=y, is_test=np.isin(np.arange(len(y)), test), **hint)
    return int(len(y) - len(test))


def run(task, name, seed, budget, pythons, only=None):
    methods = [*UNTUNED[task], "ours", LIGHT, *pythons]
    methods = [method for method in methods if only is None or method in only]
    if not methods:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.npz"
        n_rows = save(name, seed, path)
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


def report(rows, task="classification"):
    cells = cells_of(rows)
    known = {name: title for title, names in GROUPS.items() for name in names}
    text = (
        f"# Model selection, {task}\n\n{PICTURES[task]}{environment()}\n\n30 % of the rows are held out. Seconds are "
        f"CPU seconds of one process, but wall seconds for {', '.join(WALL_CLOCK)}. Ranks and ratios are those of "
        "held-out rows, and a t has the mean of a table's seeds as its unit. auto-sklearn is not included: version "
        "0.15.0 cannot be installed with Python 3.11, because it needs scikit-learn below 0.25, and its build needs "
        f"pkg_resources, which setuptools does not have. {NOTES[task]}".rstrip()
        + "\n"
    )
    for title in (FRESH, *GROUPS):
        own = {key: cell for key, cell in cells.items() if known.get(key[1], FRESH) == title}
        for budget in sorted({key[0] for key in own}):
            text += f"\n## {title}, {budget:g} seconds\n\n"
            text += section({key[1:]: cell for key, cell in own.items() if key[0] == budget})
    if task == "large":
        text += "\n## All large tables\n\n" + section({key[1:]: cell for key, cell in cells.items()}) + by_table(cells)
    mine = {key: cell["ours"] for key, cell in cells.items() if "ours" in cell}
    if mine:
        text += f"\n## What ours reports, all tables\n\n{held_out_over_reported(mine)}"
    print(text)
    return text


def by_table(cells):
    """Return a table of each run's losses over those of ours; less than 1 is better than ours."""
    others = list(dict.fromkeys(name for cell in cells.values() for name in cell if name != "ours"))
    lines = []
    for (budget, table, seed), cell in cells.items():
        loss = LOSS[task_of(cell.values())]
        values = {name: loss.of(row) for name, row in cell.items()}
        ratios = (f"{values[name] / values['ours']:.3f}" if name in values else "" for name in others)
        lines.append([table, f"{budget:g}", seed, loss.title, f"{values['ours']:.4g}", *ratios])
    header = ["table", "seconds", "seed", "loss", "of ours", *(f"{name} over ours" for name in others)]
    return f"\n{markdown_table(header, lines)}\n"


def union():
    """Compare on all tables that were opened once, for the final figures: small ones, regression, and hard ones."""
    final = (*SMALL, *REGRESSION, *SLICES)
    rows = [row for name in FILES.values() if (RESULTS / f"{name}.csv").exists() for row in read_rows(name)]
    cells = cells_of([as_linear(row) for row in rows if row["table"] in final])
    text = f"# Model selection, small, regression and hard tables together\n\n{environment()}\n\n{MEASURED_LAST} "
    text += (
        "The hard tables were measured before the others, and second seeds of seven regression tables are of a version "
        "before inner folds followed groups and time.\n\n"
    )
    return text + section({key[1:]: cell for key, cell in cells.items()})


def as_linear(row):
    """Return a row in which the untuned linear model has one name for both tasks."""
    return row | {"method": LINEAR["slices"]} if row["method"] in LINEAR.values() else row


def section(cells):
    """Compare the methods that ran on all tables, and then each other method with these on the tables on which it ran.

    After this come the tables with more seeds than the others, and then the tables on which AutoModelSelector ran with
    the core dependencies alone.
    """
    light = {key: renamed(cell) for key, cell in cells.items() if LIGHT in cell}
    cells = {key: {name: row for name, row in cell.items() if name != LIGHT} for key, cell in cells.items()}
    shared = without_lone_seeds(cells)
    always, others = methods_of(shared)
    text = comparison(shared, always)
    for other in others:
        own = {key: cell for key, cell in shared.items() if other in cell}
        text += f"\nWith {other}. {comparison(own, [*always, other])}"
    for name in dict.fromkeys(name for name, seed in cells if (name, seed) not in shared):
        own = {key: cell for key, cell in cells.items() if key[0] == name}
        text += f"\nWith more seeds. {comparison(own, methods_of(own)[0])}"
    if light:
        text += f"\nOurs without LightGBM and CatBoost. {comparison(light, methods_of(light)[0])}"
    return text


def renamed(cell):
    """Return the rows of a cell with AutoModelSelector without optional packages as "ours"."""
    return {"ours" if name == LIGHT else name: row for name, row in cell.items() if name != "ours"}


def without_lone_seeds(cells):
    """Remove the runs with seeds that only one of several tables has."""
    n_tables = Counter(seed for _, seed in cells)
    is_one_table = len({name for name, _ in cells}) == 1
    return {(name, seed): cell for (name, seed), cell in cells.items() if is_one_table or n_tables[seed] > 1}


def held_out_over_reported(mine):
    """Compare the held-out loss to the reported loss, with the mean over the seeds of each table."""
    text = ""
    loss = LOSS[task_of(mine.values())]
    for budget in sorted({key[0] for key in mine}):
        own = [row for key, row in mine.items() if key[0] == budget]
        over = {}
        for name in dict.fromkeys(row["table"] for row in own):
            runs = [row for row in own if row["table"] == name]
            over[name] = sum(loss.of(row) for row in runs) / sum(abs(row["reported"]) for row in runs)
        ratios = np.array(list(over.values()))
        farthest = sorted(over, key=lambda name: -abs(np.log(over[name])))[:3]
        text += (
            f"- {budget:g} seconds, {len(over)} tables: held-out over reported {loss.title} "
            f"{geometric_mean(ratios):.3f} (geometric mean), {np.median(ratios):.3f} (median); the farthest from 1: "
            f"{', '.join(f'{over[name]:.2f} ({name})' for name in farthest)}.\n"
        )
    return text


def cells_of(rows):
    """Return the rows of each budget, table and seed, by method."""
    cells = {}
    for row in rows:
        cells.setdefault((row["budget"], row["table"], row["seed"]), {})[row["method"]] = row
    return cells


def methods_of(cells):
    """Return the methods that ran in all cells, and those that ran only in some."""
    methods = list(dict.fromkeys(name for cell in cells.values() for name in cell))
    always = [name for name in methods if all(name in cell for cell in cells.values())]
    return always, [name for name in methods if name not in always]


def task_of(rows):
    """Return which measures all rows of some methods have."""
    tasks = {"classification" if row.get("rmse") in (None, "") else "regression" for row in rows}
    return tasks.pop() if len(tasks) == 1 else "slices"


def comparison(cells, methods):
    """Return a table that compares some methods."""
    task = task_of(row for cell in cells.values() for row in cell.values())
    loss, other = LOSS[task], SECOND[task]
    losses, others = (
        np.array([[measure.of(cell[name]) for name in methods] for cell in cells.values()]) for measure in (loss, other)
    )
    ranks = [np.array([rankdata(line) for line in values]).mean(axis=0) for values in (losses, others)]
    mine = methods.index("ours") if "ours" in methods else 0
    names, lines = [name for name, _ in cells], []
    for column, name in enumerate(methods):
        of_method = [cell[name] for cell in cells.values()]
        ratios = losses[:, column] / losses[:, mine]
        honest = [loss.of(row) / abs(row["reported"]) for row in of_method if row["reported"]]
        lines.append(
            [
                name,
                *(f"{rank[column]:.2f}" for rank in ranks),
                "" if column == mine else f"{np.mean(ratios > 1):.0%} of {len(cells)}",
                f"{geometric_mean(ratios):.3f}",
                "" if column == mine else f"{t_of(means_by_problem(np.log(ratios), names)):+.1f}",
                f"{np.median(ratios):.3f}",
                *(f"{mean(honest):.3f}" if honest else "" for mean in (geometric_mean, np.median)),
                f"{max(row['seconds'] for row in of_method):.1f}",
                max(row["peak_mib"] for row in of_method),
            ]
        )
    header = [
        "method",
        f"mean rank, {loss.title}",
        f"mean rank, {other.title}",
        f"{methods[mine]} has less {loss.title} in",
        f"{loss.title} over that of {methods[mine]}, geometric mean",
        "t over tables",
        "median",
        f"held-out over reported {loss.title}, geometric mean",
        "median",
        "most seconds",
        "peak MiB",
    ]
    tables = ", ".join(dict.fromkeys(name for name, _ in cells))
    text = f"Tables: {tables}; seeds {sorted({seed for _, seed in cells})}.\n\n{markdown_table(header, lines)}\n"
    untuned = [column for column, name in enumerate(methods) if any(name in of_task for of_task in UNTUNED.values())]
    if untuned and "ours" in methods:
        text += "\n" + over_untuned(list(cells), losses[:, mine], losses[:, untuned])
    return text


def over_untuned(runs, of_ours, of_untuned):
    """Return the runs and the tables on which AutoModelSelector is farthest behind the best untuned model."""
    named_runs = [f"{name}, seed {seed}" for name, seed in runs]
    text = f"Ours over the best untuned model, the three worst: {worst(named_runs, of_ours, of_untuned)}.\n"
    if len({seed for _, seed in runs}) == 1:
        return text
    names = np.array([name for name, _ in runs])
    tables = list(dict.fromkeys(names))
    means = [np.array([losses[names == name].mean(axis=0) for name in tables]) for losses in (of_ours, of_untuned)]
    return text + f"With the losses of a table's seeds averaged: {worst(tables, *means)}.\n"


def worst(labels, of_ours, of_untuned):
    over = of_ours / of_untuned.min(axis=1)
    return ", ".join(f"{over[place]:.3f} ({labels[place]})" for place in np.argsort(-over)[:3])


def geometric_mean(values):
    return np.exp(np.log(values).mean())


def is_fresh(name):
    return name not in (*SEEN, *SEEN_LATER, *ONCE_FRESH, *LARGE_SEEN)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--task", choices=list(FILES), default="classification")
    parser.add_argument("--tables", nargs="+", metavar="TABLE", help="by default those on which nothing was chosen")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--budgets", type=float, nargs="+", default=[30])
    parser.add_argument(
        "--peer", action="append", default=[], help="NAME=PYTHON: another package, and the Python that has it"
    )
    parser.add_argument("--methods", nargs="+", help="untuned models, ours or other packages; all by default")
    parser.add_argument("--resume", action="store_true", help="measure only what is not in the CSV file")
    parser.add_argument(
        "--report", nargs="+", help="files with the output of earlier runs, of which to write the report"
    )
    parser.add_argument(
        "--union", action="store_true", help="write the page of all small, regression and hard tables, measure nothing"
    )
    args = parser.parse_args()
    if args.union:
        (RESULTS / "selection_union.md").write_text(union())
        return
    pythons = dict(peer.split("=", 1) for peer in args.peer)
    of_task = TASKS[args.task]
    tables = args.tables or [name for name in of_task if is_fresh(name)]
    if unknown := [name for name in tables if name not in of_task]:
        parser.error(f"{', '.join(unknown)}: not a table of {args.task}. There are {', '.join(of_task)}.")
    name = FILES[args.task]
    if args.quick:
        tables, args.seeds, args.budgets = tables[:1], args.seeds[:1], [1]
        args.methods = args.methods or [UNTUNED[args.task][0], "ours", *pythons]
    if args.report:
        rows = [row for path in args.report for row in printed_rows(Path(path).read_text())]
    else:
        rows = read_rows(name) if args.resume and (RESULTS / f"{name}.csv").exists() else []
        wanted = [(table, seed, budget) for seed in args.seeds for table in tables for budget in args.budgets]
        for table, seed, budget in wanted:
            done = {
                row["method"] for row in rows if (row["table"], row["seed"], row["budget"]) == (table, seed, budget)
            }
            methods = [*UNTUNED[args.task], "ours", LIGHT, *pythons] if args.methods is None else args.methods
            for row in run(args.task, table, seed, budget, pythons, set(methods) - done):
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
