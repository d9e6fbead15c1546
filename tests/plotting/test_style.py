"""What all displays share: names that tell choices and parameters apart, and places for panels."""

import matplotlib.pyplot as plt
import pytest

from sklearn_autotune.plotting._style import (
    encode_choices,
    format_ticks,
    format_value,
    split_axes,
    wrap_name,
)


def test_choices_with_the_same_name_get_numbers():
    places, labels = encode_choices(["a" * 40, "a" * 39 + "b", "x", "a" * 40, None, 3, True])

    assert len(set(labels)) == 6
    assert places[0] == places[3] != places[1]


def test_labels_have_no_lone_surrogates():
    assert format_value("\ud800 and more") == "\\ud800 and more"


def test_lines_of_a_name_are_no_longer_than_asked_for():
    name = "columntransformer__" + 40 * "x" + "__strategy"

    assert max(map(len, wrap_name(name, 20).split("\n"))) == 20
    assert wrap_name("svc__C", 20) == "svc__C"


@pytest.mark.parametrize(
    ("ticks", "texts"),
    [([0.5], ["0.5"]), ([0.0, 0.025, 0.05], ["0.000", "0.025", "0.050"]), ([-10, 0, 10], ["-10", "0", "10"])],
)
def test_ticks_have_the_same_number_of_decimals(ticks, texts):
    assert format_ticks(ticks) == texts


def test_thousands_are_written_out():
    assert [format_value(value) for value in (1000.0, 12345.6, 1e6)] == ["1000", "12346", "1e+06"]


def test_axes_that_were_added_without_a_grid_can_be_divided():
    figure = plt.figure()
    ax = figure.add_axes((0.2, 0.2, 0.5, 0.5))

    panels = split_axes(ax, 3, n_columns=2, size=(1, 1), wide=[2])

    assert [round(panel.get_position().y0, 2) < 0.4 for panel in panels] == [False, False, True]
    assert panels[2].get_position().width == pytest.approx(0.5)
