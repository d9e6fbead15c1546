"""CPU seconds until `TunedXGBClassifier` reaches the final log loss of a naive search around XGBClassifier.

``python -m benchmarks.xgboost``: the naive search is optuna-integration's class with 100 candidates of a usual space.
Both methods have the same folds, count the CPU time of their process, and take turns. If the target is not reached, the
whole time of the search counts. The log loss on held-out rows is reported too.
"""

import argparse
import json
import time
import warnings

import numpy as np
import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split
from xgboost import XGBClassifier

from benchmarks._measure import RESULTS, environment, markdown_table, picture, write_rows
from benchmarks.problems import table
from sklearn_autotune import TunedXGBClassifier

# What people write: FACTS of the project's research.
PICTURE = picture("xgboost", "Times as soon at the naive search's log loss, by table")
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


def numbers(package, name, target, n_rows=None, drop=()):
    """Return a table with a column for each string value, so that both methods have the same matrix."""
    import pandas as pd

    X, y = table(package, name, target, n_rows=n_rows, drop=drop)
    return pd.get_dummies(X, dtype=float).to_numpy(dtype=np.float64), y


# Tables that were used while the search was written: spaces, first candidates and constants were chosen on them.
SEEN = ("breast cancer", "attrition", "cells", "credit", "churn", "Caravan", "Default", "OJ")

TABLES = {
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "attrition": lambda: numbers("modeldata", "attrition", "Attrition"),
    "cells": lambda: numbers("modeldata", "cells", "class", drop=("case",)),
    "credit": lambda: numbers("modeldata", "credit_data", "Status"),
    "churn": lambda: numbers("modeldata", "mlc_churn", "churn"),
    "Caravan": lambda: numbers("ISLR", "Caravan", "Purchase"),
    "Default": lambda: numbers("ISLR", "Default", "default"),
    "OJ": lambda: numbers("ISLR", "OJ", "Purchase"),
    "HMDA": lambda: numbers("AER", "HMDA", "deny"),
    "spam": lambda: numbers("DAAG", "spam7", "yesno"),
    "email": lambda: numbers("openintro", "email", "spam", drop=("time",)),
    "telephone": lambda: numbers("modeldata", "wa_churn", "churn"),
    "stack overflow": lambda: numbers("modeldata", "stackoverflow", "Remote"),
    "health insurance": lambda: numbers("AER", "HealthInsurance", "insurance"),
    "taxi": lambda: numbers("modeldata", "taxi", "tip"),
    "lending club": lambda: numbers("modeldata", "lending_club", "Class"),
}


class Clock:
    """Records the CPU seconds at which each candidate was finished, and the best score by then."""

    def __init__(self):
        self.start = time.process_time()
        self.curve = []

    def __call__(self, study, trial):
        if trial.state == optuna.trial.TrialState.COMPLETE:
            best = max(trial.value, self.curve[-1][1]) if self.curve else trial.value
            self.curve.append((time.process_time() - self.start, best))

    def finish(self):
        self.total = time.process_time() - self.start
        return self

    def seconds_to(self, score):
        return next((seconds for seconds, best in self.curve if best >= score), None)


def naive(X, y, folds, seed, n_trials):
    from optuna_integration import OptunaSearchCV

    clock = Clock()
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    search = OptunaSearchCV(
        XGBClassifier(n_jobs=1, random_state=seed),
        NAIVE,
        n_trials=n_trials,
        cv=folds,
        scoring="neg_log_loss",
        study=study,
        callbacks=[clock],
    )
    return search.fit(X, y), clock.finish()


def ours(X, y, folds, seed, n_trials, **params):
    clock = Clock()
    search = TunedXGBClassifier(n_trials=n_trials, cv=folds, random_state=seed + 1000, callbacks=[clock], **params)
    return search.fit(X, y), clock.finish()


