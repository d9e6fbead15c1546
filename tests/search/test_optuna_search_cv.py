"""A search is a scikit-learn estimator: it stores, clones, pickles, nests and delegates like one."""

import joblib
import numpy as np
import optuna
import pytest
from scipy.stats import uniform
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_autotune import OptunaSearchCV
from tests.search.small_search import knn_search
from tests.toys import CountingClassifier, read_log, table

# -- the constructor only stores -------------------------------------------------------------------------------------

# One of everything, and mostly wrong: a constructor has no opinion.
ARGUMENTS = {
    "estimator": KNeighborsClassifier(),
    "param_distributions": {"n_neighbors": []},
    "param_grid": {"n_neighbors": 3},
    "n_trials": 0,
    "n_iter": 0,
    "timeout": -1,
    "trial_timeout": -1,
    "memory_limit": -1,
    "executor": "nowhere",
    "scoring": "no such score",
    "objectives": "no such objective",
    "limits": -1,
    "limit_confidence": "no such number",
    "infeasible": "no such choice",
    "n_jobs": None,
    "threshold": "no such score",
    "refit": "neither",
    "cv": 1,
    "verbose": "loud",
    "pre_dispatch": "all",
    "random_state": np.random.RandomState(0),
    "error_score": "never",
    "return_train_score": None,
    "sampler": optuna.samplers.RandomSampler(seed=0),
    "pruner": optuna.pruners.MedianPruner(),
    "resource": "time",
    "min_resources": 0,
    "max_resources": 0.5,
    "factor": 1,
    "step_cache": -1,
    "patience": 0,
    "target_score": "high",
    "look_ahead": 0,
    "warm_start_from": object(),
    "measure_default": True,
    "keep": "everything",
    "enqueue": [{"unknown": 1}],
    "callbacks": [print],
    "storage": "/no/such/place",
    "study_name": "name",
    "resume": "perhaps",
}


def test_the_constructor_stores_its_arguments_and_nothing_else():
    search = OptunaSearchCV(**ARGUMENTS)

    assert vars(search).keys() == ARGUMENTS.keys() == search.get_params(deep=False).keys()
    for name, value in ARGUMENTS.items():
        assert getattr(search, name) is value


def test_set_params_stores_its_arguments_and_nothing_else():
    search = OptunaSearchCV(None, None)

    search.set_params(**ARGUMENTS)

    assert vars(search).keys() == ARGUMENTS.keys()
    for name, value in ARGUMENTS.items():
        assert getattr(search, name) is value


def test_fit_leaves_n_jobs_none_and_every_other_argument_as_it_was(data):
    search = knn_search()
    before = search.get_params(deep=False)

    with joblib.parallel_config(backend="threading", n_jobs=2):
        search.fit(*data)

    assert search.n_jobs is None
    for name, value in before.items():
        assert getattr(search, name) is value


def test_parameters_of_the_estimator_are_set_through_the_search(data):
    search = knn_search(refit=True).set_params(estimator__weights="distance").fit(*data)

    assert search.get_params()["estimator__weights"] == "distance"
    assert search.best_estimator_.weights == "distance"


# -- errors before anything is fitted --------------------------------------------------------------------------------


class Nothing:
    """Neither a list nor a distribution."""


