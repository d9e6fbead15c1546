"""XGBoost as a library to tune: boosters trained round by round are equal to those of ``fit``."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.datasets import load_diabetes, load_wine
from xgboost import XGBClassifier, XGBRegressor

from sklearn_autotune.boosting import _xgboost_library
from sklearn_autotune.boosting._library import FoldRows
from sklearn_autotune.boosting._xgboost_library import (
    MAX_CACHED_NODES,
    XGBOOST_PARAMS,
    TunedXGBoost,
    estimate_histogram_bytes,
    spread_over_parts,
)
from sklearn_autotune.families import Shape
from sklearn_autotune.inference._column_encoder import ColumnEncoder

LIBRARY = TunedXGBoost()


def train(model, rows, classes, n_rounds):
    """Train in a thread of its own, as XGBoost's samples are drawn from one generator per thread."""
    trainer = LIBRARY.bin_fold(model, rows).make_trainer(LIBRARY.read_settings(model, classes))
    with ThreadPoolExecutor(1) as executor:
        for _ in range(n_rounds):
            executor.submit(trainer.train_round).result()
    return trainer


def fit(model, rows, n_rounds):
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(
            model.set_params(n_estimators=n_rounds).fit, rows.X_train, rows.labels, sample_weight=rows.weight
        ).result()


def make_first(shape):
    return LIBRARY.make_first_candidates(LIBRARY.make_space(shape), 0.2, shape)


def custom_loss(y_true, y_pred):
    return y_pred - y_true, np.ones_like(y_true)


@pytest.mark.parametrize("params", [{"subsample": 0.5}, {"tree_method": "exact"}, {"max_bin": 8}], ids=repr)
def test_a_booster_trained_round_by_round_is_the_one_that_fit_gives(params):
    X, y = load_wine(return_X_y=True)
    weight = np.random.RandomState(0).uniform(0.5, 2, size=len(y[::2]))
    rows = FoldRows(X[::2], y[::2], weight, X[1::2])

    trainer = train(XGBClassifier(random_state=3, n_jobs=1, **params), rows, np.arange(3), 6)
    fitted = fit(XGBClassifier(random_state=3, n_jobs=1, **params), rows, 6)

    assert trainer.n_rounds == 6
    np.testing.assert_array_equal(trainer.predict_test_rows(), fitted.predict_proba(rows.X_test))
    np.testing.assert_array_equal(
        trainer.predict_training_rows(3), fitted.predict_proba(rows.X_train, iteration_range=(0, 3))
    )
    np.testing.assert_array_equal(trainer.predict_rows(X), fitted.predict_proba(X))


def test_a_released_booster_predicts_the_same():
    X, y = load_diabetes(return_X_y=True)
    trainer = train(XGBRegressor(n_jobs=1), FoldRows(X[::2], y[::2], None, X[1::2]), None, 4)
    before = trainer.predict_test_rows()

    trainer.release()

    np.testing.assert_array_equal(trainer.predict_test_rows(), before)


def test_a_model_has_what_is_set_and_nothing_else():
    encoder = ColumnEncoder()
    encoder.fit_transform(np.zeros((3, 2)))
    settings = dict.fromkeys(XGBOOST_PARAMS) | {"missing": np.nan, "max_depth": 4, "monotone_constraints": {"b": 1}}

    model = LIBRARY.make_model(settings, encoder, ["a", "b"], is_classifier=False, seed=5)

    assert type(model) is XGBRegressor
    assert (model.max_depth, model.monotone_constraints, model.random_state, model.n_jobs) == (4, (0, 1), 5, 1)
    assert (model.feature_types, model.enable_categorical) == (None, False)
    assert model.objective == XGBRegressor().objective


def test_a_booster_holds_a_histogram_for_each_node_of_a_tree():
    assert estimate_histogram_bytes(XGBClassifier(), 100, 50_000) == 2**6 * 100 * 16
    assert estimate_histogram_bytes(XGBClassifier(max_depth=0, max_leaves=7), 100, 50) == 7 * 100 * 16
    assert estimate_histogram_bytes(XGBClassifier(max_depth=0), 100, 50) == 50 * 100 * 16
    assert estimate_histogram_bytes(XGBClassifier(), 0, 50) == 0  # of exact trees, which have no bins