def run(name, seed, n_trials):
    X, y = TABLES[name]()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=y)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    methods = [("naive", naive), ("ours", ours)]
    found = {}
    for method, search in methods if seed % 2 == 0 else methods[::-1]:
        fitted, clock = search(X_train, y_train, folds, seed, n_trials)
        held_out = log_loss(y_test, fitted.predict_proba(X_test), labels=np.unique(y))
        found[method] = clock, held_out
    clock, theirs = found["ours"][0], found["naive"][0]
    target = theirs.curve[-1][1]
    reached = clock.seconds_to(target)
    return {
        "table": name,
        "rows": len(y_train),
        "seed": seed,
        "naive_seconds": round(theirs.total, 2),
        "naive_reached": round(theirs.seconds_to(target), 2),
        "naive_score": round(target, 5),
        "naive_held_out": round(found["naive"][1], 5),
        "seconds": round(clock.total, 2),
        "score": round(clock.curve[-1][1], 5),
        "held_out": round(found["ours"][1], 5),
        "reached": None if reached is None else round(reached, 3),
    }


def geometric(values):
    """Return the geometric mean as text, with the range of two standard errors over the tables."""
    logs = np.log(values)
    error = 2 * logs.std(ddof=1) / np.sqrt(len(logs)) if len(logs) > 1 else 0.0
    return f"{np.exp(logs.mean()):.2f} ({np.exp(logs.mean() - error):.2f} to {np.exp(logs.mean() + error):.2f})"


def report(rows):
    """Return a line per table and a line for all; fresh tables are separate from those used before."""
    lines = []
    summary = {False: [], True: []}
    for name in dict.fromkeys(row["table"] for row in rows):
        own = [row for row in rows if row["table"] == name]
        spent = [row["seconds"] if row["reached"] is None else row["reached"] for row in own]
        whole = [row["naive_seconds"] / seconds for row, seconds in zip(own, spent, strict=True)]
        first = [row["naive_reached"] / seconds for row, seconds in zip(own, spent, strict=True)]
        worse = [row["held_out"] - row["naive_held_out"] for row in own]
        n_reached = sum(row["reached"] is not None for row in own)
        lines.append(
            [
                name + (" (seen)" if name in SEEN else ""),
                own[0]["rows"],
                f"{n_reached} of {len(own)}",
                *(f"{np.exp(np.mean(np.log(ratios))):.1f}" for ratios in (whole, first)),
                f"{np.median([row['naive_seconds'] / row['seconds'] for row in own]):.1f}",
                f"{np.mean(worse):+.4f}",
            ]
        )
        summary[name in SEEN].append((np.mean(np.log(whole)), np.mean(np.log(first)), *worse))
    text = [f"# XGBoost\n\n{PICTURE}\n\n{environment()}\n"]
    for is_seen, found in summary.items():
        if found:
            differences = np.array([found_of[2:] for found_of in found]).mean(axis=1)
            t = differences.mean() / (differences.std(ddof=1) / np.sqrt(len(found))) if len(found) > 1 else np.nan
            text.append(
                f"{'Tables looked at before' if is_seen else 'Fresh tables'}: {len(found)}. Times as soon as the naive "
                f"search's whole cost {geometric(np.exp([one[0] for one in found]))}, as its own first time there "
                f"{geometric(np.exp([one[1] for one in found]))}; held-out log loss less naive's "
                f"{differences.mean():+.4f} (t {t:.1f} over tables; {sum(differences < 0)} tables better).\n"
            )
    header = [
        "table",
        "rows",
        "target reached",
        "times as soon as naive's 100 candidates",
        "as naive's own first time there",
        "naive's seconds over ours, 100 candidates each",
        "held-out log loss less naive's",
    ]
    text.append(f"{markdown_table(header, lines)}\n")
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--tables", nargs="+", default=[name for name in TABLES if name not in SEEN])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if args.quick:
        args.tables, args.seeds = args.tables[:1], args.seeds[:1]
    rows = []
    for seed in args.seeds:
        for name in args.tables:
            rows.append(run(name, seed, 5 if args.quick else 100))
            print(json.dumps(rows[-1]), flush=True)
    text = report(rows)
    print(text)
    if not args.quick:
        (RESULTS / "xgboost.md").write_text(text)
        write_rows("xgboost", rows)


if __name__ == "__main__":
    main()
