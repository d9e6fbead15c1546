"""The catalogue of families: every space fits its estimator and data, and "auto" finds known estimators everywhere."""

import subprocess
import sys
import warnings
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from inspect import signature

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import IntDistribution
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris, make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Ridge, RidgeClassifier
from sklearn.metrics.pairwise import linear_kernel
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.utils import all_estimators

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune._compat.optuna import create_random_study
from sklearn_autotune.boosting._early_stopping import (
    clone_with_rounds,
    fit_with_early_stopping,
    get_used_rounds,
    set_prediction_rounds,
)
from sklearn_autotune.families import FAMILIES, Shape, auto_space
from sklearn_autotune.families._chosen import find_family
from sklearn_autotune.space._space import read_space
from tests.strategies import quick

ALL_NAMES = [name for family in FAMILIES for name in family.estimators]
NAMES = [
    name for family in FAMILIES if family.package is None or find_spec(family.package) for name in family.estimators
]
CLASSES = {f"sklearn.{name}": kind for name, kind in all_estimators()}

# Both print what they do, and CatBoost writes files too.
QUIET = {"lightgbm": {"verbose": -1}, "catboost": {"verbose": False, "allow_writing_files": False}}

N_ROWS = (20, 200, 100_000)


def make(name):
    """An estimator of the roll, as its users make it; classes of other packages are found at their top level."""
    package, _, class_name = name.partition(".")
    kind = CLASSES[name] if package == "sklearn" else getattr(import_module(package), class_name)
    return kind(**QUIET.get(package, {}))


def shape_of(estimator, n_rows=200):
    return Shape(n_rows, is_classifier(estimator), estimator.get_params(deep=False))


def branches_of(spelled):
    return [spelled] if isinstance(spelled, dict) else spelled


def names_in(spelled):
    return {name for branch in branches_of(spelled) for name in branch}


def searched(estimator, n_rows=200):
    return names_in(auto_space(estimator, n_rows=n_rows))


def draw(space, n_candidates):
    study = create_random_study(seed=0)
    return [space.suggest(study.ask()) for _ in range(n_candidates)]


def real_rows(estimator, n_rows):
    """Rows of iris or diabetes, spread evenly over the table."""
    X, y = load_iris(return_X_y=True) if is_classifier(estimator) else load_diabetes(return_X_y=True)
    rows = np.linspace(0, len(X) - 1, n_rows).astype(int)
    return X[rows], y[rows]


def shorten(estimator):
    """Cut long trainings: how many rounds there are does not decide whether they can be run."""
    for limit in {"n_estimators", "max_iter"} & set(estimator.get_params()):
        rounds = estimator.get_params()[limit]
        if rounds is not None and rounds > 10:
            estimator.set_params(**{limit: 10})
    return estimator


# -- contracts over the whole roll ---------------------------------------------------------------------------------


