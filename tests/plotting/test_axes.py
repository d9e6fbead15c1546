"""An axis for a parameter: where each candidate stands on it, and whether it is logarithmic."""

import itertools
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.analysis._trial_table import read_trial_table
from sklearn_autotune.plotting._axes import ParameterAxis, number_candidates, read_axes
from tests.odd_searches import search_branches, search_iris, search_many, search_one


def test_numbers_of_a_logarithmic_space_are_on_a_logarithmic_axis():
    search = search_iris()
    trial_table = read_trial_table(search)

    axes = read_axes(search, trial_table, None)

    complete = trial_table.find_by_status("complete")
    assert [axis.name for axis in axes] == ["C", "gamma"]
    assert all(axis.is_log and not axis.is_choice for axis in axes)
    np.testing.assert_array_equal(axes[0].positions, [trial_table.params[row]["C"] for row in complete])


def test_a_candidate_without_the_parameter_has_no_position():
    trial_table = read_trial_table(search_branches()).select_complete()

    (degree,) = read_axes(search_branches(), trial_table, ["degree"])

    assert np.isnan(degree.positions).tolist() == ["degree" not in params for params in trial_table.params]
    assert degree.is_whole


def test_choices_have_labels_and_a_tick_for_each():
    (axis,) = read_axes(search_many(), read_trial_table(search_many()), ["b"])
    ax = plt.subplots()[1]

    axis.format_axis(ax, "y")

    assert axis.is_choice
    assert [label.get_text() for label in ax.get_yticklabels()] == axis.labels == ["0", "1", "None"]
    assert ax.get_ylabel() == "b"


def test_parameters_in_which_no_candidates_differ_have_no_axis():
    space = {"C": [0.1, 1.0], "kernel": ["rbf"]}
    search = OptunaSearchCV(SVC(), space, cv=2).fit(*load_iris(return_X_y=True))

    assert [axis.name for axis in read_axes(search, read_trial_table(search), None)] == ["C"]


def test_where_nothing_varies_all_parameters_have_an_axis():
    (axis,) = read_axes(search_one(), read_trial_table(search_one()), None)

    assert axis.fraction.tolist() == [0.5]


@pytest.mark.parametrize("is_log", [False, True])
def test_fractions_go_from_the_smallest_to_the_largest(is_log):
    axis = ParameterAxis("a", np.array([1.0, 10.0, np.nan, 100.0]), is_log=is_log)

    assert axis.fraction[[0, 3]].tolist() == [0.0, 1.0]
    assert axis.fraction[1] == pytest.approx(0.5 if is_log else 1 / 11)
    assert np.isnan(axis.fraction[2])


def test_thirty_choices_are_written_without_overlap():
    axis = ParameterAxis("a", np.arange(30.0), labels=[f"category {index:02d}" for index in range(30)])
    figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")

    axis.format_axis(ax, inches=7)

    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert len(boxes) == 30
    assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(boxes))


def test_a_long_name_is_broken_after_its_steps():
    axis = ParameterAxis("columntransformer__num__simpleimputer__strategy", np.array([1.0, 2.0]))
    ax = plt.subplots()[1]

    axis.format_axis(ax, inches=2.4)

    assert ax.get_xlabel() == "columntransformer__num__\nsimpleimputer__strategy"


@pytest.mark.parametrize(
    ("values", "texts"),
    [([0.01, 1000.0], None), ([0.02, 0.3], ["0.03", "0.1"]), ([1.0, 2.0], ["1.2", "1.5", "1.8"])],
)
def test_a_logarithmic_axis_has_plain_numbers_where_it_has_few_powers_of_ten(values, texts):
    axis = ParameterAxis("a", np.array(values), is_log=True)
    figure, ax = plt.subplots()
    ax.scatter(values, values)

    axis.format_axis(ax)

    figure.draw_without_rendering()
    written = [label.get_text() for label in ax.get_xticklabels()]
    assert all(text in written for text in texts or ["$\\mathdefault{10^{0}}$"])
    assert not any(label.get_text() for label in ax.get_xticklabels(minor=True))


def test_candidates_are_named_by_their_rows_and_those_without_one_lie_between():
    trial_table = replace(read_trial_table(search_one()), row=np.array([0, 1, -1, 2, -1]))

    assert number_candidates(trial_table).tolist() == [0, 1, 1.5, 2, 2.5]
