"""Families by the names that users write: one table, beside the families."""

from itertools import combinations
from pathlib import Path

import pytest

from sklearn_autotune._compat.messages import make_name_key
from sklearn_autotune.families import FAMILIES, get_exclusion_reason, select_families
from sklearn_autotune.families._chosen import find_family, list_names, resolve_families, suggest_family

KNOWN = {
    "random_forest": "forest",
    "RandomForestClassifier": "forest",
    "random forest": "forest",
    "rf": "forest",
    "gradient_boosting": "gradient_boosting",
    "GradientBoosting": "gradient_boosting",
    "hist-gradient-boosting": "hist_gradient_boosting",
    "HistGradientBoostingRegressor": "hist_gradient_boosting",
    "logistic_regression": "logistic",
    "LogisticRegression": "logistic",
    "linear_regression": "ridge",
    "extra_trees": "extra_trees",
    "ExtraTrees": "extra_trees",
    "knn": "neighbors",
    "KNeighborsClassifier": "neighbors",
    "svc": "svm",
    "SVR": "svm",
    "mlp": "neural",
    "neural_network": "neural",
    "lgbm": "lightgbm",
    "LightGBM": "lightgbm",
    "xgb": "xgboost",
    "XGBoost": "xgboost",
    "XGBRegressor": "xgboost",
    "CatBoost": "catboost",
    "gaussian_nb": "naive_bayes",
    "dummy": "baseline",
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_names_that_people_know_find_their_family(name):
    assert find_family(name).name == KNOWN[name]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_name_of_a_family_finds_it(family):
    assert {find_family(name).name for name in list_names(family)} == {family.name}


def test_no_two_families_share_a_name():
    keys = {family.name: set(map(make_name_key, list_names(family))) for family in FAMILIES}

    assert {
        (one, other): keys[one] & keys[other] for one, other in combinations(keys, 2) if keys[one] & keys[other]
    } == {}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_no_alias_is_another_spelling_of_the_name_or_of_another_alias(family):
    keys = list(map(make_name_key, (family.name, *family.aliases)))

    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", ["", "!", "boosting machine", "LogisticRegressionCV"])
def test_other_names_find_nothing(name):
    assert find_family(name) is None


@pytest.mark.parametrize(
    ("name", "task", "expected"),
    [
        ("forrest", "regression", ": did you mean forest?"),
        ("randomforrest", "regression", ": did you mean random_forest?"),
        ("LogisticRegresion", "classification", ": did you mean logistic_regression?"),
        ("ridg", "classification", "; known are baseline, logistic"),
    ],
)
def test_the_nearest_name_of_a_family_for_the_task_is_suggested(name, task, expected):
    assert suggest_family(name, select_families(task)).startswith(expected)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_auto_is_all_families_that_can_be_used_but_for_those_that_have_to_be_named(task):
    families = resolve_families("auto", task)

    named_only = {family.name for family in FAMILIES if family.is_named_only}
    assert list(families) == [name for name in select_families(task) if name not in named_only]
    for name in named_only & select_families(task).keys():
        assert list(resolve_families(name, task)) == [name]
    assert all(get_exclusion_reason(family, task) is None for family in families.values())


def test_two_names_of_one_family_are_one_family():
    assert list(resolve_families(["rf", "random_forest", "xgb"], "regression")) == ["forest", "xgboost"]


def test_a_package_that_is_missing_is_named_with_the_line_that_installs_it():
    family = find_family("svm")
    missing = type(family)("mine", (), family.space, family.make, package="not_there")

    with pytest.raises(ValueError, match=r"not_there is not installed \(pip install not_there\). For regression there"):
        resolve_families(missing, "regression")


def test_the_guide_lists_the_names_of_every_family():
    page = (Path(__file__).parents[2] / "docs" / "guides" / "model-selection.md").read_text(encoding="utf-8")

    for family in FAMILIES:
        assert f"| `{family.name}` | {', '.join(f'`{alias}`' for alias in family.aliases)} |" in page


def test_models_that_forget_far_rows_are_tried_on_rows_that_follow_time_only_if_named():
    usual, by_time = (resolve_families("auto", "regression", follows_time=one) for one in (False, True))

    assert set(usual) - set(by_time) == {"gaussian_process", "kernel_ridge", "svm"} & set(usual)
    assert "svm" in usual
    assert list(resolve_families("svm", "regression", follows_time=True)) == ["svm"]
