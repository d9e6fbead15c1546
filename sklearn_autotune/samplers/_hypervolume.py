"""A sampler for several objectives, which proposes the candidate that is expected to add most hypervolume."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState
from scipy.special import ndtr, ndtri

from sklearn_autotune.samplers._gaussian_process import GaussianProcess, Kernel, find_kernel, make_kernel
from sklearn_autotune.samplers._model_based import (
    N_PARENTS,
    ModelBasedSampler,
    choose_candidate,
    get_measured_trials,
    get_running_trials,
    get_signs,
    select_trials,
)
from sklearn_autotune.samplers._unit_space import UnitSpace

__all__ = ["HypervolumeSampler"]

MAX_TRIALS = 200  # on which Gaussian processes are fitted: one half are the best, and the other half are the newest
FIRST_KERNEL = 10  # complete trials before kernels are fitted; again at each growth by two fifths
GROWTH = 1.4
N_DIRECTIONS = 64  # along which hypervolume is measured
MIN_WEIGHT = 1e-3  # of an objective in a direction
N_DRAWS = 12  # of the objectives of one candidate
CAUTION = 2  # the power of the probability that a candidate meets the limits, by which its improvement is multiplied
MARGIN = 0.1  # from the worst value to the reference point, in standard deviations of the objective
MAX_VALUE = 1e100  # of an objective, so that infinite ones can be used
FLOOR = 0.001  # of the median, is added before logarithms are taken, so that nearly 0 and 0 are nearly equal
TAIL = 5.0  # values are cut off that are farther above the median than this number of distances from it to the best


class HypervolumeSampler(ModelBasedSampler):
    """Propose the candidate that is expected to add most to the hypervolume of the front.

    Searches with several objectives use it by default. A proposal takes about 40 milliseconds.

    Parameters
    ----------
    seed : int or None, default=None
        None draws one from the operating system when the sampler is first used.
    n_startup_trials : int, default=10
        The number of complete and pruned trials before the model is used. The candidates of these trials are random,
        and each parameter's values are spread over its range (a Latin hypercube).

    See Also
    --------
    ForestSampler : For one objective, and for fits that are shorter.
    optuna.samplers.NSGAIISampler : For thousands of candidates.

    Notes
    -----
    A Gaussian process predicts each objective, with a Matern kernel and a length scale for each parameter. The
    hypervolume is the volume of what the front dominates, down to a reference point a little beyond the worst values.
    It is the mean, over random directions, of a power of how far the front reaches along the direction [1]_. So the
    expected improvement of the hypervolume [2]_ is a mean over directions and draws of the predicted objectives, for
    any number of objectives. With one objective it is the expected improvement.

    Objectives that are always positive once they are minimised, such as losses, seconds and bytes, count by their
    logarithms, down to a small part of the median. Other values are cut off if they are far worse than the median. A
    candidate's improvement is multiplied by the square of the probability that it meets the limits and is not pruned,
    so that candidates a little beyond a limit are not proposed again and again. As long as no trial meets the limits,
    that probability alone counts. Running and pruned trials count as measured, with the predicted values. Failed trials
    have no influence.

    A proposal depends only on the seed, the number of the trial and the trials in the study. So a copied or unpickled
    sampler, or one that resumes a stored study, makes the same proposals as the original would have made.

    References
    ----------
    .. [1] Zhang and Golovin, "Random hypervolume scalarizations for provable multi-objective black box optimization",
       ICML 2020.
    .. [2] Emmerich, Giannakoglou and Naujoks, "Single- and multiobjective evolutionary optimization assisted by
       Gaussian random field metamodels", IEEE Transactions on Evolutionary Computation, 2006.

    Examples
    --------
    >>> import optuna
    >>> from sklearn_autotune.samplers import HypervolumeSampler
    >>> study = optuna.create_study(directions=["minimize", "minimize"], sampler=HypervolumeSampler(seed=0))
    >>> def objective(trial):
    ...     x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
    ...     return x + y, (1 - x) ** 2 + y
    >>> study.optimize(objective, n_trials=25)
    >>> all(trial.params["y"] < 0.2 for trial in study.best_trials)
    True
    """

    _found: tuple[bytes, list[Kernel]] | None = None  # the latest kernels, and from what

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose the candidate with the highest expected improvement of the hypervolume."""
        if not search_space:
            return {}
        space = UnitSpace.from_distributions(search_space)
        random = np.random.default_rng(self.derive_seed(trial.number))
        measured = get_measured_trials(study)
        complete = [one for one in measured if one.state == TrialState.COMPLETE]
        if not complete:
            return space.decode(space.draw(random, 1)[0])
        pruned = [one for one in measured if one.state == TrialState.PRUNED]
        running = get_running_trials(study, trial)
        first_running = min((one.number for one in running), default=trial.number)
        settled = [one for one in complete if one.number < first_running]
        signs = get_signs(study)
        kernels = self._find_kernels(space, settled, signs)
        improvement = _Improvement(space, _read_targets(complete, signs), complete, kernels, random)
        improvement.assume(space, pruned, running)
        known = space.encode([one.params for one in (*measured, *running)])
        return space.decode(choose_candidate(space, known, improvement.parents, improvement.compute, random))

    def _find_kernels(self, space: UnitSpace, settled: Sequence[FrozenTrial], signs: np.ndarray) -> list[Kernel] | None:
        """Return the kernel of each objective and limit; None as long as there are too few trials.

        They are found from trials that no trial under way comes before, and found anew only when these have grown by
        two fifths. So a search that is resumed finds the same kernels, whatever was under way.
        """
        size = n_used = FIRST_KERNEL
        while size <= len(settled):
            n_used, size = size, int(size * GROWTH)
        if n_used > len(settled):
            return None
        used = settled[max(0, n_used - MAX_TRIALS) : n_used]
        features = space.make_features(space.encode([trial.params for trial in used]))
        columns = _read_targets(used, signs).columns
        key = features.tobytes() + columns.tobytes()
        if self._found is None or self._found[0] != key:
            self._found = key, [find_kernel(features, column) for column in columns.T]
        return self._found[1]


