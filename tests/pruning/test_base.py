"""When a user of scikit-learn's searches expects the score of every candidate."""

from dataclasses import replace

import pytest

from sklearn_autotune.pruning import PruningRequest
from sklearn_autotune.pruning._base import MAX_TRIALS_WITHOUT_PRUNING

LARGE = PruningRequest(
    pruner="auto",
    resource=None,
    factor=3,
    n_trials=MAX_TRIALS_WITHOUT_PRUNING + 1,
    is_full_grid=False,
    one_score_decides=True,
    tolerance=None,
)


@pytest.mark.parametrize(
    ("changes", "wants_every_score"),
    [
        ({}, False),
        ({"n_trials": MAX_TRIALS_WITHOUT_PRUNING}, True),
        ({"is_full_grid": True}, True),
        ({"one_score_decides": False}, True),
        ({"resource": "n_samples", "pruner": None}, False),
    ],
    ids=["a large search", "a small one", "a full grid", "a callable refit", "other settings"],
)
def test_small_searches_full_grids_and_callables_want_every_score(changes, wants_every_score):
    assert replace(LARGE, **changes).wants_every_score == wants_every_score
