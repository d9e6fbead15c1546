"""TunedXGBClassifier and TunedXGBRegressor: their results are those of XGBoost, on tables of any kind."""

import pickle
import time

import numpy as np
import pandas as pd
import polars
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.pruners import MedianPruner
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from xgboost import XGBClassifier

from sklearn_autotune import FoldRacing, OptunaSearchCV, TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune._compat import clock
from sklearn_autotune.boosting import _fold_boosting
from tests.faults.nightly import IS_NIGHT, at_night
from tests.names import parametrize_with_checks
from tests.toys import statuses, table

SPACE = {"learning_rate": FloatDistribution(0.1, 0.5, log=True), "max_depth": IntDistribution(2, 4)}


def classifier(**params):
    return TunedXGBClassifier(**({"n_trials": 4, "cv": 3, "random_state": 0} | params))


def regressor(**params):
    return TunedXGBRegressor(**({"n_trials": 4, "cv": 3, "random_state": 0} | params))


def winning_row(search):
    return np.array(
        [search.cv_results_[f"split{fold}_test_score"][search.best_index_] for fold in range(search.n_splits_)]
    )


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return X[::2], y[::2]


@pytest.fixture(scope="module")
def raw():
    """A DataFrame as it comes: strings, categories, booleans, missing values."""
    random = np.random.RandomState(0)
    n = 240
    frame = pd.DataFrame(
        {
            "size": random.normal(size=n),
            "colour": random.choice(["red", "green", "blue", None], size=n),
            "grade": pd.Categorical(random.choice([3, 1, 2], size=n)),
            "is_new": random.rand(n) < 0.5,
            "count": pd.array(random.randint(0, 9, size=n), dtype="Int64"),
        }
    )
    frame.loc[::7, "size"] = np.nan
    frame.loc[::11, "count"] = pd.NA
    y = np.where((frame["colour"] == "red") ^ (frame["size"].fillna(0) > 0.3), "yes", "no")
    return frame, y


# -- exactness -------------------------------------------------------------------------------------------------------


def missing(X):
    X = X.copy()
    X[::5, 0] = np.nan
    return X


EXACT = {
    "binary": lambda: (classifier(), *load_breast_cancer(return_X_y=True), "neg_log_loss"),
    "multiclass": lambda: (classifier(), *load_iris(return_X_y=True), "neg_log_loss"),
    "regression": lambda: (regressor(), *load_diabetes(return_X_y=True), "neg_root_mean_squared_error"),
    "missing": lambda: (
        regressor(),
        missing(load_diabetes().data),
        load_diabetes().target,
        "neg_root_mean_squared_error",
    ),
    "accuracy": lambda: (classifier(scoring="accuracy"), *load_iris(return_X_y=True), "accuracy"),
    "few bins": lambda: (classifier(max_bin=16), *load_iris(return_X_y=True), "neg_log_loss"),
    "exact trees": lambda: (classifier(tree_method="exact"), *load_iris(return_X_y=True), "neg_log_loss"),
    "searched bins": lambda: (
        classifier(space={"max_bin": [8, 64], "learning_rate": [0.3]}, n_trials=2),
        *load_iris(return_X_y=True),
        "neg_log_loss",
    ),
    "several trees a round": lambda: (
        classifier(num_parallel_tree=2, subsample=0.5),
        *load_iris(return_X_y=True),
        "neg_log_loss",
    ),
}


@pytest.mark.few_by_day(8)
@pytest.mark.parametrize("case", EXACT)
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_xgboost_itself_gives_the_winners_scores(case, n_jobs):
    search, X, y, scoring = EXACT[case]()
    X, y = X[::2], y[::2]
    search.set_params(n_jobs=n_jobs).fit(X, y)

    model = clone(search.best_estimator_)
    assert {name: model.get_params()[name] for name in search.best_params_} == search.best_params_
    again = cross_val_score(model, X, y, cv=3, scoring=scoring)

    np.testing.assert_allclose(winning_row(search), again, rtol=1e-6)


