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
    "measure",
]
