"""How far importances are noise: intervals over resampled candidates, and which are no larger than by chance.

Optuna's PED-ANOVA evaluator takes tens of milliseconds for each set of candidates. Here it is computed for hundreds of
resamples together, from how many candidates are at each point of Optuna's grid.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from scipy.special import ndtr

__all__ = ["ImportanceNoise", "measure_importance_noise", "measure_raw_importances"]

N_RESAMPLES = 200
N_PERMUTATIONS = 200
RANGE = (0.05, 0.95)  # of resampled importances
MAX_CHANCE = 0.95  # quantile of the importances under permuted scores, up to which a parameter is flat
SEED = 0

# The settings of `optuna.importance.PedAnovaImportanceEvaluator`.
TOP_SHARE = 0.1
N_STEPS = 50
PRIOR_WEIGHT = 1.0
MIN_SIGMA = 0.5 / 1.64
MIN_CANDIDATES = 2
TINY = 1e-12


@dataclass(frozen=True, slots=True)
class ImportanceNoise:
    """What chance does to importances.

    Attributes
    ----------
    intervals : dict of str to tuple of float
        The 5 % and 95 % quantiles of each parameter's importance over resamples of the candidates.
    flat : list of str
        Parameters whose importance is not above the 95 % quantile of what it is after the scores have been permuted.
    """

    intervals: dict[str, tuple[float, float]]
    flat: list[str]


@dataclass(frozen=True, slots=True)
class _Regime:
    """The candidates that have a parameter with one distribution.

    Attributes
    ----------
    name : str
    rows : ndarray of int of shape (n_rows,)
        Which candidates.
    positions : ndarray of float of shape (n_rows, n_grid)
        1 where a candidate is on the grid.
    is_choice : bool
    """

    name: str
    rows: np.ndarray
    positions: np.ndarray
    is_choice: bool

    def count(self, weights: np.ndarray) -> np.ndarray:
        """Return how many candidates are at each point, of shape (n_sets, n_grid), for weights (n_sets, n_trials)."""
        return weights[:, self.rows] @ self.positions

    def estimate_density(self, counts: np.ndarray) -> np.ndarray:
        """Return Parzen estimates on the grid, of the shape of the counts."""
        return TINY + (_estimate_of_choices(counts) if self.is_choice else _estimate_of_numbers(counts))


def measure_importance_noise(study: optuna.Study, names: Collection[str]) -> ImportanceNoise:
    """Return how far the importances of some parameters by PED-ANOVA are noise.

    Parameters
    ----------
    study : optuna.Study
        With a single objective. It is only read.
    names : collection of str
        Parameters whose importances add up to 1.

    Returns
    -------
    noise : ImportanceNoise
        The same for the same study: the random numbers have a fixed seed.
    """
    trials, losses = _read_trials(study)
    regimes = [regime for regime in _read_regimes(trials) if regime.name in names]
    n, random = len(trials), np.random.RandomState(SEED)
    weights = random.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES).astype(float)
    resampled = _measure(regimes, names, weights, _find_top(losses, weights))
    total = resampled.sum(axis=1, keepdims=True)
    shares = np.divide(resampled, total, out=np.full_like(resampled, 1 / max(1, len(names))), where=total > 0)
    once = np.ones((1, n))
    top = _find_top(losses, once)
    permuted = np.array([random.permutation(top[0]) for _ in range(N_PERMUTATIONS)])
    chance = np.quantile(_measure(regimes, names, once, permuted), MAX_CHANCE, axis=0)
    found = _measure(regimes, names, once, top)[0]
    ends = np.quantile(shares, RANGE, axis=0).T
    return ImportanceNoise(
        intervals={name: (float(low), float(high)) for name, (low, high) in zip(names, ends, strict=True)},
        flat=[name for name, own, limit in zip(names, found, chance, strict=True) if own <= limit],
    )


def measure_raw_importances(study: optuna.Study) -> dict[str, float]:
    """Return the importances of a study's parameters by PED-ANOVA, not normalized, as Optuna computes them."""
    trials, losses = _read_trials(study)
    regimes = list(_read_regimes(trials))
    names = list(dict.fromkeys(regime.name for regime in regimes))
    once = np.ones((1, len(trials)))
    return dict(zip(names, _measure(regimes, names, once, _find_top(losses, once))[0].tolist(), strict=True))


def _read_trials(study: optuna.Study) -> tuple[list[optuna.trial.FrozenTrial], np.ndarray]:
    """Return the complete trials with a finite value, and their losses."""
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    trials = [trial for trial in complete if math.isfinite(trial.values[0])]
    sign = 1 if study.direction == optuna.study.StudyDirection.MINIMIZE else -1
    return trials, sign * np.array([trial.values[0] for trial in trials])


def _read_regimes(trials: Sequence[optuna.trial.FrozenTrial]) -> Iterator[_Regime]:
    """Yield the candidates that have a parameter, apart for each of its distributions."""
    groups: dict[tuple[str, BaseDistribution], list[int]] = defaultdict(list)
    for number, trial in enumerate(trials):
        for name, distribution in trial.distributions.items():
            groups[name, distribution].append(number)
    for (name, distribution), numbers in groups.items():
        if len(numbers) >= MIN_CANDIDATES and not distribution.single():
            values = [trials[number].params[name] for number in numbers]
            is_choice = isinstance(distribution, CategoricalDistribution)
            yield _Regime(name, np.array(numbers), _place_on_grid(distribution, values), is_choice)


