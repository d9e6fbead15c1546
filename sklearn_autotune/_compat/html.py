"""Pieces of HTML for notebooks and reports: escaped text, tables, and a frame that uses the colours of the notebook."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from sklearn import get_config

from sklearn_autotune._compat.messages import make_encodable

__all__ = [
    "MAX_SHOWN",
    "format_parameters",
    "format_value",
    "render_details",
    "render_heading",
    "render_list",
    "render_paragraphs",
    "render_parameters",
    "render_table",
    "render_terms",
    "render_view",
    "shorten",
    "shorten_names",
    "wants_html",
]

# The maximum length of a text in a notebook's view, and of the text that appears when the pointer is over it.
MAX_SHOWN = 60
MAX_TITLE = 1_000

# The number of parameters that a notebook shows without a click.
MAX_SHOWN_PARAMS = 12

# A cell with more characters may be broken into lines.
MIN_WIDE = 40

# JupyterLab, VS Code and GitHub have different themes. So text has the colour of the text around it, backgrounds are
# transparent, and lines have a grey that is visible on white and on black.
VIEW_STYLE = """
& { color: inherit; background: transparent; line-height: 1.45; max-width: 60rem; margin: .3rem 0; }
& p, & ul { margin: .3rem 0; }
& ul { padding-left: 1.3rem; }
& .title { font-weight: 600; overflow-wrap: anywhere; }
& .aside { opacity: .8; }
& .scroll { overflow-x: auto; margin: .3rem 0; }
& table { border-collapse: collapse; border: 0; margin: 0; font-size: .9em; font-variant-numeric: tabular-nums;
  color: inherit; }
& tr, & tbody tr:nth-child(n) { background: transparent; border: 0; }
& th, & td { text-align: left; vertical-align: top; color: inherit; padding: .15rem 1.2rem .15rem 0; border: 0;
  border-bottom: 1px solid rgba(128, 128, 128, .4); }
& th { font-weight: 600; white-space: nowrap; }
& th.number, & td.number { text-align: right; white-space: nowrap; }
& td { white-space: nowrap; }
& td.wide { min-width: 16rem; white-space: normal; overflow-wrap: anywhere; }
& summary { cursor: pointer; }
""".replace("&", "div.autotune-view.autotune-view")  # twice, to override JupyterLab's style of tables


def wants_html() -> bool:
    """Whether notebooks are to show HTML; scikit-learn's configuration may request text instead."""
    return get_config().get("display", "diagram") == "diagram"


def render_view(title: str, pieces: Sequence[str]) -> str:
    """Return what a notebook shows of an object: a line in bold, and pieces of HTML below it.

    It needs no script and no network, and it is readable without its style, which some viewers remove.

    Parameters
    ----------
    title : str
        Plain text.
    pieces : sequence of str
        HTML.

    Returns
    -------
    html : str
    """
    head = f'<div class="autotune-view"><style>{VIEW_STYLE}</style>'
    return make_encodable("\n".join([head, f'<p class="title"><b>{escape(title)}</b></p>', *pieces, "</div>"]))


def render_heading(text: str, level: int = 2) -> str:
    """Return a heading."""
    return f"<h{level}>{escape(text)}</h{level}>"


def render_paragraphs(texts: Sequence[str], kind: str = "") -> str:
    """Return a paragraph for each text."""
    opening = f'<p class="{kind}">' if kind else "<p>"
    return "\n".join(f"{opening}{escape(text)}</p>" for text in texts)


def render_list(texts: Sequence[str]) -> str:
    """Return a list with an item for each text."""
    return "\n".join(["<ul>", *(f"<li>{escape(text)}</li>" for text in texts), "</ul>"])


def render_details(summary: str, inner: str) -> str:
    """Return a summary line that shows more on a click."""
    return f"<details><summary>{escape(summary)}</summary>\n{inner}\n</details>"


def render_table(
    rows: Sequence[Mapping[str, Any]],
    *,
    verbatim: Collection[str] = (),
    numbers: Collection[str] = (),
    max_length: int | None = None,
    has_names_in_cells: bool = False,
) -> str:
    """Return rows with the same keys as a table that can be scrolled if it is wide.

    Parameters
    ----------
    rows : sequence of dict
        The keys are the headers, with spaces in place of underscores.
    verbatim : collection of str, default=()
        Headers that keep their underscores, such as names of metrics.
    numbers : collection of str, default=()
        Columns with numbers that are already formatted as text. Numbers are aligned to the right.
    max_length : int, default=None
        Longer texts are shortened; the whole text appears when the pointer is over it. None shortens nothing.
    has_names_in_cells : bool, default=False
        Whether each cell has its header in an attribute ``data-name``. On a narrow screen, a style can then show each
        row as a list of names and values. A cell without a value has the attribute ``data-missing``.

    Returns
    -------
    html : str

    Examples
    --------
    >>> "<td class=\\"number\\">0.5</td>" in render_table([{"name": "<b>", "score": 0.5}])
    True
    """
    right = {name for name in rows[0] if name in numbers or any(_is_number(row[name]) for row in rows)}
    labels = {name: name if name in verbatim else name.replace("_", " ") for name in rows[0]}
    kinds = {name: ' class="number"' if name in right else "" for name in labels}
    head = "".join(f'<th scope="col"{kinds[name]}>{escape(label)}</th>' for name, label in labels.items())
    lines = []
    for row in rows:
        cells = {name: _render_cell(value, max_length, is_number=name in numbers) for name, value in row.items()}
        if has_names_in_cells:
            cells = {name: _add_name(cell, labels[name]) for name, cell in cells.items()}
        lines.append("<tr>" + "".join(cells.values()) + "</tr>")
    kind = ' class="rows"' if has_names_in_cells else ""
    top = [f'<div class="scroll"><table{kind}>', f"<thead><tr>{head}</tr></thead>", "<tbody>"]
    return "\n".join([*top, *lines, "</tbody></table></div>"])


