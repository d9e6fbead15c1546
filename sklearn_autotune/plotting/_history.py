"""OptimizationHistoryDisplay: the scores of the candidates in order, and the best so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import read_trial_table
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.plotting._axes import number_candidates
from sklearn_autotune.plotting._score_scale import ScoreScale
from sklearn_autotune.plotting._style import (
    BEST_STYLE,
    DARK_COLOR,
    STATUS_NAMES,
    STATUS_STYLES,
    draw_legend,
    format_ticks,
    make_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["OptimizationHistoryDisplay"]

ROW_HEIGHT = 0.07  # of a row of candidates without a score, as a part of the axis of scores
OFF_THE_SCALE = "off the scale"
BAND_COLOR = "#F0F0F0"
MAX_LARGE_MARKS = 100  # from here on, marks are small


@dataclass(kw_only=True, eq=False, repr=False)
class OptimizationHistoryDisplay:
    """The score of each candidate in the order in which they were asked for, and the best so far.

    Complete candidates are dots at their scores. The others have no score that can be compared: one that was stopped
    early was measured on some of the folds, or with less of the resource. They are marks in a grey band on the side of
    the worse scores, with a row for each way in which candidates ended. Complete candidates that are far worse than
    the others have a row there as well, "off the scale". Where there are limits, the best so far meets them.

    Parameters
    ----------
    candidate : ndarray of float of shape (n_candidates,)
        Rows in ``cv_results_``; a candidate that was cut by a time limit has none, and lies between two rows.
    score : ndarray of float of shape (n_candidates,)
        Higher is better, as in ``cv_results_``; NaN unless complete. A loss is drawn with its own sign.
    status : ndarray of str of shape (n_candidates,)
    best_so_far : ndarray of float of shape (n_candidates,)
        The best complete score up to each candidate; NaN before the first.
    best : int or None, default=None
        Position of the winner among the candidates; it has a star.
    metric : str, default="score"
        scikit-learn's name of the score, such as "roc_auc" or "neg_log_loss".

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D
        The best so far.
    scatters_ : dict of str to matplotlib PathCollection
        The candidates, by status.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OptunaSearchCV
    >>> from sklearn_autotune.plotting import OptimizationHistoryDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}).fit(X, y)
    >>> display = OptimizationHistoryDisplay.from_search(search)
    >>> display.best_so_far.round(1)
    array([0.7, 0.9, 1. ])
    """

    candidate: np.ndarray
    score: np.ndarray
    status: np.ndarray
    best_so_far: np.ndarray
    best: int | None = None
    metric: str = "score"

    @classmethod
    def from_search(
        cls, search: FittedSearch, *, metric: str | None = None, ax: "Axes | None" = None
    ) -> "OptimizationHistoryDisplay":
        """Plot a finished search.

        Parameters
        ----------
        search : estimator
            Fitted; of this package, or any with scikit-learn's ``cv_results_``.
        metric : str, default=None
            Which of several scores; None is the one that decides.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : OptimizationHistoryDisplay
        """
        trial_table = read_trial_table(search, metric)
        return cls(
            candidate=number_candidates(trial_table),
            score=trial_table.score,
            status=trial_table.status,
            best_so_far=trial_table.best_so_far,
            best=trial_table.best,
            metric=trial_table.described_metric.name,
        ).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> "OptimizationHistoryDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : OptimizationHistoryDisplay
        """
        ax = make_axes(ax)
        scale = ScoreScale.from_scores(self.score, self.metric)
        self.scatters_: dict[str, Any] = {}
        self._draw_candidates(ax, scale)
        lines = ax.plot(
            self.candidate,
            np.where(self.best_so_far < scale.worst, np.nan, scale.convert(self.best_so_far)),
            drawstyle="steps-post",
            color=DARK_COLOR,
            linewidth=1.6,
            label="best so far",
        )
        self.line_ = lines[0]
        if self.best is not None:
            ax.scatter(
                self.candidate[self.best],
                scale.convert(self.score[self.best]),
                zorder=4,
                clip_on=False,
                label="winner",
                **BEST_STYLE.make_scatter_settings(),
            )
        margin = max(0.5, 0.03 * (self.candidate.max() - self.candidate.min()))
        ax.set(xlabel="candidate (row of cv_results_)", ylabel=scale.label)
        ax.set_xlim(self.candidate.min() - margin, self.candidate.max() + margin)
        locator: Any = ax.xaxis.get_major_locator()  # a MaxNLocator, as of every linear axis
        locator.set_params(integer=True, min_n_ticks=1)
        draw_legend(ax, loc="best")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_candidates(self, ax: "Axes", scale: ScoreScale) -> None:
        """Draw complete candidates at their scores, and the others in a band on the side of the worse ones."""
        low, high = scale.limits
        outwards = -scale.metric.sign
        edge, row_height = low if outwards < 0 else high, ROW_HEIGHT * (high - low)
        is_complete = self.status == Status.COMPLETE
        is_off_scale = is_complete & (self.score < scale.worst)
        rows = {OFF_THE_SCALE: is_off_scale} | {
            STATUS_NAMES.get(one, str(one)): self.status == one for one in STATUS_STYLES if one != Status.COMPLETE
        }
        rows = {name: in_row for name, in_row in rows.items() if in_row.any()}
        heights = scale.convert(self.score)
        places = [edge + outwards * (index + 0.5) * row_height for index in range(len(rows))]
        for place, in_row in zip(places, rows.values(), strict=True):
            heights[in_row] = place
        for status in STATUS_STYLES:
            if (self.status == status).any():
                self.scatters_[str(status)] = self._draw_marks(ax, status, heights)
        end = edge + outwards * len(rows) * row_height
        if rows:
            ax.axhspan(edge, end, color=BAND_COLOR, linewidth=0, zorder=0)
        ax.set_ylim(min(low, end), max(high, end))
        names = [f"{name} ({in_row.sum()})" for name, in_row in rows.items()]
        self._write_ticks(ax, scale, dict(zip(names, places, strict=True)))

    def _draw_marks(self, ax: "Axes", status: Status, heights: np.ndarray) -> Any:
        has_status = self.status == status
        settings = STATUS_STYLES[status].make_scatter_settings()
        if has_status.sum() > MAX_LARGE_MARKS:
            settings |= {"s": 0.5 * settings["s"], "linewidths": 0.8}
            settings |= {} if status == Status.COMPLETE else {"marker": "|", "facecolors": STATUS_STYLES[status].color}
        label = str(status) if status == Status.COMPLETE else f"_{status}"  # the others have theirs beside the band
        return ax.scatter(
            self.candidate[has_status], heights[has_status], label=label, zorder=3, clip_on=False, **settings
        )

    def _write_ticks(self, ax: "Axes", scale: ScoreScale, names: Mapping[str, float]) -> None:
        """Write values beside the scores, and names beside the rows of the band."""
        low, high = scale.limits
        ticks = import_optional("matplotlib.ticker", "Plotting").MaxNLocator(6).tick_values(low, high)
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        ax.set_yticks([*ticks, *names.values()], [*format_ticks(ticks), *names])
        for label in ax.get_yticklabels()[len(ticks) :]:
            label.set_fontsize("small")
