"""The first steps of pipelines are computed once per fold, and no score shows it."""

import copy
import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import FeatureAgglomeration
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Lasso, LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune._sklearn import HAS_CALLBACKS
from sklearn_autotune.evaluation import Fold, Prefixes, Task, WholeFolds, Work, measure
from tests.toys import Handle
from tests.toys import table as search_table

# -- measuring with and without --------------------------------------------------------------------------------------


def output(model, X, y=None):
    """Sum up what a model says, so that no difference is too small to be seen."""
    methods = ("decision_function", "predict", "transform")
    return float(next(getattr(model, name) for name in methods if hasattr(model, name))(X).sum())


def make_task(estimator, X, y, *, cv=None, groups=None, scoring=None, train=True, fit_params=None, error_score=np.nan):
    splits = (cv or KFold(3, shuffle=True, random_state=0)).split(X, y, groups)
    return Task(
        X=X,
        y=y,
        folds=tuple(Fold(number, *rows) for number, rows in enumerate(splits)),
        scorer=check_scoring(estimator, scoring or output),
        fit_params=fit_params or {},
        score_params={},
        error_score=error_score,
        return_train_score=train,
    )


def table(estimator, candidates, task, shared=None):
    """Test and train scores of every candidate on every fold, and the last line of its error."""
    evaluation = WholeFolds(estimator, task, shared=shared)
    outcomes = [
        measure(evaluation, Work(number, number, len(candidates), params)) for number, params in enumerate(candidates)
    ]
    return [
        [(fold.test, fold.train, fold.error and fold.error.strip().splitlines()[-1]) for fold in outcome.folds]
        for outcome in outcomes
    ]


def same(one, other):
    """Whether two tables are equal to the last bit; NaN is equal to NaN."""
    return repr(one) == repr(other)


# -- steps that tell what is done to them ----------------------------------------------------------------------------

CALLS = []


@pytest.fixture
def calls():
    CALLS.clear()
    return CALLS


def times(calls, method, name=None):
    return len([call for call in calls if call[0] == method and name in (None, call[1])])


class Spy(TransformerMixin, BaseEstimator):
    """Adds ``shift`` to the rows, and tells which rows it was given: their numbers stand in the last column."""

    def __init__(self, name="spy", shift=0.0):
        self.name = name
        self.shift = shift

    def fit(self, X, y=None, sample_weight=None):
        weights = None if sample_weight is None else tuple(sample_weight)
        CALLS.append(("fit", self.name, self.shift, tuple(X[:, -1]), weights))
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        CALLS.append(("transform", self.name, self.shift, len(X)))
        out = X + self.shift * self.mean_
        out[:, -1] = X[:, -1]
        return out


class InPlace(Spy):
    """Changes the rows it is given, and returns others."""

    def transform(self, X):
        X[:, 0] = X[:, 0] * 2 + 1
        return super().transform(X)


class InPlaceModel(RidgeClassifier):
    """Spoils what it is given, in ``fit`` and in ``predict``."""

    def fit(self, X, y):
        super().fit(X, y)
        X[:] = -7
        return self

    def decision_function(self, X):
        output = super().decision_function(X)
        X[:] = -7
        return output


class Returning(InPlace):
    """Changes the rows it is given, and returns them."""

    def transform(self, X):
        X[:, 0] += self.shift
        return X


class Factor(Spy):
    """Is told a factor when it transforms."""

    def transform(self, X, factor=1.0):
        return factor * super().transform(X)


class Layout(RidgeClassifier):
    """Looks at how its rows lie in memory, and not at what they are."""

    def fit(self, X, y):
        self.given_ = self.decision_function(X)
        return self

    def decision_function(self, X):
        flags = X.flags
        return np.array([*X.strides, flags.writeable, flags.aligned, flags.c_contiguous]) @ np.array(
            [1, 1e3, 1e6, 2e6, 4e6]
        )


class Failing(Spy):
    def fit(self, X, y=None):
        super().fit(X, y)
        raise ValueError("the toy fails on purpose")


class Unpicklable(Spy):
    def fit(self, X, y=None):
        super().fit(X, y)
        self.handle_ = Handle()
        return self


class OddRows(Spy):
    """Gives rows that cannot be pickled."""

    def transform(self, X):
        rows = np.empty((len(X), 1), dtype=object)
        rows[:] = Handle()
        return rows


class RowCounter(RidgeClassifier):
    """Looks at the number of rows alone."""

    def fit(self, X, y):
        return super().fit(np.arange(len(X))[:, None], y)

    def decision_function(self, X):
        return super().decision_function(np.arange(len(X))[:, None])


class Rough(Spy):
    """Draws random numbers that nobody can repeat."""

    def fit(self, X, y=None):
        super().fit(X, y)
        self.mean_ = np.random.default_rng().normal(size=X.shape[1])
        return self


class Slotted(TransformerMixin):
    """Keeps its parameter in a slot."""

    __slots__ = ("factor",)

    def __init__(self, factor=1):
        self.factor = factor

    def get_params(self, deep=True):
        return {"factor": self.factor}

    def set_params(self, **params):
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X * self.factor


