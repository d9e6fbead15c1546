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
SUM_SHARE = 0.05  # of the sum of ranks, in the value of several objectives
FEATURE_SHARE = 0.8  # of the features, of which each split of a tree takes the best


def combine_objectives(trials: Sequence[FrozenTrial], signs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return one value for the several of each trial: the largest of its weighted ranks, and a little of their sum.

    This is the augmented Tchebycheff function of ParEGO (Knowles, IEEE Transactions on Evolutionary Computation, 2006),
    on ranks in place of values, so that units do not matter. With other weights another point of the front is best.

    Parameters
    ----------
    trials : sequence of FrozenTrial
        Complete and pruned trials.
    signs : ndarray of shape (n_objectives,)
        1 if values are minimised, -1 if they are maximised.
    weights : ndarray of shape (n_objectives,)

    Returns
    -------
    values : ndarray of shape (n_trials,)
        Lower is better; NaN of a trial without values.
    """
    combined = np.full(len(trials), math.nan)
    rows = [row for row, trial in enumerate(trials) if trial.state == TrialState.COMPLETE]
    if rows:
        values = signs * np.array([trials[row].values for row in rows])
        ranks = weights * (rankdata(values, axis=0) - 1) / max(1, len(rows) - 1)
        combined[rows] = ranks.max(axis=1) + SUM_SHARE * ranks.sum(axis=1)
    return combined


def compute_costs(trials: Sequence[FrozenTrial], signs: np.ndarray, weights: np.ndarray) -> np.ndarray:
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
    signs : ndarray of shape (n_objectives,)
        1 if values are minimised, -1 if they are maximised.
    weights : ndarray of shape (n_objectives,)
        Of several objectives.

    Returns
    -------
    costs : ndarray of shape (n_trials,)
        They are all 0 if no trial is complete and feasible.
    """
    if len(signs) == 1:
        values = np.array([signs[0] * _get_value(trial) for trial in trials])
    else:
        values = combine_objectives(trials, signs, weights)
        values[[not is_good(trial) for trial in trials]] = math.nan
    is_complete = np.array([is_good(trial) for trial in trials])
    known = np.isfinite(values)
    if not (is_complete & known).any():
        return np.zeros(len(trials))
    complete = values[is_complete & known]
    median, worst = np.median(complete), complete.max()
    values = np.where(is_complete, np.clip(values, complete.min(), worst), np.fmax(values, median))
    values[~known & ~is_complete] = max(worst, values[known].max())
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
