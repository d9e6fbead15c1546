"""At each rung, an estimator whose fit is continued is equal to one that is fitted from the beginning.

Predictions are compared exactly, for every class and setting whose fit is continued.
"""

import threading

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune._compat.boosters._scikit_learn import WARM_START_PARAMS
from sklearn_autotune.evaluation._continued_fits import LibraryFit, fit_epochs, start_continued_fit
from sklearn_autotune.evaluation._resource import ResourceLocation, locate_resource
from tests.threads import started_threads
from tests.toys import PassingClassifier, RowRecorder, read_log

AMOUNTS = (2, 5, 12)
WEIGHTS = np.random.RandomState(0).uniform(0.1, 2, size=200)


def classes(n_classes=3):
    return make_classification(200, 6, n_classes=n_classes, n_informative=4, random_state=0)


def numbers():
    return make_regression(200, 6, noise=10, random_state=0)


def outputs(estimator, X):
    methods = ("predict", "predict_proba", "decision_function")
    return [getattr(estimator, method)(X) for method in methods if hasattr(estimator, method)]


def kind(estimator, X, y, resource="iterations", **fit_params):
    continued_fit = start_continued_fit(
        clone(estimator), locate_resource(estimator, resource), max(AMOUNTS), (X, y), fit_params
    )
    continued_fit.close()
    chosen = continued_fit.part_fit if isinstance(continued_fit, LibraryFit) else continued_fit
    return type(chosen).__name__


def assert_continues_exactly(estimator, X, y, **fit_params):
    """Grow two at once, as folds do, and hold each rung against a fit from scratch."""
    location = locate_resource(estimator, "iterations")
    fits = [start_continued_fit(clone(estimator), location, max(AMOUNTS), (X, y), fit_params) for _ in range(2)]
    for amount in AMOUNTS:
        fresh = clone(estimator).set_params(**{location.parameter: amount}).fit(X, y, **fit_params)
        for continued_fit in fits:
            fitted = continued_fit.continue_to(amount)
            assert fitted.get_params()[location.parameter] == amount
            for mine, expected in zip(outputs(fitted, X), outputs(fresh, X), strict=True):
                np.testing.assert_array_equal(mine, expected)
    for continued_fit in fits:
        continued_fit.close()


# -- kinds that continue -----------------------------------------------------------------------------------------------

CONTINUED = [
    RandomForestClassifier(),
    RandomForestClassifier(max_samples=0.5, class_weight="balanced"),
    RandomForestClassifier(class_weight="balanced_subsample"),
    RandomForestRegressor(max_features=0.5),
    ExtraTreesClassifier(),
    ExtraTreesClassifier(bootstrap=True, max_samples=0.7, class_weight="balanced"),
    ExtraTreesRegressor(),
    BaggingClassifier(max_samples=0.5, max_features=0.5),
    BaggingClassifier(DecisionTreeClassifier(max_features=1), bootstrap=False, max_samples=0.7),
    BaggingRegressor(),
    GradientBoostingClassifier(),
    GradientBoostingClassifier(subsample=0.5, max_features=0.5),
    GradientBoostingRegressor(subsample=0.5, loss="absolute_error"),
    GradientBoostingRegressor(init="zero"),
    HistGradientBoostingClassifier(),
    HistGradientBoostingClassifier(early_stopping=False, max_features=0.5, class_weight="balanced"),
    HistGradientBoostingRegressor(max_features=0.5, max_bins=16),
    HistGradientBoostingRegressor(loss="absolute_error", early_stopping=False),
]


@pytest.mark.few_by_day(16)
@pytest.mark.filterwarnings("ignore:When fitting BaggingClassifier with sample_weight")
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("estimator", CONTINUED, ids=repr)
def test_a_warm_start_gives_what_a_fresh_fit_gives(estimator, weighted):
    X, y = numbers() if "Regressor" in type(estimator).__name__ else classes()
    fit_params = {"sample_weight": WEIGHTS} if weighted else {}
    estimator = clone(estimator).set_params(random_state=3)

    assert kind(estimator, X, y) == "WarmStartFit"
    assert_continues_exactly(estimator, X, y, **fit_params)


def test_every_class_that_is_continued_is_tested():
    assert {type(estimator).__name__ for estimator in CONTINUED} == set(WARM_START_PARAMS)


