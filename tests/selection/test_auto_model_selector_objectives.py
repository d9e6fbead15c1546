"""AutoModelSelector with ``objectives=``: the front of blends, and which of them becomes the model."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from sklearn_autotune import AutoModelSelector, GroupDifference, OneStandardError, PredictSeconds, summarize
from sklearn_autotune.exceptions import StudyMismatchError
from sklearn_autotune.objectives._costs import count_bytes
from sklearn_autotune.plotting import FrontDisplay
from tests.faults.nightly import at_night

X, Y = load_breast_cancer(return_X_y=True, as_frame=True)
X, Y = X.iloc[::2, :6], Y.iloc[::2]
BY_BYTES = ["roc_auc", "bytes"]


def selector(**params):
    own = {"families": ["logistic", "extra_trees", "naive_bayes"], "n_trials": 4, "cv": 3, "random_state": 0}
    return AutoModelSelector(**(own | params))


@pytest.fixture(scope="module")
def by_score():
    return selector(objectives=BY_BYTES).fit(X, Y)


@pytest.fixture(scope="module")
def by_size():
    return selector(objectives=BY_BYTES, refit="bytes").fit(X, Y)


def test_the_score_guides_the_search_and_chooses_the_blend(by_score):
    plain = selector(scoring="roc_auc").fit(X, Y)

    assert by_score.blend_weights_ == plain.blend_weights_
    assert by_score.best_score_ == plain.best_score_
    assert by_score.cv_results_["mean_test_score"].tolist() == plain.cv_results_["mean_test_score"].tolist()
    assert by_score.best_scores_ == {"roc_auc": plain.best_score_, "bytes": count_bytes(by_score.best_estimator_)}
    assert "best_scores_" not in vars(plain)


def test_the_front_has_the_objectives_single_models_smaller_blends_and_models_fitted_once(by_score):
    front = by_score.front_

    assert list(front) == ["roc_auc", "bytes", "n_models", "members"]
    assert (np.diff(front["roc_auc"]) <= 0).all()
    assert (np.diff(front["bytes"]) < 0).all()
    assert {len(members) for members in front["members"]} >= {1, 2}
    assert 1 in front["n_models"]
    assert repr(pickle.loads(pickle.dumps(front))) == repr(front)


def test_a_named_objective_takes_the_best_blend_in_it(by_score, by_size):
    assert repr(by_size.front_) == repr(by_score.front_)
    assert by_size.blend_weights_ == by_size.front_["members"][-1]
    assert count_bytes(by_size.best_estimator_) < count_bytes(by_score.best_estimator_) / 3
    assert by_size.best_score_ == by_size.front_["roc_auc"][-1]
    assert by_size.best_scores_["bytes"] == count_bytes(by_size.best_estimator_)


@at_night
def test_the_knee_and_a_function_choose_from_the_front(by_score):
    knee = selector(objectives=BY_BYTES, refit="knee").fit(X, Y)
    second = selector(objectives=BY_BYTES, refit=lambda front: len(front["bytes"]) - 2).fit(X, Y)

    sizes = by_score.front_["bytes"]
    assert sizes.min() <= knee.best_scores_["bytes"] < sizes.max()
    assert second.blend_weights_ == second.front_["members"][-2]
    with pytest.raises(ValueError, match=r"refit returned 99\. It has to return a row of front_"):
        selector(objectives=BY_BYTES, refit=lambda front: 99).fit(X, Y)


def test_counted_costs_give_the_same_front_for_any_number_of_workers(by_size):
    other = selector(objectives=BY_BYTES, refit="bytes", n_jobs=2).fit(X, Y)

    assert repr(other.front_) == repr(by_size.front_)
    assert other.best_scores_ == by_size.best_scores_


def test_several_scores_of_the_same_out_of_fold_predictions_with_own_names_limits_and_a_threshold():
    objectives = {"loss": "neg_log_loss", "auc": "roc_auc", "fast": PredictSeconds(batch_size=50)}
    limits = {"fast": ("<=", 10), "f1": (">=", 0.5)}
    found = selector(objectives=objectives, limits=limits, refit="auc", limit_confidence=0.5, threshold="f1").fit(X, Y)

    assert list(found.front_) == ["loss", "auc", "fast", "f1", "n_models", "members"]
    assert list(found.best_scores_) == ["loss", "auc", "fast", "f1"]
    assert found.best_scores_["auc"] == found.front_["auc"].max()
    probabilities = found.oof_predictions_[:, 1]
    assert found.best_scores_["auc"] == pytest.approx(roc_auc_score(Y, probabilities), abs=0.01)
    assert -found.best_scores_["loss"] == pytest.approx(log_loss(Y, probabilities), abs=0.01)
    assert found.best_scores_["f1"] == pytest.approx(f1_score(Y, probabilities >= found.threshold_), abs=0.03)
    assert 0 < found.best_scores_["fast"] < 10


def test_regression_and_differences_between_groups():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    gap = GroupDifference("neg_mean_absolute_error", by="sex")
    found = selector(
        task="regression", families=["ridge", "extra_trees"], objectives={"r2": "r2", "gap": gap}, refit="gap"
    ).fit(X, y)

    assert found.best_scores_["gap"] == found.front_["gap"].min()
    assert (found.front_["gap"] >= 0).all()
    assert found.score(X, y) > 0.2


def test_the_front_is_drawn_by_its_objectives_and_summaries_know_the_score(by_score):
    display = FrontDisplay.from_search(by_score)

    assert [aim.name for aim in display.objectives] == BY_BYTES[::-1]
    assert sorted(display.candidate[display.is_on_front]) == list(range(len(by_score.front_["bytes"])))
    assert "roc auc" in str(summarize(by_score)).lower().replace("_", " ")
    assert clone(by_score).objectives == BY_BYTES


@at_night
def test_a_stored_search_goes_on_and_is_not_taken_for_other_objectives(by_size, tmp_path):
    settings = {"storage": tmp_path / "study.db", "study_name": "s"}
    selector(objectives=BY_BYTES, refit="bytes", **settings | {"n_trials": 2}).fit(X, Y)
    resumed = selector(objectives=BY_BYTES, refit="bytes", resume=True, **settings).fit(X, Y)

    assert repr(resumed.front_) == repr(by_size.front_)
    assert resumed.best_scores_ == by_size.best_scores_
    other_rule = selector(objectives=BY_BYTES, resume=True, **settings).fit(X, Y)  # measures nothing
    assert other_rule.best_score_ > by_size.best_score_
    for changes in ({"objectives": ["roc_auc", "predict_seconds"]}, {"objectives": None, "scoring": "roc_auc"}):
        with pytest.raises(StudyMismatchError):
            selector(**settings | changes, resume=True).fit(X, Y)


REFUSED = {
    "cost": (
        {"objectives": ["roc_auc", "n_trees"]},
        "objectives has 'n_trees', a cost that",
    ),
    "only costs": ({"objectives": ["bytes"]}, "objectives has only costs"),
    "no score": ({"objectives": ["bytes"], "limits": {"recall": (">=", 0.1)}}, "no score that could guide"),
    "name": ({"objectives": ["roc_auk", "bytes"]}, "did you mean roc_auc"),
    "scoring": ({"objectives": BY_BYTES, "scoring": "accuracy"}, "scoring='accuracy' is given with objectives"),
    "refit": ({"objectives": BY_BYTES, "refit": "byte"}, "refit='byte' is none of the objectives"),
    "no objectives": ({"refit": "knee"}, "refit='knee' chooses among objectives, and there are none"),
    "no refit": ({"objectives": BY_BYTES, "refit": False}, "refit=False is for OptunaSearchCV"),
    "rule": ({"objectives": BY_BYTES, "refit": OneStandardError("bytes")}, "is for OptunaSearchCV"),
    "labels": ({"objectives": ["roc_auc", "jaccard"], "threshold": "jaccard"}, "which would take too long"),
    "groups": ({"objectives": {"auc": "roc_auc", "gap": GroupDifference("accuracy", by="nobody")}}, "objectives has a"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_compared_is_refused_before_any_fit(case):
    changes, message = REFUSED[case]
    refused = selector(**changes)
    with pytest.raises(ValueError, match=message):
        refused.fit(X, Y)
    assert not hasattr(refused, "trials_")
