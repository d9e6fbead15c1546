"""Each search that is compared measures candidates of the given space, on the given folds, as many as it was given."""

import logging
import random
import warnings

import numpy as np
import optuna
import pytest
from scipy.stats import loguniform, randint, uniform
from sklearn.base import BaseEstimator, RegressorMixin

from benchmarks.counting import CountsFits, noted
from benchmarks.fits import PACKAGE_OF
from benchmarks.peers.searches import SEARCHES

SPACE = {
    "share": uniform(0.25, 0.5),
    "rate": loguniform(1e-3, 10),
    "depth": randint(2, 7),
    "size": ["small", None, True],
}
N_CANDIDATES = 8
X = np.arange(40.0).reshape(-1, 1)
Y = np.sin(X.ravel())
FOLDS = [(np.r_[:test, test + 10 : 40], np.arange(test, test + 10)) for test in (0, 10, 20, 30)]


class Noting(CountsFits, RegressorMixin, BaseEstimator):
    """Scores best with a rate of 0.1; notes what it is asked to fit."""

    def __init__(self, share=0.5, rate=1.0, depth=3, size=None):
        self.share = share
        self.rate = rate
        self.depth = depth
        self.size = size

    def fit(self, X, y):
        self.note_fit((self.share, self.rate, self.depth, self.size), len(X))
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y):
        fold = int(X[0, 0]) // 10 if len(X) == 10 else None
        return self.note_score(fold, -abs(np.log10(self.rate) + 1) - self.share)


@pytest.mark.parametrize("name", [name for name in SEARCHES if name not in ("GridSearchCV", "HalvingRandomSearchCV")])
def test_a_search_measures_candidates_of_the_space_on_all_given_folds(name):
    if name in PACKAGE_OF:
        pytest.importorskip(PACKAGE_OF[name])
    logging.getLogger("hyperopt").setLevel(logging.ERROR)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    random.seed(0)
    np.random.seed(0)
    params = {"pruner": None} if name == "OptunaSearchCV" else {}

    with noted() as fits, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other packages
        SEARCHES[name](Noting(), SPACE, N_CANDIDATES, 0, cv=FOLDS, refit=False, **params).fit(X, Y)
        folds = {}
        for fit in fits:
            folds.setdefault(fit.candidate, []).append(fit.fold)

    assert all(sorted(found) == [0, 1, 2, 3] for found in folds.values())
    assert len(folds) == N_CANDIDATES or name == "GASearchCV"  # which measures whole generations
    for share, rate, depth, size in folds:
        assert 0.25 <= share <= 0.75
        assert 1e-3 <= rate <= 10
        assert depth in range(2, 7)
        assert isinstance(depth, int | np.integer)
        assert size in SPACE["size"]
    assert len({size for *_, size in folds}) > 1
