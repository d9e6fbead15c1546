"""How candidates are labelled by thresholds, what is kept of them, and which settings are refused."""

import numpy as np
import pytest
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score, get_scorer, log_loss, make_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC, LinearSVC

from sklearn_autotune import OptunaSearchCV, make_cost_scorer
from sklearn_autotune.evaluation import Fold, Task
from sklearn_autotune.evaluation._row_values import RowKeeper, RowMetric
from sklearn_autotune.statistics._cross_thresholds import add_thresholds, resolve_threshold
from sklearn_autotune.statistics._threshold_choice import ScoredLabels, choose_threshold, label_by_other_rows

X, Y = make_classification(200, weights=[0.8], flip_y=0.1, random_state=0)
WORDS = np.array(["no", "yes"])[Y]
FIT, TEST = np.arange(0, 200, 2), np.arange(1, 200, 2)


def make_task(y=Y, scorer="f1", row_keeper="nothing is kept"):
    scorer = get_scorer(scorer)
    return Task(X, y, (Fold(0, FIT, TEST),), scorer, {}, {}, np.nan, False, row_keeper=row_keeper)


def make_thresholds(y=Y, threshold="f1", estimator=None, params=None, **changes):
    estimator = LogisticRegression() if estimator is None else estimator
    return add_thresholds(make_task(y, **changes), resolve_threshold(threshold), params or {}, estimator)


def label(task, model):
    return task.thresholds.label_rows(model, X[TEST], np.asarray(task.y)[TEST], TEST, X)


@pytest.mark.parametrize(("model", "method"), [(LogisticRegression(), "predict_proba"), (SVC(), "decision_function")])
def test_rows_are_labelled_by_thresholds_of_other_rows(model, method):
    task = make_thresholds(estimator=model)
    labelled = label(task, model.fit(X[FIT], Y[FIT]))
    scores = getattr(model, method)(X[TEST])
    scores = scores[:, 1] if scores.ndim == 2 else scores

    rows = ScoredLabels(Y[TEST] == 1, scores, np.array([0, 1]), method == "predict_proba")
    expected = label_by_other_rows(rows, RowMetric(f1_score, 1, {"average": "binary"}))

    np.testing.assert_array_equal(labelled.predict(labelled.rows), expected)
    np.testing.assert_array_equal(getattr(labelled, method)(labelled.rows), getattr(model, method)(X[TEST]))


def test_scorers_get_the_model_in_all_else():
    model = LogisticRegression().fit(X[FIT], Y[FIT])
    labelled = label(make_thresholds(), model)

    assert labelled.coef_ is model.coef_
    np.testing.assert_array_equal(labelled.predict_proba(X[:3]), model.predict_proba(X[:3]))
    assert get_scorer("roc_auc")(labelled, labelled.rows, Y[TEST]) == roc_auc_score(
        Y[TEST], model.decision_function(X[TEST])
    )
    assert get_scorer("neg_log_loss")(labelled, labelled.rows, Y[TEST]) == -log_loss(
        Y[TEST], model.predict_proba(X[TEST])
    )
    assert not hasattr(labelled, "transform")


def test_labels_of_other_rows_are_not_made_up():
    labelled = label(make_thresholds(), LogisticRegression().fit(X[FIT], Y[FIT]))

    with pytest.raises(ValueError, match="only for the X that it is given"):
        labelled.predict(X[:3])


def test_a_target_of_one_column_is_one_target():
    model = LogisticRegression().fit(X[FIT], Y[FIT])
    column, row = make_thresholds(Y.reshape(-1, 1)), make_thresholds()
    kept = column.thresholds.keep(label(column, model), 0)

    np.testing.assert_array_equal(kept, row.thresholds.keep(label(row, model), 0))
    assert column.thresholds.choose_final(column, {0: kept}) == row.thresholds.choose_final(row, {0: kept})


def test_scores_that_are_not_finite_are_a_failure():
    model = LogisticRegression().fit(X[FIT], Y[FIT])
    model.coef_ = model.coef_ * np.nan

    with pytest.raises(ValueError, match="predict_proba returns numbers that are not finite"):
        label(make_thresholds(), model)


def test_a_model_of_a_single_class_is_left_alone():
    class Constant(ClassifierMixin):
        classes_ = np.array([0])

    model = Constant()

    task = make_thresholds()

    assert label(task, model) is model
    assert task.thresholds.choose_final(task, {}) == 0.5


@pytest.mark.parametrize(("pos_label", "flipped"), [("yes", False), ("no", True)])
@pytest.mark.parametrize("model", [LogisticRegression(), SVC()], ids=["probability", "decision"])
def test_pos_label_of_the_scorer_is_the_positive_class(model, pos_label, flipped):
    task = make_thresholds(WORDS, make_scorer(f1_score, pos_label=pos_label), estimator=model)
    model.fit(X[FIT], WORDS[FIT])
    labelled = label(task, model)
    kept = task.thresholds.keep(labelled, 0)

    threshold = task.thresholds.choose_final(task, {0: kept})
    classifier = task.thresholds.make_classifier(model, threshold, X, WORDS)

    assert labelled.scored.classes.tolist() == (["yes", "no"] if flipped else ["no", "yes"])
    rows = ScoredLabels(WORDS[TEST] == pos_label, kept[:, 0], labelled.scored.classes, labelled.scored.is_probability)
    assert threshold == choose_threshold(rows, task.thresholds.metric)
    chosen = rows.scores >= threshold
    np.testing.assert_array_equal(classifier.predict(X[TEST]) == pos_label, chosen)
    assert f1_score(WORDS[TEST], classifier.predict(X[TEST]), pos_label=pos_label) > 0.5


