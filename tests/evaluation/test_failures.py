"""When a fold has failed: if something raises, or if the score is not a finite real number, in all evaluations."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import get_scorer

from sklearn_autotune._compat.messages import MAX_ERROR_LENGTH
from sklearn_autotune._compat.sklearn import MultimetricScorer
from sklearn_autotune.evaluation import (
    Failure,
    NoPruningState,
    WholeFolds,
    WorkItem,
    attempt,
    call_scorer,
    make_rung_evaluation,
    measure,
    read_score,
)
from sklearn_autotune.evaluation._failures import MAX_SCORE
from tests.rung_folds import whole_folds
from tests.toys import CountingClassifier, Ending, MisbehavingClassifier

UNREAL = {
    "nan": np.nan,
    "inf": np.inf,
    "-inf": -np.inf,
    "float32 nan": np.float32("nan"),
    "float32 inf": np.array(np.float32("inf")),
    "too large": 1e308,
    "too low": -1e200,
    "a long integer": 10**400,
    "complex": 1j,
    "NumPy's complex": np.complex128(1 + 0j),
    "text": "0.5",
    "an array": np.array([0.5, 0.5]),
    "a list": [0.5],
    "nothing": None,
    "a decimal NaN": Decimal("NaN"),
    "no scores": {},
}

REAL = {
    "a float": 0.5,
    "an int": 1,
    "a bool": True,
    "NumPy's": np.float32(0.5),
    "an array of one": np.array([0.5]),
    "a fraction": Fraction(1, 2),
    "a decimal": Decimal("0.5"),
}


# -- scores ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", REAL.values(), ids=REAL)
def test_a_finite_real_number_is_a_score(raw):
    scored = read_score(raw, error_score="raise")

    assert type(scored.score) is float
    assert scored.score == (1.0 if raw == 1 else 0.5)
    assert scored[1:] == (None, None, None)


@pytest.mark.parametrize("raw", UNREAL.values(), ids=UNREAL)
@pytest.mark.parametrize("error_score", [np.nan, 0.0])
def test_anything_else_is_a_failure_that_says_what_came(raw, error_score):
    scored = read_score(raw, error_score=error_score)

    assert "score" in scored.error
    if scored.failure == Failure.NOT_FINITE:
        assert not abs(scored.score) <= MAX_SCORE
    else:
        np.testing.assert_equal(scored.score, error_score)


@pytest.mark.parametrize("raw", ["0.5", None, 1j, {"a": "0.5"}], ids=repr)
def test_what_is_no_number_raises_with_error_score_raise(raw):
    with pytest.raises(ValueError, match="scoring must return a number"):
        read_score(raw, error_score="raise")


@given(st.lists(st.floats(-MAX_SCORE, MAX_SCORE), min_size=1, max_size=20))
def test_means_and_squares_of_usable_scores_are_finite(scores):
    assert all(read_score(score, error_score=0.0).error is None for score in scores)
    assert np.isfinite([np.mean(scores), np.var(scores)]).all()


def test_of_several_scores_the_named_one_decides():
    raw = {"a": 0.5, "b": np.nan}

    assert read_score(raw, error_score=0.0, metric="a").error is None
    assert read_score(raw, error_score=0.0, metric="b").failure == Failure.NOT_FINITE
    assert read_score(raw, error_score=0.0).error is None  # the first one
    assert read_score(raw, error_score=0.0, metric="missing").error is None


def test_a_score_that_does_not_decide_keeps_its_error_and_fails_nobody():
    scorer = MultimetricScorer(scorers={"good": get_scorer("accuracy"), "bad": raise_lookup_error}, raise_exc=False)
    args = (CountingClassifier().fit(np.zeros((4, 1)), [0, 0, 0, 1]), np.zeros((4, 1)), [0, 0, 0, 1])

    by_good, by_bad = (call_scorer(scorer, args, {}, error_score=-1.0, metric=metric) for metric in ("good", "bad"))

    assert by_good.score == by_bad.score == {"good": 0.75, "bad": -1.0}
    assert "LookupError: no score" in by_good.error
    assert (by_good.failure, by_bad.failure) == (Failure.OTHER_SCORE, Failure.SCORE)


def raise_lookup_error(*args):
    raise LookupError("no score")


# -- exceptions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError, MemoryError, RecursionError, StopIteration, SystemExit, Warning])
def test_errors_and_exits_are_failures(error):
    def fail():
        raise error("on purpose")

    result, text = attempt(fail, 0.0)

    assert result is None
    assert text.strip().endswith(f"{error.__name__}: on purpose")
    with pytest.raises(error, match="on purpose"):
        attempt(fail, "raise")


@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit, Ending])
def test_other_exceptions_are_no_failures_and_are_raised(error):
    def end():
        raise error("on purpose")

    with pytest.raises(error, match="on purpose"):
        attempt(end, 0.0)


def test_the_text_of_an_error_is_cut_and_names_the_exception():
    def fail():
        raise ValueError("x" * 5_000_000)

    text = attempt(fail, 0.0)[1]

    assert len(text) <= MAX_ERROR_LENGTH
    assert text.startswith("Traceback")
    assert "ValueError: xxx" in text
    assert "characters left out" in text


# -- evaluations -----------------------------------------------------------------------------------------------------


def work(**params):
    return WorkItem(0, 0, 1, params, NoPruningState())


@pytest.mark.parametrize("error_score", [np.nan, 1e9])
@pytest.mark.parametrize(
    ("where", "what"),
    [("fit", ValueError), ("predict", SystemExit), ("score", ValueError), *(("score", x) for x in (1j, 1e308, "good"))],
    ids=str,
)
@pytest.mark.parametrize("by_rungs", [False, True])
@pytest.mark.parametrize("return_train_score", [False, True])
def test_a_candidate_fails_with_any_of_its_folds(error_score, where, what, by_rungs, return_train_score):
    toy = MisbehavingClassifier(where=where, what=what)
    evaluation: WholeFolds = whole_folds(toy, error_score=error_score, return_train_score=return_train_score)
    measured = make_rung_evaluation(evaluation, "n_samples") if by_rungs else evaluation

    failed, complete = measure(measured, work(a=4)), measure(measured, work(a=3))

    assert (failed.status, complete.status) == ("failed", "complete")
    assert failed.error == failed.folds[0].error
    assert all(fold.has_failed for fold in failed.folds)
    assert (failed.folds[0].failure == Failure.FIT) is (where == "fit")
    assert (failed.folds[0].train is None) is not return_train_score
    assert complete.error is None


def test_rows_that_cannot_be_taken_fail_the_candidate():
    class Tagged(CountingClassifier):
        def __sklearn_tags__(self):
            if self.a > 3:
                raise LookupError("no tags")
            return super().__sklearn_tags__()

    failed = measure(whole_folds(Tagged()), work(a=4))

    assert failed.status == "failed"
    assert "LookupError: no tags" in failed.error
