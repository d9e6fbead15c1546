"""LearningCurvesDisplay: the score of each candidate against the resource that it was given."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import TrialTable, read_trial_table
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.plotting._score_scale import ScoreScale
from sklearn_autotune.plotting._style import (
    BEST_STYLE,
    COLORS,
    DARK_COLOR,
    STATUS_STYLES,
    draw_legend,
    make_axes,
    make_logarithmic,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LearningCurvesDisplay"]

# The axis is logarithmic if the last amount is this many times the first.
MIN_LOG_RATIO = 8.0


@dataclass(kw_only=True, eq=False, repr=False)
class LearningCurvesDisplay:
    """Mean score of each candidate against its resource: boosting rounds, iterations, epochs or rows.

    A triangle marks where a candidate was stopped. A star marks the amount that the winner's score belongs to.

    Parameters
    ----------
    curves : list of (ndarray, ndarray)
        For each candidate, amounts in ascending order and mean scores, both of shape (n_points,); higher is better, as
        in ``cv_results_``.
    status : ndarray of str of shape (n_curves,)
    best : int or None, default=None
        Which curve is the winner's.
    best_amount : int or None, default=None
        The amount that the winner's score belongs to.
    resource : str, default="resource"
        What the amounts are.
    metric : str, default="score"
        scikit-learn's name of the score, such as "roc_auc" or "neg_log_loss"; a loss is drawn with its own sign.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        One for each curve.
    stops_ : matplotlib PathCollection or None
        Where candidates were stopped.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_autotune import TunedXGBRegressor
    >>> from sklearn_autotune.plotting import LearningCurvesDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = TunedXGBRegressor(n_trials=3, cv=3, random_state=0).fit(X, y)
    >>> len(LearningCurvesDisplay.from_search(model).lines_)
    3
    """

    curves: Sequence[tuple[np.ndarray, np.ndarray]]
    status: np.ndarray
    best: int | None = None
    best_amount: int | None = None
    resource: str = "resource"
    metric: str = "score"

    @classmethod
    def from_search(cls, search: FittedSearch, *, ax: "Axes | None" = None) -> "LearningCurvesDisplay":
        """Plot a search whose candidates were given a resource in steps.

        Parameters
        ----------
        search : TunedXGBClassifier, TunedXGBRegressor or OptunaSearchCV with ``resource``
            Fitted.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LearningCurvesDisplay

        Raises
        ------
        ValueError
            If the candidates have no curves.
        """
        trial_table = read_trial_table(search)
        is_boosted = hasattr(search, "learning_curves_")
        all_curves = _read_booster_curves(search, trial_table) if is_boosted else _read_rung_curves(search, trial_table)
        known = {index: curve for index, curve in enumerate(all_curves) if curve is not None}
        indices = list(known)
        if not indices:
            raise ValueError(
                f"The candidates of this {type(search).__name__} have no learning curves. Candidates of "
                "TunedXGBClassifier and TunedXGBRegressor have some, and those of an OptunaSearchCV with a resource, "
                "such as resource='iterations'."
            )
        return cls(
            curves=list(known.values()),
            status=trial_table.status[indices],
            best=indices.index(trial_table.best) if trial_table.best in indices else None,
            best_amount=getattr(search, "n_estimators_" if is_boosted else "best_resource_", None),
            resource="boosting rounds" if is_boosted else str(getattr(search, "resource", None) or "resource"),
            metric=trial_table.described_metric.name,
        ).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> "LearningCurvesDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LearningCurvesDisplay
        """
        ax = make_axes(ax)
        ends = np.array([curve[1][-1] for curve in self.curves])
        scale = ScoreScale.from_scores(ends, self.metric)
        max_score = max(np.nanmax(curve[1]) for curve in self.curves)
        scale = replace(scale, best=max(scale.best, max_score + 0.05 * (max_score - scale.worst)))
        self.lines_ = [self._draw_curve(ax, index, scale) for index in range(len(self.curves))]
        self.stops_ = self._draw_stops(ax, scale)
        self._draw_best(ax, scale)
        amounts = np.concatenate([curve[0] for curve in self.curves])
        visible = np.concatenate([curve[1] for curve in self.curves]) >= scale.worst
        first, last = amounts[visible].min(), amounts.max()
        if first > 0 and last >= MIN_LOG_RATIO * first:
            make_logarithmic(ax, first, last)
            ax.set_xlim(first / (last / first) ** 0.04, last * (last / first) ** 0.04)
        ax.set(xlabel=self.resource.replace("_", " "), ylabel=scale.label, ylim=scale.limits)
        draw_legend(ax, loc="best")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_curve(self, ax: "Axes", index: int, scale: ScoreScale) -> Any:
        is_complete, is_best = self.status[index] == Status.COMPLETE, index == self.best
        kind = "winner" if is_best else "complete" if is_complete else "stopped or failed"
        color = DARK_COLOR if is_best else COLORS[0] if is_complete else COLORS[1]
        known = {line.get_label() for line in ax.get_lines()}
        (line,) = ax.plot(
            self.curves[index][0],
            scale.convert(self.curves[index][1]),
            color=color,
            linewidth=2.2 if is_best else 1.0,
            linestyle="-" if is_complete else "--",
            marker="." if len(self.curves[index][0]) == 1 else None,
            alpha=1.0 if is_best else 0.7,
            zorder=3 if is_best else 2,
            label=f"_{kind}" if kind in known else kind,
        )
        return line

    def _draw_stops(self, ax: "Axes", scale: ScoreScale) -> Any:
        stopped = [curve for curve, status in zip(self.curves, self.status, strict=True) if status == Status.PRUNED]
        ends = [(amounts[-1], scale.clip(scores[-1])) for amounts, scores in stopped]
        if not ends:
            return None
        mark = STATUS_STYLES[Status.PRUNED].make_scatter_settings()
        return ax.scatter(*np.transpose(ends), zorder=4, clip_on=False, label="stopped here", **mark)

    def _draw_best(self, ax: "Axes", scale: ScoreScale) -> None:
        if self.best is None or self.best_amount is None:
            return
        amounts, scores = self.curves[self.best]
        height = np.interp(self.best_amount, amounts, scale.convert(scores))
        ax.scatter(
            self.best_amount,
            height,
            zorder=5,
            clip_on=False,
            label="winner's score",
            **BEST_STYLE.make_scatter_settings(),
        )


def _read_booster_curves(search: Any, trial_table: TrialTable) -> list[tuple[np.ndarray, np.ndarray] | None]:
    return [None if row < 0 else _average_curve(search.learning_curves_[row]) for row in trial_table.row]


def _average_curve(folds: Sequence[Any]) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the mean over the folds, up to the last amount that all folds have."""
    n_points = min((len(fold["score"]) for fold in folds), default=0)
    if n_points == 0:
        return None
    return folds[0]["n_estimators"][:n_points], np.mean([fold["score"][:n_points] for fold in folds], axis=0)


def _read_rung_curves(search: FittedSearch, trial_table: TrialTable) -> list[tuple[np.ndarray, np.ndarray] | None]:
    """Read the rungs from the study, which has each as an intermediate value."""
    if getattr(search, "resource", None) is None or not hasattr(search, "study_"):
        return [None] * len(trial_table)
    reported = {trial.number: trial.intermediate_values for trial in search.study_.get_trials(deepcopy=False)}
    curves = []
    for number in trial_table.number:
        points = sorted((step, value) for step, value in reported.get(int(number), {}).items() if np.isfinite(value))
        curves.append((np.array([step for step, _ in points]), np.array([value for _, value in points])))
    return [curve if len(curve[0]) else None for curve in curves]
