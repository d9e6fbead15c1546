"""What can be searched: choices of any objects, swapped steps; and no candidate is measured twice."""

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.stats import loguniform, randint, uniform
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, ParameterGrid
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted

from sklearn_autotune import OptunaSearchCV
from tests.toys import CountingClassifier, read_log, statuses


@pytest.fixture
def data():
    rng = np.random.RandomState(0)
    return rng.normal(size=(30, 3)), np.arange(30) % 2


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def tried(search, name):
    """The values of a parameter, in the order in which they were tried."""
    return [params[name] for params in search.cv_results_["params"]]


# -- choices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("choices", [[0.5, 8], (0.5, 8), np.array([0.5, 8.0]), [1, 100]])
def test_a_sequence_of_two_numbers_is_two_choices_and_no_range(data, choices):
    search = OptunaSearchCV(CountingClassifier(), {"a": choices}, n_trials=20, cv=2).fit(*data)

    assert tried(search, "a") == list(choices)


def test_a_range_is_choices(data):
    search = OptunaSearchCV(CountingClassifier(), {"a": range(4)}, n_trials=20, cv=2).fit(*data)

    assert tried(search, "a") == [0, 1, 2, 3]
    assert search.best_params_ == {"a": 3}


OPTIONS = {
    "None": [None, 1],
    "True beside 1": [True, 1, 1.0],
    "dicts": [{"x": 1}, {"x": 2}, {}],
    "lists": [[1, 2], [1, 2, 3], []],
    "tuples": [(1, 2), (3,)],
    "2-D arrays": [np.eye(2), np.ones((2, 2)), np.ones((1, 2))],
    "functions": [np.mean, np.median],
    "classes": [LogisticRegression, SVC],
    "mixed": ["a", None, 1.5, (1,), np.arange(2), {"x": None}],
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_choices_may_be_any_objects_and_arrive_as_they_are(data, log, options):
    toy = CountingClassifier(a=3, log=str(log))
    search = OptunaSearchCV(toy, {"b": options}, n_trials=20, cv=2, refit=False).fit(*data)

    assert [repr(value) for value in tried(search, "b")] == [repr(option) for option in options]
    assert [type(value) for value in tried(search, "b")] == [type(option) for option in options]
    assert [entry["b"] for entry in read_log(log)[::2]] == [repr(option) for option in options]


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_choices_of_any_objects_can_be_sampled_too(data, options):
    space = {"a": uniform(0, 9), "b": options}
    search = OptunaSearchCV(CountingClassifier(), space, n_trials=15, cv=2, random_state=0).fit(*data)

    known = {(type(option), repr(option)) for option in options}
    assert {(type(value), repr(value)) for value in tried(search, "b")} <= known
    assert len(tried(search, "b")) == 15


# -- candidates that are estimators ----------------------------------------------------------------------------------


def is_fitted(estimator):
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


def test_candidate_estimators_are_cloned_before_use(data):
    choices = [LogisticRegression(C=0.1), KNeighborsClassifier(), Pipeline([("only", SVC())])]
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())])
    search = OptunaSearchCV(pipeline, {"model": choices, "scale": ["passthrough"]}, cv=2).fit(*data)

    assert not any(is_fitted(choice) for choice in choices)
    assert not is_fitted(choices[2].named_steps["only"])
    assert not is_fitted(search.best_params_["model"])
    assert not any(is_fitted(model) for model in tried(search, "model"))
    assert is_fitted(search.best_estimator_)
    assert search.best_estimator_.named_steps["model"] is not search.best_params_["model"]


def test_a_fitted_choice_does_not_bring_its_fit_along(data, log):
    """A choice that was fitted elsewhere is measured as if it were new."""
    X, y = data
    fitted = LogisticRegression().fit(X + 100, y)
    pipeline = Pipeline([("model", KNeighborsClassifier())])

    search = OptunaSearchCV(pipeline, {"model": [fitted]}, cv=2, refit=False).fit(X, y)
    fresh = OptunaSearchCV(pipeline, {"model": [LogisticRegression()]}, cv=2, refit=False).fit(X, y)

    assert search.best_score_ == fresh.best_score_
    assert fitted.coef_.tolist() == LogisticRegression().fit(X + 100, y).coef_.tolist()


