"""The searches are converted to ONNX as the models that they predict with, and predict the same there."""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, VotingClassifier, VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.export import register_onnx_converters
from sklearn_autotune.export._onnx import REGRESSOR_OBJECTIVES

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # the converters' own

OPSETS = {"": 21, "ai.onnx.ml": 3}  # the newest that onnxmltools writes
TUNED = {"n_trials": 2, "cv": 3, "random_state": 0}


@pytest.fixture
def to_onnx():
    pytest.importorskip("onnxruntime")
    convert = pytest.importorskip("skl2onnx").to_onnx
    register_onnx_converters()
    return convert


def run(model, X):
    """What an ONNX model gives for a table, by the names of its outputs."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: X}), strict=True))


def load_flowers(labels=("setosa", "versicolor", "virginica")):
    X, y = load_iris(return_X_y=True)
    return X.astype(np.float32), np.array(labels)[y]


def load_patients():
    X, y = load_diabetes(return_X_y=True)
    return X.astype(np.float32), y


def search_logistic(**params):
    model = make_pipeline(StandardScaler(), LogisticRegression())
    return OptunaSearchCV(model, {"logisticregression__C": [0.1, 1.0]}, cv=3, random_state=0, **params)


def search_simple(model, **space):
    return OptunaSearchCV(model, space, cv=3, random_state=0)


def make_vote():
    voters = [("search", search_logistic()), ("simple", search_simple(LogisticRegression(max_iter=500), C=[0.1, 1.0]))]
    return VotingClassifier(voters, voting="soft", flatten_transform=False)


def test_the_best_estimator_is_converted_as_it_is(to_onnx):
    X, y = load_flowers()
    search = search_logistic().fit(X, y)

    outputs = run(to_onnx(search.best_estimator_, X[:1], options={"zipmap": False}), X)

    np.testing.assert_array_equal(outputs["label"], search.predict(X))
    np.testing.assert_allclose(outputs["probabilities"], search.predict_proba(X), atol=1e-5)


@pytest.mark.few_by_day(10)
@pytest.mark.parametrize("labels", [("a", "b", "c"), (0, 1, 2), (5, 7, 9)], ids=str)
@pytest.mark.parametrize(
    "make_model",
    [
        search_logistic,
        lambda: search_simple(LogisticRegression(max_iter=500), C=[0.1, 1.0]),
        lambda: search_simple(RandomForestClassifier(10, random_state=0), max_depth=[2, 3]),
        lambda: search_simple(search_logistic(), n_trials=[1, 2]),
        lambda: make_pipeline(PCA(3), search_logistic()),
        lambda: make_pipeline(search_simple(PCA(), n_components=[2, 3]), LogisticRegression()),
        make_vote,
    ],
    ids=["pipeline", "logistic", "forest", "nested", "last step", "first step", "vote"],
)
def test_labels_and_probabilities_are_those_of_the_search(to_onnx, make_model, labels):
    X, y = load_flowers(labels)
    model = make_model().fit(X, y)

    outputs = run(to_onnx(model, X[:1], options={"zipmap": False}), X)

    assert list(outputs) == ["label", "probabilities"]
    np.testing.assert_array_equal(outputs["label"], model.predict(X))
    np.testing.assert_allclose(outputs["probabilities"], model.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize(
    "make_model",
    [
        lambda: search_simple(Ridge(), alpha=[0.1, 1.0]),
        lambda: make_pipeline(StandardScaler(), search_simple(Ridge(), alpha=[0.1, 1.0])),
        lambda: VotingRegressor([("a", search_simple(Ridge(), alpha=[0.1, 1.0])), ("b", Ridge())]),
    ],
    ids=["search", "step", "vote"],
)
def test_numbers_are_those_of_the_search(to_onnx, make_model):
    X, y = load_patients()
    model = make_model().fit(X, y)

    outputs = run(to_onnx(model, X[:1]), X)

    np.testing.assert_allclose(outputs["variable"].ravel(), model.predict(X), rtol=1e-5)


def test_clusters_are_those_of_the_search(to_onnx):
    X, _ = load_flowers()
    search = search_simple(KMeans(3, random_state=0), n_init=[1, 2]).fit(X)

    np.testing.assert_array_equal(run(to_onnx(search, X[:1]), X)["label"], search.predict(X))


@pytest.mark.parametrize("by", [OptunaSearchCV, GridSearchCV])
@pytest.mark.parametrize("is_pipeline", [False, True])
@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["output_label", "output_probability"]),
        ({"zipmap": "columns"}, ["output_label", "i0", "i1", "i2"]),
        ({"zipmap": False, "output_class_labels": True}, ["label", "probabilities", "class_labels"]),
    ],
    ids=str,
)
def test_options_reach_the_winner_as_those_of_a_grid_search_do(to_onnx, by, is_pipeline, options, names):
    X, y = load_flowers((0, 1, 2))
    model = LogisticRegression(max_iter=500)
    model, space = (
        (make_pipeline(StandardScaler(), model), {"logisticregression__C": [0.1, 1.0]})
        if is_pipeline
        else (model, {"C": [0.1, 1.0]})
    )
    search = by(model, space, cv=3).fit(X, y)

    for key in (id(search), by):
        assert [output.name for output in to_onnx(search, X[:1], options={key: options}).graph.output] == names


def test_raw_scores_are_the_decision_function(to_onnx):
    X, y = load_flowers()
    search = search_simple(LogisticRegression(max_iter=500), C=[0.1, 1.0]).fit(X, y)

    outputs = run(to_onnx(search, X[:1], options={"zipmap": False, "raw_scores": True}), X)

    np.testing.assert_allclose(outputs["probabilities"], search.decision_function(X), atol=1e-4)


def test_an_option_that_the_winner_does_not_have_is_refused(to_onnx):
    X, y = load_flowers()
    search = search_simple(LogisticRegression(max_iter=500), C=[0.1, 1.0]).fit(X, y)

    with pytest.raises(NameError, match=r"'nonsense' .* for class 'LogisticRegression'"):
        to_onnx(search, X[:1], options={"nonsense": True})


# -- tuned XGBoost -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [("a", "b", "c"), (5, 7, 9), ("a", "b", "b"), (False, True, True)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_tuned_classifier_is_converted_with_its_labels(to_onnx, labels, dtype):
    pytest.importorskip("onnxmltools")
    X, y = load_flowers(labels)
    X = X.astype(dtype)
    search = TunedXGBClassifier(**TUNED).fit(X, y)

    outputs = run(to_onnx(search, X[:1], options={"zipmap": False}, target_opset=OPSETS), X)

    np.testing.assert_array_equal(outputs["label"], search.predict(X))
    np.testing.assert_allclose(outputs["probabilities"], search.predict_proba(X), atol=1e-6)


def test_probabilities_of_a_tuned_classifier_are_mapped_to_its_labels(to_onnx):
    pytest.importorskip("onnxmltools")
    X, y = load_flowers()
    search = TunedXGBClassifier(**TUNED).fit(X, y)

    outputs = run(to_onnx(search, X[:1], target_opset=OPSETS), X)

    np.testing.assert_array_equal(outputs["output_label"], search.predict(X))
    found = [[mapped[label] for label in search.classes_] for mapped in outputs["output_probability"]]
    np.testing.assert_allclose(found, search.predict_proba(X), atol=1e-6)


def test_a_tuned_classifier_votes(to_onnx):
    pytest.importorskip("onnxmltools")
    X, y = load_flowers()
    voters = [("tuned", TunedXGBClassifier(**TUNED)), ("search", search_logistic())]
    model = VotingClassifier(voters, voting="soft", flatten_transform=False).fit(X, y)

    outputs = run(to_onnx(model, X[:1], options={"zipmap": False}, target_opset=OPSETS), X)

    np.testing.assert_array_equal(outputs["label"], model.predict(X))
    np.testing.assert_allclose(outputs["probabilities"], model.predict_proba(X), atol=1e-5)


def test_a_tuned_regressor_is_converted_and_missing_values_go_where_they_went(to_onnx):
    pytest.importorskip("onnxmltools")
    X, y = load_patients()
    X[::4, 2], X[1::6, 8] = np.nan, np.nan
    search = TunedXGBRegressor(**TUNED).fit(X, y)

    outputs = run(to_onnx(search, X[:1], target_opset=OPSETS), X)

    np.testing.assert_allclose(outputs["variable"].ravel(), search.predict(X), rtol=1e-5)


def test_a_search_of_xgboost_is_converted(to_onnx):
    pytest.importorskip("onnxmltools")
    from xgboost import XGBClassifier

    X, y = load_flowers((0, 1, 2))
    search = search_simple(XGBClassifier(n_estimators=5), max_depth=[2, 3]).fit(X, y)

    outputs = run(to_onnx(search, X[:1], options={"zipmap": False}, target_opset=OPSETS), X)

    np.testing.assert_allclose(outputs["probabilities"], search.predict_proba(X), atol=1e-6)


def test_a_tuned_booster_of_categories_is_refused(to_onnx):
    pytest.importorskip("onnxmltools")
    X, y = load_flowers()
    frame = pd.DataFrame({"length": X[:, 2], "width": pd.cut(X[:, 3], 3)})
    search = TunedXGBClassifier(**TUNED).fit(frame, y)

    with pytest.raises(ValueError, match=r"fitted on a table with categories.*joblib\.dump"):
        to_onnx(search, X[:1, :2], target_opset=OPSETS)


def test_without_onnxmltools_a_tuned_booster_says_what_to_install(to_onnx, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxmltools", None)
    register_onnx_converters()
    X, y = load_patients()
    search = TunedXGBRegressor(**TUNED).fit(X, y)

    with pytest.raises(ImportError, match="Conversion of TunedXGBRegressor to ONNX needs onnxmltools: pip install"):
        to_onnx(search, X[:1])


def make_booster(is_classifier, **params):
    from xgboost import XGBClassifier, XGBRegressor

    model = (XGBClassifier if is_classifier else XGBRegressor)(n_estimators=4, random_state=0, **params)
    return search_simple(model, max_depth=[2, 3])


@pytest.mark.parametrize("objective", REGRESSOR_OBJECTIVES)
def test_each_objective_that_is_converted_predicts_the_same(to_onnx, objective):
    pytest.importorskip("onnxmltools")
    X, y = load_patients()
    y = y > 140 if objective.startswith("binary") else y / 100
    params = {"quantile_alpha": 0.8} if "quantile" in objective else {}
    search = make_booster(False, objective=objective, **params).fit(X, y)

    outputs = run(to_onnx(search, X[:1], target_opset=OPSETS), X)

    np.testing.assert_allclose(outputs["variable"].ravel(), search.predict(X), rtol=1e-5)


@pytest.mark.parametrize(
    ("is_classifier", "params", "make_target", "named"),
    [
        (True, {"num_parallel_tree": 2}, lambda y: y > 140, "num_parallel_tree=2 for classes"),
        (True, {"objective": "multi:softmax"}, lambda y: np.digitize(y, [100, 200]), "objective='multi:softmax'"),
        (False, {"objective": "reg:logistic"}, lambda y: y > 140, "objective='reg:logistic'"),
        (False, {"booster": "dart"}, lambda y: y, "booster='dart'"),
        (False, {}, lambda y: np.column_stack([y, -y]), "2 targets"),
    ],
    ids=["forest", "softmax", "logistic", "dart", "targets"],
)
def test_xgboost_that_would_predict_otherwise_is_refused(to_onnx, is_classifier, params, make_target, named):
    pytest.importorskip("onnxmltools")
    X, y = load_patients()
    search = make_booster(is_classifier, **params).fit(X, make_target(y).astype(float))

    with pytest.raises(ValueError, match=rf"XGB\w+ cannot be converted to ONNX: it has {named}.*save_model"):
        to_onnx(search, X[:1], target_opset=OPSETS)


def test_a_tuned_booster_of_forests_is_refused(to_onnx):
    pytest.importorskip("onnxmltools")
    X, y = load_flowers()
    search = TunedXGBClassifier(num_parallel_tree=2, **TUNED).fit(X, y)

    with pytest.raises(ValueError, match="num_parallel_tree=2 for classes"):
        to_onnx(search, X[:1], target_opset=OPSETS)


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_without_skl2onnx_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)

    with pytest.raises(ImportError, match="Conversion to ONNX needs skl2onnx: pip install skl2onnx"):
        register_onnx_converters()


def test_a_threshold_is_refused_and_the_named_way_gives_the_labels(to_onnx):
    X, y = load_flowers((0, 1, 1))
    search = search_logistic(threshold="f1").fit(X[:, :2], y)

    with pytest.raises(ValueError, match=r"threshold='f1'.*best_estimator_\.estimator_\.estimator.*threshold_, 0\.\d+"):
        to_onnx(search, X[:1, :2])
    inner = to_onnx(search.best_estimator_.estimator_.estimator, X[:1, :2], options={"zipmap": False})

    positive = run(inner, X[:, :2])["probabilities"][:, 1]
    is_near = np.abs(positive - search.threshold_) < 1e-5
    np.testing.assert_array_equal((positive >= search.threshold_)[~is_near], search.predict(X[:, :2])[~is_near])


def test_a_search_without_a_fitted_model_is_refused(to_onnx):
    X, y = load_flowers()

    with pytest.raises(NotFittedError, match="OptunaSearchCV"):
        to_onnx(search_logistic(), X[:1])
    with pytest.raises(AttributeError, match="refit=False"):
        to_onnx(search_logistic(refit=False).fit(X, y), X[:1])


@pytest.mark.parametrize(
    "wrap",
    [lambda model: model, lambda model: VotingClassifier([("a", model)], voting="soft", flatten_transform=False)],
)
def test_auto_model_selector_is_refused(to_onnx, wrap):
    X, y = load_flowers()
    model = wrap(AutoModelSelector(families=["logistic"], n_trials=1, random_state=0)).fit(X, y)

    with pytest.raises(ValueError, match=r"AutoModelSelector cannot be converted to ONNX.*joblib\.dump"):
        to_onnx(model, X[:1])
