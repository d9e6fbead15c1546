"""How fast kept models predict and load, beside the estimators and libraries that they are made of.

``python -m benchmarks.serving``: for models that `deployed_model` returns, the seconds to predict one row and 100,000
rows of the raw table, beside the sum of what its members' own estimators take for rows that are already prepared. What
reading the table and preparing it for each member on its own take is shown beside. A search of a Pipeline adds no steps
of its own: there, what the search predicts is shown beside what its best Pipeline does. Models whose members are all of
one kind are shown beside a Pipeline that a user would write for the same table, with one of these members. Then the
seconds to load the model from a file, as a run writes it, in a fresh process, beside those to import the libraries of
its members, and the size of this file.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import optuna
import pandas as pd
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier

from benchmarks._measure import RESULTS, environment, interleave, markdown_table, seconds_of, write_rows
from benchmarks.selection_tables import load
from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier
from sklearn_autotune.inference._averaging import AveragedClassifier, AveragedRegressor, prepare_rows

MAX_ROWS = 2000  # for training
MANY_ROWS = 100_000

BLEND = ("extra_trees", "hist_gradient_boosting", "xgboost")


def make_selector(linear, *, families=BLEND, task="classification", **settings):
    settings = {"n_trials": 8, "cv": 3, "random_state": 0} | settings
    return AutoModelSelector(task, [linear, *families], **settings)


# For each model: its table, what the table is like, and the search.
MODELS = {
    "blend, numbers": ("cells", lambda: make_selector("logistic")),
    "blend, categories and gaps": ("credit", lambda: make_selector("logistic")),
    "blend, regression": ("wages", lambda: make_selector("ridge", task="regression")),
    "blend, texts": ("tweets", lambda: make_selector("logistic")),
    "blend, distinct texts": ("tweets", lambda: make_selector("logistic")),
    "linear, categories and gaps": ("credit", lambda: make_selector("logistic", families=(), n_trials=2)),
    "forest, categories and gaps": ("credit", lambda: make_selector("forest", families=(), n_trials=2)),
    "TunedXGBClassifier": ("credit", lambda: TunedXGBClassifier(n_trials=4, cv=3, n_jobs=1, random_state=0)),
    "OptunaSearchCV": (
        "breast cancer",
        lambda: OptunaSearchCV(
            make_pipeline(StandardScaler(), LogisticRegression()),
            {"logisticregression__C": loguniform(0.01, 10)},
            n_trials=4,
            cv=3,
            random_state=0,
        ),
    ),
}

# Where all members are of one kind: scikit-learn's steps for numbers and for the other columns, before such a member.
OTHER_COLUMNS = make_column_selector(dtype_exclude="number")
HAND_WRITTEN = {
    "linear, categories and gaps": (
        make_pipeline(SimpleImputer(), StandardScaler()),
        OneHotEncoder(handle_unknown="ignore"),
    ),
    "forest, categories and gaps": (SimpleImputer(), OneHotEncoder(handle_unknown="ignore")),
    "TunedXGBClassifier": ("passthrough", OneHotEncoder(handle_unknown="ignore", sparse_output=False)),
}


def write_by_hand(name, model, X, y):
    """Return a fitted Pipeline as a user would write it, with the estimator of a member."""
    of_numbers, of_others = HAND_WRITTEN[name]
    final = list_pipelines(model)[0][0][-1]
    if name == "TunedXGBClassifier":
        booster = final.model_
        final = XGBClassifier(
            n_estimators=booster.get_booster().num_boosted_rounds(), max_depth=booster.max_depth, n_jobs=1
        )
    columns = make_column_transformer(
        (of_numbers, make_column_selector(dtype_include="number")), (of_others, OTHER_COLUMNS)
    )
    return make_pipeline(columns, clone(final)).fit(pd.DataFrame(X), pd.factorize(np.asarray(y))[0])


class Recorder:
    """Predicts as an estimator does, and keeps the rows that it was given."""

    def __init__(self, estimator):
        self.estimator = estimator
        self.classes_ = getattr(estimator, "classes_", None)

    def predict(self, X):
        self.X = X
        return self.estimator.predict(X)

    def predict_proba(self, X):
        self.X = X
        return self.estimator.predict_proba(X)


def list_pipelines(model):
    """Return the pipelines of the members of each layer of a model; the model itself if it is no blend."""
    blend = model[-1]
    first = [getattr(one, "estimator", None) for one in getattr(blend, "estimators_", ())]
    if not first or not all(isinstance(one, AveragedClassifier | AveragedRegressor) for one in first):
        return [model], []
    second = getattr(getattr(blend, "final_estimator_", None), "estimator", None)
    stacked = [one for _, _, one in second.stacked] if second is not None else []
    return tuple([pipeline for averaged in layer for pipeline in averaged.models] for layer in (first, stacked))


def find_predict(model):
    return getattr(model, "predict_proba", model.predict)


def record_rows(model, pipelines, X):
    """Return the rows that the estimator of each pipeline gets for a table."""
    if pipelines == [model]:
        return [model[:-1].transform(X)]
    originals = [pipeline.steps for pipeline in pipelines]
    try:
        for pipeline in pipelines:
            name, final = pipeline.steps[-1]
            pipeline.steps = [*pipeline.steps[:-1], (name, Recorder(final))]
        find_predict(model)(X)
        return [pipeline[-1].X for pipeline in pipelines]
    finally:
        for pipeline, steps in zip(pipelines, originals, strict=True):
            pipeline.steps = steps


def measure_search(search, X, repeats):
    """Return the median seconds of a search, and of its best Pipeline alone, as `measure_prediction` does."""
    timed = interleave(
        {"whole": lambda: find_predict(search)(X), "members": lambda: find_predict(search.best_estimator_)(X)},
        repeats,
        time.perf_counter,
    )
    seconds = {name: statistics.median(of_call) for name, of_call in timed.items()}
    return seconds | {"reading": 0.0, "preparing": 0.0, "by_hand": "", "n_members": 1}


def measure_prediction(model, by_hand, X, repeats):
    """Return the median seconds of the whole, of its members' own estimators, of reading, of preparing, and by hand."""
    first, second = list_pipelines(model)
    encoded = model[:-1].transform(X)
    calls = {"whole": lambda: find_predict(model)(X), "reading": lambda: model[:-1].transform(X)}
    if by_hand is not None:
        calls["by hand"] = lambda: find_predict(by_hand)(X)
    for index, (pipeline, rows) in enumerate(
        zip([*first, *second], record_rows(model, [*first, *second], X), strict=True)
    ):
        calls[f"member {index}"] = lambda final=pipeline[-1], rows=rows: find_predict(final)(rows)
    for index, pipeline in enumerate(first if first != [model] else ()):
        calls[f"preparing {index}"] = lambda pipeline=pipeline: prepare_rows(pipeline, encoded)
    is_slow = seconds_of(calls["whole"], time.perf_counter) > 1
    timed = interleave(calls, 1 if is_slow else repeats, time.perf_counter)
    seconds = {name: statistics.median(of_call) for name, of_call in timed.items()}
    return {
        "whole": seconds["whole"],
        "members": sum(value for name, value in seconds.items() if name.startswith("member ")),
        "reading": seconds["reading"],
        "preparing": sum(value for name, value in seconds.items() if name.startswith("preparing ")),
        "by_hand": seconds.get("by hand", ""),
        "n_members": len(first) + len(second),
    }


