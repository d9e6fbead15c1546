"""HypervolumeDisplay: how far the front of a search with several objectives has come, over candidates and seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._aims import Aim, AimTable
from sklearn_autotune.objectives._front import compute_hypervolume, find_front
from sklearn_autotune.plotting._aim_axis import choose_aims, spans_a_decade
from sklearn_autotune.plotting._style import COLORS, split_axes
from sklearn_autotune.search._front_attributes import get_blend_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["HypervolumeDisplay"]

MAX_OBJECTIVES = 4  # of more, a hypervolume takes too long


@dataclass(kw_only=True, eq=False, repr=False)
class HypervolumeDisplay:
    """The hypervolume of the front so far, over the candidates and over seconds.

    The hypervolume is the part of the space of objectives in which a point is beaten by a candidate. Here it is a share
    of the box between a reference point, which is bad in all objectives, and the best value of each objective: 0 is
    that no candidate beats the reference, and 1 would be a candidate that is best in everything. A curve that is still
    rising says that more candidates would improve the front. Candidates that do not meet the limits add nothing.

    Parameters
    ----------
    objectives : list of Aim
        Names and values of all candidates, NaN unless complete; costs and losses are positive. A cost that spans more
        than a power of ten counts by its logarithm.
    candidate : ndarray of int of shape (n_candidates,)
        Rows in ``cv_results_``.
    seconds : ndarray of float of shape (n_candidates,)
        When each candidate was done, from the beginning of the search.
    meets_limits : ndarray of bool of shape (n_candidates,)
        Whether a candidate is complete and meets the limits.
    reference : dict of str to float, default=None
        The value of each objective in the reference point, as costs and losses are shown: positive. None is the worst
        value of the candidates that are complete and meet the limits.

    Attributes
    ----------
    hypervolume : ndarray of float of shape (n_candidates,)
        After each candidate, in the order of the candidates.
    axes_ : ndarray of matplotlib Axes of shape (2,)
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        Over candidates, and over seconds.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OptunaSearchCV
    >>> from sklearn_autotune.plotting import HypervolumeDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> search = OptunaSearchCV(tree, {"max_depth": [1, 2, 3]}, objectives=["accuracy", "bytes"], random_state=0)
    >>> display = HypervolumeDisplay.from_search(search.fit(X, y))
    >>> display.hypervolume.shape, bool(0 < display.hypervolume[-1] < 1)
    ((3,), True)
    """

    objectives: Sequence[Aim]
    candidate: np.ndarray
    seconds: np.ndarray
    meets_limits: np.ndarray
    reference: Mapping[str, float] | None = None
    hypervolume: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        if not self.meets_limits.any():
            raise ValueError("No candidate is complete and meets the limits, so there is no front.")
        if self.reference is None:
            worst = {aim.name: _find_worst(aim, self.meets_limits) for aim in self.objectives}
            self.reference = worst
        columns = [self._scale(aim, self.reference[aim.name]) for aim in self.objectives]
        scaled = np.column_stack(columns)
        scaled[~self.meets_limits] = np.nan
        self.hypervolume = _accumulate(scaled)

    @classmethod
    def from_search(
        cls, search: FittedSearch, *, reference: Mapping[str, float] | None = None, ax: "Axes | None" = None
    ) -> "HypervolumeDisplay":
        """Plot a finished search.

        Parameters
        ----------
        search : OptunaSearchCV
            Fitted, with two to four ``objectives``.
        reference : dict of str to float, default=None
            For each objective, by its name in ``front_``, a value that is worse than those that count; costs and losses
            are positive. None is the worst value of the candidates that are complete and meet the limits.
        ax : matplotlib Axes, default=None
            Whose place is divided; None makes a figure.

        Returns
        -------
        display : HypervolumeDisplay

        Raises
        ------
        ValueError
            If there are fewer than two objectives or more than four, no candidate meets the limits, or the reference
            does not name all objectives. Also for an `AutoModelSelector`, whose blends are compared once, at the end.
        """
        if get_blend_table(search) is not None:
            raise ValueError(
                f"{type(search).__name__} compares its blends once, after the search, so that their front has no "
                "course over time. FrontDisplay shows the front, and OptimizationHistoryDisplay the score over time."
            )
        table, aims = choose_aims(search, None, MAX_OBJECTIVES)
        names = [aim.name for aim in aims]
        if reference is not None and sorted(reference) != sorted(names):
            raise ValueError(f"reference has {', '.join(reference)}. It has to have a value for {', '.join(names)}.")
        return cls(
            objectives=aims,
            candidate=table.trial_table.row,
            seconds=_read_seconds(search, table),
            meets_limits=table.may_win,
            reference=reference,
        ).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> "HypervolumeDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Whose place is divided; None makes a figure.

        Returns
        -------
        display : HypervolumeDisplay
        """
        self.axes_ = split_axes(ax, 2, n_columns=2, size=(8.6, 3.6))
        self.figure_ = self.axes_[0].figure
        order = np.argsort(self.seconds, kind="stable")
        done = np.maximum.accumulate(self.hypervolume[order])
        curves = (self.candidate, self.hypervolume), (self.seconds[order], done)
        labels = "candidate (row of cv_results_)", "seconds"
        self.lines_: list[Any] = []
        for panel, (x, height), label in zip(self.axes_, curves, labels, strict=True):
            shown = np.isfinite(x) & (x >= 0)
            self.lines_ += panel.plot(x[shown], height[shown], drawstyle="steps-post", color=COLORS[0], linewidth=1.8)
            panel.set(xlabel=label, ylim=(0, 1.02))
        self.axes_[1].set_xlim(left=0)
        self.axes_[0].set_ylabel("hypervolume of the front\n(share of the box to the best values)")
        self.axes_[1].tick_params("y", labelleft=False)
        locator = self.axes_[0].xaxis.get_major_locator()
        locator.set_params(integer=True)
        return self

    def _scale(self, aim: Aim, reference: float) -> np.ndarray:
        """Return scores between 0, the reference, and 1, the best value."""
        is_log = spans_a_decade(aim, self.meets_limits) and reference > 0
        sign = -1 if aim.is_lower_better else 1
        scores, low = aim.scores, sign * reference
        if is_log:
            scores, low = -np.log10(aim.values), -np.log10(reference)
        best = scores[self.meets_limits].max()
        return (scores - low) / (best - low) if best > low else np.where(np.isfinite(scores), scores >= best, np.nan)


