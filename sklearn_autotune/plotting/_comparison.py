"""ComparisonDisplay: held-out scores and seconds of methods side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.plotting._score_scale import ScoreScale
from sklearn_autotune.plotting._style import COLORS, DARK_COLOR, HATCHES, LIGHT_COLOR, MARKERS, split_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_autotune.analysis._comparison import Comparison

__all__ = ["ComparisonDisplay"]


@dataclass(kw_only=True, eq=False, repr=False)
class ComparisonDisplay:
    """Held-out scores with their intervals, and seconds of fitting: a row for each method, the best on top.

    Of fitted searches that `compare` was given without data, the scores of the winners on their folds, without seconds.

    Parameters
    ----------
    names : list of str
        Methods, the best first.
    scores : ndarray of float of shape (n_methods, n_folds)
        Higher is better, as scikit-learn's scorers have it. NaN where a method failed.
    low, high : ndarray of float of shape (n_methods,)
        Intervals of the mean scores; infinite where there is none.
    seconds : ndarray of float of shape (n_methods, n_folds)
        Of fitting; NaN where they are not known.
    leading : list of str
        Methods that cannot be told apart from the best; they have filled marks.
    metric : str, default="score"
        scikit-learn's name of the score, such as "roc_auc" or "neg_log_loss"; a loss is drawn with its own sign.
    is_held_out : bool, default=True
        Whether the scores are of rows held out, and not those by which winners of fitted searches were chosen.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (2,), or (1,) if no seconds are known
    figure_ : matplotlib Figure
    points_ : list of matplotlib ErrorbarContainer
        Mean scores, one for each method that has some.
    bars_ : matplotlib BarContainer or None
        Mean seconds.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import compare
    >>> from sklearn_autotune.plotting import ComparisonDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> comparison = compare({"tree": DecisionTreeClassifier(), "bayes": GaussianNB()}, X, y, random_state=0)
    >>> ComparisonDisplay.from_comparison(comparison).names[-1]
    'dummy'
    """

    names: Sequence[str]
    scores: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seconds: np.ndarray
    leading: Sequence[str]
    metric: str = "score"
    is_held_out: bool = True

    @classmethod
    def from_comparison(cls, comparison: "Comparison", *, ax: "Axes | None" = None) -> "ComparisonDisplay":
        """Plot what `compare` has returned.

        Parameters
        ----------
        comparison : Comparison
        ax : matplotlib Axes, default=None
            Whose place is divided in two; None makes a figure.

        Returns
        -------
        display : ComparisonDisplay
        """
        summary = comparison.summary
        names = summary["method"]
        return cls(
            names=names,
            scores=np.array([comparison.column("score", name) for name in names]),
            low=np.array(summary["low"]),
            high=np.array(summary["high"]),
            seconds=np.array([comparison.column("fit_seconds", name) for name in names]),
            leading=comparison.leading,
            metric=comparison.metric,
            is_held_out=comparison.is_held_out,
        ).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> "ComparisonDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Whose place is divided in two; None makes a figure.

        Returns
        -------
        display : ComparisonDisplay
        """
        n = len(self.names)
        widths = (3, 2) if np.isfinite(self.seconds).any() else (1,)
        size = (8.2 if len(widths) > 1 else 5.4, 1.3 + 0.42 * max(2, n))
        self.axes_ = split_axes(ax, len(widths), n_columns=2, size=size, width_ratios=widths)
        left = self.axes_[0]
        self.figure_ = left.figure
        scale = ScoreScale(Metric(self.metric))
        self.points_ = [point for row in range(n) if (point := self._draw_scores(left, row, scale)) is not None]
        left.set_yticks(range(n), self.names)
        kind = "held-out" if self.is_held_out else "inner"
        left.set(xlabel=f"{kind} {scale.label}\nmean and interval", ylim=(n - 0.5, -0.5))
        self._set_limits(left, scale)
        self.bars_ = self._draw_seconds(self.axes_[1]) if len(widths) > 1 else None
        return self

    def _draw_scores(self, ax: "Axes", row: int, scale: ScoreScale) -> Any:
        known = self.scores[row][np.isfinite(self.scores[row])]
        if not len(known):
            ax.text(0.02, row, "failed", transform=ax.get_yaxis_transform(), va="center", fontsize="small")
            return None
        ax.plot(scale.convert(known), np.full(len(known), row + 0.22), "|", color=LIGHT_COLOR, markersize=8, zorder=1)
        mean = known.mean()
        has_interval = np.isfinite(self.low[row])
        return ax.errorbar(
            scale.convert(mean),
            row,
            xerr=self.high[row] - mean if has_interval else None,
            fmt=MARKERS[row % len(MARKERS)],
            color=COLORS[row % len(COLORS)],
            markerfacecolor=None if self.names[row] in self.leading else "white",
            markersize=7,
            capsize=4,
            zorder=3,
        )

    def _set_limits(self, ax: "Axes", scale: ScoreScale) -> None:
        """Leave methods outside of the axis that are so bad that it would hide the others; write their scores."""
        means = np.array([np.nanmean(row) if np.isfinite(row).any() else np.nan for row in self.scores])
        shown = [row for row, name in enumerate(self.names) if name in self.leading]
        if not shown or not np.isfinite(self.low[shown]).all():
            return
        low, high = self.low[shown].min(), self.high[shown].max()
        far = means < low - 2 * (high - low)
        if not far.any():
            return
        near = np.flatnonzero(~far & np.isfinite(self.low))
        low, high = self.low[near].min(), self.high[near].max()
        ax.set_xlim(scale.convert_limits(low - 0.12 * (high - low), high + 0.05 * (high - low)))
        text: dict[str, Any] = {
            "transform": ax.get_yaxis_transform(),
            "va": "center",
            "fontsize": "small",
            "color": DARK_COLOR,
        }
        for row in np.flatnonzero(far).tolist():
            value = f"{scale.convert(means[row]):.4g}"
            if scale.metric.is_loss:
                ax.text(0.98, row, f"{value} →", ha="right", **text)
            else:
                ax.text(0.02, row, f"← {value}", **text)

    def _draw_seconds(self, ax: "Axes") -> Any:
        rows = np.arange(len(self.names))
        means = np.array([np.nanmean(row) if np.isfinite(row).any() else 0.0 for row in self.seconds])
        bars = ax.barh(
            rows,
            means,
            height=0.6,
            color=[COLORS[row % len(COLORS)] for row in rows],
            hatch=[HATCHES[row % len(HATCHES)] for row in rows],
            edgecolor="white",
        )
        known = means[means > 0]
        if len(known) and known.max() > 50 * known.min():
            ax.set_xscale("log")
            ax.set_xlim(known.min() / 2, known.max() * 6)
        else:
            ax.set_xlim(0, 1.25 * max(means.max(), 1e-9))
            ax.locator_params("x", nbins=4)
        labels = [f"{mean:.2g} s" if mean > 0 else "" for mean in means]
        ax.bar_label(bars, labels, padding=3, fontsize="small")
        ax.set_yticks(rows, [])
        ax.set(xlabel="seconds of fitting", ylim=(len(rows) - 0.5, -0.5))
        ax.spines[["top", "right"]].set_visible(False)
        return bars
