"""CPU seconds until `TunedXGBClassifier` and `TunedXGBRegressor` reach the score of a naive search around XGBoost.

``python -m benchmarks.xgboost``: the naive search is optuna-integration's class with 100 candidates of a usual space;
its scores after 40 and after 100 candidates are the targets. Classification is scored by log loss, regression by RMSE.
Both methods have the same folds, count the CPU time of their process with one thread, and take turns. If a target is
not reached, the whole time of the search counts. The loss on held-out rows is compared too.

``--resume`` continues a run that was interrupted, ``--report`` only writes the page from the rows that there are.
"""

import argparse
import functools
import json
import math
import time
import warnings

import numpy as np
import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from threadpoolctl import threadpool_limits
from xgboost import XGBClassifier, XGBRegressor

from benchmarks._measure import (
    RESULTS,
    environment,
    environment_of,
    geometric,
    markdown_table,
    means_by_problem,
    measure_missing,
    picture,
    read_rows,
    t_of,
)
from benchmarks.xgboost_tables import BY_NAME, FRESH, XGBoostTable
from sklearn_autotune import TunedXGBClassifier, TunedXGBRegressor

# What people write: FACTS of the project's research.
PICTURE = picture("xgboost", "Times as fast as the naive search to its score after 100 candidates, by table")
TARGETS = (40, 100)
CANDIDATES = max(TARGETS)
NAIVE = {
    "n_estimators": IntDistribution(50, 500),
    "max_depth": IntDistribution(3, 12),
    "learning_rate": FloatDistribution(0.01, 0.3, log=True),
    "subsample": FloatDistribution(0.6, 1.0),
    "colsample_bytree": FloatDistribution(0.6, 1.0),
    "min_child_weight": IntDistribution(1, 10),
    "gamma": FloatDistribution(0.0, 5.0),
    "reg_alpha": FloatDistribution(0.0, 1.0),
    "reg_lambda": FloatDistribution(0.0, 1.0),
}


class Clock:
    """Records the CPU seconds at which each candidate was finished, and the best score by then."""

    def __init__(self):
        self.start = time.process_time()
        self.curve = []

    def __call__(self, study, trial):
        best = self.curve[-1][1] if self.curve else -math.inf
        if trial.state == optuna.trial.TrialState.COMPLETE:
            best = max(trial.value, best)
        self.curve.append((time.process_time() - self.start, best))

    def finish(self):
        self.total = time.process_time() - self.start
        return self

    def after(self, n_candidates):
        """Return the CPU seconds and the best score after so many candidates."""
        return self.curve[min(n_candidates, len(self.curve)) - 1]

    def seconds_to(self, score):
        """Return the CPU seconds until this score was reached; NaN if it was not."""
        return next((seconds for seconds, best in self.curve if best >= score), math.nan)


def naive(one, X, y, folds, seed, n_candidates):
    from optuna_integration import OptunaSearchCV

    model = XGBClassifier if one.is_classification else XGBRegressor
    clock = Clock()
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    search = OptunaSearchCV(
        model(n_jobs=1, random_state=seed),
        NAIVE,
        n_trials=n_candidates,
        cv=folds,
        scoring="neg_log_loss" if one.is_classification else "neg_root_mean_squared_error",
        study=study,
        callbacks=[clock],
    )
    return search.fit(X, y), clock.finish()


def ours(one, X, y, folds, seed, n_candidates):
    model = TunedXGBClassifier if one.is_classification else TunedXGBRegressor
    clock = Clock()
    search = model(n_trials=n_candidates, cv=folds, random_state=seed + 1000, callbacks=[clock])
    return search.fit(X, y), clock.finish()


def untuned(one, X, y, folds, seed, n_candidates):
    model = XGBClassifier if one.is_classification else XGBRegressor
    clock = Clock()
    return model(n_jobs=1, random_state=seed).fit(X, y), clock.finish()


