"""AutoModelSelector with limits, and its front of blends."""

import pickle
from contextlib import nullcontext

import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import recall_score
from sklearn.naive_bayes import GaussianNB

from sklearn_autotune import AutoModelSelector, GroupDifference
from sklearn_autotune.families import Family
from sklearn_autotune.objectives._costs import count_bytes
from tests.faults.nightly import at_night


def selector(**params):
    own = {"families": ["logistic", "forest", "naive_bayes"], "n_trials": 3, "cv": 3, "random_state": 0}
    return AutoModelSelector(**(own | params))


@pytest.fixture(scope="module")
def table():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return X.iloc[:, :8], y


@pytest.fixture(scope="module")
def unlimited(table):
    return selector().fit(*table)


def test_the_front_has_the_chosen_blend_and_smaller_ones_of_a_lower_score(unlimited):
    front = unlimited.front_

    assert list(front) == ["score", "predict_seconds", "bytes", "n_models", "members"]
    assert (np.diff(front["score"]) <= 0).all()
    assert unlimited.blend_weights_ in [pytest.approx(members) for members in front["members"]]
    assert len(front.to_frame()) == len(front["score"]) > 1
    assert repr(pickle.loads(pickle.dumps(front))) == repr(front)
    assert not hasattr(unlimited, "best_scores_")


