"""Optuna's TPE for searches of thousands of candidates, and for spaces with branches of few candidates."""

import warnings
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from sklearn_autotune._compat.optuna import quiet_optuna

__all__ = ["MAX_HISTORY", "LongTPESampler"]

# TPE's proposals take time in proportion to the number of trials: 10 ms with three parameters at 1,000 trials, 100 ms
# at 10,000. Up to this number it gets all of them, and then the best and the latest. Its weights fall with a trial's
# age, and its model of good candidates is made from 25 at most.
MAX_HISTORY = 2000
N_BEST = 200
N_LATEST = 1300  # after a choice; 500 later trials are added before the next one
MAX_REPEATS = 20  # proposals of measured candidates, before one is given to the search

NAME = "history"
LEARNT_STATES = (TrialState.COMPLETE, TrialState.PRUNED)


class LongTPESampler(TPESampler):
    """TPE that learns from all trials up to `MAX_HISTORY`, and from the best and the latest ones later.

    Where some parameters depend on others, it also learns from proposals that repeat a measured candidate, as if the
    candidate had been measured again with the same value, and proposes another one. Otherwise a branch of the space
    with one candidate, such as a model without parameters, would be proposed nearly every time: a value looks promising
    to TPE as long as it occurs in few trials.

    Parameters
    ----------
    seed : int
    group : bool
        Whether some parameters depend on others.
    """

    def __init__(self, seed: int, *, group: bool) -> None:
        super().__init__(seed=seed, multivariate=True, group=group)
        self.seed = seed
        self.group = group
        self.repeated: list[FrozenTrial] = []
        self.history: _History | None = None

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that are sampled together."""
        self._update(study)
        if self.history is None:
            return super().infer_relative_search_space(study, trial)
        return self.history.sampler.infer_relative_search_space(self.history.open(), trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose values."""
        proposed = self._propose(study, trial, search_space)
        if not self.group:
            return proposed
        learnt = study.get_trials(deepcopy=False, states=LEARNT_STATES)
        for _ in range(MAX_REPEATS):
            repeated = next((other for other in learnt if _repeats(proposed, other)), None)
            if repeated is None:
                break
            self.repeated.append(repeated)
            if self.history is None:
                self.history = self._make_history(study, learnt)
            else:
                self.history.add_repeated(repeated)
            search_space = self.history.sampler.infer_relative_search_space(self.history.open(), trial)
            proposed = self._propose(study, trial, search_space)
        return proposed

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Propose a value of a parameter that is not sampled together with others."""
        if self.history is None:
            return super().sample_independent(study, trial, param_name, param_distribution)
        return self.history.sampler.sample_independent(self.history.open(), trial, param_name, param_distribution)

    def _propose(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if self.history is None:
            return super().sample_relative(study, trial, search_space)
        return self.history.sampler.sample_relative(self.history.open(), trial, search_space)

    def _update(self, study: optuna.Study) -> None:
        """Choose the trials to learn from, if there are too many, and add those that are new."""
        trials = study.get_trials(deepcopy=False)
        if self.history is None and len(trials) <= MAX_HISTORY:
            return
        learnt = [trial for trial in trials if trial.state in LEARNT_STATES]
        if self.history is None or self.history.n_trials >= MAX_HISTORY:
            if len(learnt) <= MAX_HISTORY:
                return
            self.history = self._make_history(study, learnt)
        else:
            self.history.add(learnt)

    def _make_history(self, study: optuna.Study, learnt: Sequence[FrozenTrial]) -> "_History":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            # The few running trials count for little among so many.
            seed = self.seed + len(learnt)
            sampler = TPESampler(seed=seed, multivariate=True, group=self.group, constant_liar=False)
        return _History(study, sampler, learnt, self.repeated)


def _repeats(proposed: dict[str, Any], trial: FrozenTrial) -> bool:
    """Whether a proposal, which has values for the parameters of all branches, has those of a trial.

    A parameter with one possible value is in no proposal.
    """
    return all(
        proposed[name] == value if name in proposed else trial.distributions[name].single()
        for name, value in trial.params.items()
    )


class _History:
    """A study of some trials of another one, and the sampler that learns from it, which cannot learn from two studies.

    Parameters
    ----------
    study : optuna.Study
    sampler : TPESampler
    learnt : sequence of FrozenTrial
        All trials that a sampler may learn from.
    repeated : sequence of FrozenTrial
        Those that were proposed again, once for each time.
    """

    def __init__(
        self,
        study: optuna.Study,
        sampler: TPESampler,
        learnt: Sequence[FrozenTrial],
        repeated: Sequence[FrozenTrial],
    ) -> None:
        self.sampler = sampler
        self.storage = optuna.storages.InMemoryStorage()
        with quiet_optuna():
            self.study = optuna.create_study(study_name=NAME, storage=self.storage, directions=study.directions)
        chosen = _choose_trials(study, learnt) if len(learnt) > MAX_HISTORY else list(learnt)
        self.study.add_trials([*repeated, *chosen])
        self.n_trials = len(chosen)
        self.seen = {trial.number for trial in learnt}

    def add(self, learnt: Sequence[FrozenTrial]) -> None:
        """Add the trials that are new."""
        new = [trial for trial in learnt if trial.number not in self.seen]
        self.study.add_trials(new)
        self.n_trials += len(new)
        self.seen.update(trial.number for trial in new)

    def add_repeated(self, trial: FrozenTrial) -> None:
        """Add a trial once more."""
        self.study.add_trial(trial)

    def open(self) -> optuna.Study:
        """Return the study, opened again: a study that was opened before may not see the latest trials."""
        return optuna.load_study(study_name=NAME, storage=self.storage)


def _choose_trials(study: optuna.Study, learnt: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the best and the latest trials, in their order."""
    complete = [trial for trial in learnt if trial.state == TrialState.COMPLETE]
    if len(study.directions) == 1:
        sign = 1 if study.direction == optuna.study.StudyDirection.MINIMIZE else -1
        best = sorted(complete, key=lambda trial: (_sum_violations(trial), sign * trial.value))  # type: ignore[operator]
    else:
        best = study.best_trials
    chosen = {trial.number for trial in (*best[:N_BEST], *learnt[-N_LATEST:])}
    return [trial for trial in learnt if trial.number in chosen]


def _sum_violations(trial: FrozenTrial) -> float:
    return sum(max(0.0, violation) for violation in trial.constraints.values())
