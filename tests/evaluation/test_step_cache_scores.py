"""The scores do not change if the first steps of pipelines are computed once per fold."""

from functools import cache

import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.cluster import FeatureAgglomeration
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Lasso, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PolynomialFeatures,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC

from sklearn_autotune.evaluation import StepCache
from tests.faults.nightly import scale_examples
from tests.prefix_pipelines import (
    GRID,
    Factor,
    InPlace,
    InPlaceModel,
    Slotted,
    Spy,
    columns,
    frame,
    gaps,
    iris,
    make_task,
    numbered,
    output,
    polars_frame,
    same,
    sparse,
    steps,
    table,
    texts,
    times,
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


def case_task(name, **params):
    """Two folds are enough: steps are shared within a fold, and never between folds."""
    estimator, _, data = CASES[name]
    return make_task(estimator, *data(), cv=KFold(2, shuffle=True, random_state=0), **params)


@cache
def measure_alone(name):
    """The table of a case in which nothing is shared."""
    estimator, candidates, _ = CASES[name]
    return table(estimator, candidates, case_task(name))


@pytest.mark.few_by_day(24)
@pytest.mark.parametrize("limit", [2**30, 10_000], ids=["room", "little room"])
@pytest.mark.parametrize("name", CASES)
def test_no_score_shows_what_was_shared(name, limit):
    estimator, candidates, _ = CASES[name]

    alone = measure_alone(name)
    shared = table(estimator, candidates * 2, case_task(name), StepCache(limit))

    assert {error for row in alone for _, _, error in row} == {None}
    assert same(shared, alone * 2)


@pytest.mark.parametrize("name", sorted(set(CASES) - COMPUTED_EACH_TIME))
def test_what_has_been_computed_is_found_again(name):
    estimator, candidates, _ = CASES[name]
    task, step_cache = case_task(name), StepCache()
    table(estimator, candidates, task, step_cache)
    before = step_cache.nbytes

    table(estimator, candidates, task, step_cache)

    assert 0 < before == step_cache.nbytes


@pytest.mark.few_by_day(12)
@pytest.mark.parametrize("name", [name for name in CASES if name not in ("target encoding", "gaps", "no pipeline")])
def test_no_score_of_several_shows_what_was_shared(name):
    """Each is a reason to transform the test rows once more."""
    estimator, candidates, _ = CASES[name]
    task = case_task(name, scoring=lambda model, X, y: {"one": output(model, X), "two": output(model, X)})

    assert same(table(estimator, candidates, task, StepCache()), table(estimator, candidates, task))


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


@settings(max_examples=scale_examples(30), deadline=None)
@given(st.lists(PIPELINES, min_size=1, max_size=3), st.sampled_from([2**30, 30_000, 3000]), st.booleans())
def test_whatever_the_pipelines_no_score_shows_what_was_shared(drawn, limit, train):
    X, y = iris()
    estimator = steps("passthrough", "passthrough", "passthrough")
    candidates = [{"step0": a, "step1": b, "step2": c, "model__alpha": alpha} for a, b, c, alpha in [*drawn, *drawn]]
    task = make_task(estimator, X[::2], y[::2], cv=KFold(2, shuffle=True, random_state=0), train=train)

    assert same(table(estimator, candidates, task, StepCache(limit)), table(estimator, candidates, task))


def test_groups_are_kept_apart_as_before():
    X, y = iris()
    estimator = steps(StandardScaler())
    task = make_task(estimator, X, y, cv=GroupKFold(3), groups=np.arange(150) % 7)

    assert same(table(estimator, GRID, task, StepCache()), table(estimator, GRID, task))


@pytest.mark.parametrize("routing", [False, True])
def test_weights_of_a_step_are_part_of_what_is_shared(calls, routing):
    X, y = numbered()
    weights = np.random.RandomState(0).rand(60)
    with config_context(enable_metadata_routing=routing):
        spy = Spy().set_fit_request(sample_weight=True) if routing else Spy()
        estimator = steps(spy, model=RidgeClassifier().set_fit_request(sample_weight=False) if routing else None)
        name = "sample_weight" if routing else "step0__sample_weight"
        step_cache = StepCache()
        for weight in (weights, weights + 1):
            task = make_task(estimator, X, y, fit_params={name: weight})
            alone = table(estimator, GRID, task)
            calls.clear()

            assert same(table(estimator, GRID, task, step_cache), alone)
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
        assert same(table(estimator, GRID, task, StepCache()), alone)
