"""Which parameters come first in a display: those that matter most for the score."""

import warnings
from collections.abc import Sequence

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from sklearn_autotune._compat.optuna import quiet_optuna
from sklearn_autotune.plotting._axes import ParameterAxis

__all__ = ["compute_importances", "make_study", "measure_importances", "rank_by_importance"]


def rank_by_importance(axes: Sequence[ParameterAxis], score: np.ndarray) -> list[ParameterAxis]:
    """Return axes of parameters, the most important one first; those of equal importance keep their order.

    Parameters
    ----------
    axes : sequence of ParameterAxis
        Each with the positions of all candidates.
    score : ndarray of float of shape (n_candidates,)
        Higher is better; NaN for candidates that do not count.

    Returns
    -------
    axes : list of ParameterAxis
    """
    importances = measure_importances(axes, score)
    return sorted(axes, key=lambda axis: -importances.get(axis.name, 0.0))


def compute_importances(
    study: optuna.Study, evaluator: optuna.importance.BaseImportanceEvaluator | None = None
) -> dict[str, float]:
    """Return the importances of a study's parameters, by PED-ANOVA unless another evaluator is given."""
    evaluator = evaluator or optuna.importance.PedAnovaImportanceEvaluator()
    with quiet_optuna(), warnings.catch_warnings():
        # The warnings are about parameters that only some candidates have, as they do in a conditional space; about so
        # many equal scores that all importances are equal; and about ranges that are wider than a float can be.
        warnings.filterwarnings("ignore", "Some regimes for parameter", UserWarning)
        warnings.filterwarnings("ignore", "Target and region quantiles", UserWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        return optuna.importance.get_param_importances(study, evaluator=evaluator)


def measure_importances(
    axes: Sequence[ParameterAxis],
    score: np.ndarray,
    evaluator: optuna.importance.BaseImportanceEvaluator | None = None,
) -> dict[str, float]:
    """Return the importances of parameters in which candidates differ, for searches without a study as well.

    They are measured in a new study of these candidates. There are none if no two scores differ.
    """
    study = make_study(axes, score)
    return {} if study is None else compute_importances(study, evaluator)


def make_study(axes: Sequence[ParameterAxis], score: np.ndarray) -> optuna.Study | None:
    """Make a study in memory of the parameters in which candidates differ; None if no two scores differ."""
    varying = {axis.name: axis for axis in axes if axis.varies}
    distributions = {name: _make_distribution(axis) for name, axis in varying.items()}
    known = np.flatnonzero(np.isfinite(score))
    if not varying or len(np.unique(score[known])) < 2:
        return None
    trials = []
    for index in known.tolist():
        params = {name: axis.positions[index] for name, axis in varying.items() if np.isfinite(axis.positions[index])}
        params = {name: int(one) if varying[name].is_choice else float(one) for name, one in params.items()}
        own = {name: distributions[name] for name in params}
        trials.append(optuna.trial.create_trial(params=params, distributions=own, value=float(score[index])))
    with quiet_optuna():
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
        study.add_trials(trials)
    return study


def _make_distribution(axis: ParameterAxis) -> BaseDistribution:
    if axis.is_choice:
        return CategoricalDistribution(tuple(range(len(axis.labels))))
    positions = axis.positions[np.isfinite(axis.positions)]
    return FloatDistribution(float(positions.min()), float(positions.max()), log=axis.is_log)
