"""Create, open, lock and resume Optuna studies."""

import copy
import itertools
import logging
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import joblib
import numpy as np
import optuna
from optuna.trial import TrialState

from sklearn_autotune._compat.optuna import quiet_optuna
from sklearn_autotune.evaluation import Task
from sklearn_autotune.exceptions import StudyInUseError, StudyMismatchError, StudyStorageError
from sklearn_autotune.space._dimensions import describe_value
from sklearn_autotune.space._space import Space
from sklearn_autotune.storage._journal import require_complete_journal
from sklearn_autotune.storage._lock import StudyLock

__all__ = [
    "DEFAULT_STUDY_NAME",
    "SEED_ATTRIBUTE",
    "OpenedStudy",
    "compute_fingerprint",
    "create_memory_study",
    "draw_seed",
    "make_sampler",
    "open_study",
    "redact_url",
]

logger = logging.getLogger(__name__)

DEFAULT_STUDY_NAME = "sklearn_autotune"  # fixed: Hyperband deals its brackets by the study's name
FINGERPRINT_ATTRIBUTE = "sklearn_autotune:fingerprint"
SEED_ATTRIBUTE = "sklearn_autotune:seed"
FINGERPRINT_WAIT_SECONDS = 10.0  # how long another process may take from creating a study to writing its fingerprint
SQLITE_TIMEOUT_SECONDS = 60  # how long another program may keep the database locked


@dataclass(frozen=True, slots=True)
class OpenedStudy:
    """A stored study, its lock if it is in a local file, and whether other processes may search it too."""

    study: optuna.Study
    lock: StudyLock | None = None
    is_shared: bool = False
    owned_storage: optuna.storages.RDBStorage | None = None  # opened by this module, so `close` has to close it

    def close(self) -> None:
        """Release the lock, and close the database connections that were opened for the study."""
        if self.owned_storage is not None:
            self.owned_storage.remove_session()
            self.owned_storage.engine.dispose()
        if self.lock is not None:
            self.lock.release()


def draw_seed(random_state: Any) -> int:
    """Draw the search's seed, and change neither ``random_state`` nor NumPy's global generator.

    Parameters
    ----------
    random_state : int, RandomState or None
        None draws from the operating system.

    Returns
    -------
    seed : int

    Examples
    --------
    >>> draw_seed(7) == draw_seed(7), 0 <= draw_seed(None) < 2**31
    (True, True)
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
    if isinstance(random_state, np.random.RandomState):
        return int(copy.deepcopy(random_state).randint(2**31 - 1))
    return int(np.random.SeedSequence(int(random_state)).generate_state(1)[0] >> 1)


def make_sampler(sampler: Any, space: Space, seed: int) -> optuna.samplers.BaseSampler:
    """Return a copy of the user's sampler, or the default one: TPE, in groups where parameters depend on others."""
    if sampler is not None:
        return copy.deepcopy(sampler)
    with warnings.catch_warnings():
        # `group` is the documented way to search conditional spaces; Optuna fingerprint it experimental.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=space.is_conditional)


def open_study(
    *, storage: Any, study_name: str | None, resume: bool, fingerprint: Mapping[str, Any], seed: int = 0
) -> OpenedStudy:
    """Create a stored study, or open the one that is to be resumed, and lock it if it is in a local file.

    Parameters
    ----------
    storage : path, Optuna URL or Optuna storage
        A path means an SQLite file.
    study_name : str or None
        None means ``DEFAULT_STUDY_NAME``. A new study whose name is existing_names gets the next free number behind it.
    resume : bool
        Go on with the stored study of that name, if there is one.
    fingerprint : mapping of str to str
        What the study is for, as `compute_fingerprint` returns it.
    seed : int
        Seed of a new study; stored with it.

    Returns
    -------
    opened : OpenedStudy

    Raises
    ------
    StudyMismatchError
        If the stored study was made for other data, folds, space, scoring or estimator.
    StudyInUseError
        If it is in a local file and another process searches it.
    StudyStorageError
        If the storage cannot be read.
    """
    wanted_name = study_name or DEFAULT_STUDY_NAME
    require_complete_journal(storage)
    with _convert_storage_errors(storage):
        opened_storage, existing_names = _open_storage(storage)
    database = _find_database_file(opened_storage)
    attributes = {SEED_ATTRIBUTE: seed, FINGERPRINT_ATTRIBUTE: dict(fingerprint)}
    if resume and wanted_name in existing_names:
        return _attach_owned_storage(
            _resume(opened_storage, database, wanted_name, attributes), storage, opened_storage
        )
    created = _create(opened_storage, database, wanted_name, existing_names, attributes, resume)
    return _attach_owned_storage(
        created or _resume(opened_storage, database, wanted_name, attributes), storage, opened_storage
    )


