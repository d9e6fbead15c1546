"""What samplers that propose candidates by a model share: random first candidates, and the choice of a proposal."""

import secrets
from collections.abc import Callable
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from sklearn_autotune.samplers._seeds import derive_seed
from sklearn_autotune.samplers._unit_space import Conditions, Dimension, UnitSpace, find_first_new

__all__ = [
    "ModelBasedSampler",
    "choose_candidate",
    "get_measured_trials",
    "get_running_trials",
    "get_signs",
    "select_trials",
]

N_RANDOM = 300  # random candidates among which one proposal is chosen
N_PARENTS = 10  # the best of these have children
N_CHILDREN = 20  # of each parent in one generation
N_GENERATIONS = 3
WIDTHS = (0.03, 0.1, 0.3)  # standard deviations of the change of a number, in parts of its range


class ModelBasedSampler(BaseSampler):
    """Draws the first candidates at random, each parameter's values spread over its range (a Latin hypercube).

    A proposal depends only on the seed, the number of the trial and the trials in the study. So a copied or unpickled
    sampler, or one that resumes a stored study, makes the same proposals as the original would have made.

    Parameters
    ----------
    seed : int or None, default=None
    n_startup_trials : int, default=10
        The number of complete and pruned trials before the model is used.
    """

    _entropy: int | None = None

    def __init__(self, *, seed: int | None = None, n_startup_trials: int = 10) -> None:
        self.seed = seed
        self.n_startup_trials = n_startup_trials

    def reseed_rng(self) -> None:
        """Do nothing: proposals depend on the number of the trial, so parallel workers do not repeat each other."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that the model proposes: all that occur in measured trials."""
        measured = get_measured_trials(study)
        if len(measured) < self.n_startup_trials:
            return {}
        found = {name: space for trial in measured for name, space in trial.distributions.items()}
        return {name: space for name, space in found.items() if not space.single()}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw the value of one parameter at random, spread over its range in the first trials."""
        dimension = Dimension(param_name, param_distribution)
        n_parts = max(1, self.n_startup_trials)
        block, index = divmod(trial.number, n_parts)
        order = np.random.default_rng(self.derive_seed(param_name, block)).permutation(n_parts)
        offset = np.random.default_rng(self.derive_seed(param_name, trial.number, "offset")).random()
        quantile = np.array([(order[index] + offset) / n_parts])
        return dimension.decode(dimension.spread(quantile)[0])

    def derive_seed(self, *key: object) -> int:
        """Return the seed of one decision."""
        if self._entropy is None:
            self._entropy = secrets.randbits(64) if self.seed is None else int(self.seed)
        return derive_seed(self._entropy, *key)


def get_measured_trials(study: Study) -> list[FrozenTrial]:
    """Return the complete and pruned trials."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def get_running_trials(study: Study, trial: FrozenTrial) -> list[FrozenTrial]:
    """Return the trials under way, without this one."""
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return [other for other in running if other.number != trial.number]


def get_signs(study: Study) -> np.ndarray:
    """Return 1 for each objective that is minimised, and -1 for each that is maximised."""
    return np.array([-1.0 if direction == StudyDirection.MAXIMIZE else 1.0 for direction in study.directions])


def select_trials(costs: np.ndarray, max_trials: int) -> np.ndarray:
    """Return the positions of the trials from which a model learns: one half are the best, the others the newest."""
    if len(costs) <= max_trials:
        return np.arange(len(costs))
    older = np.arange(len(costs) - max_trials // 2)
    best = np.argsort(costs[older], kind="stable")[: max_trials - max_trials // 2]
    return np.concatenate([np.sort(best), np.arange(len(older), len(costs))])


def choose_candidate(
    space: UnitSpace,
    known: np.ndarray,
    parents: np.ndarray,
    compute_gain: Callable[[np.ndarray], np.ndarray],
    random: np.random.Generator,
) -> np.ndarray:
    """Return a new candidate: of random ones and those near the best ones, that with the highest gain.

    Parameters
    ----------
    space : UnitSpace
    known : ndarray of shape (n_candidates, n_parameters)
        Candidates that are measured or under way.
    parents : ndarray of shape (n_parents, n_parameters)
        Good candidates.
    compute_gain : callable
        Takes features of shape (n, n_features), and returns for each row what the candidate is expected to add.
    random : numpy.random.Generator

    Returns
    -------
    candidate : ndarray of shape (n_parameters,)
    """
    conditions = Conditions(known)
    pool = np.empty((0, len(space.dimensions)))
    gains = np.empty(0)
    generation = np.vstack([space.draw(random, N_RANDOM), _make_children(space, parents, random)])
    for _ in range(N_GENERATIONS):
        generation = conditions.apply(generation)
        pool = np.vstack([pool, generation])
        gains = np.concatenate([gains, compute_gain(space.make_features(generation))])
        generation = _make_children(space, pool[_sort_descending(gains)[:N_PARENTS]], random)
    pool = pool[_sort_descending(gains)]
    chosen: np.ndarray = pool[find_first_new(pool, known) or 0]
    return chosen


def _sort_descending(values: np.ndarray) -> np.ndarray:
    return np.argsort(-values, kind="stable")


def _make_children(space: UnitSpace, parents: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return candidates that differ from their parents in one parameter or, one half of them, in several."""
    children = space.fill(np.repeat(parents, N_CHILDREN, axis=0), random)
    n_children, n_dimensions = children.shape
    widths = random.choice(WIDTHS, size=n_children)
    rates = np.where(random.random(n_children) < 0.5, 1 / n_dimensions, 0.5)
    is_changed = random.random(children.shape) < rates[:, np.newaxis]
    is_changed[np.arange(n_children), random.integers(n_dimensions, size=n_children)] = True
    for column, dimension in enumerate(space.dimensions):
        rows = is_changed[:, column]
        children[rows, column] = dimension.change(children[rows, column], widths[rows], random)
    return children
