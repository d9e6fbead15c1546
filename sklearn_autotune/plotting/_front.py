"""FrontDisplay: the candidates of a search, or the blends of a selector, and those that no other one beats."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._aims import Aim, BlendAimTable, read_blend_aim_table
from sklearn_autotune.objectives._front import find_front
from sklearn_autotune.plotting._aim_axis import AimAxis, choose_aims, select_aims
from sklearn_autotune.plotting._style import BEST_STYLE, COLORS, DARK_COLOR, TrialStyle, draw_legend, split_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FrontDisplay"]

MAX_OBJECTIVES = 4

FRONT_STYLE = TrialStyle("o", COLORS[0], size=34.0)
BEATEN_STYLE = TrialStyle("o", COLORS[7], is_filled=False, size=20.0)
INFEASIBLE_STYLE = TrialStyle("x", COLORS[4], size=24.0)
FORBIDDEN_COLOR = "#F3E3DC"  # of the side of a limit on which no winner may lie


@dataclass(kw_only=True, eq=False, repr=False)
class FrontDisplay:
    """The complete candidates by two objectives, and the front: those that no other candidate beats.

    Filled dots are the front, joined by a step line: no candidate lies on its better side. Hollow dots are candidates
    that another one beats. Crosses do not meet the limits, and a dashed line is a limit. A star is the winner. Three or
    four objectives are drawn in pairs, without the line; a dot on the front may then lie behind others in a panel.
    Candidates far worse than the others are drawn at the end of an axis, unless they are on the front. Those that were
    stopped early are left out. Of an `AutoModelSelector`, the dots are the blends and single models that it has
    compared, with the scores and costs of its ``front_``.

    Parameters
    ----------
    objectives : list of Aim
        Names and values of all candidates, NaN unless complete; costs and losses are positive. Of two, the first is on
        the x axis.
    candidate : ndarray of int of shape (n_candidates,)
        Rows in ``cv_results_``; of blends, rows in ``front_``, and -1 for a blend that is not there.
    meets_limits : ndarray of bool of shape (n_candidates,)
        Whether a candidate is complete and meets the limits.
    best : int or None, default=None
        Position of the winner among the candidates.
    front_scores : ndarray of float of shape (n_candidates, n_objectives) or None, default=None
        Scores that decide about the front; higher is better. None is those of the objectives. Of blends with the same
        score, one that averages more models counts as better.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_pairs,)
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D or None
        The front of two objectives.
    scatters_ : dict of str to list of matplotlib PathCollection
        "on the front", "beaten by another" and "does not meet the limits", each with one for each pair.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OptunaSearchCV
    >>> from sklearn_autotune.plotting import FrontDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> search = OptunaSearchCV(tree, {"max_depth": [1, 2, 3]}, objectives=["accuracy", "bytes"], random_state=0)
    >>> display = FrontDisplay.from_search(search.fit(X, y))
    >>> [aim.name for aim in display.objectives], int(display.is_on_front.sum())
    (['bytes', 'accuracy'], 3)
    """

    objectives: Sequence[Aim]
    candidate: np.ndarray
    meets_limits: np.ndarray
    best: int | None = None
    front_scores: np.ndarray | None = None
    is_on_front: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        own = np.column_stack([aim.scores for aim in self.objectives])
        scores = own if self.front_scores is None else self.front_scores.copy()
        scores[~self.meets_limits] = np.nan
        self.is_on_front = find_front(scores)

    @classmethod
    def from_search(
        cls, search: FittedSearch, *, objectives: Sequence[str] | None = None, ax: "Axes | None" = None
    ) -> "FrontDisplay":
        """Plot a finished search.

        Parameters
        ----------
        search : OptunaSearchCV or AutoModelSelector
            Fitted; an `OptunaSearchCV` with ``objectives`` or ``limits``.
        objectives : list of str, default=None
            Two to four of its objectives and of what it limits, by their names in ``front_`` or ``best_scores_``. The
            front is that of these. None is all objectives; of two, a cost comes first. Of an `AutoModelSelector`, the
            names are those of its objectives and limits; without ``objectives``, they are "score", "predict_seconds"
            and "bytes", and None is the first two.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : FrontDisplay

        Raises
        ------
        ValueError
            If there are fewer than two objectives or more than four, or a name is not known.
        """
        blends = read_blend_aim_table(search)
        if blends is not None:
            return cls._from_blends(blends, objectives).plot(ax=ax)
        table, aims = choose_aims(search, objectives, MAX_OBJECTIVES)
        if objectives is None and len(aims) == 2:
            aims.sort(key=lambda aim: not aim.is_cost)
        return cls(
            objectives=aims,
            candidate=table.trial_table.row,
            meets_limits=table.may_win,
            best=table.trial_table.best,
        ).plot(ax=ax)

    @classmethod
    def _from_blends(cls, blends: BlendAimTable, names: Sequence[str] | None) -> "FrontDisplay":
        table = blends.blends
        default = blends.objectives[: None if table.is_listed else 2]
        chosen = select_aims(blends.aims, default, names, MAX_OBJECTIVES)
        if names is None and len(chosen) == 2:
            chosen.sort(key=lambda aim: not aim.is_cost)
        keys = {one.name: one.key for one in table.named}
        rows = np.full(len(table.members), -1)
        front = table.find_front()
        rows[front] = np.arange(len(front))
        scores = table.make_front_scores([keys[aim.name] for aim in chosen])
        return cls(
            objectives=chosen, candidate=rows, meets_limits=table.meets_limits, best=table.best, front_scores=scores
        )

    def plot(self, *, ax: "Axes | None" = None) -> "FrontDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : FrontDisplay
        """
        is_drawn = np.isfinite(np.column_stack([aim.values for aim in self.objectives])).all(axis=1)
        is_kept = self.is_on_front.copy()
        if self.best is not None:
            is_kept[self.best] = True
        axes = [AimAxis.from_aim(aim, is_drawn, is_kept & is_drawn) for aim in self.objectives]
        pairs = list(combinations(axes, 2))
        size = (6.4, 4.4) if len(pairs) == 1 else (10.5, 3.9 * -(-len(pairs) // 3))
        self.axes_ = split_axes(ax, len(pairs), n_columns=3, size=size)
        self.figure_ = self.axes_[0].figure
        self.scatters_: dict[str, list[Any]] = {}
        self.line_ = None
        groups = {
            "does not meet the limits": (is_drawn & ~self.meets_limits, INFEASIBLE_STYLE),
            "beaten by another": (is_drawn & self.meets_limits & ~self.is_on_front, BEATEN_STYLE),
            "on the front": (self.is_on_front, FRONT_STYLE),
        }
        for panel, (x, y) in zip(self.axes_, pairs, strict=True):
            self._draw_limits(panel, x, y)
            if len(pairs) == 1 and self.is_on_front.any():
                self.line_ = self._draw_front(panel, x, y)
            for name, (chosen, style) in groups.items():
                if chosen.any():
                    self.scatters_.setdefault(name, []).append(_draw_marks(panel, x, y, chosen, name, style))
            if self.best is not None:
                _draw_marks(panel, x, y, np.array([self.best]), "winner", BEST_STYLE)
            x.format_axis(panel, "x")
            if len(pairs) > 1 and not x.is_log:
                panel.locator_params(axis="x", nbins=4)  # more numbers overlap in a narrow panel
            y.format_axis(panel, "y")
        draw_legend(self.axes_[0], loc="best")
        return self

    def _draw_front(self, ax: "Axes", x: AimAxis, y: AimAxis) -> Any:
        """Draw the edge of what the front reaches: at least as good as a point of it in both objectives."""
        drawn = self.is_on_front & np.isfinite(x.aim.values) & np.isfinite(y.aim.values)
        order = np.flatnonzero(drawn)[np.argsort(x.aim.values[drawn], kind="stable")]
        style = "steps-post" if x.aim.is_lower_better else "steps-pre"
        points = x.aim.values[order], y.aim.values[order]
        return ax.plot(*points, drawstyle=style, color=DARK_COLOR, linewidth=1.3, zorder=2)[0]

    def _draw_limits(self, ax: "Axes", x: AimAxis, y: AimAxis) -> None:
        """Draw each limit as a line, and grey what lies on its wrong side."""
        for one, draw_line, draw_span in ((x, ax.axvline, ax.axvspan), (y, ax.axhline, ax.axhspan)):
            for bound in one.aim.bounds:
                place = float(np.clip(bound.value, one.low, one.high))
                end = one.high if bound.is_upper else one.low
                draw_span(*sorted((place, end)), color=FORBIDDEN_COLOR, linewidth=0, zorder=0)
                draw_line(place, color=COLORS[4], linestyle="--", linewidth=1.2, zorder=1, label=f"limit {bound}")


def _draw_marks(ax: "Axes", x: AimAxis, y: AimAxis, chosen: np.ndarray, name: str, style: TrialStyle) -> Any:
    points = x.clip(x.aim.values[chosen]), y.clip(y.aim.values[chosen])
    return ax.scatter(*points, label=name, zorder=3, clip_on=False, **style.make_scatter_settings())