def test_parameters_that_have_an_entry_for_each_column_have_one_for_each_part_of_a_date():
    params = {"monotone_constraints": (0, 1), "interaction_constraints": "[[0], [1]]", "feature_weights": [1.0, 2.0]}

    spread = spread_over_parts(params, np.array([0, 0, 1]), ["day", "size"])

    assert spread["monotone_constraints"] == (0, 0, 1)
    assert spread["interaction_constraints"] == "[[0, 1], [2]]"
    assert spread["feature_weights"].tolist() == [1, 1, 2]
    assert spread_over_parts(dict.fromkeys(params), np.array([0, 0, 1]), ["day", "size"]) == {}
    as_text = params | {"monotone_constraints": "(0,-1)"}
    assert spread_over_parts(as_text, np.array([0, 0, 1]), ["day", "size"])["monotone_constraints"] == (0, 0, -1)


def test_a_date_with_a_time_of_the_day_cannot_be_constrained_to_be_monotone():
    frame = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=4, freq="17h"), "size": [1, 2, 3, 4]})
    encoder = ColumnEncoder()
    encoder.fit_transform(frame)
    settings = dict.fromkeys(XGBOOST_PARAMS) | {"missing": 0.0, "monotone_constraints": {"size": 1}}

    model = LIBRARY.make_model(settings, encoder, ["day", "size"], is_classifier=False, seed=5)
    assert model.monotone_constraints == (0, 0, 1)
    assert np.isnan(model.missing)
    settings["monotone_constraints"] = {"day": 1}
    with pytest.raises(ValueError, match=r"monotone_constraints names \['day'\], but a date with times of the day"):
        LIBRARY.make_model(settings, encoder, ["day", "size"], is_classifier=False, seed=5)


def test_fewer_cached_histograms_change_no_tree():
    X, y = load_diabetes(return_X_y=True)
    rows = FoldRows(X[:300], y[:300], None, X[300:])
    model = XGBRegressor(max_depth=9, min_child_weight=0.01, subsample=0.7, random_state=3, n_jobs=1)

    trainer = train(model, rows, None, 5)

    assert trainer.settings.params["max_cached_hist_node"] == MAX_CACHED_NODES < 2**9
    np.testing.assert_array_equal(trainer.predict_test_rows(), fit(model, rows, 5).predict(rows.X_test))
    assert "max_cached_hist_node" not in LIBRARY.read_settings(XGBRegressor(tree_method="exact"), None).params


def test_ranges_and_first_candidates_scale_with_the_target_of_a_squared_error():
    one, large = (Shape(500, is_classifier=False, target_spread=spread) for spread in (1.0, 100.0))

    for name, power in {"gamma": 2, "reg_alpha": 1, "reg_lambda": 0}.items():
        small, wide = LIBRARY.make_space(one)[name], LIBRARY.make_space(large)[name]
        assert (wide.low, wide.high) == pytest.approx((small.low * 100**power, small.high * 100**power))
        for before, after in zip(make_first(one), make_first(large), strict=True):
            assert after[name] == pytest.approx(before[name] * 100**power)


@pytest.mark.parametrize(
    ("is_classifier", "objective"), [(True, None), (False, "reg:absoluteerror"), (False, custom_loss)]
)
def test_ranges_do_not_scale_with_the_target_of_another_loss(is_classifier, objective):
    one, large = (Shape(500, is_classifier, {"objective": objective}, target_spread=spread) for spread in (1.0, 100.0))

    assert LIBRARY.make_space(one) == LIBRARY.make_space(large)
    assert make_first(one) == make_first(large)


@pytest.mark.parametrize("kind", ["numbers", "categories"])
@pytest.mark.parametrize("max_bin", [None, 8])
def test_test_rows_are_predicted_alike_whether_they_are_binned_or_not(kind, max_bin, monkeypatch):
    random = np.random.RandomState(0)
    X = random.normal(size=(600, 5)).astype(np.float32)
    X[:, 0] = random.randint(0, 6, 600)
    X[random.uniform(size=X.shape) < 0.1] = np.nan
    y = np.nan_to_num(X[:, 0]) % 3 + np.nan_to_num(X[:, 1]) + random.normal(size=600)
    types = ["c" if kind == "categories" else "q", *["q"] * 4]
    model = XGBRegressor(max_depth=5, max_bin=max_bin, feature_types=types, enable_categorical=True)
    test = X[400:] * np.array([1, 2, 2, 2, 2], dtype=np.float32)  # also beyond the training rows
    rows = FoldRows(X[:400], y[:400], None, test)
    expected = train(model, rows, None, 20).predict_test_rows()
    monkeypatch.setattr(_xgboost_library, "MAX_PLAIN_CELLS", 0)

    binned = train(model, rows, None, 20)

    assert isinstance(binned.fold.test, xgboost.QuantileDMatrix)
    np.testing.assert_array_equal(binned.predict_test_rows(), expected)