def test_weights_reach_training_and_score(cancer):
    X, y = cancer
    weight = np.random.RandomState(0).uniform(0.1, 3, size=len(y))
    search = classifier().fit(X, y, sample_weight=weight)

    expected = []
    for train, test in _folds_of(search, X, y):
        scaled = weight[train] / weight.mean()
        model = clone(search.best_estimator_).fit(X[train], y[train], sample_weight=scaled)
        expected.append(-log_loss(y[test], model.predict_proba(X[test]), sample_weight=weight[test]))
    np.testing.assert_allclose(winning_row(search), expected, rtol=1e-6)


def _folds_of(search, X, y):
    from sklearn.model_selection import check_cv

    return list(check_cv(search.cv, y, classifier=True).split(X, y))


def test_balanced_classes_are_balanced_on_each_folds_training_rows(cancer):
    X, y = cancer
    X, y = np.concatenate([X[y == 1], X[y == 0][:30]]), np.repeat([1, 0], [(y == 1).sum(), 30])
    search = classifier(class_weight="balanced").fit(X, y)

    expected = []
    for train, test in _folds_of(search, X, y):
        weight = compute_sample_weight("balanced", y[train])
        model = clone(search.best_estimator_).fit(X[train], y[train], sample_weight=weight)
        expected.append(-log_loss(y[test], model.predict_proba(X[test])))
    np.testing.assert_allclose(winning_row(search), expected, rtol=1e-6)


def test_categories_are_those_of_xgboost(raw):
    X, y = raw
    search = classifier().fit(X, y)

    encoded = search._reader.transform(X)
    assert search.best_estimator_.feature_types == ["q", "c", "c", "q", "q"]
    again = cross_val_score(clone(search.best_estimator_), encoded, y == "yes", cv=3, scoring="neg_log_loss")
    np.testing.assert_allclose(winning_row(search), again, rtol=1e-6)


def test_the_best_number_of_rounds_is_that_of_the_mean_over_the_folds(cancer):
    search = classifier(pruner=None).fit(*cancer)

    for row, curves in enumerate(search.learning_curves_):
        n_points = min(len(curve["score"]) for curve in curves)
        mean = np.mean([curve["score"][:n_points] for curve in curves], axis=0)
        assert search.cv_results_["mean_test_score"][row] == pytest.approx(mean.max())
        assert search.cv_results_["params"][row]["n_estimators"] == curves[0]["n_estimators"][mean.argmax()]
    assert search.n_estimators_ == search.best_params_["n_estimators"] == search.best_estimator_.n_estimators


def test_out_of_fold_predictions_are_what_the_scores_are_of(cancer):
    X, y = cancer
    search = classifier().fit(X, y)

    scores = [-log_loss(y[test], search.oof_predictions_[test]) for _, test in _folds_of(search, X, y)]

    assert search.oof_predictions_.shape == (len(y), 2)
    np.testing.assert_allclose(winning_row(search), scores, rtol=1e-5)


def test_out_of_fold_predictions_of_rows_in_no_fold_are_missing():
    X, y = load_diabetes(return_X_y=True)
    cv = ShuffleSplit(2, test_size=0.3, random_state=0)
    search = regressor(cv=cv).fit(X, y)

    tested = np.unique(np.concatenate([test for _, test in cv.split(X)]))
    assert np.isfinite(search.oof_predictions_[tested]).all()
    assert np.isnan(np.delete(search.oof_predictions_, tested)).all()


# -- what changes nothing --------------------------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["small", "large"])
def size(request, monkeypatch):
    """All candidates, or none, hold too much for their boosters to live side by side."""
    if request.param:
        monkeypatch.setattr(_fold_boosting, "MAX_HISTOGRAM_BYTES", 0)


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("n_jobs", [2, pytest.param(3, marks=at_night), 12])
def test_the_table_is_the_same_for_any_n_jobs(cancer, n_jobs):
    params = {"n_trials": 12, "look_ahead": 3, "pruner": FoldRacing(0.3), "space": SPACE}
    one = classifier(n_jobs=1, **params).fit(*cancer)
    many = classifier(n_jobs=n_jobs, **params).fit(*cancer)

    assert "pruned" in statuses(one)
    assert table(many) == table(one)
    assert many.trials_["n_folds"].tolist() == one.trials_["n_folds"].tolist()
    np.testing.assert_array_equal(many.oof_predictions_, one.oof_predictions_)
    assert [len(row) for row in many.learning_curves_] == [len(row) for row in one.learning_curves_]


