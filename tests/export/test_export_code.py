"""Exported scripts run in a process that cannot import the package, and predict what the search predicts."""

import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.datasets import load_diabetes, load_iris, load_wine, make_classification, make_regression
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.export import export_code

# Runs scripts one after the other, each in a namespace of its own, and sees to it that the package stays out. One
# process for all of them: that scikit-learn is imported takes longer than all the rest.
SERVE = """
import pickle, sys
sys.modules["sklearn_autotune"] = None
while True:
    code, X, y, method = pickle.load(sys.stdin.buffer)
    namespace = {"__name__": "script"}
    try:
        exec(compile(code, "script.py", "exec"), namespace)
        model = namespace["fit"](X, y)
        answer = namespace["predict"](model, X), getattr(model, method)(X)
    except Exception as error:
        answer = repr(error)
    pickle.dump(answer, sys.stdout.buffer)
    sys.stdout.buffer.flush()
"""


@pytest.fixture(scope="module")
def predictions(tmp_path_factory):
    """What a script predicts in another process."""
    folder = tmp_path_factory.mktemp("scripts")
    command = [sys.executable, "-W", "error", "-c", SERVE]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:

        def run(code, X, y, method="predict"):
            pickle.dump((code, X, y, method), process.stdin)
            process.stdin.flush()
            answer = pickle.load(process.stdout)
            assert not isinstance(answer, str), f"{answer}\n{code}"
            return answer

        yield run
        process.stdin.close()
        process.kill()


def assert_same_predictions(predictions, fitted, X, y):
    method = "predict_proba" if hasattr(fitted, "predict_proba") else "predict"
    predicted, more = predictions(export_code(fitted), X, y, method)

    if method == "predict_proba":
        np.testing.assert_array_equal(predicted, fitted.predict(X))
    np.testing.assert_allclose(more, getattr(fitted, method)(X), rtol=1e-6, atol=1e-9)


@pytest.fixture
def mixed():
    """A table with numbers, strings, categories, dates and gaps, and labels that are strings."""
    random = np.random.RandomState(0)
    n_rows = 150
    table = pd.DataFrame(
        {
            "size": random.normal(size=n_rows),
            "city": random.choice(["Bern", "Paris", "Rome"], n_rows),
            "kind": pd.Categorical(random.choice(["a", "b"], n_rows)),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.randint(0, 900, n_rows), "D"),
            "is_new": random.rand(n_rows) < 0.5,
            "street": random.choice([f"street {number}" for number in range(22)], n_rows),
        }
    )
    table.loc[::7, "size"] = np.nan
    table.loc[::9, "city"] = None
    is_good = (table["city"] == "Rome") ^ (table["size"].fillna(0) > 0.5)
    return table, np.where(is_good, "good", "bad")


# -- OptunaSearchCV ------------------------------------------------------------------------------------------------


def root_or_zero(values):
    return np.sqrt(np.maximum(values, 0))


CLASSIFIERS = {
    "plain": (LogisticRegression(max_iter=500), {"C": loguniform(1e-2, 1e2)}),
    "pipeline": (make_pipeline(StandardScaler(), PCA(), SVC()), {"svc__C": [1, 10]}),
    "calibrated": (CalibratedClassifierCV(SVC(), cv=KFold(3, shuffle=True, random_state=1)), {"estimator__C": [1, 2]}),
    "stacked": (
        StackingClassifier(
            [("tree", DecisionTreeClassifier(random_state=0)), ("near", KNeighborsClassifier())],
            LogisticRegression(class_weight={0: 1.0, 1: 2.0, 2: 0.5}),
            cv=3,
        ),
        {"tree__max_depth": [2, 3]},
    ),
    "forest": (RandomForestClassifier(20, random_state=0), {"max_features": [0.3, "sqrt", None]}),
    "union": (
        make_pipeline(
            FeatureUnion([("pca", PCA(2)), ("log", FunctionTransformer(np.log1p))]),
            ColumnTransformer([("a", StandardScaler(), slice(0, 3)), ("b", "passthrough", np.array([3, 4]))]),
            KNeighborsClassifier(),
        ),
        {"kneighborsclassifier__metric": ["euclidean", "manhattan"]},
    ),
    "swapped": (
        Pipeline([("scale", "passthrough"), ("model", SVC())]),
        {"scale": [StandardScaler(), FunctionTransformer(partial(np.clip, a_min=0, a_max=3))], "model": [SVC(C=3)]},
    ),
}


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_the_script_of_a_classifier_predicts_the_same(kind, predictions):
    X, y = load_iris(return_X_y=True)
    estimator, space = CLASSIFIERS[kind]
    search = OptunaSearchCV(estimator, space, n_trials=3, cv=3, random_state=0).fit(X, y)

    assert_same_predictions(predictions, search, X, y)


