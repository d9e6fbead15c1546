"""``threshold=``: candidates have honest scores, and the final model predicts with the threshold."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score, make_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GroupKFold,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_autotune import NoWorseThanDefault, OptunaSearchCV, make_cost_scorer
from sklearn_autotune.exceptions import StudyMismatchError
from sklearn_autotune.export import export_code

X, Y = make_classification(400, 10, weights=[0.85], flip_y=0.1, random_state=1)
SPACE = {"C": [0.01, 0.1, 1.0]}
SMALL = X[:120], Y[:120]
FOLDS = StratifiedKFold(5, shuffle=True, random_state=0)
COST = make_cost_scorer(false_negative=5)


def make_search(estimator=None, space=None, **changes):
    settings = {"scoring": "f1", "threshold": "f1", "cv": FOLDS, "random_state": 0}
    estimator = LogisticRegression() if estimator is None else estimator
    return OptunaSearchCV(estimator, SPACE if space is None else space, **(settings | changes))


@pytest.fixture(scope="module")
def search():
    return make_search().fit(X, Y)


def test_the_final_model_predicts_with_the_best_threshold_of_all_folds(search):
    model = LogisticRegression(**search.best_params_)
    scores = cross_val_predict(model, X, Y, cv=FOLDS, method="predict_proba")[:, 1]

    best = max(f1_score(Y, scores >= threshold) for threshold in scores)

    assert f1_score(Y, scores >= search.threshold_) == pytest.approx(best)
    assert isinstance(search.best_estimator_, FixedThresholdClassifier)
    np.testing.assert_array_equal(search.predict(X), search.predict_proba(X)[:, 1] >= search.threshold_)
    np.testing.assert_array_equal(search.predict_proba(X), model.fit(X, Y).predict_proba(X))
    assert search.score(X, Y) == f1_score(Y, search.predict(X))
    assert search.best_params_.keys() == {"C"}


def test_the_reported_score_is_lower_than_that_of_the_best_threshold_of_each_fold(search):
    model = LogisticRegression(**search.best_params_)
    best = []
    for train, test in FOLDS.split(X, Y):
        scores = model.fit(X[train], Y[train]).predict_proba(X[test])[:, 1]
        best.append(max(f1_score(Y[test], scores >= threshold) for threshold in scores))

    assert search.best_score_ < np.mean(best)
    assert search.best_score_ > cross_val_score(model, X, Y, cv=FOLDS, scoring="f1").mean()


@pytest.mark.parametrize("share", [0.3, 0.06])
def test_labels_of_noise_score_as_chance_does(share):
    honest, chosen_on_scored_rows = [], []
    for seed in range(20):
        random_state = np.random.RandomState(seed)
        X = random_state.randn(300, 5)
        y = (random_state.permutation(300) < share * 300).astype(int)
        scorer = "balanced_accuracy"
        search = make_search(space={"C": [0.1]}, scoring=scorer, threshold=scorer, measure_default=False).fit(X, y)
        scores = cross_val_predict(LogisticRegression(C=0.1), X, y, cv=FOLDS, method="predict_proba")[:, 1]
        honest.append(search.best_score_)
        chosen_on_scored_rows.append(balanced_accuracy_score(y, scores >= search.threshold_))

    assert abs(np.mean(honest) - 0.5) < 2.5 * np.std(honest) / np.sqrt(20)
    assert np.mean(chosen_on_scored_rows) - 0.5 > 4 * np.std(chosen_on_scored_rows) / np.sqrt(20)


def test_processes_and_resuming_change_nothing(search, tmp_path):
    parallel = make_search(n_jobs=2).fit(X, Y)
    settings = {"storage": tmp_path / "study.db", "study_name": "s"}
    make_search(**settings, n_trials=1).fit(X, Y)
    resumed = make_search(**settings, resume=True).fit(X, Y)
    again = make_search(**settings, resume=True).fit(X, Y)  # measures nothing

    for other in (parallel, resumed, again):
        assert (other.threshold_, other.best_score_) == (search.threshold_, search.best_score_)
        assert other.corrected_score_ == search.corrected_score_
        np.testing.assert_array_equal(other.predict(X), search.predict(X))


@pytest.mark.parametrize("changes", [{"threshold": None}, {"threshold": "accuracy"}])
def test_a_study_of_another_threshold_is_not_resumed(tmp_path, changes):
    settings = {"storage": tmp_path / "study.db", "study_name": "s"}
    make_search(**settings).fit(X, Y)

    with pytest.raises(StudyMismatchError, match="another scoring"):
        make_search(**settings | changes, resume=True).fit(X, Y)


def test_pickle_clone_and_the_deployed_model_predict_alike(search):
    predicted = search.predict(X)

    np.testing.assert_array_equal(pickle.loads(pickle.dumps(search)).predict(X), predicted)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(search.deployed_model())).predict(X), predicted)
    np.testing.assert_array_equal(clone(search).fit(X, Y).predict(X), predicted)
    assert clone(search).threshold == "f1"


def test_the_script_predicts_alike(search):
    script = export_code(search, check=(X, Y))

    assert f"threshold={search.threshold_}" in script


def test_epochs_and_a_threshold_are_not_exported():
    model = SGDClassifier(loss="log_loss", random_state=0)
    search = make_search(model, {"alpha": [1e-4, 1e-2]}, resource="epochs", max_resources=9).fit(X, Y)

    assert 0 < search.threshold_ < 1
    with pytest.raises(ValueError, match="together with a threshold"):
        export_code(search)


def test_several_scores_are_those_of_the_same_labels():
    scoring = {"f1": "f1", "accuracy": "accuracy", "cost": COST, "auc": "roc_auc"}
    several = make_search(scoring=scoring, refit="cost", threshold=COST).fit(X, Y)
    plain = make_search(scoring="roc_auc", threshold=None).fit(X, Y)
    one = make_search(scoring=COST, threshold=COST).fit(X, Y)

    np.testing.assert_array_equal(several.cv_results_["mean_test_auc"], plain.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(several.cv_results_["mean_test_cost"], one.cv_results_["mean_test_score"])
    assert several.threshold_ == one.threshold_
    costly = make_search(scoring=COST, threshold=None).fit(X, Y)
    assert one.best_score_ > costly.best_score_


def test_without_scoring_it_is_the_accuracy_with_thresholds():
    own = make_search(scoring=None, threshold="accuracy").fit(X, Y)
    named = make_search(scoring="accuracy", threshold="accuracy").fit(X, Y)

    np.testing.assert_array_equal(own.cv_results_["mean_test_score"], named.cv_results_["mean_test_score"])
    assert own.score(X, Y) == accuracy_score(Y, own.predict(X))


def test_a_pipeline_with_words_decision_values_and_training_scores():
    y = np.array(["fine", "bad"])[Y]
    scorer = make_scorer(f1_score, pos_label="bad")
    model = make_pipeline(StandardScaler(), SVC(class_weight="balanced"))
    search = make_search(model, {"svc__C": [0.1, 1.0]}, scoring=scorer, threshold=scorer, return_train_score=True)
    search.fit(X, y)

    is_bad = -search.decision_function(X) >= search.threshold_  # of the class "fine"
    np.testing.assert_array_equal(search.predict(X), np.where(is_bad, "bad", "fine"))
    assert (search.cv_results_["mean_train_score"] > search.cv_results_["mean_test_score"]).all()
    export_code(search, check=(X, y))


def test_weights_reach_the_choice_of_the_threshold():
    weight = np.where(Y == 1, 10.0, 1.0)
    settings = {"scoring": "accuracy", "threshold": "accuracy"}
    weighted = make_search(SVC(kernel="linear"), {"C": [0.1]}, **settings).fit(X, Y, sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        scorer = make_cost_scorer().set_score_request(sample_weight="amount")
        only_choice = make_search(scoring="roc_auc", threshold=scorer).fit(X, Y, amount=weight)
        neither = make_search(scoring="roc_auc", threshold=make_cost_scorer()).fit(X, Y)

    assert confusion_matrix(Y, weighted.predict(X))[1, 0] < confusion_matrix(Y, SVC().fit(X, Y).predict(X))[1, 0]
    assert only_choice.threshold_ < neither.threshold_
    assert only_choice.best_score_ == neither.best_score_


def test_groups_stay_whole_in_folds():
    groups = np.arange(400) % 20

    search = make_search(cv=GroupKFold(4)).fit(X, Y, groups=groups)

    assert 0 < search.threshold_ < 1


def test_rows_may_be_sampled_and_candidates_race():
    search = make_search(space={"C": loguniform(1e-6, 1e2)}, n_trials=25, scoring="accuracy", threshold="accuracy")
    rungs = make_search(resource="n_samples").fit(X, Y)

    search.fit(X, Y)

    assert "pruned" in search.trials_["status"]
    assert rungs.best_score_ == make_search(space={"C": [rungs.best_params_["C"]]}).fit(X, Y).best_score_


def test_what_is_kept_of_the_folds_has_the_threshold():
    search = make_search(keep=["predict", "predict_proba", "estimators"]).fit(X, Y)
    kept = search.oof_predictions_

    np.testing.assert_array_equal(kept["predict"], kept["predict_proba"][:, 1] >= search.threshold_)
    assert {model.threshold for model in search.fold_estimators_} == {search.threshold_}


def test_the_default_has_a_threshold_too():
    search = make_search(space={"C": [1e-9]}, refit=NoWorseThanDefault()).fit(X, Y)
    alone = make_search(space={"C": [1.0]}).fit(X, Y)

    assert search.default_score_ == alone.best_score_
    assert (search.best_params_, search.threshold_) == ({"C": 1.0}, alone.threshold_)
    assert search.tuning_gain_.mean == 0


def test_a_function_chooses_the_winner_and_nothing_is_refitted(search):
    searched = make_search(refit=lambda results: 0).fit(X, Y)
    only_folds = make_search(refit=False).fit(X, Y)

    assert searched.threshold_ == make_search(space={"C": [0.01]}).fit(X, Y).threshold_
    assert only_folds.threshold_ == search.threshold_
    assert not hasattr(only_folds, "best_estimator_")


def test_the_correction_is_that_of_the_labels():
    noise = np.random.RandomState(0).randn(200, 5)
    y = np.random.RandomState(1).permutation(200) < 80
    search = make_search(space={"C": loguniform(1e-3, 1e3)}, n_trials=20, pruner=None).fit(noise, y)

    assert search.corrected_score_ < search.best_score_
    assert make_search(scoring="roc_auc").fit(X, Y).corrected_score_ > 0.5


def test_it_nests_and_a_nested_threshold_is_scikit_learns():
    X, y = SMALL
    nested = cross_val_score(make_search(space={"C": [0.1]}, cv=3), X, y, cv=3, scoring="f1")
    tuned = TunedThresholdClassifierCV(LogisticRegression(), scoring="f1", cv=2, thresholds=10)
    plain = make_search(tuned, {"estimator__C": [0.1]}, threshold=None, cv=2, measure_default=False).fit(X, y)
    expected = cross_validate(clone(tuned).set_params(**plain.best_params_), X, y, cv=2, scoring="f1")

    assert np.isfinite(nested).all()
    assert plain.best_score_ == expected["test_score"].mean()
    assert not hasattr(plain, "threshold_")


def test_few_rows_of_a_class_are_enough():
    y = np.zeros(60, dtype=int)
    y[:4] = 1

    search = make_search(cv=StratifiedKFold(2)).fit(X[:60], y)

    assert np.isfinite(search.best_score_)


def test_tables_and_lists_are_fine():
    frame = pd.DataFrame(X).add_prefix("column")

    search = make_search().fit(frame, Y.tolist())

    assert list(search.feature_names_in_) == list(frame.columns)
    np.testing.assert_array_equal(search.predict(frame), search.best_estimator_.predict(frame))