LOAD = """
import json, sys, time
from importlib import import_module

start = time.perf_counter()
for name in {modules!r}:
    import_module(name)
if {path!r}:
    import joblib
    joblib.load({path!r})
seconds = time.perf_counter() - start
print(json.dumps({{"seconds": seconds, "modules": sorted({{name.partition(".")[0] for name in sys.modules}})}}))
"""


def run_fresh(path, modules):
    """Import modules, or load a model, in a fresh process; return the seconds, and the packages that this imports."""
    code = LOAD.format(path=path, modules=modules)
    return json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def measure_loading(model, repeats):
    """Return the median seconds of loading a model, and of importing the libraries of its members."""
    finals = [getattr(pipeline[-1], "model_", pipeline[-1]) for layer in list_pipelines(model) for pipeline in layer]
    libraries = sorted({"joblib"} | {type(final).__module__ for final in finals})
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "model.joblib"))
        joblib.dump(model, path, compress=3)
        n_bytes = Path(path).stat().st_size
        found = [(run_fresh(path, []), run_fresh("", libraries)) for _ in range(repeats)]
    packages = found[0][0]["modules"]
    return {
        "loading": statistics.median(loaded["seconds"] for loaded, _ in found),
        "libraries": statistics.median(imported["seconds"] for _, imported in found),
        "has_optuna": "optuna" in packages,
        "has_xgboost": "xgboost" in packages,
        "bytes": n_bytes,
    }


