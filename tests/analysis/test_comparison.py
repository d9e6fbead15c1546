"""compare: the same folds for all, honest intervals, and a winner only where there is one."""

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.stats import loguniform, uniform
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_diabetes, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import Comparison, OptunaSearchCV, TunedXGBClassifier, compare
from sklearn_autotune.plotting import AnytimeDisplay, ComparisonDisplay
from sklearn_autotune.statistics._intervals import compute_paired_interval
from tests.html_page import read_view
from tests.toys import CountingClassifier, FailingClassifier, read_log

TREE = DecisionTreeClassifier(random_state=0)
SPACE = {"max_depth": [1, 2, 3]}


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def comparison(iris):
    methods = {
        "grid": GridSearchCV(TREE, SPACE, cv=3),
        "random": RandomizedSearchCV(TREE, SPACE, n_iter=2, cv=3, random_state=0),
        "ours": OptunaSearchCV(TREE, SPACE, cv=3, random_state=0),
        "stump": DecisionTreeClassifier(max_depth=1, random_state=0),
    }
    return compare(methods, *iris, cv=4, random_state=0)


def made(scores, **settings):
    """A comparison with these held-out scores: method to one for each fold, None where it failed."""
    rows = [
        {
            "method": name,
            "fold": fold,
            "score": np.nan if score is None else score,
            "error": "broken" if score is None else None,
            "trace": None,
            **dict.fromkeys(("inner_score", "own_score", "fit_seconds", "score_seconds", "n_fits", "n_trials")),
        }
        for name, ones in scores.items()
        for fold, score in enumerate(ones)
    ]
    return Comparison(rows, list(scores), [], "score", test_over_train=0.25, **settings)


# -- what is measured ----------------------------------------------------------------------------------------------


def test_held_out_scores_are_those_of_nested_cross_validation(comparison, iris):
    outer = StratifiedKFold(4, shuffle=True, random_state=_seed_of(0))

    expected = cross_val_score(GridSearchCV(TREE, SPACE, cv=3), *iris, cv=outer, scoring="accuracy")

    assert comparison.column("score", "grid").tolist() == expected.tolist()


def _seed_of(random_state):
    from sklearn_autotune.storage._study import draw_seed

    return draw_seed(random_state) % 2**31


def test_searches_of_the_same_candidates_have_the_same_scores(comparison):
    for name in ("score", "inner_score", "n_fits", "n_trials"):
        assert comparison.column(name, "ours").tolist() == comparison.column(name, "grid").tolist()
    assert (
        comparison.column("n_fits", "grid").tolist() == [10] * 4
    )  # three candidates on three folds, and the final fit


def test_every_method_is_fitted_on_the_same_rows(tmp_path, iris):
    X, y = np.column_stack([np.arange(30.0), np.ones(30)]), np.arange(30) % 2
    logs = [tmp_path / "one", tmp_path / "two"]
    methods = {log.name: RowNoting(log) for log in logs}

    compare(methods, X, y, cv=KFold(3, shuffle=True), baselines=False)  # a splitter that would not repeat itself

    first, second = ([entry["rows"] for entry in read_log(log)] for log in logs)
    assert first == second
    assert len(first) == 3


class RowNoting(ClassifierMixin, BaseEstimator):
    def __init__(self, log=None):
        self.log = log

    def fit(self, X, y):
        from tests.toys import note

        note(self.log, rows=X[:, 0].tolist())
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


def test_the_same_seed_gives_the_same_comparison_for_any_n_jobs(iris):
    methods = {
        "random": RandomizedSearchCV(SVC(), {"C": loguniform(1e-2, 1e2)}, n_iter=3, cv=2),
        "ours": OptunaSearchCV(SVC(), {"C": loguniform(1e-2, 1e2)}, n_trials=3, cv=2),
    }

    one = compare(methods, *iris, cv=3, random_state=1)
    with joblib.parallel_config(backend="threading"):
        two = compare(methods, *iris, cv=3, random_state=1, n_jobs=2)

    for name in one.names:
        assert one.column("score", name).tolist() == two.column("score", name).tolist()
    assert [row["best_params"] for row in one.rows] == [row["best_params"] for row in two.rows]


