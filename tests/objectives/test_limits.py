"""When a limit is met."""

import pytest

from sklearn_autotune.objectives._limits import Limit

BYTES = Limit("bytes", "neg_bytes", -1, True, 200.0)
RECALL = Limit("recall", "recall", 1, False, 0.9)


@pytest.mark.parametrize(
    ("limit", "score", "violation", "text"),
    [
        (BYTES, -100.0, -0.5, "bytes 100 (limit <= 200)"),
        (BYTES, -200.0, 0.0, "bytes 200 (limit <= 200)"),
        (BYTES, -400.0, 1.0, "bytes 400 (limit <= 200)"),
        (RECALL, 0.99, -0.1, "recall 0.99 (limit >= 0.9)"),
        (RECALL, 0.45, 0.5, "recall 0.45 (limit >= 0.9)"),
        (Limit("gap", "neg_gap", -1, True, 0.0), -0.3, 0.3, "gap 0.3 (limit <= 0)"),
    ],
)
def test_a_violation_is_in_parts_of_the_bound(limit, score, violation, text):
    assert float(limit.compute_violation(score)) == pytest.approx(violation)
    assert limit.describe(score) == text


def test_the_direction_of_a_limit_is_that_of_the_score():
    assert BYTES.asks_for_high_score
    assert RECALL.asks_for_high_score
    assert not Limit("recall", "recall", 1, True, 0.9).asks_for_high_score
