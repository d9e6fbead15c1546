"""The final fit: the winner is fitted on all rows, and what it raises reaches the user."""

import time

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.evaluation import Fold, PlainFit, Task
from sklearn_autotune.search._final_fit import choose_final_threshold
from sklearn_autotune.statistics._cross_thresholds import add_thresholds
from tests.toys import CountingClassifier, SleepingClassifier, WeightedClassifier, read_log

X, y = np.column_stack([np.arange(8.0), np.ones(8)]), np.arange(8) % 2


class FailingOnAllRows(CountingClassifier):
    """Can be fitted on the rows of folds alone."""

    def fit(self, X, y):
        if len(X) == 8:
            raise ValueError("the toy fails on all rows")
        return super().fit(X, y)


def test_the_winner_is_fitted_once_on_all_rows_with_all_weights(tmp_path):
    weights = np.arange(8) / 8.0
    search = OptunaSearchCV(WeightedClassifier(log=str(tmp_path / "log")), {"a": [1.0, 3.0]}, cv=2)

    search.fit(X, y, sample_weight=weights)

    fits = [entry for entry in read_log(tmp_path / "log") if entry["method"] == "fit"]
    assert len(fits) == 2 * 2 + 1
    assert fits[-1]["rows"] == X[:, 0].tolist()
    assert fits[-1]["weights"] == weights.tolist()
    assert search.best_estimator_.a == search.best_params_["a"] == 3.0


def test_its_seconds_are_those_of_the_fit():
    search = OptunaSearchCV(SleepingClassifier(a=0.0, seconds=1.0), {"b": [0]}, cv=2).fit(X, y)

    assert search.refit_time_ >= 0.1


def test_an_exception_is_raised_and_the_results_are_there():
    search = OptunaSearchCV(FailingOnAllRows(), {"a": [1.0, 3.0]}, cv=2)

    with pytest.raises(ValueError, match="the toy fails on all rows"):
        search.fit(X, y)

    assert search.best_params_ == {"a": 3.0}
    assert not hasattr(search, "best_estimator_")


def test_without_refit_there_is_none():
    search = OptunaSearchCV(FailingOnAllRows(), {"a": [1.0, 3.0]}, cv=2, refit=False).fit(X, y)

    assert not hasattr(search, "refit_time_")


# -- keep: the winner on the folds -----------------------------------------------------------------------------------

IRIS = load_iris(return_X_y=True)
CHOICES = {"max_depth": [1, 3]}


def search_tree(cv=3, **kwargs):
    return OptunaSearchCV(DecisionTreeClassifier(random_state=0), CHOICES, cv=cv, **kwargs).fit(*IRIS)


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_out_of_fold_predictions_are_those_of_cross_val_predict(method):
    search = search_tree(keep=method)

    tree = DecisionTreeClassifier(random_state=0, **search.best_params_)
    np.testing.assert_array_equal(search.oof_predictions_, cross_val_predict(tree, *IRIS, cv=3, method=method))
    assert not hasattr(search, "fold_estimators_")


def test_the_scores_of_the_winner_can_be_made_of_its_predictions_and_models():
    search = search_tree(keep=["predict", "predict_proba", "estimators"], scoring="neg_log_loss")

    folds = list(StratifiedKFold(3).split(*IRIS))
    own = [search.cv_results_[f"split{fold}_test_score"][search.best_index_] for fold in range(3)]
    assert list(search.oof_predictions_) == ["predict", "predict_proba"]
    probabilities = search.oof_predictions_["predict_proba"]
    assert [-log_loss(IRIS[1][test], probabilities[test]) for _, test in folds] == own
    scorer = get_scorer("neg_log_loss")
    models = search.fold_estimators_
    assert [scorer(model, IRIS[0][test], IRIS[1][test]) for model, (_, test) in zip(models, folds, strict=True)] == own


def test_rows_that_are_never_tested_have_no_prediction():
    splits = list(StratifiedKFold(3).split(*IRIS))[:2]

    search = search_tree(splits, keep=["predict", "predict_proba"])

    untested = np.setdiff1d(np.arange(150), np.concatenate([test for _, test in splits]))
    assert np.isnan(search.oof_predictions_["predict_proba"][untested]).all()
    assert np.isnan(search.oof_predictions_["predict"][untested]).all()
    assert np.isfinite(np.delete(search.oof_predictions_["predict_proba"], untested, axis=0)).all()


def test_untested_rows_have_none_where_labels_are_words():
    names = np.array(["a", "b", "c"])[IRIS[1]]
    splits = list(StratifiedKFold(3).split(IRIS[0], names))[:1]
    search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), CHOICES, cv=splits, keep="predict")

    predicted = search.fit(IRIS[0], names).oof_predictions_

    assert set(predicted[splits[0][1]]) <= set(names)
    assert {*np.delete(predicted, splits[0][1])} == {None}


