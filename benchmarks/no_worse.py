"""How often a tuned model is worse than the untuned one, and what ``refit=NoWorseThanDefault(...)`` changes.

``python -m benchmarks.no_worse``: on half of a table's rows a search measures 30 candidates and the estimator's own
parameters, the default. The winner of ``refit=True`` and the default are fitted on this half and predict the other
half. Rules of several levels of confidence choose from the same search, so that they are compared on equal terms.

A winner is worse beyond noise if its mean loss on the held-out rows is larger by more than two standard errors of the
paired differences, and better likewise. If nothing differs, each happens to 2 % by chance. ``--tables tuned`` takes the
twelve tables on which the default level was chosen, with every model on each; they are not among those reported.
"""

import argparse
import warnings
import zlib

import numpy as np
import optuna
import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import loguniform, randint, uniform
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from benchmarks._measure import RESULTS, environment, markdown_table, mean_and_error, write_rows
from benchmarks.problems import behind
from benchmarks.selection_tables import REGRESSION, load
from sklearn_autotune import NoWorseThanDefault, OptunaSearchCV

N_ROWS = 800  # of which half are held out
N_CANDIDATES = 30
MAX_CATEGORIES = 20  # columns with more are left out
CONFIDENCES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
ALPHA = 2.0  # standard errors

TUNED = (
    *("credit", "churn", "cells", "OJ", "HMDA", "spam", "email"),
    *("teaching", "wages", "card balance", "houses in Windsor", "clothing sales"),
)
REPORTED = (
    *("breast cancer", "telephone", "stack overflow", "health insurance", "taxi", "lending club", "digits", "diamonds"),
    *("attrition", "caravan", "jobs", "leaves", "smoking", "vote", "arrests", "benefits", "chile", "contraception"),
    *("wells", "yogurt", "mortgages", "doctor", "low birth weight", "biopsies", "glass", "working wives", "appeals"),
    *("body weight", "births", "beauty", "schooling", "final exam", "economics course", "gifts", "processors"),
    *("athletes", "medical expenses", "school districts", "growth of countries", "smoking and birth weight"),
)

TREE = {"max_depth": randint(1, 16), "min_samples_leaf": randint(1, 41), "max_features": uniform(0.1, 0.9)}
FOREST = {"max_depth": randint(2, 20), "min_samples_leaf": randint(1, 21), "max_features": uniform(0.1, 0.9)}
KERNEL = {"C": loguniform(1e-2, 1e3), "gamma": loguniform(1e-5, 10)}
NEIGHBOURS = {"n_neighbors": randint(1, 61), "weights": ["uniform", "distance"], "p": uniform(1, 2)}


def scaled(model, space):
    return make_pipeline(StandardScaler(), model), behind(type(model).__name__.lower(), space)


MODELS = {
    "tree": lambda seed: (DecisionTreeClassifier(random_state=seed), TREE),
    "forest": lambda seed: (RandomForestClassifier(20, random_state=seed), FOREST),
    "SVM": lambda seed: scaled(SVC(random_state=seed), KERNEL),
    "linear": lambda seed: scaled(LogisticRegression(max_iter=500), {"C": loguniform(1e-4, 1e3)}),
    "neighbours": lambda seed: scaled(KNeighborsClassifier(), NEIGHBOURS),
}
REGRESSION_MODELS = {
    "tree": lambda seed: (DecisionTreeRegressor(random_state=seed), TREE),
    "forest": lambda seed: (RandomForestRegressor(20, random_state=seed), FOREST),
    "SVM": lambda seed: scaled(SVR(), KERNEL | {"epsilon": loguniform(1e-3, 1)}),
    "linear": lambda seed: scaled(Ridge(), {"alpha": loguniform(1e-3, 1e4)}),
    "neighbours": lambda seed: scaled(KNeighborsRegressor(), NEIGHBOURS),
}


def read(name):
    """Return a sample of a table as numbers, without gaps; numbers to predict are standardised."""
    X, y, _ = load(name)
    X = pd.DataFrame(X)
    X = X[[column for column in X if X[column].dtype.kind in "bif" or X[column].nunique() <= MAX_CATEGORIES]]
    X = pd.get_dummies(X, dtype=float)
    X, y = X.fillna(X.median()).to_numpy(dtype=float), np.asarray(y)
    kept = np.flatnonzero(np.isfinite(y) if name in REGRESSION else y >= 0)
    kept = np.random.RandomState(0).permutation(kept)[:N_ROWS]
    y = y[kept]
    return X[kept], (y - y.mean()) / y.std() if name in REGRESSION else y


