"""MLflow: what a search logs can be found again by MLflow's own queries, in a real store."""

import copy
import pickle
import re
import warnings

import numpy as np
import optuna
import pandas as pd
import pytest
from scipy.stats import uniform
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.tracking import MLflowCallback, log_search
from tests.aimed_searches import X as AIMED_X
from tests.aimed_searches import Y as AIMED_Y
from tests.aimed_searches import make_selector, search_limits, search_seconds, search_three
from tests.progress.test_trial_progress import X, Y
from tests.toys import CountingClassifier, FailingClassifier, PeakingClassifier

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it says of its own dependencies
    import mlflow

# SQLAlchemy's, of what MLflow asks of it.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.usefixtures("requirements_once"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store in SQLite, with an experiment whose artifacts lie beside it."""
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=uri)
    client.create_experiment("toys", artifact_location=(folder / "artifacts").as_uri())
    return {"tracking_uri": uri, "experiment_name": "toys"}


@pytest.fixture
def client(store):
    return mlflow.MlflowClient(tracking_uri=store["tracking_uri"])


def runs_inside(client, run_id, extra=""):
    experiment = client.get_run(run_id).info.experiment_id
    found = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run_id}'{extra}")
    return sorted(found, key=lambda run: int(run.data.tags.get("trial", -1)))


@pytest.fixture(scope="module")
def logged(store):
    """A search in which trials are complete, stopped and failed, logged while it ran."""
    tracked = MLflowCallback(**store, tags={"team": "loans"})
    search = OptunaSearchCV(
        FailingClassifier(above=5),
        {"a": uniform(0, 9), "b": ["x", None]},
        n_trials=20,
        cv=3,
        random_state=0,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
        refit=False,
        callbacks=[tracked],
        study_name="toys",
    )
    with pytest.warns(Warning, match="fits failed|non-finite"):
        search.fit(X, Y)
    return search, tracked.finish(search, X)


def test_every_trial_is_a_run_inside_that_of_the_search(logged, client):
    search, run_id = logged

    inside = runs_inside(client, run_id)

    assert [int(run.data.tags["trial"]) for run in inside] == search.trials_["number"].tolist()
    assert [run.info.run_name for run in inside] == [f"candidate {row}" for row in range(20)]
    assert [run.data.tags["status"] for run in inside] == search.trials_["status"].tolist()
    ends = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
    assert [run.info.status for run in inside] == [ends[status] for status in search.trials_["status"]]
    assert set(ends) == set(search.trials_["status"])


def test_runs_have_parameters_and_the_score_of_each_fold(logged, client):
    search, run_id = logged

    for place, run in enumerate(runs_inside(client, run_id)):
        assert float(run.data.params["a"]) == search.trials_["params"][place]["a"]
        scores = {point.step: point.value for point in client.get_metric_history(run.info.run_id, "fold_score")}
        columns = {fold: search.trials_[f"split{fold}_test_score"][place] for fold in range(3)}
        assert scores == {fold: score for fold, score in columns.items() if np.isfinite(score)}
        if run.data.tags["status"] == "complete":
            assert run.data.metrics["score"] == search.trials_["mean_test_score"][place]
        if run.data.tags["status"] == "failed":
            assert "the toy fails on purpose" in run.data.tags["error"]


def test_runs_can_be_found_by_what_they_scored(logged, client):
    search, run_id = logged

    found = runs_inside(client, run_id, f" and metrics.score >= {search.best_score_}")

    assert [int(run.data.tags["trial"]) for run in found] == [search.trials_["number"][search.best_index_]]
    assert [int(run.data.tags["candidate"]) for run in found] == [search.best_index_]
    assert client.get_run(run_id).data.tags["metric"] == "score"  # the toy's own


def test_the_run_of_the_search_has_the_winner_and_the_settings(logged, client):
    search, run_id = logged

    run = client.get_run(run_id)

    assert run.info.status == "FINISHED"
    assert run.info.run_name == "toys"
    assert run.data.tags["team"] == "loans"
    assert run.data.tags["search"] == "OptunaSearchCV"
    assert run.data.metrics["best_score"] == search.best_score_
    assert float(run.data.params["best.a"]) == search.best_params_["a"]
    assert run.data.params["search.n_trials"] == "20"
    assert not [value for value in run.data.params.values() if re.search("0x[0-9a-f]{6}", value)]
    history = [point.value for point in client.get_metric_history(run_id, "best_score_so_far")]
    assert history == sorted(history)
    assert history[-1] == search.best_score_


