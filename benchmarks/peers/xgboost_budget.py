"""One method that tunes XGBoost within a number of CPU seconds, in its own process and environment.

``python xgboost_budget.py METHOD TABLE.npz SEED SECONDS …`` prints one line of JSON for each budget: held-out log loss,
or RMSE if the target holds numbers and not codes of classes, used CPU seconds, and versions. From this repository it
needs only ``clock.py``, so that another package can run it with its own dependencies.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from clock import cpu_seconds, read_cpu_time

read_cpu_time()

import warnings  # noqa: E402
from importlib.metadata import version  # noqa: E402

import numpy as np  # noqa: E402
from sklearn.metrics import log_loss, root_mean_squared_error  # noqa: E402
from sklearn.model_selection import (  # noqa: E402
    KFold,
    ParameterSampler,
    StratifiedKFold,
    cross_val_score,
    train_test_split,
)
from xgboost import XGBClassifier, XGBRegressor  # noqa: E402


def is_classes(y):
    return y.dtype.kind == "i"


def kind_of(y):
    return XGBClassifier if is_classes(y) else XGBRegressor


def predictor_of(model, y):
    return model.predict_proba if is_classes(y) else model.predict


def ours(X, y, seed, budgets):
    from sklearn_autotune import TunedXGBClassifier, TunedXGBRegressor

    tuned = TunedXGBClassifier if is_classes(y) else TunedXGBRegressor
    for budget in budgets:
        start = cpu_seconds()
        search = tuned(n_trials=100_000, timeout=budget, random_state=seed).fit(X, y)
        yield budget, cpu_seconds() - start, predictor_of(search, y), len(search.study_.trials)


def flaml(X, y, seed, budgets):
    from flaml import AutoML

    for budget in budgets:
        start = cpu_seconds()
        search = AutoML()
        task, metric = ("classification", "log_loss") if is_classes(y) else ("regression", "rmse")
        search.fit(
            X, y, task=task, metric=metric, estimator_list=["xgboost"], time_budget=budget, n_jobs=1,
            seed=seed, verbose=0,
        )  # fmt: skip
        yield budget, cpu_seconds() - start, predictor_of(search, y), len(search.config_history)


def random(X, y, seed, budgets):
    """What RandomizedSearchCV does, with a look at the clock after each candidate; its last fit comes on top."""
    from scipy.stats import loguniform, randint, uniform

    space = {
        "n_estimators": randint(50, 501),
        "max_depth": randint(3, 13),
        "learning_rate": loguniform(0.01, 0.3),
        "subsample": uniform(0.6, 0.4),
        "colsample_bytree": uniform(0.6, 0.4),
        "min_child_weight": randint(1, 11),
        "gamma": uniform(0, 5),
        "reg_alpha": uniform(0, 1),
        "reg_lambda": uniform(0, 1),
    }
    folds = (StratifiedKFold if is_classes(y) else KFold)(5, shuffle=True, random_state=seed)
    scoring = "neg_log_loss" if is_classes(y) else "neg_root_mean_squared_error"
    best, n_candidates, spent = (-np.inf, {}), 0, 0.0
    candidates = iter(ParameterSampler(space, 100_000, random_state=seed))
    for budget in budgets:
        while spent < budget or not n_candidates:
            start, params = cpu_seconds(), next(candidates)
            model = kind_of(y)(n_jobs=1, random_state=seed, **params)
            score = cross_val_score(model, X, y, cv=folds, scoring=scoring).mean()
            spent += cpu_seconds() - start
            n_candidates += 1
            if spent <= budget or n_candidates == 1:
                best = max(best, (score, params), key=lambda found: found[0])
        start = cpu_seconds()
        model = kind_of(y)(n_jobs=1, random_state=seed, **best[1]).fit(X, y)
        yield budget, min(spent, budget) + cpu_seconds() - start, predictor_of(model, y), n_candidates
        # What was measured beyond this budget counts in the next.
        best = max(best, (score, params), key=lambda found: found[0])


def untuned(X, y, seed, budgets):
    """XGBoost as it comes, the number of rounds found on a tenth of the rows."""
    start = cpu_seconds()
    X_fit, X_stop, y_fit, y_stop = train_test_split(
        X, y, test_size=0.1, random_state=seed, stratify=y if is_classes(y) else None
    )
    model = kind_of(y)(n_estimators=5000, learning_rate=0.1, early_stopping_rounds=50, n_jobs=1, random_state=seed)
    model.fit(X_fit, y_fit, eval_set=[(X_stop, y_stop)], verbose=False)
    spent = cpu_seconds() - start
    for budget in budgets:
        yield budget, spent, predictor_of(model, y), 1


METHODS = {"ours": ours, "flaml": flaml, "random": random, "untuned": untuned}


def main():
    method, path, seed, *budgets = sys.argv[1:]
    warnings.simplefilter("ignore")
    data = np.load(path)
    found = METHODS[method](data["X_train"], data["y_train"], int(seed), [float(budget) for budget in budgets])
    loss = log_loss if is_classes(data["y_test"]) else root_mean_squared_error
    for budget, spent, predict, n_candidates in found:
        row = {
            "method": method,
            "budget": budget,
            "cpu_seconds": round(spent, 2),
            "n_candidates": n_candidates,
            "held_out": loss(data["y_test"], predict(data["X_test"])),
            "xgboost": version("xgboost"),
        }
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