@dataclass(frozen=True)
class _Targets:
    """What the Gaussian processes predict.

    Attributes
    ----------
    objectives : ndarray of shape (n_trials, n_objectives)
        Lower is better; with a mean of 0 and a standard deviation of 1.
    violations : ndarray of shape (n_trials, n_limits)
        Above 0 if a limit is missed; in standard deviations.
    """

    objectives: np.ndarray
    violations: np.ndarray

    @property
    def columns(self) -> np.ndarray:
        """Both, side by side."""
        return np.hstack([self.objectives, self.violations])

    @property
    def is_feasible(self) -> np.ndarray:
        """Whether each trial meets all limits."""
        return np.all(self.violations <= 0, axis=1)


def _read_targets(trials: Sequence[FrozenTrial], signs: np.ndarray) -> _Targets:
    """Return the values and constraints of complete trials as the Gaussian processes see them."""
    values = signs * np.array([trial.values for trial in trials])
    names = sorted({name for trial in trials for name in trial.constraints})
    violations = np.array([[trial.constraints.get(name, 0.0) for name in names] for trial in trials])
    violations = violations.reshape(len(trials), len(names))
    scales = violations.std(axis=0)
    objectives = np.column_stack([_standardise(column) for column in values.T])
    return _Targets(objectives, violations / np.where(scales > 0, scales, 1.0))


def _standardise(values: np.ndarray) -> np.ndarray:
    """Return logarithms of positive values, and other values without a long tail, with mean 0 and deviation 1."""
    values = np.clip(values, -MAX_VALUE, MAX_VALUE)
    if (values > 0).all():
        values = np.log(values + FLOOR * np.median(values))
    else:
        median = np.median(values)
        values = np.minimum(values, median + TAIL * (median - values.min()))
    deviation = values.std()
    standardised: np.ndarray = (values - values.mean()) / (deviation if deviation > 0 else 1.0)
    return standardised


