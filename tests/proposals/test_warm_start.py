"""A portfolio is made from earlier searches, and given up if it does not suit the search."""

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from sklearn.svm import SVC

from sklearn_autotune.evaluation import FoldScore, Outcome
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.proposals._earlier_searches import EarlierSearch
from sklearn_autotune.proposals._warm_start import N_CHANCES, PortfolioProposer, make_portfolio
from sklearn_autotune.space._projection import EarlierValues
from sklearn_autotune.space._space import read_space
from sklearn_autotune.storage._outcomes import TrialRecord
from tests.toys import CountingClassifier

LOG = FloatDistribution(1e-2, 1e2, log=True)
PORTFOLIO = [{"a": float(a)} for a in range(9)]


def earlier(*params, scores=None):
    scores = -np.arange(float(len(params))) if scores is None else scores
    return EarlierSearch("study 'old'", [EarlierValues(each) for each in params], np.array(scores))


def make(search, raw_space, estimator):
    return make_portfolio([search], estimator, read_space(raw_space), n_rows=100, n_columns=4)


def test_candidates_outside_the_space_are_left_out():
    search = earlier({"C": 1e3}, {"C": 1.0}, {"C": 1e-9}, {"C": 10.0})

    assert make(search, {"svc__C": LOG}, CountingClassifier()) == [{"svc__C": 1.0}, {"svc__C": 10.0}]


def test_what_the_earlier_search_did_not_have_is_the_estimators_own():
    found = make(earlier({"C": 2.0}), {"C": LOG, "gamma": LOG}, SVC(gamma=0.5))

    assert found == [{"C": 2.0, "gamma": 0.5}]


def test_a_candidate_with_a_choice_that_is_fixed_otherwise_is_left_out():
    search = earlier({"C": 1.0, "kernel": "poly"}, {"C": 2.0, "kernel": "rbf"})

    assert make(search, {"C": LOG}, SVC()) == [{"C": 2.0}]


def test_a_search_of_which_nothing_can_be_used_is_named_in_a_warning():
    with pytest.warns(
        UserWarning, match=r"no candidate of study 'old' is used, because none of its 1 lies in the space"
    ):
        assert make(earlier({"C": 1e5}), {"C": LOG}, SVC()) == []
    with pytest.warns(UserWarning, match="the space has none of the parameters"):
        assert make(earlier({"alpha": 1.0}), {"C": LOG}, SVC()) == []


def test_a_long_search_is_read_in_part():
    search = earlier(*({"a": float(a % 9) + a / 1e4} for a in range(3000)), scores=np.arange(3000.0))

    assert len(make(search, {"a": FloatDistribution(0, 10)}, CountingClassifier())) == 10


# -- proposing ---------------------------------------------------------------------------------------------------------


def propose(portfolio, scores, known=(), look_ahead=1):
    """Run a search in which every candidate has the next score; return what was proposed."""
    proposer, records, found = PortfolioProposer(portfolio, known), [], []
    outcomes = [Outcome(Status.COMPLETE, (FoldScore(score, None, 0.0, 0.0),)) for score in scores]
    for index in range(1, len(scores)):
        told = max(0, index - look_ahead + 1)
        records = [TrialRecord(number, {}, outcome) for number, outcome in enumerate(outcomes[:told])]
        found.append(proposer(records, index))
    return found


def test_the_portfolio_is_proposed_in_its_order_and_then_nothing():
    assert propose(PORTFOLIO[:3], [0.5, 0.6, 0.4, 0.3, 0.2]) == [*PORTFOLIO[:3], None]


KNOWN = [{"b": float(b)} for b in range(4)]


def test_known_settings_are_proposed_in_turn_with_it():
    assert propose(PORTFOLIO[:3], [0.5, *[0.6] * 8], KNOWN[:2]) == [
        *(PORTFOLIO[0], KNOWN[0], PORTFOLIO[1], KNOWN[1], PORTFOLIO[2]),
        *(None, None, None),
    ]


@pytest.mark.parametrize("look_ahead", [1, 2, 4])
def test_it_is_given_up_if_its_first_candidates_lose_to_the_own_parameters(look_ahead):
    n_measured = N_CHANCES + look_ahead - 1

    assert propose(PORTFOLIO, [0.9] + [0.1] * 9, (), look_ahead)[: n_measured + 1] == [*PORTFOLIO[:n_measured], None]


def test_known_settings_go_on_without_it():
    found = propose(PORTFOLIO, [0.9] + [0.1] * 8, KNOWN)

    assert found[:5] == [PORTFOLIO[0], KNOWN[0], PORTFOLIO[1], KNOWN[1], PORTFOLIO[2]]
    assert found[5:] == [KNOWN[2], KNOWN[3], None]


def test_a_known_setting_that_is_better_does_not_end_it():
    found = propose(PORTFOLIO[:4], [0.5, 0.6, 0.9, 0.4, 0.9, 0.4, 0.9, 0.4], KNOWN)

    assert found[6] == PORTFOLIO[3]


def test_one_good_candidate_among_the_first_keeps_it():
    assert propose(PORTFOLIO, [0.5, 0.1, 0.1, 0.6, *[0.1] * 6]) == PORTFOLIO


def test_without_a_candidate_to_compare_with_it_is_kept():
    proposer = PortfolioProposer(PORTFOLIO)
    failed = [TrialRecord(number, {}, Outcome(Status.FAILED, ())) for number in range(3)]

    assert [proposer(failed[:index], index) for index in range(9)] == PORTFOLIO


def test_candidates_that_fail_or_are_stopped_have_lost():
    proposer = PortfolioProposer(PORTFOLIO)
    fold = FoldScore(0.5, None, 0.0, 0.0)
    records = [TrialRecord(0, {}, Outcome(Status.COMPLETE, (fold,)))]
    for index in range(1, N_CHANCES + 1):
        assert proposer(records, index) == PORTFOLIO[index - 1]
        records.append(TrialRecord(index, {}, Outcome(Status.PRUNED, (fold,))))

    assert proposer(records, N_CHANCES + 1) is None


def test_known_settings_alone_are_proposed_without_a_portfolio():
    assert propose([], [0.5, 0.1, 0.1], KNOWN[:1]) == [KNOWN[0], None]


def test_an_optuna_study_with_failed_trials_only_is_no_source():
    study = optuna.create_study()
    study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL, params={}, distributions={}))

    assert make_portfolio([], SVC(), read_space({"C": LOG}), n_rows=1, n_columns=1) == []
