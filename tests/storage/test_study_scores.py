"""The score of a trial: of several objectives, the first that is no cost; and who may win under limits."""

import optuna
import pytest
from optuna.trial import TrialState

from sklearn_autotune.exceptions import StudyMismatchError
from sklearn_autotune.storage._study import open_study, read_eligible_score, read_score
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


@pytest.mark.parametrize("directions", [["minimize"], ["maximize", "minimize"]])
def test_an_empty_study_of_other_directions_is_not_taken_over(tmp_path, directions):
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    optuna.create_study(storage=storage, study_name="mine", directions=directions)

    with pytest.raises(StudyMismatchError, match="was made with the directions"):
        open_study(storage=storage, study_name="mine", resume=True, fingerprint={"data": "a"})

    optuna.create_study(storage=storage, study_name="other", direction="maximize")
    open_study(storage=storage, study_name="other", resume=True, fingerprint={"data": "a"}).close()
