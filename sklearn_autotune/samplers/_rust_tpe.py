"""TPE, Optuna's default algorithm, computed in Rust."""

import math
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.optuna import get_trial_id
from sklearn_autotune.samplers._seeds import derive_seed

__all__ = ["RustTPESampler"]

Group = dict[str, BaseDistribution]


class RustTPESampler(BaseSampler):
    """Optuna's default algorithm, a tree-structured Parzen estimator (TPE), computed several times faster in Rust.

    It needs ``rustuna``, an optional package of the Optuna organisation (``pip install rustuna``). Use this sampler if
    an evaluation takes only milliseconds, or for thousands of trials. If a fit takes seconds, the time of the sampler
    does not matter.

    Parameters
    ----------
    seed : int or None
        None draws one from the operating system when the sampler is first used.
    n_startup_trials : int
        The number of trials that are drawn at random before the model is used.

    Notes
    -----
    Parameters that occur in the same trials are sampled jointly, as by ``optuna.samplers.TPESampler(group=True)``.

    A proposal depends only on the seed, the number of the trial and the trials in the study. So a copied or unpickled
    sampler, or one that resumes a stored study, makes the same proposals as the original would have made. They are
    exactly equal if trials are told in the order of their numbers, as `OptunaSearchCV` does.

    ``rustuna`` 0.2 learns only from complete trials. To learn from the same trials as Optuna's TPE, this sampler does
    the following:

    * It tells pruned and infeasible trials as complete, with the worst possible value. Optuna's TPE in addition orders
      them, by the step they reached or by how much they violate the constraints.
    * It tells running trials in the same way until their result is known, so that the next proposal is not close to
      them (Optuna's "constant liar").
    * It tells failed trials as failed. They have no influence, as in Optuna.

    The sampler works for one objective only. It is not faster with ``HyperbandPruner``: that pruner shows a sampler
    only the trials of one bracket, so the model is computed anew for each proposal.

    Examples
    --------
    >>> import optuna
    >>> from sklearn_autotune.samplers import RustTPESampler
    >>> study = optuna.create_study(sampler=RustTPESampler(seed=0))
    >>> study.optimize(lambda trial: (trial.suggest_float("x", -10, 10) - 2) ** 2, n_trials=40)
    >>> abs(study.best_params["x"] - 2) < 0.5
    True
    """

    _rust_study: "_RustStudy | None" = None

    def __init__(self, *, seed: int | None = None, n_startup_trials: int = 10) -> None:
        self.seed = seed
        self.n_startup_trials = n_startup_trials

    def __getstate__(self) -> dict[str, Any]:
        """Omit the trials in Rust: a copy reads them from the study again."""
        return {name: value for name, value in self.__dict__.items() if name != "_rust_study"}

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Group:
        """Return the parameters to be sampled jointly: all that occur in measured trials."""
        with self._lock_updated_rust_study(study, trial) as rust_study:
            if rust_study.n_measured < self.n_startup_trials:
                return {}
            return {name: space for group in rust_study.groups for name, space in group.items() if not space.single()}

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Group) -> dict[str, Any]:
        """Propose values, group by group."""
        if not search_space:
            return {}
        with self._lock_updated_rust_study(study, trial) as rust_study:
            if rust_study.n_measured < self.n_startup_trials:
                return {}
            proposal: dict[str, Any] = {}
            for group in rust_study.groups:
                wanted = {name: search_space[name] for name in group if name in search_space}
                if wanted:
                    proposal |= rust_study.propose(trial, wanted)
            return proposal

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Propose one value: at random for the first trials, later by the model for parameters that are new."""
        with self._lock_updated_rust_study(study, trial) as rust_study:
            if rust_study.n_measured >= self.n_startup_trials:
                return rust_study.propose(trial, {param_name: param_distribution})[param_name]
            # Optuna's random sampler, because rustuna's too seldom draws the ends of a logarithmic range of integers.
            random_sampler = RandomSampler(seed=rust_study.make_seed(trial, param_name) % 2**32)
            return random_sampler.sample_independent(study, trial, param_name, param_distribution)

    @contextmanager
    def _lock_updated_rust_study(self, study: Study, trial: FrozenTrial) -> "Iterator[_RustStudy]":
        """Yield this study's copy in Rust, updated for this trial, and locked for other threads."""
        rust_study = self._rust_study
        if rust_study is None or rust_study.study() is not study:
            rust_study = self._rust_study = _RustStudy(study, self.seed)
        with rust_study.lock:
            rust_study.read(study, trial)
            yield rust_study


