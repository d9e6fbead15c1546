"""Create, open, lock and resume Optuna studies."""

import copy
import itertools
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from sklearn_autotune._compat.digest import compute_digest
from sklearn_autotune._compat.messages import make_encodable, suggest_name
from sklearn_autotune._compat.optuna import name_metrics, quiet_optuna
from sklearn_autotune._compat.urls import redact_text, select_cause
from sklearn_autotune.evaluation import Task
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.exceptions import StudyInUseError, StudyMismatchError, StudyStorageError
from sklearn_autotune.space._dimensions import describe_value
from sklearn_autotune.space._space import Space
from sklearn_autotune.storage import StorageBackend, choose_backend
from sklearn_autotune.storage._base import describe_storage, require_secrets
from sklearn_autotune.storage._lock import StudyLock

__all__ = [
    "DEFAULT_STUDY_NAME",
    "METRIC_ATTRIBUTE",
    "OBJECTIVES_ATTRIBUTE",
    "SEED_ATTRIBUTE",
    "OpenedStudy",
    "compute_fingerprint",
    "create_memory_study",
    "draw_seed",
    "find_first_score",
    "open_study",
    "read_eligible_score",
    "read_score",
    "read_study_attributes",
    "read_study_metric",
]

logger = logging.getLogger(__name__)

DEFAULT_STUDY_NAME = "sklearn_autotune"
METRIC_ATTRIBUTE = "sklearn_autotune:metric"
OBJECTIVES_ATTRIBUTE = "sklearn_autotune:objectives"  # of a study with several: the direction of each, by name
FINGERPRINT_ATTRIBUTE = "sklearn_autotune:fingerprint"
SEED_ATTRIBUTE = "sklearn_autotune:seed"
FINGERPRINT_WAIT_SECONDS = 10.0  # how long another process may take from creating a study to writing its fingerprint


@dataclass(frozen=True, slots=True)
class OpenedStudy:
    """A stored study, its storage, and its lock if there is one."""

    study: optuna.Study
    backend: StorageBackend
    lock: StudyLock | None = None

    def close(self) -> None:
        """Release the lock, and close the database connections that were opened for the study."""
        self.backend.close()
        if self.lock is not None:
            self.lock.release()


