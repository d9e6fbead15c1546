"""The specification of a search is a record that does not change, and most of its fields have defaults."""

from dataclasses import FrozenInstanceError, fields

import numpy as np
import optuna
import pytest
from scipy.stats import uniform
from sklearn.model_selection import KFold

from sklearn_autotune._compat.sklearn import CallbackContexts
from sklearn_autotune.evaluation import Fold
from sklearn_autotune.execution import ExecutionRequest
from sklearn_autotune.proposals._budget import Budget
from sklearn_autotune.pruning import NoPruningRule
from sklearn_autotune.search._engine import run_search
from sklearn_autotune.search._spec import ResultsSpec, SearchRun, SearchSpec, StudySpec, propose_nothing
from sklearn_autotune.space._space import read_space
from tests.toys import CountingClassifier, make_evaluation

X, y = np.column_stack([np.arange(8.0), np.ones(8)]), np.arange(8) % 2


def make_spec(**changes):
    """A search with nothing but what has to be given."""
    estimator = CountingClassifier()
    folds = tuple(Fold(number, *rows) for number, rows in enumerate(KFold(2).split(X)))
    required = {
        "folds": folds,
        "space": read_space({"a": uniform(0, 9), "b": [0, 1]}),
        "study": StudySpec(random_state=0, make_sampler=lambda seed: optuna.samplers.RandomSampler(seed=seed)),
        "results": ResultsSpec(),
        "execution": ExecutionRequest(evaluation=make_evaluation(estimator, X, y)),
        "pruning_rule": NoPruningRule(),
        "make_budget": lambda: Budget(5),
        "contexts": CallbackContexts(estimator, None, len(folds)),
        "print_start": lambda n_candidates: None,
    }
    return SearchSpec(**(required | changes))


def run(spec):
    partial = []
    finished = run_search(spec, lambda run: run, partial.append)
    assert partial == []
    return finished


def params_of(run):
    return [record.params for record in run.records]


def test_what_need_not_be_given_changes_nothing_about_a_search():
    spec = make_spec()

    finished = run(spec)

    assert isinstance(finished, SearchRun)
    assert finished.spec is spec
    assert [record.number for record in finished.records] == list(range(5))
    assert [trial.number for trial in finished.study.trials] == list(range(5))
    assert {record.outcome.status for record in finished.records} == {"complete"}


def test_a_spec_can_be_run_again_with_the_same_candidates():
    spec = make_spec()

    assert params_of(run(spec)) == params_of(run(spec))


def test_first_candidates_and_then_those_of_the_proposer_come_before_the_samplers():
    def make_proposer():
        return lambda records, index: {"a": 4, "b": index % 2} if index < 3 else None

    spec = make_spec(first_candidates=[{"a": 2, "b": 0}], make_proposer=make_proposer)

    assert params_of(run(spec))[:3] == [{"a": 2, "b": 0}, {"a": 4, "b": 1}, {"a": 4, "b": 0}]


def test_callbacks_are_called_after_each_candidate_and_the_start_is_printed_once():
    seen, printed = [], []

    run(make_spec(callbacks=[lambda study, trial: seen.append(trial.number)], print_start=printed.append))

    assert seen == list(range(5))
    assert printed == [5]


def test_without_a_proposer_all_candidates_are_the_samplers():
    assert propose_nothing() is None
    assert make_spec().make_proposer is propose_nothing


@pytest.mark.parametrize("record", [StudySpec, ResultsSpec, SearchSpec, SearchRun])
def test_records_do_not_change(record):
    spec = make_spec()
    made = {StudySpec: spec.study, ResultsSpec: spec.results, SearchSpec: spec}
    instance = made[record] if record in made else run(spec)

    for field in fields(record):
        with pytest.raises(FrozenInstanceError):
            setattr(instance, field.name, None)
