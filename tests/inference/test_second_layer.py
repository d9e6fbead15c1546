"""The final estimator of a stacking ensemble: the weighted mean of both layers."""

import numpy as np
import pytest
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_autotune.inference._averaging import AveragedClassifier, AveragedRegressor
from sklearn_autotune.inference._second_layer import (
    BlendStackingClassifier,
    BlendStackingRegressor,
    BlendVotingClassifier,
    BlendVotingRegressor,
    SecondLayerClassifier,
    SecondLayerRegressor,
)
from sklearn_autotune.inference._temperature_scaling import compute_log_odds

TABLE = np.random.RandomState(0).normal(size=(40, 2))
VALUES = np.random.RandomState(1).normal(size=(40, 2))


def draw_blocks(n_classes):
    """Probabilities of three models of the first layer."""
    return [np.random.RandomState(seed).dirichlet(np.ones(n_classes), 40) for seed in range(3)]


def fit_classifier(X, n_classes):
    return LogisticRegression().fit(X, np.arange(len(X)) % n_classes)


def test_three_classes_are_the_weighted_mean_of_both_layers():
    blocks = draw_blocks(3)
    features = np.hstack([compute_log_odds(block) for block in blocks[:2]])
    plain, with_table = fit_classifier(features, 3), fit_classifier(np.hstack([features, TABLE]), 3)
    stacked = [(0.3, False, plain), (0.2, True, with_table)]

    # The second layer looks at the first two models alone; the third has a part in the mean.
    second = SecondLayerClassifier([0.0, 0.1, 0.4], stacked, 2, np.arange(3))
    probabilities = second.predict_proba(np.hstack([*blocks, TABLE]))

    expected = 0.1 * blocks[1] + 0.4 * blocks[2] + 0.3 * plain.predict_proba(features)
    expected += 0.2 * with_table.predict_proba(np.hstack([features, TABLE]))
    np.testing.assert_allclose(probabilities, expected)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(second.predict(np.hstack([*blocks, TABLE])), expected.argmax(axis=1))


def test_of_two_classes_the_second_ones_probability_is_enough():
    blocks = draw_blocks(2)
    features = np.hstack([compute_log_odds(block) for block in blocks])
    model = fit_classifier(features, 2)

    second = SecondLayerClassifier([0.5, 0.0, 0.0], [(0.5, False, model)], 3, np.arange(2))
    probabilities = second.predict_proba(np.hstack([*(block[:, 1:] for block in blocks), TABLE]))

    np.testing.assert_allclose(probabilities, 0.5 * blocks[0] + 0.5 * model.predict_proba(features))
    np.testing.assert_array_equal(second.classes_, [0, 1])


def test_values_are_the_weighted_mean_of_both_layers():
    plain = LinearRegression().fit(VALUES, TABLE[:, 0])
    with_table = LinearRegression().fit(np.hstack([VALUES, TABLE]), TABLE[:, 1])

    second = SecondLayerRegressor([0.5, 0.0], [(0.2, False, plain), (0.3, True, with_table)], 2)

    expected = 0.5 * VALUES[:, 0] + 0.2 * plain.predict(VALUES) + 0.3 * TABLE[:, 1]
    np.testing.assert_allclose(second.predict(np.hstack([VALUES, TABLE])), expected)


def test_it_counts_as_fitted_and_fitting_it_changes_nothing():
    second = SecondLayerRegressor([0.25, 0.75], [], 2)

    assert second.__sklearn_is_fitted__()
    np.testing.assert_allclose(second.fit(TABLE, TABLE[:, 0]).predict(VALUES), VALUES @ [0.25, 0.75])


# -- ensembles ---------------------------------------------------------------------------------------------------------


class CountingScaler(StandardScaler):
    """Counts its calls of transform."""

    n_calls = 0

    def transform(self, X):
        self.n_calls += 1
        return super().transform(X)


CODES = np.arange(40) % 2


def make_members(scaler, is_classifier):
    """Return two candidates, each of two models that begin with the same step."""
    make = (lambda C: LogisticRegression(C=C)) if is_classifier else (lambda C: Ridge(alpha=C))
    y = CODES if is_classifier else TABLE[:, 0]
    pipelines = [
        Pipeline([("scale", scaler), ("model", make(C).fit(scaler.transform(TABLE), y))]) for C in (0.1, 1.0, 3.0, 9.0)
    ]
    if not is_classifier:
        return [AveragedRegressor(pipelines[:2]), AveragedRegressor(pipelines[2:])]
    return [AveragedClassifier(pipelines[:2], 1.5, np.arange(2)), AveragedClassifier(pipelines[2:], 1.0, np.arange(2))]


@pytest.mark.parametrize("is_classifier", [True, False])
@pytest.mark.parametrize("stacks", [True, False])
def test_an_ensemble_prepares_a_table_once_and_predicts_what_that_of_scikit_learn_does(is_classifier, stacks):
    scaler = CountingScaler().fit(TABLE)
    members = [(str(index), FrozenEstimator(one)) for index, one in enumerate(make_members(scaler, is_classifier))]
    y = CODES if is_classifier else TABLE[:, 0]
    if stacks:
        second = (SecondLayerClassifier if is_classifier else SecondLayerRegressor)(
            [0.2, 0.8], [], 2, *([np.arange(2)] if is_classifier else [])
        )
        kinds = (
            (StackingClassifier, BlendStackingClassifier)
            if is_classifier
            else (StackingRegressor, BlendStackingRegressor)
        )
        plain, ours = (
            kind(members, FrozenEstimator(second), cv="prefit", passthrough=True).fit(TABLE, y) for kind in kinds
        )
    elif is_classifier:
        plain, ours = (kind(members, voting="soft").fit(TABLE, y) for kind in (VotingClassifier, BlendVotingClassifier))
    else:
        plain, ours = (kind(members).fit(TABLE, y) for kind in (VotingRegressor, BlendVotingRegressor))

    for method in ("predict", "predict_proba") if is_classifier else ("predict",):
        expected = getattr(plain, method)(TABLE)
        scaler.n_calls = 0
        np.testing.assert_array_equal(getattr(ours, method)(TABLE), expected)
        assert scaler.n_calls == 1
