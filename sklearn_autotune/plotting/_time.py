"""TimeDisplay: the seconds that a search spent on what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import TrialTable, measure_overhead, read_trial_table
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.plotting._style import COLORS, HATCHES, STATUS_NAMES, draw_legend, make_axes
from sklearn_autotune.search._base_search import get_default_seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TimeDisplay"]

FIT, SCORE, OTHER = "fit", "score", "other"

# Statuses, as text, in the order in which they are stacked; any others follow.
SHOWN_FIRST = tuple(str(status) for status in (Status.COMPLETE, Status.PRUNED, Status.FAILED))


@dataclass(kw_only=True, eq=False, repr=False)
class TimeDisplay:
    """Seconds of a search by phase: a bar for each way in which candidates ended, or for each family of models.

    Parameters
    ----------
    seconds : dict of str to dict of str to float
        For each row, from the top, phase to seconds.
    counts : dict of str to int
        How many candidates there are in a row; rows without candidates are left out.
    wall_seconds : float, default=None
        What the search and the final fit took by the clock, if that is known.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : dict of str to matplotlib BarContainer
        By phase.

    Notes
    -----
    Seconds of fitting and scoring are added up over the workers; with several workers, they are more than the clock
    shows. "default" is the time for the estimator's own parameters, if they were measured apart from the candidates.
    "sampler" is the time for proposing candidates and learning from them. "the rest" is everything else:
    storing, callbacks, sending candidates to workers, starting workers. For searches of other packages with a
    ``study_``, "sampler and the rest" is the time in which trials were under way and nothing was measured.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OptunaSearchCV
    >>> from sklearn_autotune.plotting import TimeDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3, 4]}).fit(X, y)
    >>> TimeDisplay.from_search(search).counts
    {'complete': 4}
    """

    seconds: Mapping[str, Mapping[str, float]]
    counts: Mapping[str, int]
    wall_seconds: float | None = None

    @classmethod
    def from_search(cls, search: FittedSearch, *, ax: "Axes | None" = None) -> "TimeDisplay":
        """Plot a finished search.

        Parameters
        ----------
        search : estimator
            Fitted; of this package, or any with scikit-learn's ``cv_results_``. Of an `AutoModelSelector` the rows are
            families, of others the ways in which candidates ended.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : TimeDisplay
        """
        board = getattr(search, "leaderboard_", None)
        trial_table = read_trial_table(search)
        seconds, counts = _sum_by_status(trial_table) if board is None else _sum_by_family(board)
        refit = getattr(search, "refit_time_", None)
        if refit is not None:
            seconds["final fit"] = {FIT: float(refit)}
        default = get_default_seconds(search)
        if default > 0:
            seconds["default"] = {OTHER: default}
        overhead = measure_overhead(search, trial_table)
        if overhead.sampler is not None:
            seconds["sampler"] = {OTHER: overhead.sampler}
        if overhead.rest > 0:
            seconds["the rest" if overhead.sampler is not None else "sampler and the rest"] = {OTHER: overhead.rest}
        wall = None if overhead.wall is None else overhead.wall + float(refit or 0.0)
        return cls(seconds=seconds, counts=counts, wall_seconds=wall).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> "TimeDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : TimeDisplay
        """
        ax = make_axes(ax, size=(6.4, 1.3 + 0.36 * max(2, len(self.seconds))))
        rows = np.arange(len(self.seconds))
        left = np.zeros(len(rows))
        self.bars_ = {}
        for index, phase in enumerate((FIT, SCORE, OTHER)):
            widths = np.array([phases.get(phase, 0.0) for phases in self.seconds.values()])
            if widths.any():
                self.bars_[phase] = ax.barh(
                    rows,
                    widths,
                    left=left,
                    height=0.66,
                    color=COLORS[(0, 1, 7)[index]],
                    hatch=HATCHES[index],
                    edgecolor="white",
                    label=phase,
                )
                left += widths
        for row, total in zip(rows, left, strict=True):
            ax.annotate(f"{total:.2g} s", (total, row), (4, 0), textcoords="offset points", va="center", fontsize=8)
        names = [
            f"{STATUS_NAMES.get(name, name)} ({self.counts[name]})" if name in self.counts else name
            for name in self.seconds
        ]
        ax.set_yticks(rows, names)
        wall = "" if self.wall_seconds is None else f"; {self.wall_seconds:.2g} s by the clock"
        ax.set(xlabel=f"seconds{wall}", ylim=(len(rows) - 0.5, -0.5), xlim=(0, 1.18 * max(left.max(initial=0), 1e-9)))
        ax.spines[["top", "right"]].set_visible(False)
        draw_legend(ax, loc="lower right")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _sum_by_status(trial_table: TrialTable) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    seconds, counts = {}, {}
    for status in dict.fromkeys((*SHOWN_FIRST, *trial_table.status)):
        indices = trial_table.find_by_status(status)
        if len(indices):
            known = trial_table.seconds[indices]
            fit = np.where(np.isfinite(trial_table.fit_seconds[indices]), trial_table.fit_seconds[indices], known)
            seconds[status] = {FIT: float(np.nansum(fit)), SCORE: float(np.nansum(np.maximum(known - fit, 0)))}
            counts[status] = len(indices)
    return seconds, counts


def _sum_by_family(board: Mapping[str, np.ndarray]) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    """Add up the seconds of a leaderboard by family, the largest sum first."""
    seconds, counts = {}, {}
    for family in dict.fromkeys(board["family"]):
        in_family = board["family"] == family
        seconds[family] = {
            FIT: float(np.nansum(board["fit_seconds"][in_family])),
            SCORE: float(np.nansum(board["predict_seconds"][in_family])),
        }
        counts[family] = int(in_family.sum())
    return dict(sorted(seconds.items(), key=lambda item: -sum(item[1].values()))), counts
