"""The estimator's own parameters and known good settings, moved into the user's space."""

import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from scipy.stats import loguniform
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune.proposals._first_candidates import make_first_candidates
from sklearn_autotune.space._space import read_space
from tests.toys import CountingClassifier

KERNEL = {"C": loguniform(1e-2, 1e2), "gamma": loguniform(1e-4, 1)}


def first(estimator, raw_space, most=5):
    return make_first_candidates(estimator, read_space(raw_space), n_rows=100, n_columns=4, max_candidates=most)


def test_the_first_candidate_is_the_estimator_of_the_user():
    assert first(SVC(C=3), KERNEL)[0] == {"C": 3.0, "gamma": 0.25}
    assert first(CountingClassifier(a=2.5), {"a": FloatDistribution(0, 9)}) == [{"a": 2.5}]


def test_known_good_settings_follow_and_differ():
    found = first(SVC(), KERNEL)

    assert len(found) == 5
    assert found[1] == {"C": 1.0, "gamma": 0.025}
    assert first(SVC(), KERNEL, most=2) == found[:2]


@pytest.mark.parametrize(
    ("estimator", "prefix"),
    [
        (make_pipeline(StandardScaler(), Ridge(alpha=2.0)), "ridge__"),
        (TransformedTargetRegressor(Ridge(alpha=2.0)), "regressor__"),
        (Pipeline([("inner", make_pipeline(Ridge(alpha=2.0)))]), "inner__ridge__"),
        (make_pipeline(make_column_transformer((StandardScaler(), [0])), Ridge(alpha=2.0)), "ridge__"),
    ],
    ids=["step", "target", "nested", "columns"],
)
def test_the_model_may_be_inside_of_other_estimators(estimator, prefix):
    found = first(estimator, {f"{prefix}alpha": FloatDistribution(1e-3, 1e3, log=True)})

    assert found == [{f"{prefix}alpha": 2.0}, {f"{prefix}alpha": 100.0}]


def test_no_limit_is_the_upper_end_and_a_share_of_the_columns_is_a_number():
    space = {"max_depth": IntDistribution(2, 9), "max_features": FloatDistribution(0.1, 1)}

    assert first(RandomForestClassifier(), space)[0] == {"max_depth": 9, "max_features": 0.5}
    assert first(DecisionTreeClassifier(), space)[0] == {"max_depth": 9, "max_features": 1.0}


def test_values_that_a_booster_leaves_to_its_library_are_known():
    xgboost = pytest.importorskip("xgboost")
    space = {"learning_rate": FloatDistribution(0.01, 0.5), "max_depth": IntDistribution(1, 9)}

    assert first(xgboost.XGBClassifier(), space)[0] == {"learning_rate": 0.3, "max_depth": 6}


def test_a_setting_for_another_kernel_is_left_out():
    assert first(SVC(kernel="linear"), {"C": loguniform(1e-2, 1e2)}) == [{"C": 1.0}]
    branches = [{"kernel": ["poly"], "C": KERNEL["C"]}, {"kernel": ["rbf"], **KERNEL}]

    assert {candidate["kernel"] for candidate in first(SVC(), branches)} == {"rbf"}


def test_each_estimator_that_a_step_may_be_comes_with_its_own_parameters():
    pipeline = Pipeline([("model", LogisticRegression(C=2.0))])
    space = [
        {"model": [SVC(C=5.0)], "model__C": KERNEL["C"], "model__gamma": KERNEL["gamma"]},
        {"model": [LogisticRegression(C=2.0)], "model__C": KERNEL["C"]},
    ]
    found = first(pipeline, space)

    assert [(type(each["model"]).__name__, each["model__C"]) for each in found[:4]] == [
        ("LogisticRegression", 2.0),
        ("SVC", 5.0),
        ("LogisticRegression", 0.03),
        ("SVC", 1.0),
    ]
    assert pipeline["model"].C == 2.0


def test_equal_candidates_are_kept_once_and_one_without_a_value_is_left_out():
    class Draws:
        def rvs(self, random_state):
            return random_state.randint(5)

    assert first(Ridge(alpha=1.0), {"alpha": [1.0]}) == [{"alpha": 1.0}]
    assert first(CountingClassifier(), {"a": Draws()}) == []
