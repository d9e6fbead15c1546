"""What is fitted on all rows, what is skipped if time is short, and the resulting scikit-learn ensemble."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import WorkItem, measure
from sklearn_autotune.families._stacked import STACKED_LINEAR
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import make_candidate, make_table_shape
from sklearn_autotune.selection._cost_model import CostModel
from sklearn_autotune.selection._final_fits import FinalFits, unify_steps
from sklearn_autotune.selection._second_layer import SecondLayer, SecondLayerEstimate, measure_second_layer
from tests.selection.toy_families import N_FOLDS, family, make_cross_fit, make_reserve

N_ROWS = 150
RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(N_ROWS, 3))
CODES = (X[:, 0] + RANDOM.normal(size=N_ROWS) > 0).astype(int)
VALUES = X[:, 0] + RANDOM.normal(size=N_ROWS)

BAGGED, REFITTED = family("bagged"), replace(family("refitted"), is_bagged=False)
# All rows take a billion times longer than those of a fold.
SLOW = replace(REFITTED, seconds=lambda shape: 1e6 if shape.n_rows == N_ROWS else 0.001)


def as_regression(one):
    return replace(one, make=lambda shape: Ridge(), space=lambda shape: {"alpha": [1.0, 10.0]})


class Fitted:
    """Final fits of one candidate of each family, measured on the folds."""

    def __init__(self, y=CODES, deadline=None, has_second_layer=False, refits_all=False, refitted=REFITTED):
        is_classification = y is CODES
        families = [BAGGED, refitted] if is_classification else [as_regression(BAGGED), as_regression(refitted)]
        self.cross_fit = make_cross_fit(families, X, y)
        settings = {"var_smoothing": 0.1} if is_classification else {"alpha": 1.0}
        candidates = [make_candidate(one, settings) for one in families]
        self.records = [
            TrialRecord(number, params, measure(self.cross_fit, WorkItem(number, number, 2, params)))
            for number, params in enumerate(candidates)
        ]
        make_shape = partial(make_table_shape, n_categories=np.zeros(3, dtype=int), classes=self.cross_fit.classes)
        cost_model = CostModel(self.cross_fit.families, make_shape, 100, N_FOLDS)
        self.second_layer = SecondLayer((), (), {}, np.arange(0))
        if has_second_layer:
            estimate = SecondLayerEstimate(cost_model, (STACKED_LINEAR,))
            self.second_layer = measure_second_layer(self.cross_fit, estimate, self.records, 2, None)
        reserve = make_reserve(cost_model, deadline, N_ROWS, refits_all)
        self.final_fits = FinalFits(reserve, self.cross_fit, self.cross_fit, self.second_layer, np.arange(N_ROWS))

    def fit(self, *weights):
        """Fit the candidates with these weights, those of the second layer last; return the numbers and weights."""
        records = [*self.records, *self.second_layer.records]
        chosen = [(record, weight) for record, weight in zip(records, weights, strict=False) if weight]
        self.chosen = self.final_fits.fit(chosen, self.records[1])
        return [(record.number, pytest.approx(weight)) for record, weight in self.chosen]

    def predict_members(self, method):
        return [getattr(self.final_fits.fitted[number], method)(X) for number in (0, 1)]


# -- fits ----------------------------------------------------------------------------------------------------------


def test_fold_models_are_taken_as_they_are_and_others_are_fitted_on_all_rows():
    done = Fitted()

    assert done.fit(0.4, 0.6) == [(1, 0.6), (0, 0.4)]  # the largest weight first
    bagged, refitted = (done.final_fits.fitted[number] for number in (0, 1))
    assert bagged.models is done.records[0].outcome.artifacts.models
    (model,) = refitted.models
    scaled = model[:-1].transform(X)
    expected = GaussianNB(var_smoothing=0.1).fit(scaled, CODES).predict_proba(scaled)
    np.testing.assert_allclose(model.predict_proba(X), expected)
    for number, member in ((0, bagged), (1, refitted)):
        assert member.temperature == done.records[number].outcome.artifacts.temperature


def test_all_are_fitted_again_where_they_were_measured_on_a_sample():
    done = Fitted(refits_all=True)
    done.fit(0.4, 0.6)

    assert [len(done.final_fits.fitted[number].models) for number in (0, 1)] == [1, 1]


def test_a_bagged_candidate_is_fitted_once_where_that_is_wanted_and_only_once():
    done = Fitted()
    chosen = [(done.records[0], 1.0)]

    done.final_fits.fit(chosen, done.records[0], frozenset({0}))
    once = done.final_fits.fitted[0]
    done.final_fits.fit(chosen, done.records[0])
    averaged = done.final_fits.fitted[0]
    done.final_fits.fit(chosen, done.records[0], frozenset({0}))

    assert (len(once.models), len(averaged.models)) == (1, N_FOLDS)
    assert done.final_fits.fitted[0] is once
    scaled = once.models[0][:-1].transform(X)
    expected = GaussianNB(var_smoothing=0.1).fit(scaled, CODES).predict_proba(scaled)
    np.testing.assert_allclose(once.models[0].predict_proba(X), expected)


def test_without_time_for_one_fit_the_model_of_a_fold_is_taken():
    done = Fitted(deadline=clock.now() - 1)

    done.final_fits.fit([(done.records[0], 1.0)], done.records[1], frozenset({0}))

    assert done.final_fits.fitted[0].models == done.records[0].outcome.artifacts.models[:1]


def test_without_time_what_would_have_to_be_fitted_is_left_out():
    done = Fitted(deadline=clock.now() - 1)

    assert done.fit(0.4, 0.6) == [(0, 1.0)]
    assert done.final_fits.fitted.keys() == {0}


def test_without_time_for_any_the_best_is_fitted_all_the_same():
    done = Fitted(deadline=clock.now() - 1)

    assert done.fit(0.0, 0.6) == [(1, 1.0)]
    assert len(done.final_fits.fitted[1].models) == 1


def test_without_time_fold_models_stand_in_for_fits_on_all_rows():
    done = Fitted(deadline=clock.now() - 1, refits_all=True)

    assert done.fit(0.4, 0.6) == [(0, 1.0)]
    assert done.final_fits.fitted[0].models is done.records[0].outcome.artifacts.models


def test_a_model_of_the_second_layer_goes_where_one_of_the_first_that_it_needs_has_no_time():
    done = Fitted(deadline=clock.now() + 1000, has_second_layer=True, refitted=SLOW)

    assert done.fit(0.3, 0.0, 0.7) == [(0, 1.0)]


# -- ensembles -----------------------------------------------------------------------------------------------------


def test_classifiers_vote_with_their_weights():
    done = Fitted()
    done.fit(0.4, 0.6)

    ensemble = done.final_fits.assemble(done.chosen)

    first, second = done.predict_members("predict_proba")
    assert isinstance(ensemble, VotingClassifier)
    assert [name for name, _ in ensemble.estimators] == ["refitted_1", "bagged_0"]
    np.testing.assert_allclose(ensemble.predict_proba(X), 0.4 * first + 0.6 * second)


def test_regressors_are_averaged_with_their_weights():
    done = Fitted(VALUES)
    done.fit(0.4, 0.6)

    ensemble = done.final_fits.assemble(done.chosen)

    first, second = done.predict_members("predict")
    assert isinstance(ensemble, VotingRegressor)
    np.testing.assert_allclose(ensemble.predict(X), 0.4 * first + 0.6 * second)


@pytest.mark.parametrize(
    ("y", "method", "kind"),
    [(CODES, "predict_proba", StackingClassifier), (VALUES, "predict", StackingRegressor)],
    ids=["classes", "values"],
)
def test_a_second_layer_gets_what_the_first_predicts_also_from_models_without_a_weight(y, method, kind):
    done = Fitted(y, has_second_layer=True)
    assert done.fit(0.3, 0.0, 0.7) == [(2, 0.7), (0, 0.3)]

    ensemble = done.final_fits.assemble(done.chosen)

    members = done.predict_members(method)
    stacked = done.final_fits.fitted[2]
    columns = np.column_stack([np.log(one[:, 1] / one[:, 0]) if one.ndim == 2 else one for one in members])
    assert isinstance(ensemble, kind)
    assert {name for name, _ in ensemble.estimators} == {"bagged_0", "refitted_1"}
    np.testing.assert_allclose(getattr(ensemble, method)(X), 0.3 * members[0] + 0.7 * getattr(stacked, method)(columns))


# -- out-of-fold predictions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("y", [CODES, VALUES], ids=["classes", "numbers"])
def test_each_row_is_predicted_by_models_that_were_not_fitted_on_it(y):
    done = Fitted(y)
    done.fit(0.25, 0.75)

    predicted = done.final_fits.predict_out_of_fold(done.chosen)

    weights = {record.number: weight for record, weight in done.chosen}
    for number, fold in enumerate(done.cross_fit.task.folds):
        parts = [
            weights[record.number] * done.second_layer.collect_predictions(record, done.cross_fit)[number]
            for record in done.records
        ]
        np.testing.assert_allclose(predicted[fold.test], sum(parts))


def test_predictions_stand_at_the_rows_that_were_searched():
    done = Fitted()
    done.fit(1.0)
    done.final_fits.rows = np.arange(N_ROWS)[::-1]
    turned = done.final_fits.predict_out_of_fold(done.chosen)
    done.final_fits.rows = np.arange(N_ROWS)

    np.testing.assert_array_equal(turned[::-1], done.final_fits.predict_out_of_fold(done.chosen))


def test_equal_steps_become_one_object_and_other_steps_and_models_stay():
    models = [make_pipeline(StandardScaler(), Ridge()).fit(X[:rows], VALUES[:rows]) for rows in (100, 100, 120)]
    expected = [model.predict(X) for model in models]
    finals = [model[-1] for model in models]

    unify_steps(models)

    assert models[0][0] is models[1][0]
    assert models[2][0] is not models[0][0]
    assert all(model[-1] is final for model, final in zip(models, finals, strict=True))
    np.testing.assert_array_equal([model.predict(X) for model in models], expected)
