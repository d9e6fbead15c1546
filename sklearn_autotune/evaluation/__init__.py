"""How one candidate is measured, step by step. Nothing in this folder imports Optuna."""

from sklearn_autotune.evaluation._base import (
    OUT_OF_TIME,
    Evaluation,
    Fold,
    FoldScore,
    NoPruningState,
    Outcome,
    Progress,
    PrunerState,
    Rung,
    Task,
    WorkItem,
    average_folds,
    average_scores,
    measure,
    select_score,
)
from sklearn_autotune.evaluation._fixed_predictions import (
    FixedPredictionsClassifier,
    FixedPredictionsRegressor,
    compute_log_loss,
    compute_root_mean_squared_error,
    make_class_probabilities,
)
from sklearn_autotune.evaluation._rungs import RungEvaluation, make_rung_evaluation
from sklearn_autotune.evaluation._step_cache import StepCache
from sklearn_autotune.evaluation._whole_folds import WholeFolds

__all__ = [
    "OUT_OF_TIME",
    "Evaluation",
    "FixedPredictionsClassifier",
    "FixedPredictionsRegressor",
    "Fold",
    "FoldScore",
    "NoPruningState",
    "Outcome",
    "Progress",
    "PrunerState",
    "Rung",
    "RungEvaluation",
    "StepCache",
    "Task",
    "WholeFolds",
    "WorkItem",
    "average_folds",
    "average_scores",
    "compute_log_loss",
    "compute_root_mean_squared_error",
    "make_class_probabilities",
    "make_rung_evaluation",
    "measure",
    "select_score",
]
