"""ParameterAxis: the candidates' positions on an axis for one parameter, and the axis's labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune.analysis._trial_table import TrialTable
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.plotting._style import encode_choices

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ParameterAxis", "read_varying_axes"]

# A parameter may be drawn on a logarithmic axis if its largest value is this many times its smallest.
MIN_LOG_RATIO = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class ParameterAxis:
    """The positions of candidates on the axis of one parameter.

    Attributes
    ----------
    name : str
    positions : ndarray of float of shape (n_candidates,)
        A number, or the index of a choice in ``labels``; NaN where a candidate does not have the
        parameter.
    labels : list of str
        The choices; empty for numbers.
    is_log : bool
        Whether the axis is logarithmic.
    is_whole : bool
        Whether all values are whole numbers.
    """

    name: str
    positions: np.ndarray
    labels: list[str] = field(default_factory=list)
    is_log: bool = False
    is_whole: bool = False

    @property
    def is_choice(self) -> bool:
        """Whether the values have no distances."""
        return bool(self.labels)

    @property
    def scaled_positions(self) -> np.ndarray:
        """The positions, as logarithms if the axis is logarithmic."""
        return np.log10(self.positions) if self.is_log else self.positions

    @property
    def fraction(self) -> np.ndarray:
        """The position of each candidate as a fraction of the axis, from 0 to 1; 0.5 if all are equal."""
        scaled_positions = self.scaled_positions
        low, high = self.compute_limits()
        return np.where(
            np.isnan(scaled_positions), np.nan, (scaled_positions - low) / (high - low) if high > low else 0.5
        )

    def select(self, positions: np.ndarray) -> "ParameterAxis":
        """Return the axis with some of the candidates."""
        return replace(self, positions=self.positions[positions])

    def compute_limits(self) -> tuple[float, float]:
        """Return the smallest and the largest scaled position."""
        finite = self.scaled_positions[np.isfinite(self.scaled_positions)]
        if not len(finite):
            return 0.0, 1.0
        return float(finite.min()), float(finite.max())

    def format_axis(self, ax: "Axes", which: str = "x") -> None:
        """Set scale, ticks and name of an axis of a plot."""
        axis = ax.xaxis if which == "x" else ax.yaxis
        set_limits = ax.set_xlim if which == "x" else ax.set_ylim
        axis.set_label_text(self.name)
        if self.is_choice:
            axis.set_ticks(range(len(self.labels)), self.labels)
            set_limits(-0.5, len(self.labels) - 0.5)
            crowded = which == "x" and sum(map(len, self.labels)) > 18
            if crowded:
                ax.tick_params("x", rotation=30)
                for label in ax.get_xticklabels():
                    label.set_horizontalalignment("right")
        elif self.is_log:
            (ax.set_xscale if which == "x" else ax.set_yscale)("log")
            low, high = self.compute_limits()
            if high - low > 1:  # so that a power of ten is there to be read
                axis.set_minor_formatter(import_optional("matplotlib.ticker", "Plotting").NullFormatter())
        elif self.is_whole:
            locator: Any = axis.get_major_locator()  # a MaxNLocator, as of every linear axis
            locator.set_params(integer=True)


def read_varying_axes(trial_table: TrialTable, names: Sequence[str] | None, *, max_axes: int) -> list[ParameterAxis]:
    """Return axes of the complete candidates for the given parameters, or for those in which they differ.

    Of more than ``most``, those come that the most candidates have. If they differ in none, all come.
    """
    complete = trial_table.find_by_status(Status.COMPLETE)
    # All candidates are asked what kind of axis it is: those that were stopped had their values from the same space.
    axes = [_read_axis(name, trial_table.params).select(complete) for name in trial_table.select_param_names(names)]
    if names is not None:
        return axes
    axes = [axis for axis in axes if axis.compute_limits()[0] < axis.compute_limits()[1]] or axes
    commonest = sorted(axes, key=lambda axis: int(np.isnan(axis.positions).sum()))[:max_axes]
    return [axis for axis in axes if axis in commonest]


def _read_axis(name: str, candidates: Sequence[Mapping[str, Any]]) -> ParameterAxis:
    rows = [row for row, params in enumerate(candidates) if name in params]
    values = [candidates[row][name] for row in rows]
    positions = np.full(len(candidates), np.nan)
    if not all(_is_number(value) for value in values):
        positions[rows], labels = encode_choices(values)
        return ParameterAxis(name, positions, labels)
    positions[rows] = [float(value) for value in values]
    is_whole = all(isinstance(value, int | np.integer) for value in values)
    return ParameterAxis(name, positions, is_log=_looks_logarithmic(positions[rows]), is_whole=is_whole)


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float | np.number) or isinstance(value, bool | np.bool_ | np.complexfloating):
        return False
    return bool(np.isfinite(value))


def _looks_logarithmic(values: np.ndarray) -> bool:
    """Whether the median is nearer to the middle on a logarithmic axis than on a linear one."""
    low, middle, high = values.min(), float(np.median(values)), values.max()
    if low <= 0 or high / low < MIN_LOG_RATIO:
        return False
    plain = abs((middle - low) / (high - low) - 0.5)
    logarithmic = abs(np.log(middle / low) / np.log(high / low) - 0.5)
    return bool(logarithmic < plain)
