"""Pieces of a page: whatever comes from outside is text, and nothing is loaded from an address."""

import base64
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sklearn_autotune.report._html import (
    render_code,
    render_details,
    render_figure,
    render_heading,
    render_list,
    render_page,
    render_paragraphs,
    render_table,
    render_terms,
)

NASTY = "<script>alert('x')</script> & \"more\""


@pytest.mark.parametrize(
    "html",
    [
        render_heading(NASTY),
        render_list([NASTY]),
        render_paragraphs([NASTY]),
        render_code(NASTY),
        render_details(NASTY, ""),
        render_table([{NASTY: NASTY}]),
        render_terms({NASTY: NASTY}),
        render_page(NASTY, []),
    ],
    ids=["heading", "list", "paragraphs", "code", "details", "table", "terms", "page"],
)
def test_what_comes_from_outside_is_text(html):
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_a_page_may_load_nothing():
    page = render_page("A title", ["<p>body</p>"])

    (policy,) = re.findall('http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src &#x27;none&#x27;")
    assert "<p>body</p>" in page


def test_a_table_has_numbers_to_the_right_and_dashes_for_what_is_missing():
    rows = [{"name": "a", "score": 0.123456789, "is_best": True}, {"name": None, "score": np.nan, "is_best": False}]

    html = render_table(rows)

    assert '<th class="number">score</th>' in html
    assert '<td class="number" data-name="score">0.12346</td>' in html
    assert '<td class="missing number" data-name="score">–</td>' in html
    assert '<td class="missing" data-name="name">–</td>' in html
    assert "<th>is_best</th>" in html
    assert '<td data-name="is_best">yes</td>' in html
    assert html.count("<tr>") == 3


def test_a_long_text_has_a_wide_cell():
    assert f'<td class="wide">{"a" * 41}</td>' in render_terms({"error": "a" * 41})


def test_a_figure_lies_in_the_page_and_is_closed():
    figure = plt.figure(figsize=(3, 2))

    html = render_figure(figure, 'what "it" shows', "a <line>")

    (data,) = re.findall('src="data:image/png;base64,([^"]*)"', html)
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert 'width="288" height="192" alt="a &lt;line&gt;"' in html
    assert "what &quot;it&quot; shows" in html
    assert not plt.fignum_exists(figure.number)
