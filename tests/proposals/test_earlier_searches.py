"""Earlier searches are read from wherever they are kept, and are not changed."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sklearn.model_selection import GridSearchCV

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.exceptions import StudyStorageError
from sklearn_autotune.proposals._earlier_searches import hide_source_secrets, read_earlier_searches
from tests.toys import CountingClassifier, FailingClassifier

SPACE = {"a": FloatDistribution(0, 9)}
PASSWORD = "postgresql://me:secret@host/db"


@pytest.fixture(scope="module")
def data():
    return np.random.RandomState(0).normal(size=(20, 2)), np.arange(20) % 2


@pytest.fixture
def stored(tmp_path, data):
    """An SQLite file with two studies of ours, and the searches."""
    path = tmp_path / "studies.db"
    return path, [
        OptunaSearchCV(CountingClassifier(), SPACE, n_trials=4, cv=2, random_state=seed, storage=path, refit=False).fit(
            *data
        )
        for seed in (0, 1)
    ]


def plain_study(storage=None, direction="minimize"):
    study = optuna.create_study(study_name="plain", storage=storage, direction=direction)
    for a in (1.0, 4.0, 8.0):
        study.add_trial(
            optuna.trial.create_trial(params={"a": a}, distributions={"a": FloatDistribution(0, 9)}, value=(a - 3) ** 2)
        )
    return study


def values(search):
    return [dict(candidate.params) for candidate in search.candidates]


def test_fitted_searches_of_ours_and_of_scikit_learn_are_read_from_their_tables(data):
    grid = GridSearchCV(CountingClassifier(), {"a": [1.0, 4.0]}, cv=2).fit(*data)
    ours = OptunaSearchCV(CountingClassifier(), {"a": [1.0, 4.0]}, cv=2).fit(*data)
    searches = read_earlier_searches([grid, ours])

    for search, source in zip(searches, (grid, ours), strict=True):
        assert values(search) == [{"a": 1.0}, {"a": 4.0}]
        assert search.scores.tolist() == source.cv_results_["mean_test_score"].tolist()


def test_candidates_that_were_stopped_have_no_score_and_reading_them_does_not_warn(data):
    search = OptunaSearchCV(CountingClassifier(), SPACE, n_trials=30, cv=4, random_state=0, refit=False).fit(*data)
    (read,) = read_earlier_searches(search)

    assert "pruned" in search.trials_["status"]
    assert np.isnan(read.scores).tolist() == (search.trials_["status"] == "pruned").tolist()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the:UserWarning")
def test_a_failed_candidate_has_no_score_whatever_its_number(data):
    search = OptunaSearchCV(FailingClassifier(), {"a": [1.0, 4.0]}, cv=2, error_score=99.0).fit(*data)

    assert np.isnan(read_earlier_searches(search)[0].scores).tolist() == [False, True]


def test_a_study_of_plain_optuna_is_read_with_higher_scores_as_better():
    (search,) = read_earlier_searches(plain_study())

    assert values(search) == [{"a": 1.0}, {"a": 4.0}, {"a": 8.0}]
    assert search.scores.tolist() == [-4.0, -1.0, -25.0]


def open_journal(path):
    return JournalStorage(JournalFileBackend(str(path)))


STORAGES = {
    "path": (Path, lambda path: RDBStorage(f"sqlite:///{path}")),
    "str": (str, lambda path: RDBStorage(f"sqlite:///{path}")),
    "URL": (lambda path: f"sqlite:///{path}", lambda path: RDBStorage(f"sqlite:///{path}")),
    "storage": (lambda path: RDBStorage(f"sqlite:///{path}"), lambda path: RDBStorage(f"sqlite:///{path}")),
    "journal": (open_journal, open_journal),
    "path of a journal": (Path, open_journal),
}


@pytest.mark.parametrize(("give", "write"), STORAGES.values(), ids=STORAGES)
def test_a_storage_is_read_and_not_changed(tmp_path, give, write):
    path = tmp_path / "studies"
    plain_study(write(path))
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    given = give(path)

    assert [search.name for search in read_earlier_searches(given)] == ["study 'plain'"]
    assert values(read_earlier_searches([(given, "plain")])[0]) == [{"a": 1.0}, {"a": 4.0}, {"a": 8.0}]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert [file for file in tmp_path.iterdir() if not file.name.endswith(".lock")] == [path]


def test_all_studies_of_a_storage_are_read(stored):
    path, fitted = stored
    searches = read_earlier_searches(path)

    assert [values(search) for search in searches] == [search.cv_results_["params"] for search in fitted]


def test_the_names_of_branches_are_no_part_of_a_parameter(tmp_path, data):
    space = [{"a": FloatDistribution(0, 1)}, {"a": FloatDistribution(2, 9), "b": [1, 2]}]
    search = OptunaSearchCV(CountingClassifier(), space, n_trials=6, cv=2, random_state=0).fit(*data)
    (read,) = read_earlier_searches(search.study_)

    assert values(read) == search.cv_results_["params"]


def two_objectives():
    return optuna.create_study(directions=["maximize", "minimize"])


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (3, TypeError, r"takes fitted searches .* got 3 of type int"),
        ([None], TypeError, r"got None of type NoneType"),
        (CountingClassifier(), ValueError, "has a CountingClassifier without cv_results_: fit it first"),
        (OptunaSearchCV(CountingClassifier(), SPACE), ValueError, "has a OptunaSearchCV without cv_results_"),
        (two_objectives, ValueError, "has 2 objectives"),
        ("nowhere/studies.db", ValueError, r"there is no file '.*studies.db'"),
        ("postgresql://me:***@host/db", ValueError, "came without its password"),
    ],
)
def test_what_cannot_be_read_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        read_earlier_searches(given() if given is two_objectives else given)


def test_a_study_that_a_storage_does_not_have_is_refused_with_those_it_has(stored):
    with pytest.raises(ValueError, match=r"has no study 'sklearn'. It has 'sklearn_autotune', 'sklearn_autotune-2'"):
        read_earlier_searches((stored[0], "sklearn"))


def test_a_file_that_is_no_storage_is_refused_and_not_changed(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("nothing to see")

    with pytest.raises(StudyStorageError, match=r"the storage '.*notes.txt' cannot be read"):
        read_earlier_searches(path)
    assert path.read_text() == "nothing to see"


@pytest.mark.parametrize("given", [PASSWORD, (PASSWORD, "plain"), [PASSWORD, (PASSWORD, "plain")]])
def test_passwords_are_not_pickled(given):
    assert b"secret" not in pickle.dumps(hide_source_secrets(given))
    search = OptunaSearchCV(CountingClassifier(), SPACE, warm_start_from=given)
    assert b"secret" not in pickle.dumps(search)


def test_searches_without_a_score_are_left_out():
    assert read_earlier_searches([optuna.create_study()]) == []


def test_the_score_of_several_objectives_is_the_first_that_is_no_cost(tmp_path):
    from tests.aimed_searches import X, Y, make_aimed

    path = tmp_path / "studies.db"
    search = make_aimed(objectives=["bytes", "roc_auc"], storage=path, n_trials=5).fit(X, Y)
    expected = search.cv_results_["mean_test_roc_auc"]

    for source in (search, search.study_, path):
        (read,) = read_earlier_searches(source)
        np.testing.assert_array_equal(read.scores, expected)
    warm = make_aimed(objectives=["bytes", "roc_auc"], warm_start_from=path, n_trials=8, random_state=1).fit(X, Y)
    assert search.best_params_ in warm.cv_results_["params"]