def test_families_have_names_of_their_own_and_share_no_estimator():
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    assert len(set(ALL_NAMES)) == len(ALL_NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_in_a_space_belongs_to_its_estimator(name):
    estimator = make(name)
    (family,) = [family for family in FAMILIES if family.includes(type(estimator))]

    # CatBoost lists those that have been set.
    known = {*estimator.get_params(), *signature(type(estimator).__init__).parameters}
    assert names_in(family.space(shape_of(estimator))) <= known


@pytest.mark.parametrize("n_rows", N_ROWS)
@pytest.mark.parametrize("name", NAMES)
def test_a_space_can_be_read_and_fits_its_estimator(name, n_rows):
    estimator = make(name)

    space = read_space(auto_space(estimator, n_rows=n_rows))

    space.check(estimator)
    assert all(space.branches)  # nothing to search would be no space


@pytest.mark.parametrize("name", NAMES)
@given(n_rows=st.integers(1, 10**7))
@quick
def test_every_size_of_data_has_a_space_that_asks_for_no_more_rows_than_there_are(name, n_rows):
    spelled = auto_space(make(name), n_rows=n_rows)

    read_space(spelled)
    for branch in branches_of(spelled):
        for counter in {"min_samples_leaf", "n_neighbors"} & set(branch):
            assert branch[counter].high <= n_rows


@pytest.mark.few_by_day(24)
@pytest.mark.parametrize("n_rows", [20, 120])
@pytest.mark.parametrize("name", NAMES)
def test_random_candidates_can_be_fitted_without_a_warning(name, n_rows):
    estimator = make(name)
    X, y = real_rows(estimator, n_rows)
    space = read_space(auto_space(estimator, n_rows=n_rows))

    for candidate in draw(space, 8):
        model = shorten(clone(estimator).set_params(**candidate))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", ConvergenceWarning)
            predicted = model.fit(X, y).predict(X)
        assert np.isfinite(predicted).all()


# -- what a space depends on ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [SVC(), SVR()])
def test_only_the_polynomial_kernel_has_a_degree(estimator):
    candidates = draw(read_space(auto_space(estimator, n_rows=200)), 40)

    assert {candidate["kernel"] for candidate in candidates} == {"rbf", "poly"}
    for candidate in candidates:
        assert ("degree" in candidate) == ("coef0" in candidate) == (candidate["kernel"] == "poly")


@pytest.mark.parametrize("kernel", ["linear", "sigmoid", "precomputed", linear_kernel])
def test_a_kernel_that_the_user_has_chosen_stays_and_brings_no_parameters_of_others(kernel):
    assert searched(SVC(kernel=kernel, class_weight="balanced")) == {"C"}


def test_a_polynomial_kernel_that_the_user_has_chosen_stays():
    candidates = draw(read_space(auto_space(SVC(kernel="poly"), n_rows=200)), 10)

    assert all(candidate["kernel"] == "poly" and "degree" in candidate for candidate in candidates)


@pytest.mark.parametrize("forest", [RandomForestClassifier(), ExtraTreesClassifier()], ids=repr)
def test_a_forest_can_be_searched_with_weights_that_are_far_from_one(forest):
    X, y = load_iris(return_X_y=True)
    space = read_space(auto_space(forest, n_rows=150))

    for candidate in draw(space, 3):
        model = shorten(clone(forest).set_params(**candidate)).fit(X, y, sample_weight=np.full(150, 1 / 150))
        assert model.score(X, y) > 0.8


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        RidgeClassifier(),
        SVC(),
        RandomForestClassifier(),
        ExtraTreesClassifier(),
        HistGradientBoostingClassifier(),
    ],
    ids=repr,
)
def test_class_weights_are_searched_unless_the_user_has_set_them(estimator):
    settled = clone(estimator).set_params(class_weight={0: 1, 1: 5, 2: 1})

    assert "class_weight" in searched(estimator)
    assert "class_weight" not in searched(settled)


@pytest.mark.parametrize(
    ("estimator", "rounds"),
    [
        (GradientBoostingClassifier(n_iter_no_change=5), "n_estimators"),
        (HistGradientBoostingClassifier(early_stopping=True), "max_iter"),
        (xgboost.XGBClassifier(early_stopping_rounds=5), "n_estimators"),
    ],
    ids=["gradient boosting", "hist gradient boosting", "xgboost"],
)
def test_rounds_are_left_to_early_stopping_where_the_user_has_asked_for_it(estimator, rounds):
    assert rounds not in searched(estimator)
    assert rounds in searched(type(estimator)())


def test_hist_gradient_boosting_gets_room_where_it_stops_early_of_its_own_accord():
    few_rows = auto_space(HistGradientBoostingRegressor(), n_rows=10_000)
    many_rows = auto_space(HistGradientBoostingRegressor(), n_rows=10_001)
    patient_user = auto_space(HistGradientBoostingRegressor(max_iter=3000), n_rows=10_001)
    never = auto_space(HistGradientBoostingRegressor(early_stopping=False), n_rows=10_001)

    assert isinstance(few_rows["max_iter"], IntDistribution)
    assert many_rows["max_iter"] == [500]
    assert patient_user["max_iter"] == [3000]
    assert isinstance(never["max_iter"], IntDistribution)
    assert [space.get("early_stopping") for space in (few_rows, many_rows, never)] == [[False], [True], None]


@pytest.mark.parametrize("kind", [HistGradientBoostingClassifier, HistGradientBoostingRegressor])
def test_folds_and_final_fit_stop_early_by_the_same_rule_whatever_the_rows(kind):
    """The folds have fewer rows than the number from which the estimator would stop early, the table has more."""
    X = np.random.RandomState(0).normal(size=(10_050, 1))
    y = (X[:, 0] > 0).astype(int) if is_classifier(kind()) else X[:, 0]
    model = kind(random_state=0, max_leaf_nodes=3)
    space = {name: values for name, values in auto_space(model, n_rows=5_025).items() if name == "early_stopping"}

    search = OptunaSearchCV(model.set_params(max_iter=2), space, cv=2).fit(X, y)

    assert space == {"early_stopping": [False]}
    assert not search.best_estimator_.do_early_stopping_


def test_the_power_of_a_distance_is_searched_only_where_it_has_one():
    assert "p" in searched(KNeighborsClassifier())
    assert "p" not in searched(KNeighborsClassifier(metric="cosine"))


# -- finding known estimators --------------------------------------------------------------------------------------


def weighed(*names):
    return {*names, *(name.rpartition("__")[0] + "__class_weight" for name in names)}