def test_predictions_of_a_row_that_is_tested_several_times_are_averaged_or_vote():
    cv = RepeatedStratifiedKFold(n_splits=3, n_repeats=3, random_state=0)

    search = search_tree(cv, keep=["predict", "predict_proba", "estimators"])

    expected, votes = np.zeros((150, 3)), np.zeros((150, 3))
    for model, (_, test) in zip(search.fold_estimators_, cv.split(*IRIS), strict=True):
        expected[test] += model.predict_proba(IRIS[0][test]) / 3
        votes[test, model.predict(IRIS[0][test])] += 1
    np.testing.assert_allclose(search.oof_predictions_["predict_proba"], expected)
    np.testing.assert_array_equal(search.oof_predictions_["predict"], votes.argmax(axis=1))


def test_a_class_that_a_fold_lacks_has_probability_0():
    splits = [(np.arange(50, 150), np.arange(50)), (np.arange(100), np.arange(100, 150))]
    search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), CHOICES, cv=splits, keep="predict_proba").fit(*IRIS)

    assert search.oof_predictions_.shape == (150, 3)
    assert (search.oof_predictions_[:50, 0] == 0).all()
    assert (search.oof_predictions_[100:, 2] == 0).all()
    np.testing.assert_allclose(search.oof_predictions_[100:].sum(axis=1), 1)


def test_weights_reach_the_fits_on_folds(tmp_path):
    weights = np.arange(8) / 8.0
    search = OptunaSearchCV(WeightedClassifier(log=str(tmp_path / "log")), {"a": [1.0]}, cv=2, keep="estimators")

    search.fit(X, y, sample_weight=weights)

    fits = [entry for entry in read_log(tmp_path / "log") if entry["method"] == "fit"]
    assert [fit["weights"] for fit in fits[-2:]] == [fit["weights"] for fit in fits[:2]]
    assert len(search.fold_estimators_) == 2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("resource", ["n_samples", "epochs"])
def test_the_models_have_the_resource_of_the_winner(resource):
    model = SGDClassifier(loss="log_loss", random_state=0, max_iter=20)
    settings = {"resource": resource, "scoring": "neg_log_loss", "keep": "estimators", "cv": 2}

    search = OptunaSearchCV(model, {"alpha": [1e-4, 1e-2]}, **settings).fit(*IRIS)

    scorer = get_scorer("neg_log_loss")
    folds = StratifiedKFold(2).split(*IRIS)
    scores = [
        scorer(one, IRIS[0][test], IRIS[1][test]) for one, (_, test) in zip(search.fold_estimators_, folds, strict=True)
    ]
    assert np.mean(scores) == pytest.approx(search.best_score_)


def test_nothing_is_kept_unless_asked_for():
    search = search_tree()

    assert not hasattr(search, "oof_predictions_")
    assert not hasattr(search, "fold_estimators_")


def test_what_cannot_be_kept_is_refused_before_any_fit(tmp_path):
    toy = CountingClassifier(log=str(tmp_path / "log"))

    with pytest.raises(ValueError, match=r"keep has 'proba'\. It can have 'predict', 'predict_proba'"):
        OptunaSearchCV(toy, {"a": [1.0]}, cv=2, keep=["predict", "proba"]).fit(X, y)
    with pytest.raises(ValueError, match=r"keep has 'predict_proba', but y has 2 columns.*Keep 'predict', or 'est"):
        OptunaSearchCV(toy, {"a": [1.0]}, cv=2, keep=["predict", "predict_proba"]).fit(X, np.column_stack([y, y]))
    assert not (tmp_path / "log").exists()


def test_the_models_are_fitted_inside_the_time_limit():
    toy = SleepingClassifier(a=0.0, seconds=2.0)
    search = OptunaSearchCV(toy, {"b": list(range(100))}, cv=3, keep="estimators", timeout=4)
    start = time.monotonic()

    with pytest.warns(UserWarning, match="time limit"):
        search.fit(X, y)

    assert len(search.fold_estimators_) == 3
    assert time.monotonic() - start < 4 * 1.05 + 1


def test_a_threshold_is_found_again_if_the_rows_of_the_winner_are_not_kept():
    X, y = make_classification(100, random_state=0)
    folds = tuple(Fold(number, *rows) for number, rows in enumerate(StratifiedKFold(3).split(X, y)))
    model = DecisionTreeClassifier(max_depth=3, random_state=0)
    task = Task(X, y, folds, get_scorer("f1"), {}, {}, np.nan, False)
    task = add_thresholds(task, get_scorer("f1"), {}, model)
    search = OptunaSearchCV(model, [{}], scoring="f1", threshold="f1", cv=StratifiedKFold(3)).fit(X, y)

    assert choose_final_threshold(model, task, PlainFit(), (), {}) == search.threshold_
