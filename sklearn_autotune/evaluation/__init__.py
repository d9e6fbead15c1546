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
    measure,
)
from sklearn_autotune.evaluation._folds import WholeFolds

__all__ = [
    "OUT_OF_TIME",
    "Bar",
    "Evaluation",
    "Fold",
    "FoldScore",
    "OpenBar",
    "Outcome",
    "Progress",
    "Rung",
    "Task",
    "WholeFolds",
    "Work",
    "guiding_score",
    "measure",
]
