"""OptimizationHistoryDisplay: score after score, and the best so far."""

from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import read_trial_table
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.plotting._style import (
    BEST_STYLE,
    DARK_COLOR,
    STATUS_STYLES,
    compute_score_limits,
    draw_legend,
    make_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["OptimizationHistoryDisplay"]


class OptimizationHistoryDisplay:
    """The score of each candidate in the order in which they were asked for, and the best so far.

    Complete candidates are dots. Those that were stopped early are triangles, at the mean of what was measured of them;
    those that failed are crosses at the bottom. Scores far below the others are drawn on the lower edge.

    Parameters
    ----------
    number : ndarray of int of shape (n_trials,)
        The trials' numbers.
    score : ndarray of float of shape (n_trials,)
        Higher is better; of stopped candidates the mean of what was measured.
    status : ndarray of str of shape (n_trials,)
    best_so_far : ndarray of float of shape (n_trials,)
        The best complete score up to each trial; NaN before the first.
    best : int or None, default=None
        Place of the winner among the trials; it has a star.
    metric : str, default="score"
        Name of the score.

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

    def __init__(
        self,
        *,
        number: np.ndarray,
        score: np.ndarray,
        status: np.ndarray,
        best_so_far: np.ndarray,
        best: int | None = None,
        metric: str = "score",
    ) -> None:
        self.number = number
        self.score = score
        self.status = status
        self.best_so_far = best_so_far
        self.best = best
        self.metric = metric

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
            number=trial_table.number,
            score=trial_table.partial_score,
            status=trial_table.status,
            best_so_far=trial_table.best_so_far,
            best=trial_table.best,
            metric=trial_table.metric,
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
        complete = self.status == Status.COMPLETE
        low, high = compute_score_limits(self.score[complete] if complete.any() else self.score)
        heights = np.where(np.isfinite(self.score), np.maximum(self.score, low), low)
        self.scatters_ = {}
        for status, mark in STATUS_STYLES.items():
            has_status = self.status == status
            if has_status.any():
                height = (
                    np.full(has_status.sum(), low) if status == Status.FAILED else np.minimum(heights[has_status], high)
                )
                self.scatters_[status] = ax.scatter(
                    self.number[has_status],
                    height,
                    label=status,
                    zorder=3,
                    clip_on=False,
                    **mark.make_scatter_settings(),
                )
        lines = ax.plot(
            self.number, self.best_so_far, drawstyle="steps-post", color=DARK_COLOR, linewidth=1.6, label="best so far"
        )
        self.line_ = lines[0]
        if self.best is not None:
            ax.scatter(
                self.number[self.best],
                heights[self.best],
                zorder=4,
                clip_on=False,
                label="winner",
                **BEST_STYLE.make_scatter_settings(),
            )
        margin = max(0.5, 0.03 * (self.number.max() - self.number.min()))
        ax.set(xlabel="trial", ylabel=f"mean {self.metric}", ylim=(low, high))
        ax.set_xlim(self.number.min() - margin, self.number.max() + margin)
        locator: Any = ax.xaxis.get_major_locator()  # a MaxNLocator, as of every linear axis
        locator.set_params(integer=True)
        draw_legend(ax, loc="best")
        self.ax_, self.figure_ = ax, ax.figure
        return self
