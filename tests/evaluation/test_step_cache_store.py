"""How the step cache stores results: its memory limit, other processes and threads, and what a scorer can change."""

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import (
    FunctionTransformer,
    StandardScaler,
)

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.evaluation import StepCache, WholeFolds, WorkItem, measure
from tests.prefix_pipelines import (
    GRID,
    Layout,
    Spy,
    frame,
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
from tests.toys import table as search_table

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
    step_cache = StepCache()

    shared = table(estimator, GRID, task, step_cache)

    assert shared[0][0][2] is None
    assert step_cache.nbytes > 0
    assert same(shared, table(estimator, GRID, task))


def test_the_rest_of_an_array_is_not_kept():
    step_cache = StepCache()
    estimator = steps(FunctionTransformer(lambda X: np.tile(X, (1, 1000))[:, ::1000]))

    table(estimator, GRID, make_task(estimator, *iris()), step_cache)

    assert 0 < step_cache.nbytes < 100 * iris()[0].nbytes


@pytest.mark.parametrize("data", [sparse, frame, polars_frame, texts], ids=lambda data: data.__name__)
def test_a_step_that_looks_at_its_rows_has_not_changed_them(data):
    """What is found out about them is sometimes noted on them."""

    def look(X):
        if data is sparse:
            return X * (1 + X.has_sorted_indices + X.has_canonical_format)
        return np.arange(len(X)).reshape(-1, 1) + len(repr(X)) + len(str(getattr(X, "columns", "")))

    X, y = data()
    step_cache = StepCache()
    estimator = steps(FunctionTransformer(look))

    table(estimator, GRID, make_task(estimator, X, y), step_cache)

    assert len(step_cache._results) == 3 * 3


# -- memory ----------------------------------------------------------------------------------------------------------


def test_the_store_stays_within_its_limit_and_forgets_what_was_used_least_recently(calls):
    X, y = numbered()
    step_cache = StepCache()
    estimator = steps(Spy(shift=1.0))
    task = make_task(estimator, X, y, train=False)
    fold, evaluation = task.folds[0], WholeFolds(estimator, task, step_cache=step_cache)
    evaluation.measure_fold(WorkItem(0, 0, 1, {}), fold)
    step_cache.limit = int(3.5 * step_cache.nbytes)

    def fits(*shifts):
        calls.clear()
        for shift in shifts:
            evaluation.measure_fold(WorkItem(0, 0, 1, {"step0__shift": shift}), fold)
            assert 0 < step_cache.nbytes <= step_cache.limit
        return times(calls, "fit")

    assert fits(1.0, 2.0, 3.0, 1.0) == 2
    assert fits(4.0, 5.0, 6.0) == 3
    assert fits(5.0, 6.0, 4.0, 5.0) == 0
    assert fits(1.0) == 1
    assert fits(4.0, 5.0) == 0
    assert fits(6.0) == 1


def test_what_is_larger_than_the_limit_is_not_kept_and_drives_nothing_out(calls):
    step_cache = StepCache(6000)
    X, y = numbered()
    table(steps(Spy()), [{}], make_task(steps(), X[:30], y[:30], train=False), step_cache)
    before = step_cache.nbytes

    table(steps(Spy()), [{}], make_task(steps(), np.tile(X, 10), y), step_cache)

    assert 0 < before == step_cache.nbytes


def test_bytes_are_counted_as_they_come_and_go():
    step_cache = StepCache(15_000)
    estimator = steps(StandardScaler(), PCA())
    candidates = [{"step1__n_components": n} for n in (1, 2, 3, 4, 1, 2)]

    table(estimator, candidates, make_task(estimator, *iris()), step_cache)

    assert step_cache.nbytes == sum(kept.nbytes for kept in step_cache._results.values())


# -- where it runs ---------------------------------------------------------------------------------------------------


def test_a_step_cache_is_empty_after_unpickling():
    step_cache = StepCache(12_345_678)
    estimator = steps(StandardScaler())
    evaluation = WholeFolds(estimator, make_task(estimator, *iris()), step_cache=step_cache)
    size = len(pickle.dumps(evaluation))
    measure(evaluation, WorkItem(0, 0, 1, {}))

    arrived = pickle.loads(pickle.dumps(evaluation))

    assert step_cache.nbytes > 0
    assert len(pickle.dumps(evaluation)) == size
    assert (arrived.step_cache.limit, arrived.step_cache.nbytes) == (12_345_678, 0)
    assert measure(arrived, WorkItem(0, 0, 1, {})).status == "complete"


def test_candidates_that_were_pickled_share_like_those_that_were_not(calls):
    estimator = steps(StandardScaler(), Spy())
    candidates = [{"step0": StandardScaler(with_std=False), "step1__name": "mean", **c} for c in GRID]
    task = make_task(estimator, *numbered())

    table(estimator, [*candidates, *pickle.loads(pickle.dumps(candidates))], task, StepCache())

    assert times(calls, "fit") == 3


def test_threads_may_share_a_store():
    X, y = iris()
    estimator = steps(StandardScaler(), PCA())
    candidates = [{"step1__n_components": n, **c} for c in GRID for n in (1, 2, 3, 4)] * 3
    task = make_task(estimator, X, y)
    alone = table(estimator, candidates, task)
    step_cache = StepCache(40_000)
    start = threading.Barrier(4)

    def run(part):
        start.wait()
        return [(place, table(estimator, [candidates[place]], task, step_cache)[0]) for place in part]

    with ThreadPoolExecutor(4) as pool:
        found = dict(
            pair for pairs in pool.map(run, [range(k, len(candidates), 4) for k in range(4)]) for pair in pairs
        )

    assert same([found[place] for place in range(len(candidates))], alone)
    assert step_cache.nbytes == sum(kept.nbytes for kept in step_cache._results.values()) <= step_cache.limit


@pytest.mark.slow
def test_a_search_gives_the_same_table_with_and_without_and_in_worker_processes():
    X, y = iris()
    pipeline = steps(StandardScaler(), FunctionTransformer(lambda X: X[:, ::-1]), PCA(2, svd_solver="full"))
    space = {"step2__n_components": [1, 2, 3], "model__alpha": [0.1, 1.0]}
    search = OptunaSearchCV(pipeline, space, scoring=output, cv=3, pruner=None, return_train_score=True)

    alone = search_table(search.set_params(step_cache=0).fit(X, y))

    assert search_table(search.set_params(step_cache=2**30).fit(X, y)) == alone
    assert search_table(search.set_params(n_jobs=2).fit(X, y)) == alone


# -- what a scorer sees ----------------------------------------------------------------------------------------------


def scored_by(scorer, *prefix, candidates=GRID, data=iris):
    """A table with and one without sharing."""
    estimator = steps(*prefix)
    task = make_task(estimator, *data(), scoring=scorer)
    return table(estimator, candidates * 2, task, StepCache()), table(estimator, candidates * 2, task)


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

    table(estimator, GRID, task, StepCache())

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
    step_cache = StepCache()
    with suppress(KeyboardInterrupt), step_cache.share_steps(model, "all", X, y):
        model.fit(X, y)
        raise KeyboardInterrupt
    unfitted = steps(StandardScaler())
    with step_cache.share_steps(unfitted, "all", X, y):
        pass

    assert model.memory is None
    assert unfitted.memory is None
    assert "transform" not in vars(model[0])


def test_the_first_steps_can_be_fitted_without_the_last(calls):
    X, y = numbered()
    step_cache, alone = StepCache(), steps(Spy(shift=1.0), PCA(2), model="passthrough")
    expected = alone.fit_transform(X, y), alone.transform(X[:20])
    calls.clear()
    for _ in range(3):
        model = steps(Spy(shift=1.0), PCA(2), model="passthrough")
        test = X[:20].copy()
        with step_cache.share_steps(model, "all", X, y, test):
            np.testing.assert_array_equal(model.fit_transform(X, y), expected[0])
            np.testing.assert_array_equal(model.transform(test), expected[1])

    assert times(calls, "fit") == 1
    assert times(calls, "transform") == 2


def test_rows_that_are_not_those_that_were_named_are_not_shared(calls):
    X, y = numbered()
    step_cache = StepCache()
    for _ in range(2):
        model = steps(Spy())
        with step_cache.share_steps(model, "all", X, y):
            model.fit(X.copy(), y)
        model = steps(Spy())
        with step_cache.share_steps(model, "all", X, y):
            model.fit(X, y.copy())

    assert times(calls, "fit") == 4
    assert step_cache.nbytes == 0
