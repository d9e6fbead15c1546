"""What an estimator needs from a boosting library: XGBoost provides it, and a user's library needs no other member."""

import numpy as np
import pytest
from optuna.distributions import BaseDistribution
from xgboost import XGBClassifier

from sklearn_autotune import TunedXGBClassifier
from sklearn_autotune.boosting._library import BinnedFold, FoldRows, RoundTrainer, TunedLibrary
from sklearn_autotune.boosting._xgboost_library import TunedXGBoost
from sklearn_autotune.families import Shape
from sklearn_autotune.inference._column_encoder import ColumnEncoder
from tests.boosting.test_tuned_booster import LightGBMFold, LightGBMLibrary, LightGBMTrainer, list_members

ROWS = FoldRows(np.arange(12.0).reshape(6, 2), np.array([0, 1] * 3), None, np.arange(4.0).reshape(2, 2))


@pytest.fixture(params=[TunedXGBoost, LightGBMLibrary])
def library(request):
    return request.param()


def make(library):
    encoder = ColumnEncoder()
    encoder.fit_transform(ROWS.X_train)
    settings = dict.fromkeys(library.params) | ({"missing": np.nan} if "missing" in library.params else {})
    return library.make_model(settings, encoder, [], is_classifier=True, seed=3)


def test_xgboost_has_every_member_that_is_asked_for():
    binned = TunedXGBoost().bin_fold(XGBClassifier(), ROWS)
    trainer = binned.make_trainer(TunedXGBoost().read_settings(XGBClassifier(), np.arange(2)))

    for instance, protocol in ((TunedXGBoost(), TunedLibrary), (binned, BinnedFold), (trainer, RoundTrainer)):
        assert [name for name in list_members(protocol) if not hasattr(instance, name)] == []


def test_a_library_of_ones_own_has_every_member_that_is_asked_for():
    for kind, protocol in ((LightGBMFold, BinnedFold), (LightGBMTrainer, RoundTrainer)):
        assert list_members(protocol) - set(vars(kind)) <= {"n_rounds"}  # set when it is made


def test_the_learning_rate_is_a_parameter_and_can_be_searched(library):
    assert "learning_rate" in library.params
    assert "learning_rate" not in library.unsearched_params
    assert set(library.unsearched_params) <= set(library.params)


def test_the_space_has_parameters_that_may_be_searched_and_never_the_rounds(library):
    space = library.make_space(Shape(100, is_classifier=True, n_classes=2))

    assert "learning_rate" in space
    assert set(space) <= set(library.params) - set(library.unsearched_params) - {library.rounds_param}
    assert all(isinstance(dimension, BaseDistribution) for dimension in space.values())


def test_first_candidates_lie_in_the_space_at_the_learning_rate_that_was_asked_for(library):
    space = library.make_space(Shape(100, is_classifier=True, n_classes=2))

    first = library.make_first_candidates(space, 0.2, Shape(100, is_classifier=True))

    assert first
    for candidate in first:
        assert set(candidate) <= set(space)
        assert candidate["learning_rate"] == 0.2
        assert all(space[name]._contains(space[name].to_internal_repr(value)) for name, value in candidate.items())


def test_a_model_has_the_seed_and_one_thread(library):
    model = make(library)

    assert (model.random_state, model.n_jobs) == (3, 1)
    assert library.rounds_param in model.get_params()
    assert library.get_learning_rate(model) > 0


def test_a_booster_counts_its_rounds_and_predicts_its_folds_rows(library):
    model = make(library)
    trainer = library.bin_fold(model, ROWS).make_trainer(library.read_settings(model, np.arange(2)))

    predictions = {}
    for n_rounds in (1, 2):
        trainer.train_round()
        assert trainer.n_rounds == n_rounds
        predictions[n_rounds] = trainer.predict_test_rows()
    for n_rounds, prediction in predictions.items():
        np.testing.assert_array_equal(trainer.predict_test_rows(n_rounds), prediction)
    assert trainer.predict_test_rows().shape == (2,)
    assert trainer.predict_training_rows(1).shape == (6,)
    np.testing.assert_array_equal(trainer.predict_rows(ROWS.X_test), trainer.predict_test_rows())
    before = trainer.predict_test_rows()
    trainer.release()
    np.testing.assert_array_equal(trainer.predict_rows(ROWS.X_test), before)


def test_models_that_bin_in_the_same_way_share_their_bins(library):
    one, other = make(library), make(library).set_params(learning_rate=0.7)

    assert hash(library.get_binning(one)) == hash(library.get_binning(other))
    assert library.get_binning(one) == library.get_binning(other)


def test_models_with_other_bins_do_not_share_them():
    library = TunedXGBoost()

    assert library.get_binning(XGBClassifier(max_bin=8)) != library.get_binning(XGBClassifier(max_bin=16))
    assert library.get_binning(XGBClassifier(tree_method="exact")) != library.get_binning(XGBClassifier())


def test_the_tuned_estimator_takes_every_parameter_of_its_library():
    assert set(TunedXGBoost.params) <= set(TunedXGBClassifier().get_params())
    assert TunedXGBoost.rounds_param in TunedXGBClassifier().get_params()
