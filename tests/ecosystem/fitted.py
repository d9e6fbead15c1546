"""Fitted searches that are handed to tools for models: explanation, conversion, storage."""

from functools import cache

from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_autotune import OptunaSearchCV
from tests.ecosystem.claims import make_data

DEPTHS = {"max_depth": [2, 4]}


@cache
def fit_forest(*, is_regression=False, by=OptunaSearchCV):
    """A fitted search over a small forest, and its data as an array."""
    X, y = make_data(is_regression=is_regression, names=False)
    forest = RandomForestRegressor if is_regression else RandomForestClassifier
    return by(forest(8, random_state=0), DEPTHS, cv=3).fit(X, y), X, y


@cache
def fit_pipeline(*, by=OptunaSearchCV):
    """A fitted search over a Pipeline, and its data as a table of pandas."""
    X, y = make_data()
    return (
        by(make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [0.1, 1]}, cv=3).fit(X, y),
        X,
        y,
    )


SEARCHES = (OptunaSearchCV, GridSearchCV)
