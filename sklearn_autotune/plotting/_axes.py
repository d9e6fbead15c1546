"""One parameter as an axis: where each candidate stands on it, and what is written beside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune.analysis._trial_table import TrialTable
from sklearn_autotune.plotting._style import encode_choices

__all__ = ["ParameterAxis", "read_varying_axes"]

# From so many times its smallest value on, a parameter may be drawn on a logarithmic axis.
LARGE_RATIO = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class ParameterAxis:
    """Where candidates stand on one parameter.

    Attributes
    ----------
    name : str
    places : ndarray of float of shape (n_candidates,)
        The value of a number, the place of a choice among the ``labels``; NaN where a candidate does not have the
        parameter.
    labels : list of str
        The choices; empty for numbers.
    is_log : bool
        Whether the axis is logarithmic.
    is_whole : bool
        Whether all values are whole numbers.
    """

    name: str
    places: np.ndarray
    labels: list[str] = field(default_factory=list)
    is_log: bool = False
    is_whole: bool = False

    @property
    def is_choice(self) -> bool:
        """Whether the values have no distances."""
        return bool(self.labels)

    @property
    def even(self) -> np.ndarray:
        """The places, logarithms where the axis is logarithmic: equal distances look equal."""
        return np.log10(self.places) if self.is_log else self.places

    @property
    def share(self) -> np.ndarray:
        """How far along the axis each candidate stands, from 0 to 1; in the middle if all stand at one place."""
        even = self.even
        low, high = self.limits()
        return np.where(np.isnan(even), np.nan, (even - low) / (high - low) if high > low else 0.5)

    def only(self, places: np.ndarray) -> "ParameterAxis":
        """Return the axis with some of the candidates."""
        return replace(self, places=self.places[places])

    def limits(self) -> tuple[float, float]:
        """Return the ends in even distances."""
        known = self.even[np.isfinite(self.even)]
        if not len(known):
            return 0.0, 1.0
        return float(known.min()), float(known.max())

    def dress(self, ax: Any, which: str = "x") -> None:
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
            low, high = self.limits()
            if high - low > 1:  # so that a power of ten is there to be read
                axis.set_minor_formatter(import_optional("matplotlib.ticker", "Plotting").NullFormatter())
        elif self.is_whole:
            axis.get_major_locator().set_params(integer=True)


def read_varying_axes(finished: TrialTable, names: Sequence[str] | None, *, most: int) -> list[ParameterAxis]:
    """Read where the complete candidates stand on the given parameters, or on those in which they differ.

    Of more than ``most``, those come that the most candidates have. If they differ in none, all come.
    """
    complete = finished.find_by_status("complete")
    # All candidates are asked what kind of axis it is: those that were stopped had their values from the same space.
    axes = [_read_axis(name, finished.params).only(complete) for name in finished.named(names)]
    if names is not None:
        return axes
    axes = [axis for axis in axes if axis.limits()[0] < axis.limits()[1]] or axes
    commonest = sorted(axes, key=lambda axis: int(np.isnan(axis.places).sum()))[:most]
    return [axis for axis in axes if axis in commonest]


def _read_axis(name: str, candidates: Sequence[Mapping[str, Any]]) -> ParameterAxis:
    rows = [row for row, params in enumerate(candidates) if name in params]
    values = [candidates[row][name] for row in rows]
    places = np.full(len(candidates), np.nan)
    if not all(_is_number(value) for value in values):
        places[rows], labels = encode_choices(values)
        return ParameterAxis(name, places, labels)
    places[rows] = [float(value) for value in values]
    is_whole = all(isinstance(value, int | np.integer) for value in values)
    return ParameterAxis(name, places, is_log=_looks_logarithmic(places[rows]), is_whole=is_whole)


def _is_number(value: Any) -> bool:
    is_real = isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_ | np.complexfloating)
    return is_real and bool(np.isfinite(value))


def _looks_logarithmic(values: np.ndarray) -> bool:
    """Whether the middle value stands nearer the middle of a logarithmic axis than of a plain one."""
    low, middle, high = values.min(), float(np.median(values)), values.max()
    if low <= 0 or high / low < LARGE_RATIO:
        return False
    plain = abs((middle - low) / (high - low) - 0.5)
    logarithmic = abs(np.log(middle / low) / np.log(high / low) - 0.5)
    return bool(logarithmic < plain)
