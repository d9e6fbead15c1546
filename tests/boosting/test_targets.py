"""How tuned boosters read the target and predict it: any labels, the order of classes, plain numbers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import is_classifier, is_regressor
from sklearn.metrics import accuracy_score, log_loss, r2_score, root_mean_squared_error
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from xgboost import XGBRanker

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier, TunedXGBRegressor

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(90, 2))
CODES = np.digitize(X[:, 0], [-0.5, 0.5])
NUMBERS = 3 * X[:, 0] + RANDOM.normal(scale=0.1, size=90)


def classifier(**params):
    return TunedXGBClassifier(n_trials=1, cv=3, random_state=0, learning_rate=0.5, n_estimators=20, **params)


def regressor(**params):
    return TunedXGBRegressor(n_trials=1, cv=3, random_state=0, learning_rate=0.5, n_estimators=20, **params)


@pytest.mark.parametrize("labels", [["c", "a", "b"], [30, -1, 7], [2.0, 0.0, 1.0]], ids=["text", "integers", "floats"])
def test_labels_of_any_kind_are_given_back_in_the_order_of_the_sorted_classes(labels):
    y = np.array(labels)[CODES]
    search = classifier().fit(X, y)

    assert search.classes_.tolist() == sorted(labels)
    probabilities = search.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(search.predict(X), search.classes_[probabilities.argmax(axis=1)])
    assert accuracy_score(y, search.predict(X)) > 0.9


def test_two_classes_have_two_columns_of_probabilities_also_out_of_fold():
    y = np.where(X[:, 0] > 0, "yes", "no")
    search = classifier().fit(X, y)

    for probabilities in (search.predict_proba(X), search.oof_predictions_):
        assert probabilities.shape == (90, 2)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
        assert probabilities[y == "yes", 1].mean() > 0.7 > 0.3 > probabilities[y == "no", 1].mean()


def test_the_librarys_estimator_is_given_class_indices_and_the_deployed_one_labels():
    search = classifier().fit(X, np.array(["c", "a", "b"])[CODES])

    assert search.best_estimator_.predict(X).tolist() == search.classes_.searchsorted(search.predict(X)).tolist()
    np.testing.assert_array_equal(search.deployed_model().predict(X), search.predict(X))


def test_candidates_are_measured_by_the_log_loss_and_the_winner_scores_its_accuracy_if_no_score_is_named():
    y = np.array(["c", "a", "b"])[CODES]
    search = classifier().fit(X, y)

    assert search.scorer_(search, X, y) == pytest.approx(-log_loss(y, search.predict_proba(X), labels=search.classes_))
    assert search.score(X, y) == accuracy_score(y, search.predict(X))


def test_numbers_are_measured_by_the_root_mean_squared_error_if_no_score_is_named():
    search = regressor().fit(X, NUMBERS)

    assert search.scorer_(search, X, NUMBERS) == pytest.approx(-root_mean_squared_error(NUMBERS, search.predict(X)))
    assert search.oof_predictions_.shape == (90,)
    assert r2_score(NUMBERS, search.oof_predictions_) > 0.5


@pytest.mark.parametrize("dtype", [int, np.float32, object])
def test_numbers_of_any_type_are_read_as_numbers(dtype):
    y = np.round(10 * NUMBERS).astype(dtype)

    np.testing.assert_array_equal(regressor().fit(X, y).predict(X), regressor().fit(X, y.astype(np.float64)).predict(X))


def test_the_deployed_model_of_numbers_predicts_the_same():
    search = regressor().fit(X, NUMBERS)

    np.testing.assert_array_equal(search.deployed_model().predict(X), search.predict(X))


def test_class_weights_change_what_is_predicted_and_may_name_labels():
    y = np.where(X[:, 0] + RANDOM.normal(size=90) > 0, "yes", "no")
    plain, weighted = classifier().fit(X, y), classifier(class_weight={"yes": 20, "no": 1}).fit(X, y)

    assert (weighted.predict(X) == "yes").sum() > (plain.predict(X) == "yes").sum()


def test_numbers_are_no_classes():
    with pytest.raises(ValueError, match="continuous"):
        classifier().fit(X, NUMBERS)


def test_words_are_no_numbers():
    with pytest.raises(ValueError, match="could not convert"):
        regressor().fit(X, np.array(["c", "a", "b"])[CODES])


def test_a_class_with_fewer_rows_than_folds_is_refused_by_its_label():
    y = np.array(["often"] * 88 + ["rare"] * 2)

    with pytest.raises(ValueError, match="Class 'rare' has 2 members, fewer than the 3 folds"):
        classifier().fit(X, y)


def test_scikit_learn_tells_them_apart():
    assert is_classifier(classifier())
    assert is_regressor(regressor())


def test_a_search_does_not_depend_on_the_unit_of_a_regression_target():
    searches = [
        TunedXGBRegressor(n_trials=12, cv=2, random_state=0, refit=False).fit(X, NUMBERS * unit)
        for unit in (1.0, 1024.0)
    ]

    small, large = (dict(search.cv_results_) for search in searches)
    np.testing.assert_array_equal(small["param_max_depth"], large["param_max_depth"])
    np.testing.assert_allclose(small["mean_test_score"] * 1024.0, large["mean_test_score"], rtol=1e-4)


@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ("rank:ndcg", "which predicts each row alone.* OptunaSearchCV with XGBRanker"),
        ("survival:aft", "which predicts no times until an event.* scikit-survival"),
    ],
)
def test_objectives_for_other_targets_are_refused_with_what_takes_them(make, objective, message):
    with pytest.raises(ValueError, match=f"objective='{objective}' is not for TunedXGB.*{message}"):
        make(objective=objective).fit(X, CODES)


def test_ranking_is_for_a_search_over_xgbranker():
    ranked = pd.DataFrame(X, columns=["a", "b"]).assign(qid=np.repeat(np.arange(18), 5))
    search = OptunaSearchCV(XGBRanker(n_estimators=5), {"max_depth": [1, 2]}, cv=GroupKFold(3), n_trials=2)
    search.fit(ranked, CODES, groups=ranked["qid"])

    theirs = GridSearchCV(XGBRanker(n_estimators=5), {"max_depth": [1, 2]}, cv=GroupKFold(3))
    assert search.best_score_ == theirs.fit(ranked, CODES, groups=ranked["qid"]).best_score_ > 0.7


@pytest.mark.parametrize(
    ("wrapper", "model", "target"),
    [
        (MultiOutputClassifier, classifier(), np.column_stack([CODES, CODES > 0])),
        (MultiOutputRegressor, regressor(), np.column_stack([NUMBERS, -NUMBERS])),
        (MultiOutputRegressor, AutoModelSelector("regression", ["ridge"], n_trials=1), np.column_stack([NUMBERS, X])),
    ],
)
def test_several_targets_are_for_one_model_each(wrapper, model, target):
    with pytest.raises(ValueError, match=f"with {wrapper.__name__} of sklearn.multioutput"):
        model.fit(X, target)

    predicted = wrapper(model).fit(X, target).predict(X)
    assert predicted.shape == target.shape
    assert all(r2_score(*pair) > 0.5 for pair in zip(target.T.astype(float), predicted.T, strict=True))
