"""Pieces of HTML: values from outside are escaped, and a notebook's view loads nothing."""

import numpy as np
import pytest
from sklearn.svm import SVC

from sklearn_autotune._compat.html import (
    format_parameters,
    render_details,
    render_heading,
    render_list,
    render_paragraphs,
    render_table,
    render_terms,
    render_view,
    shorten_names,
)
from tests.html_page import Page, read_view

NASTY = "<script>alert('x')</script> & \"more\""


@pytest.mark.parametrize(
    "html",
    [
        render_heading(NASTY),
        render_list([NASTY]),
        render_paragraphs([NASTY]),
        render_details(NASTY, ""),
        render_table([{NASTY: NASTY}]),
        render_table([{NASTY: NASTY}], verbatim=[NASTY], max_length=len(NASTY)),
        render_table([{"a": NASTY}], max_length=20),
        render_terms({NASTY: NASTY}),
        render_terms({NASTY: NASTY}, max_length=20),
        render_view(NASTY, []),
    ],
    ids=[
        "heading",
        "list",
        "paragraphs",
        "details",
        "table",
        "verbatim header",
        "short cell",
        "terms",
        "short terms",
        "view",
    ],
)
def test_what_comes_from_outside_is_text(html):
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_a_table_has_numbers_to_the_right_and_dashes_for_what_is_missing():
    rows = [{"name": "a", "score": 0.123456789, "is_best": True}, {"name": None, "score": np.nan, "is_best": False}]

    html = render_table(rows)

    assert '<th scope="col" class="number">score</th>' in html
    assert '<td class="number">0.12346</td>' in html
    assert '<td class="number">–</td>' in html
    assert "<td>–</td>" in html
    assert '<th scope="col">is best</th>' in html
    assert "<td>yes</td>" in html
    assert html.count("<tr>") == 3


def test_a_long_text_has_a_wide_cell():
    assert f'<td class="wide">{"a" * 41}</td>' in render_terms({"error": "a" * 41})


def test_the_name_of_a_metric_keeps_its_underscore_as_a_header():
    page = Page(render_table([{"roc_auc": 0.5, "fit_seconds": 1.0}], verbatim=["roc_auc"]))

    assert page.rows[0] == ["roc_auc", "fit seconds"]


def test_a_long_text_is_cut_and_the_whole_appears_under_the_pointer():
    text = "0123456789" * 10

    page = Page(render_terms({"values": text}, max_length=20))

    assert page.rows == [["values", "0123456789012345678…"]]
    assert [attributes["title"] for tag, attributes in page.tags if tag == "span"] == [text]


def test_parameters_are_written_in_a_line():
    model = SVC(C=5, kernel="linear", gamma=0.25, coef0=0.5, tol=0.5, degree=4)  # of which scikit-learn makes two lines
    params = {"C": np.float64(0.123456789), "model": model}

    text = format_parameters(params)

    assert text.startswith("C=0.12346, model=SVC(")
    assert "\n" not in text


def test_a_view_takes_on_the_colours_around_it_and_loads_nothing():
    page = read_view(render_view("A title", [render_paragraphs(["text with \ud800"])]))

    (style,) = page.styles
    assert "color: inherit" in style
    assert "#" not in style, "a fixed colour cannot be read on every background"
    assert page.texts() == "A title text with \\ud800"


def test_cells_carry_their_names_where_a_style_writes_rows_as_lists():
    html = render_table([{"fit_seconds": 1.5, "<b>": None}], has_names_in_cells=True)

    assert '<td data-name="fit seconds" class="number">1.5</td>' in html
    assert '<td data-missing data-name="&lt;b&gt;">–</td>' in html
    assert '<table class="rows">' in html


def test_names_with_the_same_end_keep_the_step_that_tells_them_apart():
    names = ["ct__num__imputer__strategy", "ct__rest__imputer__strategy", "svc__C", "C", "a__b__tol", "b__a__tol"]

    short = shorten_names(names)

    assert list(short.values()) == ["num…strategy", "rest…strategy", "svc__C", "C", "a__b__tol", "b__a__tol"]
