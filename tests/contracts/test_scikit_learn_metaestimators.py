"""scikit-learn's own test_metaestimators, run with our searches in the place of its own."""

import pytest

from tests.contracts.scikit_learn import load_tests

pytestmark = pytest.mark.filterwarnings("default")

globals().update(load_tests("sklearn.tests.test_metaestimators"))
