"""The score of a trial: of several objectives, the first that is no cost; and who may win under limits."""

from optuna.trial import TrialState

from sklearn_autotune.storage._study import read_eligible_score, read_score
from tests.aimed_searches import search_front, search_limits


def test_of_several_objectives_it_is_the_first_that_is_no_cost():
    search = search_front()
    scores = [read_score(search.study_, trial) for trial in search.study_.get_trials(deepcopy=False)]

    assert search.best_score_ in scores
    assert all(score is None or score < 0 for score in scores)


def test_a_trial_that_breaks_a_limit_may_not_win():
    study = search_limits().study_
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.state == TrialState.COMPLETE]
    scores = [read_score(study, trial) for trial in trials]
    eligible = [read_eligible_score(study, trial) for trial in trials]

    assert max(scores) > max(score for score in eligible if score is not None) == search_limits().best_score_