def _find_worst(aim: Aim, meets_limits: np.ndarray) -> float:
    values = aim.values[meets_limits]
    return float(values.max() if aim.is_lower_better else values.min())


def _accumulate(scaled: np.ndarray) -> np.ndarray:
    """Return the hypervolume of all points up to each; only points that enter the front change it."""
    hypervolume = np.zeros(len(scaled))
    front = np.empty((0, scaled.shape[1]))
    for index, point in enumerate(scaled):
        hypervolume[index] = hypervolume[index - 1] if index else 0.0
        if np.isfinite(point).all() and not (front >= point).all(axis=1).any():
            front = np.vstack([front, point])
            front = front[find_front(front)]
            hypervolume[index] = compute_hypervolume(front, np.zeros(scaled.shape[1]))
    return hypervolume


def _read_seconds(search: FittedSearch, table: AimTable) -> np.ndarray:
    """Return when each candidate was done, by the study's times."""
    study: optuna.Study = search.study_  # type: ignore[attr-defined]
    trials = study.get_trials(deepcopy=False)
    start = min((trial.datetime_start for trial in trials if trial.datetime_start is not None), default=None)
    ends = {
        trial.number: (trial.datetime_complete - start).total_seconds()
        for trial in trials
        if start is not None and trial.datetime_complete is not None
    }
    return np.array([ends.get(number, np.nan) for number in table.trial_table.number], dtype=float)