def _place_on_grid(distribution: Any, values: Sequence[Any]) -> np.ndarray:
    """Return 1 at the point of Optuna's grid for each value, of shape (n_values, n_grid)."""
    if isinstance(distribution, CategoricalDistribution):
        n_grid = len(distribution.choices)
        return np.eye(n_grid)[[int(distribution.to_internal_repr(value)) for value in values]]
    numbers = np.asarray(values, dtype=float)
    low, high, n_grid = float(distribution.low), float(distribution.high), N_STEPS
    if distribution.log:
        if isinstance(distribution, IntDistribution):
            n_grid = min(math.ceil(np.log(high - low + 1) / np.log(2)) + 1, n_grid)
        low, high, numbers = math.log(low), math.log(high), np.log(numbers)
    elif distribution.step is not None:
        n_grid = min(round((high - low) / distribution.step) + 1, n_grid)
    with np.errstate(over="ignore", invalid="ignore"):  # a range may be wider than a float can be
        indices = np.ceil((numbers - low) / ((high - low) / (n_grid - 1)) - 0.5).astype(int)
    return np.eye(n_grid)[np.clip(indices, 0, n_grid - 1)]


def _find_top(losses: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return which candidates are among the best tenth of each set, ties included, of shape (n_sets, n_trials)."""
    order = np.argsort(losses, kind="stable")
    reached = weights[:, order].cumsum(axis=1)
    first = (reached < math.ceil(TOP_SHARE * len(losses))).sum(axis=1)
    return losses <= losses[order][first][:, np.newaxis]


def _measure(regimes: Sequence[_Regime], names: Collection[str], weights: np.ndarray, top: np.ndarray) -> np.ndarray:
    """Return the importances in each set of candidates, not normalized, of shape (n_sets, n_names)."""
    column = {name: index for index, name in enumerate(names)}
    top_weights = weights * top
    n_all, n_top = weights.sum(axis=1), top_weights.sum(axis=1)
    importances = np.zeros((len(top), len(column)))
    for regime in regimes:
        counts, top_counts = regime.count(weights), regime.count(top_weights)
        n_regime, n_top_regime = counts.sum(axis=1), top_counts.sum(axis=1)
        density = regime.estimate_density(counts)
        divergence = (density * (regime.estimate_density(top_counts) / density - 1) ** 2).sum(axis=1)
        is_known = (n_regime >= MIN_CANDIDATES) & (n_top_regime > 0)
        share, top_share = np.maximum(n_regime, 1) / n_all, n_top_regime / n_top
        importances[:, column[regime.name]] += np.where(is_known, top_share**2 / share * divergence, 0.0)
    return importances * ((n_top / n_all) ** 2)[:, np.newaxis]


def _estimate_of_choices(counts: np.ndarray) -> np.ndarray:
    """Return Optuna's Parzen estimate over choices; each observed choice and the prior have a kernel."""
    n_choices = counts.shape[1]
    prior = PRIOR_WEIGHT / (1 + (counts > 0).sum(axis=1, keepdims=True))
    total = counts.sum(axis=1, keepdims=True)
    observed = (counts + prior * total) / (1 + n_choices * prior)
    return (observed + PRIOR_WEIGHT / n_choices) / (total + PRIOR_WEIGHT)


def _estimate_of_numbers(counts: np.ndarray) -> np.ndarray:
    """Return Optuna's Parzen estimate over the points of a grid: normal kernels, by Scott's rule, cut at the ends."""
    n_grid = counts.shape[1]
    grid, total = np.arange(n_grid), counts.sum(axis=1)
    known = np.maximum(total, 1)
    mean = counts @ grid / known
    variance = (counts * (grid - mean[:, np.newaxis]) ** 2).sum(axis=1) / np.maximum(1, total - 1)
    reached = counts.cumsum(axis=1)
    first_quartile = (reached < np.maximum(total // 4, 1)[:, np.newaxis]).sum(axis=1)
    last_quartile = (reached <= (total * 3 // 4)[:, np.newaxis]).sum(axis=1)
    spread = np.minimum((last_quartile - first_quartile) / 1.34, np.sqrt(variance))
    sigma = np.maximum(1.059 * spread * known**-0.2, MIN_SIGMA)[:, np.newaxis]
    below = ndtr((np.arange(1 - n_grid, n_grid + 1) - 0.5) / sigma)  # at the edges of cells, by distance to a kernel
    inside = below[:, 2 * n_grid - 1 - grid] - below[:, n_grid - 1 - grid]
    mass = np.diff(below, axis=1)[:, grid[:, np.newaxis] - grid + n_grid - 1]
    observed = np.einsum("bxk,bk->bx", mass, counts / inside)
    prior = np.diff(ndtr((np.arange(n_grid + 1) - n_grid / 2) / n_grid))
    return (observed + PRIOR_WEIGHT * prior / prior.sum()) / (total + PRIOR_WEIGHT)[:, np.newaxis]
