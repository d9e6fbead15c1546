"""AutoModelSelector on rows that belong together: folds, samples and scores by groups."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from sklearn.neighbors import KNeighborsClassifier

from sklearn_autotune import AutoModelSelector, TunedXGBClassifier, TunedXGBRegressor, compare
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation

N_GROUPS, N_EACH = 40, 20


@pytest.fixture(scope="module")
def visits():
    """Rows of patients: features tell the patient, and each patient has a random class of its own."""
    random = np.random.RandomState(0)
    patients = random.permutation(np.repeat(np.arange(N_GROUPS), N_EACH))
    X = random.normal(size=(N_GROUPS, 4))[patients] + 0.05 * random.normal(size=(len(patients), 4))
    labels = random.permutation(np.arange(N_GROUPS) % 2)
    return X, labels[patients], patients


def selector(**params):
    own = {"families": ["neighbors", "naive_bayes"], "n_trials": 3, "random_state": 0}
    return AutoModelSelector(**(own | params))


def test_the_score_is_that_of_patients_who_are_not_known(visits):
    X, y, patients = visits
    known = patients < 30
    by_rows = selector().fit(X[known], y[known])
    by_patients = selector().fit(X[known], y[known], groups=patients[known])
    new = log_loss(y[~known], by_patients.predict_proba(X[~known]))

    assert by_rows.best_score_ > -0.1  # these are recognised
    assert by_patients.best_score_ < -0.5
    assert -by_patients.best_score_ == pytest.approx(new, abs=0.2)


def test_no_patient_is_in_training_and_in_early_stopping_or_test_in_either_layer(visits, monkeypatch):
    X, y, patients = visits
    fits = []
    real = CrossFitEvaluation.fit_on

    def note(self, family, params, rows, **options):
        fits.append((family.name, rows, options.get("early_stopping_rows")))
        return real(self, family, params, rows, **options)

    monkeypatch.setattr(CrossFitEvaluation, "fit_on", note)
    selector(families=["naive_bayes", "xgboost"], n_trials=2, cv=3).fit(X, y, groups=patients)

    in_folds = [(rows, test) for _, rows, test in fits if test is not None]
    assert {name for name, _, test in fits if test is not None} >= {"xgboost", "naive_bayes", "stacked_linear"}
    assert all(not set(patients[rows]) & set(patients[test]) for rows, test in in_folds)


@pytest.mark.parametrize("cv", [None, 4])
@pytest.mark.parametrize("kind", [TunedXGBClassifier, TunedXGBRegressor], ids=lambda kind: kind.__name__)
def test_boosters_keep_patients_together_too(visits, kind, cv):
    X, y, patients = visits
    boosted = {cv: kind(n_trials=1, random_state=0, cv=cv).fit(X, y, groups=patients) for cv in (cv, GroupKFold(5))}
    by_rows = kind(n_trials=1, random_state=0).fit(X, y)

    honest = boosted[cv].best_score_
    assert boosted[cv].n_splits_ == (cv or by_rows.n_splits_)
    assert honest < by_rows.best_score_ - 0.2
    assert boosted[cv].set_params(cv=GroupKFold(5)).fit(X, y, groups=patients).n_splits_ == 5


@pytest.mark.parametrize("make", [selector, TunedXGBClassifier, TunedXGBRegressor])
@pytest.mark.parametrize(
    ("groups", "cv", "message"),
    [
        (lambda patients: patients % 3, 5, "cv=5 folds are more than the groups allow: 3 groups make 3 folds"),
        (lambda patients: np.zeros(len(patients)), None, "groups has the same value, np.float64(0.0), in all 800 rows"),
        (
            lambda patients: np.where(patients == 2, np.nan, patients),
            None,
            "missing value in 20 of 800 rows, first in row ",
        ),
        (lambda patients: patients[1:], None, "inconsistent numbers of samples"),
    ],
    ids=["few", "one", "gaps", "short"],
)
def test_groups_that_make_no_folds_are_refused(visits, make, groups, cv, message):
    X, y, patients = visits
    with pytest.raises(ValueError, match=re.escape(message)):
        make(cv=cv).fit(X, y, groups=groups(patients))


def test_outer_folds_of_a_comparison_keep_patients_together(visits):
    X, y, patients = visits
    methods = {"neighbours": KNeighborsClassifier(1)}
    means = {}
    for name, groups in (("rows", None), ("patients", patients)):
        found = compare(methods, X, y, cv=4, random_state=0, baselines=False, groups=groups)
        means[name] = found.column("score", "neighbours").mean()

    assert means["patients"] < 0.8 < means["rows"]


@pytest.mark.parametrize("make", [selector, TunedXGBClassifier])
def test_a_column_of_patients_is_pointed_out_at_the_users_line(visits, make):
    X, y, patients = visits
    table = pd.DataFrame(X).add_prefix("x").assign(patient_id=patients)
    with pytest.warns(UserWarning, match="Column 'patient_id' looks like a group: it has 40 values") as caught:
        make(n_trials=1).fit(table, y)

    assert [warning.filename for warning in caught if "group" in str(warning.message)] == [__file__]


@pytest.mark.parametrize("cv", [3, GroupKFold(3)], ids=["drawn", "own"])
def test_a_column_that_names_the_group_costs_nothing_on_new_groups(cv):
    """What is known of a shop explains its level; with folds by rows, models would learn it from the shop's name."""
    random = np.random.RandomState(0)
    shops = np.repeat(np.arange(120), 10)
    level = random.normal(size=120)[shops]
    x = random.normal(size=len(shops))
    table = pd.DataFrame({"x": x, "size": level + 0.5 * random.normal(size=len(shops))})
    y = x + level + 0.2 * random.normal(size=len(shops))
    known = shops < 80
    errors = {}
    for has_names in (True, False):
        X = table.assign(shop=[f"shop {shop}" for shop in shops]) if has_names else table
        ridge = selector(task="regression", families=["ridge"], n_trials=1, cv=cv)
        ridge.fit(X[known], y[known], groups=shops[known])
        errors[has_names] = np.sqrt(np.mean((y - ridge.predict(X))[~known] ** 2))

    assert errors[True] == pytest.approx(errors[False], rel=0.02)  # 0.88 and 0.48 if names are learnt from


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_histogram_boosting_stops_early_by_rows_of_other_groups(task, visits, monkeypatch):
    X, y, patients = visits
    X = np.column_stack([X, patients])
    kind = HistGradientBoostingClassifier if task == "classification" else HistGradientBoostingRegressor
    fits = []
    real = kind.fit

    def note(self, X, y, **params):
        if "X_val" in params:
            fits.append((set(X[:, 4]), set(params["X_val"][:, 4])))
        return real(self, X, y, **params)

    monkeypatch.setattr(kind, "fit", note)
    hist = selector(task=task, families=["hist_gradient_boosting"], n_trials=1, cv=2)
    hist.fit(X, y, groups=patients)

    assert len(fits) == 2
    assert all(train and held_out and not train & held_out for train, held_out in fits)
