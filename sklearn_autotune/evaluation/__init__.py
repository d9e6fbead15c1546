"""How one candidate is measured, step by step. Nothing in this folder imports Optuna."""

from sklearn_autotune.evaluation._base import (
    OUT_OF_TIME,
    Fold,
    FoldScore,
    Outcome,
    Progress,
    Rung,
    SubsampleScore,
    Task,
    average_folds,
    average_scores,
    is_forward,
)
from sklearn_autotune.evaluation._failures import (
    FOLD_FAILURES,
    Failure,
    Scored,
    attempt,
    call_scorer,
    read_score,
    select_score,
)
from sklearn_autotune.evaluation._fixed_predictions import (
    compute_log_loss,
    compute_pinball_loss,
    compute_root_mean_squared_error,
    make_class_probabilities,
    make_fixed_predictions,
)
from sklearn_autotune.evaluation._rungs import RungEvaluation, RungFit, make_rung_evaluation
from sklearn_autotune.evaluation._step_cache import StepCache
from sklearn_autotune.evaluation._whole_folds import PlainFit, WholeFolds, WithDefault
from sklearn_autotune.evaluation._work import (
    DEFAULT_NUMBER,
    Evaluation,
    FinalFit,
    NoPruningState,
    PrunerState,
    WorkItem,
    measure,
)

__all__ = [
    "DEFAULT_NUMBER",
    "FOLD_FAILURES",
    "OUT_OF_TIME",
    "Evaluation",
    "Failure",
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
    "Scored",
    "StepCache",
    "SubsampleScore",
    "Task",
    "WholeFolds",
    "WithDefault",
    "WorkItem",
    "attempt",
    "average_folds",
    "average_scores",
    "call_scorer",
    "compute_log_loss",
    "compute_pinball_loss",
    "compute_root_mean_squared_error",
    "is_forward",
    "make_class_probabilities",
    "make_fixed_predictions",
    "make_rung_evaluation",
    "measure",
    "read_score",
    "select_score",
]