# -- data ------------------------------------------------------------------------------------------------------------


def iris():
    return load_iris(return_X_y=True)


def numbered():
    """Three columns and the rows' numbers."""
    rng = np.random.RandomState(0)
    X = np.column_stack([rng.normal(size=(60, 3)), np.arange(60)])
    return X, (X[:, 0] + 0.3 * rng.normal(size=60) > 0).astype(int)


def gaps():
    X, y = load_diabetes(return_X_y=True)
    X = X[:150].copy()
    X[np.random.RandomState(0).rand(*X.shape) < 0.1] = np.nan
    return X, y[:150]


def frame():
    pandas = pytest.importorskip("pandas")
    rng = np.random.RandomState(0)
    X = pandas.DataFrame(
        {
            "age": rng.randint(18, 80, 90).astype(float),
            "pay": rng.lognormal(size=90),
            "city": rng.choice(["Rome", "Oslo", "Lima"], 90),
            "kind": pandas.Categorical(rng.choice(["a", "b"], 90)),
        }
    )
    X.loc[::7, "pay"] = np.nan
    return X, (X["age"] + 10 * (X["city"] == "Rome") + 10 * rng.normal(size=90) > 50).to_numpy().astype(int)


def texts():
    words = np.array(["red", "green", "blue", "dog", "cat", "bird", "runs", "sleeps", "the", "a"])
    rng = np.random.RandomState(0)
    X = [" ".join(rng.choice(words, 8)) for _ in range(80)]
    return X, np.array([("dog" in text) + ("red" in text) for text in X])


def sparse():
    X, y = iris()
    return csr_matrix(np.where(X > 3, X, 0)), y


def polars_frame():
    polars = pytest.importorskip("polars")
    X, y = iris()
    return polars.DataFrame(X, schema=list("abcd")), y


GRID = [{"model__alpha": alpha} for alpha in (0.01, 1.0, 100.0)]


def steps(*prefix, model=None):
    names = [(f"step{place}", step) for place, step in enumerate(prefix)]
    return Pipeline([*names, ("model", RidgeClassifier() if model is None else model)])


def columns(is_sparse=True):
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return ColumnTransformer(
        [
            ("numbers", numbers, ["age", "pay"]),
            ("strings", OneHotEncoder(handle_unknown="ignore", sparse_output=is_sparse), ["city", "kind"]),
        ]
    )


UNSHUFFLED = {"cv": KFold(3)} if sklearn.__version__ >= "1.9" else {"shuffle": False, "cv": 3}

