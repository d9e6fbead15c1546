"""Which pruning rule a search has, and that a new rule is one class and its name in RULES."""

import pickle
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import optuna
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import sklearn_autotune
from sklearn_autotune import OptunaSearchCV, pruning
from sklearn_autotune.evaluation import FoldScore, NoPruningState, Outcome, Rung
from sklearn_autotune.objectives._plan import read_objectives
from sklearn_autotune.pruning import (
    RULES,
    FoldRacing,
    FoldRacingRule,
    HalvingRule,
    NoPruningRule,
    OptunaPrunerRule,
    PruningRequest,
    choose_rule,
)
from sklearn_autotune.pruning._base import MAX_TRIALS_WITHOUT_PRUNING, replay_folds
from sklearn_autotune.pruning._fold_racing import FoldRacingState
from tests.toys import statuses

AUTO = PruningRequest(
    pruner="auto",
    resource=None,
    factor=3,
    n_trials=MAX_TRIALS_WITHOUT_PRUNING + 1,
    is_full_grid=False,
    one_score_decides=True,
    tolerance=None,
)


def tolerate_half(best):
    return 0.5


def complete(*scores):
    return Outcome("complete", tuple(FoldScore(score, None, 0.0, 0.0) for score in scores))


# -- the choice ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, FoldRacingRule(FoldRacing())),
        ({"tolerance": tolerate_half}, FoldRacingRule(FoldRacing(), tolerate_half)),
        ({"n_trials": MAX_TRIALS_WITHOUT_PRUNING}, NoPruningRule()),
        ({"is_full_grid": True}, NoPruningRule()),
        ({"one_score_decides": False}, NoPruningRule()),
        ({"resource": "n_samples"}, HalvingRule(3)),
        ({"resource": "n_samples", "factor": 2, "n_trials": 1}, HalvingRule(2)),
        ({"pruner": None}, NoPruningRule()),
        ({"pruner": None, "resource": "n_samples"}, NoPruningRule()),
        ({"pruner": FoldRacing(0.2), "n_trials": 1, "is_full_grid": True}, FoldRacingRule(FoldRacing(0.2))),
        ({"pruner": optuna.pruners.MedianPruner()}, OptunaPrunerRule()),
        ({"pruner": optuna.pruners.MedianPruner(), "resource": "epochs", "n_trials": 1}, OptunaPrunerRule()),
        ({"pruner": optuna.pruners.NopPruner()}, NoPruningRule()),
    ],
)
def test_the_request_decides_which_rule_is_chosen(changes, expected):
    assert choose_rule(replace(AUTO, **changes)) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pruner": FoldRacing(), "resource": "n_samples"}, "FoldRacing compares candidates fold by fold"),
        ({"pruner": FoldRacing(error_rate=2)}, "error_rate"),
        ({"pruner": FoldRacing(n_startup_trials=0)}, "n_startup_trials"),
    ],
)
def test_fold_racing_that_cannot_be_used_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        choose_rule(replace(AUTO, **changes))


@pytest.mark.parametrize("rule_class", RULES, ids=lambda rule_class: rule_class.__name__)
def test_each_rule_is_chosen_by_some_request(rule_class):
    pruners = ["auto", None, FoldRacing(), optuna.pruners.MedianPruner()]
    plan = read_objectives(["roc_auc", "bytes"], None, None, True, LogisticRegression())
    requests = [replace(AUTO, pruner=pruner) for pruner in pruners]
    requests += [replace(AUTO, resource="epochs"), replace(AUTO, objectives=plan)]

    assert any(isinstance(choose_rule(request), rule_class) for request in requests)


# -- every rule ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [NoPruningRule(), FoldRacingRule(FoldRacing()), HalvingRule(3), OptunaPrunerRule()],
    ids=lambda rule: type(rule).__name__,
)
def test_a_rule_starts_anew_with_each_study(rule):
    def take_states():
        study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(n_startup_trials=1))
        tracker, states = rule.start(study, None), []
        for level in (0.9, 0.8, 0.7, 0.6, 0.5):
            trial = study.ask()
            states.append(tracker.make_pruner_state(trial))
            outcome = replace(complete(level, level + 0.01, level - 0.02), curve=(Rung(1, (level,)),))
            tracker.add_outcome(outcome)
            study.tell(trial, level)
        return [type(states[0]), *(state for state in states[1:] if state.is_picklable)]

    assert take_states() == take_states()