class _RustStudy:
    """The copy of a study that rustuna reads.

    Trials are read from the study before each proposal, not in ``after_trial``. So all trials are treated in the same
    way, whether this sampler proposed them, an earlier run stored them, the user added them, or another process told
    them.

    Attributes
    ----------
    study : weak reference to Study
    storage : rustuna InMemoryStorage
        Categorical values are passed as indices of the choices, so that choices may be any objects.
    groups : list of dict
        Parameters that occur in the same trials: each told trial has all parameters of a group, or none.
    n_measured : int
        Number of complete and pruned trials.
    """

    def __init__(self, study: Study, seed: int | None) -> None:
        if len(study.directions) > 1:
            raise ValueError(
                "RustTPESampler works for one objective only, but the study has "
                f"{len(study.directions)}. Use optuna.samplers.TPESampler or NSGAIISampler."
            )
        self.rustuna: ModuleType = import_optional("rustuna", "RustTPESampler")
        self.study = weakref.ref(study)
        self.entropy = int(seed) if seed is not None else np.random.SeedSequence().entropy
        maximize = study.direction == StudyDirection.MAXIMIZE
        directions = self.rustuna.study.StudyDirection
        self.directions = [directions.MAXIMIZE if maximize else directions.MINIMIZE]
        self.worst_sign = -1.0 if maximize else 1.0
        self.storage = self.rustuna.storages.InMemoryStorage(apply_discard=True)
        self.study_id: int = self.storage.create_new_study("mirror", self.directions).id
        self.groups: list[Group] = []
        self.n_measured = 0
        self.n_told = 0  # all trials before this number have been told to rustuna
        self.told_numbers: set[int] = set()  # further told trials
        self.under_way: list[FrozenTrial] = []
        self.provisional_ids: list[int] = []  # the ids in rustuna of the trials under way
        self.spaces: dict[str, Any] = {}  # distributions as first seen; rustuna reads the values only
        self.lock = threading.Lock()

    # -- reading -----------------------------------------------------------------------------------------------

    def read(self, study: Study, current: FrozenTrial) -> None:
        """Tell rustuna the trials that have finished since the last call, and those that are running."""
        trials = study.get_trials(deepcopy=False)[self.n_told :]
        finished = [trial for trial in trials if trial.state.is_finished() and trial.number not in self.told_numbers]
        under_way = [t for t in trials if t.state == TrialState.RUNNING and t.number != current.number]
        if not finished and under_way == self.under_way:
            return
        # Running trials are removed, and added again after all others. The order of trials has a small influence on
        # proposals, so it has to be the same after a restart.
        self.storage.discard_trials(self.provisional_ids)
        for trial in finished:
            self._tell(trial)
        while self.n_told in self.told_numbers:
            self.told_numbers.remove(self.n_told)
            self.n_told += 1
        self.under_way = under_way
        self.provisional_ids = [self._tell_under_way(trial) for trial in under_way] + self._add_padding_trials()

    def _tell(self, trial: FrozenTrial) -> None:
        self.told_numbers.add(trial.number)
        if trial.state == TrialState.FAIL:
            self._add(trial.params, trial.distributions, None)
            return
        self.n_measured += 1
        self.groups = refine_parameter_groups(self.groups, trial.distributions)
        is_good = trial.state == TrialState.COMPLETE and not any(v > 0 for v in trial.constraints.values())
        # A bad value, but better than that of running trials, which must never be among the best ones.
        self._add(trial.params, trial.distributions, trial.value if is_good else self.worst_sign * sys.float_info.max)

    def _tell_under_way(self, trial: FrozenTrial) -> int:
        """Tell the groups that this trial has in full: rustuna fails on a trial with only a part of a group."""
        whole = [group for group in self.groups if group.keys() <= trial.distributions.keys()]
        names = [name for group in whole for name in group]
        return self._add(trial.params, {name: trial.distributions[name] for name in names}, self.worst_sign * math.inf)

    def _add_padding_trials(self) -> list[int]:
        """Add trials without parameters, so that running trials do not change how many trials count as the best."""
        n_known, n_fill = self.n_measured + len(self.under_way), 0
        while count_best_trials(n_known + n_fill) - n_fill > count_best_trials(self.n_measured):
            n_fill += 1
        return [self._add({}, {}, -self.worst_sign * math.inf) for _ in range(n_fill)]

    def _add(self, params: Mapping[str, Any], group: Group, value: float | None) -> int:
        """Add a trial with these parameters, failed if it has no value, and return its id in rustuna."""
        row: int = get_trial_id(self.storage.create_new_trial(self.study_id))
        for name, space in group.items():
            if name not in self.spaces:
                self.spaces[name] = _convert_distribution(self.rustuna.distributions, space)
            self.storage.set_trial_param(row, name, self.spaces[name], space.to_internal_repr(params[name]))
        states = self.rustuna.trial.TrialState
        if value is None:
            self.storage.set_trial_state_values(row, states.FAIL)
        else:
            self.storage.set_trial_state_values(row, states.COMPLETE, [value])
        return row

    # -- proposing ---------------------------------------------------------------------------------------------

    def propose(self, trial: FrozenTrial, wanted: Mapping[str, BaseDistribution]) -> dict[str, Any]:
        """Sample parameters that belong to one group, jointly."""
        names = sorted(wanted)
        sampler = self.rustuna.samplers.TPESampler(
            seed=self.make_seed(trial, names[0]), n_startup_trials=0, multivariate=True
        )
        context = self.rustuna.samplers.SamplerContext(
            study_id=self.study_id, trial_number=trial.number, trial_id=trial.number, directions=self.directions
        )
        spaces = {name: _convert_distribution(self.rustuna.distributions, wanted[name]) for name in names}
        sampled = sampler.sample_joint(context, self.storage, spaces)
        return {name: _convert_sampled_value(wanted[name], sampled[name]) for name in names}

    def make_seed(self, trial: FrozenTrial, name: str) -> int:
        """Return a seed of 64 bits for one parameter of one trial, the same in every process."""
        return derive_seed(self.entropy, trial.number, name)


