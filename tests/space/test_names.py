from copy import deepcopy

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from sklearn_autotune.space._names import check_names, has_own_parameters


def test_names_are_checked_on_an_estimator_whose_parts_have_been_replaced():
    pipeline = Pipeline([("model", LogisticRegression())])

    check_names(["model", "model__gamma"], pipeline, {"model": SVC()})
    assert isinstance(pipeline["model"], LogisticRegression)


def test_a_name_that_the_estimator_lacks_is_refused_with_the_closest_one():
    with pytest.raises(ValueError, match=r"'model__gama' for estimator Pipeline.*'model__gamma'"):
        check_names(["model__gama"], Pipeline([("model", SVC())]), {})


def test_a_part_has_own_parameters_if_names_go_on_after_it():
    assert has_own_parameters("model", ["model", "model__C"])
    assert not has_own_parameters("model", ["model", "models__C"])


class CopiesLists(LogisticRegression):
    """Returns copies of its parameters, as CatBoost does."""

    def get_params(self, deep=True):
        return deepcopy(super().get_params(deep))


def test_an_estimator_that_copies_a_list_is_refused_with_the_tuple_to_write():
    estimator = Pipeline([("model", CopiesLists(class_weight=["a"]))])

    with pytest.raises(RuntimeError, match="Cannot clone object CopiesLists") as caught:
        check_names(["model__C"], estimator, {})

    assert caught.value.__notes__ == ["Its get_params returns a copy of the list. Write a tuple: class_weight=('a',)."]
    check_names(["model__C"], estimator.set_params(model__class_weight=("a",)), {})
