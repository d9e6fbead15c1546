"""Pieces of a page that stands on its own: escaped text, tables, figures as data, and no address to load from."""

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
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #222; background: #fff; margin: 0 auto;
  max-width: 68rem; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #ccc; padding-bottom: .2rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
p, ul { margin: .4rem 0; max-width: 48rem; }
.aside { color: #555; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem .7rem .2rem 0; border-bottom: 1px solid #e3e3e3; vertical-align: top; }
th { white-space: nowrap; color: #555; font-weight: 600; }
th.number, td.number { text-align: right; white-space: nowrap; }
td.wide { min-width: 16rem; overflow-wrap: anywhere; }
pre { background: #f5f5f5; padding: .7rem; overflow-x: auto; font-size: .85rem; line-height: 1.4; }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; display: block; }
figcaption { color: #555; font-size: .9rem; max-width: 48rem; }
.terms th { padding-right: 1.2rem; }
@media print { body { max-width: none; } figure, tr { break-inside: avoid; } }
"""

# Nothing is loaded, whatever should get into the page: neither scripts nor anything from an address.
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
    """Return a figure of matplotlib as a picture that lies in the page, and close it.

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
