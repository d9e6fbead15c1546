"""Pieces of an HTML page that loads nothing: its style, and figures as data."""

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from sklearn_autotune._compat.html import (
    render_details,
    render_heading,
    render_list,
    render_paragraphs,
    render_table,
    render_terms,
)
from sklearn_autotune._compat.optional import import_optional

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "render_code",
    "render_details",
    "render_figure",
    "render_heading",
    "render_list",
    "render_page",
    "render_paragraphs",
    "render_table",
    "render_terms",
]

STYLE = """
:root { color-scheme: light dark; --text: #222; --page: #fff; --faint: #555; --line: #ccc; --shade: #f5f5f5; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e4e4; --page: #181818; --faint: #aaa; --line: #4a4a4a; --shade: #262626; }
}
body { font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; color: var(--text); background: var(--page);
  margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 4rem; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
p, ul { margin: .4rem 0; max-width: 48rem; }
.aside { color: var(--faint); font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem .7rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--faint); font-weight: 600; }
th.number, td.number { text-align: right; }
td.number { white-space: nowrap; }
td.wide { min-width: 16rem; overflow-wrap: anywhere; }
.terms th { padding-right: 1.2rem; min-width: 6rem; max-width: 26rem; overflow-wrap: anywhere; }
.terms td { min-width: 0; overflow-wrap: anywhere; }
pre { background: var(--shade); padding: .7rem; overflow-x: auto; font-size: .85rem; line-height: 1.4; }
details { margin: .4rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; display: block; background: #fff; }
figcaption { color: var(--faint); font-size: .9rem; max-width: 48rem; }
@media (max-width: 40rem) {
  .terms, .terms tbody, .terms tr, .terms th, .terms td { display: block; max-width: none; padding-right: 0; }
  .terms th { border-bottom: none; padding-bottom: 0; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  .rows thead { display: none; }
  .rows, .rows tbody, .rows tr { display: block; }
  .rows tr { border-bottom: 1px solid var(--line); padding: .3rem 0; }
  .rows td, .rows td.number { display: flex; justify-content: space-between; gap: 1rem; border: none; padding: 0;
    min-width: 0; text-align: right; white-space: normal; overflow-wrap: anywhere; }
  .rows td[data-missing] { display: none; }
  .rows td::before { content: attr(data-name); color: var(--faint); text-align: left; overflow-wrap: normal; }
}
@media print {
  :root { --text: #000; --page: #fff; --faint: #444; --line: #bbb; --shade: #f5f5f5; color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 11pt; }
  h1, h2, h3, summary { break-after: avoid; }
  figure, tr, li { break-inside: avoid; }
  p { orphans: 3; widows: 3; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  .scroll { overflow: visible; }
  table { font-size: .7rem; }
  td.wide { min-width: 0; }
  thead { display: table-header-group; }
  figure img { max-height: 20cm; width: auto; }
}
"""

# A browser loads nothing from an address and runs no script, whatever the page holds.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

DPI = 120
PIXELS_PER_INCH = 96


def render_page(title: str, body: Sequence[str]) -> str:
    """Return the whole page.

    Parameters
    ----------
    title : str
        Plain text.
    body : sequence of str
        Pieces of HTML.

    Returns
    -------
    text : str
    """
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            *body,
            "</body>",
            "</html>",
            "",
        ]
    )


def render_code(text: str) -> str:
    """Return code, or anything else in which spaces count."""
    return f"<pre><code>{escape(text)}</code></pre>"


def render_figure(drawn: "Figure", caption: str, alt: str) -> str:
    """Return a matplotlib figure as a picture inside the page, and close it.

    Parameters
    ----------
    drawn : matplotlib Figure
    caption : str
    alt : str
        What can be seen, for those who cannot.

    Returns
    -------
    html : str
    """
    memory = io.BytesIO()
    drawn.savefig(memory, format="png", dpi=DPI)
    width, height = (round(PIXELS_PER_INCH * inches) for inches in drawn.get_size_inches())
    import_optional("matplotlib.pyplot", "Plotting").close(drawn)
    data = base64.b64encode(memory.getvalue()).decode("ascii")
    source = f'src="data:image/png;base64,{data}" width="{width}" height="{height}" alt="{escape(alt)}"'
    return f"<figure><img {source}>\n<figcaption>{escape(caption)}</figcaption></figure>"
