"""Studies: the seed, the sampler and the name; storing, resuming, refusing and pickling them."""

import logging
import pickle

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState
from sklearn.datasets import make_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import KFold
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.exceptions import StudyMismatchError
from sklearn_autotune.storage._outcomes import ROWS_ATTRIBUTE
from sklearn_autotune.storage._study import DEFAULT_STUDY_NAME, create_memory_study, draw_seed, open_study
from tests.strategies import quick


@pytest.fixture(scope="module")
def data():
    return make_classification(n_samples=40, n_features=6, random_state=0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "the_secret_place.db"


@pytest.fixture
def storage():
    """What several searches can share, and quicker than a file."""
    return optuna.storages.InMemoryStorage()


def make_search(**changes):
    """A quick search; its candidates are as good as never equal by chance."""
    settings = {
        "estimator": DecisionTreeClassifier(random_state=0),
        "param_distributions": {"max_depth": IntDistribution(1, 9), "ccp_alpha": FloatDistribution(0, 0.5)},
        "n_trials": 4,
        "scoring": "accuracy",
        "cv": KFold(3),
        "random_state": 0,
    }
    return OptunaSearchCV(**(settings | changes))


def stored_study(storage, name=DEFAULT_STUDY_NAME):
    return optuna.load_study(study_name=name, storage=storage)


def open_with(storage, study_name=None, *, resume=False, fingerprint=None):
    fingerprint = {"data": "1"} if fingerprint is None else fingerprint
    opened = open_study(storage=storage, study_name=study_name, resume=resume, fingerprint=fingerprint)
    if opened.lock is not None:
        opened.lock.release()
    return opened.study


# -- the seed ------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1))
@quick
def test_the_same_random_state_gives_the_same_seed(random_state):
    assert draw_seed(random_state) == draw_seed(random_state)
    assert draw_seed(np.random.RandomState(random_state)) == draw_seed(np.random.RandomState(random_state))


@given(st.integers(0, 2**32 - 1))
@quick
def test_a_seed_is_one_that_numpy_and_optuna_take(random_state):
    assert 0 <= draw_seed(random_state) < 2**31
    assert 0 <= draw_seed(np.random.RandomState(random_state)) < 2**31


def test_different_random_states_give_different_seeds():
    assert len({draw_seed(random_state) for random_state in range(100)}) == 100


def test_no_random_state_gives_a_new_seed_each_time():
    assert draw_seed(None) != draw_seed(None)


@pytest.mark.parametrize("random_state", [None, 7, np.int64(7), np.random.RandomState(7), np.random.mtrand._rand])
def test_drawing_a_seed_leaves_the_global_generator_alone(random_state):
    before = np.random.get_state()
    draw_seed(random_state)

    np.testing.assert_equal(np.random.get_state(), before)


def test_drawing_a_seed_leaves_the_given_generator_alone():
    generator = np.random.RandomState(7)
    before = generator.get_state()
    draw_seed(generator)

    np.testing.assert_equal(generator.get_state(), before)


def test_a_search_leaves_the_users_sampler_and_pruner_as_they_were(data):
    sampler, pruner = optuna.samplers.RandomSampler(seed=0), optuna.pruners.MedianPruner()
    before = pickle.dumps((sampler, pruner))
    make_search(sampler=sampler, pruner=pruner).fit(*data)

    assert pickle.dumps((sampler, pruner)) == before


@pytest.mark.parametrize(
    "spelled",
    [
        {"max_depth": IntDistribution(1, 30), "ccp_alpha": FloatDistribution(0, 0.5)},
        [{"max_depth": IntDistribution(1, 30)}, {"ccp_alpha": FloatDistribution(0, 0.5)}],
    ],
    ids=["plain", "conditional"],
)
def test_the_same_seed_gives_the_same_candidates(data, spelled):
    fits = [make_search(param_distributions=spelled, n_trials=15).fit(*data) for _ in range(2)]

    assert fits[0].cv_results_["params"] == fits[1].cv_results_["params"]


def test_another_seed_gives_other_candidates(data):
    one, other = (make_search(random_state=seed).fit(*data).cv_results_["params"] for seed in range(2))

    assert one != other


# -- opening -------------------------------------------------------------------------------------------------------


def test_a_study_in_memory_has_a_fixed_name():
    # Hyperband deals its brackets by the study's name: a random one would give another search each time.
    assert [create_memory_study().study_name for _ in range(2)] == [DEFAULT_STUDY_NAME] * 2


def test_a_study_has_the_name_it_is_given(storage, data):
    assert open_with(storage, study_name="mine").study_name == "mine"
    assert make_search(storage=storage, study_name="other").fit(*data).study_.study_name == "other"


def test_a_study_looks_for_higher_scores(storage):
    assert open_with(storage).direction == create_memory_study().direction == optuna.study.StudyDirection.MAXIMIZE


def test_without_a_pruner_nothing_is_pruned():
    assert type(create_memory_study().pruner) is optuna.pruners.NopPruner


def test_the_pruner_is_the_one_that_is_given():
    pruner = optuna.pruners.MedianPruner()

    assert create_memory_study(pruner=pruner).pruner is pruner


@pytest.mark.parametrize("name", [None, "mine"])
def test_a_new_study_whose_name_is_taken_gets_the_next_free_number(storage, name):
    opened = [open_with(storage, name).study_name for _ in range(3)]
    first = name or DEFAULT_STUDY_NAME

    assert opened == [first, f"{first}-2", f"{first}-3"]


def test_resume_opens_the_study_of_that_name(storage):
    first = open_with(storage, "mine")
    open_with(storage, "mine")

    assert open_with(storage, "mine", resume=True)._study_id == first._study_id


def test_resume_without_a_stored_study_begins_one(storage):
    assert open_with(storage, "mine", resume=True).study_name == "mine"


def test_opening_a_study_says_nothing(path, capfd, caplog):
    with caplog.at_level(logging.DEBUG, logger="optuna"):
        for _ in range(2):
            open_with(path)
        open_with(path, resume=True)

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "spell",
    [
        lambda path: path,
        str,
        lambda path: f"sqlite:///{path}",
        lambda path: optuna.storages.RDBStorage(f"sqlite:///{path}"),
    ],
    ids=["path", "str", "url", "storage"],
)
def test_a_path_a_url_and_a_storage_are_the_same_place(path, data, spell):
    make_search(storage=spell(path)).fit(*data)

    assert len(stored_study(f"sqlite:///{path}").trials) == 4


