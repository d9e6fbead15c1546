"""Fitted searches that are handed to tools for models: explanation, conversion, storage."""

from functools import cache

from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_autotune import OptunaSearchCV
from tests.ecosystem.claims import make_data


@cache
def fit_forest(*, is_regression=False, by=OptunaSearchCV):
    """A fitted search over a small forest, and its data as an array."""
    X, y = make_data(is_regression=is_regression, names=False)
    forest = RandomForestRegressor if is_regression else RandomForestClassifier
    return by(forest(8, random_state=0), {"max_depth": [2, 4]}, cv=3).fit(X, y), X, y


@cache
def fit_pipeline():
    """A fitted search over a Pipeline, and its data as a table of pandas."""
    X, y = make_data()
    model = make_pipeline(StandardScaler(), LogisticRegression())
    return OptunaSearchCV(model, {"logisticregression__C": [0.1, 1]}, cv=3).fit(X, y), X, y
