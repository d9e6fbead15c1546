"""Rungs: the amount at each rung, which scores count at the end, and what remains of a stopped candidate."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import (
    PredefinedSplit,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_validate,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from sklearn_autotune.evaluation import Fold, Rung, StepCache, WorkItem, measure
from sklearn_autotune.evaluation._ladder import choose_rung, draw_stratified_order
from sklearn_autotune.evaluation._rungs import RungFit, make_rung_evaluation
from tests.rung_folds import X, whole_folds, y
from tests.strategies import quick
from tests.toys import (
    CountingClassifier,
    PassingClassifier,
    PeakingClassifier,
    RowRecorder,
    WeightedClassifier,
    read_log,
)

NUMBERED = np.column_stack([np.arange(300), X])  # the toys find the numbers of their rows in the first column


def work(**params):
    return WorkItem(number=0, candidate_index=0, n_candidates=1, params=params)


def scores(outcome, kind="test"):
    return [getattr(fold, kind) for fold in outcome.folds]


# -- training rows -----------------------------------------------------------------------------------------------------


@quick
@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(0, 9))
def test_every_beginning_of_the_order_has_each_class_in_proportion(sizes, seed):
    labels = np.random.RandomState(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    order = draw_stratified_order(labels, np.random.RandomState(seed))

    counts = np.cumsum(labels[order][:, np.newaxis] == np.arange(len(sizes)), axis=0)
    expected = np.arange(1, len(labels) + 1)[:, np.newaxis] * np.array(sizes) / len(labels)
    assert sorted(order) == list(range(len(labels)))
    assert np.abs(counts - expected).max() < 1


def test_the_order_of_many_rows_is_found():
    """With an algorithm that compares each row with each class or other row, this test would hardly end."""
    labels = np.arange(10**6) % 5000

    order = draw_stratified_order(labels, np.random.RandomState(0))

    assert np.bincount(labels[order[: 10**5]]).tolist() == [20] * 5000


def test_each_rung_sees_more_of_the_same_rows_in_their_order(tmp_path):
    log = tmp_path / "log"
    rungs = make_rung_evaluation(whole_folds(WeightedClassifier(log=log), NUMBERED), "n_samples")

    outcomes = [measure(rungs, work(a=a)) for a in (1, 2)]

    seen = [entry["rows"] for entry in read_log(log) if entry["method"] == "fit"]
    n_folds = len(rungs.folds.task.folds)
    assert seen[: len(seen) // 2] == seen[len(seen) // 2 :]
    for number, fold in enumerate(rungs.folds.task.folds):
        climbed = seen[number : len(seen) // 2 : n_folds]
        assert [len(rows) for rows in climbed] == [22, 67, 200]
        assert all(rows == sorted(rows) for rows in climbed)
        assert set(climbed[0]) < set(climbed[1]) < set(climbed[2])
        assert climbed[-1] == fold.train.tolist()
        tests = [entry["rows"] for entry in read_log(log) if entry["method"] == "score"]
        assert all(rows == fold.test.tolist() for rows in tests[number::n_folds])
    assert all(outcome.resolved_params == {} for outcome in outcomes)


@pytest.mark.parametrize("data", [X, X.tolist(), csr_array(X), "frame"], ids=["array", "list", "sparse", "frame"])
def test_the_last_rung_of_rows_is_what_whole_folds_give(data):
    if isinstance(data, str):
        data = pd.DataFrame(X)
    folds = whole_folds(RandomForestClassifier(5, random_state=0), data, return_train_score=True)

    climbed = measure(make_rung_evaluation(folds, "n_samples"), work(max_depth=3))
    whole = measure(folds, work(max_depth=3))

    assert climbed.status == "complete"
    assert scores(climbed) == scores(whole)
    assert scores(climbed, "train") == scores(whole, "train")
    assert [rung.resource for rung in climbed.curve] == [22, 67, 200]
    assert len({rung.test for rung in climbed.curve}) == 3


def test_kernels_are_cut_to_the_rows_of_the_rung():
    folds = whole_folds(SVC(kernel="precomputed"), X @ X.T)

    climbed = measure(make_rung_evaluation(folds, "n_samples"), work(C=2.0))

    assert climbed.status == "complete"
    assert scores(climbed) == scores(measure(folds, work(C=2.0)))


def test_rows_come_from_masks_too():
    folds = whole_folds(CountingClassifier(), NUMBERED)
    masks = tuple(
        Fold(fold.number, *(np.isin(np.arange(len(X)), rows) for rows in (fold.train, fold.test)))
        for fold in folds.task.folds
    )

    masked = measure(make_rung_evaluation(replace(folds, task=replace(folds.task, folds=masks)), "n_samples"), work())

    assert masked.curve == measure(make_rung_evaluation(folds, "n_samples"), work()).curve


@pytest.mark.parametrize("resource", ["n_samples", "n_estimators"])
def test_metadata_is_cut_to_the_rows_of_the_rung(tmp_path, resource):
    log = tmp_path / "log"
    toy = WeightedClassifier(log=log)
    estimator = toy if resource == "n_samples" else RandomForestClassifier(random_state=0)
    weights = {"sample_weight": np.arange(300) + 1000.0}
    folds = whole_folds(estimator, NUMBERED, fit_params=weights, score_params=weights)

    outcome = measure(make_rung_evaluation(folds, resource, min_resources=50), work())

    assert scores(outcome) == scores(measure(folds, work(**outcome.resolved_params)))
    for entry in read_log(log):
        assert entry["weights"] == [row + 1000 for row in entry["rows"]]


def test_shared_prefixes_do_not_mix_rungs():
    model = make_pipeline(StandardScaler(), LogisticRegression())
    plain = whole_folds(model)

    for resource in ("n_samples", "iterations"):
        shared = make_rung_evaluation(replace(plain, step_cache=StepCache()), resource)
        apart = make_rung_evaluation(plain, resource)
        for C in (0.1, 10.0):
            params = {"logisticregression__C": C}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                assert measure(shared, work(**params)).curve == measure(apart, work(**params)).curve


# -- counts ------------------------------------------------------------------------------------------------------------


def test_the_chosen_amount_is_the_one_whose_scores_count(tmp_path):
    log = tmp_path / "log"
    rungs = make_rung_evaluation(whole_folds(PeakingClassifier(log=log, peak=30)), "iterations")

    outcome = measure(rungs, work(a=1.0))

    assert outcome.resolved_params == {"max_iter": 33}
    assert scores(outcome) == list(outcome.curve[2].test)
    assert choose_rung(outcome.curve) == 2
    assert [rung.resource for rung in outcome.curve] == [4, 11, 33, 100]
    # All folds reach a rung together.
    assert [entry["max_iter"] for entry in read_log(log)] == [4] * 3 + [11] * 3 + [33] * 3 + [100] * 3


def test_of_equal_rungs_the_lowest_is_chosen():
    assert choose_rung([Rung(1, (0.1, 0.3)), Rung(3, (0.3, 0.5)), Rung(9, (0.5, 0.3))]) == 1


def test_the_named_metric_settles_the_count():
    curve = [Rung(1, ({"a": 1.0, "b": 0.0},)), Rung(3, ({"a": 0.0, "b": 1.0},))]

    assert choose_rung(curve, "a") == 0
    assert choose_rung(curve, "b") == 1


@pytest.mark.few_by_day(6)
@pytest.mark.parametrize(
    ("estimator", "params"),
    [
        (RandomForestClassifier(random_state=0), {"max_depth": 3}),
        (GradientBoostingClassifier(random_state=0, learning_rate=1.0), {"subsample": 0.5}),
        (make_pipeline(StandardScaler(), SGDClassifier(random_state=0, max_iter=50, tol=None)), {}),
        ("xgboost", {"subsample": 0.5, "learning_rate": 1.0}),
    ],
    ids=["forest", "boosting", "pipeline", "xgboost"],
)
@pytest.mark.parametrize(
    "cv",
    [
        StratifiedKFold(3),
        ShuffleSplit(1, random_state=0),
        RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0),
    ],
    ids=["folds", "one split", "repeated"],
)
def test_the_winner_can_be_created_again(estimator, params, cv):
    if estimator == "xgboost":
        estimator = XGBClassifier(random_state=0)
    scoring = {"loss": "neg_log_loss", "hits": "accuracy"} if hasattr(estimator, "predict_proba") else ["accuracy"]
    metric = "loss" if "loss" in scoring else "accuracy"
    folds = whole_folds(estimator, cv=cv, scoring=scoring, return_train_score=True)
    rungs = make_rung_evaluation(folds, "iterations", max_resources=40, metric=metric)

    outcome = measure(rungs, work(**params))

    again = clone(estimator).set_params(**params, **outcome.resolved_params)
    splits = [(fold.train, fold.test) for fold in folds.task.folds]
    expected = cross_validate(again, X, y, cv=splits, scoring=scoring, return_train_score=True)
    assert outcome.status == "complete"
    assert len(outcome.resolved_params) == 1
    for name in scoring:
        assert [score[name] for score in scores(outcome)] == expected[f"test_{name}"].tolist()
        assert [score[name] for score in scores(outcome, "train")] == expected[f"train_{name}"].tolist()


def test_preprocessing_is_fitted_once_per_fold(tmp_path):
    log = tmp_path / "log"
    folds = whole_folds(make_pipeline(RowRecorder(log=log), RandomForestClassifier(random_state=0)), NUMBERED)

    measure(make_rung_evaluation(folds, "iterations"), work())

    assert [entry["rows"] for entry in read_log(log)] == [fold.train.tolist() for fold in folds.task.folds]


def test_candidates_may_bring_another_last_step():
    model = make_pipeline(StandardScaler(), RandomForestClassifier(random_state=0))
    model.steps[-1] = ("last", model.steps[-1][1])
    other = GradientBoostingClassifier(random_state=0)
    folds = whole_folds(model)

    outcome = measure(make_rung_evaluation(folds, "iterations", max_resources=9), work(last=other))
    without = measure(make_rung_evaluation(folds, "iterations"), work(last=KNeighborsClassifier()))

    again = work(last=other, **outcome.resolved_params)
    assert outcome.resolved_params.keys() == {"last__n_estimators"}
    assert scores(outcome) == scores(measure(folds, again))
    assert without.status == "failed"
    assert "KNeighborsClassifier has none of" in without.error


def test_regression_without_folds_of_the_same_size():
    X_r, y_r = make_regression(100, 4, random_state=0)
    cv = PredefinedSplit([-1] * 40 + [0] * 40 + [1] * 20)
    model = HistGradientBoostingRegressor(random_state=0, min_samples_leaf=5)
    folds = whole_folds(model, X_r, y_r, cv)

    rows = measure(make_rung_evaluation(folds, "n_samples", min_resources=20, factor=2), work())
    iterations = measure(make_rung_evaluation(folds, "iterations"), work())

    assert [rung.resource for rung in rows.curve] == [20, 40, 80]
    assert scores(rows) == scores(measure(folds, work()))
    assert scores(iterations) == scores(measure(folds, work(**iterations.resolved_params)))


def test_seconds_add_up_over_the_rungs():
    rungs = make_rung_evaluation(whole_folds(RandomForestClassifier(random_state=0)), "iterations")

    steps = list(rungs.measure_steps(work()))

    seconds = np.array([[fold.fit_seconds for fold in progress.folds] for progress in steps])
    assert (np.diff(seconds, axis=0) > 0).all()


# -- epochs ------------------------------------------------------------------------------------------------------------


def test_epochs_are_counted_again_for_the_final_fit(tmp_path):
    log = tmp_path / "log"
    toy = PassingClassifier(log=log, peak=12)
    folds = whole_folds(toy, fit_params={"sample_weight": np.ones(300)})
    rungs = make_rung_evaluation(folds, "epochs")

    outcome = measure(rungs, work(a=1.0))
    n_calls = len(read_log(log))
    fitted = RungFit("epochs").fit(clone(toy), X, y, {}, outcome.curve)

    assert n_calls == 3 * 100
    assert outcome.resolved_params == {}
    assert scores(outcome) == list(outcome.curve[1].test) == [-1.0] * 3
    assert fitted.passes_ == 11
    assert [entry["rows"] for entry in read_log(log)[n_calls:]] == [300] * 11


def test_where_the_count_is_a_parameter_the_final_fit_is_as_ever():
    rungs = make_rung_evaluation(whole_folds(RandomForestClassifier(random_state=0)), "iterations")
    outcome = measure(rungs, work())
    model = RandomForestClassifier(random_state=0).set_params(**outcome.resolved_params)

    assert RungFit("iterations").fit(model, X, y, {}, outcome.curve) is model
    assert len(model.estimators_) == outcome.resolved_params["n_estimators"]


def test_the_amount_is_that_of_the_best_rung_and_for_rows_that_of_the_last():
    curve = [Rung(10, (0.5, 0.6)), Rung(30, (0.7, 0.8)), Rung(90, (0.6, 0.7))]

    assert RungFit("iterations").get_resource_amount(curve) == 30
    assert RungFit("n_samples").get_resource_amount(curve) == 90


# -- the rest of the seam ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", ["n_samples", "max_depth"])
def test_rung_evaluations_are_pickled(resource):
    rungs = make_rung_evaluation(whole_folds(DecisionTreeClassifier(random_state=0)), resource, max_resources=200)

    received = pickle.loads(pickle.dumps(rungs))

    assert received.n_folds == 1
    assert work().split(received.n_folds, 4) == [work()]
    assert measure(received, work()).curve == measure(rungs, work()).curve


class Context:
    """Stands for a scikit-learn callback's context of one fold."""

    def __init__(self, calls):
        self.calls = calls

    def propagate_callback_context(self, estimator):
        return warnings.catch_warnings()

    def call_on_fit_task_begin(self, **told):
        self.calls.append(("begin", len(told["X"])))

    def call_on_fit_task_end(self, **told):
        self.calls.append(("end", len(told["X"])))
        return True


@pytest.mark.parametrize("resource", ["n_samples", "iterations"])
def test_callbacks_are_told_of_each_fold_once_and_may_ask_to_stop(resource):
    calls = []
    rungs = make_rung_evaluation(whole_folds(PeakingClassifier(peak=10)), resource)

    outcome = measure(rungs, replace(work(), callback_contexts=tuple(Context(calls) for _ in range(3))))

    assert calls == [("begin", 200), ("end", 200)] * 3
    assert all(fold.stop_requested for fold in outcome.folds)


@pytest.mark.parametrize("resource", ["n_samples", "iterations"])
def test_each_fit_is_printed_with_its_amount(capsys, resource):
    rungs = make_rung_evaluation(whole_folds(PeakingClassifier(), verbose=2), resource)

    measure(rungs, work(a=1.0))

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 * len(rungs.amounts)
    assert f"{resource}={rungs.amounts[0]}" in lines[0]
