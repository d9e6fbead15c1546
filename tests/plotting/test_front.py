"""The front: what is drawn is what the search found, in the directions that readers expect."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from sklearn_autotune import AutoModelSelector
from sklearn_autotune.objectives._costs import COSTS
from sklearn_autotune.plotting import FrontDisplay
from tests.aimed_searches import (
    X,
    Y,
    make_aimed,
    search_front,
    search_limits,
    search_seconds,
    search_three,
    select_front,
)
from tests.odd_searches import search_iris
from tests.plotting.test_displays import draw


def test_the_front_is_that_of_the_search():
    search = search_front()
    display = FrontDisplay.from_search(search)

    assert [aim.name for aim in display.objectives] == ["bytes", "neg_log_loss"]
    assert sorted(display.candidate[display.is_on_front]) == sorted(search.front_["index"])
    (ax,) = display.axes_
    assert ax.get_xlabel() == "bytes\n(lower is better)"
    assert ax.get_ylabel() == "log loss\n(lower is better)"
    draw(display.figure_)


def test_the_cost_is_on_the_x_axis_unless_an_order_is_given():
    search = make_aimed(objectives=["accuracy", "bytes"], n_trials=6).fit(X, Y)
    display = FrontDisplay.from_search(search)

    assert display.axes_[0].get_xlabel().startswith("bytes")
    assert display.line_.get_drawstyle() == "steps-post"
    display = FrontDisplay.from_search(search, objectives=["accuracy", "bytes"])
    assert display.axes_[0].get_xlabel().startswith("accuracy")
    assert display.line_.get_drawstyle() == "steps-pre"


def test_no_candidate_lies_beyond_the_step_line():
    display = FrontDisplay.from_search(search_front())
    x, y = (aim.values for aim in display.objectives)
    line_x, line_y = display.line_.get_data()

    for one, other in zip(x[display.meets_limits], y[display.meets_limits], strict=True):
        reached = line_y[line_x <= one]
        assert reached.size
        assert other >= reached.min()


def test_all_dots_of_the_front_and_the_winner_lie_inside_the_axes():
    display = FrontDisplay.from_search(search_front())
    x, y = (aim.values for aim in display.objectives)
    (low, high), (bottom, top) = display.axes_[0].get_xlim(), display.axes_[0].get_ylim()
    kept = display.is_on_front

    assert ((low < x[kept]) & (x[kept] < high) & (bottom < y[kept]) & (y[kept] < top)).all()


def test_candidates_that_were_stopped_are_left_out_and_infeasible_ones_are_crosses():
    search = search_limits()
    display = FrontDisplay.from_search(search, objectives=["bytes", "score"])
    n_drawn = {name: len(one[0].get_offsets()) for name, one in display.scatters_.items()}

    assert sum(n_drawn.values()) == (search.trials_["status"] == "complete").sum()
    assert n_drawn["does not meet the limits"] > 0
    assert n_drawn["on the front"] == display.is_on_front.sum()
    assert display.axes_[0].get_legend().get_texts()[0].get_text() == "limit <= 2700"
    draw(display.figure_)


def test_three_objectives_are_drawn_in_pairs():
    search = search_three()
    display = FrontDisplay.from_search(search)

    assert len(display.axes_) == 3
    assert display.line_ is None
    assert sorted(display.candidate[display.is_on_front]) == sorted(search.front_["index"])
    draw(display.figure_)
    assert len(FrontDisplay.from_search(search, objectives=["size", "accuracy"]).axes_) == 1


def test_a_cost_that_spans_more_than_a_power_of_ten_has_a_logarithmic_axis():
    search = make_aimed(objectives=["accuracy", "bytes"], limits={"bytes": ("<=", 1e6)}, n_trials=4).fit(X, Y)

    assert FrontDisplay.from_search(search).axes_[0].get_xscale() == "log"
    assert FrontDisplay.from_search(search_front()).axes_[0].get_xscale() == "linear"


def test_axes_of_the_user():
    figure, axes = plt.subplots(1, 2)
    display = FrontDisplay.from_search(search_seconds(), objectives=["accuracy", "fit_seconds"], ax=axes[0])

    assert display.figure_ is figure
    assert display.plot(ax=axes[1]) is display
    draw(figure)


def test_a_winner_that_no_limit_allows_is_drawn_without_a_front():
    search = make_aimed(objectives=["accuracy", "bytes"], limits={"bytes": ("<=", 10)}, infeasible="nearest")
    with pytest.warns(UserWarning, match="No candidate meets all limits"):
        search.set_params(n_trials=4).fit(X, Y)
    display = FrontDisplay.from_search(search)

    assert display.line_ is None
    assert not np.any(display.is_on_front)
    draw(display.figure_)


def test_what_cannot_be_drawn_is_refused_with_advice():
    with pytest.raises(ValueError, match="has one score, and neither objectives nor limits"):
        FrontDisplay.from_search(search_iris())
    with pytest.raises(ValueError, match=r"there is one: score. Name what to draw: objectives=\['score', 'bytes'\]"):
        FrontDisplay.from_search(search_limits())
    with pytest.raises(ValueError, match="no objective or limit 'byte': did you mean bytes"):
        FrontDisplay.from_search(search_front(), objectives=["byte", "neg_log_loss"])
    names = ["size", "roc_auc", "loss", "accuracy", "n_features"]
    with pytest.raises(ValueError, match="There are 5 objectives, and 4 can be shown"):
        FrontDisplay.from_search(search_three(), objectives=names)


@pytest.fixture(scope="module")
def selector():
    X, y = load_breast_cancer(return_X_y=True)
    families = ["logistic", "naive_bayes", "extra_trees"]
    return AutoModelSelector(families=families, n_trials=4, cv=3, random_state=0).fit(X[::2, :6], y[::2])


def test_blends_of_a_selector_are_drawn_by_score_and_seconds(selector):
    display = FrontDisplay.from_search(selector)
    seconds, loss = display.objectives

    assert (seconds.name, loss.name) == ("predict_seconds", "score")
    (ax,) = display.axes_
    assert ax.get_xlabel() == "seconds to predict a row\n(lower is better)"
    assert ax.get_ylabel() == "log loss\n(lower is better)"
    drawn = display.candidate[display.is_on_front]
    np.testing.assert_allclose(seconds.values[display.is_on_front], selector.front_["predict_seconds"][drawn])
    np.testing.assert_allclose(loss.values[display.is_on_front], -selector.front_["score"][drawn])
    draw(display.figure_)


def test_the_front_of_a_selector_is_front_if_all_that_it_is_of_is_drawn(selector):
    display = FrontDisplay.from_search(selector, objectives=["score", "predict_seconds", "bytes"])

    assert sorted(display.candidate[display.is_on_front]) == list(range(len(selector.front_["score"])))
    assert (display.candidate[~display.is_on_front] == -1).all()
    assert len(display.axes_) == 3
    with pytest.raises(ValueError, match="no objective or limit 'byte': did you mean bytes"):
        FrontDisplay.from_search(selector, objectives=["byte", "score"])


def test_blends_that_do_not_meet_a_limit_are_crosses_and_the_chosen_one_is_the_star(selector):
    X, y = load_breast_cancer(return_X_y=True)
    bound = 1.5 * selector.front_["bytes"].min()  # the mean of three models is larger
    limits = {"size": (COSTS["bytes"], "<=", bound), "recall": (">=", 0.5)}
    limited = AutoModelSelector(**selector.get_params() | {"limits": limits}).fit(X[::2, :6], y[::2])
    display = FrontDisplay.from_search(limited, objectives=["size", "score"])

    size = display.objectives[0].values
    assert (size[display.meets_limits] <= bound).all()
    assert (size[~display.meets_limits] > bound).any()
    assert "does not meet the limits" in display.scatters_
    assert display.meets_limits[display.best]
    assert display.axes_[0].get_legend().get_texts()[0].get_text().startswith("limit <=")
    by_recall = FrontDisplay.from_search(limited, objectives=["size", "recall"])
    assert by_recall.objectives[1].values[display.best] == pytest.approx(limited.best_scores_["recall"])


def test_numbers_of_narrow_panels_do_not_overlap():
    display = FrontDisplay.from_search(select_front())
    display.figure_.canvas.draw()

    for panel in display.axes_:
        boxes = [label.get_window_extent() for label in panel.get_xticklabels(which="major") if label.get_text()]
        boxes.sort(key=lambda box: box.x0)
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