def test_methods_are_left_as_they_are(iris):
    search = OptunaSearchCV(TREE, SPACE, cv=2)

    compare({"ours": search}, *iris, cv=2, random_state=0)

    assert not hasattr(search, "cv_results_")
    assert search.random_state is None


def test_groups_stay_together_inside_and_outside(iris):
    X, y = iris
    groups = np.arange(len(y)) % 10
    methods = {
        "ours": OptunaSearchCV(TREE, SPACE, cv=GroupKFold(3)),
        "grid": GridSearchCV(TREE, SPACE, cv=GroupKFold(3)),
    }

    comparison = compare(methods, X, y, cv=GroupKFold(5), groups=groups, baselines=False)

    assert comparison.column("score", "ours").tolist() == comparison.column("score", "grid").tolist()


# -- weights and other metadata ------------------------------------------------------------------------------------


def test_callbacks_get_each_row_as_soon_as_it_is_there(iris):
    seen = []

    comparison = compare({"tree": TREE, "svc": SVC()}, *iris, cv=2, baselines=False, callbacks=[seen.append])

    assert [(row["method"], row["fold"]) for row in seen] == [("tree", 0), ("svc", 0), ("tree", 1), ("svc", 1)]
    assert seen == comparison.rows


def test_tables_with_names_and_labels_of_strings_will_do():
    table = load_iris(as_frame=True)
    labels = table.target_names[table.target]
    methods = {"ours": OptunaSearchCV(TREE, SPACE, cv=2)}

    comparison = compare(methods, table.data, labels, cv=3, scoring="f1_macro", random_state=0)

    assert comparison.column("score", "ours").min() > 0.8
    assert comparison.metric == "f1_macro"


def test_a_method_left_with_one_score_is_drawn():
    scores = {"a": [0.90, 0.91, 0.92], "b": [0.89, None, None], "c": [0.1, 0.1, 0.1], "d": [0.85, 0.88, 0.86]}
    comparison = made(scores)
    for row in comparison.rows:
        row["fit_seconds"] = 1.0

    display = ComparisonDisplay.from_comparison(comparison)

    display.figure_.canvas.draw()
    assert display.axes_[0].get_xlim()[0] > 0.5  # c is out of sight, and said to be


def test_regression_is_seen_and_scored_as_such():
    methods = {"ours": OptunaSearchCV(Ridge(), {"alpha": loguniform(1e-3, 1e3)}, n_trials=5, cv=3)}

    comparison = compare(methods, *load_diabetes(return_X_y=True), cv=3, random_state=0)

    assert comparison.metric == "r2"
    assert comparison.column("score", "dummy").max() < 0.05 < comparison.column("score", "ours").min()


# -- baselines -----------------------------------------------------------------------------------------------------


def test_baselines_are_the_dummy_and_the_untuned_estimators(comparison, iris):
    assert comparison.baselines == ["dummy", "untuned"]
    outer = StratifiedKFold(4, shuffle=True, random_state=_seed_of(0))
    untuned = cross_val_score(TREE, *iris, cv=outer, scoring="accuracy")
    assert comparison.column("score", "untuned").tolist() == untuned.tolist()


def test_each_different_estimator_is_a_baseline_of_its_own(iris):
    methods = {
        "tree": OptunaSearchCV(TREE, SPACE, cv=2),
        "svc": OptunaSearchCV(SVC(), {"C": [1, 10]}, cv=2),
        "svc again": GridSearchCV(SVC(), {"C": [1, 10]}, cv=2),
        "dummy": DummyClassifier(),
    }

    comparison = compare(methods, *iris, cv=2, random_state=0)

    assert comparison.baselines == ["untuned DecisionTreeClassifier 1", "untuned SVC 2"]


# -- failures ------------------------------------------------------------------------------------------------------


def test_a_method_that_fails_costs_its_own_rows_alone(iris):
    methods = {"broken": FailingClassifier(a=9), "tree": TREE}

    with pytest.warns(FitFailedWarning, match="'broken' failed on 3 of the outer folds") as warned:
        comparison = compare(methods, *iris, cv=3, random_state=0)

    assert len(warned) == 1
    errors = [row["error"] for row in comparison.rows if row["method"] == "broken"]
    assert all("ValueError: the toy fails on purpose" in error for error in errors)
    assert comparison.leading == ["tree"]
    assert comparison.summary["method"][-1] == "broken"
    assert "broken" in str(comparison)
    ComparisonDisplay.from_comparison(comparison).figure_.canvas.draw()


