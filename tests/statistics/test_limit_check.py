"""When folds show that a limit is met."""

import numpy as np
import pytest
from scipy.stats import t

from sklearn_autotune.evaluation import FoldScore
from sklearn_autotune.objectives._limits import Limit
from sklearn_autotune.statistics._limit_check import LimitCheck, collect_fold_scores

RECALL = Limit("recall", "recall", 1, False, 0.8)
BYTES = Limit("bytes", "neg_bytes", -1, True, 100.0)
SCORES = {"recall": np.array([0.85, 0.8, 0.9, 0.8]), "neg_bytes": np.array([-90.0, -110.0, -90.0, -90.0])}


def test_the_mean_alone_may_decide():
    found = LimitCheck((RECALL, BYTES), 0.25, 0.5).compute_violations(SCORES)

    assert found.tolist() == pytest.approx([(0.8 - 0.8375) / 0.8, -0.05])


@pytest.mark.parametrize("confidence", [0.7, 0.9, 0.99])
def test_the_end_of_a_one_sided_interval_has_to_meet_the_limit(confidence):
    recalls = SCORES["recall"]
    low = recalls.mean() - t.ppf(confidence, 3) * recalls.std(ddof=1) * np.sqrt(1 / 4 + 0.25)

    found = LimitCheck((RECALL, BYTES), 0.25, confidence).compute_violations(SCORES)

    assert found[0] == pytest.approx((0.8 - low) / 0.8)
    assert found[1] > -0.05


def test_equal_scores_have_no_interval():
    found = LimitCheck((BYTES,), 0.25, 0.9).compute_violations({"neg_bytes": np.full(5, -100.0)})

    assert found.tolist() == [0.0]


def test_one_fold_shows_its_score():
    assert LimitCheck((BYTES,), 0.25, 0.9).compute_violations({"neg_bytes": np.array([-50.0])}).tolist() == [-0.5]


def test_a_missing_score_meets_nothing():
    assert np.isinf(LimitCheck((BYTES,), 0.25, 0.9).compute_violations({"neg_bytes": np.array([-1.0, np.nan])})).all()


def test_scores_are_collected_by_name():
    folds = [FoldScore({"a": 1.0, "b": 2.0}, None, 0, 0), FoldScore({"a": 3.0}, None, 0, 0), FoldScore(0.5, None, 0, 0)]

    found = collect_fold_scores(folds, ["a", "b"])

    assert found["a"].tolist()[:2] == [1.0, 3.0]
    assert np.isnan(found["b"]).tolist() == [False, True, True]
