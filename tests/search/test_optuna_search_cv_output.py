"""What a search prints: nothing unless asked, and then what scikit-learn's searches print."""

import re

import joblib
import numpy as np
import pytest
from scipy.stats import uniform
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV

from sklearn_autotune import OptunaSearchCV
from tests.toys import CountingClassifier


@pytest.fixture
def data():
    return np.column_stack([np.arange(12.0), np.ones(12)]), np.arange(12) % 2


def without_times(text):
    return sorted(re.sub(r"[.]+|total time= *[\d.]+s?(min)?", "", line).strip() for line in text.splitlines())


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_search_prints_nothing(capfd, data, tmp_path, n_jobs):
    search = OptunaSearchCV(
        CountingClassifier(), {"a": uniform(0, 9)}, n_trials=12, cv=2, n_jobs=n_jobs, storage=tmp_path / "study.db"
    )

    search.fit(*data)

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [1, 2, 3, 10])
@pytest.mark.parametrize("scoring", [None, ["accuracy", "f1"]], ids=["one score", "several"])
def test_a_verbose_search_prints_the_lines_of_grid_search(capsys, data, verbose, scoring):
    settings = {"cv": 2, "verbose": verbose, "return_train_score": True, "refit": False, "scoring": scoring}

    OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, **settings).fit(*data)
    ours = capsys.readouterr().out
    GridSearchCV(CountingClassifier(), {"a": [1, 2]}, **settings).fit(*data)
    theirs = capsys.readouterr().out

    assert ours.splitlines()[0] == "Fitting 2 folds for each of 2 candidates, totalling 4 fits"
    assert without_times(ours) == without_times(theirs)


def test_the_lines_of_several_threads_are_all_there(capsys, data):
    settings = {"cv": 2, "verbose": 3, "refit": False}
    OptunaSearchCV(CountingClassifier(), {"a": [1, 2, 3]}, **settings).fit(*data)
    one = capsys.readouterr().out

    with joblib.parallel_config(backend="threading"):
        OptunaSearchCV(CountingClassifier(), {"a": [1, 2, 3]}, n_jobs=2, **settings).fit(*data)

    assert without_times(capsys.readouterr().out) == without_times(one)


@pytest.mark.slow
def test_the_lines_of_several_processes_are_all_there(capfd, data):
    settings = {"cv": 2, "verbose": 3, "refit": False}
    OptunaSearchCV(CountingClassifier(), {"a": [1, 2, 3]}, **settings).fit(*data)
    one = capfd.readouterr().out

    OptunaSearchCV(CountingClassifier(), {"a": [1, 2, 3]}, n_jobs=2, **settings).fit(*data)

    assert without_times(capfd.readouterr().out) == without_times(one)


def test_a_failed_fold_has_its_line_too(capsys, data):
    class Fails(CountingClassifier):
        def fit(self, X, y):
            if self.a == 2:
                raise ValueError("on purpose")
            return super().fit(X, y)

    search = OptunaSearchCV(Fails(), {"a": [1, 2]}, cv=2, verbose=3, refit=False)

    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        search.fit(*data)

    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if "END" in line and "a=2" in line and "score=nan" in line]) == 2


def test_parameters_with_lone_surrogates_are_printed_escaped(capsys, data):
    OptunaSearchCV(CountingClassifier(), {"b": ["\ud800", "plain"]}, cv=2, verbose=3).fit(*data)

    assert re.search(r"END \.+b=\\ud800;, score=", capsys.readouterr().out)


def test_a_verbose_search_ends_with_what_tuning_gained(capsys, data):
    search = OptunaSearchCV(CountingClassifier(), {"a": uniform(1, 8)}, n_trials=3, cv=3, verbose=1, random_state=0)

    search.fit(*data)

    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("Tuning: +") or "no evidence that tuning helped: +" in last