def create_memory_study(
    name: str | None = None,
    pruner: optuna.pruners.BasePruner | None = None,
    user_attrs: Mapping[str, Any] | None = None,
) -> optuna.Study:
    """Make the in-memory study that a search works on; a stored study, if there is one, gets copies of its trials."""
    with quiet_optuna():
        study = optuna.create_study(
            study_name=name or DEFAULT_STUDY_NAME,
            storage=optuna.storages.InMemoryStorage(),
            pruner=pruner or optuna.pruners.NopPruner(),
            direction="maximize",
        )
    for key, value in (user_attrs or {}).items():
        study.set_user_attr(key, value)
    return study


def redact_url(storage: Any) -> str:
    """Return a storage's URL, path or class name for a message, without the password that a URL may hold."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    storage = getattr(storage, "url", storage)
    try:
        return make_url(storage).render_as_string(hide_password=True)
    except (ArgumentError, AttributeError):  # a path, or a storage without a URL
        return os.fspath(storage) if isinstance(storage, str | os.PathLike) else type(storage).__name__


def compute_fingerprint(task: Task, space: Space, scoring: Any, estimator: Any, resource: Any) -> dict[str, str]:
    """Hash what a study is made for, part by part, so that a mismatch can be named."""
    folds = [(fold.train, fold.test) for fold in task.folds]
    return {
        "data": joblib.hash((task.X, task.y)),
        "metadata": joblib.hash((dict(task.fit_params), dict(task.score_params))),
        "folds": joblib.hash(folds),
        "space": joblib.hash(space.describe()),
        "scoring": joblib.hash(describe_value(scoring)),
        "estimator": joblib.hash(describe_value(estimator)),
        "resource": joblib.hash(resource),
    }


def _open_storage(storage: Any) -> tuple[Any, set[str]]:
    """Open a storage, and read the names of its studies.

    Two processes that open an empty database at the same time both create Optuna's tables, and one of them fails.
    """
    from sqlalchemy.exc import SQLAlchemyError

    for pause in (0.5, 2.0):
        try:
            opened_storage = _make_storage(storage)
            return opened_storage, set(optuna.get_all_study_names(storage=opened_storage))
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            logger.info("The storage could not be opened, and is tried again: %s", error)
            time.sleep(pause)
    opened_storage = _make_storage(storage)
    return opened_storage, set(optuna.get_all_study_names(storage=opened_storage))


def _make_storage(storage: Any) -> Any:
    """Make a storage of a path or a URL; a path means SQLite, which waits for other writers."""
    if isinstance(storage, os.PathLike) or (isinstance(storage, str) and "://" not in storage):
        storage = f"sqlite:///{os.fspath(storage)}"
    if isinstance(storage, str) and storage.startswith("sqlite"):
        return optuna.storages.RDBStorage(storage, engine_kwargs={"connect_args": {"timeout": SQLITE_TIMEOUT_SECONDS}})
    if isinstance(storage, str):
        return optuna.storages.RDBStorage(storage, engine_kwargs={"pool_pre_ping": True})
    return storage


@contextmanager
def _convert_storage_errors(storage: Any) -> Iterator[None]:
    """Raise StudyStorageError, with the storage's name, if the storage cannot be read."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError, OSError) as error:
        raise StudyStorageError(
            f"The storage {redact_url(storage)!r} cannot be read: {error.__cause__ or error}. If it is a file, see "
            "whether it is a database and whole; it was not changed. Otherwise see whether its server can be reached."
        ) from error


