"""A small table that tests of searches share; a test file may have one of its own."""

import pytest
from sklearn.datasets import make_classification


@pytest.fixture(scope="module")
def data():
    return make_classification(n_samples=60, n_features=4, flip_y=0.2, random_state=0)
