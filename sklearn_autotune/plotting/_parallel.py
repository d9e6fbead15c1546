"""ParallelCoordinatesDisplay: every candidate as a line through its parameters and its score."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import read_trial_table
from sklearn_autotune.plotting._axes import MAX_LABELS, ParameterAxis, read_axes
from sklearn_autotune.plotting._ranking import rank_by_importance
from sklearn_autotune.plotting._score_scale import ScoreScale
from sklearn_autotune.plotting._style import COLORMAP, DARK_COLOR, format_value, make_axes, shorten, wrap_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ParallelCoordinatesDisplay"]

MAX_PARAMETERS = 8  # axes that can be read side by side
MAX_NAME_LENGTH = 18  # of names and choices, which are written between two axes

# The height at which a candidate passes the axis of a parameter that it does not have.
ABSENT_POSITION = -0.12


@dataclass(kw_only=True, eq=False, repr=False)
class ParallelCoordinatesDisplay:
    """Every complete candidate as a line through its parameters and its score.

    The better a candidate, the darker its line; the line of the winner is thick. A candidate that does not have a
    parameter passes below the axis of that parameter. Scores far worse than the others are drawn at the end of the
    axis.

    Parameters
    ----------
    axes : list of ParameterAxis
        Parameters, each with the positions of all candidates.
    score : ndarray of float of shape (n_candidates,)
        Higher is better, as in ``cv_results_``; NaN for those that are not drawn.
    best : int or None, default=None
        The winner.
    metric : str, default="score"
        scikit-learn's name of the score, such as "roc_auc" or "neg_log_loss"; a loss is drawn with its own sign.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        One for each candidate drawn.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OptunaSearchCV
    >>> from sklearn_autotune.plotting import ParallelCoordinatesDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"max_depth": [1, 2, 3, 4], "splitter": ["best", "random"]}
    >>> search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), space).fit(X, y)
    >>> len(ParallelCoordinatesDisplay.from_search(search).lines_)
    8
    """

    axes: Sequence[ParameterAxis]
    score: np.ndarray
    best: int | None = None
    metric: str = "score"

    @classmethod
    def from_search(
        cls,
        search: FittedSearch,
        *,
        parameters: Sequence[str] | None = None,
        metric: str | None = None,
        ax: "Axes | None" = None,
    ) -> "ParallelCoordinatesDisplay":
        """Plot a finished search.

        Parameters
        ----------
        search : estimator
            Fitted; of this package, or any with scikit-learn's ``cv_results_``.
        parameters : list of str, default=None
            Which parameters, in what order; None is the eight most important ones, as `ParameterImportanceDisplay`
            measures it, in which candidates differ, the most important one next to the score.
        metric : str, default=None
            Which of several scores; None is the one that decides.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ParallelCoordinatesDisplay
        """
        all_trials = read_trial_table(search, metric)
        trial_table = all_trials.select_complete()
        axes = read_axes(search, all_trials, parameters)
        if parameters is None:
            axes = rank_by_importance(axes, trial_table.score)[MAX_PARAMETERS - 1 :: -1]
        metric_name = trial_table.described_metric.name
        return cls(axes=axes, score=trial_table.score, best=trial_table.best, metric=metric_name).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> "ParallelCoordinatesDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ParallelCoordinatesDisplay
        """
        colormap = import_optional("matplotlib", "Plotting").colormaps[f"{COLORMAP}_r"]
        n_axes = len(self.axes) + 1
        most_labels = max((len(axis.labels) for axis in self.axes), default=0)
        ax = make_axes(ax, size=(max(6.4, 1.5 * n_axes), max(4.2, 1.2 + 0.13 * min(most_labels, MAX_LABELS))))
        scale = ScoreScale.from_scores(self.score, self.metric)
        low, high = scale.limits
        height = (scale.clip(self.score) - low) / (high - low)
        goodness = 1 - height if scale.metric.is_loss else height
        columns = [np.nan_to_num(_spread_choices(axis), nan=ABSENT_POSITION) for axis in self.axes]
        points = np.column_stack([*columns, height])
        drawn = np.flatnonzero(np.isfinite(self.score))
        drawn = drawn[np.argsort(self.score[drawn])]  # the best on top
        self.lines_ = []
        for index in drawn:
            is_best = index == self.best
            (line,) = ax.plot(
                range(n_axes),
                points[index],
                color=DARK_COLOR if is_best else colormap(goodness[index]),
                linewidth=2.6 if is_best else 0.9,
                alpha=1.0 if is_best else 0.6,
                marker="o" if is_best or len(drawn) == 1 else None,
                markersize=5,
                zorder=3 if is_best else 2,
                clip_on=False,
            )
            self.lines_.append(line)
        self._format_axes(ax, scale)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _format_axes(self, ax: "Axes", scale: ScoreScale) -> None:
        names = [wrap_name(axis.name, MAX_NAME_LENGTH) for axis in self.axes] + [scale.wrap_label(MAX_NAME_LENGTH)]
        has_absent = any(np.isnan(axis.positions).any() for axis in self.axes)
        ax.set_xticks(range(len(names)), names, fontsize="small")
        ax.xaxis.tick_top()
        ax.tick_params("x", length=0)
        ax.set_yticks([])
        ax.set(xlim=(-0.25, len(names) - 0.6), ylim=(ABSENT_POSITION - 0.05 if has_absent else -0.05, 1.05))
        ax.spines[:].set_visible(False)
        for index, axis in enumerate(self.axes):
            self._write_ticks(ax, index, *_make_ticks(axis))
            if np.isnan(axis.positions).any():
                self._write_ticks(ax, index, [ABSENT_POSITION], ["none"], with_line=False)
        (low, high), heights = scale.limits, np.linspace(0, 1, 5)
        self._write_ticks(ax, len(self.axes), heights, [f"{low + fraction * (high - low):.4g}" for fraction in heights])

    def _write_ticks(
        self,
        ax: "Axes",
        index: int,
        heights: Sequence[float] | np.ndarray,
        labels: Sequence[str],
        *,
        with_line: bool = True,
    ) -> None:
        if with_line:
            ax.vlines(index, 0, 1, color=DARK_COLOR, linewidth=0.8, zorder=2.5)
        box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8}
        size = "x-small" if len(labels) <= 20 else 5.5
        for height, label in zip(heights, labels, strict=True):
            ax.plot([index - 0.02, index + 0.02], [height, height], color=DARK_COLOR, linewidth=0.8, zorder=4)
            ax.text(index + 0.05, height, label, fontsize=size, va="center", bbox=box, zorder=5)


