"""A script can be checked: its model is fitted on the same rows, and must predict the same values."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier
from sklearn_autotune.export import export_code
from sklearn_autotune.export._check import check_script, find_difference, run_script

X, Y = load_iris(return_X_y=True)
TREE = DecisionTreeClassifier(random_state=0, min_samples_leaf=8)


def search(tree=TREE, **fit_params):
    return OptunaSearchCV(tree, {"max_depth": [2, 3]}, cv=3, random_state=0).fit(X, Y, **fit_params)


def test_a_script_that_fits_the_same_model_passes():
    fitted = search()

    assert export_code(fitted, check=(X, Y)) == export_code(fitted)


def test_weights_that_the_script_does_not_have_are_a_difference():
    fitted = search(sample_weight=np.where(Y == 1, 20.0, 0.1))

    with pytest.raises(ValueError, match=r"predict\w* differs in \d+ of 150 rows.*sample weights.*joblib\.dump"):
        export_code(fitted, check=(X, Y))


WEIGHTS = np.where(Y == 1, 20.0, 0.1)
WEIGHTED = {
    "plain": lambda: OptunaSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1.0]}, cv=3, random_state=0),
    "passes": lambda: OptunaSearchCV(
        SGDClassifier(random_state=0), {"alpha": [1e-3, 1e-2]}, resource="epochs", max_resources=4, cv=3, random_state=0
    ),
    "tuned": lambda: TunedXGBClassifier(n_trials=2, cv=3, random_state=0),
    "blend": lambda: AutoModelSelector(families=["logistic", "extra_trees"], n_trials=3, cv=3, random_state=0),
}


@pytest.mark.parametrize("case", WEIGHTED)
def test_a_script_with_weights_predicts_what_the_model_predicts(case):
    labels = np.array(["a", "b", "c"])[Y]
    fitted = WEIGHTED[case]().fit(X, labels, sample_weight=WEIGHTS)

    namespace = run_script(export_code(fitted, check=(X, labels, WEIGHTS)))

    assert find_difference(fitted, namespace["fit"](X, labels, WEIGHTS), X) is None
    assert find_difference(fitted, namespace["fit"](X, labels), X) is not None


def test_weights_go_to_the_last_step_of_a_pipeline():
    model = make_pipeline(StandardScaler(), LogisticRegression())
    fitted = OptunaSearchCV(model, {"logisticregression__C": [0.1, 1.0]}, cv=3, random_state=0)
    fitted.fit(X, Y, logisticregression__sample_weight=WEIGHTS)

    code = export_code(fitted, check=(X, Y, WEIGHTS))

    assert "make_model().fit(X, y, logisticregression__sample_weight=sample_weight)" in code
    with pytest.raises(ValueError, match=r"differs from this OptunaSearchCV.*\. Possible reasons: .*; metadata were"):
        export_code(fitted, check=(X, Y, np.roll(WEIGHTS, 50)))


def test_a_script_with_weights_is_a_program_that_reads_them(tmp_path):
    fitted = WEIGHTED["plain"]().fit(X, Y, sample_weight=WEIGHTS)
    (tmp_path / "script.py").write_text(export_code(fitted, check=(X, Y, WEIGHTS)))
    frame = pd.DataFrame(X).assign(kind=Y, weight=WEIGHTS)
    frame.to_csv(tmp_path / "train.csv", index=False)

    command = [sys.executable, "script.py", "train.csv", "kind", "weight", "train.csv", "out.csv"]
    subprocess.run(command, cwd=tmp_path, check=True)

    np.testing.assert_array_equal(pd.read_csv(tmp_path / "out.csv")["kind"], fitted.predict(X))


def test_a_script_that_takes_no_weights_says_so():
    fitted = OptunaSearchCV(KNeighborsClassifier(), {"n_neighbors": [3]}, cv=3, random_state=0).fit(X, Y)

    with pytest.raises(ValueError, match=r"script for this OptunaSearchCV takes no weights.*joblib\.dump"):
        export_code(fitted, check=(X, Y, WEIGHTS))


def test_an_estimator_without_a_seed_is_named():
    fitted = search(ExtraTreesClassifier(n_estimators=10))  # random splits: no two of these forests are equal

    with pytest.raises(ValueError, match="there is no random_state in ExtraTreesClassifier"):
        export_code(fitted, check=(X, Y))


def test_other_rows_than_those_of_fit_are_a_difference():
    with pytest.raises(ValueError, match="check has other rows than fit"):
        export_code(search(), check=(X[:90], Y[:90]))


def test_a_script_that_cannot_be_fitted_says_why():
    with pytest.raises(ValueError, match=r"cannot be fitted on the rows of check: ValueError: Number of labels=9"):
        export_code(search(), check=(X, Y[:9]))


@pytest.mark.parametrize("check", [X, (X,), [X, Y]])
def test_rows_to_check_with_are_a_tuple(check):
    with pytest.raises(ValueError, match=r"check takes a tuple \(X, y\), or \(X, y, sample_weight\), or None"):
        export_code(search(), check=check)


@pytest.mark.parametrize(
    ("estimator", "space"),
    [(KMeans(n_init=1, random_state=0), {"n_clusters": [2, 3]}), (PCA(), {"n_components": [1, 2]})],
)
def test_models_without_a_target(estimator, space):
    fitted = OptunaSearchCV(estimator, space, cv=2, random_state=0).fit(X)

    namespace = run_script(export_code(fitted, check=(X, None)))

    function = "predict" if hasattr(fitted, "predict") else "transform"
    assert len(namespace[function](namespace["fit"](X, None), X)) == len(X)


def test_the_threshold_counts_where_probabilities_are_equal():
    rows, target = X[50:, :1], Y[50:]
    low, high = (FixedThresholdClassifier(TREE, threshold=threshold).fit(rows, target) for threshold in (0.1, 0.9))

    assert "predict differs in" in find_difference(low, high, rows)


def test_several_outputs_and_sparse_ones_are_compared_too():
    two = np.column_stack([Y > 0, Y > 1])
    trees = [DecisionTreeClassifier(max_depth=depth) for depth in (1, 3)]
    first, second = (MultiOutputClassifier(tree).fit(X, two) for tree in trees)
    codes = OneHotEncoder().fit(X)

    assert find_difference(first, first, X) is None
    assert find_difference(first, second, X) is not None
    assert issparse(codes.transform(X))
    assert find_difference(codes, codes, X) is None


def test_numbers_may_differ_by_a_millionth():
    models = [DummyRegressor(strategy="constant", constant=value).fit(X, Y) for value in (1e6, 1e6 + 0.5, 1e6 + 5)]

    assert find_difference(models[0], models[1], X) is None
    assert find_difference(models[0], models[2], X) == "predict differs in 150 of 150 rows, by 5 at most"


def test_what_predicts_nothing_cannot_be_compared():
    model = DBSCAN().fit(X)

    with pytest.raises(ValueError, match="DBSCAN has none of predict"):
        find_difference(model, model, X)


def test_a_script_of_another_model_is_refused():
    code = "from sklearn.dummy import DummyClassifier\ndef fit(X, y):\n    return DummyClassifier().fit(X, y)"

    with pytest.raises(ValueError, match=r"differs from this OptunaSearchCV: predict differs in 100 of 150 rows"):
        check_script(code, search(), X, Y, unseeded=[])
