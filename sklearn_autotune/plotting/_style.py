"""Colours, markers and functions that all displays share; figures are legible in grey and for the colour-blind."""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_autotune._compat.messages import make_encodable
from sklearn_autotune._compat.optional import import_optional
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
    "STATUS_NAMES",
    "STATUS_STYLES",
    "TrialStyle",
    "arrange_cells",
    "draw_legend",
    "encode_choices",
    "format_ticks",
    "format_value",
    "make_axes",
    "make_logarithmic",
    "shorten",
    "split_axes",
    "wrap_name",
]

# Okabe and Ito's palette, which the colour-blind can tell apart. Markers and hatches differ as well, for print in grey.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "++++", "oo", "--")
DARK_COLOR = "#222222"
LIGHT_COLOR = "#B0B0B0"
COLORMAP = "cividis"  # made for the colour-blind; its lightness rises all the way

MAX_LABEL_LENGTH = 28

# What a status is called in figures and reports, where its own name is known from Optuna alone.
STATUS_NAMES: dict[str, str] = {Status.PRUNED: "stopped early", Status.TIMEOUT: "timed out"}


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


def split_axes(
    ax: "Axes | None",
    n: int,
    *,
    n_columns: int,
    size: tuple[float, float],
    wide: Collection[int] = (),
    **settings: Any,
) -> np.ndarray:
    """Divide the area of some axes, or of a new figure, among several axes; the wide ones have a row for themselves.

    Returns
    -------
    axes : ndarray of Axes of shape (n,)
    """
    ax = make_axes(ax, size=size)
    ax.set_axis_off()
    n_columns = min(n, n_columns)
    cells = arrange_cells(n, n_columns, wide)
    grid = _make_grid(ax, 1 + cells[-1][0], n_columns, **settings)
    return np.array([ax.figure.add_subplot(grid[cell]) for cell in cells])


def arrange_cells(n: int, n_columns: int, wide: Collection[int] = ()) -> list[tuple[int, slice]]:
    """Return row and columns of each of n panels, in order; a wide one has a row for itself.

    Examples
    --------
    >>> arrange_cells(3, 2, wide=[1])
    [(0, slice(0, 1, None)), (1, slice(0, 2, None)), (2, slice(0, 1, None))]
    """
    cells, row, column = [], 0, 0
    for index in range(n):
        if column == n_columns or (column and index in wide):
            row, column = row + 1, 0
        end = n_columns if index in wide else column + 1
        cells.append((row, slice(column, end)))
        column = end
    return cells


def _make_grid(ax: Any, n_rows: int, n_columns: int, **settings: Any) -> Any:
    """Return a grid in the place of some axes, which may have been added to their figure without a grid."""
    spec = ax.get_subplotspec()
    if spec is not None:
        return spec.subgridspec(n_rows, n_columns, **settings)
    box = ax.get_position()
    place = {"left": box.x0, "right": box.x1, "bottom": box.y0, "top": box.y1, "wspace": 0.25, "hspace": 0.5}
    gridspec = import_optional("matplotlib.gridspec", "Plotting")
    return gridspec.GridSpec(n_rows, n_columns, figure=ax.figure, **place, **settings)


def make_logarithmic(ax: "Axes", first: float, last: float) -> None:
    """Make the x axis logarithmic, with plain numbers where it spans a few powers of ten."""
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


def shorten(text: str, max_length: int) -> str:
    """Return a text of at most this length, the middle of a longer one left out.

    Examples
    --------
    >>> shorten("LogisticRegression(C=0.1)", 16)
    'Logisti…n(C=0.1)'
    """
    if len(text) <= max_length:
        return text
    n_first = (max_length - 1) // 2
    return f"{text[:n_first]}…{text[len(text) - (max_length - 1 - n_first) :]}"


def wrap_name(name: str, max_length: int) -> str:
    """Return the name of a parameter in lines of at most this length, broken after its steps.

    Examples
    --------
    >>> wrap_name("columntransformer__num__simpleimputer__strategy", 26)
    'columntransformer__num__\\nsimpleimputer__strategy'
    """
    lines = [""]
    for part in name.replace("__", "__\n").split("\n"):
        if lines[-1] and len(lines[-1]) + len(part) > max_length:
            lines.append("")
        lines[-1] += part
    return "\n".join(shorten(line, max_length) for line in lines)


def format_ticks(ticks: Sequence[float] | np.ndarray) -> list[str]:
    """Return evenly spaced numbers as texts with as many decimals as they need, the same for all.

    Examples
    --------
    >>> format_ticks([0.85, 0.9, 0.95]), format_ticks([1e9, 2e9])
    (['0.85', '0.90', '0.95'], ['1e+09', '2e+09'])
    """
    values = np.asarray(ticks, dtype=float) + 0.0
    if len(values) < 2 or not 1e-5 < np.abs(values).max() < 1e6:
        return [f"{value:.6g}" for value in values]
    step = abs(values[1] - values[0])
    n_decimals = next((n for n in range(12) if np.allclose(values, values.round(n), rtol=0, atol=1e-3 * step)), 12)
    return [f"{value:.{n_decimals}f}" for value in values]


def format_value(value: object, *, max_length: int = MAX_LABEL_LENGTH) -> str:
    """Return a short text for any value.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> format_value(SVC(C=2.0)), format_value(0.000123456), format_value("rbf"), format_value(None)
    ('SVC(C=2.0)', '0.000123', 'rbf', 'None')
    """
    if isinstance(value, float | np.floating):
        return f"{float(value):.0f}" if 1e3 <= abs(float(value)) < 1e6 else f"{float(value):.3g}"
    text = value if isinstance(value, str) else getattr(value, "__name__", None) or repr(value)
    text = make_encodable(" ".join(text.split()))  # fonts have no lone surrogates
    if hasattr(value, "get_params") and len(text) > max_length:
        text = f"{type(value).__name__}(…)"
    return shorten(text, max_length)


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