def test_best_params_rebuild_the_best_estimator(data):
    pipeline = Pipeline([("model", LogisticRegression())])
    search = OptunaSearchCV(pipeline, {"model": [LogisticRegression(C=0.1), LogisticRegression(C=10)]}, cv=2)
    search.fit(*data)

    rebuilt = pipeline.set_params(**search.best_params_).fit(*data)

    assert rebuilt.predict_proba(data[0]).tolist() == search.predict_proba(data[0]).tolist()


# -- steps that are swapped ------------------------------------------------------------------------------------------

BRANCHES = [
    {"scale": [StandardScaler(), MinMaxScaler()], "model": [SVC()], "model__C": loguniform(0.1, 10)},
    {"scale": ["passthrough"], "model": [KNeighborsClassifier()], "model__n_neighbors": randint(1, 6)},
    {"model": [LogisticRegression()], "model__C": loguniform(1e-3, 1), "model__fit_intercept": [True, False]},
]


@pytest.mark.parametrize("seed", range(2))
def test_whole_steps_are_swapped_together_with_their_parameters(data, seed):
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())])
    search = OptunaSearchCV(pipeline, BRANCHES, n_trials=30, cv=2, random_state=seed, error_score="raise").fit(*data)

    models = [type(model) for model in tried(search, "model")]
    assert set(models) == {SVC, KNeighborsClassifier, LogisticRegression}
    for params in search.cv_results_["params"]:
        names = {SVC: {"scale", "model", "model__C"}, KNeighborsClassifier: {"scale", "model", "model__n_neighbors"}}
        assert set(params) == names.get(type(params["model"]), {"model", "model__C", "model__fit_intercept"})
    is_knn = np.array(models) == KNeighborsClassifier
    np.testing.assert_array_equal(search.cv_results_["param_model__C"].mask, is_knn)
    np.testing.assert_array_equal(search.cv_results_["param_model__n_neighbors"].mask, ~is_knn)
    # The same name means other ranges in other branches.
    for params in search.cv_results_["params"]:
        if isinstance(params["model"], LogisticRegression):
            assert 1e-3 <= params["model__C"] <= 1


def test_a_function_swaps_steps_and_sets_their_parameters(data):
    def space(trial):
        if trial.suggest_categorical("kind", ["svm", "knn"]) == "svm":
            return {"model": SVC(), "model__C": trial.suggest_float("C", 0.1, 10, log=True)}
        return {"model": KNeighborsClassifier(), "model__n_neighbors": trial.suggest_int("k", 1, 5)}

    pipeline = Pipeline([("model", LogisticRegression())])
    search = OptunaSearchCV(pipeline, space, n_trials=12, cv=2, random_state=0, error_score="raise").fit(*data)

    assert {type(model) for model in tried(search, "model")} == {SVC, KNeighborsClassifier}
    assert len(tried(search, "model")) == 12


class TakesOneColumn(TransformerMixin, BaseEstimator):
    def __init__(self, column=0):
        self.column = column

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X[:, [self.column]]


def test_parameters_two_levels_down_are_searched(data):
    pipeline = Pipeline([("take", TakesOneColumn()), ("bag", BaggingClassifier(SVC(), n_estimators=2))])
    space = {"bag__estimator__C": [0.1, 1.0], "take__column": [0, 2]}
    search = OptunaSearchCV(pipeline, space, cv=2).fit(*data)

    assert search.best_params_["bag__estimator__C"] == search.best_estimator_.named_steps["bag"].estimator.C
    assert len(search.cv_results_["params"]) == 4


# -- nothing is measured twice ---------------------------------------------------------------------------------------


def test_a_finite_space_is_searched_once_and_in_grid_order(data, log):
    space = {"b": ["x", "y", "z"], "a": [1, 2, 3, 4]}
    search = OptunaSearchCV(CountingClassifier(log=str(log)), space, n_trials=50, cv=2, refit=False).fit(*data)

    assert search.cv_results_["params"] == list(ParameterGrid(space))
    assert len(read_log(log)) == 12 * 2


def test_a_finite_space_gives_the_table_of_grid_search(data):
    grid = {"C": [0.1, 1.0, 10.0], "gamma": [0.1, 1.0]}
    ours = OptunaSearchCV(SVC(), grid, cv=3).fit(*data)
    theirs = GridSearchCV(SVC(), grid, cv=3).fit(*data)

    assert ours.cv_results_.keys() == theirs.cv_results_.keys()
    assert ours.best_params_ == theirs.best_params_
    assert ours.cv_results_["mean_test_score"].tolist() == theirs.cv_results_["mean_test_score"].tolist()


