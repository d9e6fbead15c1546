"""Displays: they draw what they are given, remember it, and draw odd searches as well as ordinary ones."""

import io

import matplotlib.pyplot as plt
import numpy as np
import optuna
import pytest
from joblib import parallel_config
from matplotlib.figure import Figure
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier, plotting, summarize
from sklearn_autotune.plotting import (
    ContourDisplay,
    FoldScoresDisplay,
    LeaderboardDisplay,
    LearningCurvesDisplay,
    OptimizationHistoryDisplay,
    ParallelCoordinatesDisplay,
    ParameterImportanceDisplay,
    SliceDisplay,
    TimeDisplay,
)
from sklearn_autotune.search._base_search import get_phase_timer
from sklearn_autotune.statistics._intervals import compute_paired_interval
from tests.odd_searches import (
    ODD,
    X,
    Y,
    fail_some,
    search_branches,
    search_grid,
    search_iris,
    search_many,
    search_objects,
    search_one,
    search_rungs,
    search_several_scores,
)
from tests.toys import CountingClassifier

OF_ANY_SEARCH = (
    OptimizationHistoryDisplay,
    ParallelCoordinatesDisplay,
    SliceDisplay,
    FoldScoresDisplay,
    TimeDisplay,
)


def draw(figure):
    """Draw into memory: some mistakes show only then."""
    figure.savefig(io.BytesIO(), format="png")


def figure_of(display):
    return display.figure_


@pytest.fixture
def iris_search():
    return search_iris()


@pytest.fixture(scope="module")
def boosted():
    return TunedXGBClassifier(n_trials=6, cv=3, random_state=0).fit(*load_iris(return_X_y=True))


# -- every display -------------------------------------------------------------------------------------------------


@pytest.mark.few_by_day(4)
@pytest.mark.parametrize("make", ODD, ids=lambda make: make.__name__)
def test_odd_searches_are_drawn_like_others(make):
    search = make()

    for kind in OF_ANY_SEARCH:
        draw(figure_of(kind.from_search(search)))


def test_displays_draw_where_they_are_told(iris_search):
    for kind in (*OF_ANY_SEARCH, ContourDisplay, ParameterImportanceDisplay):
        figure, ax = plt.subplots()

        display = kind.from_search(iris_search, ax=ax)

        assert display.figure_ is figure
        draw(figure)


def test_a_display_can_be_drawn_again_from_its_numbers(iris_search):
    for kind in (*OF_ANY_SEARCH, ContourDisplay, ParameterImportanceDisplay):
        display = kind.from_search(iris_search)
        first = display.figure_

        assert display.plot() is display
        assert isinstance(display.figure_, Figure)
        assert display.figure_ is not first


def test_all_displays_are_public():
    kinds = [name for name in plotting.__all__ if not hasattr(getattr(plotting, name), "plot")]

    assert kinds == []


def test_what_is_not_fitted_is_refused():
    with pytest.raises(ValueError, match="has no cv_results_: pass a search, fitted"):
        OptimizationHistoryDisplay.from_search(OptunaSearchCV(SVC(), {"C": [1]}))


def test_a_score_that_is_not_there_is_refused(iris_search):
    with pytest.raises(ValueError, match="no score 'f1'; it has score"):
        SliceDisplay.from_search(iris_search, metric="f1")


def test_a_parameter_that_is_not_there_is_refused(iris_search):
    with pytest.raises(ValueError, match="No candidate has a parameter 'c'"):
        ParallelCoordinatesDisplay.from_search(iris_search, parameters=["c"])


# -- history -------------------------------------------------------------------------------------------------------


def test_history_marks_what_was_stopped_and_what_failed():
    search = fail_some()

    display = OptimizationHistoryDisplay.from_search(search)

    counts = {status: len(scatter.get_offsets()) for status, scatter in display.scatters_.items()}
    assert counts == {status: int((search.trials_["status"] == status).sum()) for status in counts}
    assert {"complete", "failed", "pruned"} == set(counts)
    assert len({scatter.get_paths()[0].vertices.tobytes() for scatter in display.scatters_.values()}) == 3
    assert display.best_so_far[-1] == search.best_score_


def test_history_shows_the_score_that_is_asked_for():
    search = search_several_scores()

    assert OptimizationHistoryDisplay.from_search(search).metric == "neg_log_loss"
    display = OptimizationHistoryDisplay.from_search(search, metric="accuracy")
    assert display.score.tolist() == search.cv_results_["mean_test_accuracy"].tolist()
    assert display.ax_.get_ylabel() == "accuracy (higher is better)"


# -- curves --------------------------------------------------------------------------------------------------------


