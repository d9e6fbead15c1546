"""AnytimeDisplay: the best score that each search had found, against time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.plotting._score_scale import ScoreScale
from sklearn_autotune.plotting._style import COLORS, MARKERS, draw_legend, make_axes, make_logarithmic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_autotune.analysis._comparison import Comparison

__all__ = ["AnytimeDisplay"]

STYLES = ("-", "--", "-.", ":")


@dataclass(kw_only=True, eq=False, repr=False)
class AnytimeDisplay:
    """The best inner score so far of each search, against seconds.

    Parameters
    ----------
    curves : dict of str to dict of str to ndarray
        Method to ``seconds`` and ``score``, both of shape (n_points,); higher is better, as in ``cv_results_``.
    metric : str, default="score"
        scikit-learn's name of the score, such as "roc_auc" or "neg_log_loss"; a loss is drawn with its own sign.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to matplotlib Line2D

    Notes
    -----
    Searches of this package record when each candidate was done. For searches of scikit-learn, the seconds of the
    candidates are added up in order. An inner score is what a search measured on its own folds, and is too good as an
    estimate; `ComparisonDisplay` shows the scores on held-out rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import compare
    >>> from sklearn_autotune.plotting import AnytimeDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}, cv=3)
    >>> list(AnytimeDisplay.from_comparison(compare({"grid": grid}, X, y, cv=3, random_state=0)).lines_)
    ['grid']
    """

    curves: Mapping[str, Mapping[str, np.ndarray]]
    metric: str = "score"

    @classmethod
    def from_comparison(cls, comparison: "Comparison", *, ax: "Axes | None" = None) -> "AnytimeDisplay":
        """Plot what `compare` has returned.

        Parameters
        ----------
        comparison : Comparison
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : AnytimeDisplay

        Raises
        ------
        ValueError
            If no method is a search with ``cv_results_``.
        """
        curves = comparison.anytime
        if not curves:
            raise ValueError("None of the methods is a search with cv_results_: there are no curves to draw.")
        return cls(curves=curves, metric=comparison.metric).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> "AnytimeDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : AnytimeDisplay
        """
        ax = make_axes(ax)
        last = max(curve["seconds"][-1] for curve in self.curves.values())
        scale = ScoreScale(Metric(self.metric))
        self.lines_ = {}
        for index, (name, curve) in enumerate(self.curves.items()):
            seconds, score = np.append(curve["seconds"], last), np.append(curve["score"], curve["score"][-1])
            (self.lines_[name],) = ax.plot(
                seconds,
                scale.convert(score),
                drawstyle="steps-post",
                color=COLORS[index % len(COLORS)],
                linestyle=STYLES[index % len(STYLES)],
                linewidth=1.8,
                label=name,
            )
            end = (curve["seconds"][-1], scale.convert(curve["score"])[-1])
            ax.plot(*end, MARKERS[index % len(MARKERS)], color=COLORS[index % len(COLORS)], markersize=7)
        self._set_limits(ax, scale)
        firsts = [curve["seconds"][0] for curve in self.curves.values()]
        if min(firsts) > 0 and last > 100 * min(firsts):
            make_logarithmic(ax, min(firsts), last)
        ax.set(xlabel="seconds; a mark where the search ended", ylabel=f"best inner {scale.label} so far")
        draw_legend(ax, loc="upper right" if scale.metric.is_loss else "lower right")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _set_limits(self, ax: "Axes", scale: ScoreScale) -> None:
        """Show the scores at which the searches end; their first scores, far worse, lie outside of the axis."""
        worst = min(curve["score"][0] for curve in self.curves.values())
        ends = [curve["score"][-1] for curve in self.curves.values()]
        best = max(ends)
        height = max(0.3 * (best - worst), 3 * (best - min(ends))) or 0.05 * abs(best) or 0.05
        ax.set_ylim(scale.convert_limits(best - height, best + 0.08 * height))