BAD = {
    "n_trials=0": ({"n_trials": 0}, "n_trials"),
    "n_trials=2.5": ({"n_trials": 2.5}, "n_trials"),
    "timeout=0": ({"timeout": 0}, "timeout"),
    "look_ahead=0": ({"look_ahead": 0}, "look_ahead"),
    "cv=1": ({"cv": 1}, "'cv' parameter"),
    "cv of nothing": ({"cv": []}, "No fits were performed"),
    "unknown scoring": ({"scoring": "no such score"}, "scoring"),
    "several scores and no choice": ({"scoring": ["accuracy", "f1"]}, "refit must be set to a scorer key"),
    "empty list": ({"param_distributions": {"a": []}}, "non-empty"),
    "empty list of dicts": ({"param_distributions": []}, "Parameter distribution"),
    "a single value": ({"param_distributions": {"a": 3}}, "single value needs to be wrapped"),
    "a string": ({"param_distributions": {"a": "abc"}}, "'a'"),
    "a set": ({"param_distributions": {"a": {1, 2}}}, "'a'"),
    "no distribution": ({"param_distributions": {"a": Nothing()}}, "'a'"),
    "infinite bound": ({"param_distributions": {"a": uniform(0, np.inf)}}, "'a'"),
    "bound not a number": ({"param_distributions": {"a": uniform(np.nan, 1)}}, "'a'"),
    "infinite Optuna bound": (
        {"param_distributions": {"a": optuna.distributions.FloatDistribution(0, float("inf"))}},
        "'a'",
    ),
    "unknown name": ({"param_distributions": {"c": [1]}}, "Invalid parameter 'c'"),
    "unknown name in one branch": ({"param_distributions": [{"a": [1]}, {"c": [1]}]}, "Invalid parameter 'c'"),
    "unknown step": ({"param_distributions": {"step__a": [1]}}, "Invalid parameter 'step__a'"),
    "enqueued value outside": ({"enqueue": [{"a": 99}]}, "99"),
    "enqueued name unknown": ({"enqueue": [{"a": 1}, {"c": 1}]}, "'c' is not in the space"),
    "wrong sampler": ({"sampler": "tpe"}, "sampler"),
    "wrong storage": (
        {"storage": b"trials.db"},
        "'storage' parameter of OptunaSearchCV must be an instance of",
    ),
    "wrong pruner": ({"pruner": "median"}, "pruner"),
    "error_score": ({"error_score": "never"}, "error_score"),
    "refit=None": ({"refit": None}, "refit"),
}


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_used_is_refused_before_any_fit(tmp_path, data, changes, message):
    log = tmp_path / "log"
    settings = {"estimator": CountingClassifier(log=str(log)), "param_distributions": {"a": [1, 2, 3]}, "cv": 2}
    search = OptunaSearchCV(**(settings | changes))

    with pytest.raises((ValueError, TypeError), match=message):
        search.fit(*data)

    assert read_log(log) == []
    assert not hasattr(search, "cv_results_")


def test_y_is_asked_for_where_the_estimator_needs_it(data):
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        knn_search().fit(data[0])


def test_y_is_not_asked_for_where_the_estimator_does_not_need_it(data):
    clusters = OptunaSearchCV(KMeans(n_init=1, random_state=0), {"n_clusters": [2, 3]}, cv=2).fit(data[0])

    assert clusters.best_params_ == {"n_clusters": 3}
    assert clusters.predict(data[0]).shape == (60,)


def test_an_estimator_without_score_needs_scoring():
    class Bare:
        """No score; and not a scikit-learn class either."""

        def fit(self, X, y=None):
            return self

    with pytest.raises(TypeError, match="score"):
        OptunaSearchCV(Bare(), {}).fit([[1], [2]], [0, 1])


# -- nesting ---------------------------------------------------------------------------------------------------------


def test_a_search_is_a_step_of_a_pipeline(data):
    pipeline = make_pipeline(StandardScaler(), knn_search()).fit(*data)

    assert pipeline.predict_proba(data[0]).shape == (60, 2)
    assert pipeline[-1].best_params_["n_neighbors"] in (1, 3, 5)


def test_a_search_searches_a_search(data):
    inner = knn_search()
    outer = OptunaSearchCV(inner, {"estimator__weights": ["uniform", "distance"], "n_trials": [1, 3]}, cv=2)

    outer.fit(*data)

    assert len(outer.cv_results_["params"]) == 4
    best = outer.best_estimator_
    assert best.best_estimator_.weights == outer.best_params_["estimator__weights"]
    assert len(best.cv_results_["params"]) == outer.best_params_["n_trials"]
    assert not hasattr(inner, "cv_results_")


def test_cross_validation_on_sorted_labels_is_stratified():
    X, y = load_iris(return_X_y=True)

    assert cross_val_score(knn_search(), X, y, cv=3).min() > 0.9


def test_cross_validation_gives_searches_that_have_not_seen_the_test_rows(data):
    result = cross_validate(knn_search(), *data, cv=3, return_estimator=True, return_indices=True)

    for search, train in zip(result["estimator"], result["indices"]["train"], strict=True):
        alone = knn_search().fit(data[0][train], data[1][train])
        assert table(search) == table(alone)


def test_searches_are_stacked_and_calibrated(data):
    stack = StackingClassifier([("knn", knn_search()), ("line", LogisticRegression())], cv=2).fit(*data)
    assert stack.named_estimators_["knn"].best_params_["n_neighbors"] in (1, 3, 5)
    assert stack.predict_proba(data[0]).shape == (60, 2)

    calibrated = CalibratedClassifierCV(knn_search(), cv=2, ensemble=False).fit(*data)
    assert calibrated.predict_proba(data[0]).shape == (60, 2)
