"""SliceDisplay: score against one parameter at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import read_trial_table
from sklearn_autotune.plotting._axes import ParameterAxis, number_candidates, read_axes
from sklearn_autotune.plotting._ranking import rank_by_importance
from sklearn_autotune.plotting._score_scale import ScoreScale
from sklearn_autotune.plotting._style import BEST_STYLE, COLORMAP, arrange_cells, split_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SliceDisplay"]

MAX_PARAMETERS = 6
MAX_NARROW_CHOICES = 10  # a parameter with more choices has a row of panels for itself
N_COLUMNS = 3
PANEL_WIDTH = 2.9  # inches


@dataclass(kw_only=True, eq=False, repr=False)
class SliceDisplay:
    """Score of the complete candidates against one parameter at a time, the most important parameter first.

    The later a candidate, the lighter its mark; a star is the winner. Candidates with the same choice are drawn side by
    side. Scores far worse than the others are drawn at the edge.

    Parameters
    ----------
    axes : list of ParameterAxis
        Parameters, each with the positions of all candidates.
    score : ndarray of float of shape (n_candidates,)
        Higher is better, as in ``cv_results_``; NaN for those that are not drawn.
    candidate : ndarray of float of shape (n_candidates,)
        Rows in ``cv_results_``.
    best : int or None, default=None
        The winner.
    metric : str, default="score"
        scikit-learn's name of the score, such as "roc_auc" or "neg_log_loss"; a loss is drawn with its own sign.

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

    axes: Sequence[ParameterAxis]
    score: np.ndarray
    candidate: np.ndarray
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
    ) -> "SliceDisplay":
        """Plot a finished search.

        Parameters
        ----------
        search : estimator
            Fitted; of this package, or any with scikit-learn's ``cv_results_``.
        parameters : list of str, default=None
            Which parameters, in what order; None is the six most important ones, as `ParameterImportanceDisplay`
            measures it, in which candidates differ.
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
        axes = read_axes(search, all_trials, parameters)
        if not axes:
            raise ValueError("The space of this search has no parameter, so there is nothing to show.")
        if parameters is None:
            axes = rank_by_importance(axes, trial_table.score)[:MAX_PARAMETERS]
        return cls(
            axes=axes,
            score=trial_table.score,
            candidate=number_candidates(trial_table),
            best=trial_table.best,
            metric=trial_table.described_metric.name,
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
        wide = [index for index, axis in enumerate(self.axes) if len(axis.labels) > MAX_NARROW_CHOICES]
        cells = arrange_cells(n, min(n, N_COLUMNS), wide)
        n_columns = N_COLUMNS if wide else min(n, N_COLUMNS)
        size = (max(3.8, PANEL_WIDTH * n_columns + 0.6), 2.8 * (1 + cells[-1][0]) + 0.3)
        self.axes_ = split_axes(ax, n, n_columns=N_COLUMNS, size=size, wide=wide)
        self.figure_ = self.axes_[0].figure
        scale = ScoreScale.from_scores(self.score, self.metric)
        self.scatters_ = []
        for panel, axis, (_, columns) in zip(self.axes_, self.axes, cells, strict=True):
            self.scatters_.append(self._draw_slice(panel, axis, scale))
            axis.format_axis(panel, inches=0.8 * PANEL_WIDTH * (columns.stop - columns.start))
            if columns.start == 0:
                panel.set_ylabel(scale.wrap_label(22))
            else:
                panel.tick_params("y", labelleft=False)
        if len(self.candidate) > 1:
            bar = self.figure_.colorbar(self.scatters_[0], ax=list(self.axes_), pad=0.02, aspect=30)
            bar.set_label("candidate (row of cv_results_)")
            bar.ax.yaxis.get_major_locator().set_params(integer=True)
        return self

    def _draw_slice(self, ax: "Axes", axis: ParameterAxis, scale: ScoreScale) -> Any:
        drawn = np.isfinite(self.score) & np.isfinite(axis.positions)
        positions = axis.spread_choices(self.candidate)
        scatter = ax.scatter(
            positions[drawn],
            scale.clip(self.score)[drawn],
            c=self.candidate[drawn],
            vmin=self.candidate.min(),
            vmax=max(self.candidate.max(), self.candidate.min() + 1),
            cmap=COLORMAP,
            s=22,
            edgecolors="black",
            linewidths=0.3,
            clip_on=False,
        )
        if self.best is not None and drawn[self.best]:
            best = (positions[self.best], scale.convert(self.score)[self.best])
            ax.scatter(*best, clip_on=False, zorder=4, **(BEST_STYLE.make_scatter_settings() | {"edgecolors": "white"}))
        ax.set_ylim(scale.limits)
        return scatter
