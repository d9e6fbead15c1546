"""Fitted estimators as code: the script fits the same model, or an error gives the reason."""

from functools import cache

import numpy as np
import pytest
from scipy.stats import randint
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import RFE, RFECV, SelectFromModel, SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RANSACRegressor, Ridge, SGDClassifier
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier
from sklearn_autotune.export import export_code
from sklearn_autotune.export._fitted import EstimatorWriter, get_n_epochs, is_search

X, Y = make_classification(90, 5, n_informative=3, flip_y=0.2, weights=[0.6], random_state=0)
TWO_CLASSES = np.column_stack([Y, X[:, 0] > 0]).astype(int)
THREE_CLASSES = Y + (X[:, 1] > 0.7)
UNLABELLED = np.where(np.arange(len(Y)) % 3, Y, -1)
VALUES = 3 * X[:, 0] + np.random.RandomState(0).normal(size=len(Y))
TWO_VALUES = np.column_stack([VALUES, X[:, 1] - VALUES])
SPACE = {"max_depth": [1, 2, 4]}
TREE = DecisionTreeClassifier(random_state=0)

SEARCHES = {
    "optuna": lambda tree: OptunaSearchCV(tree, SPACE, cv=2, random_state=0),
    "grid": lambda tree: GridSearchCV(tree, SPACE, cv=2),
    "random": lambda tree: RandomizedSearchCV(tree, {"max_depth": randint(1, 5)}, n_iter=2, cv=2, random_state=0),
}

# What fits its estimator once, on all rows: the winner stands in for any search.
FIT_ONCE = {
    "pipeline": (lambda e: make_pipeline(StandardScaler(), e), Y),
    "pipeline in pipeline": (lambda e: make_pipeline(StandardScaler(), FixedThresholdClassifier(make_pipeline(e))), Y),
    "fixed threshold": (lambda e: FixedThresholdClassifier(e, threshold=0.3), Y),
    "voting": (lambda e: VotingClassifier([("a", e), ("b", "drop"), ("c", GaussianNB())], voting="soft"), Y),
    "voting of values": (lambda e: VotingRegressor([("a", e), ("b", Ridge())]), VALUES),
    "target": (lambda e: TransformedTargetRegressor(e, func=np.sinh, inverse_func=np.arcsinh), VALUES),
    "final of stacking": (lambda e: StackingClassifier([("a", LogisticRegression())], e, cv=2), Y),
    "final of stacking values": (lambda e: StackingRegressor([("a", Ridge())], e, cv=2), VALUES),
}


def read_importances(search):
    best = search.best_estimator_ if is_search(search) else search
    return best.feature_importances_


# What fits its estimator several times, on other rows, or reads it as a search.
FIT_OTHERWISE = {
    "tuned threshold": (lambda e: TunedThresholdClassifierCV(e, cv=2, thresholds=9, random_state=0), Y),
    "self-training": (lambda e: SelfTrainingClassifier(e), UNLABELLED),
    "calibrated": (lambda e: CalibratedClassifierCV(e, cv=2), Y),
    "calibrated together": (lambda e: CalibratedClassifierCV(e, cv=2, ensemble=False), Y),
    "bagging": (lambda e: BaggingClassifier(e, 2, random_state=0), Y),
    "boosting": (lambda e: AdaBoostRegressor(e, n_estimators=2, random_state=0), VALUES),
    "one or the rest": (lambda e: OneVsRestClassifier(e), THREE_CLASSES),
    "one or one": (lambda e: OneVsOneClassifier(e), THREE_CLASSES),
    "code": (lambda e: OutputCodeClassifier(e, random_state=0), THREE_CLASSES),
    "several classes": (lambda e: MultiOutputClassifier(e), TWO_CLASSES),
    "several values": (lambda e: MultiOutputRegressor(e), TWO_VALUES),
    "chain": (lambda e: ClassifierChain(e, random_state=0), TWO_CLASSES),
    "chain of values": (lambda e: RegressorChain(e, random_state=0), TWO_VALUES),
    "elimination": (lambda e: RFE(e, n_features_to_select=2, importance_getter=read_importances), Y),
    "elimination on folds": (lambda e: RFECV(e, cv=2, step=3, importance_getter=read_importances), Y),
    "selection": (lambda e: SelectFromModel(e, importance_getter=read_importances), Y),
    "sequence": (lambda e: SequentialFeatureSelector(e, n_features_to_select=1, cv=2), Y),
    "first of stacking": (lambda e: StackingClassifier([("a", e), ("b", GaussianNB())], cv=2), Y),
    "robust": (lambda e: RANSACRegressor(e, random_state=0, min_samples=30), VALUES),
    "union": (
        lambda e: make_pipeline(
            FeatureUnion([("a", SelectFromModel(e, importance_getter=read_importances)), ("b", StandardScaler())]),
            GaussianNB(),
        ),
        Y,
    ),
    "columns": (
        lambda e: make_pipeline(
            ColumnTransformer(
                [("a", SelectFromModel(e, importance_getter=read_importances), [0, 1]), ("b", "passthrough", [2])]
            ),
            GaussianNB(),
        ),
        Y,
    ),
}
WRAPPERS = FIT_ONCE | FIT_OTHERWISE


def make_tree(y):
    return DecisionTreeRegressor(random_state=0) if y.dtype.kind == "f" else TREE


