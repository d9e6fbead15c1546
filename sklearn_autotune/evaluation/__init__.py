"""How one candidate is measured, step by step. Nothing in this folder imports Optuna."""

from sklearn_autotune.evaluation._base import (
    OUT_OF_TIME,
    Evaluation,
    FinalFit,
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
    compute_log_loss,
    compute_root_mean_squared_error,
    make_class_probabilities,
    make_fixed_predictions,
)
from sklearn_autotune.evaluation._rungs import RungEvaluation, RungFit, make_rung_evaluation
from sklearn_autotune.evaluation._step_cache import StepCache
from sklearn_autotune.evaluation._whole_folds import PlainFit, WholeFolds

__all__ = [
    "OUT_OF_TIME",
    "Evaluation",
    "FinalFit",
    "Fold",
    "FoldScore",
    "NoPruningState",
    "Outcome",
    "PlainFit",
    "Progress",
    "PrunerState",
    "Rung",
    "RungEvaluation",
    "RungFit",
    "StepCache",
    "Task",
    "WholeFolds",
    "WorkItem",
    "average_folds",
    "average_scores",
    "compute_log_loss",
    "compute_root_mean_squared_error",
    "make_class_probabilities",
    "make_fixed_predictions",
    "make_rung_evaluation",
    "measure",
    "select_score",
]
