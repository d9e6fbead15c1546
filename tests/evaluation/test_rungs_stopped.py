"""Rungs that end early: what remains of a candidate that is stopped, runs out of time, or fails."""

import threading
from dataclasses import dataclass, replace

import numpy as np
import optuna
import pytest
import xgboost
from optuna.pruners import MedianPruner
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import WorkItem, average_scores, measure
from sklearn_autotune.evaluation._rungs import make_rung_evaluation
from sklearn_autotune.execution._worker import Worker
from sklearn_autotune.pruning import HalvingRule, OptunaPrunerRule
from tests.rung_folds import X, whole_folds
from tests.threads import started_threads
from tests.toys import (
    FailingClassifier,
    PeakingClassifier,
    read_log,
)

NUMBERED = np.column_stack([np.arange(300), X])  # the toys find the numbers of their rows in the first column


def work(**params):
    return WorkItem(number=0, candidate_index=0, n_candidates=1, params=params)


@dataclass(frozen=True)
class StopAt:
    """Stops a candidate at one rung."""

    step: int
    is_picklable: bool = True

    def allows(self, progress):
        return progress.step < self.step


@pytest.mark.parametrize("resource", ["n_samples", "iterations"])
@pytest.mark.parametrize("step", [0, 1])
def test_a_candidate_that_is_stopped_is_fitted_no_further(tmp_path, resource, step):
    log = tmp_path / "log"
    rungs = make_rung_evaluation(whole_folds(PeakingClassifier(log=log)), resource)

    outcome = measure(rungs, replace(work(), pruner_state=StopAt(step)))

    assert outcome.status == "pruned"
    assert len(outcome.curve) == step + 1
    assert outcome.comparable_folds == ()
    assert outcome.resolved_params == {}
    assert len(read_log(log)) == 3 * (step + 1)


@pytest.mark.parametrize("is_picklable", [True, False])
def test_a_booster_stopped_on_a_rung_leaves_no_thread(is_picklable):
    rungs = make_rung_evaluation(whole_folds(xgboost.XGBClassifier(random_state=0)), "iterations")
    before = threading.enumerate()

    if is_picklable:
        assert measure(rungs, replace(work(), pruner_state=StopAt(1))).status == "pruned"
    else:
        worker = Worker(rungs)
        worker.start(replace(work(), pruner_state=StopAt(1, is_picklable=False)))
        assert len(started_threads(before)) == 3
        worker.steps.close()

    assert started_threads(before) == []


@pytest.mark.parametrize("failing", ["fit", "score"])
def test_a_booster_in_a_candidate_that_fails_leaves_no_thread(failing):

    def scorer(estimator, X, y):
        raise RuntimeError("the toy fails to score")

    params = {} if failing == "score" else {"max_depth": -1}
    before = threading.enumerate()
    for error_score in (np.nan, "raise"):
        folds = whole_folds(xgboost.XGBClassifier(), scoring=scorer, error_score=error_score)
        rungs = make_rung_evaluation(folds, "iterations")
        if error_score == "raise":
            with pytest.raises((RuntimeError, ValueError)):
                measure(rungs, work(**params))
        else:
            assert measure(rungs, work(**params)).status == "failed"

    assert started_threads(before) == []


@pytest.mark.parametrize("resource", ["n_samples", "iterations"])
def test_out_of_time_is_seen_between_rungs(resource, monkeypatch):
    rungs = make_rung_evaluation(whole_folds(PeakingClassifier()), resource)
    now = [0.0]
    monkeypatch.setattr(clock, "now", lambda: now[0])

    class Late:
        is_picklable = True
        times = 0

        def allows(self, progress):
            self.times += 1
            now[0] += 2.0
            return True

    pruner_state = Late()
    outcome = measure(rungs, replace(work(), pruner_state=pruner_state, deadline=1.0))

    assert outcome.status == "timeout"
    assert pruner_state.times == 1
    assert len(outcome.curve) == 2


def test_a_candidate_that_fails_on_a_rung_has_failed(tmp_path):
    log = tmp_path / "log"
    rungs = make_rung_evaluation(whole_folds(PeakingClassifier(log=log)), "iterations")

    outcome = measure(rungs, work(a=5.0))

    assert outcome.status == "failed"
    assert "more than 20 iterations" in outcome.error
    assert [rung.resource for rung in outcome.curve] == [4, 11, 33]
    assert len(outcome.folds) == 3
    assert len(read_log(log)) == 9