def test_pruning_saves_folds_and_never_wins(cancer):
    search = classifier(n_trials=15, cv=5).fit(*cancer)

    status = np.array(statuses(search))
    assert (status == "pruned").any()
    assert np.isnan(dict(search.cv_results_)["mean_test_score"][status == "pruned"]).all()
    assert status[search.best_index_] == "complete"


@at_night
def test_optunas_pruners_decide_too(cancer):
    assert "pruned" in statuses(classifier(n_trials=12, pruner=MedianPruner(n_startup_trials=3)).fit(*cancer))


def test_a_fit_changes_no_argument_and_pickles(cancer):
    X, y = cancer
    search = classifier()
    before = repr(search.get_params())
    search.fit(X, y)

    assert repr(search.get_params()) == before
    loaded = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(loaded.predict_proba(X), search.predict_proba(X))
    assert repr(clone(search).get_params()) == before


def test_the_best_estimator_saves_as_json(cancer, tmp_path):
    X, y = cancer
    search = classifier().fit(X, y)

    search.best_estimator_.save_model(tmp_path / "model.json")

    loaded = XGBClassifier()
    loaded.load_model(tmp_path / "model.json")
    np.testing.assert_array_equal(loaded.predict_proba(X), search.predict_proba(X))
    assert type(search.best_estimator_) is XGBClassifier


# -- tables as they come ---------------------------------------------------------------------------------------------


def test_a_raw_table_is_learned_from(raw):
    X, y = raw
    search = classifier(n_trials=6).fit(X, y)

    assert search.score(X, y) > 0.9
    assert list(search.classes_) == ["no", "yes"]
    assert list(search.feature_names_in_) == list(X.columns)


def test_a_category_that_was_not_seen_is_missing(raw):
    X, y = raw
    search = classifier().fit(X, y)
    unseen, gone = X.copy(), X.copy()
    unseen["colour"] = "violet"
    gone["colour"] = None

    with pytest.warns(UserWarning, match="Column 'colour' holds none of the categories of training"):
        predicted = search.predict_proba(unseen)
    np.testing.assert_array_equal(predicted, search.predict_proba(gone))


def test_polars_is_read_like_pandas(raw):
    X, y = raw
    frame = polars.DataFrame(
        {
            "size": [None if value != value else float(value) for value in X["size"]],
            "colour": polars.Series(
                [value if isinstance(value, str) else None for value in X["colour"]], dtype=polars.Categorical
            ),
            "grade": X["grade"].astype(str).tolist(),
            "is_new": X["is_new"].tolist(),
            "count": [None if value != value else int(value) for value in X["count"].astype(float)],
        }
    )
    ours, theirs = classifier().fit(frame, y), classifier().fit(X, y)

    np.testing.assert_array_equal(ours.predict_proba(frame), theirs.predict_proba(X))


def test_a_table_with_other_columns_is_refused(raw):
    X, y = raw
    search = classifier().fit(X, y)

    for other in (X.drop(columns="size"), X.assign(more=1), X.rename(columns={"size": "length"})):
        with pytest.raises(ValueError, match="feature names"):
            search.predict(other)
    changed = X.assign(size="large")
    with pytest.raises(ValueError, match="'size' held numbers in training and now holds"):
        search.predict(changed)


