"""Optuna's private attributes exist where this package reads them, and Optuna can be made quiet."""

import optuna
import pytest
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from sklearn_autotune._compat.optuna import (
    create_random_study,
    get_journal_path,
    get_storage,
    get_trial_id,
    is_enqueued,
    quiet_optuna,
    skip_cache,
    skip_patience,
    split_fixed_sampler,
)


@pytest.fixture
def verbosity():
    before = optuna.logging.get_verbosity()
    yield
    optuna.logging.set_verbosity(before)


@pytest.mark.parametrize(
    ("before", "inside"),
    [
        (optuna.logging.DEBUG, optuna.logging.WARNING),
        (optuna.logging.INFO, optuna.logging.WARNING),
        (optuna.logging.ERROR, optuna.logging.ERROR),
    ],
)
def test_optuna_is_no_louder_inside_and_as_before_outside(before, inside, verbosity):
    optuna.logging.set_verbosity(before)

    with quiet_optuna():
        assert optuna.logging.get_verbosity() == inside
    assert optuna.logging.get_verbosity() == before
    with pytest.raises(ZeroDivisionError), quiet_optuna():
        raise ZeroDivisionError
    assert optuna.logging.get_verbosity() == before


def test_random_candidates_are_those_of_the_seed():
    one, again, other = (create_random_study(seed).ask().suggest_float("a", 0, 1) for seed in (0, 0, 1))

    assert one == again != other


def test_a_trial_is_found_in_its_storage_by_its_number_there(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    with quiet_optuna():
        optuna.create_study(storage=url, study_name="first").ask()
        study = optuna.create_study(storage=url, study_name="second")
        trial = study.ask()

    storage = get_storage(study)

    assert trial.number == 0
    assert get_trial_id(trial) != trial.number
    assert storage.get_trial(get_trial_id(trial)).number == 0


def test_the_cache_is_skipped_where_there_is_one(tmp_path):
    storage = RDBStorage(f"sqlite:///{tmp_path / 'study.db'}")
    with quiet_optuna():
        cached = get_storage(optuna.create_study(storage=storage))

    assert cached is not storage
    assert skip_cache(cached) is storage
    assert skip_cache(storage) is storage


def test_a_journals_file_is_known(tmp_path):
    path = str(tmp_path / "study.log")

    assert get_journal_path(JournalStorage(JournalFileBackend(path))) == path
    assert get_journal_path(optuna.storages.InMemoryStorage()) is None


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_the_pruner_inside_patient_pruners_is_found():
    inner = optuna.pruners.MedianPruner()

    assert skip_patience(optuna.pruners.PatientPruner(optuna.pruners.PatientPruner(inner, 1), 1)) is inner
    assert skip_patience(optuna.pruners.PatientPruner(None, 1)) is None
    assert skip_patience(inner) is inner


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_what_a_sampler_fixes_is_known():
    inner = optuna.samplers.RandomSampler()

    assert split_fixed_sampler(optuna.samplers.PartialFixedSampler({"a": 1}, inner)) == ({"a": 1}, inner)
    assert split_fixed_sampler(inner) is None


def test_enqueued_trials_are_told_from_asked_ones():
    study = create_random_study(0)
    study.enqueue_trial({"a": 1})
    study.ask()
    study.ask()

    assert [is_enqueued(trial) for trial in study.trials] == [True, False]