def _make_ticks(axis: ParameterAxis) -> tuple[np.ndarray, list[str]]:
    low, high = axis.compute_limits()
    if axis.is_choice:
        span = max(1, len(axis.labels) - 1)
        step = -(-len(axis.labels) // MAX_LABELS)
        labels = [shorten(label, MAX_NAME_LENGTH) for label in axis.labels[::step]]
        return np.arange(0, len(axis.labels), step) / span if len(axis.labels) > 1 else np.array([0.5]), labels
    if low == high:
        return np.array([0.5]), [format_value(10**low if axis.is_log else low)]
    distinct = np.unique(axis.scaled_positions[np.isfinite(axis.scaled_positions)])
    scaled_positions = distinct if len(distinct) <= 5 else np.linspace(low, high, 5)
    return (scaled_positions - low) / (high - low), [
        format_value(float(10**one if axis.is_log else one)) for one in scaled_positions
    ]


def _spread_choices(axis: ParameterAxis) -> np.ndarray:
    """Return the fractions, those of choices shifted a little, so that lines do not hide one another."""
    fraction = axis.fraction
    if not axis.is_choice:
        return fraction
    span = max(1, len(axis.labels) - 1)
    fraction = np.where(np.isnan(axis.positions), np.nan, axis.positions / span if len(axis.labels) > 1 else 0.5)
    width = 0.25 / max(2, len(axis.labels))
    return fraction + width * ((0.618 * np.arange(len(fraction))) % 1.0 - 0.5)