def test_errors_are_let_through_if_asked(iris):
    with pytest.raises(ValueError, match="the toy fails on purpose"):
        compare({"broken": FailingClassifier(a=9)}, *iris, error_score="raise")


def test_a_method_that_failed_on_a_fold_never_wins():
    comparison = made({"lucky": [0.99, 0.99, 0.99, None], "steady": [0.5, 0.51, 0.5, 0.49]})

    assert comparison.leading == ["steady"]
    assert made({"a": [None, 0.5], "b": [0.4, None]}).best is None
    assert "every method failed" in made({"a": [None, 0.5], "b": [0.4, None]}).verdict()


@pytest.mark.parametrize(
    ("methods", "error", "message"),
    [
        ({}, TypeError, "with one at least"),
        ([TREE], TypeError, "must be a dict"),
        ({1: TREE}, TypeError, "names of methods are strings"),
        ({"tree": DecisionTreeClassifier}, TypeError, "an instance with fit"),
        ({"text": "tree"}, TypeError, "an instance with fit"),
    ],
)
def test_what_cannot_be_compared_is_refused(iris, methods, error, message):
    with pytest.raises(error, match=message):
        compare(methods, *iris)


# -- what is said --------------------------------------------------------------------------------------------------


def test_close_methods_have_no_clear_winner(comparison):
    assert comparison.best is None
    assert {"grid", "ours"} <= set(comparison.leading)
    assert "dummy" not in comparison.leading
    assert comparison.verdict().startswith("No clear winner: ")


def test_a_method_that_is_better_on_every_fold_is_the_winner():
    comparison = made({"worse": [0.80, 0.81, 0.79, 0.80, 0.82], "better": [0.90, 0.91, 0.90, 0.89, 0.92]})

    assert comparison.best == "better"
    assert comparison.differences["method"] == ["worse"]
    assert comparison.verdict() == (
        "better is better than all others at 95% confidence: its mean score is 0.9040; the next is worse 0.8040."
    )


def test_one_method_alone_has_won_nothing():
    comparison = made({"only": [0.9, 0.8]})

    assert comparison.best is None
    assert comparison.differences["method"] == []
    assert "nobody to beat" in comparison.verdict()


def test_a_single_fold_settles_nothing():
    comparison = made({"a": [0.9], "b": [0.1]})

    assert comparison.best is None
    assert comparison.leading == ["a", "b"]


def test_intervals_of_differences_hold_together():
    scores = {"a": [0.90, 0.92, 0.91, 0.93], "b": [0.85, 0.86, 0.88, 0.84], "c": [0.80, 0.84, 0.82, 0.83]}

    comparison = made(scores)

    expected = compute_paired_interval(np.subtract(scores["a"], scores["b"]), test_over_train=0.25, confidence=0.975)
    assert comparison.differences["low"][0] == expected.low
    assert comparison.differences["high"][0] == expected.high


def test_a_tie_on_every_fold_is_no_win():
    assert made({"a": [0.9, 0.8, 0.7], "b": [0.9, 0.8, 0.7]}).best is None
    assert made({"a": [0.95, 0.85], "b": [0.9, 0.8]}).best is None  # one row more on each of two folds


def test_optimism_is_by_the_score_that_the_search_goes_by(iris):
    methods = {"xgb": TunedXGBClassifier(n_trials=2, cv=2, random_state=0)}

    comparison = compare(methods, *iris, cv=2, random_state=0)

    summary = comparison.summary
    place = summary["method"].index("xgb")
    assert summary["inner_score"][place] < 0 < summary["score"][place]  # log loss inside, accuracy outside
    assert abs(summary["optimism"][place]) < 0.5
    assert "xgb" not in comparison.anytime


# -- tables and plots ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("table", "n_rows"), [("rows", 24), ("summary", 6), ("differences", 5)])
def test_tables_become_frames(comparison, table, n_rows):
    frame = comparison.to_frame(table)

    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == n_rows