def test_boosters_have_curves_that_end_where_they_were_stopped(boosted):
    display = LearningCurvesDisplay.from_search(boosted)

    draw(display.figure_)
    assert len(display.lines_) == len(boosted.learning_curves_)
    winner = boosted.learning_curves_[boosted.best_index_]
    _, scores = display.curves[display.best]
    assert scores[0] == pytest.approx(np.mean([fold["score"][0] for fold in winner]))
    assert display.best_amount == boosted.n_estimators_
    n_pruned = int((boosted.trials_["status"] == "pruned").sum())
    assert (0 if display.stops_ is None else len(display.stops_.get_offsets())) == n_pruned


def test_rungs_are_curves_too():
    search = search_rungs()

    display = LearningCurvesDisplay.from_search(search)

    draw(display.figure_)
    assert {int(curve[0][-1]) for curve in display.curves} == set(search.trials_["resource"].tolist())
    assert display.best_amount == search.best_resource_ == 9
    assert len(display.stops_.get_offsets()) == (search.trials_["status"] == "pruned").sum() > 0


def test_where_there_are_no_curves_it_is_said_when_there_are(iris_search):
    with pytest.raises(ValueError, match="resource='iterations'"):
        LearningCurvesDisplay.from_search(iris_search)


# -- importance ----------------------------------------------------------------------------------------------------


def test_importances_are_those_of_optuna(iris_search):
    display = ParameterImportanceDisplay.from_search(iris_search)

    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    assert display.importances == optuna.importance.get_param_importances(iris_search.study_, evaluator=evaluator)
    assert [bar.get_width() for bar in display.bars_] == sorted(display.importances.values())


def test_parameters_that_cannot_vary_have_no_importance():
    display = ParameterImportanceDisplay.from_search(search_branches())

    assert set(display.importances) == {"(branch)", "gamma", "degree"}


def test_importances_are_measured_for_searches_without_a_study():
    display = ParameterImportanceDisplay.from_search(search_grid())

    assert set(display.importances) == {"a", "b"}
    assert display.importances["a"] > display.importances["b"]
    draw(display.figure_)


def test_importances_of_equal_scores_are_refused():
    search = GridSearchCV(CountingClassifier(), {"b": [1, 2, 3]}, cv=2).fit(X, Y)

    with pytest.raises(ValueError, match="have the same score"):
        ParameterImportanceDisplay.from_search(search)


def test_importances_of_one_candidate_are_refused():
    with pytest.raises(ValueError, match="at least two that differ"):
        ParameterImportanceDisplay.from_search(search_one())


# -- parameters ----------------------------------------------------------------------------------------------------


def test_wide_ranges_have_logarithmic_axes(iris_search):
    display = SliceDisplay.from_search(iris_search)

    assert [ax.get_xscale() for ax in display.axes_] == ["log", "log"]
    assert [axis.is_log for axis in SliceDisplay.from_search(search_many(), parameters=["a"]).axes] == [False]


def test_choices_are_named_and_told_apart():
    display = SliceDisplay.from_search(search_objects(), parameters=["model"])

    labels = [label.get_text() for label in display.axes_[0].get_xticklabels()]
    assert labels == ["LogisticRegression(C=0.1)", "LogisticRegression(C=0.2)", "SVC()"]


def test_candidates_without_a_parameter_pass_below_its_axis():
    search = search_branches()

    display = ParallelCoordinatesDisplay.from_search(search, parameters=["degree"])

    below = [line for line in display.lines_ if line.get_ydata()[0] < 0]
    assert len(below) == sum("degree" not in params for params in search.cv_results_["params"])


def test_only_complete_candidates_have_lines(iris_search):
    display = ParallelCoordinatesDisplay.from_search(iris_search)

    assert len(display.lines_) == (iris_search.trials_["status"] == "complete").sum() < 25


def test_contours_are_drawn_between_numbers_and_not_between_choices(iris_search):
    assert ContourDisplay.from_search(iris_search).contours_ is not None
    assert ContourDisplay.from_search(search_objects()).contours_ is None
    draw(ContourDisplay.from_search(search_branches()).figure_)


def test_contours_need_a_pair(iris_search):
    with pytest.raises(ValueError, match="over two parameters, got 1"):
        ContourDisplay.from_search(iris_search, parameters=["C"])


def test_candidates_on_a_line_have_no_contours():
    search = GridSearchCV(CountingClassifier(), {"a": list(range(8))}, cv=2).fit(X, Y)
    search.cv_results_["params"] = [{"a": one["a"], "b": 2 * one["a"]} for one in search.cv_results_["params"]]

    assert ContourDisplay.from_search(search).contours_ is None


# -- folds ---------------------------------------------------------------------------------------------------------


