"""What a tuned booster keeps of its folds, and how it compares with the library's own parameters."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold, StratifiedKFold

from sklearn_autotune import TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.boosting._binned_folds import Target
from sklearn_autotune.boosting._fold_boosting import FoldBoosting
from tests.boosting.test_tuned_booster import TunedLGBMClassifier

X, Y = load_breast_cancer(return_X_y=True)
X, Y = X[::2], np.array(["malignant", "benign"])[Y[::2]]
SMALL = {"n_trials": 3, "cv": 3, "random_state": 0, "n_estimators": 30}


def get_results(search):
    return {name: list(column) for name, column in search.cv_results_.items() if "split" in name or "param" in name}


# -- the folds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TunedXGBClassifier, TunedLGBMClassifier])
def test_fold_estimators_predict_what_was_measured(kind):
    table = pd.DataFrame(X[:, :3], columns=["a", "b", "c"]).assign(d=pd.cut(X[:, 3], 4).astype(str))
    weights = np.random.RandomState(0).uniform(0.5, 2, size=len(Y))
    settings = SMALL | {"class_weight": "balanced", "keep": "estimators"}

    search = kind(**settings).fit(table, Y, sample_weight=weights)

    assert len(search.fold_estimators_) == 3
    for model, (_, test) in zip(search.fold_estimators_, StratifiedKFold(3).split(X, Y), strict=True):
        rows = table.iloc[test]
        np.testing.assert_allclose(model.predict_proba(rows), search.oof_predictions_[test], rtol=1e-5)
        assert set(model.predict(rows)) <= {"malignant", "benign"}


def test_fold_estimators_of_a_regression_have_the_scores_of_the_winner():
    data = load_diabetes(return_X_y=True)
    settings = SMALL | {"cv": KFold(3), "refit": False, "scoring": "r2", "keep": ["estimators"]}

    search = TunedXGBRegressor(**settings).fit(*data)

    scores = [
        get_scorer("r2")(model, data[0][test], data[1][test])
        for model, (_, test) in zip(search.fold_estimators_, KFold(3).split(*data), strict=True)
    ]
    assert np.mean(scores) == pytest.approx(search.best_score_)
    assert not hasattr(search, "best_estimator_")


def test_other_things_cannot_be_kept():
    with pytest.raises(ValueError, match=r"keep has 'predict'. It can have 'estimators'"):
        TunedXGBClassifier(keep="predict").fit(X, Y)
    assert not hasattr(TunedXGBClassifier(**SMALL).fit(X, Y), "fold_estimators_")


def test_time_is_left_for_the_fits_on_the_folds():
    folds = [SimpleNamespace(train=np.arange(80), test=np.arange(80, 120))] * 3
    task = SimpleNamespace(folds=folds, score_params={})
    target = Target(np.zeros(120))

    seconds = [
        FoldBoosting(
            SimpleNamespace(task=task), None, target, has_final_fit=has_final_fit, n_fold_fits=n_fold_fits
        ).estimate_final_seconds(2.0)
        for has_final_fit, n_fold_fits in [(True, 0), (True, 3), (False, 3)]
    ]

    assert seconds == [2 * 1.5, 2 * (1.5 + 3), 2 * 3]


# -- the default -----------------------------------------------------------------------------------------------------


def test_the_default_is_the_library_with_early_stopping():
    given = {"reg_lambda": 5.0}
    own = TunedXGBClassifier(space={"max_depth": [6]}, **SMALL | given | {"n_trials": 1}).fit(X, Y)

    search = TunedXGBClassifier(**SMALL | given).fit(X, Y)

    assert search.default_score_ == own.best_score_
    assert search.default_score_ not in search.cv_results_["mean_test_score"]
    gain = search.tuning_gain_
    assert gain.is_corrected
    assert gain.mean == pytest.approx(search.corrected_score_ - search.default_score_)


@pytest.mark.parametrize("settings", [{"n_jobs": 2}, {"scoring": ["roc_auc", "accuracy"], "refit": "roc_auc"}])
def test_measuring_the_default_changes_nothing_else(settings):
    both = [TunedXGBClassifier(measure_default=one, **SMALL | settings).fit(X, Y) for one in (True, False)]

    assert get_results(both[0]) == get_results(both[1])
    np.testing.assert_array_equal(both[0].oof_predictions_, both[1].oof_predictions_)
    assert np.isfinite(both[0].default_score_)
    with pytest.raises(AttributeError, match="measure_default=True"):
        _ = both[1].default_score_


def test_the_default_is_not_measured_again_after_a_resume(tmp_path):
    whole = TunedXGBClassifier(**SMALL).fit(X, Y)
    settings = SMALL | {"storage": tmp_path / "study.db"}
    TunedXGBClassifier(**settings | {"n_trials": 2}).fit(X, Y)

    resumed = TunedXGBClassifier(resume=True, **settings).fit(X, Y)

    assert resumed.default_score_ == whole.default_score_
    assert resumed.tuning_gain_ == whole.tuning_gain_


def test_a_default_that_fails_does_not_end_the_search():
    settings = {"tree_method": "wrong", "space": {"tree_method": ["hist"], "max_depth": [2, 5]}, "error_score": "raise"}

    search = TunedXGBClassifier(measure_default=True, **SMALL | settings).fit(X, Y)

    with pytest.raises(AttributeError, match="parameters ended as failed"):
        _ = search.default_score_
