"""AutoModelSelector with ``threshold=``: the final blend predicts with it, and scores are honest."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score, f1_score, jaccard_score, make_scorer, precision_score, recall_score
from sklearn.model_selection import FixedThresholdClassifier, StratifiedKFold

from sklearn_autotune import AutoModelSelector, GroupDifference, make_cost_scorer, summarize
from sklearn_autotune.exceptions import StudyMismatchError
from sklearn_autotune.export import export_code
from sklearn_autotune.objectives._costs import count_bytes
from sklearn_autotune.report import write_report
from tests.faults.nightly import at_night
from tests.html_page import read_view

X, Y = make_classification(300, 6, weights=[0.85], flip_y=0.1, random_state=1)
TABLE = pd.DataFrame(X, columns=list("abcdef"))
LABELS = np.array(["good", "poor"])[Y]
FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)


def make_selector(**params):
    own = {"families": ["logistic", "naive_bayes"], "n_trials": 3, "cv": FOLDS, "random_state": 0, "threshold": "f1"}
    return AutoModelSelector(**(own | params))


@pytest.fixture(scope="module")
def selector():
    return make_selector().fit(TABLE, Y)


@pytest.fixture(scope="module")
def by_labels():
    return make_selector(scoring="f1").fit(TABLE, Y)


@pytest.fixture(scope="module")
def plain():
    return make_selector(threshold=None).fit(TABLE, Y)


def test_the_final_blend_predicts_with_the_best_threshold_of_its_out_of_fold_predictions(selector, plain):
    scores = selector.oof_predictions_[:, 1]
    best = max(f1_score(Y, scores >= threshold) for threshold in scores)

    assert f1_score(Y, scores >= selector.threshold_) == pytest.approx(best)
    assert isinstance(selector.best_estimator_, FixedThresholdClassifier)
    probabilities = selector.predict_proba(TABLE)
    np.testing.assert_array_equal(selector.predict(TABLE), probabilities[:, 1] >= selector.threshold_)
    np.testing.assert_array_equal(probabilities, plain.predict_proba(TABLE))
    np.testing.assert_array_equal(selector.decision_function(TABLE), plain.decision_function(TABLE))
    assert not hasattr(plain, "threshold_")


def test_a_score_of_probabilities_does_not_see_it(selector, plain):
    assert selector.best_score_ == plain.best_score_
    assert selector.blend_weights_ == plain.blend_weights_
    assert selector.corrected_score_ == plain.corrected_score_


def test_a_score_of_labels_is_that_of_thresholds_that_other_rows_have_chosen(by_labels):
    scores = by_labels.oof_predictions_[:, 1]
    best = [max(f1_score(Y[test], scores[test] >= one) for one in scores[test]) for _, test in FOLDS.split(X, Y)]

    assert make_selector(scoring="f1", threshold=None).fit(TABLE, Y).best_score_ < by_labels.best_score_ < np.mean(best)
    assert np.isfinite(by_labels.corrected_score_)


@at_night
def test_labels_of_noise_score_as_chance_does():
    honest, chosen_on_scored_rows = [], []
    scorer = "balanced_accuracy"
    for seed in range(15):
        random_state = np.random.RandomState(seed)
        X = random_state.randn(200, 4)
        y = (random_state.permutation(200) < 30).astype(int)
        selector = make_selector(n_trials=2, scoring=scorer, threshold=scorer).fit(X, y)
        honest.append(selector.best_score_)
        labels = selector.oof_predictions_[:, 1] >= selector.threshold_
        chosen_on_scored_rows.append(balanced_accuracy_score(y, labels))

    assert abs(np.mean(honest) - 0.5) < 2.5 * np.std(honest) / np.sqrt(15)
    assert np.mean(chosen_on_scored_rows) - 0.5 > 4 * np.std(chosen_on_scored_rows) / np.sqrt(15)


@pytest.mark.parametrize("scoring", [pytest.param(None, marks=at_night), "f1"])
def test_workers_and_resuming_change_nothing(scoring, selector, by_labels, tmp_path):
    first = selector if scoring is None else by_labels
    parallel = make_selector(scoring=scoring, n_jobs=2).fit(TABLE, Y)
    settings = {"scoring": scoring, "storage": tmp_path / "study.db", "study_name": "s"}
    make_selector(**settings | {"n_trials": 2}).fit(TABLE, Y)
    resumed = make_selector(**settings, resume=True).fit(TABLE, Y)

    for other in (parallel, resumed):
        assert (other.threshold_, other.best_score_) == (first.threshold_, first.best_score_)
        assert other.corrected_score_ == first.corrected_score_
        np.testing.assert_array_equal(other.predict(TABLE), first.predict(TABLE))


def test_a_study_whose_scores_do_not_depend_on_the_threshold_serves_any_other_one(tmp_path):
    settings = {"storage": tmp_path / "study.db", "study_name": "s"}
    make_selector(**settings, threshold=None).fit(TABLE, Y)
    resumed = make_selector(**settings, resume=True, threshold="balanced_accuracy").fit(TABLE, Y)
    labels = resumed.oof_predictions_[:, 1] >= resumed.threshold_

    assert balanced_accuracy_score(Y, labels) > balanced_accuracy_score(Y, resumed.oof_predictions_[:, 1] >= 0.5)
    by_labels = {"storage": tmp_path / "labels.db", "study_name": "s", "scoring": "f1"}
    make_selector(**by_labels, threshold=None).fit(TABLE, Y)
    with pytest.raises(StudyMismatchError, match="another scoring"):
        make_selector(**by_labels, resume=True).fit(TABLE, Y)


def test_thresholds_and_limits_on_labels_are_kept_together():
    recall = make_scorer(recall_score, pos_label="poor")
    precision = make_scorer(precision_score, pos_label="poor")
    gap = GroupDifference(make_scorer(recall_score, pos_label="poor", zero_division=0), by="site")
    limits = {"recall": (recall, ">=", 0.7), "gap": (gap, "<=", 0.9), "bytes": ("<=", 1_000_000)}
    table = TABLE.assign(site=np.arange(len(Y)) % 2)

    limited = make_selector(threshold=precision, limits=limits, limit_confidence=0.5).fit(table, LABELS)

    labels = limited.oof_predictions_[:, 1] >= limited.threshold_
    assert recall_score(Y, labels) >= 0.7 > recall_score(Y, limited.oof_predictions_[:, 1] >= 0.5)
    assert limited.best_scores_["recall"] >= 0.7
    assert 0 <= limited.best_scores_["gap"] <= 0.9
    assert limited.best_scores_["bytes"] == count_bytes(limited.best_estimator_)


def test_classes_of_any_kind_and_the_first_one_as_the_positive_one():
    cost = make_cost_scorer(false_positive=5, pos_label="good")
    found = make_selector(threshold=cost, scoring=cost).fit(TABLE, LABELS)
    by_loss = make_selector(threshold=cost).fit(TABLE, LABELS)

    for one in (found, by_loss):
        is_good = one.predict_proba(TABLE)[:, 0] >= one.threshold_
        np.testing.assert_array_equal(one.predict(TABLE), np.where(is_good, "good", "poor"))
    assert found.best_score_ > make_selector(threshold=None, scoring=cost).fit(TABLE, LABELS).best_score_
    assert np.isfinite(by_loss.corrected_score_)


def test_weights_reach_the_choice_of_the_threshold(selector):
    weight = np.where(Y == 1, 10.0, 1.0)
    cost = make_cost_scorer()
    weighted = make_selector(families=["naive_bayes"], threshold=cost).fit(TABLE, Y, sample_weight=weight)

    scores = weighted.oof_predictions_[:, 1]
    costs = [-(weight * ((scores >= one) != Y)).sum() for one in scores]
    chosen = -(weight * ((scores >= weighted.threshold_) != Y)).sum()
    assert chosen == pytest.approx(max(costs))


def test_a_function_of_ones_own_is_called_for_the_final_blend_alone():
    seen = []

    def score_last(y, labels):
        seen.append(len(y))
        return jaccard_score(y, labels)

    own = make_selector(families=["naive_bayes"], n_trials=1, threshold=make_scorer(score_last)).fit(TABLE, Y)

    assert set(seen) == {len(Y)}
    assert len(seen) <= 52
    assert jaccard_score(Y, own.predict(TABLE)) > 0


REFUSED = {
    "probabilities": ({"threshold": "roc_auc"}, Y, "threshold='roc_auc' scores what"),
    "name": ({"threshold": "f2"}, Y, "threshold.*'f2'"),
    "regression": ({"task": "regression", "families": ["ridge"], "cv": 3}, X[:, 0], "threshold is for classifiers"),
    "classes": ({}, np.arange(len(Y)) % 3, "threshold is for two classes"),
    "positive class": ({}, LABELS, "takes 1 for the positive class, and y has the classes"),
    "slow": ({"threshold": "jaccard", "scoring": "jaccard"}, Y, "threshold='jaccard', or a limit .* too long"),
    "slow limit": ({"limits": {"jaccard": (">=", 0.1)}}, Y, "threshold='f1', or a limit .* too long"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_before_any_fit(case):
    changes, y, message = REFUSED[case]
    refused = make_selector(**changes)
    with pytest.raises(ValueError, match=message):
        refused.fit(TABLE, y)
    assert not hasattr(refused, "trials_")


def test_models_of_the_folds_have_the_threshold():
    kept = make_selector(keep="estimators", n_trials=2).fit(TABLE, Y)

    assert {model.threshold for model in kept.fold_estimators_} == {kept.threshold_}
    for model, (_, test) in zip(kept.fold_estimators_, FOLDS.split(X, Y), strict=True):
        probabilities = model.predict_proba(TABLE.iloc[test])
        np.testing.assert_allclose(probabilities, kept.oof_predictions_[test], rtol=1e-6)
        np.testing.assert_array_equal(model.predict(TABLE.iloc[test]), probabilities[:, 1] >= kept.threshold_)


@at_night
def test_a_second_layer_and_folds_that_follow_time():
    X, y = make_classification(1100, 5, weights=[0.8], flip_y=0.1, random_state=0)
    table = pd.DataFrame(X).assign(day=np.arange(len(y)))
    table.columns = table.columns.astype(str)

    found = make_selector(scoring="f1", cv=4, time="day").fit(table, y)

    assert "stacked_linear" in found.leaderboard_["family"]
    is_tested = np.isfinite(found.oof_predictions_[:, 1])
    labels = found.oof_predictions_[is_tested, 1] >= found.threshold_
    assert f1_score(y[is_tested], labels) >= f1_score(y[is_tested], found.oof_predictions_[is_tested, 1] >= 0.5)


def test_pickles_clones_scripts_and_the_deployed_model_predict_alike(selector):
    predicted = selector.predict(TABLE)

    np.testing.assert_array_equal(pickle.loads(pickle.dumps(selector)).predict(TABLE), predicted)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(selector.deployed_model())).predict(TABLE), predicted)
    np.testing.assert_array_equal(clone(selector).fit(TABLE, Y).predict(TABLE), predicted)
    assert f"threshold={selector.threshold_}" in export_code(selector, check=(TABLE, Y))


def test_what_shows_the_search_shows_the_threshold(selector, tmp_path):
    text = f"A row is positive from a probability of {selector.threshold_:.4g} on."

    assert text in read_view(selector._repr_html_()).texts()
    assert summarize(selector).threshold == selector.threshold_
    write_report(selector, tmp_path / "report.html")
    assert str(selector.threshold_) in (tmp_path / "report.html").read_text("utf-8")
