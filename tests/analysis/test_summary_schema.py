"""The dictionary of a summary: strict JSON, as its schema says, for every kind of search."""

import json
from dataclasses import fields
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from scipy.stats import loguniform
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import (
    AutoModelSelector,
    OptunaSearchCV,
    Summary,
    TunedXGBClassifier,
    TunedXGBRegressor,
    get_summary_schema,
    summarize,
)
from sklearn_autotune.analysis._summary_schema import to_plain_value
from tests.aimed_searches import search_front, search_limits, search_three, select_front
from tests.odd_searches import ODD
from tests.toys import CountingClassifier, FailingClassifier

X, Y = load_breast_cancer(return_X_y=True)
X, Y = X[:240], Y[:240]
VALIDATOR = Draft202012Validator(get_summary_schema())


@cache
def search_threshold():
    model = LogisticRegression(solver="liblinear")
    return OptunaSearchCV(model, {"C": [0.1, 1]}, cv=3, threshold="f1", random_state=0).fit(X, Y)


@cache
def search_corrected():
    space = {"max_depth": range(1, 6)}
    tree = DecisionTreeClassifier(random_state=0)
    search = OptunaSearchCV(tree, space, cv=5, scoring="roc_auc", random_state=0, measure_default=True)
    return search.fit(X, Y)


@cache
def search_boosting():
    return TunedXGBClassifier(n_trials=2, cv=2, random_state=0).fit(X, Y)


@cache
def search_boosting_numbers():
    return TunedXGBRegressor(n_trials=2, cv=2, random_state=0).fit(*load_diabetes(return_X_y=True))


@cache
def select_blend():
    limits = {"bytes": ("<=", 10**7)}
    selector = AutoModelSelector(families=["logistic", "naive_bayes"], n_trials=3, cv=3, limits=limits, random_state=0)
    return selector.fit(*load_iris(return_X_y=True))


@cache
def search_halving():
    return HalvingGridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3, 4]}, cv=2).fit(X, Y)


@cache
def search_bayes():
    skopt = pytest.importorskip("skopt")
    tree = DecisionTreeClassifier(random_state=0)
    return skopt.BayesSearchCV(tree, {"max_depth": (1, 8)}, n_iter=3, cv=2, random_state=0).fit(X, Y)


@cache
def fail_all():
    search = OptunaSearchCV(FailingClassifier(above=0), {"a": [1, 2]}, cv=2)
    with pytest.raises(ValueError, match="All the 4 fits failed"):
        search.fit(X, Y)
    return search


EVERY = [
    *ODD,
    search_front,
    search_limits,
    search_three,
    search_threshold,
    search_corrected,
    search_boosting,
    search_boosting_numbers,
    select_blend,
    select_front,
    search_halving,
    search_bayes,
    fail_all,
]
each_search = pytest.mark.parametrize("make", EVERY, ids=lambda make: make.__name__)


def read_again(content):
    """What a reader of the JSON text gets."""
    return json.loads(json.dumps(content, allow_nan=False))


# -- every search ------------------------------------------------------------------------------------------------------


@each_search
def test_the_dictionary_is_strict_json_as_the_schema_says(make):
    found = summarize(make()).to_dict()

    assert read_again(found) == found
    VALIDATOR.validate(found)
    assert list_keys(found) == list_described_keys(get_summary_schema(), found)


def list_keys(value, path=""):
    """The paths of all keys."""
    keys = set()
    if isinstance(value, dict):
        for name, one in value.items():
            keys |= {f"{path}/{name}"} | list_keys(one, f"{path}/{name}")
    elif isinstance(value, list):
        for one in value:
            keys |= list_keys(one, f"{path}/[]")
    return keys


def list_described_keys(schema, value, path=""):
    """The paths of keys that a schema describes and a value can have; where names are free, those of the value."""
    keys = set()
    if isinstance(value, dict) and "properties" in schema:
        for name, one in schema["properties"].items():
            keys |= {f"{path}/{name}"} | list_described_keys(one, value[name], f"{path}/{name}")
    elif isinstance(value, dict):
        keys |= list_keys(value, path)
    elif isinstance(value, list):
        for one in value:
            keys |= list_described_keys(schema.get("items", {}), one, f"{path}/[]")
    return keys


@pytest.mark.parametrize("make", [search_limits, search_front, search_threshold, select_blend])
def test_rows_that_were_held_out_are_scored_in_the_dictionary(make):
    data = load_iris(return_X_y=True) if make is select_blend else (X, Y)
    found = summarize(make(), *data).to_dict()

    VALIDATOR.validate(found)
    assert found["held_out_score"] == summarize(make(), *data).held_out_score


def test_a_search_with_objectives_lists_them_with_their_directions():
    found = summarize(search_three(), X, Y).to_dict()

    assert found["objectives"] == [
        {"name": "size", "direction": "minimize"},
        {"name": "roc_auc", "direction": "maximize"},
        {"name": "loss", "direction": "maximize"},
    ]
    assert found["limits"] == [
        {"name": "accuracy", "operator": ">=", "bound": 0.5},
        {"name": "n_features", "operator": "<=", "bound": 6.0},
    ]
    assert set(found["best_scores"]) == {"size", "roc_auc", "loss", "accuracy", "n_features"}
    assert set(found["held_out_scores"]) == set(found["best_scores"]) - {"roc_auc"}  # which is held_out_score
    assert found["n_front"] == search_three().front_.n_rows
    assert found["best_scores"]["loss"] < 0 < found["best_scores"]["size"]