@pytest.mark.parametrize(
    ("estimator", "space"),
    [
        (
            TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
            {"regressor__alpha": loguniform(0.1, 10)},
        ),
        (
            VotingRegressor([("tree", DecisionTreeRegressor(random_state=1)), ("ridge", Ridge())], weights=[1, 2]),
            {"tree__max_depth": [2, 3]},
        ),
        (GaussianProcessRegressor(RBF(2.0) + WhiteKernel(0.5), optimizer=None), {"alpha": [1e-3, 1e-2]}),
    ],
    ids=["transformed target", "voting", "kernel"],
)
def test_the_script_of_a_regressor_predicts_the_same(estimator, space, predictions):
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:120], y[:120]
    search = OptunaSearchCV(estimator, space, n_trials=2, cv=3, random_state=0).fit(X, y)

    assert_same_predictions(predictions, search, X, y)


def test_a_table_with_columns_by_name_and_by_type(mixed, predictions):
    table, y = mixed
    prepare = make_column_transformer(
        (SimpleImputer(add_indicator=True), make_column_selector(dtype_include="number")),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), ["city", "kind"]),
    )
    model = make_pipeline(prepare, LogisticRegression())
    search = OptunaSearchCV(model, {"logisticregression__C": [0.1, 1]}, cv=3).fit(table, y)

    assert_same_predictions(predictions, search, table, y)


def test_scikit_learns_own_searches_and_a_search_inside_a_pipeline(predictions):
    X, y = load_wine(return_X_y=True)
    grid = GridSearchCV(SVC(), {"C": [0.5, 5]}, cv=3)
    inner = OptunaSearchCV(make_pipeline(PCA(5), KNeighborsClassifier()), {"kneighborsclassifier__n_neighbors": [3, 5]})

    assert_same_predictions(predictions, make_pipeline(StandardScaler(), grid).fit(X, y), X, y)
    code = export_code(make_pipeline(StandardScaler(), inner).fit(X, y))
    assert "OptunaSearchCV" not in code


def test_a_search_inside_what_keeps_the_fitted_one_under_its_name(predictions):
    X, y = load_diabetes(return_X_y=True)
    model = TransformedTargetRegressor(
        OptunaSearchCV(Ridge(), {"alpha": [0.1, 1]}), func=np.log1p, inverse_func=np.expm1
    )

    assert_same_predictions(predictions, model.fit(X, y), X, y)


def test_passes_over_the_data_are_counted_again(predictions):
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0))
    search = OptunaSearchCV(
        model, {"sgdclassifier__alpha": [1e-4, 1e-2]}, resource="epochs", max_resources=8, cv=3, random_state=0
    ).fit(X, y)

    assert_same_predictions(predictions, search, X, y)


# -- tuned XGBoost -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_tuned_xgboost_reads_raw_columns_and_labels_by_itself(class_weight, mixed, predictions):
    table, y = mixed
    tuned = TunedXGBClassifier(n_trials=3, cv=3, random_state=0, n_estimators=60, class_weight=class_weight)

    assert_same_predictions(predictions, tuned.fit(table, y), table, y)


def test_tuned_xgboost_for_numbers_is_xgboost_alone(predictions):
    X, y = load_diabetes(return_X_y=True)
    tuned = TunedXGBRegressor(n_trials=3, cv=3, random_state=0, n_estimators=60).fit(X, y)

    assert_same_predictions(predictions, tuned, X, y)
    assert "class " not in export_code(tuned)


def test_tuned_xgboost_inside_a_pipeline(predictions):
    X, y = load_wine(return_X_y=True)
    tuned = TunedXGBClassifier(n_trials=2, cv=2, random_state=0, n_estimators=30)

    assert_same_predictions(predictions, make_pipeline(PCA(4, random_state=0), tuned).fit(X, y + 1), X, y + 1)


# -- the selector's blend --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("families", "cv"),
    [(["xgboost", "lightgbm", "svm"], None), (["logistic", "forest", "naive_bayes"], 3)],
    ids=["boosters", "others"],
)
def test_a_blend_of_classifiers_is_fitted_on_the_same_folds(families, cv, mixed, predictions):
    table, y = mixed
    selector = AutoModelSelector(families=families, n_trials=5, cv=cv, random_state=0).fit(table, y)

    assert_same_predictions(predictions, selector, table, y)


