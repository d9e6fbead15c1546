"""What is kept of test rows, up to a limit."""

from dataclasses import replace

import numpy as np
import pytest

from sklearn_autotune.evaluation import FoldScore, Outcome, Rung
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.statistics._kept_rows import KeptRows


def outcome(*scores, status=Status.COMPLETE, **kwargs):
    folds = tuple(FoldScore(score, None, 0.0, 0.0, row_values=np.full(10, score, np.float32)) for score in scores)
    return Outcome(status, folds, **kwargs)


def test_outcomes_go_on_without_the_rows_that_are_kept():
    kept = KeptRows()

    rest = kept.take(3, outcome(0.5, 0.7))

    assert [fold.row_values for fold in rest.folds] == [None, None]
    assert rest.folds == outcome(0.5, 0.7).folds
    assert kept.values[3].keys() == {0, 1}
    assert kept.values[3][1] == pytest.approx(np.full(10, 0.7))


@pytest.mark.parametrize(
    "given",
    [
        outcome(0.5, status=Status.FAILED),
        outcome(0.5, status=Status.TIMEOUT),
        outcome(0.5, status=Status.PRUNED, curve=(Rung(1, (0.5,)),)),
        Outcome(Status.PRUNED),
    ],
    ids=["failed", "late", "stopped at a rung", "without folds"],
)
def test_rows_of_candidates_that_cannot_be_compared_are_not_kept(given):
    kept = KeptRows()

    rest = kept.take(0, given)

    assert not kept.values
    assert all(fold.row_values is None for fold in rest.folds)


def test_beyond_the_limit_the_worst_candidates_are_dropped_stopped_ones_first():
    kept = KeptRows(max_bytes=240)  # six folds of 40 bytes

    for number, given in enumerate(
        [outcome(0.5, 0.5), outcome(0.9, status=Status.PRUNED), outcome(0.7, 0.7), outcome(0.6, 0.6), outcome(0.8, 0.8)]
    ):
        kept.take(number, given)

    assert sorted(kept.values) == [2, 3, 4]


def test_one_candidate_is_always_kept():
    kept = KeptRows(max_bytes=1)
    kept.take(0, outcome(0.5))
    kept.take(1, outcome(0.6))

    assert list(kept.values) == [1]


def test_predictions_are_kept_apart_from_row_values():
    given = outcome(0.5)
    given = replace(given, folds=(replace(given.folds[0], prediction=np.ones(3)),))
    rows, predictions = KeptRows(), KeptRows(name="prediction")

    rest = predictions.take(7, rows.take(7, given))

    assert rest.folds[0].row_values is None
    assert rest.folds[0].prediction is None
    assert rows.values[7][0] == pytest.approx(np.full(10, 0.5))
    assert predictions.values[7][0].tolist() == [1, 1, 1]
