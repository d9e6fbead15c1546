"""The figures of the benchmark pages: they are drawn from the CSV files, can be read, and are shown on the pages."""

import re
from itertools import pairwise

import pytest
from PIL import Image

from benchmarks._measure import RESULTS
from benchmarks.figures import digest, draw, drawn

MOST_BYTES = 60_000
SHOWN = re.compile(r"!\[([^\]]+)\]\(([^)\s]+)\)")

each_figure = pytest.mark.parametrize("name", drawn())


def numbers(ax):
    """Texts of the ticks that can be seen."""
    low, high = sorted(ax.get_xlim())
    return [label for label in ax.get_xticklabels() if low <= label.get_position()[0] <= high]


def texts(figure):
    """Every text that is drawn: titles, labels, names of lines, numbers on axes, legends."""
    written = [figure._suptitle, *(text for one in figure.legends for text in one.texts)]
    for ax in figure.axes:
        written += [ax.title, ax.xaxis.label, *numbers(ax), *ax.get_yticklabels()]
    return [text for text in written if text.get_visible() and text.get_text()]


@each_figure
def test_a_figure_is_drawn_from_its_table_and_can_be_read(name, tmp_path):
    figure = draw(name, tmp_path / "drawn.png")
    renderer = figure.canvas.get_renderer()
    width, height = figure.bbox.size

    assert figure._suptitle.get_text()
    for text in texts(figure):
        box = text.get_window_extent(renderer)
        is_inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
        assert is_inside, f"{text.get_text()!r} is cut off"
        assert text.get_fontsize() >= 9, f"{text.get_text()!r} is tiny"
    for ax in figure.axes:
        boxes = sorted((label.get_window_extent(renderer) for label in numbers(ax)), key=lambda box: box.x0)
        assert all(one.x1 < other.x0 for one, other in pairwise(boxes)), "numbers overlap"
        boxes = sorted((label.get_window_extent(renderer) for label in ax.get_yticklabels()), key=lambda box: box.y0)
        assert all(one.y1 < other.y0 for one, other in pairwise(boxes) if one.width), "names overlap"
    assert (tmp_path / "drawn.png").stat().st_size < MOST_BYTES


@each_figure
def test_the_picture_of_a_table_was_drawn_from_it_and_is_on_its_page(name):
    picture = RESULTS / f"{name}.png"

    with Image.open(picture) as image:
        assert image.info["Source"] == digest(name), "stale: python -m benchmarks.figures"
    assert picture.stat().st_size < MOST_BYTES
    assert f"{name}.png" in [target for _, target in SHOWN.findall((RESULTS / f"{name}.md").read_text())]


@pytest.mark.parametrize("page", sorted(RESULTS.glob("*.md")), ids=lambda page: page.stem)
def test_pictures_on_the_pages_of_results_are_there(page):
    for _, target in SHOWN.findall(page.read_text()):
        assert (page.parent / target).exists(), target