@pytest.mark.parametrize("mode", ["nan", "inf", "SystemExit", "ValueError"])
@pytest.mark.parametrize("error_score", [np.nan, -1.0])
def test_a_candidate_that_fails_on_all_rows_has_failed(mode, error_score):
    folds = whole_folds(FailingClassifier(mode=mode), NUMBERED, error_score=error_score)

    outcome = measure(make_rung_evaluation(folds, "n_samples"), work(a=5.0))

    assert outcome.status == "failed"
    assert outcome.curve[-1].resource == 200


@pytest.mark.parametrize("error_score", [np.nan, 1.0, "raise"])
@pytest.mark.parametrize("multimetric", [False, True])
def test_a_candidate_that_needs_more_rows_than_a_rung_has_is_judged_from_the_next_one_on(error_score, multimetric):
    scoring = ["accuracy", "balanced_accuracy"] if multimetric else None
    folds = whole_folds(KNeighborsClassifier(), scoring=scoring, error_score=error_score)
    rungs = make_rung_evaluation(folds, "n_samples", min_resources=20)

    outcome = measure(rungs, work(n_neighbors=30))

    assert outcome.status == "complete"
    means = {rung.resource: average_scores(rung.test, "accuracy") for rung in outcome.curve}
    assert list(means) == [22, 67, 200]
    assert np.isnan(means[22])
    assert means[67] > 0.5
    assert outcome.folds[0].test == measure(folds, work(n_neighbors=30)).folds[0].test


@pytest.mark.parametrize(
    "estimator", [make_pipeline(PCA(25), LogisticRegression()), GridSearchCV(GaussianNB(), {}, cv=8)]
)
def test_components_and_inner_folds_may_need_more_rows_too(estimator):
    wide = np.random.RandomState(0).normal(size=(300, 40))

    outcome = measure(make_rung_evaluation(whole_folds(estimator, wide), "n_samples", min_resources=20), work())

    assert outcome.status == "complete"
    assert np.isnan(outcome.curve[0].test).all()
    assert np.isfinite(outcome.curve[-1].test).all()


@pytest.mark.parametrize("rule", [HalvingRule(3), OptunaPrunerRule()], ids=["halving", "pruner"])
def test_no_pruner_judges_a_candidate_at_a_rung_that_has_too_few_rows_for_it(rule):
    """Candidates of few neighbours have passed all rungs before."""
    study = optuna.create_study(direction="maximize", pruner=MedianPruner(n_startup_trials=1))
    tracker = rule.start(study, None)
    rungs = make_rung_evaluation(whole_folds(KNeighborsClassifier()), "n_samples", min_resources=20)
    outcomes = []
    for n_neighbors in (1, 5, 30):
        trial = study.ask()
        candidate = replace(work(n_neighbors=n_neighbors), pruner_state=tracker.make_pruner_state(trial))
        outcomes.append(measure(rungs, candidate))
        tracker.add_outcome(outcomes[-1])
        study.tell(trial, 0.0)

    assert [len(outcome.curve) for outcome in outcomes[:1] + outcomes[2:]] == [3, 2]
    assert outcomes[2].status == "pruned"
    assert np.isnan(outcomes[2].curve[0].test).all()


def test_with_error_score_raise_a_candidate_raises_that_fails_on_all_rows():
    folds = whole_folds(FailingClassifier(), NUMBERED, error_score="raise")

    with pytest.raises(ValueError, match="on purpose"):
        measure(make_rung_evaluation(folds, "n_samples"), work(a=5.0))


@pytest.mark.parametrize("resource", ["n_samples", "iterations"])
def test_a_parameter_that_does_not_exist_fails_the_candidate(resource):
    outcome = measure(make_rung_evaluation(whole_folds(PeakingClassifier()), resource), work(nonsense=1))

    assert outcome.status == "failed"
    assert "nonsense" in outcome.error


def test_a_candidate_that_sets_the_count_itself_has_failed():
    outcome = measure(make_rung_evaluation(whole_folds(PeakingClassifier()), "iterations"), work(max_iter=7))

    assert outcome.status == "failed"
    assert "Cannot use parameter max_iter as the resource" in outcome.error


def test_with_error_score_raise_the_exception_comes_through():
    rungs = make_rung_evaluation(whole_folds(PeakingClassifier(), error_score="raise"), "iterations")

    with pytest.raises(ValueError, match="more than 20 iterations"):
        measure(rungs, work(a=5.0))


def test_only_the_last_rung_warns_of_no_convergence():
    rungs = make_rung_evaluation(whole_folds(PeakingClassifier()), "iterations")

    with pytest.warns(ConvergenceWarning) as caught:
        measure(rungs, work(warn=True))

    assert len(caught) == 3