def test_what_optuna_itself_takes_as_storage_is_taken(data):
    storage = optuna.storages.InMemoryStorage()
    make_search(storage=storage).fit(*data)

    assert len(stored_study(storage).trials) == 4


# -- a new study for every fit -------------------------------------------------------------------------------------


def test_optuna_integration_118_a_second_fit_is_a_new_study(data):
    search = make_search()
    first = search.fit(*data).study_
    second = search.fit(*data).study_

    assert second is not first
    assert len(second.trials) == len(first.trials) == 4


def test_a_second_fit_with_a_storage_is_a_new_study_beside_the_first(path, data):
    search = make_search(storage=path)
    search.fit(*data)
    search.fit(*data)

    assert optuna.get_all_study_names(storage=f"sqlite:///{path}") == [DEFAULT_STUDY_NAME, f"{DEFAULT_STUDY_NAME}-2"]
    assert len(search.study_.trials) == len(search.cv_results_["params"]) == 4


# -- resume --------------------------------------------------------------------------------------------------------


def test_resume_goes_on_to_n_trials_in_all(path, data):
    first = make_search(storage=path).fit(*data)
    second = make_search(storage=path, resume=True, n_trials=11).fit(*data)

    assert optuna.get_all_study_names(storage=f"sqlite:///{path}") == [DEFAULT_STUDY_NAME]
    assert len(second.cv_results_["params"]) == 11
    assert second.cv_results_["params"][:4] == first.cv_results_["params"]


def test_resume_keeps_the_scores_of_what_was_measured(storage, data):
    first = make_search(storage=storage, return_train_score=True).fit(*data)
    second = make_search(storage=storage, return_train_score=True, resume=True, n_trials=6).fit(*data)

    for name in ("mean_fit_time", "split1_test_score", "split2_train_score", "std_test_score"):
        np.testing.assert_array_equal(second.cv_results_[name][:4], first.cv_results_[name])


def test_resume_measures_no_candidate_twice(storage, data):
    space = {"max_depth": IntDistribution(1, 4), "criterion": ["gini", "entropy", "log_loss"]}
    for n_trials in (4, 8, 11):
        search = make_search(param_distributions=space, storage=storage, resume=True, n_trials=n_trials).fit(*data)
        measured = [tuple(candidate.values()) for candidate in search.cv_results_["params"]]

        assert len(set(measured)) == len(measured) == n_trials


