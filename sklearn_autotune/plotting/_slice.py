"""SliceDisplay: score against each parameter."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import read_trial_table
from sklearn_autotune.plotting._axes import ParameterAxis, read_varying_axes
from sklearn_autotune.plotting._style import BEST_STYLE, COLORMAP, compute_score_limits, split_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SliceDisplay"]

MAX_PARAMETERS = 6
N_COLUMNS = 3


class SliceDisplay:
    """Score against one parameter at a time; the later a candidate, the lighter; a star is the winner.

    Parameters
    ----------
    axes : list of ParameterAxis
        Parameters, each with the positions of all candidates.
    score : ndarray of float of shape (n_candidates,)
        Higher is better; NaN for those that are not drawn.
    number : ndarray of int of shape (n_candidates,)
        The trials' numbers.
    best : int or None, default=None
        The winner.
    metric : str, default="score"

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_parameters,)
    figure_ : matplotlib Figure
    scatters_ : list of matplotlib PathCollection
        One for each parameter.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OptunaSearchCV
    >>> from sklearn_autotune.plotting import SliceDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"max_depth": [1, 2, 3, 4], "splitter": ["best", "random"]}
    >>> search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), space).fit(X, y)
    >>> len(SliceDisplay.from_search(search).axes_)
    2
    """

    def __init__(
        self,
        *,
        axes: Sequence[ParameterAxis],
        score: np.ndarray,
        number: np.ndarray,
        best: int | None = None,
        metric: str = "score",
    ) -> None:
        self.axes = axes
        self.score = score
        self.number = number
        self.best = best
        self.metric = metric

    @classmethod
    def from_search(
        cls,
        search: FittedSearch,
        *,
        parameters: Sequence[str] | None = None,
        metric: str | None = None,
        ax: "Axes | None" = None,
    ) -> "SliceDisplay":
        """Plot a finished search.

        Parameters
        ----------
        search : estimator
            Fitted; of this package, or any with scikit-learn's ``cv_results_``.
        parameters : list of str, default=None
            Which parameters; None is up to six that differ between candidates, those that
            the most have.
        metric : str, default=None
            Which of several scores; None is the one that decides.
        ax : matplotlib Axes, default=None
            Whose place is divided among the parameters; None makes a figure.

        Returns
        -------
        display : SliceDisplay
        """
        all_trials = read_trial_table(search, metric)
        trial_table = all_trials.select_complete()
        return cls(
            axes=read_varying_axes(all_trials, parameters, max_axes=MAX_PARAMETERS),
            score=trial_table.score,
            number=trial_table.number,
            best=trial_table.best,
            metric=trial_table.metric,
        ).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> "SliceDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Whose place is divided among the parameters; None makes a figure.

        Returns
        -------
        display : SliceDisplay
        """
        n = len(self.axes)
        size = (max(3.6, 2.9 * min(n, N_COLUMNS)), 2.7 * -(-n // N_COLUMNS) + 0.3)
        self.axes_ = split_axes(ax, n, n_columns=N_COLUMNS, size=size)
        self.figure_ = self.axes_[0].figure
        limits = compute_score_limits(self.score)
        self.scatters_ = [
            self._draw_slice(ax, axis, limits, is_first=place % N_COLUMNS == 0)
            for place, (ax, axis) in enumerate(zip(self.axes_, self.axes, strict=True))
        ]
        if len(self.number) > 1:
            bar = self.figure_.colorbar(self.scatters_[0], ax=list(self.axes_), pad=0.02, aspect=30)
            bar.set_label("trial")
        return self

    def _draw_slice(self, ax: "Axes", axis: ParameterAxis, limits: tuple[float, float], *, is_first: bool) -> Any:
        drawn = np.isfinite(self.score) & np.isfinite(axis.positions)
        heights = np.maximum(self.score, limits[0])
        scatter = ax.scatter(
            axis.positions[drawn],
            heights[drawn],
            c=self.number[drawn],
            vmin=self.number.min(),
            vmax=max(self.number.max(), self.number.min() + 1),
            cmap=COLORMAP,
            s=22,
            edgecolors="black",
            linewidths=0.3,
            clip_on=False,
        )
        axis.format_axis(ax)
        if self.best is not None and drawn[self.best]:
            best = (axis.positions[self.best], self.score[self.best])
            ax.scatter(*best, clip_on=False, zorder=4, **(BEST_STYLE.make_scatter_settings() | {"edgecolors": "white"}))
        ax.set_ylim(limits)
        if is_first:
            ax.set_ylabel(f"mean {self.metric}")
        else:
            ax.tick_params("y", labelleft=False)
        return scatter