@pytest.mark.parametrize(
    ("estimator", "names"),
    [
        (Ridge(), {"alpha"}),
        (Pipeline([("scale", StandardScaler()), ("clf", LogisticRegression())]), weighed("clf__C")),
        (
            TransformedTargetRegressor(make_pipeline(StandardScaler(), Ridge())),
            {"regressor__ridge__alpha"},
        ),
        (CalibratedClassifierCV(LogisticRegression()), weighed("estimator__C")),
        (
            make_pipeline(
                ColumnTransformer([("few", SelectFromModel(LogisticRegression()), [0, 1])]), RidgeClassifier()
            ),
            weighed("columntransformer__few__estimator__C", "ridgeclassifier__alpha"),
        ),
        (
            VotingClassifier([("a", RidgeClassifier()), ("b", make_pipeline(NearestCentroid())), ("c", "drop")]),
            weighed("a__alpha"),
        ),
        (GradientBoostingClassifier(init=LogisticRegression(), n_iter_no_change=5), None),
    ],
    ids=["itself", "pipeline", "target", "calibration", "columns", "voting", "known inside known"],
)
def test_known_parts_are_searched_under_their_full_names(estimator, names):
    spelled = auto_space(estimator, n_rows=200)

    read_space(spelled).check(estimator)
    if names is None:
        names = searched(clone(estimator).set_params(init=None)) | weighed("init__C")
    assert names_in(spelled) == names


def test_branches_of_several_parts_are_combined():
    estimator = VotingClassifier([("a", SVC()), ("b", SVC()), ("c", LogisticRegression())])

    spelled = auto_space(estimator, n_rows=200)

    read_space(spelled).check(estimator)
    kernels = [(*branch["a__kernel"], *branch["b__kernel"]) for branch in spelled]
    assert sorted(kernels) == [("poly", "poly"), ("poly", "rbf"), ("rbf", "poly"), ("rbf", "rbf")]
    for branch in spelled:
        assert "c__C" in branch
        assert ("a__degree" in branch) == (branch["a__kernel"] == ["poly"])
        assert ("b__degree" in branch) == (branch["b__kernel"] == ["poly"])


class OwnForest(RandomForestClassifier):
    """A user's subclass with the parameters of its parent."""


class OwnBooster(xgboost.XGBClassifier):
    """The same over XGBoost, which finds its parameters in its own way."""


class NarrowForest(RandomForestClassifier):
    """A user's subclass that hides its parent's parameters."""

    def __init__(self, max_depth=None):
        super().__init__(max_depth=max_depth)


class OwnLogisticRegressionCV(LogisticRegressionCV):
    """A user's subclass of a model that is not known."""


class Shrinker(BaseEstimator):
    """A user's estimator with a parameter of Ridge."""

    def __init__(self, alpha=1.0):
        self.alpha = alpha


Namesake = type("Ridge", (Shrinker,), {"__module__": "another_package.linear"})


@pytest.mark.parametrize("kind", [OwnForest, OwnBooster])
def test_a_subclass_of_a_known_estimator_is_known(kind):
    assert searched(kind()) == searched(kind.__base__())


@pytest.mark.parametrize(
    "estimator",
    [
        NearestCentroid(),
        make_pipeline(StandardScaler(), NearestCentroid()),
        LogisticRegressionCV(),
        OwnLogisticRegressionCV(),
        xgboost.XGBRFClassifier(),
        NarrowForest(),
        Namesake(),
        FrozenEstimator(LogisticRegression()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_what_is_not_known_is_refused(estimator):
    with pytest.raises(ValueError, match="No space is known for"):
        auto_space(estimator, n_rows=200)


def test_the_refusal_says_what_came_what_is_known_and_what_to_do():
    with pytest.raises(ValueError, match="No space is known") as caught:
        auto_space(make_pipeline(StandardScaler(), NearestCentroid()), n_rows=200)

    message = str(caught.value)
    assert "Pipeline (with StandardScaler, NearestCentroid inside)" in message
    assert "DecisionTreeClassifier" not in message
    assert len(message) < 600
    assert "docs/guides/spaces.md" in message
    assert "Write param_distributions yourself" in message


def test_the_estimator_is_left_as_it_is():
    estimator = make_pipeline(StandardScaler(), SVC(C=7))
    before = repr(estimator.get_params())

    auto_space(estimator, n_rows=200)

    assert repr(estimator.get_params()) == before


# -- in use --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator",
    [make_pipeline(StandardScaler(), LogisticRegression()), make_pipeline(StandardScaler(), SVC())],
    ids=["one dict", "branches"],
)
def test_a_search_with_an_automatic_space_runs_end_to_end(estimator):
    X, y = load_iris(return_X_y=True)

    search = OptunaSearchCV(estimator, "auto", n_trials=3, cv=3, random_state=0).fit(X, y)

    assert len(search.cv_results_["params"]) == 3
    assert set(search.best_params_) <= searched(estimator)
    assert search.predict(X).shape == y.shape


def test_an_automatic_space_fits_the_rows_of_a_fold():
    X, y = load_iris(return_X_y=True)
    few = np.arange(0, 150, 6)  # 25 rows, of which a fold trains on 16

    search = OptunaSearchCV(KNeighborsClassifier(), "auto", n_trials=20, cv=3, random_state=0).fit(X[few], y[few])

    assert max(params["n_neighbors"] for params in search.cv_results_["params"]) <= 8


def test_a_search_over_an_unknown_estimator_is_refused_before_anything_is_fitted():
    X, y = load_iris(return_X_y=True)

    with pytest.raises(ValueError, match="No space is known for NearestCentroid"):
        OptunaSearchCV(NearestCentroid(), "auto", n_trials=3).fit(X, y)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family.make], ids=lambda family: family.name)