# Each: pipeline, candidates, data.
CASES = {
    "scaler and PCA": (steps(StandardScaler(), PCA(3)), GRID, iris),
    "PCA's full solver, which gives a part of an array": (steps(PCA(2, svd_solver="full")), GRID, iris),
    "every other column, first to last": (
        steps(StandardScaler(), FunctionTransformer(lambda X: X[:, ::-2])),
        GRID,
        iris,
    ),
    "a frame with strings": (steps(columns()), GRID, frame),
    "a frame, and frames between the steps": (
        steps(columns(is_sparse=False), SelectKBest(k=3)).set_output(transform="pandas"),
        GRID,
        frame,
    ),
    "a polars frame": (steps(StandardScaler(), PCA(2)).set_output(transform="polars"), GRID, polars_frame),
    "target encoding": (
        steps(
            ColumnTransformer([("strings", TargetEncoder(**UNSHUFFLED), ["city", "kind"])], remainder="drop"),
            StandardScaler(),
        ),
        GRID,
        frame,
    ),
    "text": (steps(TfidfVectorizer(), TruncatedSVD(4, random_state=0)), GRID, texts),
    "text, sparse to the end": (steps(TfidfVectorizer(ngram_range=(1, 2))), GRID, texts),
    "sparse rows": (steps(StandardScaler(with_mean=False)), GRID, sparse),
    "gaps": (steps(KNNImputer(), model=Ridge()), [{"model__alpha": alpha} for alpha in (0.1, 1, 10)], gaps),
    "splines, quantiles, kernels": (
        steps(
            FeatureUnion([("s", SplineTransformer()), ("q", QuantileTransformer(n_quantiles=20, random_state=0))]),
            Nystroem(n_components=9, random_state=0),
        ),
        GRID,
        iris,
    ),
    "a random state": (steps(TruncatedSVD(2, random_state=np.random.RandomState(0))), GRID, iris),
    "supervised": (steps(SelectKBest(k=2), PolynomialFeatures()), GRID, iris),
    "an agglomeration": (steps(FeatureAgglomeration(2)), GRID, iris),
    "parameters of the prefix too": (
        steps(StandardScaler(), PCA()),
        [
            {"step1__n_components": n, "step0__with_std": std, **c}
            for n in (1, 3)
            for std in (True, False)
            for c in GRID
        ],
        iris,
    ),
    "nothing where a step was": (
        steps(StandardScaler(), PCA(2)),
        [{"step0": scaler, **c} for c in GRID for scaler in ("passthrough", None, StandardScaler())],
        iris,
    ),
    "steps as choices": (
        steps(StandardScaler(), PCA(2)),
        [
            {"step0": MinMaxScaler(), "step1": PCA(2), "model": SVC()},
            {"step0": StandardScaler(), "step1": PCA(2), "model": RandomForestClassifier(5, random_state=0)},
            {"step0": MinMaxScaler(), "step1": PCA(3), "model": LogisticRegression()},
            {"step0": MinMaxScaler(), "step1": PCA(2), "model": LogisticRegression()},
            {"step1": SelectKBest(k=2)},
        ],
        iris,
    ),
    "a last step that changes its rows": (
        steps(SimpleImputer(), StandardScaler(), model=Lasso(copy_X=False)),
        [{"model__alpha": alpha} for alpha in (0.1, 1, 10)],
        gaps,
    ),
    "a last step that spoils its rows": (steps(StandardScaler(), model=InPlaceModel()), GRID, iris),
    "scalers that change their rows": (
        steps(StandardScaler(copy=False), PCA(2), StandardScaler(copy=False)),
        GRID,
        iris,
    ),
    "a PCA that changes its rows": (steps(PCA(2, copy=False)), GRID, iris),
    "a step that changes its rows and returns others": (steps(InPlace()), GRID, numbered),
    "functions": (steps(FunctionTransformer(np.log1p), FunctionTransformer(lambda X: X - 1)), GRID, iris),
    "a step that does nothing": (steps(FunctionTransformer(), StandardScaler(copy=False)), GRID, iris),
    "a step fitted before": (
        steps(StandardScaler()),
        [{"step0": FrozenEstimator(PCA(2).fit(iris()[0][rows:])), **c} for rows in (0, 50) for c in GRID],
        iris,
    ),
    "no dictionary": (steps(StandardScaler(), Slotted(2)), GRID, iris),
    "a pipeline in a pipeline": (steps(make_pipeline(StandardScaler(), PCA(2))), GRID, iris),
    "a transformer at the end": (Pipeline([("step0", StandardScaler()), ("model", PCA(2))]), [{}, {}], iris),
    "no pipeline": (LogisticRegression(max_iter=500), [{"C": 1.0}, {"C": 2.0}], iris),
}
COMPUTED_EACH_TIME = {
    "a PCA that changes its rows",
    "a step that changes its rows and returns others",
    "a step that does nothing",
    "no pipeline",
}


# -- scores ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [2**30, 10_000], ids=["room", "little room"])
@pytest.mark.parametrize("name", CASES)
def test_no_score_shows_what_was_shared(name, limit):
    estimator, candidates, data = CASES[name]
    task = make_task(estimator, *data())

    alone = table(estimator, candidates, task)
    shared = table(estimator, candidates * 2, task, Prefixes(limit))

    assert {error for row in alone for _, _, error in row} == {None}
    assert same(shared, alone * 2)


@pytest.mark.parametrize("name", sorted(set(CASES) - COMPUTED_EACH_TIME))
def test_what_has_been_computed_is_found_again(name):
    estimator, candidates, data = CASES[name]
    task, prefixes = make_task(estimator, *data()), Prefixes()
    table(estimator, candidates, task, prefixes)
    before = prefixes.nbytes

    table(estimator, candidates, task, prefixes)

    assert 0 < before == prefixes.nbytes


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("target encoding", "gaps", "no pipeline")])
def test_no_score_of_several_shows_what_was_shared(name):
    """Each is a reason to transform the test rows once more."""
    estimator, candidates, data = CASES[name]
    task = make_task(estimator, *data(), scoring=lambda model, X, y: {"one": output(model, X), "two": output(model, X)})

    assert same(table(estimator, candidates * 2, task, Prefixes()), table(estimator, candidates, task) * 2)


PREFIX = st.sampled_from(
    [
        "passthrough",
        StandardScaler(),
        StandardScaler(copy=False),
        MinMaxScaler(feature_range=(0, 2)),
        SimpleImputer(copy=False, add_indicator=True),
        PCA(2, svd_solver="full"),
        PCA(2, copy=False),
        SelectKBest(k=2),
        PolynomialFeatures(2, order="F"),
        QuantileTransformer(n_quantiles=10, subsample=20, random_state=3),
        FunctionTransformer(),
        FunctionTransformer(np.abs),
        FunctionTransformer(lambda X: X[:, ::-1]),
        FeatureUnion([("a", MinMaxScaler()), ("b", PCA(1))]),
    ]
)
PIPELINES = st.tuples(PREFIX, PREFIX, PREFIX, st.sampled_from([0.1, 10.0]))


