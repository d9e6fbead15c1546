"""The first steps of pipelines are computed once per fold, except those that cannot be shared."""

import warnings

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    StandardScaler,
)

from sklearn_autotune._compat.sklearn import HAS_CALLBACKS
from sklearn_autotune.evaluation import Fold, StepCache, WholeFolds, WorkItem, measure
from tests.prefix_pipelines import (
    GRID,
    Failing,
    InPlace,
    OddRows,
    Returning,
    Rough,
    RowCounter,
    Spy,
    Unpicklable,
    iris,
    make_task,
    numbered,
    same,
    steps,
    table,
    times,
)
from tests.toys import Handle

# -- once ------------------------------------------------------------------------------------------------------------


def test_every_prefix_is_fitted_once_per_fold_and_its_rows_transformed_once(calls):
    X, y = numbered()
    estimator = steps(Spy("first"), Spy("second"))
    candidates = [{"step0__shift": a, "step1__shift": b, **c} for a in (1.0, 2.0) for b in (0, 1, 2) for c in GRID]
    task = make_task(estimator, X, y)

    table(estimator, candidates, task, StepCache())

    assert times(calls, "fit", "first") == 3 * 2
    assert times(calls, "fit", "second") == 3 * 2 * 3
    # once while it is fitted, once for the test score, once for the train score
    assert times(calls, "transform", "first") == 3 * 3 * 2
    assert times(calls, "transform", "second") == 3 * 3 * 2 * 3


def test_without_sharing_every_candidate_fits_its_own(calls):
    estimator = steps(Spy())

    table(estimator, GRID, make_task(estimator, *numbered()), StepCache(0))

    assert times(calls, "fit") == 3 * 3
    with StepCache(0).share_steps(estimator, "all", *iris()):
        assert estimator.memory is None


def test_nothing_is_shared_across_folds(calls):
    estimator = steps(Spy())
    task = make_task(estimator, *numbered())

    table(estimator, GRID, task, StepCache())

    assert [set(call[3]) for call in calls if call[0] == "fit"] == [set(fold.train) for fold in task.folds]


def test_steps_that_give_the_same_rows_on_two_folds_are_told_apart_by_the_folds():
    """The labels differ where the rows do not."""
    X, y = np.ones((60, 3)) * np.arange(3), np.arange(60) % 3
    estimator = steps(FunctionTransformer(np.exp), SelectKBest(lambda X, y: np.array([y[0], y[1], y[2]]), k=1))
    task = make_task(estimator, X, y, scoring=lambda model, X, y: float(model[1].scores_ @ [1, 10, 100]))

    assert same(table(estimator, GRID, task, StepCache()), table(estimator, GRID, task))


def test_a_fold_of_fewer_rows_is_another_fold(calls):
    X, y = numbered()
    estimator = steps(Spy())
    task = make_task(estimator, X, y)
    evaluation = WholeFolds(estimator, task, step_cache=StepCache())
    for n_rows in (10, 20, 20):
        fold = Fold(0, task.folds[0].train[:n_rows], task.folds[0].test)
        evaluation.measure_fold(WorkItem(0, 0, 1, {}), fold)

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
    step_cache, task = StepCache(), make_task(steps(), X, y)
    for name in (one, other, one, other):
        table(steps(Spy(name)), [{}], task, step_cache)

    assert times(calls, "fit") == 3 * 2


def test_functions_defined_on_the_way_do_not_take_the_place_of_others(calls):
    """Each is gone when the next one is made, and may stand where it stood."""
    X, y = numbered()
    candidates = [{"step0__func": eval(f"lambda X: X * {factor}"), "step0__kw_args": None} for factor in range(1, 9)]
    estimator = steps(FunctionTransformer())
    task = make_task(estimator, X, y)
    alone = table(estimator, candidates, task)
    evaluation, found = WholeFolds(estimator, task, step_cache=StepCache(20_000)), []
    while candidates:
        found += measure(evaluation, WorkItem(0, 0, 1, candidates.pop(0))).folds

    assert [fold.test for fold in found] == [test for row in alone for test, _, _ in row]


def test_a_class_that_cannot_be_imported_is_shared(calls):
    class Local(Spy):
        pass

    estimator = steps(Local())

    table(estimator, GRID, make_task(estimator, *numbered()), StepCache())

    assert times(calls, "fit") == 3