def test_the_model_is_logged_with_its_signature_and_predicts(store, client):
    iris = load_iris(return_X_y=True)
    with MLflowCallback(**store) as tracked:
        search = OptunaSearchCV(SVC(), {"C": [0.1, 1, 10]}, cv=2, callbacks=[tracked]).fit(*iris)
        before = mlflow.get_tracking_uri(), mlflow.is_tracking_uri_set()

        run_id = tracked.finish(search, iris[0], registered_model_name="iris")

        assert (mlflow.get_tracking_uri(), mlflow.is_tracking_uri_set()) == before
    source = client.get_model_version("iris", "1")
    assert source.run_id == run_id
    mlflow.set_tracking_uri(store["tracking_uri"])
    try:
        model = mlflow.pyfunc.load_model(f"runs:/{run_id}/model")
    finally:
        mlflow.set_tracking_uri(None)
    assert model.metadata.signature.inputs.inputs[0].shape == (-1, 4)
    assert model.predict(iris[0]).tolist() == search.predict(iris[0]).tolist()


def test_a_search_that_is_over_is_logged_as_while_it_ran(store, client):
    estimator = PeakingClassifier(max_iter=9, peak=9)
    settings = {"n_trials": 5, "resource": "iterations", "cv": 2, "random_state": 0, "refit": False}
    search = OptunaSearchCV(estimator, {"a": uniform(0, 3)}, **settings).fit(X, Y)

    run_id = log_search(search, **store)

    inside = runs_inside(client, run_id)
    assert len(inside) == 5
    assert inside[0].data.params["max_iter"] == "9"
    rungs = [point.step for point in client.get_metric_history(inside[0].info.run_id, "rung_score")]
    assert rungs == sorted(search.study_.trials[0].intermediate_values)


def test_several_scores_and_branches_have_names_that_mlflow_takes(store, client):
    space = [{"kernel": ["rbf"], "gamma": [0.1]}, {"kernel": ["poly"], "degree": [2]}]
    tracked = MLflowCallback(**store)
    search = OptunaSearchCV(SVC(), space, cv=2, scoring=["accuracy", "f1_macro"], refit=False, callbacks=[tracked]).fit(
        *load_iris(return_X_y=True)
    )

    run_id = tracked.finish(search)

    run = runs_inside(client, run_id)[1]
    assert run.data.params == {"branch": "1: degree=2, kernel=poly", "kernel": "poly", "degree": "2"}
    assert {"fold_accuracy", "fold_f1_macro"} <= set(run.data.metrics)


def test_a_search_in_a_run_stands_inside_it(store, client):
    tracked = MLflowCallback(**store)
    experiment = client.get_experiment_by_name("toys").experiment_id
    mlflow.set_tracking_uri(store["tracking_uri"])
    try:
        with mlflow.start_run(experiment_id=experiment) as outer:
            OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2, callbacks=[tracked]).fit(X, Y)
            tracked.close()
    finally:
        mlflow.set_tracking_uri(None)

    assert [run.info.run_id for run in runs_inside(client, outer.info.run_id)] == [tracked.run_id_]


def test_each_search_has_a_run_of_its_own(store, client):
    tracked = MLflowCallback(**store)
    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2, callbacks=[tracked])

    search.fit(X, Y)
    first = tracked.run_id_
    search.fit(X, Y)

    assert first != tracked.run_id_
    assert client.get_run(first).info.status == "FINISHED"
    assert client.get_run(tracked.run_id_).info.status == "RUNNING"
    tracked.close()
    assert len(runs_inside(client, tracked.run_id_)) == 2


def interrupt(study, trial):
    raise RuntimeError("on the way")


def test_an_exception_closes_the_run_as_failed(store, client):
    tracked = MLflowCallback(**store)
    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2, callbacks=[tracked, interrupt])

    with pytest.raises(RuntimeError, match="on the way"), tracked:
        search.fit(X, Y)

    assert client.get_run(tracked.run_id_).info.status == "FAILED"


