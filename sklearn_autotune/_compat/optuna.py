"""The only module that reads private attributes of Optuna, and functions that make Optuna quiet."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning

__all__ = [
    "create_random_study",
    "get_fixed_params",
    "get_journal_path",
    "get_storage",
    "get_storage_url",
    "get_study_id",
    "get_trial_id",
    "is_enqueued",
    "name_metrics",
    "quiet_optuna",
    "set_system_attributes",
    "skip_cache",
    "skip_patience",
    "split_fixed_sampler",
]


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Make Optuna log only warnings and errors inside this block."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(verbosity, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def name_metrics(study: optuna.Study, names: Sequence[str]) -> None:
    """Name the values of a study, for Optuna's figures and its dashboard."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names(list(names))


def create_random_study(seed: int) -> optuna.Study:
    """Return a study in memory that proposes random candidates; no outcomes are told to it."""
    with quiet_optuna():
        return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))


def get_fixed_params(trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
    """Return the parameters with which a trial was enqueued."""
    fixed: dict[str, Any] = trial.system_attrs.get("fixed_params", {})
    return fixed


def get_storage(study: optuna.Study) -> Any:
    """Return the storage of a study."""
    return study._storage


def get_study_id(study: optuna.Study) -> int:
    """Return the id of a study in its storage."""
    return study._study_id


def set_system_attributes(trial: optuna.Trial, attributes: Mapping[str, Any]) -> None:
    """Set system attributes of Optuna on a trial, except those that it already has."""
    known = trial.storage.get_trial_system_attrs(trial._trial_id)
    for name, value in attributes.items():
        if name not in known:
            trial.storage.set_trial_system_attr(trial._trial_id, name, value)


def get_trial_id(trial: optuna.Trial | optuna.trial.FrozenTrial) -> int:
    """Return the id of a trial in its storage, which differs from the trial's number in its study."""
    return int(trial._trial_id)


def skip_cache(storage: object) -> Any:
    """Return the storage that writes to the database, without Optuna's cache in front of it."""
    return getattr(storage, "_backend", storage)


def get_storage_url(storage: object) -> str | None:
    """Return the URL of the database, or of the journal's server, to which an opened storage writes."""
    opened = skip_cache(storage)
    if isinstance(opened, optuna.storages.RDBStorage):
        return opened.url
    if isinstance(storage, optuna.storages.JournalStorage):
        return getattr(opened, "_url", None)
    return None


def get_journal_path(storage: object) -> str | None:
    """Return the path of the file to which a journal storage writes; None for any other storage."""
    return getattr(getattr(storage, "_backend", None), "_file_path", None)


def skip_patience(pruner: optuna.pruners.BasePruner) -> optuna.pruners.BasePruner | None:
    """Return the pruner itself or, if it is a ``PatientPruner``, the pruner inside it, which may be None."""
    inner: optuna.pruners.BasePruner | None = pruner
    while isinstance(inner, optuna.pruners.PatientPruner):
        inner = inner._wrapped_pruner
    return inner


def split_fixed_sampler(
    sampler: optuna.samplers.BaseSampler,
) -> tuple[dict[str, Any], optuna.samplers.BaseSampler] | None:
    """Return the parameters that a ``PartialFixedSampler`` fixes, and its inner sampler; None for other samplers."""
    if not isinstance(sampler, optuna.samplers.PartialFixedSampler):
        return None
    return dict(sampler._fixed_params), sampler._base_sampler


def is_enqueued(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether a trial was made by ``enqueue_trial``, not proposed by the sampler."""
    return "fixed_params" in trial.system_attrs
