"""Fitted estimators predict the same after every usual way to copy or store them."""

import copy
import io
import pickle
import warnings
from importlib.util import find_spec

import cloudpickle
import joblib
import numpy as np
import optuna
import pytest
import skops.io
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_autotune import (
    AutoModelSelector,
    BestMean,
    FoldRacing,
    OptunaSearchCV,
    TunedXGBClassifier,
    TunedXGBRegressor,
)
from sklearn_autotune.export import export_code
from sklearn_autotune.families import FAMILIES

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it says of its own dependencies
    import mlflow


def copy_by_joblib(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


def copy_by_skops(estimator):
    stored = skops.io.dumps(estimator)
    return skops.io.loads(stored, trusted=skops.io.get_untrusted_types(data=stored))


COPIES = {
    "pickle": lambda estimator: pickle.loads(pickle.dumps(estimator)),
    "cloudpickle": lambda estimator: cloudpickle.loads(cloudpickle.dumps(estimator)),
    "joblib": copy_by_joblib,
    "deepcopy": copy.deepcopy,
    "skops": copy_by_skops,
}


def make_search():
    return OptunaSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression()),
        {"logisticregression__C": optuna.distributions.FloatDistribution(0.01, 1.0, log=True)},
        n_trials=4,
        cv=3,
        random_state=0,
        scoring=["accuracy", "neg_log_loss"],
        refit=BestMean("accuracy"),
        pruner=FoldRacing(n_startup_trials=2),
    )


def make_selector(family, task="classification"):
    return AutoModelSelector(task, [family], n_trials=1, cv=3, random_state=0)


BOOSTERS = [family for family in FAMILIES if family.rounds is not None and find_spec(family.package or "numpy")]
ESTIMATORS = {
    "OptunaSearchCV": make_search,
    "TunedXGBClassifier": lambda: TunedXGBClassifier(n_trials=2, cv=3, random_state=0, n_estimators=20),
    "TunedXGBRegressor": lambda: TunedXGBRegressor(n_trials=2, cv=3, random_state=0, n_estimators=20),
    "selector of logistic, given as an object": lambda: make_selector(FAMILIES[1]),
    **{f"selector of {family.name}": lambda name=family.name: make_selector(name) for family in BOOSTERS},
}


@pytest.fixture(scope="module", params=ESTIMATORS)
def fitted(request):
    """An estimator that is fitted, and rows."""
    is_regression = "regress" in request.param.lower()
    X, y = (load_diabetes if is_regression else load_wine)(return_X_y=True)
    return ESTIMATORS[request.param]().fit(X, y), X


def predict(estimator, X):
    return (estimator.predict_proba if hasattr(estimator, "predict_proba") else estimator.predict)(X)


@pytest.mark.few_by_day(14)
@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)
def test_a_copy_of_a_fitted_estimator_predicts_the_same(fitted, make_copy):
    estimator, X = fitted

    copied = make_copy(estimator)

    np.testing.assert_array_equal(predict(copied, X), predict(estimator, X))
    np.testing.assert_array_equal(predict(make_copy(estimator.deployed_model()), X), predict(estimator, X))
    assert export_code(copied) == export_code(estimator)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # SQLAlchemy's, of what MLflow asks of it
@pytest.mark.parametrize("name", ["OptunaSearchCV", "TunedXGBClassifier"])
def test_mlflow_logs_a_fitted_estimator_in_its_default_format(name, tmp_path):
    X, y = load_wine(return_X_y=True)
    estimator = ESTIMATORS[name]().fit(X, y)
    types = skops.io.get_untrusted_types(data=skops.io.dumps(estimator))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what MLflow says of its own environment
        mlflow.sklearn.save_model(estimator, tmp_path / "model", skops_trusted_types=types, pip_requirements=[])
        loaded = mlflow.sklearn.load_model(str(tmp_path / "model"))

    np.testing.assert_array_equal(loaded.predict(X), estimator.predict(X))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_of_the_catalogue_can_be_pickled(family):
    assert pickle.loads(pickle.dumps(family)).name == family.name
