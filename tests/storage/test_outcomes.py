"""The stored form of a trial, and that it can be read again."""

import json
from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.trial import create_trial
from sklearn.exceptions import FitFailedWarning

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune._compat.messages import MAX_ERROR_LENGTH
from sklearn_autotune.evaluation import Failure, FoldScore, Outcome, Rung, SubsampleScore
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.space._space import read_space
from sklearn_autotune.storage._outcomes import (
    OUTCOME_ATTRIBUTE,
    CallbackEffects,
    Source,
    TrialRecord,
    get_candidate_index,
    get_source,
    get_status,
    get_trial_number,
    is_final,
    pack_outcome,
    read_effects,
    read_record,
    set_effects,
)
from tests.toys import MisbehavingClassifier

FOLDS = (
    FoldScore(0.5, 0.75, 1.0, 0.25),
    FoldScore(0.25, None, 2.0, 0.5, "a traceback"),
    FoldScore(0.0, None, 0.0, 0.0, "another", Failure.SCORE),
)

OUTCOMES = {
    "complete": Outcome(Status.COMPLETE, FOLDS[:1]),
    "several scores": Outcome(Status.COMPLETE, (FoldScore({"a": 0.5, "b": 0.25}, {"a": 1.0, "b": 1.0}, 1.0, 0.0),)),
    "resolved": Outcome(Status.COMPLETE, FOLDS[:1], resolved_params={"n_estimators": 17}),
    "pruned at a rung": Outcome(Status.PRUNED, FOLDS[:1], None, (Rung(10, (0.25, 0.5)), Rung(30, (0.5, 0.75)))),
    "pruned on a subsample": Outcome(Status.PRUNED, subsamples=(SubsampleScore(60, FOLDS[0]),)),
    "scores that later folds have changed": Outcome(Status.COMPLETE, FOLDS[:2], step_means=(0.1 + 0.2,)),
    "failed on a subsample": Outcome(Status.COMPLETE, FOLDS[:1], subsamples=(SubsampleScore(60, FOLDS[2]),)),
    "failed": Outcome(Status.FAILED, FOLDS, "a traceback"),
    "died": Outcome(Status.FAILED, (), "the worker died", seconds=3.5, exit_status="SIGKILL(-9)"),
}


def make_sqlite(path):
    return str(path)


def make_journal(path):
    return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))


def store(outcome, number, space):
    """A trial as it comes back from a database, which keeps attributes as JSON."""
    study = optuna.create_study()
    trial = study.ask()
    params = space.suggest(trial)
    trial.set_user_attr(OUTCOME_ATTRIBUTE, json.loads(json.dumps(pack_outcome(outcome, number))))
    study.tell(trial, 0.0)
    return study.trials[0], params


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_an_outcome_is_read_as_it_was_stored(outcome):
    space = read_space({"a": [{"any": "object"}, {"another": "object"}], "b": [1, 2]})
    trial, params = store(outcome, 0, space)

    assert read_record(trial, space) == TrialRecord(0, params, outcome)


def test_artifacts_and_exceptions_are_not_stored():
    outcome = replace(OUTCOMES["complete"], artifacts=object(), exception=ValueError("no"))

    assert pack_outcome(outcome, 3) == pack_outcome(OUTCOMES["complete"], 3)


def test_a_stored_trial_knows_the_number_that_it_had_in_its_search():
    trial, _ = store(OUTCOMES["complete"], 5, read_space({"a": [1]}))
    assert (trial.number, get_trial_number(trial)) == (0, 5)

    del trial.user_attrs[OUTCOME_ATTRIBUTE]["number"]
    assert get_trial_number(trial) == 0


def test_only_trials_that_were_running_when_the_search_ended_are_measured_again():
    assert {status for status in Status if not is_final(Outcome(status))} == {Status.TIMEOUT, Status.CANCELLED}


def test_only_candidates_that_were_measured_have_a_row():
    measured = {status for status in Status if TrialRecord(0, {}, Outcome(status)).is_measured}

    assert measured == {Status.COMPLETE, Status.FAILED, Status.PRUNED}


def test_parameters_that_measuring_has_determined_are_added_to_the_candidate():
    record = TrialRecord(0, {"a": 1, "n_estimators": 1000}, OUTCOMES["resolved"])

    assert record.full_params == {"a": 1, "n_estimators": 17}
    assert record.params == {"a": 1, "n_estimators": 1000}


def test_the_seconds_are_those_of_the_folds_or_of_the_worker_that_was_lost():
    assert TrialRecord(0, {}, OUTCOMES["failed"]).seconds == 3.75
    assert TrialRecord(0, {}, OUTCOMES["died"]).seconds == 3.5


@pytest.mark.parametrize("effects", [CallbackEffects(), CallbackEffects(True), CallbackEffects(False, ({"a": 1}, {}))])
def test_what_callbacks_did_is_read_as_it_was_stored(effects):
    trial, _ = store(OUTCOMES["complete"], 0, read_space({"a": [1]}))

    set_effects(trial, effects)
    trial.user_attrs = json.loads(json.dumps(trial.user_attrs))

    assert read_effects(trial) == effects


def test_a_stored_trial_knows_where_its_candidate_came_from():
    trial = create_trial(
        value=0.0,
        user_attrs={OUTCOME_ATTRIBUTE: pack_outcome(OUTCOMES["complete"], 7, index=4, source=Source.PROPOSER)},
    )
    duplicate = create_trial(value=0.0, user_attrs={OUTCOME_ATTRIBUTE: pack_outcome(Outcome("duplicate"), 8)})

    assert (get_source(trial), get_candidate_index(trial), get_status(trial)) == ("proposer", 4, "complete")
    assert (get_source(duplicate), get_candidate_index(duplicate)) == ("sampler", -1)


@pytest.mark.parametrize("error", ["a traceback", "another reason"])
def test_equal_errors_are_stored_once(error):
    folds = tuple(FoldScore(0.0, None, 1.0, 0.0, text, Failure.SCORE) for text in ("a traceback",) * 5 + ("b",))
    outcome = Outcome(Status.FAILED, folds, error)

    packed = json.dumps(pack_outcome(outcome, 0))

    assert packed.count("a traceback") == 1
    trial, _ = store(outcome, 0, read_space({"a": [1]}))
    assert read_record(trial, read_space({"a": [1]})).outcome == outcome


@pytest.mark.parametrize("make_storage", [make_sqlite, make_journal])
def test_long_errors_make_no_large_storage_and_lone_surrogates_can_be_stored(make_storage, tmp_path):
    X, y = np.column_stack([np.arange(12.0), np.ones(12)]), np.arange(12) % 2
    toy = MisbehavingClassifier(where="fit", what=LongError)
    search = OptunaSearchCV(toy, {"a": [1, 4, 5], "b": ["\ud800", ("\udcff",)]}, cv=3)
    search.set_params(storage=make_storage(tmp_path / "study"), resume=True)

    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        first = search.fit(X, y).trials_
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        resumed = search.fit(X, y).trials_

    assert (tmp_path / "study").stat().st_size < 300_000
    assert max(len(error or "") for error in first["error"]) <= MAX_ERROR_LENGTH
    assert resumed["error"].tolist() == first["error"].tolist()
    assert [error is None for error in first["error"]] == [True] * 2 + [False] * 4


class LongError(ValueError):
    def __init__(self, message):
        super().__init__("\ud800 " + 5_000_000 * "x")
