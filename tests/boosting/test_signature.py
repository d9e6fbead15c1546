"""Constructors with named parameters: scikit-learn reads their names, and errors name the constructed class."""

import inspect

import pytest
from sklearn.base import BaseEstimator, clone

from sklearn_autotune import TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.boosting._signature import extend_signature


class Base(BaseEstimator):
    def __init__(self, *, depth=3):
        self.depth = depth


class Model(Base):
    @extend_signature(Base)
    def __init__(self, *, width=2, **params):
        super().__init__(**params)
        self.width = width


class Named(Model):
    pass


def test_all_parameters_are_in_the_signature_with_their_defaults():
    assert str(inspect.signature(Model)) == "(*, depth=3, width=2)"
    assert Named(width=5).get_params() == {"depth": 3, "width": 5}
    assert clone(Named(depth=1)).depth == 1


@pytest.mark.parametrize("kind", [Model, Named, TunedXGBClassifier, TunedXGBRegressor])
def test_a_wrong_parameter_is_refused_in_the_name_of_the_class_that_is_constructed(kind):
    with pytest.raises(TypeError, match=f"^{kind.__name__} has no parameter 'colour'.$"):
        kind(colour=1)
    with pytest.raises(TypeError, match=f"^{kind.__name__} takes its parameters by name, such as "):
        kind(1)


def test_a_parameter_of_a_similar_name_is_named():
    with pytest.raises(TypeError, match=r"has no parameter 'n_trial'\. Did you mean 'n_trials'"):
        TunedXGBRegressor(n_trial=3)