def test_only_the_states_of_optunas_pruners_report_values():
    study = optuna.create_study()
    rules = (NoPruningRule(), FoldRacingRule(FoldRacing()), HalvingRule(3), OptunaPrunerRule())

    assert [rule.start(study, None).reports_values for rule in rules] == [False, False, False, True]


def test_candidates_within_the_tolerance_are_not_stopped():
    study = optuna.create_study()
    strict, lenient = (
        FoldRacingRule(FoldRacing(), tolerance).start(study, None) for tolerance in (None, tolerate_half)
    )
    for scores in [(0.9, 0.8, 0.85), (0.85, 0.8, 0.8), (0.7, 0.65, 0.72), (0.6, 0.5, 0.55)]:
        strict.add_outcome(complete(*scores))
        lenient.add_outcome(complete(*scores))

    strict_state, lenient_state = strict.make_pruner_state(study.ask()), lenient.make_pruner_state(study.ask())

    assert isinstance(strict_state, FoldRacingState)
    assert strict_state.min_means[0] - lenient_state.min_means[0] == pytest.approx(0.5)


# -- a new rule ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StopAfterFirstFold:
    """A toy state: no fold but the first is measured."""

    is_picklable: bool = True

    def allows(self, progress):
        return False


@dataclass(frozen=True)
class OnlyFirstCandidateRule:
    """A toy rule: after the first complete candidate, all others are stopped."""

    @classmethod
    def accept(cls, request):
        return cls() if request.pruner == "auto" else None

    def start(self, study, metric):
        return OnlyFirstCandidateTracker()


class OnlyFirstCandidateTracker:
    reports_values = False
    decides_late = True

    def __init__(self):
        self.state = NoPruningState()

    def choose_subsamples(self):
        return ()

    def add_outcome(self, outcome):
        if outcome.status == "complete":
            self.state = StopAfterFirstFold()

    def make_pruner_state(self, trial):
        return self.state

    def replay(self, trial, stored, outcome, state, *, is_anew):
        return replay_folds(outcome, state)


def test_a_new_rule_is_one_class_and_its_name_in_rules(monkeypatch):
    monkeypatch.setattr(pruning, "RULES", (OnlyFirstCandidateRule, *RULES))
    search = OptunaSearchCV(KNeighborsClassifier(), {"n_neighbors": range(1, 6)}, cv=3, look_ahead=1)

    search.fit(*load_iris(return_X_y=True))

    assert statuses(search) == ["complete", *["pruned"] * 4]
    assert search.trials_["n_folds"].tolist() == [3, 1, 1, 1, 1]


def test_a_new_rule_says_how_stored_candidates_end(monkeypatch):
    monkeypatch.setattr(pruning, "RULES", (OnlyFirstCandidateRule, *RULES))
    settings = {"cv": 3, "look_ahead": 1, "storage": optuna.storages.InMemoryStorage()}
    search = OptunaSearchCV(KNeighborsClassifier(), {"n_neighbors": range(1, 6)}, **settings)
    search.fit(*load_iris(return_X_y=True))

    search.set_params(resume=True).fit(*load_iris(return_X_y=True))

    assert statuses(search) == ["complete", *["pruned"] * 4]


# -- in worker processes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pruner", [FoldRacing(), "auto"], ids=["fold racing", "halving"])
def test_a_process_that_receives_a_state_does_not_load_optuna(pruner, tmp_path):
    resource = "n_samples" if pruner == "auto" else None
    study = optuna.create_study()
    tracker = choose_rule(replace(AUTO, pruner=pruner, resource=resource)).start(study, None)
    for scores in [(0.9, 0.8, 0.85), (0.85, 0.8, 0.8), (0.7, 0.65, 0.72)]:
        tracker.add_outcome(replace(complete(*scores), curve=(Rung(10, scores),) if resource else ()))
    state = tracker.make_pruner_state(study.ask())
    path = tmp_path / "state.pickle"
    path.write_bytes(pickle.dumps(state))
    code = (
        f"import pickle, sys\nprint(pickle.load(open({str(path)!r}, 'rb')).min_means)\nprint('optuna' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(sklearn_autotune.__file__).parents[1],
    )

    assert done.stdout.splitlines() == [str(state.min_means), "False"]
