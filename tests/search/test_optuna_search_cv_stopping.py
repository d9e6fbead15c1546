"""Stopping before the budget is used: patience and a target score depend on told trials, never on time."""

import signal

import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from optuna.samplers import RandomSampler

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.evaluation import FoldScore, Outcome
from sklearn_autotune.proposals._budget import StoppingRule
from tests.toys import CountingClassifier, note, read_log, statuses, table


@pytest.fixture(scope="module")
def data():
    return np.arange(20.0).reshape(-1, 1), np.array([0, 1] * 10)


def search(**params):
    fixed = {"n_trials": 40, "cv": 2, "sampler": RandomSampler(seed=0), "look_ahead": 3}
    return OptunaSearchCV(CountingClassifier(), {"a": FloatDistribution(-50, 50)}, **(fixed | params))


def find_stopping_index(stopping_rule, *scores):
    """The index of the score at which the rule stops the search; None stands for a pruned candidate."""
    for index, score in enumerate(scores):
        found = None if score is None else np.atleast_1d(score)
        stopping_rule.add_outcome(Outcome("complete" if score is not None else "pruned"), found)
        if stopping_rule.is_met:
            return index
    return None


@pytest.mark.parametrize(
    ("scores", "index"),
    [
        ((0.5, 0.4, 0.3), 2),
        ((0.5, 0.4, 0.6, 0.5, 0.6), 4),
        ((0.5, None, 0.4), 2),
        ((None, None, None, 0.5, 0.4), None),
        ((0.1, 0.2, 0.3, 0.4), None),
    ],
    ids=["none better", "an equal score is no better", "pruned ones count", "not before the first complete", "rising"],
)
def test_patience_counts_candidates_without_a_better_score(scores, index):
    assert find_stopping_index(StoppingRule(patience=2), *scores) == index


@pytest.mark.parametrize(
    ("scores", "index"),
    [
        (((0.5, -9), (0.4, -9), (0.5, -10)), 2),
        (((0.5, -9), (0.5, -9), (0.5, -9)), 2),
        (((0.5, -9), (0.4, -8), (0.3, -7), (0.6, -20), (0.45, -8.5)), None),
        (((0.5, -9), (0.4, -9), (0.6, -7), (0.5, -8), (0.55, -7)), 4),
        (((np.nan, -1), (0.5, np.nan), (0.5, -9), (0.5, np.nan), None), 4),
    ],
    ids=["beaten", "equal", "each is on the front", "a better one beats all before", "a score that is missing"],
)
def test_patience_with_several_objectives_counts_candidates_that_do_not_enter_the_front(scores, index):
    assert find_stopping_index(StoppingRule(patience=2), *scores) == index


def test_only_measured_candidates_try_patience():
    stopping_rule = StoppingRule(patience=1)
    stopping_rule.add_outcome(Outcome("complete"), [0.5])
    stopping_rule.add_outcome(Outcome("duplicate"), None)
    stopping_rule.add_outcome(Outcome("timeout"), None)

    assert not stopping_rule.is_met


def test_a_target_is_reached_by_a_score_at_least_as_good():
    assert find_stopping_index(StoppingRule(target_score=0.5), 0.4, None, 0.5, 0.6) == 2
    assert find_stopping_index(StoppingRule(target_score=0.5), 0.4, 0.49) is None


@pytest.mark.few_by_day(2)
@pytest.mark.parametrize("params", [{"patience": 5}, {"target_score": -30.0}], ids=["patience", "target"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_stops_at_the_same_candidate_for_any_n_jobs(data, params, n_jobs):
    full = search(pruner=None).fit(*data).cv_results_["mean_test_score"]
    stopped = search(pruner=None, n_jobs=n_jobs, **params).fit(*data)

    scores = stopped.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, full[: len(scores)])
    stopping_rule = StoppingRule(params.get("patience"), params.get("target_score"))
    assert find_stopping_index(stopping_rule, *full) == len(scores) - 1
    assert statuses(stopped)[len(scores) :] == ["cancelled"] * (len(statuses(stopped)) - len(scores))
    assert stopped.best_score_ == scores.max()


def test_a_goal_that_is_not_reached_changes_nothing(data):
    assert table(search(patience=1000, target_score=1e9).fit(*data)) == table(search().fit(*data))


def test_a_resumed_search_knows_its_patience(data, tmp_path):
    stored = {"storage": tmp_path / "study.db", "patience": 6, "pruner": None}
    first = search(**stored).fit(*data)
    again = search(resume=True, **stored).fit(*data)

    assert len(again.cv_results_["params"]) == len(first.cv_results_["params"])
    assert again.best_params_ == first.best_params_


@pytest.mark.parametrize(
    "params", [{"patience": 0}, {"patience": 1.5}, {"target_score": "high"}, {"target_score": None, "patience": -1}]
)
def test_unusable_goals_are_refused(data, params):
    with pytest.raises(ValueError, match=r"The '(patience|target_score)' parameter of OptunaSearchCV must be"):
        search(**params).fit(*data)


def test_a_failed_candidate_reaches_no_target():
    stopping_rule = StoppingRule(target_score=0.5)
    stopping_rule.add_outcome(Outcome("failed", (FoldScore(0.9, None, 0.0, 0.0, "Traceback"),)), None)

    assert not stopping_rule.is_met


class Swallowing(CountingClassifier):
    """Fails for another reason if an interrupt comes while it is fitted, as XGBoost does."""

    def fit(self, X, y):
        if self.a == 3 and not any(entry["a"] == 3 for entry in read_log(self.log)):
            note(self.log, a=3)
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                raise ValueError("there are no rows") from None
        return super().fit(X, y)


def test_an_interrupt_that_an_estimator_swallows_ends_the_search_and_fails_no_candidate(tmp_path):
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    X, y = np.ones((20, 2)), np.arange(20) % 2
    stored = {"cv": 2, "storage": tmp_path / "study.db", "resume": True}
    search = OptunaSearchCV(Swallowing(log=str(tmp_path / "log")), {"a": [1, 2, 3, 4]}, **stored)
    try:
        with pytest.raises(KeyboardInterrupt):
            search.fit(X, y)
    finally:
        signal.signal(signal.SIGINT, handler)

    assert search.cv_results_["params"] == [{"a": 1}, {"a": 2}]
    assert statuses(search.fit(X, y)) == ["complete"] * 4