def test_metadata_of_the_scorer_choose():
    weight = np.where(Y == 1, 10.0, 1.0)
    model = LogisticRegression().fit(X[FIT], Y[FIT])
    chosen = []
    for params in ({}, {"sample_weight": weight}, {"sample_weight": None}):
        task = make_thresholds(threshold="accuracy", params=params)
        chosen.append(task.thresholds.choose_final(task, {0: task.thresholds.keep(label(task, model), 0)}))

    assert chosen[1] < chosen[0] == chosen[2]


@pytest.mark.parametrize(("scorer", "is_labels"), [("f1", True), ("accuracy", True), ("roc_auc", False)])
def test_what_is_kept_gives_the_predictions_of_the_deciding_score(scorer, is_labels):
    keeper = RowKeeper(RowMetric(f1_score, 1, {}), (None,))
    task = make_thresholds(scorer=scorer, row_keeper=keeper)
    labelled = label(task, LogisticRegression().fit(X[FIT], Y[FIT]))

    read = task.thresholds.read_predictions(task.thresholds.keep(labelled, 0))

    expected = labelled.labels if is_labels else labelled.values[:, 1].astype(np.float32)
    np.testing.assert_array_equal(read, expected)


@pytest.mark.parametrize(
    ("scorer", "threshold"),
    [
        (make_scorer(f1_score, response_method="decision_function"), "f1"),
        ("roc_auc", make_scorer(f1_score, pos_label=0)),
    ],
)
def test_there_is_no_correction_of_scores_that_are_not_kept(scorer, threshold):
    keeper = RowKeeper(RowMetric(f1_score, 1, {}), (None,))

    task = make_thresholds(scorer=scorer, threshold=threshold, row_keeper=keeper)

    assert "threshold keeps other scores" in task.row_keeper


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        ("roc_auc", "'roc_auc' scores what decision_function returns.*by a scorer of labels"),
        ("neg_log_loss", "'neg_log_loss' scores what predict_proba returns"),
        (lambda estimator, X, y: 1.0, "no scorer whose function is known.*make_scorer"),
        ("f1_score", "threshold='f1_score' is not known: did you mean f1"),
    ],
)
def test_other_scorers_are_refused(threshold, message):
    with pytest.raises(ValueError, match=message):
        resolve_threshold(threshold)


class Unfittable(LogisticRegression):
    def fit(self, X, y):
        raise AssertionError("it is fitted before the parameters are checked")


@pytest.mark.parametrize(
    ("estimator", "y", "changes", "message"),
    [
        (Ridge(), Y * 1.0, {"scoring": "r2"}, "for classifiers, and Ridge is none"),
        (CalibratedClassifierCV(), np.arange(200) % 3, {}, "two classes, and y has a target of the type 'multiclass'"),
        (Unfittable(), np.zeros(200), {}, "y has a single class"),
        (Unfittable(), WORDS, {}, r"takes 1 for the positive class.*\['no', 'yes'\].*pos_label='yes'"),
        (Unfittable(), WORDS, {"threshold": make_cost_scorer()}, r"make_scorer\(mean_cost, pos_label='yes'\)"),
        (Unfittable(), Y, {"threshold": "average_precision"}, "by a scorer of labels"),
        (GridSearchCV(LinearSVC(), {"C": [1]}, scoring="roc_auc"), Y, {}, "threshold needs scoring"),
    ],
    ids=["regressor", "classes", "one class", "words", "cost of words", "ranks", "own score"],
)
def test_what_cannot_have_a_threshold_is_refused_before_any_fit(estimator, y, changes, message):
    search = OptunaSearchCV(estimator, [{}], **({"threshold": "f1"} | changes))

    with pytest.raises(ValueError, match=message):
        search.fit(X, y)


def test_a_classifier_without_scores_is_refused():
    class Plain(LinearSVC):
        decision_function = property()

    with pytest.raises(ValueError, match="predict_proba or decision_function, and Plain has neither"):
        add_thresholds(make_task(), resolve_threshold("f1"), {}, Plain())


@pytest.mark.parametrize("pos_label", ["no", "yes"])
def test_probabilities_are_kept_for_the_final_threshold_as_those_of_a_model_are(pos_label):
    threshold = make_scorer(f1_score, pos_label=pos_label)
    task = make_thresholds(WORDS, threshold, scorer=threshold)
    model = LogisticRegression().fit(X[FIT], WORDS[FIT])

    kept = task.thresholds.keep_probabilities(model.predict_proba(X[TEST]), model.classes_, 0)

    of_model = task.thresholds.keep(label(task, model), 0)
    np.testing.assert_array_equal(kept[:, 0], of_model[:, 0])
    assert task.thresholds.choose_final(task, {0: kept}) == task.thresholds.choose_final(task, {0: of_model})


def test_metrics_that_are_called_for_each_threshold_are_known():
    assert make_thresholds(threshold="balanced_accuracy").thresholds.is_quick
    assert not make_thresholds(threshold="jaccard").thresholds.is_quick