def _find_database_file(storage: Any) -> str | None:
    """Return the path of a storage's SQLite file; None if the storage is something else."""
    from sqlalchemy.engine import make_url

    url = getattr(storage, "url", None)
    if not isinstance(url, str) or not url.startswith("sqlite"):
        return None
    path = make_url(url).database
    if not path or path == ":memory:" or path.startswith("file:"):
        return None
    return os.path.abspath(path)


def _resume(opened_storage: Any, database: str | None, name: str, attributes: Mapping[str, Any]) -> OpenedStudy:
    lock = None if database is None else StudyLock(database, name)
    try:
        with _convert_storage_errors(opened_storage):
            study = optuna.load_study(study_name=name, storage=opened_storage)
            if is_shared(opened_storage):
                _wait_for_fingerprint(study)
            if FINGERPRINT_ATTRIBUTE not in study.user_attrs and not study.get_trials(deepcopy=False):
                _write_attributes(study, attributes)  # the process that created it was ended at once
            _require_same_task(study, attributes[FINGERPRINT_ATTRIBUTE])
            if not is_shared(opened_storage):
                _close_stale_trials(study)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    return OpenedStudy(study, lock, is_shared(opened_storage))


def _attach_owned_storage(study: OpenedStudy, storage: Any, opened_storage: Any) -> OpenedStudy:
    """Put the storage on the opened study if this module opened it, and not the user."""
    return study if opened_storage is storage else replace(study, owned_storage=opened_storage)


def is_shared(storage: Any) -> bool:
    """Whether several processes may search the same study: in a server's database, or in a journal."""
    url = getattr(storage, "url", None)
    is_server = isinstance(url, str) and not url.startswith("sqlite")
    return is_server or isinstance(storage, optuna.storages.JournalStorage)


def _write_attributes(study: optuna.Study, attributes: Mapping[str, Any]) -> None:
    """Write the seed and the fingerprint; the fingerprint comes last, so where it is, everything is."""
    for key, value in attributes.items():
        study.set_user_attr(key, value)


def _wait_for_fingerprint(study: optuna.Study) -> None:
    give_up = time.monotonic() + FINGERPRINT_WAIT_SECONDS
    while (
        FINGERPRINT_ATTRIBUTE not in study.user_attrs
        and not study.get_trials(deepcopy=False)
        and time.monotonic() < give_up
    ):
        time.sleep(0.1)


def _create(
    opened_storage: Any,
    database: str | None,
    wanted_name: str,
    existing_names: set[str],
    attributes: Mapping[str, Any],
    resume: bool,
) -> OpenedStudy | None:
    """Create a study under the first name that is free and that no other process holds the lock of.

    Return None if the study is to be resumed and another process has created it meanwhile.
    """
    names = itertools.chain([wanted_name], (f"{wanted_name}-{number}" for number in itertools.count(2)))
    for name in names:
        if name in existing_names:
            continue
        try:
            lock = None if database is None else StudyLock(database, name)
        except StudyInUseError:
            continue
        try:
            with quiet_optuna(), _convert_storage_errors(opened_storage):
                study = optuna.create_study(study_name=name, storage=opened_storage, direction="maximize")
                _write_attributes(study, attributes)
            return OpenedStudy(study, lock, is_shared(opened_storage))
        except BaseException as error:
            if lock is not None:
                lock.release()
            if not isinstance(error, optuna.exceptions.DuplicatedStudyError):
                raise
            if resume:
                return None
    raise RuntimeError("there is always a free name")


def _require_same_task(study: optuna.Study, fingerprint: Mapping[str, Any]) -> None:
    stored = study.user_attrs.get(FINGERPRINT_ATTRIBUTE)
    if stored is None:
        raise StudyMismatchError(
            f"The study {study.study_name!r} was not made by sklearn_autotune, so what it measured is not known. "
            "Choose another study_name, or pass resume=False."
        )
    different = [part for part, digest in fingerprint.items() if stored.get(part) != digest]
    if different:
        raise StudyMismatchError(
            f"The study {study.study_name!r} cannot be resumed: it was made for another "
            f"{', another '.join(different)}. Restore what differs, or choose another study_name."
        )


def _close_stale_trials(study: optuna.Study) -> None:
    """Close trials that an ended process has left running: nothing will finish them."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        logger.warning("Trial %d was under way when its search ended; it is closed.", trial.number)
        study.tell(trial.number, state=TrialState.FAIL)
