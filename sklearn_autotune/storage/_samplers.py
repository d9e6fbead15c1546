"""The sampler of a search: a copy of the user's, and random draws for when it only repeats candidates.

If a sampler proposes only candidates that are already measured, random candidates are drawn instead. They must be
candidates that the sampler could propose: it may list or fix values, or be a user's own class with other limits.
"""

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import (
    BaseSampler,
    BruteForceSampler,
    CmaEsSampler,
    GPSampler,
    GridSampler,
    NSGAIIISampler,
    NSGAIISampler,
    PartialFixedSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.trial import FrozenTrial, TrialState

from sklearn_autotune._compat.optuna import create_random_study, is_enqueued, split_fixed_sampler
from sklearn_autotune.samplers import ForestSampler, HypervolumeSampler, RustTPESampler
from sklearn_autotune.samplers._long_tpe import LongTPESampler
from sklearn_autotune.space._space import Space, is_measured_in_full

__all__ = ["covers_space", "learns", "make_random_study", "make_sampler"]

# Samplers that may propose any candidate of a space. Subclasses are not accepted, because they may limit candidates.
UNLIMITED_SAMPLERS = (
    BruteForceSampler,
    CmaEsSampler,
    ForestSampler,
    GPSampler,
    HypervolumeSampler,
    LongTPESampler,
    NSGAIIISampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    RustTPESampler,
    TPESampler,
)


def learns(sampler: BaseSampler | None, space: Space, n_trials: int) -> bool:
    """Whether the user's sampler, or the default, proposes candidates by the scores of earlier ones."""
    is_full_grid = is_measured_in_full(space, n_trials)
    return not is_full_grid and not isinstance(sampler, BruteForceSampler | GridSampler | QMCSampler | RandomSampler)


def make_sampler(sampler: BaseSampler | None, space: Space, seed: int, *, n_objectives: int = 1) -> BaseSampler:
    """Return a copy of the user's sampler, or the default.

    The default for one objective is TPE, with groups if some parameters depend on others; for several objectives it is
    `HypervolumeSampler`.
    """
    if sampler is not None:
        copied = copy.deepcopy(sampler)
        return EnqueueTolerantSampler(copied) if _contains_grid(copied) else copied
    if n_objectives > 1:
        return HypervolumeSampler(seed=seed)
    with warnings.catch_warnings():
        # `group` is the documented way to search conditional spaces, but Optuna marks it as experimental.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return LongTPESampler(seed, group=space.is_conditional)


def covers_space(sampler: BaseSampler) -> bool:
    """Whether a sampler may propose any candidate of the space."""
    return type(sampler) in UNLIMITED_SAMPLERS


def make_random_study(sampler: BaseSampler, seed: int) -> optuna.Study | None:
    """Return a study that draws random candidates from those that a sampler may propose.

    Parameters
    ----------
    sampler : BaseSampler
        The sampler of the search. Values that a `PartialFixedSampler` fixes are fixed in the draws too.
    seed : int

    Returns
    -------
    study : optuna.Study or None
        None if it is not known which candidates the sampler may propose, or if it proposes each of them by itself.
    """
    random_sampler = _make_random_sampler(sampler, seed)
    if random_sampler is None:
        return None
    study = create_random_study(seed)
    study.sampler = random_sampler
    return study


def _make_random_sampler(sampler: BaseSampler, seed: int) -> BaseSampler | None:
    if covers_space(sampler):
        return RandomSampler(seed=seed)
    parts = split_fixed_sampler(sampler)
    inner = None if parts is None else _make_random_sampler(parts[1], seed)
    if parts is None or inner is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return PartialFixedSampler(parts[0], inner)


def _contains_grid(sampler: BaseSampler) -> bool:
    parts = split_fixed_sampler(sampler)
    return isinstance(sampler, GridSampler) if parts is None else _contains_grid(parts[1])


class EnqueueTolerantSampler(BaseSampler):
    """Wraps a `GridSampler` so that it is not called for enqueued trials, which are not in its grid: it would fail.

    Parameters
    ----------
    inner : BaseSampler
        The `GridSampler`, or a sampler that contains one.
    """

    def __init__(self, inner: BaseSampler) -> None:
        self.inner = inner

    def reseed_rng(self) -> None:
        """Do what the inner sampler does."""
        self.inner.reseed_rng()

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what the inner sampler returns."""
        return self.inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return what the inner sampler returns."""
        return self.inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return what the inner sampler returns."""
        return self.inner.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Do what the inner sampler does."""
        self.inner.before_trial(study, trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Do what the inner sampler does, unless the trial was enqueued."""
        if not is_enqueued(trial):
            self.inner.after_trial(study, trial, state, values)
