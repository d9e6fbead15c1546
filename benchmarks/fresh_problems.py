"""Problems that were opened only to measure: no default, rule or constant was chosen on their tables.

`benchmarks.problems` has the tables on which defaults were chosen. A page that uses both says which are which.
"""

from typing import Any

import numpy as np
from scipy.stats import loguniform, randint, uniform
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeRegressor
from xgboost import XGBRegressor

from benchmarks.problems import BOOSTER, FOREST, KERNEL, Problem, behind, prepared, table
from benchmarks.small_problems import TREE, numbers, scaled

__all__ = ["FRESH_PROBLEMS", "SMALL_FRESH_PROBLEMS"]

NEIGHBOURS = {"n_neighbors": randint(1, 81), "weights": ["uniform", "distance"], "p": [1, 2]}
HISTOGRAM = {
    "max_iter": randint(20, 151),
    "learning_rate": loguniform(0.01, 0.5),
    "max_leaf_nodes": randint(4, 64),
    "min_samples_leaf": randint(1, 60),
    "l2_regularization": loguniform(1e-4, 30),
}


def logged(package: str, name: str, target: str, **params: Any) -> Any:
    """Load a table whose target is a price or a duration, with the logarithm of the target."""
    X, y = table(package, name, target, **params)
    return X, np.log(y)


def personality() -> Any:
    return table("psych", "bfi", "gender")


def recurrence() -> Any:
    return table("survival", "rotterdam", "recur", drop=("pid", "year", "rtime", "dtime", "death"))


def car_prices() -> Any:
    return logged("modeldata", "car_prices", "Price")


def saratoga() -> Any:
    return logged("mosaicData", "SaratogaHouses", "price")


FRESH_PROBLEMS = (
    Problem(
        "computers, elastic net",
        lambda: logged("Ecdat", "Computers", "price"),
        lambda seed: prepared(
            make_pipeline(PolynomialFeatures(include_bias=False), ElasticNet(tol=1e-3, random_state=seed)), scale=True
        ),
        behind(
            "pipeline",
            behind("elasticnet", {"alpha": loguniform(1e-4, 10), "l1_ratio": uniform(0.01, 0.99)})
            | behind("polynomialfeatures", {"degree": [1, 2], "interaction_only": [False, True]}),
        ),
        "r2",
        False,
    ),
    Problem(
        "car prices, SVR",
        car_prices,
        lambda seed: prepared(SVR(), scale=True),
        behind("svr", KERNEL | {"epsilon": loguniform(1e-3, 1)}),
        "neg_mean_absolute_error",
        False,
    ),
    Problem(
        "Saratoga houses, XGBoost",
        saratoga,
        lambda seed: prepared(XGBRegressor(n_jobs=1, random_state=seed)),
        behind("xgbregressor", BOOSTER),
        "neg_root_mean_squared_error",
        False,
    ),
    Problem(
        "deliveries, histogram boosting",
        lambda: table("modeldata", "deliveries", "time_to_delivery", n_rows=2500),
        lambda seed: prepared(HistGradientBoostingRegressor(early_stopping=False, random_state=seed)),
        behind("histgradientboostingregressor", HISTOGRAM),
        "neg_root_mean_squared_error",
        False,
    ),
    Problem(
        "college grades, neighbours",
        lambda: table("wooldridge", "gpa2", "colgpa"),
        lambda seed: prepared(KNeighborsRegressor(), scale=True),
        behind("kneighborsregressor", NEIGHBOURS),
        "r2",
        False,
    ),
    Problem(
        "heart attacks, random forest",
        lambda: table("DAAG", "monica", "outcome", n_rows=3000),
        lambda seed: prepared(RandomForestClassifier(n_estimators=40, random_state=seed)),
        behind("randomforestclassifier", FOREST),
        "roc_auc",
    ),
    Problem(
        "personality, extra trees",
        personality,
        lambda seed: prepared(ExtraTreesClassifier(n_estimators=50, bootstrap=True, random_state=seed)),
        behind("extratreesclassifier", FOREST),
        "accuracy",
    ),
    Problem(
        "graduation, logistic regression",
        lambda: table("wooldridge", "catholic", "hsgrad", drop=("id",), is_known=True),
        lambda seed: prepared(LogisticRegression(max_iter=200), scale=True),
        behind("logisticregression", {"C": loguniform(1e-4, 1e3), "class_weight": [None, "balanced"]}),
        "roc_auc",
    ),
    Problem(
        "breast cancer recurrence, neighbours",
        recurrence,
        lambda seed: prepared(KNeighborsClassifier(), scale=True),
        behind("kneighborsclassifier", NEIGHBOURS),
        "roc_auc",
    ),
    Problem(
        "alcohol, histogram boosting",
        lambda: table("wooldridge", "alcohol", "abuse", n_rows=2500),
        lambda seed: prepared(HistGradientBoostingClassifier(early_stopping=False, random_state=seed)),
        behind("histgradientboostingclassifier", HISTOGRAM),
        "neg_log_loss",
    ),
)

# As in `benchmarks.small_problems`: fits of a few milliseconds, on 600 rows at most.
SMALL_FRESH_PROBLEMS = (
    Problem(
        "car prices, kernel ridge",
        lambda: numbers(*car_prices()),
        lambda seed: scaled(KernelRidge(kernel="rbf")),
        behind("kernelridge", {"alpha": loguniform(1e-4, 10), "gamma": loguniform(1e-5, 1)}),
        "r2",
        False,
    ),
    Problem(
        "Saratoga houses, tree",
        lambda: numbers(*saratoga()),
        lambda seed: make_pipeline(DecisionTreeRegressor(random_state=seed)),
        behind("decisiontreeregressor", TREE | {"ccp_alpha": loguniform(1e-6, 1e-2)}),
        "neg_mean_absolute_error",
        False,
    ),
    Problem(
        "personality, SVC",
        lambda: numbers(*personality()),
        lambda seed: scaled(SVC(random_state=seed)),
        behind("svc", KERNEL | {"class_weight": [None, "balanced"]}),
        "roc_auc",
    ),
    Problem(
        "breast cancer recurrence, elastic net",
        lambda: numbers(*recurrence()),
        lambda seed: scaled(LogisticRegression(max_iter=300, tol=1e-3, solver="saga", random_state=seed)),
        behind("logisticregression", {"C": loguniform(1e-3, 1e2), "l1_ratio": uniform(0, 1)}),
        "neg_log_loss",
    ),
)
