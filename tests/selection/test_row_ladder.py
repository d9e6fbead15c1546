"""First candidates of large tables are measured on parts of the rows, and come in the order of what they reached."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import ShuffleSplit, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB

from sklearn_autotune import AutoModelSelector
from sklearn_autotune.execution import ExecutionRequest
from sklearn_autotune.families import Family
from sklearn_autotune.selection._candidates import FAMILY, make_first_candidates
from sklearn_autotune.selection._cost_model import CostModel
from sklearn_autotune.selection._row_ladder import (
    MAX_TEST_ROWS,
    MIN_TRAINING_ROWS,
    N_CANDIDATES,
    has_parts,
    make_parts,
    order_on_parts,
)
from sklearn_autotune.statistics._cross_thresholds import add_thresholds
from tests.selection.toy_families import family, make_cross_fit, shape

N_ROWS = 80_000
X = np.arange(2.0 * N_ROWS).reshape(-1, 2)
CLASSES = (np.arange(N_ROWS) % 50 == 0).astype(int)
HOLDOUT = ShuffleSplit(1, test_size=0.1, random_state=0)


def make_evaluation(families=(), X=X, y=CLASSES, cv=HOLDOUT, **settings):
    return make_cross_fit(families or [family("a")], X, y, cv=cv, **settings)


def test_parts_have_a_sixteenth_and_a_quarter_of_the_training_rows_and_rows_of_the_test():
    cross_fit = make_evaluation()
    whole = cross_fit.task.folds[0]

    parts = list(make_parts(cross_fit, seed=0))

    assert [len(part.task.folds[0].train) for part in parts] == [4500, 18_000]
    for part in parts:
        fold, places = part.task.folds[0], part.task.X[:, 0] / 2
        assert len(fold.test) == 8000
        assert set(places[fold.train]) <= set(whole.train)
        assert set(places[fold.test]) <= set(whole.test)
        np.testing.assert_array_equal(part.task.y, CLASSES[places.astype(int)])
        assert part.task.y[fold.train].mean() == pytest.approx(CLASSES[whole.train].mean(), abs=1 / len(fold.train))
        assert not part.is_forward


def test_a_part_has_not_more_test_rows_than_tell_candidates_apart():
    many = 300_000
    cross_fit = make_evaluation(X=np.zeros((many, 1)), y=np.arange(many) % 2)

    assert {len(part.task.folds[0].test) for part in make_parts(cross_fit, seed=0)} == {MAX_TEST_ROWS}


def test_a_part_has_the_weights_of_its_rows():
    weight = np.arange(1.0, N_ROWS + 1)

    for part in make_parts(make_evaluation(weight=weight), seed=0):
        np.testing.assert_array_equal(part.task.fit_params["sample_weight"], part.task.X[:, 0] / 2 + 1)
        np.testing.assert_array_equal(part.task.score_params["sample_weight"], part.task.X[:, 0] / 2 + 1)


def test_thresholds_of_a_part_are_chosen_with_the_weights_of_its_rows():
    cross_fit = make_evaluation()
    weight = np.arange(1.0, N_ROWS + 1)
    scorer = get_scorer("f1")
    task = replace(cross_fit.task, scorer=scorer)
    task = add_thresholds(task, scorer, {"sample_weight": weight}, LogisticRegression(), scorer)

    for part in make_parts(replace(cross_fit, task=task), seed=0):
        fold = part.task.folds[0]
        rows = part.task.X[fold.test, 0] / 2
        probability = np.where(CLASSES[rows.astype(int)] == 1, 0.2, 0.1)
        np.testing.assert_array_equal(part.task.thresholds.params["sample_weight"], part.task.X[:, 0] / 2 + 1)
        assert part.score(np.column_stack([1 - probability, probability]), fold.test).score == 1.0


def test_a_part_has_the_latest_training_rows_if_folds_follow_time():
    cross_fit = make_evaluation(cv=TimeSeriesSplit(2, max_train_size=N_ROWS, test_size=8000))

    for part in make_parts(cross_fit, seed=0):
        fold = part.task.folds[0]
        assert part.is_forward
        np.testing.assert_array_equal(part.inner.times, part.task.X[:, 0] / 2)
        np.testing.assert_array_equal(np.diff(part.task.X[fold.train, 0]), 2.0)
        assert part.task.X[fold.train, 0].max() + 2 == part.task.X[fold.test, 0].min()


def test_a_table_that_is_not_large_has_no_parts():
    few = slice(MIN_TRAINING_ROWS)

    assert has_parts(make_evaluation())
    assert not has_parts(make_evaluation(X=X[few], y=CLASSES[few]))


# -- the order ---------------------------------------------------------------------------------------------------------


class Failing(GaussianNB):
    def fit(self, X, y, sample_weight=None):
        raise ValueError("not today")


class Recording(GaussianNB):
    n_fitted = 0

    def fit(self, X, y, sample_weight=None):
        Recording.n_fitted += 1
        return super().fit(X, y)


def make_family(name, smoothings, kind=GaussianNB, seconds=0.001):
    """The larger the smoothing, the worse are its candidates."""
    return Family(
        name=name,
        estimators=(),
        space=lambda shape: {"var_smoothing": list(smoothings)},
        make=lambda shape: kind(),
        first=tuple({"var_smoothing": smoothing} for smoothing in smoothings),
        seconds=lambda shape: seconds,
    )


def order(families, **request):
    """Return the families and smoothings of first candidates, in the order of parts."""
    random = np.random.RandomState(0)
    y = random.randint(0, 2, size=N_ROWS)
    cross_fit = make_evaluation(families, X=np.column_stack([3 * y + random.normal(size=N_ROWS)]), y=y)
    cost_model = CostModel(cross_fit.families, shape, 72_000, 1, 60.0)
    candidates = [one for each in families for one in make_first_candidates(each, shape(72_000))]
    request = ExecutionRequest(evaluation=cross_fit, **request)
    ordered = order_on_parts(make_parts(cross_fit, 0), candidates, cost_model, request, timeout=600.0)
    assert sorted(map(str, ordered)) == sorted(map(str, candidates))
    return [(one[FAMILY], one[f"{one[FAMILY]}__var_smoothing"]) for one in ordered]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_best_of_each_family_come_first_and_a_family_far_behind_after_second_candidates(n_jobs):
    families = [make_family("far", [1e4]), make_family("near", [9.0, 1.0]), make_family("best", [3.0, 1e-6])]

    ordered = order(families, n_jobs=n_jobs)

    assert ordered == [("best", 1e-6), ("near", 1.0), ("best", 3.0), ("near", 9.0), ("far", 1e4)]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_what_was_not_measured_comes_after_that_of_its_family_and_before_families_far_behind():
    many = [3.0, *(10.0**-power for power in range(2, 2 + N_CANDIDATES[0]))]

    ordered = order(
        [make_family("far", [1e4, 1e5]), make_family("slow", [1.0], seconds=100.0), make_family("many", many)]
    )

    assert {name for name, _ in ordered[: len(many)]} == {"many"}
    assert ordered[len(many) - 3 :] == [*(("many", smoothing) for smoothing in many[-3:]), *ordered[len(many) :]]
    assert ordered[len(many) :] == [("far", 1e4), ("far", 1e5), ("slow", 1.0)]


def test_a_candidate_that_fails_comes_after_those_with_a_score():
    assert order([make_family("failing", [1.0], Failing), make_family("fitted", [1.0])]) == [
        ("fitted", 1.0),
        ("failing", 1.0),
    ]


def test_what_a_part_has_no_time_for_is_not_begun_and_comes_last():
    Recording.n_fitted = 0

    ordered = order([make_family("slow", [1.0], Recording, seconds=100.0), make_family("quick", [1.0])])

    assert ordered == [("quick", 1.0), ("slow", 1.0)]
    assert Recording.n_fitted == 0


def test_each_part_has_a_number_of_candidates():
    Recording.n_fitted = 0

    order([make_family("many", [10.0**-power for power in range(15)], Recording)])

    assert Recording.n_fitted == sum(N_CANDIDATES)


# -- the whole ---------------------------------------------------------------------------------------------------------


def test_a_large_table_is_measured_on_one_share_of_the_rows_if_the_time_is_short():
    random = np.random.RandomState(0)
    X = random.normal(size=(120_000, 4))
    y = (X[:, 0] + random.normal(size=len(X)) > 0).astype(int)
    slow = Family(
        "slow", (), lambda shape: {}, lambda shape: LogisticRegression(C=1e-6), first=({},), seconds=lambda shape: 2.0
    )
    settings = {"families": ["naive_bayes", slow], "n_trials": 3, "blend": False, "random_state": 0}

    short = AutoModelSelector(timeout=10, **settings).fit(X, y)
    long = AutoModelSelector(timeout=1000, **settings).fit(X, y)

    assert (short.n_splits_, long.n_splits_) == (1, 3)
    assert short.n_rows_searched_ == long.n_rows_searched_ == len(y)
    assert np.isfinite(short.oof_predictions_).all(axis=1).sum() == 12_000
    assert np.isfinite(long.oof_predictions_).all()
    # The order of the parts: the better family came first, though its estimate is not that of a fast one.
    assert short.trials_["params"][0]["family"] == "naive_bayes"
    assert short.score(X, y) > 0.7


def test_a_cv_of_the_user_is_not_replaced():
    X = np.random.RandomState(0).normal(size=(110_000, 2))
    y = (X[:, 0] > 0).astype(int)
    slow = replace(family("slow", seconds=3.0), make=lambda shape: GaussianNB())

    selector = AutoModelSelector(families=[slow], cv=2, timeout=12, n_trials=1, random_state=0).fit(X, y)

    assert selector.n_splits_ == 2
