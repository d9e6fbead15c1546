"""AimAxis: the axis of an objective or of something that is limited, and which of them a display shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sklearn_autotune._compat.messages import suggest_name
from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._aims import Aim, AimTable, read_aim_table
from sklearn_autotune.plotting._score_scale import compute_score_limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["AimAxis", "choose_aims", "select_aims", "spans_a_decade"]

MARGIN = 0.05  # of an axis, on both sides


def choose_aims(search: FittedSearch, names: Sequence[str] | None, max_aims: int) -> tuple[AimTable, list[Aim]]:
    """Return what a search has found in its objectives, or in those of its objectives and limits that are named.

    Parameters
    ----------
    search : estimator
        Fitted.
    names : sequence of str or None
    max_aims : int
        How many can be shown.

    Raises
    ------
    ValueError
        If there are fewer than two or too many, or a name is not known.
    """
    table = read_aim_table(search)
    if table is None:
        raise ValueError(
            f"This {type(search).__name__} has one score, and neither objectives nor limits. Fit an OptunaSearchCV "
            "with objectives=, such as objectives=['neg_log_loss', 'bytes'], or take OptimizationHistoryDisplay."
        )
    return table, select_aims(table.aims, table.objectives, names, max_aims)


def select_aims(aims: Sequence[Aim], default: Sequence[Aim], names: Sequence[str] | None, max_aims: int) -> list[Aim]:
    """Return those of objectives and limits that are named, or the default.

    Parameters
    ----------
    aims, default : sequence of Aim
    names : sequence of str or None
    max_aims : int
        How many can be shown.

    Raises
    ------
    ValueError
        As of `choose_aims`.
    """
    known = {aim.name: aim for aim in aims}
    for name in names or ():
        if name not in known:
            raise ValueError(
                f"The search has {', '.join(known)}, but no objective or limit {name!r}{suggest_name(name, known)}"
            )
    chosen = list(default) if not names else [known[name] for name in dict.fromkeys(names)]
    if len(chosen) < 2:
        limited = f" Name what to draw: objectives={list(known)[:2]}." if len(known) > 1 else ""
        raise ValueError(
            f"Two objectives are needed, and there is one: {', '.join(one.name for one in chosen)}.{limited}"
        )
    if len(chosen) > max_aims:
        raise ValueError(
            f"There are {len(chosen)} objectives, and {max_aims} can be shown at most. Name them: "
            f"objectives={[aim.name for aim in chosen[:2]]}."
        )
    return chosen


@dataclass(frozen=True, slots=True)
class AimAxis:
    """The axis of one objective.

    Attributes
    ----------
    aim : Aim
    is_log : bool
        Whether the axis is logarithmic: so is that of a cost that spans more than a power of ten.
    low, high : float
        The ends of the axis.
    """

    aim: Aim
    is_log: bool
    low: float
    high: float

    @classmethod
    def from_aim(cls, aim: Aim, is_drawn: np.ndarray, is_kept: np.ndarray) -> "AimAxis":
        """Return the axis for some candidates; those to be kept lie between its ends, as do the limits.

        Parameters
        ----------
        aim : Aim
        is_drawn, is_kept : ndarray of bool of shape (n_trials,)
        """
        values, kept = aim.values[is_drawn], aim.values[is_kept]
        is_log = spans_a_decade(aim, is_drawn)
        sign = -1 if aim.is_lower_better else 1
        ends = [sign * one for one in compute_score_limits(sign * (np.log10(values) if is_log else values))]
        bounds = [bound.value for bound in aim.bounds]
        inner = np.array([*kept, *bounds], dtype=float)
        inner = np.log10(inner) if is_log else inner
        low, high = min(*ends, *inner), max(*ends, *inner)
        margin = MARGIN * (high - low)
        low, high = (low - margin, high + margin) if len(inner) else (low, high)
        return cls(aim, is_log, float(10**low if is_log else low), float(10**high if is_log else high))

    def clip(self, values: np.ndarray) -> np.ndarray:
        """Return values, those beyond an end of the axis at that end."""
        return np.clip(values, self.low, self.high)

    def format_axis(self, ax: "Axes", which: str) -> None:
        """Set scale, ends and name of an axis."""
        axis, label = (ax.xaxis if which == "x" else ax.yaxis), f"{self.aim.label}\n({self.aim.direction})"
        if self.is_log:
            (ax.set_xscale if which == "x" else ax.set_yscale)("log")
        if self.is_log and self.high < 200 * self.low:
            ticker = import_optional("matplotlib.ticker", "Plotting")
            axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
            axis.set_minor_formatter(ticker.NullFormatter())
            if self.low > 1e-3 and self.high < 1e6:
                axis.set_major_formatter(ticker.StrMethodFormatter("{x:,g}"))
        (ax.set_xlim if which == "x" else ax.set_ylim)(self.low, self.high)
        axis.set_label_text(label)


def spans_a_decade(aim: Aim, is_drawn: np.ndarray) -> bool:
    """Whether a cost spans more than a power of ten, with its limits, so that its logarithm is shown."""
    values = np.array([*aim.values[is_drawn], *(bound.value for bound in aim.bounds)])
    return aim.is_cost and len(values) > 0 and bool(0 < 10 * values.min() < values.max())