@pytest.mark.parametrize("estimator", [RandomForestClassifier(), GradientBoostingClassifier(subsample=0.5)], ids=repr)
def test_a_warm_start_is_exact_on_sparse_rows_and_with_two_classes(estimator):
    X, y = classes(n_classes=2)

    assert_continues_exactly(estimator.set_params(random_state=3), csr_array(np.where(X > 0, X, 0)), y)


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(early_stopping=True, learning_rate=0.5, random_state=0),
        GradientBoostingClassifier(n_iter_no_change=2, tol=0.1, random_state=0),
        BaggingClassifier(oob_score=True, n_estimators=50, random_state=0, bootstrap=True),
        RandomForestClassifier(random_state=np.random.RandomState(0)),
        AdaBoostClassifier(random_state=0),
        MLPClassifier(random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:Some inputs do not have OOB")
@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")
def test_what_cannot_be_continued_exactly_is_fitted_afresh(estimator):
    X, y = classes()

    assert kind(estimator, X, y) == "RefitFromScratch"
    assert_continues_exactly(estimator, X, y)


def test_histogram_boosting_that_would_stop_early_on_many_rows_is_fitted_afresh():
    X, y = make_classification(10_001, 4, random_state=0)

    assert kind(HistGradientBoostingClassifier(), X, y) == "RefitFromScratch"
    assert kind(HistGradientBoostingClassifier(), X[:10_000], y[:10_000]) == "WarmStartFit"
    assert kind(HistGradientBoostingClassifier(early_stopping=False), X, y) == "WarmStartFit"


def test_a_class_derived_from_one_that_continues_is_fitted_afresh():
    class Mine(RandomForestClassifier):
        pass

    assert kind(Mine(), *classes()) == "RefitFromScratch"


# -- other libraries ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"subsample": 0.5, "colsample_bytree": 0.5},
        {"subsample": 0.5, "colsample_bynode": 0.5, "grow_policy": "lossguide", "max_leaves": 5},
        {"tree_method": "exact", "subsample": 0.6},
        {"tree_method": "approx", "subsample": 0.6, "num_parallel_tree": 2},
    ],
    ids=repr,
)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_a_booster_paused_gives_what_a_fresh_fit_gives(params, weighted):
    fit_params = {"sample_weight": WEIGHTS} if weighted else {}

    for X, y in (classes(2), classes(3)):
        estimator = xgboost.XGBClassifier(random_state=3, **params)
        assert kind(estimator, X, y) == "PausedBoosterFit"
        assert_continues_exactly(estimator, X, y, **fit_params)
    assert_continues_exactly(xgboost.XGBRegressor(random_state=3, **params), *numbers(), **fit_params)


def test_a_booster_paused_takes_frames_with_categories_and_gaps():
    X, y = numbers()
    X[::7, 0] = np.nan
    X = pd.DataFrame(X, columns=list("abcdef"))
    X["g"] = pd.Categorical(np.random.RandomState(0).choice(["x", "y", "z"], len(X)))

    assert_continues_exactly(xgboost.XGBRegressor(random_state=3, subsample=0.5, enable_categorical=True), X, y)


def test_a_booster_in_a_setting_not_known_to_be_exact_is_fitted_afresh():
    X, y = classes(2)

    for params in ({"booster": "gblinear"}, {"booster": "dart"}, {"early_stopping_rounds": 3}):
        assert kind(xgboost.XGBClassifier(**params), X, y) == "RefitFromScratch"
    assert kind(xgboost.XGBRFClassifier(), X, y) == "RefitFromScratch"


def test_a_booster_closed_on_its_way_leaves_no_thread():
    estimator = xgboost.XGBClassifier()
    location = locate_resource(estimator, "iterations")
    before = threading.enumerate()

    fits = [start_continued_fit(clone(estimator), location, 50, classes(), {}) for _ in range(3)]
    fits[0].continue_to(2)
    fits[1].continue_to(50)
    assert started_threads(before)
    for continued_fit in fits:
        continued_fit.close()

    assert started_threads(before) == []


def test_a_booster_that_fails_says_so_and_leaves_no_thread():
    X, y = classes()
    before = threading.enumerate()
    continued_fit = start_continued_fit(
        xgboost.XGBClassifier(), ResourceLocation((), "n_estimators"), 50, (X, y[:10]), {}
    )

    with pytest.raises(xgboost.core.XGBoostError):
        continued_fit.continue_to(2)
    continued_fit.close()

    assert started_threads(before) == []


@pytest.mark.filterwarnings("ignore")
def test_lightgbm_is_fitted_afresh():
    estimator = lightgbm.LGBMClassifier(random_state=0, subsample=0.5, subsample_freq=1, verbose=-1, n_jobs=1)

    assert kind(estimator, *classes()) == "RefitFromScratch"
    assert_continues_exactly(estimator, *classes())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rounds_param", ["iterations", "n_estimators"])
def test_catboost_is_fitted_afresh_by_the_name_it_was_given(rounds_param):
    catboost = pytest.importorskip("catboost")
    options = {"random_state": 0, "verbose": False, "allow_writing_files": False, "thread_count": 1}
    estimator = catboost.CatBoostClassifier(**{rounds_param: 12}, **options)

    assert locate_resource(estimator, "iterations").name == rounds_param
    assert locate_resource(catboost.CatBoostClassifier(), "iterations").name == "iterations"
    assert_continues_exactly(estimator, *classes())