def count_best_trials(n_measured: int) -> int:
    """Return how many trials TPE counts as good, in Optuna and in rustuna: the best tenth, but at most 25."""
    return min(math.ceil(0.1 * n_measured), 25)


def refine_parameter_groups(groups: list[Group], seen: Group) -> list[Group]:
    """Split groups so that a trial with these parameters has all parameters of each group, or none.

    Examples
    --------
    >>> space = FloatDistribution(0, 1)
    >>> groups = refine_parameter_groups([], {"kernel": space, "degree": space})
    >>> [sorted(group) for group in refine_parameter_groups(groups, {"kernel": space, "gamma": space})]
    [['kernel'], ['degree'], ['gamma']]
    """
    split = []
    for group in groups:
        split.append({name: space for name, space in group.items() if name in seen})
        split.append({name: space for name, space in group.items() if name not in seen})
    known = {name for group in groups for name in group}
    split.append({name: seen[name] for name in sorted(seen) if name not in known})
    return [group for group in split if group]


def _convert_distribution(distributions: ModuleType, space: BaseDistribution) -> Any:
    if isinstance(space, CategoricalDistribution):
        return distributions.CategoricalDistribution(list(range(len(space.choices))))
    kind = "FloatDistribution" if isinstance(space, FloatDistribution) else "IntDistribution"
    return getattr(distributions, kind)(space.low, space.high, log=space.log, step=space.step)  # type: ignore[attr-defined]


def _convert_sampled_value(space: BaseDistribution, sampled: float) -> Any:
    """Convert a sampled value to what Optuna expects; exp(log(high)) may lie beyond high."""
    if isinstance(space, FloatDistribution):
        return min(max(sampled, space.low), space.high)
    return space.to_external_repr(sampled)