def fit(wrapper, search):
    """An estimator that wraps a search, or nothing but a tree, fitted; and its target."""
    wrap, y = WRAPPERS[wrapper]
    tree = make_tree(y)
    return wrap(SEARCHES[search](tree) if search else tree).fit(X, y), y


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_the_script_of_an_estimator_of_estimators_fits_the_same_model(wrapper):
    fitted, y = fit(wrapper, search=None)

    export_code(fitted, check=(X, y))


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("wrapper", FIT_ONCE)
def test_a_search_that_was_fitted_once_on_all_rows_is_replaced_by_its_winner(wrapper, search):
    fitted, y = fit(wrapper, search)

    assert "SearchCV" not in export_code(fitted, check=(X, y)).partition("import")[2]


@pytest.mark.parametrize("wrapper", FIT_OTHERWISE)
def test_a_search_that_may_have_several_winners_is_refused(wrapper):
    fitted, _ = fit(wrapper, "optuna")

    with pytest.raises(ValueError, match=r"may fit it several times or on other rows.*Store the fitted model"):
        export_code(fitted)


@pytest.mark.parametrize("wrapper", ["tuned threshold", "self-training", "several values", "selection", "columns"])
@pytest.mark.parametrize("search", ["grid", "random"])
def test_a_search_of_scikit_learn_that_may_have_several_winners_is_written_whole(wrapper, search):
    fitted, y = fit(wrapper, search)

    assert "SearchCV(" in export_code(fitted, check=(X, y))


def test_a_search_of_a_search_is_replaced_by_the_winner_of_its_winner():
    search = OptunaSearchCV(SEARCHES["optuna"](TREE), {"refit": [True]}, cv=2).fit(X, Y)

    assert "SearchCV" not in export_code(search, check=(X, Y)).partition("import")[2]


# -- what was fitted before ----------------------------------------------------------------------------------------


@cache
def make_fitted(kind):
    return (SEARCHES[kind](TREE) if kind in SEARCHES else TREE).fit(X[:60], Y[:60])


@pytest.mark.parametrize("kind", ["optuna", "grid", "plain"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: CalibratedClassifierCV(FrozenEstimator(model)),
        lambda model: make_pipeline(StandardScaler(), FixedThresholdClassifier(FrozenEstimator(model))),
        lambda model: VotingClassifier([("a", FrozenEstimator(model)), ("b", GaussianNB())]),
        lambda model: StackingClassifier([("a", model)], GaussianNB(), cv="prefit"),
        lambda model: TunedThresholdClassifierCV(model, cv="prefit", refit=False),
        lambda model: make_pipeline(
            SelectFromModel(model, prefit=True, importance_getter=read_importances), GaussianNB()
        ),
    ],
    ids=["calibrated", "pipeline", "voting", "stacking", "threshold", "selection"],
)
def test_a_model_that_was_fitted_before_is_refused(wrap, kind):
    fitted = wrap(make_fitted(kind)).fit(X[60:], Y[60:])

    with pytest.raises(ValueError, match=r"cannot contain a fitted model\. Store the fitted model itself"):
        export_code(fitted)


def test_the_deployed_model_of_a_selector_holds_fitted_models_and_is_refused():
    selector = AutoModelSelector(families=["naive_bayes"], n_trials=1, cv=2, random_state=0).fit(X, Y)

    with pytest.raises(ValueError, match="cannot contain a fitted model"):
        export_code(selector.deployed_model())


# -- searches --------------------------------------------------------------------------------------------------------


def test_searches_are_known_by_their_type():
    search = make_fitted("optuna")

    assert is_search(search)
    assert is_search(GridSearchCV(TREE, SPACE))
    assert is_search(TunedXGBClassifier())
    assert not is_search(FrozenEstimator(search))
    assert not is_search(RFECV(TREE))
    assert get_n_epochs(search) is None


def test_a_transformer_with_a_parameter_named_like_a_search_is_no_search():
    class Binner(StandardScaler):
        def __init__(self, param_grid=None):
            super().__init__()
            self.param_grid = param_grid

    assert not is_search(Binner({"a": [1]}))


def test_a_winner_that_was_fitted_by_passes_can_be_exported_only_by_itself():
    space = {"alpha": [1e-4, 1e-2]}
    search = OptunaSearchCV(SGDClassifier(random_state=0), space, cv=2, resource="epochs", max_resources=4)
    pipeline = make_pipeline(StandardScaler(), search).fit(X, Y)

    assert get_n_epochs(pipeline[-1]) == pipeline[-1].best_resource_
    with pytest.raises(ValueError, match="only by itself"):
        EstimatorWriter().write_fitted(pipeline, "Pipeline")


# -- boosters that stopped early ------------------------------------------------------------------------------------


def test_the_rounds_that_early_stopping_found_are_written():
    xgboost = pytest.importorskip("xgboost")
    booster = xgboost.XGBClassifier(n_estimators=200, early_stopping_rounds=3, subsample=0.7, random_state=0, n_jobs=1)
    search = OptunaSearchCV(booster, {"max_depth": [2, 3]}, cv=2, random_state=0)
    search.fit(X[:60], Y[:60], eval_set=[(X[60:], Y[60:])], verbose=False)

    code = export_code(search, check=(X[:60], Y[:60]))

    assert f"n_estimators={search.best_estimator_.best_iteration + 1}" in code
    assert "early_stopping" not in code


def test_rounds_that_change_earlier_ones_are_refused():
    xgboost = pytest.importorskip("xgboost")
    booster = xgboost.XGBClassifier(n_estimators=30, early_stopping_rounds=3, booster="dart", n_jobs=1)
    booster.fit(X[:60], Y[:60], eval_set=[(X[60:], Y[60:])], verbose=False)

    with pytest.raises(ValueError, match=r"was fitted with early stopping.*another model\. Store"):
        export_code(booster)
