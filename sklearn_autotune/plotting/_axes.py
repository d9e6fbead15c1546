"""ParameterAxis: the candidates' positions on an axis for one parameter, and the axis's labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._trial_table import TrialTable
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.plotting._log_scale import find_log_scales, is_number, is_spread_logarithmically
from sklearn_autotune.plotting._style import encode_choices, shorten, wrap_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MAX_LABELS", "ParameterAxis", "number_candidates", "read_axes"]

MAX_LABELS = 60  # choices that are written beside an axis; of more, some are left out
MAX_LABEL_LENGTH = 26
POINTS_PER_INCH = 72

# Marks with the same choice are spread by this part of the distance between two choices. Multiples of the golden ratio
# fill an interval evenly.
MAX_SPREAD = 0.16
GOLDEN_RATIO = 0.618034


@dataclass(frozen=True, slots=True, eq=False)
class ParameterAxis:
    """Where candidates lie on the axis of one parameter.

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
        """Whether the values are choices, between which there are no distances."""
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

    def spread_choices(self, order: np.ndarray) -> np.ndarray:
        """Return the positions, those of choices shifted a little to the side, so that marks do not hide one another.

        Parameters
        ----------
        order : ndarray of float of shape (n_candidates,)
            Numbers of the candidates, which decide by how much.
        """
        if not self.is_choice:
            return self.positions
        return self.positions + MAX_SPREAD * (2 * ((GOLDEN_RATIO * order) % 1.0) - 1)

    def select(self, positions: np.ndarray) -> "ParameterAxis":
        """Return the axis with some of the candidates."""
        return replace(self, positions=self.positions[positions])

    def compute_limits(self) -> tuple[float, float]:
        """Return the smallest and the largest scaled position."""
        finite = self.scaled_positions[np.isfinite(self.scaled_positions)]
        if not len(finite):
            return 0.0, 1.0
        return float(finite.min()), float(finite.max())

    @property
    def varies(self) -> bool:
        """Whether the candidates differ in the parameter, where they have it."""
        low, high = self.compute_limits()
        return low < high

    def format_axis(self, ax: "Axes", which: str = "x", *, inches: float = 3.0) -> None:
        """Set scale, ticks and name of an axis of a plot that is about so many inches long."""
        axis = ax.xaxis if which == "x" else ax.yaxis
        axis.set_label_text(wrap_name(self.name, max(16, int(10.5 * inches))))
        if self.is_choice:
            self._format_choices(ax, which, inches)
        elif self.is_log:
            (ax.set_xscale if which == "x" else ax.set_yscale)("log")
            self._write_logarithmic_ticks(axis)
        elif self.is_whole:
            locator: Any = axis.get_major_locator()  # a MaxNLocator, as of every linear axis
            locator.set_params(integer=True)

    def _write_logarithmic_ticks(self, axis: Any) -> None:
        """Write powers of ten, or plain numbers where the axis has few powers of ten."""
        ticker = import_optional("matplotlib.ticker", "Plotting")
        low, high = self.compute_limits()
        axis.set_minor_formatter(ticker.NullFormatter())
        if high - low < 2:
            steps = (1, 3) if high - low > 1 else (1, 2, 5)
            axis.set_major_locator(ticker.MaxNLocator(4) if high - low < 0.6 else ticker.LogLocator(subs=steps))
            axis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))

    def _format_choices(self, ax: "Axes", which: str, inches: float) -> None:
        """Write the choices so that they do not overlap: turned if they are long, small if they are many."""
        axis = ax.xaxis if which == "x" else ax.yaxis
        step = -(-len(self.labels) // MAX_LABELS)
        shown = [shorten(label, MAX_LABEL_LENGTH) for label in self.labels[::step]]
        size = min(10.0, max(5.0, POINTS_PER_INCH * inches / (1.25 * len(shown))))
        axis.set_ticks(range(0, len(self.labels), step), shown)
        (ax.set_xlim if which == "x" else ax.set_ylim)(-0.5, len(self.labels) - 0.5)
        width = sum(len(label) + 2 for label in shown) * 0.6 * 10 / POINTS_PER_INCH
        if which == "y":
            ax.tick_params("y", labelsize=size)
        elif width > inches:
            few = len(shown) <= 6
            ax.tick_params("x", rotation=30 if few else 90, labelsize=min(size, 9))
            for label in ax.get_xticklabels() if few else ():
                label.set_horizontalalignment("right")
                label.set_rotation_mode("anchor")


def read_axes(search: FittedSearch, trial_table: TrialTable, names: Sequence[str] | None) -> list[ParameterAxis]:
    """Return axes of the complete candidates for the given parameters, or for those in which they differ.

    If they differ in none, all parameters have one.
    """
    complete = trial_table.find_by_status(Status.COMPLETE)
    is_log = find_log_scales(search)
    # The kind of an axis depends on the values of all candidates: those that were stopped are from the same space.
    axes = [
        _read_axis(name, trial_table.params, is_log.get(name)).select(complete)
        for name in trial_table.select_param_names(names)
    ]
    return axes if names is not None else [axis for axis in axes if axis.varies] or axes


def number_candidates(trial_table: TrialTable) -> np.ndarray:
    """Return the place of each trial on an axis of candidates: its row in ``cv_results_``.

    A candidate that was cut by a time limit has no row, and gets a place half-way between two rows.
    """
    has_row = trial_table.row >= 0
    return np.where(has_row, trial_table.row, np.cumsum(has_row) - 0.5)


def _read_axis(name: str, candidates: Sequence[Mapping[str, Any]], is_log: bool | None) -> ParameterAxis:
    rows = [row for row, params in enumerate(candidates) if name in params]
    values = [candidates[row][name] for row in rows]
    positions = np.full(len(candidates), np.nan)
    if not all(is_number(value) for value in values):
        positions[rows], labels = encode_choices(values)
        return ParameterAxis(name, positions, labels)
    positions[rows] = [float(value) for value in values]
    is_whole = all(isinstance(value, int | np.integer) for value in values)
    if is_log is None:
        is_log = is_spread_logarithmically(positions[rows])
    return ParameterAxis(name, positions, is_log=is_log and bool((positions[rows] > 0).all()), is_whole=is_whole)