def test_equal_candidates_are_measured_once(data, log):
    space = [{"a": [1, 2, 2], "b": [(1, 2), (1, 2)]}, {"a": [2, 3], "b": [(1, 2)]}]
    toy = CountingClassifier(log=str(log))
    search = OptunaSearchCV(toy, space, n_trials=50, cv=2, refit=False).fit(*data)

    assert tried(search, "a") == [1, 2, 3]
    assert len(read_log(log)) == 3 * 2


@pytest.mark.parametrize(
    "space",
    [
        {"a": IntDistribution(0, 5), "b": IntDistribution(0, 1)},
        {"a": randint(0, 6), "b": CategoricalDistribution([0, 1])},
        {"a": FloatDistribution(0, 5, step=1), "b": [0, 1]},
    ],
    ids=["integers", "scipy", "stepped"],
)
@pytest.mark.parametrize("sampler", [None, optuna.samplers.RandomSampler(seed=0)], ids=["tpe", "random"])
@pytest.mark.parametrize("n_trials", [11, 12, 40])
def test_small_integer_spaces_are_never_measured_twice(data, log, space, sampler, n_trials):
    toy = CountingClassifier(log=str(log))
    search = OptunaSearchCV(
        toy,
        space,
        n_trials=n_trials,
        cv=2,
        refit=False,
        sampler=sampler,
        look_ahead=2,
        measure_default=False,
        random_state=0,
    ).fit(*data)

    candidates = [(float(params["a"]), params["b"]) for params in search.cv_results_["params"]]
    assert len(set(candidates)) == len(candidates) == min(n_trials, 12)
    assert len(read_log(log)) == 2 * min(n_trials, 12)


def suggest_stepped(trial):
    return {"a": trial.suggest_float("a", 0, 0.3, step=0.1)}


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize(
    "space", [{"a": FloatDistribution(0, 0.3, step=0.1)}, suggest_stepped], ids=["range", "function"]
)
@pytest.mark.parametrize(
    "sampler",
    [lambda: None, lambda: optuna.samplers.BruteForceSampler(seed=0), lambda: optuna.samplers.NSGAIISampler(seed=0)],
    ids=["tpe", "brute force", "nsga-ii"],
)
def test_each_step_of_a_range_of_floats_is_measured_once_and_stored(data, space, sampler, tmp_path):
    search = OptunaSearchCV(
        CountingClassifier(),
        space,
        n_trials=6,
        cv=2,
        sampler=sampler(),
        enqueue=[{"a": 0.1 + 0.2}],
        storage=tmp_path / "study.db",
    ).fit(*data)

    assert sorted(tried(search, "a")) == [0.0, 0.1, 0.2, 0.3]


def test_branches_that_overlap_are_exhausted_by_a_sampler(data, log):
    """Counted branch by branch there are 9 candidates, of which 6 are different; 8 trials are no full grid."""
    space = [{"a": randint(0, 5)}, {"a": [2, 3, 4, 5]}]
    toy = CountingClassifier(log=str(log))
    search = OptunaSearchCV(toy, space, n_trials=8, cv=2, refit=False, measure_default=False, random_state=0)
    search.fit(*data)

    assert sorted(tried(search, "a")) == [0, 1, 2, 3, 4, 5]
    assert len(read_log(log)) == 6 * 2


def test_candidates_measured_once_leave_the_budget_to_others(data):
    """Proposals that had been measured do not count as trials."""
    space = {"a": IntDistribution(0, 19)}
    search = OptunaSearchCV(CountingClassifier(), space, n_trials=19, cv=2, look_ahead=1, random_state=0).fit(*data)

    assert len(set(tried(search, "a"))) == len(statuses(search)) == 19
    assert "duplicate" in search.trials_["status"]  # or the sampler has not repeated itself, and nothing is shown


def test_a_space_without_parameters_measures_the_estimator_as_it_is(data, log):
    search = OptunaSearchCV(CountingClassifier(a=2, log=str(log)), {}, cv=2).fit(*data)

    assert search.cv_results_["params"] == [{}]
    assert search.best_params_ == {}
    assert search.best_estimator_.a == 2
    assert len(read_log(log)) == 3
