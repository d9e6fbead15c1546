"""What a reader takes from the displays: the metric and its better side, which candidate, and names without overlap."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text
from scipy.stats import loguniform, randint
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import silhouette_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import OptunaSearchCV, TunedXGBClassifier, compare
from sklearn_autotune.plotting import (
    AnytimeDisplay,
    ComparisonDisplay,
    ContourDisplay,
    FoldScoresDisplay,
    LearningCurvesDisplay,
    OptimizationHistoryDisplay,
    ParallelCoordinatesDisplay,
    ParameterImportanceDisplay,
    SliceDisplay,
)
from tests.odd_searches import X, Y, fail_some, search_branches, search_iris, search_many, search_one
from tests.toys import CountingClassifier

WITH_SCORES = (
    OptimizationHistoryDisplay,
    SliceDisplay,
    ContourDisplay,
    ParallelCoordinatesDisplay,
    FoldScoresDisplay,
)
LONG_NAME = "columntransformer__num__simpleimputer__strategy"


def read_texts(figure):
    """All that is written in a figure, in one line."""
    return " ".join(" ".join(text.get_text().split()) for text in figure.findobj(Text))


@pytest.fixture(scope="module")
def loss_search():
    model = LogisticRegression(max_iter=2000)
    space = {"C": loguniform(1e-4, 1e3), "tol": loguniform(1e-6, 1e-2)}
    search = OptunaSearchCV(model, space, scoring="neg_log_loss", n_trials=25, random_state=0)
    return search.fit(*load_iris(return_X_y=True))


@pytest.fixture(scope="module")
def loss_comparison():
    tree, space = DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}
    methods = {"grid": GridSearchCV(tree, space, cv=3, scoring="neg_log_loss")}
    return compare(methods, *load_iris(return_X_y=True), scoring="neg_log_loss", cv=3, random_state=0)


# -- the metric ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WITH_SCORES)
def test_a_loss_is_named_in_words_with_its_better_side(loss_search, kind):
    written = read_texts(kind.from_search(loss_search).figure_)

    assert "log loss (lower is better)" in written
    assert "neg_log_loss" not in written
    assert "mean score" not in written


@pytest.mark.parametrize("kind", WITH_SCORES)
def test_a_gain_is_named_with_its_better_side(kind):
    assert "accuracy (higher is better)" in read_texts(kind.from_search(search_iris()).figure_)


def test_importances_say_for_what(loss_search):
    assert "importance for log loss" in read_texts(ParameterImportanceDisplay.from_search(loss_search).figure_)


def test_learning_curves_of_a_loss_fall():
    model = TunedXGBClassifier(n_trials=2, cv=2, random_state=0).fit(*load_iris(return_X_y=True))

    display = LearningCurvesDisplay.from_search(model)

    heights = display.lines_[display.best].get_ydata()
    assert display.ax_.get_ylabel() == "log loss (lower is better)"
    assert heights[0] > heights.min() > 0
    np.testing.assert_allclose(heights, -display.curves[display.best][1])


def test_comparisons_of_a_loss_have_its_own_sign(loss_comparison):
    drawn, anytime = (kind.from_comparison(loss_comparison) for kind in (ComparisonDisplay, AnytimeDisplay))

    assert "held-out log loss (lower is better)" in read_texts(drawn.figure_)
    assert "best inner log loss (lower is better) so far" in read_texts(anytime.figure_)
    points = [point[0].get_xdata()[0] for point in drawn.points_]
    np.testing.assert_allclose(points, [-row.mean() for row in drawn.scores])
    assert (np.diff(anytime.lines_["grid"].get_ydata()) <= 0).all()


def test_a_loss_that_is_far_worse_is_written_at_the_right_edge():
    scores = -np.array([[0.30, 0.31, 0.29], [0.32, 0.33, 0.30], [9.0, 10.0, 8.0]])
    means, widths = scores.mean(axis=1), np.array([0.02, 0.02, 1.0])

    display = ComparisonDisplay(
        names=["a", "b", "dummy"],
        scores=scores,
        low=means - widths,
        high=means + widths,
        seconds=np.ones((3, 3)),
        leading=["a", "b"],
        metric="neg_log_loss",
    ).plot()

    assert "9 →" in read_texts(display.figure_)
    low, high = display.axes_[0].get_xlim()
    assert 0 < low < 0.28 < 0.34 < high < 1


def test_a_scorer_without_a_name_is_called_score():
    search = OptunaSearchCV(
        KMeans(n_init=1, random_state=0),
        {"n_clusters": randint(2, 8)},
        scoring=lambda model, X, y=None: silhouette_score(X, model.predict(X)),
        n_trials=6,
        cv=KFold(2, shuffle=True, random_state=0),
        random_state=0,
    ).fit(load_iris().data)

    assert "score (higher is better)" in read_texts(SliceDisplay.from_search(search).figure_)


# -- the history ---------------------------------------------------------------------------------------------------


def test_what_was_stopped_is_never_drawn_as_better_than_the_winner():
    display = OptimizationHistoryDisplay.from_search(search_iris())

    complete, stopped = (display.scatters_[name].get_offsets()[:, 1] for name in ("complete", "pruned"))
    assert stopped.max() < complete.min()
    assert "stopped early" in read_texts(display.figure_)


def test_the_band_of_a_loss_is_on_the_side_of_the_worse_values(loss_search):
    display = OptimizationHistoryDisplay.from_search(loss_search)

    line = display.line_.get_ydata()
    assert display.scatters_["pruned"].get_offsets()[:, 1].min() > np.nanmax(line)
    assert (np.diff(line[np.isfinite(line)]) <= 0).all()
    assert line[-1] == pytest.approx(-loss_search.best_score_)


def test_every_way_to_end_has_a_row_of_its_own():
    display = OptimizationHistoryDisplay.from_search(fail_some())

    rows = [np.unique(display.scatters_[name].get_offsets()[:, 1]) for name in ("pruned", "failed")]
    assert [len(row) for row in rows] == [1, 1]
    assert rows[0] != rows[1]


def test_candidates_are_numbered_by_their_rows():
    search = search_branches()

    history = OptimizationHistoryDisplay.from_search(search)
    folds = FoldScoresDisplay.from_search(search, n_candidates=1)

    assert history.candidate.tolist() == list(range(len(search.cv_results_["params"])))
    assert history.candidate[history.best] == search.best_index_
    assert folds.labels[0].startswith(f"candidate {search.best_index_}\n")


# -- parameters ----------------------------------------------------------------------------------------------------


def test_the_most_important_parameters_are_chosen_unless_they_are_named():
    names = [f"a{index}" for index in range(7)] + ["z"]
    pipeline = make_pipeline(FunctionTransformer(), CountingClassifier())
    grid = GridSearchCV(pipeline, {"countingclassifier__a": [1, 2, 3], "functiontransformer__validate": [True, False]})
    grid.fit(X, Y)
    rng = np.random.RandomState(0)
    rows = [dict(zip(names, rng.uniform(size=8), strict=True)) for _ in range(200)]
    grid.cv_results_ = {"params": rows, "mean_test_score": np.array([-((row["z"] - 0.5) ** 2) for row in rows])}
    grid.cv_results_ |= {f"mean_{name}_time": np.ones(200) for name in ("fit", "score")}

    assert SliceDisplay.from_search(grid).axes[0].name == "z"
    assert ParallelCoordinatesDisplay.from_search(grid).axes[-1].name == "z"
    assert ContourDisplay.from_search(grid).x.name == "z"
    named = SliceDisplay.from_search(grid, parameters=["a3", "z"])
    assert [axis.name for axis in named.axes] == ["a3", "z"]


def test_a_pair_is_one_that_most_candidates_have():
    display = ContourDisplay.from_search(search_branches())

    counts = [np.isfinite(axis.positions).sum() for axis in (display.x, display.y)]
    assert min(counts) >= 0.5 * len(display.score)


def test_a_parameter_with_thirty_choices_has_a_row_of_panels_for_itself():
    space = {"a": [1.0, 2.0, 3.0], "b": [f"category {index:02d}" for index in range(30)]}
    search = GridSearchCV(CountingClassifier(), space, cv=2).fit(X, Y)

    display = SliceDisplay.from_search(search)

    display.figure_.draw_without_rendering()
    wide = next(ax for ax, axis in zip(display.axes_, display.axes, strict=True) if axis.name == "b")
    boxes = [label.get_window_extent() for label in wide.get_xticklabels()]
    assert len(boxes) == 30
    assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(boxes))


def test_long_names_stay_inside_the_figure_and_off_one_another():
    model = make_pipeline(StandardScaler(), SVC())
    search = GridSearchCV(model, {"svc__C": [1.0, 2.0], "svc__degree": [2, 3], "svc__coef0": [0, 1]}, cv=2)
    search.fit(*load_iris(return_X_y=True))
    renamed = {"svc__C": LONG_NAME, "svc__degree": LONG_NAME.replace("num", "cat"), "svc__coef0": LONG_NAME + "s"}
    search.cv_results_["params"] = [
        {renamed[name]: value for name, value in row.items()} for row in search.cv_results_["params"]
    ]

    display = SliceDisplay.from_search(search)

    display.figure_.draw_without_rendering()
    boxes = sorted((ax.xaxis.label.get_window_extent() for ax in display.axes_), key=lambda box: box.x0)
    assert boxes[0].x0 >= 0
    assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(boxes))


@pytest.mark.parametrize("make", [search_one, search_many])
def test_one_candidate_and_a_hundred_have_whole_numbers_below_them(make):
    display = OptimizationHistoryDisplay.from_search(make())

    display.figure_.draw_without_rendering()
    shown = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert shown
    assert all(float(text.replace("−", "-")).is_integer() for text in shown)
    plt.close(display.figure_)


def test_a_search_without_parameters_has_no_panels():
    search = OptunaSearchCV(LogisticRegression(max_iter=1000), {}, cv=3).fit(X, Y)

    with pytest.raises(ValueError, match="The space of this search has no parameter, so there is nothing to show"):
        SliceDisplay.from_search(search)
