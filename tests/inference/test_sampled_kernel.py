"""A Gaussian process whose kernel is optimised on a sample of the rows."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel

from sklearn_autotune.inference._sampled_kernel import SampledKernelRegressor

RANDOM = np.random.RandomState(0)
X = RANDOM.uniform(-3, 3, size=(120, 1))
Y = np.sin(2 * X[:, 0]) + 0.1 * RANDOM.normal(size=120)


def process():
    return GaussianProcessRegressor(RBF() + WhiteKernel(), normalize_y=True)


def test_with_few_rows_it_is_the_process_itself():
    model = SampledKernelRegressor(process(), n_sample_rows=120).fit(X, Y)

    np.testing.assert_array_equal(model.predict(X), process().fit(X, Y).predict(X))


def test_with_more_rows_the_kernel_comes_from_a_sample_and_all_rows_are_fitted():
    model = SampledKernelRegressor(process(), n_sample_rows=60, random_state=0).fit(X, Y)

    assert model.estimator_.optimizer is None
    assert len(model.estimator_.X_train_) == 120
    assert model.estimator_.kernel_.k1.length_scale == pytest.approx(
        process().fit(X, Y).kernel_.k1.length_scale, rel=0.3
    )
    assert model.score(X, Y) > 0.95


def test_a_seed_gives_the_same_model_and_fit_changes_no_parameter():
    model = SampledKernelRegressor(process(), n_sample_rows=40, random_state=3)
    before = repr(model.get_params())

    predicted = model.fit(X, Y).predict(X)

    np.testing.assert_array_equal(clone(model).fit(X, Y).predict(X), predicted)
    assert repr(model.get_params()) == before
