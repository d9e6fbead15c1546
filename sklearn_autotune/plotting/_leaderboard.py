"""LeaderboardDisplay: the leading models of a selection, and their weights in the blend."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import read_metric
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.plotting._score_scale import ScoreScale
from sklearn_autotune.plotting._style import COLORS, HATCHES, MARKERS, split_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LeaderboardDisplay"]


@dataclass(kw_only=True, eq=False, repr=False)
class LeaderboardDisplay:
    """Scores of the leading candidates with their standard errors, and their weights in the blend.

    Parameters
    ----------
    family : ndarray of str of shape (n_candidates,)
    rank : ndarray of int of shape (n_candidates,)
        1 is the best.
    mean_score : ndarray of float of shape (n_candidates,)
        Higher is better; a loss is drawn with its own sign.
    std_error : ndarray of float of shape (n_candidates,)
        NaN where there is a single fold.
    blend_weight : ndarray of float of shape (n_candidates,)
        0 for candidates that are not part of the blend.
    metric : str, default="score"
        scikit-learn's name of the score, such as "roc_auc" or "neg_log_loss".

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (2,)
    figure_ : matplotlib Figure
    points_ : list of matplotlib ErrorbarContainer
        One for each candidate.
    bars_ : matplotlib BarContainer
        The weights.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_autotune import AutoModelSelector
    >>> from sklearn_autotune.plotting import LeaderboardDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> selector = AutoModelSelector(families=["logistic", "naive_bayes"], n_trials=3, cv=3, random_state=0).fit(X, y)
    >>> sorted(set(LeaderboardDisplay.from_search(selector).family))
    ['logistic', 'naive_bayes']
    """

    family: np.ndarray
    rank: np.ndarray
    mean_score: np.ndarray
    std_error: np.ndarray
    blend_weight: np.ndarray
    metric: str = "score"

    @classmethod
    def from_search(
        cls, search: FittedSearch, *, n_candidates: int = 12, ax: "Axes | None" = None
    ) -> "LeaderboardDisplay":
        """Plot a fitted `AutoModelSelector`.

        Parameters
        ----------
        search : AutoModelSelector
            Fitted.
        n_candidates : int, default=12
            How many are shown at least, if there are so many; all members of the blend are, and the best of each
            family.
        ax : matplotlib Axes, default=None
            Whose place is divided in two; None makes a figure.

        Returns
        -------
        display : LeaderboardDisplay

        Raises
        ------
        ValueError
            If there is no leaderboard, or no candidate is complete.
        """
        board = getattr(search, "leaderboard_", None)
        if board is None:
            raise ValueError(f"{type(search).__name__} has no leaderboard_: pass a fitted AutoModelSelector.")
        complete = np.flatnonzero(board["status"] == Status.COMPLETE)
        if not len(complete):
            raise ValueError("No candidate on the leaderboard is complete.")
        best_per_family = [
            complete[board["family"][complete] == family][0] for family in set(board["family"][complete])
        ]
        blended = complete[board["blend_weight"][complete] > 0]
        shown = np.unique(np.concatenate([complete[:n_candidates], blended, best_per_family])).astype(int)
        names = ("family", "rank", "mean_score", "std_error", "blend_weight")
        columns = {name: board[name][shown] for name in names}
        return cls(**columns, metric=read_metric(search).name).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> "LeaderboardDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Whose place is divided in two; None makes a figure.

        Returns
        -------
        display : LeaderboardDisplay
        """
        n = len(self.family)
        self.axes_ = split_axes(ax, 2, n_columns=2, size=(7.4, 1.3 + 0.28 * max(3, n)), width_ratios=(2, 1))
        left, right = self.axes_
        self.figure_ = left.figure
        rows = np.arange(n)
        scale = ScoreScale(Metric(self.metric))
        means = scale.convert(self.mean_score)
        families = list(dict.fromkeys(self.family))
        self.points_ = []
        for row in rows:
            family_index = families.index(self.family[row])
            error = self.std_error[row]
            self.points_.append(
                left.errorbar(
                    means[row],
                    row,
                    xerr=error if np.isfinite(error) else None,
                    fmt=MARKERS[family_index % len(MARKERS)],
                    color=COLORS[family_index % len(COLORS)],
                    markersize=6,
                    capsize=3,
                )
            )
        left.set_yticks(rows, [f"{rank}  {family}" for rank, family in zip(self.rank, self.family, strict=True)])
        left.set(xlabel=f"{scale.wrap_label(40)}\nmean ± standard error", ylim=(n - 0.5, -0.5))
        left.locator_params(axis="x", nbins=5)
        left.grid(axis="y", color="#DDDDDD", linewidth=0.6)
        self._draw_weights(right, rows, families)
        return self

    def _draw_weights(self, ax: "Axes", rows: np.ndarray, families: list[str]) -> None:
        family_indices = [families.index(family) for family in self.family]
        self.bars_ = ax.barh(
            rows,
            self.blend_weight,
            height=0.7,
            color=[COLORS[family_index % len(COLORS)] for family_index in family_indices],
            hatch=[HATCHES[family_index % len(HATCHES)] for family_index in family_indices],
            edgecolor="white",
        )
        labels = [f"{weight:.2f}" if weight > 0 else "" for weight in self.blend_weight]
        ax.bar_label(self.bars_, labels, padding=3, fontsize="small")
        ax.set_yticks(rows, [])
        ax.set(xlabel="weight in the blend", ylim=(len(rows) - 0.5, -0.5), xlim=(0, 1.2 * self.blend_weight.max() or 1))
        ax.spines[["top", "right"]].set_visible(False)