# -- pipelines ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "resource"),
    [
        (RandomForestClassifier(random_state=0), "iterations"),
        (DecisionTreeClassifier(random_state=0), "inner__decisiontreeclassifier__max_depth"),
    ],
    ids=["continued", "restarted"],
)
def test_the_steps_before_the_last_are_fitted_once(tmp_path, last, resource):
    log = tmp_path / "log"
    pipeline = Pipeline([("rows", RowRecorder(log=log)), ("inner", make_pipeline(StandardScaler(), last))])
    location = locate_resource(pipeline, resource)
    X, y = classes()

    continued_fit = start_continued_fit(clone(pipeline), location, max(AMOUNTS), (X, y), {})
    fitted = [continued_fit.continue_to(amount).predict_proba(X) for amount in AMOUNTS]

    assert len(read_log(log)) == 1
    for amount, mine in zip(AMOUNTS, fitted, strict=True):
        fresh = clone(pipeline).set_params(**{location.parameter: amount}).fit(X, y)
        np.testing.assert_array_equal(mine, fresh.predict_proba(X))


def test_a_parameter_of_an_earlier_step_restarts_the_whole_pipeline():
    X, y = classes()
    pipeline = make_pipeline(PCA(random_state=0), DecisionTreeClassifier(random_state=0))
    location = locate_resource(pipeline, "pca__n_components")

    fitted = start_continued_fit(clone(pipeline), location, 4, (X, y), {}).continue_to(2)

    fresh = clone(pipeline).set_params(pca__n_components=2).fit(X, y)
    assert location == ResourceLocation((), "pca__n_components")
    np.testing.assert_array_equal(fitted.predict_proba(X), fresh.predict_proba(X))


def test_metadata_of_the_last_step_reaches_it_through_the_pipeline():
    X, y = classes()
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(random_state=0))

    assert_continues_exactly(pipeline, X, y, randomforestclassifier__sample_weight=WEIGHTS)


def test_routed_metadata_reaches_the_last_step():
    X, y = classes()
    with config_context(enable_metadata_routing=True):
        forest = RandomForestClassifier(random_state=0).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)

        assert_continues_exactly(make_pipeline(scaler, forest), X, y, sample_weight=WEIGHTS)


# -- epochs ------------------------------------------------------------------------------------------------------------


def test_an_epoch_is_one_pass_and_classes_are_given_first(tmp_path):
    log = tmp_path / "log"
    X, y = classes()
    continued_fit = start_continued_fit(
        PassingClassifier(log=log), ResourceLocation((), "epochs"), 5, (X, y), {"sample_weight": WEIGHTS}
    )

    continued_fit.continue_to(2)
    continued_fit.continue_to(5)

    calls = [(entry["classes"], entry["rows"]) for entry in read_log(log)]
    assert calls == [([0, 1, 2], 200)] + [(None, 200)] * 4
    assert {entry["weight"] for entry in read_log(log)} == {WEIGHTS.sum()}


@pytest.mark.parametrize(
    ("estimator", "data"),
    [
        (SGDClassifier(random_state=0), classes()),
        (MLPClassifier(random_state=0), classes()),
        (MLPRegressor(random_state=0), numbers()),
        (make_pipeline(StandardScaler(), SGDClassifier(random_state=0)), classes()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_epochs_in_parts_are_epochs_in_one_go(estimator, data):
    continued_fit = start_continued_fit(clone(estimator), locate_resource(estimator, "epochs"), 5, data, {})
    continued_fit.continue_to(2)
    fitted = continued_fit.continue_to(5)

    whole = clone(estimator)
    assert fit_epochs(whole, 5, data, {}) is whole
    np.testing.assert_array_equal(fitted.predict(data[0]), whole.predict(data[0]))


# -- where the count is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "resource", "expected"),
    [
        (RandomForestClassifier(), "iterations", "n_estimators"),
        (HistGradientBoostingClassifier(), "iterations", "max_iter"),
        (make_pipeline(StandardScaler(), MLPClassifier()), "iterations", "mlpclassifier__max_iter"),
        (make_pipeline(StandardScaler(), MLPClassifier()), "mlpclassifier__max_iter", "mlpclassifier__max_iter"),
        (BaggingClassifier(DecisionTreeClassifier()), "estimator__max_depth", "estimator__max_depth"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_the_count_has_the_name_that_set_params_takes(estimator, resource, expected):
    assert locate_resource(estimator, resource).parameter == expected


@pytest.mark.parametrize(
    ("estimator", "resource", "message"),
    [
        (DecisionTreeClassifier(), "iterations", "DecisionTreeClassifier has none of n_estimators, max_iter"),
        (SVC(), "epochs", "SVC has no partial_fit"),
        (SVC(), "n_trees", "Cannot use resource=n_trees which is not supported by estimator SVC"),
        (Pipeline([("a", "passthrough")]), "iterations", "str has none of"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_resource_that_the_estimator_does_not_have_is_refused(estimator, resource, message):
    with pytest.raises(ValueError, match=message):
        locate_resource(estimator, resource)