def test_the_final_model_keeps_to_a_limit_on_its_bytes(table, unlimited):
    n_bytes = count_bytes(unlimited.best_estimator_)
    limited = selector(limits={"bytes": ("<=", n_bytes // 3)}).fit(*table)

    assert count_bytes(limited.best_estimator_) <= n_bytes // 3
    assert limited.best_scores_ == {"bytes": count_bytes(limited.best_estimator_)}
    assert (limited.front_["bytes"] <= n_bytes // 3).all()
    assert limited.score(*table) > 0.9
    assert limited.best_score_ <= 0


def test_a_limit_on_the_bytes_gives_the_same_result_for_the_same_seed_and_any_n_jobs(table, unlimited):
    limits = {"bytes": ("<=", count_bytes(unlimited.best_estimator_) // 3)}
    first, second = (selector(limits=limits, n_jobs=n_jobs).fit(*table) for n_jobs in (None, 2))

    assert first.blend_weights_ == second.blend_weights_
    assert first.best_scores_ == second.best_scores_


class HeavyNB(GaussianNB):
    """Predicts as the model that it derives from, and takes 160 kB more."""

    def fit(self, X, y, sample_weight=None):
        self.weight_ = np.arange(20_000.0)
        return super().fit(X, y, sample_weight)


def make_family(name, kind):
    smoothing = FloatDistribution(1e-9, 1.0, log=True)
    first = ({"var_smoothing": 1e-9},)
    return Family(name, ("sklearn.GaussianNB",), lambda _: {"var_smoothing": smoothing}, lambda _: kind(), first=first)


TOYS = [make_family("light", GaussianNB), make_family("heavy", HeavyNB)]


@pytest.mark.parametrize("bound", [20_000, 100])
def test_candidates_are_tuned_where_the_limits_on_costs_allow_it_or_are_least_violated(bound, table):
    limits = {"bytes": ("<=", bound), "accuracy": (">=", 0.1)}
    limited = selector(families=TOYS, n_trials=40, limits=limits, patience=None, infeasible="nearest", blend=False)
    with nullcontext() if bound > 1000 else pytest.warns(UserWarning, match="meets all limits"):
        limited.fit(*table)

    names = limited.leaderboard_["family"].tolist()
    assert names.count("light") > 2 * names.count("heavy") > 0
    trials = [trial for trial in limited.study_.get_trials() if trial.values is not None]
    violations = [trial.constraints["bytes"] for trial in trials[:2]]  # the first candidates
    assert violations[0] < violations[1]
    assert (violations[0] <= 0) == (bound > 1000)


def test_the_baseline_that_meets_any_limit_is_no_candidate_to_look_near_to(table):
    limited = selector(families=[*TOYS, "baseline"], limits={"bytes": ("<=", 20_000)}).fit(*table)

    constraints = [trial.constraints for trial in limited.study_.get_trials()]
    assert [sorted(one) for one in constraints] == [["bytes"], ["bytes"], ["baseline"]]
    assert constraints[2]["baseline"] > constraints[1]["bytes"] > 0 > constraints[0]["bytes"]


def test_limits_on_several_scores_and_costs_hold_for_the_out_of_fold_predictions(table):
    X, y = table
    gap = GroupDifference("recall", by="site")
    X = X.assign(site=np.random.RandomState(0).randint(2, size=len(y)))
    limits = {"predict_seconds": ("<=", 60), "recall": (">=", 0.9), "gap": (gap, "<=", 0.5)}

    limited = selector(limits=limits, limit_confidence=0.5).fit(X, y)

    assert list(limited.best_scores_) == ["predict_seconds", "recall", "gap"]
    assert 0 < limited.best_scores_["predict_seconds"] < 60
    assert 0 <= limited.best_scores_["gap"] <= 0.5
    predicted = limited.oof_predictions_.argmax(axis=1)
    assert limited.best_scores_["recall"] == pytest.approx(recall_score(y, predicted), abs=0.01)  # of folds, and of all


def test_without_a_blend_that_meets_the_limits_the_error_names_the_nearest_and_the_results_are_kept(table):
    refused = selector(limits={"bytes": ("<=", 10)})
    with pytest.raises(ValueError, match=r"meets all limits \(bytes <= 10\)\. The nearest is \w+_\d"):
        refused.fit(*table)
    assert len(refused.trials_["number"]) == 3

    nearest = clone(refused).set_params(infeasible="nearest")
    with pytest.warns(UserWarning, match="The nearest is"):
        nearest.fit(*table)
    assert nearest.best_scores_["bytes"] > 10
    assert nearest.predict(table[0].head(3)).shape == (3,)


def test_regressors_keep_to_limits_and_raw_rows_follow_the_times_by_which_a_table_is_sorted():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    order = np.random.RandomState(0).permutation(len(y))
    X = X.assign(day=order, half=np.where(order < len(y) // 2, "first", "second"))
    gap = GroupDifference("neg_mean_absolute_error", by="half")

    limited = selector(
        task="regression", families=["ridge", "forest"], time="day", limits={"gap": (gap, "<=", 1000)}
    ).fit(X, y)

    # The rows of a test fold are of one half, except in the middle.
    assert 0 <= limited.best_scores_["gap"] < 60


def test_a_limited_score_sees_the_table_as_it_was_given(table):
    X, y = table[0].to_numpy(), table[1].to_numpy()
    seen = []

    def count_columns(model, X, y):
        seen.append((X.shape[1], X.dtype.kind))
        return 1.0

    rows = np.column_stack([X, np.arange(len(X)) % 2])
    limits = {"gap": (GroupDifference("accuracy", by=-1), "<=", 1.0), "columns": (count_columns, ">=", 0.5)}
    settings = {"families": ["logistic"], "n_trials": 2, "cv": 3, "random_state": 0, "limit_confidence": 0.5}
    selector = AutoModelSelector(**settings, limits=limits).fit(rows, y)
    other = {"gap": (GroupDifference("accuracy", by=X.shape[1]), "<=", 1.0)}
    by_position = AutoModelSelector(**settings, limits=other).fit(rows, y)

    assert set(seen) == {(rows.shape[1], "f")}
    assert selector.best_scores_["gap"] == by_position.best_scores_["gap"] < 1


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"recall": (">=", 0.1)}, "pos_label"),
        ({"gap": (GroupDifference("accuracy", by=99), "<=", 1.0)}, "columns, from 0 on"),
    ],
)
def test_a_limited_score_that_cannot_be_computed_is_an_error_before_any_fit(table, limits, message):
    X, y = table[0].to_numpy(), table[1].to_numpy()
    with pytest.raises(ValueError, match=f"limits has a score that cannot be computed.*{message}"):
        AutoModelSelector(families=["logistic"], n_trials=2, cv=3, limits=limits).fit(X, np.where(y == 1, "yes", "no"))


@at_night
def test_a_stored_search_with_limits_goes_on_as_if_it_had_not_ended(table, tmp_path):
    X, y = table
    settings = {"families": TOYS, "limits": {"bytes": ("<=", 20_000)}, "patience": None, "look_ahead": 1}
    whole = selector(**settings, n_trials=16).fit(X[::2], y[::2])
    stored = settings | {"storage": tmp_path / "study.db", "study_name": "s"}
    selector(**stored, n_trials=12).fit(X[::2], y[::2])
    resumed = selector(**stored, n_trials=16, resume=True).fit(X[::2], y[::2])

    def list_constraints(search):
        return [trial.constraints for trial in search.study_.get_trials() if trial.values is not None]

    assert list_constraints(resumed) == list_constraints(whole)
    assert resumed.leaderboard_["mean_score"].tolist() == whole.leaderboard_["mean_score"].tolist()
    assert resumed.best_scores_ == whole.best_scores_
