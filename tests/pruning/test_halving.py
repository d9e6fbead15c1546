"""Successive halving, and searches whose candidates are measured rung by rung."""

import pickle

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.samplers import RandomSampler
from scipy.stats import loguniform
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import PredefinedSplit, RepeatedStratifiedKFold, ShuffleSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import FoldRacing, OptunaSearchCV
from sklearn_autotune.evaluation import Progress, Rung, average_scores
from sklearn_autotune.pruning._halving import HalvingState, HalvingTracker
from tests.faults.nightly import at_night
from tests.toys import statuses, table

BOOSTING = {"learning_rate": loguniform(1e-3, 1), "max_depth": [1, 2, 3, 4], "subsample": [0.5, 0.7, 1.0]}


@pytest.fixture(scope="module")
def data():
    X, y = load_breast_cancer(return_X_y=True)
    return X[::3], y[::3]


def climb(**params):
    model = GradientBoostingClassifier(n_estimators=27, random_state=0)
    fixed = {"n_trials": 12, "random_state": 0, "cv": 3, "scoring": "roc_auc", "resource": "iterations"}
    return OptunaSearchCV(model, BOOSTING, **(fixed | params))


# -- the rule --------------------------------------------------------------------------------------------------------


scores = st.lists(st.floats(-1, 1), min_size=1, max_size=30)


@given(scores, st.floats(-1, 1), st.sampled_from([1.5, 2, 3, 4]))
def test_the_best_share_of_the_candidates_at_a_rung_goes_on(means, own, factor):
    tracker = HalvingTracker(factor)
    for score in means:
        tracker.add_curve([Rung(10, (score,))])
    progress = Progress(0, 3, (), (Rung(10, (own,)),))

    n_places = max(1, int((len(means) + 1) // factor))
    n_better = sum(score > own for score in means)
    assert tracker.make_state().allows(progress) == (n_better < n_places or own >= sorted(means)[-n_places])


def test_no_candidate_is_stopped_at_a_rung_that_none_has_reached():
    tracker = HalvingTracker(3)
    tracker.add_curve([Rung(10, (0.9,))])

    assert tracker.make_state().allows(Progress(1, 3, (), (Rung(10, (0.5,)), Rung(30, (0.1,)))))
    assert not tracker.make_state().allows(Progress(0, 3, (), (Rung(10, (0.5,)),)))


def test_failed_folds_are_neither_stored_nor_pruned():
    tracker = HalvingTracker(3)
    tracker.add_curve([Rung(10, (float("nan"), 0.5))])

    assert tracker.scores == {}
    assert HalvingState({10: 0.5}).allows(Progress(0, 3, (), (Rung(10, (float("nan"),)),)))


def test_one_of_several_scores_decides():
    rung = Rung(10, ({"a": 1.0, "b": 0.2}, {"a": 1.0, "b": 0.4}))

    assert average_scores(rung.test, "b") == pytest.approx(0.3)
    assert not HalvingState({10: 0.5}, "b").allows(Progress(0, 3, (), (rung,)))


def test_the_state_is_picklable_and_does_not_change():
    tracker = HalvingTracker(2)
    tracker.add_curve([Rung(1, (0.5,))])
    state = tracker.make_state()
    tracker.add_curve([Rung(1, (0.9,)), Rung(2, (0.9,))])

    assert state.is_picklable
    assert pickle.loads(pickle.dumps(state)) == state == HalvingState({1: 0.5})


# -- in a search -----------------------------------------------------------------------------------------------------


def test_candidates_climb_and_most_leave_half_way(data):
    search = climb().fit(*data)
    trials, status = search.trials_, np.array(statuses(search))

    assert set(status) == {"complete", "pruned"}
    assert (status == "pruned").sum() >= 5
    np.testing.assert_array_equal(trials["resource"] == 27, status == "complete")
    assert set(trials["resource"]) <= {1, 3, 9, 27}
    assert np.isfinite(trials["mean_test_score"]).all(), "trials_ has the scores of the rung reached"
    pruned = status == "pruned"
    for fold in range(3):
        column = dict(search.cv_results_)[f"split{fold}_test_score"]
        np.testing.assert_array_equal(np.isnan(column), pruned, "cv_results_ has those of the top alone")
    assert not pruned[search.best_index_]


def test_the_chosen_amount_stands_in_the_parameters_and_gives_the_scores_again(data):
    search = climb().fit(*data)

    assert search.best_params_["n_estimators"] == search.best_resource_ in (1, 3, 9, 27)
    assert search.best_estimator_.n_estimators == search.best_resource_ == len(search.best_estimator_.estimators_)
    assert "param_n_estimators" in search.cv_results_
    again = GradientBoostingClassifier(random_state=0).set_params(**search.best_params_)
    found = [dict(search.cv_results_)[f"split{fold}_test_score"][search.best_index_] for fold in range(3)]
    np.testing.assert_array_equal(cross_validate(again, *data, cv=3, scoring="roc_auc")["test_score"], found)


@pytest.mark.parametrize(
    "params", [pytest.param({"n_jobs": 2}, id="2 jobs", marks=at_night), pytest.param({"n_jobs": 6}, id="6 jobs")]
)
def test_the_table_is_the_same_for_any_n_jobs(data, params):
    assert table(climb(**params).fit(*data)) == table(climb().fit(*data))


@pytest.mark.parametrize(
    "pruner",
    [
        optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
        optuna.pruners.HyperbandPruner(min_resource=1, max_resource=27, reduction_factor=3),
        pytest.param(optuna.pruners.MedianPruner(n_startup_trials=2), marks=at_night),
    ],
    ids=lambda pruner: type(pruner).__name__,
)
def test_optunas_pruners_judge_rungs(data, pruner):
    search = climb(pruner=pruner, n_trials=14).fit(*data)

    assert set(statuses(search)) == {"complete", "pruned"}
    assert table(climb(pruner=pruner, n_trials=14, n_jobs=2).fit(*data)) == table(search)


def test_without_a_pruner_all_climb_to_the_top(data):
    search = climb(pruner=None).fit(*data)

    assert set(statuses(search)) == {"complete"}
    assert set(search.trials_["resource"]) == {27}


def test_training_rows_are_a_resource_and_the_top_is_the_whole_fold(data):
    params = {"resource": "n_samples", "sampler": RandomSampler(seed=0)}
    climbed, full = climb(**params).fit(*data), climb(resource=None, pruner=None, sampler=RandomSampler(seed=0))
    full.fit(*data)

    complete = np.array(statuses(climbed)) == "complete"
    assert 0 < complete.sum() < 12
    for fold in range(3):
        name = f"split{fold}_test_score"
        np.testing.assert_array_equal(dict(climbed.cv_results_)[name][complete], full.cv_results_[name][complete])
    assert climbed.best_resource_ == max(climbed.trials_["resource"])
    assert "n_samples" not in climbed.best_params_


def test_epochs_are_counted_again_in_the_final_fit(data):
    model = make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0))
    space = {"sgdclassifier__alpha": loguniform(1e-6, 1)}
    search = OptunaSearchCV(model, space, n_trials=8, resource="epochs", max_resources=9, random_state=0, cv=3)
    search.fit(*data)

    n_rows = len(data[0])
    assert search.best_estimator_[-1].t_ == 1 + search.best_resource_ * n_rows
    assert search.best_resource_ in (1, 3, 9)


