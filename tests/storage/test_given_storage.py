"""A storage of the user's is used as it is, and is left open."""

import optuna
from optuna.storages import InMemoryStorage

from sklearn_autotune.storage._given_storage import GivenStorage


def test_anything_is_accepted_for_optuna_to_judge():
    assert all(GivenStorage.accepts(storage) for storage in (InMemoryStorage(), None, object()))


def test_a_storage_is_used_as_it_is_and_can_be_used_after_closing():
    given = InMemoryStorage()
    backend = GivenStorage.open(given)
    assert backend.storage is given

    backend.close()

    assert optuna.create_study(study_name="mine", storage=given).study_name == "mine"


def test_nothing_is_locked_and_nothing_is_shared():
    backend = GivenStorage.open(InMemoryStorage())

    assert not backend.is_shared
    assert (backend.lock("mine"), backend.lock("mine")) == (None, None)


def test_a_storage_is_named_by_its_class_or_by_the_url_behind_optunas_cache(tmp_path):
    cached = optuna.storages.get_storage(f"sqlite:///{tmp_path / 'study.db'}")

    assert GivenStorage.open(InMemoryStorage()).describe() == "InMemoryStorage"
    assert GivenStorage.open(cached).describe() == f"sqlite:///{tmp_path / 'study.db'}"