def test_a_step_that_draws_without_a_seed_draws_once_per_fold(calls):
    estimator = steps(Rough(shift=1.0), Spy("second"))

    rows = table(estimator, [{}] * 4, make_task(estimator, *numbered()), StepCache())

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
    evaluation, scores = WholeFolds(estimator, task, step_cache=StepCache(40_000)), []
    for _ in range(4):
        scores.append(evaluation.measure_fold(WorkItem(0, 0, 1, {}), task.folds[0]).test)

    assert scores == [1.0] * 4
    assert times(calls, "fit") == 4 * 2


# -- what is not shared ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [Unpicklable(), InPlace(), Spy(Handle())], ids=["fitted", "in place", "parameter"])
def test_a_step_that_cannot_be_copied_is_computed_each_time(calls, step):
    estimator = steps(step)
    task = make_task(estimator, *numbered())
    alone = table(estimator, GRID, task)
    calls.clear()

    assert same(table(estimator, GRID, task, StepCache()), alone)
    assert times(calls, "fit") == 3 * 3


def test_what_follows_a_step_that_cannot_be_named_is_not_named_after_what_comes_before(calls):
    """The step returns the very object that it was given, and only its content is another."""
    estimator = steps(Spy(shift=1.0), Returning(Handle()), StandardScaler(with_std=False))
    candidates = [{"step1__shift": shift, **model} for shift in (0.0, 1.0) for model in GRID]
    task = make_task(estimator, *numbered(), scoring=lambda model, X, y: float(model[2].mean_.sum()))

    shared = table(estimator, candidates, task, StepCache())

    assert shared[0][0][2] is None
    assert same(shared, table(estimator, candidates, task))


def test_rows_that_cannot_be_copied_are_computed_each_time(calls):
    estimator = steps(OddRows(), FunctionTransformer(), model=RowCounter())
    task = make_task(estimator, *numbered())
    alone = table(estimator, GRID, task)
    calls.clear()

    assert same(table(estimator, GRID, task, StepCache()), alone)
    assert times(calls, "fit") == 3 * 3


@pytest.mark.parametrize("first", [Unpicklable("first"), FunctionTransformer()], ids=["unpicklable", "nothing done"])
def test_a_step_behind_one_that_is_computed_each_time_is_shared_if_it_is_given_the_same(calls, first):
    estimator = steps(first, Spy("second"))

    table(estimator, GRID, make_task(estimator, *numbered()), StepCache())

    assert times(calls, "fit", "second") == 3
    assert times(calls, "transform", "second") == 3 * 3


def test_a_users_own_memory_is_left_alone(calls, tmp_path):
    estimator = steps(Spy()).set_params(memory=str(tmp_path / "memory"))
    step_cache = StepCache()

    table(estimator, GRID, make_task(estimator, *numbered()), step_cache)

    assert (tmp_path / "memory").is_dir()
    assert step_cache.nbytes == 0


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

    with StepCache().share_steps(pipeline, "all", X, y):
        assert (pipeline.memory is None) == (watched != "nothing")


def test_a_step_that_fails_fails_every_time_with_its_own_error(calls):
    estimator = steps(Spy("first"), Failing("second"))
    task = make_task(estimator, *numbered())

    shared = table(estimator, GRID, task, StepCache())

    assert [[error for _, _, error in row] for row in shared] == [["ValueError: the toy fails on purpose"] * 3] * 3
    assert times(calls, "fit", "first") == 3
    assert times(calls, "fit", "second") == 3 * 3
    with pytest.raises(ValueError, match=r"^the toy fails on purpose$"):
        table(estimator, GRID, make_task(estimator, *numbered(), error_score="raise"), StepCache())


def test_a_candidate_that_fails_behind_a_prefix_leaves_it_to_others(calls):
    estimator = steps(Spy())
    task = make_task(estimator, *numbered())

    rows = table(estimator, [{"model__alpha": -1.0}, {"model__alpha": 1.0}], task, StepCache())

    assert "InvalidParameterError" in rows[0][0][2]
    assert rows[1] == table(estimator, [{"model__alpha": 1.0}], task)[0]
    assert times(calls, "fit") == 3 + 3


def test_a_warning_of_a_step_is_issued_when_it_is_computed():
    def warn(X):
        warnings.warn("the toy warns", stacklevel=1)
        return X + 1

    estimator = steps(FunctionTransformer(warn))

    with pytest.warns(UserWarning, match="the toy warns") as caught:
        table(estimator, GRID, make_task(estimator, *numbered(), train=False), StepCache())

    assert len(caught) == 3 * 2
