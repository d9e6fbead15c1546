"""Displays: figures of finished searches and comparisons that remember their numbers. They need matplotlib."""

from sklearn_autotune.plotting._anytime import AnytimeDisplay
from sklearn_autotune.plotting._comparison import ComparisonDisplay
from sklearn_autotune.plotting._contour import ContourDisplay
from sklearn_autotune.plotting._curves import LearningCurvesDisplay
from sklearn_autotune.plotting._folds import FoldScoresDisplay
from sklearn_autotune.plotting._history import OptimizationHistoryDisplay
from sklearn_autotune.plotting._importance import ParameterImportanceDisplay
from sklearn_autotune.plotting._leaderboard import LeaderboardDisplay
from sklearn_autotune.plotting._parallel import ParallelCoordinatesDisplay
from sklearn_autotune.plotting._slice import SliceDisplay
from sklearn_autotune.plotting._time import TimeDisplay

__all__ = [
    "AnytimeDisplay",
    "ComparisonDisplay",
    "ContourDisplay",
    "FoldScoresDisplay",
    "LeaderboardDisplay",
    "LearningCurvesDisplay",
    "OptimizationHistoryDisplay",
    "ParallelCoordinatesDisplay",
    "ParameterImportanceDisplay",
    "SliceDisplay",
    "TimeDisplay",
]
