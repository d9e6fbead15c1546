import numpy as np
import pytest

from sklearn_autotune.samplers._gaussian_process import GaussianProcess, find_kernel, make_kernel


@pytest.fixture
def points():
    random = np.random.default_rng(0)
    features = random.random((40, 2)).astype(np.float32)
    values = np.sin(6 * features[:, 0])
    return features, (values - values.mean()) / values.std()


def test_it_predicts_values_and_is_surer_where_more_is_known(points):
    features, values = points
    model = GaussianProcess(find_kernel(features[:30], values[:30]), features[:30], values[:30])

    means, deviations = model.predict(features[30:])
    far = model.predict(np.full((1, 2), 3.0, dtype=np.float32))[1]

    assert np.corrcoef(means, values[30:])[0, 1] > 0.99
    assert (deviations < far).all()


def test_a_feature_without_influence_gets_the_longer_scale(points):
    kernel, noise = find_kernel(*points)
    scales = kernel.get_params()["k2__length_scale"]

    assert scales[1] > 3 * scales[0]
    assert noise < 0.01


def test_noise_is_told_from_values():
    features = np.random.default_rng(0).random((60, 1)).astype(np.float32)

    assert find_kernel(features, np.random.default_rng(1).standard_normal(60))[1] > 0.5


def test_equal_candidates_are_no_problem():
    features, values = np.zeros((12, 2), dtype=np.float32), np.linspace(-1, 1, 12)
    model = GaussianProcess(make_kernel(2), features, values)

    assert np.isfinite(model.predict(features)).all()
    assert np.isfinite(find_kernel(features, values)[1])
