"""Pieces of a page: values from outside are escaped, and nothing is loaded from the network."""

import base64
import re

import matplotlib.pyplot as plt
import pytest

from sklearn_autotune.report._html import render_code, render_figure, render_page

NASTY = "<script>alert('x')</script> & \"more\""


@pytest.mark.parametrize(
    "html",
    [render_code(NASTY), render_page(NASTY, [])],
    ids=["code", "page"],
)
def test_what_comes_from_outside_is_text(html):
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_a_page_may_load_nothing():
    page = render_page("A title", ["<p>body</p>"])

    (policy,) = re.findall('http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src &#x27;none&#x27;")
    assert "<p>body</p>" in page


def test_a_figure_lies_in_the_page_and_is_closed():
    figure = plt.figure(figsize=(3, 2))

    html = render_figure(figure, 'what "it" shows', "a <line>")

    (data,) = re.findall('src="data:image/png;base64,([^"]*)"', html)
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert 'width="288" height="192" alt="a &lt;line&gt;"' in html
    assert "what &quot;it&quot; shows" in html
    assert not plt.fignum_exists(figure.number)


def test_a_page_has_styles_for_dark_themes_narrow_screens_and_print():
    page = render_page("A title", [])

    for rule in (
        "prefers-color-scheme: dark",
        "max-width: 40rem",
        "@media print",
        "h1, h2, h3, summary { break-after:",
    ):
        assert rule in page
