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
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.svm import SVR
from xgboost import XGBRegressor

from benchmarks.problems import BOOSTER, FOREST, KERNEL, Problem, behind, prepared, table

__all__ = ["FRESH_PROBLEMS"]

NEIGHBOURS = {"n_neighbors": randint(1, 81), "weights": ["uniform", "distance"], "p": [1, 2]}
HISTOGRAM = {
    "max_iter": randint(20, 201),
    "learning_rate": loguniform(0.01, 0.5),
    "max_leaf_nodes": randint(4, 64),
    "min_samples_leaf": randint(1, 60),
    "l2_regularization": loguniform(1e-4, 30),
}


def logged(package: str, name: str, target: str, **params: Any) -> Any:
    """Load a table whose target is a price or a duration, with the logarithm of the target."""
    X, y = table(package, name, target, **params)
    return X, np.log(y)


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
        lambda: logged("modeldata", "car_prices", "Price"),
        lambda seed: prepared(SVR(), scale=True),
        behind("svr", KERNEL | {"epsilon": loguniform(1e-3, 1)}),
        "neg_mean_absolute_error",
        False,
    ),
    Problem(
        "Saratoga houses, XGBoost",
        lambda: logged("mosaicData", "SaratogaHouses", "price"),
        lambda seed: prepared(XGBRegressor(n_jobs=1, random_state=seed)),
        behind("xgbregressor", BOOSTER),
        "neg_root_mean_squared_error",
        False,
    ),
    Problem(
        "deliveries, histogram boosting",
        lambda: table("modeldata", "deliveries", "time_to_delivery", n_rows=4000),
        lambda seed: prepared(HistGradientBoostingRegressor(early_stopping=False, random_state=seed)),
        behind("histgradientboostingregressor", HISTOGRAM),
        "neg_root_mean_squared_error",
        False,
    ),
    Problem(
        "wages, neighbours",
        lambda: table("ISLR", "Wage", "logwage", drop=("wage", "region")),
        lambda seed: prepared(KNeighborsRegressor(), scale=True),
        behind("kneighborsregressor", NEIGHBOURS),
        "r2",
        False,
    ),
    Problem(
        "heart attacks, random forest",
        lambda: table("DAAG", "monica", "outcome"),
        lambda seed: prepared(RandomForestClassifier(n_estimators=50, random_state=seed)),
        behind("randomforestclassifier", FOREST),
        "roc_auc",
    ),
    Problem(
        "personality, extra trees",
        lambda: table("psych", "bfi", "gender"),
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
        lambda: table("survival", "rotterdam", "recur", drop=("pid", "year", "rtime", "dtime", "death")),
        lambda seed: prepared(KNeighborsClassifier(), scale=True),
        behind("kneighborsclassifier", NEIGHBOURS),
        "roc_auc",
    ),
    Problem(
        "alcohol, histogram boosting",
        lambda: table("wooldridge", "alcohol", "abuse", n_rows=4000),
        lambda seed: prepared(HistGradientBoostingClassifier(early_stopping=False, random_state=seed)),
        behind("histgradientboostingclassifier", HISTOGRAM),
        "neg_log_loss",
    ),
)
