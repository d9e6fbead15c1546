"""ContourDisplay: score over a pair of parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import read_trial_table
from sklearn_autotune.plotting._axes import ParameterAxis, read_axes
from sklearn_autotune.plotting._ranking import rank_by_importance
from sklearn_autotune.plotting._score_scale import ScoreScale
from sklearn_autotune.plotting._style import BEST_STYLE, DARK_COLOR, make_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ContourDisplay"]

MIN_POSITIONS = 6  # distinct positions that contours need


@dataclass(kw_only=True, eq=False, repr=False)
class ContourDisplay:
    """Score over a pair of parameters, interpolated between the complete candidates; a star is the winner.

    Contours are drawn where both parameters are numbers, between candidates and never beyond them. The display does not
    show the other parameters: of several candidates at one position, the best one counts.

    Parameters
    ----------
    x, y : ParameterAxis
        Two parameters, each with the positions of all candidates.
    score : ndarray of float of shape (n_candidates,)
        Higher is better, as in ``cv_results_``; NaN for those that are not complete.
    best : int or None, default=None
        The winner.
    metric : str, default="score"
        scikit-learn's name of the score, such as "roc_auc" or "neg_log_loss"; a loss is drawn with its own sign.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    contours_ : matplotlib TriContourSet or None
    scatter_ : matplotlib PathCollection
        The complete candidates.
    colorbar_ : matplotlib Colorbar

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from sklearn_autotune import OptunaSearchCV
    >>> from sklearn_autotune.plotting import ContourDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"C": loguniform(1e-2, 1e3), "gamma": loguniform(1e-4, 1)}
    >>> search = OptunaSearchCV(SVC(), space, n_trials=15, random_state=0).fit(X, y)
    >>> ContourDisplay.from_search(search, parameters=["C", "gamma"]).contours_ is not None
    True
    """

    x: ParameterAxis
    y: ParameterAxis
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
    ) -> "ContourDisplay":
        """Plot a finished search.

        Parameters
        ----------
        search : estimator
            Fitted; of this package, or any with scikit-learn's ``cv_results_``.
        parameters : pair of str, default=None
            Which two; None is the two most important ones, as `ParameterImportanceDisplay` measures it. Parameters
            that at least half of the candidates have come before others, and numbers before choices.
        metric : str, default=None
            Which of several scores; None is the one that decides.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ContourDisplay

        Raises
        ------
        ValueError
            If there are no two parameters.
        """
        all_trials = read_trial_table(search, metric)
        trial_table = all_trials.select_complete()
        axes = read_axes(search, all_trials, parameters)
        if parameters is None and len(axes) > 2:
            axes = _choose_pair(rank_by_importance(axes, trial_table.score))
        if len(axes) != 2:
            raise ValueError(f"Contours are drawn over two parameters, got {len(axes)}: name a pair in parameters.")
        return cls(
            x=axes[0],
            y=axes[1],
            score=trial_table.score,
            best=trial_table.best,
            metric=trial_table.described_metric.name,
        ).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> "ContourDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ContourDisplay
        """
        size = [length + 0.12 * max(0, len(axis.labels) - 20) for length, axis in ((5.8, self.x), (4.2, self.y))]
        ax = make_axes(ax, size=(size[0], size[1]))
        scale = ScoreScale.from_scores(self.score, self.metric)
        drawn = np.isfinite(self.score) & np.isfinite(self.x.positions) & np.isfinite(self.y.positions)
        self.contours_ = self._draw_contours(ax, drawn, scale)
        order = np.arange(len(self.score))
        x, y = self.x.spread_choices(order), self.y.spread_choices(np.sqrt(2) * order)  # not on a diagonal
        self.scatter_ = ax.scatter(
            x[drawn],
            y[drawn],
            c=scale.clip(self.score)[drawn],
            vmin=scale.limits[0],
            vmax=scale.limits[1],
            cmap=scale.colormap,
            s=26,
            edgecolors=DARK_COLOR,
            linewidths=0.7,
            zorder=3,
        )
        if self.best is not None and drawn[self.best]:
            ax.scatter(
                x[self.best], y[self.best], zorder=4, **(BEST_STYLE.make_scatter_settings() | {"edgecolors": "white"})
            )
        ax.use_sticky_edges = False  # marks at the edge are not cut
        ax.margins(0.05)
        self.x.select(drawn).format_axis(ax, "x", inches=size[0] - 1.8)
        self.y.select(drawn).format_axis(ax, "y", inches=size[1] - 0.7)
        self.colorbar_ = ax.figure.colorbar(self.scatter_, ax=ax)
        self.colorbar_.set_label(scale.wrap_label(36))
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_contours(self, ax: "Axes", drawn: np.ndarray, scale: ScoreScale) -> Any:
        """Interpolate between scaled positions, as on the axes."""
        if self.x.is_choice or self.y.is_choice:
            return None
        scaled_positions = np.column_stack([self.x.fraction[drawn], self.y.fraction[drawn]])
        positions, which = np.unique(scaled_positions, axis=0, return_inverse=True)
        if len(positions) < MIN_POSITIONS or np.linalg.matrix_rank(positions - positions.mean(axis=0), tol=1e-6) < 2:
            return None
        score = np.full(len(positions), -np.inf)
        np.maximum.at(score, which.ravel(), np.maximum(self.score[drawn], scale.worst))
        score = scale.convert(score)
        tri = import_optional("matplotlib.tri", "Plotting")
        triangles = tri.Triangulation(*positions.T).triangles
        ends = [_to_values(axis, positions[:, column]) for column, axis in enumerate((self.x, self.y))]
        triangulation = tri.Triangulation(*ends, triangles)
        low, high = scale.limits
        levels = np.linspace(low, high, 12)
        colors = {"cmap": scale.colormap, "vmin": low, "vmax": high, "alpha": 0.85}
        contours = ax.tricontourf(triangulation, score, levels=levels, **colors)
        ax.tricontour(triangulation, score, levels=levels, colors="white", linewidths=0.4)
        return contours


def _choose_pair(axes: Sequence[ParameterAxis]) -> list[ParameterAxis]:
    """Choose the first two parameters; those that most candidates have before others, numbers before choices."""

    def make_sort_key(axis: ParameterAxis, among: np.ndarray) -> tuple[bool, bool]:
        """Sort by whether fewer than half of some candidates have the parameter, and whether it is a choice."""
        return bool(np.isfinite(axis.positions[among]).mean() < 0.5), axis.is_choice

    x = min(axes, key=lambda axis: make_sort_key(axis, np.full(len(axis.positions), True)))
    have_x = np.isfinite(x.positions)
    return [x, min((axis for axis in axes if axis is not x), key=lambda axis: make_sort_key(axis, have_x))]


def _to_values(axis: ParameterAxis, fraction: np.ndarray) -> np.ndarray:
    """Convert fractions of an axis into values."""
    low, high = axis.compute_limits()
    scaled_positions = low + fraction * (high - low)
    return 10**scaled_positions if axis.is_log else scaled_positions
