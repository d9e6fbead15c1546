"""The counts and references of the benchmarks, because a mistake in them would make a table wrong."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers
from scipy.stats import loguniform, randint, uniform
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from benchmarks._measure import measure_missing, read_rows, write_rows
from benchmarks.counting import Fit, best_after, costs_of, noted
from benchmarks.fits import add_regrets, counted
from benchmarks.peers.searches import SEARCHES, halving_rungs, levels
from benchmarks.problems import Problem
from benchmarks.selection import section, without_lone_seeds
from benchmarks.selection_large import LARGE_GROUPS, LARGE_TABLES
from benchmarks.selection_slices import SLICE_GROUPS, SLICES
from benchmarks.selection_tables import GROUPS, REGRESSION, SMALL, TABLES, hold_out
from benchmarks.tabulated import FOLDS, Surrogate, Tabulated, X, Y, measure, names, surrogate
from sklearn_autotune import FoldRacing, OptunaSearchCV

SPACE = {"a": uniform(0, 1), "b": [True, False], "c": randint(1, 5), "d": loguniform(1e-3, 1)}


def dummy_problem():
    def load():
        return np.arange(60.0).reshape(-1, 1), np.random.RandomState(0).normal(size=60)

    space = {"quantile": uniform(0, 1), "strategy": ["quantile", "mean"]}
    return Problem("dummy", load, lambda seed: DummyRegressor(strategy="quantile"), space, "r2", False)


def test_only_candidates_measured_on_all_folds_are_the_best():
    fits = [Fit(("a",), 9, 0, 0.9), Fit(("b",), 9, 0, 0.5), Fit(("b",), 9, 1, 0.3), Fit(("c",), 9, 0, 0.6)]
    fits += [Fit(("c",), 9), Fit(("c",), 9, 1, 0.4)]

    scores, candidates = best_after(fits, 2)

    np.testing.assert_allclose(scores, [np.nan, np.nan, 0.4, 0.4, 0.4, 0.5])
    assert candidates == [None, None, ("b",), ("b",), ("b",), ("c",)]


def test_a_fit_costs_its_share_of_the_training_rows():
    fits = [Fit(("a",), 3), Fit(("a",), 9), Fit(("b",), 10)]

    np.testing.assert_allclose(costs_of(fits, 9), [1 / 3, 1, 1])


def test_a_fit_on_a_part_of_the_rows_does_not_measure_its_fold():
    X, y = np.arange(60.0).reshape(-1, 1), np.arange(60.0)
    folds = list(KFold(3).split(X))
    train, test = folds[0]
    problem = Problem("", lambda: (X, y), DummyRegressor, {"dummyregressor__strategy": ["mean"]}, "r2")
    model = counted(make_pipeline(DummyRegressor()), problem, folds, X)

    with noted() as fits:
        clone(model).fit(X[train], y[train]).score(X[test], y[test])
        clone(model).fit(X[train[:10]], y[train[:10]]).score(X[test], y[test])

        assert [fit.fold for fit in fits] == [0, None]


@pytest.mark.parametrize("pruner", [None, FoldRacing()])
def test_a_search_has_made_the_fits_that_are_counted(pruner):
    name = names()[0]

    with noted() as fits:
        search = OptunaSearchCV(
            Tabulated(name),
            surrogate(name).space,
            n_trials=30,
            cv=FOLDS,
            pruner=pruner,
            refit=False,
            random_state=0,
            measure_default=False,
        ).fit(X, Y)

    assert len(fits) == search.trials_["n_folds"].sum()
    assert best_after(fits, len(FOLDS))[0][-1] == pytest.approx(search.best_score_)


def test_a_surrogate_gives_a_measured_candidate_its_own_scores_and_no_other_a_better_mean():
    problem = dummy_problem()
    found = measure(problem, 20)
    made = Surrogate(problem.space, found)
    scores = np.array(found["scores"])
    best = int(scores.mean(axis=1).argmax())

    np.testing.assert_allclose(made.scores(found["params"][best]), scores[best], atol=1e-6)
    others = [made.scores([quantile, "'quantile'"]).mean() for quantile in np.linspace(0, 1, 50)]
    assert max(others) <= made.best + 1e-9


@given(integers(1, 300))
def test_a_grid_is_as_large_as_its_budget_allows(n_candidates):
    counts = {name: len(values) for name, values in levels(SPACE, n_candidates).items()}

    assert math.prod(counts.values()) <= n_candidates
    for name in ("a", "d"):  # no limit of their own
        assert math.prod((counts | {name: counts[name] + 1}).values()) > n_candidates


@pytest.mark.parametrize("n_candidates", [2, 7, 13])
def test_halving_costs_as_much_as_so_many_candidates_on_all_rows_and_no_more(n_candidates):
    problem = dummy_problem()
    rows, y = np.arange(900.0).reshape(-1, 1), np.random.RandomState(0).normal(size=900)

    def cost(first, n_rungs):
        search = SEARCHES["HalvingRandomSearchCV"](
            problem.make(0), {"quantile": uniform(0, 1)}, first, 0, cv=3, min_resources=900 // 3 ** (n_rungs - 1)
        ).fit(rows, y)
        assert search.n_resources_[-1] == 900
        return np.dot(search.n_candidates_, search.n_resources_) / 900

    first, n_rungs = halving_rungs(n_candidates)

    assert cost(first, n_rungs) <= n_candidates < cost(first + 1, n_rungs)


def test_rows_come_back_from_their_table_as_they_went(tmp_path):
    rows = [{"problem": "Pima, neighbours", "seed": 3, "regret": -0.25, "tiny": 1e-9, "setting": "look_ahead=4"}]

    write_rows("table", rows, tmp_path)

    assert read_rows("table", tmp_path) == rows


def test_seeds_of_one_table_only_are_looked_at_apart():
    shared = [("a", 0), ("a", 1), ("b", 0), ("b", 1)]

    assert list(without_lone_seeds(dict.fromkeys([*shared, ("b", 2), ("b", 3)]))) == shared
    assert list(without_lone_seeds(dict.fromkeys([("a", 0), ("a", 1)]))) == [("a", 0), ("a", 1)]


def test_ours_without_optional_packages_stands_in_the_place_of_ours_and_never_beside_it():
    losses = {"logistic": 0.5, "ours": 0.4, "ours_light": 0.6}
    cell = {
        name: {"log_loss": loss, "auc": 1 - loss, "reported": loss, "seconds": 1.0, "peak_mib": 1}
        for name, loss in losses.items()
    }

    usual, light = section({("a", 0): cell, ("b", 0): cell}).split("Ours without LightGBM and CatBoost.")

    assert "| ours | 1.00 |" in usual
    assert "| logistic | 2.00 |" in usual
    assert "| ours | 2.00 |" in light
    assert "| logistic | 1.00 |" in light
    assert "ours_light" not in usual + light


def test_regression_is_compared_by_rmse_and_mae_and_its_t_is_over_tables():
    def cell(ratio):
        rmse = {"ridge": 2.0 * ratio, "ours": 2.0}
        return {
            name: {"rmse": loss, "mae": 3.0 - loss, "r2": 0.5, "reported": loss, "seconds": 1.0, "peak_mib": 1}
            for name, loss in rmse.items()
        }

    text = section({("a", 0): cell(1.1), ("a", 1): cell(1.1), ("b", 0): cell(1.2), ("b", 1): cell(1.2)})
    logs = np.log([1.1, 1.2])
    t = logs.mean() / (logs.std(ddof=1) / np.sqrt(2))

    assert "mean rank, RMSE | mean rank, MAE" in text
    assert f"| ridge | 2.00 | 1.00 | 100% of 4 | {np.sqrt(1.1 * 1.2):.3f} | {t:+.1f} |" in text


def test_each_table_of_the_selector_is_of_one_group_at_most():
    names = [name for group in GROUPS.values() for name in group]

    assert len(set(names)) == len(names)
    assert set(names) <= set(TABLES) | set(SLICES) | set(LARGE_TABLES)
    assert len(REGRESSION) >= 16
    assert len(SMALL) >= 16
    assert {len(group) for group in (SLICE_GROUPS | LARGE_GROUPS).values()} == {4}
    assert sum(SLICE_GROUPS.values(), ()) == tuple(SLICES)
    assert sum(LARGE_GROUPS.values(), ()) == tuple(LARGE_TABLES)


@pytest.mark.parametrize("name", ["migraines", "rain", "pets"])
def test_whole_groups_or_the_latest_rows_are_held_out_where_a_table_has_them(name):
    y, given = np.arange(60) % 2, np.arange(60) // 3

    test = hold_out(name, y, given, seed=0)
    rest = np.setdiff1d(np.arange(60), test)

    assert len(test) == 18
    assert (set(given[test]) & set(given[rest]) == set()) == (name in ("migraines", "rain"))
    assert (test.min() > rest.max()) == (name == "rain")


def test_tables_of_both_tasks_are_compared_by_the_loss_of_each():
    def cell(name, column, better, worse):
        usual = {"table": name, "reported": None, "seconds": 1.0, "peak_mib": 9}
        other = {"rmse": {"mae": 1.0}, "log_loss": {"auc": 0.9, "rmse": "", "mae": ""}}[column]
        return {"ours": usual | other | {column: better}, "linear": usual | other | {column: worse}}

    text = section({("a", 0): cell("a", "rmse", 10.0, 12.0), ("b", 0): cell("b", "log_loss", 0.5, 0.5 * 1.2)})

    assert "mean rank, log loss or RMSE | mean rank, AUC or MAE" in text
    assert "| linear | 2.00 | 1.50 | 100% of 2 | 1.200 |" in text


def test_a_method_is_measured_anew_and_the_others_are_kept(tmp_path):
    measured = []

    def call(problem, seed, method):
        measured.append(method)
        return [{"problem": problem, "seed": seed, "method": method}]

    def run(is_kept=None):
        wanted = [("a", 0, "ours"), ("a", 0, "other")]
        keys = ("problem", "seed", "method")
        about = {"is_resumed": True, "is_quick": False, "keys": keys, "folder": tmp_path}
        return measure_missing("table", call, wanted, is_kept=is_kept, **about)

    run()
    run()
    run(is_kept=lambda row: row["method"] != "ours")

    assert measured == ["ours", "other", "ours"]
    assert len(read_rows("table", tmp_path)) == 2


def test_regrets_wait_for_the_methods_that_they_are_relative_to():
    usual = {"problem": "a", "seed": 0, "candidates": 25, "held_out": 1.0}
    rows = [
        usual | {"method": "hyperopt", "cv_score": 0.7, "typical": 0.1},
        usual | {"method": "RandomizedSearchCV", "cv_score": 0.8, "typical": 0.4},
    ]

    add_regrets(rows)
    assert [row["regret"] for row in rows] == ["", ""]

    rows.append(rows[0] | {"method": "OptunaSearchCV", "cv_score": 0.9, "held_out": 0.5})
    add_regrets(rows)

    assert [row["method"] for row in rows] == ["OptunaSearchCV", "RandomizedSearchCV", "hyperopt"]
    np.testing.assert_allclose([row["regret"] for row in rows], [0, 0.2, 0.4])
    np.testing.assert_allclose([row["held_out_gain"] for row in rows], [0, 1, 1])
    assert [row["rank"] for row in rows] == [1, 2, 3]
