"""Whether ``"auto"`` finds better parameters than an estimator's own, for single models.

``python -m benchmarks.auto_spaces``: on half of a table's rows a search measures 30 candidates of the ready space, of
which the first is the default. Its winner and the default are fitted on this half and scored on the other half: by
accuracy, by the explained share of the variance, by the share of the absolute error or of the deviance that the model's
loss stands for, or by the concordance index. The candidates of discriminant analysis were changed after a first run on
these tables; nothing else was chosen on them.

The CSV file is written after each search. ``--resume`` measures only what is not in it.
"""

import argparse
import warnings
from functools import partial
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import optuna
import pandas as pd
from sklearn.base import clone, is_classifier
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor, BaggingClassifier, BaggingRegressor
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    PoissonRegressor,
    QuantileRegressor,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from benchmarks._measure import RESULTS, environment, markdown_table, measure_missing
from benchmarks.no_worse import read
from sklearn_autotune import OptunaSearchCV

N_CANDIDATES = 30
TIE = 0.005  # smaller differences of two scores count for neither

TABLES = {
    "classifiers": (
        *("vote", "attrition", "digits", "telephone", "HMDA", "low birth weight", "biopsies", "jobs", "chile"),
    ),
    "regressors": ("body weight", "beauty", "schooling", "school districts", "athletes", "medical expenses", "births"),
    # The names of scikit-survival's own tables.
    "survival models": ("whas500", "gbsg2", "veterans_lung_cancer"),
}
N_TABLES = 3  # of each model


def scaled(model):
    return make_pipeline(StandardScaler(), model)


def positive(model):
    return make_pipeline(MinMaxScaler(), model)


def binned(model):
    return make_pipeline(KBinsDiscretizer(5, encode="ordinal", strategy="uniform"), model)


def installed(package, name, **params):
    return getattr(import_module(package), name)(**params)


# By name: how the model is made, and the rows of a table, of which half are held out. Slower models get fewer. Models
# of other packages are measured where these are installed. New models come last, so that the others keep their tables.
MODELS = {
    "LinearSVC": (lambda: scaled(LinearSVC(random_state=0)), 800),
    "SGDClassifier": (lambda: scaled(SGDClassifier(random_state=0)), 800),
    "MultinomialNB": (lambda: positive(MultinomialNB()), 800),
    "ComplementNB": (lambda: positive(ComplementNB()), 800),
    "BernoulliNB": (lambda: scaled(BernoulliNB()), 800),
    "LinearDiscriminantAnalysis": (lambda: scaled(LinearDiscriminantAnalysis()), 800),
    "QuadraticDiscriminantAnalysis": (
        lambda: make_pipeline(StandardScaler(), PCA(5), QuadraticDiscriminantAnalysis()),
        800,
    ),
    "GaussianProcessClassifier": (lambda: scaled(GaussianProcessClassifier(random_state=0)), 200),
    "DecisionTreeClassifier": (lambda: DecisionTreeClassifier(random_state=0), 800),
    "AdaBoostClassifier": (lambda: AdaBoostClassifier(random_state=0), 400),
    "BaggingClassifier": (lambda: BaggingClassifier(random_state=0), 800),
    "LinearSVR": (lambda: scaled(LinearSVR(random_state=0)), 800),
    "SGDRegressor": (lambda: scaled(SGDRegressor(random_state=0)), 800),
    "QuantileRegressor": (lambda: scaled(QuantileRegressor()), 400),
    "PoissonRegressor": (lambda: scaled(PoissonRegressor()), 800),
    "GammaRegressor": (lambda: scaled(GammaRegressor()), 800),
    "TweedieRegressor": (lambda: scaled(TweedieRegressor(power=1.5, link="log")), 800),
    "PLSRegression": (lambda: scaled(PLSRegression()), 800),
    "DecisionTreeRegressor": (lambda: DecisionTreeRegressor(random_state=0), 800),
    "AdaBoostRegressor": (lambda: AdaBoostRegressor(random_state=0), 400),
    "BaggingRegressor": (lambda: BaggingRegressor(random_state=0), 800),
    "skglm.Lasso": (lambda: scaled(installed("skglm", "Lasso")), 800),
    "skglm.SparseLogisticRegression": (lambda: scaled(installed("skglm", "SparseLogisticRegression")), 800),
    "quantile_forest.RandomForestQuantileRegressor": (
        lambda: installed("quantile_forest", "RandomForestQuantileRegressor", n_estimators=30, default_quantiles=0.5),
        400,
    ),
    "CategoricalNB": (lambda: binned(CategoricalNB(min_categories=5)), 800),
    "interpret.ExplainableBoostingClassifier": (
        lambda: installed("interpret.glassbox", "ExplainableBoostingClassifier", **EXPLAINABLE),
        200,
    ),
    "ExtraTreeClassifier": (lambda: ExtraTreeClassifier(random_state=0), 800),
    "ExtraTreeRegressor": (lambda: ExtraTreeRegressor(random_state=0), 800),
    "Lasso": (lambda: scaled(Lasso()), 800),
    "ElasticNet": (lambda: scaled(ElasticNet()), 800),
    "KernelRidge": (lambda: scaled(KernelRidge()), 400),
    "HuberRegressor": (lambda: scaled(HuberRegressor()), 800),
    "GaussianProcessRegressor": (lambda: scaled(GaussianProcessRegressor(random_state=0)), 200),
    "skglm.ElasticNet": (lambda: scaled(installed("skglm", "ElasticNet")), 800),
    "skglm.MCPRegression": (lambda: scaled(installed("skglm", "MCPRegression")), 800),
    "quantile_forest.ExtraTreesQuantileRegressor": (
        lambda: installed("quantile_forest", "ExtraTreesQuantileRegressor", n_estimators=30, default_quantiles=0.5),
        400,
    ),
    "interpret.ExplainableBoostingRegressor": (
        lambda: installed("interpret.glassbox", "ExplainableBoostingRegressor", **EXPLAINABLE),
        200,
    ),
    "sksurv.RandomSurvivalForest": (
        lambda: installed("sksurv.ensemble", "RandomSurvivalForest", n_estimators=30, random_state=0),
        300,
    ),
    "sksurv.ExtraSurvivalTrees": (
        lambda: installed("sksurv.ensemble", "ExtraSurvivalTrees", n_estimators=30, random_state=0),
        300,
    ),
    "sksurv.GradientBoostingSurvivalAnalysis": (
        lambda: installed("sksurv.ensemble", "GradientBoostingSurvivalAnalysis", random_state=0),
        300,
    ),
}
# The median of two bags instead of 14, and no pairs of columns, because each fit takes up to seconds.
EXPLAINABLE = {"outer_bags": 2, "interactions": 0, "n_jobs": 1, "random_state": 0}
N_CANDIDATES_OF = {"interpret": 10}  # fewer for the models of a package whose fits take seconds
# Models of the median.
ABSOLUTE = {"QuantileRegressor", "RandomForestQuantileRegressor", "ExtraTreesQuantileRegressor"}
POSITIVE = {"PoissonRegressor", "GammaRegressor", "TweedieRegressor"}