def test_the_password_of_a_store_stays_in_copies_and_gets_into_no_pickle():
    tracked = MLflowCallback(tracking_uri="https://me:pa55word@localhost:1")
    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2, callbacks=[tracked])

    assert clone(search).callbacks[0].tracking_uri == tracked.tracking_uri
    assert b"pa55word" not in pickle.dumps(search)
    with pytest.raises(ValueError, match=r"https://\*\*\*@localhost:1' came without its password"):
        pickle.loads(pickle.dumps(search)).fit(X, Y)


def test_searches_that_are_tracked_can_be_cloned_while_they_run(store):
    tracked = MLflowCallback(**store)
    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2, callbacks=[tracked]).fit(X, Y)

    other = clone(search).callbacks[0]

    assert other.experiment_name == "toys"
    assert copy.deepcopy(tracked).tracking_uri == store["tracking_uri"]
    tracked.close()
    with pytest.raises(RuntimeError, match="No trial has been logged"):
        other.finish(search)


def test_other_searches_are_refused():
    with pytest.raises(ValueError, match="GridSearchCV has no study_"):
        log_search(GridSearchCV(SVC(), {"C": [1]}))


# -- raw tables --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def raw():
    """A table with words, categories, dates, truth values, whole numbers, and gaps that begin after the first rows."""
    random = np.random.RandomState(0)
    n_rows = 120
    table = pd.DataFrame(
        {
            "size": random.normal(size=n_rows),
            "rooms": random.randint(1, 9, n_rows),
            "city": random.choice(["Bern", "Paris", "Rome"], n_rows),
            "grade": pd.Categorical(random.choice(["low", "high"], n_rows)),
            "floor": pd.Categorical(random.randint(0, 3, n_rows)),
            "is_new": random.rand(n_rows) > 0.5,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.randint(0, 90, n_rows), "D"),
            "beds": pd.array([1, 2, None, 3] * (n_rows // 4), dtype="Int64"),
            "has_garden": pd.array([True, None, False, False] * (n_rows // 4), dtype="boolean"),
            "seen": pd.date_range("2024-01-01", periods=n_rows, tz="Europe/Rome"),
        }
    )
    table.loc[10::7, ["size", "city", "grade"]] = None
    return table, np.where(table["size"].fillna(0) + (table["city"] == "Rome") > 0.4, "dear", "cheap")


RAW_SEARCHES = {
    "classifier": lambda: TunedXGBClassifier(
        n_trials=2, cv=2, n_estimators=20, class_weight="balanced", random_state=0
    ),
    "regressor": lambda: TunedXGBRegressor(n_trials=2, cv=2, n_estimators=20, random_state=0),
    "selector": lambda: AutoModelSelector(families=["logistic", "xgboost"], n_trials=3, cv=2, random_state=0),
}


@pytest.mark.parametrize("kind", RAW_SEARCHES)
def test_the_model_of_a_raw_table_is_logged_so_that_it_predicts_on_one(kind, raw, store):
    X, y = raw
    target = (y == "dear").astype(float) + X["rooms"] if kind == "regressor" else y
    search = RAW_SEARCHES[kind]().fit(X, target)

    run_id = log_search(search, X, **store)

    loaded = load(f"runs:/{run_id}/model", store)
    assert np.asarray(loaded.predict(X)).tolist() == search.predict(X).tolist()
    columns = {column.name: (str(column.type), column.required) for column in loaded.metadata.signature.inputs.inputs}
    assert list(columns) == list(X.columns)
    assert columns["city"] == ("DataType.string", False)  # may be missing, though the first rows are not
    assert columns["rooms"] == ("DataType.long", True)
    assert columns["grade"][0] == columns["floor"][0] == "Any"
    new = X.tail(30)
    with pytest.raises(mlflow.exceptions.MlflowException, match=r"missing inputs \['rooms'\]"):
        loaded.predict(new.drop(columns="rooms"))
    if kind != "regressor":
        plain = load(f"runs:/{run_id}/model", store, mlflow.sklearn)
        assert plain.classes_.tolist() == ["cheap", "dear"]
        np.testing.assert_array_equal(plain.predict_proba(new), search.predict_proba(new))


def load(uri, store, flavor=None):
    mlflow.set_tracking_uri(store["tracking_uri"])
    try:
        return (flavor or mlflow.pyfunc).load_model(uri)
    finally:
        mlflow.set_tracking_uri(None)


def test_files_of_an_experiment_lie_beside_an_sqlite_store_wherever_the_process_is(tmp_path, monkeypatch):
    (tmp_path / "store").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    uri = f"sqlite:///{tmp_path / 'store' / 'mlflow.db'}"
    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2).fit(X, Y)

    log_search(search, X, tracking_uri=uri, experiment_name="of mine")

    assert list((tmp_path / "store" / "mlruns" / "of_mine").rglob("MLmodel"))
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_objectives_and_limits_are_metrics_and_the_front_is_a_file(store, client):
    search = search_three()
    run_id = log_search(search, AIMED_X, **store)
    run = client.get_run(run_id)

    assert run.data.metrics["best_score"] == search.best_score_
    assert run.data.tags["metric"] == "roc_auc"
    for name, value in search.best_scores_.items():
        assert run.data.metrics[f"best_{name}"] == value
    history = [point.value for point in client.get_metric_history(run_id, "best_score_so_far")]
    assert history == sorted(history)
    with open(client.download_artifacts(run_id, "front.csv")) as file:
        front = pd.read_csv(file)
    np.testing.assert_allclose(front["size"], search.front_["size"])
    assert "param_max_depth" in front

    trials = {int(one.data.tags["candidate"]): one.data for one in runs_inside(client, run_id)}
    results, best = dict(search.cv_results_), trials[search.best_index_].metrics
    assert {name: best[name] for name in search.best_scores_} == pytest.approx(search.best_scores_)
    assert best["score"] == search.best_score_
    assert best["violation_n_features"] <= 0
    assert "fold_size" in best
    assert not [name for name in best if "neg_size" in name or "neg_n_features" in name]
    breaking = [row for row, one in trials.items() if one.metrics.get("violation_n_features", 0) > 0]
    assert {row for row in breaking if -results["mean_test_neg_n_features"][row] <= 6} == set()
    assert breaking


def test_limits_alone_and_seconds(store, client):
    for search in (search_limits(), search_seconds()):
        run_id = log_search(search, AIMED_X, **store)
        (best,) = [one for one in runs_inside(client, run_id) if one.data.tags["candidate"] == str(search.best_index_)]

        for name in set(search.best_scores_) & {"bytes", "recall", "fit_seconds", "predict_seconds"}:
            assert best.data.metrics[name] == pytest.approx(search.best_scores_[name])
            assert client.get_run(run_id).data.metrics[f"best_{name}"] == search.best_scores_[name]


def test_the_objectives_limits_and_front_of_a_selector_are_logged_while_it_runs_and_afterwards(store, client):
    limits = {"recall": (">=", 0.5), "predict_seconds": ("<=", 1)}
    tracked = MLflowCallback(**store)
    selector = make_selector(objectives=["roc_auc", "bytes"], limits=limits, n_trials=3, callbacks=[tracked])
    selector.fit(AIMED_X[:, :6], AIMED_Y)
    while_it_ran, afterwards = tracked.finish(selector), log_search(selector, **store)

    for run_id in (while_it_ran, afterwards):
        run = client.get_run(run_id)
        for name in ("roc_auc", "bytes", "recall", "predict_seconds"):
            assert run.data.metrics[f"best_{name}"] == selector.best_scores_[name]
        assert run.data.params["search.objectives"] == "['roc_auc', 'bytes']"
        assert "'recall': ('>=', 0.5)" in run.data.params["search.limits"]
        with open(client.download_artifacts(run_id, "front.csv")) as file:
            front = pd.read_csv(file)
        np.testing.assert_allclose(front["bytes"], selector.front_["bytes"])
        assert front["n_models"].tolist() == selector.front_["n_models"]
        for label in selector.blend_weights_:
            assert f"weight_{label}" in front
        trials = [one.data.metrics for one in runs_inside(client, run_id)]
        assert all(one["violation_predict_seconds"] < 0 for one in trials if "score" in one)
        history = [point.value for point in client.get_metric_history(run_id, "best_score_so_far")]
        assert history == sorted(history)
