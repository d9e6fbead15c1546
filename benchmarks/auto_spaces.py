"""Whether ``"auto"`` finds better parameters than an estimator's own, for the models that are no family.

``python -m benchmarks.auto_spaces``: on half of a table's rows a search measures 30 candidates of the ready space, of
which the first is the default. Its winner and the default are fitted on this half and scored on the other half: by
accuracy, by the explained share of the variance, or by the share of the absolute error or of the deviance that the
model's loss stands for. The candidates of discriminant analysis were changed after a first run on these tables;
nothing else was chosen on them.
"""

import argparse
import warnings
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import optuna
from joblib import Parallel, delayed
from sklearn.base import clone, is_classifier
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor, BaggingClassifier, BaggingRegressor
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import (
    GammaRegressor,
    PoissonRegressor,
    QuantileRegressor,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from benchmarks._measure import RESULTS, environment, markdown_table, write_rows
from benchmarks.no_worse import read
from sklearn_autotune import OptunaSearchCV

N_CANDIDATES = 30
TIE = 0.005  # smaller differences of two scores count for neither

CLASSIFICATION = ("vote", "attrition", "digits", "telephone", "HMDA", "low birth weight", "biopsies", "jobs", "chile")
REGRESSION = ("body weight", "beauty", "schooling", "school districts", "athletes", "medical expenses", "births")
N_TABLES = 3  # of each model


def scaled(model):
    return make_pipeline(StandardScaler(), model)


def positive(model):
    return make_pipeline(MinMaxScaler(), model)


def installed(package, name, **params):
    return getattr(import_module(package), name)(**params)


# By name: how the model is made, and the rows of a table, of which half are held out. Slower models get fewer.
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
}
# Those of other packages, measured where these are installed.
INSTALLED = {
    "skglm.Lasso": (lambda: scaled(installed("skglm", "Lasso")), 800),
    "skglm.SparseLogisticRegression": (lambda: scaled(installed("skglm", "SparseLogisticRegression")), 800),
    "quantile_forest.RandomForestQuantileRegressor": (
        lambda: installed("quantile_forest", "RandomForestQuantileRegressor", n_estimators=30, default_quantiles=0.5),
        400,
    ),
}
ABSOLUTE = {"QuantileRegressor", "RandomForestQuantileRegressor"}  # models of the median
POSITIVE = {"PoissonRegressor", "GammaRegressor", "TweedieRegressor"}


def make(name):
    return (MODELS | INSTALLED)[name][0]()


def choose_scoring(name):
    return "d2_absolute_error_score" if name.rpartition(".")[2] in ABSOLUTE else None


def measure(name, table, seed, n_rows=None, n_candidates=N_CANDIDATES):
    """Return the scores of the default and of the search's winner on the rows that are held out."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    estimator, most = make(name), n_rows or (MODELS | INSTALLED)[name][1]
    X, y = (values[:most] for values in read(table))
    if name in POSITIVE:
        y = y - y.min() + 0.1
    stratify = y if is_classifier(estimator) else None
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=seed, stratify=stratify)
    search = OptunaSearchCV(
        estimator, "auto", n_trials=n_candidates, cv=5, scoring=choose_scoring(name), random_state=seed
    )
    search.fit(X_train, y_train)
    score = check_scoring(estimator, choose_scoring(name))
    default = score(clone(estimator).fit(X_train, y_train), X_test, y_test)
    tuned = score(search.best_estimator_, X_test, y_test)
    return {
        "model": name,
        "problem": table,
        "seed": seed,
        "default": round(float(default), 4),
        "auto": round(float(tuned), 4),
        "kept": search.best_index_ == 0,
        "failed": list(search.trials_["status"]).count("failed"),
    }


def list_runs(seeds):
    """List models, tables and seeds: each model has three tables, the next model the next ones."""
    names = [*MODELS, *(name for name in INSTALLED if find_spec(name.partition(".")[0]))]
    kinds = {name: is_classifier(make(name)) for name in names}
    runs = []
    for kind, tables in ((True, CLASSIFICATION), (False, REGRESSION)):
        for number, name in enumerate(name for name in names if kinds[name] == kind):
            chosen = [tables[(N_TABLES * number + index) % len(tables)] for index in range(N_TABLES)]
            runs += [(name, table, seed) for table in chosen for seed in seeds]
    return runs


def count(differences):
    """Return wins, ties and losses, and the mean, the median and the smallest difference as texts."""
    wins, losses = int((differences > TIE).sum()), int((differences < -TIE).sum())
    shown = [f"{value:+.3f}" for value in (differences.mean(), np.median(differences), differences.min())]
    return [wins, len(differences) - wins - losses, losses, *shown]


def report(rows):
    lines = []
    for name in dict.fromkeys(row["model"] for row in rows):
        own = [row for row in rows if row["model"] == name]
        default, auto = (np.array([row[key] for row in own]) for key in ("default", "auto"))
        tables = ", ".join(dict.fromkeys(row["problem"] for row in own))
        lines.append([name, f"{default.mean():.3f}", f"{auto.mean():.3f}", *count(auto - default), tables])
    n_failed = sum(row["failed"] for row in rows)
    groups = {"classifiers": lambda kind: kind, "regressors": lambda kind: not kind, "all": lambda kind: True}
    for group, includes in groups.items():
        own = [row["auto"] - row["default"] for row in rows if includes(is_classifier(make(row["model"])))]
        lines.append([f"**{group}**", "", "", *count(np.array(own)), ""])
    header = ["model", "default", '"auto"', "wins", "ties", "losses", "mean difference", "median", "smallest", "tables"]
    return (
        f"# Ready spaces against defaults\n\n{environment('skglm', 'quantile-forest')}\n\n"
        f"{len(rows)} searches of {N_CANDIDATES} candidates, of which {n_failed} failed. Scores of held-out rows, "
        "higher is better: accuracy of classifiers; of regressors R², for models of the median the explained share of "
        "the absolute error, for Poisson, gamma and Tweedie regression that of the deviance, with targets that are "
        f"shifted to be positive. A difference up to {TIE} is a tie.\n\n{markdown_table(header, lines)}\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--models", nargs="+", help="only these, and nothing is written")
    parser.add_argument("--jobs", type=int, default=1, help="number of processes; the results do not depend on it")
    args = parser.parse_args()
    runs, changes = list_runs(args.seeds), {}
    if args.quick:
        runs = [("LinearSVC", "biopsies", 0), ("DecisionTreeRegressor", "body weight", 0)]
        changes = {"n_rows": 100, "n_candidates": 4}
    if args.models:
        runs = [run for run in runs if run[0] in args.models]
    is_written = not args.quick and not args.models
    rows = []
    for row in Parallel(args.jobs, return_as="generator")(delayed(measure)(*run, **changes) for run in runs):
        rows.append(row)
        print(row, flush=True)
        if is_written:
            write_rows("auto_spaces", rows)
    text = report(rows)
    print(text)
    if is_written:
        (RESULTS / "auto_spaces.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