@pytest.mark.filterwarnings("ignore:One or more of the:UserWarning")
def test_resume_keeps_what_failed_and_why(path, data):
    grid = {"max_depth": [0, 1, 2]}
    with pytest.warns(FitFailedWarning):
        first = make_search(param_distributions=grid, storage=path).fit(*data)
    with pytest.warns(FitFailedWarning):
        second = make_search(param_distributions=grid, storage=path, resume=True).fit(*data)

    assert second.trials_["status"].tolist() == ["failed", "complete", "complete"]
    assert second.trials_["error"].tolist() == first.trials_["error"].tolist()
    np.testing.assert_array_equal(second.cv_results_["mean_test_score"], first.cv_results_["mean_test_score"])


def test_resume_of_a_finished_search_measures_nothing(storage, data):
    first = make_search(storage=storage).fit(*data)
    second = make_search(storage=storage, resume=True).fit(*data)

    assert second.cv_results_["params"] == first.cv_results_["params"]
    np.testing.assert_array_equal(second.cv_results_["mean_fit_time"], first.cv_results_["mean_fit_time"])


def test_resume_finishes_a_grid_in_its_order(storage, data):
    grid = {"max_depth": [1, 2, 3], "criterion": ["gini", "entropy"]}
    whole = make_search(param_distributions=grid, n_trials=6).fit(*data)
    make_search(param_distributions=grid, n_trials=6, storage=storage).fit(*data)
    stored = stored_study(storage)
    cut = open_with(storage, "cut", fingerprint=stored.user_attrs["sklearn_autotune:fingerprint"])
    cut.add_trials(stored.trials[:2])

    resumed = make_search(param_distributions=grid, n_trials=6, storage=storage, study_name="cut", resume=True).fit(
        *data
    )

    assert resumed.cv_results_["params"] == whole.cv_results_["params"]


def test_resume_finds_choices_of_any_objects_again(storage, data):
    space = {"class_weight": [{0: 1, 1: 2}, {0: 1, 1: 5}, None], "min_samples_leaf": IntDistribution(1, 5)}
    first = make_search(param_distributions=space, storage=storage).fit(*data)
    second = make_search(param_distributions=space, storage=storage, resume=True, n_trials=6).fit(*data)

    assert second.cv_results_["params"][:4] == first.cv_results_["params"]


def test_a_trial_left_running_is_closed(storage, data, caplog):
    """By another program, for searches leave none."""
    whole = make_search(n_trials=6).fit(*data)
    make_search(storage=storage).fit(*data)
    left = stored_study(storage).ask()

    search = make_search(storage=storage, resume=True, n_trials=6).fit(*data)

    assert stored_study(storage).trials[left.number].state == TrialState.FAIL
    assert search.cv_results_["params"] == whole.cv_results_["params"]
    assert f"Trial {left.number} in the study was running" in caplog.text


# -- refusing to resume --------------------------------------------------------------------------------------------

CHANGES = {
    "data": lambda search, X, y: (search, X + 1, y, {}),
    "data, in y": lambda search, X, y: (search, X, 1 - y, {}),
    "data, in one cell": lambda search, X, y: (search, np.where(X[3, 2] == X, 0, X), y, {}),
    "metadata": lambda search, X, y: (search, X, y, {"sample_weight": np.ones(len(y))}),
    "folds": lambda search, X, y: (search.set_params(cv=KFold(3, shuffle=True, random_state=0)), X, y, {}),
    "folds, in number": lambda search, X, y: (search.set_params(cv=KFold(4)), X, y, {}),
    "space": lambda search, X, y: (
        search.set_params(param_distributions=search.param_distributions | {"max_depth": IntDistribution(1, 8)}),
        X,
        y,
        {},
    ),
    "space, in a name": lambda search, X, y: (
        search.set_params(param_distributions={"max_depth": IntDistribution(1, 9)}),
        X,
        y,
        {},
    ),
    "scoring": lambda search, X, y: (search.set_params(scoring="f1"), X, y, {}),
    "scoring, by none": lambda search, X, y: (search.set_params(scoring=None), X, y, {}),
    "estimator": lambda search, X, y: (search.set_params(estimator__random_state=1), X, y, {}),
    "estimator, in kind": lambda search, X, y: (
        search.set_params(estimator=Cart(random_state=0)),
        X,
        y,
        {},
    ),
}


class Cart(DecisionTreeClassifier):
    """Another class with the same parameters."""


@pytest.mark.parametrize("what", CHANGES)
def test_a_study_made_for_something_else_is_refused_with_the_name_of_what_differs(what, storage, data):
    make_search(storage=storage).fit(*data)
    search, X, y, params = CHANGES[what](make_search(storage=storage, resume=True, n_trials=6), *data)

    with pytest.raises(StudyMismatchError, match=rf"made for (an)?other {what.partition(',')[0]}\. "):
        search.fit(X, y, **params)


