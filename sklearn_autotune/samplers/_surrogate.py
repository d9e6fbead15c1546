"""The model of a `ForestSampler`: a forest that predicts costs of candidates, and how uncertain they are."""

import math
from collections.abc import Sequence

import numpy as np
import sklearn
from optuna.trial import FrozenTrial, TrialState
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

__all__ = ["Forest", "compute_costs"]

N_TREES = 20
FEATURE_SHARE = 0.8  # of the features, of which each split of a tree takes the best


MODE = "rank"


def compute_costs(trials: Sequence[FrozenTrial], sign: float) -> np.ndarray:
    """Return the costs of measured trials on the scale on which the forest predicts them; lower is better.

    The costs are normal quantiles of the ranks of the values (as in Salinas et al., "A quantile-based approach for
    hyperparameter transfer learning", ICML 2020). So the forest sees the differences between good candidates, however
    bad the others are. The value that a pruned trial reported last comes from a part of its measurement. It counts as
    it is, but not as better than the median of the complete trials. A pruned trial without a value and a trial that
    violates a constraint count as the worst.

    Parameters
    ----------
    trials : sequence of FrozenTrial
        Complete and pruned trials.
    sign : float
        1 if values are minimised, -1 if they are maximised.

    Returns
    -------
    costs : ndarray of shape (n_trials,)
        They are all 0 if no trial is complete and feasible.
    """
    values = np.array([sign * _get_value(trial) for trial in trials])
    is_complete = np.array([is_good(trial) for trial in trials])
    known = np.isfinite(values)
    if not (is_complete & known).any():
        return np.zeros(len(trials))
    complete = values[is_complete & known]
    median, worst = np.median(complete), complete.max()
    values = np.where(is_complete, np.clip(values, complete.min(), worst), np.fmax(values, median))
    values[~known & ~is_complete] = max(worst, values[known].max())
    if MODE == "log":
        return np.log(rankdata(values) / len(values))
    costs: np.ndarray = ndtri((rankdata(values) - 0.5) / len(values))
    return costs


def is_good(trial: FrozenTrial) -> bool:
    """Whether a trial is complete and violates no constraint."""
    return trial.state == TrialState.COMPLETE and not any(value > 0 for value in trial.constraints.values())


def _get_value(trial: FrozenTrial) -> float:
    """Return the value of a trial, or the last one that it reported; NaN if there is none or it must not count."""
    if trial.state == TrialState.COMPLETE:
        return float(trial.value) if is_good(trial) and trial.value is not None else math.nan
    reported = trial.intermediate_values
    return reported[max(reported)] if reported else math.nan


class Forest:
    """Extremely randomised trees that predict the cost of a candidate.

    The trees are all fitted on all candidates. They differ by the random thresholds of their splits (Geurts et al.,
    "Extremely randomized trees", Machine Learning, 2006). So all trees agree where a candidate was measured, and
    disagree between candidates, the more the farther away they are.

    Parameters
    ----------
    features : ndarray of shape (n_candidates, n_features), float32
    costs : ndarray of shape (n_candidates,), float64
    seed : int
    """

    def __init__(self, features: np.ndarray, costs: np.ndarray, seed: int) -> None:
        from sklearn.tree import ExtraTreeRegressor  # imported here because searches with another sampler need no trees

        random = np.random.RandomState(seed)  # one for all trees, because making one takes as long as fitting a tree
        self.trees = []
        with sklearn.config_context(skip_parameter_validation=True):
            for _ in range(N_TREES):
                tree = ExtraTreeRegressor(max_features=FEATURE_SHARE, random_state=random)
                self.trees.append(tree.fit(features, costs, check_input=False).tree_)

    def predict(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the means and the standard deviations of the trees' predictions."""
        predictions = np.array([tree.predict(features).ravel() for tree in self.trees])
        return predictions.mean(axis=0), predictions.std(axis=0)

    def compute_expected_improvement(self, features: np.ndarray, best: float) -> np.ndarray:
        """Return by how much each candidate is expected to be below the best cost."""
        means, deviations = self.predict(features)
        deviations = np.maximum(deviations, 1e-9)
        distances = (best - means) / deviations
        densities = np.exp(-(distances**2) / 2) / math.sqrt(2 * math.pi)
        improvement: np.ndarray = deviations * (distances * ndtr(distances) + densities)
        return improvement
