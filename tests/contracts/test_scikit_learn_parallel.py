"""scikit-learn's own test_parallel, run with our searches in the place of its own."""

import pytest

from tests.contracts.scikit_learn import load_tests

pytestmark = pytest.mark.filterwarnings("default")

globals().update(load_tests("sklearn.utils.tests.test_parallel", only=["test_dispatch_config_parallel"]))