def measure(name, kind, seed, n_rows=None, n_candidates=N_CANDIDATES):
    """Return what a search on half of the rows chooses by each rule, and how it predicts the other half."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    is_regression = name in REGRESSION
    X, y = read(name)
    X, y = X[:n_rows], y[:n_rows]
    train, test = train_test_split(np.arange(len(y)), test_size=0.5, random_state=seed)
    estimator, space = (REGRESSION_MODELS if is_regression else MODELS)[kind](seed)
    search = OptunaSearchCV(
        estimator, space, n_trials=n_candidates, refit=NoWorseThanDefault(0.5), cv=5, random_state=seed
    )
    search.fit(X[train], y[train])
    results = search.cv_results_
    is_apart = search.trials_["number"][-1] < 0
    default = len(results["params"]) - 1 if is_apart else 0  # else it is the first candidate

    def compute_losses(model):
        predicted = model.fit(X[train], y[train]).predict(X[test])
        return (predicted - y[test]) ** 2 if is_regression else (predicted != y[test]).astype(float)

    means = results["mean_test_score"]
    best = int(np.nanargmax(means[:-1] if is_apart else means))  # the choice of refit=True
    winner = clone(estimator).set_params(**clone(results["params"][best], safe=False))
    gains = compute_losses(clone(estimator)) - compute_losses(winner)
    spread = gains.std(ddof=1)
    fold_gains = [
        results[f"split{fold}_test_score"][best] - results[f"split{fold}_test_score"][default] for fold in range(5)
    ]
    row = {
        "problem": name,
        "model": kind,
        "seed": seed,
        "gain": float(gains.mean()),
        "errors": float(gains.mean() / (spread / np.sqrt(len(gains)))) if spread > 0 else 0.0,
        "fold_gain": float(np.mean(fold_gains)),
        "tuned": best != default,
    }
    for confidence in CONFIDENCES:
        rule = NoWorseThanDefault(confidence).with_default(default, 0.25)
        row[f"tuned at {confidence}"] = rule(dict(results)) != default
    return row


def list_runs(tables, seeds):
    """List tables, models and seeds: a model for each seed of a reported table, and all models for a tuned one."""
    kinds = list(MODELS)
    if tables == "tuned":
        return [(name, kind, seed) for seed in seeds for name in TUNED for kind in kinds]
    return [(name, kinds[(zlib.crc32(name.encode()) + seed) % len(kinds)], seed) for seed in seeds for name in REPORTED]


def report(rows):
    gains, errors = np.array([row["gain"] for row in rows]), np.array([row["errors"] for row in rows])
    total = gains.sum()
    lines = []
    rules = {"refit=True": np.array([row["tuned"] for row in rows], dtype=bool)} | {
        f"NoWorseThanDefault({confidence})": np.array([row[f"tuned at {confidence}"] for row in rows], dtype=bool)
        for confidence in CONFIDENCES
    }
    for name, is_tuned in rules.items():
        worse, better = (100 * np.mean(is_tuned & is_so) for is_so in (errors < -ALPHA, errors > ALPHA))
        share = f"{100 * gains[is_tuned].sum() / total:.0f} %" if total > 0 else "–"
        held_out = mean_and_error(np.where(is_tuned, gains, 0.0), 4)
        lines.append([name, f"{100 * is_tuned.mean():.0f} %", f"{worse:.1f} %", f"{better:.1f} %", held_out, share])
    header = [
        "rule",
        "tuned",
        "worse beyond noise",
        "better beyond noise",
        "mean gain on held-out rows",
        "of refit=True",
    ]
    n_tables = len({row["problem"] for row in rows})
    return (
        f"# Tuned against untuned\n\n{environment()}\n\n"
        f"{len(rows)} searches on {n_tables} tables. The gain is in the share of rows that are classified rightly or, "
        "for a target that is a number, in the explained share of its variance. Worse and better are counted where the "
        "paired differences of the held-out rows exceed two standard errors; by chance alone each happens to 2 % of "
        f"models that are equal.\n\n{markdown_table(header, lines)}\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--tables", choices=("reported", "tuned"), default="reported")
    parser.add_argument("--jobs", type=int, default=1, help="number of processes; the results do not depend on it")
    args = parser.parse_args()
    runs = list_runs(args.tables, args.seeds)
    changes = {}
    if args.quick:
        runs, changes = [("breast cancer", "tree", 0), ("body weight", "linear", 0)], {"n_rows": 100, "n_candidates": 4}
    name = "no_worse" if args.tables == "reported" else "no_worse_tuned"
    rows = []
    for row in Parallel(args.jobs, return_as="generator")(delayed(measure)(*run, **changes) for run in runs):
        rows.append(row)
        print(row, flush=True)
        if not args.quick:
            write_rows(name, rows)
    text = report(rows)
    print(text)
    if not args.quick:
        (RESULTS / f"{name}.md").write_text(text)


if __name__ == "__main__":
    main()