@given(n_rows=st.integers(10, 10**6), n_columns=st.integers(1, 300), n_classes=st.integers(2, 40), data=st.data())
def test_what_is_larger_is_not_foreseen_to_take_less(family, n_rows, n_columns, n_classes, data):
    shape = Shape(n_rows, "classification" in family.tasks, {}, n_columns, n_classes)
    larger = data.draw(st.sampled_from(["n_rows", "n_columns", "n_classes"]))

    def estimate(shape):
        n_trees = family.make(shape).n_estimators if family.name in ("forest", "extra_trees") else 1
        return family.seconds(shape) / n_trees  # of large tables, forests have fewer trees

    assert 0 < estimate(shape) <= estimate(replace(shape, **{larger: 2 * getattr(shape, larger)}))


@pytest.mark.parametrize("family", [family for family in FAMILIES if family.make], ids=lambda family: family.name)
def test_what_takes_more_is_foreseen_to_take_more(family):
    shape = Shape(5000, "classification" in family.tasks, {"metric": "minkowski"}, n_columns=20)
    slower = {"learning_rate": (0.1, 0.01), "max_depth": (3, 9), "max_features": (0.1, 1.0)}
    slower |= {"n_estimators": (50, 500), "subsample": (0.5, 1.0), "p": (2, 1)}
    branches = family.space(shape)
    searched = {name for branch in ([branches] if isinstance(branches, dict) else branches) for name in branch}
    told = {
        name
        for name, (little, much) in slower.items()
        if family.seconds(replace(shape, params={name: little})) < family.seconds(replace(shape, params={name: much}))
    }
    assert told <= searched  # no family goes by a setting that it does not have
    known = {"extra_trees": {"max_features"}, "forest": {"max_features"}, "xgboost": {"learning_rate", "max_depth"}}
    known |= {"neighbors": {"p"}, "gradient_boosting": {"n_estimators", "max_depth", "subsample", "max_features"}}
    boosting = {name: {"learning_rate"} for name in ("lightgbm", "catboost", "hist_gradient_boosting")}
    assert told == (known | boosting).get(family.name, set())


def test_the_catalogue_imports_no_estimators():
    heavy = ["xgboost", "sklearn.ensemble", "sklearn.svm", "sklearn.linear_model", "sklearn.neighbors"]
    code = f"import sys, sklearn_autotune.families; print([name for name in {heavy} if name in sys.modules])"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "[]"


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("family", [family for family in FAMILIES if family.rounds is not None], ids=lambda f: f.name)
def test_a_fit_of_the_rounds_that_were_found_gives_the_model_that_was_measured(family, n_classes):
    if family.package is not None:
        pytest.importorskip(family.package)
    X, y = make_classification(400, 8, n_informative=5, n_classes=n_classes, random_state=0)
    shape = Shape(n_rows=300, n_columns=8, is_classifier=True, n_classes=n_classes)

    measured = family.make(shape)
    fit_with_early_stopping(measured, X[:300], y[:300], (X[300:], y[300:]), seconds=60, fit_params={})
    set_prediction_rounds(measured, 60)
    again = clone_with_rounds(family.make(shape), get_used_rounds(measured)).fit(X[:300], y[:300])

    np.testing.assert_allclose(again.predict_proba(X), measured.predict_proba(X), rtol=1e-6)


def test_xgboost_has_fewer_bins_on_very_many_columns():
    make = find_family("xgboost").make
    narrow, wide = (make(Shape(400, True, n_columns=n, n_screened_columns=100)) for n in (200, 5000))

    assert narrow.get_params()["max_bin"] is None
    assert wide.get_params()["max_bin"] == 64
