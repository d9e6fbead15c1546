"""Values as Python code: what is written gives an equal value, and what cannot be written is named."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.export import export_code


def fitted(estimator, space, X=None, y=None):
    X, y = load_iris(return_X_y=True) if X is None else (X, y)
    return OptunaSearchCV(estimator, space, cv=3).fit(X, y)


def test_what_cannot_be_written_is_named_with_its_place():
    model = make_pipeline(FunctionTransformer(lambda X: X), SVC())
    with pytest.raises(ValueError, match=r"steps\[0\]\[1\]\.func is .*a lambda"):
        export_code(fitted(model, {"svc__C": [1]}))


def local_functions():
    def inside(values):
        return values

    return [(inside, "defined inside a function"), (np.random.RandomState(0).permutation, "cannot be")]


@pytest.mark.parametrize(("function", "message"), local_functions())
def test_functions_that_no_script_can_import(function, message):
    with pytest.raises(ValueError, match=message):
        export_code(make_pipeline(FunctionTransformer(function)))


def test_generators_and_fitted_models_are_refused():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=r"random_state is RandomState"):
        export_code(fitted(DecisionTreeClassifier(random_state=np.random.RandomState(0)), {"max_depth": [2]}))
    with pytest.raises(ValueError, match="FrozenEstimator"):
        export_code(CalibratedClassifierCV(FrozenEstimator(SVC().fit(X, y))).fit(X, y))


def test_a_search_that_has_nothing_to_write_is_refused():
    with pytest.raises(ValueError, match="Fit it, with refit=True"):
        export_code(OptunaSearchCV(SVC(), {"C": [1]}))
