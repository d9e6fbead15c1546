"""compare without data: the winners of fitted searches on the same folds; nothing is fitted."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_moons
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - makes HalvingGridSearchCV importable
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier, compare
from sklearn_autotune.plotting import ComparisonDisplay
from tests.toys import CountingClassifier, read_log

X, Y = load_iris(return_X_y=True)
TREE = DecisionTreeClassifier(random_state=0)
SPACE = {"max_depth": [1, 2, 3], "min_samples_leaf": [1, 20]}
FOLDS = list(StratifiedKFold(4, shuffle=True, random_state=1).split(X, Y))


@pytest.fixture(scope="module")
def searches():
    unfitted = {
        "grid": GridSearchCV(TREE, SPACE, cv=4),
        "random": RandomizedSearchCV(TREE, SPACE, n_iter=2, cv=StratifiedKFold(4), random_state=0),
        "ours": OptunaSearchCV(TREE, SPACE, n_trials=4, cv=4, random_state=0),
    }
    return {name: search.fit(X, Y) for name, search in unfitted.items()}


# -- what is compared ----------------------------------------------------------------------------------------------


def test_the_scores_are_those_of_the_winners_on_the_folds(searches):
    comparison = compare(searches)

    for name, search in searches.items():
        winner = TREE.__class__(**{**TREE.get_params(), **search.best_params_})
        assert comparison.column("score", name) == pytest.approx(cross_val_score(winner, X, Y, cv=4))
        assert comparison.column("score", name).mean() == pytest.approx(search.best_score_)
    assert comparison.metric == "accuracy"
    assert comparison.test_over_train == pytest.approx(1 / 3, abs=0.01)
    assert comparison.names == list(searches)


def test_nothing_is_fitted(tmp_path):
    log = tmp_path / "log"
    search = GridSearchCV(CountingClassifier(log=log), {"a": [1, 2]}, cv=2)
    search.fit(np.column_stack([np.arange(20.0), np.ones(20)]), np.arange(20) % 2)
    n_fits = len(read_log(log))

    compare({"one": search, "two": search})

    assert n_fits == len(read_log(log)) > 0


def test_what_is_not_known_is_none_and_what_is_known_is_there(searches):
    comparison = compare(searches)

    rows = [row for row in comparison.rows if row["method"] == "random"]
    assert [row["fold"] for row in rows] == [0, 1, 2, 3]
    for row in rows:
        assert {row[name] for name in ("fit_seconds", "score_seconds", "inner_score", "own_score", "trace")} == {None}
        assert (row["n_trials"], row["n_fits"], row["error"]) == (2, 9, None)
        assert row["best_params"] == searches["random"].best_params_
    assert comparison.anytime == {}
    assert comparison.summary["n_trials"] == [
        len(searches[name].cv_results_["params"]) for name in comparison.summary["method"]
    ]


def test_the_text_says_that_the_scores_are_too_good_and_how_many_candidates_there_were(searches):
    comparison = compare(searches)

    assert not comparison.is_held_out
    assert "scores by which the winners were chosen, so they are too good" in comparison.verdict()
    assert "(grid from 6, random from 2, ours from 4)" in str(comparison)
    assert "by which the winners were chosen" in comparison._repr_html_()
    assert "rows that the methods were not fitted on" not in comparison._repr_html_()


def test_with_data_clones_of_fitted_searches_are_fitted(searches):
    comparison = compare({"grid": searches["grid"]}, X, Y, cv=2, random_state=0, baselines=False)

    assert comparison.is_held_out
    assert comparison.n_folds == 2
    assert comparison.column("fit_seconds", "grid").min() > 0


def test_searches_of_every_kind_take_part_after_pickling_too():
    settings = {"cv": FOLDS, "scoring": "accuracy"}
    selector = AutoModelSelector(families=["logistic"], n_trials=2, blend=False, random_state=0, **settings)
    unfitted = {
        "grid": GridSearchCV(TREE, SPACE, **settings),
        "ours": OptunaSearchCV(TREE, SPACE, n_trials=3, random_state=0, **settings),
        "xgb": TunedXGBClassifier(n_trials=2, random_state=0, **settings),
        "auto": selector,
    }
    fitted = {name: pickle.loads(pickle.dumps(search.fit(X, Y))) for name, search in unfitted.items()}

    comparison = compare(fitted)

    assert "not known" not in comparison.verdict()
    for name in ("grid", "ours", "xgb"):
        assert comparison.column("score", name).mean() == pytest.approx(fitted[name].best_score_)


def test_the_score_that_decides_is_compared():
    scoring = {"loss": "neg_log_loss", "hits": "accuracy"}
    search = GridSearchCV(TREE, SPACE, scoring=scoring, refit="hits", cv=3).fit(X, Y)

    comparison = compare({"several": search})

    assert comparison.column("score", "several").mean() == pytest.approx(search.best_score_)


def test_a_fitted_comparison_is_drawn_without_seconds_and_named_inner(searches):
    display = ComparisonDisplay.from_comparison(compare(searches))

    display.figure_.canvas.draw()
    assert len(display.axes_) == 1
    assert display.bars_ is None
    assert display.axes_[0].get_xlabel().startswith("inner accuracy")
    assert display.plot().figure_ is not None


# -- what is refused -----------------------------------------------------------------------------------------------


def test_a_search_that_is_not_fitted_is_refused(searches):
    with pytest.raises(NotFittedError, match=r"'new', GridSearchCV, has no cv_results_.*fit it first, or pass X and y"):
        compare({**searches, "new": GridSearchCV(TREE, SPACE)})
    with pytest.raises(NotFittedError, match="'tree', DecisionTreeClassifier"):
        compare({"tree": DecisionTreeClassifier().fit(X, Y)})


def test_other_metrics_are_refused(searches):
    by_loss = GridSearchCV(TREE, SPACE, scoring="neg_log_loss", cv=4).fit(X, Y)

    with pytest.raises(
        ValueError, match=r"'grid' and 'by_loss' go by different metrics, accuracy and log loss.*scoring"
    ):
        compare({"grid": searches["grid"], "by_loss": by_loss})


def test_other_folds_are_refused(searches):
    shuffled = OptunaSearchCV(TREE, SPACE, n_trials=2, cv=FOLDS).fit(X, Y)
    five = GridSearchCV(TREE, SPACE, cv=5).fit(X, Y)

    for other in (shuffled, five):
        with pytest.raises(ValueError, match="'ours' and 'other' were measured on different folds, 4 folds of Strat"):
            compare({"ours": searches["ours"], "other": other})


def test_folds_that_cannot_be_checked_are_the_users_claim(searches):
    seedless = GridSearchCV(TREE, SPACE, cv=StratifiedKFold(4, shuffle=True)).fit(X, Y)

    note = compare({"grid": searches["grid"], "seedless": seedless}).notes[-1]

    assert note.startswith("Whether grid and seedless were measured on the same folds is not known")
    assert "your claim" in note


def test_scores_without_a_name_may_be_different_functions():
    fitted = {
        name: GridSearchCV(TREE, SPACE, scoring=lambda tree, X, y: tree.score(X, y), cv=2).fit(X, Y) for name in "ab"
    }

    assert "has no name" in compare(fitted).verdict()


def test_a_blend_has_no_score_on_each_fold():
    selector = AutoModelSelector(families=["logistic", "naive_bayes"], n_trials=4, cv=3, random_state=0).fit(X, Y)
    selector.blend_weights_ = dict.fromkeys(("logistic_0", "naive_bayes_1"), 0.5)  # whatever was chosen

    with pytest.raises(ValueError, match="has chosen a blend of 2 models, which has no score on each fold"):
        compare({"auto": selector})
    selector.blend_weights_ = {"stacked_linear_4": 1.0}
    with pytest.raises(ValueError, match="the second layer 'stacked_linear_4'"):
        compare({"auto": selector})


def test_a_search_without_a_winner_is_refused():
    search = GridSearchCV(TREE, SPACE, scoring=["accuracy", "neg_log_loss"], refit=False, cv=3).fit(X, Y)

    with pytest.raises(ValueError, match="has no winner"):
        compare({"several": search})


def test_scores_on_parts_of_the_rows_are_refused():
    search = HalvingGridSearchCV(TREE, SPACE, cv=3, random_state=0).fit(X, Y)

    with pytest.raises(ValueError, match="measured its candidates on parts of the rows"):
        compare({"halving": search})


def test_a_winner_that_failed_on_a_fold_does_not_lead(searches):
    broken = pickle.loads(pickle.dumps(searches["grid"]))
    broken.cv_results_["split2_test_score"][broken.best_index_] = np.nan

    comparison = compare({"broken": broken, "random": searches["random"]})

    assert comparison.leading == ["random"]
    assert comparison.summary["n_failed"] == [0, 1]


@pytest.mark.parametrize(
    "settings",
    [
        {"cv": 3},
        {"cv": KFold(5)},
        {"scoring": "accuracy"},
        {"groups": [1]},
        {"params": {"sample_weight": [1]}},
        {"random_state": 0},
        {"n_jobs": 2},
        {"baselines": False},
        {"error_score": "raise"},
        {"callbacks": [print]},
    ],
    ids=str,
)
def test_settings_that_serve_to_fit_are_refused(searches, settings):
    with pytest.raises(ValueError, match=f"^{next(iter(settings))}=.* has no effect without X and y"):
        compare(searches, **settings)


def test_defaults_may_be_written_out(searches):
    assert compare(searches, cv=5, error_score=float("nan"), baselines=True, n_jobs=None).n_folds == 4


@pytest.mark.parametrize("data", [{"X": X}, {"y": Y}], ids=["X", "y"])
def test_half_of_the_data_is_refused(searches, data):
    with pytest.raises(TypeError, match="Pass both X and y"):
        compare(searches, **data)


def test_of_one_candidate_nothing_was_chosen_by_the_score():
    only = GridSearchCV(TREE, {"max_depth": [2]}, cv=4).fit(X, Y)

    assert compare({"only": only}).notes == []


# -- practical equivalence -----------------------------------------------------------------------------------------


def test_the_same_winner_is_practically_equivalent(searches):
    twin = {"one": searches["grid"], "two": searches["grid"]}

    comparison = compare(twin, rope=0.01)

    assert comparison.compute_probabilities("one", "two") == (0, 1, 0)
    assert comparison.differences["p_equivalent"] == [1]
    assert "two is practically equivalent to one: with a probability of at least 95%" in comparison.verdict()


def test_probabilities_are_those_of_scikit_learns_example():
    """Of "Statistical comparison of models using grid search", as baycomp computes them (rope 0.01, 10 runs)."""
    data = make_moons(noise=0.352, random_state=1, n_samples=100)
    cv = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    fitted = {
        kernel: GridSearchCV(SVC(random_state=0), {"kernel": [kernel]}, scoring="roc_auc", cv=cv).fit(*data)
        for kernel in ("rbf", "linear")
    }

    comparison = compare(fitted, rope=0.01)

    assert comparison.compute_probabilities("rbf", "linear") == pytest.approx((0.5, 0.43168, 0.06832), abs=1e-4)
    assert "Whether rbf and linear are practically equivalent, up to 0.01 of roc_auc, is open." in comparison.verdict()


def test_without_a_region_nothing_is_said_of_equivalence(searches):
    comparison = compare(searches)

    assert "equivalent" not in comparison.verdict()
    assert set(comparison.differences) == {"method", "difference", "low", "high", "is_clear"}
    with pytest.raises(ValueError, match="Pass rope=, the largest difference of accuracy"):
        comparison.compute_probabilities("grid", "ours")
    assert sum(comparison.compute_probabilities("grid", "ours", rope=0.01)) == pytest.approx(1)


def test_a_method_that_is_not_there_and_a_region_that_is_none_are_refused(searches):
    with pytest.raises(ValueError, match="no method 'new'; there are grid, random, ours"):
        compare(searches).compute_probabilities("grid", "new", rope=0.01)
    for rope in (-1, np.inf, "0.01"):
        with pytest.raises(ValueError, match="rope must be a number from 0 up"):
            compare(searches, rope=rope)