def make(name):
    return MODELS[name][0]()


def find_package(name):
    return name.rpartition(".")[0].partition(".")[0]


def find_kind(name):
    if find_package(name) == "sksurv":
        return "survival models"
    return "classifiers" if is_classifier(make(name)) else "regressors"


def choose_scoring(name):
    return "d2_absolute_error_score" if name.rpartition(".")[2] in ABSOLUTE else None


def read_times(name):
    """Return a table of scikit-survival as numbers in random order, and its structured target."""
    X, y = getattr(import_module("sksurv.datasets"), f"load_{name}")()
    rows = np.random.RandomState(0).permutation(len(y))
    return pd.get_dummies(X, dtype=float).to_numpy(dtype=float)[rows], y[rows]


def measure(name, table, seed, n_rows=None, n_candidates=None):
    """Return the scores of the default and of the search's winner on the rows that are held out, as one row."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kind, estimator, most = find_kind(name), make(name), n_rows or MODELS[name][1]
    X, y = (values[:most] for values in (read_times if kind == "survival models" else read)(table))
    if name in POSITIVE:
        y = y - y.min() + 0.1
    stratify = None if kind == "regressors" else y if kind == "classifiers" else y[y.dtype.names[0]]
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=seed, stratify=stratify)
    n_candidates = n_candidates or N_CANDIDATES_OF.get(find_package(name), N_CANDIDATES)
    search = OptunaSearchCV(
        estimator, "auto", n_trials=n_candidates, cv=5, scoring=choose_scoring(name), random_state=seed
    )
    search.fit(X_train, y_train)
    score = check_scoring(estimator, choose_scoring(name))
    default = score(clone(estimator).fit(X_train, y_train), X_test, y_test)
    tuned = score(search.best_estimator_, X_test, y_test)
    row = {
        "model": name,
        "problem": table,
        "seed": seed,
        "default": round(float(default), 4),
        "auto": round(float(tuned), 4),
        "kept": search.best_index_ == 0,
        "failed": list(search.trials_["status"]).count("failed"),
    }
    return [row]


def list_runs(seeds):
    """List models, tables and seeds: each model has three tables of its kind, the next model the next ones."""
    runs = []
    kinds = {name: find_kind(name) for name in MODELS if not find_package(name) or find_spec(find_package(name))}
    for kind, tables in TABLES.items():
        for number, name in enumerate(name for name in kinds if kinds[name] == kind):
            chosen = [tables[(N_TABLES * number + index) % len(tables)] for index in range(N_TABLES)]
            runs += [(name, table, seed) for table in chosen for seed in seeds]
    return runs


def count(differences):
    """Return wins, ties and losses, and the mean, the median and the smallest difference as texts."""
    wins, losses = int((differences > TIE).sum()), int((differences < -TIE).sum())
    shown = [f"{value:+.3f}" for value in (differences.mean(), np.median(differences), differences.min())]
    return [wins, len(differences) - wins - losses, losses, *shown]


def describe_bags(packages):
    if "interpret" not in packages:
        return ""
    bags, rows = EXPLAINABLE["outer_bags"], MODELS["interpret.ExplainableBoostingClassifier"][1]
    return f" The models of interpret have {bags} outer bags instead of 14, no interactions, and tables of {rows} rows."


def report(rows):
    lines = []
    for name in dict.fromkeys(row["model"] for row in rows):
        own = [row for row in rows if row["model"] == name]
        default, auto = (np.array([row[key] for row in own]) for key in ("default", "auto"))
        tables = ", ".join(dict.fromkeys(row["problem"] for row in own))
        lines.append([name, f"{default.mean():.3f}", f"{auto.mean():.3f}", *count(auto - default), tables])
    gains = {kind: [row["auto"] - row["default"] for row in rows if find_kind(row["model"]) == kind] for kind in TABLES}
    for group, own in (gains | {"all": [gain for kind in gains.values() for gain in kind]}).items():
        lines += [[f"**{group}**", "", "", *count(np.array(own)), ""]] if own else []
    packages = [name for name in N_CANDIDATES_OF if any(find_package(row["model"]) == name for row in rows)]
    few = "".join(f", for {name} of {N_CANDIDATES_OF[name]}" for name in packages)
    header = ["model", "default", '"auto"', "wins", "ties", "losses", "mean difference", "median", "smallest", "tables"]
    return (
        "# Ready spaces against defaults\n\n"
        f"{environment('skglm', 'quantile-forest', 'interpret', 'scikit-survival')}\n\n"
        f"{len(rows)} searches of {N_CANDIDATES} candidates{few}, of which {sum(row['failed'] for row in rows)} "
        "failed. Scores of held-out rows, higher is better: accuracy "
        "of classifiers; of regressors R², for models of the median the explained share of the absolute error, for "
        "Poisson, gamma and Tweedie regression that of the deviance, with targets that are shifted to be positive; "
        f"of survival models the concordance index. A difference up to {TIE} is a tie.{describe_bags(packages)}\n\n"
        f"{markdown_table(header, lines)}\n"
    )


def make_parser(description):
    """Return a parser of the options that the benchmarks of ready spaces share."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--resume", action="store_true", help="measure only what is not in the CSV file")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--jobs", type=int, default=1, help="number of processes; the results do not depend on it")
    return parser