@settings(max_examples=30, deadline=None)
@given(st.lists(PIPELINES, min_size=1, max_size=3), st.sampled_from([2**30, 30_000, 3000]), st.booleans())
def test_whatever_the_pipelines_no_score_shows_what_was_shared(drawn, limit, train):
    X, y = iris()
    estimator = steps("passthrough", "passthrough", "passthrough")
    candidates = [{"step0": a, "step1": b, "step2": c, "model__alpha": alpha} for a, b, c, alpha in [*drawn, *drawn]]
    task = make_task(estimator, X[::2], y[::2], cv=KFold(2, shuffle=True, random_state=0), train=train)

    assert same(table(estimator, candidates, task, Prefixes(limit)), table(estimator, candidates, task))


def test_groups_are_kept_apart_as_before():
    X, y = iris()
    estimator = steps(StandardScaler())
    task = make_task(estimator, X, y, cv=GroupKFold(3), groups=np.arange(150) % 7)

    assert same(table(estimator, GRID, task, Prefixes()), table(estimator, GRID, task))


@pytest.mark.parametrize("routing", [False, True])
def test_weights_of_a_step_are_part_of_what_is_shared(calls, routing):
    X, y = numbered()
    weights = np.random.RandomState(0).rand(60)
    with config_context(enable_metadata_routing=routing):
        spy = Spy().set_fit_request(sample_weight=True) if routing else Spy()
        estimator = steps(spy, model=RidgeClassifier().set_fit_request(sample_weight=False) if routing else None)
        name = "sample_weight" if routing else "step0__sample_weight"
        prefixes = Prefixes()
        for weight in (weights, weights + 1):
            task = make_task(estimator, X, y, fit_params={name: weight})
            alone = table(estimator, GRID, task)
            calls.clear()

            assert same(table(estimator, GRID, task, prefixes), alone)
            assert {call[4] for call in calls if call[0] == "fit"} == {tuple(weight[fold.train]) for fold in task.folds}
            assert times(calls, "fit") == 3


def test_what_a_scorer_tells_a_step_is_told_to_it():
    def score(model, X, y):
        return sum(model.decision_function(X, factor=factor).sum() * factor for factor in (1.0, 2.0, 3.0))

    with config_context(enable_metadata_routing=True):
        estimator = steps(StandardScaler(), Factor().set_transform_request(factor=True))
        task = make_task(estimator, *numbered(), scoring=score)
        alone = table(estimator, GRID, task)

        assert alone[0][0][2] is None
        assert same(table(estimator, GRID, task, Prefixes()), alone)


# -- once ------------------------------------------------------------------------------------------------------------


def test_every_prefix_is_fitted_once_per_fold_and_its_rows_transformed_once(calls):
    X, y = numbered()
    estimator = steps(Spy("first"), Spy("second"))
    candidates = [{"step0__shift": a, "step1__shift": b, **c} for a in (1.0, 2.0) for b in (0, 1, 2) for c in GRID]
    task = make_task(estimator, X, y)

    table(estimator, candidates, task, Prefixes())

    assert times(calls, "fit", "first") == 3 * 2
    assert times(calls, "fit", "second") == 3 * 2 * 3
    # once while it is fitted, once for the test score, once for the train score
    assert times(calls, "transform", "first") == 3 * 3 * 2
    assert times(calls, "transform", "second") == 3 * 3 * 2 * 3


def test_without_sharing_every_candidate_fits_its_own(calls):
    estimator = steps(Spy())

    table(estimator, GRID, make_task(estimator, *numbered()), Prefixes(0))

    assert times(calls, "fit") == 3 * 3
    with Prefixes(0).lent_to(estimator, "all", *iris()):
        assert estimator.memory is None


def test_nothing_is_shared_across_folds(calls):
    estimator = steps(Spy())
    task = make_task(estimator, *numbered())

    table(estimator, GRID, task, Prefixes())

    assert [set(call[3]) for call in calls if call[0] == "fit"] == [set(fold.train) for fold in task.folds]


def test_steps_that_give_the_same_rows_on_two_folds_are_told_apart_by_the_folds():
    """The labels differ where the rows do not."""
    X, y = np.ones((60, 3)) * np.arange(3), np.arange(60) % 3
    estimator = steps(FunctionTransformer(np.exp), SelectKBest(lambda X, y: np.array([y[0], y[1], y[2]]), k=1))
    task = make_task(estimator, X, y, scoring=lambda model, X, y: float(model[1].scores_ @ [1, 10, 100]))

    assert same(table(estimator, GRID, task, Prefixes()), table(estimator, GRID, task))


def test_a_fold_of_fewer_rows_is_another_fold(calls):
    X, y = numbered()
    estimator = steps(Spy())
    task = make_task(estimator, X, y)
    evaluation = WholeFolds(estimator, task, shared=Prefixes())
    for n_rows in (10, 20, 20):
        fold = Fold(0, task.folds[0].train[:n_rows], task.folds[0].test)
        evaluation.measure_fold(Work(0, 0, 1, {}), fold)

    assert [len(call[3]) for call in calls if call[0] == "fit"] == [10, 20]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        ("a", b"a"),
        ([1], (1,)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.eye(2), np.eye(2, dtype=np.float32)),
        (np.eye(2), np.asfortranarray(np.eye(2))),
        (StandardScaler(), StandardScaler().set_output(transform="pandas")),
        (FrozenEstimator(PCA().fit(np.eye(3))), FrozenEstimator(PCA().fit(2 * np.eye(3)))),
        (lambda X: X, lambda X: X),
        (np.random.RandomState(0), np.random.RandomState(1)),
    ],
)
def test_parameters_that_are_not_quite_the_same_make_two_prefixes(calls, one, other):
    X, y = numbered()
    prefixes, task = Prefixes(), make_task(steps(), X, y)
    for name in (one, other, one, other):
        table(steps(Spy(name)), [{}], task, prefixes)

    assert times(calls, "fit") == 3 * 2


