"""Reads the candidates and scores of earlier searches; nothing is written to where they are kept."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from sklearn_autotune._compat.optuna import get_storage, quiet_optuna
from sklearn_autotune._compat.urls import find_sqlite_file, redact_text, select_cause
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.exceptions import StudyStorageError
from sklearn_autotune.space._projection import EarlierValues
from sklearn_autotune.space._space import BRANCH
from sklearn_autotune.storage import choose_backend
from sklearn_autotune.storage._base import describe_storage, hide_secrets, require_secrets
from sklearn_autotune.storage._database import find_database_url
from sklearn_autotune.storage._outcomes import MEASURED_STATUSES, OUTCOME_ATTRIBUTE, get_status
from sklearn_autotune.storage._study import OBJECTIVES_ATTRIBUTE, find_first_score, read_score

__all__ = ["EarlierSearch", "hide_source_secrets", "read_earlier_searches"]

ACCEPTED = (
    "warm_start_from takes fitted searches (with cv_results_), Optuna studies, storages (a path, an URL or an Optuna "
    "storage: all its studies), pairs (storage, study_name), or a list of these"
)
BRANCH_OF_NAME = re.compile(rf" {re.escape(BRANCH[:-1])} \d+\)$")
SQLITE_HEADER = b"SQLite format 3\0"


@dataclass(frozen=True)
class EarlierSearch:
    """The measured candidates of an earlier search.

    Attributes
    ----------
    name : str
        For messages.
    candidates : list of EarlierValues
    scores : ndarray of shape (n_candidates,)
        Higher is better; nan for candidates that failed or were stopped.
    """

    name: str
    candidates: list[EarlierValues]
    scores: np.ndarray


def read_earlier_searches(warm_start_from: object) -> list[EarlierSearch]:
    """Read what the user has given as ``warm_start_from``.

    Parameters
    ----------
    warm_start_from : object or list
        As of `OptunaSearchCV`.

    Returns
    -------
    searches : list of EarlierSearch
        Those that have measured something.

    Raises
    ------
    TypeError
        If something else was given.
    ValueError
        If a search is not fitted, a study has several objectives, or a storage has no such study.
    StudyStorageError
        If a storage cannot be read.
    """
    given = warm_start_from if isinstance(warm_start_from, list) else [warm_start_from]
    return [search for source in given for search in _read(source) if np.isfinite(search.scores).any()]


def _read(source: Any) -> Iterator[EarlierSearch]:
    if isinstance(source, optuna.Study):
        yield _read_study(source)
    elif hasattr(source, "cv_results_"):
        yield _read_results(source)
    elif isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], str):
        yield from _read_storage(*source)
    elif isinstance(source, str | os.PathLike | BaseStorage):
        yield from _read_storage(source, None)
    elif hasattr(source, "fit") and hasattr(source, "get_params"):
        raise ValueError(
            f"warm_start_from has a {type(source).__name__} without cv_results_: fit it first. {ACCEPTED}."
        )
    else:
        raise TypeError(f"{ACCEPTED}; got {source!r} of type {type(source).__name__}.")


def hide_source_secrets(warm_start_from: object) -> object:
    """Return what is pickled in place of ``warm_start_from``: storages whose URLs have no passwords."""
    if isinstance(warm_start_from, list):
        return [hide_source_secrets(source) for source in warm_start_from]
    if isinstance(warm_start_from, tuple) and len(warm_start_from) == 2:
        return hide_secrets(warm_start_from[0]), warm_start_from[1]
    if isinstance(warm_start_from, optuna.Study):
        storage = get_storage(warm_start_from)
        hidden = hide_secrets(storage)
        return warm_start_from if hidden is storage else (hidden, warm_start_from.study_name)
    return hide_secrets(warm_start_from)


# -- fitted searches ---------------------------------------------------------------------------------------------------


def _read_results(search: Any) -> EarlierSearch:
    """Read ``cv_results_``, which scikit-learn's searches have too."""
    results: Mapping[str, Any] = dict(search.cv_results_)  # a plain copy does not warn of stopped candidates
    study = getattr(search, "study_", None)
    refit = find_first_score(study) if isinstance(study, optuna.Study) else None
    refit = refit or getattr(search, "refit", None)
    means = [name for name in results if name.startswith("mean_test_")]
    wanted = f"mean_test_{refit}"
    if not means:
        raise ValueError(f"warm_start_from has a {type(search).__name__} whose cv_results_ has no mean_test_ scores.")
    scores = np.array(results[wanted if wanted in means else means[0]], dtype=float)
    if hasattr(search, "trials_"):  # a failed candidate may have a number as its score
        statuses = [status for status in search.trials_["status"] if status in MEASURED_STATUSES]
        if len(statuses) == len(scores):
            scores = np.where(np.array(statuses) == Status.COMPLETE, scores, np.nan)
    return EarlierSearch(type(search).__name__, [EarlierValues(params) for params in results["params"]], scores)


