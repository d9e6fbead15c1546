"""Tables with failures: which candidates may win, and what messages say about those that failed."""

import warnings

import numpy as np
import pytest

from sklearn_autotune.evaluation import Failure, FoldScore, Outcome
from sklearn_autotune.search._results import (
    SearchResults,
    choose_best,
    choose_winner,
    format_results,
    format_trials,
    report_failures,
)
from sklearn_autotune.search._spec import ResultsSpec
from sklearn_autotune.search._trial_loop import TrialRecord

UNSCORED = FoldScore(0.0, None, 0.1, 0.0, "the scorer is told to fail", Failure.SCORE)


def record(number, status, *folds, error=None):
    return TrialRecord(number, {"a": number}, Outcome(status, folds, error))


def fold(score, error=None):
    return FoldScore(score, None, 0.1, 0.0, error)


def make_table(records, n_folds, error_score=np.nan):
    table, is_multimetric = format_results(records, n_folds=n_folds, error_score=error_score, return_train_score=False)
    return SearchResults(records, table, is_multimetric)


def test_if_all_fits_failed_one_error_says_why():
    records = [record(number, "failed", *(fold(np.nan, "told to fail"),) * 2) for number in range(2)]

    with pytest.raises(ValueError, match=r"All the 4 fits failed.[\s\S]*told to fail"):
        choose_winner(make_table(records, 2), 2, ResultsSpec())


@pytest.mark.parametrize("refit", [True, False, lambda results: 0])
def test_if_no_candidate_is_complete_one_error_says_how_they_ended_and_why(refit):
    failed = record(4, "failed", UNSCORED, UNSCORED, error=UNSCORED.error)
    records = [record(3, "pruned", fold(0.9)), failed, record(5, "pruned", fold(0.8))]

    with pytest.raises(ValueError, match=r"2 pruned, 1 failed[\s\S]*that of candidate 1:\nthe scorer is told to fail"):
        choose_winner(make_table(records, 2, error_score=0.0), 2, ResultsSpec(refit=refit, error_score=0.0))


def test_of_many_different_errors_a_few_are_shown():
    records = [record(number, "failed", fold(0.0, f"reason {number}")) for number in range(50)]

    with pytest.raises(ValueError, match="All the 50 fits failed") as raised:
        choose_winner(make_table(records, 1), 1, ResultsSpec())

    assert str(raised.value).count("\nreason") == 10
    assert "40 fits failed with the following error:\nanother error, see trials_" in str(raised.value)


def test_a_score_that_a_dict_lacks_is_one_that_failed():
    folds = [FoldScore({"a": 0.5, "b": 0.25}, None, 0, 0), FoldScore({"a": 0.75}, None, 0, 0)]

    results = make_table([record(0, "complete", *folds)], 2, error_score=-1.0).cv_results

    assert (results["mean_test_a"], results["split1_test_b"]) == ([0.625], [-1.0])


@pytest.mark.parametrize("status", ["failed", "pruned"])
def test_a_function_cannot_choose_a_candidate_that_is_not_complete(status):
    records = [record(0, "complete", fold(0.1)), record(1, status, error="what went wrong")]

    with pytest.raises(ValueError, match=rf"refit chose candidate 1, which is {status}[\s\S]*what went wrong"):
        choose_best({}, records, lambda results: 1, "score")


def test_several_scores_without_a_refit_need_no_winner_but_a_score():
    spec = ResultsSpec(refit=False)
    scored, unscored = (FoldScore({"a": np.nan, "b": score}, None, 0, 0) for score in (0.5, np.nan))

    results = choose_winner(make_table([record(0, "failed", scored)], 1), 1, spec)
    assert results.best_index is None

    with pytest.raises(ValueError, match="No candidate has a score"):
        choose_winner(make_table([record(0, "failed", unscored)], 1), 1, spec)


def test_scores_that_failed_are_counted_in_one_warning_and_fits_in_another():
    records = [record(0, "complete", fold(0.5), fold(0.7)), record(1, "failed", UNSCORED, fold(0.0, "no fit"))]
    results = make_table(records, 2, error_score=0.0).cv_results

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        report_failures(records, results, 2, 0.0)

    fits, scores = (str(warning.message) for warning in caught)
    assert "1 fits failed out of a total of 4" in fits
    assert "Scoring failed on 1 train-test partitions out of a total of 4" in scores
    assert "the scorer is told to fail" in scores


def test_the_trials_have_no_score_where_the_table_has_the_error_score():
    records = [record(0, "complete", fold(0.5)), record(1, "failed", UNSCORED), record(2, "failed", fold(0.0, "no"))]

    assert make_table(records, 1, error_score=0.0).cv_results["mean_test_score"].tolist() == [0.5, 0.0, 0.0]
    np.testing.assert_array_equal(format_trials(records, n_folds=1)["mean_test_score"], [0.5, np.nan, np.nan])