def test_functions_defined_on_the_way_do_not_take_the_place_of_others(calls):
    """Each is gone when the next one is made, and may stand where it stood."""
    X, y = numbered()
    candidates = [{"step0__func": eval(f"lambda X: X * {factor}"), "step0__kw_args": None} for factor in range(1, 9)]
    estimator = steps(FunctionTransformer())
    task = make_task(estimator, X, y)
    alone = table(estimator, candidates, task)
    evaluation, found = WholeFolds(estimator, task, shared=Prefixes(20_000)), []
    while candidates:
        found += measure(evaluation, Work(0, 0, 1, candidates.pop(0))).folds

    assert [fold.test for fold in found] == [test for row in alone for test, _, _ in row]


def test_a_class_that_cannot_be_imported_is_shared(calls):
    class Local(Spy):
        pass

    estimator = steps(Local())

    table(estimator, GRID, make_task(estimator, *numbered()), Prefixes())

    assert times(calls, "fit") == 3


def test_a_step_that_draws_without_a_seed_draws_once_per_fold(calls):
    estimator = steps(Rough(shift=1.0), Spy("second"))

    rows = table(estimator, [{}] * 4, make_task(estimator, *numbered()), Prefixes())

    assert all(same(row, rows[0]) for row in rows)
    assert times(calls, "fit") == 3 * 2


def test_steps_behind_one_that_is_drawn_again_are_not_mixed_up(calls):
    """The first step does not fit into the store; what follows must belong to the draw of the same candidate."""

    class Wide(Rough):
        def transform(self, X):
            return np.tile(super().transform(X), (1, 100))

    class Narrow(Spy):
        def transform(self, X):
            assert np.allclose(X[:, 0] - X[:, 4], 0)
            self.offset_ = self.mean_[:4]
            return X[:, :4] - self.offset_

    def is_centred(model, X, y):
        centre = model[:2].transform(task.X[task.folds[0].train])
        return float(np.abs(centre[:, :3].mean(axis=0)).max() < 1e-9)

    X, y = numbered()
    estimator = steps(Wide(shift=1.0), Narrow())
    task = make_task(estimator, X, y, scoring=is_centred, train=False)
    evaluation, scores = WholeFolds(estimator, task, shared=Prefixes(40_000)), []
    for _ in range(4):
        scores.append(evaluation.measure_fold(Work(0, 0, 1, {}), task.folds[0]).test)

    assert scores == [1.0] * 4
    assert times(calls, "fit") == 4 * 2


# -- what is not shared ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [Unpicklable(), InPlace(), Spy(Handle())], ids=["fitted", "in place", "parameter"])
def test_a_step_that_cannot_be_copied_is_computed_each_time(calls, step):
    estimator = steps(step)
    task = make_task(estimator, *numbered())
    alone = table(estimator, GRID, task)
    calls.clear()

    assert same(table(estimator, GRID, task, Prefixes()), alone)
    assert times(calls, "fit") == 3 * 3


def test_what_follows_a_step_that_cannot_be_named_is_not_named_after_what_comes_before(calls):
    """The step returns the very object that it was given, and only its content is another."""
    estimator = steps(Spy(shift=1.0), Returning(Handle()), StandardScaler(with_std=False))
    candidates = [{"step1__shift": shift, **model} for shift in (0.0, 1.0) for model in GRID]
    task = make_task(estimator, *numbered(), scoring=lambda model, X, y: float(model[2].mean_.sum()))

    shared = table(estimator, candidates, task, Prefixes())

    assert shared[0][0][2] is None
    assert same(shared, table(estimator, candidates, task))


def test_rows_that_cannot_be_copied_are_computed_each_time(calls):
    estimator = steps(OddRows(), FunctionTransformer(), model=RowCounter())
    task = make_task(estimator, *numbered())
    alone = table(estimator, GRID, task)
    calls.clear()

    assert same(table(estimator, GRID, task, Prefixes()), alone)
    assert times(calls, "fit") == 3 * 3


@pytest.mark.parametrize("first", [Unpicklable("first"), FunctionTransformer()], ids=["unpicklable", "nothing done"])
def test_a_step_behind_one_that_is_computed_each_time_is_shared_if_it_is_given_the_same(calls, first):
    estimator = steps(first, Spy("second"))

    table(estimator, GRID, make_task(estimator, *numbered()), Prefixes())

    assert times(calls, "fit", "second") == 3
    assert times(calls, "transform", "second") == 3 * 3


