"""``corrected_score_`` beside ``best_score_`` on real tables with rows that were held out, for `benchmarks.honesty`."""

import warnings

import numpy as np
import optuna
import pandas as pd
from scipy.stats import loguniform, norm, randint
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from benchmarks._measure import markdown_table, measure_missing, standard_error
from benchmarks.fresh_problems import logged, personality, recurrence
from benchmarks.honesty_noise import summarize
from benchmarks.problems import FOREST, KERNEL, ames, behind, table
from benchmarks.selection_tables import TABLES
from benchmarks.small_problems import TREE
from sklearn_autotune import OptunaSearchCV

__all__ = ["measure_real", "real_section"]

MAX_SEARCHED, MAX_HELD_OUT = 500, 5000
N_CANDIDATES = 30
MAX_CATEGORIES = 10
MIN_CLASS_SHARE = 0.03
NEIGHBOURS = {"n_neighbors": randint(1, 61), "weights": ["uniform", "distance"], "p": [1, 2]}

# Of the tables of `benchmarks.selection`, those with 300 to 20,000 rows; not those with several rows of a person.
CLASSIFICATION = (
    *("breast cancer", "credit", "churn", "cells", "OJ", "HMDA", "spam", "email", "telephone", "stack overflow"),
    *("health insurance", "taxi", "lending club", "digits", "diamonds", "attrition", "caravan", "jobs", "smoking"),
    *("vote", "names", "arrests", "titanic", "benefits", "chile", "contraception", "chains", "wells", "mortgages"),
    *("relapse", "trainees", "biopsies", "working wives", "liver", "olive oils", "pancreatitis"),
)
REGRESSION = (
    *("teaching", "wages", "card balance", "houses in Windsor", "clothing sales", "body weight", "births", "beauty"),
    *("schooling", "final exam", "economics course", "gifts", "medical expenses", "school districts"),
    "smoking and birth weight",
)
MORE_CLASSIFICATION = {
    "Pima": lambda: table("MASS", "Pima.te", "type"),
    "heart attacks": lambda: table("DAAG", "monica", "outcome"),
    "personality": personality,
    "recurrence": recurrence,
    "penguins": lambda: table("palmerpenguins", "penguins", "species"),
    "graduation": lambda: table("wooldridge", "catholic", "hsgrad", drop=("id",), is_known=True),
}
MORE_REGRESSION = {
    "diabetes": lambda: load_diabetes(return_X_y=True),
    "Boston": lambda: table("MASS", "Boston", "medv"),
    "concrete": lambda: table("modeldata", "concrete", "compressive_strength"),
    "seats": lambda: table("ISLR", "Carseats", "Sales"),
    "colleges": lambda: table("ISLR", "College", "Grad.Rate"),
    "car prices": lambda: logged("modeldata", "car_prices", "Price"),
    "Saratoga": lambda: logged("mosaicData", "SaratogaHouses", "price"),
    "grades": lambda: table("wooldridge", "gpa2", "colgpa"),
    "Ames": ames,
    "computers": lambda: logged("Ecdat", "Computers", "price"),
    "deliveries": lambda: table("modeldata", "deliveries", "time_to_delivery"),
    "Sacramento": lambda: logged("modeldata", "Sacramento", "price"),
    "fuel": lambda: table("ISLR", "Auto", "mpg", drop=("name",)),
    "wages of 1985": lambda: table("AER", "CPS1985", "wage"),
    "professors": lambda: logged("carData", "Salaries", "salary"),
    "babies": lambda: table("openintro", "babies", "bwt", drop=("case",)),
}
SOURCES = TABLES | MORE_CLASSIFICATION | MORE_REGRESSION
NAMES = {True: (*CLASSIFICATION, *MORE_CLASSIFICATION), False: (*REGRESSION, *MORE_REGRESSION)}
SCORES = ("best", "corrected", "nested")
MODEL_PREFIXES = {
    "tree": "tree",
    "forest": "forest",
    "neighbours": "kneighbors",
    "SVC": "svc",
    "linear model": ("logistic", "ridge"),
}
METRICS = {
    "log loss": "neg_log_loss",
    "AUC": "roc_auc",
    "accuracy": "accuracy",
    "R2": "r2",
    "RMSE": "neg_root_mean_squared_error",
}