def measure(name, *, n_rows=MAX_ROWS, many_rows=MANY_ROWS, repeats=200, n_loads=7, make=None):
    """Return a row for one row and for many rows, each with what loading takes."""
    table, make_search = MODELS[name]
    X, y, _ = load(table)
    X, y = X[:n_rows], y[:n_rows]
    search = (make or make_search)().fit(X, y)
    model = search.deployed_model()
    assert isinstance(model, Pipeline)
    many = pd.DataFrame(X).iloc[np.random.RandomState(0).randint(0, len(X), many_rows)].reset_index(drop=True)
    if "distinct" in name:  # of the rows that are drawn, no two have the same text
        for column in many.select_dtypes(exclude="number").columns:
            many[column] = [f"{text} {index}" for index, text in enumerate(many[column])]
    by_hand = write_by_hand(name, model, X, y) if make is None and name in HAND_WRITTEN else None
    of_search, of_model = partial(measure_search, search), partial(measure_prediction, model, by_hand)
    measure_rows = of_search if isinstance(search, OptunaSearchCV) else of_model
    loading = measure_loading(model, n_loads)
    layers = 2 if hasattr(model[-1], "final_estimator_") else 1
    about = {"model": name, "layers": layers} | loading
    return [
        about | {"n_rows": 1} | measure_rows(many[:1], repeats),
        about | {"n_rows": many_rows} | measure_rows(many, max(1, repeats // 40)),
    ]


def show(seconds):
    return f"{1e3 * seconds:.2f}" if seconds < 0.1 else f"{1e3 * seconds:,.0f}"


def report(rows):
    """Return the page."""
    header = [
        "model",
        "estimators",
        "rows",
        "whole",
        "estimators alone",
        "reading",
        "preparing for each",
        "whole / alone",
        "Pipeline by hand",
    ]
    lines = [
        [
            row["model"],
            f"{row['n_members']}{' in two layers' if row['layers'] == 2 else ''}",
            f"{row['n_rows']:,}",
            *(show(row[name]) for name in ("whole", "members", "reading", "preparing")),
            f"{row['whole'] / row['members']:.2f}",
            show(row["by_hand"]) if row["by_hand"] else "",
        ]
        for row in rows
    ]
    load_header = ["model", "loading", "libraries alone", "ratio", "imports Optuna", "imports XGBoost", "kB"]
    load_lines = [
        [
            row["model"],
            f"{row['loading']:.2f}",
            f"{row['libraries']:.2f}",
            f"{row['loading'] / row['libraries']:.2f}",
            "yes" if row["has_optuna"] else "no",
            "yes" if row["has_xgboost"] else "no",
            f"{row['bytes'] / 1000:,.0f}",
        ]
        for row in rows
        if row["n_rows"] == 1
    ]
    return f"""# Serving a kept model

`python -m benchmarks.serving`: what `deployed_model()` returns of a search on up to {MAX_ROWS:,} training rows. It
predicts one row, and {max(row["n_rows"] for row in rows):,} rows that are drawn from the table.

{environment("xgboost", "pandas")}

## Milliseconds to predict

The whole takes a raw table; the estimators alone get rows that are prepared, and their times are added. Reading the
table is a part of the whole. Preparing it for each member on its own takes longer than what the whole does, where
members share steps. Medians of 200 calls in turn for one row; for many rows of 5, or of 1 that takes more than a
second. For `OptunaSearchCV`, the whole is the search, and the estimator alone is its best Pipeline. Of one row,
scikit-learn's forests take most of the time because of joblib; a blend calls their trees itself, so that the whole can
take less than the estimators alone. The Pipeline by hand is what a user would write for one such member:
scikit-learn's `ColumnTransformer` with `OneHotEncoder`, and for linear models and forests also `SimpleImputer`.

{markdown_table(header, lines)}

## Seconds to load, in a fresh process

The model from a file, as a run writes it, beside the import of the modules of its members' estimators.

{markdown_table(load_header, load_lines)}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if args.quick:
        small = {"n_rows": 100, "many_rows": 200, "repeats": 2, "n_loads": 1}
        make = lambda: make_selector("logistic", families=("naive_bayes",), n_trials=2, cv=2)  # noqa: E731
        print(report(measure("blend, categories and gaps", **small, make=make)))
        return
    rows = []
    for name in args.models:
        rows += measure(name)
        print(name, *(f"{row['whole'] / row['members']:.2f}" for row in rows[-2:]), file=sys.stderr, flush=True)
    text = report(rows)
    print(text)
    if args.models == list(MODELS):
        write_rows("serving", rows)
        (RESULTS / "serving.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