def measure_and_report(name, measure, runs, report, args, *, in_order, keys, **settings):
    """Measure the runs, with few rows and candidates if ``args.quick``; otherwise write the CSV file and the page.

    Parameters
    ----------
    in_order : list of tuple
        The values of ``keys`` of all runs, in the order of the rows in the file.
    **settings : object
        Of `measure_missing`.
    """
    order = {run: place for place, run in enumerate(in_order)}

    def sort_rows(rows):
        rows.sort(key=lambda row: order.get(tuple(row[key] for key in keys), len(order)))

    call = partial(measure, n_rows=100, n_candidates=4) if args.quick else measure
    add = None if args.quick else sort_rows
    rows = measure_missing(name, call, runs, jobs=args.jobs, is_quick=args.quick, add=add, keys=keys, **settings)
    text = report(rows)
    print(text)
    if not args.quick:
        (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--models", nargs="+", help="only these; the rows of the others stay")
    args = parser.parse_args()
    runs = [run for run in list_runs(args.seeds) if args.models is None or run[0] in args.models]
    if args.quick:
        runs = [("LinearSVC", "biopsies", 0), ("DecisionTreeRegressor", "body weight", 0)]
    measure_and_report(
        "auto_spaces",
        measure,
        runs,
        report,
        args,
        in_order=list_runs(range(10)),
        keys=("model", "problem", "seed"),
        is_resumed=args.resume or bool(args.models),
        is_kept=lambda row: args.resume or row["model"] not in args.models,
    )


if __name__ == "__main__":
    main()
