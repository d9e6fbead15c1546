"""Colours, markers and helpers that all displays share: legible in print, and for the colour-blind."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune._compat.messages import make_encodable
from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.types import ArrayLike
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.space._dimensions import make_value_key

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "BEST_STYLE",
    "COLORMAP",
    "COLORS",
    "DARK_COLOR",
    "HATCHES",
    "LIGHT_COLOR",
    "MARKERS",
    "STATUS_STYLES",
    "TrialStyle",
    "compute_score_limits",
    "draw_legend",
    "encode_choices",
    "format_value",
    "make_axes",
    "make_logarithmic",
    "split_axes",
]

# Okabe and Ito's palette, told apart with any colour vision; shape or hatch says the same again, for print in grey.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "++++", "oo", "--")
DARK_COLOR = "#222222"
LIGHT_COLOR = "#B0B0B0"
COLORMAP = "cividis"  # made for the colour-blind; its lightness rises all the way

MAX_LABEL_LENGTH = 28


@dataclass(frozen=True, slots=True)
class TrialStyle:
    """How one kind of trial is drawn."""

    marker: str
    color: str
    is_filled: bool = True
    size: float = 28.0

    def make_scatter_settings(self) -> dict[str, Any]:
        """Return the arguments of ``Axes.scatter``."""
        colors: dict[str, Any] = {"color": self.color}
        if self.marker != "x":
            colors = {"facecolors": self.color if self.is_filled else "none", "edgecolors": self.color}
        return {"marker": self.marker, "s": self.size, "linewidths": 1.1, **colors}


STATUS_STYLES = {
    Status.COMPLETE: TrialStyle("o", COLORS[0]),
    Status.PRUNED: TrialStyle("v", COLORS[1], is_filled=False),
    Status.FAILED: TrialStyle("x", COLORS[4], size=36.0),
    Status.TIMEOUT: TrialStyle("d", COLORS[3], is_filled=False),
    Status.CANCELLED: TrialStyle("d", COLORS[7], is_filled=False),
}
BEST_STYLE = TrialStyle("*", DARK_COLOR, size=130.0)


def make_axes(ax: "Axes | None", *, size: tuple[float, float] = (6.4, 4.0)) -> Any:
    """Return the axes to draw on: the given ones, or those of a new figure."""
    if ax is not None:
        return ax
    pyplot = import_optional("matplotlib.pyplot", "Plotting")
    return pyplot.subplots(figsize=size, layout="constrained")[1]


def split_axes(ax: "Axes | None", n: int, *, n_columns: int, size: tuple[float, float], **settings: Any) -> np.ndarray:
    """Divide the area of some axes, or of a new figure, among several axes.

    Returns
    -------
    axes : ndarray of Axes of shape (n,)
    """
    ax = make_axes(ax, size=size)
    ax.set_axis_off()
    n_columns = min(n, n_columns)
    n_rows = -(-n // n_columns)
    spec: Any = ax.get_subplotspec()
    grid = spec.subgridspec(n_rows, n_columns, **settings)
    return np.array([ax.figure.add_subplot(grid[index // n_columns, index % n_columns]) for index in range(n)])


def compute_score_limits(scores: ArrayLike) -> tuple[float, float]:
    """Return limits for an axis of scores, higher being better, that a few bad ones do not flatten.

    What lies more than three times as far below the best as the lower quartile is left out.

    Examples
    --------
    >>> low, high = compute_score_limits([0.90, 0.91, 0.92, 0.93, -1000.0])
    >>> bool(0.8 < low < 0.9), bool(0.93 < high < 0.95)
    (True, True)
    """
    finite = np.asarray(scores, dtype=float)
    finite = np.sort(finite[np.isfinite(finite)])
    if not len(finite):
        return 0.0, 1.0
    best = finite[-1]
    spread = best - np.quantile(finite, 0.25)
    low = finite[finite >= best - 3 * spread][0]
    margin = 0.05 * (best - low) or 0.05 * abs(best) or 0.05
    return float(low - margin), float(best + margin)


def make_logarithmic(ax: "Axes", first: float, last: float) -> None:
    """Make the x axis of amounts or seconds logarithmic, with plain numbers beside it where it is short."""
    ticker = import_optional("matplotlib.ticker", "Plotting")
    ax.set_xscale("log")
    if last < 2000 * first:
        ax.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5) if last < 200 * first else (1, 3)))
        ax.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(ticker.NullFormatter())


def draw_legend(ax: "Axes", **settings: Any) -> None:
    """Draw a legend if there is more than one label."""
    handles, labels = ax.get_legend_handles_labels()
    if len(labels) > 1:
        ax.legend(handles, labels, **{"framealpha": 0.9, "fontsize": "small", **settings})


def format_value(value: object, *, max_length: int = MAX_LABEL_LENGTH) -> str:
    """Return a short text for any value.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> format_value(SVC(C=2.0)), format_value(0.000123456), format_value("rbf"), format_value(None)
    ('SVC(C=2.0)', '0.000123', 'rbf', 'None')
    """
    if isinstance(value, float | np.floating):
        return f"{float(value):.3g}"
    text = value if isinstance(value, str) else getattr(value, "__name__", None) or repr(value)
    text = make_encodable(" ".join(text.split()))  # fonts have no lone surrogates
    if hasattr(value, "get_params") and len(text) > max_length:
        text = f"{type(value).__name__}(…)"
    return text if len(text) <= max_length else text[: max_length - 1] + "…"


def encode_choices(values: Sequence[Any]) -> tuple[np.ndarray, list[str]]:
    """Encode distinct values as integers, and give each a unique label.

    Returns
    -------
    codes : ndarray of int of shape (n_values,)
    labels : list of str
        In the order of the codes: numbers first and ascending, then by name.
    """
    keys = [make_value_key(value) for value in values]
    first = dict(zip(reversed(keys), reversed(values), strict=True))

    def make_sort_key(key: Hashable) -> tuple[bool, float, str]:
        value = first[key]
        is_number = isinstance(value, int | float | np.number) and bool(np.isfinite(value))
        return (not is_number, float(value) if is_number else 0.0, format_value(value))

    ordered = sorted(first, key=make_sort_key)
    names: dict[str, int] = {}
    labels = []
    for key in ordered:
        name = format_value(first[key])
        names[name] = names.get(name, 0) + 1
        labels.append(name if names[name] == 1 else f"{name} ({names[name]})")
    code_of_key = {key: index for index, key in enumerate(ordered)}
    return np.array([code_of_key[key] for key in keys], dtype=int), labels
