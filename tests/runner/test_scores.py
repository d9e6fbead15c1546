"""Scores of unseen rows: the metric's own value, an interval that holds it, and a baseline beside it."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from sklearn_autotune._compat.sklearn import find_weight_parameter, forget_requests
from sklearn_autotune.runner._config import Config, ConfigError, read_config
from sklearn_autotune.runner._data import LabelledRows
from sklearn_autotune.runner._scores import (
    choose_scoring,
    describe_corrections,
    make_run_scorer,
    route_weights,
    score_folds,
    score_with_baseline,
    score_with_interval,
)
from sklearn_autotune.runner._search import make_search
from sklearn_autotune.search._setup import read_aims
from tests.runs import parts_of


def cut(data, n_train):
    X, y = data
    order = np.random.RandomState(0).permutation(len(y))
    X, y = X[order], y[order]
    return LabelledRows(X[:n_train], y[:n_train]), LabelledRows(X[n_train:], y[n_train:])


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc_ovr", "neg_log_loss"])
def test_a_classifiers_score_is_the_scorers_and_lies_in_its_interval(scoring):
    train, rows = cut(load_iris(return_X_y=True), 90)
    model = LogisticRegression(max_iter=1000).fit(train.X[:, :2], train.y)
    rows = LabelledRows(rows.X[:, :2], rows.y)

    result = score_with_baseline(model, train, rows, scoring, seed=0, n_draws=100)

    low, high = result["interval"]
    assert result["score"] == pytest.approx(get_scorer(scoring)(model, rows.X, rows.y))
    assert low < result["score"] < high
    assert result["baseline"] < result["score"]
    assert result["n_rows"] == 60


def test_a_regressors_score_is_the_scorers_and_the_baseline_is_the_mean():
    train, rows = cut(load_diabetes(return_X_y=True), 300)
    model = Ridge().fit(train.X, train.y)

    result = score_with_baseline(model, train, rows, "neg_root_mean_squared_error", seed=0, n_draws=50)

    assert result["score"] == pytest.approx(get_scorer("neg_root_mean_squared_error")(model, rows.X, rows.y))
    assert result["baseline"] == pytest.approx(-np.sqrt(np.mean((rows.y - train.y.mean()) ** 2)))
    assert "50 bootstrap draws" in result["interval_is"]


def test_the_interval_depends_on_the_seed_alone():
    prediction, y = np.arange(20.0), np.arange(20.0) ** 1.1

    first, again, other = (
        score_with_interval(prediction, None, y, "r2", seed, n_draws=20)["interval"] for seed in (0, 0, 1)
    )

    assert first == again != other


def test_no_draws_and_a_single_row_have_no_interval():
    y = np.arange(3.0)

    assert "interval" not in score_with_interval(y, None, y, "neg_mean_absolute_error", 0, n_draws=0)
    assert "interval" not in score_with_interval(y[:1], None, y[:1], "neg_mean_absolute_error", 0)


def test_the_log_loss_of_rows_without_one_of_the_classes_is_computed():
    classes = np.array([0, 1, 2])
    model = DummyClassifier(strategy="prior").fit(np.zeros((3, 1)), classes)

    assert make_run_scorer("neg_log_loss", classes)(model, np.zeros((2, 1)), [0, 1]) == pytest.approx(-np.log(3))


def test_fold_scores_are_the_winners_with_the_corrected_interval_and_a_baseline():
    train, _ = cut(load_iris(return_X_y=True), 148)
    folds = KFold(4)
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [0.001, 1.0]}, cv=folds).fit(train.X, train.y)

    scores = score_folds(search, folds, train, "accuracy")

    winner = cross_val_score(search.best_estimator_, train.X, train.y, cv=folds)
    assert scores["scores"] == winner.tolist()
    assert scores["mean"] == pytest.approx(winner.mean())
    low, high = scores["interval"]
    # Student's t with three degrees of freedom; a test part has a third of the rows of a training part.
    half = 3.182446 * winner.std(ddof=1) * np.sqrt(1 / 4 + 1 / 3)
    assert (low, high) == pytest.approx((winner.mean() - half, winner.mean() + half), rel=1e-6)
    assert "corrected resampled t-test" in scores["interval_is"]
    assert scores["baseline"] < 0.5


def test_weights_count_in_the_score_its_baseline_and_the_folds():
    train, rows = cut(load_iris(return_X_y=True), 100)
    train, rows = (replace(one, sample_weight=np.where(one.y == 0, 9.0, 1.0)) for one in (train, rows))
    model = LogisticRegression(max_iter=1000).fit(train.X[:, :1], train.y, sample_weight=train.sample_weight)
    rows = replace(rows, X=rows.X[:, :1])

    result = score_with_baseline(model, train, rows, "accuracy", seed=0, n_draws=20)

    assert result["score"] == pytest.approx(model.score(rows.X, rows.y, sample_weight=rows.sample_weight))
    assert result["score"] != pytest.approx(model.score(rows.X, rows.y))
    share = rows.sample_weight[rows.y == 0].sum() / rows.sample_weight.sum()
    assert result["baseline"] == pytest.approx(share)  # the baseline predicts the class of most weight
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [1.0]}, cv=KFold(3)).fit(train.X, train.y)
    weighted = score_folds(search, KFold(3), train, "accuracy")["baseline"]
    assert (
        weighted > 0.7 > 0.5 > score_folds(search, KFold(3), replace(train, sample_weight=None), "accuracy")["baseline"]
    )


def test_a_score_without_weights_is_computed_without():
    train, rows = cut(load_diabetes(return_X_y=True), 300)
    rows = replace(rows, sample_weight=np.arange(len(rows.y)) + 1.0)
    model = Ridge().fit(train.X, train.y)

    result = score_with_baseline(model, train, rows, "neg_max_error", seed=0, n_draws=0)

    assert result["score"] == get_scorer("neg_max_error")(model, rows.X, rows.y)


@pytest.fixture
def weighted(write, table, tmp_path):
    weight = np.random.RandomState(1).uniform(0.1, 5, 160).round(3)
    table.assign(weight=weight).to_parquet(tmp_path / "weighted.parquet")

    def make(text, **changes):
        path = write(f"sample_weight: weight\ncv: 3\nn_trials: 2\n{text}", data="weighted.parquet", **changes)
        parts = parts_of(path)
        return make_search(read_config(path), parts, path.parent), parts

    return make


WEIGHTED = {
    "one score": "model_type: logistic\nscoring: roc_auc\n",
    "several": "model_type: logistic\nscoring: {a: roc_auc, b: neg_log_loss}\nrefit: a\n",
    "objectives": "model_type: logistic\nobjectives: [roc_auc, bytes, {predict_seconds: {n_calls: 1}}]\n",
    "limits": "model_type: logistic\nscoring: roc_auc\nlimits: {log_loss: '<= 5', accuracy: '>= 0.1'}\n",
    "own space of a family": "model_type: splines\n",
    "codes for labels": "model_type: xgboost\noptimization_method: random\nspace: {n_estimators: 5}\n",
}


@pytest.mark.parametrize("case", WEIGHTED)
def test_weights_reach_the_model_and_the_scorer_of_a_pipeline_on_every_fold(case, weighted):
    changes = {"target": "price", "drop": "[kind, day]"} if "splines" in WEIGHTED[case] else {}
    search, parts = weighted(WEIGHTED[case], **changes)
    train, folds = parts.train, list(search.cv.split(parts.train.X, parts.train.y))
    with route_weights(search, train):
        search.fit(train.X, train.y, **train.metadata)

    name = {"several": "a", "objectives": "roc_auc"}.get(case, "score")
    scoring = choose_scoring(read_config_of(WEIGHTED[case]), parts.task)
    parameter = find_weight_parameter(search.estimator)
    for number, (rows, test) in enumerate(folds):
        model = clone(search.estimator).set_params(**search.best_params_)
        model = forget_requests(model).fit(train.X.iloc[rows], train.y[rows], **{parameter: train.sample_weight[rows]})
        scorer = make_run_scorer(scoring, getattr(search, "classes_", None))
        expected = scorer(model, train.X.iloc[test], train.y[test], sample_weight=train.sample_weight[test])
        assert search.cv_results_[f"split{number}_test_{name}"][search.best_index_] == pytest.approx(expected, rel=1e-9)


def read_config_of(text):
    return Config.model_validate({"data": "a", "target": "b"} | yaml.safe_load(text))


def test_limits_on_losses_are_kept_where_scorers_take_weights(weighted):
    search, parts = weighted(
        "model_type: logistic\nscoring: roc_auc\nlimits: {log_loss: '<= 0.01', recall_macro: '>= 0.2'}\n"
    )

    assert {name: limit[1:] for name, limit in search.limits.items()} == {
        "log_loss": ("<=", 0.01),
        "recall_macro": (">=", 0.2),
    }
    assert read_aims(search).limits[0].describe() == "log_loss <= 0.01"
    train = parts.train
    with (
        route_weights(search, train),
        pytest.raises(ValueError, match=r"log_loss \d\.\d+ \(limit <= 0\.01\)") as caught,
    ):
        search.fit(train.X, train.y, **train.metadata)
    assert "neg_log_loss" not in str(caught.value)
    model = forget_requests(clone(search.estimator)).set_params(**search.cv_results_["params"][0])
    rows, test = next(iter(search.cv.split(train.X, train.y)))
    model.fit(train.X.iloc[rows], train.y[rows], **{find_weight_parameter(model): train.sample_weight[rows]})
    loss = log_loss(train.y[test], model.predict_proba(train.X.iloc[test]), sample_weight=train.sample_weight[test])
    assert search.cv_results_["split0_test_neg_log_loss"][0] == pytest.approx(-loss)
    assert "mean_test_log_loss" not in search.cv_results_


def test_a_model_and_a_score_without_weights_are_not_passed_over_in_silence(weighted):
    with pytest.raises(ConfigError, match="sample_weight: neighbors takes no weights"):
        weighted("model_type: neighbors\n")
    with pytest.warns(UserWarning, match="The score neg_max_error does not use sample_weight"):
        weighted("model_type: ridge\nscoring: neg_max_error\n", target="price", drop="[kind, day]")


def test_corrections_are_given_where_there_are_any(write):
    path = write("model_type: logistic\nn_trials: 4\ncv: 2\ncorrected_score: true\n")
    config, parts = read_config(path), parts_of(path)
    search = make_search(config, parts, path.parent).fit(parts.train.X, parts.train.y)

    found = describe_corrections(config, search)

    assert found["default"] == search.default_score_
    assert found["gain"]["mean"] == search.tuning_gain_.mean
    assert found["corrected"] == {"score": search.corrected_score_, "interval": list(search.corrected_interval_)}
    assert describe_corrections(config.model_copy(update={"corrected_score": None}), search)["corrected"] is None
    single = GridSearchCV(LogisticRegression(), {"C": [1.0]})
    reason = describe_corrections(config, single)["corrected"]["missing_because"]
    assert "corrected_score_" in reason
