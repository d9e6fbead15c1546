"""Spaces that are functions of a trial: they may choose any objects, and invalid ones are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna import TrialPruned
from optuna.trial import FixedTrial
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_autotune._compat.optuna import create_random_study
from sklearn_autotune.space._space import read_space
from tests.strategies import (
    option_values,
    quick,
)


def draw(space, n_candidates, seed=0):
    """Candidates as random search proposes them, all from one study."""
    study = create_random_study(seed)
    return [space.suggest(study.ask()) for _ in range(n_candidates)]


def svc_or_forest():
    return Pipeline([("scale", StandardScaler()), ("clf", SVC())])


def test_a_function_returns_the_candidate():
    def space(trial):
        kernel = trial.suggest_categorical("kernel", ["rbf", "poly"])
        return {"kernel": kernel, "C": trial.suggest_float("C", 1, 2)} | ({"degree": 3} if kernel == "poly" else {})

    drawn = draw(read_space(space), 20)

    assert {frozenset(candidate) for candidate in drawn} == {
        frozenset({"kernel", "C"}),
        frozenset({"kernel", "C", "degree"}),
    }


@given(st.lists(option_values(), min_size=1, max_size=4))
@quick
def test_a_function_may_choose_among_any_objects(options):
    (candidate,) = draw(read_space(lambda trial: {"a": trial.suggest_categorical("a", options)}), 1)

    assert any(candidate["a"] is option for option in options)


def test_a_function_finds_its_objects_again_in_a_stored_trial():
    options = [(10,), (20, 20), {"a": 1}]
    space, study = read_space(lambda trial: {"a": trial.suggest_categorical("a", options)}), create_random_study(seed=0)
    trials = [study.ask() for _ in range(8)]
    candidates = [space.suggest(trial) for trial in trials]

    assert [space.suggest(FixedTrial(trial.params)) for trial in trials] == candidates


def test_a_function_must_return_a_dict():
    with pytest.raises(TypeError, match=r"must return a dict of parameters, got 3 of type int"):
        read_space(lambda trial: 3).check(SVC())


def test_a_function_that_prunes_a_trial_is_refused_with_what_to_do():
    def space(trial):
        raise TrialPruned

    with pytest.raises(ValueError, match=r"raised optuna.TrialPruned.* must return a dict of parameters"):
        draw(read_space(space), 1)


def test_a_function_whose_names_the_estimator_does_not_have_is_refused():
    with pytest.raises(ValueError, match=r"Invalid parameter 'gama' .* Closest valid name: 'gamma'"):
        read_space(lambda trial: {"gama": trial.suggest_float("gama", 0, 1)}).check(SVC())


def test_a_function_has_no_size_and_no_grid():
    space = read_space(lambda trial: {"C": 1.0})

    assert space.size is None
    with pytest.raises(ValueError, match="no grid"):
        next(iter(space.iterate_grid()))


def test_a_function_may_swap_a_step_and_set_its_parameters():
    def space(trial):
        return {"clf": RandomForestClassifier(), "clf__max_depth": trial.suggest_int("depth", 2, 9)}

    assert read_space(space).check(svc_or_forest()) is None


def test_a_candidate_of_objects_can_be_enqueued_for_a_function():
    space = read_space(lambda trial: {"a": trial.suggest_categorical("a", [(10,), (20, 20)])})
    study = create_random_study(seed=0)

    study.enqueue_trial(space.encode({"a": (20, 20)}))

    assert space.suggest(study.ask()) == {"a": (20, 20)}
