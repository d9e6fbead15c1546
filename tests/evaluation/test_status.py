"""A status is the text in tables and stored studies."""

import json
import pickle

import numpy as np
import pytest

from sklearn_autotune.evaluation._status import Status, describe_counts


@pytest.mark.parametrize("status", Status)
def test_a_status_is_its_text_wherever_it_goes(status):
    text = status.value

    assert status == text == str(status) == f"{status}"
    assert json.loads(json.dumps({"status": status})) == {"status": text}
    assert pickle.loads(pickle.dumps(status)) is status is Status(text)
    assert (np.array([text, "other"], dtype=object) == status).tolist() == [True, False]
    assert {text: 1}[status] == 1


def test_counts_are_in_words_and_leave_out_duplicates():
    statuses = ["failed", "complete", "pruned", "duplicate", "timeout", "cancelled", "complete"]

    assert describe_counts(statuses) == (
        "6 candidates: 2 complete, 1 pruned (stopped early), 1 failed, 1 unfinished when the time was up, 1 cancelled"
    )
    assert describe_counts(["complete"]) == "1 candidate, complete"
    assert describe_counts(["pruned", "pruned", "duplicate"]) == "2 candidates, all pruned (stopped early)"
    assert describe_counts(["duplicate"]) == "0 candidates"