# -- studies -----------------------------------------------------------------------------------------------------------


def _read_study(study: optuna.Study) -> EarlierSearch:
    if len(study.directions) > 1 and OBJECTIVES_ATTRIBUTE not in study.user_attrs:
        raise ValueError(
            f"warm_start_from has the study {study.study_name!r}, which has {len(study.directions)} objectives. Give "
            "studies with one, or those of OptunaSearchCV."
        )
    is_minimized = len(study.directions) == 1 and study.direction == optuna.study.StudyDirection.MINIMIZE
    trials = [trial for trial in study.get_trials(deepcopy=False) if _is_measured(trial)]
    found = [read_score(study, trial) for trial in trials]
    scores = [np.nan if score is None else -score if is_minimized else score for score in found]
    return EarlierSearch(f"study {study.study_name!r}", [_read_values(trial) for trial in trials], np.array(scores))


def _is_measured(trial: FrozenTrial) -> bool:
    if OUTCOME_ATTRIBUTE in trial.user_attrs and get_status(trial) not in MEASURED_STATUSES:
        return False
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def _read_values(trial: FrozenTrial) -> EarlierValues:
    """Read the parameters by the names that they have without a branch."""
    names = {name: BRANCH_OF_NAME.sub("", name) for name in trial.params if name != BRANCH}
    return EarlierValues(
        {plain: trial.params[name] for name, plain in names.items()},
        {plain: trial.distributions[name] for name, plain in names.items()},
    )


# -- storages ----------------------------------------------------------------------------------------------------------


def _read_storage(storage: object, study_name: str | None) -> Iterator[EarlierSearch]:
    name = describe_storage(storage)
    require_secrets(storage)
    try:
        with quiet_optuna():
            opened = _open_to_read(storage)
            names = optuna.get_all_study_names(storage=opened)
            if study_name is not None and study_name not in names:
                closest = get_close_matches(study_name, names, n=3, cutoff=0.0)
                raise ValueError(
                    f"warm_start_from: the storage {name!r} has no study {study_name!r}. It has "
                    f"{', '.join(map(repr, closest)) or 'none'}{', …' if len(names) > len(closest) else ''}."
                )
            studies: Sequence[str] = names if study_name is None else [study_name]
            found = [_read_study(optuna.load_study(study_name=each, storage=opened)) for each in studies]
            if opened is not storage and isinstance(opened, RDBStorage):
                opened.remove_session()
                opened.engine.dispose()
    except (ValueError, StudyStorageError):
        raise
    except Exception as error:  # databases and drivers have exceptions of their own
        raise StudyStorageError(
            f"warm_start_from: the storage {name!r} cannot be read: {redact_text(str(error.__cause__ or error))}"
        ) from select_cause(error)
    yield from found


def _open_to_read(storage: object) -> Any:
    """Open a storage so that it is not changed: a file that does not exist is not created, nor are tables."""
    url = find_database_url(storage)
    if isinstance(storage, BaseStorage) or url is None:
        return storage
    path = find_sqlite_file(url)
    if path is None:
        return choose_backend(storage).open(storage).storage
    if not os.path.isfile(path):
        raise ValueError(f"warm_start_from: there is no file {path!r}.")
    with Path(path).open("rb") as file:
        start = file.read(len(SQLITE_HEADER))
    if start.startswith(b"{"):
        return JournalStorage(JournalFileBackend(path))
    return RDBStorage(url, skip_table_creation=True, engine_kwargs={"connect_args": {"timeout": 60}})