def test_a_users_own_memory_is_left_alone(calls, tmp_path):
    estimator = steps(Spy()).set_params(memory=str(tmp_path / "memory"))
    prefixes = Prefixes()

    table(estimator, GRID, make_task(estimator, *numbered()), prefixes)

    assert (tmp_path / "memory").is_dir()
    assert prefixes.nbytes == 0


@pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn before 1.9 has no callbacks")
@pytest.mark.parametrize("watched", ["the pipeline", "its last step", "a step within its first", "nothing"])
def test_where_callbacks_watch_nothing_is_shared(watched):
    from sklearn.callback import ProgressBar, ScoringMonitor

    X, y = iris()
    last = LogisticRegression()
    pipeline = make_pipeline(FeatureUnion([("a", make_pipeline(StandardScaler())), ("b", "drop")]), last)
    if watched == "its last step":
        last.set_callbacks(ScoringMonitor(scoring="accuracy"))
    elif watched != "nothing":
        inner = pipeline[0].transformer_list[0][1]
        (pipeline if watched == "the pipeline" else inner).set_callbacks(ProgressBar())

    with Prefixes().lent_to(pipeline, "all", X, y):
        assert (pipeline.memory is None) == (watched != "nothing")


def test_a_step_that_fails_fails_every_time_with_its_own_error(calls):
    estimator = steps(Spy("first"), Failing("second"))
    task = make_task(estimator, *numbered())

    shared = table(estimator, GRID, task, Prefixes())

    assert [[error for _, _, error in row] for row in shared] == [["ValueError: the toy fails on purpose"] * 3] * 3
    assert times(calls, "fit", "first") == 3
    assert times(calls, "fit", "second") == 3 * 3
    with pytest.raises(ValueError, match=r"^the toy fails on purpose$"):
        table(estimator, GRID, make_task(estimator, *numbered(), error_score="raise"), Prefixes())


def test_a_candidate_that_fails_behind_a_prefix_leaves_it_to_others(calls):
    estimator = steps(Spy())
    task = make_task(estimator, *numbered())

    rows = table(estimator, [{"model__alpha": -1.0}, {"model__alpha": 1.0}], task, Prefixes())

    assert "InvalidParameterError" in rows[0][0][2]
    assert rows[1] == table(estimator, [{"model__alpha": 1.0}], task)[0]
    assert times(calls, "fit") == 3 + 3


def test_a_warning_of_a_step_is_issued_when_it_is_computed():
    def warn(X):
        warnings.warn("the toy warns", stacklevel=1)
        return X + 1

    estimator = steps(FunctionTransformer(warn))

    with pytest.warns(UserWarning, match="the toy warns") as caught:
        table(estimator, GRID, make_task(estimator, *numbered(), train=False), Prefixes())

    assert len(caught) == 3 * 2


# -- copies ------------------------------------------------------------------------------------------------------------


def read_only(X):
    X = X + 1
    X.flags.writeable = False
    return X


@pytest.mark.parametrize(
    "lay",
    [
        lambda X: X + 1,
        lambda X: np.asfortranarray(X + 1),
        lambda X: (X + 1)[:, :2],
        lambda X: (X + 1)[::-1, ::-2],
        lambda X: (X + 1).T.copy()[1:].T,
        lambda X: np.broadcast_to(X[:, :1] + 1, (len(X), 3)),
        lambda X: (X + 1)[:0],
        read_only,
        lambda X: read_only(X)[:, 1:],
    ],
)
def test_rows_lie_in_memory_as_they_would_have(lay):
    """What is computed from other strides may differ in the last bit."""
    estimator = steps(FunctionTransformer(lay), model=Layout())
    task = make_task(estimator, *iris(), scoring=lambda model, X, y: float(output(model, X) + 1e3 * model[-1].given_))
    prefixes = Prefixes()

    shared = table(estimator, GRID, task, prefixes)

    assert shared[0][0][2] is None
    assert prefixes.nbytes > 0
    assert same(shared, table(estimator, GRID, task))


def test_the_rest_of_an_array_is_not_kept():
    prefixes = Prefixes()
    estimator = steps(FunctionTransformer(lambda X: np.tile(X, (1, 1000))[:, ::1000]))

    table(estimator, GRID, make_task(estimator, *iris()), prefixes)

    assert 0 < prefixes.nbytes < 100 * iris()[0].nbytes


@pytest.mark.parametrize("data", [sparse, frame, polars_frame, texts], ids=lambda data: data.__name__)
def test_a_step_that_looks_at_its_rows_has_not_changed_them(data):
    """What is found out about them is sometimes noted on them."""

    def look(X):
        if data is sparse:
            return X * (1 + X.has_sorted_indices + X.has_canonical_format)
        return np.arange(len(X)).reshape(-1, 1) + len(repr(X)) + len(str(getattr(X, "columns", "")))

    X, y = data()
    prefixes = Prefixes()
    estimator = steps(FunctionTransformer(look))

    table(estimator, GRID, make_task(estimator, X, y), prefixes)

    assert len(prefixes._kept) == 3 * 3


