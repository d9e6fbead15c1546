"""Differences between groups, as scorers."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.model_selection import cross_validate

from sklearn_autotune import GroupDifference, GroupRatio, OptunaSearchCV

X, y = make_classification(n_samples=300, random_state=0)
SITE = np.random.RandomState(0).randint(3, size=300)
MODEL = LogisticRegression().fit(X, y)
RECALLS = [recall_score(y[site == SITE], MODEL.predict(X[site == SITE])) for site in range(3)]


def test_the_scores_of_the_groups_are_compared():
    assert GroupDifference("recall", by="site")(MODEL, X, y, site=SITE) == min(RECALLS) - max(RECALLS)
    assert GroupRatio("recall", by="site")(MODEL, X, y, site=SITE) == min(RECALLS) / max(RECALLS)


def test_a_column_may_make_the_groups():
    table = np.column_stack([X[:, :-1], SITE])
    model = LogisticRegression().fit(table, y)
    frame = pd.DataFrame(table, columns=[f"c{column}" for column in range(19)] + ["site"])

    by_position = GroupDifference("recall", by=19)(model, table, y)
    assert by_position == GroupDifference("recall", by="site")(LogisticRegression().fit(frame, y), frame, y) < 0


@pytest.mark.parametrize(
    ("data", "message"), [(pd.DataFrame(X).rename(columns=str), "no column of X"), (X, "has no named columns")]
)
def test_a_column_that_is_missing_is_named(data, message):
    with pytest.raises(ValueError, match=message):
        GroupDifference("recall", by="site")(MODEL, data, y)


@pytest.mark.parametrize(
    ("scoring", "by", "error"), [("recal", "site", ValueError), (3, "site", TypeError), ("recall", None, TypeError)]
)
def test_bad_settings_are_refused_before_any_fit(scoring, by, error):
    with pytest.raises(error):
        OptunaSearchCV(
            LogisticRegression(), {"C": [1, 2]}, objectives={"score": "roc_auc", "gap": GroupDifference(scoring, by=by)}
        ).fit(X, y)


def test_metadata_are_routed_to_the_groups():
    with sklearn.config_context(enable_metadata_routing=True):
        gap = GroupDifference("recall", by="site")
        search = OptunaSearchCV(
            LogisticRegression(), {"C": [0.01, 1]}, scoring="roc_auc", limits={"gap": (gap, "<=", 0.9)}, cv=3
        ).fit(X, y, site=SITE)
        scores = cross_validate(LogisticRegression(C=0.01), X, y, scoring={"gap": gap}, cv=3, params={"site": SITE})[
            "test_gap"
        ]

    assert search.cv_results_["mean_test_neg_gap"][0] == scores.mean() < 0


def test_scores_of_zero_are_equal():
    assert GroupRatio(lambda model, X, y: 0.0, by="site")(MODEL, X, y, site=SITE) == 1.0
