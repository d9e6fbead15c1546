"""What it costs to keep the candidates' test rows, and to read ``corrected_score_``, for `benchmarks.honesty`."""

import pickle
import time
import warnings
from contextlib import contextmanager

import numpy as np
import optuna
from scipy.stats import loguniform, uniform
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from benchmarks._measure import interleave, markdown_table, measure_missing, spread
from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.search import _optuna_search_cv

__all__ = ["cost_section", "measure_costs"]

REPEATS = 5
N_COLUMNS = 10
# Milliseconds of a fit: rows and candidates.
FITS = {2: (300, 60), 20: (2000, 20), 200: (13_000, 5)}
SIZES = (300, 5000, 50_000)
METRICS = {"log loss": "neg_log_loss", "AUC": "roc_auc", "F1": "f1"}
N_CANDIDATES = 50


@contextmanager
def keeping_nothing():
    original = _optuna_search_cv.keep_rows
    _optuna_search_cv.keep_rows = lambda task, estimator, refit: task
    try:
        yield
    finally:
        _optuna_search_cv.keep_rows = original


def draw_table(n_rows):
    random = np.random.RandomState(0)
    X = random.normal(size=(n_rows, N_COLUMNS))
    return X, (X[:, 0] + random.normal(size=n_rows) > 0).astype(int)


def time_searches(milliseconds, repeat):
    """Measure a search with and without kept rows, one after the other."""
    n_rows, n_candidates = FITS[milliseconds]
    X, y = draw_table(n_rows)
    tree = DecisionTreeClassifier(random_state=0)
    space = {"min_impurity_decrease": uniform(0, 1e-9)}  # so that all fits take the same time
    settings = {"scoring": "neg_log_loss", "pruner": None, "refit": False, "random_state": repeat}
    fit = OptunaSearchCV(tree, space, n_trials=n_candidates, **settings).fit

    def search_without():
        with keeping_nothing():
            fit(X, y)

    calls = {"kept": lambda: fit(X, y), "not kept": search_without}
    calls = calls if repeat % 2 else dict(reversed(calls.items()))  # each is the first one half of the time
    seconds = {name: found[0] for name, found in interleave(calls, 1).items()}
    return {"kept": seconds["kept"], "not_kept": seconds["not kept"]}


def time_reading(metric, n_rows):
    """Measure the first reading of the corrected score, and the size of the pickled search."""
    X, y = draw_table(n_rows)
    search = OptunaSearchCV(
        GaussianNB(),
        {"var_smoothing": loguniform(1e-9, 1e2)},
        n_trials=N_CANDIDATES,
        scoring=METRICS[metric],
        pruner=None,
        random_state=0,
    )
    with keeping_nothing():
        n_bytes_without = len(pickle.dumps(search.fit(X, y)))
    n_bytes = len(pickle.dumps(search.fit(X, y)))
    start = time.process_time()
    search.corrected_interval_  # noqa: B018
    return {"seconds": time.process_time() - start, "bytes": n_bytes, "bytes_without": n_bytes_without}


def measure_cost(case, seed):
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kind, what, number = case.split(", ")
    found = time_searches(int(number), seed) if kind == "search" else time_reading(what, int(number))
    row = {"problem": case, "seed": seed} | found
    print(row, flush=True)
    return [row]


def measure_costs(is_resumed, is_quick):
    """Measure all costs, and return a row for each."""
    wanted = [(f"search, fits, {milliseconds}", repeat) for repeat in range(REPEATS) for milliseconds in FITS]
    wanted += [(f"reading, {metric}, {n_rows}", 0) for metric in METRICS for n_rows in SIZES]
    if is_quick:
        wanted = [("search, fits, 2", 0), ("reading, log loss, 300", 0)]
    return measure_missing("honesty_cost", measure_cost, wanted, is_resumed=is_resumed, is_quick=is_quick)


def cost_section(rows):
    searches, readings = [], []
    for milliseconds, (n_rows, n_candidates) in FITS.items():
        table = [row for row in rows if row["problem"] == f"search, fits, {milliseconds}"]
        if table:
            more = [100 * (row["kept"] / row["not_kept"] - 1) for row in table]
            searches.append(
                [
                    *(f"{milliseconds} ms", n_rows, n_candidates, spread([row["not_kept"] for row in table])),
                    *(spread([row["kept"] for row in table]), spread(more, 2)),
                ]
            )
    for row in rows:
        kind, metric, n_rows = row["problem"].split(", ")
        if kind == "reading":
            sizes = [f"{row[name] / 1000:,.0f}" for name in ("bytes_without", "bytes")]
            readings.append([metric, f"{int(n_rows):,}", f"{row['seconds']:.2f}", *sizes])
    readings.sort(key=lambda line: (list(METRICS).index(line[0]), int(line[1].replace(",", ""))))
    return (
        "## What the corrected score costs\n\n"
        f"CPU seconds of a search with 5 folds and log loss, with and without the kept rows, on the same candidates, "
        f"in turn; median, smallest and largest of {REPEATS} repeats. Other programs ran on the same machine.\n\n"
        + markdown_table(
            ["a fit", "rows", "candidates", "seconds without", "seconds with", "% more, of each pair"], searches
        )
        + f"\n\nCPU seconds of the first reading of `corrected_score_`, and kilobytes of the pickled search, with "
        f"{N_CANDIDATES} candidates that are measured on all of 5 folds:\n\n"
        + markdown_table(["metric", "rows", "seconds", "kB without kept rows", "kB with them"], readings)
        + "\n"
    )
