"""Open, seed, store and resume Optuna studies."""

import copy
import logging
import os
import warnings
from collections.abc import Mapping
from typing import Any

import joblib
import numpy as np
import optuna
from optuna.trial import TrialState

from sklearn_autotune._dimensions import describe_value
from sklearn_autotune._optuna import quiet_optuna
from sklearn_autotune._space import Space
from sklearn_autotune.evaluation import Task
from sklearn_autotune.exceptions import StudyMismatchError

__all__ = ["DEFAULT_STUDY_NAME", "detached", "draw_seed", "fingerprint", "make_sampler", "open_study"]

logger = logging.getLogger(__name__)

DEFAULT_STUDY_NAME = "sklearn_autotune"  # fixed: Hyperband deals its brackets by the study's name
FINGERPRINT = "sklearn_autotune:fingerprint"


def draw_seed(random_state: Any) -> int:
    """Draw the search's seed, leaving ``random_state`` and NumPy's global generator as they are.

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
        # `group` is the documented way to search conditional spaces; Optuna marks it experimental.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=space.is_conditional)


def open_study(
    *,
    storage: Any,
    study_name: str | None,
    resume: bool,
    marks: Mapping[str, str] | None,
    sampler: optuna.samplers.BaseSampler | None = None,
    pruner: optuna.pruners.BasePruner | None = None,
) -> optuna.Study:
    """Open a new study, or the stored one that is to be resumed.

    Parameters
    ----------
    storage : None, path, Optuna URL or Optuna storage
        None keeps the study in memory; a path means an SQLite file.
    study_name : str or None
        None means ``DEFAULT_STUDY_NAME``. A new study whose name is taken gets the next free number behind it.
    resume : bool
        Go on with the stored study of that name, if there is one.
    marks : mapping of str to str, or None
        The fingerprint of the task; None only where nothing is stored.
    sampler, pruner : Optuna objects, used as they are

    Returns
    -------
    study : optuna.Study

    Raises
    ------
    StudyMismatchError
        If the stored study was made for other data, folds, space, scoring or estimator.
    """
    wanted = study_name or DEFAULT_STUDY_NAME
    pruner = pruner or optuna.pruners.NopPruner()
    if storage is None:
        return _create(wanted, optuna.storages.InMemoryStorage(), sampler, pruner)
    opened = _open_storage(storage)
    taken = set(optuna.get_all_study_names(storage=opened))
    if resume and wanted in taken:
        study = optuna.load_study(study_name=wanted, storage=opened, sampler=sampler, pruner=pruner)
        _require_same_task(study, marks or {})
        _close_stale_trials(study)
        return study
    study = _create(_free_name(wanted, taken), opened, sampler, pruner)
    study.set_user_attr(FINGERPRINT, dict(marks or {}))
    return study


def detached(study: optuna.Study) -> optuna.Study:
    """Return the study itself if it lives in memory, else a copy in memory: its storage stays where it is.

    A storage carries its URL, and perhaps a password in it, and could not be unpickled without its database.
    """
    storage = optuna.storages.InMemoryStorage()
    if isinstance(study._storage, type(storage)):
        return study
    with quiet_optuna():
        copied = optuna.create_study(
            study_name=study.study_name,
            storage=storage,
            sampler=study.sampler,
            pruner=study.pruner,
            direction="maximize",
        )
    for name, value in study.user_attrs.items():
        copied.set_user_attr(name, value)
    copied.add_trials(study.get_trials(deepcopy=False))
    return copied


def fingerprint(task: Task, space: Space, scoring: Any, estimator: Any, resource: Any) -> dict[str, str]:
    """Name what a study was made for, part by part, so that a mismatch can be named too."""
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


def _open_storage(storage: Any) -> optuna.storages.BaseStorage:
    """Open a path as SQLite, patient with other writers; leave URLs and storages to Optuna."""
    if isinstance(storage, os.PathLike) or (isinstance(storage, str) and "://" not in storage):
        storage = f"sqlite:///{os.fspath(storage)}"
    if isinstance(storage, str) and storage.startswith("sqlite"):
        return optuna.storages.RDBStorage(storage, engine_kwargs={"connect_args": {"timeout": 60}})
    if isinstance(storage, str):
        return optuna.storages.RDBStorage(storage, engine_kwargs={"pool_pre_ping": True})
    return optuna.storages.get_storage(storage)


def _create(name: str, storage: Any, sampler: Any, pruner: Any) -> optuna.Study:
    with quiet_optuna():
        return optuna.create_study(
            study_name=name, storage=storage, sampler=sampler, pruner=pruner, direction="maximize"
        )


def _free_name(wanted: str, taken: set[str]) -> str:
    number = 1
    name = wanted
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name


def _require_same_task(study: optuna.Study, marks: Mapping[str, str]) -> None:
    stored = study.user_attrs.get(FINGERPRINT)
    if stored is None:
        raise StudyMismatchError(
            f"The study {study.study_name!r} was not made by sklearn_autotune, so what it measured is not known. "
            "Choose another study_name, or pass resume=False."
        )
    different = [part for part, mark in marks.items() if stored.get(part) != mark]
    if different:
        raise StudyMismatchError(
            f"The study {study.study_name!r} cannot be resumed: it was made for another "
            f"{', another '.join(different)}. Restore what differs, or choose another study_name."
        )


def _close_stale_trials(study: optuna.Study) -> None:
    """Close what a killed search left running; otherwise the sampler would avoid those places for ever."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        logger.warning("Trial %d was under way when its search ended; it is closed.", trial.number)
        study.tell(trial.number, state=TrialState.FAIL)
