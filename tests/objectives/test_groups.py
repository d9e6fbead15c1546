"""Differences between groups, as scorers."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, get_scorer, log_loss, make_scorer, recall_score
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


@pytest.mark.parametrize("convert", [sparse.csr_array, lambda table: table.tolist(), np.asarray])
def test_a_column_is_read_from_any_table(convert):
    table = np.column_stack([X, SITE])

    assert GroupDifference("recall", by=-1).read_groups(convert(table)).tolist() == SITE.tolist()


@pytest.mark.parametrize("missing", [np.nan, None])
def test_missing_groups_are_refused(missing):
    frame = pd.DataFrame({"site": np.where(SITE == 0, missing, SITE)})
    with pytest.raises(ValueError, match="some rows have no value"):
        GroupDifference("recall", by="site").read_groups(frame)


def test_a_position_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="X has 20 columns"):
        GroupDifference("recall", by=20).read_groups(X)


def test_a_ratio_of_negative_scores_is_refused():
    ratio = GroupRatio(make_scorer(log_loss, greater_is_better=False, response_method="predict_proba"), by="site")
    with pytest.raises(ValueError, match="a group has -"):
        ratio(MODEL, X, y, site=SITE)


def test_weights_that_the_inner_scorer_requests_are_passed_on():
    with sklearn.config_context(enable_metadata_routing=True):
        weighted = get_scorer("accuracy").set_score_request(sample_weight=True)
        gap = GroupDifference(weighted, by="site")
        weights = np.where(np.arange(300) % 4 == 0, 1.0, 0.0)
        requests = gap.get_metadata_routing().score.requests

    assert requests == {"sample_weight": True, "site": True}
    scores = [
        accuracy_score(y[rows], MODEL.predict(X[rows]), sample_weight=weights[rows])
        for rows in (SITE == 0, SITE == 1, SITE == 2)
    ]
    assert gap(MODEL, X, y, site=SITE, sample_weight=weights) == pytest.approx(min(scores) - max(scores))


def test_groups_are_compared_at_the_threshold():
    table = np.column_stack([X, SITE])
    limits = {"gap": (GroupDifference("recall", by=20), "<=", 0.9)}
    search = OptunaSearchCV(
        LogisticRegression(max_iter=500), {"C": [0.1, 1]}, scoring="f1", threshold="f1", limits=limits, cv=3
    ).fit(table, y)

    assert 0 <= search.best_scores_["gap"] <= 0.9


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
