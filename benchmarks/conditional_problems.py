"""Small real tables with spaces of choices: several kernels, models or preparations, each with its own parameters."""

from typing import Any

import numpy as np
from scipy.stats import loguniform, randint, uniform
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, GradientBoostingRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, RobustScaler, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from benchmarks.problems import Problem, behind, table
from benchmarks.small_problems import KERNEL, NEIGHBOURS, TREE, numbers

__all__ = ["CONDITIONAL_PROBLEMS"]

EPSILON = {"epsilon": loguniform(1e-3, 1)}
POLYNOMIAL = {"degree": randint(2, 5), "coef0": uniform(0, 2)}
FEW_ITERATIONS = 5000  # of support vectors: a large C with a polynomial kernel would take minutes


def steps(model: Any) -> Pipeline:
    """Return a pipeline of a scaler and a model, whose parameters are called ``model__…``."""
    return Pipeline([("scaler", StandardScaler()), ("model", model)])


def alternatives(*branches: tuple[Any, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a space with one dict for each model."""
    return [{"model": [model]} | behind("model", space) for model, space in branches]


def kernels(shared: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a space with one dict for each kernel of a support vector machine."""
    gamma = {"gamma": KERNEL["gamma"]}
    own: dict[str, dict[str, Any]] = {"linear": {}, "rbf": gamma, "sigmoid": gamma, "poly": gamma | POLYNOMIAL}
    return [behind("model", {"kernel": [name]} | shared | space) for name, space in own.items()]


def load(package: str, name: str, target: str, *, drop: tuple[str, ...] = (), is_log: bool = False) -> Any:
    """Return the function that loads a table as numbers; with ``is_log``, the target is its logarithm."""

    def call() -> tuple[np.ndarray, np.ndarray]:
        X, y = numbers(*table(package, name, target, drop=drop, is_known=True))
        return X, np.log(y) if is_log else y

    return call


CONDITIONAL_PROBLEMS = (
    Problem(
        "miles per gallon, four kernels",
        load("ISLR", "Auto", "mpg", drop=("name",)),
        lambda seed: steps(SVR(max_iter=FEW_ITERATIONS)),
        kernels({"C": KERNEL["C"]} | EPSILON),
        "r2",
        False,
    ),
    Problem(
        "baseball salaries, three models",
        load("ISLR", "Hitters", "Salary", is_log=True),
        lambda seed: steps(Ridge()),
        alternatives(
            (ElasticNet(tol=1e-2), {"alpha": loguniform(1e-3, 10), "l1_ratio": uniform(0.01, 0.99)}),
            (SVR(max_iter=FEW_ITERATIONS), KERNEL | EPSILON),
            (KNeighborsRegressor(), NEIGHBOURS),
        ),
        "neg_root_mean_squared_error",
        False,
    ),
    Problem(
        "hourly wages, trees or boosting",
        load("AER", "CPS1985", "wage", is_log=True),
        lambda seed: steps(Ridge()),
        alternatives(
            (DecisionTreeRegressor(random_state=0), TREE),
            (ExtraTreesRegressor(n_estimators=10, random_state=0), TREE),
            (
                GradientBoostingRegressor(n_estimators=20, random_state=0),
                {
                    "learning_rate": loguniform(0.03, 1),
                    "max_depth": randint(1, 7),
                    "subsample": uniform(0.4, 0.6),
                    "max_features": TREE["max_features"],
                },
            ),
        ),
        "r2",
        False,
    ),
    Problem(
        "biomass, network",
        load("modeldata", "biomass", "HHV", drop=("sample",)),
        lambda seed: steps(MLPRegressor(solver="lbfgs", max_iter=30, random_state=seed)),
        behind(
            "model",
            {
                "hidden_layer_sizes": [(4,), (8,), (16,), (8, 8)],
                "activation": ["tanh", "relu", "logistic", "identity"],
                "alpha": loguniform(1e-5, 100),
            },
        ),
        "r2",
        False,
    ),
    Problem(
        "houses of Sacramento, preparations",
        load("modeldata", "Sacramento", "price", drop=("zip",), is_log=True),
        lambda seed: Pipeline(
            [
                ("scaler", StandardScaler()),
                ("select", SelectKBest(f_regression)),
                ("products", PolynomialFeatures(include_bias=False)),
                ("model", Ridge()),
            ]
        ),
        [
            {
                "scaler": [StandardScaler(), MinMaxScaler(), RobustScaler(), "passthrough"],
                "select__k": randint(3, 25),
                "products__degree": [1, 2],
                "model": [model],
                "model__alpha": loguniform(low, 1e2),
            }
            for model, low in ((Ridge(), 1e-3), (Lasso(tol=1e-2, max_iter=300), 1e-4))
        ],
        "r2",
        False,
    ),
    Problem(
        "cells, four kernels",
        load("modeldata", "cells", "class", drop=("case",)),
        lambda seed: steps(SVC(max_iter=FEW_ITERATIONS, random_state=seed)),
        kernels({"C": KERNEL["C"], "class_weight": [None, "balanced"]}),
        "roc_auc",
    ),
    Problem(
        "credit cards, three models",
        load("AER", "CreditCard", "card", drop=("expenditure", "share")),
        lambda seed: steps(LogisticRegression()),
        alternatives(
            (LogisticRegression(max_iter=200), {"C": loguniform(1e-3, 1e2), "class_weight": [None, "balanced"]}),
            (KNeighborsClassifier(), NEIGHBOURS),
            (DecisionTreeClassifier(random_state=0), TREE | {"criterion": ["gini", "entropy"]}),
        ),
        "roc_auc",
    ),
    Problem(
        "attrition, extra trees with choices",
        load("modeldata", "attrition", "Attrition"),
        lambda seed: steps(ExtraTreesClassifier(n_estimators=15, random_state=seed)),
        behind(
            "model",
            {
                "criterion": ["gini", "entropy", "log_loss"],
                "max_features": ["sqrt", "log2", None, 0.1, 0.5],
                "class_weight": [None, "balanced", "balanced_subsample"],
                "bootstrap": [False, True],
                "max_depth": randint(2, 26),
                "min_samples_leaf": randint(1, 31),
            },
        ),
        "roc_auc",
    ),
)
