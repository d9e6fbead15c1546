"""A user of GridSearchCV or RandomizedSearchCV changes the class, and nothing else."""

import pickle
import threading
import warnings

import joblib
import numpy as np
import optuna
import pandas as pd
import pytest
from scipy.stats import uniform
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, ParameterGrid, RandomizedSearchCV, cross_val_score
from sklearn.svm import SVC

from sklearn_autotune import FoldRacing, OptunaSearchCV
from tests.toys import CountingClassifier, SleepingClassifier, read_log, table

X, y = make_classification(60, 4, flip_y=0.2, random_state=0)
GRID = {"C": np.logspace(-2, 2, 8), "gamma": np.logspace(-2, 2, 8)}
BRANCHES = [{"kernel": ["rbf"], "gamma": [0.1, 1.0]}, {"kernel": ["linear"], "C": [0.1, 1.0, 10.0]}]
RANGE = {"a": uniform(0, 9)}


def count_candidates(space, **changes):
    search = OptunaSearchCV(CountingClassifier(), space, cv=2, refit=False, random_state=0, **changes).fit(X, y)
    return len(search.cv_results_["params"])


def ranks_and_scores(search):
    names = [name for name in search.cv_results_ if "_test_" in name or name == "params"]
    return {name: list(search.cv_results_[name]) for name in names}


# -- a grid is searched in full ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def searches():
    ours = OptunaSearchCV(SVC(), GRID, cv=3).fit(X, y)
    return ours, GridSearchCV(SVC(), GRID, cv=3).fit(X, y)


def test_a_grid_of_64_points_gives_the_table_of_grid_search_to_the_bit(searches):
    ours, theirs = searches

    assert ranks_and_scores(ours) == ranks_and_scores(theirs)
    assert ours.best_index_ == theirs.best_index_
    assert ours.best_params_ == theirs.best_params_
    assert ours.best_score_ == theirs.best_score_


def test_the_lines_that_users_write_after_a_grid_search_work_unchanged(searches):
    search, _ = searches
    results = search.cv_results_

    assert results["mean_test_score"].max() == search.best_score_
    assert np.argmax(results["mean_test_score"]) == search.best_index_
    heat_map = results["mean_test_score"].reshape(8, 8)
    assert np.isfinite(heat_map).all()
    assert heat_map[np.unravel_index(search.best_index_, (8, 8))] == search.best_score_
    frame = pd.DataFrame(results).sort_values("rank_test_score")
    assert frame["params"].iloc[0] == search.best_params_ == results["params"][search.best_index_]
    assert len(results["split0_test_score"]) == 64
    assert results["params"] == list(ParameterGrid(GRID))


def test_a_list_of_grids_is_searched_in_full_too():
    ours = OptunaSearchCV(SVC(), BRANCHES, cv=3).fit(X, y)
    theirs = GridSearchCV(SVC(), BRANCHES, cv=3).fit(X, y)

    assert ranks_and_scores(ours) == ranks_and_scores(theirs)


def test_a_whole_grid_is_raced_if_the_pruner_says_so():
    search = OptunaSearchCV(SVC(), GRID, cv=5, pruner=FoldRacing()).fit(X, y)

    assert (search.trials_["status"] == "pruned").any()
    assert search.cv_results_["params"] == list(ParameterGrid(GRID))


@pytest.mark.parametrize(
    ("space", "changes", "expected"),
    [
        ({"a": range(60)}, {}, 60),
        ({"a": list(range(60))}, {"n_trials": 7}, 7),
        ({"a": list(range(60))}, {"n_iter": 7}, 7),
        ({"a": list(range(60))}, {"sampler": optuna.samplers.RandomSampler(seed=0)}, 50),
        ({"a": optuna.distributions.IntDistribution(1, 60)}, {}, 50),
        (RANGE | {"b": [1, 2]}, {}, 50),
        (lambda trial: {"a": trial.suggest_int("a", 1, 60)}, {}, 50),
        ({"a": [1, 2, 3]}, {"n_trials": 40}, 3),
        ({}, {}, 1),
    ],
    ids=["grid", "n_trials", "n_iter", "sampler", "range", "mixed", "function", "small grid", "nothing"],
)
def test_all_points_of_a_grid_are_measured_unless_fewer_are_asked_for_and_50_of_any_other_space(
    space, changes, expected
):
    assert count_candidates(space, pruner=None, **changes) == expected


def test_a_grid_of_more_than_1000_points_is_announced_with_its_fits_before_the_first_one(tmp_path):
    log = tmp_path / "log"
    toy = CountingClassifier(log=str(log))
    space = {"a": range(30), "b": range(50)}

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match=r"1,500 points.*4,500 fits on 3 folds.*n_trials=50.*Ranges") as caught:
            OptunaSearchCV(toy, param_grid=space, cv=3).fit(X, y)

    assert read_log(log) == []
    assert "n_trials=1500 measures all without this warning" in str(caught.value)


def test_a_large_grid_that_was_asked_for_or_has_a_time_limit_is_not_announced():
    space = {"a": range(1001)}
    toy = CountingClassifier()

    assert len(OptunaSearchCV(toy, space, cv=2, n_iter=3).fit(X, y).cv_results_["params"]) == 3
    assert len(OptunaSearchCV(toy, space, cv=2, n_trials=1001, patience=1).fit(X, y).cv_results_["params"]) < 1001
    assert len(OptunaSearchCV(toy, space, cv=2, timeout=60, patience=1).fit(X, y).cv_results_["params"]) < 1001


def test_a_grid_that_the_time_limit_cuts_short_is_reported():
    search = OptunaSearchCV(SleepingClassifier(seconds=0.5), {"a": range(40)}, cv=2, timeout=0.5, refit=False)

    with pytest.warns(UserWarning, match=r"time limit ended the search after \d+ of the 40 points of the grid"):
        search.fit(X, y)


