"""Real tables with models that are fitted in a few milliseconds, for comparisons of many searches."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import loguniform, randint, uniform
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from xgboost import XGBClassifier

from benchmarks.problems import Problem, behind, diamonds, table

__all__ = ["SMALL_PROBLEMS"]

N_ROWS = 600
TREE = {
    "max_depth": randint(1, 16),
    "min_samples_leaf": randint(1, 41),
    "min_samples_split": randint(2, 61),
    "max_features": uniform(0.1, 0.9),
}
KERNEL = {"C": loguniform(1e-2, 1e3), "gamma": loguniform(1e-5, 10)}
NEIGHBOURS = {"n_neighbors": randint(1, 61), "weights": ["uniform", "distance"], "p": uniform(1, 3)}


def numbers(X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return a fixed sample of the rows without missing values, with a column for each category."""
    X = pd.DataFrame(X)
    is_kept = X.notna().all(axis=1).to_numpy() & ~pd.isna(y)
    X, y = pd.get_dummies(X[is_kept], dtype=float).to_numpy(dtype=float), np.asarray(y)[is_kept]
    kept = np.random.RandomState(0).permutation(len(X))[:N_ROWS]
    return X[kept], y[kept]


def scaled(*steps: Any) -> Any:
    return make_pipeline(StandardScaler(), *steps)


SMALL_PROBLEMS = (
    Problem(
        "credit, small XGBoost",
        lambda: numbers(*table("modeldata", "credit_data", "Status")),
        lambda seed: make_pipeline(XGBClassifier(n_jobs=1, max_bin=32, random_state=seed)),
        behind(
            "xgbclassifier",
            {
                "n_estimators": randint(5, 31),
                "max_depth": randint(1, 6),
                "learning_rate": loguniform(0.02, 0.8),
                "subsample": uniform(0.4, 0.6),
                "colsample_bytree": uniform(0.3, 0.7),
                "min_child_weight": loguniform(0.1, 20),
            },
        ),
        "neg_log_loss",
    ),
    Problem(
        "orange juice, SVC",
        lambda: numbers(*table("ISLR", "OJ", "Purchase")),
        lambda seed: scaled(SVC(random_state=seed)),
        behind("svc", KERNEL),
        "roc_auc",
    ),
    Problem(
        "attrition, ridge logistic regression",
        lambda: numbers(*table("modeldata", "attrition", "Attrition")),
        lambda seed: scaled(LogisticRegression(max_iter=200)),
        behind("logisticregression", {"C": loguniform(1e-3, 1e2), "class_weight": [None, "balanced"]}),
        "neg_log_loss",
    ),
    Problem(
        "Pima, neighbours",
        lambda: numbers(*table("MASS", "Pima.te", "type")),
        lambda seed: scaled(KNeighborsClassifier()),
        behind("kneighborsclassifier", NEIGHBOURS),
        "roc_auc",
    ),
    Problem(
        "cells, tree",
        lambda: numbers(*table("modeldata", "cells", "class", drop=("case",))),
        lambda seed: make_pipeline(DecisionTreeClassifier(random_state=seed)),
        behind("decisiontreeclassifier", TREE | {"criterion": ["gini", "entropy"], "ccp_alpha": loguniform(1e-4, 0.1)}),
        "roc_auc",
    ),
    Problem(
        "breast cancer, SVC",
        lambda: numbers(*load_breast_cancer(return_X_y=True)),
        lambda seed: scaled(SVC(random_state=seed)),
        behind("svc", KERNEL | {"class_weight": [None, "balanced"]}),
        "accuracy",
    ),
    Problem(
        "digits, polynomial SVC",
        lambda: numbers(*load_digits(return_X_y=True)),
        lambda seed: scaled(SVC(kernel="poly", random_state=seed)),
        behind("svc", KERNEL | {"degree": randint(2, 5), "coef0": uniform(0, 2)}),
        "accuracy",
    ),
    Problem(
        "diabetes, small SVR",
        lambda: numbers(*load_diabetes(return_X_y=True)),
        lambda seed: scaled(SVR()),
        behind("svr", KERNEL | {"epsilon": loguniform(1e-2, 100)}),
        "r2",
        False,
    ),
    Problem(
        "Boston, gradient boosting",
        lambda: numbers(*table("MASS", "Boston", "medv")),
        lambda seed: make_pipeline(GradientBoostingRegressor(random_state=seed)),
        behind(
            "gradientboostingregressor",
            {
                "n_estimators": randint(5, 31),
                "learning_rate": loguniform(0.03, 1),
                "max_depth": randint(1, 7),
                "subsample": uniform(0.4, 0.6),
                "max_features": uniform(0.1, 0.9),
                "min_samples_leaf": randint(1, 31),
            },
        ),
        "neg_root_mean_squared_error",
        False,
    ),
    Problem(
        "concrete, tree",
        lambda: numbers(*table("modeldata", "concrete", "compressive_strength")),
        lambda seed: make_pipeline(DecisionTreeRegressor(random_state=seed)),
        behind("decisiontreeregressor", TREE | {"ccp_alpha": loguniform(1e-3, 10)}),
        "r2",
        False,
    ),
    Problem(
        "seats, elastic net on products",
        lambda: numbers(*table("ISLR", "Carseats", "Sales")),
        lambda seed: scaled(PolynomialFeatures(include_bias=False), ElasticNet(tol=1e-2, random_state=seed)),
        behind("elasticnet", {"alpha": loguniform(1e-3, 10), "l1_ratio": uniform(0.01, 0.99)})
        | {"polynomialfeatures__degree": [1, 2], "polynomialfeatures__interaction_only": [False, True]},
        "r2",
        False,
    ),
    Problem(
        "houses, kernel ridge",
        lambda: numbers(*table("AER", "HousePrices", "price")),
        lambda seed: scaled(KernelRidge(kernel="rbf")),
        behind("kernelridge", {"alpha": loguniform(1e-4, 10), "gamma": loguniform(1e-5, 1)}),
        "r2",
        False,
    ),
    Problem(
        "colleges, neighbours",
        lambda: numbers(*table("ISLR", "College", "Grad.Rate")),
        lambda seed: scaled(KNeighborsRegressor()),
        behind("kneighborsregressor", NEIGHBOURS),
        "r2",
        False,
    ),
    Problem(
        "diamonds, small extra trees",
        lambda: numbers(*diamonds()),
        lambda seed: make_pipeline(ExtraTreesRegressor(n_estimators=5, bootstrap=True, random_state=seed)),
        behind("extratreesregressor", TREE | {"max_samples": uniform(0.3, 0.7)}),
        "r2",
        False,
    ),
)
