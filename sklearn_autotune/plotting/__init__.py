"""Displays: figures of finished searches and comparisons that remember their numbers. They need matplotlib."""

from sklearn_autotune.plotting._anytime import AnytimeDisplay as AnytimeDisplay
from sklearn_autotune.plotting._comparison import ComparisonDisplay as ComparisonDisplay
from sklearn_autotune.plotting._contour import ContourDisplay as ContourDisplay
from sklearn_autotune.plotting._curves import LearningCurvesDisplay as LearningCurvesDisplay
from sklearn_autotune.plotting._folds import FoldScoresDisplay as FoldScoresDisplay
from sklearn_autotune.plotting._front import FrontDisplay as FrontDisplay
from sklearn_autotune.plotting._history import OptimizationHistoryDisplay as OptimizationHistoryDisplay
from sklearn_autotune.plotting._hypervolume import HypervolumeDisplay as HypervolumeDisplay
from sklearn_autotune.plotting._importance import ParameterImportanceDisplay as ParameterImportanceDisplay
from sklearn_autotune.plotting._leaderboard import LeaderboardDisplay as LeaderboardDisplay
from sklearn_autotune.plotting._parallel import ParallelCoordinatesDisplay as ParallelCoordinatesDisplay
from sklearn_autotune.plotting._slice import SliceDisplay as SliceDisplay
from sklearn_autotune.plotting._time import TimeDisplay as TimeDisplay

# One line a display, above: the list of public names follows.
__all__ = sorted(name for name in globals() if name.endswith("Display"))
