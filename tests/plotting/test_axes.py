"""An axis for a parameter: where each candidate stands on it, and whether it is logarithmic."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sklearn_autotune.analysis._trial_table import read_trial_table
from sklearn_autotune.plotting._axes import ParameterAxis, read_varying_axes
from tests.odd_searches import search_branches, search_iris, search_many, search_one


def test_numbers_of_a_logarithmic_space_are_on_a_logarithmic_axis():
    trial_table = read_trial_table(search_iris())

    axes = read_varying_axes(trial_table, None, max_axes=5)

    complete = trial_table.find_by_status("complete")
    assert [axis.name for axis in axes] == ["C", "gamma"]
    assert all(axis.is_log and not axis.is_choice for axis in axes)
    np.testing.assert_array_equal(axes[0].positions, [trial_table.params[row]["C"] for row in complete])


def test_a_candidate_without_the_parameter_has_no_position():
    trial_table = read_trial_table(search_branches()).select_complete()

    (degree,) = read_varying_axes(trial_table, ["degree"], max_axes=1)

    assert np.isnan(degree.positions).tolist() == ["degree" not in params for params in trial_table.params]
    assert degree.is_whole


def test_choices_have_labels_and_a_tick_for_each():
    (axis,) = read_varying_axes(read_trial_table(search_many()), ["b"], max_axes=1)
    ax = plt.subplots()[1]

    axis.format_axis(ax, "y")

    assert axis.is_choice
    assert [label.get_text() for label in ax.get_yticklabels()] == axis.labels == ["0", "1", "None"]
    assert ax.get_ylabel() == "b"


def test_of_too_many_axes_those_come_that_vary():
    axes = read_varying_axes(read_trial_table(search_branches()), None, max_axes=1)

    assert len(axes) == 1
    assert len(set(axes[0].positions[np.isfinite(axes[0].positions)])) > 1


def test_where_nothing_varies_all_parameters_have_an_axis():
    (axis,) = read_varying_axes(read_trial_table(search_one()), None, max_axes=3)

    assert axis.fraction.tolist() == [0.5]


@pytest.mark.parametrize("is_log", [False, True])
def test_fractions_go_from_the_smallest_to_the_largest(is_log):
    axis = ParameterAxis("a", np.array([1.0, 10.0, np.nan, 100.0]), is_log=is_log)

    assert axis.fraction[[0, 3]].tolist() == [0.0, 1.0]
    assert axis.fraction[1] == pytest.approx(0.5 if is_log else 1 / 11)
    assert np.isnan(axis.fraction[2])