# -- memory ----------------------------------------------------------------------------------------------------------


def test_the_store_stays_within_its_limit_and_forgets_what_was_used_least_recently(calls):
    X, y = numbered()
    prefixes = Prefixes()
    estimator = steps(Spy(shift=1.0))
    task = make_task(estimator, X, y, train=False)
    fold, evaluation = task.folds[0], WholeFolds(estimator, task, shared=prefixes)
    evaluation.measure_fold(Work(0, 0, 1, {}), fold)
    prefixes.limit = int(3.5 * prefixes.nbytes)

    def fits(*shifts):
        calls.clear()
        for shift in shifts:
            evaluation.measure_fold(Work(0, 0, 1, {"step0__shift": shift}), fold)
            assert 0 < prefixes.nbytes <= prefixes.limit
        return times(calls, "fit")

    assert fits(1.0, 2.0, 3.0, 1.0) == 2
    assert fits(4.0, 5.0, 6.0) == 3
    assert fits(5.0, 6.0, 4.0, 5.0) == 0
    assert fits(1.0) == 1
    assert fits(4.0, 5.0) == 0
    assert fits(6.0) == 1


def test_what_is_larger_than_the_limit_is_not_kept_and_drives_nothing_out(calls):
    prefixes = Prefixes(6000)
    X, y = numbered()
    table(steps(Spy()), [{}], make_task(steps(), X[:30], y[:30], train=False), prefixes)
    before = prefixes.nbytes

    table(steps(Spy()), [{}], make_task(steps(), np.tile(X, 10), y), prefixes)

    assert 0 < before == prefixes.nbytes


def test_bytes_are_counted_as_they_come_and_go():
    prefixes = Prefixes(15_000)
    estimator = steps(StandardScaler(), PCA())
    candidates = [{"step1__n_components": n} for n in (1, 2, 3, 4, 1, 2)]

    table(estimator, candidates, make_task(estimator, *iris()), prefixes)

    assert prefixes.nbytes == sum(kept.nbytes for kept in prefixes._kept.values())


# -- where it runs ---------------------------------------------------------------------------------------------------


def test_a_store_travels_empty():
    prefixes = Prefixes(12_345_678)
    estimator = steps(StandardScaler())
    evaluation = WholeFolds(estimator, make_task(estimator, *iris()), shared=prefixes)
    size = len(pickle.dumps(evaluation))
    measure(evaluation, Work(0, 0, 1, {}))

    arrived = pickle.loads(pickle.dumps(evaluation))

    assert prefixes.nbytes > 0
    assert len(pickle.dumps(evaluation)) == size
    assert (arrived.shared.limit, arrived.shared.nbytes) == (12_345_678, 0)
    assert measure(arrived, Work(0, 0, 1, {})).status == "complete"


def test_candidates_that_have_travelled_share_like_those_that_have_not(calls):
    estimator = steps(StandardScaler(), Spy())
    candidates = [{"step0": StandardScaler(with_std=False), "step1__name": "mean", **c} for c in GRID]
    task = make_task(estimator, *numbered())

    table(estimator, [*candidates, *pickle.loads(pickle.dumps(candidates))], task, Prefixes())

    assert times(calls, "fit") == 3


def test_threads_may_share_a_store():
    X, y = iris()
    estimator = steps(StandardScaler(), PCA())
    candidates = [{"step1__n_components": n, **c} for c in GRID for n in (1, 2, 3, 4)] * 3
    task = make_task(estimator, X, y)
    alone = table(estimator, candidates, task)
    prefixes = Prefixes(40_000)
    start = threading.Barrier(4)

    def run(part):
        start.wait()
        return [(place, table(estimator, [candidates[place]], task, prefixes)[0]) for place in part]

    with ThreadPoolExecutor(4) as pool:
        found = dict(
            pair for pairs in pool.map(run, [range(k, len(candidates), 4) for k in range(4)]) for pair in pairs
        )

    assert same([found[place] for place in range(len(candidates))], alone)
    assert prefixes.nbytes == sum(kept.nbytes for kept in prefixes._kept.values()) <= prefixes.limit


@pytest.mark.slow
def test_a_search_gives_the_same_table_with_and_without_and_in_worker_processes():
    X, y = iris()
    pipeline = steps(StandardScaler(), FunctionTransformer(lambda X: X[:, ::-1]), PCA(2, svd_solver="full"))
    space = {"step2__n_components": [1, 2, 3], "model__alpha": [0.1, 1.0]}
    search = OptunaSearchCV(pipeline, space, scoring=output, cv=3, pruner=None, return_train_score=True)

    alone = search_table(search.set_params(prefix_cache=0).fit(X, y))

    assert search_table(search.set_params(prefix_cache=2**30).fit(X, y)) == alone
    assert search_table(search.set_params(n_jobs=2).fit(X, y)) == alone


