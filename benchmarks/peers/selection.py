"""One method that selects a model for a raw table within a time limit, in its own process and environment.

``python selection.py METHOD TABLE.npz SEED SECONDS FOLDER`` prints one line of JSON: held-out log loss and AUC, or
RMSE, MAE and R² in regression, the loss that the method itself reports, seconds, and peak memory. From this repository
it needs only ``clock.py``. A method takes codes of classes for classification, and numbers in regression; it returns a
function that predicts probabilities or numbers.
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
from sklearn.metrics import (  # noqa: E402
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)
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


def is_classes(y):
    return y.dtype.kind == "i"


def predictor_of(model, y):
    return model.predict_proba if is_classes(y) else model.predict


def categories(X):
    strings = [name for name in X if X[name].dtype.kind not in "biuf"]
    return X.astype(dict.fromkeys(strings, "category"))


def linear(X, y, seed, seconds, folder):
    from sklearn.linear_model import LogisticRegression, Ridge

    model = make_pipeline(encoded(), LogisticRegression(max_iter=1000) if is_classes(y) else Ridge()).fit(X, y)
    return predictor_of(model, y), None


def forest(X, y, seed, seconds, folder):
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if is_classes(y) else RandomForestRegressor
    model = make_pipeline(encoded(), kind(300, random_state=seed)).fit(X, y)
    return predictor_of(model, y), None


def hist(X, y, seed, seconds, folder):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    known = categories(X)
    kind = HistGradientBoostingClassifier if is_classes(y) else HistGradientBoostingRegressor
    predict = predictor_of(kind(random_state=seed).fit(known, y), y)
    return lambda rows: predict(rows.astype(known.dtypes)), None


def xgboost(X, y, seed, seconds, folder):
    from xgboost import XGBClassifier, XGBRegressor

    known = categories(X)
    kind = XGBClassifier if is_classes(y) else XGBRegressor
    predict = predictor_of(kind(enable_categorical=True, n_jobs=1, random_state=seed).fit(known, y), y)
    return lambda rows: predict(rows.astype(known.dtypes)), None


# Rounds that early stopping or the end of the time come before, and rounds without improvement.
MAX_ROUNDS, PATIENCE = 20_000, 50


def split_last_tenth(X, y, seed):
    """Return training rows and rows for early stopping, in random order."""
    order = np.random.RandomState(seed).permutation(len(y))
    train, stop = order[len(y) // 10 :], order[: len(y) // 10]
    return X.iloc[train], X.iloc[stop], y[train], y[stop]


def hist_stopped(X, y, seed, seconds, folder):
    """With as many rounds as the time allows, which ten rounds tell: it has no callback."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    known, start = categories(X), time.time()
    few = [name for name in known if known[name].dtype == "category" and known[name].nunique() <= 255]
    many = [name for name in known if known[name].dtype == "category" and name not in few]

    def encode(rows):
        rows = rows.astype(known.dtypes)
        return rows.assign(**{name: rows[name].cat.codes for name in many})

    kind = HistGradientBoostingClassifier if is_classes(y) else HistGradientBoostingRegressor
    settings = {"early_stopping": True, "n_iter_no_change": PATIENCE, "warm_start": True, "random_state": seed}
    model, rounds = kind(categorical_features=few, max_iter=10, **settings).fit(encode(X), y), 10
    while model.n_iter_ == rounds < MAX_ROUNDS and time.time() - start < 0.8 * seconds:
        rounds += max(10, rounds // 4)
        model.set_params(max_iter=rounds).fit(encode(X), y)
    predict = predictor_of(model, y)
    return lambda rows: predict(encode(rows)), None


def lightgbm_stopped(X, y, seed, seconds, folder):
    from lightgbm import LGBMClassifier, LGBMRegressor, early_stopping
    from lightgbm.callback import EarlyStopException

    known, start = categories(X), time.time()
    train, stop, y_train, y_stop = split_last_tenth(known, y, seed)

    def end_in_time(env):
        if time.time() - start > 0.95 * seconds:
            raise EarlyStopException(env.iteration, env.evaluation_result_list)

    kind = LGBMClassifier if is_classes(y) else LGBMRegressor
    model = kind(n_estimators=MAX_ROUNDS, n_jobs=1, random_state=seed, verbose=-1)
    callbacks = [early_stopping(PATIENCE, verbose=False), end_in_time]
    predict = predictor_of(model.fit(train, y_train, eval_set=[(stop, y_stop)], callbacks=callbacks), y)
    return lambda rows: predict(rows.astype(known.dtypes)), None


def xgboost_stopped(X, y, seed, seconds, folder):
    from xgboost import XGBClassifier, XGBRegressor
    from xgboost.callback import TrainingCallback

    known, start = categories(X), time.time()
    train, stop, y_train, y_stop = split_last_tenth(known, y, seed)

    class EndInTime(TrainingCallback):
        def after_iteration(self, model, epoch, evals_log):
            return time.time() - start > 0.95 * seconds

    kind = XGBClassifier if is_classes(y) else XGBRegressor
    model = kind(
        n_estimators=MAX_ROUNDS, early_stopping_rounds=PATIENCE, callbacks=[EndInTime()], enable_categorical=True,
        n_jobs=1, random_state=seed,
    )  # fmt: skip
    predict = predictor_of(model.fit(train, y_train, eval_set=[(stop, y_stop)], verbose=False), y)
    return lambda rows: predict(rows.astype(known.dtypes)), None


def ours(X, y, seed, seconds, folder, families="auto", groups=None):
    from sklearn_autotune import AutoModelSelector

    task, order = "classification" if is_classes(y) else "regression", "time" if "time" in X else None
    model = AutoModelSelector(task, families, timeout=seconds, time=order, random_state=seed).fit(X, y, groups=groups)
    return predictor_of(model, y), -model.best_score_


def ours_light(X, y, seed, seconds, folder, groups=None):
    """Without families that want a package beside the core dependencies, as where that is not installed."""
    from sklearn_autotune.families import select_families

    families = select_families("classification" if is_classes(y) else "regression")
    light = [name for name, family in families.items() if family.package is None]
    return ours(X, y, seed, seconds, folder, light, groups)


def flaml(X, y, seed, seconds, folder, groups=None):
    from flaml import AutoML

    model = AutoML()
    task, metric = ("classification", "log_loss") if is_classes(y) else ("regression", "rmse")
    split = {} if groups is None else {"split_type": "group", "groups": groups}
    if "time" in X:
        split = {"split_type": "time"}
    model.fit(
        X, y, **split, task=task, metric=metric, time_budget=seconds, n_jobs=1, seed=seed, verbose=0,
        log_file_name=str(Path(folder) / "flaml.log"),
    )  # fmt: skip
    return predictor_of(model, y), model.best_loss


def autogluon(X, y, seed, seconds, folder, presets="medium_quality", groups=None):
    """Each value of its column of groups is one fold, so groups are put together to eight. It has no folds in time."""
    from autogluon.tabular import TabularPredictor

    metric = "log_loss" if is_classes(y) else "root_mean_squared_error"
    problem_type = None if is_classes(y) else "regression"
    folds = {} if groups is None else {"fold": np.random.RandomState(seed).permutation(groups.max() + 1)[groups] % 8}
    predictor = TabularPredictor(
        "target", problem_type=problem_type, eval_metric=metric, path=str(Path(folder) / "autogluon"), verbosity=0,
        groups="fold" if folds else None,
    )  # fmt: skip
    predictor.fit(X.assign(target=y, **folds), time_limit=seconds, presets=presets, num_cpus=1, num_gpus=0)
    reported = -float(predictor.leaderboard()["score_val"].max())
    return lambda rows: predictor_of(predictor, y)(rows).to_numpy(), reported


def autogluon_best(X, y, seed, seconds, folder, groups=None):
    return autogluon(X, y, seed, seconds, folder, "best_quality", groups)


def tpot(X, y, seed, seconds, folder):
    """Its candidates run in a worker process of Dask's, whose CPU seconds are nobody's here: give it wall time."""
    from tpot import TPOTClassifier, TPOTRegressor

    kind, scorer = (TPOTClassifier, "neg_log_loss") if is_classes(y) else (TPOTRegressor, "neg_root_mean_squared_error")
    model = kind(scorers=[scorer], cv=5, max_time_mins=seconds / 60, n_jobs=1, random_state=seed, verbose=0)
    columns = encoded()
    model.fit(columns.fit_transform(X), y)
    individuals = model.evaluated_individuals
    reported = -float(individuals[scorer.removeprefix("neg_")].astype(float).max())
    return lambda rows: predictor_of(model, y)(columns.transform(rows)), reported


def mljar(X, y, seed, seconds, folder):
    from supervised import AutoML

    model = AutoML(
        str(Path(folder) / "mljar"), int(seconds), "Compete", eval_metric="logloss" if is_classes(y) else "rmse",
        explain_level=0, n_jobs=1, verbose=0, random_state=seed,
    )  # fmt: skip
    model.fit(X, y)
    return predictor_of(model, y), float(model.get_leaderboard()["metric_value"].min())


def perpetual(X, y, seed, seconds, folder):
    """The larger its budget, the more it fits; 0.5 is its default."""
    from perpetual import PerpetualClassifier, PerpetualRegressor

    known = categories(X)
    kind = PerpetualClassifier if is_classes(y) else PerpetualRegressor
    predict = predictor_of(kind(budget=2.0, num_threads=1, timeout=seconds, seed=seed).fit(known, y), y)
    return lambda rows: predict(rows.astype(known.dtypes)), None


def lightautoml(X, y, seed, seconds, folder):
    from lightautoml.automl.presets.tabular_presets import TabularAutoML
    from lightautoml.tasks import Task

    kind = "reg" if not is_classes(y) else "binary" if y.max() == 1 else "multiclass"
    model = TabularAutoML(
        Task(kind, loss="mse" if kind == "reg" else None), timeout=int(seconds), cpu_limit=1,
        reader_params={"n_jobs": 1, "random_state": seed},
    )  # fmt: skip
    own = model.fit_predict(X.assign(target=y), roles={"target": "target"}).data

    def predict(rows):
        predicted = model.predict(rows).data
        return np.column_stack([1 - predicted, predicted]) if kind == "binary" else predicted.squeeze()

    is_known = ~np.isnan(own).any(axis=1)
    own = np.column_stack([1 - own, own]) if kind == "binary" else own.squeeze()
    return predict, next(iter(losses(y[is_known], own[is_known]).values()))


TAKES_GROUPS = (ours, ours_light, flaml, autogluon, autogluon_best)

METHODS = {
    "logistic": linear,
    "ridge": linear,
    "linear": linear,
    "forest": forest,
    "hist": hist,
    "xgboost": xgboost,
    "hist_stopped": hist_stopped,
    "lightgbm_stopped": lightgbm_stopped,
    "xgboost_stopped": xgboost_stopped,
    "ours": ours,
    "ours_light": ours_light,
    "flaml": flaml,
    "autogluon": autogluon,
    "autogluon_best": autogluon_best,
    "tpot": tpot,
    "mljar": mljar,
    "perpetual": perpetual,
    "lightautoml": lightautoml,
}


def losses(y, predicted):
    """Return the measures of predictions for held-out rows."""
    if not is_classes(y):
        rmse, mae = root_mean_squared_error(y, predicted), mean_absolute_error(y, predicted)
        return {"rmse": rmse, "mae": mae, "r2": r2_score(y, predicted)}
    known = np.unique(y)
    if predicted.shape[1] == 2:
        area = roc_auc_score(y, predicted[:, 1])
    else:
        area = np.mean([roc_auc_score(y == label, predicted[:, label]) for label in known])
    return {"log_loss": log_loss(y, predicted, labels=np.arange(predicted.shape[1])), "auc": area}


def main():
    method, path, seed, seconds, folder = sys.argv[1:]
    warnings.simplefilter("ignore")
    data = np.load(path, allow_pickle=True)
    X = pd.DataFrame(dict(zip(data["names"], data["columns"], strict=True))).infer_objects()
    is_test, y = data["is_test"], data["y"]
    start, wall = time.time(), WALL()
    use, hint = METHODS[method], {}
    if "groups" in data and use in TAKES_GROUPS:
        hint = {"groups": np.unique(data["groups"][~is_test], return_inverse=True)[1]}
    predict, reported = use(X[~is_test].reset_index(drop=True), y[~is_test], int(seed), float(seconds), folder, **hint)
    spent = time.time() - start
    predicted = np.asarray(predict(X[is_test].reset_index(drop=True)), dtype=float)
    row = {
        "method": method,
        "budget": float(seconds),
        "seconds": round(spent, 2),
        "wall_seconds": round(WALL() - wall, 2),
        **losses(y[is_test], predicted),
        "reported": reported,
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