def loss(one, model, X, y, labels):
    if one.is_classification:
        return log_loss(y, model.predict_proba(X), labels=labels)
    return root_mean_squared_error(y, model.predict(X))


@functools.cache
def warm_up():
    """Search once on a tiny table, so that no method pays for what a process loads at its first search."""
    one = XGBoostTable("", lambda: load_breast_cancer(return_X_y=True))
    X, y = one.data()
    for method in (naive, ours):
        method(one, X[:60], y[:60], StratifiedKFold(2), 0, 2)


def measured(name, seed, targets=TARGETS):
    """Measure one table and seed with one thread; this may run in a worker process."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with threadpool_limits(1):
        warm_up()
        rows = [measure(BY_NAME[name], seed, targets)]
    print(json.dumps(rows[0]), flush=True)
    return rows


def measure(one, seed, targets):
    X, y = one.data()
    classes = np.unique(y) if one.is_classification else None
    stratify = y if one.is_classification else None
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=stratify)
    kind = StratifiedKFold if one.is_classification else KFold
    folds = kind(5, shuffle=True, random_state=seed)
    methods = {"naive": naive, "ours": ours, "default": untuned}
    clocks, held_out = {}, {}
    for method in list(methods)[:: 1 if seed % 2 == 0 else -1]:
        fitted, clocks[method] = methods[method](one, X_train, y_train, folds, seed, max(targets))
        held_out[method] = loss(one, fitted, X_test, y_test, classes)
    row = {
        "task": "classification" if one.is_classification else "regression",
        "problem": one.name,
        "rows": len(X),
        "columns": X.shape[1],
        "is_fresh": one.is_fresh,
        "seed": seed,
    }
    theirs, clock = clocks["naive"], clocks["ours"]
    for number, target in zip(TARGETS, targets, strict=True):
        seconds, score = theirs.after(target)
        row[f"naive_seconds_{number}"] = round(seconds, 3)
        row[f"naive_score_{number}"] = round(score, 6)
        row[f"seconds_to_{number}"] = round(clock.seconds_to(score), 3)
    row |= {"seconds": round(clock.total, 3), "score": round(clock.curve[-1][1], 6)}
    return row | {f"{method}_held_out": round(held_out[method], 6) for method in methods}


# -- the page ----------------------------------------------------------------------------------------------------------


def ratio(row, number):
    """Return how many times as fast ours was as the first ``number`` naive candidates; a miss takes its whole time."""
    spent = row["seconds"] if math.isnan(row[f"seconds_to_{number}"]) else row[f"seconds_to_{number}"]
    return row[f"naive_seconds_{number}"] / spent


def n_misses(rows, number):
    return sum(math.isnan(row[f"seconds_to_{number}"]) for row in rows)


def logs_by_table(rows, ratios):
    """Return the mean logarithm of each table, because seeds of one table are not independent."""
    return means_by_problem(np.log(ratios), [row["problem"] for row in rows])


def cost(row):
    return row["seconds"] / row["naive_seconds_40"]


def summary(rows):
    """Return a list of what holds over all tables of a task."""
    lines = []
    for number in TARGETS:
        logs = logs_by_table(rows, [ratio(row, number) for row in rows])
        lines.append(
            f"- Times as fast as {number} naive candidates: {geometric(logs)}; missed in {n_misses(rows, number)} of "
            f"{len(rows)} runs."
        )
    costs = [cost(row) for row in rows]
    lines.append(
        f"- CPU seconds of our {CANDIDATES} candidates over those of 40 naive ones: "
        f"{geometric(logs_by_table(rows, costs))}, {max(costs):.2f} at most, more than 1 in "
        f"{sum(one > 1 for one in costs)} of {len(rows)} runs."
    )
    for method, what in (("naive", "the naive search"), ("default", "the untuned model")):
        logs = logs_by_table(rows, [row["ours_held_out"] / row[f"{method}_held_out"] for row in rows])
        lines.append(
            f"- Held-out loss over that of {what}: {math.exp(np.mean(logs)):.4f} (t {t_of(logs):+.1f} over tables; "
            f"{sum(logs < 0)} of {len(logs)} tables better)."
        )
    return "\n".join(lines)


def mean_of(ratios):
    return math.exp(np.mean(np.log(ratios)))


def table_lines(rows):
    lines = []
    for name in dict.fromkeys(row["problem"] for row in rows):
        own = [row for row in rows if row["problem"] == name]
        held_out = [np.mean([row[f"{method}_held_out"] for row in own]) for method in ("ours", "naive", "default")]
        lines.append(
            [
                name,
                own[0]["rows"],
                own[0]["columns"],
                *(f"{mean_of([ratio(row, number) for row in own]):.1f}" for number in TARGETS),
                *(f"{len(own) - n_misses(own, number)} of {len(own)}" for number in TARGETS),
                f"{np.mean([row['naive_seconds_100'] for row in own]):.1f}",
                f"{mean_of([cost(row) for row in own]):.2f}",
                *(f"{one:.4f}" for one in held_out),
            ]
        )
    return lines


HEADER = [
    "table",
    "rows",
    "columns",
    *(f"times as fast as {number} naive candidates" for number in TARGETS),
    *(f"score of {number} reached" for number in TARGETS),
    "seconds of 100 naive candidates",
    "seconds of our 100 over 40 naive ones",
    "held-out loss, ours",
    "naive",
    "untuned",
]


def report(rows, about):
    """Return the page: fresh tables first, separate from those used before, and both tasks separately."""
    text = [
        f"# XGBoost\n\n{PICTURE}\n\n{about}\n",
        "CPU seconds of one thread. All rows of a table are used: 30 % are held out, the others are in 5 folds, all "
        "drawn by the seed. The loss is log loss for classification and RMSE for regression. A mean is a geometric "
        "one over tables, with its range of two standard errors. A target that is missed counts with our whole "
        "time.\n",
    ]
    for is_fresh in (True, False):
        for task in ("classification", "regression"):
            own = [row for row in rows if row["is_fresh"] == is_fresh and row["task"] == task]
            own.sort(key=lambda row: (row["rows"], row["problem"], row["seed"]))
            if own:
                n_tables = len({row["problem"] for row in own})
                s = "s" * (n_tables > 1)
                title = f"{task.capitalize()}, {n_tables} {f'fresh table{s}' if is_fresh else f'table{s} seen before'}"
                text.append(f"## {title}\n\n{summary(own)}\n\n{markdown_table(HEADER, table_lines(own))}\n")
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument(
        "--tables",
        nargs="+",
        default=[one.name for one in FRESH],
        choices=list(BY_NAME),
        metavar="TABLE",
        help="by default those on which nothing was chosen",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--resume", action="store_true", help="measure only the tables and seeds not in the CSV file")
    parser.add_argument("--report", action="store_true", help="write the page from the CSV file, and measure nothing")
    parser.add_argument("--jobs", type=int, default=1, help="tables and seeds at a time, at most one a core")
    args = parser.parse_args()
    if args.quick:
        args.tables, args.seeds = ["bank jobs", "miles per gallon"], [0]
    if args.report:
        rows = read_rows("xgboost")
    else:
        rows = measure_missing(
            "xgboost",
            quickly if args.quick else measured,
            [(name, seed) for seed in args.seeds for name in args.tables],
            jobs=1 if args.quick else args.jobs,
            is_resumed=args.resume,
            is_quick=args.quick,
            columns=("task", "problem", "seconds_to_40"),
        )
    at_a_time = f"; {args.jobs} at a time" * (args.jobs > 1)
    text = report(rows, environment_of("xgboost", "xgboost") if args.report else environment("xgboost") + at_a_time)
    print(text)
    if not args.quick:
        (RESULTS / "xgboost.md").write_text(text, encoding="utf-8")


def quickly(name, seed):
    return measured(name, seed, (2, 4))


if __name__ == "__main__":
    main()