def test_a_table_that_is_not_there_is_refused(comparison):
    with pytest.raises(ValueError, match="rows, summary, differences"):
        comparison.to_frame("all")


def test_the_text_has_a_line_for_each_method_and_the_verdict(comparison):
    lines = str(comparison).splitlines()

    assert [line.split()[0] for line in lines[1:7]] == comparison.summary["method"]
    assert lines[-1] == comparison.verdict()


def test_the_anytime_curve_ends_with_the_mean_inner_score(comparison):
    curves = comparison.anytime

    assert set(curves) == {"grid", "random", "ours"}
    for name, curve in curves.items():
        assert curve["score"][-1] == pytest.approx(comparison.column("inner_score", name).mean())
        assert (np.diff(curve["score"]) >= 0).all()
        assert curve["seconds"][-1] <= comparison.column("fit_seconds", name).max()


def test_a_comparison_is_drawn(comparison):
    display = ComparisonDisplay.from_comparison(comparison)

    display.figure_.canvas.draw()
    assert display.names == comparison.summary["method"]
    assert len(display.points_) == len(display.bars_) == 6
    assert set(AnytimeDisplay.from_comparison(comparison).lines_) == {"grid", "random", "ours"}


def test_without_a_search_there_is_no_anytime_curve(iris):
    comparison = compare({"tree": TREE, "line": LogisticRegression(max_iter=1000)}, *iris, cv=2)

    with pytest.raises(ValueError, match="None of the methods is a search"):
        AnytimeDisplay.from_comparison(comparison)


def test_callable_scorers_and_toys_that_score_themselves(iris):
    X, y = np.column_stack([np.arange(20.0), np.ones(20)]), np.arange(20) % 2
    methods = {"ours": OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=5, cv=2)}

    comparison = compare(methods, X, y, cv=2, scoring=lambda estimator, X, y: estimator.score(X, y), random_state=0)

    assert comparison.column("score", "ours").mean() > comparison.column("score", "untuned").mean()


# -- in a notebook -------------------------------------------------------------------------------------------------


def test_a_notebook_shows_the_verdict_and_a_row_for_each_method_with_the_named_score(comparison):
    page = read_view(comparison._repr_html_())

    assert page.texts().startswith(comparison.verdict())
    assert page.rows[0] == ["method", "accuracy", "95% interval", "inner", "seconds", "fits", "failed"]
    assert [row[0] for row in page.rows[1:]] == comparison.summary["method"]
    assert page.rows[1][1] == f"{comparison.summary['score'][0]:.4f}"
    assert "Means over 4 outer folds" in page.texts()


def test_a_notebook_shows_a_loss_with_its_own_sign_and_what_is_missing_as_a_dash():
    losses = Comparison(
        made({"<b>": [-1.0, -2.0], "b": [-5.0, None]}).rows, ["<b>", "b"], [], "neg_mean_squared_error", 0.25
    )

    page = read_view(losses._repr_html_())

    assert page.rows[0][1] == "mean squared error (lower is better)"
    assert [row[:2] for row in page.rows[1:]] == [["<b>", "1.5000"], ["b", "5.0000"]]
    assert page.rows[1][3:6] == ["–", "–", "–"]
    assert page.rows[2][-1] == "1"


def test_a_notebook_names_an_inner_score_that_is_of_another_metric(iris):
    by_loss = GridSearchCV(TREE, SPACE, cv=3, scoring="neg_log_loss")
    found = compare(
        {"by accuracy": GridSearchCV(TREE, SPACE, cv=3), "by loss": by_loss},
        *iris,
        cv=2,
        random_state=0,
        baselines=False,
    )

    inner = {row[0]: row[3] for row in read_view(found._repr_html_()).rows[1:]}

    assert inner["by loss"] == f"log loss {-found.column('inner_score', 'by loss').mean():.4f}"
    assert float(inner["by accuracy"]) == pytest.approx(found.column("inner_score", "by accuracy").mean(), abs=1e-4)


def test_the_text_of_a_comparison_is_its_table(comparison):
    assert repr(comparison) == str(comparison)
    assert len(repr(comparison)) < 1_000
    with sklearn.config_context(display="text"):
        assert comparison._repr_html_() is None
