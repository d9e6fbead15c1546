"""Every library of boosters has all members of its protocol, and tells exactly when a fit can be continued."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from xgboost import XGBClassifier

from sklearn_autotune._compat.boosters import BOOSTER_LIBRARIES, LIBRARIES
from sklearn_autotune._compat.boosters._base import (
    BoosterLibrary,
    Library,
    PartFit,
    has_repeatable_seed,
    is_exact_class,
)


def list_members(protocol):
    """The names that a protocol and those that it extends ask for."""
    return {
        name
        for kind in protocol.__mro__
        if kind.__module__ == protocol.__module__
        for name in (*vars(kind), *kind.__annotations__)
        if not name.startswith("_")
    }


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.package)
def test_each_library_has_the_members_that_it_is_asked_for_and_no_others(library):
    protocol = BoosterLibrary if library in BOOSTER_LIBRARIES else Library

    assert {name for name in vars(type(library)) if not name.startswith("_")} == list_members(protocol)


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.package)
def test_the_names_of_rounds_and_their_aliases_are_told_apart(library):
    assert library.rounds_params
    assert not set(library.rounds_params) & set(library.rounds_aliases)


def test_a_class_is_exact_only_if_name_and_package_are_the_ones_asked_for():
    names = ("XGBClassifier", "RandomForestClassifier")
    derived = type("XGBClassifier", (XGBClassifier,), {"__module__": __name__})  # the same name, of another package

    assert is_exact_class(XGBClassifier(), "xgboost", names)
    assert is_exact_class(RandomForestClassifier(), "sklearn", names)
    assert not is_exact_class(RandomForestClassifier(), "xgboost", names)
    assert not is_exact_class(XGBClassifier(), "xgboost", ("XGBRegressor",))
    assert not is_exact_class(derived(), "xgboost", names)


def test_an_estimator_of_a_package_with_a_longer_name_is_not_exact():
    other = type("XGBClassifier", (), {"__module__": "xgboost_extras.models"})

    assert not is_exact_class(other(), "xgboost", ("XGBClassifier",))


@pytest.mark.parametrize("seed", [None, 0, 7, np.int64(7)], ids=repr)
def test_numbers_and_the_default_are_repeatable_seeds(seed):
    assert has_repeatable_seed({"random_state": seed})


def test_an_estimator_without_a_seed_is_repeatable():
    assert has_repeatable_seed({})


def test_a_generator_is_not_a_repeatable_seed():
    assert not has_repeatable_seed({"random_state": np.random.RandomState(0)})
    assert not has_repeatable_seed({"random_state": np.random.default_rng(0)})


def test_the_arguments_of_a_fit_cannot_be_changed():
    fit = PartFit(XGBClassifier(), "n_estimators", (np.zeros((2, 1)), np.array([0, 1])), {})

    with pytest.raises(FrozenInstanceError):
        fit.rounds_param = "max_depth"
