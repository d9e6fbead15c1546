"""A bug of tune-sklearn, which this package must not have."""

import numpy as np
import optuna
import pytest
from scipy.stats import loguniform, randint
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklearn_autotune import OptunaSearchCV

BOOSTING = (
    HistGradientBoostingClassifier(random_state=0, max_leaf_nodes=4, early_stopping=False),
    {"max_iter": randint(1, 15), "learning_rate": loguniform(0.01, 1)},
)
PIPELINE = (
    Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())]),
    [
        {"model": [LogisticRegression()], "model__C": loguniform(0.01, 100)},
        {"scale": [MinMaxScaler(), None], "model": [KNeighborsClassifier()], "model__n_neighbors": randint(1, 10)},
    ],
)


@pytest.fixture(scope="module")
def data():
    return make_classification(n_samples=90, n_features=6, flip_y=0.2, random_state=0)


@pytest.mark.parametrize("pruner", [None, optuna.pruners.MedianPruner(n_startup_trials=2)], ids=["whole", "pruned"])
@pytest.mark.parametrize(("estimator", "space"), [BOOSTING, PIPELINE], ids=["boosting", "pipeline"])
def test_tune_sklearn_the_winner_can_be_re_created(data, estimator, space, pruner):
    """Iterations were counted twice, so that the refitted model was not the one that had been measured."""
    X, y = data
    folds = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y))
    search = OptunaSearchCV(
        estimator,
        space,
        n_trials=12,
        cv=folds,
        pruner=pruner,
        look_ahead=2,
        random_state=0,
        return_train_score=True,
    ).fit(X, y)

    winner = clone(estimator).set_params(**search.best_params_)
    again = cross_validate(winner, X, y, cv=folds, return_train_score=True)

    row = search.best_index_
    for kind in ("test", "train"):
        measured = [search.cv_results_[f"split{fold}_{kind}_score"][row] for fold in range(3)]
        assert measured == again[f"{kind}_score"].tolist()
    assert search.best_score_ == pytest.approx(again["test_score"].mean(), rel=1e-12)
    refitted = clone(estimator).set_params(**search.best_params_).fit(X, y)
    np.testing.assert_array_equal(search.predict_proba(X), refitted.predict_proba(X))
