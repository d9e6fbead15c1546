"""A search is a scikit-learn estimator: it stores, clones, pickles, nests and delegates as those do."""

import copy
import pickle

import cloudpickle
import joblib
import numpy as np
import optuna
import pytest
from scipy.stats import uniform
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import StackingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, ShuffleSplit, cross_val_score, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils import estimator_html_repr

from sklearn_autotune import OptunaSearchCV
from tests.toys import CountingClassifier, read_log, table


@pytest.fixture(scope="module")
def data():
    return make_classification(n_samples=60, n_features=4, flip_y=0.2, random_state=0)


def knn_search(**changes):
    settings = {
        "estimator": KNeighborsClassifier(),
        "param_distributions": {"n_neighbors": [1, 3, 5]},
        "n_trials": 3,
        "cv": 2,
        "random_state": 0,
    }
    return OptunaSearchCV(**(settings | changes))


# -- the constructor only stores -------------------------------------------------------------------------------------

# One of everything, and mostly wrong: a constructor has no opinion.
ARGUMENTS = {
    "estimator": KNeighborsClassifier(),
    "param_distributions": {"n_neighbors": []},
    "n_trials": 0,
    "timeout": -1,
    "trial_timeout": -1,
    "memory_limit": -1,
    "executor": "nowhere",
    "scoring": "no such score",
    "n_jobs": None,
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


# -- what is delegated -----------------------------------------------------------------------------------------------

METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function", "transform", "inverse_transform"]
METHODS += ["score_samples", "get_feature_names_out", "set_output"]


@pytest.mark.parametrize("estimator", [KNeighborsClassifier(), LinearSVC(), StandardScaler(), SVC(), KMeans(), Ridge()])
def test_methods_exist_exactly_when_the_estimator_has_them(estimator):
    search = OptunaSearchCV(estimator, {})

    for method in METHODS:
        assert hasattr(search, method) == hasattr(estimator, method)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score"])
def test_methods_of_an_unfitted_search_say_so(data, method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(knn_search(), method)(data[0])


@pytest.mark.parametrize("name", ["predict", "predict_proba", "classes_", "score"])
def test_without_refit_there_is_nothing_to_delegate_to_and_the_message_says_why(data, name):
    search = knn_search(refit=False).fit(*data)

    with pytest.raises(AttributeError) as caught:
        getattr(search, name)(*data)

    # The reason may stand in the cause, as it does in scikit-learn.
    texts = [str(caught.value), str(caught.value.__cause__)]
    assert any("`refit=False`" in text and f"{name} is available only after refitting" in text for text in texts)
    assert search.best_params_["n_neighbors"] in (1, 3, 5)


def test_a_method_that_only_some_candidates_have_follows_the_best_one(data):
    pipeline = make_pipeline(StandardScaler(), LinearSVC())
    search = OptunaSearchCV(pipeline, {"linearsvc": [LogisticRegression()]}, cv=2)
    assert not hasattr(search, "predict_proba")

    search.fit(*data)

    assert search.predict_proba(data[0]).shape == (60, 2)


def test_predictions_and_attributes_are_those_of_the_best_estimator(data):
    X, y = data
    search = knn_search().fit(X, y)

    assert search.predict(X).tolist() == search.best_estimator_.predict(X).tolist()
    assert search.classes_.tolist() == [0, 1]
    assert search.n_features_in_ == 4
    assert search.score(X, y) == search.best_estimator_.score(X, y)


def test_set_output_and_feature_names_go_through(data):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(data[0], columns=list("abcd"))
    search = OptunaSearchCV(StandardScaler(), {"with_std": [True, False]}, cv=2, scoring=lambda *_: 0.0)

    out = search.set_output(transform="pandas").fit(frame).transform(frame)

    assert list(out.columns) == list("abcd") == list(search.get_feature_names_out())
    assert list(search.feature_names_in_) == list("abcd")
    assert isinstance(search.set_output(transform="default").transform(frame), np.ndarray)


def test_kind_and_tags_are_those_of_the_estimator():
    assert is_classifier(knn_search())
    assert is_regressor(OptunaSearchCV(Ridge(), {}))
    assert not is_classifier(OptunaSearchCV(Ridge(), {}))


# -- how it looks ----------------------------------------------------------------------------------------------------


def test_html_and_text_before_and_after_fit(data):
    search = knn_search(estimator=make_pipeline(StandardScaler(), KNeighborsClassifier()))
    search.set_params(param_distributions={"kneighborsclassifier__n_neighbors": [1, 3]})

    before = estimator_html_repr(search)
    assert "estimator: Pipeline" in before
    assert "StandardScaler" in before

    after = estimator_html_repr(search.fit(*data))
    assert "best_estimator_: Pipeline" in after
    assert search._repr_html_() is not None
    assert repr(search).startswith("OptunaSearchCV(")


# -- copies ----------------------------------------------------------------------------------------------------------

DUMPS = {"pickle": (pickle.dumps, pickle.loads), "cloudpickle": (cloudpickle.dumps, cloudpickle.loads)}


@pytest.mark.parametrize(("dumps", "loads"), DUMPS.values(), ids=DUMPS)
def test_an_unfitted_search_is_pickled(data, dumps, loads):
    search = knn_search()

    assert table(loads(dumps(search)).fit(*data)) == table(search.fit(*data))


@pytest.mark.parametrize(("dumps", "loads"), DUMPS.values(), ids=DUMPS)
def test_a_fitted_search_is_pickled_with_its_results(data, dumps, loads):
    search = knn_search().fit(*data)

    loaded = loads(dumps(search))

    assert table(loaded) == table(search)
    assert loaded.predict(data[0]).tolist() == search.predict(data[0]).tolist()
    assert loaded.best_params_ == search.best_params_
    assert [trial.params for trial in loaded.study_.trials] == [trial.params for trial in search.study_.trials]
    assert table(loaded.fit(*data)) == table(search)


def test_a_search_with_lambdas_is_pickled_by_cloudpickle(data):
    halve = lambda X: X / 2  # noqa: E731
    search = OptunaSearchCV(
        CountingClassifier(),
        {"a": uniform(0, 9), "b": [halve, lambda X: X]},
        n_trials=5,
        cv=2,
        scoring=lambda estimator, X, y: estimator.a,
        refit=lambda results: int(np.argmax(results["mean_test_score"])),
        random_state=0,
    ).fit(*data)

    loaded = cloudpickle.loads(cloudpickle.dumps(search))

    assert loaded.best_index_ == search.best_index_
    assert loaded.best_params_["b"](np.ones(1)) == search.best_params_["b"](np.ones(1))
    assert loaded.fit(*data).best_index_ == search.best_index_


def test_a_fitted_search_is_dumped_by_joblib(data, tmp_path):
    search = knn_search().fit(*data)
    joblib.dump(search, tmp_path / "search.joblib")

    loaded = joblib.load(tmp_path / "search.joblib")

    assert loaded.predict(data[0]).tolist() == search.predict(data[0]).tolist()


def test_a_deep_copy_of_a_fitted_search_is_fitted(data):
    search = knn_search().fit(*data)

    assert copy.deepcopy(search).predict(data[0]).tolist() == search.predict(data[0]).tolist()


def test_a_clone_of_a_fitted_search_is_unfitted_and_finds_the_same(data):
    search = knn_search(sampler=optuna.samplers.TPESampler(seed=3), enqueue=[{"n_neighbors": 5}]).fit(*data)

    copied = clone(search)

    assert not hasattr(copied, "cv_results_")
    assert copied.get_params(deep=False).keys() == search.get_params(deep=False).keys()
    assert table(copied.fit(*data)) == table(search)


# -- a second fit ----------------------------------------------------------------------------------------------------


def test_a_second_fit_is_a_new_study_with_the_same_result(data):
    search = knn_search(param_distributions={"n_neighbors": [1, 3, 5], "p": uniform(1, 2)}, n_trials=12)
    first, study = table(search.fit(*data)), search.study_
    second = table(search.fit(*data))

    assert second == first
    assert search.study_ is not study
    assert len(search.study_.trials) == len(study.trials) == 12


def test_a_second_fit_drops_what_does_not_hold_any_more(data):
    pandas = pytest.importorskip("pandas")
    X, y = data
    search = knn_search().fit(pandas.DataFrame(X, columns=list("abcd")), y)

    search.set_params(refit=False).fit(X, y)
    for name in ("best_estimator_", "refit_time_", "feature_names_in_", "n_features_in_", "classes_"):
        assert not hasattr(search, name)

    search.set_params(refit=lambda results: 0).fit(X, y)
    assert not hasattr(search, "best_score_")
    assert search.best_index_ == 0

    search.set_params(scoring=["accuracy", "f1"], refit=False).fit(X, y)
    for name in ("best_estimator_", "best_score_", "best_index_", "best_params_"):
        assert not hasattr(search, name)


def test_a_fit_that_fails_leaves_nothing_of_the_fit_before(data):
    search = knn_search().fit(*data)

    with pytest.raises(ValueError, match="'cv' parameter"):
        search.set_params(cv=1).fit(*data)

    assert not hasattr(search, "best_estimator_")
    assert not hasattr(search, "cv_results_")


# -- folds -----------------------------------------------------------------------------------------------------------


class CountingSplitter(KFold):
    """Counts how often it is asked for folds."""

    n_calls = 0

    def split(self, X, y=None, groups=None):
        self.n_calls += 1
        yield from super().split(X, y, groups)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_folds_are_drawn_once_per_fit(data, n_jobs):
    cv = CountingSplitter(3)
    search = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=12, cv=cv, n_jobs=n_jobs)
    with joblib.parallel_config(backend="threading"):
        search.fit(*data)

    assert cv.n_calls == 1
    assert search.n_splits_ == 3


@pytest.mark.parametrize("pruner", [None, optuna.pruners.MedianPruner(n_startup_trials=2)], ids=["whole", "pruned"])
def test_splitters_that_can_be_used_only_once_serve_all_candidates(data, pruner):
    generator = (fold for fold in KFold(3).split(*data))
    search = OptunaSearchCV(
        CountingClassifier(),
        {"a": uniform(0, 9)},
        n_trials=12,
        cv=KFold(3),
        pruner=pruner,
        look_ahead=2,
        random_state=0,
    )
    many_times = table(search.fit(*data))
    once = table(search.set_params(cv=generator).fit(*data))

    assert once == many_times
    assert list(generator) == []


def test_an_unseeded_splitter_gives_all_candidates_the_same_folds(data):
    cv = ShuffleSplit(3, test_size=0.3)
    search = OptunaSearchCV(CountingClassifier(a=3), {"b": [1, 2, 3, 4]}, cv=cv).fit(*data)

    for fold in range(3):  # the score of a fold depends on its rows alone
        assert len(set(search.cv_results_[f"split{fold}_test_score"])) == 1


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