def test_dates_are_days(raw):
    X, _ = raw
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(X)), unit="D")
    late = when > when[len(X) // 2]
    search = classifier().fit(X.assign(when=when), late)

    assert search.score(X.assign(when=when), late) > 0.95


def test_what_a_sparse_matrix_leaves_out_is_missing(cancer):
    X, y = cancer
    X = np.where(np.median(X, axis=0) < X, X, 0.0)
    dense = np.where(X == 0, np.nan, X)

    sparse = classifier().fit(csr_matrix(X), y)

    np.testing.assert_allclose(sparse.predict_proba(csr_matrix(X)), classifier().fit(dense, y).predict_proba(dense))


# -- XGBoost's own parameters ----------------------------------------------------------------------------------------


def test_what_is_set_is_not_searched(cancer):
    search = classifier(max_depth=2, learning_rate=0.3).fit(*cancer)

    assert not {"max_depth", "learning_rate"} & set(search.best_params_)
    assert search.best_estimator_.max_depth == 2
    assert search.best_estimator_.learning_rate == 0.3


def test_constraints_may_name_columns(raw):
    X, y = raw
    search = classifier(
        monotone_constraints={"size": 1}, interaction_constraints=[["size", "count"], ["colour", "grade", "is_new"]]
    ).fit(X, y)

    assert search.best_estimator_.monotone_constraints == (1, 0, 0, 0, 0)
    probe = X.iloc[[0] * 50].assign(size=np.linspace(-3, 3, 50))
    assert (np.diff(search.predict_proba(probe)[:, 1]) >= 0).all()
    with pytest.raises(ValueError, match=r"\['height'\], which X does not have"):
        classifier(monotone_constraints={"height": 1}).fit(X, y)


def squared(y_true, y_pred):
    return y_pred - y_true, np.ones_like(y_true)


def test_an_objective_of_ones_own():
    X, y = load_diabetes(return_X_y=True)
    search = regressor(objective=squared, base_score=0.0).fit(X, y)

    again = cross_val_score(clone(search.best_estimator_), X, y, cv=3, scoring="neg_root_mean_squared_error")
    np.testing.assert_allclose(winning_row(search), again, rtol=1e-6)


def test_several_scores_of_which_one_decides(cancer):
    search = classifier(scoring=["neg_log_loss", "roc_auc"], refit="roc_auc").fit(*cancer)

    means = search.cv_results_["mean_test_roc_auc"]
    assert search.best_score_ == np.nanmax(means)
    assert np.isfinite(search.cv_results_["mean_test_neg_log_loss"][search.best_index_])


# -- at home in scikit-learn -----------------------------------------------------------------------------------------


def test_it_nests_everywhere(cancer):
    X, y = cancer
    pipeline = make_pipeline(StandardScaler(), classifier(n_trials=2))
    assert cross_validate(pipeline, X, y, cv=2)["test_score"].mean() > 0.85
    calibrated = CalibratedClassifierCV(classifier(n_trials=2), cv=2).fit(X, y)
    assert calibrated.predict_proba(X).shape == (len(y), 2)
    search = OptunaSearchCV(classifier(n_trials=2), {"class_weight": [None, "balanced"], "max_depth": [2]}, cv=2)
    assert search.fit(X, y).best_estimator_.best_estimator_.max_depth == 2


def test_groups_stay_together():
    X, y = load_iris(return_X_y=True)
    groups = np.tile(np.arange(6), 25)
    search = classifier(cv=GroupKFold(3)).fit(X, y, groups=groups)

    assert search.n_splits_ == 3


@pytest.mark.filterwarnings("ignore:The least populated class in y has only")
@parametrize_with_checks(
    [kind(n_trials=1 + IS_NIGHT, random_state=0) for kind in (TunedXGBClassifier, TunedXGBRegressor)],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "a row that is there twice may stand in two folds",
        "check_sample_weight_equivalence_on_sparse_data": "a row that is there twice may stand in two folds",
    },
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


# -- storage and stopping --------------------------------------------------------------------------------------------


def test_a_search_can_be_resumed(cancer, tmp_path):
    X, y = cancer
    stored = {"storage": tmp_path / "study.db", "resume": True}
    classifier(n_trials=3, **stored).fit(X, y)
    search = classifier(n_trials=5, **stored).fit(X, y)

    assert len(search.cv_results_["params"]) == 5
    undisturbed = classifier(n_trials=5).fit(X, y)
    assert table(search) == table(undisturbed)
    np.testing.assert_array_equal(search.oof_predictions_, undisturbed.oof_predictions_)
    with pytest.raises(ValueError, match="another estimator"):
        classifier(n_trials=5, gamma=1.0, **stored).fit(X, y)


def test_time_is_kept(cancer):
    search = classifier(n_trials=10_000, timeout=1.0).fit(*cancer)

    assert 1 <= len(search.cv_results_["params"]) < 10_000
    assert search.predict(cancer[0]).shape == cancer[1].shape


def test_time_is_kept_within_a_fold(monkeypatch):
    now, round_seconds = [0.0], [0.01]
    monkeypatch.setattr(clock, "now", lambda: now[0])
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def slow(y, prediction):
        now[0] += round_seconds[-1]
        return prediction - y, np.ones_like(y)

    X, y = load_diabetes(return_X_y=True)
    settings = {"n_trials": 2, "callbacks": [lambda study, trial: round_seconds.append(1e6)], "refit": False}
    search = regressor(objective=slow, timeout=1e5, **settings).fit(X, y)
    assert search.trials_["status"].tolist() == ["complete", "timeout"]
    assert now[0] < 2e6


@pytest.mark.parametrize("n_jobs", [1, pytest.param(3, marks=at_night)])
def test_the_first_candidate_is_given_fewer_rounds_where_time_is_short(cancer, n_jobs):
    def slow(y, prediction):
        time.sleep(0.02)
        return prediction - y, np.ones_like(y)

    X, y = cancer
    search = regressor(objective=slow, learning_rate=0.01, timeout=9.0, n_trials=1, n_jobs=n_jobs).fit(X, y)

    assert search.trials_["status"].tolist() == ["complete"]
    # A round of all folds and of the final fit takes at least 0.08 s, or 0.04 s where folds grow side by side.
    assert 1 <= search.n_estimators_ <= 9.0 / (0.08 if n_jobs == 1 else 0.04)
    assert search.best_estimator_.n_estimators == search.n_estimators_


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_the_first_candidate_ends_at_a_round_where_there_is_no_time_for_its_first_point(n_jobs):
    def slow(y, prediction):
        time.sleep(0.02)
        return prediction - y, np.ones_like(y)

    X, y = load_diabetes(return_X_y=True)
    folds = KFold(3)
    settings = {"objective": slow, "learning_rate": 0.01, "space": {"max_depth": [3]}, "cv": folds}
    search = regressor(timeout=1.0, n_trials=50, n_jobs=n_jobs, **settings).fit(X, y)

    assert search.cv_results_["params"] == [search.best_params_]
    assert 1 <= search.n_estimators_ < 100  # the first point
    assert search.best_estimator_.get_booster().num_boosted_rounds() == search.n_estimators_
    scores = [search.cv_results_[f"split{fold}_test_score"][0] for fold in range(3)]
    model = clone(search.best_estimator_)
    expected = cross_val_score(model, X, y, cv=folds, scoring="neg_root_mean_squared_error")
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
    assert [curve["n_estimators"].tolist() for curve in search.learning_curves_[0]] == [[search.n_estimators_]] * 3


@pytest.mark.parametrize(("learning_rate", "timeout"), [pytest.param(0.05, 4.0, marks=at_night), (0.005, 1.0)])
def test_a_candidate_cut_short_is_predicted_as_it_was_after_a_resume(learning_rate, timeout, tmp_path):
    def slow(y, prediction):
        time.sleep(0.01)
        return prediction - y, np.ones_like(y)

    X, y = load_diabetes(return_X_y=True)
    stored = {"storage": tmp_path / "study.db", "measure_default": False}
    search = regressor(objective=slow, learning_rate=learning_rate, n_trials=1, **stored)
    short, resumed = clone(search).set_params(timeout=timeout).fit(X, y), search.set_params(resume=True).fit(X, y)

    assert resumed.n_estimators_ == short.n_estimators_
    np.testing.assert_array_equal(resumed.oof_predictions_, short.oof_predictions_)


def test_the_target_score_ends_the_search(cancer):
    assert len(classifier(target_score=-10.0).fit(*cancer).cv_results_["params"]) == 1
