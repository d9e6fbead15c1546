"""FoldScoresDisplay: the leading candidates fold by fold, and how far each is from the winner."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import ConfidenceInterval, compute_paired_interval, read_trial_table
from sklearn_autotune.plotting._style import (
    COLORS,
    DARK_COLOR,
    LIGHT_COLOR,
    MARKERS,
    draw_legend,
    format_value,
    split_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FoldScoresDisplay"]


class FoldScoresDisplay:
    """Scores of the leading candidates on each fold, and paired differences to the winner with their intervals.

    Folds differ in difficulty, and all candidates are measured on the same ones: what counts is the difference on each.

    Parameters
    ----------
    labels : list of str
        One for each candidate, the winner first.
    fold_scores : ndarray of float of shape (n_candidates, n_folds)
        Higher is better.
    confidence : float, default=0.95
    test_over_train : float, default=None
        Rows in the test part of a fold, for each in its training part. None is that of ``KFold`` with as many folds; of
        more than ten folds, which are most often repeated ones, that of five, the more careful guess.
    metric : str, default="score"

    Attributes
    ----------
    differences : ndarray of float of shape (n_candidates, n_folds)
        Score less that of the winner.
    intervals : list of ConfidenceInterval
        Mean difference and its interval, by the corrected resampled t-test.
    axes_ : ndarray of matplotlib Axes of shape (2,)
    figure_ : matplotlib Figure
    scatters_ : list of matplotlib PathCollection
        One for each fold.
    bars_ : list of matplotlib ErrorbarContainer
        The differences, one for each candidate but the winner.

    Notes
    -----
    The winner has been chosen for these scores, and the intervals take no account of it: they say which candidates the
    folds cannot tell from the winner, and nothing of what it would score on new data.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OptunaSearchCV
    >>> from sklearn_autotune.plotting import FoldScoresDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3, 4]}).fit(X, y)
    >>> display = FoldScoresDisplay.from_search(search, n_candidates=3)
    >>> display.differences.shape
    (3, 5)
    """

    def __init__(
        self,
        *,
        labels: Sequence[str],
        fold_scores: np.ndarray,
        confidence: float = 0.95,
        test_over_train: float | None = None,
        metric: str = "score",
    ) -> None:
        self.labels = labels
        self.fold_scores = fold_scores
        self.confidence = confidence
        self.metric = metric
        self.differences = fold_scores - fold_scores[0]
        self.test_over_train = test_over_train
        ratio = _guess_test_train_ratio(fold_scores.shape[1]) if test_over_train is None else test_over_train
        self.intervals: list[ConfidenceInterval] = [
            compute_paired_interval(row, test_over_train=ratio, confidence=confidence) for row in self.differences
        ]

    @classmethod
    def from_search(
        cls,
        search: FittedSearch,
        *,
        n_candidates: int = 6,
        confidence: float = 0.95,
        test_over_train: float | None = None,
        metric: str | None = None,
        ax: "Axes | None" = None,
    ) -> "FoldScoresDisplay":
        """Plot the leading candidates of a finished search.

        Parameters
        ----------
        search : estimator
            Fitted; of this package, or any with scikit-learn's ``cv_results_``.
        n_candidates : int, default=6
            How many at most, all of them complete.
        confidence : float, default=0.95
            Of the intervals.
        test_over_train : float, default=None
            Rows in the test part of a fold, for each in its training part; 0.25 for five folds, repeated or not. None
            takes what the search tells, as those of this package do, and guesses by the number of folds else.
        metric : str, default=None
            Which of several scores; None is the one that decides.
        ax : matplotlib Axes, default=None
            Whose place is divided in two; None makes a figure.

        Returns
        -------
        display : FoldScoresDisplay

        Raises
        ------
        ValueError
            If no candidate is complete.
        """
        trial_table = read_trial_table(search, metric)
        leading = trial_table.find_leading(n_candidates)
        if not len(leading):
            raise ValueError("No candidate is complete, so there are no folds to compare.")
        return cls(
            labels=[_make_label(int(trial_table.number[index]), trial_table.params[index]) for index in leading],
            fold_scores=trial_table.fold_scores[leading],
            confidence=confidence,
            test_over_train=trial_table.test_over_train if test_over_train is None else test_over_train,
            metric=trial_table.metric,
        ).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> "FoldScoresDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Whose place is divided in two; None makes a figure.

        Returns
        -------
        display : FoldScoresDisplay
        """
        n, n_folds = self.fold_scores.shape
        size = (8.6, 1.5 + 0.5 * max(2, n))
        self.axes_ = split_axes(ax, 2, n_columns=2, size=size, width_ratios=(1.1, 1))
        self.figure_ = self.axes_[0].figure
        left, right = self.axes_
        rows = np.arange(n)
        self.scatters_ = []
        for fold in range(n_folds):
            style = {"marker": MARKERS[fold % len(MARKERS)], "color": COLORS[fold % len(COLORS)]}
            shift = 0.0 if n_folds == 1 else 0.24 * (2 * fold / (n_folds - 1) - 1)
            label = f"fold {fold}" if n_folds <= len(MARKERS) else "_"
            scores = self.fold_scores[:, fold]
            self.scatters_.append(left.scatter(scores, rows + shift, s=24, label=label, zorder=3, **style))
        means = self.fold_scores.mean(axis=1)
        left.vlines(means, rows - 0.33, rows + 0.33, color=DARK_COLOR, linewidth=2, zorder=2)
        left.set_yticks(rows, self.labels, fontsize="x-small")
        left.set(xlabel=f"{self.metric} by fold; the line is the mean", ylim=(n - 0.5, -0.5))
        left.locator_params("x", nbins=5)
        above = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": n_folds, "frameon": False}
        draw_legend(left, columnspacing=0.8, handletextpad=0.1, **above)
        self._draw_differences(right, rows)
        return self

    def _draw_differences(self, ax: "Axes", rows: np.ndarray) -> None:
        ax.axvline(0, color=DARK_COLOR, linewidth=1, zorder=1)
        self.bars_ = []
        for row in rows[1:]:
            interval = self.intervals[row]
            half_width = (interval.high - interval.low) / 2
            excludes_zero = interval.excludes_zero
            ax.plot(
                self.differences[row], np.full(self.differences.shape[1], row), "|", color=LIGHT_COLOR, markersize=9
            )
            self.bars_.append(
                ax.errorbar(
                    interval.mean,
                    row,
                    xerr=half_width if np.isfinite(half_width) else None,
                    fmt="o" if excludes_zero else "s",
                    color=COLORS[4] if excludes_zero else COLORS[0],
                    markerfacecolor=None if excludes_zero else "white",
                    capsize=4,
                    zorder=3,
                )
            )
        ax.text(0, 0, " the winner", fontsize="small", va="center")
        ax.set_yticks(rows, [])
        title = f"difference to the winner, {self.confidence:.0%} interval"
        ax.set(xlabel=title, ylim=(len(rows) - 0.5, -0.5))
        ax.locator_params("x", nbins=5)
        if len(rows) == 1:
            ax.set_xticks([])


def _guess_test_train_ratio(n_folds: int) -> float:
    """Guess how many rows test for each that trains: in k folds, k - 1 train and one tests."""
    return 1 / 4 if n_folds > 10 else 1 / max(1, n_folds - 1)


def _make_label(number: int, params: Mapping[str, Any]) -> str:
    """Name a candidate by its trial and its first parameters."""
    parts = [f"{name.rpartition('__')[2]}={format_value(value, max_length=14)}" for name, value in params.items()]
    lines = [", ".join(parts[start : start + 2]) for start in range(0, min(len(parts), 4), 2)]
    more = " …" if len(parts) > 4 else ""
    return f"trial {number}: " + "\n".join(lines) + more
