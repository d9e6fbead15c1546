"""How one candidate is measured, step by step. Nothing in this folder imports Optuna."""

from sklearn_autotune.evaluation._base import (
    OUT_OF_TIME,
    Bar,
    Evaluation,
    Fold,
    FoldScore,
    OpenBar,
    Outcome,
    Progress,
    Rung,
    Task,
    Work,
    guiding_score,
    mean_score,
    measure,
)
from sklearn_autotune.evaluation._fixed_predictions import (
    GrownClassifier,
    GrownRegressor,
    class_probabilities,
    log_loss_of,
    root_mean_squared_error_of,
)
from sklearn_autotune.evaluation._rungs import Rungs, make_rungs
from sklearn_autotune.evaluation._step_cache import Prefixes
from sklearn_autotune.evaluation._whole_folds import WholeFolds

__all__ = [
    "OUT_OF_TIME",
    "Bar",
    "Evaluation",
    "Fold",
    "FoldScore",
    "GrownClassifier",
    "GrownRegressor",
    "OpenBar",
    "Outcome",
    "Prefixes",
    "Progress",
    "Rung",
    "Rungs",
    "Task",
    "WholeFolds",
    "Work",
    "class_probabilities",
    "guiding_score",
    "log_loss_of",
    "make_rungs",
    "mean_score",
    "measure",
    "root_mean_squared_error_of",
]