# -- what a scorer sees ----------------------------------------------------------------------------------------------


def scored_by(scorer, *prefix, candidates=GRID, data=iris):
    """A table with and one without sharing."""
    estimator = steps(*prefix)
    task = make_task(estimator, *data(), scoring=scorer)
    return table(estimator, candidates * 2, task, Prefixes()), table(estimator, candidates * 2, task)


def test_a_scorer_sees_the_fitted_pipeline_that_it_would_have_seen():
    def look(model, X, y):
        scaler, pca = model.named_steps["step0"], model[1]
        assert type(scaler) is StandardScaler
        assert isinstance(pca, PCA)
        assert model.memory is None
        assert model[:-1].transform(X).shape == (len(X), 2)
        assert list(model[:-1].get_feature_names_out()) == ["pca0", "pca1"]
        back = scaler.inverse_transform(pca.inverse_transform(pca.transform(scaler.transform(X))))
        return {
            "mean": scaler.mean_.sum(),
            "axes": pca.components_.sum(),
            "seen": scaler.n_samples_seen_,
            "back": back.sum(),
        }

    shared, alone = scored_by(look, StandardScaler(), PCA(2))

    assert alone[0][0][2] is None
    assert same(shared, alone)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_scorer_may_copy_the_pipeline(duplicate):
    def look(model, X, y):
        other = duplicate(model)
        return output(other, X) + 10 * output(model, X) + 100 * output(other, X[:5])

    shared, alone = scored_by(look, StandardScaler(), PCA(2))

    assert alone[0][0][2] is None
    assert same(shared, alone)


def test_a_copy_that_a_scorer_keeps_works_on(calls):
    kept = []
    estimator = steps(Spy(shift=1.0), PCA(2))
    X, y = numbered()
    task = make_task(estimator, X, y, scoring=lambda model, X, y: kept.append((model, copy.deepcopy(model))) or 1.0)

    table(estimator, GRID, task, Prefixes())

    for model, copied in kept:
        assert "transform" not in vars(model[0])
        np.testing.assert_array_equal(model.decision_function(X), copied.decision_function(X))


def spoil_steps(model, X, y):
    score = output(model, X)
    model[0].mean_[:] = 99
    model[0].scale_[:] = 99
    return score


def spoil_rows(model, X, y):
    """Another change for each column."""
    scores = []
    for column in range(X.shape[1]):
        X[:, column] += 1
        scores.append(output(model, X))
    return float(np.dot(scores, range(1, 5)))


def spoil_transformed(model, X, y):
    rows = model[0].transform(X)
    rows[:, 0] = 0
    rows = model[1].transform(rows)
    return output(model[-1], rows)


def change_parameters(model, X, y):
    first = output(model, X)
    model.set_params(step0__with_mean=False)
    return first + 10 * output(model, X)


def other_rows(model, X, y):
    return output(model, X[::2]) + 10 * output(model, X[1::2])


@pytest.mark.parametrize("scorer", [spoil_steps, spoil_rows, spoil_transformed, change_parameters, other_rows])
def test_what_a_scorer_does_reaches_no_other_candidate(scorer):
    shared, alone = scored_by(scorer, StandardScaler(), PCA(2))

    assert alone[0][0][2] is None
    assert same(shared, alone)


def test_the_pipeline_is_as_it_was_when_it_has_been_lent_even_if_it_failed():
    X, y = iris()
    model = steps(StandardScaler())
    prefixes = Prefixes()
    with suppress(KeyboardInterrupt), prefixes.lent_to(model, "all", X, y):
        model.fit(X, y)
        raise KeyboardInterrupt
    unfitted = steps(StandardScaler())
    with prefixes.lent_to(unfitted, "all", X, y):
        pass

    assert model.memory is None
    assert unfitted.memory is None
    assert "transform" not in vars(model[0])


def test_the_first_steps_can_be_fitted_without_the_last(calls):
    X, y = numbered()
    prefixes, alone = Prefixes(), steps(Spy(shift=1.0), PCA(2), model="passthrough")
    expected = alone.fit_transform(X, y), alone.transform(X[:20])
    calls.clear()
    for _ in range(3):
        model = steps(Spy(shift=1.0), PCA(2), model="passthrough")
        test = X[:20].copy()
        with prefixes.lent_to(model, "all", X, y, test):
            np.testing.assert_array_equal(model.fit_transform(X, y), expected[0])
            np.testing.assert_array_equal(model.transform(test), expected[1])

    assert times(calls, "fit") == 1
    assert times(calls, "transform") == 2


def test_rows_that_are_not_those_that_were_named_are_not_shared(calls):
    X, y = numbered()
    prefixes = Prefixes()
    for _ in range(2):
        model = steps(Spy())
        with prefixes.lent_to(model, "all", X, y):
            model.fit(X.copy(), y)
        model = steps(Spy())
        with prefixes.lent_to(model, "all", X, y):
            model.fit(X, y.copy())

    assert times(calls, "fit") == 4
    assert prefixes.nbytes == 0
