"""Thresholds chosen inside a search, beside scikit-learn's ``TunedThresholdClassifierCV`` around its winner.

``python -m benchmarks.threshold``: on up to 1,500 rows of a table with one positive row in about twenty, a search
measures 15 candidates, and the model predicts the other rows. The metrics are F1, and the mean cost where a missed
positive costs ten times as much as a false alarm. The search is guided by this metric or by the log loss. Its threshold
is that of the classifier (0.5), is chosen in the search by ``threshold=``, or by ``TunedThresholdClassifierCV``, with
the same folds, around the winner. Seconds are those of the processor for everything up to the final model.

On labels of noise, the score that a search with one candidate reports is compared with chance, and with the score that
the same out-of-fold predictions have at the best threshold for them. ``--report`` writes the page from the CSV files.
"""

import argparse
import time
import warnings

import numpy as np
import optuna
import pandas as pd
from scipy.stats import loguniform, randint, uniform
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, get_scorer
from sklearn.model_selection import StratifiedKFold, TunedThresholdClassifierCV, cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._measure import RESULTS, environment, markdown_table, mean_and_error, read_rows, write_rows
from benchmarks.selection_tables import load
from sklearn_autotune import OptunaSearchCV, make_cost_scorer

N_TRAINING_ROWS = 1500
N_CANDIDATES = 15
SHARE = 0.05  # of positive rows; tables with fewer are left as they are
MAX_CATEGORIES = 20  # columns with more are left out

NOISE_ROWS = 400
NOISE_SHARES = (0.05, 0.1, 0.5)
NOISE_METRIC = "balanced_accuracy"

TABLES = {"caravan": "logistic", "lending club": "logistic", "churn": "forest", "spam": "forest"}
METRICS = {"F1": get_scorer("f1"), "cost": make_cost_scorer(false_positive=1, false_negative=10)}
METHODS = ("0.5", "threshold=", "TunedThresholdClassifierCV")


def read(name, seed):
    """Return a table as numbers, with the rarer class as the positive one and positive rows drawn to be rare."""
    X, y, _ = load(name)
    X, y = pd.DataFrame(X), np.asarray(y)
    X = X[[column for column in X if X[column].dtype.kind in "bif" or X[column].nunique() <= MAX_CATEGORIES]]
    X = pd.get_dummies(X, dtype=float)
    X, is_positive = X.fillna(X.median()).to_numpy(dtype=float), y == np.bincount(y).argmin()
    shuffled = np.random.RandomState(seed).permutation(len(y))
    n_positive = min(is_positive.sum(), round(SHARE / (1 - SHARE) * (~is_positive).sum()))
    kept = np.concatenate([shuffled[is_positive[shuffled]][:n_positive], shuffled[~is_positive[shuffled]]])
    return X[kept], is_positive[kept].astype(int)


def make_search(kind, seed, folds, n_candidates, **settings):
    if kind == "logistic":
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
        space = {"logisticregression__C": loguniform(1e-4, 1e2)}
    else:
        model = RandomForestClassifier(20, random_state=seed)
        space = {"max_depth": randint(2, 20), "min_samples_leaf": randint(1, 21), "max_features": uniform(0.1, 0.9)}
    return OptunaSearchCV(
        model, space, n_trials=n_candidates, cv=folds, random_state=seed, measure_default=False, **settings
    )


