"""What it costs to keep the candidates' test rows, and to read ``corrected_score_``, for `benchmarks.honesty`."""

import pickle
import time
import warnings
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import numpy as np
import optuna
from scipy.stats import loguniform, uniform
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from benchmarks._measure import markdown_table, measure_missing, seconds_of, spread, standard_error
from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.evaluation import _whole_folds
from sklearn_autotune.search import _optuna_search_cv

__all__ = ["cost_section", "measure_costs"]

REPEATS = 5
N_COLUMNS = 10
# Milliseconds of a fit: rows and candidates.
FITS = {2: (300, 60), 20: (2000, 20), 200: (13_000, 5)}
N_PAIRED = {2: 600, 20: 100, 200: 10}  # candidates whose folds are scored twice
METRICS = {"log loss": "neg_log_loss", "AUC": "roc_auc", "F1": "f1", "median error": "neg_median_absolute_error"}
SIZES = dict.fromkeys(METRICS, (300, 5000, 50_000)) | {"median error": (300,)}
N_CANDIDATES = 50


@contextmanager
def keeping_nothing():
    original = _optuna_search_cv.keep_rows
    _optuna_search_cv.keep_rows = lambda task, estimator, refit: task
    try:
        yield
    finally:
        _optuna_search_cv.keep_rows = original


@contextmanager
def scoring_twice(with_rows, without_rows):
    """Score each fold with and without keeping its rows, and append the CPU seconds of both."""
    original = _whole_folds.WholeFolds.score_fold

    def score_fold(evaluation, *args):
        without = replace(evaluation, task=replace(evaluation.task, row_keeper="not kept"))
        pair, found = {True: evaluation, False: without}, {}
        for is_kept in (True, False) if len(with_rows) % 2 else (False, True):
            start = time.process_time()
            scored = original(pair[is_kept], *args)
            found[is_kept] = time.process_time() - start
        with_rows.append(found[True])
        without_rows.append(found[False])
        return scored

    _whole_folds.WholeFolds.score_fold = score_fold
    try:
        yield
    finally:
        _whole_folds.WholeFolds.score_fold = original


def draw_table(n_rows):
    random = np.random.RandomState(0)
    X = random.normal(size=(n_rows, N_COLUMNS))
    return X, (X[:, 0] + random.normal(size=n_rows) > 0).astype(int)


def prepare_search(milliseconds, seed, n_candidates):
    """Return the fit of a search whose candidates all take the same time."""
    n_rows = FITS[milliseconds][0]
    X, y = draw_table(n_rows)
    tree = DecisionTreeClassifier(random_state=0)
    space = {"min_impurity_decrease": uniform(0, 1e-9)}
    settings = {"scoring": "neg_log_loss", "pruner": None, "refit": False, "random_state": seed}
    search = OptunaSearchCV(tree, space, n_trials=n_candidates, **settings)
    return lambda: search.fit(X, y)


def time_searches(milliseconds, repeat):
    """Measure a search with and without kept rows, one after the other."""
    fit = prepare_search(milliseconds, repeat, FITS[milliseconds][1])
    found = {}
    for name in ("kept", "not_kept") if repeat % 2 else ("not_kept", "kept"):
        with nullcontext() if name == "kept" else keeping_nothing():
            found[name] = seconds_of(fit)
    return found


def time_folds(milliseconds, n_candidates):
    """Measure keeping alone: each fold of a search is scored with and without it, one after the other."""
    with_rows, without_rows = [], []
    with scoring_twice(with_rows, without_rows):
        total = seconds_of(prepare_search(milliseconds, 0, n_candidates))
    more = np.subtract(with_rows, without_rows)
    error = standard_error(more) * len(more)
    return {"more": float(more.sum()), "error": float(error), "total": total - sum(with_rows)}


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
    if kind == "reading":
        found = time_reading(what, int(number))
    else:
        found = time_searches(int(number), seed) if kind == "search" else time_folds(int(number), int(what))
    row = {"problem": case, "seed": seed} | found
    print(row, flush=True)
    return [row]


def measure_costs(is_resumed, is_quick):
    """Measure all costs, and return a row for each."""
    wanted = [(f"search, fits, {milliseconds}", repeat) for repeat in range(REPEATS) for milliseconds in FITS]
    wanted += [(f"pairs, {n_candidates}, {milliseconds}", 0) for milliseconds, n_candidates in N_PAIRED.items()]
    wanted += [(f"reading, {metric}, {n_rows}", 0) for metric in METRICS for n_rows in SIZES[metric]]
    if is_quick:
        wanted = [("search, fits, 2", 0), ("pairs, 10, 2", 0), ("reading, log loss, 300", 0)]
    return measure_missing("honesty_cost", measure_cost, wanted, is_resumed=is_resumed, is_quick=is_quick)


def cost_section(rows):
    searches, readings = [], []
    for milliseconds, (n_rows, n_candidates) in FITS.items():
        table = [row for row in rows if row["problem"] == f"search, fits, {milliseconds}"]
        if table:
            folds = "".join(
                f"{100 * row['more'] / row['total']:.2f} ± {200 * row['error'] / row['total']:.2f}"
                for row in rows
                if row["problem"] == f"pairs, {N_PAIRED[milliseconds]}, {milliseconds}"
            )
            more = [100 * (row["kept"] / row["not_kept"] - 1) for row in table]
            searches.append(
                [
                    *(f"{milliseconds} ms", n_rows, n_candidates, spread([row["not_kept"] for row in table])),
                    *(spread([row["kept"] for row in table]), spread(more, 2), folds),
                ]
            )
    for row in rows:
        kind, metric, n_rows = row["problem"].split(", ")
        if kind == "reading":
            sizes = [f"{row[name] / 1000:,.0f}" for name in ("bytes_without", "bytes")]
            readings.append([metric, f"{int(n_rows):,}", f"{row['seconds']:.2f}", *sizes])
    readings.sort(key=lambda line: (list(METRICS).index(line[0]), int(line[1].replace(",", ""))))
    search_header = ["a fit", "rows", "candidates", "seconds without", "seconds with", "% more, of each pair"]
    search_header += ["% more, by pairs of folds"]
    reading_header = ["metric", "rows", "seconds", "kB without kept rows", "kB with them"]
    return f"""## What the corrected score costs

CPU seconds of a search with 5 folds and log loss, with and without the kept rows, on the same candidates, in turn;
median, smallest and largest of {REPEATS} repeats. Other programs ran on the same machine, so that the seconds of whole
searches vary by more than what is looked for. For the last column, each fold of a search with more candidates was
scored with and without keeping its rows, one right after the other: the sum of the differences, with two standard
errors, as a share of the search.

{markdown_table(search_header, searches)}

CPU seconds of the first reading of `corrected_score_`, and kilobytes of the pickled search, with {N_CANDIDATES}
candidates that are measured on all of 5 folds. Log loss, the area under the ROC curve and F1 are computed for all
resamples together; the median absolute error is called once for each of 100 resamples of the best 25 candidates:

{markdown_table(reading_header, readings)}
"""
