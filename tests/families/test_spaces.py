"""Ready spaces of models that are no family: valid for every number of rows, and none of their candidates fails."""

import warnings
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_diabetes, load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC, LinearSVR

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune._compat.optuna import create_random_study
from sklearn_autotune.families import FAMILIES, auto_space, find_known
from sklearn_autotune.families._known_settings import list_known_settings, read_own_values
from sklearn_autotune.families.spaces import ESTIMATOR_SPACES, STEP_SPACES
from sklearn_autotune.space._projection import Distance, project_value
from sklearn_autotune.space._space import read_space
from tests.families import catalogue
from tests.strategies import quick

NAMES = [name for known in ESTIMATOR_SPACES for name in known.estimators]
WITH_COUNTS = {"MultinomialNB", "ComplementNB", "BernoulliNB", "CategoricalNB"}

# What these libraries say whatever the candidate is.
OWN_WARNINGS = {"interpret": "For multiclass we cannot", "skglm": "'@' is faster"}


def make(name):
    package = name.partition(".")[0]
    if package != "sklearn":
        pytest.importorskip(package, exc_type=ImportError)
    return catalogue.make(name)


def data_for(estimator, n_rows, n_classes=3):
    """Rows of iris or diabetes, spread evenly over the table; counts and times until an event where they are needed."""
    X, y = load_iris(return_X_y=True) if is_classifier(estimator) else load_diabetes(return_X_y=True)
    rows = np.linspace(0, (100 if is_classifier(estimator) and n_classes == 2 else len(X)) - 1, n_rows).astype(int)
    X, y = X[rows], y[rows]
    if type(estimator).__name__ in WITH_COUNTS:
        X = np.round(X).astype(int)
    if type(estimator).__module__.startswith("sksurv"):
        y = np.array([(value % 3 > 0, value) for value in y], dtype=[("event", bool), ("time", float)])
    return X, y


def draw(raw_space, n_candidates=8):
    study, space = create_random_study(seed=0), read_space(raw_space)
    return [space.suggest(study.ask()) for _ in range(n_candidates)]


def fit(estimator, candidate, X, y):
    model = clone(estimator).set_params(**candidate)
    long = {"n_estimators", "outer_bags", "max_rounds"} & set(model.get_params())
    model.set_params(**dict.fromkeys(long, 5))  # quicker
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        message = OWN_WARNINGS.get(type(estimator).__module__.partition(".")[0])
        if message is not None:
            warnings.filterwarnings("ignore", message=message)
        return model.fit(X, y)


def branches_of(raw_space):
    return [raw_space] if isinstance(raw_space, dict) else raw_space


# -- contracts over all spaces -------------------------------------------------------------------------------------


def test_no_estimator_has_two_spaces_and_no_family_has_one():
    families = [name for family in FAMILIES for name in family.estimators]
    every = families + [name for known in (*ESTIMATOR_SPACES, *STEP_SPACES) for name in known.estimators]

    assert sorted(set(every)) == sorted(every)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_in_a_space_belongs_to_its_estimator(name):
    estimator = make(name)

    for n_rows in (20, 200, 100_000):
        space = read_space(auto_space(estimator, n_rows=n_rows))
        space.check(estimator)
        assert all(space.branches)
        assert space.size is None or space.size > 1


@pytest.mark.parametrize("name", NAMES)
@given(n_rows=st.integers(1, 10**7), n_columns=st.integers(1, 10**5) | st.none())
@quick
def test_every_size_of_data_has_a_space_that_asks_for_no_more_rows_than_there_are(name, n_rows, n_columns):
    raw_space = auto_space(make(name), n_rows=n_rows, n_columns=n_columns)

    read_space(raw_space)
    for branch in branches_of(raw_space):
        for counter in {"min_samples_leaf", "n_components"} & set(branch):
            assert branch[counter].high <= n_rows


@pytest.mark.few_by_day(45)
@pytest.mark.parametrize(("n_rows", "n_classes"), [(20, 2), (20, 3), (120, 3)])
@pytest.mark.parametrize("name", NAMES)
def test_no_random_candidate_fails_or_warns(name, n_rows, n_classes):
    estimator = make(name)
    if n_classes == 2 and not is_classifier(estimator):
        pytest.skip("has no classes")
    X, y = data_for(estimator, n_rows, n_classes)

    own = estimator.get_params()
    for candidate in draw(auto_space(estimator, n_rows=n_rows, n_columns=X.shape[1])):
        if all(own[name] == value for name, value in candidate.items()):
            continue  # with few rows, quadratic discriminants have no default
        model = fit(estimator, candidate, X, y)
        assert np.isfinite(np.asarray(model.predict(X), dtype=float)).all()


@pytest.mark.parametrize("name", NAMES)
def test_no_random_candidate_fails_on_sparse_columns_that_the_estimator_takes(name):
    estimator = make(name)
    X, y = data_for(estimator, 60)
    sparse = csr_array(np.where(np.median(X, axis=0) < X, X, 0))
    try:
        fit(estimator, {}, sparse, y)
    except Exception as error:
        pytest.skip(f"takes no sparse columns: {error}")

    for candidate in draw(auto_space(estimator, n_rows=60, n_columns=X.shape[1])):
        fit(estimator, candidate, sparse, y)


@pytest.mark.parametrize("name", NAMES)
def test_the_estimators_own_values_are_in_the_space_or_have_a_nearest_value_there(name):
    estimator = make(name)
    n_rows, n_columns = 200, 8
    space = read_space(auto_space(estimator, n_rows=n_rows, n_columns=n_columns))
    own = read_own_values(estimator, n_rows=n_rows, n_columns=n_columns)

    distances = [
        [project_value(dimension, own.get(name, [None]))[1] for name, dimension in branch.items()]
        for branch in space.branches
    ]
    space.encode(space.project(own))
    assert any(Distance.UNRELATED not in one for one in distances)


