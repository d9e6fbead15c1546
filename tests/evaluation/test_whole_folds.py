"""Whole folds: a candidate is fitted on the training rows of each fold and scored on its test rows."""

from dataclasses import replace

import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from sklearn_autotune.evaluation import DEFAULT_NUMBER, Fold, NoPruningState, PlainFit, WithDefault, WorkItem, measure
from tests.rung_folds import X, whole_folds, y
from tests.toys import FailingClassifier, PickyClassifier, WeightedClassifier, read_log


def work(fold_numbers=(), **params):
    return WorkItem(0, 0, 1, params, NoPruningState(), fold_numbers=fold_numbers)


def test_scores_are_those_of_cross_validate():
    evaluation = whole_folds(make_pipeline(StandardScaler(), SVC()), return_train_score=True)

    outcome = measure(evaluation, work(svc__C=3.0))

    expected = cross_validate(
        make_pipeline(StandardScaler(), SVC(C=3.0)), X, y, cv=StratifiedKFold(3), return_train_score=True
    )
    assert [fold.test for fold in outcome.folds] == expected["test_score"].tolist()
    assert [fold.train for fold in outcome.folds] == expected["train_score"].tolist()


def test_several_scores_and_frames_are_cut_as_arrays_are():
    tree = DecisionTreeClassifier(random_state=0)
    scoring = ["accuracy", "balanced_accuracy"]

    frames = measure(whole_folds(tree, pd.DataFrame(X), pd.Series(y), scoring=scoring), work(max_depth=3))
    arrays = measure(whole_folds(tree, scoring=scoring), work(max_depth=3))

    assert [fold.test for fold in frames.folds] == [fold.test for fold in arrays.folds]
    assert set(arrays.folds[0].test) == set(scoring)


def test_a_precomputed_kernel_is_cut_by_rows_and_columns():
    kernel = rbf_kernel(X, gamma=0.1)

    precomputed = measure(whole_folds(SVC(kernel="precomputed"), kernel), work(C=2.0))
    computed = measure(whole_folds(SVC(gamma=0.1)), work(C=2.0))

    assert [fold.test for fold in precomputed.folds] == [fold.test for fold in computed.folds]


def test_the_estimator_and_the_parameters_stay_unfitted():
    pipeline, scaler = make_pipeline("passthrough", SVC()), StandardScaler()
    evaluation = whole_folds(pipeline)

    measure(evaluation, work(passthrough=scaler))

    assert not hasattr(scaler, "mean_")
    assert not hasattr(pipeline[-1], "classes_")


def test_the_rest_of_a_candidate_is_measured_as_if_it_had_not_been_interrupted():
    evaluation = whole_folds(SVC())
    whole = list(evaluation.measure_steps(work(C=2.0)))
    rest = list(evaluation.measure_steps(replace(work((1, 2), C=2.0), measured=whole[0])))

    assert [progress.step for progress in rest] == [1, 2]
    assert [progress.is_last for progress in rest] == [False, True]
    assert [fold.test for fold in rest[-1].folds] == [fold.test for fold in whole[-1].folds]


def test_subsamples_are_measured_before_the_folds_and_may_fail():
    evaluation = whole_folds(KNeighborsClassifier(20), error_score="raise")
    fold = evaluation.task.folds[0]
    subsamples = (Fold(-2, fold.train[:9], fold.test), Fold(-1, fold.train[::3], fold.test))
    evaluation = replace(evaluation, task=replace(evaluation.task, subsamples=subsamples))
    whole = measure(evaluation, work())

    outcome = measure(evaluation, replace(work(), subsample_numbers=(-2, -1)))

    failed, measured = outcome.subsamples
    assert "n_neighbors" in failed.score.error
    assert measured.score.error is None
    assert [score.n_rows for score in outcome.subsamples] == [9, len(fold.train[::3])]
    assert [score.test for score in outcome.folds] == [score.test for score in whole.folds]
    assert outcome.status == "complete"


def test_the_folds_that_are_asked_for_are_measured():
    evaluation = whole_folds(DecisionTreeClassifier(random_state=0))

    part, whole = measure(evaluation, work((2,))), measure(evaluation, work())

    assert [fold.test for fold in part.folds] == [whole.folds[2].test]


def test_a_fold_that_fails_has_its_traceback_and_the_error_score():
    folds = measure(whole_folds(PickyClassifier(above=4), error_score=-1.0), work(a=9)).folds

    failed = [fold for fold in folds if fold.error]
    assert failed
    assert {fold.test for fold in failed} == {-1.0}
    assert all("ValueError: the toy fails on some folds" in fold.error for fold in failed)


def test_a_parameter_that_cannot_be_set_fails_the_candidate_and_not_the_search():
    folds = measure(whole_folds(DecisionTreeClassifier()), work(depth=3)).folds

    assert all("Invalid parameter 'depth'" in fold.error for fold in folds)


def test_with_error_score_raise_the_estimators_own_exception_comes_through():
    with pytest.raises(ValueError, match="the toy fails on purpose"):
        measure(whole_folds(FailingClassifier(above=1), error_score="raise"), work(a=2))


def test_the_final_fit_passes_rows_and_metadata_to_one_fit_in_place(tmp_path):
    model = WeightedClassifier(log=tmp_path / "log")

    assert PlainFit().fit(model, X, y, {"sample_weight": y + 1.0}, ()) is model

    check_is_fitted(model)
    assert [entry["method"] for entry in read_log(tmp_path / "log")] == ["fit"]


def test_the_final_fit_needs_no_target():
    check_is_fitted(PlainFit().fit(KMeans(2, n_init=1, random_state=0), X, None, {}, ()))


def test_whole_folds_have_no_resource():
    assert PlainFit().get_resource_amount(()) is None


def test_the_default_is_measured_on_whole_folds_and_never_raises():
    failing = FailingClassifier(a=9.0)
    folds = whole_folds(failing, error_score="raise")
    evaluation = WithDefault(whole_folds(DecisionTreeClassifier(random_state=0)), folds)

    default = measure(evaluation, WorkItem(DEFAULT_NUMBER, -1, 0, {}))
    candidate = measure(evaluation, work(max_depth=2))

    assert default.status == "failed"
    assert "the toy fails on purpose" in default.error
    assert candidate.status == "complete"
    assert evaluation.n_folds == folds.n_folds
