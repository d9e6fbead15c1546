"""How a search of boosters is written down: when candidates are stopped, and what identifies a stored study."""

import numpy as np
import pytest
from optuna.pruners import MedianPruner
from sklearn.datasets import load_diabetes

from sklearn_autotune import FoldRacing, TunedXGBRegressor
from sklearn_autotune.boosting._booster_racing import BoosterRacingRule
from sklearn_autotune.boosting._search_spec import MAX_EXEMPT, RACING, make_search_spec
from sklearn_autotune.execution import TrialLimits
from sklearn_autotune.pruning import NoPruningRule, OptunaPrunerRule
from tests.toys import statuses, table

X, Y = load_diabetes(return_X_y=True)
X, Y = X[:150], Y[:150]
SMALL = {"n_trials": 3, "cv": 3, "n_estimators": 20, "random_state": 0}


@pytest.fixture
def specs(monkeypatch):
    """Collects the specifications of searches, which end before anything is measured."""
    collected = []

    def collect(*args):
        collected.append(make_search_spec(*args))
        raise InterruptedError

    monkeypatch.setattr("sklearn_autotune.boosting._tuned_booster.make_search_spec", collect)
    return collected


def write_down(specs, **params):
    with pytest.raises(InterruptedError):
        TunedXGBRegressor(**SMALL | params).fit(X, Y)
    return specs[-1]


@pytest.mark.parametrize("pruner", ["auto", FoldRacing(0.3), None, MedianPruner()], ids=lambda one: type(one).__name__)
def test_the_pruner_says_when_candidates_are_stopped(specs, pruner):
    rule = write_down(specs, pruner=pruner).pruning_rule

    if isinstance(rule, BoosterRacingRule):
        assert rule.racing == (RACING if pruner == "auto" else pruner)
        assert rule.max_exempt == MAX_EXEMPT
    else:
        assert type(rule) is {type(None): NoPruningRule, MedianPruner: OptunaPrunerRule}[type(pruner)]


def test_refined_candidates_are_exempt_only_if_the_learning_rate_is_refined(specs):
    assert write_down(specs).pruning_rule.is_exempt is not None
    assert write_down(specs, learning_rate=0.3).pruning_rule.is_exempt is None


def test_limits_and_cluster_are_those_of_the_request(specs):
    plain = write_down(specs, n_jobs=7)
    limited = write_down(specs, n_jobs=7, trial_timeout=5.0, memory_limit=2**30)
    remote = write_down(specs, n_jobs=7, executor="tcp://127.0.0.1:9")

    assert plain.execution.limits == TrialLimits()
    assert limited.execution.limits == TrialLimits(5.0, 2**30)
    assert remote.execution.executor == "tcp://127.0.0.1:9"
    # On a cluster, n_jobs counts workers, and each of them trains one booster at a time.
    assert [one.execution.evaluation.n_jobs for one in (plain, limited, remote)] == [7, 7, 1]


def test_a_study_may_be_resumed_with_other_limits(tmp_path):
    stored = SMALL | {"storage": tmp_path / "study.db", "resume": True}
    TunedXGBRegressor(**stored | {"n_trials": 2}).fit(X, Y)

    resumed = TunedXGBRegressor(**stored, trial_timeout=60, memory_limit=2**32).fit(X, Y)

    whole = TunedXGBRegressor(**SMALL).fit(X, Y)
    assert table(resumed) == table(whole)
    assert statuses(resumed) == ["complete"] * 3
    np.testing.assert_array_equal(resumed.oof_predictions_, whole.oof_predictions_)