def test_a_blend_of_regressors_is_fitted_on_the_same_folds(mixed, predictions):
    table, y = mixed
    y = table["size"].fillna(0) + (y == "good")
    cv = KFold(4, shuffle=True, random_state=3)
    families = ["ridge", "extra_trees", "hist_gradient_boosting", "neural"]
    selector = AutoModelSelector("regression", families, n_trials=5, cv=cv, random_state=0).fit(table, y)

    assert_same_predictions(predictions, selector, table, y)


def test_a_second_layer_learns_from_the_same_predictions(predictions):
    X, y = make_classification(900, n_features=6, n_informative=5, n_redundant=0, random_state=0)
    families = ["neighbors", "naive_bayes", "xgboost", "extra_trees"]
    selector = AutoModelSelector(families=families, n_trials=4, cv=3, random_state=0).fit(X, y)

    assert isinstance(selector.best_estimator_[-1], StackingClassifier)
    assert_same_predictions(predictions, selector, X, y)


def test_a_second_layer_of_values_and_the_table_learns_from_the_same_predictions(predictions):
    X, y = make_regression(900, 8, n_informative=6, noise=30, random_state=0)
    y += 40 * np.sin(3 * X[:, 0])
    families = ["ridge", "neighbors", "extra_trees", "xgboost"]
    selector = AutoModelSelector("regression", families, n_trials=4, cv=3, random_state=0).fit(X, y)

    assert {"stacked_linear", "stacked_trees"} & {label.rpartition("_")[0] for label in selector.blend_weights_}
    assert_same_predictions(predictions, selector, X, y)


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (list(KFold(2).split(np.zeros(60))), "iterable of splits"),
        (KFold(2, shuffle=True), "without a seed"),
        (ShuffleSplit(1, random_state=0), "single split"),
    ],
)
def test_folds_that_cannot_be_drawn_again_are_refused(cv, message):
    X, y = load_diabetes(return_X_y=True)
    selector = AutoModelSelector("regression", ["ridge"], n_trials=1, cv=cv).fit(X[:60], y[:60])

    with pytest.raises(ValueError, match=message):
        export_code(selector)


# -- what cannot be written ----------------------------------------------------------------------------------------


def fitted(estimator, space, X=None, y=None):
    X, y = load_iris(return_X_y=True) if X is None else (X, y)
    return OptunaSearchCV(estimator, space, cv=3).fit(X, y)


def test_what_cannot_be_written_is_named_with_its_place():
    model = make_pipeline(FunctionTransformer(lambda X: X), SVC())
    with pytest.raises(ValueError, match=r"steps\[0\]\[1\]\.func is .*a lambda"):
        export_code(fitted(model, {"svc__C": [1]}))


def local_functions():
    def inside(values):
        return values

    return [(inside, "defined inside a function"), (np.random.RandomState(0).permutation, "cannot be")]


@pytest.mark.parametrize(("function", "message"), local_functions())
def test_functions_that_no_script_can_import(function, message):
    with pytest.raises(ValueError, match=message):
        export_code(make_pipeline(FunctionTransformer(function)))


def test_generators_and_fitted_models_are_refused():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=r"random_state is RandomState"):
        export_code(fitted(DecisionTreeClassifier(random_state=np.random.RandomState(0)), {"max_depth": [2]}))
    with pytest.raises(ValueError, match="FrozenEstimator"):
        export_code(CalibratedClassifierCV(FrozenEstimator(SVC().fit(X, y))).fit(X, y))


def test_a_search_that_has_nothing_to_write_is_refused():
    with pytest.raises(ValueError, match="Fit it, with refit=True"):
        export_code(OptunaSearchCV(SVC(), {"C": [1]}))


# -- the script as a program ---------------------------------------------------------------------------------------


def test_the_script_is_a_program_that_reads_and_writes_csv_files(mixed, tmp_path):
    table, y = mixed
    table = table.drop(columns="since")  # a CSV file has no dates, only strings
    table.assign(good=y).to_csv(tmp_path / "train.csv", index=False)
    table = pd.read_csv(tmp_path / "train.csv").drop(columns="good")
    tuned = TunedXGBClassifier(n_trials=2, cv=2, random_state=0, n_estimators=30).fit(table, y)
    (tmp_path / "model.py").write_text(export_code(tuned))

    command = [sys.executable, "model.py", "train.csv", "good", "train.csv", "out.csv"]
    subprocess.run(command, cwd=tmp_path, check=True)

    assert pd.read_csv(tmp_path / "out.csv")["good"].tolist() == tuned.predict(table).tolist()
