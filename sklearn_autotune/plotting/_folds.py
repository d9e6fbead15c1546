"""FoldScoresDisplay: scores of the leading candidates on each fold, and their differences to the winner."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sklearn_autotune._compat.html import shorten_names
from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import TrialTable, read_trial_table
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.plotting._axes import read_axes
from sklearn_autotune.plotting._ranking import rank_by_importance
from sklearn_autotune.plotting._score_scale import ScoreScale
from sklearn_autotune.plotting._style import (
    COLORS,
    DARK_COLOR,
    LIGHT_COLOR,
    MARKERS,
    draw_legend,
    format_value,
    split_axes,
)
from sklearn_autotune.statistics._intervals import ConfidenceInterval, compute_paired_interval, guess_test_over_train

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FoldScoresDisplay"]

MAX_PARAMETERS = 4  # in the name of a candidate
ABSENT = "(absent)"


@dataclass(kw_only=True, eq=False, repr=False)
class FoldScoresDisplay:
    """Scores of the leading candidates on each fold, and paired differences to the winner with their intervals.

    Some folds are more difficult than others, and all candidates are measured on the same folds. So the differences on
    the same fold are what to compare.

    Parameters
    ----------
    labels : list of str
        One for each candidate, the winner first.
    fold_scores : ndarray of float of shape (n_candidates, n_folds)
        Higher is better, as in ``cv_results_``.
    confidence : float, default=0.95
    test_over_train : float, default=None
        Test rows of a fold for each training row. None is the ratio of ``KFold`` with as many folds; with more than ten
        folds, which most often are repeated ones, the ratio of five folds, which gives wider intervals.
    metric : str, default="score"
        scikit-learn's name of the score, such as "roc_auc" or "neg_log_loss"; a loss is drawn with its own sign.

    Attributes
    ----------
    differences : ndarray of float of shape (n_candidates, n_folds)
        Score minus the score of the winner; a loss is drawn with its own sign.
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
    The winner was chosen by these scores, which the intervals do not allow for. They show which candidates the folds
    cannot tell apart from the winner; they do not estimate the winner's score on new data.

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

    labels: Sequence[str]
    fold_scores: np.ndarray
    confidence: float = 0.95
    test_over_train: float | None = None
    metric: str = "score"

    def __post_init__(self) -> None:
        """Compute the differences to the winner, and their intervals."""
        self.differences = self.fold_scores - self.fold_scores[0]
        guessed = guess_test_over_train(self.fold_scores.shape[1])
        ratio = guessed if self.test_over_train is None else self.test_over_train
        self.intervals: list[ConfidenceInterval] = [
            compute_paired_interval(row, test_over_train=ratio, confidence=self.confidence) for row in self.differences
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
            Test rows of a fold for each training row; 0.25 for five folds, repeated or not. None takes the sizes of the
            folds from a search of this package; for others it is guessed from the number of folds.
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
            labels=_make_labels(search, trial_table, leading),
            fold_scores=trial_table.fold_scores[leading],
            confidence=confidence,
            test_over_train=trial_table.test_over_train if test_over_train is None else test_over_train,
            metric=trial_table.described_metric.name,
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
        size = (8.6, 1.7 + 0.6 * max(2, n))
        self.axes_ = split_axes(ax, 2, n_columns=2, size=size, width_ratios=(1.1, 1))
        self.figure_ = self.axes_[0].figure
        left, right = self.axes_
        rows = np.arange(n)
        scale = ScoreScale(Metric(self.metric))
        self.scatters_ = []
        for fold in range(n_folds):
            style = {"marker": MARKERS[fold % len(MARKERS)], "color": COLORS[fold % len(COLORS)]}
            shift = 0.0 if n_folds == 1 else 0.24 * (2 * fold / (n_folds - 1) - 1)
            label = f"fold {fold}" if n_folds <= len(MARKERS) else "_"
            scores = scale.convert(self.fold_scores[:, fold])
            self.scatters_.append(left.scatter(scores, rows + shift, s=24, label=label, zorder=3, **style))
        means = scale.convert(self.fold_scores.mean(axis=1))
        left.vlines(means, rows - 0.33, rows + 0.33, color=DARK_COLOR, linewidth=2, zorder=2)
        left.set_yticks(rows, self.labels, fontsize="x-small")
        left.set(xlabel=f"{scale.wrap_label(36)}\nby fold; the line is the mean", ylim=(n - 0.5, -0.5))
        left.locator_params("x", nbins=5)
        above = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": n_folds, "frameon": False}
        draw_legend(left, columnspacing=0.8, handletextpad=0.1, **above)
        self._draw_differences(right, rows, scale)
        return self

    def _draw_differences(self, ax: "Axes", rows: np.ndarray, scale: ScoreScale) -> None:
        ax.axvline(0, color=DARK_COLOR, linewidth=1, zorder=1)
        self.bars_ = []
        for row in rows[1:]:
            interval = self.intervals[row]
            half_width = (interval.high - interval.low) / 2
            excludes_zero = interval.excludes_zero
            differences = scale.convert(self.differences[row])
            ax.plot(differences, np.full(len(differences), row), "|", color=LIGHT_COLOR, markersize=9)
            self.bars_.append(
                ax.errorbar(
                    scale.metric.sign * interval.mean,
                    row,
                    xerr=half_width if np.isfinite(half_width) else None,
                    fmt="o" if excludes_zero else "s",
                    color=COLORS[4] if excludes_zero else COLORS[0],
                    markerfacecolor=None if excludes_zero else "white",
                    capsize=4,
                    zorder=3,
                )
            )
        low, high = ax.get_xlim()
        has_room_right = len(rows) == 1 or low + high >= 0  # there is more room to the right of 0
        ax.text(0, 0, " the winner ", fontsize="small", va="center", ha="left" if has_room_right else "right")
        ax.set_yticks(rows, [])
        title = f"{scale.metric.label}: difference to the winner,\nmean and {self.confidence:.0%} interval"
        ax.set(xlabel=title, ylim=(len(rows) - 0.5, -0.5))
        ax.locator_params("x", nbins=5)
        if len(rows) == 1:
            ax.set_xticks([])


def _make_labels(search: FittedSearch, trial_table: TrialTable, indices: np.ndarray) -> list[str]:
    """Name candidates by their rows in ``cv_results_`` and by the most important parameters in which they differ."""
    axes = rank_by_importance(read_axes(search, trial_table, None), trial_table.select_complete().score)
    names = [axis.name for axis in axes]
    params = [trial_table.params[index] for index in indices]
    differing = [name for name in names if len({format_value(one.get(name, ABSENT)) for one in params}) > 1]
    shown = (differing or names)[:MAX_PARAMETERS]
    short_names = shorten_names(shown)
    labels = []
    for index, candidate in zip(indices, params, strict=True):
        parts = [
            f"{short_names[name]}={format_value(candidate[name], max_length=14)}" for name in shown if name in candidate
        ]
        lines = [", ".join(parts[start : start + 2]) for start in range(0, len(parts), 2)]
        labels.append("\n".join([f"candidate {trial_table.row[index]}", *lines]))
    return labels