def test_the_winner_has_its_row_parameters_and_all_its_scores():
    search = next(make for make in ODD if make.__name__ == "search_several_scores")()
    found = summarize(search).to_dict()
    row = search.best_index_

    assert (found["best_index"], found["best_params"]) == (row, search.best_params_)
    means = {name: search.cv_results_[f"mean_test_{name}"][row] for name in ("accuracy", "neg_log_loss")}
    assert found["mean_test_scores"] == means
    assert found["metric"] == {"name": "neg_log_loss", "label": "log loss", "greater_is_better": False}
    assert found["best_score"] == search.best_score_ < 0


def test_a_blend_has_its_weights_and_limits():
    found = summarize(select_blend()).to_dict()

    assert sum(found["blend_weights"].values()) == pytest.approx(1)
    assert found["limits"] == [{"name": "bytes", "operator": "<=", "bound": 1e7}]
    assert found["best_scores"] == select_blend().best_scores_
    assert found["search"] == "AutoModelSelector"


def test_a_threshold_and_a_corrected_score_are_those_of_the_search():
    assert summarize(search_threshold()).to_dict()["threshold"] == search_threshold().threshold_
    found = summarize(search_corrected()).to_dict()
    assert found["corrected_score"] == search_corrected().corrected_score_
    assert found["corrected_interval"] == list(search_corrected().corrected_interval_)
    assert found["tuning_gain"]["mean"] == search_corrected().tuning_gain_.mean


def test_a_search_without_a_winner_has_none_in_the_dictionary():
    found = summarize(fail_all()).to_dict()

    assert (found["best_index"], found["best_params"], found["best_score"]) == (None, None, None)
    assert found["n_trials_by_status"] == {"failed": 2}
    assert found["first_error"] == "ValueError: the toy fails on purpose."


def test_a_winner_at_the_end_of_a_range_is_in_the_dictionary():
    from optuna.distributions import FloatDistribution

    space = {"a": FloatDistribution(4, 9)}
    search = OptunaSearchCV(CountingClassifier(), space, n_trials=2, cv=2, random_state=0, enqueue=[{"a": 4.0}])
    found = summarize(search.fit(X[:20, :2], np.arange(20) % 2)).to_dict()

    assert found["range_ends"] == [{"param": "a", "end": "low", "bound": 4.0}]
    VALIDATOR.validate(found)


def test_seconds_add_up_to_those_of_the_search():
    search = OptunaSearchCV(LogisticRegression(solver="liblinear"), {"C": loguniform(0.1, 1)}, n_trials=3, cv=2)
    found = summarize(search.fit(X, Y)).to_dict()

    assert found["phase_seconds"]["final_fit"] == search.refit_time_
    total = sum(found["seconds_by_status"].values()) + sum(found["phase_seconds"].values())
    assert total == pytest.approx(found["wall_seconds"])


def test_every_attribute_of_a_summary_is_in_the_dictionary():
    renamed = {"counts", "seconds", "std_error", "blend"}  # which have other keys
    names = {one.name for one in fields(Summary)} - renamed
    found = summarize(search_three()).to_dict()

    assert names <= set(found)
    assert list(found) == list(get_summary_schema()["properties"])


# -- the schema itself -------------------------------------------------------------------------------------------------


def test_the_schema_is_valid_and_describes_each_key():
    schema = get_summary_schema()

    Draft202012Validator.check_schema(schema)
    assert set(schema["required"]) == set(schema["properties"])
    without = [name for name, one in schema["properties"].items() if not one["description"].endswith(".")]
    assert without == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_trials": -1}, "minimum"),
        ({"best_score": "0.9"}, "not of type"),
        ({"n_trials_by_status": {"lost": 1}}, "is not one of"),
        ({"schema_version": 2}, "was expected"),
        ({"corrected_interval": [0.1]}, "too short"),
    ],
)
def test_what_is_no_summary_does_not_match_the_schema(change, message):
    found = summarize(GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}).fit(X, Y)).to_dict()
    VALIDATOR.validate(found | {"a key of a later release": 1})

    with pytest.raises(ValidationError, match=message):
        VALIDATOR.validate(found | change)
    del found["n_close"]
    with pytest.raises(ValidationError, match="'n_close' is a required property"):
        VALIDATOR.validate(found)


# -- values ------------------------------------------------------------------------------------------------------------

NUMPY = st.sampled_from(
    [np.float32(1.5), np.int64(3), np.bool_(True), np.str_("a"), np.longdouble("nan"), np.arange(3.0)]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | NUMPY | st.just(len) | st.just(1j)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.integers(), inner))


@given(VALUES)
def test_any_value_becomes_strict_json(value):
    found = to_plain_value(value)

    assert read_again(found) == found