def test_the_last_step_of_a_pipeline_is_trained_on(data):
    model = make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=18, random_state=0))
    space = {"randomforestclassifier__max_features": [0.1, 0.3, 0.5, 0.8], "standardscaler__with_mean": [True, False]}
    search = OptunaSearchCV(model, space, resource="iterations", cv=3, min_resources=2).fit(*data)

    name = "randomforestclassifier__n_estimators"
    assert search.best_params_[name] == search.best_resource_ == len(search.best_estimator_[-1].estimators_)


@pytest.mark.few_by_day(3)
@pytest.mark.parametrize(
    "cv",
    [
        ShuffleSplit(1, test_size=0.5, random_state=0),
        PredefinedSplit([0] * 90 + [-1] * 100),
        RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0),
    ],
    ids=["one split", "own split", "repeated"],
)
@pytest.mark.parametrize("resource", ["iterations", "n_samples"])
def test_any_splitter_will_do(data, cv, resource):
    search = climb(cv=cv, resource=resource).fit(*data)

    assert "pruned" in statuses(search)
    assert np.isfinite(search.best_score_)


def test_the_study_has_the_curves(data):
    search = climb().fit(*data)

    for trial, resource in zip(search.study_.trials, search.trials_["resource"], strict=True):
        assert max(trial.intermediate_values) == resource
        assert list(trial.intermediate_values) == sorted(trial.intermediate_values)


def test_a_resumed_search_knows_who_reached_which_rung(data, tmp_path):
    stored = {"storage": tmp_path / "study.db", "sampler": RandomSampler(seed=0), "look_ahead": 1}
    climb(n_trials=6, **stored).fit(*data)
    resumed = climb(n_trials=12, resume=True, **stored).fit(*data)

    assert len(resumed.cv_results_["params"]) == 12
    assert "pruned" in statuses(resumed)[6:]
    assert resumed.best_params_["n_estimators"] == resumed.best_resource_


def test_a_study_made_with_other_rungs_is_not_resumed(data, tmp_path):
    stored = {"storage": tmp_path / "study.db", "n_trials": 3}
    climb(**stored).fit(*data)

    with pytest.raises(ValueError, match="another resource"):
        climb(resume=True, factor=2, **stored).fit(*data)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"resource": "n_estimator"}, "n_estimator"),
        ({"resource": "learning_rate"}, "learning_rate"),
        ({"resource": "epochs"}, "partial_fit"),
        ({"pruner": FoldRacing()}, "FoldRacing compares candidates fold by fold"),
        ({"min_resources": 50}, "min_resources"),
        ({"min_resources": 0}, "min_resources"),
        ({"max_resources": "all"}, "max_resources"),
        ({"factor": 1}, "factor"),
    ],
)
def test_what_cannot_be_climbed_is_refused_before_anything_is_stored(data, params, message, tmp_path):
    path = tmp_path / "study.db"

    with pytest.raises(ValueError, match=message):
        climb(storage=path, **params).fit(*data)

    assert not path.exists()


def test_an_estimator_without_iterations_is_told_so(data):
    search = OptunaSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, resource="iterations")

    with pytest.raises(ValueError, match="DecisionTreeClassifier"):
        search.fit(*data)


def test_warnings_of_unfinished_convergence_are_those_of_the_top_rung(data):
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    space = {"logisticregression__C": loguniform(1e-2, 1)}
    search = OptunaSearchCV(model, space, resource="iterations", n_trials=5, random_state=0).fit(*data)

    assert search.best_params_["logisticregression__max_iter"] <= 300