def render_terms(pairs: Mapping[str, Any], *, max_length: int | None = None) -> str:
    """Return names and values as a table with one line for each; ``max_length`` is that of `render_table`."""
    lines = [
        f'<tr><th scope="row">{_render_text(name, max_length)}</th>{_render_cell(value, max_length, left=True)}</tr>'
        for name, value in pairs.items()
    ]
    return "\n".join(['<div class="scroll"><table class="terms"><tbody>', *lines, "</tbody></table></div>"])


def render_parameters(params: Mapping[str, Any]) -> str:
    """Return parameters for a notebook's view, one per line; if there are many, the rest is shown on a click."""
    cells = {name: value if _is_finite(value) else format_value(value) for name, value in params.items()}
    names = list(cells)
    shown, hidden = names[:MAX_SHOWN_PARAMS], names[MAX_SHOWN_PARAMS:]
    pieces = [render_terms({name: cells[name] for name in shown} or {"parameters": "none"}, max_length=MAX_SHOWN)]
    if hidden:
        terms = render_terms({name: cells[name] for name in hidden}, max_length=MAX_SHOWN)
        pieces.append(render_details(f"{len(hidden)} more parameters", terms))
    return "\n".join(pieces)


def shorten(text: str, max_length: int = MAX_SHOWN) -> str:
    """Return a text with at most ``max_length`` characters; "…" replaces the rest.

    Examples
    --------
    >>> shorten("columntransformer", 8)
    'columnt…'
    """
    return text if len(text) <= max_length else f"{text[: max_length - 1]}…"


def format_parameters(params: Mapping[str, Any]) -> str:
    """Return parameters on one line, with five digits of each float.

    Examples
    --------
    >>> format_parameters({"C": 0.123456789, "kernel": "rbf"})
    "C=0.12346, kernel='rbf'"
    """
    shown = {
        name: f"{float(value):.5g}" if isinstance(value, float) else format_value(value)
        for name, value in params.items()
    }
    return ", ".join(f"{name}={value}" for name, value in shown.items())


def shorten_names(names: Iterable[str]) -> dict[str, str]:
    """Return short names of parameters: the last part of each, with an earlier part if that is not unique.

    Examples
    --------
    >>> shorten_names(["pipe__svc__C", "a__tol", "b__tol"])
    {'pipe__svc__C': 'C', 'a__tol': 'a__tol', 'b__tol': 'b__tol'}
    >>> list(shorten_names(["ct__num__imputer__strategy", "ct__rest__imputer__strategy"]).values())
    ['num…strategy', 'rest…strategy']
    """
    steps = {name: name.split("__") for name in names}
    return {name: _shorten_name(name, steps) for name in steps}


def _shorten_name(name: str, steps: Mapping[str, Sequence[str]]) -> str:
    """Return the short name of one parameter; ``steps`` maps the names of all parameters to their parts."""
    *before, end = steps[name]
    others = [other for other_name, other in steps.items() if other[-1] == end and other_name != name]
    telling = [step for step in before if not any(step in other for other in others)]
    if not others:
        return end
    return f"{telling[0]}…{end}" if telling and len(before) > 1 else name


def format_value(value: object) -> str:
    """Return the ``repr`` of a value on one line, with NumPy numbers as Python numbers.

    Examples
    --------
    >>> import numpy as np
    >>> format_value(np.float64(0.5))
    '0.5'
    """
    return " ".join(repr(value.item() if isinstance(value, np.generic) else value).split())


def _is_number(value: object) -> bool:
    return isinstance(value, float | int | np.number) and not isinstance(value, bool | np.bool_)


def _is_finite(value: object) -> bool:
    if isinstance(value, float | np.floating):
        return bool(np.isfinite(value))
    return _is_number(value)  # whole numbers may be too large for isfinite


def _render_cell(value: object, max_length: int | None = None, *, is_number: bool = False, left: bool = False) -> str:
    if value is None or (_is_number(value) and not _is_finite(value)):
        return "<td>–</td>" if left or value is None else '<td class="number">–</td>'
    if isinstance(value, bool | np.bool_):
        return f"<td>{'yes' if value else 'no'}</td>"
    if _is_number(value):
        shown = f"{float(value):.5g}" if isinstance(value, float | np.floating) else str(value)
        whole = format_value(value)
        opening = f'<td title="{whole}">' if left and whole != shown else "<td>"
        return f"{opening}{shown}</td>" if left else f'<td class="number">{shown}</td>'
    text = str(value)
    if is_number:
        return f'<td class="number">{escape(text)}</td>'
    is_wide = len(text if max_length is None else shorten(text, max_length)) > MIN_WIDE
    opening = '<td class="wide">' if is_wide else "<td>"
    return f"{opening}{_render_text(text, max_length)}</td>"


def _add_name(cell: str, name: str) -> str:
    missing = " data-missing" if cell.endswith(">–</td>") else ""
    return cell.replace("<td", f'<td{missing} data-name="{escape(name)}"', 1)


def _render_text(text: str, max_length: int | None) -> str:
    if max_length is None or len(text) <= max_length:
        return escape(text)
    return f'<span title="{escape(shorten(text, MAX_TITLE))}">{escape(shorten(text, max_length))}</span>'
