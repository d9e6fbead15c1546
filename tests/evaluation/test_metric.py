"""The names of scores, and the sign with which their values are shown."""

from functools import partial

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.metrics import (
    check_scoring,
    get_scorer,
    get_scorer_names,
    make_scorer,
    mean_absolute_error,
    mean_pinball_loss,
    roc_auc_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators

from sklearn_autotune._compat.sklearn import PassthroughScorer
from sklearn_autotune.evaluation._defaults import make_log_loss_scorer
from sklearn_autotune.evaluation._metric import Metric, describe_metric, rewards_mean


@pytest.mark.parametrize("name", sorted(set(get_scorer_names())))
def test_scikit_learns_scorers_have_its_names(name):
    scorer = get_scorer(name)

    described = describe_metric(scorer)

    assert get_scorer(described.name)._score_func is scorer._score_func
    assert get_scorer(described.name)._kwargs == scorer._kwargs
    assert described.is_loss == (scorer._sign < 0)


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (LogisticRegression(), "accuracy"),
        (make_pipeline(StandardScaler(), make_pipeline(Ridge())), "r2"),
        (TransformedTargetRegressor(), "r2"),
        (KNeighborsClassifier(), "accuracy"),
        (DummyRegressor(), "r2"),
        (PoissonRegressor(), "d2"),
        (KMeans(), "score"),
    ],
)
def test_an_estimators_own_score_has_the_name_of_what_it_computes(estimator, name):
    assert describe_metric(check_scoring(estimator)) == Metric(name)


def test_the_own_score_of_scikit_learns_classifiers_and_regressors_has_a_name():
    kinds = {**dict(all_estimators("classifier")), **dict(all_estimators("regressor"))}
    own = {name: get_passthrough_scorer(kind) for name, kind in kinds.items() if hasattr(kind, "score")}

    unnamed = {name for name, scorer in own.items() if describe_metric(scorer) == Metric("score")}

    # Their score depends on a parameter, or is that of the estimator inside.
    assert unnamed <= {"LogisticRegressionCV", "RANSACRegressor", "SelfTrainingClassifier"}


def get_passthrough_scorer(kind):
    """The stand-in for the ``score`` of a class, which need not be constructed."""
    return PassthroughScorer(object.__new__(kind))


def count_hits(estimator, X, y):
    return float((estimator.predict(X) == y).sum())


@pytest.mark.parametrize(
    ("scorer", "name"),
    [
        (count_hits, "count_hits"),
        (partial(count_hits), "count_hits"),
        (lambda estimator, X, y: 0.0, "score"),
        (make_scorer(roc_auc_score, max_fpr=0.2), "roc_auc_score"),
        (
            make_scorer(mean_absolute_error, greater_is_better=False, multioutput="raw_values"),
            "neg_mean_absolute_error",
        ),
        (make_log_loss_scorer(np.array([0, 1])), "neg_log_loss"),
    ],
)
def test_other_scorers_have_the_name_of_their_function(scorer, name):
    assert describe_metric(scorer) == Metric(name)


def test_the_users_name_comes_first_and_says_if_it_is_a_loss():
    loss = make_scorer(mean_absolute_error, greater_is_better=False)

    assert describe_metric(loss, "cost") == Metric("neg_cost")
    assert describe_metric(loss, "neg_cost") == Metric("neg_cost")
    assert describe_metric(None, "gain") == Metric("gain")


def test_a_loss_is_shown_with_its_own_sign_and_direction():
    loss, gain = Metric("neg_root_mean_squared_error"), Metric("f1_macro")

    assert (loss.format(-12.345678), loss.direction) == ("root mean squared error 12.346", "lower is better")
    assert (gain.format(0.5, digits=3), gain.direction) == ("f1_macro 0.5", "higher is better")
    assert loss.format(0.0) == "root mean squared error 0"


@pytest.mark.parametrize(
    ("scorer", "expected"),
    [
        ("neg_root_mean_squared_error", True),
        ("r2", True),
        ("neg_mean_gamma_deviance", True),
        ("neg_max_error", True),
        ("neg_median_absolute_error", False),
        ("neg_mean_absolute_percentage_error", False),
        ("neg_root_mean_squared_log_error", False),
        (make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False), False),
        (count_hits, True),
    ],
)
def test_it_is_known_which_scores_want_the_mean(scorer, expected):
    assert rewards_mean(get_scorer(scorer) if isinstance(scorer, str) else scorer) is expected