def draw_seed(random_state: Any) -> int:
    """Draw the search's seed, without changing ``random_state`` or NumPy's global generator.

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


def open_study(
    *,
    storage: object,
    study_name: str | None,
    resume: bool,
    fingerprint: Mapping[str, Any],
    seed: int = 0,
    metric_name: str = "score",
    attributes: Mapping[str, Any] | None = None,
    objectives: Mapping[str, str] | None = None,
) -> OpenedStudy:
    """Create a stored study, or open the one to be resumed, and lock it if it is in a local file.

    Parameters
    ----------
    storage : path, Optuna URL or Optuna storage
        A path means an SQLite file.
    study_name : str or None
        None means ``DEFAULT_STUDY_NAME``. If a new study's name is taken, the next free number is added to the name.
    resume : bool
        Whether to continue the stored study of that name, if there is one.
    fingerprint : mapping of str to str
        The digests of what the study is for, from `compute_fingerprint`.
    seed : int
        The seed of a new study, which is stored with it.
    metric_name : str
        The name of the score that the study maximises, which is stored with it.
    attributes : mapping of str to object or None
        Other attributes of a new study, in JSON's types.
    objectives : mapping of str to str or None
        The directions of several objectives, by name.

    Returns
    -------
    opened : OpenedStudy

    Raises
    ------
    ValueError
        If a storage cannot write the name, or if the storage's URL lacks its password.
    StudyMismatchError
        If the stored study was made for other data, folds, space, scoring or estimator.
    StudyInUseError
        If the study is in a local file and another process is searching it.
    StudyStorageError
        If the storage cannot be read.
    """
    wanted_name = study_name or DEFAULT_STUDY_NAME
    if make_encodable(wanted_name) != wanted_name:
        raise ValueError(
            f"study_name={wanted_name!r} contains lone surrogates, which no storage can write. Remove them."
        )
    require_secrets(storage)
    choose_backend(storage).check(storage)
    with _convert_storage_errors(describe_storage(storage)):
        backend, existing_names = _open_storage(storage)
    own_attributes = {SEED_ATTRIBUTE: seed, METRIC_ATTRIBUTE: metric_name, FINGERPRINT_ATTRIBUTE: dict(fingerprint)}
    several = {OBJECTIVES_ATTRIBUTE: dict(objectives)} if objectives else {}
    all_attributes = {**(attributes or {}), **several, **own_attributes}
    if resume and wanted_name in existing_names:
        return _resume(backend, wanted_name, all_attributes)
    created = _create(backend, wanted_name, existing_names, all_attributes, resume)
    return created or _resume(backend, wanted_name, all_attributes)


def read_study_attributes(storage: object, study_name: str | None) -> dict[str, Any]:
    """Return the attributes of a stored study; none if there is no study of that name.

    Parameters
    ----------
    storage, study_name
        As of `open_study`, which raises the same errors.
    """
    name = study_name or DEFAULT_STUDY_NAME
    require_secrets(storage)
    choose_backend(storage).check(storage)
    with _convert_storage_errors(describe_storage(storage)):
        backend, names = _open_storage(storage)
        try:
            return optuna.load_study(study_name=name, storage=backend.storage).user_attrs if name in names else {}
        finally:
            backend.close()


def create_memory_study(
    name: str | None = None,
    pruner: optuna.pruners.BasePruner | None = None,
    user_attrs: Mapping[str, Any] | None = None,
) -> optuna.Study:
    """Make the study in memory on which a search works; its trials are copied to the stored study, if there is one."""
    attributes = user_attrs or {}
    with quiet_optuna():
        study = optuna.create_study(
            study_name=name or DEFAULT_STUDY_NAME,
            storage=optuna.storages.InMemoryStorage(),
            pruner=pruner or optuna.pruners.NopPruner(),
            directions=_get_directions(attributes),
        )
    if OBJECTIVES_ATTRIBUTE in attributes:
        name_metrics(study, list(attributes[OBJECTIVES_ATTRIBUTE]))
    for key, value in attributes.items():
        study.set_user_attr(key, value)
    return study


def _get_directions(attributes: Mapping[str, Any]) -> list[Literal["minimize", "maximize"]]:
    """Return the directions of a study with these attributes; a study of one score maximises it."""
    return list(attributes.get(OBJECTIVES_ATTRIBUTE, {"score": "maximize"}).values())


def read_study_metric(study: optuna.Study) -> Metric:
    """Return the metric that a study maximises; its name is "score" if the study does not store a name."""
    name = study.user_attrs.get(METRIC_ATTRIBUTE)
    if name is None and study.metric_names:
        name = study.metric_names[0]
    return Metric() if name is None else Metric(name)


def read_score(study: optuna.Study, trial: FrozenTrial) -> float | None:
    """Return the score of a complete trial, higher is better; of several objectives, the first that is a score.

    None of a trial that is not complete.
    """
    if trial.state != TrialState.COMPLETE:
        return None
    name, directions = find_first_score(study), study.user_attrs.get(OBJECTIVES_ATTRIBUTE, {})
    return float(trial.values[0 if name is None else list(directions).index(name)])


def find_first_score(study: optuna.Study) -> str | None:
    """Return the name of the first objective that is a score, not a cost; None if there are not several objectives."""
    directions = study.user_attrs.get(OBJECTIVES_ATTRIBUTE, {})
    return next((name for name, direction in directions.items() if direction == "maximize"), None)


def read_eligible_score(study: optuna.Study, trial: FrozenTrial) -> float | None:
    """Return the score of a complete trial that may win; None also of one that does not meet the limits."""
    meets_limits = all(violation <= 0 for violation in trial.constraints.values())
    return read_score(study, trial) if meets_limits else None


def compute_fingerprint(task: Task, space: Space, scoring: Any, estimator: Any, resource: Any) -> dict[str, str]:
    """Compute a digest of each part of a study's task, so that an error can name the parts that differ.

    Equal values have equal digests, also if their memory layout differs.
    """
    return {
        "data": compute_digest((task.X, task.y)),
        "metadata": compute_digest((dict(task.fit_params), dict(task.score_params))),
        "folds": compute_digest([(fold.train, fold.test) for fold in task.folds]),
        "space": compute_digest(space.describe()),
        "scoring": compute_digest(describe_value(scoring)),
        "estimator": compute_digest(describe_value(estimator)),
        "resource": compute_digest(resource),
    }


def _open_storage(storage: object) -> tuple[StorageBackend, set[str]]:
    """Open a storage, and read the names of its studies.

    Two processes that open an empty database at the same time both create Optuna's tables, and one of them fails.
    """
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    chosen = choose_backend(storage)
    for pause in (0.5, 2.0):
        try:
            backend = chosen.open(storage)
            return backend, set(optuna.get_all_study_names(storage=backend.storage))
        except ArgumentError:  # an invalid URL, so trying again is useless
            raise
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            logger.info("The storage could not be opened, and is tried again: %s", redact_text(str(error)))
            time.sleep(pause)
    backend = chosen.open(storage)
    return backend, set(optuna.get_all_study_names(storage=backend.storage))


# The databases that messages suggest; SQLAlchemy supports more.
DATABASES = ("sqlite", "postgresql", "mysql", "mariadb", "oracle", "mssql")


@contextmanager
def _convert_storage_errors(name: str) -> Iterator[None]:
    """Raise StudyStorageError, with the name of the storage, if it cannot be read."""
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

    try:
        yield
    except NoSuchModuleError as error:
        scheme = name.partition("://")[0].partition("+")[0]
        raise StudyStorageError(
            f"The storage {name!r} cannot be read. For a file, write sqlite:///FILE. There is no database {scheme!r}"
            f"{suggest_name(scheme, DATABASES)}"
        ) from error
    except ImportError as error:
        raise StudyStorageError(
            f"The storage {name!r} cannot be read: {error.__cause__ or error}. Install the driver of the database."
        ) from error
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError, OSError) as error:
        raise StudyStorageError(
            f"The storage {name!r} cannot be read: {redact_text(str(error.__cause__ or error))}. If it is a file, "
            "check that it is a complete database; it was not changed. Otherwise check that its server can be reached."
        ) from select_cause(error)


def _resume(backend: StorageBackend, name: str, attributes: Mapping[str, Any]) -> OpenedStudy:
    lock = backend.lock(name)
    try:
        with _convert_storage_errors(backend.describe()):
            study = optuna.load_study(study_name=name, storage=backend.storage)
            if backend.is_shared:
                _wait_for_fingerprint(study)
            if FINGERPRINT_ATTRIBUTE not in study.user_attrs and not study.get_trials(deepcopy=False):
                _require_same_directions(study, attributes)
                _write_attributes(study, attributes)  # the process that created it ended before it wrote them
            _require_same_task(study, attributes[FINGERPRINT_ATTRIBUTE])
            _require_same_directions(study, attributes)
            _write_metric_name(study, attributes[METRIC_ATTRIBUTE])
            if not backend.is_shared:
                _close_stale_trials(study)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    return OpenedStudy(study, backend, lock)


def _write_attributes(study: optuna.Study, attributes: Mapping[str, Any]) -> None:
    """Write the seed, the metric and the fingerprint. The fingerprint comes last: if it is there, the others are."""
    name_metrics(study, list(attributes.get(OBJECTIVES_ATTRIBUTE, [attributes[METRIC_ATTRIBUTE]])))
    for key, value in attributes.items():
        study.set_user_attr(key, value)


def _write_metric_name(study: optuna.Study, name: str) -> None:
    """Write the metric's name if it is missing or differs: a resumed search may be guided by another score."""
    if study.user_attrs.get(METRIC_ATTRIBUTE) != name:
        if len(study.directions) == 1:
            name_metrics(study, [name])
        study.set_user_attr(METRIC_ATTRIBUTE, name)


