"""Searches by several objectives, beside loops with Optuna that a user would write.

``python -m benchmarks.objectives``: log loss, seconds to predict a row, and bytes of the model, on six real tables.
The loops measure 100 candidates on all folds, with Optuna's TPE or NSGA-II; the search measures up to 100 candidates
with its default race. The quality of the candidates so far is the hypervolume that they dominate, with costs as
logarithms, and each objective scaled to the range of all runs on the table. It is asked after how many fits, and how
many CPU seconds, the search has the hypervolume that a loop has at its end.

``--limits`` asks how often the winner of a search with a limit keeps to it on held-out rows: the smallest model whose
log loss is at most 1.3 times that of the best, and the best model of at most a given size. ``--report`` writes the page
from the CSV files.
"""

import argparse
import time
import warnings

import numpy as np
import optuna
import pandas as pd
from scipy.stats import loguniform, randint, uniform
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from benchmarks._measure import (
    RESULTS,
    environment_of,
    geometric,
    markdown_table,
    measure_missing,
    read_rows,
)
from benchmarks.selection_tables import load
from sklearn_autotune import OptunaSearchCV, PredictSeconds
from sklearn_autotune.objectives._costs import count_bytes
from sklearn_autotune.objectives._front import compute_hypervolume
from sklearn_autotune.space._space import read_space

MAX_ROWS = 400  # for training; the others are held out
MAX_CATEGORIES = 20  # columns with more are left out
N_CANDIDATES = 100
N_LIMITED = 30  # candidates of a search with a limit
SLACK = 1.3  # of the best log loss, that a limit allows
FOLDS = 5

FOREST = {"n_estimators": randint(3, 21), "max_depth": randint(2, 21), "max_features": uniform(0.05, 0.45)}
PROBLEMS = {
    "cells": (lambda seed: RandomForestClassifier(random_state=seed), FOREST),
    "OJ": (lambda seed: ExtraTreesClassifier(random_state=seed), FOREST | {"min_samples_leaf": randint(1, 21)}),
    "churn": (
        lambda seed: XGBClassifier(n_jobs=1, random_state=seed),
        {"n_estimators": randint(3, 41), "max_depth": randint(1, 9), "learning_rate": loguniform(0.03, 1)},
    ),
    "spam": (
        lambda seed: HistGradientBoostingClassifier(random_state=seed, early_stopping=False),
        {"max_iter": randint(3, 31), "max_leaf_nodes": randint(2, 33), "learning_rate": loguniform(0.03, 1)},
    ),
    "digits": (
        lambda seed: make_pipeline(StandardScaler(), MLPClassifier(max_iter=15, random_state=seed)),
        {
            "mlpclassifier__hidden_layer_sizes": randint(2, 65),
            "mlpclassifier__alpha": loguniform(1e-5, 1),
            "mlpclassifier__learning_rate_init": loguniform(1e-4, 0.1),
        },
    ),
    "credit": (
        lambda seed: make_pipeline(StandardScaler(), SelectKBest(), KNeighborsClassifier()),
        {"selectkbest__k": randint(1, 20), "kneighborsclassifier__n_neighbors": randint(3, 151)},
    ),
}
LOOPS = {"TPE": optuna.samplers.TPESampler, "NSGA-II": optuna.samplers.NSGAIISampler}
OURS = "OptunaSearchCV"
OBJECTIVES = {"log loss": "neg_log_loss", "seconds": PredictSeconds(), "bytes": "bytes"}


