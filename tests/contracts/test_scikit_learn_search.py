"""scikit-learn's own tests of its searches, run on ours. What does not hold for us is named, with the reason."""

from inspect import getsource

import pytest
from sklearn.model_selection import _search

from tests.contracts.scikit_learn import load_tests

pytestmark = pytest.mark.filterwarnings("default")

OUR_DRAWS = "expects the draws of ParameterSampler, seed by seed"
EQUAL_CANDIDATES = "its grid has equal candidates; ours are never refitted"
NO_SCORE = "none of its candidates has a score, which is an error here; see test_results_failures.py"

NOT_OURS = {
    "test_array_api_search_cv_classifier": "needs array API libraries",
    "test_callable_multimetric_clf_all_fits_fail": EQUAL_CANDIDATES,
    "test_custom_run_search": "compares a subclass of BaseSearchCV, which ours is not, attribute by attribute",
    "test_grid_search_bad_param_grid": "our messages name more kinds of distributions; see test_dimensions.py",
    "test_grid_search_classifier_all_fits_fail": EQUAL_CANDIDATES,
    "test_grid_search_cv_splits_consistency": EQUAL_CANDIDATES,
    "test_search_cv_results_none_param": NO_SCORE,
    "test_search_with_2d_array": OUR_DRAWS,
    "test_unsupported_sample_weight_scorer": NO_SCORE,
}

if "get_n_splits return inconsistent" not in getsource(_search):
    NOT_OURS["test_random_search_bad_cv"] = "matches a message that scikit-learn has worded otherwise since"

globals().update(load_tests("sklearn.model_selection.tests.test_search", NOT_OURS))
