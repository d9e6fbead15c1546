"""Candidates of families: their names, their first settings, and the space of all families together."""

from dataclasses import replace

import numpy as np
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from scipy.stats import uniform
from sklearn.base import BaseEstimator
from sklearn.ensemble import GradientBoostingClassifier

from sklearn_autotune.families import FAMILIES, Family, Shape, select_families
from sklearn_autotune.families._chosen import find_family
from sklearn_autotune.inference._text_encoder import N_TOPICS
from sklearn_autotune.selection._candidates import (
    FAMILY,
    add_screened_families,
    get_settings,
    make_candidate,
    make_first_candidates,
    make_selection_space,
    make_table_shape,
    make_typical_candidate,
    replace_setting,
    split_target_transform,
    uses_generated,
)
from sklearn_autotune.space._space import read_space
from tests.selection.toy_families import boosting, family, shape

INSTALLED = [family for family in FAMILIES if family.package != "catboost"]
SHAPE = shape(200)


def branched(first):
    """A family whose subsample is searched with few trees alone."""
    return Family(
        name="branched",
        estimators=("sklearn.GradientBoostingClassifier",),
        space=lambda shape: [
            {"n_estimators": [10, 20], "subsample": uniform(0.5, 0.5)},
            {"n_estimators": [100, 200], "max_depth": IntDistribution(2, 9)},
        ],
        make=lambda shape: GradientBoostingClassifier(max_depth=1),
        first=first,
    )


def first_settings(*first):
    return [get_settings(candidate) for candidate in make_first_candidates(branched(first), SHAPE)]


# -- tables and names ----------------------------------------------------------------------------------------------


def test_a_tables_columns_are_counted_as_models_get_them():
    """A category becomes one column for each value, up to twenty."""
    found = make_table_shape(100, n_categories=np.array([0, 0, 3, 50]), classes=np.array(["a", "b", "c"]))

    assert found == Shape(100, True, n_columns=2 + 3 + 20, n_classes=3)
    assert not make_table_shape(100, n_categories=np.array([0]), classes=None).is_classifier


def test_settings_come_back_from_a_candidate_as_they_went_in():
    own, settings = family("own"), {"var_smoothing": 0.1, "inner__own__name": None}

    candidate = make_candidate(own, settings)

    assert candidate == {FAMILY: "own", "own__var_smoothing": 0.1, "own__inner__own__name": None}
    assert get_settings(candidate) == settings


# -- the space of all families -------------------------------------------------------------------------------------


def test_the_space_has_a_branch_for_each_branch_of_each_family():
    space = make_selection_space({"a": family("a"), "branched": branched(())}, SHAPE)

    assert [branch[FAMILY] for branch in space] == [["a"], ["branched"], ["branched"]]
    assert [sorted(branch) for branch in space] == [
        ["a__var_smoothing", FAMILY],
        ["branched__n_estimators", "branched__subsample", FAMILY],
        ["branched__max_depth", "branched__n_estimators", FAMILY],
    ]


def test_a_space_may_depend_on_the_table_and_on_the_estimators_own_parameters():
    own = replace(boosting(), space=lambda shape: {"max_depth": [shape.params["max_depth"], shape.n_rows]})

    assert make_selection_space({"boosted": own}, SHAPE) == [{FAMILY: ["boosted"], "boosted__max_depth": [3, 200]}]


# -- first candidates ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("family", INSTALLED, ids=lambda family: family.name)
def test_first_candidates_lie_in_the_space(family, n_classes):
    for task in family.tasks:
        for n_rows in (20, 500, 100_000):
            shape = Shape(n_rows, task == "classification", n_columns=7, n_classes=n_classes)
            space = read_space(make_selection_space({family.name: family}, shape))
            for candidate in make_first_candidates(family, shape):
                space.encode(candidate)


def test_first_settings_are_completed_by_those_of_the_estimator_as_it_is_made():
    assert first_settings({"n_estimators": 10}) == [{"n_estimators": 10, "subsample": 1.0}]


def test_first_settings_are_moved_into_the_searched_range():
    found = first_settings({"n_estimators": 100}, {"n_estimators": 100, "max_depth": 50})

    assert [settings["max_depth"] for settings in found] == [2, 9]


def test_what_is_no_number_becomes_the_middle_of_the_range():
    own = replace(
        boosting(),
        space=lambda shape: {"max_features": FloatDistribution(0.01, 1.0, log=True), "random_state": uniform(2, 2)},
        first=({},),
    )

    (settings,) = map(get_settings, make_first_candidates(own, SHAPE))

    assert settings == {"max_features": pytest.approx(0.1), "random_state": pytest.approx(3.0)}