@pytest.mark.parametrize("name", NAMES)
def test_known_good_settings_are_in_the_space(name):
    estimator = make(name)
    space = read_space(auto_space(estimator, n_rows=1000))

    for setting in list_known_settings(estimator, n_rows=1000, n_columns=20):
        known = set(signature(type(estimator).__init__).parameters)
        assert set(setting) <= known
        space.encode({name: value for name, value in setting.items() if name in space.names})


GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "spaces.md"


@pytest.mark.parametrize("known", [*ESTIMATOR_SPACES, *STEP_SPACES], ids=lambda known: known.estimators[0])
def test_the_guide_lists_what_is_known_and_what_is_searched_of_it(known):
    package = known.estimators[0].partition(".")[0]
    if package != "sklearn":
        pytest.importorskip(package, exc_type=ImportError)

    assert catalogue.describe_space(known) in GUIDE.read_text(encoding="utf-8").splitlines()


def test_the_guide_lists_every_class_also_of_packages_that_are_not_installed():
    text = GUIDE.read_text(encoding="utf-8")

    every = [name for known in (*FAMILIES, *ESTIMATOR_SPACES, *STEP_SPACES) for name in known.estimators]
    assert [name for name in every if f"`{name.removeprefix('sklearn.')}`" not in text] == []


# -- combinations of parameters ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dual", ["auto", True, False])
@pytest.mark.parametrize("multi_class", ["ovr", "crammer_singer"])
def test_a_linear_svm_is_asked_for_no_combination_that_it_does_not_have(dual, multi_class):
    X, y = load_iris(return_X_y=True)
    estimator = LinearSVC(dual=dual, multi_class=multi_class)

    candidates = draw(auto_space(estimator, n_rows=100), 20)

    for candidate in candidates:
        fit(estimator, candidate, X, y)
    expected = {
        True: {("l2", "hinge"), ("l2", "squared_hinge")},
        False: {("l2", "squared_hinge"), ("l1", "squared_hinge")},
    }
    expected["auto"] = expected[True] | expected[False]
    found = {(one["penalty"], one["loss"]) for one in candidates if "loss" in one}
    assert found == (expected[dual] if multi_class == "ovr" else set())


@pytest.mark.parametrize("dual", [True, False])
def test_a_linear_svm_for_regression_is_asked_for_no_combination_that_it_does_not_have(dual):
    X, y = load_diabetes(return_X_y=True)

    for candidate in draw(auto_space(LinearSVR(dual=dual), n_rows=100)):
        fit(LinearSVR(dual=dual), candidate, X[:100], y[:100])


@pytest.mark.parametrize("loss", ["log_loss", "modified_huber"])
def test_a_loss_with_probabilities_keeps_them(loss):
    X, y = load_iris(return_X_y=True)
    estimator = SGDClassifier(loss=loss, random_state=0)

    for candidate in draw(auto_space(estimator, n_rows=150), 12):
        assert ("l1_ratio" in candidate) == (candidate["penalty"] == "elasticnet")
        fit(estimator, candidate, X, y).predict_proba(X)


def test_gradient_descent_does_not_diverge_on_many_scaled_columns():
    random = np.random.RandomState(0)
    X = random.normal(size=(500, 50))
    y = X.sum(axis=1)

    for candidate in draw(auto_space(SGDRegressor(random_state=0), n_rows=500), 12):
        assert fit(SGDRegressor(random_state=0), candidate, X, y).score(X, y) > 0


@pytest.mark.parametrize("solver", ["svd", "lsqr", "eigen"])
def test_discriminants_that_can_transform_still_can(solver):
    X, y = load_iris(return_X_y=True)
    estimator = LinearDiscriminantAnalysis(solver=solver)
    candidates = draw(auto_space(estimator, n_rows=150), 12)

    assert {candidate["solver"] for candidate in candidates} == {solver, "lsqr" if solver == "lsqr" else "eigen"}
    for candidate in candidates:
        model = fit(estimator, candidate, X, y)
        if solver != "lsqr":
            model.transform(X)


def test_discriminants_with_a_covariance_estimator_have_no_space():
    from sklearn.covariance import OAS

    with pytest.raises(ValueError, match="No space is known for LinearDiscriminantAnalysis"):
        auto_space(LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=OAS()), n_rows=100)


def test_what_the_user_has_put_inside_stays():
    boosted = auto_space(AdaBoostClassifier(KNeighborsClassifier()), n_rows=100)
    bagged = auto_space(BaggingClassifier(KNeighborsClassifier()), n_rows=100)

    assert "estimator" not in boosted
    assert "estimator__n_neighbors" in boosted
    assert set(bagged) == {"max_features", "estimator__n_neighbors", "estimator__weights", "estimator__p"}
    with pytest.raises(ValueError, match="No space is known for GaussianProcessClassifier"):
        auto_space(GaussianProcessClassifier(RBF()), n_rows=100)


# -- in use --------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "name", ["sklearn.LinearSVC", "sklearn.BaggingClassifier", "sklearn.LinearDiscriminantAnalysis"]
)
def test_a_search_begins_with_the_estimators_own_parameters(name):
    X, y = load_iris(return_X_y=True)
    estimator = make(name)

    search = OptunaSearchCV(estimator, "auto", n_trials=4, cv=3, random_state=0).fit(X, y)

    first = search.cv_results_["params"][0]
    assert {name: estimator.get_params()[name] for name in first if name != "shrinkage"} == {
        name: value for name, value in first.items() if name != "shrinkage"
    }
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_users_subclass_is_known():
    class OwnBayes(MultinomialNB):
        pass

    assert find_known(OwnBayes) is find_known(MultinomialNB)