class _Improvement:
    """The expected improvement of the hypervolume by candidates.

    Parameters
    ----------
    space : UnitSpace
    targets : _Targets
    trials : sequence of FrozenTrial
        The complete trials.
    kernels : list of Kernel or None
    random : numpy.random.Generator
    """

    def __init__(
        self,
        space: UnitSpace,
        targets: _Targets,
        trials: Sequence[FrozenTrial],
        kernels: list[Kernel] | None,
        random: np.random.Generator,
    ) -> None:
        self.n_objectives = targets.objectives.shape[1]
        self.reference = targets.objectives.max(axis=0) + MARGIN
        directions = np.abs(random.standard_normal((N_DIRECTIONS, self.n_objectives)))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        self.inverse = (1 / np.maximum(directions, MIN_WEIGHT)).astype(np.float32)
        levels = ndtri((np.arange(N_DRAWS) + 0.5) / N_DRAWS)
        self.draws = np.column_stack([random.permutation(levels) for _ in range(self.n_objectives)])

        is_feasible = targets.is_feasible
        self.has_feasible = bool(is_feasible.any())
        reached = self._reach(targets.objectives)
        nearness = np.where(is_feasible, (reached / np.maximum(reached.max(axis=0), 1e-12)).max(axis=1), -1.0)
        table = space.encode([trial.params for trial in trials])
        self.parents = table[np.argsort(-nearness, kind="stable")[:N_PARENTS]]
        kept = select_trials(-nearness, MAX_TRIALS)
        self.features = space.make_features(table[kept])
        self.columns = targets.columns[kept]
        self.kernels = kernels or [make_kernel(self.features.shape[1])] * self.columns.shape[1]
        self.models = self._fit()
        self.front = np.zeros(N_DIRECTIONS, dtype=np.float32)
        if self.has_feasible:  # without noise, so that a lucky measurement does not hide what is left to gain
            smooth = np.column_stack([model.predict(self.features)[0] for model in self.models[: self.n_objectives]])
            self.front = self._reach(smooth[is_feasible[kept]]).max(axis=0)
        self.pruning: GaussianProcess | None = None  # above 0 where candidates are pruned, below where they are not

    def assume(self, space: UnitSpace, pruned: Sequence[FrozenTrial], running: Sequence[FrozenTrial]) -> None:
        """Let trials without values count with those that are predicted for them."""
        trials = [*pruned[-MAX_TRIALS:], *running]
        if not trials:
            return
        features = space.make_features(space.encode([trial.params for trial in trials]))
        columns = np.column_stack([model.predict(features)[0] for model in self.models])
        n_pruned = len(trials) - len(running)
        if self.has_feasible and len(running):
            reached = self._reach(columns[n_pruned:, : self.n_objectives])
            self.front = np.maximum(self.front, reached.max(axis=0))
        if n_pruned:
            is_pruned = np.repeat([-1.0, 1.0], [len(self.features), n_pruned])
            known = np.vstack([self.features, features[:n_pruned]])
            self.pruning = GaussianProcess(make_kernel(known.shape[1]), known, is_pruned)
        self.features = np.vstack([self.features, features])
        self.columns = np.vstack([self.columns, columns])
        self.models = self._fit()

    def compute(self, features: np.ndarray) -> np.ndarray:
        """Return what each candidate is expected to add to the hypervolume, times the probability that it is feasible.

        Parameters
        ----------
        features : ndarray of shape (n_candidates, n_features)

        Returns
        -------
        gains : ndarray of shape (n_candidates,)
        """
        predicted = [model.predict(features) for model in self.models]
        means, deviations = (np.column_stack([one[part] for one in predicted]) for part in (0, 1))
        k = self.n_objectives
        probability: np.ndarray = ndtr(-means[:, k:] / deviations[:, k:]).prod(axis=1)
        if self.pruning is not None:
            mean, deviation = self.pruning.predict(features)
            probability *= ndtr(-mean / deviation)
        if not self.has_feasible:
            return probability
        probability **= CAUTION
        drawn = means[:, np.newaxis, :k] + deviations[:, np.newaxis, :k] * self.draws
        added = np.maximum(self._reach(drawn.reshape(-1, k)) - self.front, 0).mean(axis=1)
        return probability * added.reshape(len(features), N_DRAWS).mean(axis=1)

    def _fit(self) -> list[GaussianProcess]:
        pairs = zip(self.kernels, self.columns.T, strict=True)
        return [GaussianProcess(kernel, self.features, column) for kernel, column in pairs]

    def _reach(self, objectives: np.ndarray) -> np.ndarray:
        """Return the hypervolume up to points along each direction, of shape (n_points, n_directions)."""
        distances = np.maximum(self.reference - objectives, 0).astype(np.float32)
        lengths = distances[:, :1] * self.inverse[:, 0]
        for column, inverse in zip(distances.T[1:], self.inverse.T[1:], strict=True):
            np.minimum(lengths, np.multiply.outer(column, inverse), out=lengths)
        reached = lengths.copy()
        for _ in range(self.n_objectives - 1):
            reached *= lengths
        return reached
