"""One method that selects a model for a raw table within a time limit, in its own process and environment.

``python selection.py METHOD TABLE.npz SEED SECONDS FOLDER`` prints one line of JSON: held-out log loss and AUC, the
score that the method itself reports, seconds, and peak memory. From this repository it needs only ``clock.py``.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from clock import read_cpu_time

WALL = time.perf_counter
if os.environ.get("BENCHMARK_CLOCK") != "wall":
    read_cpu_time()

import warnings  # noqa: E402

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from sklearn.compose import make_column_selector, make_column_transformer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.metrics import log_loss, roc_auc_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402


def encoded():
    """Return what people put before a model that takes numbers only."""
    return make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector(dtype_include="number")),
        (
            OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5, sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
    )


def categories(X):
    strings = [name for name in X if X[name].dtype.kind not in "biuf"]
    return X.astype(dict.fromkeys(strings, "category"))


def logistic(X, y, seed, seconds, folder):
    from sklearn.linear_model import LogisticRegression

    model = make_pipeline(encoded(), LogisticRegression(max_iter=1000)).fit(X, y)
    return model.predict_proba, None


def forest(X, y, seed, seconds, folder):
    from sklearn.ensemble import RandomForestClassifier

    model = make_pipeline(encoded(), RandomForestClassifier(300, random_state=seed)).fit(X, y)
    return model.predict_proba, None


def hist(X, y, seed, seconds, folder):
    from sklearn.ensemble import HistGradientBoostingClassifier

    known = categories(X)
    model = HistGradientBoostingClassifier(random_state=seed).fit(known, y)
    return lambda rows: model.predict_proba(rows.astype(known.dtypes)), None


def xgboost(X, y, seed, seconds, folder):
    from xgboost import XGBClassifier

    known = categories(X)
    model = XGBClassifier(enable_categorical=True, n_jobs=1, random_state=seed).fit(known, y)
    return lambda rows: model.predict_proba(rows.astype(known.dtypes)), None


def ours(X, y, seed, seconds, folder, families="auto"):
    from sklearn_autotune import AutoModelSelector

    model = AutoModelSelector("classification", families, timeout=seconds, random_state=seed).fit(X, y)
    return model.predict_proba, -model.best_score_


def ours_light(X, y, seed, seconds, folder):
    """Without families that want a package beside the core dependencies, as where that is not installed."""
    from sklearn_autotune.families import select_families

    light = [name for name, family in select_families("classification").items() if family.package is None]
    return ours(X, y, seed, seconds, folder, light)


def flaml(X, y, seed, seconds, folder):
    from flaml import AutoML

    model = AutoML()
    model.fit(
        X, y, task="classification", metric="log_loss", time_budget=seconds, n_jobs=1, seed=seed, verbose=0,
        log_file_name=str(Path(folder) / "flaml.log"),
    )  # fmt: skip
    return model.predict_proba, model.best_loss


def autogluon(X, y, seed, seconds, folder, presets="medium_quality"):
    from autogluon.tabular import TabularPredictor

    predictor = TabularPredictor("target", eval_metric="log_loss", path=str(Path(folder) / "autogluon"), verbosity=0)
    predictor.fit(X.assign(target=y), time_limit=seconds, presets=presets, num_cpus=1, num_gpus=0)
    reported = -float(predictor.leaderboard()["score_val"].max())
    return lambda rows: predictor.predict_proba(rows).to_numpy(), reported


def autogluon_best(X, y, seed, seconds, folder):
    return autogluon(X, y, seed, seconds, folder, "best_quality")


def tpot(X, y, seed, seconds, folder):
    """Its candidates run in a worker process of Dask's, whose CPU seconds are nobody's here: give it wall time."""
    from tpot import TPOTClassifier

    model = TPOTClassifier(
        scorers=["neg_log_loss"], cv=5, max_time_mins=seconds / 60, n_jobs=1, random_state=seed, verbose=0
    )
    columns = encoded()
    model.fit(columns.fit_transform(X), y)
    reported = -float(model.evaluated_individuals["log_loss"].astype(float).max())
    return lambda rows: model.predict_proba(columns.transform(rows)), reported


METHODS = {
    "logistic": logistic,
    "forest": forest,
    "hist": hist,
    "xgboost": xgboost,
    "ours": ours,
    "ours_light": ours_light,
    "flaml": flaml,
    "autogluon": autogluon,
    "autogluon_best": autogluon_best,
    "tpot": tpot,
}


def area(y, probabilities):
    if probabilities.shape[1] == 2:
        return roc_auc_score(y, probabilities[:, 1])
    return roc_auc_score(y, probabilities, multi_class="ovr")


def main():
    method, path, seed, seconds, folder = sys.argv[1:]
    warnings.simplefilter("ignore")
    data = np.load(path, allow_pickle=True)
    X = pd.DataFrame(dict(zip(data["names"], data["columns"], strict=True))).infer_objects()
    is_test, y = data["is_test"], data["y"]
    start, wall = time.time(), WALL()
    predict_proba, reported = METHODS[method](
        X[~is_test].reset_index(drop=True), y[~is_test], int(seed), float(seconds), folder
    )
    spent = time.time() - start
    probabilities = np.asarray(predict_proba(X[is_test].reset_index(drop=True)), dtype=float)
    row = {
        "method": method,
        "budget": float(seconds),
        "seconds": round(spent, 2),
        "wall_seconds": round(WALL() - wall, 2),
        "log_loss": log_loss(y[is_test], probabilities),
        "auc": area(y[is_test], probabilities),
        "reported": reported,
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
