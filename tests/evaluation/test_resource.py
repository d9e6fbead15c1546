"""Which parameter sets the amount of a resource, and its amount without rungs."""

import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from xgboost import XGBClassifier

from sklearn_autotune.evaluation._resource import (
    AUTO_EPOCHS,
    ResourceLocation,
    check_not_searched,
    get_default_amount,
    is_positive_integer,
    locate_resource,
)

INSIDE = Pipeline([("scale", StandardScaler()), ("model", make_pipeline(StandardScaler(), RandomForestClassifier()))])


@pytest.mark.parametrize(
    ("estimator", "resource", "parameter"),
    [
        (RandomForestClassifier(), "iterations", "n_estimators"),
        (LogisticRegression(), "iterations", "max_iter"),
        (XGBClassifier(), "iterations", "n_estimators"),
        (INSIDE, "iterations", "model__randomforestclassifier__n_estimators"),
        (INSIDE, "model__randomforestclassifier__max_depth", "model__randomforestclassifier__max_depth"),
        (SGDClassifier(), "epochs", "epochs"),
        (make_pipeline(StandardScaler(), SGDClassifier()), "epochs", "sgdclassifier__epochs"),
    ],
    ids=str,
)
def test_the_resource_is_counted_by_the_last_step(estimator, resource, parameter):
    assert locate_resource(estimator, resource).parameter == parameter


def test_the_part_that_is_trained_on_is_the_last_step_of_the_last_step():
    location = locate_resource(INSIDE, "iterations")

    assert location.path == ("model", "randomforestclassifier")
    assert location.get_part(INSIDE) is INSIDE[-1][-1]


@pytest.mark.parametrize(
    ("estimator", "resource", "message"),
    [
        (SVC(), "epochs", "SVC has no partial_fit"),
        (StandardScaler(), "iterations", "has none of n_estimators, max_iter, iterations"),
        (SVC(), "n_trees", "Cannot use resource=n_trees"),
    ],
)
def test_a_resource_that_the_estimator_does_not_have_is_refused(estimator, resource, message):
    with pytest.raises(ValueError, match=message):
        locate_resource(estimator, resource)


def test_a_resource_that_is_searched_is_refused():
    location = ResourceLocation(("model",), "max_iter")

    check_not_searched(location, {"max_iter", "model__C"})
    with pytest.raises(ValueError, match="model__max_iter as the resource since it is part of the searched"):
        check_not_searched(location, {"model__max_iter"})


@pytest.mark.parametrize(
    ("estimator", "resource", "amount"),
    [
        (GradientBoostingClassifier(n_estimators=70), "iterations", 70),
        (XGBClassifier(), "iterations", 100),
        (SGDClassifier(max_iter=30), "epochs", 30),
        (SGDClassifier(max_iter=None), "epochs", AUTO_EPOCHS),
    ],
    ids=str,
)
def test_the_default_amount_is_what_the_estimator_has_set(estimator, resource, amount):
    assert get_default_amount(estimator, locate_resource(estimator, resource)) == amount


def test_an_amount_that_is_no_positive_integer_is_refused():
    svm = SVC(max_iter=-1)

    with pytest.raises(ValueError, match="max_iter is -1 in SVC"):
        get_default_amount(svm, locate_resource(svm, "iterations"))
    assert [is_positive_integer(amount) for amount in (1, 0, True, 1.0)] == [True, False, False, False]