def test_the_winner_comes_first_and_differs_by_nothing_from_itself(iris_search):
    display = FoldScoresDisplay.from_search(iris_search, n_candidates=4)

    assert display.fold_scores.shape == (4, 5)
    assert display.fold_scores[0].mean() == pytest.approx(iris_search.best_score_)
    assert not display.differences[0].any()
    assert len(display.bars_) == 3


def test_repeated_folds_do_not_pass_for_many():
    scores = np.random.RandomState(0).normal(0.9, 0.01, size=(2, 15))

    guessed, told = (
        FoldScoresDisplay(labels=["a", "b"], fold_scores=scores, test_over_train=ratio).intervals[1]
        for ratio in (None, 1 / 4)
    )

    assert guessed == told == compute_paired_interval(scores[1] - scores[0], test_over_train=1 / 4)


def test_the_sizes_of_folds_are_those_of_the_search():
    cv = ShuffleSplit(3, train_size=60, test_size=30, random_state=0)
    search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}, cv=cv)
    search.fit(*load_iris(return_X_y=True))

    display = FoldScoresDisplay.from_search(search)

    assert display.test_over_train == 0.5
    assert display.intervals[1] == compute_paired_interval(display.differences[1], test_over_train=0.5)
    assert FoldScoresDisplay.from_search(search, test_over_train=0.1).test_over_train == 0.1


# -- time and leaderboard ------------------------------------------------------------------------------------------


def test_time_adds_up(iris_search):
    display = TimeDisplay.from_search(iris_search)

    measured = sum(sum(display.seconds[status].values()) for status in display.counts)
    assert measured == pytest.approx(iris_search.trials_["seconds"].sum())
    assert sum(display.counts.values()) == 25
    assert display.seconds["final fit"]["fit"] == iris_search.refit_time_
    assert display.seconds["sampler"]["other"] > 0
    total = sum(sum(phases.values()) for phases in display.seconds.values())
    assert total == pytest.approx(display.wall_seconds)  # with one worker


def test_seconds_of_several_workers_are_more_than_the_clock_shows():
    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2, 3, 4]}, cv=2, n_jobs=2)
    with parallel_config(backend="threading"):
        search.fit(np.column_stack([np.arange(20.0), np.ones(20)]), np.arange(20) % 2)
    search.trials_["seconds"][:] = 4.0  # two workers at a time
    timer = get_phase_timer(search)
    timer.total, timer.sampler, timer.measuring = 9.0, 0.25, 8.0

    display, summary = TimeDisplay.from_search(search), summarize(search)

    measured = sum(sum(display.seconds[status].values()) for status in display.counts)
    assert measured == pytest.approx(16.0)
    assert display.wall_seconds == pytest.approx(9.0 + search.refit_time_)
    assert display.seconds["sampler"]["other"] == pytest.approx(0.25)
    assert display.seconds["the rest"]["other"] == pytest.approx(0.75)
    assert summary.wall_seconds == display.wall_seconds
    assert f"{sum(summary.seconds.values()):.3g} s, {summary.wall_seconds:.3g} s by the clock" in str(summary)


def test_searches_of_other_packages_are_told_by_their_studies():
    search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}, cv=2)
    search.fit(*load_iris(return_X_y=True))
    del search._phase_timer, search._fold_sizes  # as others have none

    display = TimeDisplay.from_search(search)

    assert display.wall_seconds is None
    assert display.seconds["sampler and the rest"]["other"] > 0
    assert FoldScoresDisplay.from_search(search).test_over_train is None


def test_a_selector_has_a_leaderboard_and_seconds_for_each_family():
    selector = AutoModelSelector(families=["logistic", "naive_bayes"], n_trials=5, cv=3, random_state=0)
    selector.fit(*load_iris(return_X_y=True))

    board, time = LeaderboardDisplay.from_search(selector), TimeDisplay.from_search(selector)

    draw(board.figure_)
    draw(time.figure_)
    assert set(time.counts) == {"logistic", "naive_bayes"} == set(board.family)
    assert board.bars_.datavalues.sum() == pytest.approx(1)
    assert board.rank.tolist() == sorted(board.rank)
    rows = {number: row for row, number in enumerate(selector.trials_["number"])}
    columns = [selector.leaderboard_[name] for name in ("number", "family", "mean_score")]
    for number, family, score in zip(*columns, strict=True):
        assert selector.trials_["params"][rows[number]]["family"] == family
        assert np.isnan(score) or score == selector.trials_["mean_test_score"][rows[number]]
    for kind in (*OF_ANY_SEARCH, ParameterImportanceDisplay):
        draw(figure_of(kind.from_search(selector)))


def test_other_searches_have_no_leaderboard(iris_search):
    with pytest.raises(ValueError, match="no leaderboard_: pass a fitted AutoModelSelector"):
        LeaderboardDisplay.from_search(iris_search)