def measure(name, seed, n_rows=N_TRAINING_ROWS, n_candidates=N_CANDIDATES):
    """Yield a row for each metric, score that guides the search, and way to choose the threshold."""
    X, y = read(name, seed)
    X, X_test, y, y_test = train_test_split(X, y, train_size=min(n_rows, len(y) // 2), stratify=y, random_state=seed)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    for metric, scorer in METRICS.items():
        for guide, scoring in (("the metric", scorer), ("log loss", "neg_log_loss")):
            for method in METHODS:
                threshold = scorer if method == "threshold=" else None
                start = time.process_time()
                search = make_search(TABLES[name], seed, folds, n_candidates, scoring=scoring, threshold=threshold)
                model = search.fit(X, y)
                if method == "TunedThresholdClassifierCV":
                    model = TunedThresholdClassifierCV(search.best_estimator_, scoring=scorer, cv=folds).fit(X, y)
                row = {"problem": name, "seed": seed, "metric": metric, "guide": guide, "method": method}
                yield row | {
                    "seconds": time.process_time() - start,
                    "held_out": float(scorer(model, X_test, y_test)),
                    "reported": float(search.best_score_) if guide == "the metric" else float("nan"),
                }


def measure_noise(seed, share):
    """Return what is reported for labels that no column explains, with the threshold chosen for balanced accuracy."""
    random_state = np.random.RandomState(seed)
    X, y = random_state.randn(NOISE_ROWS, 10), (random_state.permutation(NOISE_ROWS) < share * NOISE_ROWS).astype(int)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    settings = {"scoring": NOISE_METRIC, "threshold": NOISE_METRIC, "measure_default": False}
    search = OptunaSearchCV(LogisticRegression(), {"C": [0.1]}, cv=folds, **settings).fit(X, y)
    scores = cross_val_predict(LogisticRegression(C=0.1), X, y, cv=folds, method="predict_proba")[:, 1]
    best = balanced_accuracy_score(y, scores >= search.threshold_)
    return {"share": share, "seed": seed, "reported": search.best_score_, "at the best threshold": best}


def report_noise(rows):
    table = pd.DataFrame(rows)
    names = ["reported", "at the best threshold"]
    lines = [
        [f"{100 * share:.0f} %", *(mean_and_error(runs[name]) for name in names)]
        for share, runs in table.groupby("share")
    ]
    header = ["positive rows", "`best_score_`", "best threshold for the scored rows"]
    return (
        f"\n## Balanced accuracy on labels of noise\n\n{table['seed'].nunique()} tables of {NOISE_ROWS} rows each. "
        f"Chance is 0.5.\n\n{markdown_table(header, lines)}\n"
    )


def report(rows):
    """Write the page: a table for each metric."""
    table = pd.DataFrame(rows)
    parts = []
    for metric in METRICS:
        sign = -1 if metric == "cost" else 1
        lines = []
        for (guide, method), runs in table[table["metric"] == metric].groupby(["guide", "method"], sort=False):
            of_tables = sign * runs.groupby("problem", sort=False)["held_out"].mean()
            gap = sign * (runs["reported"] - runs["held_out"])
            shows_gap = gap.notna().all() and method != METHODS[2]  # the search knows nothing of the class around it
            lines.append(
                [
                    guide,
                    method,
                    f"{sign * runs['held_out'].mean():.3f}",
                    *(f"{mean:.3f}" for mean in of_tables),
                    mean_and_error(gap) if shows_gap else "–",
                    f"{runs['seconds'].mean():.2f}",
                ]
            )
        problems = list(dict.fromkeys(table["problem"]))
        header = ["search guided by", "threshold", metric, *problems, "reported minus held-out", "seconds"]
        direction = "lower is better" if sign < 0 else "higher is better"
        parts.append(f"## {metric} on held-out rows ({direction})\n\n{markdown_table(header, lines)}\n")
    n_tables, n_seeds = table["problem"].nunique(), table["seed"].nunique()
    return (
        f"# Thresholds\n\n{environment()}\n\n{n_tables} tables, {n_seeds} seeds each. Cost is the mean of a row: 1 for "
        "a false alarm, 10 for a missed positive. Seconds are those of the processor for the search, the choice of the "
        "threshold and the final fit.\n\n" + "\n".join(parts)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--report", action="store_true", help="write the page from the CSV files, measure nothing")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    runs, changes = [] if args.report else [(name, seed) for seed in args.seeds for name in TABLES], {}
    if args.quick:
        runs, changes = [("caravan", 0)], {"n_rows": 300, "n_candidates": 3}
    rows, noise = (read_rows("threshold"), read_rows("threshold_noise")) if args.report else ([], [])
    for name, seed in runs:
        for row in measure(name, seed, **changes):
            rows.append(row)
            print(row, flush=True)
        if not args.quick:
            write_rows("threshold", rows)
    if not args.report:
        noise = [measure_noise(seed, share) for share in NOISE_SHARES for seed in range(2 if args.quick else 20)]
    text = report(rows) + report_noise(noise)
    print(text)
    if not args.quick:
        write_rows("threshold_noise", noise)
        (RESULTS / "threshold.md").write_text(text)


if __name__ == "__main__":
    main()