def test_everything_that_differs_is_named(storage, data):
    X, y = data
    make_search(storage=storage).fit(X, y)

    with pytest.raises(StudyMismatchError, match=r"other data, other folds, another scoring\."):
        make_search(storage=storage, resume=True, scoring="f1", cv=KFold(5)).fit(X + 1, y)


def test_a_refused_study_is_left_as_it_was(storage, data):
    make_search(storage=storage).fit(*data)
    with pytest.raises(StudyMismatchError):
        make_search(storage=storage, resume=True, scoring="f1", n_trials=6).fit(*data)

    assert optuna.get_all_study_names(storage=storage) == [DEFAULT_STUDY_NAME]
    assert make_search(storage=storage, resume=True).fit(*data).cv_results_["params"]


def test_a_study_whose_process_was_killed_as_soon_as_it_had_created_it_is_resumed(storage, data):
    optuna.create_study(study_name=DEFAULT_STUDY_NAME, storage=storage, direction="maximize")

    search = make_search(storage=storage, resume=True).fit(*data)

    assert search.cv_results_["params"] == make_search().fit(*data).cv_results_["params"]
    assert len(stored_study(storage).trials) == 4


def test_a_study_of_another_program_is_refused(storage, data):
    optuna.create_study(study_name="theirs", storage=storage).add_trial(optuna.trial.create_trial(value=1.0))

    with pytest.raises(StudyMismatchError, match="'theirs' was not made by sklearn_autotune"):
        make_search(storage=storage, study_name="theirs", resume=True).fit(*data)


@pytest.mark.parametrize(
    "changes",
    [
        {"n_trials": 6},
        {"n_trials": 6, "random_state": 5},
        {"n_trials": 6, "sampler": optuna.samplers.RandomSampler(seed=0)},
        {"n_trials": 6, "refit": False},
        {"n_trials": 6, "look_ahead": 1},
        {"n_trials": 6, "error_score": "raise"},
    ],
    ids=lambda changes: "".join(changes),
)
def test_how_one_searches_may_change_on_resume(storage, data, changes):
    make_search(storage=storage).fit(*data)

    search = make_search(storage=storage, resume=True, **changes).fit(*data)

    assert len(search.cv_results_["params"]) == 6


# -- taken along ---------------------------------------------------------------------------------------------------


def test_the_study_of_a_search_has_what_is_stored(path, data):
    study = make_search(storage=path).fit(*data).study_
    stored = stored_study(f"sqlite:///{path}")

    assert study.study_name == stored.study_name
    assert study.user_attrs == without_rows(stored.user_attrs)
    assert list(map(describe_trial, study.trials)) == list(map(describe_trial, stored.trials))


def without_rows(attributes):
    """Leave out what is kept of test rows, which is in the stored study only."""
    return {name: value for name, value in attributes.items() if not name.startswith(ROWS_ATTRIBUTE)}


def describe_trial(trial):
    return trial.number, trial.params, trial.values, trial.state, without_rows(trial.user_attrs)


def test_the_study_of_a_search_holds_nothing_of_its_storage(path, data):
    study = make_search(storage=path).fit(*data).study_

    assert path.name.encode() not in pickle.dumps(study)


@pytest.mark.parametrize(
    "spell",
    [
        pytest.param(str, id="str"),
        pytest.param(lambda path: path, id="path"),
        pytest.param(lambda path: f"sqlite:///{path}", id="url"),
        pytest.param(lambda path: optuna.storages.RDBStorage(f"sqlite:///{path}"), id="storage"),
    ],
)
def test_a_pickled_search_holds_nothing_of_its_storage(path, data, spell):
    search = make_search(storage=spell(path)).fit(*data)

    assert path.name.encode() not in pickle.dumps(search)


def test_a_pickled_search_can_be_loaded_when_its_storage_is_gone(path, data):
    search = make_search(storage=path).fit(*data)
    pickled = pickle.dumps(search)
    path.unlink()

    loaded = pickle.loads(pickled)

    assert not path.exists()
    assert loaded.study_.best_params == search.best_params_
    np.testing.assert_array_equal(loaded.predict(data[0]), search.predict(data[0]))


def test_loading_a_pickled_search_does_not_touch_its_storage_object(path, data):
    search = make_search(storage=optuna.storages.RDBStorage(f"sqlite:///{path}")).fit(*data)
    pickled = pickle.dumps(search)
    path.unlink()

    pickle.loads(pickled)

    assert not path.exists()


def test_pickling_leaves_the_search_with_its_stored_study(path, data):
    search = make_search(storage=path).fit(*data)
    study = search.study_
    pickle.dumps(search)

    assert search.study_ is study