def load_numbers(name):
    """Return the rows with a target, with a column for each frequent category and no missing value; and the target."""
    X, y = SOURCES[name]()
    X, y = pd.DataFrame(X), np.asarray(y)
    is_kept = ~pd.isna(y)
    if name in NAMES[True]:
        values, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
        is_kept &= (counts >= MIN_CLASS_SHARE * len(y))[codes] & ~pd.isna(values)[codes]
    X, y = X[is_kept].copy(), y[is_kept]
    for column in X.columns:
        if not pd.api.types.is_numeric_dtype(X[column]):
            texts = X[column].astype(str)
            X[column] = texts.where(texts.isin(texts.value_counts().index[:MAX_CATEGORIES]), "other")
    X = pd.get_dummies(X, dtype=float).astype(float)
    return X.fillna(X.median()).to_numpy(), np.unique(y, return_inverse=True)[1] if name in NAMES[True] else y


def split(name):
    """Draw the rows of the search, and at least as many that are held out."""
    X, y = load_numbers(name)
    n_searched = min(MAX_SEARCHED, len(y) // 2)
    return train_test_split(
        *(X, y),
        train_size=n_searched,
        test_size=min(MAX_HELD_OUT, len(y) - n_searched),
        stratify=y if name in NAMES[True] else None,
        random_state=0,
    )


def choose_metric(name, n_classes):
    """Choose the metrics in turn by table; more than two classes have no AUC."""
    number = NAMES[name in NAMES[True]].index(name)
    if name in NAMES[False]:
        return ("R2", "RMSE")[(number + number // 4) % 2]
    metric = ("log loss", "AUC", "accuracy")[number % 3]
    return "accuracy" if metric == "AUC" and n_classes > 2 else metric


def make_model(name, metric, seed):
    """Choose the models in turn by table; return name, model and space."""
    is_classification = name in NAMES[True]
    kind = NAMES[is_classification].index(name) % 4
    if kind == 0:
        tree = DecisionTreeClassifier if is_classification else DecisionTreeRegressor
        return "tree", tree(random_state=seed), TREE
    if kind == 1:
        forest = RandomForestClassifier if is_classification else RandomForestRegressor
        return "forest", forest(n_estimators=10, random_state=seed), FOREST
    if kind == 2:
        model, space = KNeighborsClassifier() if is_classification else KNeighborsRegressor(), NEIGHBOURS
    elif not is_classification:
        model, space = Ridge(), {"alpha": loguniform(1e-3, 1e5)}
    elif metric == "log loss":
        model = LogisticRegression(max_iter=200)
        space = {"C": loguniform(1e-4, 1e2), "class_weight": [None, "balanced"]}
    else:
        model, space = SVC(random_state=seed), KERNEL
    step = type(model).__name__.lower()
    return step, make_pipeline(StandardScaler(), model), behind(step, space)


def measure_table(name, seed):
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    X, X_held_out, y, y_held_out = split(name)
    metric = choose_metric(name, len(np.unique(y)))
    model_name, model, space = make_model(name, metric, seed)
    settings = {"n_trials": N_CANDIDATES, "scoring": METRICS[metric], "random_state": seed}
    search = OptunaSearchCV(model, space, keep="estimators", **settings).fit(X, y)
    scorer = get_scorer(METRICS[metric])
    low, high = search.corrected_interval_
    scores = {
        "best": search.best_score_,
        "corrected": search.corrected_score_,
        "low": low,
        "high": high,
        "nested": cross_val_score(OptunaSearchCV(model, space, **settings), X, y, scoring=METRICS[metric], cv=3).mean(),
        "held_out": scorer(search, X_held_out, y_held_out),
        "held_out_folds": np.mean([scorer(fitted, X_held_out, y_held_out) for fitted in search.fold_estimators_]),
    }
    row = {"problem": name, "seed": seed, "metric": metric, "model": model_name, "searched": len(y)}
    row |= {"rows_held_out": len(y_held_out)} | {key: float(score) for key, score in scores.items()}
    print(row, flush=True)
    return [row]


def measure_real(is_resumed, is_quick, jobs=1):
    """Measure all tables, and return a row for each."""
    names = ("olive oils", "seats") if is_quick else (*NAMES[True], *NAMES[False])
    wanted = [(name, 0) for name in names]
    return measure_missing("honesty_real", measure_table, wanted, jobs=jobs, is_resumed=is_resumed, is_quick=is_quick)


def gather(rows):
    """Return the columns of numbers as arrays, with half the width of the intervals."""
    names = (*SCORES, "low", "high", "held_out", "held_out_folds", "searched", "rows_held_out")
    columns = {name: np.array([row[name] for row in rows], dtype=float) for name in names}
    return columns | {"half": (columns["high"] - columns["low"]) / 2}


def summarize_root(errors, digits=2):
    """Return the root of the mean square with two standard errors as text, by the delta method."""
    root = np.sqrt(np.mean(errors**2))
    return f"{root:.{digits}f} ± {standard_error(errors**2) / root:.{digits}f}" if root else "0"


def in_half_widths(columns):
    return columns["half"]


def in_plain_numbers(columns):
    return 1.0


def bias_lines(groups, unit, digits):
    """Return a line a group: bias and root mean squared error of the three scores, divided by what ``unit`` gives."""
    lines = []
    for name, rows in groups.items():
        if rows:
            columns = gather(rows)
            errors = {key: (columns[key] - columns["held_out"]) / unit(columns) for key in SCORES}
            to_folds = [(columns[key] - columns["held_out_folds"]) / unit(columns) for key in SCORES[:2]]
            lines.append(
                [
                    *(name, len(rows), *(summarize(found, digits) for found in errors.values())),
                    *(summarize(found, digits) for found in to_folds),
                    *(summarize_root(found, digits) for found in errors.values()),
                ]
            )
    return lines


def coverage_lines(groups):
    lines = []
    for name, rows in groups.items():
        if rows:
            columns = gather(rows)
            noise = np.sqrt(1 + columns["searched"] / columns["rows_held_out"])
            middle = (columns["low"] + columns["high"]) / 2
            cells = []
            for truth in ("held_out", "held_out_folds"):
                for factor in (1, noise):
                    is_inside = np.abs(columns[truth] - middle) <= factor * columns["half"]
                    cells.append(f"{summarize(100 * is_inside, 0)} %")
            lines.append([name, len(rows), *cells, f"{100 * np.mean(2 * norm.cdf(1.96 / noise) - 1):.0f} %"])
    return lines


def real_section(rows):
    by_metric = {metric: [row for row in rows if row["metric"] == metric] for metric in METRICS}
    by_kind = {
        kind: [row for row in rows if row["model"].startswith(prefixes)] for kind, prefixes in MODEL_PREFIXES.items()
    }
    groups = by_metric | {"all": rows, "all but gifts": [row for row in rows if row["problem"] != "gifts"]}
    groups_of_width, kinds_of_width = (
        {name: [row for row in found if row["high"] > row["low"]] for name, found in named.items()}
        for named in (groups, by_kind)
    )
    plain = {metric: by_metric[metric] for metric in ("AUC", "accuracy", "R2")}
    names = ("best_score_", "corrected_score_", "nested")
    header = ["tables", *(f"bias of {name}" for name in names), *(f"{name} minus fold models" for name in names[:2])]
    header += [f"root mean squared error of {name}" for name in names]
    n_regression = sum(row["metric"] in ("R2", "RMSE") for row in rows)
    coverage_header = ["metric", "tables", "contains", "contains, widened", "contains that of fold models"]
    coverage_header += ["the same, widened", "perfect, not widened"]
    n_without = sum(row["high"] == row["low"] for row in rows)
    return f"""## The corrected score on real tables

{len(rows)} tables, {n_regression} of them regression. A search of {N_CANDIDATES} candidates sees {MAX_SEARCHED} rows at
most; at least as many, and at most {MAX_HELD_OUT:,}, are held out. Models (tree, forest of 10 trees, neighbours, and a
linear model or SVC) and metrics take turns. *Bias* is a score minus that of the fitted search on the held-out rows;
above 0 is too good. `nested` is cross-validation of the search with 3 outer folds. The fitted search has learnt from
all rows of the search, the candidates from 80 % of them. So *minus fold models* compares with the winner's five models
of the folds, on the held-out rows. Means and root mean squared errors have two standard errors over tables. The
held-out score has sampling noise of its own, which is part of each root mean squared error.

In units of half the width of the 95 % interval (of {n_without} tables the interval has no width, because the winner
makes no mistake; they are left out here):

{markdown_table(["metric", *header], bias_lines(groups_of_width, in_half_widths, 2))}

*All but gifts* was added after the results had been seen: one held-out row of this table has a column 50 times as large
as any row of the search, and the linear model predicts it so badly that this row alone decides the held-out error.

The same by model:

{markdown_table(["model", *header], bias_lines(kinds_of_width, in_half_widths, 2))}

In plain numbers:

{markdown_table(["metric", *header], bias_lines(plain, in_plain_numbers, 3))}

Share of tables whose interval contains the held-out score of the fitted search, or of the winner's fold models.
*Widened*: by the root of 1 + searched rows / held-out rows, for the noise of the held-out score. The last column is the
share that a perfect interval would have without being widened.

{markdown_table(coverage_header, coverage_lines(groups))}
"""