def read(name, seed):
    """Return a table as numbers: training rows and held-out rows."""
    X, y, _ = load(name)
    X, y = pd.DataFrame(X), pd.factorize(np.asarray(y))[0]
    X = X[[column for column in X if X[column].dtype.kind in "bif" or X[column].nunique() <= MAX_CATEGORIES]]
    X = pd.get_dummies(X, dtype=float)
    X = X.fillna(X.median()).to_numpy(dtype=float)
    return train_test_split(X, y, train_size=min(MAX_ROWS, len(y) // 2), stratify=y, random_state=seed)


def measure_fold(model, X, y, train, test, labels):
    fitted = clone(model).fit(X[train], y[train])
    loss = log_loss(y[test], fitted.predict_proba(X[test]), labels=labels)
    return loss, -PredictSeconds()(fitted, X[test]), count_bytes(fitted)


def run_loop(make_sampler, make, space, X, y, seed, n_candidates):
    """Yield fits, CPU seconds and values after each candidate of a loop as a user would write it."""
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(X, y))
    study = optuna.create_study(directions=["minimize"] * 3, sampler=make_sampler(seed=seed))
    read_params = read_space(space).suggest
    start, n_fits = time.process_time(), 0
    for _ in range(n_candidates):
        trial = study.ask()
        model = make(seed).set_params(**read_params(trial))
        values = np.mean([measure_fold(model, X, y, *fold, np.unique(y)) for fold in folds], axis=0)
        study.tell(trial, values.tolist())
        n_fits += FOLDS
        yield n_fits, time.process_time() - start, *values


def run_search(make, space, X, y, seed, n_candidates):
    """Return fits, CPU seconds and values after each complete candidate of a search."""
    start, seconds = time.process_time(), []
    search = OptunaSearchCV(
        make(seed),
        space,
        objectives=OBJECTIVES,
        n_trials=n_candidates,
        cv=StratifiedKFold(FOLDS, shuffle=True, random_state=seed),
        random_state=seed,
        measure_default=False,
        refit=False,
        callbacks=[lambda study, trial: seconds.append(time.process_time() - start)],
    ).fit(X, y)
    measured = [status in ("complete", "pruned", "failed") for status in search.trials_["status"]]
    n_fits = np.cumsum(search.trials_["n_folds"][measured])
    results = dict(search.cv_results_)
    columns = [-results[f"mean_test_{name}"] for name in ("log loss", "neg_seconds", "neg_bytes")]
    rows = zip(n_fits, seconds, *columns, strict=True)
    return [row for row in rows if np.isfinite(row[2])] + [(n_fits[-1], seconds[-1], np.nan, np.nan, np.nan)]


def measure(name, seed, n_rows=MAX_ROWS, n_candidates=N_CANDIDATES):
    make, space = PROBLEMS[name]
    X, _, y, _ = read(name, seed)
    X, y = X[:n_rows], y[:n_rows]
    runs = {OURS: run_search(make, space, X, y, seed, n_candidates)}
    for loop, make_sampler in LOOPS.items():
        runs[loop] = list(run_loop(make_sampler, make, space, X, y, seed, n_candidates))
    names = ("fits", "cpu", "log_loss", "seconds", "bytes")
    return [
        {"problem": name, "seed": seed, "method": method} | dict(zip(names, map(float, row), strict=True))
        for method, rows in runs.items()
        for row in rows
    ]


def has_winner(search, X, y):
    """Fit a search; return whether a candidate meets its limits."""
    try:
        search.fit(X, y)
    except ValueError as error:
        if "No candidate meets" not in str(error) and "No other candidate" not in str(error):
            raise
        return False
    return True


def measure_limits(name, seed, n_rows=MAX_ROWS, n_candidates=N_LIMITED):
    """Return what the winners of searches with limits have on held-out rows."""
    make, space = PROBLEMS[name]
    X, X_test, y, y_test = read(name, seed)
    X, y = X[:n_rows], y[:n_rows]
    settings = {"n_trials": n_candidates, "cv": StratifiedKFold(FOLDS, shuffle=True, random_state=seed)}
    settings |= {"random_state": seed, "measure_default": False, "objectives": ["neg_log_loss", "bytes"]}
    free = OptunaSearchCV(make(seed), space, refit=False, **settings).fit(X, y)
    bound, size = SLACK * -free.best_score_, float(np.median(free.front_["bytes"]))
    rows = []
    for confidence in (0.5, 0.9):
        search = OptunaSearchCV(
            make(seed),
            space,
            **settings,
            refit="bytes",
            limits={"log_loss": ("<=", bound)},
            limit_confidence=confidence,
        )
        is_found = has_winner(search, X, y)
        held_out = log_loss(y_test, search.predict_proba(X_test), labels=np.unique(y)) if is_found else np.nan
        found = count_bytes(search.best_estimator_) if is_found else np.nan
        rows.append({"limit": f"log loss, {confidence}", "bound": bound, "value": held_out, "bytes": found})
    search = OptunaSearchCV(make(seed), space, **settings, limits={"bytes": ("<=", size)})
    found = count_bytes(search.best_estimator_) if has_winner(search, X, y) else np.nan
    rows.append({"limit": "bytes, 0.9", "bound": size, "value": found, "bytes": found})
    return [{"problem": name, "seed": seed} | row | {"is_met": row["value"] <= row["bound"]} for row in rows]


def scale(runs):
    """Return the objectives of all runs on a problem so that higher is better, and each is from 0 to 1."""
    values = -np.log(runs[["log_loss", "seconds", "bytes"]].to_numpy())
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    return (values - low) / (high - low)


def compare(table):
    """Return a row for each problem, seed and loop: what the search needs to have the loop's hypervolume."""
    rows = []
    reference = np.full(3, -0.01)
    for problem, runs in table.groupby("problem", sort=False):
        scaled = pd.DataFrame(scale(runs), index=runs.index)
        for seed, of_seed in runs.groupby("seed"):
            ours = of_seed[of_seed["method"] == OURS]
            volumes = [
                compute_hypervolume(scaled.loc[ours.index[: n + 1]].dropna().to_numpy(), reference)
                for n in range(len(ours))
            ]
            for loop in LOOPS:
                theirs = of_seed[of_seed["method"] == loop]
                final = compute_hypervolume(scaled.loc[theirs.index].to_numpy(), reference)
                reached = np.flatnonzero(np.array(volumes) >= final)
                at = ours.iloc[reached[0] if len(reached) else -1]
                rows.append(
                    {
                        "problem": problem,
                        "seed": seed,
                        "loop": loop,
                        "volume": volumes[-1] / final,
                        "is_reached": bool(len(reached)),
                        "fits": at["fits"] / theirs["fits"].max(),
                        "cpu": at["cpu"] / theirs["cpu"].max(),
                        "all fits": ours["fits"].max() / theirs["fits"].max(),
                        "all cpu": ours["cpu"].max() / theirs["cpu"].max(),
                    }
                )
    return pd.DataFrame(rows)


def report(rows, limits):
    """Return the page."""
    pairs = compare(pd.DataFrame(rows))
    lines = []
    for loop, of_loop in pairs.groupby("loop", sort=False):
        of_problem = of_loop.groupby("problem", sort=False)
        for problem, runs in [*of_problem, ("all", of_loop)]:
            logs = np.log(runs[["fits", "cpu", "volume"]])
            if problem == "all":
                logs = logs.groupby(of_loop["problem"], sort=False).mean()
            lines.append(
                [
                    loop,
                    problem,
                    f"{int(runs['is_reached'].sum())} of {len(runs)}",
                    *(geometric(logs[name].to_numpy()) for name in ("fits", "cpu")),
                    f"{np.exp(np.log(runs['all fits']).mean()):.2f}",
                    geometric(logs["volume"].to_numpy()),
                ]
            )
    header = ["loop", "table", "reached", "fits", "CPU seconds", "fits of the whole search", "final hypervolume"]
    kept = pd.DataFrame(limits)
    kept_lines = []
    for limit, runs in kept.groupby("limit", sort=False):
        found = runs[runs["value"].notna()]
        over = (found["value"] / found["bound"]).max()
        kept_lines.append([limit, len(runs), len(runs) - len(found), f"{found['is_met'].mean():.0%}", f"{over:.2f}"])
    kept_header = ["limit, confidence", "searches", "no winner", "kept on held-out rows", "farthest value / limit"]
    n_seeds = pairs["seed"].nunique()
    return f"""# Several objectives

`python -m benchmarks.objectives` and `--limits`: log loss, seconds to predict a row and bytes,
{pairs["problem"].nunique()} tables × {n_seeds} seeds. `OptunaSearchCV(objectives=...)` with up to {N_CANDIDATES}
candidates beside loops with Optuna's samplers and {N_CANDIDATES} candidates on all {FOLDS} folds.

{environment_of("objectives")}

## Until the search has the hypervolume of a loop

Ratios to the whole loop; geometric means, in brackets over two standard errors. Runs in which the search does not reach
the hypervolume count with all that the search needs.

{markdown_table(header, lines)}

The hypervolume is that of the logarithms of all three, each scaled to the range of all runs on the table.

## Limits on held-out rows

The smallest model with a log loss of at most {SLACK} times the best one's, by the mean over the folds (0.5) or by the
end of the one-sided interval of 90 % (0.9); and the best model with at most the median size of the front.
{N_LIMITED} candidates.

{markdown_table(kept_header, kept_lines)}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--resume", action="store_true", help="measure only what is missing")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    parser.add_argument("--limits", action="store_true", help="measure how often limits are kept")
    parser.add_argument("--report", action="store_true", help="write the page from the CSV files")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if args.quick:
        print(report(measure("OJ", 0, n_rows=100, n_candidates=3), measure_limits("OJ", 0, n_rows=100, n_candidates=3)))
        return
    if not args.report:
        wanted = [(problem, seed) for seed in args.seeds for problem in args.problems]
        name, call = ("objectives_limits", measure_limits) if args.limits else ("objectives", measure)
        measure_missing(name, call, wanted, is_resumed=args.resume, is_quick=False)
    if args.report:
        text = report(read_rows("objectives"), read_rows("objectives_limits"))
        (RESULTS / "objectives.md").write_text(text, encoding="utf-8")
        print(text)


if __name__ == "__main__":
    main()