# -- the names of scikit-learn's searches --------------------------------------------------------------------------


def test_param_grid_is_another_name_of_param_distributions(searches):
    ours, _ = searches
    search = OptunaSearchCV(SVC(), param_grid=GRID, cv=3)

    assert search.get_params()["param_grid"] is GRID
    assert table(clone(search).fit(X, y)) == table(ours)
    assert table(pickle.loads(pickle.dumps(search)).fit(X, y)) == table(ours)
    search.set_params(param_grid=None, param_distributions={"C": [1.0]})
    assert len(search.fit(X, y).cv_results_["params"]) == 1


def test_n_iter_is_another_name_of_n_trials():
    arguments = {"cv": 2, "random_state": 0, "refit": False}
    by_n_iter = OptunaSearchCV(CountingClassifier(), RANGE, n_iter=6, **arguments)

    assert clone(by_n_iter).n_iter == 6
    assert "n_iter=6" in repr(by_n_iter)
    assert table(by_n_iter.fit(X, y)) == table(
        OptunaSearchCV(CountingClassifier(), RANGE, n_trials=6, **arguments).fit(X, y)
    )


@pytest.mark.parametrize("kind", [GridSearchCV, RandomizedSearchCV])
def test_every_argument_of_scikit_learns_searches_is_an_argument_here(kind):
    space = {"param_grid" if kind is GridSearchCV else "param_distributions": {"C": [0.1, 1.0, 10.0]}}
    theirs = kind(SVC(), **space) if kind is GridSearchCV else kind(SVC(), **space, n_iter=3)

    search = OptunaSearchCV(**theirs.get_params(deep=False)).fit(X, y)

    assert sorted(map(str, search.cv_results_["params"])) == sorted(map(str, theirs.fit(X, y).cv_results_["params"]))
    assert search.best_score_ == theirs.best_score_


def test_a_search_with_param_grid_is_nested_and_searched():
    inner = OptunaSearchCV(SVC(), param_grid={"C": [0.1, 1.0]}, cv=2)
    outer = OptunaSearchCV(inner, param_grid={"param_grid": [{"C": [1.0]}, {"C": [0.1, 1.0]}]}, cv=2)

    assert cross_val_score(inner, X, y, cv=2).shape == (2,)
    assert len(outer.fit(X, y).cv_results_["params"]) == 2


def test_a_study_stored_under_one_name_is_resumed_under_the_other(tmp_path):
    log = tmp_path / "log"
    toy = CountingClassifier(log=str(log))
    arguments = {"cv": 2, "storage": tmp_path / "study.db", "refit": False, "measure_default": False}
    OptunaSearchCV(toy, {"a": range(6)}, n_iter=4, **arguments).fit(X, y)

    resumed = OptunaSearchCV(toy, param_grid={"a": range(6)}, resume=True, **arguments).fit(X, y)

    assert sorted(params["a"] for params in resumed.cv_results_["params"]) == list(range(6))
    assert len(read_log(log)) == 2 * 6


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, r"no space to search: give param_distributions.*param_grid"),
        ({"param_grid": GRID, "param_distributions": GRID}, ValueError, "two names of the same parameter"),
        ({"param_grid": GRID, "n_iter": 3, "n_trials": 4}, ValueError, "n_iter=3, n_trials=4. Give one"),
        ({"param_grid": GRID, "n_iter": 0}, ValueError, "n_iter"),
        ({"param_grid": GRID, "n_trials": "all"}, ValueError, "n_trials"),
        ({"param_grid": {"C": [1.0], "gamma": uniform(0, 1)}}, TypeError, "'gamma'.*belong in param_distributions"),
        ({"param_grid": [{"C": [1.0]}, {"C": uniform(0, 1)}]}, TypeError, "'C'.*belong in param_distributions"),
        ({"param_grid": {"C": 1.0}}, TypeError, "'C'.*but got 1.0.*wrapped in a list"),
        ({"param_grid": {"kernel": "rbf"}}, TypeError, "'kernel'.*but got 'rbf'.*wrapped in a list"),
        ({"param_grid": [3]}, TypeError, "dict of lists or a list of such dicts, but got 3"),
        ({"param_grid": {"C": []}}, ValueError, "non-empty"),
        ({"param_grid": []}, TypeError, "non-empty list of dicts"),
        ({"param_grid": "auto"}, ValueError, "param_grid"),
    ],
)
def test_names_and_grids_that_cannot_be_used_are_refused_with_what_to_write(arguments, error, message):
    with pytest.raises(error, match=message):
        OptunaSearchCV(SVC(), **arguments).fit(X, y)


class WaitingForOthers(CountingClassifier):
    """Is fitted only when 8 fits are under way together, all in one process."""

    together = threading.Barrier(8)

    def fit(self, X, y):
        self.together.wait(timeout=30)
        return super().fit(X, y)


def test_all_workers_are_kept_busy_where_no_result_changes_the_candidates():
    search = OptunaSearchCV(WaitingForOthers(), param_grid={"a": range(8)}, cv=2, n_jobs=8, refit=False)

    with joblib.parallel_config(backend="threading"):
        search.fit(X, y)

    assert [params["a"] for params in search.cv_results_["params"]] == list(range(8))


def test_a_search_that_may_stop_does_not_run_ahead():
    search = OptunaSearchCV(
        CountingClassifier(), param_grid={"a": range(40)}, cv=2, n_jobs=8, target_score=-1e9, refit=False
    )

    with joblib.parallel_config(backend="threading"):
        search.fit(X, y)

    assert len(search.trials_["number"]) <= 11  # ten are proposed together