def test_first_settings_may_depend_on_the_table():
    assert first_settings({"n_estimators": lambda shape: shape.n_rows // 20})[0]["n_estimators"] == 10


def test_first_settings_that_come_to_the_same_are_one_candidate():
    assert len(first_settings({"n_estimators": 100}, {"n_estimators": 100, "max_depth": 1})) == 1


def test_a_family_without_first_settings_is_typified_by_its_estimator_as_it_is_made():
    assert make_first_candidates(branched(()), SHAPE) == []
    assert get_settings(make_typical_candidate(branched(()), SHAPE)) == {"n_estimators": 10, "subsample": 1.0}
    first = {"n_estimators": 200, "max_depth": 5}
    assert get_settings(make_typical_candidate(branched((first,)), SHAPE)) == first


@pytest.mark.parametrize(("rate", "expected"), [(0.1, 0.1), (0.01, 0.05), (7.0, 0.3)])
def test_a_replaced_setting_stays_in_the_range_and_all_others_stay_as_they_are(rate, expected):
    own = replace(boosting(), space=lambda shape: boosting().space(shape) | {"max_depth": [2, 3]})
    candidate = make_candidate(own, {"learning_rate": 0.2, "max_depth": 2})

    changed = replace_setting(own, SHAPE, candidate, "learning_rate", rate)

    assert changed == make_candidate(own, {"learning_rate": expected, "max_depth": 2})
    assert get_settings(candidate)["learning_rate"] == 0.2


def test_of_wide_tables_linear_models_get_all_columns_and_those_left_after_screening():
    families = {name: family for name, family in select_families("classification").items() if name != "xgboost"}
    wide, narrow = np.zeros(101, dtype=int), np.zeros(100, dtype=int)

    assert add_screened_families(families, narrow) == families
    added = add_screened_families(families, wide)
    assert set(added) - set(families) == {"logistic_screened"}
    assert added["logistic_screened"].screens
    assert not added["logistic"].screens


def test_families_that_screen_are_told_of_fewer_columns():
    shape = make_table_shape(100, n_categories=np.zeros(3000, dtype=int), classes=None)

    assert find_family("svm").adapt_shape(shape).n_columns < 1000
    assert find_family("xgboost").adapt_shape(shape).n_columns == 3000
    narrow = make_table_shape(100, n_categories=np.zeros(50, dtype=int), classes=None)
    assert find_family("svm").adapt_shape(narrow).n_columns == 50
    texts = make_table_shape(100, n_categories=np.array([0, 0, -1, -1, -1]), classes=None)
    assert texts.n_columns == 2 + N_TOPICS


# -- skewed targets ------------------------------------------------------------------------------------------------


SKEWED = replace(SHAPE, is_classifier=False, target_transform="log")
LINEAR = next(one for one in FAMILIES if one.name == "ridge")


def test_where_the_target_is_skewed_a_candidate_may_use_its_logarithm():
    (branch,) = make_selection_space({"ridge": LINEAR}, SKEWED)
    first = [get_settings(candidate) for candidate in make_first_candidates(LINEAR, SKEWED)]

    assert branch["ridge__target"] == ["unchanged", "log"]
    assert [(settings["alpha"], settings["target"]) for settings in first] == [
        (1.0, "unchanged"),
        (1.0, "log"),
        (100.0, "unchanged"),
    ]
    assert get_settings(make_typical_candidate(LINEAR, SKEWED))["target"] == "unchanged"


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "hist_gradient_boosting", "forest", "baseline"])
def test_boosters_forests_and_the_baseline_are_fitted_on_the_target_as_it_is(name):
    own = next(one for one in FAMILIES if one.name == name)

    for branch in make_selection_space({name: own}, SKEWED):
        assert f"{name}__target" not in branch


def test_a_models_own_parameter_of_that_name_stays_its_own():
    class Own(BaseEstimator):
        def __init__(self, target="high"):
            self.target = target

    own = Family("own", (), lambda shape: {"target": ["high", "low"]}, lambda shape: Own(), first=({"target": "low"},))

    (branch,) = make_selection_space({"own": own}, SKEWED)
    (candidate,) = make_first_candidates(own, SKEWED)

    assert branch["own__target"] == ["high", "low"]
    assert split_target_transform(candidate, Own(), "") == (None, {"target": "low"})


# -- generated columns ---------------------------------------------------------------------------------------------


def test_where_columns_are_generated_the_first_settings_are_measured_both_ways():
    generates = replace(SHAPE, is_classifier=False, generates=True)
    (branch,) = make_selection_space({"ridge": LINEAR}, generates)
    first = make_first_candidates(LINEAR, generates)

    assert branch["ridge__features"] == ["given", "generated"]
    assert [get_settings(candidate)["features"] for candidate in first] == ["given", "generated", "given"]
    assert [uses_generated(LINEAR, candidate) for candidate in first] == [False, True, False]
    assert split_target_transform(first[1], LINEAR.make(generates), "") == (None, {"alpha": 1.0})
    assert "ridge__features" not in make_selection_space({"ridge": replace(LINEAR, generates=False)}, generates)[0]


def test_a_models_own_parameter_named_features_stays_its_own():
    class Own(BaseEstimator):
        def __init__(self, features="few"):
            self.features = features

    own = Family("own", (), lambda shape: {"features": ["few", "generated"]}, lambda shape: Own(), generates=True)
    (branch,) = make_selection_space({"own": own}, replace(SHAPE, generates=True))
    candidate = make_candidate(own, {"features": "few"})

    assert branch["own__features"] == ["few", "generated"]
    assert split_target_transform(candidate, Own(), "") == (None, {"features": "few"})