def _wait_for_fingerprint(study: optuna.Study) -> None:
    give_up = time.monotonic() + FINGERPRINT_WAIT_SECONDS
    while (
        FINGERPRINT_ATTRIBUTE not in study.user_attrs
        and not study.get_trials(deepcopy=False)
        and time.monotonic() < give_up
    ):
        time.sleep(0.1)


def _create(
    backend: StorageBackend,
    wanted_name: str,
    existing_names: set[str],
    attributes: Mapping[str, Any],
    resume: bool,
) -> OpenedStudy | None:
    """Create a study under the first name that is free and that no other process has locked.

    Return None if the study is to be resumed and another process has just created it.
    """
    names = itertools.chain([wanted_name], (f"{wanted_name}-{number}" for number in itertools.count(2)))
    for name in names:
        if name in existing_names:
            continue
        try:
            lock = backend.lock(name)
        except StudyInUseError:
            continue
        try:
            with quiet_optuna(), _convert_storage_errors(backend.describe()):
                study = optuna.create_study(
                    study_name=name, storage=backend.storage, directions=_get_directions(attributes)
                )
                _write_attributes(study, attributes)
            return OpenedStudy(study, backend, lock)
        except BaseException as error:
            if lock is not None:
                lock.release()
            if not isinstance(error, optuna.exceptions.DuplicatedStudyError):
                raise
            if resume:
                return None
    raise RuntimeError("The names to try are unlimited, so this line is never reached.")


def _require_same_task(study: optuna.Study, fingerprint: Mapping[str, Any]) -> None:
    stored = study.user_attrs.get(FINGERPRINT_ATTRIBUTE)
    if stored is None:
        raise StudyMismatchError(
            f"The study {study.study_name!r} was not made by sklearn_autotune, so it is not known what its trials "
            "measured. Choose another study_name, or pass resume=False."
        )
    different = [part for part, digest in fingerprint.items() if stored.get(part) != digest]
    if different:
        raise StudyMismatchError(
            f"The study {study.study_name!r} cannot be resumed: it was made for "
            f"{', '.join(map(_name_other, different))}. Restore what differs, or choose another study_name."
        )


def _name_other(part: str) -> str:
    return f"{'other' if part in ('data', 'metadata', 'folds') else 'another'} {part}"


def _require_same_directions(study: optuna.Study, attributes: Mapping[str, Any]) -> None:
    found = [direction.name.lower() for direction in study.directions]
    wanted = _get_directions(attributes)
    if found != wanted:
        raise StudyMismatchError(
            f"The study {study.study_name!r} was made with the directions {found}, and this search needs {wanted}: "
            "scores are maximised. Choose another study_name, or delete the study."
        )


def _close_stale_trials(study: optuna.Study) -> None:
    """Close the trials that an ended process has left running, because no process will finish them."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        logger.warning("Trial %d in the study was running when its search ended. It is closed now.", trial.number)
        study.tell(trial.number, state=TrialState.FAIL)
