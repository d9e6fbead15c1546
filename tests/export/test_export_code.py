"""Exported scripts run in a process that cannot import the package, and predict what the search predicts."""

import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import loguniform
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.export import export_code
from tests.export.scripts import assert_same_predictions

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


@pytest.mark.parametrize(
    "model",
    [
        TunedXGBClassifier(
            n_trials=1, cv=3, random_state=0, n_estimators=40, missing=0, class_weight={0: 0.01, 1: 0.02}
        ),
        AutoModelSelector(families=["logistic"], n_trials=1, cv=3, random_state=0, blend=False),
    ],
    ids=["tuned", "selector"],
)
def test_dates_and_categories_are_read_alike_by_the_script(model, predictions):
    random = np.random.RandomState(0)
    moments = pd.Timestamp("2025-11-03 20:00") + pd.to_timedelta(random.permutation(300) * 100, unit="s")
    X = pd.DataFrame({"moment": moments, "count": random.randint(0, 3, 300), "same": 1})
    X["band"] = pd.cut(random.uniform(0, 3, 300), [0, 1, 2, 3])
    y = ((moments.minute // 20 == 1) ^ (X["band"].cat.codes == 1)).astype(int)

    assert_same_predictions(predictions, model.fit(X, y), X, y)


def test_tuned_xgboost_for_sparse_rows_reads_dense_ones_alike(predictions):
    random = np.random.RandomState(0)
    X = random.binomial(1, 0.4, (200, 5)) * random.normal(size=(200, 5))
    y = (X[:, 0] > 0).astype(int)
    tuned = TunedXGBClassifier(n_trials=1, cv=3, random_state=0, n_estimators=40).fit(csr_matrix(X), y)

    assert_same_predictions(predictions, tuned, csr_matrix(X), y)
    assert "EncodingTransformer()" in export_code(tuned)


def test_tuned_xgboost_inside_a_pipeline(predictions):
    X, y = load_wine(return_X_y=True)
    tuned = TunedXGBClassifier(n_trials=2, cv=2, random_state=0, n_estimators=30)

    assert_same_predictions(predictions, make_pipeline(PCA(4, random_state=0), tuned).fit(X, y + 1), X, y + 1)


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


def test_the_script_says_which_score_the_search_found_with_its_own_sign():
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [0.1, 1]}, scoring="neg_log_loss", cv=3)
    search.fit(*load_iris(return_X_y=True))

    found = f"{-search.best_score_:.6g} (lower is better)"
    assert f"On the 3 folds of the search it has log loss {found}." in export_code(search)


def test_the_winner_of_objectives_limits_and_a_threshold_is_a_script_that_says_what_it_reached():
    from tests.aimed_searches import X, Y, make_aimed

    limits = {"n_features": ("<=", 20)}
    for threshold in (None, "f1"):
        search = make_aimed(objectives=["bytes", "roc_auc"], limits=limits, threshold=threshold, n_trials=5).fit(X, Y)
        code = export_code(search, check=(X, Y))

        assert f"roc_auc {search.best_score_:.6g} (higher is better)" in code
        assert f"Objectives and limits: bytes {search.best_scores_['bytes']:.5g}, roc_auc" in code
        assert "(limit <= 20)" in code


def test_the_script_of_a_selector_says_what_its_final_model_has():
    from tests.aimed_searches import X, Y, select_front, select_plain

    found = select_front().best_scores_
    code = export_code(select_front(), check=(X[:, :6], Y))

    assert f"Objectives and limits: roc_auc {found['auc']:.5g}, size (bytes) {found['size']:.5g}, loss" in code
    assert f"recall {found['recall']:.5g} (limit >= 0.9)." in code
    assert "Objectives and limits" not in export_code(select_plain())
